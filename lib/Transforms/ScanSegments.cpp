//===- ScanSegments.cpp - Scans split in time -----------------------------===//
//
// A reduce-then-scan (Blelloch, CMU-CS-90-190) over segments of tokens, where
// states combine.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScanChunker.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

static Value copy(TensorBuilder &b, Value from, Value into) {
  return b.elementwise(
      {from}, into, [](TensorBuilder &, ValueRange args) { return args[0]; });
}

/// Room for a tile per parallel index and segment.
Value ScanChunker::slotsOf(TensorBuilder &b, OpFoldResult count,
                           RankedTensorType tile) {
  Sizes sizes = parallelSizes;
  sizes.push_back(count);
  for (int64_t extent : tile.getShape())
    sizes.push_back(builder.getIndexAttr(extent));
  return b.empty(sizes, tile.getElementType());
}

/// The tile at `indices`: parallel ones, then the segment.
Value ScanChunker::slot(TensorBuilder &b, Value slots, ValueRange indices,
                        RankedTensorType tile, Place &place) {
  OpFoldResult zero = b.builder.getIndexAttr(0);
  SmallVector<int64_t> drop;
  for (auto [dim, index] : llvm::enumerate(indices)) {
    place.offsets.push_back(index);
    place.sizes.push_back(b.builder.getIndexAttr(1));
    drop.push_back(dim);
  }
  for (int64_t extent : tile.getShape()) {
    place.offsets.push_back(zero);
    place.sizes.push_back(b.builder.getIndexAttr(extent));
  }
  return b.slice(slots, place.offsets, place.sizes, drop);
}

/// What every segment but the last does to the states. All are full: chunks
/// need no padding.
Values ScanChunker::summarize(TensorBuilder &b, OpFoldResult count) {
  SmallVector<RankedTensorType> types = op.getSummaryTypes();
  OpFoldResult number = combine(b, count, builder.getIndexAttr(1), -1);
  Sizes space = parallelSizes;
  space.push_back(number);
  Values inits;
  for (RankedTensorType type : types)
    inits.push_back(slotsOf(b, number, type));
  AffineExpr d0 = builder.getAffineDimExpr(0);
  return forall(
      b, space, inits,
      [&](TensorBuilder &s, ValueRange indices, ValueRange shared,
          SmallVectorImpl<Place> &places) {
        Values rooms;
        for (auto [slots, type] : llvm::zip(shared, types))
          rooms.push_back(slot(s, slots, indices, type, places.emplace_back()));
        Values summary = op.buildEmptySummary(s.builder, s.loc, rooms);
        auto bound = [&](AffineExpr expr) {
          return asValue(
              s, affine::makeComposedFoldedAffineApply(
                     s.builder, s.loc, expr, {OpFoldResult(indices.back())}));
        };
        loop(s, bound(d0 * segment), bound(d0 * segment + segment), chunk,
             summary, [&](TensorBuilder &e, Value position, Values in) {
               ValueRange parallel = indices.drop_back();
               OpFoldResult offset = position,
                            size = e.builder.getIndexAttr(chunk);
               if (dense) {
                 if (op.isReverse())
                   offset =
                       combine(e, combine(e, time, position, -1), size, -1);
                 return op.buildDenseChunkState(e.builder, e.loc, parallel,
                                                offset, size, in);
               }
               Values inputs =
                   inputTiles(e, parallel, position, size, chunk, offset);
               return op.buildChunkState(e.builder, e.loc, inputs, in);
             });
        return summary;
      });
}

/// The state before the first token, in a tile that may be overwritten.
Value ScanChunker::stateTile(TensorBuilder &b, unsigned result,
                             ValueRange parallel) {
  RankedTensorType type = op.getResultTileType(result, 0);
  Value room = tensor::EmptyOp::create(b.builder, b.loc, type, ValueRange());
  Value initial = op.getInitialState(result);
  if (!initial)
    return fillZero(b, room);
  Place place;
  return copy(b,
              tileOf(b, initial, result, parallel, b.builder.getIndexAttr(0),
                     time, place),
              room);
}

/// The states before every segment.
Values ScanChunker::combineSegments(TensorBuilder &b, Values summaries,
                                    OpFoldResult count) {
  unsigned outputs = op.getNumChunkOutputs();
  unsigned number = op->getNumResults() - outputs;
  SmallVector<RankedTensorType> types, summaryTypes = op.getSummaryTypes();
  Values inits;
  for (unsigned i = 0; i < number; ++i) {
    types.push_back(op.getResultTileType(outputs + i, 0));
    inits.push_back(slotsOf(b, count, types.back()));
  }
  // Writes the states to the slots of one segment. Both are in `values`: first
  // the slots of one parallel index, then the states.
  auto keep = [&](TensorBuilder &s, Values &values, Value index) {
    for (unsigned i = 0; i < number; ++i) {
      Place place;
      Value room = slot(s, values[i], index, types[i], place);
      values[i] = s.insert(copy(s, values[number + i], room), values[i],
                           place.offsets, place.sizes);
    }
  };
  return forall(
      b, parallelSizes, inits,
      [&](TensorBuilder &s, ValueRange parallel, ValueRange shared,
          SmallVectorImpl<Place> &places) {
        Values values, states;
        for (auto [slots, type] : llvm::zip(shared, types)) {
          Place &place = places.emplace_back();
          place.sizes = s.sizes(slots);
          place.offsets.assign(place.sizes.size(), builder.getIndexAttr(0));
          SmallVector<int64_t> drop;
          for (auto [dim, index] : llvm::enumerate(parallel)) {
            place.offsets[dim] = index;
            place.sizes[dim] = builder.getIndexAttr(1);
            drop.push_back(dim);
          }
          values.push_back(s.slice(slots, place.offsets, place.sizes, drop));
        }
        for (unsigned i = 0; i < number; ++i)
          values.push_back(stateTile(s, outputs + i, parallel));
        Value last = asValue(s, combine(s, count, builder.getIndexAttr(1), -1));
        loop(s, s.index(0), last, 1, values,
             [&](TensorBuilder &e, Value index, Values in) {
               keep(e, in, index);
               Values summary, where(parallel);
               where.push_back(index);
               for (auto [slots, type] : llvm::zip(summaries, summaryTypes)) {
                 Place place;
                 summary.push_back(slot(e, slots, where, type, place));
               }
               Values next =
                   op.combineStates(e.builder, e.loc,
                                    ValueRange(in).drop_front(number), summary);
               std::copy(next.begin(), next.end(), in.begin() + number);
               return in;
             });
        keep(s, values, last);
        values.truncate(number);
        return values;
      });
}

/// The states after the last segment, copied to where the result is.
Value ScanChunker::lastStates(TensorBuilder &b, Value starts, Value result,
                              unsigned index, OpFoldResult count) {
  return forall(b, parallelSizes, {result},
                [&](TensorBuilder &s, ValueRange parallel, ValueRange shared,
                    SmallVectorImpl<Place> &places) -> Values {
                  Values where(parallel);
                  where.push_back(asValue(
                      s, combine(s, count, builder.getIndexAttr(1), -1)));
                  Place from;
                  Value state = slot(s, starts, where,
                                     op.getResultTileType(index, 0), from);
                  Value room = tileOf(s, shared[0], index, parallel,
                                      builder.getIndexAttr(0), time,
                                      places.emplace_back());
                  return {copy(s, state, room)};
                })[0];
}

/// Time is split: what each segment does to the states, in parallel; the states
/// before each segment, in order; then the segments from there, in parallel.
/// Segments count from the first token, so they depend on nothing but the
/// number of tokens.
Values ScanChunker::rewriteSegments(TensorBuilder &b, Values results) {
  AffineExpr d0 = builder.getAffineDimExpr(0);
  // Without a token there is one segment, which hands the states on.
  OpFoldResult count = affine::makeComposedFoldedAffineMax(
      b.builder, loc,
      AffineMap::get(1, 0,
                     {builder.getAffineConstantExpr(1), d0.ceilDiv(segment)},
                     builder.getContext()),
      {time});
  Values starts = combineSegments(b, summarize(b, count), count);
  unsigned outputs = op.getNumChunkOutputs();
  Values inits;
  for (unsigned i : carried)
    inits.push_back(i < outputs ? results[i] : starts[i - outputs]);
  Sizes space = parallelSizes;
  space.push_back(count);
  std::optional<int64_t> tokens = getConstantIntValue(time);
  Values made = forall(
      b, space, inits,
      [&](TensorBuilder &s, ValueRange indices, ValueRange shared,
          SmallVectorImpl<Place> &places) {
        ValueRange parallel = indices.drop_back();
        Span span;
        span.begin = affine::makeComposedFoldedAffineApply(
            s.builder, s.loc, d0 * segment, {OpFoldResult(indices.back())});
        span.size = s.builder.getIndexAttr(segment);
        if (!tokens || *tokens % segment != 0) {
          OpFoldResult rest = combine(s, time, span.begin, -1);
          span.size = affine::makeComposedFoldedAffineMin(
              s.builder, s.loc,
              AffineMap::get(1, 0,
                             {s.builder.getAffineConstantExpr(segment), d0},
                             s.builder.getContext()),
              {rest});
        }
        span.firstRow = span.begin;
        if (op.isReverse())
          span.firstRow =
              combine(s, combine(s, time, span.begin, -1), span.size, -1);
        Values tiles;
        for (auto [position, i] : llvm::enumerate(carried)) {
          Place &place = places.emplace_back();
          tiles.push_back(i < outputs
                              ? tileOf(s, shared[position], i, parallel,
                                       span.firstRow, span.size, place)
                              : slot(s, shared[position], indices,
                                     op.getResultTileType(i, 0), place));
        }
        return buildBody(s, parallel, tiles, span);
      });
  for (auto [position, index] : llvm::enumerate(carried))
    results[index] = index < outputs ? made[position]
                                     : lastStates(b, made[position],
                                                  results[index], index, count);
  return results;
}
