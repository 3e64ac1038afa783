//===- ChunkScans.cpp - Scans as parallel loops over chunks ---------------===//
//
// Written against the chunk interface: independent dims become scf.forall,
// time an scf.for with the states as loop values, the rest of the tokens one
// padded chunk (or single tokens when they are few).
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace gate {
#define GEN_PASS_DEF_CHUNKSCANS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

/// Up to this many tokens past the last full chunk are done one by one: a
/// padded chunk costs as much as a full one.
static constexpr int64_t fewTokens = 6;

namespace {

/// Rewrites one op.
class ScanChunker {
public:
  ScanChunker(ChunkOpInterface op, OpBuilder &builder, int64_t chunk)
      : op(op), builder(builder), loc(op.getLoc()), chunk(chunk) {}

  Values rewrite();

private:
  Values buildBody(TensorBuilder &b, ValueRange parallel, Values tiles,
                   OpFoldResult time);
  /// Tokens [position, position + size) in scan order on the tiles of one
  /// parallel index: outputs of all its tokens, then states.
  Values buildTokens(TensorBuilder &b, ValueRange parallel, Values tiles,
                     OpFoldResult position, OpFoldResult size, int64_t rows,
                     OpFoldResult time);
  Value loop(TensorBuilder &b, Value from, Value to, int64_t step,
             Values &tiles,
             function_ref<Values(TensorBuilder &, Value, Values)> body);
  /// Writes rows [0, size) of `tile` to rows [offset, ...) of `output`.
  Value store(TensorBuilder &b, Value tile, Value output, OpFoldResult offset,
              OpFoldResult size);

  ChunkOpInterface op;
  OpBuilder &builder;
  Location loc;
  int64_t chunk;
  /// Results that the loops carry: outputs that are used, and all states.
  SmallVector<unsigned> carried;
  /// How many of them are outputs.
  unsigned carriedOutputs = 0;
};

} // namespace

static Value asValue(TensorBuilder &b, OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
}

/// a + sign * b on sizes, folded where both are constants.
static OpFoldResult combine(TensorBuilder &b, OpFoldResult lhs,
                            OpFoldResult rhs, int64_t sign) {
  AffineExpr d0, d1;
  bindDims(b.builder.getContext(), d0, d1);
  return affine::makeComposedFoldedAffineApply(b.builder, b.loc, d0 + d1 * sign,
                                               {lhs, rhs});
}

Value ScanChunker::store(TensorBuilder &b, Value tile, Value output,
                         OpFoldResult offset, OpFoldResult size) {
  auto outputType = cast<RankedTensorType>(output.getType());
  Sizes sizes = b.sizes(tile);
  Sizes zeros(sizes.size(), b.builder.getIndexAttr(0));
  Sizes offsets = zeros;
  offsets[0] = offset;
  // One row is the same in both orders.
  bool flips =
      op.isReverse() && getConstantIntValue(size) != std::optional<int64_t>(1);
  if (!flips) {
    sizes[0] = size;
    Value part = tile;
    if (getConstantIntValue(size) !=
        std::optional<int64_t>(
            cast<RankedTensorType>(tile.getType()).getDimSize(0)))
      part = b.slice(tile, zeros, sizes);
    Type element = outputType.getElementType();
    if (cast<RankedTensorType>(tile.getType()).getElementType() == element)
      return b.insert(part, output, offsets, sizes);
    Value into = b.slice(output, offsets, sizes);
    into = b.elementwise({part}, into, [&](TensorBuilder &s, ValueRange args) {
      return s.convert(args[0], element);
    });
    return b.insert(into, output, offsets, sizes);
  }
  // Row i of the tile is token offset + size - 1 - i.
  sizes[0] = b.builder.getIndexAttr(1);
  OpFoldResult last =
      combine(b, combine(b, offset, size, 1), b.builder.getIndexAttr(1), -1);
  Values carried{output};
  return loop(b, b.index(0), asValue(b, size), 1, carried,
              [&](TensorBuilder &s, Value i, Values in) -> Values {
                Sizes from = zeros, to = zeros;
                from[0] = i;
                to[0] = combine(s, last, i, -1);
                Value row = s.slice(tile, from, sizes);
                Type element = outputType.getElementType();
                row = s.elementwise({row}, s.slice(in[0], to, sizes),
                                    [&](TensorBuilder &e, ValueRange args) {
                                      return e.convert(args[0], element);
                                    });
                return {s.insert(row, in[0], to, sizes)};
              });
}

Value ScanChunker::loop(
    TensorBuilder &b, Value from, Value to, int64_t step, Values &tiles,
    function_ref<Values(TensorBuilder &, Value, Values)> body) {
  auto loopOp = scf::ForOp::create(
      b.builder, b.loc, from, to, b.index(step), tiles,
      [&](OpBuilder &inner, Location l, Value iv, ValueRange carried) {
        TensorBuilder s(inner, l);
        scf::YieldOp::create(inner, l, body(s, iv, Values(carried)));
      });
  tiles = Values(loopOp.getResults());
  return tiles[0];
}

Values ScanChunker::buildTokens(TensorBuilder &b, ValueRange parallel,
                                Values tiles, OpFoldResult position,
                                OpFoldResult size, int64_t rows,
                                OpFoldResult time) {
  unsigned outputs = op.getNumChunkOutputs();
  OpFoldResult offset = position;
  if (op.isReverse())
    offset = combine(b, combine(b, time, position, -1), size, -1);
  Values inputs =
      op.buildInputTiles(b.builder, b.loc, parallel, offset, size, rows);
  Values rooms;
  bool direct = (!op.isReverse() || rows == 1) &&
                getConstantIntValue(size) == std::optional<int64_t>(rows);
  // An output that nobody reads has a tile to write to, and no more.
  auto tileOf = [&](unsigned output) {
    auto found = llvm::find(carried, output);
    return found == carried.end()
               ? Value()
               : tiles[std::distance(carried.begin(), found)];
  };
  for (unsigned i = 0; i < outputs; ++i) {
    RankedTensorType type = op.getResultTileType(i, rows);
    Value tile = tileOf(i);
    if (direct && tile &&
        cast<RankedTensorType>(tile.getType()).getElementType() ==
            type.getElementType()) {
      Sizes sizes = b.sizes(tile),
            offsets(sizes.size(), b.builder.getIndexAttr(0));
      offsets[0] = offset;
      sizes[0] = size;
      rooms.push_back(b.slice(tile, offsets, sizes));
      continue;
    }
    Sizes sizes;
    for (int64_t extent : type.getShape())
      sizes.push_back(b.builder.getIndexAttr(extent));
    rooms.push_back(b.empty(sizes, type.getElementType()));
  }
  Values states(ArrayRef<Value>(tiles).drop_front(carriedOutputs));
  Values results = op.buildChunk(b.builder, b.loc, inputs, rooms, states);
  Values next;
  for (unsigned i : carried)
    next.push_back(i < outputs ? store(b, results[i], tileOf(i), offset, size)
                               : results[i]);
  return next;
}

Values ScanChunker::buildBody(TensorBuilder &b, ValueRange parallel,
                              Values tiles, OpFoldResult time) {
  std::optional<int64_t> tokens = getConstantIntValue(time);
  OpFoldResult chunkSize = b.builder.getIndexAttr(chunk);
  // Static and few: one by one.
  if (tokens && *tokens <= fewTokens) {
    for (int64_t t = 0; t < *tokens; ++t)
      tiles = buildTokens(b, parallel, tiles, b.builder.getIndexAttr(t),
                          b.builder.getIndexAttr(1), 1, time);
    return tiles;
  }
  AffineExpr d0, d1;
  bindDims(b.builder.getContext(), d0, d1);
  OpFoldResult full = affine::makeComposedFoldedAffineApply(
      b.builder, b.loc, d0.floorDiv(chunk) * chunk, {time});
  if (chunk == 1 || (tokens && *tokens % chunk == 0)) {
    loop(b, b.index(0), asValue(b, full), chunk, tiles,
         [&](TensorBuilder &s, Value position, Values in) {
           return buildTokens(s, parallel, in, OpFoldResult(position),
                              chunkSize, chunk, time);
         });
    return tiles;
  }
  // One body for full chunks and the last, shorter one: tiles are padded
  // copies, so the code exists once. Few tokens past a chunk go one by one.
  Value all = asValue(b, time), whole = asValue(b, full);
  Value rest = arith::SubIOp::create(b.builder, b.loc, all, whole);
  Value isFew = arith::CmpIOp::create(
      b.builder, b.loc, arith::CmpIPredicate::ule, rest, b.index(fewTokens));
  Value chunked = arith::SelectOp::create(b.builder, b.loc, isFew, whole, all);
  AffineMap sizeMap =
      AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(chunk), d0 - d1},
                     b.builder.getContext());
  loop(b, b.index(0), chunked, chunk, tiles,
       [&](TensorBuilder &s, Value position, Values in) {
         Value size = affine::AffineMinOp::create(s.builder, s.loc, sizeMap,
                                                  ValueRange{all, position});
         return buildTokens(s, parallel, in, OpFoldResult(position),
                            OpFoldResult(size), chunk, time);
       });
  loop(b, chunked, all, 1, tiles,
       [&](TensorBuilder &s, Value position, Values in) {
         return buildTokens(s, parallel, in, OpFoldResult(position),
                            s.builder.getIndexAttr(1), 1, time);
       });
  return tiles;
}

Values ScanChunker::rewrite() {
  TensorBuilder b(builder, loc);
  Sizes parallelSizes = op.getParallelSizes(builder, loc);
  OpFoldResult time = op.getTimeSize(builder, loc);
  unsigned outputs = op.getNumChunkOutputs(), results = op->getNumResults();
  unsigned rank = parallelSizes.size();

  // Sizes of the results, from the tile of one index: a parallel dim where
  // the offset is an index, else the tile's size.
  auto sizesOf = [&](unsigned result) {
    Values probes;
    for (unsigned i = 0; i < rank; ++i)
      probes.push_back(b.index(0));
    Sizes offsets, sizes;
    op.getResultTile(builder, loc, result, probes, builder.getIndexAttr(0),
                     time, offsets, sizes);
    for (auto [dim, offset] : llvm::enumerate(offsets))
      for (unsigned i = 0; i < rank; ++i)
        if (auto value = dyn_cast<Value>(offset); value == probes[i])
          sizes[dim] = parallelSizes[i];
    return sizes;
  };
  Values inits, replaced;
  for (unsigned i = 0; i < results; ++i) {
    Type element =
        cast<RankedTensorType>(op->getResult(i).getType()).getElementType();
    Value initial = i < outputs ? Value() : op.getInitialState(i);
    Value init = initial ? initial : b.empty(sizesOf(i), element);
    replaced.push_back(init);
    if (i < outputs && op->getResult(i).use_empty())
      continue;
    carriedOutputs += i < outputs;
    carried.push_back(i);
    inits.push_back(init);
  }

  // No token: upstream refuses slices that start at the end of a static dim.
  if (getConstantIntValue(time) == std::optional<int64_t>(0)) {
    for (unsigned i = 0; i < results; ++i) {
      auto type = cast<RankedTensorType>(op->getResult(i).getType());
      if (i >= outputs && !op.getInitialState(i))
        replaced[i] = b.filled(sizesOf(i), type.getElementType(), 0);
      replaced[i] = b.castTo(replaced[i], type);
    }
    return replaced;
  }

  auto forall = scf::ForallOp::create(
      builder, loc, parallelSizes, inits, std::nullopt,
      [&](OpBuilder &inner, Location l, ValueRange arguments) {
        TensorBuilder s(inner, l);
        ValueRange parallel = arguments.take_front(rank);
        ValueRange shared = arguments.drop_front(rank);
        Values tiles;
        SmallVector<std::pair<Sizes, Sizes>> places;
        for (auto [position, i] : llvm::enumerate(carried)) {
          Sizes offsets, sizes;
          op.getResultTile(inner, l, i, parallel, inner.getIndexAttr(0), time,
                           offsets, sizes);
          SmallVector<int64_t> drop;
          for (auto [dim, offset] : llvm::enumerate(offsets))
            if (auto value = dyn_cast<Value>(offset);
                value && llvm::is_contained(parallel, value))
              drop.push_back(dim);
          Value tile = s.slice(shared[position], offsets, sizes, drop);
          if (i >= outputs && !op.getInitialState(i))
            tile =
                linalg::FillOp::create(
                    inner, l,
                    ValueRange{s.number(
                        cast<RankedTensorType>(tile.getType()).getElementType(),
                        0)},
                    ValueRange{tile})
                    .getResult(0);
          tiles.push_back(tile);
          for (OpFoldResult &size : sizes)
            if (std::optional<int64_t> constant = getConstantIntValue(size))
              size = inner.getIndexAttr(*constant);
          places.push_back({offsets, sizes});
        }
        tiles = buildBody(s, parallel, tiles, time);
        auto terminator = scf::InParallelOp::create(inner, l);
        inner.setInsertionPointToStart(terminator.getBody());
        for (unsigned i = 0; i < carried.size(); ++i) {
          Sizes strides(places[i].first.size(), inner.getIndexAttr(1));
          tensor::ParallelInsertSliceOp::create(inner, l, tiles[i], shared[i],
                                                places[i].first,
                                                places[i].second, strides);
        }
      });
  for (auto [position, index] : llvm::enumerate(carried))
    replaced[index] = forall.getResult(position);
  for (auto [index, value] : llvm::enumerate(replaced))
    replaced[index] = b.castTo(value, op->getResult(index).getType());
  return replaced;
}

namespace {
struct ChunkScans : gate::impl::ChunkScansBase<ChunkScans> {
  using gate::impl::ChunkScansBase<ChunkScans>::ChunkScansBase;

  void runOnOperation() override {
    if (chunkSize < 0 || chunkSize % 16 != 0) {
      getOperation().emitError()
          << "expects chunk-size to be a positive multiple of 16, got "
          << chunkSize.getValue();
      return signalPassFailure();
    }
    SmallVector<ChunkOpInterface> ops;
    getOperation().walk([&](ChunkOpInterface op) { ops.push_back(op); });
    for (ChunkOpInterface op : ops) {
      OpBuilder builder(op);
      // An op that prefers one token at a time knows no other way.
      int64_t chunk = op.getPreferredChunk();
      if (chunkSize && chunk != 1)
        chunk = chunkSize;
      Values results = ScanChunker(op, builder, chunk).rewrite();
      op->replaceAllUsesWith(results);
      op->erase();
    }
  }
};
} // namespace
