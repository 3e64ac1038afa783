# ===- test_malformed_calls.py - Exact errors of malformed calls ----------=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

import ctypes
import re

import malformed_calls as table
import numpy as np
import pytest
from malformed_calls import ARGUMENTS, BY_NAME, PREFIX, SLOT, SOURCE, Call, RawTensor
from programs import compile_library

CALLS = table.malformed_calls()
B, T = 2, 3


def normalised(x: np.ndarray) -> np.ndarray:
    return x / np.sqrt(np.mean(x**2, -1, keepdims=True) + 1e-6)


class Caller:
    """A library, an arena that holds all tensors, and a valid call."""

    def __init__(self, path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.forward = self.library.calls_forward
        self.forward.argtypes = [ctypes.c_void_p] * 10 + [ctypes.c_size_t]
        self.last_error = self.library.calls_last_error
        self.last_error.restype = ctypes.c_char_p
        self.init_state = self.library.calls_init_state
        self.init_state.argtypes = [ctypes.c_void_p]
        self.workspace = self.library.calls_forward_workspace_bytes
        self.workspace.argtypes = [ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
        self.needed = self.workspace_bytes(B, T)
        assert 64 <= self.needed <= SLOT // 2
        self.memory = np.zeros(SLOT * (len(ARGUMENTS) + 3), np.uint8)
        start = -self.memory.ctypes.data % SLOT
        self.arena = self.memory[start : start + SLOT * (len(ARGUMENTS) + 2)]
        self.fill()

    def workspace_bytes(self, *sizes: int) -> int:
        needed = ctypes.c_size_t()
        assert self.workspace(*sizes, ctypes.addressof(needed)) == table.OK
        return needed.value

    def array(self, name: str) -> np.ndarray:
        argument = BY_NAME[name]
        begin = SLOT * list(BY_NAME).index(name) + SLOT // 2
        data = self.arena[begin : begin + argument.bytes]
        return data.view(argument.type).reshape(argument.shape)

    def fill(self) -> None:
        """Valid inputs; everything else is poisoned."""
        random = np.random.default_rng(7)
        self.arena[:] = 0xFF
        for argument in ARGUMENTS:
            if not argument.is_written:
                self.array(argument.name)[...] = random.standard_normal(argument.shape)
        self.array("ids")[...] = [[0, 9, 4], [3, 3, 8]]
        self.array("rows")[...] = [9, 0]
        self.array("gates")[...] = -np.abs(self.array("gates"))

    def new_call(self) -> Call:
        return Call(self.arena.ctypes.data, self.needed)

    def run(self, call: Call) -> tuple[int, str]:
        status = self.forward(*call.pointers(), call.workspace, call.workspace_bytes)
        return status, (self.last_error() or b"").decode()

    def expect_good(self, call: Call | None = None, state: str = "next_state.memory"):
        status, message = self.run(call or self.new_call())
        assert status == table.OK, message
        memory, y, z = expected_results(self.inputs)
        for name, expected in ((state, memory), ("y", y), ("z", z)):
            np.testing.assert_allclose(self.array(name), expected, 1e-5, 1e-5)

    def remember(self) -> None:
        self.inputs = {
            a.name: self.array(a.name).copy() for a in ARGUMENTS if not a.is_written
        }


def expected_results(inputs):
    table, bias = inputs["parameters.embed.table"], inputs["parameters.embed.bias"]
    x = normalised(table[inputs["ids"]].astype(np.float64)) + bias
    state = inputs["state.memory"][:, 0].astype(np.float64)
    y = np.empty((B, T, 1, 4))
    for t in range(T):
        state = state * np.exp(inputs["gates"][:, t])[..., None]
        state = state + x[:, t, :, None] * x[:, t, None, :]
        y[:, t, 0] = np.einsum("bkv,bk->bv", state, x[:, t])
    return state[:, None], y, inputs["mix"].astype(np.float64) @ table[inputs["rows"]]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = compile_library(tmp_path_factory.mktemp("calls"), "calls", SOURCE)
    return Caller(path)


@pytest.fixture
def caller(library):
    library.fill()
    library.remember()
    return library


def fill_in(message: str, call: Call) -> str:
    """{NAME+N} is an address; {needed} a size."""

    def value(found: re.Match) -> str:
        name, number = re.fullmatch(r"([\w.]+)[+-]?(-?\d*)", found[1]).groups()
        shift = int(number or 0)
        if name == "needed":
            return str(call.needed - shift)
        base = call.spare if name == "spare" else START[name] + call.base
        return hex(base + shift)

    return re.sub(r"\{([^}]*)\}", value, message)


START = {a.name: SLOT * i + SLOT // 2 for i, a in enumerate(ARGUMENTS)}


def test_table():
    assert len(CALLS) >= 200
    assert len({call.name for call in CALLS}) == len(CALLS)


@pytest.mark.parametrize("malformed", CALLS, ids=lambda malformed: malformed.name)
def test_malformed_call(malformed, caller):
    call = caller.new_call()
    malformed.change(call)
    before = caller.arena.copy()
    status, message = caller.run(call)
    expected = PREFIX + fill_in(malformed.message, call)
    assert (status, message) == (malformed.status, expected)
    np.testing.assert_array_equal(caller.arena, before)
    caller.fill()
    caller.expect_good()


# ===----------------------------------------------------------------------=== #
# Unusual calls that are valid
# ===----------------------------------------------------------------------=== #


def test_good_call(caller):
    caller.expect_good()


def test_state_in_place(caller):
    call = caller.new_call()
    call.tensors["next_state.memory"].data = call.tensors["state.memory"].data
    caller.expect_good(call, "state.memory")
    assert np.isnan(caller.array("next_state.memory")).all()


def test_given_workspace(caller):
    call = caller.new_call()
    call.workspace, call.workspace_bytes = call.spare, call.needed
    caller.expect_good(call)
    # Nothing beyond it is written.
    spare = caller.arena[SLOT * len(ARGUMENTS) :]
    assert (spare[call.needed :] == 0xFF).all()


def test_strides_that_are_not_used(caller):
    call = caller.new_call()
    for argument in ARGUMENTS:
        call.tensors[argument.name].strides = [
            99 if size == 1 else stride
            for size, stride in zip(argument.shape, argument.strides, strict=True)
        ]
    caller.expect_good(call)


def test_byte_offset(caller):
    call = caller.new_call()
    for tensor in call.tensors.values():
        tensor.data -= 64
        tensor.byte_offset = 64
    caller.expect_good(call)


def test_no_tokens(caller):
    """Empty tensors need no data."""
    call = caller.new_call()
    for name, position in (("ids", 1), ("gates", 1), ("y", 1)):
        call.tensors[name].shape[position] = 0
        call.tensors[name].data = 0
    assert caller.run(call)[0] == table.OK
    np.testing.assert_array_equal(
        caller.array("next_state.memory"), caller.array("state.memory")
    )
    assert np.isnan(caller.array("y")).all()


def test_no_batch(caller):
    call = caller.new_call()
    for argument in ARGUMENTS:
        for position, dim in enumerate(argument.dims):
            if dim == "B":
                call.tensors[argument.name].shape[position] = 0
    before = caller.arena.copy()
    assert caller.run(call)[0] == table.OK
    np.testing.assert_array_equal(caller.arena, before)


# ===----------------------------------------------------------------------=== #
# The other functions of a library
# ===----------------------------------------------------------------------=== #

STATE = "calls_init_state: argument state"
MEMORY = f"{STATE}.memory: expected "
SHAPE = "float32 [B, 1, 4, 4]"


WRONG_STATES = {
    "rank": ({"ndim": 3}, f"{SHAPE}, got float32 [2, 1, 4]"),
    "negative-rank": ({"ndim": -2}, f"{SHAPE}, got float32 of rank -2"),
    "wide": ({"bits": 64}, f"{SHAPE}, got float64 [2, 1, 4, 4]"),
    "bfloat": (
        {"code": table.BFLOAT, "bits": 16},
        f"{SHAPE}, got bfloat16 [2, 1, 4, 4]",
    ),
    "size": ({"shape": [2, 1, 4, 5]}, f"{SHAPE}, got float32 [2, 1, 4, 5]"),
    "negative-size": (
        {"shape": [-2, 1, 4, 4]},
        f"{SHAPE}, got float32 [-2, 1, 4, 4]: dim B is negative",
    ),
    "strides": (
        {"strides": [16, 16, 1, 4]},
        "compact row-major strides [16, 16, 4, 1], got [16, 16, 1, 4]",
    ),
    "device": ({"device": table.CUDA}, table.NO_GPU_CODE),
    "null-data": ({"data": 0}, "128 bytes of data, got null"),
    "offset": (
        {"byte_offset": 2**64 - 4},
        f"data inside the address space, got byte offset {2**64 - 4}",
    ),
}


@pytest.mark.parametrize("name", WRONG_STATES)
def test_malformed_init_state(name, caller):
    fields, message = WRONG_STATES[name]
    before = caller.arena.copy()
    tensor = caller.new_call().tensors["state.memory"]
    for key, value in fields.items():
        setattr(tensor, key, value)
    assert init_state(caller, tensor) == (table.INVALID_ARGUMENT, MEMORY + message)
    np.testing.assert_array_equal(caller.arena, before)
    good = caller.new_call().tensors["state.memory"]
    assert init_state(caller, good)[0] == table.OK
    assert not caller.array("state.memory").any()


def init_state(caller: Caller, tensor: RawTensor | None) -> tuple[int, str]:
    struct = (ctypes.c_void_p * 1)(tensor.address() if tensor else None)
    status = caller.init_state(ctypes.addressof(struct))
    return status, (caller.last_error() or b"").decode()


def test_null_init_state(caller):
    assert caller.init_state(None) == table.INVALID_ARGUMENT
    assert (
        caller.last_error()
        == f"{STATE}: expected a struct of tensors, got null".encode()
    )
    assert init_state(caller, None) == (
        table.INVALID_ARGUMENT,
        f"{MEMORY}a tensor, got null",
    )


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((-1, 3), "dim B: expected a size of at least 0, got -1"),
        ((2, -(2**63)), f"dim T: expected a size of at least 0, got {-(2**63)}"),
    ],
)
def test_malformed_workspace_query(sizes, message, caller):
    needed = ctypes.c_size_t(77)
    status = caller.workspace(*sizes, ctypes.addressof(needed))
    assert status == table.INVALID_ARGUMENT
    assert caller.last_error().decode() == f"calls_forward: {message}"
    assert needed.value == 77


def test_null_workspace_query(caller):
    assert caller.workspace(2, 3, None) == table.INVALID_ARGUMENT
    assert caller.last_error().decode() == (
        "calls_forward: argument bytes: expected a pointer, got null"
    )


@pytest.mark.parametrize("threads", [-1, -(2**31), 2**31 - 1])
def test_malformed_num_threads(threads, caller):
    get, set_threads = (
        caller.library.calls_num_threads,
        caller.library.calls_set_num_threads,
    )
    before = get()
    assert set_threads(ctypes.c_int32(threads)) == table.INVALID_ARGUMENT
    assert re.fullmatch(
        rf"set_num_threads: argument threads: expected 0 to \d+, got {threads}",
        caller.last_error().decode(),
    )
    assert get() == before
