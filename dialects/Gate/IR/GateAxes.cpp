//===- GateAxes.cpp - Axes of the ops -------------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

using namespace mlir;
using namespace gate;

using DimAxes = SmallVector<int64_t>;

static int64_t rankOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

/// All dims parallel, every operand along them; dims of size 1 that are
/// repeated belong to no axis.
static Axes elementwiseAxes(Operation *op, Value like) {
  Axes axes;
  DimAxes all;
  for (int64_t dim = 0; dim < rankOf(like); ++dim)
    all.push_back(axes.add(true));
  auto type = cast<RankedTensorType>(like.getType());
  for (Value operand : op->getOperands()) {
    DimAxes own = all;
    auto operandType = cast<RankedTensorType>(operand.getType());
    for (auto [dim, size] : llvm::enumerate(operandType.getShape()))
      if (size == 1 && type.getDimSize(dim) != 1)
        own[dim] = -1;
    axes.operands.push_back(own);
  }
  axes.results.push_back(all);
  return axes;
}

Axes GluOp::getIndexAxes() { return elementwiseAxes(*this, getValue()); }
Axes ApplyOp::getIndexAxes() { return elementwiseAxes(*this, getValue()); }
Axes BlendOp::getIndexAxes() { return elementwiseAxes(*this, getOn()); }

Axes NormOp::getIndexAxes() {
  Axes axes;
  DimAxes all, reduced;
  for (int64_t dim = 0; dim < rankOf(getValue()); ++dim) {
    bool isReduced = llvm::is_contained(getAxes(), dim);
    all.push_back(axes.add(!isReduced));
    if (isReduced)
      reduced.push_back(all.back());
  }
  axes.operands.push_back(all);
  axes.operands.append((getWeight() ? 1 : 0) + (getBias() ? 1 : 0), reduced);
  axes.results.push_back(all);
  return axes;
}

Axes ShortConvOp::getIndexAxes() {
  Axes axes;
  int64_t batch = axes.add(true), time = axes.add(false),
          channel = axes.add(true);
  axes.operands = {{batch, time, channel}, {channel, -1}};
  if (getBias())
    axes.operands.push_back({channel});
  if (getInitial())
    axes.operands.push_back({batch, -1, channel});
  axes.results = {{batch, time, channel}, {batch, -1, channel}};
  return axes;
}

Axes GatherOp::getIndexAxes() {
  Axes axes;
  DimAxes indices;
  for (int64_t dim = 0; dim < rankOf(getIndices()); ++dim)
    indices.push_back(axes.add(true));
  int64_t width = axes.add(true);
  axes.operands = {{-1, width}, indices};
  DimAxes result = indices;
  result.push_back(width);
  axes.results.push_back(result);
  return axes;
}

Axes ScanOp::getIndexAxes() {
  // The region sees whole tokens, so only the batch can be cut.
  Axes axes;
  int64_t batch = axes.add(true), time = axes.add(false);
  auto leading = [&](Value value, std::initializer_list<int64_t> first) {
    DimAxes own(first);
    own.resize(rankOf(value), -1);
    return own;
  };
  for (Value input : getInputs())
    axes.operands.push_back(leading(input, {batch, time}));
  for (Value invariant : getInvariants())
    axes.operands.push_back(leading(invariant, {}));
  for (Value state : getInitial())
    axes.operands.push_back(leading(state, {batch}));
  for (auto [index, result] : llvm::enumerate(getResults()))
    axes.results.push_back(index < getNumOutputs()
                               ? leading(result, {batch, time})
                               : leading(result, {batch}));
  return axes;
}

Axes LinearScanOp::getIndexAxes() {
  // Batch, heads and columns of the state are independent. Heads stay whole
  // where operands share them or an attribute lists them.
  Axes axes;
  int64_t heads = getNumHeads();
  bool sharesHeads = getDecayConstants().has_value();
  auto headsOf = [&](Value operand) {
    auto type = cast<RankedTensorType>(operand.getType());
    return type.getDimSize(operand == getBonus() ? 0 : 2);
  };
  for (Value operand : getOperands())
    if (operand != getInitial())
      sharesHeads |= headsOf(operand) != heads;
  int64_t batch = axes.add(true), time = axes.add(false),
          head = axes.add(!sharesHeads), key = axes.add(false),
          value = axes.add(true);
  auto headOf = [&](Value operand) {
    return headsOf(operand) == heads ? head : -1;
  };
  axes.operands = {{batch, time, headOf(getQuery()), key},
                   {batch, time, headOf(getKey()), key},
                   {batch, time, headOf(getValue()), value}};
  if (getDecay()) {
    DimAxes own{batch, time, headOf(getDecay())};
    if (hasVectorDecay())
      own.push_back(decaysValues() ? value : key);
    axes.operands.push_back(own);
  }
  if (getInitial())
    axes.operands.push_back({batch, head, key, value});
  if (getBeta())
    axes.operands.push_back({batch, time, headOf(getBeta())});
  for (Value transition : getTransition())
    axes.operands.push_back({batch, time, headOf(transition), key});
  if (getBonus())
    axes.operands.push_back({headOf(getBonus()), key});
  axes.results = {{batch, time, head, value}, {batch, head, key, value}};
  return axes;
}
