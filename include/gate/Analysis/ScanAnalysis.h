//===- ScanAnalysis.h - Scans linear in a matrix state ---------*- C++ -*-===//
//
// Proves that the step of a gate.scan is that of gate.linear_scan:
// S = D S + b (a^T S) + k v^T, read as scale * S^T q before or after, where D
// is the exponential of a state-free value that varies along heads and one axis
// of the state. A middle term of the form of a delta update is recognised.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ANALYSIS_SCANANALYSIS_H
#define GATE_ANALYSIS_SCANANALYSIS_H

#include "gate/Analysis/StepAlgebra.h"

namespace gate {

/// One operand of the linear scan, per token: `expr` as a tensor of dims
/// `axes` (some may be `unitAxis`).
struct TokenOperand {
  const StepExpr *expr = nullptr;
  llvm::SmallVector<StepAxis> axes;
};

/// The parts of a scan that is linear in a matrix state.
struct LinearScanForm {
  /// Dims of the state in the order heads, key, value; without heads when the
  /// state is a matrix.
  llvm::SmallVector<int64_t> stateDims;
  int64_t heads = 1, keyWidth = 1, valueWidth = 1;
  /// The output of a step is [value, heads] rather than [heads, value].
  bool headsLast = false;
  /// [heads, width] each.
  TokenOperand query, key, value;
  double scale = 1;
  /// Absent, or [heads] or [heads, width] of log-decays; not both it and
  /// `decayConstants`.
  std::optional<TokenOperand> decay;
  std::optional<llvm::SmallVector<double>> decayConstants;
  /// The decay varies along values.
  bool decaysValues = false;
  /// update delta has `beta`, [heads]; diagonal_rank_one `transition`, what
  /// reads the state and what is added of it, [heads, width] each.
  Update update = Update::add;
  Prediction prediction = Prediction::decayed;
  std::optional<TokenOperand> beta;
  llvm::SmallVector<TokenOperand, 2> transition;
  /// The output reads the state before the step, and adds its token times the
  /// leaf `bonus`, whose dims are `bonusAxes`; null for no such term.
  bool readsBefore = false;
  const StepExpr *bonus = nullptr;
  /// Of the bonus, in the order [heads, key].
  llvm::SmallVector<StepAxis> bonusAxes;
  /// A log-decay that is not visibly at most 0, which gate.linear_scan
  /// requires; null when all of it is.
  const StepExpr *assumedDecay = nullptr;
  /// The step rounds the output with this op; null when it does not.
  mlir::Operation *rounding = nullptr;
};

/// The form of `scan` over the nodes of `algebra`, or failure, where
/// algebra.getRefusal() says why not.
mlir::FailureOr<LinearScanForm> matchLinearScan(ScanOp scan,
                                                StepAlgebra &algebra);

} // namespace gate

#endif // GATE_ANALYSIS_SCANANALYSIS_H
