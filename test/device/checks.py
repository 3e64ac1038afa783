# ===- checks.py - What the device tests check of a call ------------------=== #
#
# Laws compare calls with calls, mostly bit for bit; others look at a library's
# errors, graphs and streams.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""For run.py."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import data
import numpy as np
from calls import (
    SLACK,
    Arrays,
    Call,
    Case,
    Compiled,
    Cpu,
    Failure,
    Libraries,
    Worst,
    call,
    expect,
    expect_equal,
    judge,
    rounding_of_operands,
    sizes_of,
)  # fmt: skip

import gate

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
    """Tensors need the alignment of their elements, on a GPU of 16 bytes."""
    offset = 1 if context.where.name == "cpu" else 16
    moved = context.call(context.inputs, offset=offset)
    expect_equal(moved, context.results, f"arrays that are moved by {offset} elements")


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
            allowed += 2 * rounding_of_operands(context.case)[0]
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
    """Indices out of range: they read 0, and it is told once."""
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
    read = context.call({**context.inputs, ids: wrong})
    expect_error(
        gate.InvalidData,
        f"cuda_status: cuda:{device}: a call since the last query met "
        "index data out of range; what they read was 0",
        lambda: library.cuda_status(device),
    )
    library.cuda_status(device)
    expected = context.call({**context.inputs, ids: right})
    outside = wrong != right
    for values in expected.values():
        values[outside] = 0
    expect_equal(read, expected, "indices out of range")
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
