//===- ExpandMath.cpp - Transcendental functions as polynomials -----------===//
//
// exp and exp2 in f32 by range reduction to [-1/2, 1/2] and a polynomial of
// degree 6 (minimax for 2^r - 1 over r), scaled by two powers of two so that
// results below the smallest normal number are rounded once and large ones
// become infinity. Rounding to an integer is an addition of 1.5 * 2^23, which
// keeps nan a nan. The other functions take upstream's approximations.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
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

/// Builds f32 arithmetic on scalars or vectors of one shape.
class FloatBuilder {
public:
  FloatBuilder(OpBuilder &b, Location loc, Type type, bool hasScale)
      : b(b), loc(loc), type(type), hasScale(hasScale) {}

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
    if (hasScale && vector && vector.getRank() == 1 && vector.getDimSize(0) == 16)
      return scaleByInstruction(value, whole);
    Value half = arith::ShRSIOp::create(b, loc, n, integer(1));
    Value rest = arith::SubIOp::create(b, loc, n, half);
    return mul(mul(value, powerOfTwo(half)), powerOfTwo(rest));
  }

  /// AVX-512 has the scaling as one instruction, rounding included.
  Value scaleByInstruction(Value value, Value whole) {
    Type i16 = b.getIntegerType(16), i32 = b.getI32Type();
    Value all = LLVM::ConstantOp::create(b, loc, i16, b.getIntegerAttr(i16, -1));
    // 4: round as the control register says.
    Value mode = LLVM::ConstantOp::create(b, loc, i32, b.getI32IntegerAttr(4));
    return LLVM::CallIntrinsicOp::create(
               b, loc, type,
               b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
               ValueRange{value, whole, value, all, mode})
        .getResult(0);
  }

  /// 2^r for |r| <= 1/2.
  Value polynomial(Value r, ArrayRef<double> coefficients) {
    Value result = constant(coefficients.back());
    for (double c : llvm::reverse(coefficients.drop_back()))
      result = fma(result, r, constant(c));
    return result;
  }

private:
  Value splat(TypedAttr attribute, Type of) {
    if (auto vector = dyn_cast<VectorType>(of))
      return arith::ConstantOp::create(b, loc,
                                       DenseElementsAttr::get(vector, attribute));
    return arith::ConstantOp::create(b, loc, attribute);
  }
  OpBuilder &b;
  Location loc;
  Type type;
  bool hasScale;
};

/// Minimax coefficients of 2^r on [-1/2, 1/2].
constexpr double powerCoefficients[] = {
    1.0,          0.693147182,   0.240226462,    0.0555032678,
    0.00961817522, 0.00133986562, 0.000154034729};
/// exp(r) on [-ln 2 / 2, ln 2 / 2].
constexpr double exponentialCoefficients[] = {
    1.0,           1.0,           0.499999935,   0.166665207,
    0.0416683874, 0.00836870996, 0.00138146131};

template <typename OpTy>
bool isF32(OpTy op) {
  return getElementTypeOrSelf(op.getType()).isF32();
}

struct ExpandExp2 : OpRewritePattern<math::Exp2Op> {
  ExpandExp2(MLIRContext *context, bool hasScale)
      : OpRewritePattern(context), hasScale(hasScale) {}
  LogicalResult matchAndRewrite(math::Exp2Op op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return rewriter.notifyMatchFailure(op, "only f32 is expanded");
    FloatBuilder b(rewriter, op.getLoc(), op.getType(), hasScale);
    Value x = b.clamp(op.getOperand(), -160, 130);
    auto [whole, n] = b.round(x);
    Value r = b.sub(x, whole);
    rewriter.replaceOp(op,
                       b.scale(b.polynomial(r, powerCoefficients), whole, n));
    return success();
  }
  bool hasScale;
};

struct ExpandExp : OpRewritePattern<math::ExpOp> {
  ExpandExp(MLIRContext *context, bool hasScale)
      : OpRewritePattern(context), hasScale(hasScale) {}
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!isF32(op))
      return rewriter.notifyMatchFailure(op, "only f32 is expanded");
    FloatBuilder b(rewriter, op.getLoc(), op.getType(), hasScale);
    Value x = b.clamp(op.getOperand(), -110, 90);
    auto [whole, n] = b.round(b.mul(x, b.constant(1.44269504)));
    // x - n ln 2 in two parts (Cody and Waite), exact to below one unit.
    Value r = b.fma(whole, b.constant(-0.693145751953125), x);
    r = b.fma(whole, b.constant(-1.42860677e-06), r);
    rewriter.replaceOp(
        op, b.scale(b.polynomial(r, exponentialCoefficients), whole, n));
    return success();
  }
  bool hasScale;
};

struct ExpandMath : gate::impl::ExpandMathBase<ExpandMath> {
  using gate::impl::ExpandMathBase<ExpandMath>::ExpandMathBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandExp, ExpandExp2>(&getContext(), scaleInstruction);
    auto others = [](StringRef name) {
      return name == "math.log" || name == "math.log1p" || name == "math.tanh" ||
             name == "math.erf";
    };
    populateMathPolynomialApproximationPatterns(patterns, others);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};

} // namespace
