# ===- test_install.py - The installed compiler and its CMake package -----=== #
#
# Installs the build that GATEC belongs to into a fresh folder, then builds and
# runs projects that know nothing but that folder.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs CMake, Ninja, a C and a C++ compiler, and GATEC in the environment."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# One parameter, to be embedded: y = gate * x, the same gate for all rows.
GATED = """
func.func @forward(
    %x: tensor<?x4xf32> {gate.name = "x", gate.dims = ["B", "d"]},
    %w: tensor<1x4xf32> {gate.parameter = "gate", gate.dims = ["", "d"]})
    -> (tensor<?x4xf32> {gate.name = "y", gate.dims = ["B", "d"]}) {
  %y = gate.apply %x, %w {activation = #gate.activation<identity>}
    : (tensor<?x4xf32>, tensor<1x4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(consumer LANGUAGES CXX)
find_package(Gate 0.1 REQUIRED)
gate_add_library(my-gates gated.mlir PREFIX gated TARGET_CPU x86-64
                 EMBED weights.safetensors OPTIONS --json)
add_executable(consumer main.cpp)
target_link_libraries(consumer PRIVATE my-gates)
"""

MAIN = """
#include "gated.h"
#include <cstdio>

int main() {
  float x[8] = {1, 1, 1, 1, 2, 2, 2, 2}, y[8];
  int64_t shape[] = {2, 4};
  DLTensor in = gated_tensor_f32(x, 2, shape), out = gated_tensor_f32(y, 2, shape);
  if (gated_forward(&in, &out, nullptr, 0) != GATED_STATUS_OK)
    return 1;
  for (float value : y)
    std::printf("%g ", value);
  return 0;
}
"""


def run(*command, **options):
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, **options
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def build(source, folder, prefix):
    run("cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-DGate_ROOT={prefix}")
    run("cmake", "--build", folder)


def write_safetensors(path, name, array):
    header = json.dumps(
        {
            name: {
                "dtype": "F32",
                "shape": list(array.shape),
                "data_offsets": [0, array.nbytes],
            }
        }
    ).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + array.tobytes())


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    binaries = pathlib.Path(os.environ["GATEC"]).resolve().parent.parent
    run("cmake", "--install", binaries, "--prefix", folder)
    return folder


def test_tools_run(prefix):
    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    assert run(prefix / "bin" / "gatec", "--version", env=environment)
    assert "gate" in run(prefix / "bin" / "gate-opt", "--show-dialects")
    assert "LSP" in run(prefix / "bin" / "gate-lsp-server", "--help")
    assert "reduction-tree" in run(prefix / "bin" / "gate-reduce", "--help")
    assert (prefix / "lib" / "gate" / "GatePlugin.so").is_file() or list(
        prefix.glob("lib/*/gate/GatePlugin.so")
    )


def test_example(prefix, tmp_path):
    build(ROOT / "examples" / "cmake", tmp_path, prefix)
    assert "largest error" in run(tmp_path / "example")
    # Nothing changed, so nothing is compiled again.
    assert "gatec" not in run("cmake", "--build", tmp_path)


def test_options_and_cxx(prefix, tmp_path):
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    (tmp_path / "main.cpp").write_text(MAIN)
    (tmp_path / "gated.mlir").write_text(GATED)
    weights = tmp_path / "weights.safetensors"
    binary = tmp_path / "build"
    write_safetensors(weights, "gate", np.array([[1, 2, 3, 4]], np.float32))
    build(tmp_path, binary, prefix)
    assert run(binary / "consumer") == "1 2 3 4 2 4 6 8 "
    # New weights are a new library.
    write_safetensors(weights, "gate", np.array([[4, 3, 2, 1]], np.float32))
    run("cmake", "--build", binary)
    assert run(binary / "consumer") == "4 3 2 1 8 6 4 2 "
    header = (binary / "gate" / "my-gates" / "gated.h").read_text()
    assert "avx" not in header


def test_python_package(prefix):
    environment = dict(os.environ, PYTHONPATH=prefix / "share" / "gate" / "python")
    code = "import gate; print(gate.__file__)"
    place = run(sys.executable, "-c", code, env=environment)
    assert place.startswith(str(prefix))


def test_wrong_arguments(prefix, tmp_path):
    project = PROJECT.replace("OPTIONS", "OPTION")
    (tmp_path / "CMakeLists.txt").write_text(project)
    result = subprocess.run(
        ["cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DGate_ROOT={prefix}"],
        capture_output=True,
        text=True,
    )
    assert result.returncode != 0
    assert "OPTION --json" in result.stderr.replace(";", " ")


def test_debian_package(tmp_path):
    """The package's own files, from another folder, compile a program."""
    if not shutil.which("dpkg-deb"):
        pytest.skip("dpkg-deb is Debian's")
    binaries = pathlib.Path(os.environ["GATEC"]).resolve().parent.parent
    run("cpack", "-G", "DEB", "-B", tmp_path / "deb", cwd=binaries)
    (package,) = (tmp_path / "deb").glob("*.deb")
    assert "libmlir-22" in run("dpkg-deb", "--field", package, "Depends")
    run("dpkg-deb", "--extract", package, tmp_path / "root")
    source = tmp_path / "double.mlir"
    source.write_text(
        "func.func @double(%x: tensor<4xf32>) -> tensor<4xf32> {\n"
        "  %y = arith.addf %x, %x : tensor<4xf32>\n"
        "  return %y : tensor<4xf32>\n}\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "LD_LIBRARY_PATH"}
    tool = tmp_path / "root" / "usr" / "bin" / "gatec"
    library = tmp_path / "libdouble.so"
    run(tool, "compile", source, "-o", library, env=environment)
    assert library.is_file()
