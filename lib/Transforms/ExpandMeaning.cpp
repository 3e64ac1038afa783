//===- ExpandMeaning.cpp - Replace gate ops by their meaning --------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace gate {
#define GEN_PASS_DEF_EXPANDMEANING
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {
struct ExpandMeaning : gate::impl::ExpandMeaningBase<ExpandMeaning> {
  void runOnOperation() override {
    // Inner ops first: a meaning clones the region of its op.
    SmallVector<MeaningOpInterface> ops;
    getOperation().walk([&](MeaningOpInterface op) { ops.push_back(op); });
    for (MeaningOpInterface op : ops) {
      OpBuilder builder(op);
      FailureOr<SmallVector<Value>> results = op.buildMeaning(builder);
      if (failed(results))
        return signalPassFailure();
      op->replaceAllUsesWith(*results);
      op->erase();
    }
  }
};
} // namespace
