# ===- test_guard_pages.py - No access outside any buffer -----------------=== #
#
# Every array of a call, and its workspace, ends where its last page ends or
# starts where its first page starts; the pages around them may not be touched.
# An access outside a buffer ends the process, so calls run in one of their own.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC.

As a program it takes a library and makes all calls of its functions.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import mmap
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from attention import Attention
from programs import Program, Tensor, compile_library, op
from scans import Scan

import gate

WIDTHS = (1, 3, 17, 100)
#: Sizes that calls choose.
SIZES = {"B": (1, 2), "T": (1, 2, 65), "S": (1, 70, 128), "M": (1, 3, 17, 65),
         "D": WIDTHS, "E": WIDTHS}  # fmt: skip
#: No number, in all types; bytes beside a buffer keep it.
POISON = 0xFF

# ===----------------------------------------------------------------------=== #
# Programs
# ===----------------------------------------------------------------------=== #


def scan_programs(type: str) -> Iterator[Program]:
    decays = ("vector", "scalar", "none", "constant")
    for (i, K), (j, V) in itertools.product(enumerate(WIDTHS), enumerate(WIDTHS)):
        yield Scan(K, V, "vector", type, initial=True).program
        decay = decays[(i + j) % 4]  # every decay meets every K and every V
        constants = "ordinary" if decay == "constant" else ""
        yield Scan(
            K, V, decay, type, reverse=True, heads="queries", constants=constants
        ).program


def product(name: str, type: str, w: tuple[int | str, ...], turned: bool) -> Program:
    """a [M, D] times w, [D, E] or, when turned, [E, D]."""
    size = w[0] if turned else w[1]
    inner = w[1] if turned else w[0]
    a, b = Tensor("a", ("M", inner), type), Tensor("w", w, type)
    c = Tensor("c", ("M", size), "f32")
    room = "%M, %E" if isinstance(size, str) else "%M"
    index = "(m, e, d) -> "
    right = "(e, d)" if turned else "(d, e)"
    body = f"""  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %M = tensor.dim %a, %c0 : {a.mlir}
  %E = tensor.dim %w, {"%c0" if turned else "%c1"} : {b.mlir}
  %room = tensor.empty({room}) : {c.mlir}
  %acc = linalg.fill ins(%zero : f32) outs(%room : {c.mlir}) -> {c.mlir}
  %c = linalg.contract indexing_maps = [affine_map<{index}(m, d)>,
      affine_map<{index}{right}>, affine_map<{index}(m, e)>]
    ins(%a, %w : {a.mlir}, {b.mlir}) outs(%acc : {c.mlir}) -> {c.mlir}"""
    return Program(name, (a, b), (c,), body)


def product_programs(type: str) -> Iterator[Program]:
    for turned in (False, True):
        name = "turned" if turned else "plain"
        dynamic = ("E", "D") if turned else ("D", "E")
        yield product(f"{name}_dynamic", type, dynamic, turned)
        for inner, size in itertools.product(WIDTHS, WIDTHS):
            w = (size, inner) if turned else (inner, size)
            yield product(f"{name}_{inner}_{size}", type, w, turned)


def norm(
    name: str, type: str, kind: str, shape: tuple[int | str, ...], axis: int
) -> Program:
    x, y = Tensor("x", shape, type), Tensor("y", shape, type)
    w, b = (Tensor(n, shape[axis : axis + 1], type) for n in "wb")
    groups = ", groups = 2 : i64" if kind == "group" else ""
    head = f"gate.norm %x weight(%w) bias(%b) {{kind = #gate.norm_kind<{kind}>"
    head += f", axes = array<i64: {axis}>, epsilon = 1.0e-6 : f64{groups}}}"
    return Program(name, (x, w, b), (y,), op([y], head, [x, w, b]))


def norm_programs(type: str) -> Iterator[Program]:
    for width, kind in itertools.product(WIDTHS, ("rms", "layer", "l2", "group")):
        if kind == "group" and width % 2:
            continue
        yield norm(f"{kind}_{width}", type, kind, ("B", "T", width), 2)
    for width in WIDTHS:
        yield norm(f"inner_{width}", type, "layer", ("B", 3, width), 1)
    yield norm("dynamic", type, "rms", ("T", "D"), 1)


def row_programs(type: str) -> Iterator[Program]:
    """Elementwise ops, convolutions and gathers."""
    for width in (*WIDTHS, "D"):
        shape = ("B", "T", width)
        g, x, y = (Tensor(n, shape, type) for n in "gxy")
        head = "gate.glu %g, %x {activation = #gate.activation<silu>}"
        yield Program(f"glu_{width}", (g, x), (y,), op([y], head, [g, x]))
    for width in WIDTHS:
        shape = ("B", "T", width)
        x, y = Tensor("x", shape, type), Tensor("y", shape, type)
        for gate_shape in ((*shape[:2], 1), ("B", 1, width)):
            z = Tensor("z", gate_shape, type)
            head = "gate.apply %x, %z {activation = #gate.activation<sigmoid>}"
            name = f"apply_{gate_shape[1]}_{width}"
            yield Program(name, (x, z), (y,), op([y], head, [x, z]))
        for taps in (2, 4):
            w, b = Tensor("w", (width, taps), type), Tensor("b", (width,), type)
            s0, s = (Tensor(n, ("B", taps - 1, width), type) for n in ("s0", "s"))
            inputs = (x, w, b, s0)
            head = "gate.short_conv %x, %w bias(%b) initial(%s0)"
            head += " {activation = #gate.activation<silu>}"
            name = f"conv_{taps}_{width}"
            yield Program(name, inputs, (y, s), op([y, s], head, inputs))
        table, ids = Tensor("table", (5, width), type), Tensor("ids", ("B", "T"), "i32")
        body = op([y], "gate.gather %table, %ids", [table, ids])
        yield Program(f"gather_{width}", (table, ids), (y,), body)


def attention_programs(type: str) -> Iterator[Program]:
    for K, V in ((1, 100), (17, 3)):
        yield Attention(K, V, (2, 1), type, causal=True, window=20).program
        yield Attention(
            V, K, (2, 2), type, causal=True, lengths="i32", log_gate=True, sinks=True
        ).program


PROGRAMS = {
    "attention": attention_programs,
    "scan": scan_programs,
    "product": product_programs,
    "norm": norm_programs,
    "row": row_programs,
}


# ===----------------------------------------------------------------------=== #
# Memory and calls
# ===----------------------------------------------------------------------=== #

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    *[ctypes.c_int] * 3,
    ctypes.c_long,
]
LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Guarded:
    """Bytes at the end or at the start of pages between two closed ones."""

    def __init__(self, size: int, at_end: bool, alignment: int = 1) -> None:
        page = mmap.PAGESIZE
        room = max(-(-size // page), 1) * page
        self._size = room + 2 * page
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        access = mmap.PROT_READ | mmap.PROT_WRITE
        self._memory = LIBC.mmap(None, self._size, access, flags, -1, 0)
        assert self._memory != ctypes.c_void_p(-1).value, ctypes.get_errno()
        opened = self._memory + page
        for closed in (self._memory, opened + room):
            assert LIBC.mprotect(closed, page, 0) == 0, ctypes.get_errno()
        begin = room - -(-size // alignment) * alignment if at_end else 0
        everything = (ctypes.c_uint8 * room).from_address(opened)
        pages = np.frombuffer(everything, np.uint8)
        pages[:] = POISON
        self.address = opened + begin
        self.bytes = pages[begin : begin + size]
        self._beside = pages[:begin], pages[begin + size :]

    def array(self, tensor: gate.runtime._Tensor, shape: tuple[int, ...]) -> np.ndarray:
        return self.bytes.view(gate.runtime._DTYPES[tensor.type]).reshape(shape)

    def is_intact(self) -> bool:
        """Nothing was written beside the bytes, where pages are open."""
        return all((beside == POISON).all() for beside in self._beside)

    def close(self) -> None:
        LIBC.munmap(self._memory, self._size)


def make_input(
    tensor: gate.runtime._Tensor, shape: tuple[int, ...], random: np.random.Generator
) -> np.ndarray:
    if tensor.type.startswith("int"):
        return random.integers(5, size=shape).astype(tensor.type)
    value = random.standard_normal(shape)
    # The decay of a scan; other gates may have any sign.
    return (-abs(value) if tensor.name == "g" else value).astype(
        gate.runtime._DTYPES[tensor.type]
    )


def call_guarded(
    function: gate.runtime.Function,
    inputs: Mapping[str, np.ndarray],
    sizes: Mapping[str, int],
    at_end: bool,
) -> dict[str, bytes]:
    """The outputs of a call whose arrays and workspace are all guarded."""
    buffers: list[Guarded] = []

    def allocate(tensor: gate.runtime._Tensor) -> np.ndarray:
        shape = tuple(sizes.get(size, size) for size in tensor.shape)
        dtype = np.dtype(gate.runtime._DTYPES[tensor.type])
        buffers.append(Guarded(math.prod(shape) * dtype.itemsize, at_end))
        return buffers[-1].array(tensor, shape)

    given, out = {}, {}
    for tensor in function._tensors:
        array = allocate(tensor)
        if tensor.role == "input":
            array[...] = inputs[tensor.name]
            given[tensor.name] = array
        else:
            out[tensor.name] = array
    workspace = Guarded(function.workspace_bytes(**sizes), at_end, alignment=64)
    arguments = function._given((), None, None, None, out, given)
    _views, pointers, _kept = function._marshal(arguments)
    function._library._check(
        function._call(*pointers, workspace.address, workspace.bytes.size)
    )
    results = {name: array.tobytes() for name, array in out.items()}
    for buffer in (*buffers, workspace):
        assert buffer.is_intact()
        buffer.close()
    return results


def call_all(path: str) -> None:
    """Prints every call before it is made."""
    for function in gate.load(path).functions.values():
        random = np.random.default_rng(5)
        for chosen in itertools.product(*(SIZES[dim] for dim in function.dims)):
            sizes = dict(zip(function.dims, chosen, strict=True))
            inputs = {
                t.name: make_input(
                    t, tuple(sizes.get(size, size) for size in t.shape), random
                )
                for t in function._tensors
                if t.role == "input"
            }
            print(function.name, sizes, "anywhere", flush=True)
            result = function(**inputs)
            expected = {n: getattr(result, n).tobytes() for n in function.outputs}
            for place in ("start", "end"):
                print(function.name, sizes, place, flush=True)
                outputs = call_guarded(function, inputs, sizes, place == "end")
                assert outputs == expected


# ===----------------------------------------------------------------------=== #
# Tests
# ===----------------------------------------------------------------------=== #


def run_alone(*command: str | Path) -> tuple[int, list[str], str]:
    result = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stdout.splitlines(), result.stderr


@pytest.mark.parametrize("target", ["cpu", "cpu:x86-64-v3", "cpu:x86-64"])
@pytest.mark.parametrize("type", ["f32", "bf16", "f16"])
@pytest.mark.parametrize("kind", PROGRAMS)
def test_guard_pages(kind, type, target, tmp_path):
    programs = list(PROGRAMS[kind](type))
    if kind == "scan" and (target != "cpu" or type == "f16"):
        programs = programs[3::5]  # they take long to compile
    text = "\n".join(p.text for p in programs)
    path = compile_library(tmp_path, kind, text, f"--target={target}")
    code, calls, message = run_alone(__file__, path)
    assert code == 0, f"exit code {code} in {calls[-1:]}\n{message}"
    assert {line.split()[0] for line in calls} == {p.name for p in programs}


@pytest.mark.parametrize(
    ("at_end", "position", "survives"),
    [(True, 99, True), (True, 100, False), (False, 0, True), (False, -1, False)],
)
def test_guards(at_end, position, survives):
    """One byte too far ends a process."""
    code, _, message = run_alone(
        "-c",
        "import ctypes, test_guard_pages as guards\n"
        f"memory = guards.Guarded(100, {at_end})\n"
        f"ctypes.string_at(memory.address + {position}, 1)\n",
    )
    assert code == (0 if survives else -signal.SIGSEGV), message


if __name__ == "__main__":
    call_all(sys.argv[1])
