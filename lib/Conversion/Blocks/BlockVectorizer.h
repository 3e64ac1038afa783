//===- BlockVectorizer.h - Tiles of a thread block as vectors --*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_BLOCKS_BLOCKVECTORIZER_H
#define GATE_LIB_CONVERSION_BLOCKS_BLOCKVECTORIZER_H

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace gate {

using Shape = llvm::SmallVector<int64_t>;

/// Rewrites the body of one parallel loop.
class BlockVectorizer {
public:
  explicit BlockVectorizer(mlir::scf::ForallOp loop)
      : loop(loop), b(loop.getContext()) {}
  mlir::LogicalResult run();

private:
  /// Whether an op is a product of matrices that tensor cores take: whole
  /// fragments of 16 rows, 8 columns and a depth of 16.
  static bool isProduct(mlir::linalg::LinalgOp op, const Shape &shape);
  mlir::LogicalResult vectorize(mlir::linalg::LinalgOp op);
  mlir::LogicalResult vectorizeBody(mlir::linalg::LinalgOp op,
                                    const Shape &shape,
                                    mlir::IRMapping &mapping);
  mlir::LogicalResult vectorizeSlice(mlir::tensor::ExtractSliceOp op);
  mlir::LogicalResult vectorizeInsert(mlir::tensor::InsertSliceOp op);
  mlir::LogicalResult vectorizeElement(mlir::tensor::ExtractOp op);
  mlir::LogicalResult
  vectorizeCopy(mlir::bufferization::MaterializeInDestinationOp op);
  mlir::LogicalResult vectorizeLoop(mlir::scf::ForOp old);
  mlir::LogicalResult vectorizeChoice(mlir::scf::IfOp old);
  mlir::LogicalResult vectorizeOps(mlir::Block *block);
  mlir::LogicalResult vectorizeProduct(mlir::linalg::LinalgOp op,
                                       const Shape &shape);
  mlir::LogicalResult writeResult(mlir::tensor::ParallelInsertSliceOp op);
  void eraseTiles(mlir::Block *block);

  /// Sizes of the vector that holds `tile`: powers of two.
  mlir::FailureOr<Shape> paddedShape(mlir::Value tile);
  /// Size of a dim of a tile or of memory, without asking a tile.
  mlir::OpFoldResult sizeOf(mlir::Value tile, int64_t dim);
  mlir::OpFoldResult loopSize(mlir::linalg::LinalgOp op, unsigned l);
  mlir::Value depthMask(mlir::linalg::LinalgOp op,
                        llvm::ArrayRef<unsigned> loops, const Shape &shape);
  /// The vector of a tile; read from memory the first time.
  mlir::FailureOr<mlir::Value> vectorOf(mlir::Value tile);
  /// A vector of an operand in the shape of the loops of its op.
  mlir::Value spread(mlir::Value vector, mlir::AffineMap map,
                     const Shape &shape);
  mlir::Value splat(mlir::Value scalar, const Shape &shape);
  /// True inside the tile, in the shape of the loops, over reduction loops.
  mlir::Value reductionMask(mlir::linalg::LinalgOp op, const Shape &shape);
  mlir::FailureOr<mlir::Value> reduce(mlir::linalg::LinalgOp op,
                                      unsigned result, const Shape &shape,
                                      mlir::IRMapping &mapping);
  mlir::Value gather(mlir::tensor::ExtractOp op, const Shape &shape,
                     mlir::IRMapping &mapping);
  mlir::Value zeroIndex();
  mlir::Value write(mlir::Value vector, mlir::Value memory);

  mlir::scf::ForallOp loop;
  mlir::OpBuilder b;
  mlir::Location loc = loop.getLoc();
  llvm::DenseMap<mlir::Value, mlir::Value> vectors;
  /// Sizes of the tiles that choices give.
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::OpFoldResult>>
      chosenSizes;
  /// Loops and choices that others stand for.
  llvm::SmallVector<mlir::Operation *> replaced;
};

} // namespace gate

#endif // GATE_LIB_CONVERSION_BLOCKS_BLOCKVECTORIZER_H
