//===- VectorizeBlocks.cpp - Tiles of a thread block as vectors -----------===//
//
// Inside a parallel loop every tile becomes one vector value: read from memory
// where it is a slice of a whole tensor, kept in registers where an op of the
// tile made it, written where the loop hands it back. Sizes are padded to
// powers of two; what is past a tile's end is not read, not written and
// neutral in reductions.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockVectorizer.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

namespace gate {
#define GEN_PASS_DEF_VECTORIZEBLOCKS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

static bool startsAtOrigin(ArrayRef<OpFoldResult> offsets) {
  return llvm::all_of(offsets, [](OpFoldResult o) { return isZeroInteger(o); });
}

static bool isTile(Type type) { return isa<TensorType, MemRefType>(type); }

Value BlockVectorizer::zeroIndex() {
  return arith::ConstantIndexOp::create(b, loc, 0);
}

FailureOr<Shape> BlockVectorizer::paddedShape(Value tile) {
  if (Value known = vectors.lookup(tile))
    return Shape(cast<VectorType>(known.getType()).getShape());
  Shape shape;
  auto type = cast<ShapedType>(tile.getType());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    OpFoldResult size = sizeOf(tile, dim);
    FailureOr<int64_t> bound = ValueBoundsConstraintSet::computeConstantBound(
        presburger::BoundType::UB, size, nullptr, /*closedUB=*/true);
    if (failed(bound))
      return emitError(tile.getLoc())
             << "cannot bound dim " << dim << " of the tile " << type
             << " of a GPU kernel by a constant";
    shape.push_back(*bound <= 1 ? 1 : llvm::PowerOf2Ceil(*bound));
  }
  return shape;
}

OpFoldResult BlockVectorizer::sizeOf(Value tile, int64_t dim) {
  auto type = cast<ShapedType>(tile.getType());
  if (!type.isDynamicDim(dim))
    return b.getIndexAttr(type.getDimSize(dim));
  // A loop carries tiles of one size.
  if (auto argument = dyn_cast<BlockArgument>(tile))
    if (auto nested = dyn_cast<scf::ForOp>(argument.getOwner()->getParentOp()))
      return sizeOf(nested.getTiedLoopInit(argument)->get(), dim);
  Operation *owner = tile.getDefiningOp();
  if (auto nested = dyn_cast_or_null<scf::ForOp>(owner))
    return sizeOf(nested.getTiedLoopInit(cast<OpResult>(tile))->get(), dim);
  if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(owner))
    return sizeOf(insert.getDest(), dim);
  // Both sides of a choice make tiles of one size, which comes from outside.
  if (auto choice = dyn_cast_or_null<scf::IfOp>(owner)) {
    auto known = chosenSizes.find(tile);
    if (known != chosenSizes.end())
      return known->second[dim];
    return sizeOf(
        choice.thenYield().getOperand(cast<OpResult>(tile).getResultNumber()),
        dim);
  }
  if (auto op = dyn_cast_or_null<linalg::LinalgOp>(owner))
    return sizeOf(op.getTiedOpOperand(cast<OpResult>(tile))->get(), dim);
  if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(owner)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    int64_t kept = -1;
    for (auto [position, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(position) && ++kept == dim)
        return size;
  }
  if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(owner))
    return empty.getMixedSizes()[dim];
  if (isa<MemRefType>(type))
    return memref::DimOp::create(b, loc, tile, dim).getResult();
  return tensor::DimOp::create(b, loc, tile, dim).getResult();
}

FailureOr<Value> BlockVectorizer::vectorOf(Value tile) {
  if (Value known = vectors.lookup(tile))
    return known;
  FailureOr<Shape> shape = paddedShape(tile);
  if (failed(shape))
    return failure();
  auto type = cast<ShapedType>(tile.getType());
  if (type.getRank() == 0)
    return emitError(tile.getLoc())
           << "a tile without dims has no form in a GPU kernel yet, got "
           << type;
  auto vectorType = VectorType::get(*shape, type.getElementType());
  // As early as can be: loads that wait together wait once. A tensor is a
  // value, so nothing written later can be seen.
  OpBuilder::InsertionGuard guard(b);
  if (isa<TensorType>(type)) {
    Operation *owner = tile.getDefiningOp();
    if (owner && loop->isProperAncestor(owner))
      b.setInsertionPointAfter(owner);
    else if (auto argument = dyn_cast<BlockArgument>(tile);
             argument &&
             loop->isProperAncestor(argument.getOwner()->getParentOp()))
      b.setInsertionPointToStart(argument.getOwner());
    else
      b.setInsertionPointToStart(loop.getBody());
  }
  Value padding =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  if (isa_and_nonnull<tensor::EmptyOp>(tile.getDefiningOp()))
    return splat(padding, *shape);
  SmallVector<Value> indices(shape->size(), zeroIndex());
  SmallVector<bool> inBounds;
  for (auto [size, padded] : llvm::zip(type.getShape(), *shape))
    inBounds.push_back(size == padded);
  Value read = vector::TransferReadOp::create(
      b, loc, vectorType, tile, indices, padding,
      b.getMultiDimIdentityMap(shape->size()), ArrayRef<bool>(inBounds));
  // What an op writes later must not be seen: only values are remembered.
  if (isa<TensorType>(type))
    vectors[tile] = read;
  return read;
}

Value BlockVectorizer::splat(Value scalar, const Shape &shape) {
  return vector::BroadcastOp::create(
      b, loc, VectorType::get(shape, scalar.getType()), scalar);
}

Value BlockVectorizer::spread(Value value, AffineMap map, const Shape &shape) {
  auto type = cast<VectorType>(value.getType());
  SmallVector<unsigned> loops;
  Shape kept;
  for (auto [dim, expr] : llvm::enumerate(map.getResults()))
    if (auto position = dyn_cast<AffineDimExpr>(expr)) {
      loops.push_back(position.getPosition());
      kept.push_back(type.getDimSize(dim));
    }
  if (kept.size() != static_cast<size_t>(type.getRank()))
    value = vector::ShapeCastOp::create(
        b, loc, VectorType::get(kept, type.getElementType()), value);
  // Missing loops in front, then everything to its place.
  SmallVector<unsigned> order;
  Shape wide;
  for (unsigned l = 0; l < shape.size(); ++l)
    if (!llvm::is_contained(loops, l)) {
      order.push_back(l);
      wide.push_back(shape[l]);
    }
  bool broadcasts = !order.empty();
  bool repeats = llvm::any_of(wide, [](int64_t size) { return size != 1; });
  llvm::append_range(order, loops);
  llvm::append_range(wide, kept);
  auto wideType = VectorType::get(wide, type.getElementType());
  if (broadcasts && repeats)
    value = vector::BroadcastOp::create(b, loc, wideType, value);
  else if (broadcasts)
    value = vector::ShapeCastOp::create(b, loc, wideType, value);
  SmallVector<int64_t> permutation(shape.size());
  for (auto [from, to] : llvm::enumerate(order))
    permutation[to] = from;
  if (!llvm::is_sorted(permutation))
    value = vector::TransposeOp::create(b, loc, value, permutation);
  return value;
}

OpFoldResult BlockVectorizer::loopSize(linalg::LinalgOp op, unsigned l) {
  for (OpOperand &operand : op->getOpOperands())
    if (isTile(operand.get().getType()))
      for (auto [dim, expr] :
           llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
        if (auto position = dyn_cast<AffineDimExpr>(expr);
            position && position.getPosition() == l)
          return sizeOf(operand.get(), dim);
  llvm_unreachable("every loop of a linalg op indexes an operand");
}

Value BlockVectorizer::reductionMask(linalg::LinalgOp op, const Shape &shape) {
  Value mask;
  for (auto [l, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    OpFoldResult size;
    for (OpOperand &operand : op->getOpOperands())
      if (isTile(operand.get().getType()))
        for (auto [dim, expr] :
             llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
          if (auto position = dyn_cast<AffineDimExpr>(expr);
              position && position.getPosition() == l)
            size = sizeOf(operand.get(), dim);
    if (getConstantIntValue(size) == std::optional<int64_t>(shape[l]))
      continue;
    Value limit = getValueOrCreateConstantIndexOp(b, loc, size);
    Value inside = vector::CreateMaskOp::create(
        b, loc, VectorType::get({shape[l]}, b.getI1Type()), limit);
    inside = spread(
        inside, AffineMap::get(shape.size(), 0, b.getAffineDimExpr(l)), shape);
    mask = mask ? Value(arith::AndIOp::create(b, loc, mask, inside)) : inside;
  }
  return mask;
}

FailureOr<Value> BlockVectorizer::reduce(linalg::LinalgOp op, unsigned result,
                                         const Shape &shape,
                                         IRMapping &mapping) {
  SmallVector<Operation *> combiners;
  Value scalar = matchReduction(op.getRegionOutputArgs(), result, combiners);
  std::optional<vector::CombiningKind> kind;
  if (scalar && combiners.size() == 1)
    kind = linalg::getCombinerOpKind(combiners.front());
  std::optional<TypedAttr> neutral;
  if (kind)
    neutral = arith::getNeutralElement(combiners.front());
  if (!kind || !neutral)
    return op.emitError("expects a reduction by one sum, product, minimum or "
                        "maximum in a GPU kernel");
  Value terms = mapping.lookupOrNull(scalar);
  if (!terms)
    terms = splat(scalar, shape);
  if (!isa<VectorType>(terms.getType()))
    terms = splat(terms, shape);
  if (Value mask = reductionMask(op, shape)) {
    Value number = arith::ConstantOp::create(b, loc, *neutral);
    terms = arith::SelectOp::create(b, loc, mask, terms, splat(number, shape));
  }
  SmallVector<bool> dims;
  SmallVector<unsigned> kept;
  for (auto [l, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    dims.push_back(iterator == utils::IteratorType::reduction);
    if (!dims.back())
      kept.push_back(l);
  }
  OpOperand *init = op.getDpsInitOperand(result);
  AffineMap map = op.getMatchingIndexingMap(init);
  if (!map.isProjectedPermutation())
    return op.emitError("expects a reduction without dims of size 1 that stay "
                        "in a GPU kernel, got the result map ")
           << AffineMapAttr::get(map);
  FailureOr<Value> start = vectorOf(init->get());
  if (failed(start))
    return failure();
  // The sum in the order of the loops, then as the result has them.
  SmallVector<int64_t> toLoops(kept.size()), toResult(kept.size());
  for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
    unsigned position = cast<AffineDimExpr>(expr).getPosition();
    int64_t place = llvm::find(kept, position) - kept.begin();
    toResult[dim] = place;
    toLoops[place] = dim;
  }
  bool permutes = !llvm::is_sorted(toResult);
  Value acc = *start;
  if (permutes)
    acc = vector::TransposeOp::create(b, loc, acc, toLoops);
  Value sum =
      vector::MultiDimReductionOp::create(b, loc, terms, acc, dims, *kind);
  if (permutes)
    sum = vector::TransposeOp::create(b, loc, sum, toResult);
  return sum;
}

/// A load of single elements at computed indices of a whole tensor. Data decide
/// them: outside of the tensor the element is 0, and the place that is read
/// anyway is inside.
Value BlockVectorizer::gather(tensor::ExtractOp op, const Shape &shape,
                              IRMapping &mapping) {
  Value source = op.getTensor();
  auto type = cast<RankedTensorType>(source.getType());
  Value flat;
  Value mask = arith::ConstantOp::create(
      b, loc,
      DenseElementsAttr::get(VectorType::get(shape, b.getI1Type()), true));
  for (auto [dim, index] : llvm::enumerate(op.getIndices())) {
    Value position = mapping.lookupOrDefault(index);
    if (!isa<VectorType>(position.getType()))
      position = splat(position, shape);
    Value size = getValueOrCreateConstantIndexOp(b, loc, sizeOf(source, dim));
    // A loop over a dim stays inside of it.
    if (!index.getDefiningOp<linalg::IndexOp>()) {
      Value isBelow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult,
                                            position, splat(size, shape));
      mask = arith::AndIOp::create(b, loc, mask, isBelow);
      Value origin = splat(zeroIndex(), shape);
      position = arith::SelectOp::create(b, loc, isBelow, position, origin);
    }
    if (flat)
      flat = arith::AddIOp::create(
          b, loc, arith::MulIOp::create(b, loc, flat, splat(size, shape)),
          position);
    else
      flat = position;
  }
  Value padding = splat(
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType())),
      shape);
  SmallVector<Value> origin(type.getRank(), zeroIndex());
  return vector::GatherOp::create(
      b, loc, VectorType::get(shape, type.getElementType()), source, origin,
      flat, mask, padding, llvm::MaybeAlign());
}

LogicalResult BlockVectorizer::vectorizeBody(linalg::LinalgOp op,
                                             const Shape &shape,
                                             IRMapping &mapping) {
  auto vectorized = [&](Value scalar) {
    Value value = mapping.lookupOrDefault(scalar);
    return isa<VectorType>(value.getType()) ? value : splat(value, shape);
  };
  for (Operation &inner : op.getBlock()->without_terminator()) {
    Value result;
    if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
      int64_t l = index.getDim();
      result =
          spread(vector::StepOp::create(
                     b, loc, VectorType::get({shape[l]}, b.getIndexType())),
                 AffineMap::get(shape.size(), 0, b.getAffineDimExpr(l)), shape);
    } else if (auto extract = dyn_cast<tensor::ExtractOp>(inner)) {
      result = gather(extract, shape, mapping);
    } else if (isa<arith::ConstantOp>(inner)) {
      b.clone(inner, mapping);
      continue;
    } else if (OpTrait::hasElementwiseMappableTraits(&inner) &&
               inner.getNumResults() == 1) {
      SmallVector<Value> operands =
          llvm::map_to_vector(inner.getOperands(), vectorized);
      OperationState state(loc, inner.getName());
      state.addOperands(operands);
      state.addTypes(VectorType::get(shape, inner.getResult(0).getType()));
      state.addAttributes(inner.getAttrs());
      result = b.create(state)->getResult(0);
    } else {
      return inner.emitError("expects elementwise ops in the body of an op of "
                             "a GPU kernel, got '")
             << inner.getName() << "'";
    }
    mapping.map(inner.getResult(0), result);
  }
  return success();
}

Value BlockVectorizer::write(Value value, Value memory) {
  auto type = cast<ShapedType>(memory.getType());
  auto vectorType = cast<VectorType>(value.getType());
  SmallVector<Value> indices(type.getRank(), zeroIndex());
  SmallVector<bool> inBounds;
  for (auto [size, padded] : llvm::zip(type.getShape(), vectorType.getShape()))
    inBounds.push_back(size == padded);
  auto op = vector::TransferWriteOp::create(
      b, loc, value, memory, indices, b.getMultiDimIdentityMap(type.getRank()),
      ArrayRef<bool>(inBounds));
  return op->getNumResults() ? op->getResult(0) : Value();
}

LogicalResult BlockVectorizer::vectorize(linalg::LinalgOp op) {
  b.setInsertionPoint(op);
  loc = op.getLoc();
  Shape shape(op.getNumLoops(), 0);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isTile(operand.get().getType()))
      continue;
    FailureOr<Shape> padded = paddedShape(operand.get());
    if (failed(padded))
      return failure();
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return op.emitError("expects maps that are projected permutations in a "
                          "GPU kernel, got ")
             << AffineMapAttr::get(map);
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto position = dyn_cast<AffineDimExpr>(expr)) {
        int64_t &size = shape[position.getPosition()];
        size = std::max(size, (*padded)[dim]);
      }
  }
  if (isProduct(op, shape))
    return vectorizeProduct(op, shape);
  IRMapping mapping;
  for (OpOperand &operand : op->getOpOperands()) {
    BlockArgument argument = op.getMatchingBlockArgument(&operand);
    if (!isTile(operand.get().getType())) {
      mapping.map(argument, operand.get());
      continue;
    }
    // Destinations of reductions are read where they are added to.
    if (op.isDpsInit(&operand) &&
        (op.getNumReductionLoops() || argument.use_empty()))
      continue;
    FailureOr<Value> value = vectorOf(operand.get());
    if (failed(value))
      return failure();
    mapping.map(argument,
                spread(*value, op.getMatchingIndexingMap(&operand), shape));
  }
  // What combines with the destination of a reduction becomes the reduction;
  // its own vector form has no use.
  if (op.getNumReductionLoops())
    for (BlockArgument argument : op.getRegionOutputArgs())
      mapping.map(argument,
                  splat(arith::ConstantOp::create(
                            b, loc, b.getZeroAttr(argument.getType())),
                        shape));
  if (failed(vectorizeBody(op, shape, mapping)))
    return failure();
  for (unsigned i = 0; i < op.getNumDpsInits(); ++i) {
    Value value;
    if (op.getNumReductionLoops()) {
      FailureOr<Value> sum = reduce(op, i, shape, mapping);
      if (failed(sum))
        return failure();
      value = *sum;
    } else {
      value = mapping.lookupOrDefault(
          op.getBlock()->getTerminator()->getOperand(i));
      if (!isa<VectorType>(value.getType()))
        value = splat(value, shape);
      AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(i));
      if (!map.isPermutation())
        return op.emitError("expects results that every loop indexes in a GPU "
                            "kernel, got ")
               << AffineMapAttr::get(map);
      SmallVector<int64_t> permutation;
      for (AffineExpr expr : map.getResults())
        permutation.push_back(cast<AffineDimExpr>(expr).getPosition());
      if (!llvm::is_sorted(permutation))
        value = vector::TransposeOp::create(b, loc, value, permutation);
    }
    if (op.hasPureTensorSemantics())
      vectors[op->getResult(i)] = value;
    else
      write(value, op.getDpsInitOperand(i)->get());
  }
  return success();
}

/// Part of a tile at constant places.
LogicalResult BlockVectorizer::vectorizeSlice(tensor::ExtractSliceOp op) {
  Value source = vectors.lookup(op.getSource());
  if (!source)
    return success();
  b.setInsertionPoint(op);
  auto padded = cast<VectorType>(source.getType());
  // The first rows of a tile: what is past a tile's end is never looked at.
  if (startsAtOrigin(op.getMixedOffsets()) && op.hasUnitStride())
    if (FailureOr<Shape> shape = paddedShape(op.getResult());
        succeeded(shape) && ArrayRef<int64_t>(*shape) == padded.getShape()) {
      vectors[op.getResult()] = source;
      return success();
    }
  FailureOr<Shape> result = paddedShape(op.getResult());
  if (failed(result))
    return failure();
  // One row, at any place.
  OpFoldResult first = op.getMixedOffsets().front();
  if (isa<Value>(first) && op.hasUnitStride() && padded.getRank() == 2 &&
      op.getStaticSizes().front() == 1 &&
      startsAtOrigin(ArrayRef(op.getMixedOffsets()).drop_front()) &&
      result->size() == 1 && result->front() == padded.getDimSize(1)) {
    vectors[op.getResult()] = vector::ExtractOp::create(
        b, op.getLoc(), source, ArrayRef<OpFoldResult>{first});
    return success();
  }
  for (auto [offset, size, stride, whole] :
       llvm::zip(op.getStaticOffsets(), op.getStaticSizes(),
                 op.getStaticStrides(), padded.getShape()))
    if (ShapedType::isDynamic(offset) || ShapedType::isDynamic(size) ||
        stride != 1 || !llvm::isPowerOf2_64(size) || offset % size != 0)
      return op.emitError("expects parts of a tile at constant multiples of "
                          "their size in a GPU kernel");
  Value part = vector::ExtractStridedSliceOp::create(
      b, op.getLoc(), source, op.getStaticOffsets(), op.getStaticSizes(),
      op.getStaticStrides());
  auto type = VectorType::get(*result, padded.getElementType());
  if (part.getType() != type)
    part = vector::ShapeCastOp::create(b, op.getLoc(), type, part);
  vectors[op.getResult()] = part;
  return success();
}

LogicalResult BlockVectorizer::writeResult(tensor::ParallelInsertSliceOp op) {
  // Memory that a loop or an insertion has written in parts is in its place.
  if (!vectors.contains(op.getSource()) &&
      isa_and_nonnull<scf::ForOp, scf::IfOp, tensor::InsertSliceOp>(
          op.getSource().getDefiningOp()))
    return success();
  b.setInsertionPoint(loop.getTerminator());
  loc = op.getLoc();
  FailureOr<Value> value = vectorOf(op.getSource());
  if (failed(value))
    return failure();
  auto type = cast<RankedTensorType>(op.getSource().getType());
  Value place = tensor::ExtractSliceOp::create(
      b, loc, type, op.getDest(), op.getMixedOffsets(), op.getMixedSizes(),
      op.getMixedStrides());
  op.getSourceMutable().assign(write(*value, place));
  return success();
}

/// Where a tile is written into a larger one: memory, at any place.
LogicalResult BlockVectorizer::vectorizeInsert(tensor::InsertSliceOp op) {
  b.setInsertionPoint(op);
  loc = op.getLoc();
  FailureOr<Value> value = vectorOf(op.getSource());
  if (failed(value))
    return failure();
  if (Value dest = vectors.lookup(op.getDest())) {
    if (!startsAtOrigin(op.getMixedOffsets()) || !op.hasUnitStride() ||
        value->getType() != dest.getType())
      return op.emitError("expects a part of a tile that starts where the tile "
                          "does in a GPU kernel");
    // The first rows and columns are new, the rest stays.
    SmallVector<Value> limits;
    bool isWhole = true;
    for (auto [dim, size] : llvm::enumerate(op.getMixedSizes())) {
      isWhole &= isEqualConstantIntOrValue(size, sizeOf(op.getDest(), dim));
      limits.push_back(getValueOrCreateConstantIndexOp(b, loc, size));
    }
    if (!isWhole) {
      auto type = cast<VectorType>(dest.getType());
      Value inside = vector::CreateMaskOp::create(
          b, loc, type.clone(b.getI1Type()), limits);
      *value = arith::SelectOp::create(b, loc, inside, *value, dest);
    }
    vectors[op.getResult()] = *value;
    return success();
  }
  Value place = tensor::ExtractSliceOp::create(
      b, loc, op.getSourceType(), op.getDest(), op.getMixedOffsets(),
      op.getMixedSizes(), op.getMixedStrides());
  op.getSourceMutable().assign(write(*value, place));
  return success();
}

/// Whether a value that a loop carries is memory that its body reads and writes
/// in parts, not one tile.
static bool isMemory(Value carried) {
  return llvm::any_of(carried.getUsers(), [&](Operation *user) {
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(user))
      return insert.getDest() == carried &&
             !startsAtOrigin(insert.getMixedOffsets());
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    return slice && !startsAtOrigin(slice.getMixedOffsets());
  });
}

LogicalResult BlockVectorizer::vectorizeLoop(scf::ForOp old) {
  SmallVector<bool> isVector;
  SmallVector<Value> inits;
  for (auto [init, argument] :
       llvm::zip(old.getInitArgs(), old.getRegionIterArgs())) {
    isVector.push_back(isTile(init.getType()) && !isMemory(argument));
    inits.push_back(init);
    if (!isVector.back())
      continue;
    b.setInsertionPoint(old);
    loc = old.getLoc();
    FailureOr<Value> value = vectorOf(init);
    if (failed(value))
      return failure();
    inits.back() = *value;
  }
  if (llvm::is_contained(isVector, true)) {
    b.setInsertionPoint(old);
    auto fresh = scf::ForOp::create(b, old.getLoc(), old.getLowerBound(),
                                    old.getUpperBound(), old.getStep(), inits);
    fresh->setAttrs(old->getAttrs());
    fresh.getBody()->getOperations().splice(fresh.getBody()->begin(),
                                            old.getBody()->getOperations());
    old.getInductionVar().replaceAllUsesWith(fresh.getInductionVar());
    for (auto [position, vector] : llvm::enumerate(isVector)) {
      BlockArgument argument = fresh.getRegionIterArg(position);
      if (vector) {
        vectors[old.getRegionIterArg(position)] = argument;
        vectors[old.getResult(position)] = fresh.getResult(position);
      } else {
        old.getRegionIterArg(position).replaceAllUsesWith(argument);
        old.getResult(position).replaceAllUsesWith(fresh.getResult(position));
      }
    }
    replaced.push_back(old);
    if (failed(vectorizeOps(fresh.getBody())))
      return failure();
    Operation *yield = fresh.getBody()->getTerminator();
    for (auto [position, vector] : llvm::enumerate(isVector)) {
      if (!vector)
        continue;
      b.setInsertionPoint(yield);
      FailureOr<Value> value = vectorOf(yield->getOperand(position));
      if (failed(value))
        return failure();
      if (value->getType() != inits[position].getType())
        return old.emitError("carries a tile that changes its size");
      yield->setOperand(position, *value);
    }
    return success();
  }
  return vectorizeOps(old.getBody());
}

LogicalResult BlockVectorizer::vectorizeChoice(scf::IfOp old) {
  SmallVector<Type> types;
  SmallVector<bool> isVector;
  for (Value result : old.getResults()) {
    isVector.push_back(isTile(result.getType()));
    types.push_back(result.getType());
  }
  for (Region &region : old->getRegions())
    if (!region.empty() && failed(vectorizeOps(&region.front())))
      return failure();
  if (!llvm::is_contained(isVector, true))
    return success();
  for (Region &region : old->getRegions()) {
    Operation *yield = region.front().getTerminator();
    for (auto [position, vector] : llvm::enumerate(isVector)) {
      if (!vector)
        continue;
      b.setInsertionPoint(yield);
      FailureOr<Value> value = vectorOf(yield->getOperand(position));
      if (failed(value))
        return failure();
      yield->setOperand(position, *value);
      types[position] = value->getType();
    }
  }
  b.setInsertionPoint(old);
  auto fresh = scf::IfOp::create(b, old.getLoc(), types, old.getCondition(),
                                 /*addThenBlock=*/false,
                                 /*addElseBlock=*/false);
  fresh.getThenRegion().takeBody(old.getThenRegion());
  fresh.getElseRegion().takeBody(old.getElseRegion());
  for (auto [position, vector] : llvm::enumerate(isVector))
    if (vector)
      vectors[old.getResult(position)] = fresh.getResult(position);
    else
      old.getResult(position).replaceAllUsesWith(fresh.getResult(position));
  replaced.push_back(old);
  return success();
}

LogicalResult BlockVectorizer::vectorizeOps(Block *block) {
  for (Operation &op :
       llvm::make_early_inc_range(block->without_terminator())) {
    LogicalResult result = success();
    if (auto compute = dyn_cast<linalg::LinalgOp>(op))
      result = vectorize(compute);
    else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
      result = vectorizeSlice(slice);
    else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      result = vectorizeInsert(insert);
    else if (auto copy =
                 dyn_cast<bufferization::MaterializeInDestinationOp>(op))
      result = vectorizeCopy(copy);
    else if (auto nested = dyn_cast<scf::ForOp>(op))
      result = vectorizeLoop(nested);
    else if (auto choice = dyn_cast<scf::IfOp>(op))
      result = vectorizeChoice(choice);
    else if (auto extract = dyn_cast<tensor::ExtractOp>(op);
             extract && vectors.contains(extract.getTensor()))
      result = vectorizeElement(extract);
    else if (op.getNumRegions())
      result = op.emitError("'")
               << op.getName() << "' has no form in a GPU kernel yet";
    if (failed(result))
      return failure();
  }
  return success();
}

/// Where a tile should be does not matter while it is a value.
LogicalResult
BlockVectorizer::vectorizeCopy(bufferization::MaterializeInDestinationOp op) {
  b.setInsertionPoint(op);
  loc = op.getLoc();
  FailureOr<Value> value = vectorOf(op.getSource());
  if (failed(value))
    return failure();
  if (op->getNumResults())
    vectors[op.getResult()] = *value;
  else
    write(*value, op.getDest());
  return success();
}

/// One element of a tile that is one element.
LogicalResult BlockVectorizer::vectorizeElement(tensor::ExtractOp op) {
  Value source = vectors.lookup(op.getTensor());
  if (cast<VectorType>(source.getType()).getNumElements() != 1)
    return op.emitError(
        "expects a tile of one element where a GPU kernel takes "
        "a number from it");
  b.setInsertionPoint(op);
  SmallVector<int64_t> origin(cast<VectorType>(source.getType()).getRank(), 0);
  Value element = vector::ExtractOp::create(b, op.getLoc(), source, origin);
  op.getResult().replaceAllUsesWith(element);
  return success();
}

LogicalResult BlockVectorizer::run() {
  Block *body = loop.getBody();
  // Sizes first: no tile is left to ask for them.
  body->walk([&](scf::IfOp op) {
    b.setInsertionPoint(op);
    for (Value result : op.getResults())
      if (auto type = dyn_cast<RankedTensorType>(result.getType())) {
        SmallVector<OpFoldResult> sizes;
        for (int64_t dim = 0; dim < type.getRank(); ++dim)
          sizes.push_back(sizeOf(result, dim));
        chosenSizes[result] = sizes;
      }
  });
  body->walk([&](tensor::DimOp op) {
    std::optional<int64_t> dim = op.getConstantIndex();
    if (!dim || !isa_and_nonnull<linalg::LinalgOp, tensor::ExtractSliceOp,
                                 tensor::EmptyOp, scf::IfOp, scf::ForOp>(
                    op.getSource().getDefiningOp()))
      return;
    b.setInsertionPoint(op);
    OpFoldResult size = sizeOf(op.getSource(), *dim);
    op.replaceAllUsesWith(
        getValueOrCreateConstantIndexOp(b, op.getLoc(), size));
  });
  if (failed(vectorizeOps(body)))
    return failure();
  for (Operation &op :
       llvm::make_early_inc_range(loop.getTerminator().getYieldingOps()))
    if (failed(writeResult(cast<tensor::ParallelInsertSliceOp>(op))))
      return failure();
  eraseTiles(body);
  // Their bodies are gone, and what was in them does not use them any more.
  for (Operation *op : llvm::reverse(replaced))
    op->erase();
  return success();
}

/// Erases what computed tiles; users come before what they use.
void BlockVectorizer::eraseTiles(Block *block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*block))) {
    if (llvm::is_contained(replaced, &op))
      continue;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        eraseTiles(&inner);
    bool isTileOp =
        isa<linalg::LinalgOp, bufferization::MaterializeInDestinationOp>(op);
    if (isOpTriviallyDead(&op) || (isTileOp && op.use_empty()))
      op.erase();
  }
}

namespace {
struct VectorizeBlocks : gate::impl::VectorizeBlocksBase<VectorizeBlocks> {
  void runOnOperation() override {
    SmallVector<scf::ForallOp> loops;
    getOperation().walk([&](scf::ForallOp op) { loops.push_back(op); });
    for (scf::ForallOp op : loops)
      if (failed(BlockVectorizer(op).run()))
        return signalPassFailure();
  }
};
} // namespace
