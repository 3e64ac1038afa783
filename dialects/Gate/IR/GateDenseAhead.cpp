//===- GateDenseAhead.cpp - What chunks of linear scans have ready --------===//
//
// Of a scan that predicts, a chunk waits for the one before it in each of its
// products with the state. All that does not is computed for all chunks at once
// and read from memory: the inverse of the triangular system, scores, and what
// decay makes of the rows that read the state and add to it.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GateDenseChunk.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"

#include <numeric>

using namespace mlir;
using namespace gate;

using Values = DenseChunkBuilder::Values;

/// (I - system)^-1 of a strictly triangular [C, C] matrix, from the inverses of
/// its diagonal blocks of 1, 2, 4 rows and so on: with X that of blocks of s
/// rows, N what couples two of them, X + X N X is that of blocks of 2 s. Every
/// element comes from the products of one round, so that operands of 16 bits
/// cost a few roundings of each, whatever the number of rounds.
Value DenseChunkBuilder::inverse(Value system, int64_t chunk) {
  // Rows that are in different blocks of `rows`, but in one of twice as many:
  // of their numbers, that bit is the first to differ.
  auto couples = [&](TensorBuilder &s, int64_t rows) -> Value {
    Value differing =
        arith::XOrIOp::create(s.builder, s.loc, row(s, 0), row(s, 1));
    Value first = arith::ShRUIOp::create(s.builder, s.loc, differing,
                                         s.index(llvm::Log2_64(rows)));
    return arith::CmpIOp::create(s.builder, s.loc, arith::CmpIPredicate::eq,
                                 first, s.index(1));
  };
  Value found = b.elementwise(
      {system}, b.empty({size, size}, wide()),
      [&](TensorBuilder &s, ValueRange args) {
        Value isDiagonal = arith::CmpIOp::create(
            s.builder, s.loc, arith::CmpIPredicate::eq, row(s, 0), row(s, 1));
        Value coupled = choose(s, couples(s, 1), args[0], s.number(wide(), 0));
        return choose(s, isDiagonal, s.number(wide(), 1), coupled);
      });
  Value rounded = narrowed(system);
  for (int64_t rows = 2; rows < chunk; rows *= 2) {
    Value coupled = b.elementwise({rounded}, b.empty({size, size}, operand),
                                  [&](TensorBuilder &s, ValueRange args) {
                                    return choose(s, couples(s, rows), args[0],
                                                  s.number(operand, 0));
                                  });
    Value narrow = narrowed(found);
    Value half = multiplied(coupled, narrow, zeros({size, size}));
    found = multiplied(narrow, narrowed(half), found);
  }
  return found;
}

/// L: what a row predicts of what another adds.
Value DenseChunkBuilder::systemOf(const Parts &parts) {
  Value scores = parts.scores.back()[0];
  if (op.getUpdate() != Update::delta)
    return scores;
  AffineMap whole = map(2, {0, 1});
  return b.generic({scores, beta}, b.empty({size, size}, wide()),
                   {whole, map(2, {0}), whole}, 2,
                   [&](TensorBuilder &s, ValueRange args) {
                     return s.mul(args[0], s.convert(args[1], wide()));
                   });
}

/// How decay enters what is kept of rows.
DenseChunkBuilder::RowDecay DenseChunkBuilder::rowDecay() {
  if (Value decay = op.getDecay())
    return cast<RankedTensorType>(decay.getType()).getRank() == 4
               ? RowDecay::perKey
               : RowDecay::perToken;
  return op.getDecayConstants() ? RowDecay::perToken : RowDecay::none;
}

/// In this order: the coupling, the scores that outputs and predictions are
/// made of, rows or factors of them, the decay over the chunk, weights of the
/// bonus.
Values DenseChunkBuilder::buildAhead(ValueRange parallel, OpFoldResult offset,
                                     int64_t chunk) {
  isAhead = true;
  addReaders(parallel, offset);
  Values made = byDecay(
      parallel, offset, [](DenseChunkBuilder &s, const Parts &parts) -> Values {
        Values kept{s.systemOf(parts)};
        for (Value scores : parts.scores[0])
          kept.push_back(s.narrowed(scores));
        for (Value scores : ArrayRef<Value>(parts.scores[1]).drop_front())
          kept.push_back(s.narrowed(scores));
        if (s.rowDecay() == RowDecay::none)
          return kept;
        llvm::append_range(kept, parts.fromStart);
        // Factors are the same for all that is added.
        llvm::append_range(kept,
                           s.rowDecay() == RowDecay::perKey
                               ? ArrayRef<Value>(parts.toEnd)
                               : ArrayRef<Value>(parts.toEnd).take_front());
        // One for each key: a row of 16 bytes or more is copied ahead of use.
        kept.push_back(s.rowDecay() == RowDecay::perKey
                           ? parts.total
                           : s.copies(parts.total, s.keys));
        return kept;
      });
  Value all = inverse(made[0], chunk);
  made[0] = b.elementwise(
      {all}, b.empty({size, size}, operand),
      [&](TensorBuilder &s, ValueRange args) {
        // The diagonal is 1: rows are not multiplied by it, nor rounded.
        Value isOther = arith::CmpIOp::create(
            s.builder, s.loc, arith::CmpIPredicate::ne, row(s, 0), row(s, 1));
        return s.convert(choose(s, isOther, args[0], s.number(wide(), 0)),
                         operand);
      });
  if (bonus)
    made.push_back(bonusWeights());
  return made;
}

/// Types of what buildAhead() makes, in its order.
static SmallVector<RankedTensorType> aheadTypes(LinearScanOp op, int64_t chunk,
                                                bool isPerKey, bool hasDecay) {
  Type operand = op.getQuery().getType().getElementType();
  Type wide = Float32Type::get(op.getContext());
  int64_t keys = op.getKeyWidth();
  bool isRankOne = op.getUpdate() == Update::diagonal_rank_one;
  // Scores of queries with all that adds, of what predicts with keys.
  SmallVector<RankedTensorType> types(
      isRankOne ? 4 : 2, RankedTensorType::get({chunk, chunk}, operand));
  if (hasDecay && isPerKey) {
    types.append(isRankOne ? 4 : 3,
                 RankedTensorType::get({chunk, keys}, operand));
  } else if (hasDecay) {
    types.append(3, RankedTensorType::get({1, chunk}, wide));
  }
  if (hasDecay)
    types.push_back(RankedTensorType::get({1, keys}, wide));
  if (op.getBonus())
    types.push_back(RankedTensorType::get({1, chunk}, wide));
  return types;
}

/// Of rows that are whole in memory, the columns that belong to the chunk.
Value DenseChunkBuilder::square(Value rows) {
  Value count = getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
  Value inside = b.elementwise(
      {rows}, b.empty(b.sizes(rows), operand),
      [&](TensorBuilder &s, ValueRange args) {
        Value isInside = arith::CmpIOp::create(
            s.builder, s.loc, arith::CmpIPredicate::ult, row(s, 1), count);
        return choose(s, isInside, args[0], s.number(operand, 0));
      });
  OpFoldResult zero = b.builder.getIndexAttr(0);
  return b.slice(inside, {zero, zero}, {size, size});
}

/// Of a row for a whole chunk, what belongs to the chunk's tokens.
Value DenseChunkBuilder::line(Value row) {
  Value count = getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
  Value inside =
      b.elementwise({row}, b.empty(b.sizes(row), wide()),
                    [&](TensorBuilder &s, ValueRange args) {
                      Value isInside = arith::CmpIOp::create(
                          s.builder, s.loc, arith::CmpIPredicate::ult,
                          this->row(s, 0), count);
                      return choose(s, isInside, args[0], s.number(wide(), 0));
                    });
  return b.slice(inside, {b.builder.getIndexAttr(0)}, {size});
}

/// The parts that buildAhead() has made, with its `coupling` set.
DenseChunkBuilder::Parts DenseChunkBuilder::partsOf(ValueRange ahead) {
  auto take = [&]() -> Value {
    Value first = ahead.front();
    ahead = ahead.drop_front();
    return first;
  };
  coupling = square(take());
  Parts parts;
  Values &outputs = parts.scores.emplace_back();
  for (size_t place = 0; place < writers.size(); ++place)
    outputs.push_back(square(take()));
  Values &predicted = parts.scores.emplace_back();
  predicted.push_back(Value());
  for (size_t place = 1; place < writers.size(); ++place)
    predicted.push_back(square(take()));
  if (rowDecay() == RowDecay::perKey) {
    for (size_t place = 0; place < readers.size(); ++place)
      parts.fromStart.push_back(take());
    for (size_t place = 0; place < writers.size(); ++place)
      parts.toEnd.push_back(take());
  } else {
    // Rows as they lie in memory, and what is read by them times factors.
    for (const Reader &reader : readers)
      parts.fromStart.push_back(reader.rows);
    for (const Writer &writer : writers)
      parts.toEnd.push_back(writer.rows);
    if (op.getUpdate() == Update::delta) {
      parts.fromStart[1] = key;
      parts.subtracts = true;
    }
  }
  if (rowDecay() == RowDecay::perToken) {
    for (size_t place = 0; place < readers.size(); ++place)
      parts.startFactors.push_back(line(take()));
    parts.endFactors = line(take());
  }
  if (rowDecay() != RowDecay::none)
    parts.total = take();
  if (bonus)
    parts.bonus = line(take());
  return parts;
}

SmallVector<RankedTensorType> LinearScanOp::getStateFreeTypes(int64_t chunk) {
  if (!getPredictor())
    return {};
  Value decay = getDecay();
  bool isPerKey =
      decay && cast<RankedTensorType>(decay.getType()).getRank() == 4;
  return aheadTypes(*this, chunk, isPerKey,
                    decay || getDecayConstants().has_value());
}

Values LinearScanOp::buildStateFreeTiles(OpBuilder &builder, Location loc,
                                         ValueRange parallel,
                                         OpFoldResult offset, OpFoldResult size,
                                         int64_t chunk) {
  return DenseChunkBuilder(*this, builder, loc, size)
      .buildAhead(parallel, offset, chunk);
}

int64_t LinearScanOp::getStateFreeShare() {
  // Heads of values that share all else.
  if (getDecayConstants())
    return 1;
  // Neighbours are alike where none of the rest changes between them.
  int64_t heads = getNumHeads(), share = heads;
  auto meet = [&](Value operand, unsigned dim) {
    if (operand)
      share = std::gcd(
          share,
          heads / cast<RankedTensorType>(operand.getType()).getDimSize(dim));
  };
  for (Value operand : {Value(getQuery()), Value(getKey()), Value(getDecay()),
                        Value(getBeta())})
    meet(operand, 2);
  for (Value operand : getTransition())
    meet(operand, 2);
  meet(getBonus(), 0);
  return share;
}
