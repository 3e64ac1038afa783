"""Writes seeded random weights for the two-block example as a safetensors file.

Needs NumPy only: the file format is eight bytes of header length, a JSON
header and the raw data. The shapes are those of `gla.mlir`.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import json
import struct
import sys
from collections.abc import Iterator

import numpy as np

VOCAB = 256  # one token per byte
WIDTH = 512
KEY_WIDTH = 256  # four heads of 64
VALUE_WIDTH = 512  # four heads of 128
HEAD_VALUE_WIDTH = 128
LOW_RANK = 16
HIDDEN = 1536  # floor(8 * 512 / 3) rounded up to a multiple of 256
BLOCKS = 2

ALIGNMENT = 64


def block_shapes() -> dict[str, tuple[int, ...]]:
    """The parameters of one block; matrices are [outputs, inputs]."""
    return {
        "norm1": (WIDTH,),
        "wq": (KEY_WIDTH, WIDTH),
        "wk": (KEY_WIDTH, WIDTH),
        "wv": (VALUE_WIDTH, WIDTH),
        "wa1": (LOW_RANK, WIDTH),
        "wa2": (KEY_WIDTH, LOW_RANK),
        "ba": (KEY_WIDTH,),
        "wr": (VALUE_WIDTH, WIDTH),
        "norm_head": (HEAD_VALUE_WIDTH,),
        "wo": (WIDTH, VALUE_WIDTH),
        "norm2": (WIDTH,),
        "w_gate": (HIDDEN, WIDTH),
        "w_up": (HIDDEN, WIDTH),
        "w_down": (WIDTH, HIDDEN),
    }


def parameter_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "embedding", (VOCAB, WIDTH)
    for block in range(BLOCKS):
        for name, shape in block_shapes().items():
            yield f"blocks.{block}.{name}", shape
    yield "norm", (WIDTH,)


def initialize(
    name: str, shape: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """Norms are 1; a matrix keeps the variance of what it is applied to."""
    kind = name.rsplit(".", 1)[-1]
    if kind.startswith("norm"):
        return np.ones(shape, np.float32)
    if kind == "embedding":
        # Also the output matrix: logits of about 0.02 * sqrt(512) = 0.45, so an
        # untrained model loses little more than log(256) per byte.
        scale = 0.02
    elif kind == "ba":
        # Spreads the decays, as training would.
        scale = 1.0
    else:
        scale = shape[1] ** -0.5
    return (scale * generator.standard_normal(shape)).astype(np.float32)


def write_safetensors(path: str, tensors: dict[str, np.ndarray]) -> None:
    header: dict[str, object] = {}
    offset = 0
    for name in sorted(tensors):
        size = tensors[name].nbytes
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    # Spaces after the header put the first byte of data on an aligned offset.
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in sorted(tensors):
            file.write(tensors[name].astype("<f4").tobytes())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default="gla.safetensors")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    generator = np.random.default_rng(arguments.seed)
    tensors = {
        name: initialize(name, shape, generator) for name, shape in parameter_shapes()
    }
    write_safetensors(arguments.path, tensors)
    count = sum(tensor.size for tensor in tensors.values())
    print(f"{arguments.path}: {len(tensors)} tensors, {count / 1e6:.2f} M parameters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
