//===- VectorizeProducts.cpp - Products of matrices as contractions -------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockVectorizer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"

using namespace mlir;
using namespace gate;

namespace {
/// The loops of a product that index both the result and one operand (rows: the
/// left one, columns: the right one) or both operands (depth).
struct ProductLoops {
  SmallVector<unsigned> rows, columns, depth, unit;
};

} // namespace

static std::optional<ProductLoops> productLoops(linalg::LinalgOp op,
                                                const Shape &shape) {
  if (!linalg::isaContractionOpInterface(op) || op.getNumDpsInputs() != 2)
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  ProductLoops loops;
  for (unsigned l = 0; l < op.getNumLoops(); ++l) {
    bool left = maps[0].isFunctionOfDim(l), right = maps[1].isFunctionOfDim(l),
         result = maps[2].isFunctionOfDim(l);
    if (shape[l] == 1)
      loops.unit.push_back(l);
    else if (left && result && !right)
      loops.rows.push_back(l);
    else if (right && result && !left)
      loops.columns.push_back(l);
    else if (left && right && !result)
      loops.depth.push_back(l);
    else
      return std::nullopt;
  }
  return loops;
}

static int64_t extentOf(ArrayRef<unsigned> loops, const Shape &shape) {
  int64_t extent = 1;
  for (unsigned l : loops)
    extent *= shape[l];
  return extent;
}

/// fragments of 16 rows, 8 columns and a depth of 16.
bool BlockVectorizer::isProduct(linalg::LinalgOp op, const Shape &shape) {
  std::optional<ProductLoops> loops = productLoops(op, shape);
  if (!loops)
    return false;
  Type left = getElementTypeOrSelf(op.getDpsInputOperand(0)->get());
  Type right = getElementTypeOrSelf(op.getDpsInputOperand(1)->get());
  Type result = getElementTypeOrSelf(op.getDpsInitOperand(0)->get());
  return left == right && result.isF32() &&
         (left.isBF16() || left.isF16() || left.isF32()) &&
         extentOf(loops->rows, shape) >= 16 &&
         extentOf(loops->columns, shape) >= 8 &&
         extentOf(loops->depth, shape) >= 16;
}

/// A product as vector.contract on matrices [rows, depth] and [columns, depth].
LogicalResult BlockVectorizer::vectorizeProduct(linalg::LinalgOp op,
                                                const Shape &shape) {
  ProductLoops loops = *productLoops(op, shape);
  int64_t rows = extentOf(loops.rows, shape),
          columns = extentOf(loops.columns, shape),
          depth = extentOf(loops.depth, shape);
  // An operand with its loops in a given order, as a matrix.
  auto matrix = [&](OpOperand *operand, ArrayRef<unsigned> first,
                    ArrayRef<unsigned> second) -> FailureOr<Value> {
    FailureOr<Value> value = vectorOf(operand->get());
    if (failed(value))
      return failure();
    AffineMap map = op.getMatchingIndexingMap(operand);
    // Past the end of the depth one operand must be zero; reads are.
    SmallVector<unsigned> order(loops.unit);
    llvm::append_range(order, first);
    llvm::append_range(order, second);
    SmallVector<int64_t> permutation;
    for (unsigned l : order)
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto position = dyn_cast<AffineDimExpr>(expr);
            position && position.getPosition() == l)
          permutation.push_back(dim);
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (isa<AffineConstantExpr>(expr))
        permutation.insert(permutation.begin(), dim);
    Value result = *value;
    if (!llvm::is_sorted(permutation))
      result = vector::TransposeOp::create(b, loc, result, permutation);
    auto type =
        VectorType::get({extentOf(first, shape), extentOf(second, shape)},
                        cast<VectorType>(result.getType()).getElementType());
    if (result.getType() != type)
      result = vector::ShapeCastOp::create(b, loc, type, result);
    return result;
  };
  FailureOr<Value> left =
      matrix(op.getDpsInputOperand(0), loops.rows, loops.depth);
  FailureOr<Value> right =
      matrix(op.getDpsInputOperand(1), loops.columns, loops.depth);
  FailureOr<Value> acc =
      matrix(op.getDpsInitOperand(0), loops.rows, loops.columns);
  if (failed(left) || failed(right) || failed(acc))
    return failure();
  // What is past the end of the depth adds nothing.
  if (Value mask = depthMask(op, loops.depth, shape)) {
    auto masked = [&](Value value, int64_t extent) -> Value {
      auto type = cast<VectorType>(value.getType());
      Value wide = vector::BroadcastOp::create(
          b, loc, VectorType::get({extent, depth}, b.getI1Type()), mask);
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
      return arith::SelectOp::create(b, loc, wide, value, zero);
    };
    left = masked(*left, rows);
    right = masked(*right, columns);
  }
  AffineExpr m, n, k;
  bindDims(b.getContext(), m, n, k);
  auto mapOf = [&](AffineExpr first, AffineExpr second) {
    return AffineMap::get(3, 0, {first, second}, b.getContext());
  };
  SmallVector<AffineMap> maps{mapOf(m, k), mapOf(n, k), mapOf(m, n)};
  auto parallel = vector::IteratorType::parallel;
  Value product = vector::ContractionOp::create(
      b, loc, *left, *right, *acc, b.getAffineMapArrayAttr(maps),
      b.getArrayAttr({vector::IteratorTypeAttr::get(b.getContext(), parallel),
                      vector::IteratorTypeAttr::get(b.getContext(), parallel),
                      vector::IteratorTypeAttr::get(
                          b.getContext(), vector::IteratorType::reduction)}));
  // Back to the result's own shape.
  OpOperand *init = op.getDpsInitOperand(0);
  AffineMap map = op.getMatchingIndexingMap(init);
  SmallVector<unsigned> order(loops.unit);
  llvm::erase_if(order, [&](unsigned l) { return !map.isFunctionOfDim(l); });
  llvm::append_range(order, loops.rows);
  llvm::append_range(order, loops.columns);
  Shape ordered;
  for (unsigned l : order)
    ordered.push_back(shape[l]);
  Type element = cast<VectorType>(product.getType()).getElementType();
  if (auto type = VectorType::get(ordered, element); product.getType() != type)
    product = vector::ShapeCastOp::create(b, loc, type, product);
  SmallVector<int64_t> permutation;
  for (AffineExpr expr : map.getResults())
    permutation.push_back(
        llvm::find(order, cast<AffineDimExpr>(expr).getPosition()) -
        order.begin());
  if (!llvm::is_sorted(permutation))
    product = vector::TransposeOp::create(b, loc, product, permutation);
  if (op.hasPureTensorSemantics())
    vectors[op->getResult(0)] = product;
  else
    write(product, init->get());
  return success();
}

/// True inside the depth of a product, as one row; null where it is full.
Value BlockVectorizer::depthMask(linalg::LinalgOp op, ArrayRef<unsigned> loops,
                                 const Shape &shape) {
  Value mask;
  Shape extents;
  for (unsigned l : loops)
    extents.push_back(shape[l]);
  for (auto [position, l] : llvm::enumerate(loops)) {
    OpFoldResult size = loopSize(op, l);
    if (getConstantIntValue(size) == std::optional<int64_t>(shape[l]))
      continue;
    Value limit = getValueOrCreateConstantIndexOp(b, loc, size);
    Value inside = vector::CreateMaskOp::create(
        b, loc, VectorType::get({shape[l]}, b.getI1Type()), limit);
    inside = spread(
        inside, AffineMap::get(extents.size(), 0, b.getAffineDimExpr(position)),
        extents);
    mask = mask ? Value(arith::AndIOp::create(b, loc, mask, inside)) : inside;
  }
  if (mask && extents.size() > 1)
    mask = vector::ShapeCastOp::create(
        b, loc, VectorType::get({extentOf(loops, shape)}, b.getI1Type()), mask);
  return mask;
}
