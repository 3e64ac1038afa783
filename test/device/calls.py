# ===- calls.py - Calls of the device tests and what they wrote -----------=== #
#
# Arrays between poisoned guards on a CPU or a GPU, the cases of a folder, and
# the comparison of an output with its oracle.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""For run.py."""

from __future__ import annotations

import gzip
import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import data
import numpy as np

import gate

#: On both sides of every array: more than a vector, and keeps the alignment.
GUARD_BYTES = 256
SLACK = 2.0**-22

#: Products of chunks take operands of the storage type on a GPU (keys and scores
#: that decay has rescaled, the state, the weights of a softmax), as other GPU
#: kernels do: what that rounding may cost the largest and the RMS error, in RMS of
#: the output.
OPERAND_ROUNDING = {"bf16": (2.0**-6, 2.0**-8), "f16": (2.0**-9, 2.0**-11)}
#: What a token predicts is rounded before it is multiplied with its key, so that
#: the largest elements of a state, a dozen times its RMS, err in proportion.
PREDICTED = 4

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
    """Libraries of a folder by name, unpacked and loaded once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "libraries"
        self._unpacked = tempfile.TemporaryDirectory(prefix="gate-device-")
        self._loaded: dict[str, gate.Library] = {}

    def get(self, name: str, function: str) -> Compiled:
        if name not in self._loaded:
            path = Path(self._unpacked.name) / f"{name}.so"
            path.write_bytes(
                gzip.decompress((self._folder / f"{name}.so.gz").read_bytes())
            )
            self._loaded[name] = gate.load(path, name)
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
    on_gpu: bool = False

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


def rounding_of_operands(case: Case) -> tuple[float, float]:
    """See OPERAND_ROUNDING; nothing where no product of a chunk is."""
    chunked = ("scan", "law", "derived", "attention")
    if not case.on_gpu or case.entry["family"] not in chunked:
        return 0.0, 0.0
    largest, rms = OPERAND_ROUNDING.get(case.entry["type"], (0.0, 0.0))
    if case.entry.get("predicts"):
        largest *= PREDICTED
    return largest, rms


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
        most, mean = rounding_of_operands(case)
        worst = Worst(
            share(largest / scale, 2 * plain["largest"] + SLACK + most),
            share(rms / scale, 2 * plain["rms"] + SLACK + mean),
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
