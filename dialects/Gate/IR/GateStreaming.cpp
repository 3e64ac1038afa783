//===- GateStreaming.cpp - How time passes through the ops ----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

using namespace mlir;
using namespace gate;

/// The one time dim of operands that share the loops of the result.
static LogicalResult mergeTimes(ArrayRef<int64_t> operands, int64_t &time,
                                std::string &reason) {
  time = -1;
  for (int64_t own : operands) {
    if (own < 0)
      continue;
    if (time >= 0 && own != time) {
      reason = "has time in dim " + std::to_string(time) +
               " of one operand and in dim " + std::to_string(own) +
               " of another";
      return failure();
    }
    time = own;
  }
  return success();
}

static LogicalResult propagateElementwise(ArrayRef<int64_t> operands,
                                          SmallVectorImpl<int64_t> &results,
                                          std::string &reason) {
  int64_t time;
  if (failed(mergeTimes(operands, time, reason)))
    return failure();
  results.assign(1, time);
  return success();
}

LogicalResult GluOp::propagateTime(ArrayRef<int64_t> operands,
                                   SmallVectorImpl<int64_t> &results,
                                   std::string &reason) {
  return propagateElementwise(operands, results, reason);
}

LogicalResult ApplyOp::propagateTime(ArrayRef<int64_t> operands,
                                     SmallVectorImpl<int64_t> &results,
                                     std::string &reason) {
  return propagateElementwise(operands, results, reason);
}

LogicalResult BlendOp::propagateTime(ArrayRef<int64_t> operands,
                                     SmallVectorImpl<int64_t> &results,
                                     std::string &reason) {
  return propagateElementwise(operands, results, reason);
}

LogicalResult NormOp::propagateTime(ArrayRef<int64_t> operands,
                                    SmallVectorImpl<int64_t> &results,
                                    std::string &reason) {
  if (llvm::any_of(operands.drop_front(), [](int64_t t) { return t >= 0; })) {
    reason = "has a weight or bias that changes over time";
    return failure();
  }
  if (operands[0] >= 0 && llvm::is_contained(getAxes(), operands[0])) {
    reason = "normalises over time";
    return failure();
  }
  results.assign(1, operands[0]);
  return success();
}

LogicalResult GatherOp::propagateTime(ArrayRef<int64_t> operands,
                                      SmallVectorImpl<int64_t> &results,
                                      std::string &reason) {
  if (operands[0] >= 0) {
    reason = "gathers from a table that changes over time";
    return failure();
  }
  results.assign(1, operands[1]);
  return success();
}

/// Ops that carry a state from token to token: time is dim 1 of what is per
/// token, the state must come in from outside, and time must run forward.
static LogicalResult propagateCarried(Operation *op, ArrayRef<int64_t> operands,
                                      bool reverse, bool hasInitial,
                                      unsigned outputs,
                                      SmallVectorImpl<int64_t> &results,
                                      std::string &reason) {
  results.assign(op->getNumResults(), -1);
  bool hasTime = llvm::any_of(operands, [](int64_t t) { return t >= 0; });
  if (!hasTime)
    return success();
  if (llvm::any_of(operands, [](int64_t t) { return t >= 0 && t != 1; })) {
    reason = "expects time in dim 1 of its operands";
    return failure();
  }
  if (reverse) {
    reason = "runs from the last token to the first, so a step would need "
             "tokens that are not there yet";
    return failure();
  }
  if (!hasInitial) {
    reason = "has no initial state operand, so a step would forget the tokens "
             "before it; pass a function argument with gate.state";
    return failure();
  }
  for (unsigned i = 0; i < outputs; ++i)
    results[i] = 1;
  return success();
}

LogicalResult ShortConvOp::propagateTime(ArrayRef<int64_t> operands,
                                         SmallVectorImpl<int64_t> &results,
                                         std::string &reason) {
  return propagateCarried(*this, operands, false, getInitial() != nullptr, 1,
                          results, reason);
}

LogicalResult LinearScanOp::propagateTime(ArrayRef<int64_t> operands,
                                          SmallVectorImpl<int64_t> &results,
                                          std::string &reason) {
  return propagateCarried(*this, operands, getReverse(),
                          getInitial() != nullptr, 1, results, reason);
}

LogicalResult ScanOp::propagateTime(ArrayRef<int64_t> operands,
                                    SmallVectorImpl<int64_t> &results,
                                    std::string &reason) {
  return propagateCarried(*this, operands, getReverse(), true, getNumOutputs(),
                          results, reason);
}
