//===- TileParallel.cpp - Tile linalg ops for threads ---------------------===//
//
// Blocks of the outermost parallel dims, so that a task is large enough to
// hand out and small enough to stay in cache.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Passes.h"

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
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!op->getParentOfType<LoopLikeOpInterface>() &&
          op.hasPureTensorSemantics())
        ops.push_back(op);
    });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops) {
      SmallVector<int64_t> tiles = chooseTiles(op, tileElements);
      if (tiles.empty())
        continue;
      rewriter.setInsertionPoint(op);
      scf::SCFTilingOptions options;
      options.setTileSizes(getAsIndexOpFoldResult(&getContext(), tiles));
      options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
      FailureOr<scf::SCFTilingResult> result = scf::tileUsingSCF(
          rewriter, cast<TilingInterface>(op.getOperation()), options);
      if (failed(result)) {
        op.emitError("cannot be tiled");
        return signalPassFailure();
      }
      rewriter.replaceOp(op, result->replacements);
    }
  }
};
} // namespace
