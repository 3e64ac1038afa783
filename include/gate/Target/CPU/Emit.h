//===- Emit.h - From the LLVM dialect to a shared library ------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_CPU_EMIT_H
#define GATE_TARGET_CPU_EMIT_H

#include "gate/Support/Signature.h"
#include "gate/Target/CPU/Machine.h"

#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <string>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm
namespace mlir {
class ModuleOp;
} // namespace mlir

namespace gate {

struct EmitOptions {
  /// Whether a multiplication and an addition may become one operation. Off on
  /// the reference path, which rounds as it is written.
  bool fuseMultiplyAdd = true;
  /// 0 to 3.
  unsigned optimization = 2;
};

/// Translates modules in the LLVM dialect, adds the entry points and tables of
/// `signature` and optimizes the whole for `machine`. The modules may use the
/// same names for what the tables do not refer to.
llvm::Expected<std::unique_ptr<llvm::Module>>
emitLLVM(llvm::ArrayRef<mlir::ModuleOp> modules,
         const LibrarySignature &signature, const CPUMachine &machine,
         const EmitOptions &options, llvm::LLVMContext &context);

/// The bytes of an object file.
llvm::Expected<llvm::SmallVector<char, 0>>
emitObject(llvm::Module &module, const CPUMachine &machine,
           const EmitOptions &options);

/// Links object files into a shared library that exports what the objects
/// export by default visibility. `linker` empty: LLD in this process;
/// otherwise a program that takes ld's arguments.
llvm::Error linkLibrary(llvm::ArrayRef<std::string> objects,
                        const std::string &output, const std::string &linker,
                        bool keepDebugInfo);

/// Writes the runtime's object to `path`.
llvm::Error writeRuntimeObject(const std::string &path);

} // namespace gate

#endif // GATE_TARGET_CPU_EMIT_H
