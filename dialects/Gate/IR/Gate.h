//===- Gate.h - The gate dialect -------------------------------*- C++ -*-===//
//
// Dialect, attributes, interfaces and ops of the gate dialect.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DIALECT_GATE_H
#define GATE_DIALECT_GATE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/TilingInterface.h"

#include "gate/Support/DataKind.h"

#include "Gate/IR/GateDialect.h.inc"
#include "Gate/IR/GateEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "Gate/IR/GateAttrs.h.inc"

namespace gate {

// Upstream's AggregatedOpInterface declares its method with unqualified names.
using llvm::SmallVector;
using mlir::FailureOr;
using mlir::OpBuilder;
using mlir::Value;

/// Attribute of an op with its schedule.
inline constexpr llvm::StringLiteral scheduleAttrName = "gate.schedule";

/// What an op costs at given sizes. FLOPs count a fused multiply-add as two;
/// bytes are the least that must move: each operand read once, each result
/// written once.
struct Cost {
  /// Multiply-adds of products, on matrix units or register tiles.
  double contractionFlops = 0;
  /// Other arithmetic; a transcendental counts as one.
  double elementwiseFlops = 0;
  double bytes = 0;
  /// Independent pieces of work.
  double parallelism = 1;
};

/// Size of a dim of a value, for costs.
using SizeFunction = llvm::function_ref<int64_t(mlir::Value, int64_t)>;

/// The axes that the dims of an op's operands and results run along.
struct Axes {
  /// Per axis: can it be cut into independent pieces?
  SmallVector<bool> tileable;
  /// Per operand and per result, the axis of each dim, or -1 for a dim that
  /// belongs to none (its size is static, or it is repeated).
  SmallVector<SmallVector<int64_t>> operands, results;

  int64_t add(bool isTileable) {
    tileable.push_back(isTileable);
    return static_cast<int64_t>(tileable.size()) - 1;
  }
};

/// Rows [offset, offset + size) of one independent index of a fold.
struct FoldTile {
  SmallVector<Value> parallel;
  mlir::OpFoldResult offset, size;
  /// The most rows that a tile has. Tiles in memory have this many, of which
  /// those from `size` on mean nothing.
  int64_t rows;
  /// Tiles are values of `size` rows, for machines that multiply whole tiles.
  bool isDense;
};

/// Tokens [offset, offset + size) of a fold.
struct FoldChunk {
  mlir::OpFoldResult offset, size;
  /// The most tokens that a chunk has, which tiles of tokens in memory have.
  int64_t tokens;
  /// Every row of the tile folds over every token, and the chunk is full.
  bool isWhole;
  /// No row folds over tokens from this one of the chunk on.
  mlir::OpFoldResult kept;
};

/// The tokens [begin, end) of which the rows of a tile fold over some, and the
/// run [wholeBegin, wholeEnd) of which every row folds over all; the run may be
/// empty, with an end before its begin, and lie outside. All but `end` are
/// multiples of a chunk.
struct FoldRange {
  mlir::OpFoldResult begin, wholeBegin, wholeEnd, end;
  /// At least `end`: a dense chunk may read tokens before it, though no row
  /// keeps them.
  mlir::OpFoldResult readEnd;
};

/// Attaches TilingInterface and ReifyRankedShapedTypeOpInterface to the ops.
void attachTilingModels(mlir::MLIRContext &context);

/// True when the shapes agree where both are static, and element types are
/// equal: what a user may write instead of the inferred types.
bool areCompatibleResultTypes(mlir::TypeRange inferred, mlir::TypeRange actual);

/// Bytes of all tensors among `values` at the given sizes.
double bytesOf(mlir::ValueRange values, SizeFunction sizeOf);
/// Number of elements of a tensor value.
double elementsOf(mlir::Value value, SizeFunction sizeOf);

} // namespace gate

#include "Gate/IR/GateInterfaces.h.inc"

#define GET_OP_CLASSES
#include "Gate/IR/GateOps.h.inc"

#endif // GATE_DIALECT_GATE_H
