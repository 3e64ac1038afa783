//===- LowerExpandShapes.cpp - Several dynamic dims from one --------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

namespace gate {
#define GEN_PASS_DEF_LOWEREXPANDSHAPES
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

static bool hasSeveralDynamicDims(memref::ExpandShapeOp op) {
  for (const ReassociationIndices &group : op.getReassociationIndices())
    if (llvm::count_if(group, [&](int64_t dim) {
          return op.getResultType().isDynamicDim(dim);
        }) > 1)
      return true;
  return false;
}

namespace {
struct LowerExpandShapes
    : gate::impl::LowerExpandShapesBase<LowerExpandShapes> {
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> ops;
    getOperation().walk([&](memref::ExpandShapeOp op) {
      if (hasSeveralDynamicDims(op))
        ops.push_back(op);
    });
    for (memref::ExpandShapeOp op : ops) {
      MemRefType type = op.getResultType();
      if (!op.getSrcType().getLayout().isIdentity()) {
        op.emitOpError("expects a row-major buffer where one dim becomes "
                       "several dynamic ones");
        return signalPassFailure();
      }
      OpBuilder builder(op);
      SmallVector<OpFoldResult> sizes = op.getMixedOutputShape();
      SmallVector<OpFoldResult> strides(sizes.size());
      AffineExpr d0, d1;
      bindDims(&getContext(), d0, d1);
      OpFoldResult stride = builder.getIndexAttr(1);
      for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
        strides[dim] = stride;
        stride = affine::makeComposedFoldedAffineApply(
            builder, op.getLoc(), d0 * d1, {stride, sizes[dim]});
      }
      Value cast = memref::ReinterpretCastOp::create(
          builder, op.getLoc(), op.getSrc(), builder.getIndexAttr(0), sizes,
          strides);
      if (cast.getType() != type)
        cast = memref::CastOp::create(builder, op.getLoc(), type, cast);
      op.getResult().replaceAllUsesWith(cast);
      op.erase();
    }
  }
};
} // namespace
