"""Rows of linear scans in bf16, beside flash-linear-attention's kernels.

Gates are log-sigmoids of normal numbers: for gated linear attention in bf16, as
that library's own benchmarks have them, for all others in f32. Keys of delta rules
have length 1, and beta is a sigmoid in bf16. All is alike for the peer.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

from collections.abc import Callable
from functools import partial

import torch
from case import GATE, Case, Context, bf16, relative, unwritten
from programs import (
    DELTA,
    SCAN_KINDS,
    SCAN_SHAPES,
    SHORT_SCAN,
    TOKEN_GATED,
    WIDE_SCAN,
    retention_decays,
    shape_name,
)
from timing import sets_for

FLA = "fla"


def recurrence(q, k, v, decay, beta, scale: float) -> torch.Tensor:
    """o of one batch element and some heads, token by token in f64.

    q, k, v: [T, H, D]; decay: [T, H, D] or [T, H, 1], factors; beta: [T, H] or
    nothing.
    """
    tokens, heads, width = q.shape
    state = torch.zeros(heads, width, width, dtype=torch.float64, device=q.device)
    out = torch.empty(tokens, heads, width, dtype=torch.float64, device=q.device)
    for t in range(tokens):
        state = state * decay[t][:, :, None]
        value = v[t]
        if beta is not None:
            predicted = torch.bmm(k[t][:, None, :], state)[:, 0]
            value = beta[t][:, None] * (value - predicted)
        state = torch.baddbmm(state, k[t][:, :, None], value[:, None, :])
        out[t] = torch.bmm(q[t][:, None, :], state)[:, 0]
    return out * scale


def peer_call(context: Context, kind: str) -> Callable | None:
    """fla's function on (q, k, v, g, beta), or nothing."""
    kind = kind.removesuffix("_f32")
    module = context.fla.module(f"fla.ops.{kind}")
    if module is None:
        return None
    function = getattr(module, f"chunk_{kind}")
    if kind == "retention":
        return lambda q, k, v, g, beta: function(q, k, v)[0]
    if kind == "delta_rule":
        return lambda q, k, v, g, beta: function(q, k, v, beta)[0]
    if kind in DELTA:
        return lambda q, k, v, g, beta: function(q, k, v, g, beta)[0]
    return lambda q, k, v, g, beta: function(q, k, v, g)[0]


def scan(context: Context, kind: str, shape: tuple[int, ...]) -> Case:
    B, T, H, D = shape
    name = f"{kind}-{shape_name(shape)}"
    case = Case(name, context.work(name))
    f = context.function(case, f"{kind}_h{H}_d{D}", "scan")

    def inputs() -> tuple[torch.Tensor | None, ...]:
        q, k, v = (bf16(B, T, H, D) for _ in range(3))
        g = beta = None
        if kind in DELTA:
            k = torch.nn.functional.normalize(k.float(), dim=-1).to(torch.bfloat16)
            beta = torch.sigmoid(torch.randn(B, T, H, device="cuda"))
            beta = beta.to(torch.bfloat16)
        if kind not in ("retention", "delta_rule"):
            sizes = (B, T, H) if kind in TOKEN_GATED else (B, T, H, D)
            g = torch.nn.functional.logsigmoid(torch.randn(*sizes, device="cuda"))
        return q, k, v, g.to(torch.bfloat16) if kind == "gla" else g, beta

    bytes_each = 8 * B * T * H * D
    sets = [inputs() for _ in range(sets_for(bytes_each))]
    q, k, v, g, beta = sets[0]
    # One batch element and two heads over the whole length.
    heads = [0, H - 1]
    oracle: list[torch.Tensor] = []

    def error(value: torch.Tensor) -> float:
        if not oracle:
            parts = [x[B - 1, :, heads].double() for x in (q, k, v)]
            if g is not None:
                decay = g[B - 1, :, heads].double().exp()
                decay = decay[:, :, None] if kind in TOKEN_GATED else decay
            else:
                logs = retention_decays(H) if kind == "retention" else [0.0] * H
                logs = torch.tensor(logs, device="cuda")[heads]
                decay = logs.double().exp().expand(T, 2)[:, :, None]
            own = None if beta is None else beta[B - 1, :, heads].double()
            oracle.append(recurrence(*parts, decay, own, D**-0.5))
        return relative(value[B - 1, :, heads], oracle[0])

    if f:
        rooms = [unwritten(B, T, H, D) for _ in sets]

        def ours(q, k, v, g, beta, o):
            more = {"g": g, "beta": beta}
            f(q=q, k=k, v=v, **{n: x for n, x in more.items() if x is not None}, out=o)

        calls = [
            lambda one=one, o=o: ours(*one, o)
            for one, o in zip(sets, rooms, strict=True)
        ]
        case.add(GATE, calls, lambda: error(rooms[0]))
        if shape == SHORT_SCAN:
            # What a loop of calls costs: arrays are looked at once. The stream
            # is, too: no graph can capture such a call.
            def on_stream(call):
                if torch.cuda.is_current_stream_capturing():
                    raise RuntimeError("the call is bound to another stream")
                call()

            bound = [
                partial(on_stream, f.bind(q=q, k=k, v=v, g=g, out=o))
                for (q, k, v, g, _), o in zip(sets, rooms, strict=True)
            ]
            case.add(f"{GATE}, bound", bound, lambda: error(rooms[0]))
    add_peers(context, case, kind, sets, error)
    return case


def add_peers(context: Context, case: Case, kind: str, sets: list, error) -> None:
    if not context.wants(FLA):
        return
    peer = peer_call(context, kind)
    if peer is None:
        case.skipped[FLA] = context.fla.missing
        return

    def run(one):
        with torch.no_grad():
            return peer(*one)

    calls = [lambda one=one: run(one) for one in sets]
    case.add(FLA, calls, lambda: error(calls[0]()))


ROWS = {
    f"{kind}-{shape_name(shape)}": partial(scan, kind=kind, shape=shape)
    for kind in SCAN_KINDS
    for shape in SCAN_SHAPES
}
# One call that the host bounds: look at its time without a graph.
ROWS[f"gla-{shape_name(SHORT_SCAN)}"] = partial(scan, kind="gla", shape=SHORT_SCAN)
ROWS[f"gla_f32-{shape_name(WIDE_SCAN)}"] = partial(
    scan, kind="gla_f32", shape=WIDE_SCAN
)
