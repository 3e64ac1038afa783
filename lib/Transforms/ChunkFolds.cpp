//===- ChunkFolds.cpp - Folds over tokens as loops over chunks ------------===//
//
// Written against the fold interface: independent dims and tiles of rows become
// scf.forall, tokens an scf.for over chunks with the fold's state as loop
// values. Chunks that no row of a tile reads are left out; those that every row
// reads whole are a loop of their own, without masks and with static sizes. An
// elementwise op on the result joins the tile, so that the result of the fold
// itself is never written.
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
#include "mlir/IR/IRMapping.h"

namespace gate {
#define GEN_PASS_DEF_CHUNKFOLDS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

namespace {

/// Rewrites one op, with an elementwise op on its result or none, by one case
/// of its schedule.
class FoldChunker {
public:
  FoldChunker(FoldOpInterface op, linalg::GenericOp consumer,
              ScheduleCaseAttr made)
      : op(op), consumer(consumer), made(made), rows(*made.getNumber("rows")),
        chunk(*made.getNumber("chunk")),
        isDense(made.getText("form") == StringRef("dense")) {}

  Value rewrite(TensorBuilder &b, Value result);

private:
  Values buildStates(TensorBuilder &b, const FoldTile &tile);
  Value buildRows(TensorBuilder &b, const FoldTile &tile, ValueRange states,
                  ArrayRef<int64_t> shape);
  Value buildConsumer(TensorBuilder &b, Value rowsTile, Value room,
                      ArrayRef<OpFoldResult> offsets,
                      ArrayRef<OpFoldResult> sizes, ArrayRef<int64_t> drop);
  Value orderOf(TensorBuilder &b, ValueRange indices, OpFoldResult count);
  /// Folds over the chunks that begin in [from, to).
  Values buildLoop(TensorBuilder &b, const FoldTile &tile, OpFoldResult from,
                   OpFoldResult to, const FoldRange &range, bool isWhole,
                   ValueRange rowTiles, Values states);

  FoldOpInterface op;
  linalg::GenericOp consumer;
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
                              const FoldRange &range, bool isWhole,
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
        tokens.kept = tokens.size;
        if (!isWhole) {
          tokens.kept = sizeAt(s, chunk, range.end, iv);
          tokens.size =
              isDense ? sizeAt(s, chunk, range.readEnd, iv) : tokens.kept;
        }
        scf::YieldOp::create(
            inner, loc,
            op.buildFold(inner, loc, tile, tokens, rowTiles, carried));
      });
  return Values(loop.getResults());
}

/// The state of a tile after all its tokens.
Values FoldChunker::buildStates(TensorBuilder &b, const FoldTile &tile) {
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
    states = buildLoop(b, tile, part.from, part.to, range, part.isWhole,
                       rowTiles, states);
  return states;
}

/// The only user of the op's result, if it is elementwise: one result of the
/// same shape, at the same place; null otherwise.
static linalg::GenericOp findConsumer(FoldOpInterface op) {
  Value result = op->getResult(0);
  if (result.use_empty())
    return {};
  auto consumer = dyn_cast<linalg::GenericOp>(*result.user_begin());
  if (!consumer || consumer->getBlock() != op->getBlock() ||
      !consumer.hasPureTensorSemantics() || consumer->getNumResults() != 1 ||
      consumer.getNumReductionLoops() != 0 || consumer.hasIndexSemantics() ||
      consumer.payloadUsesValueFromOperand(consumer.getDpsInitOperand(0)))
    return {};
  for (Operation *user : result.getUsers())
    if (user != consumer)
      return {};
  for (OpOperand &operand : consumer->getOpOperands()) {
    AffineMap map = consumer.getMatchingIndexingMap(&operand);
    bool mustMatch = operand.get() == result || consumer.isDpsInit(&operand);
    if (mustMatch && !map.isIdentity())
      return {};
    // A dim that is repeated has the index 0.
    for (AffineExpr expr : map.getResults())
      if (!isa<AffineDimExpr>(expr) && expr != 0)
        return {};
  }
  return consumer;
}

/// The consumer on one tile, at `offsets` and `sizes` of its result, of which
/// the tile does not have the dims in `drop`.
Value FoldChunker::buildConsumer(TensorBuilder &b, Value rowsTile, Value room,
                                 ArrayRef<OpFoldResult> offsets,
                                 ArrayRef<OpFoldResult> sizes,
                                 ArrayRef<int64_t> drop) {
  OpFoldResult zero = b.builder.getIndexAttr(0),
               one = b.builder.getIndexAttr(1);
  // Loops of the tile by loops of the consumer.
  SmallVector<AffineExpr> loops(sizes.size());
  unsigned rank = 0;
  for (size_t loop = 0; loop < sizes.size(); ++loop)
    if (!llvm::is_contained(drop, static_cast<int64_t>(loop)))
      loops[loop] = b.builder.getAffineDimExpr(rank++);
  Values inputs;
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : consumer.getDpsInputOperands()) {
    if (operand->get() == op->getResult(0)) {
      inputs.push_back(rowsTile);
      maps.push_back(b.builder.getMultiDimIdentityMap(rank));
      continue;
    }
    Sizes from, extent;
    SmallVector<int64_t> unit;
    SmallVector<AffineExpr> results;
    AffineMap map = consumer.getMatchingIndexingMap(operand);
    for (auto [dim, expr] : llvm::enumerate(map.getResults())) {
      auto loop = dyn_cast<AffineDimExpr>(expr);
      from.push_back(loop ? offsets[loop.getPosition()] : zero);
      extent.push_back(loop ? sizes[loop.getPosition()] : one);
      if (AffineExpr own = loop ? loops[loop.getPosition()] : AffineExpr())
        results.push_back(own);
      else
        unit.push_back(dim);
    }
    Value source = operand->get();
    if (isa<RankedTensorType>(source.getType()))
      source = b.slice(source, from, extent, unit);
    inputs.push_back(source);
    maps.push_back(AffineMap::get(rank, 0, results, b.builder.getContext()));
  }
  maps.push_back(b.builder.getMultiDimIdentityMap(rank));
  return b.generic(
      inputs, room, maps, rank, [&](TensorBuilder &s, ValueRange arguments) {
        IRMapping mapping;
        Block *body = consumer.getBody();
        mapping.map(body->getArguments(), arguments);
        for (Operation &inner : body->without_terminator())
          s.builder.clone(inner, mapping);
        return mapping.lookupOrDefault(body->getTerminator()->getOperand(0));
      });
}

/// Rows of the fold in a tile of their own, shaped like `shape`.
Value FoldChunker::buildRows(TensorBuilder &b, const FoldTile &tile,
                             ValueRange states, ArrayRef<int64_t> shape) {
  Type element =
      cast<RankedTensorType>(op->getResult(0).getType()).getElementType();
  Sizes room, part;
  for (int64_t size : shape) {
    bool isRows = ShapedType::isDynamic(size);
    part.push_back(isRows ? tile.size : b.builder.getIndexAttr(size));
    room.push_back(isRows && !isDense ? b.builder.getIndexAttr(rows)
                                      : part.back());
  }
  Value tensor = b.empty(room, element);
  if (room != part)
    tensor =
        b.slice(tensor, Sizes(part.size(), b.builder.getIndexAttr(0)), part);
  return op.buildRows(b.builder, b.loc, tile, states, tensor);
}

/// The tile of rows that the last of `indices` stands for, of `count`. Kernels
/// take tiles in turns, at equal distances; where later rows fold over more
/// tokens, every other independent index goes from the last tile to the first,
/// so that neither runs of long tiles nor of short ones fall to one of them.
Value FoldChunker::orderOf(TensorBuilder &b, ValueRange indices,
                           OpFoldResult count) {
  Value index = indices.back();
  if (!isDense || indices.size() == 1)
    return index;
  Value one = b.index(1);
  Value isOdd = arith::CmpIOp::create(
      b.builder, b.loc, arith::CmpIPredicate::eq,
      arith::AndIOp::create(b.builder, b.loc, indices.drop_back().back(), one),
      one);
  Value last = arith::SubIOp::create(b.builder, b.loc, asValue(b, count), one);
  Value other = arith::SubIOp::create(b.builder, b.loc, last, index);
  return arith::SelectOp::create(b.builder, b.loc, isOdd, other, index);
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
            inner, loc, d0 * rows,
            {OpFoldResult(orderOf(s, indices, space.back()))});
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
        Value room = s.slice(shared, offsets, sizes, drop);
        Values states = buildStates(s, tile);
        Value made;
        if (consumer) {
          auto type = cast<RankedTensorType>(room.getType());
          made = buildConsumer(s, buildRows(s, tile, states, type.getShape()),
                               room, offsets, sizes, drop);
        } else {
          made = op.buildRows(inner, loc, tile, states, room);
        }
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
    auto rewriteOne = [&](FoldOpInterface op, ScheduleAttr schedule) {
      return rewrite(op, schedule);
    };
    if (failed(rewriteAnchors<FoldOpInterface>(getOperation(), AnchorKind::Fold,
                                               rewriteOne)))
      signalPassFailure();
  }

  LogicalResult rewrite(FoldOpInterface op, ScheduleAttr schedule) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    OpFoldResult rows = op.getRowCount(builder, loc),
                 tokens = op.getTokenCount(builder, loc);
    // Upstream refuses slices that start at the end of a static dim.
    bool isEmpty = getConstantIntValue(rows) == std::optional<int64_t>(0) ||
                   getConstantIntValue(tokens) == std::optional<int64_t>(0);
    ReifiedRankedShapedTypeDims shapes;
    if (failed(reifyResultShapes(builder, op, shapes)))
      return op->emitError("has no known result shape");
    // Who asks for a size only is no consumer.
    for (Operation *user :
         llvm::make_early_inc_range(op->getResult(0).getUsers()))
      if (auto dim = dyn_cast<tensor::DimOp>(user);
          dim && dim.getConstantIndex()) {
        dim.getResult().replaceAllUsesWith(getValueOrCreateConstantIndexOp(
            builder, loc, shapes[0][*dim.getConstantIndex()]));
        dim.erase();
      }
    linalg::GenericOp consumer = isEmpty ? nullptr : findConsumer(op);
    // At the consumer, as its other operands may come after the fold.
    Operation *last = consumer ? consumer.getOperation() : op.getOperation();
    builder.setInsertionPoint(last);
    auto type = cast<RankedTensorType>(last->getResult(0).getType());
    TensorBuilder b(builder, loc);
    Value made;
    if (isEmpty) {
      made = b.filled(shapes[0], type.getElementType(), 0);
    } else {
      Value result = b.empty(shapes[0], type.getElementType());
      made = buildCases(
          builder, op, schedule,
          [&](StringRef role) -> OpFoldResult {
            if (role == "rows")
              return rows;
            return role == "time" ? tokens : OpFoldResult();
          },
          [&](OpBuilder &inner, ScheduleCaseAttr chosen) -> Values {
            TensorBuilder s(inner, loc);
            return {FoldChunker(op, consumer, chosen).rewrite(s, result)};
          })[0];
    }
    last->getResult(0).replaceAllUsesWith(b.castTo(made, type));
    if (consumer)
      consumer->erase();
    op->erase();
    return success();
  }
};
} // namespace
