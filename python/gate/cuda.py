# ===- cuda.py - Arrays, streams and memory on GPUs -----------------------=== #
#
# What the loader asks of the framework that owns the arrays of a call. PyTorch
# and CuPy are used where they are loaded and never imported.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""The GPU of a call: for gate.runtime."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import numpy as np

# DLPack's types of devices; managed memory belongs to its GPU.
_CUDA, _CUDA_MANAGED = 2, 13

# Frameworks that tell their current stream and allocate memory on it.
_WITH_CURRENT_STREAM = ("torch", "cupy")


def framework_of(value: Any) -> str:
    """The package of an array's class, or of the base that a user derived from."""
    names = [base.__module__.partition(".")[0] for base in type(value).__mro__]
    return next((name for name in names if name in _WITH_CURRENT_STREAM), names[0])


def device_of(value: Any) -> int | None:
    """The number of the GPU that an array is on."""
    if isinstance(value, np.ndarray) or not hasattr(value, "__dlpack_device__"):
        return None
    kind, number = value.__dlpack_device__()
    return int(number) if kind in (_CUDA, _CUDA_MANAGED) else None


def _stream_handle(stream: Any) -> int:
    for name in ("cuda_stream", "ptr"):
        if hasattr(stream, name):
            return int(getattr(stream, name))
    if isinstance(stream, int):
        return stream
    raise TypeError(
        "expected a stream as an integer or an object with cuda_stream (PyTorch) or "
        f"ptr (CuPy), got {type(stream).__name__}"
    )


class Gpu:
    """The GPU of a call, its stream, and the framework that owns its arrays."""

    def __init__(self, array: Any, device: int, stream: Any) -> None:
        self.device = device
        self._name = framework_of(array)
        self._framework = sys.modules.get(self._name)
        self._given = stream is not None
        if stream is not None:
            self.stream = _stream_handle(stream)
        elif self._name == "torch":
            self.stream = self._framework.cuda.current_stream(device).cuda_stream
        elif self._name == "cupy":
            with self._framework.cuda.Device(device):
                self.stream = self._framework.cuda.get_current_stream().ptr
        else:
            self.stream = 0

    @classmethod
    def find(cls, arrays: Iterable[Any], stream: Any) -> Gpu | None:
        for array in arrays:
            device = device_of(array)
            if device is not None:
                return cls(array, device, stream)
        return None

    def awaited(self, array: Any) -> int:
        """DLPack's number of the stream that has to wait for an array's work.

        -1 for none: the call itself is on the current stream of the array's
        framework. DLPack calls the default stream 1.
        """
        is_current = not self._given and self._name in _WITH_CURRENT_STREAM
        if is_current and framework_of(array) == self._name:
            return -1
        return self.stream or 1

    def _scope(self) -> Any:
        """Makes a stream that was given the one that memory is allocated for.

        The frameworks reuse memory in the order of its stream, so temporaries
        may be dropped while the work still runs.
        """
        cuda = self._framework.cuda
        if not self._given:
            return nullcontext()
        if self._name == "cupy":
            return cuda.ExternalStream(self.stream)
        if self.stream == 0:
            return cuda.stream(cuda.default_stream(self.device))
        return cuda.stream(cuda.ExternalStream(self.stream, self.device))

    def empty(self, shape: list[int], type_name: str, dtype: Any) -> Any:
        """Memory for an array: `type_name` as PyTorch, `dtype` as CuPy calls it."""
        if self._name == "torch":
            with self._scope():
                return self._framework.empty(
                    shape,
                    dtype=getattr(self._framework, type_name),
                    device=f"cuda:{self.device}",
                )
        if self._name == "cupy":
            with self._framework.cuda.Device(self.device), self._scope():
                return self._framework.empty(shape, dtype=dtype)
        raise TypeError(
            f"arrays of {self._name} are not allocated here: give out=, next_state= "
            "and workspace= as arrays of PyTorch or CuPy"
        )
