//===- GateChunk.cpp - Linear scans by chunks of products -----------------===//
//
// The chunk interface of gate.linear_scan. A chunk is three parts: how decay
// rescales positions, the update, the read. Every member of the family is rows
// that read the state (queries; what predicts, for a delta update) and rows
// that add to it (keys, and what a transition adds), and needs from decay the
// scores of each of the first with each of the second. What is predicted
// depends on what earlier rows of the chunk predict: a unit triangular system
// (arXiv 2406.06484, section 3.2; with a transition 2503.14456, appendix).
//
// Decay enters as exponentials of
// sums of log-gates that restart where they are used (the row, the head of a
// sub-chunk, the start of the chunk) and as products of such factors, all at
// most 1: never as a difference of long sums, so nothing overflows or cancels,
// and exact 0 (g = -inf) and exact 1 need no special case. The two levels are
// those of arXiv 2312.06635 section 4.3; docs/Numerics.md has the reasons.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GateInputTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

/// Rows of a sub-chunk: inside one, scores are formed row by row with running
/// products; between them, as matrix products.
static constexpr int64_t subChunkRows = 16;

/// Key widths up to which tokens are done one by one.
static constexpr int64_t fewKeys = 4;

//===----------------------------------------------------------------------===//
// Geometry
//===----------------------------------------------------------------------===//

Sizes LinearScanOp::getParallelSizes(OpBuilder &builder, Location loc) {
  return {tensor::getMixedSize(builder, loc, getQuery(), 0),
          builder.getIndexAttr(getNumHeads())};
}

OpFoldResult LinearScanOp::getTimeSize(OpBuilder &builder, Location loc) {
  return tensor::getMixedSize(builder, loc, getQuery(), 1);
}

bool LinearScanOp::isReverse() { return getReverse(); }

unsigned LinearScanOp::getNumChunkOutputs() { return 1; }

int64_t LinearScanOp::getPreferredChunk() {
  // With few keys a token costs less than its share of a chunk's scores, and
  // rounds less: a score would be rounded once per pair of tokens.
  // Factors of columns do not come out of products of keys.
  if (getKeyWidth() <= (getPredictor() ? 2 * fewKeys : fewKeys) ||
      decaysValues())
    return 1;
  // What many tokens predict from one another in few keys is alike, and adds up
  // errors of scores that a state would not have.
  // In f32 its system is many products for a GPU.
  if (getPredictor())
    return std::clamp<int64_t>(llvm::PowerOf2Ceil(getKeyWidth()), 16,
                               getElementTypeOrSelf(getQuery()).isF32() ? 32
                                                                        : 64);
  return 64;
}

Value LinearScanOp::getInitialState(unsigned result) {
  return result == 1 ? getInitial() : Value();
}

void LinearScanOp::getResultTile(OpBuilder &builder, Location loc,
                                 unsigned result, ValueRange parallel,
                                 OpFoldResult offset, OpFoldResult size,
                                 SmallVectorImpl<OpFoldResult> &offsets,
                                 SmallVectorImpl<OpFoldResult> &sizes) {
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  if (result == 0) {
    offsets.assign(Sizes{parallel[0], offset, parallel[1], zero});
    sizes.assign(Sizes{one, size, one, builder.getIndexAttr(getValueWidth())});
    return;
  }
  offsets.assign(Sizes{parallel[0], parallel[1], zero, zero});
  sizes.assign(Sizes{one, one, builder.getIndexAttr(getKeyWidth()),
                     builder.getIndexAttr(getValueWidth())});
}

RankedTensorType LinearScanOp::getResultTileType(unsigned result,
                                                 int64_t rows) {
  if (result == 0)
    return RankedTensorType::get({rows, getValueWidth()}, getArithmeticType());
  return RankedTensorType::get({getKeyWidth(), getValueWidth()},
                               getArithmeticType());
}

//===----------------------------------------------------------------------===//
// One chunk
//===----------------------------------------------------------------------===//

namespace {

/// Rows that add to the state: rows^T values.
struct Writer {
  /// [C, K], and [C, V] once they are known.
  Value rows, values;
  /// Rows times the decay from after the row to the chunk's end, and how they
  /// are indexed in the product with values: [C, K] or [K, C].
  Value toEnd;
  bool isTransposed = false;
};

/// Rows that read the state.
struct Reader {
  /// [C, K]
  Value rows;
  /// Reads the state before its token decays it; before its token adds to it.
  bool isUndecayed, isStrict;
  /// [C, K]: rows times the decay from the chunk's start to where they read.
  Value fromStart;
  /// Of each writer, per row block: scores [rows, columns up to the block's
  /// end].
  SmallVector<Values> scores;
};

/// Builds one chunk of `rows` tokens on tiles.
class ChunkBuilder {
public:
  ChunkBuilder(LinearScanOp op, OpBuilder &builder, Location loc,
               ValueRange inputs)
      : op(op), b(builder, loc), tiles(op, inputs) {
    auto type = cast<RankedTensorType>(tiles.query.getType());
    rows = type.getDimSize(0);
    keyWidth = type.getDimSize(1);
    valueWidth = cast<RankedTensorType>(tiles.value.getType()).getDimSize(1);
    element = type.getElementType();
    block = rows % subChunkRows == 0 ? subChunkRows : rows;
  }

  Values build(Value output, Value state);

private:
  OpFoldResult attr(int64_t n) { return b.builder.getIndexAttr(n); }
  Value part(Value tensor, int64_t row, int64_t count, int64_t column,
             int64_t width) {
    return b.slice(tensor, {attr(row), attr(column)},
                   {attr(count), attr(width)});
  }
  Value put(Value tile, Value tensor, int64_t row, int64_t count,
            int64_t column, int64_t width) {
    return b.insert(tile, tensor, {attr(row), attr(column)},
                    {attr(count), attr(width)});
  }
  Value zeros(ArrayRef<int64_t> sizes) {
    Sizes all = llvm::map_to_vector(sizes, [&](int64_t n) { return attr(n); });
    return b.filled(all, element, 0);
  }
  Value empty(ArrayRef<int64_t> sizes) {
    Sizes all = llvm::map_to_vector(sizes, [&](int64_t n) { return attr(n); });
    return b.empty(all, element);
  }
  /// left right + into, as they lie.
  Value product(Value left, Value right, Value into) {
    return b.contract(left, right, into,
                      {b.map(3, {0, 2}), b.map(3, {2, 1}), b.map(3, {0, 1})},
                      2);
  }
  /// exp(log) element by element, as a tile of its own.
  Value exponential(Value log) {
    return b.elementwise(
        {log}, b.empty(b.sizes(log), element),
        [](TensorBuilder &s, ValueRange args) { return s.exp(args[0]); });
  }
  /// tile[i, j] * factor[i] or factor[j].
  Value rescale(TensorBuilder &s, Value tile, Value factor, unsigned along,
                Value into) {
    auto type = cast<RankedTensorType>(tile.getType());
    AffineMap identity = s.builder.getMultiDimIdentityMap(type.getRank());
    AffineMap factorMap = s.map(type.getRank(), {along});
    auto multiply = [](TensorBuilder &e, ValueRange args) {
      return e.mul(args[0], args[1]);
    };
    if (!into)
      return s.generic({factor}, tile, {factorMap, identity}, type.getRank(),
                       [](TensorBuilder &e, ValueRange args) {
                         return e.mul(args[1], args[0]);
                       });
    return s.generic({tile, factor}, into, {identity, factorMap, identity},
                     type.getRank(), multiply);
  }
  /// tile^T as a new tile, written into `into`.
  Value transpose(Value tile, Value into) {
    return b.generic({tile}, into, {b.map(2, {1, 0}), b.map(2, {0, 1})}, 2,
                     [](TensorBuilder &, ValueRange args) { return args[0]; });
  }
  /// A [rows, rows] matrix where j is not after i, or before it; else 0.
  Value masked(bool isStrict, Value from,
               function_ref<Value(TensorBuilder &, Value)> body) {
    Values inputs;
    if (from)
      inputs.push_back(from);
    return b.elementwise(
        inputs, empty({rows, rows}), [&](TensorBuilder &s, ValueRange x) {
          Value i = linalg::IndexOp::create(s.builder, s.loc, 0);
          Value j = linalg::IndexOp::create(s.builder, s.loc, 1);
          Value keep = arith::CmpIOp::create(
              s.builder, s.loc,
              isStrict ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::uge,
              i, j);
          Value value = body(s, from ? x[0] : Value());
          return arith::SelectOp::create(s.builder, s.loc, keep, value,
                                         s.number(element, 0))
              .getResult();
        });
  }

  Values buildToken(Value output, Value state);
  Values predictToken(Value state, Value factors);
  void addReaders();
  void decayByVectors();
  void decayByScalars();
  void leaveUndecayed();
  void multiplyScores(Reader &reader, Value mask);
  void walkBlock(int64_t first, Value factors, Values &running,
                 Values &fromHead, Values &scores, Value &total);
  Value predict(Value state);
  Value solve(ArrayRef<Value> system, Value known);
  Value read(Value output, Value state);
  Value update(Value state);

  LinearScanOp op;
  TensorBuilder b;
  LinearScanTiles tiles;
  int64_t rows, keyWidth, valueWidth, block;
  Type element;
  /// The query's reader is the first, what predicts the second; the last writer
  /// is the key.
  SmallVector<Reader> readers;
  SmallVector<Writer> writers;
  /// Total decay of the chunk: [K], or [1], or null for none.
  Value total;
  bool isVector = false;
};

/// What a token predicts, [1, V], and with delta what it adds with its key.
Values ChunkBuilder::predictToken(Value state, Value factors) {
  bool isDecayed = op.getPrediction() == Prediction::decayed && factors;
  Value reader =
      op.getUpdate() == Update::delta ? tiles.key : tiles.transitionRead;
  bool isPerKey = isDecayed && !op.decaysValues() && op.hasVectorDecay();
  if (isPerKey)
    reader = b.elementwise(
        {reader, factors}, empty({1, keyWidth}),
        [](TensorBuilder &s, ValueRange x) { return s.mul(x[0], x[1]); });
  Value predicted = product(reader, state, zeros({1, valueWidth}));
  AffineMap whole = b.map(2, {0, 1});
  if (isDecayed && !isPerKey)
    predicted = b.generic(
        {factors}, predicted,
        {op.hasVectorDecay() ? whole : b.map(2, {0}), whole}, 2,
        [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
  if (op.getUpdate() != Update::delta)
    return {predicted, tiles.value};
  Value added = b.generic({tiles.beta, tiles.value}, predicted,
                          {b.map(2, {0}), whole, whole}, 2,
                          [](TensorBuilder &s, ValueRange x) {
                            return s.mul(x[0], s.sub(x[1], x[2]));
                          });
  return {Value(), added};
}

/// One token needs no products of tiles: what it predicts, one pass over the
/// state, what it reads.
Values ChunkBuilder::buildToken(Value output, Value state) {
  AffineMap stateMap = b.map(2, {0, 1});
  MLIRContext *context = b.builder.getContext();
  AffineExpr first = b.builder.getAffineConstantExpr(0);
  AffineExpr d0 = b.builder.getAffineDimExpr(0),
             d1 = b.builder.getAffineDimExpr(1);
  AffineMap onKey = AffineMap::get(2, 0, {first, d0}, context);
  AffineMap onValue = AffineMap::get(2, 0, {first, d1}, context);
  Value factors = tiles.decay ? exponential(tiles.decay) : Value();
  Value predicted, added = tiles.value;
  if (op.getPredictor()) {
    Values both = predictToken(state, factors);
    predicted = both[0];
    added = both[1];
  }
  // Loops: the one row, value, key.
  auto readFrom = [&](Value from) {
    Value room = linalg::FillOp::create(b.builder, b.loc,
                                        ValueRange{b.number(element, 0)},
                                        ValueRange{output})
                     .getResult(0);
    return product(tiles.query, from, room);
  };
  Value read = op.readsBefore() ? readFrom(state) : Value();
  Values inputs{tiles.key, added};
  SmallVector<AffineMap> maps{onKey, onValue};
  if (predicted) {
    llvm::append_values(inputs, tiles.transitionAdded, predicted);
    llvm::append_values(maps, onKey, onValue);
  }
  if (factors) {
    inputs.push_back(factors);
    maps.push_back(!op.hasVectorDecay() ? AffineMap::get(2, 0, {first}, context)
                   : op.decaysValues()  ? onValue
                                        : onKey);
  }
  maps.push_back(stateMap);
  Value next =
      b.generic(inputs, state, maps, 2, [&](TensorBuilder &s, ValueRange args) {
        Value kept = args.back();
        if (factors)
          kept = s.mul(kept, args[inputs.size() - 1]);
        if (predicted)
          kept = s.add(kept, s.mul(args[2], args[3]));
        return s.add(kept, s.mul(args[0], args[1]));
      });
  if (!read)
    read = readFrom(next);
  return {read, next};
}

void ChunkBuilder::addReaders() {
  readers.push_back(
      {tiles.query, op.readsBefore(), op.readsBefore(), Value(), {}});
  bool isUndecayed = op.getPrediction() == Prediction::undecayed;
  if (op.getUpdate() == Update::delta) {
    Value negative =
        b.elementwise({tiles.key}, empty({rows, keyWidth}),
                      [](TensorBuilder &s, ValueRange x) -> Value {
                        return arith::NegFOp::create(s.builder, s.loc, x[0]);
                      });
    readers.push_back({negative, isUndecayed, true, Value(), {}});
  }
  if (op.getUpdate() == Update::diagonal_rank_one) {
    readers.push_back({tiles.transitionRead, isUndecayed, true, Value(), {}});
    writers.push_back({tiles.transitionAdded, Value(), Value()});
  }
  writers.push_back({tiles.key, tiles.value, Value()});
  for (Reader &reader : readers)
    reader.scores.resize(writers.size());
}

/// Walks one sub-chunk row by row. `running` [block, K] of each writer holds
/// its rows so far, each times the decay from after its row through the current
/// one; `fromHead` [block, K] of each reader gets its rows times the decay from
/// the head of the sub-chunk; `scores` [block, block] of each reader with each
/// writer the products inside it; `sum` [K] the log-decay of the whole
/// sub-chunk. `factors` [C, K] is exp(decay).
void ChunkBuilder::walkBlock(int64_t first, Value factors, Values &running,
                             Values &fromHead, Values &scores, Value &sum) {
  Values inits = running;
  llvm::append_range(inits, fromHead);
  llvm::append_range(inits, scores);
  inits.push_back(sum);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), b.index(block), b.index(1), inits,
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        MutableArrayRef<Value> all;
        Values values(carried);
        all = values;
        MutableArrayRef<Value> run = all.take_front(running.size());
        MutableArrayRef<Value> head =
            all.slice(running.size(), fromHead.size());
        MutableArrayRef<Value> score =
            all.slice(running.size() + fromHead.size(), scores.size());
        Value &soFar = all.back();
        OpFoldResult zero = attr(0), one = attr(1), width = attr(keyWidth);
        Value row = arith::AddIOp::create(builder, loc, i, s.index(first));
        auto rowAt = [&](Value tensor, Value at) {
          return s.slice(tensor, {OpFoldResult(at), zero}, {one, width}, {0});
        };
        // A reader's row against the first `count` rows of all writers.
        auto readRows = [&](unsigned index, Value count) {
          Reader &reader = readers[index];
          Value x = rowAt(reader.rows, row);
          Value headRow = s.elementwise({x, soFar}, rowAt(head[index], i),
                                        [](TensorBuilder &e, ValueRange y) {
                                          return e.mul(y[0], e.exp(y[1]));
                                        });
          head[index] = s.insert(headRow, head[index], {OpFoldResult(i), zero},
                                 {one, width});
          for (unsigned writer = 0; writer < writers.size(); ++writer) {
            Value &target = score[index * writers.size() + writer];
            Value seen = s.slice(run[writer], {zero, zero},
                                 {OpFoldResult(count), width});
            Value line = s.slice(target, {OpFoldResult(i), zero},
                                 {one, OpFoldResult(count)}, {0});
            line =
                s.contract(seen, x, line,
                           {s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0})}, 1);
            target = s.insert(line, target, {OpFoldResult(i), zero},
                              {one, OpFoldResult(count)});
          }
        };
        auto readAll = [&](bool isUndecayed, bool isStrict, Value count) {
          for (auto [index, reader] : llvm::enumerate(readers))
            if (reader.isUndecayed == isUndecayed &&
                reader.isStrict == isStrict)
              readRows(index, count);
        };
        readAll(true, true, i);
        // Older rows decay by this row's factors.
        for (Value &rowsSoFar : run) {
          Value older =
              s.slice(rowsSoFar, {zero, zero}, {OpFoldResult(i), width});
          older = rescale(s, older, rowAt(factors, row), 1, {});
          rowsSoFar = s.insert(older, rowsSoFar, {zero, zero},
                               {OpFoldResult(i), width});
        }
        soFar = s.elementwise(
            {rowAt(tiles.decay, row)}, soFar,
            [](TensorBuilder &e, ValueRange x) { return e.add(x[1], x[0]); });
        readAll(false, true, i);
        // This row enters.
        for (auto [rowsSoFar, writer] : llvm::zip(run, writers))
          rowsSoFar = s.insert(rowAt(writer.rows, row), rowsSoFar,
                               {OpFoldResult(i), zero}, {one, width});
        Value count = arith::AddIOp::create(builder, loc, i, s.index(1));
        readAll(false, false, count);
        scf::YieldOp::create(builder, loc, values);
      });
  Values results(loop.getResults());
  for (Values *group : {&running, &fromHead, &scores})
    for (Value &value : *group) {
      value = results.front();
      results.erase(results.begin());
    }
  sum = results.front();
}

void ChunkBuilder::decayByVectors() {
  isVector = true;
  Value factors = exponential(tiles.decay);
  for (Reader &reader : readers)
    reader.fromStart = empty({rows, keyWidth});
  // Rows of all finished sub-chunks at the head of the current one, [K, C].
  for (Writer &writer : writers) {
    writer.toEnd = empty({keyWidth, rows});
    writer.isTransposed = true;
  }
  Value before; // log-decay of all sub-chunks before this one, [K]
  for (int64_t first = 0; first < rows; first += block) {
    Values running, fromHead, inside;
    for (size_t i = 0; i < writers.size(); ++i)
      running.push_back(empty({block, keyWidth}));
    for (size_t i = 0; i < readers.size(); ++i)
      fromHead.push_back(empty({block, keyWidth}));
    for (size_t i = 0; i < readers.size() * writers.size(); ++i)
      inside.push_back(zeros({block, block}));
    Value sum = zeros({keyWidth});
    walkBlock(first, factors, running, fromHead, inside, sum);
    for (auto [index, reader] : llvm::enumerate(readers)) {
      for (auto [place, writer] : llvm::enumerate(writers)) {
        Value own = inside[index * writers.size() + place];
        if (first == 0) {
          reader.scores[place].push_back(own);
          continue;
        }
        Value earlier =
            product(fromHead[index], part(writer.toEnd, 0, keyWidth, 0, first),
                    zeros({block, first}));
        Value scores = empty({block, first + block});
        scores = put(earlier, scores, 0, block, 0, first);
        scores = put(own, scores, 0, block, first, block);
        reader.scores[place].push_back(scores);
      }
      Value rowsHere = fromHead[index];
      if (first != 0)
        rowsHere = rescale(b, rowsHere, exponential(before), 1,
                           part(reader.fromStart, first, block, 0, keyWidth));
      reader.fromStart =
          put(rowsHere, reader.fromStart, first, block, 0, keyWidth);
    }
    for (auto [index, writer] : llvm::enumerate(writers)) {
      if (first != 0) {
        Value decayed = rescale(b, part(writer.toEnd, 0, keyWidth, 0, first),
                                exponential(sum), 0, {});
        writer.toEnd = put(decayed, writer.toEnd, 0, keyWidth, 0, first);
      }
      Value slot = part(writer.toEnd, 0, keyWidth, first, block);
      writer.toEnd = put(transpose(running[index], slot), writer.toEnd, 0,
                         keyWidth, first, block);
    }
    before = first == 0 ? sum
                        : b.elementwise({sum}, before,
                                        [](TensorBuilder &s, ValueRange x) {
                                          return s.add(x[1], x[0]);
                                        });
  }
  total = exponential(before);
}

/// Scores as plain products times `mask` [C, C].
void ChunkBuilder::multiplyScores(Reader &reader, Value mask) {
  for (auto [place, writer] : llvm::enumerate(writers)) {
    Value columns = transpose(writer.rows, empty({keyWidth, rows}));
    for (int64_t first = 0; first < rows; first += block) {
      int64_t end = first + block;
      Value scores =
          product(part(reader.rows, first, block, 0, keyWidth),
                  part(columns, 0, keyWidth, 0, end), zeros({block, end}));
      scores = b.elementwise(
          {part(mask, first, block, 0, end)}, scores,
          [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
      reader.scores[place].push_back(scores);
    }
  }
}

void ChunkBuilder::leaveUndecayed() {
  for (Reader &reader : readers) {
    Value mask = masked(reader.isStrict, Value(), [&](TensorBuilder &s, Value) {
      return s.number(element, 1);
    });
    multiplyScores(reader, mask);
    reader.fromStart = reader.rows;
  }
  for (Writer &writer : writers)
    writer.toEnd = writer.rows;
}

/// One log-decay per row: a mask is exp of its sum over rows j+1 .. i, or
/// j+1 .. i-1 for what reads before the decay.
void ChunkBuilder::decayByScalars() {
  bool isBefore = llvm::any_of(
      readers, [](const Reader &reader) { return reader.isUndecayed; });
  Values inits{empty({rows, rows})};
  if (isBefore)
    inits.push_back(empty({rows, rows}));
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), b.index(rows), b.index(1), inits,
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        OpFoldResult zero = attr(0), one = attr(1), width = attr(rows);
        Value g =
            tensor::ExtractOp::create(builder, loc, tiles.decay, ValueRange{i});
        Value previous = arith::SelectOp::create(
            builder, loc,
            arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, i,
                                  s.index(0)),
            s.index(0), arith::SubIOp::create(builder, loc, i, s.index(1)));
        Value above = s.slice(carried[0], {OpFoldResult(previous), zero},
                              {one, width}, {0});
        // A column starts at 0 in its own row and grows from there.
        auto started = [&](bool adds) {
          return s.elementwise(
              {above}, s.empty({width}, element),
              [&](TensorBuilder &e, ValueRange x) -> Value {
                Value j = linalg::IndexOp::create(e.builder, e.loc, 0);
                Value isOlder = arith::CmpIOp::create(
                    e.builder, e.loc, arith::CmpIPredicate::ult, j, i);
                return arith::SelectOp::create(e.builder, e.loc, isOlder,
                                               adds ? e.add(x[0], g) : x[0],
                                               e.number(element, 0));
              });
        };
        Values next;
        if (isBefore)
          next.push_back(s.insert(started(false), carried[1],
                                  {OpFoldResult(i), zero}, {one, width}));
        next.insert(next.begin(),
                    s.insert(started(true), carried[0], {OpFoldResult(i), zero},
                             {one, width}));
        scf::YieldOp::create(builder, loc, next);
      });
  // From the chunk's start through row i: the first column and row 0's own.
  Value own = tensor::ExtractOp::create(b.builder, b.loc, tiles.decay,
                                        ValueRange{b.index(0)});
  AffineMap column = AffineMap::get(
      1, 0, {b.builder.getAffineDimExpr(0), b.builder.getAffineConstantExpr(0)},
      b.builder.getContext());
  Value through = b.generic(
      {loop.getResult(0)}, empty({rows}), {column, b.map(1, {0})}, 1,
      [&](TensorBuilder &s, ValueRange x) { return s.exp(s.add(x[0], own)); });
  Value before;
  if (isBefore)
    before = b.generic(
        {loop.getResult(1)}, empty({rows}), {column, b.map(1, {0})}, 1,
        [&](TensorBuilder &s, ValueRange x) -> Value {
          Value i = linalg::IndexOp::create(s.builder, s.loc, 0);
          Value isFirst = arith::CmpIOp::create(
              s.builder, s.loc, arith::CmpIPredicate::eq, i, s.index(0));
          return arith::SelectOp::create(s.builder, s.loc, isFirst,
                                         s.number(element, 1),
                                         s.exp(s.add(x[0], own)));
        });
  auto exponentials = [&](bool isUndecayed, bool isStrict) {
    return masked(isStrict, loop.getResult(isUndecayed ? 1 : 0),
                  [](TensorBuilder &s, Value sum) { return s.exp(sum); });
  };
  Value mask = exponentials(false, false);
  for (Reader &reader : readers) {
    multiplyScores(reader, !reader.isStrict
                               ? mask
                               : exponentials(reader.isUndecayed, true));
    reader.fromStart =
        rescale(b, reader.rows, reader.isUndecayed ? before : through, 0,
                empty({rows, keyWidth}));
  }
  Value toEnd =
      b.slice(mask, {attr(rows - 1), attr(0)}, {attr(1), attr(rows)}, {0});
  for (Writer &writer : writers)
    writer.toEnd = rescale(b, writer.rows, toEnd, 0, empty({rows, keyWidth}));
  total = b.slice(through, {attr(rows - 1)}, {attr(1)});
}

/// What rows add of what they predict: U = P for a transition, and for delta
/// U = beta (v + P), as its readers are negative keys. P = predicted + system U
/// with a strictly lower triangular system in row blocks: blocks before as
/// products, rows of the own block one by one. A prediction is added up before
/// a value, which may be much larger, comes to it.
Value ChunkBuilder::solve(ArrayRef<Value> system, Value predicted) {
  bool isDelta = op.getUpdate() == Update::delta;
  // A tensor of its own: a row is written while those before it are read.
  Value solved = empty({rows, valueWidth});
  for (auto [index, coefficients] : llvm::enumerate(system)) {
    int64_t first = index * block;
    Value right = part(predicted, first, block, 0, valueWidth);
    if (first != 0)
      right = product(part(coefficients, 0, block, 0, first),
                      part(solved, 0, first, 0, valueWidth), right);
    Value own = part(coefficients, 0, block, first, block);
    auto loop = scf::ForOp::create(
        b.builder, b.loc, b.index(0), b.index(block), b.index(1),
        ValueRange{right, solved},
        [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
          TensorBuilder s(builder, loc);
          OpFoldResult zero = attr(0), one = attr(1), width = attr(valueWidth);
          Value row = arith::AddIOp::create(builder, loc, i, s.index(first));
          auto rowAt = [&](Value tensor, Value at) {
            return s.slice(tensor, {OpFoldResult(at), zero}, {one, width}, {0});
          };
          Value before = s.slice(carried[1], {attr(first), zero},
                                 {OpFoldResult(i), width});
          Value factors = s.slice(own, {OpFoldResult(i), zero},
                                  {one, OpFoldResult(i)}, {0});
          Value line =
              s.contract(factors, before, rowAt(carried[0], i),
                         {s.map(2, {1}), s.map(2, {1, 0}), s.map(2, {0})}, 1);
          Value rest =
              s.insert(line, carried[0], {OpFoldResult(i), zero}, {one, width});
          // From where it is: `line` itself is a part of `rest` by now.
          line = rowAt(rest, i);
          if (isDelta) {
            Value beta =
                tensor::ExtractOp::create(builder, loc, tiles.beta, row);
            line = s.elementwise({rowAt(tiles.value, row), line},
                                 rowAt(carried[1], row),
                                 [&](TensorBuilder &e, ValueRange x) {
                                   return e.mul(beta, e.add(x[0], x[1]));
                                 });
          }
          Value all = s.insert(line, carried[1], {OpFoldResult(row), zero},
                               {one, width});
          scf::YieldOp::create(builder, loc, ValueRange{rest, all});
        });
    predicted = put(loop.getResult(0), predicted, first, block, 0, valueWidth);
    solved = loop.getResult(1);
  }
  return solved;
}

/// What the rows add of what they predict of the state: [C, V].
Value ChunkBuilder::predict(Value state) {
  Reader &reader = readers[1];
  Value predicted = product(reader.fromStart, state, zeros({rows, valueWidth}));
  if (op.getUpdate() == Update::diagonal_rank_one) {
    // What keys before the row have added is known.
    for (auto [index, scores] : llvm::enumerate(reader.scores[1])) {
      int64_t first = index * block;
      Value line =
          product(scores, part(tiles.value, 0, first + block, 0, valueWidth),
                  part(predicted, first, block, 0, valueWidth));
      predicted = put(line, predicted, first, block, 0, valueWidth);
    }
  }
  return solve(reader.scores[0], predicted);
}

/// o = (decayed queries) S + scores v
Value ChunkBuilder::read(Value output, Value state) {
  Value room =
      linalg::FillOp::create(b.builder, b.loc, ValueRange{b.number(element, 0)},
                             ValueRange{output})
          .getResult(0);
  Reader &reader = readers[0];
  Value result = product(reader.fromStart, state, room);
  for (auto [place, writer] : llvm::enumerate(writers))
    for (auto [index, scores] : llvm::enumerate(reader.scores[place])) {
      int64_t first = index * block, end = first + block;
      Value line = product(scores, part(writer.values, 0, end, 0, valueWidth),
                           part(result, first, block, 0, valueWidth));
      result = put(line, result, first, block, 0, valueWidth);
    }
  return result;
}

/// S = total S + (decayed keys)^T v
Value ChunkBuilder::update(Value state) {
  if (total) {
    AffineMap factor =
        isVector ? b.map(2, {0})
                 : AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(0)},
                                  b.builder.getContext());
    state = b.generic(
        {total}, state, {factor, b.map(2, {0, 1})}, 2,
        [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
  }
  // Loops: key, value, row.
  for (Writer &writer : writers)
    state =
        b.contract(writer.toEnd, writer.values, state,
                   {writer.isTransposed ? b.map(3, {0, 2}) : b.map(3, {2, 0}),
                    b.map(3, {2, 1}), b.map(3, {0, 1})},
                   2);
  return state;
}

Values ChunkBuilder::build(Value output, Value state) {
  Value bonus;
  if (tiles.bonus)
    // q . (u * k) of each row
    bonus = b.generic(
        {tiles.query, tiles.key, tiles.bonus}, zeros({rows}),
        {b.map(2, {0, 1}), b.map(2, {0, 1}), b.map(2, {1}), b.map(2, {0})}, 1,
        [](TensorBuilder &s, ValueRange x) {
          return s.add(x[3], s.mul(x[0], s.mul(x[2], x[1])));
        });
  Values results;
  if (rows == 1) {
    results = buildToken(output, state);
  } else {
    addReaders();
    if (!tiles.decay)
      leaveUndecayed();
    else if (cast<RankedTensorType>(tiles.decay.getType()).getRank() == 2)
      decayByVectors();
    else
      decayByScalars();
    if (op.getPredictor())
      writers[0].values = predict(state);
    Value outputs = read(output, state);
    results = {outputs, update(state)};
  }
  if (bonus)
    results[0] = b.generic({bonus, tiles.value}, results[0],
                           {b.map(2, {0}), b.map(2, {0, 1}), b.map(2, {0, 1})},
                           2, [](TensorBuilder &s, ValueRange x) {
                             return s.add(x[2], s.mul(x[0], x[1]));
                           });
  return results;
}

} // namespace

Values LinearScanOp::buildChunk(OpBuilder &builder, Location loc,
                                ValueRange inputs, ValueRange outputs,
                                ValueRange states) {
  return ChunkBuilder(*this, builder, loc, inputs).build(outputs[0], states[0]);
}
