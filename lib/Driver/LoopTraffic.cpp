//===- LoopTraffic.cpp - What loops over tiles move -----------------------===//
//
// Sizes are followed to the arguments of the function; arithmetic on the way is
// done by the folds of the ops.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/LoopTraffic.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace gate;

std::optional<int64_t> LoopTraffic::evaluate(OpFoldResult value) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return constant;
  auto result = dyn_cast_or_null<OpResult>(dyn_cast<Value>(value));
  if (!result)
    return std::nullopt;
  Operation *op = result.getOwner();
  if (auto dim = dyn_cast<tensor::DimOp>(op)) {
    std::optional<int64_t> index = evaluate(dim.getDimension());
    return index ? sizeOf(dim.getSource(), *index) : std::nullopt;
  }
  if (op->getNumRegions() != 0)
    return std::nullopt;
  Builder b(op->getContext());
  SmallVector<Attribute> operands;
  for (Value operand : op->getOperands()) {
    std::optional<int64_t> known = evaluate(operand);
    if (!known)
      return std::nullopt;
    operands.push_back(b.getIntegerAttr(operand.getType(), *known));
  }
  // Without operands there is nothing to fold: a constant is known by now.
  SmallVector<OpFoldResult> folded;
  if (operands.empty() || failed(op->fold(operands, folded)) ||
      folded.size() != op->getNumResults())
    return std::nullopt;
  OpFoldResult own = folded[result.getResultNumber()];
  if (auto number = dyn_cast_or_null<IntegerAttr>(dyn_cast<Attribute>(own)))
    return number.getType().isInteger(1) ? number.getValue().getZExtValue()
                                         : number.getInt();
  if (auto other = dyn_cast_or_null<Value>(dyn_cast<Value>(own));
      other && other != result)
    return evaluate(other);
  return std::nullopt;
}

std::optional<int64_t> LoopTraffic::sizeOf(Value tensor, int64_t dim) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || dim >= type.getRank())
    return std::nullopt;
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  if (auto result = dyn_cast<OpResult>(tensor))
    return sizeOfResult(result, dim);
  auto argument = cast<BlockArgument>(tensor);
  Operation *parent = argument.getOwner()->getParentOp();
  if (isa<func::FuncOp>(parent)) {
    if (argument.getArgNumber() >= signature.tensors.size())
      return std::nullopt;
    auto known =
        sizes.find(signature.tensors[argument.getArgNumber()].dims[dim]);
    return known == sizes.end() ? std::nullopt
                                : std::optional<int64_t>(known->second);
  }
  if (auto loop = dyn_cast<LoopLikeOpInterface>(parent))
    if (OpOperand *init = loop.getTiedLoopInit(argument))
      return sizeOf(init->get(), dim);
  return std::nullopt;
}

std::optional<int64_t> LoopTraffic::sizeOfResult(OpResult result, int64_t dim) {
  Operation *op = result.getOwner();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return evaluate(empty.getMixedSizes()[dim]);
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return sizeOf(cast.getSource(), dim);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return evaluate(expand.getMixedOutputShape()[dim]);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    int64_t size = 1;
    for (int64_t from : collapse.getReassociationIndices()[dim]) {
      std::optional<int64_t> known = sizeOf(collapse.getSrc(), from);
      if (!known)
        return std::nullopt;
      size *= *known;
    }
    return size;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    int64_t kept = 0;
    for (auto [position, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(position) && kept++ == dim)
        return evaluate(size);
    return std::nullopt;
  }
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return sizeOf(insert.getDest(), dim);
  if (auto choice = dyn_cast<scf::IfOp>(op))
    return sizeOf(choice.thenYield().getOperand(result.getResultNumber()), dim);
  if (auto loop = dyn_cast<scf::ForallOp>(op))
    return sizeOf(loop.getOutputs()[result.getResultNumber()], dim);
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
    return sizeOf(loop.getInits()[result.getResultNumber()], dim);
  if (auto styled = dyn_cast<DestinationStyleOpInterface>(op))
    return sizeOf(styled.getTiedOpOperand(result)->get(), dim);
  return std::nullopt;
}

std::optional<double> LoopTraffic::bytesOfTensor(Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  double bytes =
      type.getElementType().isIndex() ? 8 : type.getElementTypeBitWidth() / 8.0;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    std::optional<int64_t> size = sizeOf(tensor, dim);
    if (!size)
      return std::nullopt;
    bytes *= static_cast<double>(*size);
  }
  return bytes;
}

/// What a value is a view of, or itself.
static Value sourceOf(Value value) {
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
            op))
      break;
    value = op->getOperand(0);
  }
  return value;
}

std::optional<double> LoopTraffic::bytesOf(Operation *op) {
  llvm::SetVector<Value> used;
  if (op->getNumRegions() != 0)
    getUsedValuesDefinedAbove(op->getRegions(), used);
  // The values that results start from are read where there are any.
  if (auto loop = dyn_cast<scf::ForallOp>(op))
    used.insert(loop.getOutputs().begin(), loop.getOutputs().end());
  else
    for (OpOperand &operand : op->getOpOperands())
      if (!isa<linalg::FillOp>(op))
        used.insert(operand.get());
  llvm::SetVector<Value> read;
  for (Value value : used)
    if (isa<RankedTensorType>(value.getType())) {
      // Room is not read, nor are constants large.
      Value source = sourceOf(value);
      Operation *producer = source.getDefiningOp();
      if (!producer || (!isa<tensor::EmptyOp>(producer) &&
                        !producer->hasTrait<OpTrait::ConstantLike>()))
        read.insert(source);
    }
  double total = 0;
  auto add = [&](Value value) {
    std::optional<double> bytes = bytesOfTensor(value);
    total += bytes.value_or(0);
    return bytes.has_value();
  };
  for (Value value : read)
    if (!add(value))
      return std::nullopt;
  for (Value value : op->getResults())
    if (isa<RankedTensorType>(value.getType()) && !add(value))
      return std::nullopt;
  return total;
}

std::optional<bool> LoopTraffic::runs(Operation *op) {
  Operation *inside = op;
  while (auto choice = inside->getParentOfType<scf::IfOp>()) {
    std::optional<int64_t> holds = evaluate(choice.getCondition());
    if (!holds)
      return std::nullopt;
    bool isThen = choice.getThenRegion().isAncestor(inside->getParentRegion());
    if (isThen != (*holds != 0))
      return false;
    inside = choice;
  }
  return true;
}
