//===- PrefetchTiles.cpp - Fetch the next iteration's tiles ---------------===//
//
// Rows of a tile often lie a page apart (heads between them), where the
// machine's own prefetchers stop. Lines of the next tiles are asked for in the
// loop nests that do much of a loop body's work, some in each execution of the
// nest's body, so that memory works while the core computes.
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
static constexpr int64_t smallestPart = 16;
/// Most lines asked for at once, so that a burst does not fill the load queue.
static constexpr int64_t mostLines = 48;
/// Ops that hide the transfer of a line.
static constexpr int64_t opsPerLine = 32;

namespace {
/// Rows that an iteration of the loop touches.
struct Tile {
  memref::SubViewOp view;
  /// Dim of the source that the loop walks along.
  unsigned walked;
  /// Rows from this iteration's tile to the one asked for: a tile that is read
  /// is needed at once in the next iteration, one that is only written at the
  /// end of this one.
  int64_t ahead;
  bool written;
  int64_t linesPerRow;
  int64_t elementsPerLine;
};

/// The body of a loop around innermost loops, run a known number of times per
/// iteration of the outer loop.
struct Place {
  /// Loops below the outer loop, from the outside in.
  SmallVector<scf::ForOp> nest;
  int64_t executions;
  /// Ops per execution.
  int64_t work;
};
} // namespace

template <typename Effect>
static bool has(Value view) {
  return llvm::any_of(view.getUsers(), [&](Operation *user) {
    auto effects = dyn_cast<MemoryEffectOpInterface>(user);
    return effects && effects.getEffectOnValue<Effect>(view);
  });
}

/// The tile behind `view`, if its place in other iterations can be told.
static std::optional<Tile> tileOf(memref::SubViewOp view, scf::ForOp loop,
                                  int64_t step) {
  MemRefType source = view.getSourceType();
  bool read = has<MemoryEffects::Read>(view);
  if (!loop.isDefinedOutsideOfLoop(view.getSource()) ||
      (!read && !has<MemoryEffects::Write>(view)) ||
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
  return Tile{view, *walked, read ? step : 0, !read, lines, lineBytes / bytes};
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
    if (op.getNumRegions() == 0) {
      work += op.getNumResults() == 0 || !op.getResult(0).getType().isIndex();
      continue;
    }
    int64_t inside = 0;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        inside += workOf(inner);
    if (auto loop = dyn_cast<scf::ForOp>(op))
      inside *= tripsOf(loop).value_or(unknownTrips);
    work += inside;
  }
  return work;
}

/// Collects the places of at least `least` ops in `block`, the body of the last
/// loop of `nest`, which runs `executions` times.
static void collectPlaces(Block &block, SmallVector<scf::ForOp> &nest,
                          int64_t executions, int64_t least,
                          SmallVectorImpl<Place> &places) {
  auto isInnermost = [](scf::ForOp loop) {
    return loop.getBody()->getOps<scf::ForOp>().empty();
  };
  for (auto loop : block.getOps<scf::ForOp>()) {
    std::optional<int64_t> trips = tripsOf(loop);
    if (!trips || !getConstantIntValue(loop.getLowerBound()) ||
        !getConstantIntValue(loop.getStep()) || isInnermost(loop))
      continue;
    int64_t times = executions * *trips;
    nest.push_back(loop);
    if (!llvm::all_of(loop.getBody()->getOps<scf::ForOp>(), isInnermost))
      collectPlaces(*loop.getBody(), nest, times, least, places);
    else if (int64_t work = workOf(*loop.getBody()); work * times >= least)
      places.push_back({nest, times, work});
    nest.pop_back();
  }
}

/// About `lines`, but never more than `most`: a part of a row or whole rows, so
/// that portions of that size do not straddle rows.
static int64_t portionOf(int64_t lines, int64_t linesPerRow, int64_t most) {
  auto fits = [&](int64_t portion) {
    return portion % linesPerRow == 0 || linesPerRow % portion == 0;
  };
  while (!fits(lines))
    ++lines;
  if (lines > most)
    for (lines = most; !fits(lines);)
      --lines;
  return lines;
}

/// Asks for `portion` lines of every tile in each execution of `place`, from
/// line `base` on. All tiles have rows of `perRow` lines.
static void emitPortion(scf::ForOp loop, const Place &place,
                        ArrayRef<Tile> tiles, int64_t perRow, int64_t base,
                        int64_t portion) {
  Location loc = loop.getLoc();
  scf::ForOp around = place.nest.back();
  OpBuilder builder = OpBuilder::atBlockBegin(around.getBody());
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  auto add = [&](Value a, Value b) {
    return builder.createOrFold<arith::AddIOp>(loc, a, b);
  };
  auto multiply = [&](Value a, int64_t b) {
    return builder.createOrFold<arith::MulIOp>(loc, a, constant(b));
  };
  auto divide = [&](Value a, int64_t b) {
    return builder.createOrFold<arith::DivUIOp>(loc, a, constant(b));
  };
  // Number of this execution.
  Value number = constant(0);
  for (scf::ForOp level : place.nest) {
    Value trip = builder.createOrFold<arith::SubIOp>(
        loc, level.getInductionVar(), level.getLowerBound());
    trip = divide(trip, *getConstantIntValue(level.getStep()));
    number = add(multiply(number, *tripsOf(level)), trip);
  }
  // Its first row and first line in there.
  Value row, line;
  if (portion % perRow == 0) {
    row = add(multiply(number, portion / perRow), constant(base / perRow));
    line = constant(0);
  } else {
    Value first = add(multiply(number, portion), constant(base));
    row = divide(first, perRow);
    line = builder.createOrFold<arith::RemUIOp>(loc, first, constant(perRow));
  }
  for (Tile tile : tiles) {
    Value source = tile.view.getSource();
    SmallVector<Value> where;
    for (OpFoldResult offset : tile.view.getMixedOffsets())
      where.push_back(getValueOrCreateConstantIndexOp(builder, loc, offset));
    Value column = add(where.back(), multiply(line, tile.elementsPerLine));
    Value origin = add(add(loop.getInductionVar(), constant(tile.ahead)), row);
    Value extent = memref::DimOp::create(builder, loc, source, tile.walked);
    Value lastRow = arith::SubIOp::create(builder, loc, extent, constant(1));
    for (int64_t i = 0; i < portion; ++i) {
      // Never past the end: the last row again.
      if (i % perRow == 0)
        where[tile.walked] = arith::MinSIOp::create(
            builder, loc, add(origin, constant(i / perRow)), lastRow);
      where.back() = add(column, constant(i % perRow * tile.elementsPerLine));
      // Into the second level: the first has no room for so much.
      memref::PrefetchOp::create(builder, loc, source, where, tile.written,
                                 /*localityHint=*/2, /*isDataCache=*/true);
    }
  }
}

static void prefetchLoop(scf::ForOp loop) {
  std::optional<int64_t> step = getConstantIntValue(loop.getStep());
  if (!step || *step < 2)
    return;
  // Tiles of equal rows move together.
  llvm::MapVector<int64_t, SmallVector<Tile>> groups;
  int64_t count = 0;
  for (auto view : loop.getBody()->getOps<memref::SubViewOp>())
    if (std::optional<Tile> tile = tileOf(view, loop, *step)) {
      groups[tile->linesPerRow].push_back(*tile);
      ++count;
    }
  if (groups.empty())
    return;
  SmallVector<Place> places;
  SmallVector<scf::ForOp> nest;
  int64_t least = workOf(*loop.getBody()) / smallestPart;
  collectPlaces(*loop.getBody(), nest, 1, least, places);
  // As late as possible, which measures best: rows a page apart share few sets
  // of a cache, and lines fetched early are gone again.
  for (auto &[perRow, tiles] : groups) {
    int64_t lines = *step * perRow, base = 0;
    for (const Place &place : llvm::reverse(places)) {
      int64_t most = std::min(mostLines, place.work / opsPerLine) / count;
      if (base >= lines || most == 0)
        continue;
      int64_t portion = portionOf(
          llvm::divideCeil(lines - base, place.executions), perRow, most);
      base = llvm::alignDown(base, std::min(portion, perRow));
      emitPortion(loop, place, tiles, perRow, base, portion);
      base += portion * place.executions;
    }
  }
}

/// Whether no sequential loop of the task stands around `loop`. A task is the
/// body of a parallel loop, or of the loop of an outlined function.
static bool isOutermostInTask(scf::ForOp loop) {
  auto around = loop->getParentOfType<scf::ForOp>();
  if (loop->getParentOfType<scf::ForallOp>())
    return !around;
  auto function = loop->getParentOfType<func::FuncOp>();
  return function && function->hasAttr("gate.task") && around &&
         !around->getParentOfType<scf::ForOp>();
}

namespace {
struct PrefetchTiles : gate::impl::PrefetchTilesBase<PrefetchTiles> {
  void runOnOperation() override {
    getOperation().walk([](scf::ForOp loop) {
      if (isOutermostInTask(loop))
        prefetchLoop(loop);
    });
  }
};
} // namespace
