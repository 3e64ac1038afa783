# ===- golden_programs.py - Programs whose results are known --------------=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Every function takes a storage type and gives a program in that type."""

from __future__ import annotations

import math
import re

from programs import Program, Tensor, op, wide

#: Maps that the programs below use.
PREAMBLE = """
#x = affine_map<(b, t, o, i) -> (b, t, i)>
#w = affine_map<(b, t, o, i) -> (o, i)>
#y = affine_map<(b, t, o, i) -> (b, t, o)>
#row = affine_map<(b, t, o) -> (b, t, o)>
#bias = affine_map<(b, t, o) -> (o)>
"""


def scan(
    name: str,
    type: str,
    K: int,
    V: int,
    decay: tuple[str | int, ...] = (),
    initial: bool = False,
    attributes: str = "",
) -> Program:
    """One head of a linear scan with scale K^-1/2."""
    q, k = (Tensor(n, ("B", "T", 1, K), type) for n in "qk")
    v = Tensor("v", ("B", "T", 1, V), type)
    g = Tensor("g", decay, wide(type))
    s0 = Tensor("s0", ("B", 1, K, V), wide(type))
    results = (
        Tensor("o", ("B", "T", 1, V), type),
        Tensor("last", ("B", 1, K, V), wide(type)),
    )
    operands = [q, k, v, *[g] * bool(decay), *[s0] * initial]
    head = "gate.linear_scan %q, %k, %v"
    head += " decay(%g)" * bool(decay) + " initial(%s0)" * initial
    head += f" {{scale = {K**-0.5:.17e} : f64{attributes}}}"
    return Program(name, tuple(operands), results, op(results, head, operands))


def gla(type: str) -> Program:
    return scan("gla", type, 3, 2, ("B", "T", 1, 3), initial=True)


def linear_attention(type: str) -> Program:
    return scan("linear_attention", type, 2, 2)


def retnet(type: str) -> Program:
    constants = f", decay_constants = array<f64: {math.log(31 / 32):.17e}>"
    return scan("retnet", type, 2, 2, attributes=constants)


def simple_gla(type: str) -> Program:
    return scan("simple_gla", type, 2, 2, ("B", "T", 1))


def unit(names: tuple[str, ...], shape: tuple, type: str) -> str:
    """%NAME_unit: each of these divided by its length over the last dim."""
    lines = []
    for name in names:
        tensor = Tensor(name, shape, type)
        lines.append(
            f"  %{name}_unit = gate.norm %{name} {{kind = #gate.norm_kind<l2>, "
            f"axes = array<i64: 3>, epsilon = 1.0e-6 : f64}} "
            f": ({tensor.mlir}) -> {tensor.mlir}"
        )
    return "\n".join(lines)


def family(
    name: str,
    type: str,
    operands: str,
    more: tuple[Tensor, ...],
    attributes: str,
    units: tuple[str, ...] = ("q", "k"),
    scale: float = 2**-0.5,
) -> Program:
    """One head of width 2 with any operands and attributes."""
    shape = ("B", "T", 1, 2)
    inputs = tuple(Tensor(n, shape, type) for n in "qkv") + more
    results = (
        Tensor("o", shape, type),
        Tensor("last", ("B", 1, 2, 2), wide(type)),
    )
    used = re.findall(r"%(\w+)", operands)
    types = {tensor.name: tensor for tensor in inputs}
    given = [types[name.removesuffix("_unit")] for name in used]
    head = f"gate.linear_scan {operands} {{scale = {scale:.17e} : f64{attributes}}}"
    body = unit(units, shape, type) + "\n" + op(results, head, given)
    return Program(name, inputs, results, body)


def delta(name: str, type: str, gate: tuple[Tensor, ...]) -> Program:
    operands = "%q_unit, %k_unit, %v" + " decay(%g)" * bool(gate) + " beta(%beta)"
    beta = Tensor("beta", ("B", "T", 1), type)
    attributes = ", update = #gate.update<delta>"
    return family(name, type, operands, (*gate, beta), attributes)


def delta_net(type: str) -> Program:
    return delta("delta_net", type, ())


def gated_delta_net(type: str) -> Program:
    return delta("gated_delta_net", type, (Tensor("g", ("B", "T", 1), wide(type)),))


def kda(type: str) -> Program:
    return delta("kda", type, (Tensor("g", ("B", "T", 1, 2), wide(type)),))


def rwkv6(type: str) -> Program:
    g = Tensor("g", ("B", "T", 1, 2), wide(type))
    u = Tensor("u", (1, 2), type)
    read = ", read = #gate.read<before_with_bonus>"
    return family(
        "rwkv6", type, "%q, %k, %v decay(%g) bonus(%u)", (g, u), read, units=()
    )


def rwkv7(type: str) -> Program:
    """`a` is the layer's c, `b` its -(c * a)."""
    g = Tensor("g", ("B", "T", 1, 2), wide(type))
    a, b = (Tensor(n, ("B", "T", 1, 2), type) for n in "ab")
    update = ", update = #gate.update<diagonal_rank_one>"
    update += ", prediction = #gate.prediction<undecayed>"
    operands = "%q, %k, %v decay(%g) transition(%a, %b)"
    return family("rwkv7", type, operands, (g, a, b), update, units=(), scale=1)


def gsa(type: str) -> Program:
    """Two states with a softmax over 3 slots between them, scale 1."""
    shape, slots = ("B", "T", 1, 2), ("B", "T", 1, 3)
    inputs = tuple(Tensor(n, shape, type) for n in "qkv")
    g, w = Tensor("g", slots, wide(type)), Tensor("w", slots, type)
    read, weights = (Tensor(n, slots, type) for n in ("read", "p"))
    results = (Tensor("o", shape, type), Tensor("last", ("B", 1, 3, 2), wide(type)))
    inner = (read, Tensor("held", ("B", 1, 2, 3), wide(type)))
    first = "gate.linear_scan %q, %k, %w decay(%g) {decay_axis = #gate.axis<value>}"
    second = "gate.linear_scan %p, %w, %v decay(%g)"
    acc = wide(type)
    extend = "" if acc == type else "    %xw = arith.extf %x : {t} to {a}\n"
    extend = extend.format(t=type, a=acc)
    x = "%x" if acc == type else "%xw"
    final = "%d" if acc == type else "%n"
    narrow = "" if acc == type else f"    %n = arith.truncf %d : {acc} to {type}\n"
    sums = f"tensor<?x?x1x{acc}>"
    room = f"tensor<?x?x1x3x{type}>"
    body = f"""{op(inner, first, [inputs[0], inputs[1], w, g])}
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %nb = tensor.dim %q, %c0 : {inputs[0].mlir}
  %nt = tensor.dim %q, %c1 : {inputs[0].mlir}
  %zero = arith.constant 0.0 : {acc}
  %sum_room = tensor.empty(%nb, %nt) : {sums}
  %sum_zero = linalg.fill ins(%zero : {acc}) outs(%sum_room : {sums}) -> {sums}
  %sum = linalg.generic {{indexing_maps = [
      affine_map<(b, t, h, m) -> (b, t, h, m)>, affine_map<(b, t, h, m) -> (b, t, h)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}}
      ins(%read : {read.mlir}) outs(%sum_zero : {sums}) {{
  ^bb0(%x: {type}, %s: {acc}):
{extend}    %e = math.exp {x} : {acc}
    %y = arith.addf %s, %e : {acc}
    linalg.yield %y : {acc}
  }} -> {sums}
  %p_room = tensor.empty(%nb, %nt) : {room}
  %p = linalg.generic {{indexing_maps = [
      affine_map<(b, t, h, m) -> (b, t, h, m)>, affine_map<(b, t, h, m) -> (b, t, h)>,
      affine_map<(b, t, h, m) -> (b, t, h, m)>],
      iterator_types = ["parallel", "parallel", "parallel", "parallel"]}}
      ins(%read, %sum : {read.mlir}, {sums}) outs(%p_room : {room}) {{
  ^bb0(%x: {type}, %s: {acc}, %unused: {type}):
{extend}    %e = math.exp {x} : {acc}
    %d = arith.divf %e, %s : {acc}
{narrow}    linalg.yield {final} : {type}
  }} -> {room}
{op(results, second, [weights, w, inputs[2], g])}"""
    return Program("gsa", (*inputs, w, g), results, body)


def mamba2(type: str) -> Program:
    """One head: queries C, keys B, values Delta x; the skip is added."""
    c, b = (Tensor(n, ("B", "T", 1, 3), type) for n in "cb")
    x, skip = (Tensor(n, ("B", "T", 1, 2), type) for n in ("x", "skip"))
    g = Tensor("g", ("B", "T", 1), wide(type))
    results = (
        Tensor("y", ("B", "T", 1, 2), type),
        Tensor("last", ("B", 1, 3, 2), wide(type)),
    )
    inner = (Tensor("read", ("B", "T", 1, 2), type), results[1])
    scan_op = op(inner, "gate.linear_scan %c, %b, %x decay(%g)", [c, b, x, g])
    body = f"""{scan_op}
  %y = arith.addf %read, %skip : {x.mlir}"""
    return Program("mamba2", (c, b, x, skip, g), results, body)


def stepped(
    name: str,
    type: str,
    inputs: tuple[Tensor, ...],
    invariants: tuple[Tensor, ...],
    states: tuple[Tensor, ...],
    output: Tensor,
    body: str,
) -> Program:
    """A `gate.scan`: `body` computes %y and the new state %NAME_next of each.

    Inputs, invariants and states are %NAME_t there, in the wide type.
    """
    acc = wide(type)

    def inside(tensor: Tensor, drop: int, element: str) -> str:
        """Its type in the region, without the first dims."""
        return f"tensor<{'x'.join([*map(str, tensor.shape[drop:]), element])}>"

    groups = ((inputs, 2), (invariants, 0), (states, 1))
    arguments = [
        f"%{t.name}_r: {inside(t, drop, t.type)}"
        for group, drop in groups
        for t in group
    ]
    lines = []
    for group, drop in groups:
        for t in group:
            narrow, full = inside(t, drop, t.type), inside(t, drop, acc)
            op_name = "tensor.cast" if t.type == acc else "arith.extf"
            lines.append(
                f"    %{t.name}_t = {op_name} %{t.name}_r : {narrow} to {full}"
            )
    result, result_wide = inside(output, 2, type), inside(output, 2, acc)
    last = "tensor.cast" if type == acc else "arith.truncf"
    yields = [f"%{t.name}_next" for t in states] + ["%y_n"]
    types = [inside(t, 1, acc) for t in states] + [result]
    finals = [Tensor(f"{t.name}_last", t.shape, acc) for t in states]
    names = ", ".join(f"%{t.name}" for t in (output, *finals))
    operands = [*inputs, *invariants, *states]
    extra = ""
    if invariants:
        extra = f" invariants({', '.join(f'%{t.name}' for t in invariants)})"
    read = ", ".join(f"%{t.name}" for t in inputs)
    text = f"""  {names} = gate.scan inputs({read}){extra}
      initial({", ".join(f"%{t.name}" for t in states)}) {{
  ^bb0({", ".join(arguments)}):
{chr(10).join(lines)}
{body.replace("WIDE", acc)}
    %y_n = {last} %y : {result_wide} to {result}
    gate.yield {", ".join(yields)} : {", ".join(types)}
  }} : ({", ".join(t.mlir for t in operands)})
      -> ({", ".join(t.mlir for t in (output, *finals))})"""
    return Program(name, tuple(operands), (output, *finals), text)


def min_gru(type: str) -> Program:
    """arXiv 2410.01201: h = (1 - z) h + z c."""
    z, c = (Tensor(n, ("B", "T", 2), type) for n in "zc")
    h = Tensor("h", ("B", 2), wide(type))
    body = """    %one = arith.constant dense<1.0> : tensor<2xWIDE>
    %rest = arith.subf %one, %z_t : tensor<2xWIDE>
    %kept = arith.mulf %rest, %h_t : tensor<2xWIDE>
    %new = arith.mulf %z_t, %c_t : tensor<2xWIDE>
    %h_next = arith.addf %kept, %new : tensor<2xWIDE>
    %y = arith.addf %kept, %new : tensor<2xWIDE>"""
    return stepped(
        "min_gru", type, (z, c), (), (h,), Tensor("y", ("B", "T", 2), type), body
    )


def mamba1(type: str) -> Program:
    """arXiv 2312.00752: h = exp(delta A) h + (delta x) B^T, y = h C + skip x."""
    x, delta = (Tensor(n, ("B", "T", 2), type) for n in ("x", "delta"))
    b, c = (Tensor(n, ("B", "T", 3), type) for n in "bc")
    a, skip = Tensor("a", (2, 3), type), Tensor("skip", (2,), type)
    h = Tensor("h", ("B", 2, 3), wide(type))
    body = """    %h_next = linalg.generic {indexing_maps = [
        affine_map<(d, n) -> (d)>, affine_map<(d, n) -> (d)>,
        affine_map<(d, n) -> (n)>, affine_map<(d, n) -> (d, n)>,
        affine_map<(d, n) -> (d, n)>], iterator_types = ["parallel", "parallel"]}
        ins(%delta_t, %x_t, %b_t, %a_t :
            tensor<2xWIDE>, tensor<2xWIDE>, tensor<3xWIDE>, tensor<2x3xWIDE>)
        outs(%h_t : tensor<2x3xWIDE>) {
    ^bb1(%di: WIDE, %xi: WIDE, %bj: WIDE, %aij: WIDE, %hij: WIDE):
      %log = arith.mulf %di, %aij : WIDE
      %f = math.exp %log : WIDE
      %kept = arith.mulf %f, %hij : WIDE
      %dx = arith.mulf %di, %xi : WIDE
      %new = arith.mulf %dx, %bj : WIDE
      %sum = arith.addf %kept, %new : WIDE
      linalg.yield %sum : WIDE
    } -> tensor<2x3xWIDE>
    %skipped = arith.mulf %skip_t, %x_t : tensor<2xWIDE>
    %y = linalg.matvec ins(%h_next, %c_t : tensor<2x3xWIDE>, tensor<3xWIDE>)
        outs(%skipped : tensor<2xWIDE>) -> tensor<2xWIDE>"""
    return stepped(
        "mamba1", type, (x, delta, b, c), (a, skip), (h,),
        Tensor("y", ("B", "T", 2), type), body,
    )  # fmt: skip


def mlstm(type: str) -> Program:
    """arXiv 2405.04517, one head with K = V = 2: a stabilised matrix memory."""
    q, k, v = (Tensor(n, ("B", "T", 2), type) for n in "qkv")
    i, f = (Tensor(n, ("B", "T"), wide(type)) for n in "if")
    states = (
        Tensor("s", ("B", 2, 2), wide(type)),
        Tensor("n", ("B", 2), wide(type)),
        Tensor("m", ("B",), wide(type)),
    )
    body = f"""    %zero = arith.constant dense<0.0> : tensor<WIDE>
    %negative = arith.negf %f_t : tensor<WIDE>
    %large = arith.maximumf %negative, %zero : tensor<WIDE>
    %size = math.absf %f_t : tensor<WIDE>
    %minus = arith.negf %size : tensor<WIDE>
    %e = math.exp %minus : tensor<WIDE>
    %tail = math.log1p %e : tensor<WIDE>
    %soft = arith.addf %large, %tail : tensor<WIDE>
    %lf = arith.negf %soft : tensor<WIDE>
    %older = arith.addf %lf, %m_t : tensor<WIDE>
    %m_next = arith.maximumf %older, %i_t : tensor<WIDE>
    %df = arith.subf %older, %m_next : tensor<WIDE>
    %di = arith.subf %i_t, %m_next : tensor<WIDE>
    %forget = math.exp %df : tensor<WIDE>
    %input = math.exp %di : tensor<WIDE>
    %s_next = linalg.generic {{indexing_maps = [
        affine_map<(k, v) -> ()>, affine_map<(k, v) -> ()>,
        affine_map<(k, v) -> (k)>, affine_map<(k, v) -> (v)>,
        affine_map<(k, v) -> (k, v)>], iterator_types = ["parallel", "parallel"]}}
        ins(%forget, %input, %k_t, %v_t :
            tensor<WIDE>, tensor<WIDE>, tensor<2xWIDE>, tensor<2xWIDE>)
        outs(%s_t : tensor<2x2xWIDE>) {{
    ^bb1(%fi: WIDE, %ii: WIDE, %ki: WIDE, %vj: WIDE, %sij: WIDE):
      %kept = arith.mulf %fi, %sij : WIDE
      %ik = arith.mulf %ii, %ki : WIDE
      %new = arith.mulf %ik, %vj : WIDE
      %sum = arith.addf %kept, %new : WIDE
      linalg.yield %sum : WIDE
    }} -> tensor<2x2xWIDE>
    %n_next = linalg.generic {{indexing_maps = [
        affine_map<(k) -> ()>, affine_map<(k) -> ()>, affine_map<(k) -> (k)>,
        affine_map<(k) -> (k)>], iterator_types = ["parallel"]}}
        ins(%forget, %input, %k_t : tensor<WIDE>, tensor<WIDE>, tensor<2xWIDE>)
        outs(%n_t : tensor<2xWIDE>) {{
    ^bb1(%fi: WIDE, %ii: WIDE, %ki: WIDE, %ni: WIDE):
      %kept = arith.mulf %fi, %ni : WIDE
      %ik = arith.mulf %ii, %ki : WIDE
      %sum = arith.addf %kept, %ik : WIDE
      linalg.yield %sum : WIDE
    }} -> tensor<2xWIDE>
    %scale = arith.constant dense<{2**-0.5:.17e}> : tensor<2xWIDE>
    %qs = arith.mulf %q_t, %scale : tensor<2xWIDE>
    %zeros = arith.constant dense<0.0> : tensor<2xWIDE>
    %read = linalg.vecmat ins(%qs, %s_next : tensor<2xWIDE>, tensor<2x2xWIDE>)
        outs(%zeros : tensor<2xWIDE>) -> tensor<2xWIDE>
    %weight = linalg.dot ins(%qs, %n_next : tensor<2xWIDE>, tensor<2xWIDE>)
        outs(%zero : tensor<WIDE>) -> tensor<WIDE>
    %y = linalg.generic {{indexing_maps = [
        affine_map<(v) -> (v)>, affine_map<(v) -> ()>, affine_map<(v) -> ()>,
        affine_map<(v) -> (v)>], iterator_types = ["parallel"]}}
        ins(%read, %weight, %m_next : tensor<2xWIDE>, tensor<WIDE>, tensor<WIDE>)
        outs(%zeros : tensor<2xWIDE>) {{
    ^bb1(%rj: WIDE, %wi: WIDE, %mi: WIDE, %unused: WIDE):
      %wa = math.absf %wi : WIDE
      %mn = arith.negf %mi : WIDE
      %floor = math.exp %mn : WIDE
      %most = arith.maximumf %wa, %floor : WIDE
      %tiny = arith.constant 1.0e-6 : WIDE
      %by = arith.addf %most, %tiny : WIDE
      %o = arith.divf %rj, %by : WIDE
      linalg.yield %o : WIDE
    }} -> tensor<2xWIDE>"""
    return stepped(
        "mlstm", type, (q, k, v, i, f), (), states,
        Tensor("y", ("B", "T", 2), type), body,
    )  # fmt: skip


def narrowed(source: str, result: str, shape: str, type: str) -> str:
    """Rounds %source to the storage type, or gives it a new name."""
    if type == wide(type):
        return (
            f"  %{result} = tensor.cast %{source} : {shape}x{type}> to {shape}x{type}>"
        )
    return (
        f"  %{result} = arith.truncf %{source}"
        f" : {shape}x{wide(type)}> to {shape}x{type}>"
    )


def hgrn2(type: str) -> Program:
    """q -> silu(q), k = 1 - exp(g): the layer's own arithmetic around a scan."""
    q, v = (Tensor(n, ("B", "T", 1, 2), type) for n in "qv")
    g = Tensor("g", ("B", "T", 1, 2), wide(type))
    results = (
        Tensor("o", ("B", "T", 1, 2), type),
        Tensor("last", ("B", 1, 2, 2), wide(type)),
    )
    qs, k = (Tensor(n, q.shape, type) for n in ("qs", "k"))
    silu = op(
        [qs], "gate.apply %q, %q {activation = #gate.activation<sigmoid>}", [q] * 2
    )
    head = f"gate.linear_scan %qs, %k, %v decay(%g) {{scale = {2**-0.5:.17e} : f64}}"
    body = f"""{silu}
  %one = arith.constant 1.0 : {g.type}
  %wide = linalg.map ins(%g : {g.mlir}) outs(%g : {g.mlir})
      (%gi: {g.type}, %unused: {g.type}) {{
    %e = math.exp %gi : {g.type}
    %f = arith.subf %one, %e : {g.type}
    linalg.yield %f : {g.type}
  }}
{narrowed("wide", "k", "tensor<?x?x1x2", type)}
{op(results, head, [qs, k, v, g])}"""
    return Program("hgrn2", (q, v, g), results, body)


def project(result: str, x: str, w: str, inputs: int, outputs: int, type: str) -> str:
    """%result = x w^T in the storage type; %RESULT_wide is the sum itself."""
    acc = f"tensor<?x?x{outputs}x{wide(type)}>"
    return f"""  %{result}_room = tensor.empty(%nb, %nt) : {acc}
  %{result}_zero = linalg.fill ins(%zero : {wide(type)})
    outs(%{result}_room : {acc}) -> {acc}
  %{result}_wide = linalg.contract indexing_maps = [#x, #w, #y]
    ins(%{x}, %{w} : tensor<?x?x{inputs}x{type}>, tensor<{outputs}x{inputs}x{type}>)
    outs(%{result}_zero : {acc}) -> {acc}
{narrowed(f"{result}_wide", result, f"tensor<?x?x{outputs}", type)}"""


def split_heads(result: str, source: str, width: int, type: str) -> str:
    return (
        f"  %{result} = tensor.expand_shape %{source} [[0], [1], [2, 3]]"
        f" output_shape [%nb, %nt, 2, {width}]"
        f" : tensor<?x?x{2 * width}x{type}> into tensor<?x?x2x{width}x{type}>"
    )


def gla_layer(type: str) -> Program:
    """The whole layer: d = 8, 2 heads, keys 2 and values 4 wide, rank 2."""
    accumulator = wide(type)
    weights = {
        "wq": (4, 8), "wk": (4, 8), "wv": (8, 8), "a1": (2, 8), "a2": (4, 2),
        "wr": (8, 8), "wo": (8, 8),
    }  # fmt: skip
    x = Tensor("x", ("B", "T", 8), type)
    y = Tensor("y", ("B", "T", 8), type)
    inputs = (
        x,
        *(Tensor(name, shape, type) for name, shape in weights.items()),
        Tensor("b", (4,), accumulator),
        Tensor("weight", (4,), type),
    )
    heads = [Tensor(n, ("B", "T", 2, width), t) for n, width, t in (
        ("q", 2, type), ("k", 2, type), ("v", 4, type), ("g", 2, accumulator),
        ("r", 4, type), ("o", 4, type), ("normed", 4, type), ("gated", 4, type),
    )]  # fmt: skip
    q, k, v, g, r, o, normed, gated = heads
    state = Tensor("state", ("B", 2, 2, 4), accumulator)
    weight = inputs[-1]
    gates = f"tensor<?x?x4x{accumulator}>"
    parts = [
        f"""  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : {accumulator}
  %nb = tensor.dim %x, %c0 : {x.mlir}
  %nt = tensor.dim %x, %c1 : {x.mlir}""",
        project("q2", "x", "wq", 8, 4, type),
        project("k2", "x", "wk", 8, 4, type),
        project("v2", "x", "wv", 8, 8, type),
        project("r2", "x", "wr", 8, 8, type),
        project("low", "x", "a1", 8, 2, type),
        project("z", "low", "a2", 2, 4, type),
        f"""  %g2 = linalg.generic {{indexing_maps = [#row, #bias, #row],
      iterator_types = ["parallel", "parallel", "parallel"]}}
      ins(%z_wide, %b : {gates}, tensor<4x{accumulator}>) outs(%z_room : {gates}) {{
  ^bb0(%zi: {accumulator}, %bi: {accumulator}, %unused: {accumulator}):
    %tau = arith.constant 0.0625 : {accumulator}
    %a = arith.addf %zi, %bi : {accumulator}
    %abs = math.absf %a : {accumulator}
    %neg = arith.negf %abs : {accumulator}
    %e = math.exp %neg : {accumulator}
    %tail = math.log1p %e : {accumulator}
    %negative = arith.minimumf %a, %zero : {accumulator}
    %ls = arith.subf %negative, %tail : {accumulator}
    %out = arith.mulf %ls, %tau : {accumulator}
    linalg.yield %out : {accumulator}
  }} -> {gates}""",
        split_heads("q", "q2", 2, type),
        split_heads("k", "k2", 2, type),
        split_heads("v", "v2", 4, type),
        split_heads("g", "g2", 2, accumulator),
        split_heads("r", "r2", 4, type),
        op(
            [o, state],
            f"gate.linear_scan %q, %k, %v decay(%g) {{scale = {2**-0.5:.17e} : f64}}",
            [q, k, v, g],
        ),
        op(
            [normed],
            "gate.norm %o weight(%weight) {kind = #gate.norm_kind<rms>,"
            " axes = array<i64: 3>, epsilon = 1.0e-5 : f64}",
            [o, weight],
        ),
        op(
            [gated],
            "gate.glu %r, %normed {activation = #gate.activation<silu>}",
            [r, normed],
        ),
        f"  %flat = tensor.collapse_shape %gated [[0], [1], [2, 3]]"
        f" : {gated.mlir} into tensor<?x?x8x{type}>",
        project("y", "flat", "wo", 8, 8, type),
    ]
    return Program("gla_layer", inputs, (y,), "\n".join(parts))


# ===----------------------------------------------------------------------=== #
# Attention
# ===----------------------------------------------------------------------=== #


def gated_attention(name: str, type: str, gate: int) -> Program:
    """The layer from queries, keys and values on: causal attention of 4 heads on
    2 of keys, a sigmoid gate on what it gives, the projection to 8."""
    q = Tensor("q", ("B", "T", 4, 4), type)
    k, v = (Tensor(n, ("B", "T", 2, 4), type) for n in "kv")
    g = Tensor("g", ("B", "T", 4, gate), type)
    w = Tensor("w", (8, 16), type)
    o, gated = (Tensor(n, q.shape, type) for n in ("o", "gated"))
    parts = [
        f"""  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : {wide(type)}
  %nb = tensor.dim %q, %c0 : {q.mlir}
  %nt = tensor.dim %q, %c1 : {q.mlir}""",
        op([o], "gate.attention %q, %k, %v {causal}", [q, k, v]),
        op(
            [gated],
            "gate.apply %o, %g {activation = #gate.activation<sigmoid>}",
            [o, g],
        ),
        f"  %flat = tensor.collapse_shape %gated [[0], [1], [2, 3]]"
        f" : {gated.mlir} into tensor<?x?x16x{type}>",
        project("y", "flat", "w", 16, 8, type),
    ]
    y = Tensor("y", ("B", "T", 8), type)
    return Program(name, (q, k, v, g, w), (y,), "\n".join(parts))


# ===----------------------------------------------------------------------=== #
# Row-wise ops
# ===----------------------------------------------------------------------=== #


def norm(
    name: str, type: str, kind: str, axes: tuple[int, ...], epsilon: float,
    weight: bool = False, bias: bool = False, groups: int = 1,
) -> Program:  # fmt: skip
    """Of a [B, T, 3, 8] tensor."""
    x = Tensor("x", ("B", "T", 3, 8), type)
    shape = tuple((3, 8)[axis - 2] for axis in axes)
    w, b = (Tensor(n, shape, type) for n in "wb")
    y = Tensor("y", x.shape, type)
    operands = [x, *[w] * weight, *[b] * bias]
    head = "gate.norm %x" + " weight(%w)" * weight + " bias(%b)" * bias
    head += f" {{kind = #gate.norm_kind<{kind}>, axes = array<i64: "
    head += f"{', '.join(map(str, axes))}>, epsilon = {epsilon:.17e} : f64"
    head += f", groups = {groups} : i64}}" if groups > 1 else "}"
    return Program(name, tuple(operands), (y,), op([y], head, operands))


def glu(type: str, activation: str) -> Program:
    g, x, y = (Tensor(n, ("B", "T", 5), type) for n in ("g", "x", "y"))
    head = f"gate.glu %g, %x {{activation = #gate.activation<{activation}>}}"
    return Program(f"glu_{activation}", (g, x), (y,), op([y], head, [g, x]))


def apply(
    name: str, type: str, shape: tuple[int | str, ...], activation: str
) -> Program:
    """A gate of this shape on a [B, T, 3, 4] tensor."""
    x, g = Tensor("x", ("B", "T", 3, 4), type), Tensor("g", shape, type)
    y = Tensor("y", x.shape, type)
    head = f"gate.apply %x, %g {{activation = #gate.activation<{activation}>}}"
    return Program(name, (x, g), (y,), op([y], head, [x, g]))


def blend(
    name: str, type: str, shape: tuple[int | str, ...], activation: str
) -> Program:
    """By a gate of this shape, of two [B, T, 3, 4] tensors."""
    g = Tensor("g", shape, type)
    on, off, y = (Tensor(n, ("B", "T", 3, 4), type) for n in ("on", "off", "y"))
    head = f"gate.blend %g, %on, %off {{activation = #gate.activation<{activation}>}}"
    return Program(name, (g, on, off), (y,), op([y], head, [g, on, off]))


def short_conv(
    name: str, type: str, taps: int, activation: str, bias: bool, initial: bool
) -> Program:
    """Over 5 channels."""
    x = Tensor("x", ("B", "T", 5), type)
    w, b = Tensor("w", (5, taps), type), Tensor("b", (5,), type)
    s0 = Tensor("s0", ("B", taps - 1, 5), type)
    results = (Tensor("y", x.shape, type), Tensor("last", s0.shape, type))
    operands = [x, w, *[b] * bias, *[s0] * initial]
    head = "gate.short_conv %x, %w" + " bias(%b)" * bias + " initial(%s0)" * initial
    head += f" {{activation = #gate.activation<{activation}>}}"
    return Program(name, tuple(operands), results, op(results, head, operands))


def gather(name: str, type: str, index: str) -> Program:
    table = Tensor("table", (7, 5), type)
    ids = Tensor("ids", ("B", "T"), index)
    y = Tensor("y", ("B", "T", 5), type)
    return Program(
        name, (table, ids), (y,), op([y], "gate.gather %table, %ids", [table, ids])
    )
