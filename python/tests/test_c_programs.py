# ===- test_c_programs.py - Compiled libraries in C and C++ programs -------=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #

import shutil
import subprocess

import numpy as np
import pytest
from programs import Program, Tensor, compile_library, op

X = Tensor("x", ("B", "T", 8), "f32")
Z, Y = (Tensor(name, X.shape, "f32") for name in "zy")
GATED = Program(
    "forward", (X, Z), (Y,),
    op([Y], "gate.glu %x, %z {activation = #gate.activation<silu>}", [X, Z]),
)  # fmt: skip
NORMED = Program(
    "forward", (X,), (Y,),
    op([Y], "gate.norm %x {kind = #gate.norm_kind<l2>, axes = array<i64: 2>, "
       "epsilon = 0.0 : f64}", [X]),
)  # fmt: skip

#: Both libraries have a function of one name; headers are included in this order,
#: and the first one again.
MAIN = """
#include "one.h"
#include "two.h"
#include "one.h"
#include <stdio.h>

enum { B = 2, T = 3, D = 8 };
static float x[B * T * D], z[B * T * D], y[B * T * D];

int main(void) {
  int64_t sizes[] = {B, T, D};
  DLTensor tx = one_tensor_f32(x, 3, sizes);
  DLTensor tz = one_tensor_f32(z, 3, sizes);
  DLTensor ty = two_tensor_f32(y, 3, sizes);
  int i;
  for (i = 0; i < B * T * D; ++i) {
    x[i] = (float)(i % 7) - 3.0f;
    z[i] = (float)(i % 5) - 1.5f;
  }
  /* The result of one library is what the other reads. */
  if (one_forward(&tx, &tz, &ty, NULL, 0) != ONE_STATUS_OK ||
      two_forward(&ty, &tx, NULL, 0) != TWO_STATUS_OK) {
    fprintf(stderr, "%s %s\\n", one_last_error(), two_last_error());
    return 1;
  }
  /* Each has its own last error. */
  if (one_forward(&tx, &tz, NULL, NULL, 0) == ONE_STATUS_OK || !*one_last_error() ||
      *two_last_error())
    return 2;
  for (i = 0; i < B * T * D; ++i)
    printf("%.9g\\n", (double)x[i]);
  return 0;
}
"""


def expected() -> np.ndarray:
    i = np.arange(48)
    x, z = i % 7 - 3.0, i % 5 - 1.5
    y = (x / (1 + np.exp(-x)) * z).reshape(6, 8)
    return (y / np.sqrt(np.sum(y**2, 1, keepdims=True))).reshape(-1)


@pytest.mark.parametrize(
    ("tool", "name", "standard"),
    [("cc", "main.c", "c99"), ("cc", "main.c", "c17"), ("c++", "main.cpp", "c++17")],
)
def test_two_libraries_in_one_program(tmp_path, tool, name, standard):
    if not shutil.which(tool):
        pytest.skip(f"needs {tool}")
    for prefix, program in (("one", GATED), ("two", NORMED)):
        compile_library(tmp_path, prefix, program.text, f"--prefix={prefix}")
    source = tmp_path / name
    source.write_text(MAIN)
    command = [tool, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    command += [source, "-I", tmp_path, "-L", tmp_path, "-lone", "-ltwo"]
    command += [f"-Wl,-rpath,{tmp_path}", "-o", tmp_path / "program"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([tmp_path / "program"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found = np.array([float(line) for line in ran.stdout.split()])
    np.testing.assert_allclose(found, expected(), rtol=0, atol=1e-6)


def test_a_library_exports_its_own_names_only(tmp_path):
    """So that libraries of other versions can be in the same program."""
    library = compile_library(tmp_path, "one", GATED.text, "--prefix=one")
    if not shutil.which("nm"):
        pytest.skip("needs nm")
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", library], capture_output=True, text=True
    )
    names = [line.split()[-1] for line in listed.stdout.splitlines()]
    assert "one_forward" in names
    assert [name for name in names if not name.startswith("one_")] == []
