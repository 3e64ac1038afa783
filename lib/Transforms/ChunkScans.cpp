//===- ChunkScans.cpp - Scans as parallel loops over chunks ---------------===//
//
// Written against the chunk interface: independent dims become scf.forall,
// time an scf.for with the states as loop values, the rest of the tokens one
// padded chunk (or single tokens when they are few). Where states combine, time
// can be split too (ScanSegments.cpp).
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScanChunker.h"
#include "gate/Transforms/Passes.h"
#include "gate/Transforms/Schedule.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace gate {
#define GEN_PASS_DEF_CHUNKSCANS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

Value gate::asValue(TensorBuilder &b, OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
}

OpFoldResult gate::combine(TensorBuilder &b, OpFoldResult lhs, OpFoldResult rhs,
                           int64_t sign) {
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

/// Input tiles of tokens [position, position + size) in scan order; `offset`
/// is the row of the first of them in memory.
Values ScanChunker::inputTiles(TensorBuilder &b, ValueRange parallel,
                               OpFoldResult position, OpFoldResult size,
                               int64_t rows, OpFoldResult &offset) {
  offset = position;
  if (op.isReverse())
    offset = combine(b, combine(b, time, position, -1), size, -1);
  return op.buildInputTiles(b.builder, b.loc, parallel, offset, size, rows);
}

Values ScanChunker::buildTokens(TensorBuilder &b, ValueRange parallel,
                                Values tiles, OpFoldResult position,
                                OpFoldResult size, int64_t rows,
                                const Span &span) {
  unsigned outputs = op.getNumChunkOutputs();
  OpFoldResult offset;
  Values inputs = inputTiles(b, parallel, position, size, rows, offset);
  OpFoldResult row = combine(b, offset, span.firstRow, -1);
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
      offsets[0] = row;
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
    next.push_back(i < outputs ? store(b, results[i], tileOf(i), row, size)
                               : results[i]);
  return next;
}

/// Tokens of the dense chunk that begins at `position`.
OpFoldResult ScanChunker::chunkSize(TensorBuilder &b, Value position) {
  std::optional<int64_t> tokens = getConstantIntValue(time);
  if (tokens && *tokens % chunk == 0)
    return b.builder.getIndexAttr(chunk);
  AffineExpr d0, d1;
  bindDims(b.builder.getContext(), d0, d1);
  AffineMap sizeMap =
      AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(chunk), d0 - d1},
                     b.builder.getContext());
  return affine::AffineMinOp::create(b.builder, b.loc, sizeMap,
                                     ValueRange{asValue(b, time), position})
      .getResult();
}

/// The row in memory of the first of `size` tokens at `position`.
OpFoldResult ScanChunker::firstRowOf(TensorBuilder &b, OpFoldResult position,
                                     OpFoldResult size) {
  if (!op.isReverse())
    return position;
  return combine(b, combine(b, time, position, -1), size, -1);
}

/// The rows of the chunk at `position` of what is ready.
Values ScanChunker::stateFreeTiles(TensorBuilder &b, ValueRange parallel,
                                   Value position, OpFoldResult offset,
                                   OpFoldResult size,
                                   SmallVectorImpl<Place> *places,
                                   ValueRange from) {
  Values tiles;
  SmallVector<RankedTensorType> types = op.getStateFreeTypes(chunk);
  for (auto [rows, type] : llvm::zip(from, types)) {
    Place place;
    place.sizes = b.sizes(rows);
    place.offsets.assign(place.sizes.size(), b.builder.getIndexAttr(0));
    SmallVector<int64_t> drop;
    for (auto [dim, index] : llvm::enumerate(parallel)) {
      place.offsets[dim] = index;
      place.sizes[dim] = b.builder.getIndexAttr(1);
      drop.push_back(dim);
    }
    // A row for each token, or one.
    int64_t dim = parallel.size();
    if (type.getDimSize(0) == 1) {
      AffineExpr d0 = b.builder.getAffineDimExpr(0);
      place.offsets[dim] = affine::makeComposedFoldedAffineApply(
          b.builder, b.loc, d0.floorDiv(chunk), {OpFoldResult(position)});
      place.sizes[dim] = b.builder.getIndexAttr(1);
      drop.push_back(dim);
    } else {
      place.offsets[dim] = offset;
      place.sizes[dim] = size;
    }
    tiles.push_back(b.slice(rows, place.offsets, place.sizes, drop));
    if (places)
      places->push_back(place);
  }
  return tiles;
}

/// What all dense chunks can have ready, side by side: it waits for no state.
void ScanChunker::makeStateFree(TensorBuilder &b) {
  SmallVector<RankedTensorType> types = op.getStateFreeTypes(chunk);
  if (types.empty())
    return;
  AffineExpr d0 = builder.getAffineDimExpr(0);
  OpFoldResult chunks = affine::makeComposedFoldedAffineApply(
      builder, loc, d0.ceilDiv(chunk), {time});
  // Neighbours that share tiles have them once.
  int64_t share = op.getStateFreeShare();
  Sizes space = parallelSizes;
  space.back() = affine::makeComposedFoldedAffineApply(
      builder, loc, d0.floorDiv(share), {space.back()});
  Values inits;
  for (RankedTensorType type : types) {
    Sizes sizes = space;
    sizes.push_back(type.getDimSize(0) == 1 ? chunks : time);
    for (int64_t extent : type.getShape().drop_front())
      sizes.push_back(builder.getIndexAttr(extent));
    inits.push_back(b.empty(sizes, type.getElementType()));
  }
  space.push_back(chunks);
  stateFree = forall(
      b, space, inits,
      [&](TensorBuilder &s, ValueRange indices, ValueRange shared,
          SmallVectorImpl<Place> &places) {
        Values own(indices.drop_back());
        Value position = asValue(s, affine::makeComposedFoldedAffineApply(
                                        s.builder, s.loc, d0 * chunk,
                                        {OpFoldResult(indices.back())}));
        OpFoldResult size = chunkSize(s, position);
        OpFoldResult offset = firstRowOf(s, position, size);
        Values rooms =
            stateFreeTiles(s, own, position, offset, size, &places, shared);
        Values parallel = own;
        parallel.back() = asValue(
            s, affine::makeComposedFoldedAffineApply(
                   s.builder, s.loc, d0 * share, {OpFoldResult(own.back())}));
        Values tiles = op.buildStateFreeTiles(s.builder, s.loc, parallel,
                                              offset, size, chunk);
        // A shorter chunk may have fewer columns, too: others are zero.
        for (auto [tile, room] : llvm::zip(tiles, rooms)) {
          Sizes sizes = s.sizes(tile), whole = s.sizes(room);
          if (llvm::all_of(llvm::zip(sizes, whole), [](auto pair) {
                return isEqualConstantIntOrValue(std::get<0>(pair),
                                                 std::get<1>(pair));
              }))
            continue;
          Sizes offsets(sizes.size(), s.builder.getIndexAttr(0));
          auto type = cast<RankedTensorType>(room.getType());
          tile = s.insert(tile, s.filled(whole, type.getElementType(), 0),
                          offsets, sizes);
        }
        return tiles;
      });
}

/// Chunks as they lie in memory; the last one has fewer rows.
Values ScanChunker::buildDense(TensorBuilder &b, ValueRange parallel,
                               Values tiles, const Span &span) {
  OpFoldResult end = combine(b, span.begin, span.size, 1);
  // Spans begin at multiples of a chunk: only the last token of all ends one.
  loop(b, asValue(b, span.begin), asValue(b, end), chunk, tiles,
       [&](TensorBuilder &s, Value position, Values in) {
         OpFoldResult size = chunkSize(s, position);
         OpFoldResult offset = firstRowOf(s, position, size);
         Values states(ArrayRef<Value>(in).drop_front(carriedOutputs));
         Values ready;
         if (!stateFree.empty()) {
           Values own(parallel);
           own.back() = asValue(s, affine::makeComposedFoldedAffineApply(
                                       s.builder, s.loc,
                                       s.builder.getAffineDimExpr(0).floorDiv(
                                           op.getStateFreeShare()),
                                       {OpFoldResult(own.back())}));
           ready = stateFreeTiles(s, own, position, offset, size, nullptr,
                                  stateFree);
         }
         Values results = op.buildDenseChunk(s.builder, s.loc, parallel, offset,
                                             size, states, ready);
         // Outputs are rows of the span's own tensor.
         OpFoldResult row = combine(s, offset, span.firstRow, -1);
         Values next;
         for (auto [place, i] : llvm::enumerate(carried)) {
           if (i >= op.getNumChunkOutputs()) {
             next.push_back(results[i]);
             continue;
           }
           Sizes sizes = s.sizes(in[place]);
           Sizes offsets(sizes.size(), s.builder.getIndexAttr(0));
           offsets[0] = row;
           sizes[0] = size;
           next.push_back(s.insert(results[i], in[place], offsets, sizes));
         }
         return next;
       });
  return tiles;
}

Values ScanChunker::buildBody(TensorBuilder &b, ValueRange parallel,
                              Values tiles, const Span &span) {
  std::optional<int64_t> tokens = getConstantIntValue(span.size);
  OpFoldResult chunkSize = b.builder.getIndexAttr(chunk);
  // Static and few: one by one.
  if (tokens && *tokens <= fewTokens) {
    for (int64_t t = 0; t < *tokens; ++t)
      tiles = buildTokens(b, parallel, tiles,
                          combine(b, span.begin, b.builder.getIndexAttr(t), 1),
                          b.builder.getIndexAttr(1), 1, span);
    return tiles;
  }
  if (dense)
    return buildDense(b, parallel, tiles, span);
  AffineExpr d0, d1;
  bindDims(b.builder.getContext(), d0, d1);
  OpFoldResult full =
      combine(b, span.begin,
              affine::makeComposedFoldedAffineApply(
                  b.builder, b.loc, d0.floorDiv(chunk) * chunk, {span.size}),
              1);
  if (chunk == 1 || (tokens && *tokens % chunk == 0)) {
    loop(b, asValue(b, span.begin), asValue(b, full), chunk, tiles,
         [&](TensorBuilder &s, Value position, Values in) {
           return buildTokens(s, parallel, in, OpFoldResult(position),
                              chunkSize, chunk, span);
         });
    return tiles;
  }
  // One body for full chunks and the last, shorter one: tiles are padded
  // copies, so the code exists once. Few tokens past a chunk go one by one.
  Value all = asValue(b, combine(b, span.begin, span.size, 1)),
        whole = asValue(b, full);
  Value rest = arith::SubIOp::create(b.builder, b.loc, all, whole);
  Value isFew = arith::CmpIOp::create(
      b.builder, b.loc, arith::CmpIPredicate::ule, rest, b.index(fewTokens));
  Value chunked = arith::SelectOp::create(b.builder, b.loc, isFew, whole, all);
  AffineMap sizeMap =
      AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(chunk), d0 - d1},
                     b.builder.getContext());
  loop(b, asValue(b, span.begin), chunked, chunk, tiles,
       [&](TensorBuilder &s, Value position, Values in) {
         Value size = affine::AffineMinOp::create(s.builder, s.loc, sizeMap,
                                                  ValueRange{all, position});
         return buildTokens(s, parallel, in, OpFoldResult(position),
                            OpFoldResult(size), chunk, span);
       });
  loop(b, chunked, all, 1, tiles,
       [&](TensorBuilder &s, Value position, Values in) {
         return buildTokens(s, parallel, in, OpFoldResult(position),
                            s.builder.getIndexAttr(1), 1, span);
       });
  return tiles;
}

/// Sizes of a result, from the tile of one index: a parallel dim where the
/// offset is an index, else the tile's size.
Sizes ScanChunker::sizesOf(TensorBuilder &b, unsigned result) {
  Values probes;
  for (size_t i = 0; i < parallelSizes.size(); ++i)
    probes.push_back(b.index(0));
  Sizes offsets, sizes;
  op.getResultTile(builder, loc, result, probes, builder.getIndexAttr(0), time,
                   offsets, sizes);
  for (auto [dim, offset] : llvm::enumerate(offsets))
    for (auto [probe, parallel] : llvm::zip(probes, parallelSizes))
      if (auto value = dyn_cast<Value>(offset); value == probe)
        sizes[dim] = parallel;
  return sizes;
}

/// The part of `tensor`, shaped like result `result`, that belongs to one
/// parallel index: rows [offset, offset + size) of an output, or a state.
Value ScanChunker::tileOf(TensorBuilder &b, Value tensor, unsigned result,
                          ValueRange parallel, OpFoldResult offset,
                          OpFoldResult size, Place &place) {
  op.getResultTile(b.builder, b.loc, result, parallel, offset, size,
                   place.offsets, place.sizes);
  SmallVector<int64_t> drop;
  for (auto [dim, offset] : llvm::enumerate(place.offsets))
    if (auto value = dyn_cast<Value>(offset);
        value && llvm::is_contained(parallel, value))
      drop.push_back(dim);
  Value tile = b.slice(tensor, place.offsets, place.sizes, drop);
  for (OpFoldResult &extent : place.sizes)
    if (std::optional<int64_t> constant = getConstantIntValue(extent))
      extent = b.builder.getIndexAttr(*constant);
  return tile;
}

/// scf.forall whose body returns a tile per shared tensor and their places.
Values
ScanChunker::forall(TensorBuilder &b, ArrayRef<OpFoldResult> sizes,
                    Values inits,
                    function_ref<Values(TensorBuilder &, ValueRange, ValueRange,
                                        SmallVectorImpl<Place> &)>
                        body) {
  auto op = scf::ForallOp::create(
      b.builder, b.loc, sizes, inits, std::nullopt,
      [&](OpBuilder &inner, Location l, ValueRange arguments) {
        TensorBuilder s(inner, l);
        ValueRange shared = arguments.drop_front(sizes.size());
        SmallVector<Place> places;
        Values tiles =
            body(s, arguments.take_front(sizes.size()), shared, places);
        auto terminator = scf::InParallelOp::create(inner, l);
        inner.setInsertionPointToStart(terminator.getBody());
        for (auto [tile, tensor, place] : llvm::zip(tiles, shared, places)) {
          Sizes strides(place.offsets.size(), inner.getIndexAttr(1));
          tensor::ParallelInsertSliceOp::create(
              inner, l, tile, tensor, place.offsets, place.sizes, strides);
        }
      });
  recordSchedule(op, made);
  return Values(op.getResults());
}

Value gate::fillZero(TensorBuilder &b, Value tile) {
  Type element = cast<RankedTensorType>(tile.getType()).getElementType();
  return linalg::FillOp::create(b.builder, b.loc,
                                ValueRange{b.number(element, 0)},
                                ValueRange{tile})
      .getResult(0);
}

/// One task per parallel index walks over all tokens.
Values ScanChunker::rewriteWhole(TensorBuilder &b, Values results) {
  unsigned outputs = op.getNumChunkOutputs();
  Values inits;
  for (unsigned i : carried)
    inits.push_back(results[i]);
  OpFoldResult zero = builder.getIndexAttr(0);
  Values made =
      forall(b, parallelSizes, inits,
             [&](TensorBuilder &s, ValueRange parallel, ValueRange shared,
                 SmallVectorImpl<Place> &places) {
               Values tiles;
               for (auto [position, i] : llvm::enumerate(carried)) {
                 Value tile = tileOf(s, shared[position], i, parallel, zero,
                                     time, places.emplace_back());
                 if (i >= outputs && !op.getInitialState(i))
                   tile = fillZero(s, tile);
                 tiles.push_back(tile);
               }
               return buildBody(s, parallel, tiles, {zero, time, zero});
             });
  for (auto [position, index] : llvm::enumerate(carried))
    results[index] = made[position];
  return results;
}

Values ScanChunker::rewriteCase(TensorBuilder &b, Values results,
                                ScheduleCaseAttr chosen) {
  made = chosen;
  chunk = *chosen.getNumber("chunk");
  segment = *chosen.getNumber("segment");
  fewTokens = *chosen.getNumber("few_tokens");
  dense = chosen.getText("form") == StringRef("dense") && chunk > 1 &&
          op.hasDenseChunk();
  if (!op.canCombineStates())
    segment = 0;
  stateFree.clear();
  std::optional<int64_t> tokens = getConstantIntValue(time);
  if (dense && !(tokens && *tokens <= fewTokens))
    makeStateFree(b);
  results = segment == 0 || (tokens && *tokens <= segment)
                ? rewriteWhole(b, results)
                : rewriteSegments(b, results);
  for (auto [index, value] : llvm::enumerate(results))
    value = b.castTo(value, op->getResult(index).getType());
  return results;
}

Values ScanChunker::rewrite(ScheduleAttr schedule) {
  TensorBuilder b(builder, loc);
  parallelSizes = op.getParallelSizes(builder, loc);
  time = op.getTimeSize(builder, loc);
  unsigned outputs = op.getNumChunkOutputs(), number = op->getNumResults();

  // Before any test of a guard: all cases write to the same tensors.
  Values results;
  for (unsigned i = 0; i < number; ++i) {
    Type element =
        cast<RankedTensorType>(op->getResult(i).getType()).getElementType();
    Value initial = i < outputs ? Value() : op.getInitialState(i);
    results.push_back(initial ? initial : b.empty(sizesOf(b, i), element));
    if (i < outputs && op->getResult(i).use_empty())
      continue;
    carriedOutputs += i < outputs;
    carried.push_back(i);
  }

  // No token: upstream refuses slices that start at the end of a static dim.
  if (getConstantIntValue(time) == std::optional<int64_t>(0)) {
    for (unsigned i = 0; i < number; ++i) {
      if (i >= outputs && !op.getInitialState(i))
        results[i] = fillZero(b, results[i]);
      results[i] = b.castTo(results[i], op->getResult(i).getType());
    }
    return results;
  }
  return buildCases(
      builder, op, schedule,
      [&](StringRef role) {
        if (role == "time")
          return time;
        // Known, as guards on the batch are refused.
        for (const AnchorSize &size : anchorSizes(op, AnchorKind::Scan))
          if (size.role == role)
            return OpFoldResult(builder.getIndexAttr(size.size));
        return OpFoldResult();
      },
      [&](OpBuilder &inner, ScheduleCaseAttr chosen) {
        TensorBuilder s(inner, loc);
        return rewriteCase(s, results, chosen);
      });
}

namespace {
struct ChunkScans : gate::impl::ChunkScansBase<ChunkScans> {
  using gate::impl::ChunkScansBase<ChunkScans>::ChunkScansBase;

  void runOnOperation() override {
    auto rewriteOne = [&](ChunkOpInterface op, ScheduleAttr schedule) {
      return rewrite(op, schedule);
    };
    if (failed(rewriteAnchors<ChunkOpInterface>(getOperation(),
                                                AnchorKind::Scan, rewriteOne)))
      signalPassFailure();
  }

  LogicalResult rewrite(ChunkOpInterface op, ScheduleAttr schedule) {
    bool splits = llvm::any_of(schedule.getCases(), [](ScheduleCaseAttr made) {
      return *made.getNumber("segment") != 0;
    });
    if (splits && !op.canCombineStates())
      remark::missed(op.getLoc(), remark::RemarkOpts::name("ChunkScans")
                                      .category(getArgument())
                                      .function(getOperation().getName()))
          << remark::reason("time is not split: the states of {0} cannot be "
                            "combined",
                            op->getName().getStringRef());
    OpBuilder builder(op);
    Values results = ScanChunker(op, builder).rewrite(schedule);
    op->replaceAllUsesWith(results);
    op->erase();
    return success();
  }
};
} // namespace
