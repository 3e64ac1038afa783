//===- WriteEarly.cpp - Results of a kernel, as soon as they are known ----===//
//
// A kernel of several results holds each in registers from where it is computed
// to where it is written. Nothing in between needs to wait for that.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace gate {
#define GEN_PASS_DEF_WRITEEARLY
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Moves a write up to the op that made its vector, over ops that do not look
/// at memory and other writes, which are to other places; what computes its
/// place goes before that op.
static void moveUp(vector::TransferWriteOp write) {
  Operation *maker = write.getVector().getDefiningOp();
  if (!maker || maker->getBlock() != write->getBlock())
    return;
  SmallVector<Operation *> needed;
  for (Operation *op = write->getPrevNode(); op != maker;
       op = op->getPrevNode()) {
    if (!isMemoryEffectFree(op) && !isa<vector::TransferWriteOp>(op))
      return;
    if (llvm::none_of(op->getUsers(), [&](Operation *user) {
          return user == write || llvm::is_contained(needed, user);
        }))
      continue;
    if (op->getNumRegions() > 0 ||
        llvm::any_of(op->getOperands(), [&](Value operand) {
          return operand.getDefiningOp() == maker;
        }))
      return;
    needed.push_back(op);
  }
  for (Operation *op : llvm::reverse(needed))
    op->moveBefore(maker);
  write->moveAfter(maker);
}

/// Writes what a choice yields in its branches, where nothing else asks for it.
static void sink(scf::IfOp choice, vector::TransferWriteOp write) {
  unsigned place = cast<OpResult>(write.getVector()).getResultNumber();
  for (Region *region : {&choice.getThenRegion(), &choice.getElseRegion()}) {
    Operation *yield = region->front().getTerminator();
    OpBuilder b(yield);
    IRMapping mapping;
    mapping.map(write.getVector(), yield->getOperand(place));
    moveUp(cast<vector::TransferWriteOp>(b.clone(*write, mapping)));
  }
  write.erase();
}

/// The choice without the results that nobody asks for.
static void dropUnused(scf::IfOp choice) {
  SmallVector<unsigned> kept;
  for (OpResult result : choice.getResults())
    if (!result.use_empty())
      kept.push_back(result.getResultNumber());
  if (kept.size() == choice.getNumResults())
    return;
  OpBuilder b(choice);
  SmallVector<Type> types;
  for (unsigned place : kept)
    types.push_back(choice.getResult(place).getType());
  auto fresh = scf::IfOp::create(b, choice.getLoc(), types,
                                 choice.getCondition(), /*addThenBlock=*/false,
                                 /*addElseBlock=*/false);
  fresh.getThenRegion().takeBody(choice.getThenRegion());
  fresh.getElseRegion().takeBody(choice.getElseRegion());
  for (Region *region : {&fresh.getThenRegion(), &fresh.getElseRegion()}) {
    Operation *yield = region->front().getTerminator();
    SmallVector<Value> values;
    for (unsigned place : kept)
      values.push_back(yield->getOperand(place));
    yield->setOperands(values);
  }
  for (auto [place, result] : llvm::zip(kept, fresh.getResults()))
    choice.getResult(place).replaceAllUsesWith(result);
  choice.erase();
}

namespace {
struct WriteEarly : gate::impl::WriteEarlyBase<WriteEarly> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr("gate.kernel"))
      return;
    run(getOperation().getBody().front());
    // A round that is the only one is straight code, too.
    getOperation().walk([](scf::ForOp loop) {
      std::optional<APInt> rounds = loop.getStaticTripCount();
      if (rounds && rounds->isOne())
        run(*loop.getBody());
    });
  }

  static void run(Block &body) {
    SmallVector<vector::TransferWriteOp> writes(
        body.getOps<vector::TransferWriteOp>());
    llvm::for_each(writes, moveUp);
    SmallVector<scf::IfOp> choices(body.getOps<scf::IfOp>());
    for (scf::IfOp choice : choices) {
      SmallVector<vector::TransferWriteOp> after;
      for (Operation *op = choice->getNextNode();
           isa<vector::TransferWriteOp>(op); op = op->getNextNode())
        after.push_back(cast<vector::TransferWriteOp>(op));
      for (vector::TransferWriteOp write : after)
        if (write.getVector().getDefiningOp() == choice &&
            write.getVector().hasOneUse() &&
            llvm::count_if(write->getOperands(), [&](Value operand) {
              return operand.getDefiningOp() == choice;
            }) == 1)
          sink(choice, write);
      dropUnused(choice);
    }
  }
};
} // namespace
