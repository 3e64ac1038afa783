//===- PrefetchTiles.cpp - Fetch the next iteration's tiles ---------------===//
//
// Rows of a tile often lie a page apart (heads between them), where the
// machine's own prefetchers stop. Lines of the next tiles are asked for in
// portions between the ops of a loop body, so that memory works all the time.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace gate {
#define GEN_PASS_DEF_PREFETCHTILES
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Bytes that memory hands out at a time.
static constexpr int64_t lineBytes = 64;

namespace {
/// Rows that the next iteration reads: `view` moved by the loop's step.
struct NextTile {
  memref::SubViewOp view;
  /// Dim of the source that the loop walks along.
  unsigned walked;
  int64_t rows;
  int64_t linesPerRow;
  int64_t elementsPerLine;
};
} // namespace

static bool isRead(Value view) {
  return llvm::any_of(view.getUses(), [](OpOperand &use) {
    Operation *user = use.getOwner();
    if (auto copy = dyn_cast<memref::CopyOp>(user))
      return copy.getSource() == use.get();
    auto op = dyn_cast<linalg::LinalgOp>(user);
    return op && op.isDpsInput(&use);
  });
}

/// The tile that `view` will be in the next iteration, if it can be told.
static std::optional<NextTile> nextTileOf(memref::SubViewOp view, scf::ForOp loop,
                                          int64_t step) {
  auto source = cast<MemRefType>(view.getSource().getType());
  if (!loop.isDefinedOutsideOfLoop(view.getSource()) || !isRead(view) ||
      !source.getElementType().isIntOrFloat() || source.getRank() < 2)
    return std::nullopt;
  std::optional<unsigned> walked;
  for (auto [dim, offset] : llvm::enumerate(view.getMixedOffsets())) {
    auto value = dyn_cast<Value>(offset);
    if (!value)
      continue;
    if (value == loop.getInductionVar()) {
      if (walked)
        return std::nullopt;
      walked = dim;
    } else if (!loop.isDefinedOutsideOfLoop(value)) {
      return std::nullopt;
    }
  }
  unsigned last = source.getRank() - 1;
  if (!walked || *walked == last)
    return std::nullopt;
  // One contiguous run per row; other dims of size 1.
  SmallVector<OpFoldResult> sizes = view.getMixedSizes();
  std::optional<int64_t> width = getConstantIntValue(sizes[last]);
  if (!width)
    return std::nullopt;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (dim != *walked && dim != last && getConstantIntValue(size) != std::optional<int64_t>(1))
      return std::nullopt;
  int64_t bytes = source.getElementTypeBitWidth() / 8;
  if (bytes == 0)
    return std::nullopt;
  return NextTile{view, *walked, step,
                  static_cast<int64_t>(llvm::divideCeil(*width * bytes, lineBytes)),
                  lineBytes / bytes};
}

/// Asks for rows [from, to) of the tile of the next iteration.
static void emitPortion(OpBuilder &builder, scf::ForOp loop, NextTile tile,
                        int64_t from, int64_t to) {
  Location loc = tile.view.getLoc();
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto rows = scf::ForOp::create(builder, loc, constant(from), constant(to),
                                 constant(1));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(rows.getBody());
  Value source = tile.view.getSource();
  Value extent = memref::DimOp::create(builder, loc, source, tile.walked);
  Value position = arith::AddIOp::create(builder, loc, loop.getInductionVar(),
                                         constant(tile.rows));
  position = arith::AddIOp::create(builder, loc, position, rows.getInductionVar());
  // Never past the end: the last row again.
  Value lastRow = arith::SubIOp::create(builder, loc, extent, constant(1));
  position = arith::MinSIOp::create(builder, loc, position, lastRow);
  SmallVector<Value> where;
  for (OpFoldResult offset : tile.view.getMixedOffsets())
    where.push_back(getValueOrCreateConstantIndexOp(builder, loc, offset));
  where[tile.walked] = position;
  Value column = where.back();
  for (int64_t line = 0; line < tile.linesPerRow; ++line) {
    where.back() = arith::AddIOp::create(builder, loc, column,
                                         constant(line * tile.elementsPerLine));
    memref::PrefetchOp::create(builder, loc, source, where, /*isWrite=*/false,
                               /*localityHint=*/3, /*isDataCache=*/true);
  }
}

static void prefetchLoop(scf::ForOp loop) {
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!step || *step < 2)
    return;
  SmallVector<NextTile> tiles;
  SmallVector<Operation *> places;
  for (Operation &op : loop.getBody()->without_terminator()) {
    if (auto view = dyn_cast<memref::SubViewOp>(op)) {
      if (std::optional<NextTile> tile = nextTileOf(view, loop, *step))
        tiles.push_back(*tile);
    } else if (isa<linalg::LinalgOp, scf::ForOp>(op) && !tiles.empty()) {
      places.push_back(&op);
    }
  }
  if (places.empty())
    return;
  int64_t total = tiles.size() * *step, count = places.size();
  for (auto [index, place] : llvm::enumerate(places)) {
    OpBuilder builder(place);
    int64_t from = total * static_cast<int64_t>(index) / count;
    int64_t to = total * static_cast<int64_t>(index + 1) / count;
    // Rows of all tiles in a row, tile by tile.
    while (from < to) {
      int64_t which = from / *step, end = std::min(to, (which + 1) * *step);
      emitPortion(builder, loop, tiles[which], from - which * *step,
                  end - which * *step);
      from = end;
    }
  }
}

namespace {
struct PrefetchTiles : gate::impl::PrefetchTilesBase<PrefetchTiles> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) {
      if (loop->getParentOfType<scf::ForallOp>() &&
          !loop->getParentOfType<scf::ForOp>())
        loops.push_back(loop);
    });
    for (scf::ForOp loop : loops)
      prefetchLoop(loop);
  }
};
} // namespace
