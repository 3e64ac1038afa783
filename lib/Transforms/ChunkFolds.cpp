//===- ChunkFolds.cpp - Folds over tokens as loops over chunks ------------===//
//
// Written against the fold interface: independent dims and tiles of rows become
// scf.forall, tokens an scf.for over chunks with the fold's state as loop
// values. Chunks that no row of a tile reads are left out; those that every row
// reads whole are a loop of their own, without masks and with static sizes.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"
#include "gate/Transforms/Passes.h"
#include "gate/Transforms/Schedule.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace gate {
#define GEN_PASS_DEF_CHUNKFOLDS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

namespace {

/// Rewrites one op by one case of its schedule.
class FoldChunker {
public:
  FoldChunker(FoldOpInterface op, ScheduleCaseAttr made)
      : op(op), made(made), rows(*made.getNumber("rows")),
        chunk(*made.getNumber("chunk")),
        isDense(made.getText("form") == StringRef("dense")) {}

  Value rewrite(TensorBuilder &b, Value result);

private:
  Value buildTile(TensorBuilder &b, const FoldTile &tile, Value room);
  /// Folds over the chunks that begin in [from, to), which end at `end`.
  Values buildLoop(TensorBuilder &b, const FoldTile &tile, OpFoldResult from,
                   OpFoldResult to, OpFoldResult end, bool isWhole,
                   ValueRange rowTiles, Values states);

  FoldOpInterface op;
  ScheduleCaseAttr made;
  int64_t rows, chunk;
  bool isDense;
};

} // namespace

static Value asValue(TensorBuilder &b, OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(b.builder, b.loc, size);
}

/// min(most, whole - position).
static OpFoldResult sizeAt(TensorBuilder &b, int64_t most, OpFoldResult whole,
                           OpFoldResult position) {
  AffineExpr d0, d1;
  bindDims(b.builder.getContext(), d0, d1);
  return affine::makeComposedFoldedAffineMin(
      b.builder, b.loc,
      AffineMap::get(2, 0, {b.builder.getAffineConstantExpr(most), d0 - d1},
                     b.builder.getContext()),
      {whole, position});
}

Values FoldChunker::buildLoop(TensorBuilder &b, const FoldTile &tile,
                              OpFoldResult from, OpFoldResult to,
                              OpFoldResult end, bool isWhole,
                              ValueRange rowTiles, Values states) {
  std::optional<int64_t> first = getConstantIntValue(from),
                         past = getConstantIntValue(to);
  if (first && past && *past <= *first)
    return states;
  Value lower = asValue(b, from), upper = asValue(b, to), step = b.index(chunk);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, lower, upper, step, states,
      [&](OpBuilder &inner, Location loc, Value iv, ValueRange carried) {
        TensorBuilder s(inner, loc);
        FoldChunk tokens{iv, inner.getIndexAttr(chunk), chunk, isWhole};
        if (!isWhole)
          tokens.size = sizeAt(s, chunk, end, iv);
        scf::YieldOp::create(
            inner, loc,
            op.buildFold(inner, loc, tile, tokens, rowTiles, carried));
      });
  return Values(loop.getResults());
}

Value FoldChunker::buildTile(TensorBuilder &b, const FoldTile &tile,
                             Value room) {
  OpBuilder &builder = b.builder;
  FoldRange range = op.buildTokenRange(builder, b.loc, tile, chunk);
  Values rowTiles = op.buildRowTiles(builder, b.loc, tile);
  Values states = op.buildInitialStates(builder, b.loc, tile);
  AffineExpr d0, d1;
  bindDims(builder.getContext(), d0, d1);
  auto extreme = [&](bool isLeast, OpFoldResult x, OpFoldResult y) {
    AffineMap map = AffineMap::get(2, 0, {d0, d1}, builder.getContext());
    return isLeast ? affine::makeComposedFoldedAffineMin(builder, b.loc, map,
                                                         {x, y})
                   : affine::makeComposedFoldedAffineMax(builder, b.loc, map,
                                                         {x, y});
  };
  // What only some rows read lies on both sides of what all read.
  bool hasHead = range.begin != range.wholeBegin;
  OpFoldResult headEnd = range.begin;
  if (hasHead)
    headEnd = extreme(true, range.wholeBegin, range.end);
  OpFoldResult tailBegin = extreme(false, range.wholeBegin, range.wholeEnd);
  struct Part {
    OpFoldResult from, to;
    bool isWhole;
  };
  SmallVector<Part> parts;
  if (hasHead)
    parts.push_back({range.begin, headEnd, false});
  parts.push_back({range.wholeBegin, range.wholeEnd, true});
  parts.push_back({tailBegin, range.end, false});
  for (const Part &part : parts)
    states = buildLoop(b, tile, part.from, part.to, range.end, part.isWhole,
                       rowTiles, states);
  return op.buildRows(builder, b.loc, tile, states, room);
}

Value FoldChunker::rewrite(TensorBuilder &b, Value result) {
  OpBuilder &builder = b.builder;
  Sizes space = op.getParallelSizes(builder, b.loc);
  OpFoldResult count = op.getRowCount(builder, b.loc);
  AffineExpr d0 = builder.getAffineDimExpr(0);
  space.push_back(affine::makeComposedFoldedAffineApply(
      builder, b.loc, d0.ceilDiv(rows), {count}));
  auto loop = scf::ForallOp::create(
      builder, b.loc, space, ValueRange{result}, std::nullopt,
      [&](OpBuilder &inner, Location loc, ValueRange arguments) {
        TensorBuilder s(inner, loc);
        ValueRange indices = arguments.take_front(space.size());
        FoldTile tile;
        tile.parallel = Values(indices.drop_back());
        tile.rows = rows;
        tile.isDense = isDense;
        tile.offset = affine::makeComposedFoldedAffineApply(
            inner, loc, d0 * rows, {OpFoldResult(indices.back())});
        std::optional<int64_t> all = getConstantIntValue(count);
        tile.size = rows == 1 || (all && *all % rows == 0)
                        ? OpFoldResult(inner.getIndexAttr(rows))
                        : sizeAt(s, rows, count, tile.offset);
        Sizes offsets, sizes;
        op.getResultTile(inner, loc, tile, offsets, sizes);
        SmallVector<int64_t> drop;
        for (auto [dim, offset] : llvm::enumerate(offsets))
          if (auto value = dyn_cast<Value>(offset);
              value && llvm::is_contained(tile.parallel, value))
            drop.push_back(dim);
        Value shared = arguments.back();
        Value made = buildTile(s, tile, s.slice(shared, offsets, sizes, drop));
        auto terminator = scf::InParallelOp::create(inner, loc);
        inner.setInsertionPointToStart(terminator.getBody());
        tensor::ParallelInsertSliceOp::create(
            inner, loc, made, shared, offsets, sizes,
            Sizes(offsets.size(), inner.getIndexAttr(1)));
      });
  recordSchedule(loop, made);
  return loop.getResult(0);
}

namespace {
struct ChunkFolds : gate::impl::ChunkFoldsBase<ChunkFolds> {
  using gate::impl::ChunkFoldsBase<ChunkFolds>::ChunkFoldsBase;

  void runOnOperation() override {
    SmallVector<FoldOpInterface> ops;
    getOperation().walk([&](FoldOpInterface op) { ops.push_back(op); });
    for (FoldOpInterface op : ops)
      if (failed(rewrite(op)))
        return signalPassFailure();
  }

  LogicalResult rewrite(FoldOpInterface op) {
    FailureOr<ScheduleAttr> schedule = scheduleOf(op, AnchorKind::Fold);
    if (failed(schedule))
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op->getResult(0).getType());
    ReifiedRankedShapedTypeDims shapes;
    if (failed(reifyResultShapes(builder, op, shapes)))
      return op->emitError("has no known result shape");
    TensorBuilder b(builder, loc);
    Value result = b.empty(shapes[0], type.getElementType());
    OpFoldResult rows = op.getRowCount(builder, loc),
                 tokens = op.getTokenCount(builder, loc);
    bool isEmpty = getConstantIntValue(rows) == std::optional<int64_t>(0) ||
                   getConstantIntValue(tokens) == std::optional<int64_t>(0);
    Value made;
    // Upstream refuses slices that start at the end of a static dim.
    if (isEmpty)
      made = b.filled(shapes[0], type.getElementType(), 0);
    else
      made = buildCases(
          builder, op, *schedule,
          [&](StringRef role) -> OpFoldResult {
            if (role == "rows")
              return rows;
            return role == "time" ? tokens : OpFoldResult();
          },
          [&](OpBuilder &inner, ScheduleCaseAttr chosen) -> Values {
            TensorBuilder s(inner, loc);
            return {FoldChunker(op, chosen).rewrite(s, result)};
          })[0];
    made = b.castTo(made, type);
    op->getResult(0).replaceAllUsesWith(made);
    op->erase();
    return success();
  }
};
} // namespace
