# ===- cases.py - Programs and cases of the device tests ------------------=== #
#
# The programs of the numeric tests in python/tests, and the same ops at sizes
# around vectors, warps and blocks. Every case has an oracle in f64 and, where
# its rule is the bound, what a plain loop gives in the program's types.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""For build.py: needs the folder of the numeric tests on the search path."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import attention
import data
import golden_programs
import numpy as np
import scans
import test_goldens
import test_laws
from attention import Attention
from programs import Program, Tensor, op, wide
from scans import Scan

TYPES = ("f32", "bf16", "f16")
WIDTHS = (1, 3, 60, 63, 64, 100, 128, 1000, 1024, 4096)

Arrays = dict[str, np.ndarray]
Spec = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One call of a program."""

    name: str
    family: str
    #: What kind of kernel it is; the sanitizers take one case of each.
    kernel: str
    type: str
    program: Program
    inputs: Mapping[str, Spec]
    #: "golden", "bound" or "exact".
    rule: str
    #: From inputs in f64: the oracle, and for "bound" the plain loop's results.
    compute: Callable[[Arrays], tuple[Arrays, Arrays]] | None
    #: What else run.py should know.
    more: Mapping[str, Any] = field(default_factory=dict)
    #: Inputs that are not made from a seed.
    given: Mapping[str, np.ndarray] = field(default_factory=dict)
    preamble: str = ""
    #: Whether the program needs a library of its own.
    alone: bool = False


def sized(shape: tuple[int | str, ...], sizes: Mapping[str, int]) -> list[int]:
    return [sizes[s] if isinstance(s, str) else s for s in shape]


# ===----------------------------------------------------------------------=== #
# Known results
# ===----------------------------------------------------------------------=== #


def goldens() -> Iterator[Case]:
    for type in test_goldens.TYPES:
        for name, case in test_goldens.CASES.items():

            def compute(inputs: Arrays, case=case) -> tuple[Arrays, Arrays]:
                return dict(case.formula(**inputs)), {}

            yield golden(name, type, case.build(type), case.inputs, compute)
        layer = golden_programs.gla_layer(type)
        yield golden("gla_layer", type, layer, test_goldens.LAYER_INPUTS, None)


def golden(
    name: str,
    type: str,
    program: Program,
    inputs: Mapping[str, np.ndarray],
    compute: Callable[[Arrays], tuple[Arrays, Arrays]] | None,
) -> Case:
    given = {t.name: data.store(inputs[t.name], t.type) for t in program.inputs}
    specs = {
        t.name: {"type": t.type, "shape": list(given[t.name].shape), "data": "array"}
        for t in program.inputs
    }
    return Case(
        f"golden-{type}-{name}", "golden", name.partition("_")[0], type, program, specs,
        "golden", compute, given=given, preamble=golden_programs.PREAMBLE,
        more={"tolerance": test_goldens.TOLERANCE[type], "relative": type != "f64"},
    )  # fmt: skip


# ===----------------------------------------------------------------------=== #
# Formulas: once in f64, once as plain loops in f32 that store every result
# ===----------------------------------------------------------------------=== #


@dataclass(frozen=True)
class Arithmetic:
    dtype: type[np.floating]
    #: The type that results of ops are rounded to, if any.
    stored: str = ""

    def round(self, x: np.ndarray) -> np.ndarray:
        if not self.stored:
            return x
        return data.widen(data.store(x, self.stored), self.stored).astype(self.dtype)

    def activate(self, name: str, x: np.ndarray) -> np.ndarray:
        if not x.size:
            return x
        return test_goldens.ACTIVATIONS[name](x).astype(self.dtype)

    def mean(self, x: np.ndarray) -> np.ndarray:
        """Over the last axis, its terms one after the other."""
        total = np.add.accumulate(x, -1, dtype=self.dtype)[..., -1:]
        return total / self.dtype(max(x.shape[-1], 1))

    def norm(
        self,
        kind: str,
        x: np.ndarray,
        w: np.ndarray | None = None,
        b: np.ndarray | None = None,
        groups: int = 1,
    ) -> np.ndarray:
        shape = x.shape
        if kind == "group":
            x = x.reshape(*shape[:-1], groups, shape[-1] // groups)
        if kind in ("layer", "group"):
            x = x - self.mean(x)
        square = self.mean(x * x)
        if kind == "l2":
            square = square * self.dtype(x.shape[-1])
        y = (x / np.sqrt(square + self.dtype(EPSILON))).reshape(shape)
        y = y if w is None else y * w
        return self.round(y if b is None else y + b)


Formula = Callable[..., Arrays]


def both_ways(
    formula: Formula, types: Mapping[str, str], storage: str
) -> Callable[[Arrays], tuple[Arrays, Arrays]]:
    """The oracle, and the results of a plain loop as they are stored."""

    def compute(inputs: Arrays) -> tuple[Arrays, Arrays]:
        results = []
        for arithmetic in (Arithmetic(np.float64), Arithmetic(np.float32, storage)):
            cast = {
                name: x if x.dtype.kind == "i" else x.astype(arithmetic.dtype)
                for name, x in inputs.items()
            }
            with np.errstate(over="ignore"):
                results.append(formula(arithmetic, **cast))
        plain = {n: data.widen(data.store(x, types[n]), types[n])
                 for n, x in results[1].items()}  # fmt: skip
        return results[0], plain

    return compute


#: Exact in f32.
EPSILON = 2.0**-17


@dataclass(frozen=True)
class Kernel:
    """A program at any width, and its formula."""

    family: str
    name: str
    build: Callable[[str, int | str], Program]
    formula: Formula
    #: The kind of data of inputs that are not just normal.
    kinds: Mapping[str, str] = field(default_factory=dict)
    rule: str = "bound"
    divisor: int = 1


ACTIVATIONS = tuple(test_goldens.ACTIVATIONS)


def width_name(width: int | str) -> str:
    return f"w{width}" if isinstance(width, int) else "wide"


def glu_kernel(activation: str) -> Kernel:
    def build(type: str, width: int | str) -> Program:
        g, x, y = (Tensor(n, ("B", "T", width), type) for n in "gxy")
        head = f"gate.glu %g, %x {{activation = #gate.activation<{activation}>}}"
        return Program(
            f"glu_{activation}_{width_name(width)}_{type}",
            (g, x), (y,), op([y], head, [g, x]),
        )  # fmt: skip

    def formula(a: Arithmetic, g: np.ndarray, x: np.ndarray) -> Arrays:
        return {"y": a.activate(activation, g) * x}

    return Kernel("gating", f"glu_{activation}", build, formula, {"g": "spread"})


def chain_program(type: str, width: int | str) -> Program:
    """A gate by token, a blend and a sum, in one group."""
    x, r, y = (Tensor(n, ("B", "T", width), type) for n in "xry")
    g = Tensor("g", ("B", "T", 1), type)
    a, c = (replace(x, name=n) for n in "ac")
    lines = [
        op([a], "gate.apply %x, %g {activation = #gate.activation<tanh>}", [x, g]),
        op([c], "gate.blend %r, %a, %x {activation = #gate.activation<sigmoid>}",
           [r, a, x]),
        f"  %y = arith.addf %c, %r : {y.mlir}",
    ]  # fmt: skip
    return Program(
        f"chain_{width_name(width)}_{type}", (x, r, g), (y,), "\n".join(lines)
    )


def chain_formula(a: Arithmetic, x: np.ndarray, r: np.ndarray, g: np.ndarray) -> Arrays:
    z = a.activate("sigmoid", r)
    applied = a.round(x * a.activate("tanh", g))
    return {"y": a.round(z * applied + (1 - z) * x) + r}


def norm_kernel(kind: str, weight: bool, bias: bool, groups: int = 1) -> Kernel:
    def build(type: str, width: int | str) -> Program:
        x, y = (Tensor(n, ("B", "T", width), type) for n in "xy")
        w, b = (Tensor(n, (width,), type) for n in "wb")
        operands = [x, *[w] * weight, *[b] * bias]
        head = "gate.norm %x" + " weight(%w)" * weight + " bias(%b)" * bias
        head += f" {{kind = #gate.norm_kind<{kind}>, axes = array<i64: 2>"
        head += f", epsilon = {EPSILON:.17e} : f64"
        head += f", groups = {groups} : i64}}" if groups > 1 else "}"
        return Program(
            f"{kind}_{width_name(width)}_{type}",
            tuple(operands), (y,), op([y], head, operands),
        )  # fmt: skip

    def formula(a: Arithmetic, x: np.ndarray, w=None, b=None) -> Arrays:
        return {"y": a.norm(kind, x, w, b, groups)}

    return Kernel("norm", kind, build, formula, {"w": "weight"}, divisor=groups)


def block_program(type: str, width: int | str) -> Program:
    """A residual, its norm and a gate of both: one pass over rows, or two."""
    x, r, h, y = (Tensor(n, ("B", "T", width), type) for n in "xrhy")
    w, n = Tensor("w", (width,), type), replace(x, name="n")
    lines = [
        f"  %h = arith.addf %x, %r : {h.mlir}",
        op([n], "gate.norm %h weight(%w) {kind = #gate.norm_kind<rms>, "
           f"axes = array<i64: 2>, epsilon = {EPSILON:.17e} : f64}}", [h, w]),
        op([y], "gate.glu %n, %x {activation = #gate.activation<silu>}", [n, x]),
    ]  # fmt: skip
    return Program(
        f"block_{width_name(width)}_{type}", (x, r, w), (y, h), "\n".join(lines)
    )


def block_formula(a: Arithmetic, x: np.ndarray, r: np.ndarray, w: np.ndarray) -> Arrays:
    h = a.round(x + r)
    return {"h": h, "y": a.activate("silu", a.norm("rms", h, w)) * x}


def conv_kernel(taps: int, activation: str, bias: bool, state: bool) -> Kernel:
    def build(type: str, width: int | str) -> Program:
        x, y = (Tensor(n, ("B", "T", width), type) for n in "xy")
        w, b = Tensor("w", (width, taps), type), Tensor("b", (width,), type)
        s0 = Tensor("s0", ("B", taps - 1, width), type, state=state)
        last = replace(s0, name="next_s0" if state else "last")
        operands = [x, w, *[b] * bias, s0]
        head = "gate.short_conv %x, %w" + " bias(%b)" * bias + " initial(%s0)"
        head += f" {{activation = #gate.activation<{activation}>}}"
        return Program(
            f"conv{taps}_{width_name(width)}_{type}",
            tuple(operands), (y, s0 if state else last), op([y, last], head, operands),
        )  # fmt: skip

    def formula(
        a: Arithmetic, x: np.ndarray, w: np.ndarray, s0: np.ndarray, b=None
    ) -> Arrays:
        T = x.shape[1]
        padded = np.concatenate([s0, x], 1)
        total = np.zeros_like(x) if b is None else np.zeros_like(x) + b
        for tap in range(taps):
            total = total + padded[:, tap : tap + T] * w[:, tap]
        name = "s0" if state else "last"
        return {"y": a.activate(activation, total), name: padded[:, T:]}

    return Kernel("conv", f"conv{taps}", build, formula)


def gather_kernel(index: str) -> Kernel:
    def build(type: str, width: int | str) -> Program:
        table, ids = Tensor("table", (50, width), type), Tensor("i", ("B", "T"), index)
        y = Tensor("y", ("B", "T", width), type)
        return Program(
            f"gather_{index}_{width_name(width)}_{type}", (table, ids), (y,),
            op([y], "gate.gather %table, %i", [table, ids]),
        )  # fmt: skip

    def formula(a: Arithmetic, table: np.ndarray, i: np.ndarray) -> Arrays:
        return {"y": table[i]}

    return Kernel(
        "gather", f"gather_{index}", build, formula, {"i": "index"}, rule="exact"
    )


NORMS = [
    norm_kernel("rms", weight=True, bias=False),
    norm_kernel("layer", weight=True, bias=True),
    norm_kernel("l2", weight=False, bias=False),
    norm_kernel("group", weight=True, bias=True, groups=4),
]
CHAIN = Kernel("gating", "chain", chain_program, chain_formula, {"r": "spread"})
BLOCK = Kernel("norm", "block", block_program, block_formula, {"w": "weight"})
CONVS = [
    conv_kernel(4, "silu", bias=True, state=True),
    conv_kernel(2, "identity", bias=False, state=False),
    conv_kernel(3, "sigmoid", bias=True, state=False),
]
GATHERS = [gather_kernel("i32"), gather_kernel("i64")]


def kernels(width: int | str, turn: int) -> Iterator[Kernel]:
    """What is tried at a width; some take turns."""
    yield glu_kernel(ACTIVATIONS[turn % len(ACTIVATIONS)])
    yield CHAIN
    for norm in NORMS:
        # The groups of a dynamic width are not known to divide it.
        if norm.divisor == 1 or (width != "D" and width % norm.divisor == 0):
            yield norm
    yield BLOCK
    # Convolutions know their channels.
    if width != "D":
        yield CONVS[0]
        yield CONVS[1 + turn % 2]
    yield GATHERS[turn % 2]


#: B and T of the calls of every program, and of those that take turns: one
#: token, nothing, more rows than a block has.
ORDINARY = (3, 7)
CALLS = ((1, 1), (2, 65), (2, 0), (0, 3))


def kernel_case(
    kernel: Kernel, type: str, width: int | str, sizes: Mapping[str, int]
) -> Case:
    program = kernel.build(type, width)
    label = "x".join(str(size) for size in sizes.values()) or "static"
    name = f"{kernel.family}-{program.name}-{label}"
    specs = {}
    for tensor in program.inputs:
        specs[tensor.name] = {
            "type": tensor.type,
            "shape": sized(tensor.shape, sizes),
            "data": kernel.kinds.get(tensor.name, "normal"),
            "seed": data.seed_of(name, tensor.name),
            "limit": 50,
        }
    types = {tensor.name: tensor.type for tensor in program.outputs}
    return Case(
        name, kernel.family, kernel.name, type, program, specs, kernel.rule,
        both_ways(kernel.formula, types, type),
    )  # fmt: skip


def widths() -> Iterator[Case]:
    turns, calls = itertools.count(), itertools.cycle(CALLS)
    for type, width in itertools.product(TYPES, WIDTHS):
        for kernel in kernels(width, next(turns)):
            for B, T in (ORDINARY, next(calls)):
                yield kernel_case(kernel, type, width, {"B": B, "T": T})
    # One program for all widths, nothing among them.
    for type in TYPES:
        for kernel in kernels("D", next(turns)):
            for width in (*WIDTHS, 0):
                B, T = next(calls) if width == 1000 else ORDINARY
                yield kernel_case(kernel, type, "D", {"B": B, "T": T, "D": width})
    # f64, where all arithmetic is a different one.
    for kernel in kernels(100, 0):
        case = kernel_case(kernel, "f64", 100, {"B": 3, "T": 7})
        if kernel.rule == "exact":
            yield case
            continue
        more = {"tolerance": 1e-12, "relative": True}
        yield replace(case, rule="golden", more=more)


# ===----------------------------------------------------------------------=== #
# Products
# ===----------------------------------------------------------------------=== #

#: Rows, the width that is summed over, columns.
PRODUCTS = (
    (1, 1, 1), (3, 60, 63), (64, 64, 64), (100, 128, 60), (128, 1000, 64),
    (65, 1024, 100), (256, 256, 256),
)  # fmt: skip
#: Rows of a product that knows only the rest.
ROWS = (0, 1, 3, 64, 100, 257)


def product_program(type: str, rows: int | str, depth: int, columns: int) -> Program:
    """Sums in the wide type, results in the narrow one."""
    x, w = Tensor("x", (rows, depth), type), Tensor("w", (depth, columns), type)
    y = Tensor("y", (rows, columns), type)
    sums = replace(y, type=wide(type)).mlir
    size = "%n" if isinstance(rows, str) else ""
    lines = [
        f"  %c0 = arith.constant 0 : index\n  %n = tensor.dim %x, %c0 : {x.mlir}"
        if size
        else "",
        f"""  %zero = arith.constant 0.0 : {wide(type)}
  %room = tensor.empty({size}) : {sums}
  %start = linalg.fill ins(%zero : {wide(type)}) outs(%room : {sums}) -> {sums}
  %s = linalg.matmul ins(%x, %w : {x.mlir}, {w.mlir})
    outs(%start : {sums}) -> {sums}""",
        f"  %y = arith.truncf %s : {sums} to {y.mlir}"
        if type != wide(type)
        else f"  %y = tensor.cast %s : {sums} to {y.mlir}",
    ]
    name = f"product_{rows}x{depth}x{columns}_{type}"
    return Program(name, (x, w), (y,), "\n".join(lines))


def product_formula(a: Arithmetic, x: np.ndarray, w: np.ndarray) -> Arrays:
    if a.dtype == np.float64:
        return {"y": x @ w}
    y = np.zeros((x.shape[0], w.shape[1]), a.dtype)
    for k in range(x.shape[1]):
        y += x[:, k, None] * w[k]
    return {"y": y}


def products() -> Iterator[Case]:
    for type in TYPES:
        for rows, depth, columns in PRODUCTS:

            def build(type: str, width: int | str, sizes=(rows, depth, columns)):
                return product_program(type, *sizes)

            kernel = Kernel("product", "product", build, product_formula)
            yield kernel_case(kernel, type, 0, {})
        for depth, columns in ((64, 100), (1000, 64)):

            def build(type: str, width: int | str, sizes=(depth, columns)):
                return product_program(type, "N", *sizes)

            kernel = Kernel("product", "product_rows", build, product_formula)
            for rows in ROWS:
                yield kernel_case(kernel, type, 0, {"N": rows})


# ===----------------------------------------------------------------------=== #
# Functions of one number
# ===----------------------------------------------------------------------=== #

erf = np.vectorize(math.erf, otypes=[np.float64])

#: With the kind of data that they are for.
FUNCTIONS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "exp": ("spread", np.exp), "exp2": ("spread", np.exp2),
    "expm1": ("spread", np.expm1), "log": ("positive", np.log),
    "log2": ("positive", np.log2), "log1p": ("positive", np.log1p),
    "sqrt": ("positive", np.sqrt), "rsqrt": ("positive", lambda x: 1 / np.sqrt(x)),
    "tanh": ("spread", np.tanh), "erf": ("normal", erf), "sin": ("spread", np.sin),
    "cos": ("spread", np.cos), "atan": ("spread", np.arctan),
    "absf": ("normal", np.abs), "floor": ("spread", np.floor),
    "ceil": ("spread", np.ceil),
}  # fmt: skip


def functions() -> Iterator[Case]:
    for (name, (kind, function)), type in itertools.product(
        FUNCTIONS.items(), (*TYPES, "f64")
    ):

        def build(type: str, width: int | str, name=name) -> Program:
            x, y = (Tensor(n, ("N", width), type) for n in "xy")
            body = f"  %y = math.{name} %x : {x.mlir}"
            return Program(f"{name}_{type}", (x,), (y,), body)

        def formula(a: Arithmetic, x: np.ndarray, function=function) -> Arrays:
            return {"y": function(x).astype(a.dtype)}

        # exp of a large argument is no f16.
        data = "normal" if type == "f16" and "exp" in name else kind
        kernel = Kernel("math", "math", build, formula, {"x": data})
        case = kernel_case(kernel, type, 65, {"N": 21})
        if type == "f64":
            more = {"tolerance": 1e-12, "relative": True}
            case = replace(case, rule="golden", more=more)
        yield case


# ===----------------------------------------------------------------------=== #
# Other bodies: sums, transposed and copied arrays, conversions
# ===----------------------------------------------------------------------=== #


def sum_program(axis: int) -> Callable[[str, int | str], Program]:
    def build(type: str, width: int | str) -> Program:
        x = Tensor("x", ("N", width) if axis else (width, "N"), type)
        y = Tensor("y", ("N",), type)
        body = f"""  %c = arith.constant {1 - axis} : index
  %n = tensor.dim %x, %c : {x.mlir}
  %zero = arith.constant 0.0 : {type}
  %room = tensor.empty(%n) : {y.mlir}
  %start = linalg.fill ins(%zero : {type}) outs(%room : {y.mlir}) -> {y.mlir}
  %y = linalg.reduce ins(%x : {x.mlir}) outs(%start : {y.mlir}) dimensions = [{axis}]
      (%a: {type}, %b: {type}) {{
    %s = arith.addf %a, %b : {type}
    linalg.yield %s : {type}
  }}"""
        return Program(f"sum{axis}_{width}_{type}", (x,), (y,), body)

    return build


def sum_formula(axis: int) -> Formula:
    def formula(a: Arithmetic, x: np.ndarray) -> Arrays:
        return {"y": np.add.accumulate(x, axis).take(-1, axis)}

    return formula


def transpose_program(type: str, width: int | str) -> Program:
    x, y = Tensor("x", ("N", width), type), Tensor("y", (width, "N"), type)
    body = f"""  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : {x.mlir}
  %room = tensor.empty(%n) : {y.mlir}
  %y = linalg.transpose ins(%x : {x.mlir}) outs(%room : {y.mlir})
    permutation = [1, 0]"""
    return Program(f"transpose_{width}_{type}", (x,), (y,), body)


def copy_program(type: str, width: int | str) -> Program:
    x, y = (Tensor(n, ("N", width), type) for n in "xy")
    body = f"  %y = tensor.cast %x : {x.mlir} to {y.mlir}"
    return Program(f"copy_{width}_{type}", (x,), (y,), body)


def bodies() -> Iterator[Case]:
    transpose = Kernel(
        "body", "transpose", transpose_program, lambda a, x: {"y": x.T}, rule="exact"
    )
    copy = Kernel("body", "copy", copy_program, lambda a, x: {"y": x}, rule="exact")
    sums = [Kernel("body", f"sum{axis}", sum_program(axis), sum_formula(axis))
            for axis in (1, 0)]  # fmt: skip
    for type, kernel, rows in itertools.product(
        TYPES, (transpose, copy, *sums), (0, 1, 67, 300)
    ):
        # Sums of narrow types would round at every step.
        if type == "f32" or kernel.rule == "exact":
            for width in (17, 64):
                yield kernel_case(kernel, type, width, {"N": rows})


# ===----------------------------------------------------------------------=== #
# Scans
# ===----------------------------------------------------------------------=== #


@dataclass(frozen=True)
class ShortScan(Scan):
    """A scan of a fixed number of tokens; its state is carried in place."""

    T: int = 1

    @property
    def name(self) -> str:
        return f"{super().name}_t{self.T}"

    @property
    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        inputs, results = super().tensors

        def fixed(t: Tensor) -> Tensor:
            return replace(t, shape=tuple(self.T if s == "T" else s for s in t.shape))

        return [fixed(t) for t in inputs], [fixed(t) for t in results]


def carrying(program: Program, attributes: str = "", name: str = "") -> Program:
    """The scan's initial and final states as one carried state."""
    inputs = [replace(t, state=t.name == "s0") for t in program.inputs]
    outputs = [
        replace(t, name="s0", state=True) if t.name == "last" else t
        for t in program.outputs
    ]
    body = program.body.replace("%last", "%next_s0")
    name = name or program.name
    return Program(name, tuple(inputs), tuple(outputs), body, attributes)


def data_of(scan: Scan, tensor: str, gates: str, name: str) -> str:
    """What an input of a scan is like: what predicts has length 1."""
    kinds = {
        "g": f"gates:{gates}",
        "beta": "share",
        "a": "unit",
        "b": f"transition:{data.seed_of(name, 'a')}",
        "k": "unit" if scan.update == "delta" else "normal",
    }
    return kinds.get(tensor, "normal")


def scan_case(
    family: str,
    scan: Scan,
    rows: list[str],
    T: int,
    program: Program | None = None,
    **more: Any,
) -> Case:
    carries = program is not None
    program = program or scan.program
    gates = ",".join(rows) if len(set(rows)) > 1 else rows[0]
    name = f"{family}-{scan.name}-{len(rows)}x{T}-{gates}"
    specs = {
        tensor.name: {
            "type": tensor.type,
            "shape": sized(tensor.shape, {"B": len(rows), "T": T}),
            "data": data_of(scan, tensor.name, gates, name),
            "seed": data.seed_of(name, tensor.name),
        }
        for tensor in program.inputs
    }
    if scan.update != "add":
        more["predicts"] = True
    # What the program calls the last state.
    last = "s0" if carries else "last"

    kernel = f"{family}_{scan.decay}" + f"_{scan.form}" * (scan.form != "add")

    def compute(inputs: Arrays) -> tuple[Arrays, Arrays]:
        plain_type = np.float64 if scan.type == "f64" else np.float32
        (o, states), (plain, plain_states) = (
            scans.loop(scan, inputs, dtype) for dtype in (np.float64, plain_type)
        )
        stored = data.widen(data.store(plain, scan.type), scan.type)
        last_plain = plain_states[T].astype(np.float64)
        return {"o": o, last: states[T]}, {"o": stored, last: last_plain}

    return Case(
        name, family, kernel, scan.type, program, specs, "bound",
        compute, more=more,
    )  # fmt: skip


def batch_of(scan: Scan, T: int) -> int:
    """Narrow states take more rows: the largest of few errors is mostly luck."""
    if T * scan.K * scan.V * scan.H > 1 << 24:
        return 1
    return max(2, 64 // (scan.H * scan.V))


#: Key and value widths of scans of few tokens.
STEPS = (
    (1, 1), (3, 5), (16, 17), (60, 100), (64, 64), (64, 128), (100, 16), (128, 64),
    (128, 128), (33, 63), (256, 256),
)  # fmt: skip


def steps() -> Iterator[Case]:
    gates, forms = itertools.cycle(scans.GATES), itertools.cycle(scans.FORMS)
    for turn, (type, (K, V)) in enumerate(itertools.product((*TYPES, "f64"), STEPS)):
        for part, decay in enumerate(("vector", "scalar", "constant", "none")):
            if (turn + part) % 2 and decay != "vector":
                continue
            kind = next(gates)
            scan = ShortScan(
                K, V, decay, type, initial=True,
                heads=tuple(scans.HEADS)[(turn + part) % len(scans.HEADS)],
                constants=kind if decay == "constant" else "",
                reverse=turn % 3 == 2,
                T=(1, 1, 2, 1, 3)[(turn + part) % 5],
                form=next(forms),
            )  # fmt: skip
            batch = max(3, batch_of(scan, scan.T))
            yield scan_case("step", scan, [kind] * batch, scan.T,
                            carrying(scan.program))  # fmt: skip
            yield scan_case("step", scan, [kind], scan.T, carrying(scan.program))


def covering() -> Iterator[Case]:
    for case in test_laws.covering_cases():
        scan, T = test_laws.scan_of(case), case["T"]
        batch = batch_of(scan, T)
        yield scan_case("scan", scan, [case["gates"]] * batch, T)


def laws() -> Iterator[Case]:
    for scan, T in itertools.product(test_laws.LAW_SCANS, (1, 7, 64, 130, 257)):
        yield scan_case(
            "law", scan, list(test_laws.ROWS), T,
            pieces={"carry": {"last": "s0"}, "reverse": scan.reverse},
        )  # fmt: skip
    for scan in test_laws.LAW_SCANS:
        if scan.reverse:
            continue
        program = carrying(scan.program, 'gate.time = "T"', "forward")
        case = scan_case(
            "derived", scan, list(test_laws.ROWS), 70, program, stream="step"
        )
        yield replace(case, alone=True)


# ===----------------------------------------------------------------------=== #
# Attention
# ===----------------------------------------------------------------------=== #

#: Queries and keys: one, a part of a tile, tiles and one more, a cache.
ATTENTION_SIZES = ((1, 1), (1, 300), (64, 64), (100, 40), (129, 193), (256, 512))
ATTENTIONS = (
    Attention(64, 64, (4, 2), "bf16", causal=True),
    Attention(128, 128, (4, 2), "bf16", causal=True),
    Attention(128, 64, (2, 1), "f16", causal=True, window=100),
    Attention(64, 128, (2, 2), "bf16"),
    Attention(32, 32, (2, 2), "f16", window=70, sinks=True),
    Attention(64, 64, (2, 2), "bf16", causal=True, log_gate=True),
    Attention(64, 64, (2, 2), "f16", lengths="i32", causal=True, log_gate=True),
    Attention(60, 36, (3, 1), "bf16", lengths="i64"),
    Attention(5, 7, (2, 2), "bf16", causal=True),
    Attention(64, 64, (4, 2), "f32", causal=True),
    Attention(16, 24, (2, 2), "f32", window=20, lengths="i64"),
    Attention(32, 16, (2, 2), "f32", causal=True, log_gate=True, sinks=True),
)


def attention_case(a: Attention, T: int, S: int, gates: str) -> Case:
    label = f"-{gates}" if a.log_gate else ""
    name = f"attention-{a.name}-{T}x{S}{label}"
    kinds = {"g": f"gates:{gates}", "n": "index"}
    # Few results have a largest error that is mostly luck.
    batch = max(2, min(16, 1024 // (T * a.V * a.heads[0])))
    specs = {
        tensor.name: {
            "type": tensor.type,
            "shape": sized(tensor.shape, {"B": batch, "T": T, "S": S}),
            "data": kinds.get(tensor.name, "normal"),
            "seed": data.seed_of(name, tensor.name),
            # Lengths of all keys, and of more than there are.
            "limit": S + 3,
        }
        for tensor in a.program.inputs
    }

    def compute(inputs: Arrays) -> tuple[Arrays, Arrays]:
        oracle, plain = (
            attention.loop(a, inputs, dtype) for dtype in (np.float64, np.float32)
        )
        return {"o": oracle}, {"o": data.widen(data.store(plain, a.type), a.type)}

    kernel = "attention_gated" if a.log_gate else "attention"
    return Case(
        name, "attention", kernel, a.type, a.program, specs, "bound", compute
    )  # fmt: skip


def attentions() -> Iterator[Case]:
    gates = itertools.cycle(("ordinary", "mixed", "weak", "strong"))
    for a, (T, S) in itertools.product(ATTENTIONS, ATTENTION_SIZES):
        yield attention_case(a, T, S, next(gates))


@functools.cache
def all_cases() -> tuple[Case, ...]:
    parts = (
        goldens, widths, products, functions, bodies, steps, covering, laws,
        attentions,
    )  # fmt: skip
    cases = [case for part in parts for case in part()]
    unique = {case.name: case for case in cases}
    return tuple(unique.values())


__all__ = ["Case", "all_cases"]
