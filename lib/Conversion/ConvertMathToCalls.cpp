//===- ConvertMathToCalls.cpp - Functions that only libm has --------------===//
//
// Upstream's conversions decide by op, not by accuracy: math.log1p would become
// log(1 + x), which loses what log1p is for. These functions become calls of
// libm first, element by element on vectors.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/DialectConversion.h"

namespace gate {
#define GEN_PASS_DEF_CONVERTMATHTOCALLS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {
struct ConvertMathToCalls
    : gate::impl::ConvertMathToCallsBase<ConvertMathToCalls> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathToLibmConversionPatterns(patterns);
    ConversionTarget target(getContext());
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    target.addIllegalOp<math::Log1pOp, math::ExpM1Op, math::ErfOp, math::ErfcOp,
                        math::TanhOp, math::SinhOp, math::CoshOp, math::AtanOp,
                        math::Atan2Op, math::AsinOp, math::AcosOp, math::TanOp,
                        math::CbrtOp>();
    if (failed(applyPartialConversion(getOperation(), target,
                                      std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
