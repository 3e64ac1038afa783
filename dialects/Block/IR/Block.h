//===- Block.h - The block dialect -----------------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DIALECT_BLOCK_H
#define GATE_DIALECT_BLOCK_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "Block/IR/BlockDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "Block/IR/BlockTypes.h.inc"

#define GET_OP_CLASSES
#include "Block/IR/BlockOps.h.inc"

#endif // GATE_DIALECT_BLOCK_H
