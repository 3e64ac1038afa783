//===- FuseIntoLoops.cpp - Elementwise ops in the loops that read them ----===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

namespace gate {
#define GEN_PASS_DEF_FUSEINTOLOOPS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Element i of the result from elements i of the inputs, and nothing else.
static bool isPlain(linalg::GenericOp op) {
  return op.hasPureTensorSemantics() && op.getNumResults() == 1 &&
         op.getNumDpsInputs() > 0 &&
         llvm::all_of(op.getIteratorTypesArray(),
                      [](utils::IteratorType type) {
                        return type == utils::IteratorType::parallel;
                      }) &&
         llvm::all_of(op.getIndexingMapsArray(),
                      [](AffineMap map) { return map.isIdentity(); }) &&
         op.getRegionOutputArgs().front().use_empty() &&
         op.getBody()->getOps<linalg::IndexOp>().empty() &&
         llvm::all_of(*op.getBody(), [](Operation &inner) {
           return inner.getNumRegions() == 0;
         });
}

/// The slices inside parallel loops that read a result, one in each loop; other
/// users may ask for its sizes. Nothing where someone reads more. Loops that
/// run after one another compute it again: that costs less than memory for it.
static SmallVector<tensor::ExtractSliceOp> onlySlices(linalg::GenericOp op) {
  SmallVector<tensor::ExtractSliceOp> found;
  llvm::SmallPtrSet<Operation *, 4> loops;
  for (Operation *user : op->getUsers()) {
    if (isa<tensor::DimOp>(user))
      continue;
    auto slice = dyn_cast<tensor::ExtractSliceOp>(user);
    auto loop = user->getParentOfType<scf::ForallOp>();
    if (!slice || !loop || op->getParentOfType<scf::ForallOp>() ||
        !loops.insert(loop).second)
      return {};
    found.push_back(slice);
  }
  return found;
}

static void fuse(RewriterBase &rewriter, linalg::GenericOp op,
                 tensor::ExtractSliceOp slice) {
  rewriter.setInsertionPoint(slice);
  Location loc = op.getLoc();
  RankedTensorType type = slice.getType();
  auto sliceOf = [&](Value source) -> Value {
    auto element = cast<RankedTensorType>(source.getType()).getElementType();
    return tensor::ExtractSliceOp::create(
        rewriter, loc, RankedTensorType::get(type.getShape(), element), source,
        slice.getMixedOffsets(), slice.getMixedSizes(),
        slice.getMixedStrides());
  };
  SmallVector<Value> inputs = llvm::map_to_vector(op.getInputs(), sliceOf);
  SmallVector<OpFoldResult> sizes;
  llvm::SmallBitVector dropped = slice.getDroppedDims();
  for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
    if (!dropped.test(dim))
      sizes.push_back(size);
  Value room =
      tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
  SmallVector<AffineMap> maps(op->getNumOperands(),
                              rewriter.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto fused = linalg::GenericOp::create(rewriter, loc, room.getType(), inputs,
                                         room, maps, iterators);
  rewriter.cloneRegionBefore(op.getRegion(), fused.getRegion(),
                             fused.getRegion().end());
  rewriter.replaceOp(slice, fused.getResult(0));
}

/// Erases an op of which sizes only are asked.
static void erase(RewriterBase &rewriter, linalg::GenericOp op) {
  for (OpOperand &use : llvm::make_early_inc_range(op->getUses()))
    if (auto dim = dyn_cast<tensor::DimOp>(use.getOwner()))
      rewriter.modifyOpInPlace(
          dim, [&] { dim.getSourceMutable().assign(op.getInputs().front()); });
  rewriter.eraseOp(op);
}

namespace {
struct FuseIntoLoops : gate::impl::FuseIntoLoopsBase<FuseIntoLoops> {
  void runOnOperation() override {
    SmallVector<linalg::GenericOp> ops;
    getOperation().walk([&](linalg::GenericOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    // Users before what they read: chains move one by one.
    for (linalg::GenericOp op : llvm::reverse(ops)) {
      if (!isPlain(op))
        continue;
      SmallVector<tensor::ExtractSliceOp> slices = onlySlices(op);
      for (tensor::ExtractSliceOp slice : slices)
        fuse(rewriter, op, slice);
      if (!slices.empty())
        erase(rewriter, op);
    }
  }
};
} // namespace
