# ===- malformed_builders.py - Valid programs to break --------------------=== #
#
# One function per op writes a valid program; every keyword changes one part.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""What the tables of malformed programs are written with."""

from __future__ import annotations

from dataclasses import dataclass

FLOATS = ("f64", "f32", "bf16", "f16")
ANY_FLOAT = (
    "ranked tensor of 64-bit float or 32-bit float or bfloat16 type or "
    "16-bit float values"
)
WIDE_FLOAT = "ranked tensor of 64-bit float or 32-bit float values"
INTEGER = "ranked tensor of 32-bit signless integer or 64-bit signless integer values"


@dataclass(frozen=True)
class Program:
    """A program, and the first error it must give on the line with `marker`."""

    name: str
    text: str
    message: str = ""
    marker: str = ""

    @property
    def line(self) -> int:
        lines = self.text.splitlines()
        return 1 + next(i for i, text in enumerate(lines) if self.marker in text)


def shaped(shape: str, element: str = "f32") -> str:
    return f"tensor<{shape}x{element}>" if shape else f"tensor<{element}>"


def call(
    op: str, operands: list[tuple[str, str]], attributes: str, results: list[str]
) -> str:
    """A function around one op; an operand is its type and the clause it is in."""
    arguments = ", ".join(f"%a{i}: {t}" for i, (t, _) in enumerate(operands))
    plain = [f"%a{i}" for i, (_, clause) in enumerate(operands) if not clause]
    clauses = "".join(
        f" {clause}(%a{i})" for i, (_, clause) in enumerate(operands) if clause
    )
    braces = f" {{{attributes}}}" if attributes else ""
    types = ", ".join(t for t, _ in operands)
    return (
        f"func.func @malformed({arguments}) {{\n"
        f"  %r:{len(results)} = gate.{op} {', '.join(plain)}{clauses}{braces}\n"
        f"    : ({types}) -> ({', '.join(results)})\n"
        "  return\n}\n"
    )


# ===----------------------------------------------------------------------=== #
# The valid programs
# ===----------------------------------------------------------------------=== #

SILU = "activation = #gate.activation<silu>"


def glu(gate="tensor<2x8xf32>", value="tensor<2x8xf32>", result="", attributes=SILU):
    return call("glu", [(gate, ""), (value, "")], attributes, [result or value])


def apply(value="tensor<2x8xf32>", gate="tensor<2x8xf32>", result="", attributes=SILU):
    return call("apply", [(value, ""), (gate, "")], attributes, [result or value])


def blend(
    gate="tensor<2x8xf32>",
    on="tensor<2x8xf32>",
    off="tensor<2x8xf32>",
    result="",
    attributes=SILU,
):
    operands = [(gate, ""), (on, ""), (off, "")]
    return call("blend", operands, attributes, [result or on])


def norm(
    value="tensor<2x6x8xf32>",
    weight="",
    bias="",
    result="",
    kind="rms",
    axes="2",
    epsilon="1.0e-6",
    groups="",
    attributes="",
):
    operands = [(value, "")]
    operands += [(weight, "weight")] if weight else []
    operands += [(bias, "bias")] if bias else []
    if not attributes:
        array = f"array<i64: {axes}>" if axes else "array<i64>"
        attributes = (
            f"kind = #gate.norm_kind<{kind}>, axes = {array}, epsilon = {epsilon} : f64"
        )
        attributes += f", groups = {groups} : i64" if groups else ""
    return call("norm", operands, attributes, [result or value])


def short_conv(
    value="tensor<2x?x8xf32>",
    weight="tensor<8x4xf32>",
    bias="",
    initial="",
    output="tensor<2x?x8xf32>",
    final="tensor<2x3x8xf32>",
    attributes=SILU,
):
    operands = [(value, ""), (weight, "")]
    operands += [(bias, "bias")] if bias else []
    operands += [(initial, "initial")] if initial else []
    return call("short_conv", operands, attributes, [output, final])


def gather(
    table="tensor<16x8xf32>", indices="tensor<2x?xi32>", result="tensor<2x?x8xf32>"
):
    return call("gather", [(table, ""), (indices, "")], "", [result])


def linear_scan(
    query="tensor<2x?x4x16xf32>",
    key="tensor<2x?x4x16xf32>",
    value="tensor<2x?x4x32xf32>",
    output="tensor<2x?x4x32xf32>",
    final="tensor<2x4x16x32xf32>",
    attributes="",
    **clauses: str,
):
    operands = [(query, ""), (key, ""), (value, "")]
    operands += [(t, name) for name, t in clauses.items()]
    return call("linear_scan", operands, attributes, [output, final])


STEP = (
    "    %n = arith.addf %x, %s : tensor<8xf32>\n"
    "    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>\n"
)


def scan(
    inputs=("tensor<2x?x8xf32>",),
    states=("tensor<2x8xf32>",),
    block="%x: tensor<8xf32>, %s: tensor<8xf32>",
    body=STEP,
    results=("tensor<2x?x8xf32>", "tensor<2x8xf32>"),
):
    types = [*inputs, *states]
    names = [f"%a{i}" for i in range(len(types))]
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, types, strict=True))
    count = len(inputs)
    bound = f"%r:{len(results)} = " if results else ""
    return (
        f"func.func @malformed({arguments}) {{\n"
        f"  {bound}gate.scan inputs({', '.join(names[:count])})"
        f" initial({', '.join(names[count:])}) {{\n"
        f"  ^bb0({block}):\n{body}"
        f"  }} : ({', '.join(types)}) -> ({', '.join(results)})\n"
        "  return\n}\n"
    )


def function(argument="", result="", attributes=""):
    braces = f" attributes {{{attributes}}}" if attributes else ""
    return (
        f"func.func @malformed(%x: tensor<2x?x8xf32>{argument}, %n: f32)"
        f" -> (tensor<2x?x8xf32>{result}){braces} {{\n"
        "  return %x : tensor<2x?x8xf32>\n}\n"
    )


VALID = (
    glu(),
    apply(),
    blend(),
    norm(),
    short_conv(),
    gather(),
    linear_scan(),
    scan(),
    norm(weight="tensor<8xf32>", bias="tensor<8xf32>"),
    norm(kind="group", groups="4"),
    short_conv(bias="tensor<8xf32>", initial="tensor<2x3x8xf32>"),
    linear_scan(decay="tensor<2x?x4x16xf32>", initial="tensor<2x4x16x32xf32>"),
    linear_scan(decay="tensor<2x?x4xf32>"),
    linear_scan(attributes="decay_constants = array<f64: 0., -1., -2., -3.>"),
    function(
        ' {gate.name = "x", gate.dims = ["B", "T", ""]}',
        ' {gate.state = "a.b"}',
        'gate.time = "T"',
    ),
)


def on_op(op: str, name: str, text: str, message: str) -> Program:
    return Program(f"{op}: {name}", text, f"'gate.{op}' op {message}", f"gate.{op}")


def inferred(
    op: str, name: str, text: str, types: list[str], results: list[str]
) -> Program:
    def quoted(names):
        return ", ".join(f"'{n}'" for n in names)

    return on_op(
        op,
        name,
        text,
        f"inferred type(s) {quoted(types)} are incompatible with return type(s) "
        f"of operation {quoted(results)}",
    )
