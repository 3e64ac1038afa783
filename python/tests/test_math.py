# Errors of the transcendental functions in compiled code, as docs/Numerics.md
# states them, in units of the last place of a normal f32 result.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Measured against NumPy in f64 over a stride of all f32 numbers."""

from __future__ import annotations

import math
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from gate import runtime

# function: (largest error in units, largest argument, f64 function)
FUNCTIONS = {
    "exp2": (1.0, 170.0, np.exp2),
    "exp": (1.0, 120.0, np.exp),
    "erf": (2.0, np.inf, np.vectorize(math.erf, otypes=[np.float64])),
    "tanh": (2.0, np.inf, np.tanh),
    "log1p": (2.5, np.inf, np.log1p),
}


def program(name: str) -> str:
    return f"""
#id = affine_map<(i) -> (i)>
func.func @apply(%x: tensor<?xf32> {{gate.name = "x", gate.dims = ["N"]}})
    -> (tensor<?xf32> {{gate.name = "y", gate.dims = ["N"]}}) {{
  %c0 = arith.constant 0 : index
  %N = tensor.dim %x, %c0 : tensor<?xf32>
  %room = tensor.empty(%N) : tensor<?xf32>
  %y = linalg.generic {{indexing_maps = [#id, #id], iterator_types = ["parallel"]}}
      ins(%x : tensor<?xf32>) outs(%room : tensor<?xf32>) {{
  ^bb0(%a: f32, %unused: f32):
    %r = math.{name} %a : f32
    linalg.yield %r : f32
  }} -> tensor<?xf32>
  return %y : tensor<?xf32>
}}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = tmp_path_factory.mktemp("math")
    libraries = {}

    def load(name: str) -> runtime.Library:
        if name not in libraries:
            source = folder / f"{name}.mlir"
            source.write_text(program(name))
            library = folder / f"libmath_{name}.so"
            subprocess.run(
                [os.environ["GATEC"], "compile", source, "-o", library],
                check=True,
                capture_output=True,
            )
            libraries[name] = runtime.load(library)
        return libraries[name]

    return load


@pytest.mark.parametrize("name", FUNCTIONS)
def test_error(name: str, compiled) -> None:
    units, largest, exact = FUNCTIONS[name]
    stride = 3701 if name == "erf" else 401
    x = np.arange(0, 2**32, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = x[np.isfinite(x) & (np.abs(x) <= largest)]
    if name == "log1p":
        x = x[x > -1]
    y = compiled(name).apply(x).y.astype(np.float64)
    with np.errstate(over="ignore"):
        expected = exact(x.astype(np.float64))
        rounded = expected.astype(np.float32)
    normal = np.isfinite(rounded) & (np.abs(rounded) >= np.finfo(np.float32).tiny)
    unit = np.spacing(np.abs(rounded[normal])).astype(np.float64)
    errors = np.abs(y[normal] - expected[normal]) / unit
    worst = np.argmax(errors)
    assert errors[worst] <= units, f"{errors[worst]:.3f} at {x[normal][worst]!r}"


@pytest.mark.parametrize("name", ["exp", "exp2", "erf", "tanh"])
def test_specials(name: str, compiled) -> None:
    x = np.array([np.nan, -np.inf, np.inf, 0.0, -0.0, 1e30, -1e30], np.float32)
    with np.errstate(over="ignore"):
        expected = FUNCTIONS[name][2](x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(compiled(name).apply(x).y, expected)
