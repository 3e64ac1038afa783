//===- GateCost.cpp - What the ops cost -----------------------------------===//
//
// FLOPs, bytes and parallelism at given sizes. A fused multiply-add counts as
// two, a transcendental function as one.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

using namespace mlir;
using namespace gate;

/// Arithmetic of one activation, per element.
static double activationFlops(Activation kind) {
  switch (kind) {
  case Activation::identity:
    return 0;
  case Activation::relu:
  case Activation::tanh:
    return 1;
  case Activation::sigmoid:
  case Activation::silu:
    return 4;
  case Activation::gelu:
  case Activation::softplus:
  case Activation::log_sigmoid:
    return 5;
  }
  llvm_unreachable("unknown activation");
}

static Cost elementwiseCost(Operation *op, double flopsPerElement,
                            SizeFunction sizeOf) {
  Cost cost;
  Value result = op->getResult(0);
  double elements = elementsOf(result, sizeOf);
  cost.elementwiseFlops = flopsPerElement * elements;
  cost.bytes =
      bytesOf(op->getOperands(), sizeOf) + bytesOf(op->getResults(), sizeOf);
  cost.parallelism = elements;
  return cost;
}

Cost GluOp::getCost(SizeFunction sizeOf) {
  return elementwiseCost(*this, activationFlops(getActivation()) + 1, sizeOf);
}

Cost ApplyOp::getCost(SizeFunction sizeOf) {
  return elementwiseCost(*this, activationFlops(getActivation()) + 1, sizeOf);
}

Cost BlendOp::getCost(SizeFunction sizeOf) {
  return elementwiseCost(*this, activationFlops(getActivation()) + 4, sizeOf);
}

Cost NormOp::getCost(SizeFunction sizeOf) {
  bool centred = getKind() == NormKind::layer || getKind() == NormKind::group;
  double flops =
      3 + (centred ? 2 : 0) + (getWeight() ? 1 : 0) + (getBias() ? 1 : 0);
  return elementwiseCost(*this, flops, sizeOf);
}

Cost GatherOp::getCost(SizeFunction sizeOf) {
  Cost cost = elementwiseCost(*this, 0, sizeOf);
  // Only the rows that are named need to be read.
  cost.bytes = bytesOf(getIndices(), sizeOf) + 2 * bytesOf(getResult(), sizeOf);
  return cost;
}

Cost ShortConvOp::getCost(SizeFunction sizeOf) {
  double taps = static_cast<double>(getWeight().getType().getDimSize(1));
  return elementwiseCost(*this, 2 * taps + activationFlops(getActivation()),
                         sizeOf);
}

Cost LinearScanOp::getCost(SizeFunction sizeOf) {
  // 2 T (C (K + V) + 2 K V) per head with chunks of C = 64 and no saving from
  // causality; a single token is an update and a read, 4 K V. What predicts
  // reads the state once more and has scores and a system of its own; with a
  // transition it adds once more, too.
  double batch = sizeOf(getQuery(), 0), time = sizeOf(getQuery(), 1);
  double heads = getNumHeads(), key = getKeyWidth(), value = getValueWidth();
  double chunk = time > 1 ? 64 : 0;
  Cost cost;
  cost.contractionFlops =
      2 * batch * time * heads * (chunk * (key + value) + 2 * key * value);
  if (getPredictor()) {
    double more = chunk * (key + value) / 2 + key * value;
    if (!getTransition().empty())
      more += chunk * (key + value) + key * value;
    cost.contractionFlops += 2 * batch * time * heads * more;
  }
  if (getDecay())
    cost.elementwiseFlops = elementsOf(getDecay(), sizeOf) * 4;
  cost.bytes = bytesOf(getOperands(), sizeOf) + bytesOf(getResults(), sizeOf);
  cost.parallelism = batch * heads;
  return cost;
}

Cost ScanOp::getCost(SizeFunction sizeOf) {
  // The region's linalg ops at one token, times tokens and batch. Sizes inside
  // the region are static.
  double tokens = static_cast<double>(sizeOf(getInputs()[0], 0)) *
                  static_cast<double>(sizeOf(getInputs()[0], 1));
  Cost cost;
  getStep().walk([&](Operation *op) {
    if (auto nested = dyn_cast<CostOpInterface>(op)) {
      Cost inner = nested.getCost([](Value value, int64_t dim) {
        return cast<RankedTensorType>(value.getType()).getDimSize(dim);
      });
      cost.contractionFlops += tokens * inner.contractionFlops;
      cost.elementwiseFlops += tokens * inner.elementwiseFlops;
    } else if (op->getNumResults() == 1) {
      if (auto type = dyn_cast<RankedTensorType>(op->getResult(0).getType()))
        if (type.hasStaticShape() && isa<FloatType>(type.getElementType()))
          cost.elementwiseFlops += tokens * type.getNumElements();
    }
  });
  cost.bytes = bytesOf(getOperands(), sizeOf) + bytesOf(getResults(), sizeOf);
  cost.parallelism = sizeOf(getInputs()[0], 0);
  return cost;
}
