//===- MatrixProduct.h - Contractions that are matrix products -*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ANALYSIS_MATRIXPRODUCT_H
#define GATE_ANALYSIS_MATRIXPRODUCT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace gate {

/// A contraction as a product of two matrices: its first `rowDims` dims on the
/// left side and in the result are rows.
struct MatrixForm {
  unsigned rowDims;
  bool rhsIsTransposed;
};

/// The form of `op`, if its body is acc + lhs * rhs on floats, with leading row
/// dims in equal order on the left and in the result, one reduction and one
/// column dim.
mlir::FailureOr<MatrixForm> matchMatrixForm(mlir::linalg::LinalgOp op);

} // namespace gate

#endif // GATE_ANALYSIS_MATRIXPRODUCT_H
