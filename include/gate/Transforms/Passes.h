//===- Passes.h - Passes on gate and linalg --------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TRANSFORMS_PASSES_H
#define GATE_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace gate {

#define GEN_PASS_DECL
#include "gate/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "gate/Transforms/Passes.h.inc"

} // namespace gate

#endif // GATE_TRANSFORMS_PASSES_H
