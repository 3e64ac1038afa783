//===- Passes.h - Passes towards machine code ------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_CONVERSION_PASSES_H
#define GATE_CONVERSION_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace gate {

#define GEN_PASS_DECL
#include "gate/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "gate/Conversion/Passes.h.inc"

} // namespace gate

#endif // GATE_CONVERSION_PASSES_H
