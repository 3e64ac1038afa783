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

#include "mlir/Dialect/Arith/Utils/Utils.h"
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

Value DenseChunkBuilder::maskedProduct(const Reader &reader, Value left,
                                       Value right) {
  Value all = rawScores(left, right);
  return b.elementwise({all}, b.empty({size, size}, wide()),
                       [&](TensorBuilder &s, ValueRange args) {
                         return choose(s, sees(s, reader, row(s, 0), row(s, 1)),
                                       args[0], s.number(wide(), 0));
                       });
}

/// What reads the state to predict, and what is added of it.
void DenseChunkBuilder::addPredictor(ValueRange parallel, OpFoldResult offset) {
  bool isUndecayed = op.getPrediction() == Prediction::undecayed;
  if (op.getUpdate() == Update::delta) {
    beta = tile(op.getBeta(), parallel, offset);
    Value negative =
        b.elementwise({key}, b.empty(b.sizes(key), operand),
                      [](TensorBuilder &s, ValueRange args) -> Value {
                        return arith::NegFOp::create(s.builder, s.loc, args[0]);
                      });
    readers.push_back({negative, isUndecayed, true});
  }
  if (op.getUpdate() == Update::diagonal_rank_one) {
    readers.push_back(
        {tile(op.getTransition()[0], parallel, offset), isUndecayed, true});
    writers.push_back({tile(op.getTransition()[1], parallel, offset), Value()});
  }
}

void DenseChunkBuilder::addReaders(ValueRange parallel, OpFoldResult offset) {
  bool isBefore = op.readsBefore();
  readers.push_back(
      {tile(op.getQuery(), parallel, offset), isBefore, isBefore});
  key = tile(op.getKey(), parallel, offset);
  value = tile(op.getValue(), parallel, offset);
  addPredictor(parallel, offset);
  writers.push_back({key, value});
  if (Value shared = op.getBonus()) {
    OpFoldResult zero = b.builder.getIndexAttr(0),
                 one = b.builder.getIndexAttr(1);
    int64_t own = cast<RankedTensorType>(shared.getType()).getDimSize(0);
    Value head = parallel[1];
    if (int64_t heads = op.getNumHeads(); own != heads)
      head =
          arith::DivUIOp::create(b.builder, b.loc, head, b.index(heads / own));
    bonus = b.slice(shared, {OpFoldResult(head), zero}, {one, keys}, {0});
  }
}

/// The scores of the next reader with all writers.
void DenseChunkBuilder::addScores(Parts &parts,
                                  function_ref<Value(size_t)> score) {
  Values &scores = parts.scores.emplace_back();
  for (size_t place = 0; place < writers.size(); ++place)
    scores.push_back(score(place));
}

DenseChunkBuilder::Parts DenseChunkBuilder::undecayed() {
  Parts parts;
  for (const Reader &reader : readers) {
    addScores(parts, [&](size_t place) {
      return maskedProduct(reader, reader.rows, writers[place].rows);
    });
    parts.fromStart.push_back(reader.rows);
  }
  for (Writer &writer : writers)
    parts.toEnd.push_back(writer.rows);
  return parts;
}

/// U: what the rows add of what they predict.
Value DenseChunkBuilder::predict(const Parts &parts, Value state) {
  Value own = multiplied(parts.fromStart[1], state, zeros({size, values}));
  AffineMap whole = map(2, {0, 1}), perRow = map(2, {0});
  if (op.getUpdate() == Update::diagonal_rank_one) {
    if (!parts.startFactors.empty())
      own = scaled(own, parts.startFactors[1], 0);
    // What keys before the row have added is known.
    own = multiplied(narrowed(parts.scores[1][1]), value, own);
  } else {
    Values inputs{own, value, beta};
    SmallVector<AffineMap> maps{whole, whole, perRow};
    if (!parts.startFactors.empty()) {
      inputs.push_back(parts.startFactors[1]);
      maps.push_back(perRow);
    }
    maps.push_back(whole);
    own = b.generic(inputs, b.empty({size, values}, wide()), maps, 2,
                    [&](TensorBuilder &s, ValueRange args) {
                      Value found = args[0],
                            wanted = s.convert(args[1], wide());
                      if (!parts.startFactors.empty())
                        found = s.mul(found, args[3]);
                      return s.mul(s.convert(args[2], wide()),
                                   parts.subtracts ? s.sub(wanted, found)
                                                   : s.add(wanted, found));
                    });
  }
  // After the sum: what a row adds of its own may be much larger.
  Value others = multiplied(coupling, narrowed(own), zeros({size, values}));
  return sumOf(others, own);
}

/// [C]: q . (u * k) of each row.
Value DenseChunkBuilder::bonusWeights() {
  return b.generic(
      {readers[0].rows, key, bonus}, zeros({size}),
      {map(2, {0, 1}), map(2, {0, 1}), map(2, {1}), map(2, {0})}, 1,
      [&](TensorBuilder &s, ValueRange args) {
        Value both =
            s.mul(s.convert(args[2], wide()), s.convert(args[1], wide()));
        return s.add(args[3], s.mul(s.convert(args[0], wide()), both));
      });
}

/// read + weights v of each row
Value DenseChunkBuilder::withBonus(Value read, Value weights) {
  AffineMap whole = map(2, {0, 1});
  return b.generic({read, weights, value}, b.empty({size, values}, wide()),
                   {whole, map(2, {0}), whole, whole}, 2,
                   [&](TensorBuilder &s, ValueRange args) {
                     return s.add(args[0],
                                  s.mul(args[1], s.convert(args[2], wide())));
                   });
}

Values DenseChunkBuilder::finish(const Parts &parts, Value state) {
  Value before, stored;
  auto readable = [&] {
    if (!stored) {
      before = parts.before ? scaledState(state, parts.before) : state;
      stored = narrowed(before);
    }
    return stored;
  };
  // What is added, as outputs read it and as it is at the end of the chunk.
  Values added, left;
  for (Writer &writer : writers)
    added.push_back(writer.values);
  if (op.getPredictor())
    added[0] = predict(parts, readable());
  for (Value &what : added) {
    left.push_back(
        narrowed(parts.endFactors ? scaled(what, parts.endFactors, 0) : what));
    what = narrowed(what);
  }
  // O = scale (A v + queries S).
  Value read = zeros({size, values});
  auto readState = [&] {
    read = multiplied(parts.fromStart[0], readable(), read);
  };
  // Factors of rows are those of what they read.
  if (!parts.startFactors.empty()) {
    readState();
    read = scaled(read, parts.startFactors[0], 0);
  }
  for (auto [scores, what] : llvm::zip(parts.scores[0], added))
    read = multiplied(narrowed(scores), what, read);
  if (parts.startFactors.empty())
    readState();
  if (bonus)
    read = withBonus(read, parts.bonus ? parts.bonus : bonusWeights());
  double scale = op.getScale().convertToDouble();
  Type element =
      cast<RankedTensorType>(op.getOutput().getType()).getElementType();
  Value output = b.elementwise(
      {read}, b.empty({size, values}, element),
      [&](TensorBuilder &s, ValueRange args) {
        return s.convert(s.mul(args[0], s.number(wide(), scale)), element);
      });

  // S' = after (before S + keys^T v), or total S + keys^T v.
  Value next = before;
  if (parts.total)
    next = scaledState(state, parts.total);
  for (auto [rows, what] : llvm::zip(parts.toEnd, left))
    next = b.contract(rows, what, next,
                      {map(3, {2, 0}), map(3, {2, 1}), map(3, {0, 1})}, 2);
  if (parts.after)
    next = scaledState(next, parts.after);
  return {output, next};
}

/// What `use` makes of the chunk's parts, on the side that its gates are on.
Values DenseChunkBuilder::byDecay(
    ValueRange parallel, OpFoldResult offset,
    function_ref<Values(DenseChunkBuilder &, const Parts &)> use) {
  if (op.getDecay())
    return dataDecay(logGates(parallel, offset), use);
  Value gate = constantGate(parallel);
  return use(*this, gate ? constantDecay(gate) : undecayed());
}

Values DenseChunkBuilder::build(ValueRange parallel, OpFoldResult offset,
                                Value state, ValueRange ahead) {
  addReaders(parallel, offset);
  if (!ahead.empty())
    return finish(partsOf(ahead), state);
  return byDecay(parallel, offset,
                 [&](DenseChunkBuilder &s, const Parts &parts) {
                   return s.finish(parts, state);
                 });
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
        factorFlags());
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
  return getArithmeticType().isF32() && getPreferredChunk() > 1;
}

Values LinearScanOp::buildDenseChunk(OpBuilder &builder, Location loc,
                                     ValueRange parallel, OpFoldResult offset,
                                     OpFoldResult size, ValueRange states,
                                     ValueRange stateFree) {
  return DenseChunkBuilder(*this, builder, loc, size)
      .build(parallel, offset, states[0], stateFree);
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
  if (getInitial() || !getResult(1).use_empty() || getInputGate() ||
      getOffsets() || decaysValues() || type.getDimSize(2) != heads ||
      width % pieces != 0)
    return failure();
  // Parts of the values of one head are heads of their own, each with its
  // columns of the state; all other operands are shared by them.
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
