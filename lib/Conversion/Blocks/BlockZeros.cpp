//===- BlockZeros.cpp - Where tiles are known to be zero ------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockZeros.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace gate;

bool gate::isZero(Value value) { return matchPattern(value, m_AnyZeroFloat()); }

/// The dim of the source of a broadcast that dim `dim` of its result repeats or
/// has; nothing where the dim is new.
static std::optional<unsigned> sourceDim(vector::BroadcastOp op, unsigned dim) {
  auto source = dyn_cast<VectorType>(op.getSourceType());
  if (!source)
    return std::nullopt;
  int64_t own = static_cast<int64_t>(dim) -
                (op.getResultVectorType().getRank() - source.getRank());
  if (own < 0 ||
      source.getDimSize(own) != op.getResultVectorType().getDimSize(dim))
    return std::nullopt;
  return own;
}

/// The dim of the source of a cast that only adds or drops dims of size 1.
static std::optional<unsigned> sourceDim(vector::ShapeCastOp op, unsigned dim) {
  ArrayRef<int64_t> from = op.getSourceVectorType().getShape(),
                    to = op.getResultVectorType().getShape();
  auto isUnit = [](int64_t size) { return size == 1; };
  if (to[dim] == 1 ||
      !llvm::equal(llvm::make_filter_range(
                       from, [&](int64_t size) { return !isUnit(size); }),
                   llvm::make_filter_range(
                       to, [&](int64_t size) { return !isUnit(size); })))
    return std::nullopt;
  auto before = to.take_front(dim);
  int64_t place =
      llvm::count_if(before, [](int64_t size) { return size != 1; });
  for (auto [own, size] : llvm::enumerate(from))
    if (size != 1 && place-- == 0)
      return own;
  return std::nullopt;
}

std::optional<std::pair<Value, unsigned>> gate::movedFrom(Value value,
                                                          unsigned dim) {
  Operation *op = value.getDefiningOp();
  if (auto broadcast = dyn_cast_or_null<vector::BroadcastOp>(op)) {
    if (std::optional<unsigned> own = sourceDim(broadcast, dim))
      return std::pair(broadcast.getSource(), *own);
    return std::nullopt;
  }
  if (auto cast = dyn_cast_or_null<vector::ShapeCastOp>(op)) {
    if (std::optional<unsigned> own = sourceDim(cast, dim))
      return std::pair(cast.getSource(), *own);
    return std::nullopt;
  }
  if (auto transpose = dyn_cast_or_null<vector::TransposeOp>(op))
    return std::pair(transpose.getVector(),
                     static_cast<unsigned>(transpose.getPermutation()[dim]));
  return std::nullopt;
}

std::optional<unsigned> gate::dimOfPlaces(Value vector) {
  if (vector.getDefiningOp<vector::StepOp>())
    return 0;
  auto type = dyn_cast<VectorType>(vector.getType());
  for (unsigned dim = 0; type && dim < type.getRank(); ++dim)
    if (auto source = movedFrom(vector, dim))
      if (dimOfPlaces(source->first) == std::optional(source->second))
        return dim;
  return std::nullopt;
}

SmallVector<Limit> gate::limitsOf(Value mask) {
  SmallVector<Limit> limits;
  if (auto comparison = mask.getDefiningOp<arith::CmpIOp>()) {
    std::optional<unsigned> dim = dimOfPlaces(comparison.getLhs());
    auto end = comparison.getRhs().getDefiningOp<vector::BroadcastOp>();
    if (comparison.getPredicate() == arith::CmpIPredicate::ult && dim && end &&
        end.getSource().getType().isIndex())
      limits.push_back({*dim, end.getSource()});
    return limits;
  }
  if (auto made = mask.getDefiningOp<vector::CreateMaskOp>()) {
    for (auto [dim, end] : llvm::enumerate(made.getOperands()))
      limits.push_back({static_cast<unsigned>(dim), end});
    return limits;
  }
  // Each limit of the source, along the result's dim that is the source's.
  auto type = dyn_cast<VectorType>(mask.getType());
  SmallVector<Limit> own;
  Value source;
  for (unsigned dim = 0; type && dim < type.getRank(); ++dim)
    if (auto from = movedFrom(mask, dim)) {
      if (!source) {
        source = from->first;
        own = limitsOf(source);
      }
      for (const Limit &limit : own)
        if (limit.dim == from->second)
          limits.push_back({dim, limit.end});
    }
  return limits.size() == own.size() ? limits : SmallVector<Limit>();
}

std::optional<Limit> gate::limitOf(Value mask) {
  SmallVector<Limit> limits = limitsOf(mask);
  return limits.size() == 1 ? std::optional(limits.front()) : std::nullopt;
}

/// The size of dim `dim` of a tensor, where a slice says it.
static OpFoldResult sizeOf(Value tensor, unsigned dim) {
  auto type = cast<ShapedType>(tensor.getType());
  if (!type.isDynamicDim(dim))
    return Builder(tensor.getContext()).getIndexAttr(type.getDimSize(dim));
  auto slice = tensor.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice)
    return OpFoldResult();
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [from, size] : llvm::enumerate(slice.getMixedSizes()))
    if (!dropped.test(from) && dim-- == 0)
      return size;
  return OpFoldResult();
}

/// The yielded values of a choice.
static SmallVector<Value> yieldedBy(scf::IfOp choice, Value result) {
  unsigned place = cast<OpResult>(result).getResultNumber();
  SmallVector<Value> values;
  for (Region *region : {&choice.getThenRegion(), &choice.getElseRegion()})
    values.push_back(region->front().getTerminator()->getOperand(place));
  return values;
}

bool BlockZeros::isZeroFrom(Value value, unsigned dim) {
  auto [known, isNew] = zeros.try_emplace({value, dim}, false);
  if (!isNew)
    return known->second;
  bool result = computeZero(value, dim);
  zeros[{value, dim}] = result;
  return result;
}

bool BlockZeros::computeZero(Value value, unsigned dim) {
  if (isZero(value))
    return true;
  Operation *op = value.getDefiningOp();
  if (!op || !isa<VectorType>(value.getType()))
    return false;
  auto all = [&](ValueRange operands) {
    return llvm::all_of(
        operands, [&](Value operand) { return isZeroFrom(operand, dim); });
  };
  if (auto read = dyn_cast<vector::TransferReadOp>(op)) {
    auto expr =
        dyn_cast<AffineDimExpr>(read.getPermutationMap().getResult(dim));
    if (!expr || read.getMask() || !isZero(read.getPadding()) ||
        read.isDimInBounds(dim) ||
        !matchPattern(read.getIndices()[expr.getPosition()], m_Zero()) ||
        !isa<RankedTensorType>(read.getBase().getType()))
      return false;
    OpFoldResult size = sizeOf(read.getBase(), expr.getPosition());
    return size && isEqualConstantIntOrValue(size, end);
  }
  if (auto source = movedFrom(value, dim))
    return isZeroFrom(source->first, source->second);
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp, arith::AddFOp,
          arith::SubFOp>(op))
    return all(op->getOperands());
  if (isa<arith::MulFOp>(op))
    for (unsigned side : {0, 1})
      if (isZeroFrom(op->getOperand(side), dim) &&
          isFinite(op->getOperand(1 - side)))
        return true;
  if (auto choice = dyn_cast<arith::SelectOp>(op)) {
    if (isZero(choice.getFalseValue()))
      if (std::optional<Limit> limit = limitOf(choice.getCondition()))
        if (limit->dim == dim && limit->end == end)
          return true;
    return all({choice.getTrueValue(), choice.getFalseValue()});
  }
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return all(yieldedBy(choice, value));
  if (auto maximum = dyn_cast<arith::MaximumFOp>(op)) {
    // Zero is larger than a negative bound.
    DenseFPElementsAttr bound;
    if (matchPattern(maximum.getRhs(), m_Constant(&bound)) && bound.isSplat() &&
        bound.getSplatValue<APFloat>().isNegative())
      return isZeroFrom(maximum.getLhs(), dim);
    return all(op->getOperands());
  }
  if (auto product = dyn_cast<vector::ContractionOp>(op)) {
    if (product.getKind() != vector::CombiningKind::ADD ||
        !isZeroFrom(product.getAcc(), dim))
      return false;
    SmallVector<AffineMap> maps = product.getIndexingMapsArray();
    Value sides[] = {product.getLhs(), product.getRhs()};
    for (unsigned side : {0, 1})
      if (std::optional<unsigned> own =
              maps[side].getResultPosition(maps[2].getResult(dim)))
        return isZeroFrom(sides[side], *own) && isFinite(sides[1 - side]);
  }
  return false;
}

bool BlockZeros::isFinite(Value value) {
  auto [known, isNew] = finite.try_emplace(value, false);
  if (!isNew)
    return known->second;
  bool result = computeFinite(value);
  finite[value] = result;
  return result;
}

bool BlockZeros::computeFinite(Value value) {
  Operation *op = value.getDefiningOp();
  // Data.
  if (!op)
    return true;
  DenseFPElementsAttr constant;
  if (matchPattern(op, m_Constant(&constant)))
    return llvm::all_of(
        constant.getValues<APFloat>(),
        [](const APFloat &number) { return number.isFinite(); });
  if (isa<FloatType>(value.getType()))
    return matchPattern(op, m_Constant());
  if (isa<vector::TransferReadOp>(op))
    return true;
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return llvm::all_of(yieldedBy(choice, value),
                        [&](Value yielded) { return isFinite(yielded); });
  if (auto exp = dyn_cast<math::ExpOp>(op))
    return arith::bitEnumContainsAll(exp.getFastmath(),
                                     arith::FastMathFlags::ninf) &&
           isFinite(exp.getOperand());
  if (auto choice = dyn_cast<arith::SelectOp>(op))
    return isFinite(choice.getTrueValue()) && isFinite(choice.getFalseValue());
  if (isa<vector::BroadcastOp, vector::TransposeOp, vector::ShapeCastOp,
          vector::ContractionOp, vector::MultiDimReductionOp, arith::ExtFOp,
          arith::TruncFOp, arith::NegFOp, arith::AddFOp, arith::SubFOp,
          arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp>(op))
    return llvm::all_of(op->getOperands(),
                        [&](Value operand) { return isFinite(operand); });
  return false;
}
