//===- GateDenseChunk.cpp - Linear scans by chunks on matrix units --------===//
//
// What all decays share: tiles of a head, scores, reads and updates of states,
// and the pieces of a scan.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GateDenseChunk.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = DenseChunkBuilder::Values;
using Sizes = DenseChunkBuilder::Sizes;

/// Rows of one head, in the type that they are stored in.
Value DenseChunkBuilder::tile(Value source, ValueRange parallel,
                              OpFoldResult offset) {
  auto type = cast<RankedTensorType>(source.getType());
  OpFoldResult zero = b.builder.getIndexAttr(0),
               one = b.builder.getIndexAttr(1);
  Value head = parallel[1];
  int64_t heads = op.getNumHeads();
  if (int64_t own = type.getDimSize(2); own != heads)
    head = arith::DivUIOp::create(b.builder, b.loc, head, b.index(heads / own));
  Sizes offsets{parallel[0], offset, head}, sizes{one, size, one};
  if (type.getRank() == 4) {
    offsets.push_back(zero);
    sizes.push_back(b.builder.getIndexAttr(type.getDimSize(3)));
  }
  return b.slice(source, offsets, sizes, {0, 2});
}

Value DenseChunkBuilder::maskedProduct(Value left, Value right) {
  Value all = product(left, {0, 2}, right, {1, 2}, size, size);
  return b.elementwise({all}, b.empty({size, size}, wide()),
                       [&](TensorBuilder &s, ValueRange args) {
                         return choose(s,
                                       isBefore(s, row(s, 1), row(s, 0), true),
                                       args[0], s.number(wide(), 0));
                       });
}

DenseChunkBuilder::Parts DenseChunkBuilder::undecayed() {
  Parts parts;
  parts.scores = maskedProduct(query, key);
  parts.queries = query;
  parts.keys = key;
  return parts;
}

Values DenseChunkBuilder::finish(const Parts &parts, Value state) {
  // O = scale (A v + queries S).
  Value read = b.contract(narrowed(parts.scores), value, zeros({size, values}),
                          {map(3, {0, 2}), map(3, {2, 1}), map(3, {0, 1})}, 2);
  Value before = parts.before ? scaledState(state, parts.before) : state;
  read = b.contract(parts.queries, narrowed(before), read,
                    {map(3, {0, 2}), map(3, {2, 1}), map(3, {0, 1})}, 2);
  double scale = op.getScale().convertToDouble();
  Type stored =
      cast<RankedTensorType>(op.getOutput().getType()).getElementType();
  Value output = b.elementwise(
      {read}, b.empty({size, values}, stored),
      [&](TensorBuilder &s, ValueRange args) {
        return s.convert(s.mul(args[0], s.number(wide(), scale)), stored);
      });

  // S' = after (before S + keys^T v), or total S + keys^T v.
  Value next = before;
  if (parts.total)
    next = scaledState(state, parts.total);
  next = b.contract(parts.keys, value, next,
                    {map(3, {2, 0}), map(3, {2, 1}), map(3, {0, 1})}, 2);
  if (parts.after)
    next = scaledState(next, parts.after);
  return {output, next};
}

Values DenseChunkBuilder::build(ValueRange parallel, OpFoldResult offset,
                                Value state) {
  query = tile(op.getQuery(), parallel, offset);
  key = tile(op.getKey(), parallel, offset);
  value = tile(op.getValue(), parallel, offset);
  if (op.getDecay())
    return dataDecay(logGates(parallel, offset), state);
  Value gate = constantGate(parallel);
  return finish(gate ? constantDecay(gate) : undecayed(), state);
}

/// E' = exp(total) E + (k exp(sums after each row))^T v: factors of at most 1.
Values DenseChunkBuilder::buildState(ValueRange parallel, OpFoldResult offset,
                                     ValueRange summary) {
  key = tile(op.getKey(), parallel, offset);
  value = tile(op.getValue(), parallel, offset);
  Value total, factors;
  if (op.getDecay()) {
    Value gates = logGates(parallel, offset);
    factors = exponential(
        sumRows(gates, [&](TensorBuilder &s, Value i,
                           Value r) { return isBefore(s, i, r, false); }),
        isRounded());
    total = sumAll(gates, [](TensorBuilder &s, Value) -> Value {
      return arith::ConstantOp::create(s.builder, s.loc,
                                       s.builder.getBoolAttr(true));
    });
  } else if (Value gate = constantGate(parallel)) {
    factors = constantFactors(gate, false);
    total = constantTotal(gate);
  }
  Value keyRows = key, state = summary[0];
  Values next;
  if (total) {
    bool isVector = cast<RankedTensorType>(factors.getType()).getRank() == 2;
    keyRows = narrowed(
        b.generic({key, factors}, b.empty(b.sizes(key), wide()),
                  {map(2, {0, 1}), isVector ? map(2, {0, 1}) : map(2, {0}),
                   map(2, {0, 1})},
                  2, [&](TensorBuilder &s, ValueRange args) {
                    return s.mul(s.convert(args[0], wide()), args[1]);
                  }));
    state = scaledState(state, exponential(total));
    next.push_back(sumOf(summary[1], total));
  }
  next.insert(next.begin(),
              b.contract(keyRows, value, state,
                         {map(3, {2, 0}), map(3, {2, 1}), map(3, {0, 1})}, 2));
  return next;
}

bool LinearScanOp::hasDenseChunk() {
  return getArithmeticType().isF32() && getPreferredChunk() > 1 &&
         !getPredictor() && !readsBefore();
}

Values LinearScanOp::buildDenseChunk(OpBuilder &builder, Location loc,
                                     ValueRange parallel, OpFoldResult offset,
                                     OpFoldResult size, ValueRange states) {
  return DenseChunkBuilder(*this, builder, loc, size)
      .build(parallel, offset, states[0]);
}

Values LinearScanOp::buildDenseChunkState(OpBuilder &builder, Location loc,
                                          ValueRange parallel,
                                          OpFoldResult offset,
                                          OpFoldResult size,
                                          ValueRange summary) {
  return DenseChunkBuilder(*this, builder, loc, size)
      .buildState(parallel, offset, summary);
}

FailureOr<Values> LinearScanOp::buildPieces(OpBuilder &builder,
                                            int64_t pieces) {
  RankedTensorType type = getValue().getType();
  int64_t heads = getNumHeads(), width = getValueWidth();
  if (getInitial() || !getResult(1).use_empty() || getBeta() ||
      getInputGate() || getBonus() || !getTransition().empty() ||
      getOffsets() || decaysValues() ||
      type.getDimSize(2) != heads || width % pieces != 0)
    return failure();
  // Parts of the values of one head are heads of their own; queries, keys and
  // gates are shared by them.
  Location loc = getLoc();
  auto reshaped = [&](Value tensor, bool splits) -> Value {
    auto from = cast<RankedTensorType>(tensor.getType());
    SmallVector<int64_t> shape(from.getShape().take_front(2));
    llvm::append_values(shape, heads, pieces, width / pieces);
    SmallVector<ReassociationIndices> apart, together;
    if (splits) {
      apart = {{0}, {1}, {2}, {3, 4}};
      together = {{0}, {1}, {2, 3}, {4}};
    } else {
      apart = {{0}, {1}, {2, 3}, {4}};
      together = {{0}, {1}, {2}, {3, 4}};
    }
    Value wide = tensor::ExpandShapeOp::create(
        builder, loc, RankedTensorType::get(shape, from.getElementType()),
        tensor, apart);
    return tensor::CollapseShapeOp::create(builder, loc, wide, together);
  };
  auto split = cast<LinearScanOp>(builder.clone(*getOperation()));
  builder.setInsertionPoint(split);
  split.getValueMutable().assign(reshaped(getValue(), true));
  builder.setInsertionPointAfter(split);
  if (std::optional<ArrayRef<double>> constants = getDecayConstants()) {
    SmallVector<double> all;
    for (double constant : *constants)
      all.append(pieces, constant);
    split.setDecayConstants(all);
  }
  for (OpResult result : split->getResults()) {
    auto old = cast<RankedTensorType>(result.getType());
    SmallVector<int64_t> shape(old.getShape());
    shape[result.getResultNumber() == 0 ? 2 : 1] = heads * pieces;
    shape.back() = width / pieces;
    result.setType(RankedTensorType::get(shape, old.getElementType()));
  }
  return Values{reshaped(split.getResult(0), false)};
}
