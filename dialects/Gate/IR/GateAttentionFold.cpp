//===- GateAttentionFold.cpp - Attention by tiles with a running maximum --===//
//
// The fold interface of gate.attention: a tile of queries walks over chunks of
// keys with the largest score so far m, the sum l of exp(s - m) and the
// weighted sum a of values (arXiv 1805.02867, 2205.14135):
//
//   m' = max(m, s)   c = exp(m - m')   p = exp(s - m')
//   l' = c l + sum p   a' = c a + p v
//
// Where products take 16-bit operands, scores are in units of log 2 and exp is
// exp2: a multiplication less, and a rounding more that is small beside that of
// the operands. m starts at a finite number below any score, so
// that a masked score of -inf gives 0 whatever came before.
//
// Sums of log-gates restart in each chunk, so that nothing long is subtracted
// (docs/Numerics.md): scores count from the end of the chunk or the query,
// whichever is first, and m, which earlier scores are held against, moves with
// it. A sink does not; it comes last.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <limits>

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

static constexpr double infinity = std::numeric_limits<double>::infinity();
static constexpr double logTwoOfE = 1.4426950408889634;

/// Below any score, and finite: the maximum of no score.
static constexpr double lowestMaximum = -1.0e30;

/// Stands for a log-gate of -inf: exp of it is exactly 0, and it can be
/// multiplied by 0.
static constexpr double lowestLogGate = -1.0e4;

namespace {

/// What is built for one tile of queries.
class AttentionFold {
public:
  AttentionFold(AttentionOp op, OpBuilder &builder, Location loc,
                const FoldTile &tile)
      : op(op), b(builder, loc), tile(tile), wide(op.getArithmeticType()) {
    rows = tile.isDense ? tile.size : attr(tile.rows);
    operand =
        tile.isDense ? op.getQuery().getType().getElementType() : Type(wide);
    keyWidth = attr(op.getKeyWidth());
    valueWidth = attr(op.getValueWidth());
  }

  FoldRange range(int64_t chunk);
  Value loadQueries();
  Values start();
  Values fold(const FoldChunk &chunk, Value query, ValueRange states);
  Value finish(ValueRange states, Value room);

private:
  OpFoldResult attr(int64_t n) { return b.builder.getIndexAttr(n); }
  Value asValue(OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
  }
  Value indexOf(TensorBuilder &s, unsigned loop) {
    return linalg::IndexOp::create(s.builder, s.loc, loop);
  }
  Value choose(TensorBuilder &s, Value condition, Value yes, Value no) {
    return arith::SelectOp::create(s.builder, s.loc, condition, yes, no);
  }
  Value maximum(TensorBuilder &s, Value x, Value y) {
    return arith::MaximumFOp::create(s.builder, s.loc, x, y);
  }
  /// Of a difference of scores.
  Value exponential(TensorBuilder &s, Value x) {
    if (inLogTwo())
      return math::Exp2Op::create(s.builder, s.loc, x);
    return s.exp(x);
  }
  /// Whether scores are in units of log 2, and what a unit of them is.
  bool inLogTwo() { return operand != wide; }
  double unit() { return inLogTwo() ? logTwoOfE : 1; }
  Value compare(TensorBuilder &s, arith::CmpIPredicate predicate, Value x,
                Value y) {
    return arith::CmpIOp::create(s.builder, s.loc, predicate, x, y);
  }

  /// Sums of log-gates of a chunk in units of scores: after each key through
  /// each query, and of all through each query; with how they are indexed by
  /// rows and tokens, and by rows.
  struct GateSums {
    Value after, total;
    AffineMap afterMap, totalMap;
  };

  Value countKeys();
  Value firstPosition(Value count);
  Value load(Value source, OpFoldResult head, OpFoldResult offset,
             OpFoldResult size, OpFoldResult padded, bool transposes);
  Value keyHead();
  Values exactParts(Value value, Type type);
  GateSums sumLogGates(const FoldChunk &chunk, Value first);
  Value isKept(TensorBuilder &s, const FoldChunk &chunk, Value first);

  AttentionOp op;
  TensorBuilder b;
  const FoldTile &tile;
  FloatType wide;
  Type operand;
  OpFoldResult rows, keyWidth, valueWidth;
};

} // namespace

//===----------------------------------------------------------------------===//
// Which keys
//===----------------------------------------------------------------------===//

/// Keys of the batch element that count.
Value AttentionFold::countKeys() {
  Value all = b.size(op.getKey(), 1);
  if (!op.getLengths())
    return all;
  Value length = tensor::ExtractOp::create(b.builder, b.loc, op.getLengths(),
                                           ValueRange{tile.parallel[0]});
  length = arith::IndexCastOp::create(b.builder, b.loc,
                                      b.builder.getIndexType(), length);
  length = arith::MaxSIOp::create(b.builder, b.loc, length, b.index(0));
  return arith::MinSIOp::create(b.builder, b.loc, length, all);
}

/// Position of the tile's first query; before the first key it is negative.
Value AttentionFold::firstPosition(Value count) {
  Value before = b.builder.createOrFold<arith::SubIOp>(
      b.loc, count, b.size(op.getQuery(), 1));
  return b.builder.createOrFold<arith::AddIOp>(b.loc, asValue(tile.offset),
                                               before);
}

FoldRange AttentionFold::range(int64_t chunk) {
  OpBuilder &builder = b.builder;
  auto add = [&](Value x, Value y) {
    return builder.createOrFold<arith::AddIOp>(b.loc, x, y);
  };
  auto sub = [&](Value x, Value y) {
    return builder.createOrFold<arith::SubIOp>(b.loc, x, y);
  };
  auto least = [&](Value x, Value y) {
    return builder.createOrFold<arith::MinSIOp>(b.loc, x, y);
  };
  auto notNegative = [&](Value x) {
    return builder.createOrFold<arith::MaxSIOp>(b.loc, x, b.index(0));
  };
  auto roundDown = [&](Value x) {
    Value chunks =
        builder.createOrFold<arith::DivUIOp>(b.loc, x, b.index(chunk));
    return builder.createOrFold<arith::MulIOp>(b.loc, chunks, b.index(chunk));
  };
  Value count = countKeys(), zero = b.index(0), one = b.index(1);
  FoldRange range;
  // What is past the length of a batch element may be anything.
  auto endReadsAt = [&](OpFoldResult end) {
    range.end = end;
    range.readEnd = op.getLengths() ? end : getAsOpFoldResult(count);
  };
  if (!op.getCausal() && !op.getWindow()) {
    range.begin = range.wholeBegin = builder.getIndexAttr(0);
    range.wholeEnd = getAsOpFoldResult(roundDown(count));
    endReadsAt(getAsOpFoldResult(count));
    return range;
  }
  Value first = firstPosition(count);
  Value last = sub(add(first, asValue(tile.size)), one);
  // Keys from `lower` on and before `upper` are kept by some query; those from
  // `wholeLower` on and before `wholeUpper` by all.
  Value lower = zero, wholeLower = zero, upper = count, wholeUpper = count;
  if (std::optional<uint64_t> window = op.getWindow()) {
    Value width = b.index(*window);
    lower = notNegative(add(sub(first, width), one));
    wholeLower = notNegative(add(sub(last, width), one));
    upper = least(upper, add(last, width));
    wholeUpper = least(wholeUpper, add(first, width));
  }
  if (op.getCausal()) {
    upper = least(upper, add(last, one));
    wholeUpper = least(wholeUpper, add(first, one));
  }
  range.begin = getAsOpFoldResult(roundDown(lower));
  range.wholeBegin =
      getAsOpFoldResult(roundDown(add(wholeLower, b.index(chunk - 1))));
  if (!op.getWindow())
    range.wholeBegin = builder.getIndexAttr(0);
  range.wholeEnd = getAsOpFoldResult(roundDown(notNegative(wholeUpper)));
  endReadsAt(getAsOpFoldResult(notNegative(upper)));
  return range;
}

/// Whether a query keeps a key, in a body over rows and tokens of a chunk.
/// `first` is the position of the first query, counted from the chunk.
Value AttentionFold::isKept(TensorBuilder &s, const FoldChunk &chunk,
                            Value first) {
  Value key = indexOf(s, 1);
  Value kept = compare(s, arith::CmpIPredicate::slt, key, asValue(chunk.kept));
  if (!op.getCausal() && !op.getWindow())
    return kept;
  Value own = arith::AddIOp::create(s.builder, s.loc, indexOf(s, 0), first);
  auto require = [&](Value condition) {
    kept = arith::AndIOp::create(s.builder, s.loc, kept, condition);
  };
  if (op.getCausal())
    require(compare(s, arith::CmpIPredicate::sle, key, own));
  if (std::optional<uint64_t> window = op.getWindow()) {
    Value width = s.index(*window);
    require(compare(s, arith::CmpIPredicate::sgt, key,
                    arith::SubIOp::create(s.builder, s.loc, own, width)));
    if (!op.getCausal())
      require(compare(s, arith::CmpIPredicate::slt, key,
                      arith::AddIOp::create(s.builder, s.loc, own, width)));
  }
  return kept;
}

//===----------------------------------------------------------------------===//
// Tiles of operands
//===----------------------------------------------------------------------===//

Value AttentionFold::keyHead() {
  int64_t each = op.getHeadsPerKey();
  if (each == 1)
    return tile.parallel[1];
  return arith::DivUIOp::create(b.builder, b.loc, tile.parallel[1],
                                b.index(each));
}

/// Rows [offset, offset + size) of one head of [B, T, H, W] or [B, T, H]. Dense
/// tiles are as they lie; others are copies of `padded` rows in the arithmetic
/// type, zero past the end.
Value AttentionFold::load(Value source, OpFoldResult head, OpFoldResult offset,
                          OpFoldResult size, OpFoldResult padded,
                          bool transposes) {
  auto type = cast<RankedTensorType>(source.getType());
  Sizes offsets{tile.parallel[0], offset, head}, sizes{attr(1), size, attr(1)};
  if (type.getRank() == 4) {
    offsets.push_back(attr(0));
    sizes.push_back(attr(type.getDimSize(3)));
  }
  Value rowsOf = b.slice(source, offsets, sizes, {0, 2});
  if (tile.isDense)
    return rowsOf;
  bool isFull = getConstantIntValue(size) == getConstantIntValue(padded);
  bool isAsStored = isFull && !transposes && type.getElementType() == wide;
  // One query reads each key once: no copy pays.
  if (isAsStored && tile.rows == 1)
    return rowsOf;
  // Heads lie between the rows in memory, at distances that map many rows to
  // few sets of a cache.
  if (isAsStored)
    return bufferization::AllocTensorOp::create(
        b.builder, b.loc, cast<RankedTensorType>(rowsOf.getType()),
        /*dynamicSizes=*/ValueRange(), /*copy=*/rowsOf);
  Sizes all{padded}, part{size};
  if (type.getRank() == 4) {
    all.push_back(sizes[3]);
    part.push_back(sizes[3]);
  }
  if (transposes) {
    std::swap(all[0], all[1]);
    std::swap(part[0], part[1]);
  }
  Value room = isFull ? b.empty(all, wide) : b.filled(all, wide, 0);
  Sizes zeros(all.size(), attr(0));
  Value into = isFull ? room : b.slice(room, zeros, part);
  unsigned rank = all.size();
  AffineMap stored = b.map(rank, transposes  ? ArrayRef<unsigned>{1, 0}
                                 : rank == 2 ? ArrayRef<unsigned>{0, 1}
                                             : ArrayRef<unsigned>{0});
  into = b.generic(
      {rowsOf}, into, {stored, b.builder.getMultiDimIdentityMap(rank)}, rank,
      [&](TensorBuilder &s, ValueRange x) { return s.convert(x[0], wide); });
  return isFull ? into : b.insert(into, room, zeros, part);
}

Value AttentionFold::loadQueries() {
  return load(op.getQuery(), tile.parallel[1], tile.offset, tile.size, rows,
              /*transposes=*/false);
}

//===----------------------------------------------------------------------===//
// The fold
//===----------------------------------------------------------------------===//

/// Largest score, sum, weighted sum.
Values AttentionFold::start() {
  return {b.filled({rows}, wide, lowestMaximum), b.filled({rows}, wide, 0),
          b.filled({rows, valueWidth}, wide, 0)};
}

/// Tiles of `type` whose sum is `value`, the smallest first: an f32 is three
/// bf16 of 8 bits each, whose products with 0 and 1 are exact.
Values AttentionFold::exactParts(Value value, Type type) {
  if (type == wide)
    return {value};
  Values parts;
  for (int part = 0; part < 3; ++part) {
    Value rounded = b.elementwise(
        {value}, b.empty(b.sizes(value), type),
        [&](TensorBuilder &s, ValueRange x) { return s.convert(x[0], type); });
    parts.insert(parts.begin(), rounded);
    value = b.elementwise({value, rounded}, b.empty(b.sizes(value), wide),
                          [&](TensorBuilder &s, ValueRange x) {
                            return s.sub(x[0], s.convert(x[1], wide));
                          });
  }
  return parts;
}

AttentionFold::GateSums AttentionFold::sumLogGates(const FoldChunk &chunk,
                                                   Value first) {
  OpFoldResult tokens = tile.isDense ? chunk.size : attr(chunk.tokens);
  Value stored = load(op.getLogGate(), tile.parallel[1], chunk.offset,
                      chunk.size, tokens, /*transposes=*/false);
  Value gates = b.elementwise(
      {stored}, b.empty({tokens}, wide), [&](TensorBuilder &s, ValueRange x) {
        Value gate =
            maximum(s, s.convert(x[0], wide), s.number(wide, lowestLogGate));
        return s.mul(gate, s.number(wide, unit()));
      });
  AffineMap pair = b.map(2, {0, 1}), row = b.map(2, {0}),
            column = b.map(2, {1});
  GateSums sums;
  if (chunk.isWhole) {
    // Every query is after the chunk: one sum per key, and one of all.
    sums.afterMap = column;
    sums.after = b.generic(
        {gates}, b.filled({tokens}, wide, 0), {column, row}, 1,
        [&](TensorBuilder &s, ValueRange x) {
          Value isAfter = compare(s, arith::CmpIPredicate::ugt, indexOf(s, 1),
                                  indexOf(s, 0));
          return s.add(x[1], choose(s, isAfter, x[0], s.number(wide, 0)));
        });
    sums.totalMap = AffineMap::get(1, 0, b.builder.getAffineConstantExpr(0));
    sums.total = b.generic(
        {gates}, b.filled({attr(1)}, wide, 0), {column, row}, 1,
        [](TensorBuilder &s, ValueRange x) { return s.add(x[1], x[0]); });
    return sums;
  }
  // reaches[i, t] is 1 for tokens up to the query, after[t, j] the gate of
  // tokens after the key; their product is made where products are made best.
  auto reachesQuery = [&](TensorBuilder &s, Value yes) {
    Value own = arith::AddIOp::create(s.builder, s.loc, indexOf(s, 0), first);
    Value isBefore = compare(s, arith::CmpIPredicate::sle, indexOf(s, 1), own);
    return choose(s, isBefore, yes, s.number(yes.getType(), 0));
  };
  Type factor = tile.isDense ? Type(BFloat16Type::get(b.builder.getContext()))
                             : Type(wide);
  Value reaches = b.generic({}, b.empty({rows, tokens}, factor), {pair}, 2,
                            [&](TensorBuilder &s, ValueRange) {
                              return reachesQuery(s, s.number(factor, 1));
                            });
  sums.afterMap = pair;
  sums.after = b.filled({rows, tokens}, wide, 0);
  for (Value part : exactParts(gates, factor)) {
    Value after =
        b.generic({part}, b.empty({tokens, tokens}, factor), {row, pair}, 2,
                  [&](TensorBuilder &s, ValueRange x) {
                    Value isAfter = compare(s, arith::CmpIPredicate::ugt,
                                            indexOf(s, 0), indexOf(s, 1));
                    return choose(s, isAfter, x[0], s.number(factor, 0));
                  });
    sums.after =
        b.contract(reaches, after, sums.after,
                   {b.map(3, {0, 2}), b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
  }
  sums.totalMap = b.map(1, {0});
  sums.total = b.generic({gates}, b.filled({rows}, wide, 0), {column, row}, 1,
                         [&](TensorBuilder &s, ValueRange x) {
                           return s.add(x[1], reachesQuery(s, x[0]));
                         });
  return sums;
}

Values AttentionFold::fold(const FoldChunk &chunk, Value query,
                           ValueRange states) {
  OpFoldResult tokens = tile.isDense ? chunk.size : attr(chunk.tokens);
  AffineMap pair = b.map(2, {0, 1}), row = b.map(2, {0});
  // Products on a CPU read the right side along the columns of the result.
  bool transposes = !tile.isDense && tile.rows > 1;
  Value head = keyHead();
  Value key =
      load(op.getKey(), head, chunk.offset, chunk.size, tokens, transposes);
  Value value = load(op.getValue(), head, chunk.offset, chunk.size, tokens,
                     /*transposes=*/false);

  Value first;
  if (!chunk.isWhole && (op.getCausal() || op.getWindow()))
    first = b.builder.createOrFold<arith::SubIOp>(
        b.loc, firstPosition(countKeys()), asValue(chunk.offset));
  Values inputs;
  SmallVector<AffineMap> maps;
  Values next(states);
  if (op.getLogGate()) {
    // Earlier scores count from the end of this chunk now.
    GateSums sums = sumLogGates(chunk, first);
    inputs.push_back(sums.after);
    maps.push_back(sums.afterMap);
    next[0] = b.generic(
        {sums.total}, next[0], {sums.totalMap, b.map(1, {0})}, 1,
        [](TensorBuilder &s, ValueRange x) { return s.add(x[1], x[0]); });
  }
  AffineMap keyMap = transposes ? b.map(3, {2, 1}) : b.map(3, {1, 2});
  Value scores = b.contract(query, key, b.filled({rows, tokens}, wide, 0),
                            {b.map(3, {0, 2}), keyMap, b.map(3, {0, 1})}, 2);
  maps.push_back(pair);
  double scale = op.getScoreScale() * unit();
  // Without a bias the scale can wait: it joins the subtraction of the maximum.
  bool isLate = inLogTwo() && !op.getLogGate() && scale > 0;
  auto scaled = [&](TensorBuilder &s, Value score) {
    return s.mul(score, s.number(wide, scale));
  };
  scores =
      b.generic(inputs, scores, maps, 2, [&](TensorBuilder &s, ValueRange x) {
        Value score = isLate ? x.back() : scaled(s, x.back());
        if (op.getLogGate())
          score = s.add(score, x[0]);
        if (chunk.isWhole)
          return score;
        return choose(s, isKept(s, chunk, first), score,
                      s.number(wide, -infinity));
      });
  Value largest = b.generic(
      {scores}, b.filled({rows}, wide, lowestMaximum), {pair, row}, 1,
      [&](TensorBuilder &s, ValueRange x) { return maximum(s, x[0], x[1]); });
  if (isLate)
    largest = b.elementwise(
        {largest}, b.empty({rows}, wide),
        [&](TensorBuilder &s, ValueRange x) { return scaled(s, x[0]); });
  Value factor = b.elementwise({next[0], largest}, b.empty({rows}, wide),
                               [&](TensorBuilder &s, ValueRange x) {
                                 return exponential(
                                     s, s.sub(x[0], maximum(s, x[0], x[1])));
                               });
  next[0] =
      b.elementwise({largest}, next[0], [&](TensorBuilder &s, ValueRange x) {
        return maximum(s, x[1], x[0]);
      });
  Value weights = b.generic(
      {next[0]}, scores, {row, pair}, 2, [&](TensorBuilder &s, ValueRange x) {
        if (!isLate)
          return exponential(s, s.sub(x[1], x[0]));
        Value less = arith::NegFOp::create(s.builder, s.loc, x[0]);
        return exponential(s, math::FmaOp::create(s.builder, s.loc, x[1],
                                                  s.number(wide, scale), less));
      });
  next[1] =
      b.elementwise({factor}, states[1], [](TensorBuilder &s, ValueRange x) {
        return s.mul(x[1], x[0]);
      });
  next[1] = b.generic(
      {weights}, next[1], {pair, row}, 1,
      [](TensorBuilder &s, ValueRange x) { return s.add(x[1], x[0]); });
  next[2] = b.generic(
      {factor}, states[2], {row, pair}, 2,
      [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
  if (operand != wide)
    weights = b.elementwise({weights}, b.empty({rows, tokens}, operand),
                            [&](TensorBuilder &s, ValueRange x) {
                              return s.convert(x[0], operand);
                            });
  next[2] =
      b.contract(weights, value, next[2],
                 {b.map(3, {0, 2}), b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
  return next;
}

/// a / l, and 0 where no key was kept.
Value AttentionFold::finish(ValueRange states, Value room) {
  Type element = op.getOutput().getType().getElementType();
  auto rowsOf = [&](Value state) {
    Sizes sizes = b.sizes(state);
    if (tile.isDense || getConstantIntValue(tile.size) == tile.rows)
      return state;
    sizes[0] = tile.size;
    return b.slice(state, Sizes(sizes.size(), attr(0)), sizes);
  };
  Value sum = states[1];
  if (op.getSinks()) {
    // A sink is a key without a value.
    Value sink = tensor::ExtractOp::create(b.builder, b.loc, op.getSinks(),
                                           ValueRange{tile.parallel[1]});
    sink = b.mul(sink, b.number(wide, unit()));
    sum = b.elementwise({states[0]}, sum, [&](TensorBuilder &s, ValueRange x) {
      return s.add(x[1], exponential(s, s.sub(sink, x[0])));
    });
  }
  sum = b.generic(
      {}, sum, {b.map(1, {0})}, 1, [&](TensorBuilder &s, ValueRange x) {
        Value isEmpty =
            arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ,
                                  x[0], s.number(wide, 0));
        return choose(s, isEmpty, s.number(wide, 1), x[0]);
      });
  return b.generic({rowsOf(states[2]), rowsOf(sum)}, room,
                   {b.map(2, {0, 1}), b.map(2, {0}), b.map(2, {0, 1})}, 2,
                   [&](TensorBuilder &s, ValueRange x) {
                     return s.convert(s.div(x[0], x[1]), element);
                   });
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

Sizes AttentionOp::getParallelSizes(OpBuilder &builder, Location loc) {
  return {tensor::getMixedSize(builder, loc, getQuery(), 0),
          builder.getIndexAttr(getNumHeads())};
}

OpFoldResult AttentionOp::getRowCount(OpBuilder &builder, Location loc) {
  return tensor::getMixedSize(builder, loc, getQuery(), 1);
}

OpFoldResult AttentionOp::getTokenCount(OpBuilder &builder, Location loc) {
  return tensor::getMixedSize(builder, loc, getKey(), 1);
}

FoldRange AttentionOp::buildTokenRange(OpBuilder &builder, Location loc,
                                       const FoldTile &tile, int64_t chunk) {
  return AttentionFold(*this, builder, loc, tile).range(chunk);
}

Values AttentionOp::buildRowTiles(OpBuilder &builder, Location loc,
                                  const FoldTile &tile) {
  return {AttentionFold(*this, builder, loc, tile).loadQueries()};
}

Values AttentionOp::buildInitialStates(OpBuilder &builder, Location loc,
                                       const FoldTile &tile) {
  return AttentionFold(*this, builder, loc, tile).start();
}

Values AttentionOp::buildFold(OpBuilder &builder, Location loc,
                              const FoldTile &tile, const FoldChunk &chunk,
                              ValueRange rowTiles, ValueRange states) {
  return AttentionFold(*this, builder, loc, tile)
      .fold(chunk, rowTiles[0], states);
}

Value AttentionOp::buildRows(OpBuilder &builder, Location loc,
                             const FoldTile &tile, ValueRange states,
                             Value room) {
  return AttentionFold(*this, builder, loc, tile).finish(states, room);
}

void AttentionOp::getResultTile(OpBuilder &builder, Location loc,
                                const FoldTile &tile,
                                SmallVectorImpl<OpFoldResult> &offsets,
                                SmallVectorImpl<OpFoldResult> &sizes) {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  offsets.assign(Sizes{tile.parallel[0], tile.offset, tile.parallel[1], zero});
  sizes.assign(
      Sizes{one, tile.size, one, builder.getIndexAttr(getValueWidth())});
}
