//===- ScanChunker.h - Scans as parallel loops over chunks ------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_TRANSFORMS_SCANCHUNKER_H
#define GATE_LIB_TRANSFORMS_SCANCHUNKER_H

#include "Gate/IR/TensorBuilder.h"

namespace gate {

/// Where a tile stands in a tensor.
struct Place {
  llvm::SmallVector<mlir::OpFoldResult> offsets, sizes;
};

/// Tokens that one task walks over, in scan order, and the row of the outputs
/// that its tiles begin with.
struct Span {
  mlir::OpFoldResult begin, size, firstRow;
};

/// Rewrites one op.
class ScanChunker {
public:
  using Values = llvm::SmallVector<mlir::Value>;
  using Sizes = llvm::SmallVector<mlir::OpFoldResult>;

  ScanChunker(ChunkOpInterface op, mlir::OpBuilder &builder)
      : op(op), builder(builder), loc(op.getLoc()) {}

  Values rewrite(ScheduleAttr schedule);

private:
  Values rewriteCase(TensorBuilder &b, Values results, ScheduleCaseAttr made);
  Values rewriteWhole(TensorBuilder &b, Values results);
  Values rewriteSegments(TensorBuilder &b, Values results);
  Values summarize(TensorBuilder &b, mlir::OpFoldResult count);
  Values combineSegments(TensorBuilder &b, Values summaries,
                         mlir::OpFoldResult count);
  mlir::Value lastStates(TensorBuilder &b, mlir::Value starts,
                         mlir::Value result, unsigned index,
                         mlir::OpFoldResult count);
  Values buildBody(TensorBuilder &b, mlir::ValueRange parallel, Values tiles,
                   const Span &span);
  Values buildDense(TensorBuilder &b, mlir::ValueRange parallel, Values tiles,
                    const Span &span);
  void makeStateFree(TensorBuilder &b);
  Values stateFreeTiles(TensorBuilder &b, mlir::ValueRange parallel,
                        mlir::Value position, mlir::OpFoldResult offset,
                        mlir::OpFoldResult size,
                        llvm::SmallVectorImpl<Place> *places,
                        mlir::ValueRange from);
  mlir::OpFoldResult chunkSize(TensorBuilder &b, mlir::Value position);
  mlir::OpFoldResult firstRowOf(TensorBuilder &b, mlir::OpFoldResult position,
                                mlir::OpFoldResult size);
  /// Tokens [position, position + size) in scan order on the tiles of one
  /// parallel index: outputs of the span's tokens, then states.
  Values buildTokens(TensorBuilder &b, mlir::ValueRange parallel, Values tiles,
                     mlir::OpFoldResult position, mlir::OpFoldResult size,
                     int64_t rows, const Span &span);
  Values inputTiles(TensorBuilder &b, mlir::ValueRange parallel,
                    mlir::OpFoldResult position, mlir::OpFoldResult size,
                    int64_t rows, mlir::OpFoldResult &offset);
  Sizes sizesOf(TensorBuilder &b, unsigned result);
  mlir::Value tileOf(TensorBuilder &b, mlir::Value tensor, unsigned result,
                     mlir::ValueRange parallel, mlir::OpFoldResult offset,
                     mlir::OpFoldResult size, Place &place);
  mlir::Value stateTile(TensorBuilder &b, unsigned result,
                        mlir::ValueRange parallel);
  mlir::Value slotsOf(TensorBuilder &b, mlir::OpFoldResult count,
                      mlir::RankedTensorType tile);
  mlir::Value slot(TensorBuilder &b, mlir::Value slots,
                   mlir::ValueRange indices, mlir::RankedTensorType tile,
                   Place &place);
  Values forall(TensorBuilder &b, llvm::ArrayRef<mlir::OpFoldResult> sizes,
                Values inits,
                llvm::function_ref<Values(TensorBuilder &, mlir::ValueRange,
                                          mlir::ValueRange,
                                          llvm::SmallVectorImpl<Place> &)>
                    body);
  mlir::Value
  loop(TensorBuilder &b, mlir::Value from, mlir::Value to, int64_t step,
       Values &tiles,
       llvm::function_ref<Values(TensorBuilder &, mlir::Value, Values)> body);
  /// Writes rows [0, size) of `tile` to rows [offset, ...) of `output`.
  mlir::Value store(TensorBuilder &b, mlir::Value tile, mlir::Value output,
                    mlir::OpFoldResult offset, mlir::OpFoldResult size);

  ChunkOpInterface op;
  mlir::OpBuilder &builder;
  mlir::Location loc;
  /// The case that is built, and what it chooses. Up to `fewTokens` tokens past
  /// the last full chunk are done one by one; segments of 0 leave time whole.
  ScheduleCaseAttr made;
  int64_t chunk = 1, segment = 0, fewTokens = 0;
  /// Chunks as products of whole tiles.
  bool dense = false;
  Sizes parallelSizes;
  mlir::OpFoldResult time;
  /// Results that the loops carry: outputs that are used, and all states.
  llvm::SmallVector<unsigned> carried;
  /// How many of them are outputs.
  unsigned carriedOutputs = 0;
  /// What dense chunks have ready: a tensor of rows of all tokens for each
  /// type.
  Values stateFree;
};

/// A size as a value.
mlir::Value asValue(TensorBuilder &b, mlir::OpFoldResult size);

/// a + sign * b on sizes, folded where both are constants.
mlir::OpFoldResult combine(TensorBuilder &b, mlir::OpFoldResult lhs,
                           mlir::OpFoldResult rhs, int64_t sign);

/// Zeros in the memory of a tile.
mlir::Value fillZero(TensorBuilder &b, mlir::Value tile);

} // namespace gate

#endif // GATE_LIB_TRANSFORMS_SCANCHUNKER_H
