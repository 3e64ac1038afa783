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

/// Whether a kernel writes what `root`, an argument or a view of one, is or may
/// be. Parts of the workspace that are in use at a time are apart: the promise
/// of gate-place-buffers.
bool isWritten(mlir::func::FuncOp kernel, mlir::Value root);

} // namespace gate

#endif // GATE_LIB_CONVERSION_BLOCKS_BLOCKBUFFERS_H
