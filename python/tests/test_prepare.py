# ===- test_prepare.py - Parameters packed before calls -------------------=== #
#
# Results with and without prepared parameters must be equal bit by bit, and
# memory that is not what `prepare` of the same library wrote must be refused.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from programs import NUMPY, compile_library
from test_guard_pages import Guarded

import gate


def product(name: str, rows: int, K: int, N: int, type: str, transposed: bool) -> str:
    """y = x w, or x w^T, with f32 sums; -1 rows are known at the call."""
    left = f"tensor<{'?' if rows < 0 else rows}x{K}x{type}>"
    right = f"tensor<{N}x{K}x{type}>" if transposed else f"tensor<{K}x{N}x{type}>"
    result = f"tensor<{'?' if rows < 0 else rows}x{N}xf32>"
    size = f"%c0 = arith.constant 0 : index\n  %M = tensor.dim %x, %c0 : {left}"
    maps = "affine_map<(m, n, k) -> ({})>".format
    right_map = maps("n, k") if transposed else maps("k, n")
    return f"""
func.func @{name}(%x: {left} {{gate.name = "x", gate.dims = ["{name}_M", ""]}},
                  %w: {right} {{gate.parameter = "w_{name}"}})
    -> ({result} {{gate.name = "y", gate.dims = ["{name}_M", ""]}}) {{
  {size if rows < 0 else ""}
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty({"%M" if rows < 0 else ""}) : {result}
  %acc = linalg.fill ins(%zero : f32) outs(%room : {result}) -> {result}
  %y = linalg.contract indexing_maps = [{maps("m, k")}, {right_map}, {maps("m, n")}]
    ins(%x, %w : {left}, {right}) outs(%acc : {result}) -> {result}
  return %y : {result}
}}
"""


# Name: rows (-1: dynamic), reduction, columns, type, transposed.
PRODUCTS = {
    "plain": (-1, 96, 128, "f32", False),
    "stored_out_in": (-1, 70, 100, "f32", True),
    "fixed": (40, 33, 65, "f32", False),
    "narrow": (-1, 128, 192, "bf16", False),
    "narrow_stored_out_in": (-1, 64, 100, "bf16", True),
    "odd": (-1, 65, 100, "bf16", False),
}


def projection(name: str, width: int, heads: int) -> str:
    """%NAME = x w^T over %B x %T rows, seen as heads."""
    x, w = "tensor<?x?x64xf32>", f"tensor<{width}x64xf32>"
    y, size = f"tensor<?x?x{width}xf32>", width // heads
    split = f"tensor<?x?x{heads}x{size}xf32>"
    return f"""
  %room_{name} = tensor.empty(%B, %T) : {y}
  %acc_{name} = linalg.fill ins(%zero : f32) outs(%room_{name} : {y}) -> {y}
  %flat_{name} = linalg.contract indexing_maps = [#x, #w, #y]
    ins(%x, %w{name} : {x}, {w}) outs(%acc_{name} : {y}) -> {y}
  %{name} = tensor.expand_shape %flat_{name} [[0], [1], [2, 3]]
    output_shape [%B, %T, {heads}, {size}] : {y} into {split}"""


# Four heads of queries, two of keys and values.
HEADS = f"""
#x = affine_map<(b, t, o, i) -> (b, t, i)>
#w = affine_map<(b, t, o, i) -> (o, i)>
#y = affine_map<(b, t, o, i) -> (b, t, o)>
func.func @forward(
    %x: tensor<?x?x64xf32> {{gate.name = "x", gate.dims = ["B", "T", ""]}},
    %g: tensor<?x?x2x16xf32> {{gate.name = "g", gate.dims = ["B", "T", "", ""]}},
    %wq: tensor<64x64xf32> {{gate.parameter = "wq"}},
    %wk: tensor<32x64xf32> {{gate.parameter = "wk"}},
    %wv: tensor<16x64xf32> {{gate.parameter = "wv"}},
    %s: tensor<?x4x16x8xf32> {{gate.state = "s", gate.dims = ["B", "", "", ""]}})
    -> (tensor<?x?x4x8xf32> {{gate.name = "o", gate.dims = ["B", "T", "", ""]}},
        tensor<?x4x16x8xf32> {{gate.state = "s", gate.dims = ["B", "", "", ""]}})
    attributes {{gate.time = "T"}} {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %x, %c0 : tensor<?x?x64xf32>
  %T = tensor.dim %x, %c1 : tensor<?x?x64xf32>
{projection("q", 64, 4)}{projection("k", 32, 2)}{projection("v", 16, 2)}
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s)
    : (tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>,
       tensor<?x?x2x16xf32>, tensor<?x4x16x8xf32>)
    -> (tensor<?x?x4x8xf32>, tensor<?x4x16x8xf32>)
  return %o, %last : tensor<?x?x4x8xf32>, tensor<?x4x16x8xf32>
}}
"""


# What a step computes from parameters alone, inside a loop inside a task.
LOOP = """
func.func @forward(
    %x: tensor<?x?x80xf32> {gate.name = "x", gate.dims = ["B", "T", ""]},
    %w: tensor<80x80xf32> {gate.parameter = "w"},
    %h: tensor<?x80xf32> {gate.state = "h", gate.dims = ["B", ""]})
    -> (tensor<?x?x80xf32> {gate.name = "y", gate.dims = ["B", "T", ""]},
        tensor<?x80xf32> {gate.state = "h", gate.dims = ["B", ""]}) {
  %y, %last = gate.scan inputs(%x) invariants(%w) initial(%h) {
  ^bb0(%xt: tensor<80xf32>, %m: tensor<80x80xf32>, %s: tensor<80xf32>):
    %c = arith.constant dense<0.01> : tensor<80x80xf32>
    %e = math.exp %m : tensor<80x80xf32>
    %k = arith.mulf %e, %c : tensor<80x80xf32>
    %n = linalg.matvec ins(%k, %s : tensor<80x80xf32>, tensor<80xf32>)
      outs(%xt : tensor<80xf32>) -> tensor<80xf32>
    %t = math.tanh %n : tensor<80xf32>
    gate.yield %t, %t : tensor<80xf32>, tensor<80xf32>
  } : (tensor<?x?x80xf32>, tensor<80x80xf32>, tensor<?x80xf32>)
    -> (tensor<?x?x80xf32>, tensor<?x80xf32>)
  return %y, %last : tensor<?x?x80xf32>, tensor<?x80xf32>
}
"""


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    text = "".join(product(name, *sizes) for name, sizes in PRODUCTS.items())
    return gate.load(compile_library(folder, "products", text))


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    return gate.load(compile_library(folder, "heads", HEADS))


def expect_equal_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    bits = np.dtype(f"u{expected.dtype.itemsize}")
    np.testing.assert_array_equal(actual.view(bits), expected.view(bits))


def operands(name: str, rows: int, seed: int = 0):
    _, K, N, type, transposed = PRODUCTS[name]
    random = np.random.default_rng(seed)
    x = random.standard_normal((rows, K)).astype(NUMPY[type])
    w = random.standard_normal((N, K) if transposed else (K, N)).astype(NUMPY[type])
    exact = x.astype(np.float64) @ (w.T if transposed else w).astype(np.float64)
    return x, {f"w_{name}": w}, exact


# Rows on both sides of the number from which packing pays.
CASES = [
    (name, rows)
    for name, sizes in PRODUCTS.items()
    for rows in ([sizes[0]] if sizes[0] > 0 else [0, 1, 3, 11, 12, 64, 133])
]


@pytest.mark.parametrize(("name", "rows"), CASES)
def test_products_are_equal_bit_by_bit(name, rows, products):
    function = getattr(products, name)
    x, weights, exact = operands(name, rows)
    packed = function.prepare(weights)
    assert packed.nbytes == function.prepared_bytes > 0
    plain = function(x, parameters=weights).y
    expect_equal_bits(function(x, parameters=weights, prepared=packed).y, plain)
    np.testing.assert_allclose(plain, exact, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("name", PRODUCTS)
def test_prepared_memory_is_what_is_read(name, products):
    """Otherwise the other tests would not see that it is ignored."""
    function = getattr(products, name)
    rows = max(PRODUCTS[name][0], 24)
    x, weights, _ = operands(name, rows)
    packed = function.prepare(weights)
    expected = function(x, parameters=weights).y
    zeros = {key: np.zeros_like(value) for key, value in weights.items()}
    expect_equal_bits(function(x, parameters=zeros, prepared=packed).y, expected)


@pytest.mark.parametrize("B", [1, 3])
@pytest.mark.parametrize("T", [1, 5, 64, 150])
def test_heads_and_state(B, T, heads):
    random = np.random.default_rng(1)
    assert heads.forward._group("parameters")["prepared"]
    weights = {
        name: random.standard_normal((n, 64)).astype(np.float32) / 8
        for name, n in (("wq", 64), ("wk", 32), ("wv", 16))
    }
    packed = heads.prepare(weights)
    x = random.standard_normal((B, T, 64)).astype(np.float32)
    g = -random.random((B, T, 2, 16)).astype(np.float32)
    state = {"s": random.standard_normal((B, 4, 16, 8)).astype(np.float32)}
    plain = heads.forward(x, g, parameters=weights, state=state)
    ready = heads.forward(x, g, parameters=weights, state=state, prepared=packed)
    expect_equal_bits(ready.o, plain.o)
    expect_equal_bits(ready.state["s"], plain.state["s"])
    # The derived step takes the same memory.
    first = (x[:, 0].copy(), g[:, 0].copy())
    one = heads.step(*first, parameters=weights, state=state)
    two = heads.step(*first, parameters=weights, state=state, prepared=packed)
    expect_equal_bits(two.o, one.o)


def test_inside_a_loop(tmp_path):
    library = gate.load(compile_library(tmp_path, "loop", LOOP))
    random = np.random.default_rng(2)
    weights = {"w": random.standard_normal((80, 80)).astype(np.float32)}
    packed = library.prepare(weights)
    assert packed.nbytes == 64 + 80 * 80 * 4
    x = random.standard_normal((2, 9, 80)).astype(np.float32)
    state = {"h": random.standard_normal((2, 80)).astype(np.float32)}
    plain = library.forward(x, parameters=weights, state=state)
    ready = library.forward(x, parameters=weights, state=state, prepared=packed)
    expect_equal_bits(ready.y, plain.y)
    expect_equal_bits(ready.state["h"], plain.state["h"])


@pytest.mark.parametrize("name", PRODUCTS)
@pytest.mark.parametrize("at_end", [False, True], ids=["start", "end"])
def test_guard_pages(name, at_end, products):
    """An access outside of prepared memory ends the process, so not in ours."""
    function = getattr(products, name)
    x, weights, _ = operands(name, max(PRODUCTS[name][0], 24))
    child = os.fork()
    if child == 0:
        memory = Guarded(function.prepared_bytes, at_end, alignment=64)
        packed = function.prepare(weights, out=memory.bytes)
        function(x, parameters=weights, prepared=packed)
        os._exit(0 if memory.is_intact() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_threads_do_not_show(products):
    _, weights, _ = operands("plain", 1)
    packed = [products.plain.prepare(weights)]
    try:
        products.num_threads = 1
        packed.append(products.plain.prepare(weights))
    finally:
        products.num_threads = 0
    np.testing.assert_array_equal(*packed)


def test_saved_memory(products, tmp_path):
    x, weights, _ = operands("plain", 24)
    np.save(tmp_path / "packed.npy", products.plain.prepare(weights))
    loaded = np.load(tmp_path / "packed.npy")
    again = aligned(loaded.nbytes)
    again[:] = loaded
    expected = products.plain(x, parameters=weights).y
    actual = products.plain(x, parameters=weights, prepared=again).y
    expect_equal_bits(actual, expected)


def aligned(bytes: int, offset: int = 0) -> np.ndarray:
    room = np.zeros(bytes + 64 + offset, np.uint8)
    start = -room.ctypes.data % 64 + offset
    return room[start : start + bytes]


def test_refused_by_calls(products, heads):
    x, weights, _ = operands("plain", 24)
    function = products.plain
    packed = function.prepare(weights)

    def refuse(memory: np.ndarray, message: str) -> None:
        with pytest.raises(gate.InvalidArgument, match=message) as error:
            function(x, parameters=weights, prepared=memory)
        assert "products_plain: parameters.prepared: expected" in str(error.value)

    fix = "; call products_plain_prepare, or set parameters.prepared to null"
    refuse(aligned(packed.nbytes), "got memory that was never prepared" + fix)
    stale = aligned(packed.nbytes)
    stale[:] = packed
    stale[16] ^= 1
    refuse(stale, "bytes of another library or version")
    stale[:] = packed
    stale[8] ^= 1
    refuse(stale, "got memory of ABI version . instead of")
    refuse(
        aligned(packed.nbytes, 32),
        "expected memory aligned to 64 bytes, got address 0x",
    )
    # Of another function and of another library.
    _, others, _ = operands("narrow", 1)
    other = aligned(function.prepared_bytes)
    with pytest.raises(ValueError, match=f"expected {packed.nbytes} contiguous bytes"):
        function(x, parameters=weights, prepared=other[:-1])
    wider = aligned(max(packed.nbytes, products.narrow.prepared_bytes))
    products.narrow.prepare(others, out=wider)
    refuse(wider, "bytes of another library or version")


def test_refused_by_prepare(products):
    _, weights, _ = operands("plain", 1)
    size = products.plain.prepared_bytes
    for memory, message in (
        (aligned(size - 1), f"expected at least {size} bytes, got {size - 1}"),
        (aligned(size, 8), "expected memory aligned to 64 bytes, got address 0x"),
    ):
        with pytest.raises(gate.InvalidArgument, match=message):
            products.plain.prepare(weights, out=memory)
        assert not memory.any()
    with pytest.raises(
        gate.InvalidArgument, match="w_plain: expected a tensor, got nu"
    ):
        products.plain.prepare({})
    with pytest.raises(gate.InvalidArgument, match=r"expected float32 \[96, 128\]"):
        products.plain.prepare({"w_plain": np.zeros((96, 127), np.float32)})
    with pytest.raises(TypeError, match="parameters differ between functions"):
        products.prepare(weights)


def test_overlap(products):
    x, weights, _ = operands("plain", 24)
    packed = products.plain.prepare(weights)
    y = packed[128 : 128 + 24 * 128 * 4].view(np.float32).reshape(24, 128)
    with pytest.raises(gate.InvalidArgument, match="overlaps argument y, which"):
        products.plain(x, parameters=weights, prepared=packed, out=y)


def test_another_version(tmp_path):
    """The same program, another order of the packed bytes: refused."""
    libraries = []
    for name, columns in (("one", 128), ("two", 192)):
        (tmp_path / name).mkdir()
        text = product("f", -1, 96, columns, "f32", False)
        path = compile_library(tmp_path / name, "mine", text)
        libraries.append((gate.load(path), columns))
    (first, _), (second, columns) = libraries
    memory = aligned(second.f.prepared_bytes)
    first.f.prepare({"w_f": np.ones((96, 128), np.float32)}, out=memory)
    with pytest.raises(gate.InvalidArgument, match="another library or version"):
        second.f(
            np.ones((24, 96), np.float32),
            parameters={"w_f": np.ones((96, columns), np.float32)},
            prepared=memory,
        )


def test_nothing_to_prepare(tmp_path):
    """Few rows read their weights as they are."""
    text = product("f", 4, 8, 16, "f32", False)
    library = gate.load(compile_library(tmp_path, "few", text))
    assert library.f.prepared_bytes == 0
    with pytest.raises(TypeError, match="nothing to prepare"):
        library.f.prepare({"w_f": np.ones((8, 16), np.float32)})
    with pytest.raises(TypeError, match="takes nothing prepared"):
        library.f(
            np.ones((4, 8), np.float32),
            parameters={"w_f": np.ones((8, 16), np.float32)},
            prepared=aligned(64),
        )
    assert "prepare" not in (tmp_path / "few.h").read_text()


def test_embedded_parameters(tmp_path):
    """There is no struct to hand prepared memory over in; calls pack."""
    x, weights, _ = operands("plain", 24)
    (w,) = weights.values()
    entry = {"dtype": "F32", "shape": w.shape, "data_offsets": [0, w.nbytes]}
    header = json.dumps({"w_plain": entry}).encode()
    file = tmp_path / "weights.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header + w.tobytes())
    text = product("plain", *PRODUCTS["plain"])
    baked = compile_library(tmp_path, "baked", text, f"--embed={file}")
    free = gate.load(compile_library(tmp_path, "free", text))
    expect_equal_bits(gate.load(baked).plain(x).y, free.plain(x, **weights).y)
    assert "prepare" not in (tmp_path / "baked.h").read_text()


C_PROGRAM = """
#include "f.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static float x[24 * 96], w[96 * 128], y[2][24 * 128];
int main(void) {
  int64_t rows[] = {24, 96}, sizes[] = {96, 128}, results[] = {24, 128};
  for (int i = 0; i < 24 * 96; ++i) x[i] = (float)(i % 7) - 3;
  for (int i = 0; i < 96 * 128; ++i) w[i] = (float)(i % 5) - 2;
  DLTensor tx = f_tensor_f32(x, 2, rows), tw = f_tensor_f32(w, 2, sizes);
  DLTensor ty[2] = {f_tensor_f32(y[0], 2, results), f_tensor_f32(y[1], 2, results)};
  f_parameters parameters = {&tw, NULL};
  if (f_f(&parameters, &tx, &ty[0], NULL, 0)) return 1;
  size_t bytes = f_prepared_bytes();
  void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (f_prepare(&parameters, memory, bytes)) return 2;
  parameters.prepared = memory;
  if (f_f(&parameters, &tx, &ty[1], NULL, 0)) return 3;
  if (memcmp(y[0], y[1], sizeof y[0])) return 4;
  if (f_prepare(&parameters, NULL, bytes) == F_STATUS_OK) return 5;
  puts(f_last_error());
  free(memory);
  return 0;
}
"""


def test_from_c(tmp_path: Path):
    compile_library(tmp_path, "f", product("f", -1, 96, 128, "f32", False))
    source, program = tmp_path / "call.c", tmp_path / "call"
    source.write_text(C_PROGRAM)
    compiler = os.environ.get("CC", "cc")
    flags = ["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    link = [f"-L{tmp_path}", "-lf", f"-Wl,-rpath,{tmp_path}"]
    subprocess.run(
        [compiler, *flags, f"-I{tmp_path}", source, "-o", program, *link], check=True
    )
    result = subprocess.run([program], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout == "f_prepare: argument prepared: expected memory, got null\n"
