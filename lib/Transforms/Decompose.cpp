//===- Decompose.cpp - Decompose row-wise gate ops into linalg ------------===//
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
#define GEN_PASS_DEF_DECOMPOSE
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {
struct Decompose : gate::impl::DecomposeBase<Decompose> {
  void runOnOperation() override {
    SmallVector<MeaningOpInterface> ops;
    getOperation().walk([&](MeaningOpInterface op) {
      if (!isa<ChunkOpInterface, FoldOpInterface>(op.getOperation()))
        ops.push_back(op);
    });
    for (MeaningOpInterface op : ops) {
      OpBuilder builder(op);
      auto aggregated =
          dyn_cast<linalg::AggregatedOpInterface>(op.getOperation());
      FailureOr<SmallVector<Value>> results =
          aggregated ? aggregated.decomposeOperation(builder)
                     : op.buildMeaning(builder);
      if (failed(results))
        return signalPassFailure();
      op->replaceAllUsesWith(*results);
      op->erase();
    }
  }
};
} // namespace
