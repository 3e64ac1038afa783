//===- OverlapProducts.cpp - Products that run into the next round --------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"
#include "BlockLayouts.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace gate {
#define GEN_PASS_DEF_OVERLAPPRODUCTS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Warps that multiply together.
static constexpr int64_t groupWarps = 4;

/// Whether a matrix is a tile of a ring as it lies there.
static bool isTaken(Value matrix) {
  if (auto transpose = matrix.getDefiningOp<vector::TransposeOp>())
    matrix = transpose.getVector();
  return matrix.getDefiningOp<block::TakeOp>() != nullptr;
}

/// The position of the value that a product adds to among those a loop carries,
/// if the loop does nothing else with it.
static std::optional<unsigned> carriedBy(scf::ForOp loop,
                                         vector::ContractionOp op) {
  auto argument = dyn_cast<BlockArgument>(op.getAcc());
  if (!argument || argument.getOwner() != loop.getBody() ||
      !argument.hasOneUse() || !op->hasOneUse() || !isTaken(op.getLhs()) ||
      !isTaken(op.getRhs()) || op.getKind() != vector::CombiningKind::ADD ||
      !warpgroupLayouts(ProductShape::of(op), groupWarps))
    return std::nullopt;
  OpOperand &use = *op->getUses().begin();
  unsigned position = argument.getArgNumber() - loop.getNumInductionVars();
  if (use.getOwner() != loop.getBody()->getTerminator() ||
      use.getOperandNumber() != position)
    return std::nullopt;
  return position;
}

static void overlap(scf::ForOp loop) {
  auto releases = loop.getBody()->getOps<block::ReleaseOp>();
  if (releases.empty())
    return;
  block::ReleaseOp release = *releases.begin();
  // The slot of the round before is given back after that of this one is taken.
  if (release.getRing().getType().getStages() < 2)
    return;
  OpBuilder b(loop);
  Location loc = loop.getLoc();
  SmallVector<unsigned> carried;
  for (auto op : llvm::make_early_inc_range(
           loop.getBody()->getOps<vector::ContractionOp>())) {
    std::optional<unsigned> position = carriedBy(loop, op);
    if (!position)
      continue;
    carried.push_back(*position);
    b.setInsertionPoint(op);
    Value started =
        block::MultiplyOp::create(b, op.getLoc(), op.getResultType(),
                                  op.getLhs(), op.getRhs(), op.getAcc());
    op.getResult().replaceAllUsesWith(started);
    op.erase();
  }
  if (carried.empty())
    return;
  // A round waits for the products of the one before, and gives its slot back.
  b.setInsertionPoint(release);
  Value step = release.getStep(), ring = release.getRing();
  Value one = arith::ConstantIntOp::create(b, loc, 1, 32);
  block::WaitOp::create(b, loc, Type(), carried.size(), Value());
  Value isLater =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne,
                            loop.getInductionVar(), loop.getLowerBound());
  block::ReleaseOp::create(b, loc, ring,
                           arith::SubIOp::create(b, loc, step, one), isLater);
  release.erase();
  // After the loop the last ones are waited for.
  b.setInsertionPointAfter(loop);
  for (unsigned position : carried) {
    Value result = loop.getResult(position);
    auto wait =
        block::WaitOp::create(b, loc, result.getType(), uint64_t(0), result);
    result.replaceAllUsesExcept(wait.getResult(), wait);
  }
  unsigned counter =
      cast<BlockArgument>(step).getArgNumber() - loop.getNumInductionVars();
  Value end = loop.getResult(counter);
  Value ran = arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ne, end,
                                    loop.getInitArgs()[counter]);
  one = arith::ConstantIntOp::create(b, loc, 1, 32);
  block::ReleaseOp::create(b, loc, ring,
                           arith::SubIOp::create(b, loc, end, one), ran);
}

namespace {
struct OverlapProducts : gate::impl::OverlapProductsBase<OverlapProducts> {
  void runOnOperation() override {
    SmallVector<scf::ForOp> loops;
    getOperation().walk([&](scf::ForOp loop) { loops.push_back(loop); });
    for (scf::ForOp loop : loops)
      overlap(loop);
  }
};
} // namespace
