//===- ConvertCopyToLinalg.cpp - Copies as elementwise ops ----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"

namespace gate {
#define GEN_PASS_DEF_CONVERTCOPYTOLINALG
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// A copy as an elementwise op, or nothing where source and target are one.
static void rewriteCopy(RewriterBase &rewriter, memref::CopyOp copy) {
  rewriter.setInsertionPoint(copy);
  if (copy.getSource() == copy.getTarget())
    return rewriter.eraseOp(copy);
  auto type = cast<MemRefType>(copy.getTarget().getType());
  AffineMap map = rewriter.getMultiDimIdentityMap(type.getRank());
  linalg::GenericOp::create(
      rewriter, copy.getLoc(), ValueRange{copy.getSource()},
      ValueRange{copy.getTarget()}, ArrayRef<AffineMap>{map, map},
      SmallVector<utils::IteratorType>(type.getRank(),
                                       utils::IteratorType::parallel),
      [](OpBuilder &b, Location loc, ValueRange args) {
        linalg::YieldOp::create(b, loc, args[0]);
      });
  rewriter.eraseOp(copy);
}

namespace {
struct ConvertCopyToLinalg
    : gate::impl::ConvertCopyToLinalgBase<ConvertCopyToLinalg> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp op : copies)
      rewriteCopy(rewriter, op);
  }
};
} // namespace
