//===- GateDenseChunk.h - Chunks of linear scans on matrix units *- C++ -*-===//
//
// The dense form of a chunk of gate.linear_scan, for machines that multiply
// whole tiles: no row is treated alone but on the exact side. With b the sums
// of log-gates through a row, restarted where they are used:
//
//   scores   A = mask(q k^T) with exp(b_i - b_j), j not after i
//   read     O = A v + (q exp(b)) S
//   update   S' = exp(total) S + (k exp(total - b))^T v
//
// A delta update or a transition reads the state, too: rows R, negative keys
// for delta, with the scores L = R k^T of earlier tokens:
//
//   predict  P = R exp(b) S + L U,  U = beta (v + P), or P for a transition
//
// so that U = (I - beta L)^-1 beta (v + R exp(b) S), where the inverse of a
// unit triangular matrix is made of products: that of blocks of two, four, and
// so on, rows (arXiv 2406.06484, section 3.2). U then takes the place of v.
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

#ifndef GATE_IR_GATEDENSECHUNK_H
#define GATE_IR_GATEDENSECHUNK_H

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gate {

/// Builds one chunk on the rows [offset, offset + size) of one head.
class DenseChunkBuilder {
public:
  using Values = llvm::SmallVector<mlir::Value>;
  using Sizes = llvm::SmallVector<mlir::OpFoldResult>;

  DenseChunkBuilder(LinearScanOp op, mlir::OpBuilder &builder,
                    mlir::Location loc, mlir::OpFoldResult size)
      : op(op), b(builder, loc), size(size) {
    operand = op.getQuery().getType().getElementType();
    keys = b.builder.getIndexAttr(op.getKeyWidth());
    values = b.builder.getIndexAttr(op.getValueWidth());
  }

  /// The same chunk at another place.
  DenseChunkBuilder(const DenseChunkBuilder &other, mlir::OpBuilder &builder,
                    mlir::Location loc)
      : op(other.op), b(builder, loc), size(other.size), keys(other.keys),
        values(other.values), operand(other.operand), key(other.key),
        value(other.value), beta(other.beta), bonus(other.bonus),
        readers(other.readers), writers(other.writers),
        coupling(other.coupling), isAhead(other.isAhead) {}

  /// `ahead`: what buildAhead() has made, nothing where nothing predicts.
  Values build(mlir::ValueRange parallel, mlir::OpFoldResult offset,
               mlir::Value state, mlir::ValueRange ahead);
  /// What a chunk of a scan that predicts needs and no state changes.
  Values buildAhead(mlir::ValueRange parallel, mlir::OpFoldResult offset,
                    int64_t chunk);
  Values buildState(mlir::ValueRange parallel, mlir::OpFoldResult offset,
                    mlir::ValueRange summary);

private:
  /// Rows that read the state: the queries, then what predicts.
  struct Reader {
    /// [C, K], in the type of operands.
    mlir::Value rows;
    /// Reads the state before its token decays it; before its token adds to it.
    bool isUndecayed, isStrict;
  };
  /// Rows that add to the state: what a transition adds, then the keys.
  struct Writer {
    /// [C, K] and [C, V], in the type of operands.
    mlir::Value rows, values;
  };
  /// What decay makes of a chunk.
  struct Parts {
    /// [C, C] scores: of each reader with all writers.
    llvm::SmallVector<Values, 2> scores;
    /// [C, K] of each reader, what reads the state, and of each writer, what
    /// updates it.
    Values fromStart, toEnd;
    /// [K] or [1], null for 1: factors of the state before the read and of what
    /// the chunk has made of it; or of the state over the whole chunk.
    mlir::Value before, after, total;
    /// [C], null where it is not known yet.
    mlir::Value bonus;
    /// [C]: factors of what each reader has read, none for 1, and of what is
    /// added, null for 1.
    Values startFactors;
    mlir::Value endFactors;
    /// Predictors have the sign of keys.
    bool subtracts = false;
  };
  /// Whether rows have factors: none, one for each, or one for each element.
  enum class RowDecay { none, perToken, perKey };

  mlir::Value tile(mlir::Value source, mlir::ValueRange parallel,
                   mlir::OpFoldResult offset);
  mlir::Value logGates(mlir::ValueRange parallel, mlir::OpFoldResult offset);
  mlir::Value constantGate(mlir::ValueRange parallel);
  Parts undecayed();
  Parts constantDecay(mlir::Value gate);
  mlir::Value power(TensorBuilder &s, mlir::Value gate, mlir::Value tokens);
  mlir::Value constantFactors(mlir::Value gate, bool isThrough,
                              bool isUndecayed = false);
  mlir::Value constantTotal(mlir::Value gate);
  Values
  dataDecay(mlir::Value gates,
            llvm::function_ref<Values(DenseChunkBuilder &, const Parts &)> use);
  Parts checkedScalar(mlir::Value gates, mlir::Value first, mlir::Value last);
  Parts checkedVector(mlir::Value gates, mlir::Value first, mlir::Value last);
  Parts exactScalar(mlir::Value gates, mlir::Value total);
  Parts exactVector(mlir::Value gates, mlir::Value total);
  Values finish(const Parts &parts, mlir::Value state);
  Values
  byDecay(mlir::ValueRange parallel, mlir::OpFoldResult offset,
          llvm::function_ref<Values(DenseChunkBuilder &, const Parts &)> use);
  mlir::Value systemOf(const Parts &parts);
  void addScores(Parts &parts, llvm::function_ref<mlir::Value(size_t)> score);
  llvm::SmallVector<Values, 2> exactScores(mlir::Value gates);
  void addReaders(mlir::ValueRange parallel, mlir::OpFoldResult offset);
  void addPredictor(mlir::ValueRange parallel, mlir::OpFoldResult offset);
  mlir::Value predict(const Parts &parts, mlir::Value state);
  mlir::Value bonusWeights();
  mlir::Value withBonus(mlir::Value read, mlir::Value weights);
  mlir::Value inverse(mlir::Value system, int64_t chunk);
  RowDecay rowDecay();
  mlir::Value square(mlir::Value rows);
  mlir::Value line(mlir::Value row);
  Parts partsOf(mlir::ValueRange ahead);
  /// Rows times their factors; factors alone where rows are at hand later.
  mlir::Value withFactors(mlir::Value rows, mlir::Value factors) {
    return isAhead ? factors : narrowed(scaled(rows, factors, 0));
  }
  /// log[i] + more[0]
  mlir::Value sumWithAll(mlir::Value log, mlir::Value more) {
    return b.generic(
        {log, more}, b.empty({size}, wide()),
        {map(1, {0}),
         mlir::AffineMap::get(1, 0, b.builder.getAffineConstantExpr(0)),
         map(1, {0})},
        1, [](TensorBuilder &s, mlir::ValueRange args) {
          return s.add(args[0], args[1]);
        });
  }
  mlir::Value sumsFromMiddle(mlir::Value gates, bool isUndecayed);

  /// Whether row `x` comes before row `y` in the order of the scan, or is it.
  mlir::Value isBefore(TensorBuilder &s, mlir::Value x, mlir::Value y,
                       bool orEqual) {
    mlir::arith::CmpIPredicate predicate =
        orEqual ? mlir::arith::CmpIPredicate::ule
                : mlir::arith::CmpIPredicate::ult;
    if (op.getReverse())
      std::swap(x, y);
    return mlir::arith::CmpIOp::create(s.builder, s.loc, predicate, x, y);
  }
  /// Whether a row is after the middle one, in the order of the scan.
  mlir::Value isLast(TensorBuilder &s, mlir::Value row) {
    mlir::arith::CmpIPredicate predicate =
        op.getReverse() ? mlir::arith::CmpIPredicate::ult
                        : mlir::arith::CmpIPredicate::uge;
    return mlir::arith::CmpIOp::create(s.builder, s.loc, predicate, row,
                                       s.index(op.getPreferredChunk() / 2));
  }
  /// Whether factors of operands are rounded to fewer bits than an approximate
  /// exponential has.
  bool isRounded() const { return operand.getIntOrFloatBitWidth() < 32; }
  /// How exact factors are: of sums of log-decays that are not positive, or
  /// that were checked, so that no factor is infinite.
  using Flags = mlir::arith::FastMathFlags;
  Flags factorFlags() const {
    return isRounded() ? Flags::ninf | Flags::afn : Flags::ninf;
  }
  mlir::Value sumOf(mlir::Value x, mlir::Value y) {
    return b.elementwise({x, y}, b.empty(b.sizes(x), wide()),
                         [](TensorBuilder &s, mlir::ValueRange args) {
                           return s.add(args[0], args[1]);
                         });
  }
  mlir::Value row(TensorBuilder &s, int64_t dim) {
    return mlir::linalg::IndexOp::create(s.builder, s.loc, dim);
  }
  mlir::Value choose(TensorBuilder &s, mlir::Value condition, mlir::Value yes,
                     mlir::Value no) {
    return mlir::arith::SelectOp::create(s.builder, s.loc, condition, yes, no);
  }
  mlir::Value zeros(const Sizes &sizes) { return b.filled(sizes, wide(), 0); }
  mlir::Type wide() { return mlir::Float32Type::get(b.builder.getContext()); }
  mlir::AffineMap map(unsigned dims, llvm::ArrayRef<unsigned> results) {
    return b.map(dims, results);
  }
  /// `value` in the type of operands.
  mlir::Value narrowed(mlir::Value value) {
    if (llvm::cast<mlir::RankedTensorType>(value.getType()).getElementType() ==
        operand)
      return value;
    return b.elementwise({value}, b.empty(b.sizes(value), operand),
                         [&](TensorBuilder &s, mlir::ValueRange args) {
                           return s.convert(args[0], operand);
                         });
  }
  /// Sum over k of left[m, k] right[n, k], both as they lie.
  mlir::Value product(mlir::Value left, llvm::ArrayRef<unsigned> leftMap,
                      mlir::Value right, llvm::ArrayRef<unsigned> rightMap,
                      mlir::OpFoldResult rows, mlir::OpFoldResult columns) {
    return b.contract(left, right, zeros({rows, columns}),
                      {map(3, leftMap), map(3, rightMap), map(3, {0, 1})}, 2);
  }
  /// An element of a matrix of signs.
  mlir::Value sign(TensorBuilder &s, double value) {
    return s.number(mlir::BFloat16Type::get(s.builder.getContext()), value);
  }
  /// Sum over r of signs[i, r] gates[r, c] for signs of 0, 1 and -1: the gates
  /// as bf16 of 8 bits each, whose products are exact. Three hold a gate. Where
  /// factors are rounded to 16 bits two do: a sum b is then off by 2^-17 |b|,
  /// and so is exp(b), relatively; with |b| up to 60 in bf16 and 4 in f16, or
  /// exp(b) as small as exp(-|b|), that is a quarter of what rounding costs.
  mlir::Value sumBySigns(
      llvm::function_ref<mlir::Value(TensorBuilder &, mlir::Value, Value)> body,
      mlir::Value gates, mlir::OpFoldResult columns);
  /// tile[i, c] * factor[c] or factor[i], widened.
  mlir::Value scaled(mlir::Value value, mlir::Value factor, unsigned along) {
    return b.generic({value, factor}, b.empty(b.sizes(value), wide()),
                     {map(2, {0, 1}), map(2, {along}), map(2, {0, 1})}, 2,
                     [&](TensorBuilder &s, mlir::ValueRange args) {
                       return s.mul(s.convert(args[0], wide()), args[1]);
                     });
  }
  /// [1] as [count].
  mlir::Value copies(mlir::Value one, mlir::OpFoldResult count) {
    mlir::AffineMap first =
        mlir::AffineMap::get(1, 0, b.builder.getAffineConstantExpr(0));
    return b.generic(
        {one}, b.empty({count}, wide()), {first, map(1, {0})}, 1,
        [](TensorBuilder &, mlir::ValueRange args) { return args[0]; });
  }
  /// state[k, v] * factor[k], or times the one factor that there is.
  mlir::Value scaledState(mlir::Value state, mlir::Value factor) {
    bool isVector =
        llvm::cast<mlir::RankedTensorType>(factor.getType()).getDimSize(0) != 1;
    mlir::AffineMap along =
        isVector
            ? map(2, {0})
            : mlir::AffineMap::get(2, 0, b.builder.getAffineConstantExpr(0));
    return b.generic({state, factor}, b.empty({keys, values}, wide()),
                     {map(2, {0, 1}), along, map(2, {0, 1})}, 2,
                     [](TensorBuilder &s, mlir::ValueRange args) {
                       return s.mul(args[0], args[1]);
                     });
  }
  mlir::Value exponential(mlir::Value log, Flags flags = Flags::ninf) {
    return b.elementwise({log}, b.empty(b.sizes(log), wide()),
                         [&](TensorBuilder &s, mlir::ValueRange args) {
                           return s.exp(args[0], flags);
                         });
  }
  /// Sum over rows r with condition(i, r) of gates[r, ...], for every row i.
  mlir::Value
  sumRows(mlir::Value gates,
          llvm::function_ref<mlir::Value(TensorBuilder &, mlir::Value, Value)>
              condition);
  /// Sum over rows r with condition(r) of gates[r, ...].
  mlir::Value
  sumAll(mlir::Value gates,
         llvm::function_ref<mlir::Value(TensorBuilder &, Value)> condition);
  /// x y^T of rows of a reader and of a writer, unmasked.
  mlir::Value rawScores(mlir::Value left, mlir::Value right) {
    return product(left, {0, 2}, right, {1, 2}, size, size);
  }
  /// Whether a reader's row `i` sees what row `j` has added.
  mlir::Value sees(TensorBuilder &s, const Reader &reader, mlir::Value i,
                   mlir::Value j) {
    return isBefore(s, j, i, !reader.isStrict);
  }
  /// x y^T where a row sees the other, else 0.
  mlir::Value maskedProduct(const Reader &reader, mlir::Value left,
                            mlir::Value right);
  /// left right + into, as they lie.
  mlir::Value multiplied(mlir::Value left, mlir::Value right,
                         mlir::Value into) {
    return b.contract(left, right, into,
                      {map(3, {0, 2}), map(3, {2, 1}), map(3, {0, 1})}, 2);
  }
  /// Every other kind of reader once: sums through a row, or before it.
  bool hasReader(bool isUndecayed) {
    return llvm::any_of(readers, [&](const Reader &reader) {
      return reader.isUndecayed == isUndecayed;
    });
  }

  LinearScanOp op;
  TensorBuilder b;
  mlir::OpFoldResult size, keys, values;
  mlir::Type operand;
  /// [C, K], [C, V]; [C], or null; [K], or null.
  mlir::Value key, value, beta, bonus;
  llvm::SmallVector<Reader, 2> readers;
  llvm::SmallVector<Writer, 2> writers;
  mlir::Value coupling;
  /// Whether buildAhead() is at work.
  bool isAhead = false;
};

} // namespace gate

#endif // GATE_IR_GATEDENSECHUNK_H
