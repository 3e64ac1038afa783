//===- Register.h - Dialects and passes for tools --------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_PIPELINES_REGISTER_H
#define GATE_PIPELINES_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace gate {

/// The project's own dialects, and no others.
void registerDialects(mlir::DialectRegistry &registry);

/// The project's own passes and pipelines, by name, once per process.
void registerPasses();

/// The same with all that MLIR has: what a tool of its own starts with.
void registerEverything(mlir::DialectRegistry &registry);

} // namespace gate

#endif // GATE_PIPELINES_REGISTER_H
