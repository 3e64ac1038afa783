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

python3 test/device/run.py
python3 test/device/run.py --sanitize memcheck
"""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

import data  # noqa: E402
import numpy as np  # noqa: E402

import gate  # noqa: E402

#: On both sides of every array: more than a vector, and keeps the alignment.
GUARD_BYTES = 256
SLACK = 2.0**-22
#: The status that a sanitizer ends with when it has found something.
SANITIZER_STATUS = 9

Arrays = dict[str, np.ndarray]


class Failure(Exception):  # noqa: N818
    """What a check has to say."""


def expect(condition: bool, message: str) -> None:
    if not condition:
        raise Failure(message)


# ===----------------------------------------------------------------------=== #
# Memory: the bits of arrays between guards, on a CPU or a GPU
# ===----------------------------------------------------------------------=== #


class Cpu:
    name = "cpu"

    def upload(self, flat: np.ndarray, type: str) -> Any:
        return flat

    def download(self, flat: Any) -> np.ndarray:
        return flat

    def settle(self) -> None:
        pass


class Cuda:
    name = "cuda"

    def __init__(self, torch: Any) -> None:
        self._torch = torch
        self._types = {
            "f64": torch.float64, "f32": torch.float32, "bf16": torch.bfloat16,
            "f16": torch.float16, "i64": torch.int64, "i32": torch.int32,
        }  # fmt: skip

    def upload(self, flat: np.ndarray, type: str) -> Any:
        bits = flat.view(np.int16) if type == "bf16" else flat
        return self._torch.from_numpy(bits).to("cuda").view(self._types[type])

    def download(self, flat: Any) -> np.ndarray:
        if flat.dtype == self._torch.bfloat16:
            return flat.view(self._torch.int16).cpu().numpy().view(np.uint16)
        return flat.cpu().numpy()

    def settle(self) -> None:
        self._torch.cuda.synchronize()


class Placed:
    """An array in the middle of poisoned memory."""

    def __init__(self, where: Any, values: np.ndarray, type: str, offset: int) -> None:
        guard = GUARD_BYTES // values.itemsize
        self._start, self._type, self._where = guard + offset, type, where
        self._end = self._start + values.size
        whole = data.poison(self._end + guard, type)
        whole[self._start : self._end] = values.reshape(-1)
        self._before = whole.copy()
        self._flat = where.upload(whole, type)
        #: What a call takes.
        self.array = self._flat[self._start : self._end].reshape(values.shape)

    @classmethod
    def room(cls, where: Any, shape: list[int], type: str, offset: int = 0) -> Placed:
        values = data.poison(math.prod(shape), type).reshape(shape)
        return cls(where, values, type, offset)

    def read(self, name: str) -> np.ndarray:
        """The values, if nothing beside them was written."""
        after = self._where.download(self._flat)
        for side in (slice(0, self._start), slice(self._end, None)):
            kept = after[side].tobytes() == self._before[side].tobytes()
            expect(kept, f"{name}: memory beside the array was written")
        return after[self._start : self._end].reshape(tuple(self.array.shape)).copy()

    def expect_unchanged(self, name: str) -> None:
        after = self._where.download(self._flat)
        expect(after.tobytes() == self._before.tobytes(), f"{name} was written to")


# ===----------------------------------------------------------------------=== #
# Cases
# ===----------------------------------------------------------------------=== #


@dataclass(frozen=True)
class TensorOf:
    """A tensor of a function as its library describes it."""

    name: str
    role: str
    type: str
    shape: tuple[int | str, ...]


@dataclass
class Compiled:
    library: gate.Library
    function: Any
    tensors: list[TensorOf]

    def of(self, *roles: str) -> list[TensorOf]:
        return [t for t in self.tensors if t.role in roles]


class Libraries:
    """Libraries of a folder by name, loaded once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "libraries"
        self._loaded: dict[str, gate.Library] = {}

    def get(self, name: str, function: str) -> Compiled:
        if name not in self._loaded:
            self._loaded[name] = gate.load(self._folder / f"{name}.so", name)
        library = self._loaded[name]
        own = next(f for f in library.signature["functions"] if f["name"] == function)
        tensors = [
            TensorOf(t["name"], t["role"], data.NAMES[t["type"]], tuple(t["shape"]))
            for t in own["tensors"]
        ]
        return Compiled(library, library.functions[function], tensors)


@dataclass
class Case:
    """An entry of the manifest with its arrays."""

    entry: Mapping[str, Any]
    arrays: Any

    @property
    def name(self) -> str:
        return self.entry["name"]

    @property
    def elements(self) -> int:
        return sum(math.prod(o["shape"]) for o in self.entry["outputs"].values())

    def inputs(self) -> Arrays:
        result = {}
        for name, spec in self.entry["inputs"].items():
            if spec["data"] == "array":
                result[name] = self.arrays[f"{self.name}/{name}"]
            else:
                result[name] = data.make(spec)
            matches = data.checksum(result[name]) == spec["crc"]
            expect(matches, f"input {name} is not what the oracle was made from")
        return result

    def oracle(self, name: str) -> np.ndarray | None:
        if "rms" not in self.entry["outputs"][name]:
            return None
        return self.arrays[f"{self.name}/out/{name}"]


@dataclass
class Worst:
    """Errors as a share of what is allowed."""

    largest: float = 0.0
    rms: float = 0.0

    def add(self, other: Worst) -> None:
        self.largest = max(self.largest, other.largest)
        self.rms = max(self.rms, other.rms)


def share(error: float, allowed: float) -> float:
    if math.isnan(error):
        return math.inf
    return error / allowed if allowed else (0.0 if error == 0 else math.inf)


def judge(case: Case, name: str, stored: np.ndarray) -> Worst:
    """An output against the oracle by the case's rule."""
    entry = case.entry["outputs"][name]
    expect(list(stored.shape) == entry["shape"], f"{name} has shape {stored.shape}")
    value = data.widen(stored, entry["type"]).reshape(-1)
    bad = np.flatnonzero(~np.isfinite(value))
    if bad.size:
        at = tuple(int(i) for i in np.unravel_index(bad[0], stored.shape))
        raise Failure(f"{name}: {bad.size} of {value.size} not finite, first at {at}")
    oracle = case.oracle(name)
    if oracle is None:
        return Worst()
    difference = np.abs(value[data.positions(value.size)] - oracle.astype(np.float64))
    largest, rms = float(difference.max()), data.rms(difference)
    scale = entry["rms"] or 1.0
    rule = case.entry["rule"]
    if rule == "exact":
        count = np.count_nonzero(difference)
        expect(count == 0, f"{name}: {count} of {difference.size} values differ")
        return Worst()
    if rule == "golden":
        allowed = case.entry["tolerance"]
        allowed *= entry["rms"] if case.entry["relative"] else 1.0
        worst = Worst(share(largest, allowed))
    else:
        plain = entry["plain"]
        worst = Worst(
            share(largest / scale, 2 * plain["largest"] + SLACK),
            share(rms / scale, 2 * plain["rms"] + SLACK),
        )
    if max(worst.largest, worst.rms) > 1:
        at = int(difference.argmax())
        found = np.arange(value.size)[data.positions(value.size)][at]
        place = tuple(int(i) for i in np.unravel_index(found, stored.shape))
        raise Exceeded(
            f"{name}: error {worst.largest:.2f} of the bound, RMS {worst.rms:.2f}; "
            f"got {value[found]:.9g} at {place}, expected {oracle[at]:.9g}, "
            f"RMS of all {scale:.3g}",
            worst,
        )
    return worst


class LostDevice(Exception):  # noqa: N818
    """A kernel has failed: nothing else runs in this process."""


class Exceeded(Failure):
    def __init__(self, message: str, worst: Worst) -> None:
        super().__init__(message)
        self.worst = worst


# ===----------------------------------------------------------------------=== #
# Calls
# ===----------------------------------------------------------------------=== #


def sizes_of(compiled: Compiled, inputs: Arrays) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for tensor in compiled.of("input", "parameter", "state"):
        for dim, size in zip(tensor.shape, inputs[tensor.name].shape, strict=True):
            if isinstance(dim, str):
                sizes[dim] = size
    return sizes


class Call:
    """A call's arrays; `run` makes it, `results` reads what it wrote."""

    def __init__(
        self,
        where: Any,
        compiled: Compiled,
        inputs: Arrays,
        offset: int = 0,
        in_place: bool = False,
    ) -> None:
        self._where, self._compiled = where, compiled
        self._in_place = in_place
        sizes = sizes_of(compiled, inputs)

        def room(tensor: TensorOf) -> Placed:
            shape = [sizes[s] if isinstance(s, str) else s for s in tensor.shape]
            return Placed.room(where, shape, tensor.type, offset)

        self.given = {
            t.name: Placed(where, inputs[t.name], t.type, offset)
            for t in compiled.of("input", "parameter")
        }
        self.state = {
            t.name: Placed(where, inputs[t.name], t.type, offset)
            for t in compiled.of("state")
        }
        self.out = {t.name: room(t) for t in compiled.of("output")}
        self.next = self.state
        if not in_place:
            self.next = {t.name: room(t) for t in compiled.of("next_state")}

    def arguments(self) -> dict[str, Any]:
        def arrays(placed: Mapping[str, Placed]) -> dict[str, Any]:
            return {name: p.array for name, p in placed.items()}

        options: dict[str, Any] = {**arrays(self.given), "out": arrays(self.out)}
        if self.state:
            options["state"] = arrays(self.state)
        if self.next:
            options["next_state"] = arrays(self.next)
        return options

    def run(self) -> Call:
        self._compiled.function(**self.arguments())
        return self

    def results(self) -> Arrays:
        self._where.settle()
        for name, placed in self.given.items():
            placed.expect_unchanged(f"input {name}")
        if not self._in_place:
            for name, placed in self.state.items():
                placed.expect_unchanged(f"the old state {name}")
        return {name: p.read(name) for name, p in {**self.out, **self.next}.items()}


def call(where: Any, compiled: Compiled, inputs: Arrays, **options: Any) -> Arrays:
    return Call(where, compiled, inputs, **options).run().results()


def expect_equal(actual: Arrays, expected: Arrays, what: str) -> None:
    """Bit for bit."""
    for name, value in expected.items():
        other = actual[name]
        expect(other.shape == value.shape, f"{what}: shapes of {name} differ")
        if other.tobytes() == value.tobytes():
            continue
        bits = np.dtype(f"u{value.itemsize}")
        differing = other.view(bits) != value.view(bits)
        at = tuple(int(i[0]) for i in np.nonzero(differing))
        raise Failure(
            f"{what}: {np.count_nonzero(differing)} of {value.size} values of {name} "
            f"differ, first at {at}"
        )


# ===----------------------------------------------------------------------=== #
# Laws
# ===----------------------------------------------------------------------=== #


@dataclass
class Context:
    """A case on a device, its inputs and what it gave."""

    where: Any
    case: Case
    compiled: Compiled
    inputs: Arrays
    results: Arrays
    worst: Worst = field(default_factory=Worst)

    def call(self, inputs: Arrays, **options: Any) -> Arrays:
        return call(self.where, self.compiled, inputs, **options)

    def rows_of(self, arrays: Arrays, rows: list[int]) -> Arrays:
        """These batch elements of what has a batch dim."""
        shapes = {t.name: t.shape for t in self.compiled.tensors}
        return {
            name: np.ascontiguousarray(data.take(x, shapes[name], "B", rows))
            for name, x in arrays.items()
        }

    @property
    def batch(self) -> int:
        """Batch elements, or 0 where the results have no such dim."""
        written = self.compiled.of("output", "next_state")
        if any("B" not in t.shape for t in written):
            return 0
        return sizes_of(self.compiled, self.inputs).get("B", 0)


def check_repeat(context: Context) -> None:
    for _ in range(3):
        expect_equal(context.call(context.inputs), context.results, "another call")


def check_offset(context: Context) -> None:
    """Tensors need the alignment of their elements only."""
    moved = context.call(context.inputs, offset=1)
    expect_equal(moved, context.results, "arrays that are moved by an element")


def check_in_place(context: Context) -> None:
    if context.compiled.of("state"):
        written = context.call(context.inputs, in_place=True)
        expect_equal(written, context.results, "state in place")


def check_batch(context: Context) -> None:
    size = context.batch
    if size < 2:
        return
    for order in (list(range(size))[::-1], [size - 1], [0, 0, *range(size)]):
        permuted = context.call(context.rows_of(context.inputs, order))
        expected = context.rows_of(context.results, order)
        expect_equal(permuted, expected, f"batch elements {order}")


def check_neighbours(context: Context) -> None:
    """NaN in other batch elements leaves no trace."""
    if context.batch < 2:
        return
    row = context.batch // 2
    shapes = {t.name: t.shape for t in context.compiled.tensors}
    types = {t.name: t.type for t in context.compiled.tensors}
    inputs = {}
    for name, x in context.inputs.items():
        inputs[name] = x
        if "B" in shapes[name] and types[name] not in ("i32", "i64"):
            spoilt = data.poison(x.size, types[name]).reshape(x.shape)
            at = (slice(None),) * shapes[name].index("B") + (row,)
            spoilt[at] = x[at]
            inputs[name] = spoilt
    found = context.rows_of(context.call(inputs), [row])
    expect_equal(found, context.rows_of(context.results, [row]), "NaN neighbours")


def check_cpu(context: Context) -> None:
    """The library's CPU code agrees: each side may err as much as allowed."""
    if context.where.name == "cpu":
        return
    try:
        results = call(Cpu(), context.compiled, context.inputs)
    except gate.UnsupportedCpu:
        return
    for name, stored in results.items():
        entry = context.case.entry["outputs"][name]
        one, other = (
            data.widen(x, entry["type"]) for x in (stored, context.results[name])
        )
        if not one.size or "rms" not in entry:
            continue
        difference = float(np.abs(one - other).max())
        if context.case.entry["rule"] == "exact":
            allowed = 0.0
        elif context.case.entry["rule"] == "golden":
            allowed = 2 * context.case.entry["tolerance"]
            allowed *= entry["rms"] if context.case.entry["relative"] else 1.0
        else:
            allowed = 2 * (2 * entry["plain"]["largest"] + SLACK)
            allowed *= entry["rms"] or 1.0
        expect(
            difference <= allowed,
            f"{name}: CPU and GPU differ by {difference:.3g}, allowed {allowed:.3g}",
        )


def judge_all(context: Context, results: Arrays, what: str) -> None:
    for name, value in results.items():
        try:
            judge(context.case, name, value)
        except Failure as failure:
            raise Failure(f"{what}: {failure}") from None


def check_pieces(context: Context) -> None:
    """A sequence that is cut anywhere, its state carried, meets the same bound."""
    law = context.case.entry.get("pieces")
    T = sizes_of(context.compiled, context.inputs).get("T", 0)
    if law is None or T < 2:
        return
    shapes = {t.name: t.shape for t in context.compiled.tensors}
    for cuts in ([T // 2], [1, T // 3], [0, T // 2, T // 2, T - 1]):
        ends = [0, *sorted(cuts), T]
        pieces = list(itertools.pairwise(ends))
        inputs, outputs, last = dict(context.inputs), [], {}
        for begin, end in reversed(pieces) if law["reverse"] else pieces:
            part = {
                name: np.ascontiguousarray(
                    data.take(x, shapes[name], "T", slice(begin, end))
                )
                for name, x in inputs.items()
            }
            last = context.call(part)
            outputs.append(last)
            inputs |= {to: last[name] for name, to in law["carry"].items()}
        if law["reverse"]:
            outputs.reverse()
        results = {
            name: np.concatenate([o[name] for o in outputs], shapes[name].index("T"))
            if "T" in shapes[name]
            else last[name]
            for name in context.results
        }
        judge_all(context, results, f"cut at {ends[1:-1]}")


def check_stream(context: Context, libraries: Libraries) -> None:
    """Token by token with the step that the compiler derived."""
    name = context.case.entry.get("stream")
    if name is None:
        return
    step = libraries.get(context.case.entry["library"], name)
    shapes = {t.name: t.shape for t in context.compiled.tensors}
    inputs = dict(context.inputs)
    T, results = sizes_of(context.compiled, inputs)["T"], []
    for t in range(T):
        token = {}
        for tensor in step.of("input", "parameter", "state"):
            x = inputs[tensor.name]
            keeps = len(tensor.shape) == x.ndim
            index = slice(t, t + 1) if keeps else t
            x = data.take(x, shapes[tensor.name], "T", index)
            token[tensor.name] = np.ascontiguousarray(x)
        results.append(call(context.where, step, token, in_place=True))
        inputs |= {s.name: results[-1][s.name] for s in step.of("state")}
    whole = {}
    for name, value in context.results.items():
        if "T" not in shapes[name]:
            whole[name] = results[-1][name]
            continue
        axis = shapes[name].index("T")
        rest = [*value.shape[:axis], 1, *value.shape[axis + 1 :]]
        whole[name] = np.concatenate([r[name].reshape(rest) for r in results], axis)
    judge_all(context, whole, "token by token")


def check_graph(context: Context, torch: Any) -> None:
    """A call in a CUDA graph, replayed on other data."""
    if context.where.name == "cpu" or not context.case.elements:
        return
    context.compiled.library.cuda_load(torch.cuda.current_device())
    made = Call(context.where, context.compiled, context.inputs)
    options = made.arguments()
    floats = [p.array for p in made.given.values() if p.array.is_floating_point()]
    copies = [x.clone() for x in floats]
    graph = torch.cuda.CUDAGraph()
    for x in floats:
        x.zero_()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        context.compiled.function(**options)
    for x, copy in zip(floats, copies, strict=True):
        x.copy_(copy)
    for _ in range(2):
        graph.replay()
    expect_equal(made.results(), context.results, "a CUDA graph")


def check_late_inputs(context: Context, torch: Any) -> None:
    """On another stream, behind work that writes its inputs."""
    if context.where.name == "cpu" or not context.case.elements:
        return
    made = Call(context.where, context.compiled, context.inputs)
    floats = [p.array for p in made.given.values() if p.array.is_floating_point()]
    copies = [x.clone() for x in floats]
    for x in floats:
        x.fill_(math.nan)
    torch.cuda.synchronize()
    current = torch.cuda.Stream()
    with torch.cuda.stream(current):
        torch.cuda._sleep(5_000_000)
        for x, copy in zip(floats, copies, strict=True):
            x.copy_(copy)
        made.run()
    expect_equal(made.results(), context.results, "another stream")


# ===----------------------------------------------------------------------=== #
# Checks of calls as such
# ===----------------------------------------------------------------------=== #


def expect_error(kind: type[Exception], text: str, run: Callable[[], Any]) -> None:
    try:
        run()
    except kind as error:
        expect(str(error) == text, f"expected the error {text!r}, got {str(error)!r}")
        return
    raise Failure(f"expected the error {text!r}, got none")


def calls_errors(context: Context, torch: Any) -> None:
    """Arrays on different devices."""
    compiled, prefix = context.compiled, context.compiled.library.prefix
    names = [t.name for t in compiled.of("input")]
    start = f"{prefix}_{compiled.function.name}: argument"
    device = torch.cuda.current_device()

    def replaced(name: str, value: Any) -> Callable[[], Any]:
        options = Call(context.where, compiled, context.inputs).arguments()
        if name in options["out"]:
            options["out"][name] = value
        else:
            options[name] = value
        return lambda: compiled.function(**options)

    host = Call(Cpu(), compiled, context.inputs)
    expect_error(
        gate.InvalidArgument,
        f"{start} {names[1]}: expected memory of cuda:{device} like argument "
        f"{names[0]}, got CPU memory",
        replaced(names[1], host.given[names[1]].array),
    )
    expect_error(
        gate.InvalidArgument,
        f"{start} {names[1]}: expected CPU memory like argument {names[0]}, got "
        f"memory of cuda:{device}",
        replaced(names[0], host.given[names[0]].array),
    )
    output = compiled.of("output")[0].name
    expect_error(
        gate.InvalidArgument,
        f"{start} {output}: expected memory of cuda:{device} like argument "
        f"{names[0]}, got CPU memory",
        replaced(output, host.out[output].array),
    )
    count = torch.cuda.device_count()
    expect_error(
        gate.UnsupportedDevice,
        f"cuda_load: cuda:{count}: expected a device number below {count}, the number "
        "of CUDA devices that this process sees",
        lambda: compiled.library.cuda_load(count),
    )
    # Pinned memory is the CPU's.
    pinned = {
        name: torch.from_numpy(x).pin_memory() for name, x in context.inputs.items()
    }
    result = compiled.function(**pinned)
    expect(np.isfinite(np.asarray(result[0])).all(), "pinned memory: not finite")


def calls_indices(context: Context, torch: Any) -> None:
    """Indices out of range: clamped, and told once."""
    library, device = context.compiled.library, torch.cuda.current_device()
    torch.cuda.synchronize()
    library.cuda_status(device)
    ids = next(n for n, x in context.inputs.items() if x.dtype.kind == "i")
    table = next(n for n in context.inputs if n != ids)
    rows = context.inputs[table].shape[0]
    wrong = context.inputs[ids].copy()
    wrong.flat[0], wrong.flat[-1] = rows, -1
    right = wrong.copy()
    right.flat[0], right.flat[-1] = rows - 1, 0
    clamped = context.call({**context.inputs, ids: wrong})
    expect_error(
        gate.InvalidData,
        f"cuda_status: cuda:{device}: a call since the last query met "
        "index data out of range; such indices were clamped",
        lambda: library.cuda_status(device),
    )
    library.cuda_status(device)
    expected = context.call({**context.inputs, ids: right})
    expect_equal(clamped, expected, "clamped indices")
    library.cuda_status(device)


def calls_overhead(context: Context, torch: Any) -> None:
    """Printed, never judged."""
    made = Call(context.where, context.compiled, context.inputs)
    options, count = made.arguments(), 2000
    bound = context.compiled.function.bind(**options)
    for what, run in (
        ("bound call", bound),
        ("call", lambda: context.compiled.function(**options)),
    ):
        for _ in range(100):
            run()
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(count):
            run()
        host = (time.perf_counter() - begin) / count
        torch.cuda.synchronize()
        whole = (time.perf_counter() - begin) / count
        print(
            f"{what} of {context.case.name}: {1e6 * host:.1f} us on the host, "
            f"{1e6 * whole:.1f} us with the device's work ({count} calls after 100)"
        )


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
        case, row = Case(entry, self._arrays), self.row(entry["family"], entry["type"])
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
        yield "repeat", lambda: check_repeat(context)
        yield "offset", lambda: check_offset(context)
        yield "in place", lambda: check_in_place(context)
        yield "batch", lambda: check_batch(context)
        yield "neighbours", lambda: check_neighbours(context)
        yield "cpu", lambda: check_cpu(context)
        yield "pieces", lambda: check_pieces(context)
        yield "stream", lambda: check_stream(context, self._libraries)
        key = (context.case.entry["library"], context.case.entry["function"])
        if self._torch is not None and context.case.elements:
            if key not in self._programs:
                yield "graph", lambda: check_graph(context, self._torch)
                yield "late", lambda: check_late_inputs(context, self._torch)
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
            ("chain", calls_errors),
            ("gather_i32", calls_indices),
            ("gather_i64", calls_indices),
            ("chain", calls_overhead),
            ("step_vector", calls_overhead),
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
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
