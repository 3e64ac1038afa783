"""The programs of the benchmark: their shapes, names and sources.

Read by build.py, where the compiler is, and by bench.py, where the GPU is.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import math
from dataclasses import dataclass
from pathlib import Path

FILES = Path(__file__).resolve().parents[1] / "programs"

# B, T, H, D with K = V = D: those of flash-linear-attention's own operator table
# (benchmarks/ops), and one short call that the host bounds.
SCAN_SHAPES = (
    (1, 8192, 96, 128),
    (2, 16384, 16, 128),
    (4, 2048, 16, 128),
    (4, 4096, 64, 128),
    (8, 1024, 8, 64),
    (8, 2048, 32, 256),
)
SHORT_SCAN = (1, 256, 16, 128)
SCAN_KINDS = (
    "gla",
    "simple_gla",
    "retention",
    "delta_rule",
    "gated_delta_rule",
    "kda",
)
#: Kinds with one gate a token, and those that predict with their keys.
TOKEN_GATED = ("simple_gla", "gated_delta_rule")
DELTA = ("delta_rule", "gated_delta_rule", "kda")
#: Gates of gated linear attention in f32, as some models keep them.
WIDE_SCAN = (4, 4096, 64, 128)
ATTENTION_SHAPES = ((4, 4096, 16, 128), (1, 16384, 16, 128))
PRODUCT_SIZES = (4096, 8192)
NORM_ROWS, NORM_WIDTH = 32768, 2048
STEP_BATCH, STEP_HEADS, STEP_WIDTH = 64, 16, 128


def shape_name(shape: tuple[int, ...]) -> str:
    """ "1x8192x96x128"."""
    return "x".join(map(str, shape))


@dataclass(frozen=True)
class Program:
    """One library: its name, the function of its rows, and their sizes."""

    name: str
    source: str
    function: str
    #: Names of rows, each with the sizes of dims known only at the call.
    rows: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


def product_text(n: int) -> str:
    """silu(x w + bias) in bf16, summed in f32."""
    square, row = f"tensor<{n}x{n}x", f"tensor<{n}x"
    return f"""
#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>
func.func @product(%x: {square}bf16> {{gate.name = "x"}},
    %w: {square}bf16> {{gate.name = "w"}}, %bias: {row}bf16> {{gate.name = "bias"}})
    -> ({square}bf16> {{gate.name = "y"}}) {{
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %room = tensor.empty() : {square}f32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : {square}f32>) -> {square}f32>
  %p = linalg.matmul ins(%x, %w : {square}bf16>, {square}bf16>)
    outs(%acc : {square}f32>) -> {square}f32>
  %narrow = tensor.empty() : {square}bf16>
  %y = linalg.generic {{indexing_maps = [#id, #column, #id],
      iterator_types = ["parallel", "parallel"]}}
      ins(%p, %bias : {square}f32>, {row}bf16>) outs(%narrow : {square}bf16>) {{
  ^bb0(%e: f32, %b: bf16, %o: bf16):
    %wide = arith.extf %b : bf16 to f32
    %s = arith.addf %e, %wide : f32
    %n = arith.negf %s : f32
    %x0 = math.exp %n : f32
    %d = arith.addf %x0, %one : f32
    %a = arith.divf %s, %d fastmath<afn> : f32
    %r = arith.truncf %a : f32 to bf16
    linalg.yield %r : bf16
  }} -> {square}bf16>
  return %y : {square}bf16>
}}
"""


def retention_decays(heads: int) -> list[float]:
    """Log-decays of RetNet, arXiv 2307.08621: log(1 - 2^(-5-h))."""
    return [math.log1p(-(2.0 ** (-5 - h))) for h in range(heads)]


def scan_text(kind: str, heads: int, width: int) -> str:
    """A scan over bf16 from a state of zeros.

    Gates of gated linear attention are bf16, too, but for "gla_f32"; all others
    are f32.
    """
    tokens = f"tensor<?x?x{heads}x{width}xbf16>"
    state = f"tensor<?x{heads}x{width}x{width}xf32>"
    gates = {
        "gla": tokens,
        "gla_f32": f"tensor<?x?x{heads}x{width}xf32>",
        "simple_gla": f"tensor<?x?x{heads}xf32>",
        "retention": None,
        "delta_rule": None,
        "gated_delta_rule": f"tensor<?x?x{heads}xf32>",
        "kda": f"tensor<?x?x{heads}x{width}xf32>",
    }[kind]
    arguments = [
        f'%{name}: {tokens} {{gate.name = "{name}", gate.dims = ["B", "T", "", ""]}}'
        for name in ("q", "k", "v")
    ]
    types = [tokens] * 3
    decay, constants, widened = "", "", ""
    if gates:
        dims = ", ".join(['"B"', '"T"', *['""'] * (gates.count("x") - 2)])
        arguments.append(f'%g: {gates} {{gate.name = "g", gate.dims = [{dims}]}}')
        decay = " decay(%g)"
        if gates.endswith("bf16>"):
            wide = gates.replace("bf16", "f32")
            widened = f"  %wide = arith.extf %g : {gates} to {wide}\n"
            gates, decay = wide, " decay(%wide)"
        types.append(gates)
    elif kind == "retention":
        values = ", ".join(f"{value:.17e}" for value in retention_decays(heads))
        constants = f", decay_constants = array<f64: {values}>"
    if kind in DELTA:
        betas = f"tensor<?x?x{heads}xbf16>"
        arguments.append(
            f'%beta: {betas} {{gate.name = "beta", gate.dims = ["B", "T", ""]}}'
        )
        types.append(betas)
        decay += " beta(%beta)"
        constants += ", update = #gate.update<delta>"
    return f"""
func.func @scan({", ".join(arguments)})
    -> ({tokens} {{gate.name = "o", gate.dims = ["B", "T", "", ""]}})
    attributes {{gate.time = "T"}} {{
{widened}  %o, %last = gate.linear_scan %q, %k, %v{decay}
    {{scale = {width**-0.5:.17e} : f64{constants}}}
    : ({", ".join(types)}) -> ({tokens}, {state})
  return %o : {tokens}
}}
"""


def attention_text(heads: int, width: int) -> str:
    """Causal attention in bf16 with a sigmoid gate on each element of its result."""
    tokens = f"tensor<?x?x{heads}x{width}xbf16>"
    named = '{{gate.name = "{}", gate.dims = ["B", "T", "", ""]}}'
    arguments = [f"%{name}: {tokens} {named.format(name)}" for name in "qkvg"]
    return f"""
func.func @attention({", ".join(arguments)}) -> ({tokens} {named.format("o")}) {{
  %a = gate.attention %q, %k, %v {{causal}}
    : ({tokens}, {tokens}, {tokens}) -> {tokens}
  %o = gate.apply %a, %g {{activation = #gate.activation<sigmoid>}}
    : ({tokens}, {tokens}) -> {tokens}
  return %o : {tokens}
}}
"""


def all_programs() -> list[Program]:
    def from_file(name: str, function: str, row: str, **sizes: int) -> Program:
        text = (FILES / f"{name}.mlir").read_text()
        return Program(name, text, function, ((row, tuple(sizes.items())),))

    programs = [
        from_file("norm_gate_bf16", "norm_gate", "norm_gate", N=NORM_ROWS),
        from_file("residual_norm_bf16", "residual_norm", "residual_norm", N=NORM_ROWS),
        from_file("scan_step_f32", "step", "scan_step", B=STEP_BATCH),
    ]
    programs += [
        Program(f"product_{n}", product_text(n), "product", ((f"matmul-{n}", ()),))
        for n in PRODUCT_SIZES
    ]
    # One library serves all batches and lengths of a width.
    widths = dict.fromkeys(shape[2:] for shape in (*SCAN_SHAPES, SHORT_SCAN))
    for kind in (*SCAN_KINDS, "gla_f32"):
        shapes = (*SCAN_SHAPES, SHORT_SCAN) if kind == "gla" else SCAN_SHAPES
        if kind == "gla_f32":
            shapes = (WIDE_SCAN,)
        for heads, width in widths:
            if not any(s[2:] == (heads, width) for s in shapes):
                continue
            rows = tuple(
                (f"{kind}-{shape_name(s)}", (("B", s[0]), ("T", s[1])))
                for s in shapes
                if s[2:] == (heads, width)
            )
            name = f"{kind}_h{heads}_d{width}"
            text = scan_text(kind, heads, width)
            programs.append(Program(name, text, "scan", rows))
    for heads, width in dict.fromkeys(shape[2:] for shape in ATTENTION_SHAPES):
        rows = tuple(
            (f"attention-{shape_name(s)}", (("B", s[0]), ("T", s[1])))
            for s in ATTENTION_SHAPES
            if s[2:] == (heads, width)
        )
        name = f"attention_h{heads}_d{width}"
        programs.append(Program(name, attention_text(heads, width), "attention", rows))
    return programs
