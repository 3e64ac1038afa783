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
  int64_t last = rank ? shape.back() : 1;
  int64_t piece = 16 / bytes;
  int64_t pieces = std::clamp<int64_t>(last / piece, 1, 8);
  auto address = [&](const LinearLayout &layout, Values &thread, int64_t reg) {
    Value row = number(0);
    for (int64_t dim = 0; dim + 1 < rank; ++dim)
      row = arith::AddIOp::create(
          b, loc, arith::MulIOp::create(b, loc, row, number(shape[dim])),
          coordinate(layout, thread, reg, dim));
    Value column = rank ? coordinate(layout, thread, reg, rank - 1) : number(0);
    if (pieces > 1) {
      Value turn = arith::AndIOp::create(b, loc, row, number(pieces - 1));
      turn = arith::MulIOp::create(b, loc, turn, number(piece));
      column = arith::XOrIOp::create(b, loc, column, turn);
    }
    Value index = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, row, number(last)), column);
    index = arith::AddIOp::create(
        b, loc, arith::MulIOp::create(b, loc, index, number(bytes)), start);
    return sharedAddress(index, b.getI8Type());
  };
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
  Values thread = threadCoordinates(from);
  Values scalars = llvm::map_to_vector(split(value), toStored);
  int64_t width = widthOf(from);
  for (int64_t reg = 0, e = scalars.size(); reg < e; reg += width) {
    Values chunk(scalars.begin() + reg, scalars.begin() + reg + width);
    LLVM::StoreOp::create(b, loc, join(chunk), address(from, thread, reg),
                          static_cast<unsigned>(width * bytes));
  }
  synchronize();
  thread = threadCoordinates(to);
  Values loaded;
  width = widthOf(to);
  for (int64_t reg = 0; reg < to.getRegisters(); reg += width) {
    Value chunk = LLVM::LoadOp::create(b, loc, VectorType::get({width}, stored),
                                       address(to, thread, reg),
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

