//===- GateAttentionMeaning.cpp - Attention as textbook loops -------------===//
//
// The meaning of gate.attention: query by query, all scores, their softmax, the
// weighted sum. The log-gate bias is summed from the query's position
// downwards, key by key. Shares no formula with the fast form.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#include <limits>

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

static constexpr double infinity = std::numeric_limits<double>::infinity();

static Value compare(TensorBuilder &s, arith::CmpIPredicate predicate, Value x,
                     Value y) {
  return arith::CmpIOp::create(s.builder, s.loc, predicate, x, y);
}

static Value both(TensorBuilder &s, Value x, Value y) {
  return arith::AndIOp::create(s.builder, s.loc, x, y);
}

static Value choose(TensorBuilder &s, Value condition, Value yes, Value no) {
  return arith::SelectOp::create(s.builder, s.loc, condition, yes, no);
}

static Value isLowest(TensorBuilder &s, Value x) {
  return arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ, x,
                               s.number(x.getType(), -infinity));
}

static Value indexOf(TensorBuilder &s, unsigned loop) {
  return linalg::IndexOp::create(s.builder, s.loc, loop);
}

namespace {
/// Builds the row of one query, for all batch elements and heads.
class AttentionMeaning {
public:
  AttentionMeaning(AttentionOp op, TensorBuilder &b)
      : op(op), wide(op.getArithmeticType()), keys(b.size(op.getKey(), 1)),
        queries(b.size(op.getQuery(), 1)) {
    batch = b.sizes(op.getQuery())[0];
    heads = b.builder.getIndexAttr(op.getNumHeads());
    values = b.builder.getIndexAttr(op.getValueWidth());
    counts = countKeys(b);
  }

  Value buildRow(TensorBuilder &b, Value query);

private:
  Value countKeys(TensorBuilder &b);
  Value sumLogGates(TensorBuilder &b, Value query);
  /// The position of `query` among `count` keys.
  Value position(TensorBuilder &s, Value query, Value count) {
    Value first = arith::SubIOp::create(s.builder, s.loc, count, queries);
    return arith::AddIOp::create(s.builder, s.loc, query, first);
  }
  Value isKept(TensorBuilder &s, Value query, Value key, Value count);
  AffineMap map(TensorBuilder &b, unsigned dims, ArrayRef<AffineExpr> results) {
    return AffineMap::get(dims, 0, results, b.builder.getContext());
  }

  AttentionOp op;
  Type wide;
  Value keys, queries;
  OpFoldResult batch, heads, values;
  /// [B] keys that count.
  Value counts;
};
} // namespace

Value AttentionMeaning::countKeys(TensorBuilder &b) {
  Value init = b.empty({batch}, b.builder.getIndexType());
  if (!op.getLengths())
    return b.elementwise({}, init,
                         [&](TensorBuilder &, ValueRange) { return keys; });
  return b.elementwise(
      {op.getLengths()}, init, [&](TensorBuilder &s, ValueRange x) -> Value {
        Value length = arith::IndexCastOp::create(
            s.builder, s.loc, s.builder.getIndexType(), x[0]);
        length = arith::MaxSIOp::create(s.builder, s.loc, length, s.index(0));
        return arith::MinSIOp::create(s.builder, s.loc, length, keys);
      });
}

Value AttentionMeaning::isKept(TensorBuilder &s, Value query, Value key,
                               Value count) {
  Value kept = compare(s, arith::CmpIPredicate::slt, key, count);
  Value own = position(s, query, count);
  if (op.getCausal())
    kept = both(s, kept, compare(s, arith::CmpIPredicate::sle, key, own));
  if (std::optional<uint64_t> window = op.getWindow()) {
    Value width = s.index(*window);
    Value first = arith::SubIOp::create(s.builder, s.loc, own, width);
    Value last = arith::AddIOp::create(s.builder, s.loc, own, width);
    kept = both(s, kept, compare(s, arith::CmpIPredicate::sgt, key, first));
    kept = both(s, kept, compare(s, arith::CmpIPredicate::slt, key, last));
  }
  return kept;
}

/// [B, H, Tk]: for every key the sum of log-gates after it through the query.
Value AttentionMeaning::sumLogGates(TensorBuilder &b, Value query) {
  OpFoldResult zero = b.builder.getIndexAttr(0),
               one = b.builder.getIndexAttr(1);
  Value sums = b.empty({batch, heads, OpFoldResult(keys)}, wide);
  Value running = b.filled({batch, heads}, wide, 0);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), keys, b.index(1), ValueRange{sums, running},
      [&](OpBuilder &builder, Location loc, Value step, ValueRange carried) {
        TensorBuilder s(builder, loc);
        Value last = arith::SubIOp::create(builder, loc, keys, s.index(1));
        Value key = arith::SubIOp::create(builder, loc, last, step);
        Value stored = s.insert(carried[1], carried[0], {zero, zero, key},
                                {batch, heads, one});
        Value gates = s.slice(op.getLogGate(), {zero, key, zero},
                              {batch, one, heads}, {1});
        Value next =
            s.generic({gates, counts}, carried[1],
                      {s.map(2, {0, 1}), s.map(2, {0}), s.map(2, {0, 1})}, 2,
                      [&](TensorBuilder &e, ValueRange x) {
                        Value reaches = compare(e, arith::CmpIPredicate::sle,
                                                key, position(e, query, x[1]));
                        return choose(e, reaches, e.add(x[2], x[0]), x[2]);
                      });
        scf::YieldOp::create(builder, loc, ValueRange{stored, next});
      });
  return loop.getResult(0);
}

Value AttentionMeaning::buildRow(TensorBuilder &b, Value query) {
  OpFoldResult zero = b.builder.getIndexAttr(0),
               one = b.builder.getIndexAttr(1);
  AffineExpr d0, d1, d2, d3;
  bindDims(b.builder.getContext(), d0, d1, d2, d3);
  AffineExpr keyHead = d1.floorDiv(op.getHeadsPerKey());
  SmallVector<OpFoldResult> querySizes = b.sizes(op.getQuery());
  Value row = b.slice(op.getQuery(), {zero, OpFoldResult(query), zero, zero},
                      {batch, one, heads, querySizes[3]}, {1});

  // s(j) = scale q . k_j + bias, -inf where the key is not kept.
  Value products = b.generic(
      {row, op.getKey()}, b.filled({batch, heads, OpFoldResult(keys)}, wide, 0),
      {map(b, 4, {d0, d1, d3}), map(b, 4, {d0, d2, keyHead, d3}),
       map(b, 4, {d0, d1, d2})},
      3, [&](TensorBuilder &s, ValueRange x) {
        return s.add(x[2], s.mul(s.convert(x[0], wide), s.convert(x[1], wide)));
      });
  AffineMap all = b.map(3, {0, 1, 2}), perRow = b.map(3, {0, 1});
  Values inputs{products, counts};
  SmallVector<AffineMap> maps{all, b.map(3, {0})};
  if (op.getLogGate()) {
    inputs.push_back(sumLogGates(b, query));
    maps.push_back(all);
  }
  maps.push_back(all);
  Value scores =
      b.generic(inputs, b.empty({batch, heads, OpFoldResult(keys)}, wide), maps,
                3, [&](TensorBuilder &s, ValueRange x) {
                  Value score = s.mul(x[0], s.number(wide, op.getScoreScale()));
                  if (op.getLogGate())
                    score = s.add(score, x[2]);
                  Value kept = isKept(s, query, indexOf(s, 2), x[1]);
                  return choose(s, kept, score, s.number(wide, -infinity));
                });

  // The largest, then exp(s - largest) and the sum.
  Value start = b.filled({batch, heads}, wide, -infinity);
  if (op.getSinks())
    start = b.generic({op.getSinks()}, b.empty({batch, heads}, wide),
                      {b.map(2, {1}), b.map(2, {0, 1})}, 2,
                      [](TensorBuilder &, ValueRange x) { return x[0]; });
  Value largest = b.generic({scores}, start, {all, perRow}, 2,
                            [](TensorBuilder &s, ValueRange x) -> Value {
                              return arith::MaximumFOp::create(s.builder, s.loc,
                                                               x[0], x[1]);
                            });
  auto exponential = [&](TensorBuilder &s, Value score, Value most) {
    return choose(s, isLowest(s, score), s.number(wide, 0),
                  s.exp(s.sub(score, most)));
  };
  Value weights =
      b.generic({scores, largest}, b.empty(b.sizes(scores), wide),
                {all, perRow, all}, 3, [&](TensorBuilder &s, ValueRange x) {
                  return exponential(s, x[0], x[1]);
                });
  Value total = b.filled({batch, heads}, wide, 0);
  if (op.getSinks())
    total = b.generic({op.getSinks(), largest}, b.empty({batch, heads}, wide),
                      {b.map(2, {1}), b.map(2, {0, 1}), b.map(2, {0, 1})}, 2,
                      [&](TensorBuilder &s, ValueRange x) {
                        return exponential(s, x[0], x[1]);
                      });
  total = b.generic(
      {weights}, total, {all, perRow}, 2,
      [](TensorBuilder &s, ValueRange x) { return s.add(x[1], x[0]); });

  // A key without weight is not read.
  Value sum = b.generic(
      {weights, op.getValue()}, b.filled({batch, heads, values}, wide, 0),
      {map(b, 4, {d0, d1, d3}), map(b, 4, {d0, d3, keyHead, d2}),
       map(b, 4, {d0, d1, d2})},
      3, [&](TensorBuilder &s, ValueRange x) {
        Value nothing =
            arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ,
                                  x[0], s.number(wide, 0));
        Value term = s.mul(x[0], s.convert(x[1], wide));
        return choose(s, nothing, x[2], s.add(x[2], term));
      });
  Type element = op.getOutput().getType().getElementType();
  return b.generic(
      {sum, total}, b.empty({batch, heads, values}, element),
      {b.map(3, {0, 1, 2}), b.map(3, {0, 1}), b.map(3, {0, 1, 2})}, 3,
      [&](TensorBuilder &s, ValueRange x) {
        Value isEmpty =
            arith::CmpFOp::create(s.builder, s.loc, arith::CmpFPredicate::OEQ,
                                  x[1], s.number(wide, 0));
        Value quotient = s.div(x[0], x[1]);
        return s.convert(choose(s, isEmpty, s.number(wide, 0), quotient),
                         element);
      });
}

FailureOr<Values> AttentionOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  AttentionMeaning meaning(*this, b);
  SmallVector<OpFoldResult> sizes = b.sizes(getQuery());
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  OpFoldResult heads = builder.getIndexAttr(getNumHeads()),
               values = builder.getIndexAttr(getValueWidth());
  Value output = b.empty({sizes[0], sizes[1], heads, values},
                         getOutput().getType().getElementType());
  auto loop = scf::ForOp::create(
      builder, getLoc(), b.index(0), b.size(getQuery(), 1), b.index(1),
      ValueRange{output},
      [&](OpBuilder &inner, Location loc, Value query, ValueRange carried) {
        TensorBuilder s(inner, loc);
        Value row = meaning.buildRow(s, query);
        Value next =
            s.insert(row, carried[0], {zero, OpFoldResult(query), zero, zero},
                     {sizes[0], one, heads, values});
        scf::YieldOp::create(inner, loc, next);
      });
  return Values{b.castTo(loop.getResult(0), getOutput().getType())};
}
