# ===- test_attention.py - The bound and the laws of attention ------------=== #
#
# Compiled attention against loops in f64 over a covering set of sizes, masks,
# biases and types; then the laws that hold bit for bit.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

import itertools
import zlib

import covering
import numpy as np
import pytest
from attention import Attention, loop, make_inputs
from programs import NUMPY, Functions, call, run_reference
from scans import errors, expect_bound

#: Queries and keys: one, few, a tile of each, more, caches, more queries than
#: keys, and nothing.
SIZES = (
    (1, 1), (1, 333), (5, 7), (16, 16), (17, 64), (64, 64), (65, 129), (130, 200),
    (100, 40), (3, 300), (0, 5), (5, 0),
)  # fmt: skip
FACTORS = {
    "sizes": SIZES,
    "K": (1, 5, 16, 60, 64, 128),
    "V": (1, 7, 16, 60, 64, 128),
    "heads": ((2, 2), (4, 2), (3, 1)),
    "type": ("f32", "bf16", "f16", "f64"),
    "causal": (False, True),
    "window": (0, 1, 20, 100),
    "lengths": ("", "i32", "i64"),
    "log_gate": (False, True),
    "sinks": (False, True),
    "gates": ("mixed", "weak", "ordinary", "strong", "closed"),
}
STATIC = [name for name in FACTORS if name not in ("sizes", "gates")]


def attention_of(case: covering.Case) -> Attention:
    values = {name: case[name] for name in STATIC}
    # Only causal attention has gates.
    values["causal"] |= values["log_gate"]
    return Attention(**values)


CASES = covering.pairwise(FACTORS)


def identifier(case: covering.Case) -> str:
    T, S = case["sizes"]
    return f"{T}x{S}-{attention_of(case).name}-{case['gates']}"


class Compiled:
    def __init__(self, folder, attentions: list[Attention], size: int = 6) -> None:
        programs = {a.name: a.program for a in attentions}
        names = list(programs)
        self._module = {name: f"m{i // size}" for i, name in enumerate(names)}
        modules = {
            f"m{start // size}": [programs[n] for n in names[start : start + size]]
            for start in range(0, len(names), size)
        }
        self.functions = Functions(folder, modules)

    def __call__(self, a: Attention, inputs) -> np.ndarray:
        return call(self.functions[self._module[a.name], a.name], a.program, inputs)[
            "o"
        ]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    attentions = [*map(attention_of, CASES), *LAWS]
    compiled = Compiled(tmp_path_factory.mktemp("attention"), attentions)
    with compiled.functions:
        yield compiled


def seed(text: str) -> int:
    return zlib.crc32(text.encode())


def rounded(a: Attention, value: np.ndarray) -> np.ndarray:
    return value.astype(NUMPY[a.type]).astype(np.float64)


def plain_type(a: Attention) -> type[np.floating]:
    return np.float64 if a.type == "f64" else np.float32


def data(a: Attention, B: int, T: int, S: int, gates: str = "mixed"):
    return make_inputs(a, B, T, S, gates, seed(f"{a.name} {T} {S}"))


@pytest.mark.parametrize("case", CASES, ids=identifier)
def test_bound(case, compiled):
    a, (T, S) = attention_of(case), case["sizes"]
    # The largest of few errors is mostly luck: narrow results take more rows.
    B = max(2, 1024 // max(T * a.V * a.heads[0], 1))
    inputs = data(a, min(B, 64), T, S, case["gates"])
    expect_bound(
        "o",
        compiled(a, inputs),
        rounded(a, loop(a, inputs, plain_type(a))),
        loop(a, inputs, np.float64),
    )


@pytest.mark.parametrize("case", CASES[::12], ids=identifier)
def test_reference(case, tmp_path):
    """The loop and the compiler's own meaning agree in f64."""
    a, (T, S) = attention_of(case), case["sizes"]
    inputs = data(a, 3, T, S, case["gates"])
    value = run_reference(tmp_path, a.program, inputs)["o"]
    # A scale, gates and sinks in f32 are what they are in both.
    assert errors(value, loop(a, inputs, np.float64)).largest < 1e-12


# ===----------------------------------------------------------------------=== #
# Laws
# ===----------------------------------------------------------------------=== #

LAWS = [
    Attention(64, 64, (4, 2), "f32", causal=True),
    Attention(60, 100, (3, 1), "bf16", causal=True, window=70, lengths="i64"),
    Attention(16, 17, (2, 2), "f16", window=9, lengths="i32", sinks=True),
    Attention(5, 7, (2, 1), "f32", causal=True, lengths="i32", log_gate=True),
    Attention(128, 64, (2, 2), "bf16", causal=True, log_gate=True, sinks=True),
    Attention(33, 17, (2, 2), "f64", lengths="i64"),
]
all_laws = pytest.mark.parametrize("a", LAWS, ids=lambda a: a.name)
sizes = pytest.mark.parametrize("T, S", [(1, 200), (7, 7), (64, 64), (130, 257)])


def rows_of(inputs, rows):
    """These batch elements; sinks have none."""
    return {n: x if n == "s" else np.ascontiguousarray(x[rows])
            for n, x in inputs.items()}  # fmt: skip


def expect_equal(value: np.ndarray, expected: np.ndarray) -> None:
    assert np.isfinite(expected.astype(np.float64)).all()
    assert value.tobytes() == expected.tobytes()


@all_laws
@sizes
def test_batch(a, T, S, compiled):
    """Order, neighbours and number of the batch change no bit."""
    inputs = data(a, 3, T, S)
    expected = compiled(a, inputs)
    for rows in ([2, 0, 1], [1], [0, 0, 2, 1, 1]):
        expect_equal(compiled(a, rows_of(inputs, rows)), expected[rows])


@all_laws
@sizes
def test_threads(a, T, S, compiled):
    inputs = data(a, 3, T, S)
    try:
        compiled.functions.set_num_threads(1)
        expected = compiled(a, inputs)
        for threads in (2, 3, 8):
            compiled.functions.set_num_threads(threads)
            expect_equal(compiled(a, inputs), expected)
    finally:
        compiled.functions.set_num_threads(0)


@pytest.mark.parametrize("a", [a for a in LAWS if a.lengths], ids=lambda a: a.name)
@sizes
def test_lengths_are_a_slice(a, T, S, compiled):
    """Keys past the length are not read, whatever they are."""
    inputs = data(a, 1, T, S)
    for length in {0, 1, S // 2, S - 1, S, S + 3}:
        kept = min(length, S)
        whole = {name: x.copy() for name, x in inputs.items()}
        whole["n"][:] = length
        for name in "kvg":
            if name in whole:
                whole[name][:, kept:] = np.nan
        cut = {n: np.ascontiguousarray(x[:, :kept]) if n in "kvg" else x
               for n, x in whole.items()}  # fmt: skip
        expect_equal(compiled(a, whole), compiled(a, cut))


@pytest.mark.parametrize("a", [a for a in LAWS if a.causal], ids=lambda a: a.name)
def test_causal(a, compiled):
    """A query does not see the keys after it, nor those out of its window."""
    T = 150
    inputs = data(a, 1, T, T)
    if "n" in inputs:
        inputs["n"][:] = T
    expected = compiled(a, inputs)
    for query in (0, 63, 64, 100):
        changed = {name: x.copy() for name, x in inputs.items()}
        last = query + 1 - a.window if a.window else 0
        for name in "kv":
            changed[name][:, query + 1 :] += 1
            changed[name][:, : max(last, 0)] += 1
        expect_equal(compiled(a, changed)[:, query], expected[:, query])


@pytest.mark.parametrize("S", [1, 70, 300])
def test_open_gates(S, tmp_path):
    """Gates of 1 are no gates, and sinks of nothing, bit for bit, no sinks."""
    plain = Attention(16, 16, causal=True)
    gated = Attention(16, 16, causal=True, log_gate=True)
    sunk = Attention(16, 16, causal=True, sinks=True)
    compiled = Compiled(tmp_path, [plain, gated, sunk])
    with compiled.functions:
        inputs = make_inputs(gated, 2, S, S, "open", seed(f"open {S}"))
        expected = compiled(plain, {n: inputs[n] for n in "qkv"})
        value = compiled(gated, inputs)
        # Chunks are walked in the opposite order.
        oracle = loop(plain, inputs, np.float64)
        expect_bound("o", value, loop(plain, inputs, np.float32), oracle)
        nothing = np.full(2, -np.inf, np.float32)
        value = compiled(sunk, {**{n: inputs[n] for n in "qkv"}, "s": nothing})
        expect_equal(value, expected)


def test_covering_set():
    assert len(CASES) <= 150
    for a, b in itertools.combinations(FACTORS, 2):
        pairs = {(case[a], case[b]) for case in CASES}
        assert pairs == set(itertools.product(FACTORS[a], FACTORS[b]))
