//===- RefineShapes.cpp - Propagate static sizes --------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gate {
#define GEN_PASS_DEF_REFINESHAPES
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// op(cast(x)) -> cast(op(x)) where x has more static sizes.
struct RefineFromCasts : OpInterfaceRewritePattern<InferTypeOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(InferTypeOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!isa<GateDialect>(op->getDialect()) || op->getNumRegions() != 0)
      return failure();
    SmallVector<Value> operands(op->getOperands());
    bool changed = false;
    for (Value &operand : operands) {
      auto cast = operand.getDefiningOp<tensor::CastOp>();
      if (!cast || !tensor::preservesStaticInformation(
                       cast.getType(), cast.getSource().getType()))
        continue;
      operand = cast.getSource();
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no operand has a known cast");
    SmallVector<Type> types;
    if (failed(op.inferReturnTypes(rewriter.getContext(), op->getLoc(),
                                   operands, op->getDiscardableAttrDictionary(),
                                   op->getPropertiesStorage(), op->getRegions(),
                                   types)))
      return failure();
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    state.addTypes(types);
    state.addAttributes(
        llvm::to_vector(op->getDiscardableAttrDictionary().getValue()));
    state.propertiesAttr = op->getPropertiesAsAttribute();
    Operation *refined = rewriter.create(state);
    SmallVector<Value> results;
    for (auto [fresh, old] :
         llvm::zip(refined->getResults(), op->getResults()))
      results.push_back(fresh.getType() == old.getType()
                            ? Value(fresh)
                            : tensor::CastOp::create(rewriter, op->getLoc(),
                                                     old.getType(), fresh));
    rewriter.replaceOp(op, results);
    return success();
  }
};

struct RefineShapes : gate::impl::RefineShapesBase<RefineShapes> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<RefineFromCasts>(context);
    for (StringRef name : {"tensor", "linalg", "arith", "gate"})
      context->getOrLoadDialect(name)->getCanonicalizationPatterns(patterns);
    for (RegisteredOperationName op : context->getRegisteredOperations())
      if (isa<tensor::TensorDialect, linalg::LinalgDialect>(op.getDialect()))
        op.getCanonicalizationPatterns(patterns, context);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
