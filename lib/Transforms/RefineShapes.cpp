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
    if (!isa<GateDialect>(op->getDialect()))
      return failure();
    // What a region sees as it is keeps its type.
    auto isSeen = [&](Type type) {
      return llvm::any_of(op->getRegions(), [&](Region &region) {
        return llvm::is_contained(region.getArgumentTypes(), type);
      });
    };
    SmallVector<Value> operands(op->getOperands());
    bool changed = false;
    for (Value &operand : operands) {
      auto cast = operand.getDefiningOp<tensor::CastOp>();
      if (!cast ||
          !tensor::preservesStaticInformation(cast.getType(),
                                              cast.getSource().getType()) ||
          isSeen(cast.getType()))
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
    for (unsigned i = 0; i < op->getNumRegions(); ++i)
      state.addRegion();
    Operation *refined = rewriter.create(state);
    for (auto [region, old] :
         llvm::zip(refined->getRegions(), op->getRegions()))
      rewriter.inlineRegionBefore(old, region, region.end());
    SmallVector<Value> results;
    for (auto [fresh, old] : llvm::zip(refined->getResults(), op->getResults()))
      results.push_back(fresh.getType() == old.getType()
                            ? Value(fresh)
                            : tensor::CastOp::create(rewriter, op->getLoc(),
                                                     old.getType(), fresh));
    rewriter.replaceOp(op, results);
    return success();
  }
};

/// The same for elementwise ops of other dialects on tensors.
struct RefineElementwise : RewritePattern {
  RefineElementwise(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), /*benefit=*/1, context) {}

  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1)
      return failure();
    auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType());
    if (!type)
      return failure();
    SmallVector<int64_t> shape(type.getShape());
    for (Value operand : op->getOperands())
      if (auto cast = operand.getDefiningOp<tensor::CastOp>())
        if (auto source =
                dyn_cast<RankedTensorType>(cast.getSource().getType()))
          for (auto [size, known] : llvm::zip(shape, source.getShape()))
            if (ShapedType::isDynamic(size))
              size = known;
    if (ArrayRef<int64_t>(shape) == type.getShape())
      return rewriter.notifyMatchFailure(op, "no operand has a known cast");
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      auto own = dyn_cast<RankedTensorType>(operand.getType());
      operands.push_back(
          own ? Value(tensor::CastOp::create(
                    rewriter, op->getLoc(),
                    RankedTensorType::get(shape, own.getElementType()),
                    operand))
              : operand);
    }
    OperationState state(op->getLoc(), op->getName());
    state.addOperands(operands);
    state.addTypes(RankedTensorType::get(shape, type.getElementType()));
    state.addAttributes(
        llvm::to_vector(op->getDiscardableAttrDictionary().getValue()));
    state.propertiesAttr = op->getPropertiesAsAttribute();
    for (unsigned i = 0; i < op->getNumRegions(); ++i)
      state.addRegion();
    Operation *refined = rewriter.create(state);
    for (auto [region, old] :
         llvm::zip(refined->getRegions(), op->getRegions()))
      rewriter.inlineRegionBefore(old, region, region.end());
    rewriter.replaceOpWithNewOp<tensor::CastOp>(op, type,
                                                refined->getResult(0));
    return success();
  }
};

struct RefineShapes : gate::impl::RefineShapesBase<RefineShapes> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    RewritePatternSet patterns(context);
    patterns.add<RefineFromCasts, RefineElementwise>(context);
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
