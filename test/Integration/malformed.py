# ===- malformed.py - Programs that break one rule of the dialect ---------=== #
#
# A table of programs, each breaking one documented rule, with the exact text
# of the error. Every row changes one thing in a valid program, so that no
# other rule can be the reason. Printed as text when run by hand.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Programs for python/tests/test_malformed_programs.py."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from malformed_builders import (
    ANY_FLOAT,
    FLOATS,
    INTEGER,
    Program,
    apply,
    blend,
    function,
    gather,
    glu,
    inferred,
    norm,
    on_op,
    shaped,
    short_conv,
)
from malformed_scans import regions, scan_states, scan_tokens

# ===----------------------------------------------------------------------=== #
# Gating
# ===----------------------------------------------------------------------=== #


def like(build, op: str, other: str, value: str, broadcasts: bool) -> Iterator[Program]:
    """Operand `other` must have element type, rank and sizes of `value`."""
    for own, expected in itertools.permutations(FLOATS, 2):
        right = {value, "off"} if build is blend else {value}
        operands = dict.fromkeys(right, shaped("2x8", expected))
        operands[other] = shaped("2x8", own)
        yield on_op(
            op,
            f"{other} of {own}, {value} of {expected}",
            build(**operands),
            f"expects {other} element type to match {value} element type, but got "
            f"'{own}' and '{expected}'",
        )
    for shape in ("", "8", "2x8x1", "1x2x8"):
        wrong = shaped(shape)
        yield on_op(
            op,
            f"{other} of shape [{shape}]",
            build(**{other: wrong}),
            f"expects {other} to have rank 2 like {value}, got '{wrong}'",
        )
    shapes = [("3x8", 0, 2), ("2x9", 1, 8), ("?x7", 1, 8), ("0x8", 0, 2)]
    shapes += [] if broadcasts else [("1x8", 0, 2), ("2x1", 1, 8)]
    for shape, dim, size in shapes:
        wrong = shaped(shape)
        yield on_op(
            op,
            f"{other} of shape [{shape}]",
            build(**{other: wrong}),
            f"expects size {size}{' or 1' if broadcasts else ''} in dim {dim} of "
            f"{other}, got '{wrong}'",
        )


def elementwise() -> Iterator[Program]:
    yield from like(glu, "glu", "gate", "value", False)
    yield from like(apply, "apply", "gate", "value", True)
    yield from like(blend, "blend", "off", "on", False)
    yield from like(blend, "blend", "gate", "on", True)
    right = "tensor<2x8xf32>"
    for op, build in (("glu", glu), ("apply", apply), ("blend", blend)):
        for wrong in ("tensor<2x9xf32>", "tensor<2x8xf64>", "tensor<8xf32>"):
            yield inferred(op, f"result {wrong}", build(result=wrong), [right], [wrong])
        yield on_op(
            op, "no activation", build(attributes=""), "requires attribute 'activation'"
        )
        yield Program(
            f"{op}: unknown activation",
            build(attributes="activation = #gate.activation<swish>"),
            "expected one of [identity, sigmoid, silu, gelu, relu, tanh, softplus, "
            "log_sigmoid] for elementwise activation, got: swish",
            "gate." + op,
        )
        yield on_op(
            op,
            "result of integers",
            build(result="tensor<2x8xi32>"),
            f"result #0 must be {ANY_FLOAT}, but got 'tensor<2x8xi32>'",
        )
    for op, build, operands in (
        ("glu", glu, ("gate", "value")),
        ("apply", apply, ("value", "gate")),
        ("blend", blend, ("gate", "on", "off")),
    ):
        for (i, name), wrong in itertools.product(
            enumerate(operands), ("tensor<2x8xi32>", "tensor<2x8xf8E5M2>", "f32")
        ):
            yield on_op(
                op,
                f"{name} of type {wrong}",
                build(**{"result": right, name: wrong}),
                f"operand #{i} must be {ANY_FLOAT}, but got '{wrong}'",
            )


def norms() -> Iterator[Program]:
    def case(name, message, **changes):
        return on_op("norm", name, norm(**changes), message)

    yield case("empty axes", "expects at least one axis", axes="")
    for axes, got in (("3", 3), ("-1", -1), ("0, 7", 7), ("2, 9", 9)):
        yield case(f"axes {axes}", f"expects axes in [0, 3), got {got}", axes=axes)
    for axes, got in (("1, 1", 1), ("0, 2, 0", 0)):
        yield case(
            f"axes {axes}", f"expects each axis once, got {got} twice", axes=axes
        )
    for axes in ("2, 1", "1, 0", "0, 2, 1"):
        yield case(f"axes {axes}", "expects axes in increasing order", axes=axes)
    for epsilon, got in (
        ("-1.0", "-1.000000e+00"),
        ("-1.0e-30", "-1.000000e-30"),
        ("0xFFF0000000000000", "-INF"),
        ("0x7FF8000000000000", "nan"),
    ):
        yield case(
            f"epsilon {got}",
            f"expects epsilon of at least 0, got {got}",
            epsilon=epsilon,
        )
    for axes, count in (("1, 2", 2), ("0, 1, 2", 3)):
        yield case(
            f"group over {axes}",
            f"expects one axis for kind group, got {count}",
            axes=axes,
            kind="group",
            groups="2",
        )
    for groups in ("3", "16", "0", "-2"):
        yield case(
            f"{groups} groups",
            "expects groups to divide a static size of axis 2, got "
            f"groups {groups} and 'tensor<2x6x8xf32>'",
            kind="group",
            groups=groups,
        )
    yield case(
        "groups of a dynamic axis",
        "expects groups to divide a static size of axis 2, "
        "got groups 2 and 'tensor<2x6x?xf32>'",
        kind="group",
        groups="2",
        value="tensor<2x6x?xf32>",
    )
    for kind, groups in itertools.product(("rms", "layer", "l2"), ("2", "0")):
        yield case(
            f"{groups} groups of kind {kind}",
            f"expects groups only for kind group, got {groups} for kind {kind}",
            kind=kind,
            groups=groups,
        )
    for name, wrong in itertools.product(
        ("weight", "bias"),
        ("tensor<6xf32>", "tensor<8xf16>", "tensor<1x8xf32>", "tensor<1xf32>"),
    ):
        yield case(
            f"{name} {wrong}",
            f"expects {name} of type 'tensor<8xf32>', got '{wrong}'",
            **{name: wrong},
        )
    yield case(
        "weight of swapped axes",
        "expects weight of type 'tensor<6x8xf32>', got 'tensor<8x6xf32>'",
        axes="1, 2",
        weight="tensor<8x6xf32>",
    )
    for attribute in ("kind", "axes", "epsilon"):
        all_three = {
            "kind": "#gate.norm_kind<rms>",
            "axes": "array<i64: 2>",
            "epsilon": "0.0 : f64",
        }
        del all_three[attribute]
        rest = ", ".join(f"{key} = {value}" for key, value in all_three.items())
        yield case(
            f"no {attribute}", f"requires attribute '{attribute}'", attributes=rest
        )
    yield case(
        "integer value",
        f"operand #0 must be {ANY_FLOAT}, but got 'tensor<2x6x8xi64>'",
        value="tensor<2x6x8xi64>",
    )
    yield inferred(
        "norm",
        "result",
        norm(result="tensor<2x6x9xf32>"),
        ["tensor<2x6x8xf32>"],
        ["tensor<2x6x9xf32>"],
    )


def convolutions() -> Iterator[Program]:
    def case(name, message, **changes):
        return on_op("short_conv", name, short_conv(**changes), message)

    value, weight = "tensor<2x?x8xf32>", "tensor<8x4xf32>"
    for changes in (
        {"value": "tensor<?x8xf32>"},
        {"value": "tensor<2x?x8x1xf32>"},
        {"value": "tensor<f32>"},
        {"weight": "tensor<8xf32>"},
        {"weight": "tensor<8x4x1xf32>"},
        {"weight": "tensor<f32>"},
    ):
        types = {"value": value, "weight": weight} | changes
        yield case(
            f"rank of {changes}",
            "expects value [batch, time, channels] and weight "
            f"[channels, taps], got '{types['value']}' and '{types['weight']}'",
            **changes,
        )
    for wrong in ("tensor<8x?xf32>", "tensor<8x0xf32>"):
        yield case(
            f"weight {wrong}",
            f"expects a static number of taps, at least 1, got '{wrong}'",
            weight=wrong,
        )
    yield case(
        "dynamic channels",
        "expects a static number of channels, got 'tensor<2x?x?xf32>'",
        value="tensor<2x?x?xf32>",
    )
    for name, operand, expected, wrong in (
        ("weight", "weight", weight, "tensor<7x4xf32>"),
        ("weight", "weight", weight, "tensor<8x4xbf16>"),
        ("bias", "bias", "tensor<8xf32>", "tensor<4xf32>"),
        ("bias", "bias", "tensor<8xf32>", "tensor<8xf64>"),
        ("bias", "bias", "tensor<8xf32>", "tensor<1x8xf32>"),
        ("initial state", "initial", "tensor<2x3x8xf32>", "tensor<2x4x8xf32>"),
        ("initial state", "initial", "tensor<2x3x8xf32>", "tensor<3x3x8xf32>"),
        ("initial state", "initial", "tensor<2x3x8xf32>", "tensor<2x3x7xf32>"),
        ("initial state", "initial", "tensor<2x3x8xf32>", "tensor<2x3x8xf16>"),
        ("initial state", "initial", "tensor<2x3x8xf32>", "tensor<2x24xf32>"),
    ):
        yield case(
            f"{operand} {wrong}",
            f"expects {name} of type '{expected}', got '{wrong}'",
            **{operand: wrong},
        )
    yield inferred(
        "short_conv",
        "final of four tokens",
        short_conv(final="tensor<2x4x8xf32>"),
        [value, "tensor<2x3x8xf32>"],
        [value, "tensor<2x4x8xf32>"],
    )
    yield case("no activation", "requires attribute 'activation'", attributes="")


def gathers() -> Iterator[Program]:
    def case(name, message, **changes):
        return on_op("gather", name, gather(**changes), message)

    for wrong in ("tensor<f32>", "tensor<16xf32>", "tensor<16x8x1xf32>"):
        yield case(
            f"table {wrong}",
            f"expects a table [rows, width], got '{wrong}'",
            table=wrong,
        )
    yield case(
        "dynamic rows",
        "expects a static number of rows, got 'tensor<?x8xf32>'",
        table="tensor<?x8xf32>",
    )
    for wrong in ("tensor<2x?xi8>", "tensor<2x?xindex>", "tensor<2x?xf32>"):
        yield case(
            f"indices {wrong}",
            f"operand #1 must be {INTEGER}, but got '{wrong}'",
            indices=wrong,
        )
    yield case(
        "integer table",
        f"operand #0 must be {ANY_FLOAT}, but got 'tensor<16x8xi32>'",
        table="tensor<16x8xi32>",
    )
    for wrong in ("tensor<2x?x9xf32>", "tensor<2x?xf32>", "tensor<2x?x8xf16>"):
        yield inferred(
            "gather",
            f"result {wrong}",
            gather(result=wrong),
            ["tensor<2x?x8xf32>"],
            [wrong],
        )


# ===----------------------------------------------------------------------=== #
# Attributes on functions
# ===----------------------------------------------------------------------=== #


def attributes() -> Iterator[Program]:
    def everywhere(attribute, message):
        """The attribute on an argument and on a result."""
        where = f" {{{attribute}}}"
        yield case(f"argument {attribute}", f"argument 0: {message}", argument=where)
        yield case(f"result {attribute}", f"result 0: {message}", result=where)

    def case(name, message, **changes):
        return Program(f"function: {name}", function(**changes), message, "func.func")

    for wrong in ('"B"', "1 : i64", '["B", 1]', "[unit]"):
        yield from everywhere(
            f"gate.dims = {wrong}",
            f"expects gate.dims to be an array of strings, got {wrong}",
        )
    for names, count in (('["B"]', 1), ("[]", 0), ('["a", "b", "c", "d"]', 4)):
        yield from everywhere(
            f"gate.dims = {names}", f"expects gate.dims to name 3 dims, got {count}"
        )
    for wrong in ("a b", "T.x", "T-1", "é"):
        shown = wrong.replace("é", "\\C3\\A9")
        yield from everywhere(
            f'gate.dims = ["B", "{wrong}", ""]',
            f'expects a dim name of letters, digits and underscores, got "{shown}"',
        )
    for key, wrong in itertools.product(
        ("name", "parameter", "state"), ('""', '"a b"', '"a/b"', "1 : i64", "unit")
    ):
        message = (
            f"expects gate.{key} to be a name of letters, digits, underscores and "
            f"dots, got {wrong}"
        )
        yield case(
            f"argument gate.{key} = {wrong}",
            f"argument 0: {message}",
            argument=f" {{gate.{key} = {wrong}}}",
        )
        if key != "parameter":
            yield case(
                f"result gate.{key} = {wrong}",
                f"result 0: {message}",
                result=f" {{gate.{key} = {wrong}}}",
            )
    yield case(
        "parameter as a result",
        "result 0: expects gate.parameter on an argument only",
        result=' {gate.parameter = "w"}',
    )
    for key in ("gate.dim", "gate.time", "gate.foo"):
        yield from everywhere(
            f'{key} = "T"',
            f"unknown attribute {key}; expects gate.name, gate.dims, "
            "gate.parameter or gate.state",
        )
    for wrong in ('""', '"a b"', "1 : i64", '["T"]'):
        yield case(
            f"gate.time = {wrong}",
            f"expects gate.time to be the name of a dim, got {wrong}",
            attributes=f"gate.time = {wrong}",
        )
    yield Program(
        "gate.time on a module",
        'module attributes {gate.time = "T"} {\n}\n',
        "expects gate.time on a function",
        "module",
    )
    for kind in ("f32", "i64", "memref<2xf32>"):
        yield Program(
            f"gate.dims on {kind}",
            f'func.func private @malformed({kind} {{gate.dims = ["B"]}})\n',
            f"argument 0: expects a ranked tensor under gate.dims, got '{kind}'",
            "func.func",
        )


def programs() -> list[Program]:
    """All malformed programs; names are unique."""
    groups = (
        elementwise,
        norms,
        convolutions,
        gathers,
        scan_tokens,
        scan_states,
        regions,
        attributes,
    )
    return [program for group in groups for program in group()]


if __name__ == "__main__":
    for program in programs():
        print(f"// {program.name}\n// {program.message}\n{program.text}// -----")
