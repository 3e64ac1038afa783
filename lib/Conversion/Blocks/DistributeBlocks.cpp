//===- DistributeBlocks.cpp - Give every thread its part of a kernel ------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Distributor.h"
#include "gate/Conversion/Passes.h"
#include "gate/Runtime/Abi.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

namespace gate {
#define GEN_PASS_DEF_DISTRIBUTEBLOCKS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

VectorType Distributor::registersType(Value vector,
                                      const LinearLayout &layout) {
  return VectorType::get({layout.getRegisters()},
                         getElementTypeOrSelf(vector.getType()));
}

Value Distributor::splat(Value scalar, const LinearLayout &layout) {
  return vector::BroadcastOp::create(
      b, loc, VectorType::get({layout.getRegisters()}, scalar.getType()),
      scalar);
}

Distributor::Values Distributor::split(Value registers) {
  Values elements;
  int64_t count = cast<VectorType>(registers.getType()).getNumElements();
  for (int64_t i = 0; i < count; ++i)
    elements.push_back(vector::ExtractOp::create(b, loc, registers, i));
  return elements;
}

Value Distributor::join(Values elements) {
  auto type = VectorType::get({static_cast<int64_t>(elements.size())},
                              elements.front().getType());
  return vector::FromElementsOp::create(b, loc, type, elements);
}

void Distributor::set(Value vector, Value value) { registers[vector] = value; }

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

Value Distributor::laneId() { return lane; }
Value Distributor::warpId() { return warp; }

/// The XOR of the bases of the bits that are set in `index`, along one dim.
static Value applyBits(OpBuilder &b, Location loc, Value index,
                       ArrayRef<Coordinates> bases, unsigned dim, Value sum) {
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantIntOp::create(b, loc, n, 32);
  };
  for (size_t bit = 0; bit < bases.size();) {
    int64_t first = bases[bit][dim];
    if (first == 0) {
      ++bit;
      continue;
    }
    // Bits that double one another move together.
    size_t end = bit + 1;
    while (end < bases.size() &&
           bases[end][dim] == first << static_cast<int64_t>(end - bit))
      ++end;
    int64_t mask = ((int64_t(1) << (end - bit)) - 1) << bit;
    Value part = arith::AndIOp::create(b, loc, index, number(mask));
    int64_t shift =
        static_cast<int64_t>(llvm::Log2_64(first)) - static_cast<int64_t>(bit);
    if (llvm::isPowerOf2_64(first) && shift > 0)
      part = arith::ShLIOp::create(b, loc, part, number(shift));
    else if (llvm::isPowerOf2_64(first) && shift < 0)
      part = arith::ShRUIOp::create(b, loc, part, number(-shift));
    else if (!llvm::isPowerOf2_64(first)) {
      // Several bits of a coordinate from one: a swizzle.
      Value isSet = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                                          part, number(0));
      part = arith::SelectOp::create(b, loc, isSet, number(first), number(0));
      end = bit + 1;
    }
    sum = sum ? Value(arith::XOrIOp::create(b, loc, sum, part)) : part;
    bit = end;
  }
  return sum;
}

Distributor::Values Distributor::threadCoordinates(const LinearLayout &layout) {
  Values coordinates;
  Type i32 = b.getI32Type();
  auto narrow = [&](Value index) {
    return b.createOrFold<arith::IndexCastUIOp>(loc, i32, index);
  };
  for (unsigned dim = 0; dim < layout.getRank(); ++dim) {
    Value sum = applyBits(b, loc, narrow(laneId()),
                          layout.getBases(LinearLayout::Lane), dim, Value());
    sum = applyBits(b, loc, narrow(warpId()),
                    layout.getBases(LinearLayout::Warp), dim, sum);
    coordinates.push_back(sum ? sum
                              : arith::ConstantIntOp::create(b, loc, 0, 32));
  }
  return coordinates;
}

Value Distributor::narrowCoordinate(const LinearLayout &layout, Values &thread,
                                    int64_t reg, unsigned dim) {
  int64_t own = layout.ofRegister(reg)[dim];
  if (own == 0)
    return thread[dim];
  Value number = arith::ConstantIntOp::create(b, loc, own, 32);
  if (layout.registersAreSeparate())
    return arith::AddIOp::create(b, loc, thread[dim], number);
  return arith::XOrIOp::create(b, loc, thread[dim], number);
}

Value Distributor::coordinate(const LinearLayout &layout, Values &thread,
                              int64_t reg, unsigned dim) {
  return arith::IndexCastUIOp::create(
      b, loc, b.getIndexType(), narrowCoordinate(layout, thread, reg, dim));
}

Value Distributor::isOwner(const LinearLayout &layout) {
  Value owner;
  for (auto [place, index] : {std::pair(LinearLayout::Lane, laneId()),
                              std::pair(LinearLayout::Warp, warpId())}) {
    int64_t copies = 0;
    for (auto [bit, basis] : llvm::enumerate(layout.getBases(place)))
      if (llvm::all_of(basis, [](int64_t c) { return c == 0; }))
        copies |= int64_t(1) << bit;
    if (!copies)
      continue;
    Value bits = arith::AndIOp::create(
        b, loc, index, arith::ConstantIndexOp::create(b, loc, copies));
    Value isFirst =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, bits,
                              arith::ConstantIndexOp::create(b, loc, 0));
    owner =
        owner ? Value(arith::AndIOp::create(b, loc, owner, isFirst)) : isFirst;
  }
  return owner;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

std::optional<SmallVector<int64_t>>
gate::registerOrder(const LinearLayout &from, const LinearLayout &to) {
  if (from.getBases(LinearLayout::Lane) != to.getBases(LinearLayout::Lane) ||
      from.getBases(LinearLayout::Warp) != to.getBases(LinearLayout::Warp))
    return std::nullopt;
  SmallVector<int64_t> order;
  for (int64_t reg = 0; reg < to.getRegisters(); ++reg) {
    std::optional<int64_t> source = from.findRegister(to.ofRegister(reg));
    if (!source)
      return std::nullopt;
    order.push_back(*source);
  }
  return order;
}

Value Distributor::convert(Value value, const LinearLayout &from,
                           const LinearLayout &to) {
  if (from == to)
    return value;
  if (std::optional<SmallVector<int64_t>> order = registerOrder(from, to)) {
    Values elements = split(value), moved;
    for (int64_t source : *order)
      moved.push_back(elements[source]);
    return join(moved);
  }
  // Between the lanes of each warp where no other warp is asked.
  if (from.getBases(LinearLayout::Warp) == to.getBases(LinearLayout::Warp))
    if (std::optional<LinearLayout> part = from.ofOneWarp())
      if (std::optional<LinearLayout> partTo = to.ofOneWarp())
        return exchange(value, *part, *partTo, /*inWarp=*/true);
  return exchange(value, from, to, /*inWarp=*/false);
}

/// A flexible value in `layout`.
Value Distributor::make(Value vector, const LinearLayout &layout) {
  Operation *op = vector.getDefiningOp();
  VectorType type = registersType(vector, layout);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto dense = cast<DenseElementsAttr>(constant.getValue());
    if (dense.isSplat())
      return arith::ConstantOp::create(
          b, loc,
          DenseElementsAttr::get(type, dense.getSplatValue<Attribute>()));
    return Value();
  }
  if (auto cast = dyn_cast<vector::BroadcastOp>(op)) {
    auto sourceType = dyn_cast<VectorType>(cast.getSourceType());
    if (!sourceType)
      return splat(cast.getSource(), layout);
    LinearLayout from = sourceLayout(cast, layout);
    Value source = get(cast.getSource(), from);
    if (!source)
      return Value();
    Values elements = split(source), moved;
    int64_t extra = layout.getRank() - sourceType.getRank();
    for (int64_t reg = 0; reg < layout.getRegisters(); ++reg) {
      Coordinates position = layout.ofRegister(reg);
      position.erase(position.begin(), position.begin() + extra);
      for (auto [coordinate, size] : llvm::zip(position, sourceType.getShape()))
        coordinate = size == 1 ? 0 : coordinate;
      moved.push_back(elements[*from.findRegister(position)]);
    }
    return join(moved);
  }
  if (auto cast = dyn_cast<vector::TransposeOp>(op))
    return get(cast.getVector(), sourceLayout(cast, layout));
  if (auto cast = dyn_cast<vector::ShapeCastOp>(op))
    return get(cast.getSource(), sourceLayout(cast, layout));
  Values thread = threadCoordinates(layout);
  if (isa<vector::StepOp>(op)) {
    Values elements;
    for (int64_t reg = 0; reg < layout.getRegisters(); ++reg)
      elements.push_back(coordinate(layout, thread, reg, 0));
    return join(elements);
  }
  // Cut to the size of the dim, so that 32 bits hold them.
  Values limits;
  auto addLimit = [&](int64_t n) {
    limits.push_back(arith::ConstantIntOp::create(b, loc, n, 32));
  };
  if (auto mask = dyn_cast<vector::ConstantMaskOp>(op))
    llvm::for_each(mask.getMaskDimSizes(), addLimit);
  else
    for (auto [size, limit] : llvm::zip(
             layout.getShape(), cast<vector::CreateMaskOp>(op).getOperands())) {
      Value cut = arith::MinSIOp::create(
          b, loc, limit, arith::ConstantIndexOp::create(b, loc, size));
      cut = arith::MaxSIOp::create(b, loc, cut,
                                   arith::ConstantIndexOp::create(b, loc, 0));
      limits.push_back(
          arith::IndexCastUIOp::create(b, loc, b.getI32Type(), cut));
    }
  Values elements;
  for (int64_t reg = 0; reg < layout.getRegisters(); ++reg) {
    Value inside;
    for (auto [dim, limit] : llvm::enumerate(limits)) {
      Value isBelow = arith::CmpIOp::create(
          b, loc, arith::CmpIPredicate::ult,
          narrowCoordinate(layout, thread, reg, dim), limit);
      inside = inside ? Value(arith::AndIOp::create(b, loc, inside, isBelow))
                      : isBelow;
    }
    elements.push_back(inside);
  }
  return join(elements);
}

Value Distributor::get(Value vector, const LinearLayout &layout) {
  if (BlockLayouts::isFlexible(vector)) {
    Value value = make(vector, layout);
    if (!value)
      vector.getDefiningOp()->emitError(
          "expects constants of one value in a GPU kernel");
    return value;
  }
  if (BlockLayouts::isReadable(vector))
    return readTile(vector, layout);
  Operation *op = vector.getDefiningOp();
  if (auto row = dyn_cast_or_null<vector::ExtractOp>(op))
    return readRow(row, layout);
  if (auto cast = dyn_cast_or_null<vector::TransposeOp>(op))
    return get(cast.getVector(), sourceLayout(cast, layout));
  if (auto cast = dyn_cast_or_null<vector::ShapeCastOp>(op))
    return get(cast.getSource(), sourceLayout(cast, layout));
  if (auto part = dyn_cast_or_null<vector::ExtractStridedSliceOp>(op)) {
    LinearLayout whole = sourceLayout(part, layout);
    Value source = get(part.getSource(), whole);
    if (!source)
      return Value();
    Values elements = split(source), own;
    for (int64_t reg = 0; reg < layout.getRegisters(); ++reg) {
      Coordinates place = layout.ofRegister(reg);
      for (auto [coordinate, offset] :
           llvm::zip(place, part.getOffsets().getAsValueRange<IntegerAttr>()))
        coordinate ^= offset.getSExtValue();
      own.push_back(elements[*whole.findRegister(place)]);
    }
    return join(own);
  }
  LinearLayout own = layouts.of(vector);
  if (own != layout && !registerOrder(own, layout) &&
      BlockLayouts::isMadeOfPositions(vector))
    return elementwise(op, layout);
  return convert(registers.lookup(vector), own, layout);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// Whether code for a GPU has a function: gate-expand-math or an instruction.
static bool hasForm(Operation *op) {
  if (!isa<math::MathDialect>(op->getDialect()))
    return true;
  if (isa<math::SqrtOp, math::RsqrtOp, math::AbsFOp, math::AbsIOp,
          math::CopySignOp, math::FmaOp, math::FloorOp, math::CeilOp,
          math::TruncOp, math::RoundEvenOp>(op))
    return true;
  return getElementTypeOrSelf(op->getResult(0).getType()).isF32() &&
         isa<math::ExpOp, math::Exp2Op, math::ErfOp, math::TanhOp, math::LogOp,
             math::Log1pOp>(op);
}

LogicalResult Distributor::distributeElementwise(Operation *op) {
  if (!hasForm(op))
    return op->emitError("'")
           << op->getName() << "' of "
           << getElementTypeOrSelf(op->getResult(0).getType())
           << " has no form on a GPU; f32 has exp, exp2, erf, tanh, log, log1p "
              "and square roots";
  Value result = elementwise(op, layouts.of(op->getResult(0)));
  set(op->getResult(0), result);
  return success(static_cast<bool>(result));
}

Value Distributor::elementwise(Operation *op, const LinearLayout &layout) {
  if (auto comparison = dyn_cast<arith::CmpIOp>(op))
    if (Value result = comparePlaces(comparison, layout))
      return result;
  Values operands;
  for (Value operand : op->getOperands()) {
    Value value = operand;
    if (isa<VectorType>(operand.getType()))
      value = get(operand, layout);
    if (!value)
      return Value();
    operands.push_back(value);
  }
  if (auto choice = dyn_cast<arith::SelectOp>(op))
    if (Value pairs = selectPairs(choice, layout, operands))
      return pairs;
  OperationState state(loc, op->getName());
  state.addOperands(operands);
  state.addTypes(registersType(op->getResult(0), layout));
  state.addAttributes(op->getAttrs());
  return b.create(state)->getResult(0);
}

/// Whether a mask is the same for all places along a dim.
static bool isConstantAlong(Value mask, unsigned dim) {
  if (auto broadcast = mask.getDefiningOp<vector::BroadcastOp>()) {
    auto source = dyn_cast<VectorType>(broadcast.getSourceType());
    int64_t extra = broadcast.getResultVectorType().getRank() -
                    (source ? source.getRank() : 0);
    if (!source || dim < extra || source.getDimSize(dim - extra) == 1)
      return true;
    return isConstantAlong(broadcast.getSource(), dim - extra);
  }
  if (auto transpose = mask.getDefiningOp<vector::TransposeOp>())
    return isConstantAlong(transpose.getVector(),
                           transpose.getPermutation()[dim]);
  return false;
}

/// A choice between numbers of two bytes of which two share a word and a side:
/// half the instructions. Null where that is not so.
Value Distributor::selectPairs(arith::SelectOp op, const LinearLayout &layout,
                               const Values &operands) {
  auto type = cast<VectorType>(op.getType());
  ArrayRef<Coordinates> bases = layout.getBases(LinearLayout::Register);
  if (!type.getElementType().isIntOrFloat() ||
      type.getElementTypeBitWidth() != 16 || bases.empty() ||
      !isa<VectorType>(op.getCondition().getType()))
    return Value();
  for (auto [dim, c] : llvm::enumerate(bases.front()))
    if (c && !isConstantAlong(op.getCondition(), dim))
      return Value();
  Values all = split(operands[0]), sides;
  for (size_t i = 0; i < all.size(); i += 2)
    sides.push_back(all[i]);
  Value chosen = arith::SelectOp::create(
      b, loc, join(sides), join(words(operands[1])), join(words(operands[2])));
  return vector::BitCastOp::create(
      b, loc, registersType(op.getResult(), layout), chosen);
}

LogicalResult Distributor::distributeLoop(scf::ForOp loop) {
  if (llvm::none_of(loop.getResultTypes(),
                    [](Type type) { return isa<VectorType>(type); })) {
    int64_t before = scratchBytes;
    LogicalResult result = distributeBlock(loop.getBody());
    b.setInsertionPoint(loop.getBody()->getTerminator());
    closeLoop(before);
    b.setInsertionPointAfter(loop);
    return result;
  }
  Values inits;
  for (auto [init, argument] :
       llvm::zip(loop.getInitArgs(), loop.getRegionIterArgs()))
    inits.push_back(isa<VectorType>(init.getType())
                        ? get(init, layouts.of(argument))
                        : init);
  if (llvm::is_contained(inits, Value()))
    return failure();
  auto fresh = scf::ForOp::create(b, loc, loop.getLowerBound(),
                                  loop.getUpperBound(), loop.getStep(), inits);
  fresh.getBody()->getOperations().splice(fresh.getBody()->begin(),
                                          loop.getBody()->getOperations());
  loop.getInductionVar().replaceAllUsesWith(fresh.getInductionVar());
  for (auto [old, now, result, freshResult] :
       llvm::zip(loop.getRegionIterArgs(), fresh.getRegionIterArgs(),
                 loop.getResults(), fresh.getResults())) {
    if (isa<VectorType>(old.getType())) {
      set(old, now);
      set(result, freshResult);
    } else {
      old.replaceAllUsesWith(now);
      result.replaceAllUsesWith(freshResult);
    }
  }
  int64_t before = scratchBytes;
  if (failed(distributeBlock(fresh.getBody())))
    return failure();
  Operation *yield = fresh.getBody()->getTerminator();
  b.setInsertionPoint(yield);
  for (auto [operand, argument] :
       llvm::zip(yield->getOpOperands(), loop.getRegionIterArgs()))
    if (isa<VectorType>(argument.getType())) {
      Value value = get(operand.get(), layouts.of(argument));
      if (!value)
        return failure();
      operand.set(value);
    }
  closeLoop(before);
  b.setInsertionPointAfter(fresh);
  return success();
}

LogicalResult Distributor::distributeChoice(scf::IfOp choice) {
  for (Region &region : choice->getRegions())
    if (!region.empty() && failed(distributeBlock(&region.front())))
      return failure();
  auto isVector = [](Type type) { return isa<VectorType>(type); };
  SmallVector<Type> types(choice.getResultTypes());
  if (llvm::none_of(types, isVector)) {
    b.setInsertionPointAfter(choice);
    return success();
  }
  for (Region &region : choice->getRegions()) {
    Operation *yield = region.front().getTerminator();
    b.setInsertionPoint(yield);
    forgetScratch();
    for (auto [position, result] : llvm::enumerate(choice.getResults())) {
      if (!isVector(result.getType()))
        continue;
      Value value = get(yield->getOperand(position), layouts.of(result));
      if (!value)
        return failure();
      yield->setOperand(position, value);
      types[position] = value.getType();
    }
  }
  b.setInsertionPoint(choice);
  auto fresh = scf::IfOp::create(b, choice.getLoc(), types,
                                 choice.getCondition(), /*addThenBlock=*/false,
                                 /*addElseBlock=*/false);
  fresh.getThenRegion().takeBody(choice.getThenRegion());
  fresh.getElseRegion().takeBody(choice.getElseRegion());
  for (auto [old, now] : llvm::zip(choice.getResults(), fresh.getResults()))
    if (isVector(old.getType()))
      set(old, now);
    else
      old.replaceAllUsesWith(now);
  forgetScratch();
  b.setInsertionPointAfter(fresh);
  return success();
}

bool Distributor::isRowOfTile(Operation *op) {
  auto row = dyn_cast<vector::ExtractOp>(op);
  return row && row.getDynamicPosition().size() == 1 &&
         tiles.contains(row.getSource());
}

LogicalResult Distributor::distribute(Operation *op) {
  loc = op->getLoc();
  if (auto read = dyn_cast<vector::TransferReadOp>(op))
    return this->read(read);
  if (auto write = dyn_cast<vector::TransferWriteOp>(op))
    return this->write(write);
  if (auto gather = dyn_cast<vector::GatherOp>(op))
    return this->gather(gather);
  if (auto reduction = dyn_cast<vector::MultiDimReductionOp>(op))
    return reduce(reduction);
  if (auto product = dyn_cast<vector::ContractionOp>(op))
    return multiply(product);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return distributeLoop(loop);
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return distributeChoice(choice);
  if (auto make = dyn_cast<block::RingOp>(op))
    return makeRing(make);
  if (auto split = dyn_cast<block::SpecializeOp>(op))
    return specialize(split);
  if (auto acquire = dyn_cast<block::AcquireOp>(op))
    return this->acquire(acquire);
  if (auto copy = dyn_cast<block::CopyOp>(op))
    return this->copy(copy);
  if (auto take = dyn_cast<block::TakeOp>(op))
    return this->take(take);
  if (auto release = dyn_cast<block::ReleaseOp>(op))
    return this->release(release);
  if (auto product = dyn_cast<block::MultiplyOp>(op))
    return start(product);
  if (auto wait = dyn_cast<block::WaitOp>(op))
    return this->wait(wait);
  if (auto extract = dyn_cast<vector::ExtractOp>(op);
      extract && extract.getSourceVectorType().getNumElements() == 1 &&
      !isa<VectorType>(extract.getType())) {
    // Every thread holds it.
    Value source = get(extract.getSource(), layouts.of(extract.getSource()));
    if (!source)
      return failure();
    extract.getResult().replaceAllUsesWith(
        vector::ExtractOp::create(b, loc, source, 0));
    return success();
  }
  auto isVector = [](Type type) { return isa<VectorType>(type); };
  if (llvm::none_of(op->getOperandTypes(), isVector) &&
      llvm::none_of(op->getResultTypes(), isVector))
    return success();
  // Made where they are used.
  if (op->getNumResults() == 1 && (BlockLayouts::isFlexible(op->getResult(0)) ||
                                   isa<vector::TransposeOp, vector::ShapeCastOp,
                                       vector::ExtractStridedSliceOp>(op) ||
                                   isRowOfTile(op)))
    return success();
  if (op->getNumResults() == 1 && BlockLayouts::isReadable(op->getResult(0)))
    return success();
  if (OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1)
    return distributeElementwise(op);
  if (op->hasTrait<OpTrait::IsTerminator>())
    return success();
  return op->emitError("'")
         << op->getName() << "' has no form for the threads of a GPU yet";
}

LogicalResult Distributor::distributeBlock(Block *block) {
  forgetScratch();
  SmallVector<Operation *> ops =
      llvm::map_to_vector(*block, [](Operation &op) { return &op; });
  for (Operation *op : ops) {
    b.setInsertionPoint(op);
    if (failed(distribute(op)))
      return failure();
  }
  forgetScratch();
  return success();
}

LogicalResult Distributor::run() {
  Block &entry = kernel.getBody().front();
  auto isVector = [](Type type) { return isa<VectorType>(type); };
  SmallVector<Operation *> old;
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!op->hasTrait<OpTrait::IsTerminator>() &&
        (llvm::any_of(op->getOperandTypes(), isVector) ||
         llvm::any_of(op->getResultTypes(), isVector)))
      old.push_back(op);
  });
  // What a thread is, once.
  b.setInsertionPointToStart(&entry);
  Type i32 = b.getI32Type();
  thread = NVVM::ThreadIdXOp::create(b, loc, i32);
  Value bits = arith::ConstantIntOp::create(b, loc, 5, 32);
  Value mask = arith::ConstantIntOp::create(b, loc, 31, 32);
  lane = arith::IndexCastUIOp::create(
      b, loc, b.getIndexType(), arith::AndIOp::create(b, loc, thread, mask));
  // From the first lane: the same in a warp, and known to be.
  Value number = NVVM::ShflOp::create(
      b, loc, i32, arith::ConstantIntOp::create(b, loc, -1, 32),
      arith::ShRUIOp::create(b, loc, thread, bits),
      arith::ConstantIntOp::create(b, loc, 0, 32), mask, NVVM::ShflKind::idx,
      UnitAttr());
  warp = arith::IndexCastUIOp::create(b, loc, b.getIndexType(), number);
  SmallVector<Operation *> ops;
  for (Operation &op : llvm::make_range(
           std::next(Block::iterator(warp.getDefiningOp())), entry.end()))
    ops.push_back(&op);
  for (Operation *op : ops) {
    b.setInsertionPoint(op);
    if (failed(distribute(op)))
      return failure();
  }
  // The vectors of the block are used by one another only.
  for (Operation *op : llvm::reverse(old))
    op->erase();
  for (auto op : llvm::make_early_inc_range(entry.getOps<block::RingOp>()))
    op.erase();
  return placeShared();
}

/// Whether `value` is computed element by element from a product of matrices.
static bool comesFromProduct(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || isa<vector::ContractionOp, block::MultiplyOp>(op))
    return op;
  return OpTrait::hasElementwiseMappableTraits(op) &&
         llvm::any_of(op->getOperands(), comesFromProduct);
}

/// Rows of a product whose columns are reduced; 0 for other reductions.
static int64_t reducedProductRows(vector::MultiDimReductionOp op) {
  VectorType type = op.getSourceVectorType();
  bool reducesColumns =
      type.getRank() == 2 && op.isReducedDim(1) && !op.isReducedDim(0);
  return reducesColumns && comesFromProduct(op.getSource()) ? type.getDimSize(0)
                                                            : 0;
}

/// Products at once whose sums fit in half of a multiprocessor's registers.
static constexpr int64_t mostProductsAtOnce = 3;

/// The most products of one block of ops that wait for no other product, so
/// that their sums may be there at once; those that add to one another count
/// once.
static int64_t mostAtOnce(func::FuncOp kernel) {
  DenseMap<Block *, int64_t> counts;
  DenseSet<Value> later;
  int64_t most = 0;
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
    bool waits = llvm::any_of(op->getOperands(), [&](Value operand) {
      return later.contains(operand);
    });
    bool multiplies = isa<vector::ContractionOp, block::MultiplyOp>(op);
    if (multiplies && !waits)
      most = std::max(most, ++counts[op->getBlock()]);
    if (multiplies || waits)
      later.insert(op->result_begin(), op->result_end());
  });
  return most;
}

namespace {
struct DistributeBlocks : gate::impl::DistributeBlocksBase<DistributeBlocks> {
  using gate::impl::DistributeBlocksBase<
      DistributeBlocks>::DistributeBlocksBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> kernels;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("gate.kernel"))
        kernels.push_back(function);
    OpBuilder b = OpBuilder::atBlockBegin(getOperation().getBody());
    LLVM::GlobalOp::create(b, getOperation().getLoc(),
                           LLVM::LLVMArrayType::get(b.getI8Type(), 0),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           sharedMemorySymbol, /*value=*/Attribute(),
                           /*alignment=*/1024, /*addrSpace=*/3);
    LLVM::GlobalOp::create(b, getOperation().getLoc(), b.getI32Type(),
                           /*isConstant=*/false, LLVM::Linkage::External,
                           GATE_CUDA_STATUS_SYMBOL, b.getI32IntegerAttr(0),
                           /*alignment=*/4, /*addrSpace=*/1);
    for (func::FuncOp kernel : kernels)
      if (failed(distribute(kernel)))
        return signalPassFailure();
  }

  LogicalResult distribute(func::FuncOp kernel) {
    // The largest vector decides how many threads there are, the narrowest
    // type in memory how many neighbours fill 16 bytes.
    int64_t largest = 1, narrowest = 16, product = 0, reducedRows = 0;
    int64_t words = 1;
    bool hasRing = false, isNarrow = true;
    kernel.walk([&](Operation *op) {
      if (auto reduction = dyn_cast<vector::MultiDimReductionOp>(op))
        reducedRows = std::max(reducedRows, reducedProductRows(reduction));
      if (isa<vector::ContractionOp, block::MultiplyOp>(op)) {
        product = std::max(
            product,
            cast<VectorType>(op->getResult(0).getType()).getNumElements());
        isNarrow &=
            getElementTypeOrSelf(op->getOperand(0)).getIntOrFloatBitWidth() <=
            16;
      }
      hasRing |= isa<block::RingOp>(op);
      for (Value value : op->getResults())
        if (auto type = dyn_cast<VectorType>(value.getType())) {
          largest = std::max(largest, type.getNumElements());
          if (isa<FloatType>(type.getElementType()))
            words = std::max(words, type.getNumElements() *
                                        type.getElementTypeBitWidth() / 32);
        }
      if (auto access = dyn_cast<VectorTransferOpInterface>(op))
        if (Type element = access.getVectorType().getElementType();
            element.isIntOrFloat())
          narrowest = std::min<int64_t>(
              narrowest, llvm::divideCeil(element.getIntOrFloatBitWidth(), 8));
    });
    int64_t warps = std::clamp<int64_t>(
        largest / (LinearLayout::lanes * elementsPerThread), 1, maxWarps);
    // Sums of a product stay in registers: more of them read each operand from
    // shared memory less often. Beside warps that copy, two groups of warps
    // have most of the registers.
    if (product && hasRing)
      warps =
          std::clamp<int64_t>(std::max(product / (LinearLayout::lanes * 64),
                                       largest / (LinearLayout::lanes * 32)),
                              4, 8);
    // Products one after another wait for each other: two blocks of few
    // registers hide that, each of at most two groups.
    else if (product && warpgroups && isNarrow)
      warps = std::max(
          std::clamp<int64_t>(product / (LinearLayout::lanes * 16), 4, 8),
          std::min<int64_t>(
              product / (LinearLayout::lanes * Distributor::mostSums), 16));
    else if (product)
      warps = std::clamp<int64_t>(product / (LinearLayout::lanes * 32), 4, 16);
    // Warps take 16 rows each; side by side along rows that are reduced they
    // would meet in shared memory.
    int64_t most = std::max<int64_t>(reducedRows / 16, 4);
    if (reducedRows &&
        product <= most * LinearLayout::lanes * Distributor::mostSums)
      warps = std::min<int64_t>(most, hasRing ? 8 : 16);
    int64_t atOnce = mostAtOnce(kernel);
    BlockLayouts layouts(16 / narrowest, warps, warpgroups);
    Distributor distributor(kernel, layouts, sharedBytes, allowTf32);
    if (failed(distributor.run()))
      return failure();
    OpBuilder b(kernel);
    kernel->setAttr("gate.threads",
                    b.getI64IntegerAttr(distributor.getThreads()));
    // Sums of products want all registers, and what moves registers between
    // warps must know how many there are; other kernels want many blocks.
    if (product || hasRing) {
      bool isShared = warpgroups && isNarrow && !hasRing && warps <= 8 &&
                      atOnce <= mostProductsAtOnce &&
                      words <= 16 * warps * LinearLayout::lanes &&
                      2 * distributor.getSharedBytes() <= sharedBytes;
      kernel->setAttr("gate.blocks", b.getI64IntegerAttr(isShared ? 2 : 1));
    }
    kernel->setAttr("gate.shared_bytes",
                    b.getI64IntegerAttr(distributor.getSharedBytes()));
    return success();
  }
};
} // namespace
