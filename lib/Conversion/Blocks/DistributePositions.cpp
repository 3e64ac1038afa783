//===- DistributePositions.cpp - Comparisons of places in tiles -----------===//
//
// A place along a dim is what the thread has plus, or by XOR, a constant of the
// register. So are shifts and XORs of places, and a comparison of two of them
// is one of what the thread has with a constant: one instruction for all
// registers that have that constant, in 32 bits.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockZeros.h"
#include "Distributor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace gate;

/// A small number that a vector of integers has everywhere.
static std::optional<int64_t> numberOf(Value vector) {
  DenseIntElementsAttr constant;
  if (!matchPattern(vector, m_Constant(&constant)) || !constant.isSplat())
    return std::nullopt;
  APInt number = constant.getSplatValue<APInt>();
  // Sums and differences with coordinates stay in 32 bits.
  if (!number.isSignedIntN(30))
    return std::nullopt;
  return number.getSExtValue();
}

std::optional<Distributor::Places>
Distributor::placesOf(Value vector, const LinearLayout &layout) {
  Places places;
  if (std::optional<int64_t> number = numberOf(vector)) {
    places.own.assign(layout.getRegisters(), *number);
    return places;
  }
  if (std::optional<unsigned> dim = dimOfPlaces(vector)) {
    places.thread = threadCoordinates(layout)[*dim];
    for (int64_t reg = 0; reg < layout.getRegisters(); ++reg)
      places.own.push_back(layout.ofRegister(reg)[*dim]);
    places.isSum = layout.registersAreSeparate();
    return places;
  }
  Operation *op = vector.getDefiningOp();
  if (isa_and_nonnull<arith::XOrIOp>(op)) {
    std::optional<Places> left = placesOf(op->getOperand(0), layout),
                          right = placesOf(op->getOperand(1), layout);
    if (!left || !right)
      return std::nullopt;
    places.thread =
        left->thread && right->thread
            ? arith::XOrIOp::create(b, loc, left->thread, right->thread)
                  .getResult()
        : left->thread ? left->thread
                       : right->thread;
    for (auto [l, r] : llvm::zip(left->own, right->own))
      places.own.push_back(l ^ r);
    places.isSum = false;
    return places;
  }
  if (isa_and_nonnull<arith::ShRUIOp>(op)) {
    std::optional<Places> value = placesOf(op->getOperand(0), layout);
    std::optional<int64_t> count = numberOf(op->getOperand(1));
    if (!value || !count || *count < 0 || *count >= 32 ||
        llvm::any_of(value->own, [](int64_t c) { return c < 0; }))
      return std::nullopt;
    if (value->thread)
      value->thread = arith::ShRUIOp::create(
          b, loc, value->thread,
          arith::ConstantIntOp::create(b, loc, *count, 32));
    for (int64_t &own : value->own)
      own >>= *count;
    return value;
  }
  return std::nullopt;
}

Value Distributor::comparePlaces(arith::CmpIOp op, const LinearLayout &layout) {
  using Predicate = arith::CmpIPredicate;
  std::optional<Places> left = placesOf(op.getLhs(), layout);
  std::optional<Places> right =
      left ? placesOf(op.getRhs(), layout) : std::nullopt;
  if (!right || (!left->thread && !right->thread))
    return Value();
  Predicate predicate = op.getPredicate();
  bool isEquality = predicate == Predicate::eq || predicate == Predicate::ne;
  Value thread = left->thread;
  if (isEquality) {
    // XORs: those of the threads with those of the registers.
    if (right->thread)
      thread =
          thread
              ? arith::XOrIOp::create(b, loc, thread, right->thread).getResult()
              : right->thread;
  } else {
    // Sums: the difference of the threads with that of the registers. Places
    // are not negative; a difference may be.
    if (!left->isSum || !right->isSum ||
        llvm::any_of(left->own, [](int64_t c) { return c < 0; }) ||
        llvm::any_of(right->own, [](int64_t c) { return c < 0; }))
      return Value();
    if (!thread)
      thread = arith::ConstantIntOp::create(b, loc, 0, 32);
    if (right->thread)
      thread = arith::SubIOp::create(b, loc, thread, right->thread);
    switch (predicate) {
    case Predicate::ult:
      predicate = Predicate::slt;
      break;
    case Predicate::ule:
      predicate = Predicate::sle;
      break;
    case Predicate::ugt:
      predicate = Predicate::sgt;
      break;
    case Predicate::uge:
      predicate = Predicate::sge;
      break;
    default:
      break;
    }
  }
  llvm::SmallDenseMap<int64_t, Value> known;
  Values elements;
  for (auto [l, r] : llvm::zip(left->own, right->own)) {
    int64_t number = isEquality ? l ^ r : r - l;
    Value &result = known[number];
    if (!result)
      result = arith::CmpIOp::create(
          b, loc, predicate, thread,
          arith::ConstantIntOp::create(b, loc, number, 32));
    elements.push_back(result);
  }
  return join(elements);
}
