"""Figures of a run as lines of a table and as JSON. Needs no GPU.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import json
import statistics
from dataclasses import dataclass, field
from pathlib import Path

HEAD = (
    f"{'row':30s} {'program':22s} {'us':>10s} {'of floor':>8s} {'TFLOP/s':>8s} "
    f"{'TB/s':>6s} {'us, host':>10s} {'error':>8s}"
)


@dataclass(frozen=True)
class Work:
    """What a row must do, by the compiler's cost model."""

    flops: float
    bytes: float

    def floor(self, copy_rate: float, product_rate: float) -> float:
        """The least time that the ceilings allow, in seconds."""
        return max(self.bytes / copy_rate, self.flops / product_rate)


@dataclass
class Figures:
    """One program's turns, in seconds, and its error relative to f64."""

    device: list[float]
    host: list[float]
    error: float | None = None
    #: Whether device times are of a CUDA graph, or of calls between events.
    has_graph: bool = True

    def seconds(self) -> float:
        return statistics.median(self.device)

    def host_seconds(self) -> float:
        return statistics.median(self.host)


@dataclass
class Result:
    """All programs of one row, from the same turns."""

    row: str
    work: Work | None
    copy_rate: float
    product_rate: float
    programs: dict[str, Figures] = field(default_factory=dict)
    #: Why a program is missing.
    skipped: dict[str, str] = field(default_factory=dict)


def lines(result: Result) -> list[str]:
    """The table's lines of one row."""
    text = []
    for name, figures in result.programs.items():
        seconds, share, flops, rate = figures.seconds(), "-", "-", "-"
        if result.work:
            floor = result.work.floor(result.copy_rate, result.product_rate)
            share = f"{100 * floor / seconds:.1f} %"
            flops = f"{result.work.flops / seconds / 1e12:.1f}"
            rate = f"{result.work.bytes / seconds / 1e12:.2f}"
        error = "-" if figures.error is None else f"{figures.error:.1e}"
        note = "" if figures.has_graph else "  (no graph)"
        text.append(
            f"{result.row:30s} {name:22s} {seconds * 1e6:10.1f} {share:>8s} "
            f"{flops:>8s} {rate:>6s} {figures.host_seconds() * 1e6:10.1f} "
            f"{error:>8s}{note}"
        )
    text += [
        f"{result.row:30s} {name:22s} skipped: {reason}"
        for name, reason in result.skipped.items()
    ]
    return text


def ceilings_line(result: Result) -> str:
    """What the GPU gave in the turns of the row, and what that allows."""
    text = (
        f"{'':30s} ceilings: copy {result.copy_rate / 1e12:.2f} TB/s, bf16 product "
        f"{result.product_rate / 1e12:.0f} TFLOP/s"
    )
    if result.work:
        floor = result.work.floor(result.copy_rate, result.product_rate)
        text += f"; floor {floor * 1e6:.1f} us"
    return text


def as_json(result: Result) -> dict:
    programs = {
        name: {
            "seconds": figures.seconds(),
            "host_seconds": figures.host_seconds(),
            "error": figures.error,
            "has_graph": figures.has_graph,
            "turns": figures.device,
            "host_turns": figures.host,
        }
        for name, figures in result.programs.items()
    }
    work = result.work and {"flops": result.work.flops, "bytes": result.work.bytes}
    return {
        "row": result.row,
        "work": work,
        "copy_bytes_per_second": result.copy_rate,
        "product_flops_per_second": result.product_rate,
        "programs": programs,
        "skipped": result.skipped,
    }


def write_json(path: Path, machine: dict, results: list[Result]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {**machine, "rows": [as_json(result) for result in results]}
    path.write_text(json.dumps(content, indent=1) + "\n")
