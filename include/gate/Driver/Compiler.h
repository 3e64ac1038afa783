//===- Compiler.h - From source text to a shared library -------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_COMPILER_H
#define GATE_DRIVER_COMPILER_H

#include "gate/Support/Signature.h"
#include "gate/Target/CPU/Machine.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <memory>

namespace llvm {
class Module;
} // namespace llvm

namespace gate {

/// Which of the two ways through the compiler.
enum class Path {
  /// Tile programs and vector code.
  Fast,
  /// The meaning of every op as plain loops, in the user's types.
  Plain,
  /// The same in f64: the oracle.
  Oracle
};

struct CompileOptions {
  std::string input;
  /// Prefix of exported names.
  std::string prefix = "gate";
  /// See CPUMachine::parse.
  std::string target = "cpu";
  Path path = Path::Fast;
  /// Safetensors file with the parameters to embed; empty for none.
  std::string embed;
  /// Keep line tables that point to the user's file.
  bool debug = false;
  /// Program to link with; empty for LLD in this process.
  std::string linker;
  /// Where every intermediate form is written; empty for nowhere.
  std::string saveTemps;
  /// Stages whose IR is printed to standard error.
  std::vector<std::string> printAfter;
  /// File for a reproducer when a pass crashes; empty for none.
  std::string reproducer;
  /// Told the name of each stage before it runs.
  std::function<void(llvm::StringRef)> progress;
};

/// Stages in order, as named by --emit=mlir:<stage>.
llvm::ArrayRef<llvm::StringRef> stageNames();

/// One program on its way to a library. Diagnostics go to the context's
/// handlers; a failed step has emitted an error.
class Compiler {
public:
  Compiler(mlir::MLIRContext &context, CompileOptions options);

  /// Reads and verifies the input.
  mlir::LogicalResult parse();
  /// Runs stages until `stage` is done ("" for all).
  mlir::LogicalResult runThrough(llvm::StringRef stage);
  /// Writes an object file or LLVM IR. All stages must have run.
  mlir::LogicalResult writeObject(const std::string &path);
  mlir::LogicalResult writeLLVM(const std::string &path);
  /// Writes the shared library. All stages must have run.
  mlir::LogicalResult writeLibrary(const std::string &path);

  mlir::ModuleOp module() { return program.get(); }
  /// Known once stage "model" is done.
  const LibrarySignature &signature() const { return library; }
  const CPUMachine &machine() const { return cpu; }

  /// Dialects, extensions and translations that programs may need.
  static void registerDialects(mlir::DialectRegistry &registry);

private:
  mlir::LogicalResult error(const llvm::Twine &message);
  mlir::LogicalResult runStage(llvm::StringRef stage);
  mlir::LogicalResult describeLibrary();
  mlir::LogicalResult embedParameters();
  mlir::LogicalResult
  emit(llvm::function_ref<mlir::LogicalResult(std::unique_ptr<llvm::Module>)>
           consume);

  mlir::MLIRContext &context;
  CompileOptions options;
  mlir::OwningOpRef<mlir::ModuleOp> program;
  LibrarySignature library;
  CPUMachine cpu;
  size_t done = 0;
};

/// "gate 0.1.0 (LLVM 22.1.8, ABI 1)".
std::string versionText();

} // namespace gate

#endif // GATE_DRIVER_COMPILER_H
