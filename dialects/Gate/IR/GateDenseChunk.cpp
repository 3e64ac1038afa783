//===- GateDenseChunk.cpp - Linear scans by chunks on matrix units --------===//
//
// The dense form of a chunk of gate.linear_scan, for machines that multiply
// whole tiles: no row is treated alone but on the exact side. With b the sums
// of log-gates through a row, restarted where they are used:
//
//   scores   A = mask(q k^T) with exp(b_i - b_j), j not after i
//   read     O = A v + (q exp(b)) S
//   update   S' = exp(total) S + (k exp(total - b))^T v
//
// A constant gate g: exp(b_i - b_j) is exp((i - j) g). Others: q is multiplied
// by exp(b_i - b_r) and k by exp(b_r - b_j) for a middle row r, where the check
// on the chunk's gates shows that neither leaves the range of the operands
// (with one gate per token, the scores of q and k as they are). Otherwise
// exp(b_i - b_j), at most 1, is a matrix of its own with one gate per token,
// and with a vector of gates scores are formed row by row from sums that
// restart at each column (arXiv 2312.06635, sections 4.2 and 4.3). Sums of
// vectors of log-gates, and those between two tokens, are products with
// matrices of 0, 1 and -1, so that every machine does them where it does
// products. Products take operands of the storage type and add in f32;
// docs/Numerics.md has the bounds.
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
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

/// Stands for -inf: exp of it is exactly 0, and it adds like a number. All
/// types of 16 bits have it.
static constexpr double lowestLogGate = -9984;

/// The largest |b_i - b_r| for which factors and products of operands stay
/// normal numbers and what rounding the sum costs stays below the rounding of
/// the operands: exp(60) and exp(-60) leave 2^40 on both sides in bf16; f16
/// ends at 2^-14 and 65504, which exp(4) reaches from 1199; in f32 a sum of 8
/// is rounded to 2^-21 of a factor.
static double largestExponent(Type operand) {
  return operand.isBF16() ? 60 : operand.isF16() ? 4 : 8;
}

namespace {

/// Builds one chunk on the rows [offset, offset + size) of one head.
class DenseChunkBuilder {
public:
  DenseChunkBuilder(LinearScanOp op, OpBuilder &builder, Location loc,
                    OpFoldResult size)
      : op(op), b(builder, loc), size(size) {
    operand = op.getQuery().getType().getElementType();
    keys = b.builder.getIndexAttr(op.getKeyWidth());
    values = b.builder.getIndexAttr(op.getValueWidth());
  }

  /// The same chunk at another place.
  DenseChunkBuilder(const DenseChunkBuilder &other, OpBuilder &builder,
                    Location loc)
      : op(other.op), b(builder, loc), size(other.size), keys(other.keys),
        values(other.values), operand(other.operand), query(other.query),
        key(other.key), value(other.value) {}

  Values build(ValueRange parallel, OpFoldResult offset, Value state);
  Values buildState(ValueRange parallel, OpFoldResult offset,
                    ValueRange summary);

private:
  /// What decay makes of a chunk.
  struct Parts {
    /// [C, C] scores.
    Value scores;
    /// [C, K] what reads the state and what updates it.
    Value queries, keys;
    /// [K] or [1], null for 1: factors of the state before the read and of what
    /// the chunk has made of it; or of the state over the whole chunk.
    Value before, after, total;
  };

  Value tile(Value source, ValueRange parallel, OpFoldResult offset);
  Value logGates(ValueRange parallel, OpFoldResult offset);
  Value constantGate(ValueRange parallel);
  Parts undecayed();
  Parts constantDecay(Value gate);
  Value power(TensorBuilder &s, Value gate, Value tokens);
  Value constantFactors(Value gate, bool isThrough);
  Value constantTotal(Value gate);
  Values dataDecay(Value gates, Value state);
  Parts checkedScalar(Value gates, Value first, Value last);
  Parts checkedVector(Value gates, Value first, Value last);
  Parts exactScalar(Value gates, Value total);
  Parts exactVector(Value gates, Value total);
  Values finish(const Parts &parts, Value state);
  Value exactScores(Value gates);

  /// Whether row `x` comes before row `y` in the order of the scan, or is it.
  Value isBefore(TensorBuilder &s, Value x, Value y, bool orEqual) {
    arith::CmpIPredicate predicate =
        orEqual ? arith::CmpIPredicate::ule : arith::CmpIPredicate::ult;
    if (op.getReverse())
      std::swap(x, y);
    return arith::CmpIOp::create(s.builder, s.loc, predicate, x, y);
  }
  /// Whether a row is after the middle one, in the order of the scan.
  Value isLast(TensorBuilder &s, Value row) {
    arith::CmpIPredicate predicate =
        op.getReverse() ? arith::CmpIPredicate::ult : arith::CmpIPredicate::uge;
    return arith::CmpIOp::create(s.builder, s.loc, predicate, row,
                                 s.index(op.getPreferredChunk() / 2));
  }
  /// Whether factors of operands are rounded to fewer bits than an approximate
  /// exponential has.
  bool isRounded() const { return operand.getIntOrFloatBitWidth() < 32; }
  Value sumOf(Value x, Value y) {
    return b.elementwise({x, y}, b.empty(b.sizes(x), wide()),
                         [](TensorBuilder &s, ValueRange args) {
                           return s.add(args[0], args[1]);
                         });
  }
  Value row(TensorBuilder &s, int64_t dim) {
    return linalg::IndexOp::create(s.builder, s.loc, dim);
  }
  Value choose(TensorBuilder &s, Value condition, Value yes, Value no) {
    return arith::SelectOp::create(s.builder, s.loc, condition, yes, no);
  }
  Value zeros(const Sizes &sizes) { return b.filled(sizes, wide(), 0); }
  Type wide() { return Float32Type::get(b.builder.getContext()); }
  AffineMap map(unsigned dims, ArrayRef<unsigned> results) {
    return b.map(dims, results);
  }
  /// `value` in the type of operands.
  Value narrowed(Value value) {
    if (operand == wide())
      return value;
    return b.elementwise({value}, b.empty(b.sizes(value), operand),
                         [&](TensorBuilder &s, ValueRange args) {
                           return s.convert(args[0], operand);
                         });
  }
  /// Sum over k of left[m, k] right[n, k], both as they lie.
  Value product(Value left, ArrayRef<unsigned> leftMap, Value right,
                ArrayRef<unsigned> rightMap, OpFoldResult rows,
                OpFoldResult columns) {
    return b.contract(left, right, zeros({rows, columns}),
                      {map(3, leftMap), map(3, rightMap), map(3, {0, 1})}, 2);
  }
  /// An element of a matrix of signs.
  Value sign(TensorBuilder &s, double value) {
    return s.number(BFloat16Type::get(s.builder.getContext()), value);
  }
  /// Sum over r of signs[i, r] gates[r, c] for signs of 0, 1 and -1: the gates
  /// as bf16 of 8 bits each, whose products are exact. Three hold a gate. Where
  /// factors are rounded to 16 bits two do: a sum b is then off by 2^-17 |b|,
  /// and so is exp(b), relatively; with |b| up to 60 in bf16 and 4 in f16, or
  /// exp(b) as small as exp(-|b|), that is a quarter of what rounding costs.
  Value sumBySigns(function_ref<Value(TensorBuilder &, Value, Value)> body,
                   Value gates, OpFoldResult columns);
  /// tile[i, c] * factor[c] or factor[i], widened.
  Value scaled(Value value, Value factor, unsigned along) {
    return b.generic({value, factor}, b.empty(b.sizes(value), wide()),
                     {map(2, {0, 1}), map(2, {along}), map(2, {0, 1})}, 2,
                     [&](TensorBuilder &s, ValueRange args) {
                       return s.mul(s.convert(args[0], wide()), args[1]);
                     });
  }
  /// state[k, v] * factor[k], or times the one factor that there is.
  Value scaledState(Value state, Value factor) {
    bool isVector = cast<RankedTensorType>(factor.getType()).getDimSize(0) != 1;
    AffineMap along =
        isVector ? map(2, {0})
                 : AffineMap::get(2, 0, b.builder.getAffineConstantExpr(0));
    return b.generic({state, factor}, b.empty({keys, values}, wide()),
                     {map(2, {0, 1}), along, map(2, {0, 1})}, 2,
                     [](TensorBuilder &s, ValueRange args) {
                       return s.mul(args[0], args[1]);
                     });
  }
  Value exponential(Value log, bool isApproximate = false) {
    return b.elementwise({log}, b.empty(b.sizes(log), wide()),
                         [&](TensorBuilder &s, ValueRange args) {
                           return s.exp(args[0], isApproximate);
                         });
  }
  /// Sum over rows r with condition(i, r) of gates[r, ...], for every row i.
  Value sumRows(Value gates,
                function_ref<Value(TensorBuilder &, Value, Value)> condition);
  /// Sum over rows r with condition(r) of gates[r, ...].
  Value sumAll(Value gates,
               function_ref<Value(TensorBuilder &, Value)> condition);
  /// q k^T where j is not after i, else 0.
  Value maskedProduct(Value left, Value right);

  LinearScanOp op;
  TensorBuilder b;
  OpFoldResult size, keys, values;
  Type operand;
  Value query, key, value;
};

} // namespace

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

/// Log-gates of the chunk, [C] or [C, K], finite.
Value DenseChunkBuilder::logGates(ValueRange parallel, OpFoldResult offset) {
  Value stored = tile(op.getDecay(), parallel, offset);
  return b.elementwise({stored}, b.empty(b.sizes(stored), wide()),
                       [&](TensorBuilder &s, ValueRange args) -> Value {
                         return arith::MaximumFOp::create(
                             s.builder, s.loc, s.convert(args[0], wide()),
                             s.number(wide(), lowestLogGate));
                       });
}

/// The log-gate of a head that all its tokens have, finite; null without decay.
Value DenseChunkBuilder::constantGate(ValueRange parallel) {
  std::optional<ArrayRef<double>> constants = op.getDecayConstants();
  if (!constants)
    return Value();
  Value gate = b.number(wide(), std::max(constants->back(), lowestLogGate));
  for (size_t head = constants->size() - 1; head-- > 0;) {
    Value isHead = arith::CmpIOp::create(
        b.builder, b.loc, arith::CmpIPredicate::eq, parallel[1], b.index(head));
    gate = choose(b, isHead,
                  b.number(wide(), std::max((*constants)[head], lowestLogGate)),
                  gate);
  }
  return gate;
}

Value DenseChunkBuilder::sumBySigns(
    function_ref<Value(TensorBuilder &, Value, Value)> body, Value gates,
    OpFoldResult columns) {
  Type narrow = BFloat16Type::get(b.builder.getContext());
  Value signs = b.generic({}, b.empty({size, size}, narrow), {map(2, {0, 1})},
                          2, [&](TensorBuilder &s, ValueRange) {
                            return body(s, row(s, 0), row(s, 1));
                          });
  auto rounded = [&](Value from) {
    return b.elementwise({from}, b.empty(b.sizes(from), narrow),
                         [&](TensorBuilder &s, ValueRange args) {
                           return s.convert(args[0], narrow);
                         });
  };
  auto rest = [&](Value from, Value taken) {
    return b.elementwise(
        {from, taken}, b.empty(b.sizes(from), wide()),
        [&](TensorBuilder &s, ValueRange args) -> Value {
          // Infinities and nans are in the part taken, too.
          return arith::SubFOp::create(
              s.builder, s.loc, args[0], s.convert(args[1], wide()),
              arith::FastMathFlags::nnan | arith::FastMathFlags::ninf);
        });
  };
  Value high = rounded(gates), afterHigh = rest(gates, high);
  Value middle = rounded(afterHigh);
  Values parts{middle, high};
  if (!isRounded())
    parts.insert(parts.begin(), rounded(rest(afterHigh, middle)));
  Value sum = zeros({size, columns});
  for (Value part : parts)
    sum = b.contract(signs, part, sum,
                     {map(3, {0, 2}), map(3, {2, 1}), map(3, {0, 1})}, 2);
  return sum;
}

Value DenseChunkBuilder::sumRows(
    Value gates, function_ref<Value(TensorBuilder &, Value, Value)> condition) {
  bool isVector = cast<RankedTensorType>(gates.getType()).getRank() == 2;
  if (isVector) {
    return sumBySigns(
        [&](TensorBuilder &s, Value i, Value r) {
          return choose(s, condition(s, i, r), sign(s, 1), sign(s, 0));
        },
        gates, keys);
  }
  return b.generic({gates}, zeros({size}), {map(2, {1}), map(2, {0})}, 1,
                   [&](TensorBuilder &s, ValueRange args) {
                     Value chosen =
                         choose(s, condition(s, row(s, 0), row(s, 1)), args[0],
                                s.number(wide(), 0));
                     return s.add(args[1], chosen);
                   });
}

Value DenseChunkBuilder::sumAll(
    Value gates, function_ref<Value(TensorBuilder &, Value)> condition) {
  bool isVector = cast<RankedTensorType>(gates.getType()).getRank() == 2;
  if (!isVector)
    return b.generic({gates}, zeros({b.builder.getIndexAttr(1)}),
                     {map(2, {1}), map(2, {0})}, 1,
                     [&](TensorBuilder &s, ValueRange args) {
                       Value chosen = choose(s, condition(s, row(s, 1)),
                                             args[0], s.number(wide(), 0));
                       return s.add(args[1], chosen);
                     });
  return b.generic({gates}, zeros({keys}), {map(2, {1, 0}), map(2, {0})}, 1,
                   [&](TensorBuilder &s, ValueRange args) {
                     Value chosen = choose(s, condition(s, row(s, 1)), args[0],
                                           s.number(wide(), 0));
                     return s.add(args[1], chosen);
                   });
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

/// exp of a log-gate times a number of tokens: rounded once, unlike a sum.
Value DenseChunkBuilder::power(TensorBuilder &s, Value gate, Value tokens) {
  Value narrow = arith::IndexCastOp::create(s.builder, s.loc,
                                            s.builder.getI32Type(), tokens);
  Value number = arith::SIToFPOp::create(s.builder, s.loc, wide(), narrow);
  return s.exp(s.mul(number, gate), isRounded());
}

/// [C]: the decay through row i, or after row i to the end of the chunk.
Value DenseChunkBuilder::constantFactors(Value gate, bool isThrough) {
  Value count = getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
  bool countsDown = op.getReverse() == isThrough;
  return b.generic(
      {}, b.empty({size}, wide()), {map(1, {0})}, 1,
      [&](TensorBuilder &s, ValueRange) {
        Value tokens = row(s, 0);
        // Rows of the padding come after all of a chunk.
        if (countsDown)
          tokens = arith::MaxSIOp::create(
              s.builder, s.loc,
              arith::SubIOp::create(s.builder, s.loc, count, tokens),
              s.index(1));
        int64_t more = (isThrough ? 1 : 0) - (countsDown ? 1 : 0);
        if (more != 0)
          tokens =
              arith::AddIOp::create(s.builder, s.loc, tokens, s.index(more));
        return power(s, gate, tokens);
      });
}

/// [1]: the log-gates of a chunk.
Value DenseChunkBuilder::constantTotal(Value gate) {
  Value count = getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
  return b.generic(
      {}, b.empty({b.builder.getIndexAttr(1)}, wide()), {map(1, {0})}, 1,
      [&](TensorBuilder &s, ValueRange) {
        Value narrow = arith::IndexCastOp::create(
            s.builder, s.loc, s.builder.getI32Type(), count);
        return s.mul(arith::SIToFPOp::create(s.builder, s.loc, wide(), narrow),
                     gate);
      });
}

DenseChunkBuilder::Parts DenseChunkBuilder::constantDecay(Value gate) {
  bool reverse = op.getReverse();
  Parts parts;
  Value raw = product(query, {0, 2}, key, {1, 2}, size, size);
  parts.scores = b.elementwise(
      {raw}, b.empty({size, size}, wide()),
      [&](TensorBuilder &s, ValueRange args) {
        Value i = row(s, 0), j = row(s, 1);
        if (reverse)
          std::swap(i, j);
        Value factor =
            power(s, gate, arith::SubIOp::create(s.builder, s.loc, i, j));
        return choose(s, isBefore(s, row(s, 1), row(s, 0), true),
                      s.mul(args[0], factor), s.number(wide(), 0));
      });
  parts.queries = narrowed(scaled(query, constantFactors(gate, true), 0));
  parts.keys = narrowed(scaled(key, constantFactors(gate, false), 0));
  parts.total = exponential(constantTotal(gate));
  return parts;
}

/// One gate per token, sums from the middle row on.
DenseChunkBuilder::Parts
DenseChunkBuilder::checkedScalar(Value gates, Value first, Value last) {
  // +1 after the middle through i, -1 after i through the middle.
  Value sums = b.generic(
      {gates}, zeros({size}), {map(2, {1}), map(2, {0})}, 1,
      [&](TensorBuilder &s, ValueRange args) {
        Value through = isBefore(s, row(s, 1), row(s, 0), true);
        Value zero = s.number(wide(), 0);
        Value minus = arith::NegFOp::create(s.builder, s.loc, args[0]);
        Value late = choose(s, through, args[0], zero);
        Value early = choose(s, through, zero, minus);
        return s.add(args[1], choose(s, isLast(s, row(s, 1)), late, early));
      });
  auto factors = [&](bool negates) {
    return b.elementwise({sums}, b.empty({size}, wide()),
                         [&](TensorBuilder &s, ValueRange args) {
                           Value log = args[0];
                           if (negates)
                             log = arith::NegFOp::create(s.builder, s.loc, log);
                           return s.exp(log, isRounded());
                         });
  };
  Value rows = factors(false), columns = factors(true);
  Value raw = product(query, {0, 2}, key, {1, 2}, size, size);
  Parts parts;
  parts.scores =
      b.generic({raw, rows, columns}, b.empty({size, size}, wide()),
                {map(2, {0, 1}), map(2, {0}), map(2, {1}), map(2, {0, 1})}, 2,
                [&](TensorBuilder &s, ValueRange args) {
                  return choose(s, isBefore(s, row(s, 1), row(s, 0), true),
                                s.mul(s.mul(args[0], args[1]), args[2]),
                                s.number(wide(), 0));
                });
  parts.queries = narrowed(scaled(query, rows, 0));
  parts.keys = narrowed(scaled(key, columns, 0));
  parts.before = exponential(first);
  parts.after = exponential(last);
  return parts;
}

/// One gate per token, whatever its size: all factors are at most 1.
DenseChunkBuilder::Parts DenseChunkBuilder::exactScalar(Value gates,
                                                        Value total) {
  Parts parts;
  // Sums over the rows after j through i: one matrix product.
  Value afterColumn = b.generic(
      {gates}, b.empty({size, size}, wide()), {map(2, {0}), map(2, {0, 1})}, 2,
      [&](TensorBuilder &s, ValueRange args) {
        return choose(s, isBefore(s, row(s, 1), row(s, 0), false), args[0],
                      s.number(wide(), 0));
      });
  Value logs = sumBySigns(
      [&](TensorBuilder &s, Value i, Value r) {
        return choose(s, isBefore(s, r, i, true), sign(s, 1), sign(s, 0));
      },
      afterColumn, size);
  Value raw = product(query, {0, 2}, key, {1, 2}, size, size);
  parts.scores =
      b.elementwise({raw, logs}, b.empty({size, size}, wide()),
                    [&](TensorBuilder &s, ValueRange args) {
                      return choose(s, isBefore(s, row(s, 1), row(s, 0), true),
                                    s.mul(args[0], s.exp(args[1], isRounded())),
                                    s.number(wide(), 0));
                    });
  auto through1 = [&](TensorBuilder &s, Value i, Value r) {
    return isBefore(s, r, i, true);
  };
  auto after1 = [&](TensorBuilder &s, Value i, Value r) {
    return isBefore(s, i, r, false);
  };
  parts.queries =
      narrowed(scaled(query, exponential(sumRows(gates, through1)), 0));
  parts.keys = narrowed(scaled(key, exponential(sumRows(gates, after1)), 0));
  parts.total = exponential(total);
  return parts;
}

/// Scores of any gates: token by token, with sums that start after each column.
Value DenseChunkBuilder::exactScores(Value gates) {
  OpBuilder &builder = b.builder;
  Value count = getValueOrCreateConstantIndexOp(builder, b.loc, size);
  auto loop = scf::ForOp::create(
      builder, b.loc, b.index(0), count, b.index(1),
      ValueRange{zeros({size, keys}), zeros({size, size})},
      [&](OpBuilder &inner, Location loc, Value step, ValueRange carried) {
        TensorBuilder s(inner, loc);
        Value i = step;
        if (op.getReverse())
          i = arith::SubIOp::create(
              inner, loc, arith::SubIOp::create(inner, loc, count, s.index(1)),
              step);
        // Row i of a tile.
        auto rowOf = [&](Value from) {
          OpFoldResult zero = inner.getIndexAttr(0),
                       one = inner.getIndexAttr(1);
          return s.slice(from, Sizes{i, zero}, Sizes{one, keys}, {0});
        };
        Value gate = rowOf(gates), reads = rowOf(query);
        Value logs = s.generic(
            {carried[0], gate}, s.empty({size, keys}, wide()),
            {s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0, 1})}, 2,
            [&](TensorBuilder &e, ValueRange args) {
              return choose(e, isBefore(e, row(e, 0), i, false),
                            e.add(args[0], args[1]), e.number(wide(), 0));
            });
        Value line = s.generic(
            {key, logs, reads}, s.filled({size}, wide(), 0),
            {s.map(2, {0, 1}), s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0})},
            1, [&](TensorBuilder &e, ValueRange args) {
              Value term = e.mul(
                  e.mul(e.convert(args[0], wide()), e.convert(args[2], wide())),
                  e.exp(args[1], isRounded()));
              return e.add(args[3], term);
            });
        Value scores = s.generic(
            {carried[1], line}, s.empty({size, size}, wide()),
            {s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0, 1})}, 2,
            [&](TensorBuilder &e, ValueRange args) {
              Value isRow = arith::CmpIOp::create(
                  e.builder, e.loc, arith::CmpIPredicate::eq, row(e, 0), i);
              Value kept = choose(e, isBefore(e, row(e, 1), i, true), args[1],
                                  e.number(wide(), 0));
              return choose(e, isRow, kept, args[0]);
            });
        scf::YieldOp::create(inner, loc, ValueRange{logs, scores});
      });
  return loop.getResult(1);
}

Values DenseChunkBuilder::dataDecay(Value gates, Value state) {
  bool isVector = cast<RankedTensorType>(gates.getType()).getRank() == 2;
  int64_t middle = op.getPreferredChunk() / 2;
  // The rows up to the middle one in the order of the scan.
  auto isFirst = [&](TensorBuilder &s, Value r) -> Value {
    arith::CmpIPredicate predicate =
        op.getReverse() ? arith::CmpIPredicate::uge : arith::CmpIPredicate::ult;
    return arith::CmpIOp::create(s.builder, s.loc, predicate, r,
                                 s.index(middle));
  };
  Value first = sumAll(gates, isFirst);
  Value last =
      sumAll(gates, [&](TensorBuilder &s, Value r) { return isLast(s, r); });
  Value largest = b.generic(
      {first, last}, b.filled({b.builder.getIndexAttr(1)}, wide(), 0),
      {map(2, {1}), map(2, {1}), map(2, {0})}, 1,
      [&](TensorBuilder &s, ValueRange args) -> Value {
        auto size = [&](Value x) -> Value {
          return arith::NegFOp::create(s.builder, s.loc, x);
        };
        Value most = arith::MaximumFOp::create(s.builder, s.loc, size(args[0]),
                                               size(args[1]));
        return arith::MaximumFOp::create(s.builder, s.loc, args[2], most);
      });
  Value most = tensor::ExtractOp::create(b.builder, b.loc, largest,
                                         ValueRange{b.index(0)});
  Value fits =
      arith::CmpFOp::create(b.builder, b.loc, arith::CmpFPredicate::OLE, most,
                            b.number(wide(), largestExponent(operand)));

  // All of a chunk is on one side: what products share stays where it is.
  auto choice = scf::IfOp::create(
      b.builder, b.loc, fits,
      [&](OpBuilder &inner, Location loc) {
        DenseChunkBuilder s(*this, inner, loc);
        Parts parts = isVector ? s.checkedVector(gates, first, last)
                               : s.checkedScalar(gates, first, last);
        scf::YieldOp::create(inner, loc, s.finish(parts, state));
      },
      [&](OpBuilder &inner, Location loc) {
        DenseChunkBuilder s(*this, inner, loc);
        Value total = s.sumOf(first, last);
        Parts parts = isVector ? s.exactVector(gates, total)
                               : s.exactScalar(gates, total);
        scf::YieldOp::create(inner, loc, s.finish(parts, state));
      });
  return llvm::to_vector_of<Value>(choice.getResults());
}

/// Sums from the middle row on, whose exponentials are known to be in range.
DenseChunkBuilder::Parts
DenseChunkBuilder::checkedVector(Value gates, Value first, Value last) {
  // +1 after the middle through i, -1 after i through the middle.
  Value sums = sumBySigns(
      [&](TensorBuilder &e, Value i, Value r) {
        Value through = isBefore(e, r, i, true);
        Value late = choose(e, through, sign(e, 1), sign(e, 0));
        Value early = choose(e, through, sign(e, 0), sign(e, -1));
        return choose(e, isLast(e, r), late, early);
      },
      gates, keys);
  auto rescaled = [&](Value source, bool negates) {
    return b.elementwise({source, sums}, b.empty(b.sizes(source), operand),
                         [&](TensorBuilder &e, ValueRange args) {
                           Value log = args[1];
                           if (negates)
                             log = arith::NegFOp::create(e.builder, e.loc, log);
                           return e.convert(e.mul(e.convert(args[0], wide()),
                                                  e.exp(log, isRounded())),
                                            operand);
                         });
  };
  Parts parts;
  parts.queries = rescaled(query, false);
  parts.keys = rescaled(key, true);
  parts.scores = maskedProduct(parts.queries, parts.keys);
  parts.before = exponential(first);
  parts.after = exponential(last);
  return parts;
}

/// Any gates: factors of at most 1, and scores token by token.
DenseChunkBuilder::Parts DenseChunkBuilder::exactVector(Value gates,
                                                        Value total) {
  auto rescaled = [&](Value source, Value sums) {
    return narrowed(b.elementwise({source, sums}, b.empty({size, keys}, wide()),
                                  [&](TensorBuilder &e, ValueRange args) {
                                    return e.mul(e.convert(args[0], wide()),
                                                 e.exp(args[1], isRounded()));
                                  }));
  };
  Parts parts;
  // First: its loop needs the registers.
  parts.scores = exactScores(gates);
  parts.queries =
      rescaled(query, sumRows(gates, [&](TensorBuilder &e, Value i, Value r) {
                 return isBefore(e, r, i, true);
               }));
  parts.keys =
      rescaled(key, sumRows(gates, [&](TensorBuilder &e, Value i, Value r) {
                 return isBefore(e, i, r, false);
               }));
  parts.total = exponential(total);
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
  return getArithmeticType().isF32() && getPreferredChunk() > 1;
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
      getOffsets() || getDecayAxis() != Axis::key ||
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
