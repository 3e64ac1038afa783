//===- SimplifyBlocks.cpp - What whole tiles make superfluous -------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockZeros.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gate {
#define GEN_PASS_DEF_SIMPLIFYBLOCKS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// select(mask, x, 0) is x where x is 0 anyway.
struct DropMask : OpRewritePattern<arith::SelectOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::SelectOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<VectorType>(op.getType()) || !isZero(op.getFalseValue()))
      return rewriter.notifyMatchFailure(op, "not a mask");
    SmallVector<Limit> limits = limitsOf(op.getCondition());
    if (limits.empty() || !llvm::all_of(limits, [&](const Limit &limit) {
          return BlockZeros(limit.end).isZeroFrom(op.getTrueValue(), limit.dim);
        }))
      return rewriter.notifyMatchFailure(op, "not known to be zero there");
    rewriter.replaceOp(op, op.getTrueValue());
    return success();
  }
};

/// The larger of a widened number and a bound that the narrow type has is the
/// narrow maximum, widened.
template <typename OpTy>
struct NarrowBound : OpRewritePattern<OpTy> {
  using OpRewritePattern<OpTy>::OpRewritePattern;
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    auto wide = op.getLhs().template getDefiningOp<arith::ExtFOp>();
    DenseFPElementsAttr bound;
    if (!wide || !isa<VectorType>(op.getType()) ||
        !matchPattern(op.getRhs(), m_Constant(&bound)) || !bound.isSplat())
      return rewriter.notifyMatchFailure(op, "not a bound of a widened value");
    auto type = cast<VectorType>(wide.getIn().getType());
    APFloat number = bound.getSplatValue<APFloat>();
    bool losesInfo = false;
    number.convert(cast<FloatType>(type.getElementType()).getFloatSemantics(),
                   APFloat::rmNearestTiesToEven, &losesInfo);
    if (losesInfo)
      return rewriter.notifyMatchFailure(op, "the narrow type lacks the bound");
    Value narrow = arith::ConstantOp::create(
        rewriter, op.getLoc(),
        DenseElementsAttr::get(type, ArrayRef<Attribute>(rewriter.getFloatAttr(
                                         type.getElementType(), number))));
    Value result = OpTy::create(rewriter, op.getLoc(), wide.getIn(), narrow);
    rewriter.template replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(),
                                                        result);
    return success();
  }
};

/// x - x, where neither infinity nor nan is asked about.
struct DropDifference : OpRewritePattern<arith::SubFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::SubFOp op,
                                PatternRewriter &rewriter) const override {
    auto finite = arith::FastMathFlags::nnan | arith::FastMathFlags::ninf;
    auto left = op.getLhs().getDefiningOp<arith::ExtFOp>();
    auto right = op.getRhs().getDefiningOp<arith::ExtFOp>();
    bool isSame = op.getLhs() == op.getRhs() ||
                  (left && right && left.getIn() == right.getIn());
    if (!isSame || !arith::bitEnumContainsAll(op.getFastmath(), finite))
      return rewriter.notifyMatchFailure(op, "not zero");
    rewriter.replaceOpWithNewOp<arith::ConstantOp>(
        op, rewriter.getZeroAttr(op.getType()));
    return success();
  }
};

/// A product of constants, masks and positions with zeros.
struct DropProduct : OpRewritePattern<vector::ContractionOp> {
  using OpRewritePattern::OpRewritePattern;

  static bool isMade(Value value) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    // A number that is not a constant may be infinite.
    if (isa<vector::StepOp, vector::CreateMaskOp>(op) ||
        matchPattern(op, m_Constant()))
      return true;
    return (OpTrait::hasElementwiseMappableTraits(op) ||
            isa<vector::BroadcastOp, vector::TransposeOp>(op)) &&
           llvm::all_of(op->getOperands(), [](Value operand) {
             return isa<VectorType>(operand.getType())
                        ? isMade(operand)
                        : !isa<FloatType>(operand.getType()) ||
                              matchPattern(operand, m_Constant());
           });
  }

  LogicalResult matchAndRewrite(vector::ContractionOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getKind() != vector::CombiningKind::ADD || !isZero(op.getRhs()) ||
        !isMade(op.getLhs()))
      return rewriter.notifyMatchFailure(op, "not zero");
    rewriter.replaceOp(op, op.getAcc());
    return success();
  }
};

/// A mask along the depth of a product, where the other side is zero past the
/// same place and this one is finite.
struct DropProductMask : OpRewritePattern<vector::ContractionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(vector::ContractionOp op,
                                PatternRewriter &rewriter) const override {
    for (unsigned side : {0, 1}) {
      Value value = op->getOperand(side);
      auto mask = value.getDefiningOp<arith::SelectOp>();
      if (!mask || !isZero(mask.getFalseValue()))
        continue;
      std::optional<Limit> limit = limitOf(mask.getCondition());
      if (!limit)
        continue;
      // The same loop of the other side.
      SmallVector<AffineMap> maps = op.getIndexingMapsArray();
      std::optional<unsigned> dim =
          maps[1 - side].getResultPosition(maps[side].getResult(limit->dim));
      BlockZeros zeros(limit->end);
      if (!dim || !zeros.isZeroFrom(op->getOperand(1 - side), *dim) ||
          !zeros.isFinite(mask.getTrueValue()))
        continue;
      rewriter.modifyOpInPlace(
          op, [&] { op->setOperand(side, mask.getTrueValue()); });
      return success();
    }
    return rewriter.notifyMatchFailure(op, "no mask that changes nothing");
  }
};

/// A mask on a factor, copied along other dims or not, of what is zero there.
struct DropFactorMask : OpRewritePattern<arith::MulFOp> {
  using OpRewritePattern::OpRewritePattern;

  /// The masked value that `factor` has copies of; `dim`: of it, then of that.
  static arith::SelectOp maskedBehind(Value factor, unsigned &dim) {
    while (auto source = movedFrom(factor, dim)) {
      factor = source->first;
      dim = source->second;
    }
    auto mask = factor.getDefiningOp<arith::SelectOp>();
    return mask && isZero(mask.getFalseValue()) ? mask : arith::SelectOp();
  }

  /// `factor` as it is without the mask.
  static Value unmasked(PatternRewriter &rewriter, Value factor) {
    Operation *op = factor.getDefiningOp();
    if (auto mask = dyn_cast<arith::SelectOp>(op))
      return mask.getTrueValue();
    IRMapping mapping;
    mapping.map(op->getOperand(0), unmasked(rewriter, op->getOperand(0)));
    return rewriter.clone(*op, mapping)->getResult(0);
  }

  LogicalResult matchAndRewrite(arith::MulFOp op,
                                PatternRewriter &rewriter) const override {
    auto type = dyn_cast<VectorType>(op.getType());
    for (unsigned side : {0, 1})
      for (unsigned dim = 0; type && dim < type.getRank(); ++dim) {
        Value factor = op->getOperand(side);
        unsigned own = dim;
        arith::SelectOp mask = maskedBehind(factor, own);
        if (!mask)
          continue;
        std::optional<Limit> limit = limitOf(mask.getCondition());
        if (!limit || limit->dim != own)
          continue;
        BlockZeros zeros(limit->end);
        if (!zeros.isZeroFrom(op->getOperand(1 - side), dim) ||
            !zeros.isFinite(mask.getTrueValue()))
          continue;
        Value plain = unmasked(rewriter, factor);
        rewriter.modifyOpInPlace(op, [&] { op->setOperand(side, plain); });
        return success();
      }
    return rewriter.notifyMatchFailure(op, "no mask that changes nothing");
  }
};

/// Whether a relative error of a few units of f32 is below the rounding of all
/// that a value ends in: it is multiplied, divided, added to a positive number
/// that keeps its sign, and rounded to 16 bits.
static bool endsNarrow(Value value, bool isPositive) {
  return !value.use_empty() &&
         llvm::all_of(value.getUses(), [&](OpOperand &use) {
           Operation *user = use.getOwner();
           if (isa<arith::TruncFOp>(user))
             return getElementTypeOrSelf(user->getResult(0).getType())
                        .getIntOrFloatBitWidth() <= 16;
           if (isa<arith::MulFOp, arith::DivFOp, arith::NegFOp>(user))
             return endsNarrow(user->getResult(0), false);
           if (isa<arith::AddFOp>(user)) {
             Value other = user->getOperand(1 - use.getOperandNumber());
             DenseFPElementsAttr constant;
             return isPositive && matchPattern(other, m_Constant(&constant)) &&
                    constant.isSplat() &&
                    !constant.getSplatValue<APFloat>().isNegative() &&
                    endsNarrow(user->getResult(0), true);
           }
           return false;
         });
}

/// Whether an op on vectors of f32 may be approximate, and is not marked yet.
template <typename OpTy>
static bool mayApproximate(OpTy op, bool isPositive) {
  return isa<VectorType>(op.getType()) &&
         getElementTypeOrSelf(op.getType()).isF32() &&
         !arith::bitEnumContainsAll(op.getFastmath(),
                                    arith::FastMathFlags::afn) &&
         endsNarrow(op.getResult(), isPositive);
}

template <typename OpTy>
static void markApproximate(OpTy op, PatternRewriter &rewriter) {
  rewriter.modifyOpInPlace(op, [&] {
    op.setFastmath(op.getFastmath() | arith::FastMathFlags::afn);
  });
}

/// An exponential of which few bits are kept need not have all.
struct ApproximateExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!mayApproximate(op, /*isPositive=*/true))
      return rewriter.notifyMatchFailure(op, "all bits are asked for");
    markApproximate(op, rewriter);
    return success();
  }
};

/// A division of which few bits are kept, by one plus an exponential.
struct ApproximateDivision : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    auto sum = op.getRhs().getDefiningOp<arith::AddFOp>();
    if (!sum || !mayApproximate(op, /*isPositive=*/false))
      return rewriter.notifyMatchFailure(op, "all bits are asked for");
    // At least one: its reciprocal is a normal number, or rounds to 0.
    auto isExp = [](Value value) {
      return value.getDefiningOp<math::ExpOp>() != nullptr;
    };
    auto isOne = [](Value value) { return matchPattern(value, m_OneFloat()); };
    if (!(isExp(sum.getLhs()) && isOne(sum.getRhs())) &&
        !(isExp(sum.getRhs()) && isOne(sum.getLhs())))
      return rewriter.notifyMatchFailure(op, "not by one plus an exponential");
    markApproximate(op, rewriter);
    return success();
  }
};

struct SimplifyBlocks : gate::impl::SimplifyBlocksBase<SimplifyBlocks> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<DropMask, NarrowBound<arith::MaximumFOp>,
                 NarrowBound<arith::MinimumFOp>, DropDifference, DropProduct,
                 DropProductMask, DropFactorMask, ApproximateExp,
                 ApproximateDivision>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
