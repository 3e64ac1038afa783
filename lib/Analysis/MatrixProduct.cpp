//===- MatrixProduct.cpp - Contractions that are matrix products ----------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/MatrixProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"

using namespace mlir;
using namespace gate;

/// True when the body is acc + lhs * rhs in the float type of acc, on inputs
/// that are at most converted to it: upstream's contraction interface looks
/// through any unary op.
static bool isPlainProduct(linalg::LinalgOp op) {
  Type type = getElementTypeOrSelf(op.getDpsInitOperand(0)->get().getType());
  if (!isa<FloatType>(type))
    return false;
  return llvm::all_of(op.getBlock()->without_terminator(), [&](Operation &o) {
    if (isa<arith::ExtFOp, arith::TruncFOp>(o) &&
        !isa<BlockArgument>(o.getOperand(0)))
      return false;
    return isa<arith::ExtFOp, arith::TruncFOp, arith::MulFOp, arith::AddFOp>(
               o) &&
           o.getResult(0).getType() == type;
  });
}

FailureOr<MatrixForm> gate::matchMatrixForm(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op))
    return failure();
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || !dims->batch.empty() || dims->n.size() != 1 ||
      dims->k.size() != 1 || dims->m.empty() || op.getNumDpsInputs() != 2 ||
      !isPlainProduct(op))
    return failure();
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  auto positions = [](AffineMap map) {
    SmallVector<unsigned> result;
    for (AffineExpr expr : map.getResults())
      result.push_back(cast<AffineDimExpr>(expr).getPosition());
    return result;
  };
  for (AffineMap map : maps)
    if (!map.isProjectedPermutation())
      return failure();
  SmallVector<unsigned> left = positions(maps[0]), right = positions(maps[1]),
                        result = positions(maps[2]);
  unsigned rowDims = dims->m.size();
  if (left.size() != rowDims + 1 || result.size() != rowDims + 1 ||
      right.size() != 2 || left.back() != dims->k[0] ||
      result.back() != dims->n[0] ||
      !std::equal(left.begin(), left.end() - 1, result.begin()))
    return failure();
  return MatrixForm{rowDims, right[0] == dims->n[0]};
}
