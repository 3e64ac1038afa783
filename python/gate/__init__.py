# ===- __init__.py - The Python package of Gate ---------------------------=== #
#
# What users import: loading and calling compiled libraries.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Gate: a compiler for gated neural architectures."""

from .runtime import (
    DeviceError,
    GateError,
    InvalidArgument,
    InvalidData,
    Library,
    OutOfMemory,
    UnsupportedCpu,
    UnsupportedDevice,
    load,
)

__all__ = [
    "DeviceError",
    "GateError",
    "InvalidArgument",
    "InvalidData",
    "Library",
    "OutOfMemory",
    "UnsupportedCpu",
    "UnsupportedDevice",
    "load",
]
