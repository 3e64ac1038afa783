# ===- safetensors.py - Small parameter files for tests -------------------=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Writes tensors of one value each: safetensors.py FILE NAME=TYPE:4x8:VALUE ..."""

import json
import struct
import sys

FORMATS = {"F64": "<d", "F32": "<f", "F16": "<e", "I32": "<i"}


def main() -> int:
    path, *tensors = sys.argv[1:]
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for text in tensors:
        name, description = text.split("=")
        kind, sizes, value = description.split(":")
        shape = [int(size) for size in sizes.split("x")]
        count = 1
        for size in shape:
            count *= size
        number = float(value) if kind.startswith("F") else int(value)
        own = struct.pack(FORMATS[kind], number) * count
        place = [len(data), len(data) + len(own)]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": place}
        data += own
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)
    return 0


if __name__ == "__main__":
    sys.exit(main())
