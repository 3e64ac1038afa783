# ===- run.py - Runs the device tests -------------------------------------=== #
#
# Loads the libraries that build.py made and compares what they compute with the
# oracles saved beside them. Arrays lie between poisoned guards, outputs start
# poisoned; laws compare calls with calls, bit for bit.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs Python, NumPy, PyTorch and NVIDIA's driver; with --cpu only NumPy.

With --sanitize TOOL it runs itself again under compute-sanitizer.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import math
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

import checks  # noqa: E402
import numpy as np  # noqa: E402
from calls import (  # noqa: E402
    Case,
    Cpu,
    Cuda,
    Exceeded,
    Failure,
    Libraries,
    LostDevice,
    Worst,
    call,
    judge,
)  # fmt: skip
from checks import Context  # noqa: E402

import gate  # noqa: E402

#: The status that a sanitizer ends with when it has found something.
SANITIZER_STATUS = 9

# ===----------------------------------------------------------------------=== #
# The run
# ===----------------------------------------------------------------------=== #


@dataclass
class Row:
    """A line of the table."""

    cases: int = 0
    passed: int = 0
    refused: int = 0
    worst: Worst = field(default_factory=Worst)


class Run:
    def __init__(self, folder: Path, torch: Any, quick: bool) -> None:
        self._libraries = Libraries(folder)
        self._arrays = np.load(folder / "arrays.npz")
        self._torch, self._quick = torch, quick
        self._where = Cpu() if torch is None else Cuda(torch)
        self.rows: dict[tuple[str, str], Row] = {}
        self.failures = 0
        self._programs: set[tuple[str, str]] = set()

    def fail(self, case: str, check: str, message: object) -> None:
        self.failures += 1
        print(f"FAIL {case}: {check}: {message}", flush=True)

    def row(self, family: str, type: str) -> Row:
        return self.rows.setdefault((family, type), Row())

    def run(self, entry: Mapping[str, Any]) -> Context | None:
        case = Case(entry, self._arrays, on_gpu=self._torch is not None)
        row = self.row(entry["family"], entry["type"])
        row.cases += 1
        failures = self.failures
        context = None
        try:
            context = self._values(case, row)
        except (Failure, gate.GateError, RuntimeError) as error:
            self.fail(case.name, "values", error)
            self._stop_if_lost(error)
        if context is not None and not self._quick:
            for name, check in self._checks(context):
                try:
                    check()
                except (Failure, gate.GateError, RuntimeError) as error:
                    self.fail(case.name, name, error)
                    self._stop_if_lost(error)
        row.passed += self.failures == failures
        return context

    def _values(self, case: Case, row: Row) -> Context | None:
        compiled = self._libraries.get(case.entry["library"], case.entry["function"])
        inputs = case.inputs()
        results = call(self._where, compiled, inputs)
        context = Context(self._where, case, compiled, inputs, results)
        for name, value in results.items():
            try:
                row.worst.add(judge(case, name, value))
            except Exceeded as failure:
                row.worst.add(failure.worst)
                raise
        return context

    def _checks(self, context: Context) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "repeat", lambda: checks.check_repeat(context)
        yield "offset", lambda: checks.check_offset(context)
        yield "in place", lambda: checks.check_in_place(context)
        yield "batch", lambda: checks.check_batch(context)
        yield "neighbours", lambda: checks.check_neighbours(context)
        yield "cpu", lambda: checks.check_cpu(context)
        yield "pieces", lambda: checks.check_pieces(context)
        yield "stream", lambda: checks.check_stream(context, self._libraries)
        key = (context.case.entry["library"], context.case.entry["function"])
        if self._torch is not None and context.case.elements:
            if key not in self._programs:
                yield "graph", lambda: checks.check_graph(context, self._torch)
                yield "late", lambda: checks.check_late_inputs(context, self._torch)
            self._programs.add(key)

    def _stop_if_lost(self, error: BaseException) -> None:
        """After a fault in a kernel the context is lost, and all else fails."""
        if self._torch is None:
            return
        try:
            self._torch.cuda.synchronize()
        except RuntimeError:
            raise LostDevice from error

    def run_calls(self, contexts: Mapping[str, Context]) -> None:
        for kernel, check in (
            ("chain", checks.calls_errors),
            ("gather_i32", checks.calls_indices),
            ("gather_i64", checks.calls_indices),
            ("chain", checks.calls_overhead),
            ("step_vector", checks.calls_overhead),
        ):
            name = check.__name__.replace("_", "-")
            if kernel not in contexts:
                print(f"{name}: no case of {kernel} among those that ran")
                continue
            row = self.row("calls", contexts[kernel].case.entry["type"])
            row.cases += 1
            try:
                check(contexts[kernel], self._torch)
                row.passed += 1
            except (Failure, gate.GateError, RuntimeError, TypeError) as error:
                self.fail(contexts[kernel].case.name, name, error)
                self._stop_if_lost(error)

    def print_table(self) -> None:
        print(f"{'family':8} {'type':5} {'cases':>6} {'passed':>7} {'max/bound':>10} "
              f"{'rms/bound':>10} {'refused':>8}")  # fmt: skip
        for (family, type), row in sorted(self.rows.items()):
            print(
                f"{family:8} {type:5} {row.cases:6} {row.passed:7} "
                f"{row.worst.largest:10.3f} {row.worst.rms:10.3f} {row.refused:8}"
            )


def smallest(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """A small case of every kind of kernel that has enough for a few threads."""
    best: dict[str, tuple[int, Mapping[str, Any]]] = {}
    for entry in entries:
        size = sum(math.prod(o["shape"]) for o in entry["outputs"].values())
        rank = size if size >= 300 else (1 << 40) - size
        if size and rank < best.get(entry["kernel"], (1 << 60, entry))[0]:
            best[entry["kernel"]] = (rank, entry)
    return [entry for _, entry in best.values()]


def selected(entry: Mapping[str, Any], options: argparse.Namespace) -> bool:
    name = entry.get("name") or entry["program"]
    return (not options.family or entry["family"] in options.family.split(",")) and (
        not options.filter or fnmatch.fnmatch(name, f"*{options.filter}*")
    )


def sanitize(options: argparse.Namespace) -> int:
    """This program again, under a sanitizer."""
    command = ["compute-sanitizer", "--tool", options.sanitize]
    command += ["--error-exitcode", str(SANITIZER_STATUS), sys.executable]
    command += [os.path.abspath(__file__), str(options.folder), "--small"]
    for name in ("family", "filter"):
        if getattr(options, name):
            command += [f"--{name}", getattr(options, name)]
    # Every array is an allocation of its own: its end is an end to the tool.
    environment = {**os.environ, "PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    try:
        return subprocess.run(command, env=environment).returncode
    except FileNotFoundError:
        print("cannot find compute-sanitizer on the search path", file=sys.stderr)
        return 2


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the device tests.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "out" / "device")
    parser.add_argument("--filter", help="only cases whose name has this pattern")
    parser.add_argument("--family", help="only these, separated by commas")
    parser.add_argument("--list", action="store_true", help="print cases, run none")
    parser.add_argument("--cpu", action="store_true", help="run all on the CPU")
    parser.add_argument(
        "--small", action="store_true", help="values of a small case of each kernel"
    )
    parser.add_argument(
        "--sanitize",
        choices=("memcheck", "racecheck", "synccheck"),
        help="the same under compute-sanitizer",
    )
    return parser.parse_args()


def run_all(whole: Run, entries: list[Mapping[str, Any]], calls: bool) -> None:
    contexts: dict[str, Context] = {}
    for entry in entries:
        context = whole.run(entry)
        shown = entry["type"] == "f32" and context and context.case.elements
        if shown and "wide" not in entry["function"]:
            contexts.setdefault(entry["kernel"], context)
    if calls:
        whole.run_calls(contexts)


def run(options: argparse.Namespace, manifest: Mapping[str, Any]) -> int:
    entries = [e for e in manifest["cases"] if selected(e, options)]
    refused = [e for e in manifest["refused"] if selected(e, options)]
    if options.list:
        for entry in entries:
            print(entry["name"], entry["family"], entry["type"])
        for entry in refused:
            print(entry["program"], f"refused: {entry['message']}")
        return 0
    torch = None
    if not options.cpu:
        import torch

        print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    if options.small:
        entries = smallest(entries)
    whole = Run(options.folder, torch, quick=options.small)
    try:
        run_all(whole, entries, calls=torch is not None and not options.small)
    except LostDevice:
        print("the device is lost: what follows was not run")
    for entry in refused:
        whole.row(entry["family"], entry["type"]).refused += entry["cases"]
    whole.print_table()
    for message, count in Counter(e["message"] for e in refused).most_common():
        print(f"refused: {count} programs: {message}")
    ran = sum(row.cases for row in whole.rows.values())
    print(f"{ran} cases, {whole.failures} failures")
    return 1 if whole.failures or not ran else 0


def main() -> int:
    options = parse()
    if options.sanitize:
        return sanitize(options)
    manifest = json.loads((options.folder / "manifest.json").read_text())
    return run(options, manifest)


if __name__ == "__main__":
    sys.exit(main())
