//===- DistributeReductions.cpp - Reductions over registers, lanes, warps -===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Distributor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace gate;

/// `scalar` of the lane whose number differs in the bits of `distance`.
Value Distributor::shuffle(Value scalar, int64_t distance) {
  Type type = scalar.getType();
  Type i32 = b.getI32Type();
  auto number = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(value));
  };
  auto exchange = [&](Value word) -> Value {
    return NVVM::ShflOp::create(b, loc, word.getType(), number(-1), word,
                                number(distance), number(31),
                                NVVM::ShflKind::bfly, UnitAttr());
  };
  if (type.isF32() || type.isInteger(32))
    return exchange(scalar);
  // Other types travel as words of 32 bits.
  unsigned bits = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  Type integer = b.getIntegerType(bits);
  Value word = scalar;
  if (type.isIndex())
    word = arith::IndexCastOp::create(b, loc, integer, word);
  else if (!type.isInteger())
    word = arith::BitcastOp::create(b, loc, integer, word);
  if (bits < 32) {
    word = arith::ExtUIOp::create(b, loc, i32, word);
    word = arith::TruncIOp::create(b, loc, integer, exchange(word));
  } else {
    Value shift =
        arith::ConstantOp::create(b, loc, b.getIntegerAttr(integer, 32));
    Value low = exchange(arith::TruncIOp::create(b, loc, i32, word));
    Value high = exchange(arith::TruncIOp::create(
        b, loc, i32, arith::ShRUIOp::create(b, loc, word, shift)));
    low = arith::ExtUIOp::create(b, loc, integer, low);
    high = arith::ShLIOp::create(
        b, loc, arith::ExtUIOp::create(b, loc, integer, high), shift);
    word = arith::OrIOp::create(b, loc, low, high);
  }
  if (type.isIndex())
    return arith::IndexCastOp::create(b, loc, type, word);
  if (!type.isInteger())
    return arith::BitcastOp::create(b, loc, type, word);
  return word;
}

LogicalResult Distributor::reduce(vector::MultiDimReductionOp op) {
  LinearLayout from = layouts.of(op.getSource());
  LinearLayout to = resultLayout(op, from);
  Value source = get(op.getSource(), from);
  if (!source)
    return failure();
  auto combine = [&](Value a, Value c) {
    return vector::makeArithReduction(b, loc, op.getKind(), a, c);
  };
  auto isReduced = [&](const Coordinates &basis) {
    return isReducedBasis(op, basis);
  };
  for (LinearLayout::Place place :
       {LinearLayout::Register, LinearLayout::Lane, LinearLayout::Warp})
    for (const Coordinates &basis : from.getBases(place)) {
      bool reduced = false, kept = false;
      for (auto [dim, c] : llvm::enumerate(basis))
        (op.isReducedDim(dim) ? reduced : kept) |= c != 0;
      if (reduced && kept)
        return op.emitError("expects a layout in which no bit moves along a "
                            "reduced and a kept dim, got ")
               << from.str();
    }

  // Registers: halves along each reduced bit, so that sums are trees.
  Values parts = split(source);
  ArrayRef<Coordinates> bits = from.getBases(LinearLayout::Register);
  for (int64_t bit = bits.size() - 1; bit >= 0; --bit) {
    bool drops = isReduced(bits[bit]);
    bool copies = llvm::all_of(bits[bit], [](int64_t c) { return c == 0; });
    if (!drops && !copies)
      continue;
    Values next;
    int64_t stride = int64_t(1) << bit;
    for (int64_t i = 0, e = parts.size(); i < e; ++i)
      if (!(i & stride))
        next.push_back(drops ? combine(parts[i], parts[i + stride]) : parts[i]);
    parts = next;
  }
  // Lanes: two that hold the same results each go on with half of them, as the
  // layout of the result says, or both with all.
  for (auto [bit, basis] : llvm::enumerate(from.getBases(LinearLayout::Lane))) {
    if (!isReduced(basis))
      continue;
    int64_t distance = int64_t(1) << bit;
    if (static_cast<int64_t>(parts.size()) == to.getRegisters()) {
      for (Value &part : parts)
        part = combine(part, shuffle(part, distance));
      continue;
    }
    Value isUpper = arith::AndIOp::create(
        b, loc, laneId(), arith::ConstantIndexOp::create(b, loc, distance));
    isUpper = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, isUpper,
                                    arith::ConstantIndexOp::create(b, loc, 0));
    Values next;
    for (size_t i = 0, half = parts.size() / 2; i < half; ++i) {
      Value kept =
          arith::SelectOp::create(b, loc, isUpper, parts[i + half], parts[i]);
      Value sent =
          arith::SelectOp::create(b, loc, isUpper, parts[i], parts[i + half]);
      next.push_back(combine(kept, shuffle(sent, distance)));
    }
    parts = next;
  }
  // Warps: each leaves its part in shared memory and reads those of all.
  SmallVector<int64_t> warpBits;
  for (auto [bit, basis] : llvm::enumerate(from.getBases(LinearLayout::Warp)))
    if (isReduced(basis))
      warpBits.push_back(bit);
  if (!warpBits.empty()) {
    int64_t count = 1, sharers = int64_t(1) << warpBits.size();
    for (int64_t size : to.getShape())
      count *= size;
    Type element = parts.front().getType();
    if (!element.isIntOrFloat() || element.getIntOrFloatBitWidth() < 8)
      return op.emitError("expects elements of whole bytes in a reduction over "
                          "warps, got ")
             << element;
    int64_t bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
    unsigned place = takeScratch(count * sharers * bytes);
    int64_t start = scratch[place].offset / bytes;
    // The number of this warp among those that share a result.
    Value own = arith::ConstantIndexOp::create(b, loc, 0);
    for (auto [position, bit] : llvm::enumerate(warpBits)) {
      Value isSet = arith::ShRUIOp::create(
          b, loc, warpId(), arith::ConstantIndexOp::create(b, loc, bit));
      isSet = arith::AndIOp::create(b, loc, isSet,
                                    arith::ConstantIndexOp::create(b, loc, 1));
      isSet = arith::ShLIOp::create(
          b, loc, isSet, arith::ConstantIndexOp::create(b, loc, position));
      own = arith::OrIOp::create(b, loc, own, isSet);
    }
    Values thread = threadCoordinates(to);
    auto address = [&](int64_t reg, Value sharer) {
      Value index = sharer;
      for (unsigned dim = 0; dim < to.getRank(); ++dim) {
        Value size = arith::ConstantIndexOp::create(b, loc, to.getShape()[dim]);
        index = arith::AddIOp::create(
            b, loc, arith::MulIOp::create(b, loc, index, size),
            coordinate(to, thread, reg, dim));
      }
      index = arith::AddIOp::create(
          b, loc, index, arith::ConstantIndexOp::create(b, loc, start));
      return sharedAddress(index, element);
    };
    int64_t width =
        to.getRank() ? std::min(to.getContiguous(to.getRank() - 1), 16 / bytes)
                     : 1;
    width = std::min<int64_t>(width, parts.size());
    auto alignment = static_cast<unsigned>(width * bytes);
    for (int64_t reg = 0, e = parts.size(); reg < e; reg += width)
      LLVM::StoreOp::create(
          b, loc,
          join(Values(parts.begin() + reg, parts.begin() + reg + width)),
          address(reg, own), alignment);
    barrier();
    for (int64_t reg = 0, e = parts.size(); reg < e; reg += width) {
      Values all;
      for (int64_t sharer = 0; sharer < sharers; ++sharer)
        all.push_back(LLVM::LoadOp::create(
            b, loc, VectorType::get({width}, element),
            address(reg, arith::ConstantIndexOp::create(b, loc, sharer)),
            alignment));
      while (all.size() > 1) {
        Values next;
        for (size_t i = 0; i < all.size(); i += 2)
          next.push_back(combine(all[i], all[i + 1]));
        all = next;
      }
      llvm::copy(split(all.front()), parts.begin() + reg);
    }
    giveBack(place);
  }
  // What it adds to.
  if (!isa<VectorType>(op.getType())) {
    op.getResult().replaceAllUsesWith(combine(op.getAcc(), parts.front()));
    return success();
  }
  Value acc = get(op.getAcc(), to);
  if (!acc)
    return failure();
  set(op.getResult(), combine(acc, join(parts)));
  return success();
}
