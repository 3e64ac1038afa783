# ===- runtime.py - Loads and calls compiled libraries --------------------=== #
#
# Reads the signature that every library carries and passes tensors by DLPack,
# without copies. All checks are the library's own; needs only NumPy.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Load a compiled library and call it with arrays.

    lib = gate.load("libgla.so")
    state = lib.init_state(B=1)
    result = lib.forward(ids, parameters=weights, state=state)
    result.logits, result.state

    packed = lib.prepare(weights)  # once: calls then pack nothing
    lib.forward(ids, parameters=weights, prepared=packed, state=state)

Arrays are NumPy arrays or anything with ``__dlpack__`` in CPU memory. They are
never copied, so they must be compact (``numpy.ascontiguousarray``). NumPy has
no bfloat16: where the package ml_dtypes is installed its type is used,
otherwise bfloat16 tensors are ``uint16`` arrays with the same bits.

A library with GPU code also takes arrays of PyTorch, CuPy or JAX on one CUDA
device. The work is queued on ``stream``, or else on the framework's current
stream; what is not given is allocated by the arrays' framework.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import re
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .cuda import Gpu, device_of, framework_of

try:
    from ml_dtypes import bfloat16 as _bfloat16
except ImportError:
    _bfloat16 = np.uint16

__all__ = [
    "DeviceError",
    "Function",
    "GateError",
    "InvalidArgument",
    "InvalidData",
    "Library",
    "OutOfMemory",
    "UnsupportedCpu",
    "UnsupportedDevice",
    "load",
]

_ABI_VERSION = 3


class GateError(Exception):
    """A call or a library failed; a call's text is the library's own message."""


class InvalidArgument(GateError, ValueError):  # noqa: N818
    """Null, rank, shape, element type, stride, alignment, device or overlap."""


class InvalidData(GateError, ValueError):  # noqa: N818
    """An element of an index tensor is out of its range."""


class UnsupportedCpu(GateError, RuntimeError):  # noqa: N818
    """This CPU lacks a feature that the library was compiled for."""


class OutOfMemory(GateError, MemoryError):  # noqa: N818
    """The library could not allocate its workspace."""


class UnsupportedDevice(GateError, RuntimeError):  # noqa: N818
    """No driver, no such device, or a device that there is no code for."""


class DeviceError(GateError, RuntimeError):
    """The GPU's driver refused a load, a copy or a launch."""


_ERRORS = {
    1: InvalidArgument,
    2: InvalidData,
    3: UnsupportedCpu,
    4: OutOfMemory,
    5: UnsupportedDevice,
    6: DeviceError,
}

# ===----------------------------------------------------------------------=== #
# Tensors
# ===----------------------------------------------------------------------=== #


class _DLDevice(ctypes.Structure):
    _fields_ = [("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32)]


class _DLDataType(ctypes.Structure):
    _fields_ = [
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
    ]


class _DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device", _DLDevice),
        ("ndim", ctypes.c_int32),
        ("dtype", _DLDataType),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


_DTYPES = {
    "float64": np.float64,
    "float32": np.float32,
    "bfloat16": _bfloat16,
    "float16": np.float16,
    "int64": np.int64,
    "int32": np.int32,
    "int8": np.int8,
    "uint8": np.uint8,
    "bool": np.bool_,
}

# DLPack's codes, by NumPy's kind of type.
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}
_BFLOAT_CODE = 4
_CPU = 1


def _type_code(dtype: np.dtype, expected: str) -> int:
    if dtype.name == "bfloat16" or (expected == "bfloat16" and dtype == np.uint16):
        return _BFLOAT_CODE
    if dtype.kind not in _CODES or not dtype.isnative:
        raise TypeError(f"arrays of type {dtype} cannot be passed to a library")
    return _CODES[dtype.kind]


class _View:
    """A DLTensor and whatever keeps its memory alive."""

    def __init__(
        self, value: Any, expected: str, written: bool, gpu: Gpu | None = None
    ) -> None:
        if not isinstance(value, np.ndarray) and not hasattr(value, "__dlpack__"):
            if written:
                raise TypeError(
                    f"expected an array to write to, got {type(value).__name__}"
                )
            value = np.ascontiguousarray(value, dtype=_DTYPES[expected])
        self.value = value
        self.shape: tuple[int, ...] = tuple(value.shape)
        if isinstance(value, np.ndarray):
            if written and not value.flags.writeable:
                raise ValueError("expected an array to write to, got a read-only one")
            self._from_numpy(value, expected)
        else:
            if written and framework_of(value) in ("jax", "jaxlib"):
                raise TypeError(
                    "expected an array to write to, got one of JAX, which are immutable"
                )
            self._from_dlpack(value, gpu)

    def _from_numpy(self, array: np.ndarray, expected: str) -> None:
        rank, size = array.ndim, array.itemsize
        if any(stride % size for stride in array.strides):
            raise ValueError("expected strides of whole elements")
        self._shape = (ctypes.c_int64 * rank)(*array.shape)
        self._strides = (ctypes.c_int64 * rank)(*(s // size for s in array.strides))
        dtype = _DLDataType(_type_code(array.dtype, expected), 8 * size, 1)
        self._tensor = _DLTensor(
            array.ctypes.data,
            _DLDevice(_CPU, 0),
            rank,
            dtype,
            self._shape,
            self._strides,
            0,
        )
        self.address = ctypes.addressof(self._tensor)

    def _from_dlpack(self, value: Any, gpu: Gpu | None) -> None:
        # The capsule stays ours, so its own destructor frees the tensor.
        if gpu is not None and device_of(value) is not None:
            self._capsule = value.__dlpack__(stream=gpu.awaited(value))
        else:
            self._capsule = value.__dlpack__()
        self.address = _capsule_pointer(self._capsule)

    def memory(self) -> tuple[int, int]:
        """Address and size in bytes of the data."""
        tensor = _DLTensor.from_address(self.address)
        bytes_each = (tensor.dtype.bits * tensor.dtype.lanes + 7) // 8
        return (tensor.data or 0) + tensor.byte_offset, bytes_each * math.prod(
            self.shape
        )


def _capsule_pointer(capsule: Any) -> int:
    """The address of a DLManagedTensor, which starts with the DLTensor."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return get(capsule, b"dltensor")


class _Tensor(NamedTuple):
    """One tensor of a signature."""

    name: str
    role: str
    type: str
    shape: tuple[int | str, ...]

    def allocate(self, dims: Mapping[str, int], gpu: Gpu | None = None) -> Any:
        sizes = [s if isinstance(s, int) else dims.get(s, 0) for s in self.shape]
        sizes = [max(s, 0) for s in sizes]
        if gpu is not None:
            return gpu.empty(sizes, self.type, _DTYPES[self.type])
        return np.empty(sizes, dtype=_DTYPES[self.type])

    def bind(self, shape: tuple[int, ...], dims: dict[str, int]) -> None:
        """Learns the sizes of the dims; the library finds what disagrees."""
        if len(shape) == len(self.shape):
            for size, dim in zip(shape, self.shape, strict=True):
                if isinstance(dim, str):
                    dims.setdefault(dim, size)


# ===----------------------------------------------------------------------=== #
# Functions
# ===----------------------------------------------------------------------=== #


def _field(name: str, taken: set[str]) -> str:
    """`name` as a field of a named tuple that is not taken yet."""
    field = re.sub(r"\W", "_", name).lstrip("_0123456789") or "t"
    while field in taken or not field.isidentifier() or field in ("count", "index"):
        field += "_"
    taken.add(field)
    return field


class Function:
    """One function of a library.

    Call it with its inputs in order or by name. ``parameters``, ``state`` and
    ``next_state`` are mappings from names to arrays; parameters may also be
    given by name (``f(x, **weights)``). ``out`` names arrays for the outputs;
    what is not given is allocated. Passing the same arrays as ``state`` and
    ``next_state`` updates them in place. ``prepared`` is what ``prepare`` made of
    the same parameters. Returns a named tuple of the outputs
    and, if there is one, the next ``state`` as a dict.

    On a GPU ``stream`` is an integer or a stream of PyTorch or CuPy, and
    ``workspace`` an array of at least ``workspace_bytes`` bytes. The call
    returns before its work is done.
    """

    def __init__(self, library: Library, description: dict[str, Any]) -> None:
        self._library = library
        self.name: str = description["name"]
        self.dims: tuple[str, ...] = tuple(description["dims"])
        self._tensors = [
            _Tensor(t["name"], t["role"], t["type"], tuple(t["shape"]))
            for t in description["tensors"]
        ]
        self._groups = description["groups"]
        self._call = library._symbol(description["symbol"])
        self._call.argtypes = [ctypes.c_void_p] * (len(self._groups) + 1) + [
            ctypes.c_size_t
        ]
        #: What the C functions take after all else: a stream, or nothing.
        self._takes_stream: bool = library.signature.get("takes_stream", False)
        if self._takes_stream:
            self._call.argtypes += [ctypes.c_void_p]
        self._workspace = library._symbol(description["workspace_symbol"])
        self._init_state = None
        if "init_state_symbol" in description:
            self._init_state = library._symbol(description["init_state_symbol"])
            self._init_state.argtypes = [ctypes.c_void_p] * (1 + self._takes_stream)
        self._prepare = None
        if "prepare_symbol" in description:
            self._prepare = library._symbol(description["prepare_symbol"])
            self._prepare.argtypes = [ctypes.c_void_p] * 2 + [ctypes.c_size_t]
            size = library._symbol(
                description["prepared_bytes_symbol"], ctypes.c_size_t
            )
            #: Bytes that prepare() needs; 0 where nothing can be prepared.
            self.prepared_bytes: int = size()
        else:
            self.prepared_bytes = 0
        singles = [
            self._tensors[g["members"][0]]
            for g in self._groups
            if g["kind"] == "tensor"
        ]
        self.inputs: tuple[str, ...] = tuple(
            t.name for t in singles if t.role == "input"
        )
        self.outputs: tuple[str, ...] = tuple(
            t.name for t in singles if t.role == "output"
        )
        self.parameters: tuple[str, ...] = self._member_names("parameters")
        self.state: tuple[str, ...] = self._member_names("state")
        taken: set[str] = set()
        fields = [_field(name, taken) for name in self.outputs]
        if self._group("next_state"):
            fields.append(_field("state", taken))
        self._result = namedtuple(f"{self.name}_result", fields)  # type: ignore[misc]

    def __repr__(self) -> str:
        tensors = [
            f"{t.name}: {t.type}[{', '.join(map(str, t.shape))}]"
            for t in self._tensors
            if t.role in ("input", "output")
        ]
        return f"<gate function {self.name}({', '.join(tensors)})>"

    def _group(self, kind: str) -> dict[str, Any] | None:
        return next((g for g in self._groups if g["kind"] == kind), None)

    def _member_names(self, kind: str) -> tuple[str, ...]:
        group = self._group(kind)
        members = [m for m in group["members"] if m is not None] if group else []
        return tuple(self._tensors[m].name for m in members)

    def __call__(
        self,
        *inputs: Any,
        parameters: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        next_state: Mapping[str, Any] | None = None,
        out: Any = None,
        prepared: np.ndarray | None = None,
        workspace: Any = None,
        stream: Any = None,
        **named: Any,
    ) -> Any:
        given = self._given(inputs, parameters, state, next_state, out, named)
        gpu = self._find_gpu(given, stream)
        views, pointers, _kept = self._marshal(given, gpu, prepared)
        if gpu is None and workspace is None:
            _room, start, size = None, None, 0
        else:
            _room, start, size = self._workspace_for(views, gpu, workspace)
        self._library._check(self._call(*pointers, start, size, *self._stream(gpu)))
        return self._results(views)

    def bind(
        self,
        *inputs: Any,
        parameters: Mapping[str, Any] | None = None,
        state: Mapping[str, Any] | None = None,
        next_state: Mapping[str, Any] | None = None,
        out: Any = None,
        prepared: np.ndarray | None = None,
        workspace: Any = None,
        stream: Any = None,
        **named: Any,
    ) -> Callable[[], None]:
        """A call of no arguments on these arrays, with its own workspace.

        For loops that call many times: arrays are looked at once. Every output
        must be given; the arrays must keep their memory.
        """
        given = self._given(inputs, parameters, state, next_state, out, named)
        gpu = self._find_gpu(given, stream)
        views, pointers, kept = self._marshal(given, gpu, prepared)
        room, start, size = self._workspace_for(views, gpu, workspace)
        arguments = (*pointers, start, size, *self._stream(gpu))
        call, check = self._call, self._library._check

        def run() -> None:
            check(call(*arguments))

        run.kept = (views, kept, room)  # type: ignore[attr-defined]
        return run

    def _find_gpu(self, given: dict[str, dict[str, Any]], stream: Any) -> Gpu | None:
        if not self._takes_stream:
            if stream is not None:
                raise TypeError(
                    f"{self.name}() takes no stream: the library has no GPU code"
                )
            return None
        return Gpu.find((v for group in given.values() for v in group.values()), stream)

    def _stream(self, gpu: Gpu | None) -> tuple[int | None, ...]:
        """The last argument of the C functions, or none."""
        if not self._takes_stream:
            return ()
        return (gpu.stream if gpu is not None else None,)

    def _workspace_for(
        self, views: dict[int, _View], gpu: Gpu | None, given: Any
    ) -> tuple[Any, int | None, int]:
        """A workspace for a call on these arrays, its address and its size."""
        if given is not None:
            view = _View(given, "uint8", written=True, gpu=gpu)
            return (view, *view.memory())
        dims: dict[str, int] = {}
        for position, view in views.items():
            self._tensors[position].bind(view.shape, dims)
        size = self.workspace_bytes(**{d: dims.get(d, 0) for d in self.dims})
        if gpu is None:
            room = np.empty(size + 64, np.uint8)
            return room, room.ctypes.data + -room.ctypes.data % 64, size
        if size == 0:
            return None, None, 0
        # Their allocators align to 256 bytes or more.
        view = _View(
            gpu.empty([size], "uint8", np.uint8), "uint8", written=True, gpu=gpu
        )
        return (view, *view.memory())

    def _given(
        self,
        inputs: tuple[Any, ...],
        parameters: Mapping[str, Any] | None,
        state: Mapping[str, Any] | None,
        next_state: Mapping[str, Any] | None,
        out: Any,
        named: dict[str, Any],
    ) -> dict[str, dict[str, Any]]:
        given = {
            "input": self._input_values(inputs, named),
            "parameter": dict(parameters or {}),
            "state": dict(state or {}),
            "next_state": dict(next_state or {}),
            "output": self._output_values(out),
        }
        for name in list(named):
            if name in self.parameters:
                given["parameter"][name] = named.pop(name)
        if named:
            raise TypeError(
                f"{self.name}() got unexpected arguments: {', '.join(sorted(named))}"
            )
        for role, names in (("parameter", self.parameters), ("state", self.state)):
            self._expect_names(role, given[role], names)
        self._expect_names("output", given["output"], self.outputs)
        self._expect_names(
            "next state", given["next_state"], self._member_names("next_state")
        )
        return given

    def _results(self, values: dict[int, _View]) -> Any:
        outputs = [
            values[i].value for i, t in enumerate(self._tensors) if t.role == "output"
        ]
        states = {
            t.name: values[i].value
            for i, t in enumerate(self._tensors)
            if t.role == "next_state"
        }
        return self._result(*outputs, *([states] if self._group("next_state") else []))

    def _input_values(
        self, inputs: tuple[Any, ...], named: dict[str, Any]
    ) -> dict[str, Any]:
        if len(inputs) > len(self.inputs):
            raise TypeError(
                f"{self.name}() takes {len(self.inputs)} inputs, got {len(inputs)}"
            )
        values = dict(zip(self.inputs, inputs, strict=False))
        for name in self.inputs:
            if name in named and name not in values:
                values[name] = named.pop(name)
        return values

    def _output_values(self, out: Any) -> dict[str, Any]:
        if out is None:
            return {}
        if isinstance(out, Mapping):
            return dict(out)
        if len(self.outputs) != 1:
            raise TypeError(f"out of {self.name}() must map names of outputs to arrays")
        return {self.outputs[0]: out}

    def _expect_names(
        self, what: str, given: dict[str, Any], names: tuple[str, ...]
    ) -> None:
        unknown = [name for name in given if name not in names]
        if unknown:
            raise TypeError(
                f"{self.name}() has no {what} {', '.join(map(repr, unknown))}; "
                f"it has {', '.join(map(repr, names)) or 'none'}"
            )

    def _marshal(
        self,
        given: dict[str, dict[str, Any]],
        gpu: Gpu | None = None,
        prepared: np.ndarray | None = None,
    ) -> tuple[dict[int, _View], list[Any], list[Any]]:
        """Views of all tensors by position, arguments, and what they point to."""
        views: dict[int, _View] = {}
        dims: dict[str, int] = {}
        # Inputs, parameters and states come before everything that is written.
        for position, tensor in enumerate(self._tensors):
            value = given[tensor.role].get(tensor.name)
            written = tensor.role in ("output", "next_state")
            if value is None:
                if not written:
                    continue
                value = tensor.allocate(dims, gpu)
            try:
                view = views[position] = _View(value, tensor.type, written, gpu)
            except (BufferError, TypeError, ValueError) as error:
                raise type(error)(
                    f"{self.name}(): {tensor.role} {tensor.name}: {error}"
                ) from None
            tensor.bind(view.shape, dims)
        pointers = []
        structs: list[Any] = [prepared]  # kept alive until after the call
        for group in self._groups:
            addresses = [
                views[m].address if m in views else None for m in group["members"]
            ]
            if group["kind"] == "tensor":
                pointers.append(addresses[0])
                continue
            if group["kind"] == "parameters":
                addresses.append(self._address_of(prepared, group))
            structs.append((ctypes.c_void_p * len(addresses))(*addresses))
            pointers.append(ctypes.addressof(structs[-1]))
        return views, pointers, structs

    def _address_of(
        self, prepared: np.ndarray | None, group: dict[str, Any]
    ) -> int | None:
        if prepared is None:
            return None
        if not group.get("prepared"):
            raise TypeError(f"{self.name}() takes nothing prepared")
        if prepared.nbytes < self.prepared_bytes or not prepared.flags.c_contiguous:
            raise ValueError(
                f"{self.name}(): prepared: expected {self.prepared_bytes} contiguous "
                f"bytes from prepare(), got {prepared.nbytes}"
            )
        return prepared.ctypes.data

    def prepare(
        self, parameters: Mapping[str, Any], out: np.ndarray | None = None
    ) -> np.ndarray:
        """Packs parameters once, for the ``prepared`` of calls.

        The bytes hold copies: prepare again when a parameter has changed. They
        may be saved, and used in another process by the same library at an
        address that is a multiple of 64. ``out`` is memory to write to.
        """
        group = self._group("parameters")
        if self._prepare is None or group is None:
            raise TypeError(f"{self.name}() has nothing to prepare")
        self._expect_names("parameter", dict(parameters), self.parameters)
        if out is None:
            room = np.empty(self.prepared_bytes + 64, np.uint8)
            start = -room.ctypes.data % 64
            out = room[start : start + self.prepared_bytes]
        tensors = [self._tensors[m] for m in group["members"]]
        views = [
            _View(parameters[t.name], t.type, False) if t.name in parameters else None
            for t in tensors
        ]
        addresses = [view.address if view else None for view in views]
        struct = (ctypes.c_void_p * (len(views) + 1))(*addresses, None)
        self._library._check(
            self._prepare(ctypes.addressof(struct), out.ctypes.data, out.nbytes)
        )
        return out

    def workspace_bytes(self, **dims: int) -> int:
        """Bytes of memory that a call needs at these sizes."""
        self._expect_dims(dims, self.dims)
        size = ctypes.c_size_t()
        sizes = [ctypes.c_int64(dims[d]) for d in self.dims]
        self._library._check(self._workspace(*sizes, ctypes.byref(size)))
        return size.value

    def init_state(
        self, *, like: Any = None, stream: Any = None, **dims: int
    ) -> dict[str, Any]:
        """A new state from before the first step, at these sizes.

        It is on the GPU of the array ``like``, or in NumPy arrays.
        """
        group = self._group("state")
        if self._init_state is None or group is None:
            raise TypeError(f"{self.name}() has no state")
        tensors = [None if m is None else self._tensors[m] for m in group["members"]]
        used = {d for t in tensors if t for d in t.shape if isinstance(d, str)}
        self._expect_dims(dims, tuple(d for d in self.dims if d in used))
        gpu = self._find_gpu({"like": {"like": like}}, stream)
        values = {t.name: t.allocate(dims, gpu) for t in tensors if t}
        views = [
            _View(values[t.name], t.type, True, gpu) if t else None for t in tensors
        ]
        struct = (ctypes.c_void_p * len(views))(
            *(v.address if v else None for v in views)
        )
        self._library._check(
            self._init_state(ctypes.addressof(struct), *self._stream(gpu))
        )
        return values

    def _expect_dims(self, given: Mapping[str, int], dims: tuple[str, ...]) -> None:
        if set(given) != set(dims):
            raise TypeError(
                f"{self.name}: expected the sizes of {', '.join(dims) or 'no dims'}, "
                f"got {', '.join(given) or 'none'}"
            )


# ===----------------------------------------------------------------------=== #
# Libraries
# ===----------------------------------------------------------------------=== #


class Library:
    """A compiled library; its functions are attributes."""

    def __init__(self, path: str | os.PathLike[str], prefix: str | None = None) -> None:
        self.path: str = os.path.abspath(os.fspath(path))
        self._handle = ctypes.CDLL(self.path)
        self.prefix: str = prefix or self._find_prefix()
        version = self._symbol(f"{self.prefix}_abi_version")()
        if version != _ABI_VERSION:
            raise GateError(
                f"{self.path}: expected a library of ABI version {_ABI_VERSION}, "
                f"got {version}"
            )
        self._last_error = self._symbol(f"{self.prefix}_last_error", ctypes.c_char_p)
        signature = self._symbol(f"{self.prefix}_signature", ctypes.c_char_p)
        #: The signature as parsed JSON.
        self.signature: dict[str, Any] = json.loads(signature())
        self.functions: dict[str, Function] = {
            f["name"]: Function(self, f) for f in self.signature["functions"]
        }

    def __repr__(self) -> str:
        return f"<gate library {self.prefix} ({', '.join(self.functions)})>"

    def __getattr__(self, name: str) -> Function:
        functions = self.__dict__.get("functions", {})
        if name in functions:
            return functions[name]
        raise AttributeError(
            f"library has no function {name!r}; it has {', '.join(functions)}"
        )

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.functions]

    def _find_prefix(self) -> str:
        """Finds the one name that ends in _signature among the exported ones."""
        with open(self.path, "rb") as file:
            names = set(re.findall(rb"\0([A-Za-z_]\w*)_signature\0", file.read()))
        prefixes = sorted(
            name.decode()
            for name in names
            if hasattr(self._handle, f"{name.decode()}_abi_version")
        )
        if len(prefixes) != 1:
            found = ", ".join(prefixes) or "none"
            raise GateError(
                f"{self.path}: expected one prefix of a Gate library, found {found}"
            )
        return prefixes[0]

    def _symbol(self, name: str, result: Any = ctypes.c_int32) -> Any:
        try:
            function = self._handle[name]  # a new object: nobody else sets its types
        except AttributeError:
            raise GateError(f"{self.path}: has no symbol {name}") from None
        function.restype = result
        return function

    def _check(self, status: int) -> None:
        if status:
            raise _ERRORS.get(status, GateError)(
                (self._last_error() or b"").decode(errors="replace")
            )

    def cuda_load(self, device: int = 0) -> None:
        """Loads the library on a GPU, which its first call there does otherwise."""
        self._on_device("cuda_load", device)

    def cuda_status(self, device: int = 0) -> None:
        """Waits for a GPU. Raises InvalidData when kernels met indices out of range.

        Or DeviceError, when work on the device has failed.
        """
        self._on_device("cuda_status", device)

    def _on_device(self, name: str, device: int) -> None:
        if not self.signature.get("takes_stream", False):
            raise UnsupportedDevice(
                f"{self.path}: has no GPU code: compile with --target=cpu,cuda:sm_90a"
            )
        function = self._symbol(f"{self.prefix}_{name}")
        self._check(function(ctypes.c_int32(device)))

    def init_state(self, **options: Any) -> dict[str, Any]:
        """A new state, for libraries whose functions share one kind of state."""
        stateful = [f for f in self.signature["functions"] if "init_state_symbol" in f]
        if not stateful:
            raise TypeError("no function of the library has a state")
        if len({f["init_state_symbol"] for f in stateful}) != 1:
            names = ", ".join(f["name"] for f in stateful)
            raise TypeError(
                f"states differ between functions: use init_state of one of {names}"
            )
        return self.functions[stateful[0]["name"]].init_state(**options)

    def prepare(self, parameters: Mapping[str, Any]) -> np.ndarray:
        """Packs parameters once, for libraries whose functions share them."""
        able = [f for f in self.signature["functions"] if "prepare_symbol" in f]
        if not able:
            raise TypeError("no function of the library has anything to prepare")
        if len({f["prepare_symbol"] for f in able}) != 1:
            names = ", ".join(f["name"] for f in able)
            raise TypeError(
                f"parameters differ between functions: use prepare of one of {names}"
            )
        return self.functions[able[0]["name"]].prepare(parameters)

    @property
    def version(self) -> str:
        """The compiler that wrote the library."""
        return self.signature["compiler"]

    @property
    def num_threads(self) -> int:
        """Threads that calls use; set 0 for the default."""
        return self._symbol(f"{self.prefix}_num_threads")()

    @num_threads.setter
    def num_threads(self, threads: int) -> None:
        self._check(
            self._symbol(f"{self.prefix}_set_num_threads")(ctypes.c_int32(threads))
        )


def load(path: str | os.PathLike[str], prefix: str | None = None) -> Library:
    """Loads a compiled library; `prefix` is found out when not given."""
    return Library(path, prefix)
