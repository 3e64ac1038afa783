//===- GateInputTiles.h - What a chunk of a linear scan reads --*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_IR_GATEINPUTTILES_H
#define GATE_IR_GATEINPUTTILES_H

#include "Gate/IR/TensorBuilder.h"

namespace gate {

/// The input tiles of C tokens of gate.linear_scan by name, null where the op
/// has no such operand: the arguments of its `buildChunk`.
struct LinearScanTiles {
  LinearScanTiles(LinearScanOp op, mlir::ValueRange inputs);

  /// [C, K], [C, K], [C, V]; queries are scaled.
  mlir::Value query, key, value;
  /// Log-gates, [C], [C, K] or [C, V].
  mlir::Value decay;
  /// [C]
  mlir::Value beta;
  /// [C, K]: what reads the state, and what is added times what was read.
  mlir::Value transitionRead, transitionAdded;
  /// [K]
  mlir::Value bonus;
};

} // namespace gate

#endif // GATE_IR_GATEINPUTTILES_H
