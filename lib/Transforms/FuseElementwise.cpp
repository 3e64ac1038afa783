//===- FuseElementwise.cpp - Elementwise producers into their user --------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gate {
#define GEN_PASS_DEF_FUSEELEMENTWISE
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Why an elementwise producer stays apart from the user of `operand`; nothing
/// where it has one use and each of its elements is computed once.
static std::optional<StringRef> reasonAgainst(OpOperand *operand) {
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!consumer)
    return "its user is not made of loops";
  if (!operand->get().hasOneUse())
    return "more than one op reads it";
  if (linalg::isaContractionOpInterface(consumer))
    return "a product would compute it again for every column";
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  if (map.getNumResults() != consumer.getNumLoops())
    return "its user would compute each element more than once";
  return std::nullopt;
}

static bool shouldFuse(OpOperand *operand) { return !reasonAgainst(operand); }

/// Says which elementwise ops went into no user, and why.
static void reportApart(func::FuncOp function, StringRef category) {
  function.walk([&](linalg::GenericOp producer) {
    if (producer.getNumReductionLoops() != 0 ||
        !producer.hasPureTensorSemantics())
      return;
    for (OpOperand &use : producer->getUses())
      if (std::optional<StringRef> reason = reasonAgainst(&use);
          reason && isa<linalg::LinalgOp>(use.getOwner()))
        if (auto report = remark::missed(
                producer.getLoc(), remark::RemarkOpts::name("FuseElementwise")
                                       .category(category)
                                       .function(function.getName())))
          report << remark::reason("{0}", *reason)
                 << remark::detail::Remark::Arg(
                        "User", Attribute(use.getOwner()->getLoc()));
  });
}

namespace {
struct FuseElementwise : gate::impl::FuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      return signalPassFailure();
    reportApart(getOperation(), getArgument());
  }
};
} // namespace
