//===- ExpandMath.cpp - Transcendental functions as polynomials -----------===//
//
// exp and exp2 in f32 by range reduction to [-1/2, 1/2] and a polynomial of
// degree 6 (minimax for 2^r - 1 over r), scaled by two powers of two so that
// results below the smallest normal number are rounded once and large ones
// become infinity. Rounding to an integer is an addition of 1.5 * 2^23, which
// keeps nan a nan. Where the machine has 2^x as an instruction, only what the
// rounded product with log2(e) lost is put right. erf and tanh are a polynomial
// near 0 and 1 minus an exponential elsewhere; log and log1p take upstream's
// approximations. All coefficients are minimax fits of our own (Lawson's
// reweighted least squares in f64, checked in f32 at 200,000 points).
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace gate {
#define GEN_PASS_DEF_EXPANDMATH
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// What the machine has beside arithmetic.
struct Instructions {
  /// x * 2^n on vectors of sixteen.
  bool scale = false;
  /// 2^x, within two units.
  bool exponential = false;
};

/// Builds f32 arithmetic on scalars or vectors of one shape.
class FloatBuilder {
public:
  FloatBuilder(OpBuilder &b, Location loc, Type type, Instructions has)
      : b(b), loc(loc), type(type), has(has) {}

  Value constant(double value) {
    auto attribute = b.getF32FloatAttr(static_cast<float>(value));
    return splat(attribute, type);
  }
  Value integer(int32_t value) {
    return splat(b.getI32IntegerAttr(value), integerType());
  }
  Type integerType() {
    Type element = b.getI32Type();
    if (auto vector = dyn_cast<VectorType>(type))
      return vector.clone(element);
    return element;
  }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, loc, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, loc, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, loc, x, y); }
  Value clamp(Value x, double low, double high) {
    Value y = arith::MaximumFOp::create(b, loc, x, constant(low));
    return arith::MinimumFOp::create(b, loc, y, constant(high));
  }

  /// x rounded to the nearest integer, as a float and as an integer.
  std::pair<Value, Value> round(Value x) {
    Value shift = constant(12582912.0); // 1.5 * 2^23
    Value shifted = add(x, shift);
    Value bits = arith::BitcastOp::create(b, loc, integerType(), shifted);
    Value whole = arith::SubIOp::create(b, loc, bits, integer(0x4B400000));
    return {sub(shifted, shift), whole};
  }

  /// 2^n for n in the range of normal exponents.
  Value powerOfTwo(Value n) {
    Value biased = arith::AddIOp::create(b, loc, n, integer(127));
    Value bits = arith::ShLIOp::create(b, loc, biased, integer(23));
    return arith::BitcastOp::create(b, loc, type, bits);
  }

  /// value * 2^n, for n as a float and as an integer; n may be outside of the
  /// range of exponents by a factor two.
  Value scale(Value value, Value whole, Value n) {
    auto vector = dyn_cast<VectorType>(type);
    if (has.scale && vector && vector.getRank() == 1 &&
        vector.getDimSize(0) == 16)
      return scaleByInstruction(value, whole);
    Value half = arith::ShRSIOp::create(b, loc, n, integer(1));
    Value rest = arith::SubIOp::create(b, loc, n, half);
    return mul(mul(value, powerOfTwo(half)), powerOfTwo(rest));
  }

  /// AVX-512 has the scaling as one instruction, rounding included.
  Value scaleByInstruction(Value value, Value whole) {
    Type i16 = b.getIntegerType(16), i32 = b.getI32Type();
    Value all =
        LLVM::ConstantOp::create(b, loc, i16, b.getIntegerAttr(i16, -1));
    // 4: round as the control register says.
    Value mode = LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(4));
    return LLVM::CallIntrinsicOp::create(
               b, loc, type,
               b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
               ValueRange{value, whole, value, all, mode})
        .getResult(0);
  }

  /// An instruction on each number.
  Value approximate(Value x,
                    function_ref<Value(OpBuilder &, Location, Value)> make) {
    auto vector = dyn_cast<VectorType>(type);
    if (!vector)
      return make(b, loc, x);
    SmallVector<Value> results;
    for (int64_t i = 0; i < vector.getNumElements(); ++i)
      results.push_back(make(b, loc, vector::ExtractOp::create(b, loc, x, i)));
    return vector::FromElementsOp::create(b, loc, type, results);
  }

  /// 2^r for |r| <= 1/2.
  Value polynomial(Value r, ArrayRef<double> coefficients) {
    Value result = constant(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      result = fma(result, r, constant(c));
    return result;
  }

  OpBuilder &b;
  Location loc;
  Type type;
  Instructions has;

private:
  Value splat(TypedAttr attribute, Type of) {
    if (auto vector = dyn_cast<VectorType>(of))
      return arith::ConstantOp::create(
          b, loc, DenseElementsAttr::get(vector, attribute));
    return arith::ConstantOp::create(b, loc, attribute);
  }
};

/// Minimax coefficients of 2^r on [-1/2, 1/2].
constexpr double powerCoefficients[] = {
    1.0,           0.693147182,   0.240226462,   0.0555032678,
    0.00961817522, 0.00133986562, 0.000154034729};
/// exp(r) on [-ln 2 / 2, ln 2 / 2].
constexpr double exponentialCoefficients[] = {
    1.0,          1.0,           0.499999935,  0.166665207,
    0.0416683874, 0.00836870996, 0.00138146131};

/// erf(x) / x - 1 in x^2, for |x| <= 0.95.
constexpr double erfNearZero[] = {0.12837916612625122, -0.37612631916999817,
                                  0.11283672600984573, -0.026858104392886162,
                                  0.00519779697060585, -0.0008105965098366141,
                                  8.21542416815646e-05};
/// log(1 - erf(x)), for 0.95 <= x <= 4.
constexpr double logOfErfc[] = {-0.0002775886678136885, -1.127333641052246,
                                -0.6377654075622559,    -0.10341213643550873,
                                0.021972157061100006,   -0.00297802803106606,
                                0.00018914065731223673};
/// (tanh(x) / x - 1) / x^2 in x^2, for |x| <= 0.6.
constexpr double tanhNearZero[] = {-0.3333333134651184, 0.13332952558994293,
                                   -0.053878385573625565, 0.021129172295331955,
                                   -0.006293242331594229};

/// A function of one f32 as arithmetic.
template <typename OpTy, Value (*expand)(FloatBuilder &, Value)>
struct ExpandF32 : OpRewritePattern<OpTy> {
  ExpandF32(MLIRContext *context, Instructions has)
      : OpRewritePattern<OpTy>(context), has(has) {}
  LogicalResult matchAndRewrite(OpTy op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "only f32 is expanded");
    FloatBuilder b(rewriter, op.getLoc(), op.getType(), has);
    rewriter.replaceOp(op, expand(b, op.getOperand()));
    return success();
  }
  Instructions has;
};

Value expandExp2(FloatBuilder &b, Value operand) {
  Value x = b.clamp(operand, -160, 130);
  auto [whole, n] = b.round(x);
  Value r = b.sub(x, whole);
  return b.scale(b.polynomial(r, powerCoefficients), whole, n);
}

/// 2^x for f32 by the instruction that GPUs have, subnormal results as 0.
Value powerByInstruction(FloatBuilder &b, Value x) {
  return b.approximate(
      x, [](OpBuilder &builder, Location loc, Value scalar) -> Value {
        return LLVM::CallIntrinsicOp::create(
                   builder, loc, scalar.getType(),
                   builder.getStringAttr("llvm.nvvm.ex2.approx.ftz.f32"),
                   scalar)
            .getResult(0);
      });
}

Value expandExp(FloatBuilder &b, Value operand) {
  if (b.has.exponential) {
    // 2^t for t = x log2(e) rounded, times 1 + ln 2 (x log2(e) - t).
    Value x = b.clamp(operand, -200, 200);
    Value t = b.mul(x, b.constant(1.44269502162933349609375));
    Value lost = b.fma(x, b.constant(1.44269502162933349609375),
                       arith::NegFOp::create(b.b, b.loc, t));
    lost = b.fma(x, b.constant(1.92596299112661746887e-8), lost);
    Value power = powerByInstruction(b, t);
    return b.mul(power, b.fma(lost, b.constant(0.693147182), b.constant(1)));
  }
  Value x = b.clamp(operand, -110, 90);
  auto [whole, n] = b.round(b.mul(x, b.constant(1.44269504)));
  // x - n ln 2 in two parts (Cody and Waite), exact to below one unit.
  Value r = b.fma(whole, b.constant(-0.693145751953125), x);
  r = b.fma(whole, b.constant(-1.42860677e-06), r);
  return b.scale(b.polynomial(r, exponentialCoefficients), whole, n);
}

/// `small` where |x| <= limit, else `large` with the sign of x.
Value joinBySize(FloatBuilder &b, Value x, Value magnitude, double limit,
                 Value small, Value large) {
  Value isSmall = arith::CmpFOp::create(b.b, b.loc, arith::CmpFPredicate::OLE,
                                        magnitude, b.constant(limit));
  Value signedLarge = math::CopySignOp::create(b.b, b.loc, large, x);
  return arith::SelectOp::create(b.b, b.loc, isSmall, small, signedLarge);
}

Value expandErf(FloatBuilder &b, Value x) {
  Value magnitude = math::AbsFOp::create(b.b, b.loc, x);
  Value square = b.mul(x, x);
  Value small = b.fma(b.polynomial(square, erfNearZero), x, x);
  // erf(4) rounds to 1. A nan stays one: minimum keeps it.
  Value bounded =
      arith::MinimumFOp::create(b.b, b.loc, magnitude, b.constant(4));
  Value tail =
      math::ExpOp::create(b.b, b.loc, b.polynomial(bounded, logOfErfc));
  return joinBySize(b, x, magnitude, 0.95, small, b.sub(b.constant(1), tail));
}

Value expandTanh(FloatBuilder &b, Value x) {
  Value magnitude = math::AbsFOp::create(b.b, b.loc, x);
  Value square = b.mul(x, x);
  Value inner = b.mul(b.polynomial(square, tanhNearZero), square);
  Value small = b.fma(inner, x, x);
  // 1 - 2 / (exp(2 |x|) + 1), which is 1 for large |x|.
  Value e = math::ExpOp::create(b.b, b.loc, b.add(magnitude, magnitude));
  Value quotient =
      arith::DivFOp::create(b.b, b.loc, b.constant(2), b.add(e, b.constant(1)));
  return joinBySize(b, x, magnitude, 0.6, small,
                    b.sub(b.constant(1), quotient));
}

struct PowerByInstruction : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "only f32 is expanded");
    FloatBuilder b(rewriter, op.getLoc(), op.getType(), {});
    rewriter.replaceOp(op, powerByInstruction(b, op.getOperand()));
    return success();
  }
};

/// An exponential of which few units are asked.
struct ApproximateExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32() ||
        !arith::bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
      return rewriter.notifyMatchFailure(op, "only inexact f32 is expanded");
    FloatBuilder b(rewriter, op.getLoc(), op.getType(), {});
    // exp(-x) shares the product with exp(x); the instruction negates.
    auto negation = op.getOperand().getDefiningOp<arith::NegFOp>();
    Value x = negation ? negation.getOperand() : op.getOperand();
    Value t = b.mul(x, b.constant(1.44269504088896340736));
    if (negation)
      t = arith::NegFOp::create(rewriter, op.getLoc(), t);
    rewriter.replaceOp(op, powerByInstruction(b, t));
    return success();
  }
};

/// A division that need not be exact, by a denominator of ordinary size: times
/// the reciprocal.
struct DivideByReciprocal : OpRewritePattern<arith::DivFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::DivFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32() ||
        !arith::bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::afn))
      return rewriter.notifyMatchFailure(op, "only inexact f32 is expanded");
    FloatBuilder b(rewriter, op.getLoc(), op.getType(), {});
    Value reciprocal = b.approximate(
        op.getRhs(),
        [](OpBuilder &builder, Location loc, Value scalar) -> Value {
          return NVVM::RcpApproxFtzF32Op::create(builder, loc, scalar.getType(),
                                                 scalar);
        });
    rewriter.replaceOp(op, b.mul(op.getLhs(), reciprocal));
    return success();
  }
};

struct ExpandMath : gate::impl::ExpandMathBase<ExpandMath> {
  using gate::impl::ExpandMathBase<ExpandMath>::ExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    Instructions has{scaleInstruction, exponentialInstruction};
    patterns.add<ExpandF32<math::ErfOp, expandErf>,
                 ExpandF32<math::ExpOp, expandExp>,
                 ExpandF32<math::TanhOp, expandTanh>>(&getContext(), has);
    if (has.exponential)
      patterns.add<ApproximateExp, DivideByReciprocal, PowerByInstruction>(
          &getContext(),
          /*benefit=*/2);
    else
      patterns.add<ExpandF32<math::Exp2Op, expandExp2>>(&getContext(), has);
    auto others = [](StringRef name) {
      return name == "math.log" || name == "math.log1p";
    };
    populateMathPolynomialApproximationPatterns(patterns, others);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
