//===- ConvertLinalgToVector.cpp - Linalg on memrefs to vector loops ------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopEmitter.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

namespace gate {
#define GEN_PASS_DEF_CONVERTLINALGTOVECTOR
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {
struct ConvertLinalgToVector
    : gate::impl::ConvertLinalgToVectorBase<ConvertLinalgToVector> {
  using gate::impl::ConvertLinalgToVectorBase<
      ConvertLinalgToVector>::ConvertLinalgToVectorBase;

  void runOnOperation() override {
    if (vectorBits < 128 || (vectorBits & (vectorBits - 1)) || registers < 8) {
      getOperation().emitError()
          << "expects vector-bits to be a power of two of "
             "at least 128 and at least 8 registers";
      return signalPassFailure();
    }
    IRRewriter rewriter(&getContext());
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op.hasPureBufferSemantics())
        ops.push_back(op);
    });
    VectorMachine machine{vectorBits, registers, pairs};
    for (linalg::LinalgOp op : ops) {
      if (succeeded(lowerPairs(rewriter, op, machine)) ||
          succeeded(lowerProduct(rewriter, op, machine)) ||
          succeeded(lowerRows(rewriter, op, machine))) {
        rewriter.eraseOp(op);
        continue;
      }
      rewriter.setInsertionPoint(op);
      if (failed(linalg::linalgOpToLoops(rewriter, op))) {
        op.emitError("cannot be lowered to loops");
        return signalPassFailure();
      }
      rewriter.eraseOp(op);
    }
  }
};
} // namespace
