//===- GateDenseDecay.cpp - What decay makes of a dense chunk -------------===//
//
// Constant gates, and gates from data with their checked and their exact side;
// GateDenseChunk.h has the formulas.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GateDenseChunk.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = DenseChunkBuilder::Values;
using Sizes = DenseChunkBuilder::Sizes;

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

/// exp of a log-gate times a number of tokens: rounded once, unlike a sum.
Value DenseChunkBuilder::power(TensorBuilder &s, Value gate, Value tokens) {
  Value narrow = arith::IndexCastOp::create(s.builder, s.loc,
                                            s.builder.getI32Type(), tokens);
  Value number = arith::SIToFPOp::create(s.builder, s.loc, wide(), narrow);
  return s.exp(s.mul(number, gate), factorFlags());
}

/// [C]: the decay through row i, or before it where that is undecayed; or after
/// row i to the end of the chunk.
Value DenseChunkBuilder::constantFactors(Value gate, bool isThrough,
                                         bool isUndecayed) {
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
        int64_t more =
            (isThrough && !isUndecayed ? 1 : 0) - (countsDown ? 1 : 0);
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
  for (const Reader &reader : readers) {
    addScores(parts, [&](size_t place) {
      Value raw = rawScores(reader.rows, writers[place].rows);
      return b.elementwise(
          {raw}, b.empty({size, size}, wide()),
          [&](TensorBuilder &s, ValueRange args) {
            Value i = row(s, 0), j = row(s, 1);
            if (reverse)
              std::swap(i, j);
            Value tokens = arith::SubIOp::create(s.builder, s.loc, i, j);
            if (reader.isUndecayed)
              tokens =
                  arith::SubIOp::create(s.builder, s.loc, tokens, s.index(1));
            Value factor = power(s, gate, tokens);
            return choose(s, sees(s, reader, row(s, 0), row(s, 1)),
                          s.mul(args[0], factor), s.number(wide(), 0));
          });
    });
    parts.fromStart.push_back(withFactors(
        reader.rows, constantFactors(gate, true, reader.isUndecayed)));
  }
  for (Writer &writer : writers)
    parts.toEnd.push_back(
        withFactors(writer.rows, constantFactors(gate, false)));
  parts.total = exponential(constantTotal(gate));
  return parts;
}

/// [C] or [C, K]: log-gates after the middle row through row i, or before it
/// where that is undecayed; of earlier rows negative.
Value DenseChunkBuilder::sumsFromMiddle(Value gates, bool isUndecayed) {
  bool isVector = cast<RankedTensorType>(gates.getType()).getRank() == 2;
  if (isVector)
    return sumBySigns(
        [&](TensorBuilder &e, Value i, Value r) {
          Value through = isBefore(e, r, i, !isUndecayed);
          Value late = choose(e, through, sign(e, 1), sign(e, 0));
          Value early = choose(e, through, sign(e, 0), sign(e, -1));
          return choose(e, isLast(e, r), late, early);
        },
        gates, keys);
  return b.generic(
      {gates}, zeros({size}), {map(2, {1}), map(2, {0})}, 1,
      [&](TensorBuilder &s, ValueRange args) {
        Value through = isBefore(s, row(s, 1), row(s, 0), !isUndecayed);
        Value zero = s.number(wide(), 0);
        Value minus = arith::NegFOp::create(s.builder, s.loc, args[0]);
        Value late = choose(s, through, args[0], zero);
        Value early = choose(s, through, zero, minus);
        return s.add(args[1], choose(s, isLast(s, row(s, 1)), late, early));
      });
}

/// One gate per token, sums from the middle row on.
DenseChunkBuilder::Parts
DenseChunkBuilder::checkedScalar(Value gates, Value first, Value last) {
  auto factors = [&](Value sums, bool negates) {
    return b.elementwise({sums}, b.empty({size}, wide()),
                         [&](TensorBuilder &s, ValueRange args) {
                           Value log = args[0];
                           if (negates)
                             log = arith::NegFOp::create(s.builder, s.loc, log);
                           return s.exp(log, factorFlags());
                         });
  };
  // Columns take what is through their row.
  Value through = sumsFromMiddle(gates, false), before;
  Value rows, rowsBefore;
  if (hasReader(false))
    rows = factors(through, false);
  Value columns = factors(through, true);
  if (hasReader(true)) {
    before = sumsFromMiddle(gates, true);
    rowsBefore = factors(before, false);
  }
  Parts parts;
  for (const Reader &reader : readers) {
    Value own = reader.isUndecayed ? rowsBefore : rows;
    addScores(parts, [&](size_t place) {
      Value raw = rawScores(reader.rows, writers[place].rows);
      return b.generic(
          {raw, own, columns}, b.empty({size, size}, wide()),
          {map(2, {0, 1}), map(2, {0}), map(2, {1}), map(2, {0, 1})}, 2,
          [&](TensorBuilder &s, ValueRange args) {
            return choose(s, sees(s, reader, row(s, 0), row(s, 1)),
                          s.mul(s.mul(args[0], args[1]), args[2]),
                          s.number(wide(), 0));
          });
    });
    // Over the whole chunk where the factors are used by themselves.
    if (isAhead)
      own =
          exponential(sumWithAll(reader.isUndecayed ? before : through, first),
                      factorFlags());
    parts.fromStart.push_back(withFactors(reader.rows, own));
  }
  if (isAhead) {
    Value after = b.elementwise(
        {through}, b.empty({size}, wide()),
        [&](TensorBuilder &s, ValueRange args) {
          return Value(arith::NegFOp::create(s.builder, s.loc, args[0]));
        });
    columns = exponential(sumWithAll(after, last), factorFlags());
  }
  for (Writer &writer : writers)
    parts.toEnd.push_back(withFactors(writer.rows, columns));
  if (isAhead) {
    parts.total = exponential(sumOf(first, last));
    return parts;
  }
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
  auto through = [&](bool isUndecayed) {
    return [this, isUndecayed](TensorBuilder &s, Value i, Value r) {
      return isBefore(s, r, i, !isUndecayed);
    };
  };
  auto after = [&](TensorBuilder &s, Value i, Value r) {
    return isBefore(s, i, r, false);
  };
  for (const Reader &reader : readers) {
    auto isThrough = through(reader.isUndecayed);
    Value logs = sumBySigns(
        [&](TensorBuilder &s, Value i, Value r) {
          return choose(s, isThrough(s, i, r), sign(s, 1), sign(s, 0));
        },
        afterColumn, size);
    addScores(parts, [&](size_t place) {
      Value raw = rawScores(reader.rows, writers[place].rows);
      return b.elementwise({raw, logs}, b.empty({size, size}, wide()),
                           [&](TensorBuilder &s, ValueRange args) {
                             return choose(
                                 s, sees(s, reader, row(s, 0), row(s, 1)),
                                 s.mul(args[0], s.exp(args[1], factorFlags())),
                                 s.number(wide(), 0));
                           });
    });
    parts.fromStart.push_back(
        withFactors(reader.rows, exponential(sumRows(gates, isThrough))));
  }
  for (Writer &writer : writers)
    parts.toEnd.push_back(
        withFactors(writer.rows, exponential(sumRows(gates, after))));
  parts.total = exponential(total);
  return parts;
}

/// Scores of any gates: token by token, with sums that start after each column.
SmallVector<Values, 2> DenseChunkBuilder::exactScores(Value gates) {
  OpBuilder &builder = b.builder;
  Value count = getValueOrCreateConstantIndexOp(builder, b.loc, size);
  SmallVector<std::pair<size_t, size_t>> pairs;
  for (size_t reader = 0; reader < readers.size(); ++reader)
    for (size_t writer = 0; writer < writers.size(); ++writer)
      pairs.push_back({reader, writer});
  Values inits{zeros({size, keys})};
  inits.append(pairs.size(), zeros({size, size}));
  auto loop = scf::ForOp::create(
      builder, b.loc, b.index(0), count, b.index(1), inits,
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
        Value gate = rowOf(gates);
        Value logs = s.generic(
            {carried[0], gate}, s.empty({size, keys}, wide()),
            {s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0, 1})}, 2,
            [&](TensorBuilder &e, ValueRange args) {
              return choose(e, isBefore(e, row(e, 0), i, false),
                            e.add(args[0], args[1]), e.number(wide(), 0));
            });
        Values next{logs};
        for (auto [readerIndex, writerIndex] : pairs) {
          const Reader &reader = readers[readerIndex];
          // Without the gate of row i for what reads before the decay.
          Value line = s.generic(
              {writers[writerIndex].rows,
               reader.isUndecayed ? carried[0] : logs, rowOf(reader.rows)},
              s.filled({size}, wide(), 0),
              {s.map(2, {0, 1}), s.map(2, {0, 1}), s.map(2, {1}),
               s.map(2, {0})},
              1, [&](TensorBuilder &e, ValueRange args) {
                Value term = e.mul(e.mul(e.convert(args[0], wide()),
                                         e.convert(args[2], wide())),
                                   e.exp(args[1], factorFlags()));
                return e.add(args[3], term);
              });
          next.push_back(s.generic(
              {carried[next.size()], line}, s.empty({size, size}, wide()),
              {s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0, 1})}, 2,
              [&](TensorBuilder &e, ValueRange args) {
                Value isRow = arith::CmpIOp::create(
                    e.builder, e.loc, arith::CmpIPredicate::eq, row(e, 0), i);
                Value kept = choose(e, sees(e, reader, i, row(e, 1)), args[1],
                                    e.number(wide(), 0));
                return choose(e, isRow, kept, args[0]);
              }));
        }
        scf::YieldOp::create(inner, loc, next);
      });
  SmallVector<Values, 2> scores(readers.size(), Values(writers.size()));
  for (auto [place, pair] : llvm::enumerate(pairs))
    scores[pair.first][pair.second] = loop.getResult(1 + place);
  return scores;
}

Values DenseChunkBuilder::dataDecay(
    Value gates, function_ref<Values(DenseChunkBuilder &, const Parts &)> use) {
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
        scf::YieldOp::create(inner, loc, use(s, parts));
      },
      [&](OpBuilder &inner, Location loc) {
        DenseChunkBuilder s(*this, inner, loc);
        Value total = s.sumOf(first, last);
        Parts parts = isVector ? s.exactVector(gates, total)
                               : s.exactScalar(gates, total);
        scf::YieldOp::create(inner, loc, use(s, parts));
      });
  return llvm::to_vector_of<Value>(choice.getResults());
}

/// Sums from the middle row on, whose exponentials are known to be in range.
DenseChunkBuilder::Parts
DenseChunkBuilder::checkedVector(Value gates, Value first, Value last) {
  Value through = sumsFromMiddle(gates, false);
  Value before = hasReader(true) ? sumsFromMiddle(gates, true) : Value();
  // `more`: a factor of each key.
  auto rescaled = [&](Value source, Value sums, bool negates,
                      Value more = Value()) {
    Values inputs{source, sums};
    SmallVector<AffineMap> maps(2, map(2, {0, 1}));
    if (more) {
      inputs.push_back(more);
      maps.push_back(map(2, {1}));
    }
    maps.push_back(map(2, {0, 1}));
    return b.generic(
        inputs, b.empty(b.sizes(source), operand), maps, 2,
        [&](TensorBuilder &e, ValueRange args) {
          Value log = args[1];
          if (negates)
            log = arith::NegFOp::create(e.builder, e.loc, log);
          Value factor =
              e.mul(e.convert(args[0], wide()), e.exp(log, factorFlags()));
          return e.convert(more ? e.mul(factor, args[2]) : factor, operand);
        });
  };
  Parts parts;
  for (Reader &reader : readers)
    parts.fromStart.push_back(
        rescaled(reader.rows, reader.isUndecayed ? before : through, false));
  for (Writer &writer : writers)
    parts.toEnd.push_back(rescaled(writer.rows, through, true));
  for (auto [reader, rows] : llvm::zip(readers, parts.fromStart)) {
    addScores(parts, [&, &reader = reader, &rows = rows](size_t place) {
      return maskedProduct(reader, rows, parts.toEnd[place]);
    });
  }
  if (isAhead) {
    // Over the whole chunk where rows are used by themselves.
    Value start = exponential(first), end = exponential(last);
    for (auto [reader, rows] : llvm::zip(readers, parts.fromStart))
      rows = rescaled(reader.rows, reader.isUndecayed ? before : through, false,
                      start);
    for (auto [writer, rows] : llvm::zip(writers, parts.toEnd))
      rows = rescaled(writer.rows, through, true, end);
    parts.total = exponential(sumOf(first, last));
    return parts;
  }
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
                                                 e.exp(args[1], factorFlags()));
                                  }));
  };
  Parts parts;
  // First: its loop needs the registers.
  parts.scores = exactScores(gates);
  Value sums[2];
  for (bool isUndecayed : {false, true})
    if (hasReader(isUndecayed))
      sums[isUndecayed] =
          sumRows(gates, [&](TensorBuilder &e, Value i, Value r) {
            return isBefore(e, r, i, !isUndecayed);
          });
  for (Reader &reader : readers)
    parts.fromStart.push_back(rescaled(reader.rows, sums[reader.isUndecayed]));
  Value after = sumRows(gates, [&](TensorBuilder &e, Value i, Value r) {
    return isBefore(e, i, r, false);
  });
  for (Writer &writer : writers)
    parts.toEnd.push_back(rescaled(writer.rows, after));
  parts.total = exponential(total);
  return parts;
}
