//===- ReleaseEarly.cpp - Slots given back part by part -------------------===//
//
// A round that is done with some of its tiles long before the others gives
// their memory back then, so that they are filled for a later round meanwhile.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"
#include "BlockLayouts.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SmallBitVector.h"

namespace gate {
#define GEN_PASS_DEF_RELEASEEARLY
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// A loop that takes tiles of a ring and gives them back at the end of a round.
struct Round {
  scf::ForOp loop;
  block::TakeOp take;
  block::ReleaseOp release;
  /// For each tile the ops that read it.
  SmallVector<SmallPtrSet<Operation *, 16>, 4> uses;
};

} // namespace

/// Whether what an op makes of a tile is read where it is used, not where it is
/// made.
static bool isLazy(Operation *op, Value result) {
  return isa<vector::TransposeOp, vector::ShapeCastOp, vector::BroadcastOp,
             vector::ExtractStridedSliceOp, vector::ExtractOp>(op) ||
         BlockLayouts::isReadable(result) ||
         (isa<VectorType>(result.getType()) &&
          BlockLayouts::isMadeOfPositions(result));
}

static void collectUses(Value value, SmallPtrSetImpl<Operation *> &uses) {
  for (Operation *user : value.getUsers()) {
    if (!uses.insert(user).second)
      continue;
    for (Value result : user->getResults())
      if (isLazy(user, result))
        collectUses(result, uses);
  }
}

/// The op of `block` that has the last of `uses` in it, or null.
static Operation *lastIn(Block &block,
                         const SmallPtrSetImpl<Operation *> &uses) {
  Operation *last = nullptr;
  for (Operation *use : uses)
    if (Operation *own = block.findAncestorOpInBlock(*use);
        own && (!last || last->isBeforeInBlock(own)))
      last = own;
  return last;
}

static SmallVector<Operation *> lastOfTiles(Block &block, const Round &round) {
  return llvm::map_to_vector(
      round.uses, [&](const auto &uses) { return lastIn(block, uses); });
}

static Operation *latestOf(ArrayRef<Operation *> ops) {
  Operation *latest = nullptr;
  for (Operation *op : ops)
    if (op && (!latest || latest->isBeforeInBlock(op)))
      latest = op;
  return latest;
}

/// Tiles that a block, or each way of the choice that has all last uses, is
/// done with before the others.
static llvm::SmallBitVector earlyTiles(Block &block, const Round &round) {
  SmallVector<Operation *> last = lastOfTiles(block, round);
  Operation *latest = latestOf(last);
  llvm::SmallBitVector early(last.size());
  for (auto [tile, op] : llvm::enumerate(last))
    early[tile] = op != latest;
  auto choice = dyn_cast_or_null<scf::IfOp>(latest);
  if (early.any() || !choice || !choice.elseBlock())
    return early;
  early.set();
  for (Block *way : {choice.thenBlock(), choice.elseBlock()})
    early &= earlyTiles(*way, round);
  return early;
}

/// Releases the early tiles after their last use in a block, in each way of a
/// choice where a late tile is used in it, too.
static void releaseIn(OpBuilder &b, Block &block, const Round &round,
                      const llvm::SmallBitVector &early) {
  SmallVector<Operation *> last = lastOfTiles(block, round), own;
  for (int tile : early.set_bits())
    own.push_back(last[tile]);
  Operation *latest = latestOf(own);
  auto choice = dyn_cast_or_null<scf::IfOp>(latest);
  if (choice && choice.elseBlock() && latestOf(last) == latest) {
    for (Block *way : {choice.thenBlock(), choice.elseBlock()})
      releaseIn(b, *way, round, early);
    return;
  }
  if (latest)
    b.setInsertionPointAfter(latest);
  else
    b.setInsertionPointToStart(&block);
  block::ReleaseOp release = round.release;
  block::ReleaseOp::create(b, release.getLoc(), release.getRing(),
                           release.getStep(), Value());
}

/// The loops with a ring; nothing if one is of another form.
static std::optional<SmallVector<Round, 2>> findRounds(func::FuncOp kernel) {
  SmallVector<Round, 2> rounds;
  WalkResult walked = kernel.walk([&](block::TakeOp take) {
    Round round;
    round.take = take;
    round.loop = dyn_cast<scf::ForOp>(take->getParentOp());
    if (!round.loop)
      return WalkResult::interrupt();
    for (auto release : round.loop.getBody()->getOps<block::ReleaseOp>()) {
      if (round.release || release.getCondition())
        return WalkResult::interrupt();
      round.release = release;
    }
    if (!round.release ||
        !round.loop.getBody()->getOps<block::MultiplyOp>().empty())
      return WalkResult::interrupt();
    for (Value tile : take.getTiles())
      collectUses(tile, round.uses.emplace_back());
    rounds.push_back(std::move(round));
    return WalkResult::advance();
  });
  if (walked.wasInterrupted() || rounds.empty())
    return std::nullopt;
  return rounds;
}

/// Copies of late tiles wait for the release of those.
static void splitCopies(OpBuilder &b, block::AcquireOp acquire,
                        const llvm::SmallBitVector &early) {
  Operation *last = acquire;
  SmallVector<block::CopyOp> late;
  for (auto copy : acquire->getBlock()->getOps<block::CopyOp>()) {
    last = copy;
    if (!early.test(copy.getTile()))
      late.push_back(copy);
  }
  b.setInsertionPointAfter(last);
  last = block::AcquireOp::create(b, acquire.getLoc(), acquire.getRing(),
                                  acquire.getStep(), /*part=*/1);
  for (block::CopyOp copy : late) {
    copy->moveAfter(last);
    last = copy;
  }
}

namespace {
struct ReleaseEarly : gate::impl::ReleaseEarlyBase<ReleaseEarly> {
  void runOnOperation() override {
    std::optional<SmallVector<Round, 2>> rounds = findRounds(getOperation());
    if (!rounds)
      return;
    llvm::SmallBitVector early(rounds->front().uses.size(), true);
    for (const Round &round : *rounds)
      early &= earlyTiles(*Round(round).loop.getBody(), round);
    if (early.none())
      return;
    OpBuilder b(&getContext());
    for (Round &round : *rounds) {
      releaseIn(b, *round.loop.getBody(), round, early);
      round.release.setPart(1);
    }
    SmallVector<block::AcquireOp> acquires;
    getOperation().walk(
        [&](block::AcquireOp acquire) { acquires.push_back(acquire); });
    for (block::AcquireOp acquire : acquires)
      splitCopies(b, acquire, early);
  }
};
} // namespace
