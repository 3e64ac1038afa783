//===- DistributeMemory.cpp - A thread's loads and stores -----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Distributor.h"

#include "gate/Runtime/Abi.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace gate;

/// Bytes that a thread moves at most in one access.
static constexpr int64_t widestAccess = 16;
/// What buffers of the caller and the parts of the workspace are aligned to:
/// checked at each call, and the promise of gate-place-buffers.
static constexpr int64_t bufferAlignment = 16;
static constexpr int64_t mostDivisor = int64_t(1) << 30;

static int64_t largestPower(int64_t value) {
  if (value == 0)
    return mostDivisor;
  return std::min(mostDivisor, value & -value);
}

int64_t gate::knownDivisor(Value index) {
  IntegerAttr constant;
  if (matchPattern(index, m_Constant(&constant)))
    return largestPower(constant.getInt());
  // A loop starts somewhere and goes on by its step.
  if (scf::ForOp loop = scf::getForInductionVarOwner(index))
    return std::min(knownDivisor(loop.getLowerBound()),
                    knownDivisor(loop.getStep()));
  Operation *op = index.getDefiningOp();
  if (!op)
    return 1;
  auto of = [&](unsigned i) { return knownDivisor(op->getOperand(i)); };
  if (isa<arith::MulIOp>(op))
    return std::min(mostDivisor, of(0) * of(1));
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    return std::min(of(0), of(1));
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op))
    return of(0);
  if (auto apply = dyn_cast<affine::AffineApplyOp>(op))
    return largestPower(
        apply.getAffineMap().getResult(0).getLargestKnownDivisor());
  return 1;
}

static int64_t divisorOf(OpFoldResult index) {
  if (std::optional<int64_t> constant = getConstantIntValue(index))
    return largestPower(*constant);
  return knownDivisor(cast<Value>(index));
}

Divisibility gate::divisibilityOf(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  Divisibility result;
  int64_t elementBytes =
      type.getElementType().isIndex()
          ? 8
          : llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  if (type.getLayout().isIdentity()) {
    result.base = std::max<int64_t>(bufferAlignment / elementBytes, 1);
    // A view of part of a buffer starts where it starts.
    if (auto cast = memref.getDefiningOp<memref::CastOp>())
      result.base = divisibilityOf(cast.getSource()).base;
    int64_t stride = 1;
    result.strides.assign(type.getRank(), 1);
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      result.strides[dim] = largestPower(stride);
      if (!type.isDynamicDim(dim))
        stride = std::min(mostDivisor, largestPower(stride) *
                                           largestPower(type.getDimSize(dim)));
    }
    return result;
  }
  if (auto view = memref.getDefiningOp<memref::SubViewOp>()) {
    Divisibility source = divisibilityOf(view.getSource());
    result.base = source.base;
    llvm::SmallBitVector dropped = view.getDroppedDims();
    for (auto [dim, offset] : llvm::enumerate(view.getMixedOffsets())) {
      result.base =
          std::min(result.base, std::min(mostDivisor, source.strides[dim] *
                                                          divisorOf(offset)));
      if (!dropped.test(dim))
        result.strides.push_back(
            std::min(mostDivisor, source.strides[dim] *
                                      divisorOf(view.getMixedStrides()[dim])));
    }
    return result;
  }
  if (auto cast = memref.getDefiningOp<memref::CastOp>())
    return divisibilityOf(cast.getSource());
  result.strides.assign(type.getRank(), 1);
  return result;
}

FailureOr<Distributor::Access>
Distributor::analyse(VectorTransferOpInterface op, const LinearLayout &layout) {
  auto type = dyn_cast<MemRefType>(op.getBase().getType());
  if (!type)
    return op->emitError("expects an access of a buffer");
  Access access;
  access.dims.assign(type.getRank(), -1);
  for (auto [position, expr] :
       llvm::enumerate(op.getPermutationMap().getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return op->emitError("expects an access without a broadcast");
    access.dims[dim.getPosition()] = position;
  }
  access.limits.assign(type.getRank(), Value());
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    int64_t position = access.dims[dim];
    if (position < 0 || op.isDimInBounds(position))
      continue;
    access.isEmpty |= type.getDimSize(dim) == 0;
    access.limits[dim] =
        type.isDynamicDim(dim)
            ? Value(memref::DimOp::create(b, loc, op.getBase(), dim))
            : Value(
                  arith::ConstantIndexOp::create(b, loc, type.getDimSize(dim)));
  }
  // Neighbours in registers that are neighbours in memory, aligned, and inside
  // or outside together.
  int64_t last = type.getRank() - 1;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (last < 0 || failed(type.getStridesAndOffset(strides, offset)) ||
      strides[last] != 1 || access.dims[last] < 0)
    return access;
  int64_t bytes = type.getElementType().isIndex()
                      ? 8
                      : llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  Divisibility known = divisibilityOf(op.getBase());
  int64_t width = std::min<int64_t>(widestAccess / bytes,
                                    layout.getContiguous(access.dims[last]));
  width = std::min(width, known.base);
  for (int64_t dim = 0; dim < last; ++dim)
    width = std::min(width, known.strides[dim]);
  for (Value index : op.getIndices())
    width = std::min(width, knownDivisor(index));
  if (access.limits[last])
    width = std::min(width, knownDivisor(access.limits[last]));
  if (type.getElementType().isInteger(1))
    width = 1;
  access.width = std::max<int64_t>(width, 1);
  return access;
}

Value Distributor::indexOf(VectorTransferOpInterface op, const Access &access,
                           const LinearLayout &layout, Values &thread,
                           int64_t reg, unsigned dim) {
  Value index = op.getIndices()[dim];
  if (access.dims[dim] < 0)
    return index;
  Value position = coordinate(layout, thread, reg, access.dims[dim]);
  if (matchPattern(index, m_Zero()))
    return position;
  return arith::AddIOp::create(b, loc, index, position);
}

LogicalResult Distributor::read(vector::TransferReadOp op) {
  LinearLayout layout = layouts.of(op.getResult());
  FailureOr<Access> access =
      analyse(cast<VectorTransferOpInterface>(op.getOperation()), layout);
  if (failed(access))
    return failure();
  if (op.getMask())
    return op.emitError("expects an access without a mask");
  Value padding = op.getPadding();
  if (access->isEmpty) {
    set(op.getResult(), splat(padding, layout));
    return success();
  }
  Values thread = threadCoordinates(layout);
  Type element = cast<MemRefType>(op.getBase().getType()).getElementType();
  int64_t width = access->width;
  auto chunkType = VectorType::get({width}, element);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  Values elements;
  for (int64_t reg = 0; reg < layout.getRegisters(); reg += width) {
    Values indices;
    Value inside;
    for (unsigned dim = 0; dim < access->dims.size(); ++dim) {
      Value index = indexOf(op, *access, layout, thread, reg, dim);
      if (Value limit = access->limits[dim]) {
        // A tile is never empty: reading its last element instead needs no
        // branch, and the value is not used.
        Value isBelow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                              index, limit);
        inside = inside ? Value(arith::AndIOp::create(b, loc, inside, isBelow))
                        : isBelow;
        Value step = dim + 1 == access->dims.size() && width > 1
                         ? Value(arith::ConstantIndexOp::create(b, loc, width))
                         : one;
        index = arith::MinSIOp::create(
            b, loc, index, arith::SubIOp::create(b, loc, limit, step));
      }
      indices.push_back(index);
    }
    int64_t alignment =
        element.isIndex()
            ? 8
            : width * llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
    Value chunk = vector::LoadOp::create(b, loc, chunkType, op.getBase(),
                                         indices, /*nontemporal=*/false,
                                         llvm::MaybeAlign(alignment));
    for (Value scalar : split(chunk)) {
      if (inside)
        scalar = arith::SelectOp::create(b, loc, inside, scalar, padding);
      elements.push_back(scalar);
    }
  }
  set(op.getResult(), join(elements));
  return success();
}

/// Bytes of shared memory that a tile may take on its way to the order of
/// memory: larger ones go in parts.
static constexpr int64_t mostPassingBytes = 32768;

LogicalResult Distributor::write(vector::TransferWriteOp op) {
  if (op.getMask())
    return op.emitError("expects an access without a mask");
  Value vector = op.getVector();
  LinearLayout layout = layouts.of(vector);
  Value value = get(vector, layout);
  if (!value)
    return failure();
  return writePart(op, value, layout, Coordinates(layout.getRank(), 0));
}

LogicalResult Distributor::writePart(vector::TransferWriteOp op, Value value,
                                     LinearLayout from,
                                     const Coordinates &offset) {
  // In the order of memory, wherever the value comes from.
  LinearLayout layout = from;
  unsigned last = layout.getRank() ? layout.getRank() - 1 : 0;
  LinearLayout inMemory = layouts.ofMemory(layout.getShape());
  Type element = cast<MemRefType>(op.getBase().getType()).getElementType();
  int64_t bytes = element.isIndex()
                      ? 8
                      : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  if (layout.getContiguous(last) < inMemory.getContiguous(last)) {
    layout = inMemory;
    // A warp's own rows, if they are long enough: no warp waits for another.
    std::optional<LinearLayout> own = from.ofOneWarp();
    if (own && own->getShape()[last] * bytes >= leastRowBytes)
      layout = LinearLayout::blocked(own->getShape(),
                                     inMemory.getContiguous(last), 1)
                   .acrossWarpsOf(from);
  }
  int64_t count = 1;
  for (int64_t size : layout.getShape())
    count *= size;
  if (layout != from && !registerOrder(from, layout) &&
      count * bytes > mostPassingBytes)
    for (unsigned dim = layout.getRank(); dim-- > 0;) {
      std::optional<LinearLayout> half = from.halve(dim);
      if (!half)
        continue;
      Values all = split(value);
      for (int64_t part : {0, 1}) {
        Coordinates start(layout.getRank(), 0), shifted = offset;
        start[dim] = part * half->getShape()[dim];
        shifted[dim] += start[dim];
        Values own;
        for (int64_t reg = 0; reg < half->getRegisters(); ++reg) {
          Coordinates place = half->ofRegister(reg);
          place[dim] ^= start[dim];
          own.push_back(all[*from.findRegister(place)]);
        }
        if (failed(writePart(op, join(own), *half, shifted)))
          return failure();
      }
      return success();
    }
  FailureOr<Access> access =
      analyse(cast<VectorTransferOpInterface>(op.getOperation()), layout);
  if (failed(access))
    return failure();
  value = convert(value, from, layout);
  if (access->isEmpty)
    return success();
  Values thread = threadCoordinates(layout);
  for (auto [coordinate, start] : llvm::zip(thread, offset))
    if (start)
      coordinate = arith::AddIOp::create(
          b, loc, coordinate, arith::ConstantIntOp::create(b, loc, start, 32));
  int64_t width = access->width;
  Value owner = isOwner(layout);
  for (int64_t reg = 0; reg < layout.getRegisters(); reg += width) {
    Values indices;
    Value inside = owner;
    for (unsigned dim = 0; dim < access->dims.size(); ++dim) {
      Value index = indexOf(op, *access, layout, thread, reg, dim);
      if (Value limit = access->limits[dim]) {
        Value isBelow = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt,
                                              index, limit);
        inside = inside ? Value(arith::AndIOp::create(b, loc, inside, isBelow))
                        : isBelow;
      }
      indices.push_back(index);
    }
    Value chunk = value;
    if (layout.getRegisters() != width)
      chunk = vector::ExtractStridedSliceOp::create(
          b, loc, value, ArrayRef<int64_t>{reg}, ArrayRef<int64_t>{width},
          ArrayRef<int64_t>{1});
    auto store = [&](OpBuilder &builder, Location where) {
      vector::StoreOp::create(builder, where, chunk, op.getBase(), indices,
                              /*nontemporal=*/false,
                              llvm::MaybeAlign(width * bytes));
    };
    if (!inside) {
      store(b, loc);
      continue;
    }
    scf::IfOp::create(b, loc, inside, [&](OpBuilder &inner, Location where) {
      store(inner, where);
      scf::YieldOp::create(inner, where);
    });
  }
  return success();
}

/// How far a vector of indices moves from one register to the next while they
/// run along the last dim, if that is a constant.
static std::optional<int64_t> strideAlongLast(Value indices) {
  Operation *op = indices.getDefiningOp();
  if (!op)
    return std::nullopt;
  auto type = cast<VectorType>(indices.getType());
  if (matchPattern(op, m_Constant()))
    return 0;
  if (isa<vector::StepOp>(op))
    return 1;
  if (auto cast = dyn_cast<vector::BroadcastOp>(op)) {
    auto source = dyn_cast<VectorType>(cast.getSourceType());
    if (!source || source.getRank() == 0 ||
        source.getShape().back() != type.getShape().back())
      return 0;
    return strideAlongLast(cast.getSource());
  }
  if (auto cast = dyn_cast<vector::TransposeOp>(op)) {
    int64_t last = type.getRank() - 1;
    int64_t from = cast.getPermutation()[last];
    if (from == last)
      return strideAlongLast(cast.getVector());
    // Along a dim that a broadcast has made, nothing moves.
    auto made = cast.getVector().getDefiningOp<vector::BroadcastOp>();
    if (!made)
      return std::nullopt;
    auto source = dyn_cast<VectorType>(made.getSourceType());
    int64_t extra =
        made.getResultVectorType().getRank() - (source ? source.getRank() : 0);
    if (from < extra)
      return 0;
    return std::nullopt;
  }
  auto of = [&](unsigned i) { return strideAlongLast(op->getOperand(i)); };
  if (isa<arith::AddIOp>(op))
    if (auto a = of(0), c = of(1); a && c)
      return *a + *c;
  if (OpTrait::hasElementwiseMappableTraits(op)) {
    for (Value operand : op->getOperands())
      if (isa<VectorType>(operand.getType()) && strideAlongLast(operand) != 0)
        return std::nullopt;
    return 0;
  }
  return std::nullopt;
}

/// Sets the word that a status query reads; all threads store the same.
void Distributor::reportUnless(Value condition) {
  Value isBad = arith::XOrIOp::create(
      b, loc, condition, arith::ConstantIntOp::create(b, loc, 1, 1));
  scf::IfOp::create(b, loc, isBad, [&](OpBuilder &inner, Location where) {
    auto pointer = LLVM::LLVMPointerType::get(inner.getContext(), 1);
    Value word = LLVM::AddressOfOp::create(inner, where, pointer,
                                           GATE_CUDA_STATUS_SYMBOL);
    Value one = arith::ConstantIntOp::create(inner, where, 1, 32);
    LLVM::StoreOp::create(inner, where, one, word);
    scf::YieldOp::create(inner, where);
  });
}

LogicalResult Distributor::gather(vector::GatherOp op) {
  LinearLayout layout = layouts.of(op.getResult());
  auto type = dyn_cast<MemRefType>(op.getBase().getType());
  if (!type || !type.getLayout().isIdentity())
    return op.emitError("expects a gather from a whole buffer");
  for (Value origin : op.getOffsets())
    if (!matchPattern(origin, m_Zero()))
      return op.emitError("expects a gather from a whole buffer");
  Value indices = get(op.getIndices(), layout);
  Value mask = get(op.getMask(), layout), other = get(op.getPassThru(), layout);
  if (!indices || !mask || !other)
    return failure();
  // Rows are contiguous: wide loads where only the row is data.
  Type element = type.getElementType();
  int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  int64_t width = 1;
  unsigned last = layout.getRank() - 1;
  if (layout.getRank() && type.getRank() &&
      strideAlongLast(op.getIndices()) == std::optional<int64_t>(1)) {
    Divisibility known = divisibilityOf(op.getBase());
    width = std::min<int64_t>(widestAccess / bytes, layout.getContiguous(last));
    width = std::min(width, known.base);
    for (int64_t dim = 0; dim + 1 < type.getRank(); ++dim)
      width = std::min(width, known.strides[dim]);
    if (!type.isDynamicDim(type.getRank() - 1))
      width =
          std::min(width, largestPower(type.getDimSize(type.getRank() - 1)));
    else
      width = 1;
  }
  // The buffer as one row.
  Value total = arith::ConstantIndexOp::create(b, loc, 1);
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    total = arith::MulIOp::create(
        b, loc, total, memref::DimOp::create(b, loc, op.getBase(), dim));
  auto rowType =
      MemRefType::get({ShapedType::kDynamic}, element,
                      MemRefLayoutAttrInterface(), type.getMemorySpace());
  Value row = memref::ReinterpretCastOp::create(
      b, loc, rowType, op.getBase(), OpFoldResult(b.getIndexAttr(0)),
      ArrayRef<OpFoldResult>{total}, ArrayRef<OpFoldResult>{b.getIndexAttr(1)});
  Values positions = split(indices), elements;
  Values inside = split(mask), others = split(other);
  Value isAllInside = inside.front();
  for (Value element : ArrayRef(inside).drop_front())
    isAllInside = arith::AndIOp::create(b, loc, isAllInside, element);
  for (int64_t reg = 0; reg < layout.getRegisters(); reg += width) {
    Value position = positions[reg];
    if (!position.getType().isIndex())
      position = arith::IndexCastOp::create(b, loc, b.getIndexType(), position);
    Value chunk = vector::LoadOp::create(
        b, loc, VectorType::get({width}, element), row, position,
        /*nontemporal=*/false, llvm::MaybeAlign(width * bytes));
    llvm::append_range(elements, split(chunk));
  }
  for (auto [element, isInside, instead] : llvm::zip(elements, inside, others))
    element = arith::SelectOp::create(b, loc, isInside, element, instead);
  reportUnless(isAllInside);
  set(op.getResult(), join(elements));
  return success();
}
