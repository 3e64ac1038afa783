# ===- test_schedules.py - Programs under schedules of a user -------------=== #
#
# Whatever a schedule chooses, results stay within the bound and laws hold bit
# for bit: time split into segments, other chunks, other tiles, guards.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

import json
import subprocess
import zlib

import numpy as np
import pytest
import scans
from programs import Program, Tensor, call, compile_library, compiler
from scans import Scan, expect_bound, loop, make_inputs, rounded

import gate

SEGMENT = 128
#: Less than a segment, whole ones, and every kind of rest behind them.
LENGTHS = (0, 1, 127, 128, 129, 192, 256, 389)
SCANS = (
    Scan(64, 128, "vector", "f32", initial=True),
    Scan(60, 100, "vector", "bf16", reverse=True, initial=True, heads="queries"),
    Scan(3, 5, "vector", "f32", heads="all"),
    Scan(128, 64, "scalar", "f32", initial=True, heads="values"),
    Scan(16, 17, "scalar", "f16", reverse=True),
    Scan(64, 64, "constant", "f32", initial=True, constants="mixed"),
    Scan(16, 16, "constant", "f32", reverse=True, constants="closed"),
    Scan(16, 60, "none", "f64", reverse=True, initial=True),
    Scan(33, 17, "vector", "f64", initial=True),
)
ROWS = ("mixed", "ordinary", "strong", "open", "closed")

all_scans = pytest.mark.parametrize("scan", SCANS, ids=lambda scan: scan.name)
lengths = pytest.mark.parametrize("T", LENGTHS)


def compile_with(folder, name: str, text: str, schedule) -> gate.Library:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(schedule))
    return gate.load(compile_library(folder, name, text, f"--schedule={path}"))


class Segmented:
    """All scans in one library, with time in segments or whole."""

    def __init__(self, folder, name: str, segment: int) -> None:
        text = "\n".join(scan.program.text for scan in SCANS)
        schedule = [{"op": "gate.linear_scan", "choice": {"segment": segment}}]
        self.library = compile_with(folder, name, text, schedule)

    def __call__(self, scan: Scan, inputs) -> dict[str, np.ndarray]:
        return call(self.library.functions[scan.name], scan.program, inputs)


@pytest.fixture(scope="module")
def segmented(tmp_path_factory) -> Segmented:
    return Segmented(tmp_path_factory.mktemp("segments"), "segmented", SEGMENT)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Segmented:
    return Segmented(tmp_path_factory.mktemp("whole"), "whole", 0)


def data(scan: Scan, T: int) -> dict[str, np.ndarray]:
    return make_inputs(scan, ROWS, T, zlib.crc32(f"{scan.name} {T}".encode()))


def rows_of(inputs, rows) -> dict[str, np.ndarray]:
    return {name: np.ascontiguousarray(value[rows]) for name, value in inputs.items()}


def expect_equal(actual, expected) -> None:
    """Bit for bit."""
    for name, value in expected.items():
        assert value.tobytes() == actual[name].tobytes(), name


def expect_close(scan: Scan, inputs, results) -> None:
    dtype = np.float64 if scan.type == "f64" else np.float32
    (oracle, states), (plain, plain_states) = (
        loop(scan, inputs, kind) for kind in (np.float64, dtype)
    )
    T = inputs["q"].shape[1]
    expect_bound("o", results["o"], rounded(scan, plain), oracle)
    expect_bound("last", results["last"], plain_states[T], states[T])


# ===----------------------------------------------------------------------=== #
# Time in segments
# ===----------------------------------------------------------------------=== #


@all_scans
@lengths
def test_bound(scan, T, segmented):
    inputs = data(scan, T)
    expect_close(scan, inputs, segmented(scan, inputs))


@all_scans
@lengths
def test_batch(scan, T, segmented):
    """A sequence gives the same bits alone, among others, and anywhere."""
    inputs = data(scan, T)
    results = segmented(scan, inputs)
    for rows in ([1], [4, 0, 2, 1, 3], [2, 2, 0]):
        expect_equal(segmented(scan, rows_of(inputs, rows)), rows_of(results, rows))
    assert segmented(scan, rows_of(inputs, []))["last"].shape[0] == 0


@all_scans
@lengths
def test_threads(scan, T, segmented):
    inputs = data(scan, T)
    try:
        segmented.library.num_threads = 1
        expected = segmented(scan, inputs)
        for threads in (1, 2, 3, 8):
            segmented.library.num_threads = threads
            expect_equal(segmented(scan, inputs), expected)
    finally:
        segmented.library.num_threads = 0


@all_scans
@pytest.mark.parametrize("T", [1, 100, SEGMENT])
def test_one_segment_has_the_bits_of_none(scan, T, segmented, whole):
    inputs = data(scan, T)
    expect_equal(segmented(scan, inputs), whole(scan, inputs))


@pytest.mark.parametrize("scan", [s for s in SCANS if s.initial], ids=lambda s: s.name)
@pytest.mark.parametrize("cut", [0, 1, 128, 200, 389])
def test_split_and_carry(scan, cut, segmented):
    inputs = data(scan, 389)
    pieces = [slice(0, cut), slice(cut, 389)]
    state, outputs = inputs["s0"], []
    for piece in reversed(pieces) if scan.reverse else pieces:
        given = scans.head(inputs, slice(None), piece) | {"s0": state}
        results = segmented(scan, given)
        outputs.append(results["o"])
        state = results["last"]
    o = np.concatenate(outputs[:: -1 if scan.reverse else 1], 1)
    expect_close(scan, inputs, {"o": o, "last": state})


@pytest.mark.parametrize("at", [0, 127, 128, 129, 255, 256, 300])
def test_reset_is_a_fresh_start(at, segmented):
    """What stands before a reset leaves no trace, in segments before or here."""
    scan = SCANS[0]
    inputs = data(scan, 389)
    inputs["g"][:, at] = -np.inf
    expected = segmented(scan, inputs)
    for name in ("q", "k", "v"):
        inputs[name][:, :at] *= 64
    inputs["s0"] *= 1e3
    results = segmented(scan, inputs)
    expect_equal(
        {"o": results["o"][:, at:].copy(), "last": results["last"]},
        {"o": expected["o"][:, at:].copy(), "last": expected["last"]},
    )


# ===----------------------------------------------------------------------=== #
# Other choices
# ===----------------------------------------------------------------------=== #

SCHEDULES = {
    "chunk": [{"op": "scan", "choice": {"chunk": 16}}],
    "tokens": [{"op": "scan", "choice": {"chunk": 1}}],
    "few": [{"op": "scan", "choice": {"few_tokens": 40}}],
    "guards": [
        {
            "op": "scan",
            "cases": [
                {"when": "time < 100", "choice": {"chunk": 32}},
                {"when": "time >= 256", "choice": {"segment": 64}},
                {"choice": {"chunk": 128, "few_tokens": 0}},
            ],
        }
    ],
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_scan_under_schedules(name, tmp_path):
    scan = Scan(64, 48, "vector", "f32", initial=True)
    library = compile_with(tmp_path, name, scan.program.text, SCHEDULES[name])
    for T in (0, 1, 99, 100, 255, 256, 300):
        inputs = data(scan, T)
        results = call(library.functions[scan.name], scan.program, inputs)
        expect_close(scan, inputs, results)


PRODUCTS = {
    "table": [],
    "panels": [{"op": "product", "choice": {"panel": 16, "rows": 8, "depth": 32}}],
    "few_rows": [{"op": "product", "choice": {"form": "few_rows", "panel": 48}}],
    "packed": [{"op": "product", "choice": {"form": "packed", "rows": 5}}],
    "guards": [
        {
            "op": "product",
            "cases": [
                {"when": "rows <= 3", "choice": {"form": "few_rows", "panel": 8}},
                {"when": "N > 50", "choice": {"rows": 16}},
                {"choice": {"panel": 32}},
            ],
        },
        {"op": "loops", "choice": {"tile_elements": 50}},
    ],
}
PRODUCT = Program(
    "product",
    (Tensor("x", ("M", 100), "f32"), Tensor("w", (100, "N"), "f32")),
    (Tensor("y", ("M", "N"), "f32"),),
    """  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %M = tensor.dim %x, %c0 : tensor<?x100xf32>
  %N = tensor.dim %w, %c1 : tensor<100x?xf32>
  %room = tensor.empty(%M, %N) : tensor<?x?xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?xf32>) -> tensor<?x?xf32>
  %p = linalg.matmul ins(%x, %w : tensor<?x100xf32>, tensor<100x?xf32>)
    outs(%acc : tensor<?x?xf32>) -> tensor<?x?xf32>
  %y = math.absf %p : tensor<?x?xf32>""",
)


@pytest.fixture(scope="module")
def products(tmp_path_factory) -> dict[str, gate.Library]:
    folder = tmp_path_factory.mktemp("products")
    return {
        name: compile_with(folder, name, PRODUCT.text, schedule)
        for name, schedule in PRODUCTS.items()
    }


@pytest.mark.parametrize("M", [0, 1, 3, 4, 12, 70])
@pytest.mark.parametrize("N", [1, 50, 51, 130])
def test_product_under_schedules(M, N, products):
    """Sums run over the reduction in one order, whatever is chosen."""
    random = np.random.default_rng(M * 1000 + N)
    inputs = {
        "x": random.standard_normal((M, 100), np.float32),
        "w": random.standard_normal((100, N), np.float32),
    }
    expected = np.abs(inputs["x"].astype(np.float64) @ inputs["w"])
    results = {
        name: call(library.product, PRODUCT, inputs)
        for name, library in products.items()
    }
    np.testing.assert_allclose(results["table"]["y"], expected, rtol=0, atol=2e-5)
    for result in results.values():
        expect_equal(result, results["table"])


def test_choice_is_printed(tmp_path):
    """What was chosen stands on the loops of the tile program."""
    scan = SCANS[0]
    source, schedule = tmp_path / "scan.mlir", tmp_path / "schedule.json"
    source.write_text(scan.program.text)
    schedule.write_text(json.dumps(SCHEDULES["chunk"]))
    command = [compiler(), "compile", source, "-o", "-", f"--schedule={schedule}"]
    result = subprocess.run(
        [*command, "--emit=mlir:tile"], capture_output=True, text=True, check=True
    )
    assert "#gate.schedule<{chunk = 16, few_tokens = 6, segment = 0}>" in result.stdout
