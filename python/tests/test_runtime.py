# ===- test_runtime.py - Calls of a compiled library from Python ----------=== #
#
# Compiles one small function with a parameter and a state, then calls it in
# every way that users have and looks at the errors.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

import os
import subprocess

import numpy as np
import pytest

import gate

SOURCE = """
#rows = affine_map<(b, i) -> (b, i)>
#row = affine_map<(b, i) -> (i)>
func.func @accumulate(
    %x: tensor<?x4xf32> {gate.name = "x", gate.dims = ["B", "d"]},
    %w: tensor<4xf32> {gate.parameter = "block.w", gate.dims = ["d"]},
    %sum: tensor<?x4xf32> {gate.state = "sum", gate.dims = ["B", "d"]})
    -> (tensor<?x4xf32> {gate.name = "y", gate.dims = ["B", "d"]},
        tensor<?x4xf32> {gate.state = "sum", gate.dims = ["B", "d"]}) {
  %next = linalg.generic {
      indexing_maps = [#rows, #rows], iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<?x4xf32>) outs(%sum : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x4xf32>
  %y = linalg.generic {
      indexing_maps = [#rows, #row, #rows],
      iterator_types = ["parallel", "parallel"]}
      ins(%next, %w : tensor<?x4xf32>, tensor<4xf32>)
      outs(%x : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x4xf32>
  return %y, %next : tensor<?x4xf32>, tensor<?x4xf32>
}
"""

X = np.arange(8, dtype=np.float32).reshape(2, 4)
WEIGHTS = {"block.w": np.array([1, 2, 3, 4], np.float32)}


@pytest.fixture(scope="module")
def gatec():
    return os.environ["GATEC"]


@pytest.fixture(scope="module")
def lib(gatec, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    source, output = folder / "acc.mlir", folder / "libacc.so"
    source.write_text(SOURCE)
    subprocess.run([gatec, "compile", source, "-o", output], check=True)
    return gate.load(output)


class Wrapped:
    """An array of another framework: only DLPack and a shape."""

    def __init__(self, array):
        self._array = array
        self.shape = array.shape

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)


def test_signature(lib):
    function = lib.accumulate
    assert function.inputs == ("x",)
    assert function.outputs == ("y",)
    assert function.parameters == ("block.w",)
    assert function.state == ("sum",)
    assert function.dims == ("B",)
    assert "float32[B, 4]" in repr(function)
    assert lib.version.startswith("gate ")


def test_call(lib):
    state = lib.init_state(B=2)
    result = lib.accumulate(X, parameters=WEIGHTS, state=state)
    np.testing.assert_array_equal(result.y, X * WEIGHTS["block.w"])
    np.testing.assert_array_equal(result.state["sum"], X)
    np.testing.assert_array_equal(state["sum"], np.zeros_like(X))
    again = lib.accumulate(x=X, **WEIGHTS, state=result.state)
    np.testing.assert_array_equal(again.state["sum"], 2 * X)


def test_in_place(lib):
    state, out = lib.init_state(B=2), np.empty_like(X)
    for _ in range(3):
        result = lib.accumulate(X, **WEIGHTS, state=state, next_state=state, out=out)
    assert result.y is out
    np.testing.assert_array_equal(state["sum"], 3 * X)


def test_dlpack(lib):
    result = lib.accumulate(Wrapped(X), **WEIGHTS, state=lib.init_state(B=2))
    np.testing.assert_array_equal(result.state["sum"], X)


def test_lists(lib):
    result = lib.accumulate([[1, 2, 3, 4]], **WEIGHTS, state=lib.init_state(B=1))
    np.testing.assert_array_equal(result.y, [[1, 4, 9, 16]])


def test_workspace(lib):
    assert lib.accumulate.workspace_bytes(B=2) >= 0
    with pytest.raises(gate.InvalidArgument, match="dim B: expected a size of at"):
        lib.accumulate.workspace_bytes(B=-1)


def test_threads(lib):
    lib.num_threads = 2
    assert lib.num_threads == 2
    lib.num_threads = 0
    assert lib.num_threads >= 1


def test_errors(lib):
    state = lib.init_state(B=2)
    prefix = f"{lib.prefix}_accumulate: argument "

    def message(*args, **options):
        with pytest.raises(gate.InvalidArgument) as caught:
            lib.accumulate(*args, **options)
        return str(caught.value)

    assert message(X, state=state) == (
        prefix + "parameters.block.w: expected a tensor, got null"
    )
    assert message(X.astype(np.float64), **WEIGHTS, state=state) == (
        prefix + "x: expected float32 [B, 4], got float64 [2, 4]"
    )
    assert message(X.T[:2], **WEIGHTS, state=state).endswith(
        "expected float32 [B, 4], got float32 [2, 2]"
    )
    assert message(np.tile(X, 2)[:, :4], **WEIGHTS, state=state).endswith(
        "x: expected compact row-major strides [4, 1], got [8, 1]"
    )
    assert message(X, **WEIGHTS, state=state, out=state["sum"]).endswith(
        "y: overlaps argument state.sum"
    )


def test_wrong_names(lib):
    with pytest.raises(TypeError, match=r"has no parameter 'v'; it has 'block\.w'"):
        lib.accumulate(X, parameters={"v": X})
    with pytest.raises(AttributeError, match="has no function 'acumulate'"):
        _ = lib.acumulate
