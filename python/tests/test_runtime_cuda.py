# ===- test_runtime_cuda.py - Calls on a GPU from Python ------------------=== #
#
# The library with GPU code and the driver without a GPU of the unit tests. The
# arrays say that they are on a GPU and lie in host memory; two small modules
# stand for PyTorch and for a framework that has nothing but DLPack.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs GATE_FAKE_CUDA and GATE_CUDA_LIBRARY: paths of the two files."""

import ctypes
import os
import sys
import types
from contextlib import contextmanager

import numpy as np
import pytest

import gate
from gate.runtime import _capsule_pointer, _DLTensor

KERNEL = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.POINTER(ctypes.c_void_p))


class Array:
    """An array on a GPU, of no framework."""

    def __init__(self, data, device=0, kind=2):
        self.numpy = data
        self.shape = data.shape
        self._device = (kind, device)
        self.awaited = []

    def __dlpack_device__(self):
        return self._device

    def __dlpack__(self, *, stream=None):
        self.awaited.append(stream)
        capsule = self.numpy.__dlpack__()
        tensor = _DLTensor.from_address(_capsule_pointer(capsule))
        tensor.device.device_type, tensor.device.device_id = self._device
        return capsule


class TorchTensor(Array):
    pass


TorchTensor.__module__ = "torch"


class JaxArray(Array):
    pass


JaxArray.__module__ = "jaxlib.something"


class Stream:
    def __init__(self, handle):
        self.cuda_stream = handle


def aligned(shape, dtype):
    """Aligned to 256 bytes, as GPU allocators do."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(size + 256, np.uint8)
    start = -room.ctypes.data % 256
    return room[start : start + size].view(dtype).reshape(shape)


class Torch(types.ModuleType):
    """As much of PyTorch as the runtime uses."""

    float32, uint8 = np.float32, np.uint8

    def __init__(self):
        super().__init__("torch")
        self.scopes = []
        self.allocated = []
        self.cuda = self

    def current_stream(self, device):
        return Stream(70 + device)

    def default_stream(self, device):
        return Stream(0)

    def ExternalStream(self, handle, device):
        return Stream(handle)

    @contextmanager
    def stream(self, stream):
        self.scopes.append(stream.cuda_stream)
        yield
        self.scopes.pop()

    def empty(self, shape, dtype, device):
        stream = self.scopes[-1] if self.scopes else "current"
        self.allocated.append((tuple(shape), np.dtype(dtype).name, device, stream))
        return TorchTensor(aligned(shape, dtype), int(device.partition(":")[2]))


@pytest.fixture(scope="module")
def driver():
    # The library opens libcuda.so.1, which is then this one.
    driver = ctypes.CDLL(os.environ["GATE_FAKE_CUDA"], mode=ctypes.RTLD_GLOBAL)
    driver.fake_cuda_log.restype = ctypes.c_char_p
    return driver


@pytest.fixture
def calls(driver):
    driver.fake_cuda_log()
    return lambda: driver.fake_cuda_log().decode().splitlines()


@pytest.fixture(scope="module")
def lib(driver):
    return gate.load(os.environ["GATE_CUDA_LIBRARY"])


@pytest.fixture
def torch(monkeypatch):
    module = Torch()
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


@pytest.fixture
def kernel(driver):
    """The kernel: sum += x, y = sum * w."""

    def floats(address, count):
        array = ctypes.cast(address, ctypes.POINTER(ctypes.c_float))
        return np.ctypeslib.as_array(array, (count,))

    @KERNEL
    def run(_name, arguments):
        pointers = [ctypes.c_void_p.from_address(arguments[i]).value for i in range(5)]
        rows = ctypes.c_int64.from_address(arguments[5]).value
        x, total, y = (floats(pointers[i], 4 * rows) for i in (0, 2, 3))
        total += x
        y[:] = (total.reshape(rows, 4) * floats(pointers[1], 4)).reshape(-1)

    driver.fake_cuda_on_launch(run)
    yield
    driver.fake_cuda_on_launch(KERNEL(0))


X = np.arange(8, dtype=np.float32).reshape(2, 4)
W = np.array([1, 2, 3, 4], np.float32)


def tensors(kind):
    return kind(X), {"block.w": kind(W)}, {"sum": kind(np.ones((2, 4), np.float32))}


def test_cpu(lib, calls):
    result = lib.accumulate(X, **{"block.w": W}, state=lib.init_state(B=2))
    assert isinstance(result.y, np.ndarray)
    assert result.y[0, 0] == 1
    assert calls() == []


def test_torch(lib, calls, torch, kernel):
    x, weights, state = tensors(TorchTensor)
    result = lib.accumulate(x, **weights, state=state)
    np.testing.assert_array_equal(result.y.numpy, (X + 1) * W)
    np.testing.assert_array_equal(result.state["sum"].numpy, X + 1)
    np.testing.assert_array_equal(state["sum"].numpy, np.ones((2, 4)))
    assert isinstance(result.y, TorchTensor)
    assert torch.allocated == [
        ((2, 4), "float32", "cuda:0", "current"),
        ((2, 4), "float32", "cuda:0", "current"),
        ((32,), "uint8", "cuda:0", "current"),
    ]
    # The current stream: nobody has to wait.
    assert x.awaited == [-1]
    assert calls()[-5:] == [
        "cuCtxPushCurrent 1000",
        "cuMemcpyDtoDAsync 32 stream 70",
        "cuTensorMapEncodeTiled 7 sizes 4 2 strides 16 box 32 64 swizzle 3",
        "cuLaunchKernel accumulate grid 2 1 1 block 384 1 1 shared 131072 stream 70",
        "cuCtxPopCurrent",
    ]


@pytest.mark.parametrize("stream", [9, Stream(9)])
def test_given_stream(lib, calls, torch, stream):
    x, weights, state = tensors(TorchTensor)
    lib.accumulate(x, **weights, state=state, stream=stream)
    assert x.awaited == [9]
    assert {entry[3] for entry in torch.allocated} == {9}
    assert calls()[-2].endswith("stream 9")


def test_default_stream(lib, calls, torch):
    x, weights, state = tensors(TorchTensor)
    lib.accumulate(x, **weights, state=state, stream=0)
    assert x.awaited == [1]
    assert {entry[3] for entry in torch.allocated} == {0}
    assert calls()[-2].endswith("stream 0")


def test_given_workspace(lib, calls, torch):
    x, weights, state = tensors(TorchTensor)
    out, workspace = Array(np.empty_like(X)), Array(aligned([64], np.uint8))
    options = {"state": state, "next_state": state, "out": out, "workspace": workspace}
    assert lib.accumulate(x, **weights, **options).y is out
    assert torch.allocated == []
    options["workspace"] = Array(aligned([31], np.uint8))
    with pytest.raises(gate.InvalidArgument, match="at least 32 bytes, got 31"):
        lib.accumulate(x, **weights, **options)


def test_bind(lib, calls, torch, kernel):
    x, weights, state = tensors(TorchTensor)
    out = TorchTensor(np.empty_like(X))
    run = lib.accumulate.bind(x, **weights, state=state, next_state=state, out=out)
    calls()
    run()
    run()
    np.testing.assert_array_equal(out.numpy, (2 * X + 1) * W)
    assert [call.split()[0] for call in calls()] == [
        "cuCtxPushCurrent",
        "cuTensorMapEncodeTiled",
        "cuLaunchKernel",
        "cuCtxPopCurrent",
    ] * 2


def test_other_frameworks(lib, calls):
    x, weights, state = tensors(JaxArray)
    with pytest.raises(TypeError, match="of jaxlib are not allocated here: give out="):
        lib.accumulate(x, **weights, state=state)
    outputs = {
        "out": Array(np.empty_like(X)),
        "next_state": {"sum": Array(np.empty_like(X))},
        "workspace": Array(aligned([32], np.uint8)),
    }
    lib.accumulate(x, **weights, state=state, **outputs)
    assert x.awaited[-1] == 1
    with pytest.raises(TypeError, match=r"output y: .* got one of JAX"):
        lib.accumulate(x, **weights, state=state, **{**outputs, "out": JaxArray(X)})


def test_init_state(lib, calls, torch):
    state = lib.init_state(B=3, like=TorchTensor(X), stream=6)
    assert isinstance(state["sum"], TorchTensor)
    assert state["sum"].shape == (3, 4)
    assert "cuMemsetD8Async 48 stream 6" in calls()


def test_device_functions(lib, driver, calls):
    lib.cuda_load()
    lib.cuda_status()
    driver.fake_cuda_fail(b"cuCtxSynchronize", 719)
    with pytest.raises(gate.DeviceError, match="CUDA_ERROR_LAUNCH_FAILED"):
        lib.cuda_status(0)
    driver.fake_cuda_fail(b"cuCtxSynchronize", 0)
    with pytest.raises(gate.UnsupportedDevice, match="device number below 1"):
        lib.cuda_load(3)


def test_errors(lib, torch):
    x, weights, state = tensors(TorchTensor)
    with pytest.raises(
        gate.InvalidArgument, match=r"block\.w: expected memory of cuda"
    ):
        lib.accumulate(x, **{"block.w": W}, state=state)
    with pytest.raises(TypeError, match="expected a stream as an integer or"):
        lib.accumulate(x, **weights, state=state, stream="7")
    other = TorchTensor(X, device=4)
    with pytest.raises(gate.InvalidArgument, match="got memory of cuda:4"):
        lib.accumulate(x, **weights, state={"sum": other})
