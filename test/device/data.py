# ===- data.py - Data and types of the device tests -----------------------=== #
#
# Numbers that are the same on every machine: a generator's raw bits, then only
# operations that IEEE arithmetic rounds exactly. The machine with the GPU makes
# the inputs again, so the folder that travels to it holds oracles only.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs only NumPy. bf16 is uint16 with the same bits."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Arrays that hold the bits of each type.
STORED = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(np.uint16),
    "f16": np.dtype(np.float16),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
}
#: The names that a library's signature has for them.
NAMES = {
    "float64": "f64", "float32": "f32", "bfloat16": "bf16", "float16": "f16",
    "int64": "i64", "int32": "i32",
}  # fmt: skip

#: Outputs with more elements are compared with the oracle at this many places.
SAMPLES = 2048


def store(values: np.ndarray, type: str) -> np.ndarray:
    """Rounds to a type, ties to even."""
    if type != "bf16":
        return values.astype(STORED[type])
    single = np.ascontiguousarray(values, np.float32)
    bits = single.view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> 16
    return np.where(np.isnan(single), 0x7FC0, rounded).astype(np.uint16)


def widen(stored: np.ndarray, type: str) -> np.ndarray:
    """The values as f64; integers stay what they are."""
    if type == "bf16":
        bits = np.ascontiguousarray(stored).astype(np.uint32) << 16
        return bits.view(np.float32).astype(np.float64)
    return stored if stored.dtype.kind == "i" else stored.astype(np.float64)


def poison(count: int, type: str) -> np.ndarray:
    """NaN, or -1."""
    if type in ("i32", "i64"):
        return np.full(count, -1, STORED[type])
    return store(np.full(count, np.nan, np.float32), type)


def _bits(seed: int, count: int) -> np.ndarray:
    return np.random.PCG64(seed).random_raw(count)


def normal(seed: int, count: int) -> np.ndarray:
    """Nearly normal numbers: sums of four even ones."""
    words = _bits(seed, 2 * count).view(np.uint32).reshape(count, 4)
    total = words.astype(np.float64).sum(1)
    return (total - 2.0 * (2**32 - 1)) / (2.0**32 * math.sqrt(1 / 3))


def log_gates(kind: str, seed: int, count: int) -> np.ndarray:
    """The kinds of gates of the tests of scans, as log-gates: one, or by row."""
    kinds = kind.split(",")
    if len(kinds) > 1:
        rows = [
            log_gates(own, seed + 2 * row, count // len(kinds))
            for row, own in enumerate(kinds)
        ]
        return np.concatenate(rows)
    if kind in ("open", "closed"):
        return np.full(count, 0.0 if kind == "open" else -math.inf)
    gates = -0.8 * normal(seed, count) ** 2
    if kind != "mixed":
        return gates * {"weak": 0.1, "ordinary": 1.0, "strong": 10.0}[kind]
    bits = _bits(seed + 1, count)
    gates *= np.array([0.01, 0.1, 1.0, 10.0])[(bits & np.uint64(3)).astype(int)]
    share = (bits >> np.uint64(32)) % np.uint64(100)
    gates[share < 20] = 0
    gates[share >= 97] = -math.inf
    return gates


def unit_rows(seed: int, shape: Sequence[int]) -> np.ndarray:
    """Of length 1 along the last dim."""
    rows = normal(seed, math.prod(shape)).reshape(-1, shape[-1])
    return rows / np.sqrt(np.sum(rows**2, -1, keepdims=True) + 1e-6)


def make(spec: Mapping[str, Any]) -> np.ndarray:
    """An input: {"type", "shape", "data", "seed"}, and "limit" of indices."""
    count, seed = math.prod(spec["shape"]), spec["seed"]
    data, _, kind = spec["data"].partition(":")
    if data == "index":
        values = (_bits(seed, count) % np.uint64(spec["limit"])).astype(np.int64)
    elif data == "gates":
        values = log_gates(kind, seed, count)
    elif data == "weight":
        values = 1 + 0.25 * normal(seed, count)
    elif data == "positive":
        values = 2 * normal(seed, count) ** 2 + 2.0**-7
    elif data == "share":
        values = 1 / (1 + np.exp(-normal(seed, count)))
    elif data == "unit":
        values = unit_rows(seed, spec["shape"])
    elif data == "transition":
        # What the unit rows of another input, whose seed is given, take away.
        share = 1 / (1 + np.exp(-normal(seed, count)))
        values = -share * unit_rows(int(kind), spec["shape"]).reshape(-1)
    elif data == "spread":
        # Arguments of activations, from saturated to small.
        values = 4 * normal(seed, count)
    else:
        values = normal(seed, count)
    return store(values, spec["type"]).reshape(spec["shape"])


def seed_of(*names: str) -> int:
    return zlib.crc32(" ".join(names).encode())


def checksum(stored: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(stored).tobytes())


def positions(count: int) -> np.ndarray | slice:
    """Where a flat output of this many elements is compared."""
    if count <= SAMPLES:
        return slice(None)
    # A prime above every size: all places differ.
    return np.arange(SAMPLES, dtype=np.int64) * 2654435761 % count


def rms(values: np.ndarray) -> float:
    return math.sqrt(float(np.mean(values**2))) if values.size else 0.0


def take(array: Any, dims: Sequence[Any], name: str, index: Any) -> Any:
    """`array` with `index` along the dim of this name, or as it is."""
    if name not in dims:
        return array
    return array[(slice(None),) * list(dims).index(name) + (index,)]
