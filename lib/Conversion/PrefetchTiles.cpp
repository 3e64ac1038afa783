//===- PrefetchTiles.cpp - Fetch the next iteration's tiles ---------------===//
//
// Rows of a tile often lie a page apart (heads between them), where the
// machine's own prefetchers stop. Lines of the next tiles are asked for in the
// loop nests that do most of a loop body's work, a few per tile of theirs.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace gate {
#define GEN_PASS_DEF_PREFETCHTILES
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Bytes that memory hands out at a time.
static constexpr int64_t lineBytes = 64;
/// Trips that a loop of unknown length is taken to make.
static constexpr int64_t unknownTrips = 8;
/// A nest is worth its prefetches if it does 1 / this part of the work.
static int64_t smallestPart = getenv("PFS") ? atoi(getenv("PFS")) : 16;
/// Most lines asked for at once: about as many misses as a core keeps open.
static int64_t mostLines = getenv("PFM") ? atoi(getenv("PFM")) : 32;

namespace {
/// Rows that the next iteration reads: `view` moved by the loop's step.
struct NextTile {
  memref::SubViewOp view;
  /// Dim of the source that the loop walks along.
  unsigned walked;
  int64_t linesPerRow;
  int64_t elementsPerLine;
};

/// The body of a loop around an innermost loop, run a known number of times
/// per iteration of the outer loop.
struct Place {
  /// Loops below the outer loop, from the outside in.
  SmallVector<scf::ForOp> nest;
  int64_t executions;
  int64_t work;
};
} // namespace

static bool isRead(Value view) {
  return llvm::any_of(view.getUsers(), [&](Operation *user) {
    auto effects = dyn_cast<MemoryEffectOpInterface>(user);
    return effects && effects.getEffectOnValue<MemoryEffects::Read>(view);
  });
}

/// The tile that `view` will be in the next iteration, if it can be told.
static std::optional<NextTile> nextTileOf(memref::SubViewOp view,
                                          scf::ForOp loop) {
  MemRefType source = view.getSourceType();
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
  int64_t bytes = source.getElementTypeBitWidth() / 8;
  if (!width || bytes == 0)
    return std::nullopt;
  for (auto [dim, size] : llvm::enumerate(sizes))
    if (dim != *walked && dim != last && !isConstantIntValue(size, 1))
      return std::nullopt;
  int64_t lines = llvm::divideCeil(*width * bytes, lineBytes);
  // Rows without gaps are a stream, which the machine sees by itself.
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(source.getStridesAndOffset(strides, offset)) ||
      (!ShapedType::isDynamic(strides[*walked]) &&
       strides[*walked] * bytes <= lines * lineBytes))
    return std::nullopt;
  return NextTile{view, *walked, lines, lineBytes / bytes};
}

static std::optional<int64_t> tripsOf(scf::ForOp loop) {
  std::optional<APInt> trips = loop.getStaticTripCount();
  if (!trips)
    return std::nullopt;
  return trips->getSExtValue();
}

/// Ops that `block` runs, without those that only count.
static int64_t workOf(Block &block) {
  int64_t work = 0;
  for (Operation &op : block.without_terminator()) {
    int64_t inside = 0;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        inside += workOf(inner);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      inside *= tripsOf(loop).value_or(unknownTrips);
    bool counts = op.getNumResults() == 0 || op.getNumRegions() != 0 ||
                  !op.getResult(0).getType().isIndex();
    work += inside + (op.getNumRegions() == 0 && counts ? 1 : 0);
  }
  return work;
}

/// Collects the places below `nest`, whose last loop has the body `block`.
static void collectPlaces(Block &block, SmallVector<scf::ForOp> &nest,
                          int64_t executions, int64_t least,
                          SmallVectorImpl<Place> &places) {
  for (auto loop : block.getOps<scf::ForOp>()) {
    std::optional<int64_t> trips = tripsOf(loop);
    if (!trips || *trips == 0 || !getConstantIntValue(loop.getLowerBound()) ||
        !getConstantIntValue(loop.getStep()))
      continue;
    int64_t times = executions * *trips;
    auto inner = loop.getBody()->getOps<scf::ForOp>();
    if (inner.empty())
      continue;
    nest.push_back(loop);
    bool innermost = llvm::all_of(inner, [](scf::ForOp loop) {
      return loop.getBody()->getOps<scf::ForOp>().empty();
    });
    if (!innermost) {
      collectPlaces(*loop.getBody(), nest, times, least, places);
    } else {
      int64_t work = workOf(*loop.getBody()) * times;
      if (work >= least)
        places.push_back({nest, times, work});
    }
    nest.pop_back();
  }
}

/// At least `lines`, as a divisor or a multiple of the lines of a row, so that
/// one portion is a part of a row or some rows.
static int64_t portionOf(int64_t lines, int64_t linesPerRow, int64_t most) {
  int64_t portion = std::max<int64_t>(std::min(lines, most), 1);
  if (portion > linesPerRow)
    return llvm::alignTo(portion, linesPerRow);
  while (linesPerRow % portion != 0)
    ++portion;
  return portion;
}

/// Asks for `portion` lines of every tile in each execution of `place`, from
/// line `base` on.
static void emitPortion(scf::ForOp loop, int64_t step, const Place &place,
                        ArrayRef<NextTile> tiles, int64_t base, int64_t portion) {
  Location loc = loop.getLoc();
  scf::ForOp around = place.nest.back();
  OpBuilder builder = OpBuilder::atBlockBegin(around.getBody());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto add = [&](Value a, Value b) {
    return builder.createOrFold<arith::AddIOp>(loc, a, b);
  };
  auto mul = [&](Value a, int64_t b) {
    return builder.createOrFold<arith::MulIOp>(loc, a, constant(b));
  };
  auto div = [&](Value a, int64_t b) {
    return builder.createOrFold<arith::DivUIOp>(loc, a, constant(b));
  };
  // Number of this execution.
  Value count;
  for (scf::ForOp level : place.nest) {
    Value index = builder.createOrFold<arith::SubIOp>(
        loc, level.getInductionVar(),
        constant(*getConstantIntValue(level.getLowerBound())));
    index = div(index, *getConstantIntValue(level.getStep()));
    count = count ? add(mul(count, *tripsOf(level)), index) : index;
  }
  int64_t perRow = tiles.front().linesPerRow;
  Value line = add(mul(count, portion), constant(base));
  Value row = div(line, perRow);
  Value within = portion >= perRow
                     ? constant(0)
                     : builder.createOrFold<arith::RemUIOp>(loc, line,
                                                            constant(perRow));
  row = add(row, add(loop.getInductionVar(), constant(step)));
  for (NextTile tile : tiles) {
    Value source = tile.view.getSource();
    SmallVector<Value> where;
    for (OpFoldResult offset : tile.view.getMixedOffsets())
      where.push_back(getValueOrCreateConstantIndexOp(builder, loc, offset));
    Value column = add(where.back(), mul(within, tile.elementsPerLine));
    // Never past the end: the last row again.
    Value extent = memref::DimOp::create(builder, loc, source, tile.walked);
    Value lastRow = arith::SubIOp::create(builder, loc, extent, constant(1));
    for (int64_t i = 0; i < portion; ++i) {
      if (i % perRow == 0)
        where[tile.walked] = arith::MinUIOp::create(
            builder, loc, add(row, constant(i / perRow)), lastRow);
      where.back() = add(column, constant(i % perRow * tile.elementsPerLine));
      // Into the second level: the first has no room for two tiles of each.
      memref::PrefetchOp::create(builder, loc, source, where, /*isWrite=*/false,
                                 /*localityHint=*/getenv("PFH") ? atoi(getenv("PFH")) : 2, /*isDataCache=*/true);
    }
  }
}

static void prefetchLoop(scf::ForOp loop) {
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!step || *step < 2)
    return;
  // Tiles of equal rows move together.
  llvm::MapVector<int64_t, SmallVector<NextTile>> groups;
  int64_t count = 0;
  for (auto view : loop.getBody()->getOps<memref::SubViewOp>())
    if (std::optional<NextTile> tile = nextTileOf(view, loop)) {
      groups[tile->linesPerRow].push_back(*tile);
      ++count;
    }
  if (groups.empty())
    return;
  SmallVector<Place> places;
  SmallVector<scf::ForOp> nest;
  collectPlaces(*loop.getBody(), nest, 1,
                workOf(*loop.getBody()) / smallestPart, places);
  for (auto &[perRow, tiles] : groups) {
    int64_t work = 0, lines = *step * perRow, base = 0;
    for (const Place &place : places)
      work += place.work;
    for (const Place &place : places) {
      if (base >= lines)
        break;
      double share = double(lines - base) * place.work / work;
      int64_t portion = portionOf(std::ceil(share / place.executions), perRow,
                                  std::max<int64_t>(mostLines / count, 1));
      base -= base % std::min(portion, perRow);
      emitPortion(loop, *step, place, tiles, base, portion);
      base += portion * place.executions;
      work -= place.work;
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
