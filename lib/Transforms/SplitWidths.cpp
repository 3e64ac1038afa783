//===- SplitWidths.cpp - Scans in pieces of their width -------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"
#include "gate/Transforms/Passes.h"

namespace gate {
#define GEN_PASS_DEF_SPLITWIDTHS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

static int64_t padded(int64_t size) {
  return static_cast<int64_t>(llvm::PowerOf2Ceil(size));
}

namespace {
struct SplitWidths : gate::impl::SplitWidthsBase<SplitWidths> {
  using gate::impl::SplitWidthsBase<SplitWidths>::SplitWidthsBase;

  void runOnOperation() override {
    SmallVector<ChunkOpInterface> ops;
    getOperation().walk([&](ChunkOpInterface op) { ops.push_back(op); });
    for (ChunkOpInterface op : ops)
      if (op.hasDenseChunk())
        split(op);
  }

  void split(ChunkOpInterface op) {
    unsigned outputs = op.getNumChunkOutputs();
    if (outputs == 0 || outputs == op->getNumResults())
      return;
    RankedTensorType output = op.getResultTileType(0, 1);
    RankedTensorType state = op.getResultTileType(outputs, 1);
    int64_t width = output.getShape().back();
    int64_t elements = 1, pieces = 1;
    for (int64_t size : state.getShape())
      elements *= padded(size);
    while (elements / pieces > stateElements && width % (2 * pieces) == 0)
      pieces *= 2;
    if (pieces == 1)
      return;
    OpBuilder builder(op);
    FailureOr<SmallVector<Value>> results = op.buildPieces(builder, pieces);
    if (failed(results))
      return;
    for (auto [result, value] : llvm::zip(op->getResults(), *results))
      result.replaceAllUsesWith(value);
    op->erase();
  }
};
} // namespace
