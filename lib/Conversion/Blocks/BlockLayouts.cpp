//===- BlockLayouts.cpp - Layouts of the vectors of a kernel --------------===//
//
// Loads ask what is done with them: the largest vector that they end in
// decides, so that what is broadcast to it or reduced from it needs no
// exchange. All other values follow what they are computed from.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockLayouts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace gate;

LinearLayout gate::sourceLayout(vector::BroadcastOp op,
                                const LinearLayout &layout) {
  auto source = dyn_cast<VectorType>(op.getSourceType());
  if (!source)
    return LinearLayout();
  int64_t extra = op.getResultVectorType().getRank() - source.getRank();
  LinearLayout result = layout;
  for (int64_t i = 0; i < extra; ++i)
    result = result.dropDim(0);
  for (int64_t dim = 0; dim < source.getRank(); ++dim)
    if (source.getDimSize(dim) == 1 && result.getShape()[dim] != 1)
      result = result.dropDim(dim).insertDim(dim, 1);
  return result;
}

LinearLayout gate::sourceLayout(vector::TransposeOp op,
                                const LinearLayout &layout) {
  // Dim i of the result is dim permutation[i] of the source.
  SmallVector<unsigned> inverse(layout.getRank());
  for (auto [to, from] : llvm::enumerate(op.getPermutation()))
    inverse[from] = to;
  return layout.transpose(inverse);
}

LinearLayout gate::sourceLayout(vector::ShapeCastOp op,
                                const LinearLayout &layout) {
  return layout.reshape(op.getSourceVectorType().getShape());
}

LinearLayout gate::resultLayout(vector::MultiDimReductionOp op,
                                const LinearLayout &layout) {
  LinearLayout result = layout;
  for (int64_t dim = layout.getRank() - 1; dim >= 0; --dim)
    if (op.isReducedDim(dim))
      result = result.dropDim(dim);
  return result;
}

bool BlockLayouts::isFlexible(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<vector::BroadcastOp, vector::CreateMaskOp, vector::StepOp>(op) ||
      matchPattern(op, m_Constant()))
    return true;
  if (isa<vector::TransposeOp, vector::ShapeCastOp>(op))
    return isFlexible(op->getOperand(0));
  return false;
}

BlockLayouts::Demand BlockLayouts::demandOf(OpOperand &use) {
  Operation *user = use.getOwner();
  auto shape = cast<VectorType>(use.get().getType()).getShape();
  auto volume = [](Value value) {
    return cast<VectorType>(value.getType()).getNumElements();
  };
  if (auto reduction = dyn_cast<vector::MultiDimReductionOp>(user)) {
    if (&use == &reduction.getSourceMutable())
      return {ofMemory(shape), volume(use.get())};
    if (!isa<VectorType>(reduction.getType()))
      return {};
    return {resultLayout(reduction, of(reduction.getSource())),
            volume(reduction.getSource())};
  }
  if (auto cast = dyn_cast<vector::BroadcastOp>(user)) {
    Demand demand = demandFor(cast.getResult());
    return {sourceLayout(cast, demand.layout), demand.weight};
  }
  if (auto cast = dyn_cast<vector::TransposeOp>(user)) {
    Demand demand = demandFor(cast.getResult());
    return {sourceLayout(cast, demand.layout), demand.weight};
  }
  if (auto cast = dyn_cast<vector::ShapeCastOp>(user)) {
    Demand demand = demandFor(cast.getResult());
    return {sourceLayout(cast, demand.layout), demand.weight};
  }
  if (OpTrait::hasElementwiseMappableTraits(user) && user->getNumResults() == 1)
    return demandFor(user->getResult(0));
  return {ofMemory(shape), volume(use.get())};
}

BlockLayouts::Demand BlockLayouts::demandFor(Value value) {
  auto known = demands.find(value);
  if (known != demands.end())
    return known->second;
  auto type = cast<VectorType>(value.getType());
  Demand best{ofMemory(type.getShape()), 0};
  // Loops lead back here.
  demands[value] = best;
  for (OpOperand &use : value.getUses()) {
    Demand demand = demandOf(use);
    if (demand.weight > best.weight)
      best = demand;
  }
  demands[value] = best;
  return best;
}

LinearLayout BlockLayouts::of(Value value) {
  auto known = layouts.find(value);
  if (known != layouts.end())
    return known->second;
  Operation *op = value.getDefiningOp();
  LinearLayout layout;
  if (!op || isa<scf::ForOp, scf::IfOp>(op)) {
    layout = demandFor(value).layout;
  } else if (auto reduction = dyn_cast<vector::MultiDimReductionOp>(op)) {
    layout = resultLayout(reduction, of(reduction.getSource()));
  } else if (auto cast = dyn_cast<vector::TransposeOp>(op)) {
    SmallVector<unsigned> permutation(cast.getPermutation().begin(),
                                      cast.getPermutation().end());
    layout = of(cast.getVector()).transpose(permutation);
  } else if (auto cast = dyn_cast<vector::ShapeCastOp>(op)) {
    layout =
        of(cast.getSource()).reshape(cast.getResultVectorType().getShape());
  } else {
    auto computed = llvm::find_if(op->getOperands(), [](Value operand) {
      return isa<VectorType>(operand.getType()) && !isFlexible(operand);
    });
    bool isElementwise = OpTrait::hasElementwiseMappableTraits(op);
    Demand demand = demandFor(value);
    auto type = llvm::cast<VectorType>(value.getType());
    if (isElementwise && computed != op->operand_end())
      layout = of(*computed);
    else if (!isElementwise && demand.weight <= type.getNumElements())
      // A load of its own size goes along memory, whoever reads it.
      layout = ofMemory(type.getShape());
    else
      layout = demand.layout;
  }
  layouts[value] = layout;
  return layout;
}
