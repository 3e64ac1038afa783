# ===- malformed_calls.py - A table of calls that a library must refuse ---=== #
#
# Every case changes one thing in a valid call. The texts of the messages are
# written out here or put together from what is written here; nothing comes from
# the library's own signature.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gate.runtime import _DLDataType, _DLDevice, _DLTensor

SOURCE = """
func.func @forward(
    %ids: tensor<?x?xi32> {gate.name = "ids", gate.dims = ["B", "T"]},
    %rows: tensor<?xi64> {gate.name = "rows", gate.dims = ["B"]},
    %mix: tensor<?x?xf32> {gate.name = "mix", gate.dims = ["B", "B"]},
    %gates: tensor<?x?x1xf32> {gate.name = "gates", gate.dims = ["B", "T", "H"]},
    %table: tensor<10x4xf32> {gate.parameter = "embed.table", gate.dims = ["N", "d"]},
    %bias: tensor<4xf32> {gate.parameter = "embed.bias", gate.dims = ["d"]},
    %memory: tensor<?x1x4x4xf32> {
        gate.state = "memory", gate.dims = ["B", "H", "K", "V"]})
    -> (tensor<?x?x1x4xf32> {gate.name = "y", gate.dims = ["B", "T", "H", "d"]},
        tensor<?x4xf32> {gate.name = "z", gate.dims = ["B", "d"]},
        tensor<?x1x4x4xf32> {gate.state = "memory", gate.dims = ["B", "H", "K", "V"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %B = tensor.dim %ids, %c0 : tensor<?x?xi32>
  %T = tensor.dim %ids, %c1 : tensor<?x?xi32>
  %x = gate.gather %table, %ids
    : (tensor<10x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %n = gate.norm %x bias(%bias) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>,
    epsilon = 1.0e-6 : f64} : (tensor<?x?x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %q = tensor.expand_shape %n [[0], [1], [2, 3]] output_shape [%B, %T, 1, 4]
    : tensor<?x?x4xf32> into tensor<?x?x1x4xf32>
  %y, %next = gate.linear_scan %q, %q, %q decay(%gates) initial(%memory)
    : (tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>, tensor<?x?x1x4xf32>, tensor<?x?x1xf32>,
       tensor<?x1x4x4xf32>) -> (tensor<?x?x1x4xf32>, tensor<?x1x4x4xf32>)
  %r = gate.gather %table, %rows : (tensor<10x4xf32>, tensor<?xi64>) -> tensor<?x4xf32>
  %room = tensor.empty(%B) : tensor<?x4xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x4xf32>) -> tensor<?x4xf32>
  %z = linalg.matmul ins(%mix, %r : tensor<?x?xf32>, tensor<?x4xf32>)
    outs(%acc : tensor<?x4xf32>) -> tensor<?x4xf32>
  return %y, %z, %next : tensor<?x?x1x4xf32>, tensor<?x4xf32>, tensor<?x1x4x4xf32>
}
"""

OK, INVALID_ARGUMENT, INVALID_DATA = 0, 1, 2
PREFIX = "calls_forward: argument "

INT, UINT, FLOAT, OPAQUE, BFLOAT, COMPLEX, BOOL = 0, 1, 2, 3, 4, 5, 6
CUDA, METAL, CUDA_MANAGED = 2, 8, 13
#: What a library without GPU code says of GPU memory, after "expected ".
NO_GPU_CODE = (
    "CPU memory, got memory of cuda:0: the library has no GPU code, "
    "compile with --target=cpu,cuda:sm_90a"
)


@dataclass(frozen=True)
class Argument:
    """A tensor in the order in which the library looks at them."""

    name: str
    code: int
    bits: int
    #: B is 2, T is 3.
    shape: tuple[int, ...]
    #: The dims of the shape that a call chooses; "" for a fixed size.
    dims: tuple[str, ...]
    #: As messages about this tensor print it, after those before it were read.
    expected: str

    @property
    def type(self) -> str:
        return f"{'int' if self.code == INT else 'float'}{self.bits}"

    @property
    def bytes(self) -> int:
        size = self.bits // 8
        for n in self.shape:
            size *= n
        return size

    @property
    def strides(self) -> tuple[int, ...]:
        strides = [1]
        for size in self.shape[:0:-1]:
            strides.insert(0, strides[0] * size)
        return tuple(strides)

    @property
    def is_written(self) -> bool:
        return self.name in WRITTEN


WRITTEN = ("y", "z", "next_state.memory")

ARGUMENTS = (
    Argument("ids", INT, 32, (2, 3), ("B", "T"), "int32 [B, T]"),
    Argument("rows", INT, 64, (2,), ("B",), "int64 [2]"),
    Argument("mix", FLOAT, 32, (2, 2), ("B", "B"), "float32 [2, 2]"),
    Argument("gates", FLOAT, 32, (2, 3, 1), ("B", "T", ""), "float32 [2, 3, 1]"),
    Argument(
        "parameters.embed.table", FLOAT, 32, (10, 4), ("", ""), "float32 [10, 4]"
    ),
    Argument("parameters.embed.bias", FLOAT, 32, (4,), ("",), "float32 [4]"),
    Argument(
        "state.memory", FLOAT, 32, (2, 1, 4, 4), ("B", "", "", ""),
        "float32 [2, 1, 4, 4]",
    ),
    Argument(
        "y", FLOAT, 32, (2, 3, 1, 4), ("B", "T", "", ""), "float32 [2, 3, 1, 4]"
    ),
    Argument("z", FLOAT, 32, (2, 4), ("B", ""), "float32 [2, 4]"),
    Argument(
        "next_state.memory", FLOAT, 32, (2, 1, 4, 4), ("B", "", "", ""),
        "float32 [2, 1, 4, 4]",
    ),
)  # fmt: skip
BY_NAME = {argument.name: argument for argument in ARGUMENTS}

#: Every tensor has this much of the arena, and starts in the middle of it.
SLOT = 4096


@dataclass
class RawTensor:
    """The fields of a DLTensor, free to be wrong."""

    data: int
    code: int
    bits: int
    shape: list[int] | None
    lanes: int = 1
    device: int = 1
    ndim: int | None = None
    strides: list[int] | None = None
    byte_offset: int = 0
    keep: list = field(default_factory=list)

    def address(self) -> int:
        ndim = len(self.shape or ()) if self.ndim is None else self.ndim

        def sizes(values: list[int] | None):
            if values is None:
                return None
            self.keep.append((ctypes.c_int64 * len(values))(*values))
            return ctypes.cast(self.keep[-1], ctypes.POINTER(ctypes.c_int64))

        tensor = _DLTensor(
            self.data,
            _DLDevice(self.device, 0),
            ndim,
            _DLDataType(self.code, self.bits, self.lanes),
            sizes(self.shape),
            sizes(self.strides),
            self.byte_offset,
        )
        self.keep.append(tensor)
        return ctypes.addressof(tensor)


class Call:
    """A valid call, until a case changes it."""

    def __init__(self, base: int, needed: int) -> None:
        self.tensors: dict[str, RawTensor | None] = {
            argument.name: RawTensor(
                base + SLOT * index + SLOT // 2,
                argument.code,
                argument.bits,
                list(argument.shape),
            )
            for index, argument in enumerate(ARGUMENTS)
        }
        self.base = base
        self.null_structs: set[str] = set()
        #: Of the workspace that a call needs; a case may pass its own.
        self.needed = needed
        self.spare = base + SLOT * len(ARGUMENTS)
        self.workspace: int | None = None
        self.workspace_bytes = 0

    def pointers(self) -> list[int | None]:
        """In the order of the C function; structs have named members."""
        groups: dict[str, list[int | None]] = {"parameters": []}
        for name, tensor in self.tensors.items():
            group = name.partition(".")[0]
            address = tensor.address() if tensor else None
            groups.setdefault(group, []).append(address)
        self.keep: list = []
        return [self._pointer(group, members) for group, members in groups.items()]

    def _pointer(self, group: str, members: list[int | None]) -> int | None:
        if group in BY_NAME:
            return members[0]
        if group in self.null_structs:
            return None
        self.keep.append((ctypes.c_void_p * len(members))(*members))
        return ctypes.addressof(self.keep[-1])


@dataclass(frozen=True)
class Malformed:
    name: str
    change: Callable[[Call], None]
    #: After "calls_forward: argument "; {...} is filled in from the call.
    message: str
    status: int = INVALID_ARGUMENT


def on_tensor(name: str, **fields) -> Callable[[Call], None]:
    """Sets fields of a tensor."""

    def change(call: Call) -> None:
        for key, value in fields.items():
            setattr(call.tensors[name], key, value)

    return change


def nulls() -> Iterator[Malformed]:
    for a in ARGUMENTS:

        def drop(call: Call, name: str = a.name) -> None:
            call.tensors[name] = None

        yield Malformed(
            f"null-tensor-{a.name}", drop, f"{a.name}: expected a tensor, got null"
        )
        yield Malformed(
            f"null-data-{a.name}",
            on_tensor(a.name, data=0),
            f"{a.name}: expected {a.bytes} bytes of data, got null",
        )
        yield Malformed(
            f"null-shape-{a.name}",
            on_tensor(a.name, shape=None, ndim=len(a.shape)),
            f"{a.name}: expected {a.expected}, got {a.type} with a null shape",
        )
    for group in ("parameters", "state", "next_state"):

        def omit(call: Call, group: str = group) -> None:
            call.null_structs.add(group)

        yield Malformed(
            f"null-struct-{group}",
            omit,
            f"{group}: expected a struct of tensors, got null",
        )


def ranks() -> Iterator[Malformed]:
    for a in ARGUMENTS:
        start = f"{a.name}: expected {a.expected}, got {a.type} "
        yield Malformed(
            f"negative-rank-{a.name}", on_tensor(a.name, ndim=-1), start + "of rank -1"
        )
        yield Malformed(f"rank-0-{a.name}", on_tensor(a.name, shape=[]), start + "[]")
        longer, shorter = [*a.shape, 1], list(a.shape[1:])
        yield Malformed(
            f"rank-above-{a.name}", on_tensor(a.name, shape=longer), f"{start}{longer}"
        )
        if shorter:
            yield Malformed(
                f"rank-below-{a.name}",
                on_tensor(a.name, shape=shorter),
                f"{start}{shorter}",
            )


def sizes() -> Iterator[Malformed]:
    for a in ARGUMENTS:
        for position, dim in enumerate(a.dims):
            for size in (-1, 0, a.shape[position] + 1):
                shape = list(a.shape)
                shape[position] = size
                message = f"{a.name}: expected {a.expected}, got {a.type} {shape}"
                if a.name == "ids":
                    # It chooses B and T, so only a negative size is its fault.
                    if size >= 0:
                        continue
                    message += f": dim {dim} is negative"
                elif dim:
                    size_there = {"B": 2, "T": 3}[dim]
                    message += f": dim {dim} is {size} here but {size_there}"
                    message += " in argument ids"
                yield Malformed(
                    f"size-{a.name}-{position}-{size}",
                    on_tensor(a.name, shape=shape),
                    message,
                )
    # Sizes that ids chooses are missed where they come next.
    yield Malformed(
        "size-ids-batch",
        on_tensor("ids", shape=[3, 3]),
        "rows: expected int64 [3], got int64 [2]:"
        " dim B is 2 here but 3 in argument ids",
    )
    yield Malformed(
        "size-ids-time",
        on_tensor("ids", shape=[2, 4]),
        "gates: expected float32 [2, 4, 1], got float32 [2, 3, 1]:"
        " dim T is 3 here but 4 in argument ids",
    )
    most = 2**63 - 1
    for shape in ([2**61, 3], [most, most], [2, 2**61]):
        yield Malformed(
            f"size-ids-huge-{shape[0]}",
            on_tensor("ids", shape=shape),
            f"ids: expected at most {most} bytes, got shape {shape}",
        )


def types() -> Iterator[Malformed]:
    for a in ARGUMENTS:
        shape = list(a.shape)
        other = FLOAT if a.code == INT else INT
        changes = {
            "code": ({"code": other}, f"{'float' if a.code == INT else 'int'}{a.bits}"),
            "unsigned": ({"code": UINT}, f"uint{a.bits}"),
            "wide": ({"bits": 2 * a.bits}, f"{a.type[:-2]}{2 * a.bits}"),
            "narrow": ({"bits": 16}, f"{a.type[:-2]}16"),
            "bfloat": ({"code": BFLOAT, "bits": 16}, "bfloat16"),
            "bool": ({"code": BOOL, "bits": 8}, "bool"),
            "opaque": ({"code": OPAQUE}, f"type code 3 of {a.bits} bits"),
            "complex": ({"code": COMPLEX, "bits": 64}, "type code 5 of 64 bits"),
            "lanes": ({"lanes": 4}, f"{a.type}x4"),
            "no-lanes": ({"lanes": 0}, f"{a.type}x0"),
        }
        for what, (fields, got) in changes.items():
            yield Malformed(
                f"type-{what}-{a.name}",
                on_tensor(a.name, **fields),
                f"{a.name}: expected {a.expected}, got {got} {shape}",
            )


def strides() -> Iterator[Malformed]:
    for a in ARGUMENTS:
        for position, size in enumerate(a.shape):
            if size == 1:
                continue
            for change in (1, -1):
                wrong = list(a.strides)
                wrong[position] += change
                yield Malformed(
                    f"stride-{a.name}-{position}-{change}",
                    on_tensor(a.name, strides=wrong),
                    f"{a.name}: expected compact row-major strides"
                    f" {list(a.strides)}, got {wrong}",
                )


def places() -> Iterator[Malformed]:
    """Device, alignment and addresses."""
    for a in ARGUMENTS:
        for device in (0, METAL, -1, CUDA, CUDA_MANAGED):
            message = f"CPU memory, got device type {device}"
            if device in (CUDA, CUDA_MANAGED):
                message = NO_GPU_CODE
            yield Malformed(
                f"device-{device}-{a.name}",
                on_tensor(a.name, device=device),
                f"{a.name}: expected {message}",
            )
        size = a.bits // 8
        for shift in (1, size // 2):
            yield Malformed(
                f"aligned-offset-{shift}-{a.name}",
                on_tensor(a.name, byte_offset=shift),
                f"{a.name}: expected data aligned to {size} bytes,"
                f" got address {{{a.name}+{shift}}}",
            )

        def move(call: Call, name: str = a.name) -> None:
            call.tensors[name].data -= 1

        yield Malformed(
            f"aligned-data-{a.name}",
            move,
            f"{a.name}: expected data aligned to {size} bytes,"
            f" got address {{{a.name}+-1}}",
        )
        far = 2**64 - size
        yield Malformed(
            f"offset-{a.name}",
            on_tensor(a.name, byte_offset=far),
            f"{a.name}: expected data inside the address space, got byte offset {far}",
        )


def overlaps() -> Iterator[Malformed]:
    order = [a.name for a in ARGUMENTS]
    for written in WRITTEN:
        for other in order:
            if other == written or (
                other in WRITTEN and order.index(other) > order.index(written)
            ):
                continue
            earlier, later = sorted((written, other), key=order.index)
            tied = {earlier, later} == {"state.memory", "next_state.memory"}
            text = f"{later}: overlaps argument {earlier}"
            text += " without being the same buffer" * tied
            first, last = BY_NAME[written], BY_NAME[other]
            shifts = {
                "start": 0,
                "end": last.bytes - 4,
                "before": 4 - first.bytes,
            }
            for what, shift in shifts.items():
                if tied and shift == 0:
                    continue  # in place: allowed

                def move(
                    call: Call, to: str = other, name: str = written, by: int = shift
                ) -> None:
                    call.tensors[name].data = call.tensors[to].data + by

                yield Malformed(f"overlap-{what}-{written}-{other}", move, text)


def indices() -> Iterator[Malformed]:
    places = {
        "ids": {"first": (0, "[0, 0]"), "middle": (4, "[1, 1]"), "last": (5, "[1, 2]")},
        "rows": {"first": (0, "[0]"), "last": (1, "[1]")},
    }
    for name, positions in places.items():
        a = BY_NAME[name]
        integer = ctypes.c_int32 if a.bits == 32 else ctypes.c_int64
        limit = 2 ** (a.bits - 1)
        for what, (position, text) in positions.items():
            for value in (-1, 10, limit - 1, -limit):

                def store(
                    call: Call, name=name, position=position, value=value, type=integer
                ) -> None:
                    size = ctypes.sizeof(type)
                    address = call.tensors[name].data + position * size
                    type.from_address(address).value = value

                yield Malformed(
                    f"index-{name}-{what}-{value}",
                    store,
                    f"{name}: expected values in [0, 10), got {value} at {text}",
                    INVALID_DATA,
                )


def workspaces() -> Iterator[Malformed]:
    def give(shift: int, missing: int) -> Callable[[Call], None]:
        def change(call: Call) -> None:
            call.workspace = call.spare + shift
            call.workspace_bytes = call.needed - missing

        return change

    for missing in (1, 64):
        yield Malformed(
            f"workspace-small-{missing}",
            give(0, missing),
            f"workspace: expected at least {{needed}} bytes, got {{needed-{missing}}}",
        )

    def empty(call: Call) -> None:
        call.workspace, call.workspace_bytes = call.spare, 0

    yield Malformed(
        "workspace-empty",
        empty,
        "workspace: expected at least {needed} bytes, got 0",
    )
    for shift in (1, 4, 16, 32, 63):
        yield Malformed(
            f"workspace-aligned-{shift}",
            give(shift, 0),
            "workspace: expected data aligned to 64 bytes,"
            f" got address {{spare+{shift}}}",
        )
    for a in ARGUMENTS:

        def share(call: Call, name: str = a.name) -> None:
            # Slots are larger than the workspace, so it meets one tensor only.
            call.workspace = call.tensors[name].data & ~63
            call.workspace_bytes = call.needed

        yield Malformed(
            f"workspace-overlap-{a.name}",
            share,
            f"workspace: overlaps argument {a.name}",
        )


def malformed_calls() -> list[Malformed]:
    return [
        *nulls(), *ranks(), *sizes(), *types(), *strides(), *places(), *overlaps(),
        *indices(), *workspaces(),
    ]  # fmt: skip
