//===- EmptyLoops.h - Linalg ops without iterations ------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TRANSFORMS_EMPTYLOOPS_H
#define GATE_TRANSFORMS_EMPTYLOOPS_H

#include "mlir/IR/Operation.h"

namespace gate {

/// Replaces each linalg op on tensors that has a loop of zero iterations by its
/// destinations, which it leaves as they are. Upstream's tiling takes no such
/// op, and there is nothing to tile.
void eraseEmptyLoops(mlir::Operation *within);

} // namespace gate

#endif // GATE_TRANSFORMS_EMPTYLOOPS_H
