//===- TensorBuilder.cpp - Short ways to build linalg on tensors ----------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace gate;

FloatType gate::arithmeticType(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (element.isF64())
    return cast<FloatType>(element);
  return Float32Type::get(type.getContext());
}

Value TensorBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(builder, loc, value);
}

Value TensorBuilder::number(Type type, double value) {
  return arith::ConstantOp::create(builder, loc,
                                   builder.getFloatAttr(type, value));
}

Value TensorBuilder::size(Value tensor, int64_t dim) {
  return getValueOrCreateConstantIndexOp(
      builder, loc, tensor::getMixedSize(builder, loc, tensor, dim));
}

SmallVector<OpFoldResult> TensorBuilder::sizes(Value tensor) {
  return tensor::getMixedSizes(builder, loc, tensor);
}

/// Sizes with constants as attributes, so that they are in the types.
static SmallVector<OpFoldResult> foldConstants(OpBuilder &builder,
                                               ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> folded;
  for (OpFoldResult size : sizes) {
    std::optional<int64_t> constant = getConstantIntValue(size);
    folded.push_back(constant ? OpFoldResult(builder.getIndexAttr(*constant))
                              : size);
  }
  return folded;
}

Value TensorBuilder::empty(ArrayRef<OpFoldResult> sizes, Type type) {
  return tensor::EmptyOp::create(builder, loc, foldConstants(builder, sizes),
                                 type);
}

Value TensorBuilder::filled(ArrayRef<OpFoldResult> sizes, Type type,
                            double value) {
  return linalg::FillOp::create(builder, loc, ValueRange{number(type, value)},
                                ValueRange{empty(sizes, type)})
      .getResult(0);
}

Value TensorBuilder::generic(ValueRange inputs, Value init,
                             ArrayRef<AffineMap> maps, unsigned parallel,
                             Body body) {
  unsigned loops = maps.back().getNumDims();
  SmallVector<utils::IteratorType> iterators(loops,
                                             utils::IteratorType::reduction);
  std::fill_n(iterators.begin(), parallel, utils::IteratorType::parallel);
  auto op = linalg::GenericOp::create(
      builder, loc, TypeRange{init.getType()}, inputs, ValueRange{init}, maps,
      iterators, [&](OpBuilder &b, Location l, ValueRange args) {
        TensorBuilder inner(b, l);
        linalg::YieldOp::create(b, l, body(inner, args));
      });
  return op.getResult(0);
}

Value TensorBuilder::elementwise(ValueRange inputs, Value init, Body body) {
  unsigned rank = cast<RankedTensorType>(init.getType()).getRank();
  SmallVector<AffineMap> maps(inputs.size() + 1,
                              builder.getMultiDimIdentityMap(rank));
  return generic(inputs, init, maps, rank, body);
}

Value TensorBuilder::slice(Value tensor, ArrayRef<OpFoldResult> offsets,
                           ArrayRef<OpFoldResult> sizes,
                           ArrayRef<int64_t> drop) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (!llvm::is_contained(drop, static_cast<int64_t>(dim)))
      shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  return tensor::ExtractSliceOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), tensor,
      foldConstants(builder, offsets), foldConstants(builder, sizes), strides);
}

Value TensorBuilder::insert(Value tile, Value tensor,
                            ArrayRef<OpFoldResult> offsets,
                            ArrayRef<OpFoldResult> sizes) {
  SmallVector<OpFoldResult> strides(offsets.size(), builder.getIndexAttr(1));
  return tensor::InsertSliceOp::create(builder, loc, tile, tensor,
                                       foldConstants(builder, offsets),
                                       foldConstants(builder, sizes), strides);
}

Value TensorBuilder::contract(Value lhs, Value rhs, Value acc,
                              ArrayRef<AffineMap> maps, unsigned parallel) {
  return generic(
      {lhs, rhs}, acc, maps, parallel, [](TensorBuilder &b, ValueRange args) {
        Type type = args[2].getType();
        Value product =
            b.mul(b.convert(args[0], type), b.convert(args[1], type));
        return b.add(args[2], product);
      });
}

Value TensorBuilder::convert(Value scalar, Type type) {
  unsigned from = scalar.getType().getIntOrFloatBitWidth();
  unsigned to = type.getIntOrFloatBitWidth();
  if (scalar.getType() == type)
    return scalar;
  if (from < to)
    return arith::ExtFOp::create(builder, loc, type, scalar);
  return arith::TruncFOp::create(builder, loc, type, scalar);
}

Value TensorBuilder::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value TensorBuilder::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value TensorBuilder::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value TensorBuilder::div(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value TensorBuilder::exp(Value a, arith::FastMathFlags flags) {
  return math::ExpOp::create(builder, loc, a, flags);
}

AffineMap TensorBuilder::map(unsigned dims, ArrayRef<unsigned> positions) {
  SmallVector<AffineExpr> results;
  for (unsigned position : positions)
    results.push_back(builder.getAffineDimExpr(position));
  return AffineMap::get(dims, 0, results, builder.getContext());
}

Value TensorBuilder::castTo(Value value, Type type) {
  if (value.getType() == type)
    return value;
  return tensor::CastOp::create(builder, loc, type, value);
}

Value TensorBuilder::castToSizes(Value value, ArrayRef<OpFoldResult> sizes) {
  SmallVector<int64_t> shape;
  for (OpFoldResult size : sizes)
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  return castTo(value, RankedTensorType::get(shape, element));
}

Value TensorBuilder::sumOver(
    Value value, Value extra, ArrayRef<int64_t> axes, Type type,
    function_ref<Value(TensorBuilder &, Value, Value)> body) {
  unsigned rank = cast<RankedTensorType>(value.getType()).getRank();
  SmallVector<unsigned> kept, position(rank);
  SmallVector<OpFoldResult> keptSizes, all = sizes(value);
  for (unsigned dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim))) {
      position[dim] = kept.size();
      kept.push_back(dim);
      keptSizes.push_back(all[dim]);
    }
  // Loops: the kept dims in order, then the axes.
  for (auto [i, axis] : llvm::enumerate(axes))
    position[axis] = kept.size() + i;
  AffineMap keptMap =
      map(rank, llvm::to_vector(llvm::seq<unsigned>(0, kept.size())));
  SmallVector<Value> inputs{value};
  SmallVector<AffineMap> maps{map(rank, position)};
  if (extra) {
    inputs.push_back(extra);
    maps.push_back(keptMap);
  }
  maps.push_back(keptMap);
  return generic(inputs, filled(keptSizes, type, 0), maps, kept.size(),
                 [&](TensorBuilder &s, ValueRange args) {
                   Value x = s.convert(args[0], type);
                   return s.add(args.back(),
                                body(s, x, extra ? args[1] : Value()));
                 });
}

Value TensorBuilder::sliceElements(Value value, ArrayRef<int64_t> axes,
                                   Type type) {
  Value count = index(1);
  for (int64_t axis : axes)
    count = arith::MulIOp::create(builder, loc, count, size(value, axis));
  Value integer =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), count);
  return arith::SIToFPOp::create(builder, loc, type, integer);
}

/// Dim `axis` of the small side stands for two dims of the large side.
static SmallVector<ReassociationIndices> groupReassociation(int64_t rank,
                                                            int64_t axis) {
  SmallVector<ReassociationIndices> reassociation;
  for (int64_t dim = 0, inner = 0; dim < rank; ++dim) {
    ReassociationIndices indices{inner++};
    if (dim == axis)
      indices.push_back(inner++);
    reassociation.push_back(indices);
  }
  return reassociation;
}

Value TensorBuilder::splitGroups(Value value, int64_t axis, int64_t groups) {
  auto type = cast<RankedTensorType>(value.getType());
  SmallVector<int64_t> shape(type.getShape());
  SmallVector<OpFoldResult> outer = sizes(value);
  int64_t each = shape[axis] / groups;
  shape[axis] = groups;
  shape.insert(shape.begin() + axis + 1, each);
  outer[axis] = builder.getIndexAttr(groups);
  outer.insert(outer.begin() + axis + 1, builder.getIndexAttr(each));
  return tensor::ExpandShapeOp::create(
      builder, loc, RankedTensorType::get(shape, type.getElementType()), value,
      groupReassociation(type.getRank(), axis), outer);
}

Value TensorBuilder::mergeGroups(Value value, int64_t axis,
                                 RankedTensorType type) {
  return tensor::CollapseShapeOp::create(
      builder, loc, type, value, groupReassociation(type.getRank(), axis));
}

AffineMap TensorBuilder::broadcastMap(Value operand) {
  auto type = cast<RankedTensorType>(operand.getType());
  SmallVector<AffineExpr> results;
  for (auto [dim, size] : llvm::enumerate(type.getShape()))
    results.push_back(size == 1 ? builder.getAffineConstantExpr(0)
                                : builder.getAffineDimExpr(dim));
  return AffineMap::get(type.getRank(), 0, results, builder.getContext());
}
