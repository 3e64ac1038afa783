//===- GateChunkState.cpp - What a run of tokens does to a linear state ---===//
//
// The part of the chunk interface of gate.linear_scan that splits time. A run
// of tokens turns a state S into exp(total) S + E: its summary is E, the state
// that it leaves behind from zero, and the total of its log-decays. Keys decay
// by exponentials of sums that start at the chunk's end, so exponents are at
// most 0 and nothing is subtracted, as in GateChunk.cpp.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

bool LinearScanOp::canCombineStates() {
  // Where tokens predict, what a run of them does is a whole matrix.
  return !getPredictor() && !decaysValues();
}

/// The state from zero; the log-decay per key, or one for all of them.
SmallVector<RankedTensorType> LinearScanOp::getSummaryTypes() {
  SmallVector<RankedTensorType> types{getResultTileType(1, 0)};
  if (hasVectorDecay())
    types.push_back(
        RankedTensorType::get({getKeyWidth()}, getArithmeticType()));
  else if (getDecay() || getDecayConstants())
    types.push_back(RankedTensorType::get({1}, getArithmeticType()));
  return types;
}

Values LinearScanOp::buildEmptySummary(OpBuilder &builder, Location loc,
                                       ValueRange rooms) {
  TensorBuilder b(builder, loc);
  Values summary;
  for (Value room : rooms)
    summary.push_back(
        linalg::FillOp::create(builder, loc,
                               ValueRange{b.number(getArithmeticType(), 0)},
                               ValueRange{room})
            .getResult(0));
  return summary;
}

/// Map of the loops (key, value) to the total log-decay.
static AffineMap totalMap(TensorBuilder &b, Value total) {
  if (cast<RankedTensorType>(total.getType()).getDimSize(0) != 1)
    return b.map(2, {0});
  return AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(0)},
                        b.builder.getContext());
}

/// exp(log) as a tile of its own: once per key, not once per element.
static Value exponential(TensorBuilder &b, Value log) {
  Type element = cast<RankedTensorType>(log.getType()).getElementType();
  return b.elementwise(
      {log}, b.empty(b.sizes(log), element),
      [](TensorBuilder &s, ValueRange args) { return s.exp(args[0]); });
}

static Value add(TensorBuilder &b, Value tile, Value into) {
  return b.elementwise({tile}, into, [](TensorBuilder &s, ValueRange x) {
    return s.add(x[1], x[0]);
  });
}

/// exp(log) S, in place.
static Value decayState(TensorBuilder &b, Value state, Value log) {
  return b.generic(
      {exponential(b, log)}, state, {totalMap(b, log), b.map(2, {0, 1})}, 2,
      [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
}

namespace {
/// Keys times the decay from after their row to the chunk's end, and the
/// log-decay of the whole chunk.
struct DecayedKeys {
  Value keys, total;
};
} // namespace

/// Walks from the last row to the first: the sum so far is the log-decay
/// between the row and the chunk's end.
static DecayedKeys decayKeys(TensorBuilder &b, Value key, Value decay) {
  auto type = cast<RankedTensorType>(key.getType());
  Type element = type.getElementType();
  int64_t rows = type.getDimSize(0);
  auto attr = [&](int64_t n) -> OpFoldResult {
    return b.builder.getIndexAttr(n);
  };
  bool perKey = cast<RankedTensorType>(decay.getType()).getRank() == 2;
  if (rows == 1)
    return {key, perKey ? b.slice(decay, {attr(0), attr(0)},
                                  {attr(1), attr(type.getDimSize(1))}, {0})
                        : decay};
  OpFoldResult width = attr(type.getDimSize(1));
  Value room = b.empty({attr(rows), width}, element);
  Value sum = b.filled({perKey ? width : attr(1)}, element, 0);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), b.index(rows), b.index(1),
      ValueRange{room, sum},
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        Value row = arith::SubIOp::create(builder, loc, s.index(rows - 1), i);
        auto rowOf = [&](Value tensor) {
          return s.slice(tensor, {OpFoldResult(row), attr(0)}, {attr(1), width},
                         {0});
        };
        Value into = rowOf(carried[0]);
        SmallVector<AffineMap> maps(3, s.map(1, {0}));
        Value factor = carried[1];
        if (!perKey) {
          // One exponential for the row.
          factor = exponential(s, factor);
          maps[1] = AffineMap::get(1, 0, {builder.getAffineConstantExpr(0)},
                                   builder.getContext());
        }
        Value decayed =
            s.generic({rowOf(key), factor}, into, maps, 1,
                      [&](TensorBuilder &e, ValueRange x) {
                        return e.mul(x[0], perKey ? e.exp(x[1]) : x[1]);
                      });
        Value keys = s.insert(decayed, carried[0], {OpFoldResult(row), attr(0)},
                              {attr(1), width});
        Value own = perKey ? rowOf(decay)
                           : s.slice(decay, {OpFoldResult(row)}, {attr(1)});
        scf::YieldOp::create(builder, loc,
                             Values{keys, add(s, own, carried[1])});
      });
  return {loop.getResult(0), loop.getResult(1)};
}

/// E = exp(total) E + (decayed keys)^T v; the log-decays add up.
Values LinearScanOp::buildChunkState(OpBuilder &builder, Location loc,
                                     ValueRange inputs, ValueRange summary) {
  TensorBuilder b(builder, loc);
  Value key = inputs[1], value = inputs[2], state = summary[0];
  Values next;
  if (summary.size() > 1) {
    DecayedKeys chunk = decayKeys(b, key, inputs[3]);
    key = chunk.keys;
    state = decayState(b, state, chunk.total);
    next.push_back(add(b, chunk.total, summary[1]));
  }
  // Loops: key, value, row.
  Value sum =
      b.contract(key, value, state,
                 {b.map(3, {2, 0}), b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
  next.insert(next.begin(), sum);
  return next;
}

/// S = exp(total) S + E
Values LinearScanOp::combineStates(OpBuilder &builder, Location loc,
                                   ValueRange states, ValueRange summary) {
  TensorBuilder b(builder, loc);
  Values inputs{summary[0]};
  SmallVector<AffineMap> maps{b.map(2, {0, 1})};
  if (summary.size() > 1) {
    inputs.push_back(exponential(b, summary[1]));
    maps.push_back(totalMap(b, summary[1]));
  }
  maps.push_back(b.map(2, {0, 1}));
  return {b.generic(inputs, states[0], maps, 2,
                    [&](TensorBuilder &s, ValueRange x) {
                      Value kept = x.back();
                      if (inputs.size() > 1)
                        kept = s.mul(kept, x[1]);
                      return s.add(kept, x[0]);
                    })};
}
