"""Times of calls on a GPU, and what the GPU at hand can do.

A figure is the median over turns; every turn replays a CUDA graph of calls on
several sets of inputs, together larger than the L2 cache, and measures the
ceilings, so that all of them see the same clocks.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

Call = Callable[[], object]
#: Bytes that the sets of inputs of a row must exceed.
CACHE = 3 * 64 * 2**20
COPY_BYTES = 2**28
PRODUCT_SIZE = 8192


def sets_for(bytes_per_call: float) -> int:
    return max(2, -(-CACHE // max(int(bytes_per_call), 1)))


def captured(calls: list[Call]) -> torch.cuda.CUDAGraph | None:
    """One graph of all calls; nothing where they cannot be captured.

    They run before, so that nothing is loaded or tuned in it.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for call in calls:
            call()
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            for call in calls:
                call()
    except RuntimeError:
        torch.cuda.synchronize()
        return None
    return graph


def event_seconds(work: Call, calls: int) -> float:
    """Per call, between two events of the stream."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    work()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / calls / 1e3


def host_seconds(calls: list[Call]) -> float:
    """Per call without a graph, from the first call to the end of the work."""
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for call in calls:
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) / len(calls)


class Timed:
    """Calls of one program, and the times of its turns."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls
        self.graph = captured(calls)
        self.device: list[float] = []
        self.host: list[float] = []

    def turn(self) -> None:
        def run_all() -> None:
            for call in self.calls:
                call()

        work = self.graph.replay if self.graph else run_all
        self.device.append(event_seconds(work, len(self.calls)))
        self.host.append(host_seconds(self.calls))


@dataclass
class Ceilings:
    """Bytes a second of a copy, FLOPs a second of a product in bf16."""

    copies: list[float] = field(default_factory=list)
    products: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A graph does not keep the tensors of its calls.
        self._calls = _copies(), _products()
        self._copy, self._product = map(captured, self._calls)

    def turn(self) -> None:
        self.copies.append(2 * COPY_BYTES / event_seconds(self._copy.replay, 2))
        flops = 2 * PRODUCT_SIZE**3
        self.products.append(flops / event_seconds(self._product.replay, 2))

    def restart(self) -> None:
        self.copies, self.products = [], []

    def medians(self) -> tuple[float, float]:
        return statistics.median(self.copies), statistics.median(self.products)


def _copies() -> list[Call]:
    pairs = [
        tuple(
            torch.randint(0, 255, (COPY_BYTES,), dtype=torch.uint8, device="cuda")
            for _ in range(2)
        )
        for _ in range(2)
    ]
    return [lambda a=a, c=c: c.copy_(a) for a, c in pairs]


def _products() -> list[Call]:
    def matrix() -> torch.Tensor:
        n = PRODUCT_SIZE
        return torch.randn(n, n, device="cuda", dtype=torch.bfloat16)

    pairs = [(matrix(), matrix(), matrix()) for _ in range(2)]
    return [lambda a=a, b=b, c=c: torch.matmul(a, b, out=c) for a, b, c in pairs]
