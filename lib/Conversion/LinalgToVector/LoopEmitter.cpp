//===- LoopEmitter.cpp - Loops, masked loads and body cloning -------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopEmitter.h"

#include "mlir/Dialect/Affine/Utils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace gate;

LoopEmitter::LoopEmitter(RewriterBase &rewriter, linalg::LinalgOp op,
                         VectorMachine machine)
    : rewriter(rewriter), loc(op.getLoc()), op(op), machine(machine) {
  rewriter.setInsertionPoint(op);
  unsigned widest = 32;
  for (Value operand : op->getOperands())
    if (Type element = getElementTypeOrSelf(operand.getType());
        isa<FloatType>(element))
      widest = std::max(widest, element.getIntOrFloatBitWidth());
  lanes = machine.vectorBits / widest;
  // Loop ranges from the first operand dim that is that loop.
  unsigned loops = op.getNumLoops();
  ranges.resize(loops);
  ivs.resize(loops);
  SmallVector<int64_t> fixed = op.getStaticLoopRanges();
  for (unsigned loop = 0; loop < loops; ++loop) {
    if (!ShapedType::isDynamic(fixed[loop])) {
      ranges[loop] = rewriter.getIndexAttr(fixed[loop]);
      continue;
    }
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto position = dyn_cast<AffineDimExpr>(expr);
            position && position.getPosition() == loop && !ranges[loop])
          ranges[loop] =
              memref::getMixedSize(rewriter, loc, operand.get(), dim);
    }
  }
}

Value LoopEmitter::index(int64_t value) {
  return arith::ConstantIndexOp::create(rewriter, loc, value);
}
Value LoopEmitter::add(Value a, Value b) {
  return rewriter.createOrFold<arith::AddIOp>(loc, a, b);
}
Value LoopEmitter::sub(Value a, Value b) {
  return rewriter.createOrFold<arith::SubIOp>(loc, a, b);
}
Value LoopEmitter::minimum(Value a, Value b) {
  return rewriter.createOrFold<arith::MinUIOp>(loc, a, b);
}

std::optional<int64_t> LoopEmitter::staticRange(unsigned loop) const {
  return getConstantIntValue(ranges[loop]);
}

Value LoopEmitter::rangeValue(unsigned loop) {
  return getValueOrCreateConstantIndexOp(rewriter, loc, ranges[loop]);
}

LoopEmitter::Values LoopEmitter::loop(Value from, Value to, int64_t step,
                                      ValueRange carried, LoopBody body) {
  OpBuilder::InsertionGuard guard(rewriter);
  auto forOp =
      scf::ForOp::create(rewriter, loc, from, to, index(step), carried);
  Block *block = forOp.getBody();
  if (!block->empty())
    rewriter.eraseOp(block->getTerminator());
  rewriter.setInsertionPointToEnd(block);
  Values next = body(forOp.getInductionVar(), forOp.getRegionIterArgs());
  scf::YieldOp::create(rewriter, loc, next);
  return Values(forOp.getResults());
}

void LoopEmitter::nest(ArrayRef<unsigned> loops, function_ref<void()> body) {
  if (loops.empty())
    return body();
  unsigned first = loops.front();
  if (staticRange(first) == std::optional<int64_t>(1)) {
    ivs[first] = index(0);
    return nest(loops.drop_front(), body);
  }
  loop(index(0), rangeValue(first), 1, {}, [&](Value iv, ValueRange) -> Values {
    ivs[first] = iv;
    nest(loops.drop_front(), body);
    return {};
  });
}

void LoopEmitter::runs(unsigned loopIndex, int64_t width,
                       function_ref<void(Value, int64_t, Value)> body) {
  std::optional<int64_t> fixed = staticRange(loopIndex);
  Value full, rest;
  if (fixed) {
    full = index(*fixed / width * width);
  } else {
    Value size = rangeValue(loopIndex);
    rest = rewriter.createOrFold<arith::RemUIOp>(loc, size, index(width));
    full = sub(size, rest);
  }
  auto run = [&](Value first) { body(first, width, Value()); };
  if (!fixed || *fixed / width > 1)
    loop(index(0), full, width, {}, [&](Value iv, ValueRange) -> Values {
      run(iv);
      return {};
    });
  else if (*fixed / width == 1)
    run(index(0));
  if (fixed) {
    if (int64_t left = *fixed % width)
      body(full, left, index(left));
    return;
  }
  Value some = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::ne,
                                     rest, index(0));
  auto ifOp = scf::IfOp::create(rewriter, loc, some, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(rewriter);
  rewriter.setInsertionPointToStart(ifOp.thenBlock());
  body(full, -1, rest);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Stride of the last dim of a memref, or dynamic.
static int64_t lastStride(MemRefType type) {
  int64_t offset;
  SmallVector<int64_t> strides;
  if (type.getRank() == 0 || failed(type.getStridesAndOffset(strides, offset)))
    return ShapedType::kDynamic;
  return strides.back();
}

std::optional<unsigned> LoopEmitter::contiguousLoop(OpOperand *operand) {
  auto type = dyn_cast<MemRefType>(operand->get().getType());
  if (!type || type.getRank() == 0 || lastStride(type) != 1)
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(operand);
  // A dim expression may carry an offset that other loops give, as in d0 + d1.
  auto dim = dyn_cast<AffineDimExpr>(map.getResults().back());
  if (!dim)
    return std::nullopt;
  for (AffineExpr expr : map.getResults().drop_back())
    if (expr.isFunctionOfDim(dim.getPosition()))
      return std::nullopt;
  return dim.getPosition();
}

Access LoopEmitter::accessOf(OpOperand *operand, unsigned loop) {
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (!isa<MemRefType>(operand->get().getType()) || !map.isFunctionOfDim(loop))
    return Access::Uniform;
  return contiguousLoop(operand) == std::optional<unsigned>(loop)
             ? Access::Contiguous
             : Access::Strided;
}

LoopEmitter::Values LoopEmitter::indices(OpOperand *operand) {
  Values result;
  AffineMap map = op.getMatchingIndexingMap(operand);
  for (AffineExpr expr : map.getResults())
    result.push_back(affine::expandAffineExpr(rewriter, loc, expr, ivs, {}));
  return result;
}

Value LoopEmitter::loadScalar(OpOperand *operand) {
  if (!isa<MemRefType>(operand->get().getType()))
    return operand->get();
  return memref::LoadOp::create(rewriter, loc, operand->get(),
                                indices(operand));
}

VectorType LoopEmitter::vectorOf(Type element) const {
  return VectorType::get({lanes}, element);
}

Value LoopEmitter::maskOf(Value count) {
  if (!count)
    return {};
  return vector::CreateMaskOp::create(rewriter, loc,
                                      vectorOf(rewriter.getI1Type()), count);
}

Value LoopEmitter::broadcast(Value scalar) {
  if (isa<VectorType>(scalar.getType()))
    return scalar;
  return vector::BroadcastOp::create(rewriter, loc, vectorOf(scalar.getType()),
                                     scalar);
}

Value LoopEmitter::loadLanes(OpOperand *operand, unsigned loop, Value mask,
                             Value count) {
  Access access = accessOf(operand, loop);
  if (access == Access::Uniform)
    return loadScalar(operand);
  auto type = cast<MemRefType>(operand->get().getType());
  VectorType vector = vectorOf(type.getElementType());
  if (access == Access::Contiguous) {
    Values where = indices(operand);
    if (!mask)
      return vector::LoadOp::create(rewriter, loc, vector, operand->get(),
                                    where);
    Value zero =
        arith::ConstantOp::create(rewriter, loc, rewriter.getZeroAttr(vector));
    return vector::MaskedLoadOp::create(rewriter, loc, vector, operand->get(),
                                        where, mask, zero);
  }
  // Lane by lane; lanes past the end read the last element again.
  Value first = ivs[loop];
  SmallVector<Value> elements;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    Value offset = index(lane);
    if (count)
      offset = minimum(offset, sub(count, index(1)));
    ivs[loop] = add(first, offset);
    elements.push_back(loadScalar(operand));
  }
  ivs[loop] = first;
  return vector::FromElementsOp::create(rewriter, loc, vector, elements);
}

void LoopEmitter::storeLanes(Value value, OpOperand *operand, Value mask) {
  value = broadcast(value);
  Values where = indices(operand);
  if (mask)
    vector::MaskedStoreOp::create(rewriter, loc, operand->get(), where, mask,
                                  value);
  else
    vector::StoreOp::create(rewriter, loc, value, operand->get(), where);
}

//===----------------------------------------------------------------------===//
// Shuffles
//===----------------------------------------------------------------------===//

/// Lane by lane from `a` (0 .. lanes - 1) and `b` (lanes .. 2 lanes - 1).
Value LoopEmitter::shuffle(Value a, Value b,
                           function_ref<int64_t(int64_t)> laneAt) {
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < lanes; ++lane)
    mask.push_back(laneAt(lane));
  return vector::ShuffleOp::create(rewriter, loc, a, b, mask);
}

/// From vectors that each hold one row block of groups of four lanes to
/// vectors that each hold one group position of all row blocks.
LoopEmitter::Values LoopEmitter::transposeGroups(Values blocks) {
  if (blocks.size() == 1)
    return blocks;
  // Even (odd) groups of a, then even (odd) groups of b.
  auto half = [&](Value a, Value b, int64_t parity) {
    return shuffle(a, b, [&](int64_t lane) {
      int64_t group = lane / 4, half = lanes / 8;
      int64_t source = group < half ? 0 : lanes;
      return source + (2 * (group % half) + parity) * 4 + lane % 4;
    });
  };
  Values even, odd;
  for (size_t i = 0; i < blocks.size(); i += 2) {
    even.push_back(half(blocks[i], blocks[i + 1], 0));
    odd.push_back(half(blocks[i], blocks[i + 1], 1));
  }
  even = transposeGroups(even);
  odd = transposeGroups(odd);
  Values result;
  for (auto [x, y] : llvm::zip(even, odd)) {
    result.push_back(x);
    result.push_back(y);
  }
  return result;
}

/// Transposes a square of lanes. First four rows at a time inside groups of
/// four lanes (interleaving elements, then pairs), then whole groups: shuffles
/// that machines have as single instructions.
LoopEmitter::Values LoopEmitter::transposeSquare(Values rows) {
  // Lanes of a and b in turn, from the lower or upper half of each group.
  auto interleave = [&](Value a, Value b, int64_t width, bool upper) {
    return shuffle(a, b, [&](int64_t lane) {
      int64_t inGroup = lane % 4;
      int64_t fromB = (inGroup / width) % 2;
      int64_t position = inGroup / (2 * width) * width + inGroup % width;
      return lane / 4 * 4 + position + (upper ? 2 : 0) + fromB * lanes;
    });
  };
  SmallVector<Values> columns(4);
  for (int64_t row = 0; row < lanes; row += 4) {
    Value lowAB = interleave(rows[row], rows[row + 1], 1, false);
    Value highAB = interleave(rows[row], rows[row + 1], 1, true);
    Value lowCD = interleave(rows[row + 2], rows[row + 3], 1, false);
    Value highCD = interleave(rows[row + 2], rows[row + 3], 1, true);
    columns[0].push_back(interleave(lowAB, lowCD, 2, false));
    columns[1].push_back(interleave(lowAB, lowCD, 2, true));
    columns[2].push_back(interleave(highAB, highCD, 2, false));
    columns[3].push_back(interleave(highAB, highCD, 2, true));
  }
  Values result(lanes);
  for (int64_t column = 0; column < 4; ++column)
    for (auto [group, value] :
         llvm::enumerate(transposeGroups(columns[column])))
      result[group * 4 + column] = value;
  return result;
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

bool LoopEmitter::isBodyVectorizable(unsigned loop) {
  Block &body = op->getRegion(0).front();
  // Values that differ from lane to lane.
  llvm::DenseSet<Value> wide;
  for (OpOperand &operand : op->getOpOperands())
    if (accessOf(&operand, loop) != Access::Uniform)
      wide.insert(op.getMatchingBlockArgument(&operand));
  auto isWide = [&](Value value) { return wide.contains(value); };
  for (Operation &inner : body.without_terminator()) {
    if (isa<arith::ConstantOp>(inner))
      continue;
    if (auto position = dyn_cast<linalg::IndexOp>(inner)) {
      if (position.getDim() == loop)
        wide.insert(position.getResult());
      continue;
    }
    if (auto load = dyn_cast<memref::LoadOp>(inner)) {
      if (load.getIndices().empty())
        continue;
      // Lanes must run along the last dim alone, from the loop's own index.
      auto type = cast<MemRefType>(load.getMemRef().getType());
      auto last = load.getIndices().back().getDefiningOp<linalg::IndexOp>();
      if (!last || last.getDim() != loop || lastStride(type) != 1 ||
          llvm::any_of(load.getIndices().drop_back(), isWide))
        return false;
      wide.insert(load.getResult());
      continue;
    }
    if (!OpTrait::hasElementwiseMappableTraits(&inner) ||
        inner.getNumRegions() != 0)
      return false;
    if (llvm::any_of(inner.getOperands(), isWide))
      wide.insert(inner.result_begin(), inner.result_end());
  }
  return true;
}

LoopEmitter::Values LoopEmitter::cloneBody(ValueRange arguments, int64_t loop) {
  Block &body = op->getRegion(0).front();
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  auto isVector = [](Value value) { return isa<VectorType>(value.getType()); };
  for (Operation &inner : body.without_terminator()) {
    if (auto position = dyn_cast<linalg::IndexOp>(inner)) {
      Value iv = ivs[position.getDim()];
      if (static_cast<int64_t>(position.getDim()) == loop) {
        Value steps = vector::StepOp::create(rewriter, loc,
                                             vectorOf(rewriter.getIndexType()));
        iv = arith::AddIOp::create(rewriter, loc, broadcast(iv), steps);
      }
      mapping.map(position.getResult(), iv);
      continue;
    }
    if (auto load = dyn_cast<memref::LoadOp>(inner)) {
      auto last =
          load.getIndices().empty()
              ? linalg::IndexOp()
              : load.getIndices().back().getDefiningOp<linalg::IndexOp>();
      Values where;
      for (Value at : load.getIndices())
        where.push_back(mapping.lookupOrDefault(at));
      Value memref = mapping.lookupOrDefault(load.getMemRef());
      Value value;
      if (last && static_cast<int64_t>(last.getDim()) == loop) {
        where.back() = ivs[loop];
        VectorType type = vectorOf(load.getType());
        if (bodyMask) {
          Value zero = arith::ConstantOp::create(rewriter, loc,
                                                 rewriter.getZeroAttr(type));
          value = vector::MaskedLoadOp::create(rewriter, loc, type, memref,
                                               where, bodyMask, zero);
        } else {
          value = vector::LoadOp::create(rewriter, loc, type, memref, where);
        }
      } else {
        value = memref::LoadOp::create(rewriter, loc, memref, where);
      }
      mapping.map(load.getResult(), value);
      continue;
    }
    bool wide = llvm::any_of(inner.getOperands(), [&](Value operand) {
      return isVector(mapping.lookupOrDefault(operand));
    });
    if (!wide) {
      rewriter.clone(inner, mapping);
      continue;
    }
    OperationState state(loc, inner.getName());
    for (Value operand : inner.getOperands())
      state.addOperands(broadcast(mapping.lookupOrDefault(operand)));
    for (Type type : inner.getResultTypes())
      state.addTypes(vectorOf(type));
    state.addAttributes(inner.getDiscardableAttrDictionary().getValue());
    state.propertiesAttr = inner.getPropertiesAsAttribute();
    Operation *clone = rewriter.create(state);
    mapping.map(inner.getResults(), clone->getResults());
  }
  Values results;
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(value));
  return results;
}
