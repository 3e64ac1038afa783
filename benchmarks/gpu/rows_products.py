"""Rows bound by tensor cores: a product in bf16 with bias and SiLU fused.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

from functools import partial

import torch
from case import GATE, Case, Context, bf16, relative, unwritten
from programs import PRODUCT_SIZES
from timing import sets_for

#: cuBLAS alone, without bias and SiLU, and with them as kernels of their own.
PLAIN, APART = "cublas", "addmm+silu"
#: Rows of the result that are compared with f64.
CHECKED = 256


def product(context: Context, n: int) -> Case:
    name = f"matmul-{n}"
    case = Case(name, context.work(name))
    f = context.function(case, f"product_{n}", "product")
    sets = [
        (bf16(n, n), bf16(n, n) * n**-0.5, bf16(n), unwritten(n, n))
        for _ in range(sets_for(6 * n * n))
    ]
    x, w, bias, y = sets[0]
    places = torch.randperm(n, device="cuda")[:CHECKED]

    def apart(x, w, bias):
        return torch.nn.functional.silu(torch.addmm(bias, x, w))

    def error(value: torch.Tensor, is_plain: bool = False) -> float:
        oracle = x[places].double() @ w.double()
        if not is_plain:
            oracle = torch.nn.functional.silu(oracle + bias.double())
        return relative(value[places], oracle)

    if f:
        calls = [
            lambda x=x, w=w, bias=bias, y=y: f(x=x, w=w, bias=bias, out=y)
            for x, w, bias, y in sets
        ]
        case.add(GATE, calls, lambda: error(y))
    if context.wants(PLAIN):
        room = torch.empty_like(y)
        calls = [lambda x=x, w=w: torch.matmul(x, w, out=room) for x, w, _, _ in sets]
        case.add(PLAIN, calls, lambda: error(torch.matmul(x, w), is_plain=True))
    if context.wants(APART):
        calls = [lambda one=one: apart(*one[:3]) for one in sets]
        case.add(APART, calls, lambda: error(apart(x, w, bias)))
    return case


ROWS = {f"matmul-{n}": partial(product, n=n) for n in PRODUCT_SIZES}
