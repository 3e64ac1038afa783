//===- DataKind.h - What seeded data must look like -------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_SUPPORT_DATAKIND_H
#define GATE_SUPPORT_DATAKIND_H

namespace gate {

/// What an op expects of the numbers in an operand, so that a recurrence on
/// seeded data neither grows without end nor forgets everything at once.
enum class DataKind {
  /// Any numbers: normal ones.
  Any,
  /// Logarithms of factors of at most 1.
  LogGate,
  /// From 0 to 1.
  Share,
  /// Rows along the last dim of length about 1.
  UnitRows,
};

} // namespace gate

#endif // GATE_SUPPORT_DATAKIND_H
