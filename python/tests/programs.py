# ===- programs.py - Writes and compiles the programs of numeric tests ----=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

import gate

NUMPY = {
    "f64": np.dtype(np.float64),
    "f32": np.dtype(np.float32),
    "bf16": np.dtype(ml_dtypes.bfloat16),
    "f16": np.dtype(np.float16),
    "i64": np.dtype(np.int64),
    "i32": np.dtype(np.int32),
}


def wide(type: str) -> str:
    """The type of log-gates, states and arithmetic beside this storage type."""
    return "f64" if type == "f64" else "f32"


@dataclass(frozen=True)
class Tensor:
    """A tensor of a function; sizes given by name are dynamic."""

    name: str
    shape: tuple[int | str, ...]
    type: str
    state: bool = False

    @property
    def mlir(self) -> str:
        sizes = ["?" if isinstance(size, str) else str(size) for size in self.shape]
        return f"tensor<{'x'.join([*sizes, self.type])}>"

    @property
    def attributes(self) -> str:
        dims = ", ".join(
            f'"{size}"' if isinstance(size, str) else '""' for size in self.shape
        )
        role = "gate.state" if self.state else "gate.name"
        return f'{{{role} = "{self.name}", gate.dims = [{dims}]}}'


@dataclass(frozen=True)
class Program:
    """One function: its body binds %NAME of every output."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    body: str
    attributes: str = ""

    @property
    def text(self) -> str:
        inputs = ",\n    ".join(
            f"%{t.name}: {t.mlir} {t.attributes}" for t in self.inputs
        )
        outputs = ",\n        ".join(f"{t.mlir} {t.attributes}" for t in self.outputs)
        names = ", ".join(
            f"%next_{t.name}" if t.state else f"%{t.name}" for t in self.outputs
        )
        types = ", ".join(t.mlir for t in self.outputs)
        attributes = (
            f"\n    attributes {{{self.attributes}}}" if self.attributes else ""
        )
        return (
            f"func.func @{self.name}(\n    {inputs})\n"
            f"    -> ({outputs}){attributes} {{\n"
            f"{self.body}\n  return {names} : {types}\n}}\n"
        )


def op(results: Iterable[Tensor], head: str, operands: Iterable[Tensor]) -> str:
    """An op in the form that most gate ops have: head, then a function type."""
    types = ", ".join(t.mlir for t in operands)
    results = list(results)
    names = ", ".join(f"%{t.name}" for t in results)
    return (
        f"  {names} = {head}\n    : ({types}) -> ({', '.join(t.mlir for t in results)})"
    )


def run_for(
    seconds: float, command: Iterable[object], cwd: Path | None = None
) -> subprocess.CompletedProcess:
    """Runs a command and what it starts; after so long all of that ends.

    Raises subprocess.TimeoutExpired then.
    """
    words = [str(word) for word in command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(
        words, text=True, errors="replace", cwd=cwd, start_new_session=True, **pipes
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, err)


def compiler() -> str:
    tool = os.environ.get("GATEC")
    assert tool, "set GATEC to the path of gatec"
    return tool


def compile_library(folder: Path, name: str, text: str, *flags: str) -> Path:
    source, library = folder / f"{name}.mlir", folder / f"lib{name}.so"
    source.write_text(text)
    result = subprocess.run(
        [compiler(), "compile", source, "-o", library, *flags],
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, f"{source}:\n{result.stderr}"
    return library


class Functions:
    """Compiled functions by module and name.

    Modules are compiled side by side while tests of earlier ones already run. A
    module that does not compile is compiled program by program, so that only
    the tests of the broken ones fail.
    """

    def __init__(
        self,
        folder: Path,
        modules: Mapping[str, Iterable[Program]],
        preamble: str = "",
    ) -> None:
        self._functions: dict[tuple[str, str], gate.runtime.Function] = {}
        self._errors: dict[tuple[str, str], str] = {}
        self._libraries: list[gate.Library] = []
        self._folder, self._preamble = folder, preamble
        self._pool = ThreadPoolExecutor(max_workers=os.cpu_count())
        self._modules = {
            name: self._pool.submit(self._compile, name, list(programs))
            for name, programs in modules.items()
        }

    def __enter__(self) -> Functions:
        return self

    def __exit__(self, *unused: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _compile(self, module: str, programs: list[Program]) -> None:
        text = self._preamble + "\n".join(program.text for program in programs)
        try:
            self._load(module, compile_library(self._folder, module, text))
        except AssertionError:
            for program in programs:
                name = f"{module}_{program.name}"
                try:
                    path = compile_library(
                        self._folder, name, self._preamble + program.text
                    )
                    self._load(module, path)
                except AssertionError as error:
                    self._errors[module, program.name] = str(error)

    def _load(self, module: str, path: Path) -> None:
        library = gate.load(path)
        self._libraries.append(library)
        for name, function in library.functions.items():
            self._functions[module, name] = function

    def __getitem__(self, key: tuple[str, str]) -> gate.runtime.Function:
        self._modules[key[0]].result()
        assert key not in self._errors, self._errors[key]
        return self._functions[key]

    def set_num_threads(self, threads: int) -> None:
        wait(self._modules.values())
        for library in self._libraries:
            library.num_threads = threads


def run_reference(
    folder: Path, program: Program, inputs: Mapping[str, np.ndarray], preamble: str = ""
) -> dict[str, np.ndarray]:
    """Outputs of `gatec run --reference`, which computes in f64."""
    source, results = folder / f"{program.name}.mlir", folder / f"{program.name}.out"
    source.write_text(preamble + program.text)
    command = [compiler(), "run", "--reference", source, "--output-dir", results]
    for name, value in inputs.items():
        path = folder / f"{program.name}.{name}.npy"
        exact = value if value.dtype.kind == "i" else value.astype(np.float64)
        np.save(path, exact)
        command += ["--input", f"{name}={path}"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, f"{source}:\n{result.stderr}"
    return {t.name: np.load(results / f"{t.name}.npy") for t in program.outputs}


def poisoned(program: Program, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Arrays of NaN for every output."""
    return {
        t.name: np.full(
            [sizes[s] if isinstance(s, str) else s for s in t.shape],
            np.nan,
            NUMPY[t.type],
        )
        for t in program.outputs
        if not t.state
    }


def call(
    function: gate.runtime.Function, program: Program, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Outputs of a compiled function, which starts with poisoned ones."""
    sizes: dict[str, int] = {}
    for tensor in program.inputs:
        for name, size in zip(tensor.shape, inputs[tensor.name].shape, strict=True):
            if isinstance(name, str):
                sizes[name] = size
    out = poisoned(program, sizes)
    function(**inputs, out=out)
    return out
