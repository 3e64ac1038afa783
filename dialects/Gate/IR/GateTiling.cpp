//===- GateTiling.cpp - Tiling and result shapes from axes ----------------===//
//
// TilingInterface and ReifyRankedShapedTypeOpInterface of every gate op,
// written once against the axes interface: a tile is the op on slices.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace gate;

using Sizes = SmallVector<OpFoldResult>;

/// Size of an axis, from an operand that has it.
static OpFoldResult axisSize(OpBuilder &builder, Operation *op,
                             const Axes &axes, int64_t axis) {
  for (auto [operand, dims] : llvm::zip(op->getOperands(), axes.operands))
    for (auto [dim, own] : llvm::enumerate(dims))
      if (own == axis)
        return tensor::getMixedSize(builder, op->getLoc(), operand, dim);
  llvm_unreachable("every axis is that of an operand");
}

/// The loops of a tiled op: its tileable axes, in order.
static SmallVector<int64_t> tileableAxes(const Axes &axes) {
  SmallVector<int64_t> result;
  for (auto [axis, isTileable] : llvm::enumerate(axes.tileable))
    if (isTileable)
      result.push_back(axis);
  return result;
}

/// Where a tile of the loops lies in a tensor whose dims run along `dims`.
static void tilePlace(OpBuilder &builder, Location loc, Value tensor,
                      ArrayRef<int64_t> dims, ArrayRef<int64_t> loops,
                      ArrayRef<OpFoldResult> loopOffsets,
                      ArrayRef<OpFoldResult> loopSizes, Sizes &offsets,
                      Sizes &sizes) {
  sizes = tensor::getMixedSizes(builder, loc, tensor);
  offsets.assign(sizes.size(), builder.getIndexAttr(0));
  for (auto [dim, axis] : llvm::enumerate(dims))
    for (auto [loop, loopAxis] : llvm::enumerate(loops))
      if (axis == loopAxis) {
        offsets[dim] = loopOffsets[loop];
        sizes[dim] = loopSizes[loop];
      }
}

namespace {

template <typename OpTy>
struct ShapeModel
    : ReifyRankedShapedTypeOpInterface::ExternalModel<ShapeModel<OpTy>, OpTy> {
  LogicalResult reifyResultShapes(Operation *op, OpBuilder &builder,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    Axes axes = cast<AxesOpInterface>(op).getIndexAxes();
    for (auto [result, dims] : llvm::zip(op->getResults(), axes.results)) {
      auto type = cast<RankedTensorType>(result.getType());
      Sizes shape;
      for (auto [dim, axis] : llvm::enumerate(dims)) {
        if (!type.isDynamicDim(dim))
          shape.push_back(builder.getIndexAttr(type.getDimSize(dim)));
        else if (axis >= 0)
          shape.push_back(axisSize(builder, op, axes, axis));
        else
          return failure();
      }
      shapes.push_back(shape);
    }
    return success();
  }
};

template <typename OpTy>
struct TileModel : TilingInterface::ExternalModel<TileModel<OpTy>, OpTy> {
  SmallVector<utils::IteratorType> getLoopIteratorTypes(Operation *op) const {
    Axes axes = cast<AxesOpInterface>(op).getIndexAxes();
    return SmallVector<utils::IteratorType>(tileableAxes(axes).size(),
                                            utils::IteratorType::parallel);
  }

  SmallVector<Range> getIterationDomain(Operation *op,
                                        OpBuilder &builder) const {
    Axes axes = cast<AxesOpInterface>(op).getIndexAxes();
    SmallVector<Range> ranges;
    for (int64_t axis : tileableAxes(axes))
      ranges.push_back({builder.getIndexAttr(0),
                        axisSize(builder, op, axes, axis),
                        builder.getIndexAttr(1)});
    return ranges;
  }

  FailureOr<TilingResult>
  getTiledImplementation(Operation *op, OpBuilder &builder,
                         ArrayRef<OpFoldResult> offsets,
                         ArrayRef<OpFoldResult> sizes) const {
    Axes axes = cast<AxesOpInterface>(op).getIndexAxes();
    SmallVector<int64_t> loops = tileableAxes(axes);
    TensorBuilder b(builder, op->getLoc());
    SmallVector<Value> operands;
    SmallVector<Operation *> slices;
    for (auto [operand, dims] : llvm::zip(op->getOperands(), axes.operands)) {
      Sizes tileOffsets, tileSizes;
      tilePlace(builder, op->getLoc(), operand, dims, loops, offsets, sizes,
                tileOffsets, tileSizes);
      Value slice = b.slice(operand, tileOffsets, tileSizes);
      slices.push_back(slice.getDefiningOp());
      operands.push_back(slice);
    }
    // Results have the sizes of the tile where the tile cuts them.
    SmallVector<Type> types;
    for (auto [result, dims] : llvm::zip(op->getResults(), axes.results)) {
      auto type = cast<RankedTensorType>(result.getType());
      SmallVector<int64_t> shape(type.getShape());
      for (auto [dim, axis] : llvm::enumerate(dims))
        for (auto [loop, loopAxis] : llvm::enumerate(loops))
          if (axis == loopAxis)
            shape[dim] =
                getConstantIntValue(sizes[loop]).value_or(ShapedType::kDynamic);
      types.push_back(RankedTensorType::get(shape, type.getElementType()));
    }
    Operation *tiled = clone(builder, op, types, operands);
    return TilingResult{
        {tiled}, SmallVector<Value>(tiled->getResults()), slices};
  }

  LogicalResult
  getResultTilePosition(Operation *op, OpBuilder &builder, unsigned result,
                        ArrayRef<OpFoldResult> offsets,
                        ArrayRef<OpFoldResult> sizes,
                        SmallVectorImpl<OpFoldResult> &resultOffsets,
                        SmallVectorImpl<OpFoldResult> &resultSizes) const {
    Axes axes = cast<AxesOpInterface>(op).getIndexAxes();
    ReifiedRankedShapedTypeDims shapes;
    if (failed(reifyResultShapes(builder, op, shapes)))
      return failure();
    SmallVector<int64_t> loops = tileableAxes(axes);
    resultSizes.assign(shapes[result].begin(), shapes[result].end());
    resultOffsets.assign(resultSizes.size(), builder.getIndexAttr(0));
    for (auto [dim, axis] : llvm::enumerate(axes.results[result]))
      for (auto [loop, loopAxis] : llvm::enumerate(loops))
        if (axis == loopAxis) {
          resultOffsets[dim] = offsets[loop];
          resultSizes[dim] = sizes[loop];
        }
    return success();
  }

  /// The loops that give a tile of a result; dims that no loop cuts must be
  /// asked for whole.
  LogicalResult getIterationDomainTileFromResultTile(
      Operation *op, OpBuilder &builder, unsigned result,
      ArrayRef<OpFoldResult> offsets, ArrayRef<OpFoldResult> sizes,
      SmallVectorImpl<OpFoldResult> &loopOffsets,
      SmallVectorImpl<OpFoldResult> &loopSizes) const {
    Axes axes = cast<AxesOpInterface>(op).getIndexAxes();
    for (Range range : getIterationDomain(op, builder)) {
      loopOffsets.push_back(range.offset);
      loopSizes.push_back(range.size);
    }
    SmallVector<int64_t> loops = tileableAxes(axes);
    for (auto [dim, axis] : llvm::enumerate(axes.results[result])) {
      auto found = llvm::find(loops, axis);
      if (found == loops.end()) {
        auto type = cast<RankedTensorType>(op->getResult(result).getType());
        bool isWhole = isZeroInteger(offsets[dim]) &&
                       (type.isDynamicDim(dim) ||
                        getConstantIntValue(sizes[dim]) ==
                            std::optional<int64_t>(type.getDimSize(dim)));
        if (!isWhole)
          return failure();
        continue;
      }
      loopOffsets[std::distance(loops.begin(), found)] = offsets[dim];
      loopSizes[std::distance(loops.begin(), found)] = sizes[dim];
    }
    return success();
  }

  FailureOr<TilingResult>
  generateResultTileValue(Operation *op, OpBuilder &builder, unsigned result,
                          ArrayRef<OpFoldResult> offsets,
                          ArrayRef<OpFoldResult> sizes) const {
    Sizes loopOffsets, loopSizes;
    if (failed(getIterationDomainTileFromResultTile(
            op, builder, result, offsets, sizes, loopOffsets, loopSizes)))
      return failure();
    FailureOr<TilingResult> tiled =
        getTiledImplementation(op, builder, loopOffsets, loopSizes);
    if (failed(tiled))
      return failure();
    return TilingResult{
        tiled->tiledOps, {tiled->tiledValues[result]}, tiled->generatedSlices};
  }
};

} // namespace

template <typename... OpTys>
static void attachTo(MLIRContext &context) {
  (OpTys::template attachInterface<ShapeModel<OpTys>, TileModel<OpTys>>(
       context),
   ...);
}

void gate::attachTilingModels(MLIRContext &context) {
  attachTo<GluOp, ApplyOp, BlendOp, NormOp, ShortConvOp, GatherOp, ScanOp,
           LinearScanOp, AttentionOp>(context);
}
