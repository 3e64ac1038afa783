//===- BlockBuffers.h - Buffers that a kernel reads and writes -*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_BLOCKS_BLOCKBUFFERS_H
#define GATE_LIB_CONVERSION_BLOCKS_BLOCKBUFFERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gate {

/// The buffer behind views of parts of it.
mlir::Value rootOf(mlir::Value memref);

/// Another shape of the same row-major buffer, or null.
mlir::Value reshapedFrom(mlir::Value memref);
/// A dim of a buffer that was reshaped, in the buffer behind: only dims that no
/// reshape merges or splits have one.
std::optional<std::pair<mlir::Value, int64_t>> dimBehind(mlir::Value memref,
                                                         int64_t dim);

/// Whether a kernel writes what `root`, an argument or a view of one, is or may
/// be. Parts of the workspace that are in use at a time are apart: the promise
/// of gate-place-buffers.
bool isWritten(mlir::func::FuncOp kernel, mlir::Value root);

} // namespace gate

#endif // GATE_LIB_CONVERSION_BLOCKS_BLOCKBUFFERS_H
