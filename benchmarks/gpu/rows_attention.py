"""Rows of causal softmax attention in bf16 with a sigmoid gate on its output.

The gate has the size of the output (arXiv 2505.06708, elementwise after the
attention); the peers apply it with a kernel of its own.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

from functools import partial

import torch
from case import GATE, Case, Context, bf16, relative, unwritten
from programs import ATTENTION_SHAPES, shape_name
from table import Work
from timing import sets_for
from torch.nn.attention import SDPBackend, sdpa_kernel

PEERS = {
    "sdpa-cudnn": SDPBackend.CUDNN_ATTENTION,
    "sdpa-flash": SDPBackend.FLASH_ATTENTION,
}
#: Last queries that are compared with f64, of two heads.
CHECKED = 128


def attention(context: Context, shape: tuple[int, ...]) -> Case:
    B, T, H, D = shape
    name = f"attention-{shape_name(shape)}"
    bytes_each = 2 * 5 * B * T * H * D
    # Half of the scores: two products of 2 D FLOPs for each.
    work = context.work(name) or Work(2 * B * H * T * T * D, bytes_each)
    case = Case(name, work)
    f = context.function(case, f"attention_h{H}_d{D}", "attention")
    sets = [
        tuple(bf16(B, T, H, D) for _ in range(4)) for _ in range(sets_for(bytes_each))
    ]
    q, k, v, g = sets[0]
    heads = [0, H - 1]

    def error(value: torch.Tensor) -> float:
        def part(x: torch.Tensor) -> torch.Tensor:
            return x[B - 1][:, heads].double().transpose(0, 1)

        scores = part(q)[:, -CHECKED:] @ part(k).mT * D**-0.5
        later = torch.ones(CHECKED, T, dtype=torch.bool, device="cuda")
        scores.masked_fill_(later.triu(T - CHECKED + 1), -torch.inf)
        out = torch.softmax(scores, -1) @ part(v)
        out *= torch.sigmoid(part(g)[:, -CHECKED:])
        return relative(part(value)[:, -CHECKED:], out)

    if f:
        rooms = [unwritten(B, T, H, D) for _ in sets]
        calls = [
            lambda one=one, o=o: f(**dict(zip("qkvg", one, strict=True)), out=o)
            for one, o in zip(sets, rooms, strict=True)
        ]
        case.add(GATE, calls, lambda: error(rooms[0]))
    add_peers(context, case, sets, error)
    return case


def add_peers(context: Context, case: Case, sets: list, error) -> None:
    # In the layout that they prefer, [B, H, T, D].
    own = [tuple(x.transpose(1, 2).contiguous() for x in one) for one in sets]

    def run(q, k, v, g, backend):
        with torch.no_grad(), sdpa_kernel(backend):
            out = torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=True
            )
            return out * torch.sigmoid(g)

    for name, backend in PEERS.items():
        if not context.wants(name):
            continue
        calls = [lambda one=one, backend=backend: run(*one, backend) for one in own]
        try:
            calls[0]()
        except RuntimeError as missing:
            case.skipped[name] = str(missing).splitlines()[0]
            continue
        case.add(name, calls, lambda first=calls[0]: error(first().transpose(1, 2)))


ROWS = {
    f"attention-{shape_name(shape)}": partial(attention, shape=shape)
    for shape in ATTENTION_SHAPES
}
