"""Rows bound by memory: norms with what stands around them, one token of a scan.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import torch
from case import GATE, Case, Context, bf16, relative, unwritten
from programs import NORM_ROWS, NORM_WIDTH, STEP_BATCH, STEP_HEADS, STEP_WIDTH
from timing import sets_for

COMPILED = "torch.compile"
EPSILON = 1e-6


def norm_of(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + EPSILON) * w


def norm_gate(context: Context) -> Case:
    n, d = NORM_ROWS, NORM_WIDTH
    case = Case("norm_gate", context.work("norm_gate"))
    f = context.function(case, "norm_gate_bf16", "norm_gate")
    w = bf16(d)

    def peer(x, g):
        norm = torch.nn.functional.rms_norm(x, (d,), w, EPSILON)
        return torch.nn.functional.silu(g) * norm

    compiled = torch.compile(peer)
    sets = [
        (bf16(n, d), bf16(n, d), unwritten(n, d)) for _ in range(sets_for(6 * n * d))
    ]
    x, g, y = sets[0]

    def oracle() -> torch.Tensor:
        silu = torch.nn.functional.silu(g.double())
        return silu * norm_of(x.double(), w.double())

    if f:
        calls = [lambda x=x, g=g, y=y: f(x=x, g=g, w=w, out=y) for x, g, y in sets]
        case.add(GATE, calls, lambda: relative(y, oracle()))
    if context.wants(COMPILED):
        calls = [lambda x=x, g=g: compiled(x, g) for x, g, _ in sets]
        case.add(COMPILED, calls, lambda: relative(compiled(x, g), oracle()))
    return case


def residual_norm(context: Context) -> Case:
    n, d = NORM_ROWS, NORM_WIDTH
    case = Case("residual_norm", context.work("residual_norm"))
    f = context.function(case, "residual_norm_bf16", "residual_norm")
    w = bf16(d)

    def peer(x, r):
        h = x + r
        return h, torch.nn.functional.rms_norm(h, (d,), w, EPSILON)

    compiled = torch.compile(peer)
    sets = [
        (bf16(n, d), bf16(n, d), unwritten(n, d), unwritten(n, d))
        for _ in range(sets_for(8 * n * d))
    ]
    x, r, h, y = sets[0]

    def error(h: torch.Tensor, y: torch.Tensor) -> float:
        total = (x + r).double()
        return max(relative(h, total), relative(y, norm_of(total, w.double())))

    if f:
        calls = [
            lambda x=x, r=r, h=h, y=y: f(x=x, r=r, w=w, out={"h": h, "y": y})
            for x, r, h, y in sets
        ]
        case.add(GATE, calls, lambda: error(h, y))
    if context.wants(COMPILED):
        calls = [lambda x=x, r=r: compiled(x, r) for x, r, _, _ in sets]
        case.add(COMPILED, calls, lambda: error(*compiled(x, r)))
    return case


def scan_step(context: Context) -> Case:
    b, h, n = STEP_BATCH, STEP_HEADS, STEP_WIDTH
    case = Case("scan_step", context.work("scan_step"))
    f = context.function(case, "scan_step_f32", "step")

    def peer(q, key, value, g, s):
        s.mul_(g.exp()[..., None]).add_(key[..., None] * value[..., None, :])
        return torch.einsum("bhk,bhkv->bhv", q * n**-0.5, s)

    compiled = torch.compile(peer)

    def inputs() -> tuple[torch.Tensor, ...]:
        q, key, value = (torch.randn(b, h, n, device="cuda") for _ in range(3))
        g = -torch.rand(b, h, n, device="cuda")
        s = torch.randn(b, h, n, n, device="cuda")
        return q, key, value, g, s, unwritten(b, h, n, dtype=torch.float32)

    sets = [inputs() for _ in range(sets_for(8 * b * h * n * n))]

    def ours(q, key, value, g, s, o):
        f(q=q, k=key, v=value, g=g, state={"s": s}, next_state={"s": s}, out=o)
        return o

    def error(run) -> float:
        q, key, value, g, s, _ = sets[0]
        after = s.double() * g.double().exp()[..., None]
        after += key.double()[..., None] * value.double()[..., None, :]
        out = torch.einsum("bhk,bhkv->bhv", q.double() * n**-0.5, after)
        result = run()
        return max(relative(result, out), relative(s, after))

    if f:
        calls = [lambda one=one: ours(*one) for one in sets]
        case.add(GATE, calls, lambda: error(calls[0]))
    if context.wants(COMPILED):
        peers = [lambda one=one: compiled(*one[:5]) for one in sets]
        case.add(COMPILED, peers, lambda: error(peers[0]))
    return case


ROWS = {"norm_gate": norm_gate, "residual_norm": residual_norm, "scan_step": scan_step}
