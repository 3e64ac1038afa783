//===- GateChunk.cpp - Linear scans by chunks of products -----------------===//
//
// The chunk interface of gate.linear_scan. A chunk is three parts: how decay
// rescales positions, the update, the read. Decay enters as exponentials of
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

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <functional>

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
  return getKeyWidth() <= fewKeys ? 1 : 64;
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
// Input tiles
//===----------------------------------------------------------------------===//

/// Row `row` of a tensor of rank 1 or 2, as offsets and sizes.
static void rowOf(TensorBuilder &b, Value tensor, OpFoldResult row,
                  Sizes &offsets, Sizes &sizes) {
  sizes = b.sizes(tensor);
  offsets.assign(sizes.size(), b.builder.getIndexAttr(0));
  offsets[0] = row;
  sizes[0] = b.builder.getIndexAttr(1);
}

namespace {
/// How a tile is made from rows of an operand.
struct TileForm {
  /// Applied to every element, in the arithmetic type; null for none.
  std::function<Value(TensorBuilder &, Value)> map;
  /// A tile of its own even where the operand itself would do.
  bool pack = false;
};
} // namespace

/// `source` with `rows` rows in a tile of `padded` rows of `type`, zeros past
/// the end, in opposite order where `flip`.
static Value makeTile(TensorBuilder &b, Value source, OpFoldResult rows,
                      int64_t padded, Type type, bool flip,
                      const TileForm &form) {
  std::optional<int64_t> fixed = getConstantIntValue(rows);
  bool whole = fixed && *fixed == padded;
  Type element = cast<RankedTensorType>(source.getType()).getElementType();
  bool copies = !form.map && element == type;
  if (whole && copies && !flip) {
    if (!form.pack || padded == 1)
      return source;
    return bufferization::AllocTensorOp::create(
        b.builder, b.loc, cast<RankedTensorType>(source.getType()),
        /*dynamicSizes=*/ValueRange(), /*copy=*/source);
  }
  Sizes sizes = b.sizes(source);
  Sizes paddedSizes = sizes;
  paddedSizes[0] = b.builder.getIndexAttr(padded);
  Value tile = b.empty(paddedSizes, type);
  Sizes zeros(sizes.size(), b.builder.getIndexAttr(0));
  if (!whole) {
    // The rows past the end, none of them in a full chunk.
    AffineExpr d0 = b.builder.getAffineDimExpr(0);
    Sizes places = zeros, rest = sizes;
    places[0] = rows;
    rest[0] = affine::makeComposedFoldedAffineApply(b.builder, b.loc,
                                                    padded - d0, {rows});
    Value empty = b.slice(tile, places, rest);
    empty =
        linalg::FillOp::create(b.builder, b.loc, ValueRange{b.number(type, 0)},
                               ValueRange{empty})
            .getResult(0);
    tile = b.insert(empty, tile, places, rest);
  }
  auto copy = [&](TensorBuilder &s, Value from, Value into) {
    return s.elementwise({from}, into, [&](TensorBuilder &e, ValueRange args) {
      Value value = e.convert(args[0], type);
      return form.map ? form.map(e, value) : value;
    });
  };
  if (!flip) {
    Value part = source;
    if (!copies)
      part = copy(b, source, whole ? tile : b.slice(tile, zeros, sizes));
    return whole ? part : b.insert(part, tile, zeros, sizes);
  }
  Value count = getValueOrCreateConstantIndexOp(b.builder, b.loc, rows);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), count, b.index(1), ValueRange{tile},
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        Value last = arith::SubIOp::create(builder, loc, count, s.index(1));
        Value from = arith::SubIOp::create(builder, loc, last, i);
        Sizes fromOffsets, toOffsets, rowSizes;
        rowOf(s, source, from, fromOffsets, rowSizes);
        Value row = s.slice(source, fromOffsets, rowSizes);
        rowOf(s, carried[0], OpFoldResult(i), toOffsets, rowSizes);
        Value into = s.slice(carried[0], toOffsets, rowSizes);
        Value moved =
            s.insert(copy(s, row, into), carried[0], toOffsets, rowSizes);
        scf::YieldOp::create(builder, loc, moved);
      });
  return loop.getResult(0);
}

Values LinearScanOp::buildInputTiles(OpBuilder &builder, Location loc,
                                     ValueRange parallel, OpFoldResult offset,
                                     OpFoldResult size, int64_t padded) {
  TensorBuilder b(builder, loc);
  int64_t heads = getNumHeads();
  Type wide = getArithmeticType();
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  auto tile = [&](Value operand, const TileForm &form) {
    auto type = cast<RankedTensorType>(operand.getType());
    int64_t own = type.getDimSize(2);
    Value head = parallel[1];
    if (own != heads)
      head = arith::DivUIOp::create(builder, loc, head, b.index(heads / own));
    Sizes offsets{parallel[0], offset, head}, sizes{one, size, one};
    if (type.getRank() == 4) {
      offsets.push_back(zero);
      sizes.push_back(builder.getIndexAttr(type.getDimSize(3)));
    }
    Value source = b.slice(operand, offsets, sizes, {0, 2});
    return makeTile(b, source, size, padded, wide, getReverse(), form);
  };
  double scale = getScale().convertToDouble();
  TileForm scaled, packed;
  scaled.map = [&](TensorBuilder &s, Value x) {
    return s.mul(x, s.number(wide, scale));
  };
  // Values are read by every product of the chunk; heads lie between their rows
  // in memory, at distances that map many rows to few sets of a cache.
  packed.pack = true;
  Values tiles{tile(getQuery(), scaled), tile(getKey(), {}),
               tile(getValue(), packed)};
  if (getDecay()) {
    tiles.push_back(tile(getDecay(), {}));
  } else if (std::optional<ArrayRef<double>> constants = getDecayConstants()) {
    SmallVector<Attribute> numbers;
    for (double v : *constants)
      numbers.push_back(builder.getFloatAttr(wide, v));
    Value table = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({heads}, wide), numbers));
    Value g =
        tensor::ExtractOp::create(builder, loc, table, ValueRange{parallel[1]});
    Value rows = getValueOrCreateConstantIndexOp(builder, loc, size);
    tiles.push_back(b.elementwise(
        {}, b.empty({builder.getIndexAttr(padded)}, wide),
        [&](TensorBuilder &s, ValueRange) -> Value {
          Value row = linalg::IndexOp::create(s.builder, s.loc, 0);
          Value inside = arith::CmpIOp::create(
              s.builder, s.loc, arith::CmpIPredicate::ult, row, rows);
          return arith::SelectOp::create(s.builder, s.loc, inside, g,
                                         s.number(wide, 0));
        }));
  }
  return tiles;
}

//===----------------------------------------------------------------------===//
// One chunk
//===----------------------------------------------------------------------===//

namespace {

/// What the decay part of a chunk gives to the update and the read.
struct DecayedChunk {
  /// Per row block: scores [rows, columns up to the block's end].
  Values scores;
  /// [C, K] scaled queries times the decay from the chunk's start through the
  /// row.
  Value queries;
  /// Keys times the decay from after the row to the chunk's end, and how they
  /// are indexed in the product with values: [C, K] or [K, C].
  Value keys;
  bool keysAreTransposed = false;
  /// Total decay of the chunk: [K], or [1], or null for none.
  Value total;
};

/// Builds one chunk of `rows` tokens on tiles.
class ChunkBuilder {
public:
  ChunkBuilder(OpBuilder &builder, Location loc, ValueRange inputs)
      : b(builder, loc), query(inputs[0]), key(inputs[1]), value(inputs[2]),
        decay(inputs.size() > 3 ? inputs[3] : Value()) {
    auto type = cast<RankedTensorType>(query.getType());
    rows = type.getDimSize(0);
    keyWidth = type.getDimSize(1);
    valueWidth = cast<RankedTensorType>(value.getType()).getDimSize(1);
    element = type.getElementType();
    block = rows % subChunkRows == 0 ? subChunkRows : rows;
  }

  Values build(Value output, Value state) {
    if (rows == 1)
      return buildToken(output, state);
    DecayedChunk parts =
        !decay ? buildUndecayed()
        : cast<RankedTensorType>(decay.getType()).getRank() == 2
            ? buildVectorDecay()
            : buildScalarDecay();
    return {read(parts, output, state), update(parts, state)};
  }

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

  Values buildToken(Value output, Value state);
  DecayedChunk buildVectorDecay();
  DecayedChunk buildScalarDecay();
  DecayedChunk buildUndecayed();
  DecayedChunk buildMasked(Value mask);
  Value read(DecayedChunk &parts, Value output, Value state);
  Value update(DecayedChunk &parts, Value state);
  void buildBlock(int64_t first, Value factors, Value &running, Value &fromHead,
                  Value &scores, Value &total);

  TensorBuilder b;
  /// Scaled queries, keys, values, and the log-decay as [C, K] or [C], or null.
  Value query, key, value, decay;
  int64_t rows, keyWidth, valueWidth, block;
  Type element;
};

/// One token needs no products: S = a S + k v^T, o = scale S^T q.
Values ChunkBuilder::buildToken(Value output, Value state) {
  AffineMap stateMap = b.map(2, {0, 1});
  MLIRContext *context = b.builder.getContext();
  AffineExpr first = b.builder.getAffineConstantExpr(0);
  AffineExpr d0 = b.builder.getAffineDimExpr(0),
             d1 = b.builder.getAffineDimExpr(1);
  AffineMap onKey = AffineMap::get(2, 0, {first, d0}, context);
  AffineMap onValue = AffineMap::get(2, 0, {first, d1}, context);
  Values inputs{key, value};
  SmallVector<AffineMap> maps{onKey, onValue};
  if (decay) {
    inputs.push_back(exponential(decay));
    maps.push_back(cast<RankedTensorType>(decay.getType()).getRank() == 2
                       ? onKey
                       : AffineMap::get(2, 0, {first}, context));
  }
  maps.push_back(stateMap);
  Value next =
      b.generic(inputs, state, maps, 2, [&](TensorBuilder &s, ValueRange args) {
        Value kept = args.back();
        if (decay)
          kept = s.mul(kept, args[2]);
        return s.add(kept, s.mul(args[0], args[1]));
      });
  Value zeros =
      linalg::FillOp::create(b.builder, b.loc, ValueRange{b.number(element, 0)},
                             ValueRange{output})
          .getResult(0);
  // Loops: the one row, value, key.
  Value read =
      b.contract(query, next, zeros,
                 {b.map(3, {0, 2}), b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
  return {read, next};
}

/// Walks one sub-chunk row by row. `running` [block, K] holds the keys of the
/// rows so far, each times the decay from after its row through the current
/// one; `fromHead` [block, K] gets the queries times the decay from the head
/// of the sub-chunk; `scores` [block, block] the products inside it; `total`
/// [K] the log-decay of the whole sub-chunk. `factors` [C, K] is exp(decay).
void ChunkBuilder::buildBlock(int64_t first, Value factors, Value &running,
                              Value &fromHead, Value &scores, Value &total) {
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), b.index(block), b.index(1),
      ValueRange{running, fromHead, scores, total},
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        Value run = carried[0], head = carried[1], score = carried[2],
              sum = carried[3];
        OpFoldResult zero = attr(0), one = attr(1), width = attr(keyWidth);
        Value row = arith::AddIOp::create(builder, loc, i, s.index(first));
        auto rowAt = [&](Value tensor, Value at) {
          return s.slice(tensor, {OpFoldResult(at), zero}, {one, width}, {0});
        };
        Value a = rowAt(factors, row), q = rowAt(query, row);
        // Older keys decay by this row's factors; this row's key enters.
        Value older = s.slice(run, {zero, zero}, {OpFoldResult(i), width});
        older = rescale(s, older, a, 1, {});
        run = s.insert(older, run, {zero, zero}, {OpFoldResult(i), width});
        run = s.insert(rowAt(key, row), run, {OpFoldResult(i), zero},
                       {one, width});
        sum = s.elementwise(
            {rowAt(decay, row)}, sum,
            [](TensorBuilder &e, ValueRange x) { return e.add(x[1], x[0]); });
        Value headRow = s.elementwise({q, sum}, rowAt(head, i),
                                      [](TensorBuilder &e, ValueRange x) {
                                        return e.mul(x[0], e.exp(x[1]));
                                      });
        head = s.insert(headRow, head, {OpFoldResult(i), zero}, {one, width});
        // scores[i, j] = q_i . run_j for j <= i
        Value count = arith::AddIOp::create(builder, loc, i, s.index(1));
        Value seen = s.slice(run, {zero, zero}, {OpFoldResult(count), width});
        Value line = s.slice(score, {OpFoldResult(i), zero},
                             {one, OpFoldResult(count)}, {0});
        line = s.contract(seen, q, line,
                          {s.map(2, {0, 1}), s.map(2, {1}), s.map(2, {0})}, 1);
        score = s.insert(line, score, {OpFoldResult(i), zero},
                         {one, OpFoldResult(count)});
        scf::YieldOp::create(builder, loc, Values{run, head, score, sum});
      });
  running = loop.getResult(0);
  fromHead = loop.getResult(1);
  scores = loop.getResult(2);
  total = loop.getResult(3);
}

DecayedChunk ChunkBuilder::buildVectorDecay() {
  DecayedChunk parts;
  Value factors = exponential(decay);
  Value fromStart = b.empty({attr(rows), attr(keyWidth)}, element);
  // Keys of all finished sub-chunks at the head of the current one, [K, C].
  Value keys = b.empty({attr(keyWidth), attr(rows)}, element);
  Value before; // log-decay of all sub-chunks before this one, [K]
  for (int64_t first = 0; first < rows; first += block) {
    Value running = b.empty({attr(block), attr(keyWidth)}, element);
    Value fromHead = b.empty({attr(block), attr(keyWidth)}, element);
    Value inside = b.filled({attr(block), attr(block)}, element, 0);
    Value total = b.filled({attr(keyWidth)}, element, 0);
    buildBlock(first, factors, running, fromHead, inside, total);
    if (first == 0) {
      parts.scores.push_back(inside);
      fromStart = put(fromHead, fromStart, 0, block, 0, keyWidth);
      before = total;
    } else {
      Value earlier =
          b.contract(fromHead, part(keys, 0, keyWidth, 0, first),
                     b.filled({attr(block), attr(first)}, element, 0),
                     {b.map(3, {0, 2}), b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
      Value scores = b.empty({attr(block), attr(first + block)}, element);
      scores = put(earlier, scores, 0, block, 0, first);
      scores = put(inside, scores, 0, block, first, block);
      parts.scores.push_back(scores);
      Value slot = part(fromStart, first, block, 0, keyWidth);
      fromStart = put(rescale(b, fromHead, exponential(before), 1, slot),
                      fromStart, first, block, 0, keyWidth);
      Value decayed = rescale(b, part(keys, 0, keyWidth, 0, first),
                              exponential(total), 0, {});
      keys = put(decayed, keys, 0, keyWidth, 0, first);
      before =
          b.elementwise({total}, before, [](TensorBuilder &s, ValueRange x) {
            return s.add(x[1], x[0]);
          });
    }
    Value slot = part(keys, 0, keyWidth, first, block);
    keys = put(transpose(running, slot), keys, 0, keyWidth, first, block);
  }
  parts.queries = fromStart;
  parts.keys = keys;
  parts.keysAreTransposed = true;
  parts.total = exponential(before);
  return parts;
}

/// Scores as plain products times `mask` [C, C], zero above the diagonal.
DecayedChunk ChunkBuilder::buildMasked(Value mask) {
  DecayedChunk parts;
  Value keys = transpose(key, b.empty({attr(keyWidth), attr(rows)}, element));
  for (int64_t first = 0; first < rows; first += block) {
    int64_t end = first + block;
    Value scores = b.contract(
        part(query, first, block, 0, keyWidth), part(keys, 0, keyWidth, 0, end),
        b.filled({attr(block), attr(end)}, element, 0),
        {b.map(3, {0, 2}), b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
    scores = b.elementwise(
        {part(mask, first, block, 0, end)}, scores,
        [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
    parts.scores.push_back(scores);
  }
  parts.queries = query;
  parts.keys = key;
  return parts;
}

DecayedChunk ChunkBuilder::buildUndecayed() {
  Value mask = b.elementwise(
      {}, b.empty({attr(rows), attr(rows)}, element),
      [&](TensorBuilder &s, ValueRange) -> Value {
        Value i = linalg::IndexOp::create(s.builder, s.loc, 0);
        Value j = linalg::IndexOp::create(s.builder, s.loc, 1);
        Value keep = arith::CmpIOp::create(s.builder, s.loc,
                                           arith::CmpIPredicate::uge, i, j);
        return arith::SelectOp::create(
            s.builder, s.loc, keep, s.number(element, 1), s.number(element, 0));
      });
  return buildMasked(mask);
}

/// One log-decay per row: mask[i, j] = exp of its sum over rows j+1 .. i.
DecayedChunk ChunkBuilder::buildScalarDecay() {
  Value empty = b.empty({attr(rows), attr(rows)}, element);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), b.index(rows), b.index(1),
      ValueRange{empty},
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        OpFoldResult zero = attr(0), one = attr(1), width = attr(rows);
        Value g = tensor::ExtractOp::create(builder, loc, decay, ValueRange{i});
        Value previous = arith::SelectOp::create(
            builder, loc,
            arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, i,
                                  s.index(0)),
            s.index(0), arith::SubIOp::create(builder, loc, i, s.index(1)));
        Value above = s.slice(carried[0], {OpFoldResult(previous), zero},
                              {one, width}, {0});
        // A column starts at 0 in its own row and grows from there.
        Value line = s.elementwise(
            {above}, s.empty({width}, element),
            [&](TensorBuilder &e, ValueRange x) -> Value {
              Value j = linalg::IndexOp::create(e.builder, e.loc, 0);
              Value started = arith::CmpIOp::create(
                  e.builder, e.loc, arith::CmpIPredicate::ult, j, i);
              return arith::SelectOp::create(e.builder, e.loc, started,
                                             e.add(x[0], g),
                                             e.number(element, 0));
            });
        scf::YieldOp::create(
            builder, loc,
            s.insert(line, carried[0], {OpFoldResult(i), zero}, {one, width}));
      });
  Value sums = loop.getResult(0);
  Value mask = b.elementwise(
      {sums}, b.empty({attr(rows), attr(rows)}, element),
      [&](TensorBuilder &s, ValueRange x) -> Value {
        Value i = linalg::IndexOp::create(s.builder, s.loc, 0);
        Value j = linalg::IndexOp::create(s.builder, s.loc, 1);
        Value keep = arith::CmpIOp::create(s.builder, s.loc,
                                           arith::CmpIPredicate::uge, i, j);
        return arith::SelectOp::create(s.builder, s.loc, keep, s.exp(x[0]),
                                       s.number(element, 0));
      });
  DecayedChunk parts = buildMasked(mask);
  // From the chunk's start through row i: the first column and row 0's own.
  Value own = tensor::ExtractOp::create(b.builder, b.loc, decay,
                                        ValueRange{b.index(0)});
  AffineMap column = AffineMap::get(
      1, 0, {b.builder.getAffineDimExpr(0), b.builder.getAffineConstantExpr(0)},
      b.builder.getContext());
  Value fromStart = b.generic(
      {sums}, b.empty({attr(rows)}, element), {column, b.map(1, {0})}, 1,
      [&](TensorBuilder &s, ValueRange x) { return s.exp(s.add(x[0], own)); });
  Value toEnd =
      b.slice(mask, {attr(rows - 1), attr(0)}, {attr(1), attr(rows)}, {0});
  Value room = b.empty({attr(rows), attr(keyWidth)}, element);
  parts.queries = rescale(b, parts.queries, fromStart, 0, room);
  parts.keys =
      rescale(b, key, toEnd, 0, b.empty({attr(rows), attr(keyWidth)}, element));
  parts.total = b.slice(fromStart, {attr(rows - 1)}, {attr(1)});
  return parts;
}

/// o = (decayed queries) S + scores v
Value ChunkBuilder::read(DecayedChunk &parts, Value output, Value state) {
  SmallVector<AffineMap> plain{b.map(3, {0, 2}), b.map(3, {2, 1}),
                               b.map(3, {0, 1})};
  Value zeros =
      linalg::FillOp::create(b.builder, b.loc, ValueRange{b.number(element, 0)},
                             ValueRange{output})
          .getResult(0);
  Value result = b.contract(parts.queries, state, zeros, plain, 2);
  for (auto [index, scores] : llvm::enumerate(parts.scores)) {
    int64_t first = index * block, end = first + block;
    Value line =
        b.contract(scores, part(value, 0, end, 0, valueWidth),
                   part(result, first, block, 0, valueWidth), plain, 2);
    result = put(line, result, first, block, 0, valueWidth);
  }
  return result;
}

/// S = total S + (decayed keys)^T v
Value ChunkBuilder::update(DecayedChunk &parts, Value state) {
  if (parts.total) {
    bool perRow = cast<RankedTensorType>(parts.total.getType()).getDimSize(0) ==
                      keyWidth &&
                  parts.keysAreTransposed;
    AffineMap factor =
        perRow ? b.map(2, {0})
               : AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(0)},
                                b.builder.getContext());
    state = b.generic(
        {parts.total}, state, {factor, b.map(2, {0, 1})}, 2,
        [](TensorBuilder &s, ValueRange x) { return s.mul(x[1], x[0]); });
  }
  // Loops: key, value, row.
  AffineMap keys =
      parts.keysAreTransposed ? b.map(3, {0, 2}) : b.map(3, {2, 0});
  return b.contract(parts.keys, value, state,
                    {keys, b.map(3, {2, 1}), b.map(3, {0, 1})}, 2);
}

} // namespace

Values LinearScanOp::buildChunk(OpBuilder &builder, Location loc,
                                ValueRange inputs, ValueRange outputs,
                                ValueRange states) {
  ChunkBuilder chunk(builder, loc, inputs);
  return chunk.build(outputs[0], states[0]);
}
