//===- DistributeShared.cpp - Shared memory of a thread block -------------===//
//
// Values that change their threads pass through parts of shared memory. A part
// is written again only when a barrier lies between its last use and then, so
// that one barrier, between writing and reading, is enough for each exchange.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Distributor.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace gate;

/// Parts start where the pattern of a swizzle does.
static constexpr int64_t scratchAlignment = 1024;
/// The barrier that consumers wait at; 0 is that of the whole block.
static constexpr int64_t consumerBarrier = 1;
/// Stages of a ring that parts leave room for, and bytes of warps' own memory.
static constexpr int64_t leastStages = 2, mostWarpBytes = 16384;
/// Elements of a tile that are exchanged at a time.
static constexpr int64_t mostExchanged = 16384;

void Distributor::barrier() {
  ++epoch;
  if (!amongConsumers) {
    NVVM::Barrier0Op::create(b, loc);
    return;
  }
  Value id = arith::ConstantIntOp::create(b, loc, consumerBarrier, 32);
  Value threads = arith::ConstantIntOp::create(
      b, loc, layouts.getWarps() * LinearLayout::lanes, 32);
  NVVM::BarrierOp::create(b, loc, Type(), id, threads,
                          NVVM::BarrierReductionAttr(), Value());
}

Value Distributor::sharedAddress(Value index, Type element) {
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), 3);
  Value base = LLVM::AddressOfOp::create(b, loc, pointer, sharedMemorySymbol);
  Value offset = arith::IndexCastOp::create(b, loc, b.getI64Type(), index);
  return LLVM::GEPOp::create(b, loc, pointer, element, base,
                             ArrayRef<LLVM::GEPArg>{offset});
}

Distributor::Placement Distributor::swizzledRows(ArrayRef<int64_t> shape,
                                                 unsigned inner,
                                                 int64_t bytes) {
  int64_t span = std::min<int64_t>(shape[inner] * bytes, 128), rows = 1;
  for (auto [dim, size] : llvm::enumerate(shape))
    rows *= dim == inner ? 1 : size;
  SmallVector<int64_t> sizes(shape);
  return [=](const Coordinates &place) {
    int64_t row = 0;
    for (auto [dim, size] : llvm::enumerate(sizes))
      if (dim != inner)
        row = row * size + place[dim];
    int64_t column = place[inner] * bytes, turns = span / 16;
    int64_t turn = turns > 1 ? row / (8 / turns) % turns * 16 : 0;
    return column / span * (rows * span) + row * span + (column % span ^ turn);
  };
}

Distributor::Placement Distributor::wholeRows(ArrayRef<int64_t> shape,
                                              int64_t bytes) {
  SmallVector<int64_t> sizes(shape);
  return [=](const Coordinates &place) {
    int64_t row = 0, rank = sizes.size();
    if (rank == 0)
      return int64_t(0);
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      row = row * sizes[dim] + place[dim];
    // A column is spread over banks.
    int64_t width = sizes.back() * bytes;
    int64_t turns = std::clamp<int64_t>(width / 16, 1, 8);
    return row * width + (place.back() * bytes ^ row % turns * 16);
  };
}

std::function<Value(int64_t)>
Distributor::addressesOf(const LinearLayout &layout, const Placement &placement,
                         Value start) {
  auto number = [this](int64_t n) -> Value {
    return arith::ConstantIndexOp::create(b, loc, n);
  };
  // Each bit of a lane's or warp's number flips some bits of the offset; those
  // that move equally far move together.
  Value offset;
  int64_t threadBits = 0;
  for (auto [place, index] : {std::pair(LinearLayout::Lane, laneId()),
                              std::pair(LinearLayout::Warp, warpId())}) {
    llvm::MapVector<int64_t, int64_t> masks;
    for (auto [bit, basis] : llvm::enumerate(layout.getBases(place))) {
      int64_t flips = placement(basis);
      threadBits |= flips;
      for (int64_t to = 0; flips >> to; ++to)
        if (flips >> to & 1)
          masks[to - static_cast<int64_t>(bit)] |= int64_t(1) << bit;
    }
    for (auto [distance, mask] : masks) {
      Value part = arith::AndIOp::create(b, loc, index, number(mask));
      if (distance > 0)
        part = arith::ShLIOp::create(b, loc, part, number(distance));
      else if (distance < 0)
        part = arith::ShRUIOp::create(b, loc, part, number(-distance));
      offset =
          offset ? Value(arith::XOrIOp::create(b, loc, offset, part)) : part;
    }
  }
  if (!offset)
    offset = number(0);
  return [this, layout, placement, offset, threadBits,
          start](int64_t reg) -> Value {
    auto number = [this](int64_t n) -> Value {
      return arith::ConstantIndexOp::create(b, loc, n);
    };
    int64_t own = placement(layout.ofRegister(reg));
    Value flipped = offset;
    if (int64_t flips = own & threadBits)
      flipped = arith::XOrIOp::create(b, loc, offset, number(flips));
    Value address = arith::AddIOp::create(b, loc, start, flipped);
    if (int64_t adds = own & ~threadBits)
      address = arith::AddIOp::create(b, loc, address, number(adds));
    return sharedAddress(address, b.getI8Type());
  };
}

std::optional<int64_t> Distributor::findScratch(int64_t bytes, int64_t most,
                                                bool evenIfKept) {
  SmallVector<int64_t> starts{0};
  for (const Scratch &part : scratch)
    if (!part.isGone)
      starts.push_back(part.offset + part.bytes);
  llvm::sort(starts);
  for (int64_t start : starts) {
    bool isFree = start + bytes <= most;
    for (const Scratch &part : scratch)
      if (!part.isGone && part.offset < start + bytes &&
          start < part.offset + part.bytes)
        isFree &= !part.isTaken && part.lastUse < epoch &&
                  (evenIfKept || !part.isKept);
    if (isFree)
      return start;
  }
  return std::nullopt;
}

unsigned Distributor::takeScratch(int64_t bytes) {
  bytes = llvm::alignTo(bytes, scratchAlignment);
  int64_t most = mostShared - mostWarpBytes;
  if (ring)
    most -= leastStages * (slotBytes + slotBarrierBytes) + scratchAlignment;
  std::optional<int64_t> start = findScratch(bytes, most, false);
  if (!start)
    start = findScratch(bytes, most, true);
  if (!start) {
    barrier();
    start = findScratch(bytes, most, true);
  }
  if (!start)
    start = findScratch(bytes, std::numeric_limits<int64_t>::max(), true);
  // What was there is gone.
  for (Scratch &part : scratch)
    part.isGone |=
        part.offset < *start + bytes && *start < part.offset + part.bytes;
  scratchBytes = std::max(scratchBytes, *start + bytes);
  scratch.push_back(Scratch{*start, bytes, epoch, epoch});
  scratch.back().isTaken = true;
  return scratch.size() - 1;
}

void Distributor::giveBack(unsigned place) {
  scratch[place].isTaken = false;
  scratch[place].lastUse = epoch;
}

void Distributor::forgetScratch() {
  // The end of a loop's body comes before its start.
  for (Scratch &part : scratch) {
    part.lastUse = epoch;
    part.isKept = false;
  }
  staged.clear();
}

LogicalResult Distributor::placeShared() {
  auto setAll = [](ArrayRef<arith::ConstantOp> list, int64_t value) {
    for (arith::ConstantOp constant : list)
      constant.setValueAttr(IntegerAttr::get(constant.getType(), value));
  };
  sharedBytes = scratchBytes;
  if (warpBytes) {
    sharedBytes = llvm::alignTo(sharedBytes, 16);
    setAll(warpsStart, sharedBytes);
    setAll(warpSizes, warpBytes);
    sharedBytes += layouts.getWarps() * warpBytes;
  }
  if (!ring)
    return success();
  int64_t start = llvm::alignTo(sharedBytes, scratchAlignment);
  int64_t room = mostShared - start;
  int64_t count = std::min<int64_t>(
      ring.getStages(), room / (slotBytes + slotBarrierBytes));
  if (count < 1)
    return kernel.emitError("expects at most ")
           << mostShared << " bytes of shared memory, got "
           << start + slotBytes + slotBarrierBytes;
  setAll(slotsStart, start);
  setAll(barriersStart, start + count * slotBytes);
  setAll(stages, count);
  sharedBytes = start + count * (slotBytes + slotBarrierBytes);
  kernel->setAttr("gate.stages", b.getI64IntegerAttr(count));
  return success();
}

/// Through shared memory: rows along the last dim, their pieces of 16 bytes in
/// an order that differs from row to row, so that a column is spread over
/// banks.
Value Distributor::exchange(Value value, const LinearLayout &from,
                            const LinearLayout &to, bool inWarp) {
  // Half by half where a tile is large.
  int64_t elements = 1;
  for (int64_t size : from.getShape())
    elements *= size;
  if (elements > mostExchanged)
    for (unsigned dim = from.getRank(); dim-- > 0;) {
      std::optional<LinearLayout> half = from.halve(dim), halfTo = to.halve(dim);
      if (!half || !halfTo)
        continue;
      Values all = split(value), moved(to.getRegisters());
      for (int64_t part : {0, 1}) {
        auto placeOf = [&](const LinearLayout &layout, int64_t reg) {
          Coordinates place = layout.ofRegister(reg);
          place[dim] ^= part * half->getShape()[dim];
          return place;
        };
        Values own;
        for (int64_t reg = 0; reg < half->getRegisters(); ++reg)
          own.push_back(all[*from.findRegister(placeOf(*half, reg))]);
        own = split(exchange(join(own), *half, *halfTo, inWarp));
        for (int64_t reg = 0; reg < halfTo->getRegisters(); ++reg)
          moved[*to.findRegister(placeOf(*halfTo, reg))] = own[reg];
      }
      return join(moved);
    }
  Type element = cast<VectorType>(value.getType()).getElementType();
  Type stored = element.isInteger(1) ? b.getI8Type() : element;
  if (stored.isIndex())
    stored = b.getI64Type();
  int64_t bytes = llvm::divideCeil(stored.getIntOrFloatBitWidth(), 8);
  ArrayRef<int64_t> shape = from.getShape();
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantIndexOp::create(b, loc, n);
  };
  // A warp has memory of its own for this: nothing else is ever there.
  Value start;
  unsigned place = 0;
  if (inWarp) {
    warpBytes = std::max<int64_t>(warpBytes, llvm::alignTo(count * bytes, 16));
    start = arith::MulIOp::create(b, loc, warpId(),
                                  makeLater(warpSizes, b.getIndexType()));
    start = arith::AddIOp::create(b, loc, start,
                                  makeLater(warpsStart, b.getIndexType()));
  } else {
    place = takeScratch(count * bytes);
    start = number(scratch[place].offset);
  }
  auto synchronize = [&] {
    if (inWarp)
      NVVM::SyncWarpOp::create(b, loc,
                               arith::ConstantIntOp::create(b, loc, -1, 32));
    else
      barrier();
  };
  int64_t rank = shape.size();
  int64_t piece = 16 / bytes;
  Placement placement = wholeRows(shape, bytes);
  auto widthOf = [&](const LinearLayout &layout) {
    return rank ? std::min(piece, layout.getContiguous(rank - 1)) : 1;
  };
  auto toStored = [&](Value scalar) -> Value {
    if (element.isInteger(1))
      return arith::ExtUIOp::create(b, loc, stored, scalar);
    if (element.isIndex())
      return arith::IndexCastOp::create(b, loc, stored, scalar);
    return scalar;
  };
  auto fromStored = [&](Value scalar) -> Value {
    if (element.isInteger(1))
      return arith::TruncIOp::create(b, loc, element, scalar);
    if (element.isIndex())
      return arith::IndexCastOp::create(b, loc, element, scalar);
    return scalar;
  };
  std::function<Value(int64_t)> address = addressesOf(from, placement, start);
  Values scalars = llvm::map_to_vector(split(value), toStored);
  int64_t width = widthOf(from);
  for (int64_t reg = 0, e = scalars.size(); reg < e; reg += width) {
    Values chunk(scalars.begin() + reg, scalars.begin() + reg + width);
    LLVM::StoreOp::create(b, loc, join(chunk), address(reg),
                          static_cast<unsigned>(width * bytes));
  }
  synchronize();
  address = addressesOf(to, placement, start);
  Values loaded;
  width = widthOf(to);
  for (int64_t reg = 0; reg < to.getRegisters(); reg += width) {
    Value chunk = LLVM::LoadOp::create(b, loc, VectorType::get({width}, stored),
                                       address(reg),
                                       static_cast<unsigned>(width * bytes));
    llvm::append_range(loaded, split(chunk));
  }
  // What comes next in a warp's own memory waits here; other memory is not
  // written again before a barrier.
  if (inWarp)
    synchronize();
  else
    giveBack(place);
  return join(llvm::map_to_vector(loaded, fromStored));
}

