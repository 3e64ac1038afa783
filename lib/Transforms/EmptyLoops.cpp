//===- EmptyLoops.cpp - Linalg ops without iterations ---------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/EmptyLoops.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

using namespace mlir;
using namespace gate;

void gate::eraseEmptyLoops(Operation *within) {
  SmallVector<linalg::LinalgOp> empty;
  within->walk([&](linalg::LinalgOp op) {
    if (op.hasPureTensorSemantics() &&
        llvm::is_contained(op.getStaticLoopRanges(), 0))
      empty.push_back(op);
  });
  for (linalg::LinalgOp op : empty) {
    op->replaceAllUsesWith(op.getDpsInits());
    op->erase();
  }
}
