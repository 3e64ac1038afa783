//===- DistributeRings.cpp - Copies under way and the warps that wait -----===//
//
// Tensor maps, bulk copies and barriers of transactions (PTX ISA, sections 5.5,
// 9.7.9.27 and 9.7.13.15). Each slot of a ring has three barriers: copies
// complete the first, one arrival of each consumer warp each of the others, one
// for each part that a round may release by itself.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockBuffers.h"
#include "Distributor.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace gate;

/// Tiles of a ring start where the pattern of a swizzle does.
static constexpr int64_t tileAlignment = 1024;
/// Warps are given and taken registers in groups of four.
static constexpr int64_t producerThreads = 128;
/// Registers of a multiprocessor, what one thread may have, and what a thread
/// that only copies needs.
static constexpr int64_t allRegisters = 65536, mostRegisters = 255,
                         producerRegisters = 24;
/// How long one try to wait may take, in nanoseconds; it is repeated.
static constexpr int64_t waitNanoseconds = 10000000;
TileShape gate::sharedShape(VectorType tile) {
  int64_t width = tile.getShape().back() * tile.getElementTypeBitWidth() / 8;
  int64_t span = std::min<int64_t>(width, 128);
  return {span, tile.getNumElements() / tile.getShape().back() * span};
}

static int64_t bytesOf(VectorType type) {
  return type.getNumElements() * type.getElementTypeBitWidth() / 8;
}

int64_t Distributor::getThreads() const {
  return layouts.getWarps() * LinearLayout::lanes +
         (ring ? producerThreads : 0);
}

Value Distributor::makeLater(SmallVectorImpl<arith::ConstantOp> &list,
                             Type type) {
  auto constant =
      arith::ConstantOp::create(b, loc, type, b.getIntegerAttr(type, 1));
  list.push_back(constant);
  return constant;
}

LogicalResult Distributor::makeRing(block::RingOp op) {
  ring = op.getRing().getType();
  for (Type type : ring.getTiles()) {
    tileOffsets.push_back(slotBytes);
    slotBytes += llvm::alignTo(bytesOf(cast<VectorType>(type)), tileAlignment);
  }
  kernel.walk([&](block::CopyOp copy) {
    if (copy.getByLanes())
      laneTiles.insert(copy.getTile());
  });
  // One thread makes the barriers, and all wait for it.
  Type i32 = b.getI32Type();
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
  Value one = arith::ConstantIntOp::create(b, loc, 1, 32);
  Value warps = arith::ConstantIntOp::create(b, loc, layouts.getWarps(), 32);
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, thread, zero);
  auto choice = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
  b.setInsertionPoint(choice.thenYield());
  auto loop = scf::ForOp::create(b, loc, zero, makeLater(stages, i32), one);
  b.setInsertionPointToStart(loop.getBody());
  // The thread that starts copies arrives once, and for each tile of lanes.
  Value arrivals =
      arith::ConstantIntOp::create(b, loc, 1 + laneTiles.size(), 32);
  NVVM::MBarrierInitOp::create(b, loc, fullBarrier(loop.getInductionVar()),
                               arrivals, Value());
  for (int64_t part : {0, 1})
    NVVM::MBarrierInitOp::create(
        b, loc, emptyBarrier(loop.getInductionVar(), part), warps, Value());
  b.setInsertionPointAfter(loop);
  NVVM::FenceMbarrierInitOp::create(b, loc);
  b.setInsertionPointAfter(choice);
  barrier();
  return success();
}

Value Distributor::slotStart(Value step) {
  Value slot =
      arith::RemUIOp::create(b, loc, step, makeLater(stages, step.getType()));
  Value bytes = arith::MulIOp::create(
      b, loc, slot, arith::ConstantIntOp::create(b, loc, slotBytes, 32));
  bytes = arith::AddIOp::create(b, loc, bytes,
                                makeLater(slotsStart, step.getType()));
  return arith::IndexCastUIOp::create(b, loc, b.getIndexType(), bytes);
}

Value Distributor::barrierOf(Value step, int64_t number) {
  Value slot =
      arith::RemUIOp::create(b, loc, step, makeLater(stages, step.getType()));
  auto constant = [&](int64_t n) -> Value {
    return arith::ConstantIntOp::create(b, loc, n, 32);
  };
  Value bytes = arith::MulIOp::create(b, loc, slot, constant(slotBarrierBytes));
  bytes = arith::AddIOp::create(b, loc, bytes,
                                makeLater(barriersStart, step.getType()));
  if (number)
    bytes = arith::AddIOp::create(b, loc, bytes, constant(8 * number));
  Value index = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), bytes);
  return sharedAddress(index, b.getI8Type());
}

Value Distributor::parityOf(Value step) {
  Value turn =
      arith::DivUIOp::create(b, loc, step, makeLater(stages, step.getType()));
  return arith::AndIOp::create(b, loc, turn,
                               arith::ConstantIntOp::create(b, loc, 1, 32));
}

LogicalResult Distributor::acquire(block::AcquireOp op) {
  Value one = arith::ConstantIntOp::create(b, loc, 1, 32);
  // The first time a slot is free: as if the phase before had ended.
  Value parity = arith::XOrIOp::create(b, loc, parityOf(op.getStep()), one);
  Value ticks = arith::ConstantIntOp::create(b, loc, waitNanoseconds, 32);
  NVVM::MBarrierTryWaitParityOp::create(
      b, loc, emptyBarrier(op.getStep(), op.getPart()), parity, ticks);
  if (op.getPart() > 0) {
    op.erase();
    return success();
  }
  int64_t bytes = 0;
  for (auto [number, type] : llvm::enumerate(ring.getTiles()))
    if (!laneTiles.contains(number))
      bytes += bytesOf(cast<VectorType>(type));
  byOneLane([&] {
    Value expected = arith::ConstantIntOp::create(b, loc, bytes, 32);
    NVVM::MBarrierArriveExpectTxOp::create(
        b, loc, Type(), fullBarrier(op.getStep()), expected,
        NVVM::MemScopeKindAttr::get(b.getContext(), NVVM::MemScopeKind::CTA),
        b.getBoolAttr(false), Value());
  });
  op.erase();
  return success();
}

void Distributor::byOneLane(function_ref<void()> body) {
  if (laneTiles.empty()) {
    body();
    return;
  }
  Value isFirst =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, laneId(),
                            arith::ConstantIndexOp::create(b, loc, 0));
  auto choice = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
  b.setInsertionPoint(choice.thenYield());
  body();
  b.setInsertionPointAfter(choice);
}

/// Element by element, a lane every so many; then one of them says so.
void Distributor::copyByLanes(ArrayRef<block::CopyOp> copies) {
  // All loads are on their way before the first store waits for one.
  SmallVector<std::function<void()>> stores;
  for (block::CopyOp op : copies) {
    auto tile = cast<VectorType>(ring.getTiles()[op.getTile()]);
    Type element = tile.getElementType();
    int64_t dim = op.getDims().front(), count = tile.getNumElements();
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    Value start = arith::AddIOp::create(
        b, loc, slotStart(op.getStep()),
        arith::ConstantIndexOp::create(b, loc, tileOffsets[op.getTile()]));
    Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(element));
    Value size;
    if (ShapedType::isDynamic(op.getSizes()[dim]))
      size = op.getDynamicSizes()[llvm::count(op.getSizes().take_front(dim),
                                              ShapedType::kDynamic)];
    else
      size = arith::ConstantIndexOp::create(b, loc, op.getSizes()[dim]);
    for (int64_t done = 0; done < count; done += LinearLayout::lanes) {
      Value own = arith::AddIOp::create(
          b, loc, laneId(), arith::ConstantIndexOp::create(b, loc, done));
      Values indices(op.getIndices());
      indices[dim] = arith::AddIOp::create(b, loc, indices[dim], own);
      Value isInside = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                             indices[dim], size);
      auto read = scf::IfOp::create(
          b, loc, isInside,
          [&](OpBuilder &inner, Location where) {
            Value value =
                memref::LoadOp::create(inner, where, op.getSource(), indices);
            scf::YieldOp::create(inner, where, value);
          },
          [&](OpBuilder &inner, Location where) {
            scf::YieldOp::create(inner, where, zero);
          });
      Value value = read.getResult(0);
      auto store = [this, start, own, bytes, value] {
        Value place = arith::AddIOp::create(
            b, loc, start,
            arith::MulIOp::create(
                b, loc, own, arith::ConstantIndexOp::create(b, loc, bytes)));
        LLVM::StoreOp::create(b, loc, value,
                              sharedAddress(place, b.getI8Type()),
                              static_cast<unsigned>(bytes));
      };
      if (done + LinearLayout::lanes <= count) {
        stores.push_back(store);
        continue;
      }
      stores.push_back([this, own, count, store] {
        Value isOwn = arith::CmpIOp::create(
            b, loc, arith::CmpIPredicate::ult, own,
            arith::ConstantIndexOp::create(b, loc, count));
        auto choice =
            scf::IfOp::create(b, loc, isOwn, /*withElseRegion=*/false);
        b.setInsertionPoint(choice.thenYield());
        store();
        b.setInsertionPointAfter(choice);
      });
    }
  }
  for (const std::function<void()> &store : stores)
    store();
  NVVM::SyncWarpOp::create(b, loc,
                           arith::ConstantIntOp::create(b, loc, -1, 32));
  byOneLane([&] {
    for (block::CopyOp op : copies)
      NVVM::MBarrierArriveOp::create(
          b, loc, b.getI64Type(), fullBarrier(op.getStep()), Value(),
          NVVM::MemScopeKindAttr::get(b.getContext(), NVVM::MemScopeKind::CTA));
  });
  for (block::CopyOp op : copies)
    op.erase();
}

/// The number of the kernel's parameter that a value is, as
/// gate-lower-kernel-arguments makes them.
std::optional<int64_t> Distributor::parameterOf(Value value) {
  auto dimension = value.getDefiningOp<memref::DimOp>();
  Value owner = dimension ? dimension.getSource() : value;
  auto argument = dyn_cast<BlockArgument>(owner);
  if (!argument || argument.getOwner() != &kernel.getBody().front())
    return std::nullopt;
  int64_t number = 0;
  for (BlockArgument before :
       kernel.getArguments().take_front(argument.getArgNumber())) {
    auto type = dyn_cast<MemRefType>(before.getType());
    number += type ? 1 + type.getNumDynamicDims() : 1;
  }
  if (!dimension)
    return number;
  std::optional<int64_t> dim = dimension.getConstantIndex();
  if (!dim)
    return std::nullopt;
  return number + 1 +
         cast<MemRefType>(owner.getType()).getDynamicDimIndex(*dim);
}

int64_t Distributor::addTensorMap(block::CopyOp op, int64_t span) {
  // A constant, or -(1 + p) for parameter p.
  auto encoded = [&](Value value) -> int64_t {
    IntegerAttr constant;
    if (matchPattern(value, m_Constant(&constant)))
      return constant.getInt();
    return -(1 + *parameterOf(value));
  };
  auto type = cast<MemRefType>(op.getSource().getType());
  auto tile = cast<VectorType>(ring.getTiles()[op.getTile()]);
  Value source = op.getSource(), base = source;
  while (Value behind = reshapedFrom(base))
    base = behind;
  int64_t offset = 0;
  if (auto view = base.getDefiningOp<memref::ViewOp>()) {
    offset = encoded(view.getByteShift());
    base = view.getSource();
  }
  SmallVector<int64_t> extents, sizes, box(type.getRank(), 1);
  auto dynamic = op.getDynamicSizes().begin();
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (!type.isDynamicDim(dim)) {
      extents.push_back(type.getDimSize(dim));
    } else {
      auto [behind, own] = *dimBehind(source, dim);
      int64_t place =
          cast<MemRefType>(behind.getType()).getDynamicDimIndex(own);
      if (auto view = behind.getDefiningOp<memref::ViewOp>())
        extents.push_back(encoded(view.getSizes()[place]));
      else
        extents.push_back(-(2 + *parameterOf(behind) + place));
    }
    sizes.push_back(ShapedType::isDynamic(op.getSizes()[dim])
                        ? encoded(*dynamic++)
                        : op.getSizes()[dim]);
  }
  for (auto [position, dim] : llvm::enumerate(op.getDims()))
    box[dim] = tile.getDimSize(position);
  box.back() = span * 8 / tile.getElementTypeBitWidth();
  auto map = b.getDictionaryAttr(
      {b.getNamedAttr("base", b.getI64IntegerAttr(*parameterOf(base))),
       b.getNamedAttr("offset", b.getI64IntegerAttr(offset)),
       b.getNamedAttr("element", TypeAttr::get(tile.getElementType())),
       b.getNamedAttr("extents", b.getDenseI64ArrayAttr(extents)),
       b.getNamedAttr("sizes", b.getDenseI64ArrayAttr(sizes)),
       b.getNamedAttr("box", b.getDenseI64ArrayAttr(box)),
       b.getNamedAttr("swizzle", b.getI64IntegerAttr(span))});
  auto found = llvm::find(tensorMaps, map);
  if (found != tensorMaps.end())
    return found - tensorMaps.begin();
  tensorMaps.push_back(map);
  Block &entry = kernel.getBody().front();
  entry.addArgument(LLVM::LLVMPointerType::get(b.getContext()), loc);
  kernel.setType(b.getFunctionType(entry.getArgumentTypes(), {}));
  kernel->setAttr("gate.tensor_maps", b.getArrayAttr(tensorMaps));
  return tensorMaps.size() - 1;
}

LogicalResult Distributor::copy(block::CopyOp op) {
  if (op.getByLanes()) {
    // Together with the last one of the slot.
    laneCopies.push_back(op);
    for (Operation *next = op->getNextNode(); next; next = next->getNextNode())
      if (auto other = dyn_cast<block::CopyOp>(next);
          other && other.getByLanes() && other.getStep() == op.getStep())
        return success();
    copyByLanes(laneCopies);
    laneCopies.clear();
    return success();
  }
  auto tile = cast<VectorType>(ring.getTiles()[op.getTile()]);
  TileShape shape = sharedShape(tile);
  for (Value size : op.getDynamicSizes())
    if (!parameterOf(size))
      return op.emitError("expects sizes that are constants or parameters of "
                          "the kernel");
  int64_t number = addTensorMap(op, shape.span);
  Block &entry = kernel.getBody().front();
  Value map =
      entry.getArgument(entry.getNumArguments() - tensorMaps.size() + number);
  Value start = slotStart(op.getStep());
  auto cluster = LLVM::LLVMPointerType::get(b.getContext(), 7);
  Type i32 = b.getI32Type();
  int64_t elements = shape.span * 8 / tile.getElementTypeBitWidth();
  auto startCopy = [&](int64_t done) {
    auto number = [&](int64_t n) -> Value {
      return arith::ConstantIndexOp::create(b, loc, n);
    };
    int64_t offset = tileOffsets[op.getTile()] + done / elements * shape.block;
    Value place = arith::AddIOp::create(b, loc, start, number(offset));
    Value to = LLVM::AddrSpaceCastOp::create(
        b, loc, cluster, sharedAddress(place, b.getI8Type()));
    // The contiguous dim comes first.
    Values coordinates;
    for (Value index : llvm::reverse(op.getIndices())) {
      if (coordinates.empty() && done)
        index = arith::AddIOp::create(b, loc, index, number(done));
      coordinates.push_back(arith::IndexCastOp::create(b, loc, i32, index));
    }
    NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
        b, loc, to, map, coordinates, fullBarrier(op.getStep()), ValueRange(),
        Value(), Value(), NVVM::TMALoadMode::TILE,
        /*isCTAOnly=*/false, NVVM::CTAGroupKindAttr(), Value());
  };
  byOneLane([&] {
    for (int64_t done = 0; done < tile.getShape().back(); done += elements)
      startCopy(done);
  });
  op.erase();
  return success();
}

LogicalResult Distributor::take(block::TakeOp op) {
  Value ticks = arith::ConstantIntOp::create(b, loc, waitNanoseconds, 32);
  NVVM::MBarrierTryWaitParityOp::create(b, loc, fullBarrier(op.getStep()),
                                        parityOf(op.getStep()), ticks);
  Value start = slotStart(op.getStep());
  for (auto [offset, tile] : llvm::zip(tileOffsets, op.getTiles())) {
    TileShape shape = sharedShape(cast<VectorType>(tile.getType()));
    Value own = arith::AddIOp::create(
        b, loc, start, arith::ConstantIndexOp::create(b, loc, offset));
    tiles[tile] = {own, shape.span, shape.block};
  }
  return success();
}

LogicalResult Distributor::release(block::ReleaseOp op) {
  auto arrive = [&] {
    // All lanes are done with the slot before one of them says so.
    NVVM::SyncWarpOp::create(b, loc,
                             arith::ConstantIntOp::create(b, loc, -1, 32));
    Value isFirst =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, laneId(),
                              arith::ConstantIndexOp::create(b, loc, 0));
    auto choice = scf::IfOp::create(b, loc, isFirst, /*withElseRegion=*/false);
    b.setInsertionPoint(choice.thenYield());
    NVVM::MBarrierArriveOp::create(
        b, loc, b.getI64Type(), emptyBarrier(op.getStep(), op.getPart()),
        Value(),
        NVVM::MemScopeKindAttr::get(b.getContext(), NVVM::MemScopeKind::CTA));
    b.setInsertionPointAfter(choice);
  };
  if (op.getCondition()) {
    isDeferred = true;
    auto choice = scf::IfOp::create(b, loc, op.getCondition(),
                                    /*withElseRegion=*/false);
    b.setInsertionPoint(choice.thenYield());
    arrive();
    b.setInsertionPointAfter(choice);
  } else {
    arrive();
  }
  op.erase();
  return success();
}

Value Distributor::readRow(vector::ExtractOp op, const LinearLayout &layout) {
  RingTile at = tiles.lookup(op.getSource());
  VectorType type = op.getSourceVectorType();
  Type element = type.getElementType();
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  // The row's own start and pattern; columns are placed as in row 0, with the
  // pattern flipped.
  Value row = op.getDynamicPosition()[0];
  int64_t turns = at.span / 16;
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantIndexOp::create(b, loc, n);
  };
  Value turn = arith::DivUIOp::create(b, loc, row, number(8 / turns));
  turn = arith::RemUIOp::create(b, loc, turn, number(turns));
  turn = arith::MulIOp::create(b, loc, turn, number(16));
  Value start = arith::AddIOp::create(
      b, loc, at.start, arith::MulIOp::create(b, loc, row, number(at.span)));
  int64_t width = std::min(16 / bytes, layout.getContiguous(0));
  Values thread = threadCoordinates(layout), elements;
  for (int64_t reg = 0; reg < layout.getRegisters(); reg += width) {
    Value column = coordinate(layout, thread, reg, 0);
    column = arith::MulIOp::create(b, loc, column, number(bytes));
    Value block = arith::DivUIOp::create(b, loc, column, number(at.span));
    Value place = arith::RemUIOp::create(b, loc, column, number(at.span));
    place = arith::XOrIOp::create(b, loc, place, turn);
    place = arith::AddIOp::create(
        b, loc, place, arith::MulIOp::create(b, loc, block, number(at.block)));
    place = arith::AddIOp::create(b, loc, place, start);
    Value chunk =
        LLVM::LoadOp::create(b, loc, VectorType::get({width}, element),
                             sharedAddress(place, b.getI8Type()),
                             static_cast<unsigned>(width * bytes));
    llvm::append_range(elements, split(chunk));
  }
  return join(elements);
}

Value Distributor::readTile(Value tile, const LinearLayout &layout) {
  Block *here = b.getInsertionBlock();
  // Inside a branch or a loop reading again is cheaper than holding registers.
  for (auto &[other, value] : tilesRead[tile])
    if (other == layout && value.getParentBlock() == here)
      return value;
  Value result;
  Operation *op = tile.getDefiningOp();
  auto type = cast<VectorType>(tile.getType());
  if (isa<block::TakeOp>(op)) {
    Type element = type.getElementType();
    unsigned last = type.getRank() - 1;
    result = readShared(layout,
                        swizzledRows(type.getShape(), last,
                                     element.getIntOrFloatBitWidth() / 8),
                        tiles.lookup(tile).start, last, element);
  } else {
    Values operands;
    for (Value operand : op->getOperands())
      operands.push_back(get(operand, layout));
    OperationState state(loc, op->getName());
    state.addOperands(operands);
    state.addTypes(registersType(tile, layout));
    state.addAttributes(op->getAttrs());
    result = b.create(state)->getResult(0);
  }
  tilesRead[tile].push_back({layout, result});
  return result;
}

std::optional<std::pair<Distributor::RingTile, bool>>
Distributor::findTile(Value matrix) {
  auto type = cast<VectorType>(matrix.getType());
  if (type.getRank() != 2)
    return std::nullopt;
  bool transposed = false;
  if (auto transpose = matrix.getDefiningOp<vector::TransposeOp>()) {
    transposed = true;
    matrix = transpose.getVector();
  }
  auto found = tiles.find(matrix);
  if (found == tiles.end())
    return std::nullopt;
  return std::pair(found->second, transposed);
}

LogicalResult Distributor::specialize(block::SpecializeOp op) {
  int64_t threads = layouts.getWarps() * LinearLayout::lanes;
  int64_t all = threads + producerThreads;
  // What every thread starts with, and what consumers get of what the producer
  // gives back: never more than there is, or they would wait for ever.
  int64_t entry = std::min(mostRegisters, allRegisters / all / 8 * 8);
  int64_t most = (entry * all - producerRegisters * producerThreads) / threads;
  int64_t consumer = std::min<int64_t>(most / 8 * 8, 256 - 8);
  bool moves = consumer > entry;
  auto setRegisters = [&](int64_t count, NVVM::SetMaxRegisterAction action) {
    if (moves)
      NVVM::SetMaxRegisterOp::create(
          b, loc, b.getI32IntegerAttr(static_cast<int32_t>(count)),
          NVVM::SetMaxRegisterActionAttr::get(b.getContext(), action));
  };
  Value limit = arith::ConstantIndexOp::create(b, loc, layouts.getWarps());
  Value consumes =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, warpId(), limit);
  auto choice = scf::IfOp::create(b, loc, consumes, /*withElseRegion=*/true);
  // The copying side first: it makes the tensor maps.
  b.setInsertionPoint(choice.elseYield());
  setRegisters(producerRegisters, NVVM::SetMaxRegisterAction::decrease);
  // One thread starts copies; a warp where lanes copy, too.
  Value end = arith::ConstantIntOp::create(
      b, loc, threads + (laneTiles.empty() ? 1 : LinearLayout::lanes), 32);
  Value copies =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, thread, end);
  auto alone = scf::IfOp::create(b, loc, copies, /*withElseRegion=*/false);
  auto moveInto = [&](Block *from, Operation *before) {
    SmallVector<Operation *> ops =
        llvm::map_to_vector(*from, [](Operation &inner) { return &inner; });
    for (Operation *inner : ops)
      inner->moveBefore(before);
    for (Operation *inner : ops) {
      b.setInsertionPoint(inner);
      if (failed(distribute(inner)))
        return failure();
    }
    return LogicalResult(success());
  };
  if (failed(moveInto(&op.getProducer().front(), alone.thenYield())))
    return failure();
  b.setInsertionPoint(choice.thenYield());
  setRegisters(consumer, NVVM::SetMaxRegisterAction::increase);
  amongConsumers = true;
  LogicalResult result =
      moveInto(&op.getConsumers().front(), choice.thenYield());
  amongConsumers = false;
  op.erase();
  b.setInsertionPointAfter(choice);
  return result;
}
