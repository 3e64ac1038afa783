//===- DistributeProducts.cpp - Products of matrices on tensor cores ------===//
//
// mma.sync on fragments in registers. An f32 is the sum of three tf32; of their
// nine products the six that matter to f32 are added, small ones first. Where
// that is allowed, it is the one tf32 that it rounds to.
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

/// The registers of a fragment as the words that mma.sync takes.
Distributor::Values Distributor::words(Value registers) {
  auto type = cast<VectorType>(registers.getType());
  Type element = type.getElementType();
  int64_t count = type.getNumElements() * element.getIntOrFloatBitWidth() / 32;
  Value cast = vector::BitCastOp::create(
      b, loc, VectorType::get({count}, b.getI32Type()), registers);
  return split(cast);
}

/// f32 as `count` tf32, each what is left of it rounded: all 24 bits in three,
/// as words.
SmallVector<Distributor::Values, 3> Distributor::splitWide(Value registers,
                                                           unsigned count) {
  auto type = cast<VectorType>(registers.getType());
  auto integers = VectorType::get(type.getShape(), b.getI32Type());
  auto constant = [&](int32_t value) -> Value {
    return arith::ConstantOp::create(
        b, loc, DenseElementsAttr::get(integers, b.getI32IntegerAttr(value)));
  };
  Value bits = vector::BitCastOp::create(b, loc, integers, registers);
  // Infinity and nan would become something else.
  Value exponent = arith::AndIOp::create(b, loc, bits, constant(0x7f800000));
  Value isSpecial = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq,
                                          exponent, constant(0x7f800000));
  Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  SmallVector<Values, 3> parts(count);
  Value rest = registers;
  for (auto [position, part] : llvm::enumerate(parts)) {
    // 10 bits behind the point: half a unit added, the rest cut.
    Value word = vector::BitCastOp::create(b, loc, integers, rest);
    Value rounded = arith::AndIOp::create(
        b, loc, arith::AddIOp::create(b, loc, word, constant(0x1000)),
        constant(static_cast<int32_t>(0xffffe000u)));
    if (position == 0)
      rounded = arith::SelectOp::create(b, loc, isSpecial, bits, rounded);
    part = split(rounded);
    if (position + 1 == parts.size())
      break;
    rest = arith::SubFOp::create(
        b, loc, rest, vector::BitCastOp::create(b, loc, type, rounded));
    if (position == 0)
      rest = arith::SelectOp::create(b, loc, isSpecial, zero, rest);
  }
  return parts;
}

LogicalResult Distributor::multiply(vector::ContractionOp op) {
  int64_t held = layouts.ofProduct(op).getRegisters();
  int64_t most = amongConsumers ? 2 * mostSums : mostSums;
  if (held > most)
    return op.emitError("expects a product whose results fit in registers, at "
                        "most ")
           << most << " a thread, got " << held << " of a result of "
           << op.getResultType() << "; a GPU has room for states of 128 by 128";
  ProductShape shape = ProductShape::of(op);
  if (layouts.hasWarpgroups())
    if (std::optional<WarpgroupLayouts> groups =
            warpgroupLayouts(shape, layouts.getWarps()))
      return multiplyInGroups(op, shape, *groups, /*isWaitedFor=*/true);
  ProductLayouts at = productLayouts(shape, layouts.getWarps());
  Value left = get(op.getLhs(), at.left), right = get(op.getRhs(), at.right),
        acc = get(op.getAcc(), at.result);
  if (!left || !right || !acc)
    return failure();
  Type element = op.getLhsType().getElementType();
  bool isWide = element.isF32();
  int64_t depths = op.getLhsType().getDimSize(1) / at.fragmentDepth;
  int64_t columns = at.right.getRegisters() / (depths * (isWide ? 2 : 4));
  int64_t rows = at.left.getRegisters() / (depths * (isWide ? 4 : 8));
  SmallVector<Values, 3> leftParts, rightParts;
  if (isWide) {
    leftParts = splitWide(left, allowTf32 ? 1 : 3);
    rightParts = splitWide(right, allowTf32 ? 1 : 3);
  } else {
    leftParts.push_back(words(left));
    rightParts.push_back(words(right));
  }
  Values sums = split(acc);
  Value zero = arith::ConstantOp::create(b, loc, b.getF32FloatAttr(0));
  auto resultType = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  // Words of a fragment: 4 of the left side, 2 of the right.
  auto operand = [&](const Values &all, int64_t first, int64_t count) {
    Values fragment(all.begin() + first, all.begin() + first + count);
    if (element.isF16())
      for (Value &word : fragment)
        word = LLVM::BitcastOp::create(
            b, loc, VectorType::get({2}, b.getF16Type()), word);
    return fragment;
  };
  NVVM::MMATypes kind = isWide             ? NVVM::MMATypes::tf32
                        : element.isBF16() ? NVVM::MMATypes::bf16
                                           : NVVM::MMATypes::f16;
  auto product = [&](const Values &a, const Values &c, Values &d) {
    Value result = NVVM::MmaOp::create(
        b, loc, resultType, a, c, d, ArrayRef<int64_t>{16, 8, at.fragmentDepth},
        /*b1Op=*/std::nullopt, /*intOverflow=*/std::nullopt,
        std::array<NVVM::MMATypes, 2>{kind, kind},
        std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                       NVVM::MMALayout::col});
    for (auto [position, sum] : llvm::enumerate(d))
      sum = LLVM::ExtractValueOp::create(b, loc, result, position);
  };
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      int64_t first = 4 * (row * columns + column);
      Values d(sums.begin() + first, sums.begin() + first + 4);
      for (int64_t depth = 0; depth < depths; ++depth) {
        int64_t i = 4 * (row * depths + depth);
        int64_t j = 2 * (column * depths + depth);
        auto multiplyParts = [&](unsigned l, unsigned r, Values &into) {
          product(operand(leftParts[l], i, 4), operand(rightParts[r], j, 2),
                  into);
        };
        if (leftParts.size() == 1) {
          multiplyParts(0, 0, d);
          continue;
        }
        // The small ones first; tensor cores cut what they add, so that long
        // sums are added outside.
        Values part(4, zero);
        for (auto [l, r] : {std::pair(1, 1), std::pair(0, 2), std::pair(2, 0),
                            std::pair(0, 1), std::pair(1, 0), std::pair(0, 0)})
          multiplyParts(l, r, part);
        for (auto [sum, term] : llvm::zip(d, part))
          sum = arith::AddFOp::create(b, loc, sum, term);
      }
      std::copy(d.begin(), d.end(), sums.begin() + first);
    }
  set(op.getResult(), join(sums));
  return success();
}
