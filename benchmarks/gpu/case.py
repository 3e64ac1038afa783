"""What a row is made of, and what all rows need to find.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peers import FlashLinearAttention
from table import Work
from timing import Call

import gate

#: Ours, among the names of programs.
GATE = "gate"


@dataclass
class Case:
    """The programs of one row, on the same data."""

    name: str
    work: Work | None
    #: Calls on each of the sets of inputs.
    calls: dict[str, list[Call]] = field(default_factory=dict)
    #: Error of what the first call left, relative to f64. Runs the call again.
    errors: dict[str, Callable[[], float]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, calls: list[Call], error: Callable[[], float]) -> None:
        self.calls[name] = calls
        self.errors[name] = error


def bf16(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, device="cuda").to(torch.bfloat16)


def unwritten(*shape: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    """An output: what is not written shows."""
    return torch.full(shape, float("nan"), device="cuda", dtype=dtype)


def relative(value: torch.Tensor, oracle: torch.Tensor) -> float:
    difference = value.double() - oracle
    return float(difference.norm() / oracle.norm())


class Context:
    """Libraries, costs, peers: what was built, found and asked for."""

    def __init__(self, folder: Path, peers: list[str] | None, fla: list[Path]) -> None:
        self.folder = folder
        self.peers = peers
        stored = folder / "costs.json"
        known = json.loads(stored.read_text()) if stored.exists() else {}
        self.costs, self.refused = known.get("costs", {}), known.get("refused", {})
        self.fla = FlashLinearAttention(fla)

    def work(self, row: str) -> Work | None:
        cost = self.costs.get(row)
        return cost and Work(cost["product_flops"], cost["bytes"])

    def wants(self, name: str) -> bool:
        return self.peers is None or name in self.peers

    def function(self, case: Case, library: str, function: str) -> Callable | None:
        """Ours; where it is absent the case says why."""
        if not self.wants(GATE):
            return None
        path = self.folder / f"lib{library}.so"
        if path.exists():
            return getattr(gate.load(path), function)
        refusal = self.refused.get(library)
        case.skipped[GATE] = (
            f"the compiler refuses it: {refusal}" if refusal else f"{path} is not there"
        )
        return None
