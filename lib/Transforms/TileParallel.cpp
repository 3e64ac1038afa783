//===- TileParallel.cpp - Tile linalg ops for threads ---------------------===//
//
// Blocks of the outermost parallel dims, so that a task is large enough to
// hand out and small enough to stay in cache.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/EmptyLoops.h"
#include "gate/Transforms/Passes.h"
#include "gate/Transforms/Schedule.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Interfaces/TilingInterface.h"

namespace gate {
#define GEN_PASS_DEF_TILEPARALLEL
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Tile sizes per loop, 0 for loops that stay whole; empty when the op is one
/// task anyway.
static SmallVector<int64_t> chooseTiles(linalg::LinalgOp op,
                                        int64_t tileElements) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<int64_t> tiles(ranges.size(), 0);
  // An unknown reduction counts as one row of ordinary width.
  constexpr int64_t unknownReduction = 256;
  int64_t inner = 1;
  for (auto [range, iterator] : llvm::zip(ranges, iterators))
    if (iterator == utils::IteratorType::reduction)
      inner *= ShapedType::isDynamic(range) ? unknownReduction : range;
  bool cut = false, tiled = false;
  for (int64_t loop = ranges.size() - 1; loop >= 0; --loop) {
    if (iterators[loop] != utils::IteratorType::parallel)
      continue;
    if (cut) {
      tiles[loop] = 1;
      tiled |= ranges[loop] != 1;
      continue;
    }
    int64_t range = ranges[loop];
    if (!ShapedType::isDynamic(range) && inner * range <= tileElements) {
      inner *= std::max<int64_t>(range, 1);
      continue;
    }
    tiles[loop] =
        std::max<int64_t>(tileElements / std::max<int64_t>(inner, 1), 1);
    tiled = cut = true;
  }
  return tiled ? tiles : SmallVector<int64_t>();
}

namespace {
struct TileParallel : gate::impl::TileParallelBase<TileParallel> {
  using gate::impl::TileParallelBase<TileParallel>::TileParallelBase;

  void runOnOperation() override {
    eraseEmptyLoops(getOperation());
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (anchorKindOf(op))
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops)
      if (failed(rewrite(rewriter, op)))
        return signalPassFailure();
  }

  LogicalResult rewrite(IRRewriter &rewriter, linalg::LinalgOp op) {
    FailureOr<ScheduleAttr> schedule = scheduleOf(op, AnchorKind::Loops);
    if (failed(schedule))
      return failure();
    op->removeAttr(scheduleAttrName);
    if (llvm::all_of(schedule->getCases(), [&](ScheduleCaseAttr chosen) {
          return chooseTiles(op, *chosen.getNumber("tile_elements")).empty();
        }))
      return success();
    rewriter.setInsertionPoint(op);
    // Only a guard that is tested at run time needs the sizes as values.
    SmallVector<Range> ranges;
    if (schedule->getCases().size() > 1)
      ranges = op.createLoopRanges(rewriter, op.getLoc());
    auto sizeOf = [&](StringRef role) {
      unsigned loop;
      bool isLoop = role.consume_front("loop") && !role.getAsInteger(10, loop);
      return isLoop && loop < ranges.size() ? ranges[loop].size
                                            : OpFoldResult();
    };
    bool isTiled = true;
    SmallVector<Value> results = buildCases(
        rewriter, op, *schedule, sizeOf,
        [&](OpBuilder &builder, ScheduleCaseAttr chosen) {
          OpBuilder::InsertionGuard guard(rewriter);
          rewriter.setInsertionPoint(builder.getInsertionBlock(),
                                     builder.getInsertionPoint());
          FailureOr<SmallVector<Value>> made = tile(rewriter, op, chosen);
          isTiled &= succeeded(made);
          return succeeded(made) ? *made : SmallVector<Value>(op->getResults());
        });
    if (!isTiled)
      return op.emitError("cannot be tiled");
    rewriter.replaceOp(op, results);
    return success();
  }

  /// Tiles a copy of `op` at the rewriter.
  static FailureOr<SmallVector<Value>>
  tile(IRRewriter &rewriter, linalg::LinalgOp op, ScheduleCaseAttr chosen) {
    SmallVector<int64_t> tiles =
        chooseTiles(op, *chosen.getNumber("tile_elements"));
    auto copy = cast<linalg::LinalgOp>(rewriter.clone(*op));
    if (tiles.empty())
      return SmallVector<Value>(copy->getResults());
    rewriter.setInsertionPoint(copy);
    scf::SCFTilingOptions options;
    options.setTileSizes(getAsIndexOpFoldResult(rewriter.getContext(), tiles));
    options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
    FailureOr<scf::SCFTilingResult> result = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(copy.getOperation()), options);
    if (failed(result))
      return failure();
    recordSchedule(result->loops.front(), chosen);
    rewriter.eraseOp(copy);
    return llvm::to_vector(result->replacements);
  }
};
} // namespace
