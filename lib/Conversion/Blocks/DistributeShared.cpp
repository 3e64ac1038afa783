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
/// Stages of a ring that parts leave room for, and bytes of own memory that all
/// warps together have usually and at most.
static constexpr int64_t leastStages = 2, usualWarpBytes = 16384,
                         mostWarpBytes = 2 * usualWarpBytes;
/// Warps of a block up to which two blocks share a multiprocessor.
static constexpr int64_t mostWarpsOfHalf = 8;
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

/// Where lanes point for matrices of 8 rows of 16 bytes, four at a time
/// (ldmatrix, stmatrix: PTX ISA, section 9.7.14.5): lane 8 m + r at row r of
/// matrix m. Nothing where registers are not fragments of such: pairs along a
/// row, four lanes a row, eight rows.
static std::optional<LinearLayout>
matrixRows(const LinearLayout &layout, const Distributor::Placement &placement,
           Type element) {
  ArrayRef<Coordinates> registers = layout.getBases(LinearLayout::Register);
  ArrayRef<Coordinates> lanes = layout.getBases(LinearLayout::Lane);
  if (!element.isF16() && !element.isBF16())
    return std::nullopt;
  if (registers.size() < 3 || lanes.size() != 5 ||
      placement(registers[0]) != 2 || placement(lanes[0]) != 4 ||
      placement(lanes[1]) != 8)
    return std::nullopt;
  auto isRow = [&](const Coordinates &basis) {
    int64_t offset = placement(basis);
    return offset > 0 && offset % 16 == 0;
  };
  if (!llvm::all_of(registers.drop_front(), isRow) ||
      !llvm::all_of(lanes.drop_front(2), isRow))
    return std::nullopt;
  LinearLayout result(layout.getShape());
  for (const Coordinates &basis : registers.drop_front(3))
    result.add(LinearLayout::Register, basis);
  for (const Coordinates &basis : lanes.drop_front(2))
    result.add(LinearLayout::Lane, basis);
  result.add(LinearLayout::Lane, registers[1]);
  result.add(LinearLayout::Lane, registers[2]);
  for (const Coordinates &basis : layout.getBases(LinearLayout::Warp))
    result.add(LinearLayout::Warp, basis);
  return result;
}

void Distributor::storeShared(Value value, const LinearLayout &layout,
                              const Placement &placement, Value start,
                              unsigned inner) {
  Type element = cast<VectorType>(value.getType()).getElementType();
  int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  std::optional<LinearLayout> rows = matrixRows(layout, placement, element);
  if (rows && layouts.hasWarpgroups()) {
    auto address = addressesOf(*rows, placement, start);
    Values all = words(value);
    for (int64_t group = 0; group < rows->getRegisters(); ++group)
      NVVM::StMatrixOp::create(
          b, loc, address(group), ArrayRef(all).slice(4 * group, 4),
          NVVM::MMALayoutAttr::get(b.getContext(), NVVM::MMALayout::row),
          NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
          NVVM::LdStMatrixEltTypeAttr::get(b.getContext(),
                                           NVVM::LdStMatrixEltType::B16));
    return;
  }
  int64_t width =
      layout.getRank() ? std::min(16 / bytes, layout.getContiguous(inner)) : 1;
  auto address = addressesOf(layout, placement, start);
  Values elements = split(value);
  for (int64_t reg = 0, e = elements.size(); reg < e; reg += width) {
    Values chunk(elements.begin() + reg, elements.begin() + reg + width);
    LLVM::StoreOp::create(b, loc, join(chunk), address(reg),
                          static_cast<unsigned>(width * bytes));
  }
}

Value Distributor::readShared(const LinearLayout &layout,
                              const Placement &placement, Value start,
                              unsigned inner, Type element) {
  int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  if (std::optional<LinearLayout> rows =
          matrixRows(layout, placement, element)) {
    auto address = addressesOf(*rows, placement, start);
    Type i32 = b.getI32Type();
    auto four = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                                 SmallVector<Type>(4, i32));
    Values all;
    for (int64_t group = 0; group < rows->getRegisters(); ++group) {
      Value read = NVVM::LdMatrixOp::create(
          b, loc, four, address(group), b.getI32IntegerAttr(4),
          NVVM::MMALayoutAttr::get(b.getContext(), NVVM::MMALayout::row),
          NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
          NVVM::LdStMatrixEltTypeAttr::get(b.getContext(),
                                           NVVM::LdStMatrixEltType::B16));
      for (int64_t i = 0; i < 4; ++i)
        all.push_back(LLVM::ExtractValueOp::create(b, loc, read, i));
    }
    return vector::BitCastOp::create(
        b, loc, VectorType::get({layout.getRegisters()}, element), join(all));
  }
  int64_t width =
      layout.getRank() ? std::min(16 / bytes, layout.getContiguous(inner)) : 1;
  auto address = addressesOf(layout, placement, start);
  Values elements;
  for (int64_t reg = 0; reg < layout.getRegisters(); reg += width) {
    Value chunk = LLVM::LoadOp::create(
        b, loc, VectorType::get({width}, element), address(reg),
        static_cast<unsigned>(width * bytes));
    llvm::append_range(elements, split(chunk));
  }
  return join(elements);
}

std::optional<int64_t> Distributor::findScratch(int64_t bytes, int64_t most,
                                                bool evenIfKept) {
  SmallVector<int64_t> starts{0, dirtyBytes};
  for (const Scratch &part : scratch)
    if (!part.isGone)
      starts.push_back(part.offset + part.bytes);
  llvm::sort(starts);
  for (int64_t start : starts) {
    // At multiples of its size, so that small parts do not cut large ones up.
    start = llvm::alignTo(start, llvm::PowerOf2Ceil(bytes));
    bool isFree =
        start + bytes <= most && (start >= dirtyBytes || dirtyEpoch < epoch);
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
  int64_t most =
      mostShared - std::max(layouts.getWarps() * warpBytes, usualWarpBytes);
  if (ring)
    most -= leastStages * (slotBytes + slotBarrierBytes) + scratchAlignment;
  // Where nothing is copied ahead, one small block computes while another
  // waits: tiles are kept for later products within half of the memory.
  int64_t kept = most;
  if (!ring && layouts.getWarps() <= mostWarpsOfHalf)
    kept /= 2;
  std::optional<int64_t> start =
      findScratch(bytes, std::min(most, scratchBytes), false);
  // After a block boundary one barrier is cheaper than more memory.
  if (!start && dirtyBytes >= bytes && dirtyEpoch == epoch) {
    barrier();
    start = findScratch(bytes, std::min(most, scratchBytes), false);
  }
  if (!start)
    start = findScratch(bytes, kept, false);
  if (!start)
    start = findScratch(bytes, kept, true);
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
  // The end of a loop's body comes before its start, and one side of a choice
  // does not come before the other: whatever has been used may be in use.
  for (Scratch &part : scratch)
    part.isKept = false;
  dirtyBytes = scratchBytes;
  dirtyEpoch = epoch;
  staged.clear();
}

void Distributor::closeLoop(int64_t bytesBefore) {
  // Other memory is written behind a barrier of the same round; memory that the
  // body was the first to use may be written before any.
  if (scratchBytes > bytesBefore)
    barrier();
  forgetScratch();
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
  if (!ring && sharedBytes > mostShared)
    return kernel.emitError("expects at most ")
           << mostShared << " bytes of shared memory, got " << sharedBytes;
  if (!ring)
    return success();
  int64_t start = llvm::alignTo(sharedBytes, scratchAlignment);
  int64_t room = mostShared - start;
  int64_t count = std::min<int64_t>(ring.getStages(),
                                    room / (slotBytes + slotBarrierBytes));
  // A round that releases the slot of the one before needs two.
  if (count < (isDeferred ? 2 : 1))
    return kernel.emitError("expects at most ")
           << mostShared << " bytes of shared memory, got "
           << start + (isDeferred ? 2 : 1) * (slotBytes + slotBarrierBytes);
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
  Type element = cast<VectorType>(value.getType()).getElementType();
  Type stored = element.isInteger(1) ? b.getI8Type() : element;
  if (stored.isIndex())
    stored = b.getI64Type();
  int64_t bytes = llvm::divideCeil(stored.getIntOrFloatBitWidth(), 8);
  ArrayRef<int64_t> shape = from.getShape();
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  // Half by half where a tile is large.
  if (count > mostExchanged ||
      (inWarp && count * bytes * layouts.getWarps() > mostWarpBytes))
    for (unsigned dim = from.getRank(); dim-- > 0;) {
      std::optional<LinearLayout> half = from.halve(dim),
                                  halfTo = to.halve(dim);
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
  Placement placement = wholeRows(shape, bytes);
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
  unsigned inner = rank ? rank - 1 : 0;
  storeShared(join(llvm::map_to_vector(split(value), toStored)), from,
              placement, start, inner);
  synchronize();
  Values loaded = split(readShared(to, placement, start, inner, stored));
  // What comes next in a warp's own memory waits here; other memory is not
  // written again before a barrier.
  if (inWarp)
    synchronize();
  else
    giveBack(place);
  return join(llvm::map_to_vector(loaded, fromStored));
}
