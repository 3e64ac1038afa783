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
#include "gate/Target/NVIDIA/Emit.h"

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
  /// Machines separated by commas: see CPUMachine::parse, CudaMachine::parse.
  std::string target = "cpu";
  Path path = Path::Fast;
  /// Safetensors file with the parameters to embed; empty for none.
  std::string embed;
  /// File of schedules that take the place of the table's; empty for none.
  std::string schedule;
  /// Let GPUs round operands of f32 products to tf32.
  bool allowTf32 = false;
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
  /// Shown the program after each stage; whether the stage is of the GPUs' way.
  std::function<void(llvm::StringRef, mlir::ModuleOp, bool)> observe;
};

/// All stages, as named by --emit=mlir:<stage>.
llvm::ArrayRef<llvm::StringRef> stageNames();

/// The machines that a library is compiled for.
struct Targets {
  /// Runs the program, or only what launches kernels when `hasCpu` is false.
  CPUMachine cpu;
  bool hasCpu = true;
  std::vector<CudaMachine> gpus;

  /// From `--target`: "cpu", "cpu:NAME,+x", "cuda:sm_90a", "cpu,cuda:sm_80".
  static llvm::Expected<Targets> parse(llvm::StringRef text);
};

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

  /// The program after the stage that ran last.
  mlir::ModuleOp module() { return latest; }
  /// Known once stage "model" is done; what can be prepared, after "tile".
  const LibrarySignature &signature() const { return library; }
  /// Whether kernels are compiled. Known once parsed.
  bool hasGpus() const { return !targets.gpus.empty(); }
  /// The code of the kernels for each GPU; none without one. All stages must
  /// have run.
  llvm::ArrayRef<CudaImage> images() const { return library.images; }
  /// What the assembler said of the kernels, for each image of the signature;
  /// nothing where there is no assembler. All stages must have run.
  llvm::ArrayRef<std::vector<KernelResources>> resources() const {
    return assembled;
  }

  /// Dialects, extensions and translations that programs may need.
  static void registerDialects(mlir::DialectRegistry &registry);

private:
  mlir::LogicalResult error(const llvm::Twine &message);
  /// Runs stages on `module`, starting with number `next`, until `last` is
  /// done.
  mlir::LogicalResult runStages(mlir::ModuleOp module,
                                llvm::ArrayRef<llvm::StringRef> stages,
                                size_t &next, llvm::StringRef last,
                                bool onDevice);
  /// `gpu`: the one whose kernels the module holds; null on the CPU's way.
  mlir::LogicalResult runStage(mlir::ModuleOp module, llvm::StringRef stage,
                               const CudaMachine *gpu);
  mlir::LogicalResult emitKernels();
  mlir::LogicalResult describeLibrary();
  mlir::LogicalResult embedParameters();
  mlir::LogicalResult describePreparations();
  mlir::LogicalResult
  emit(llvm::function_ref<mlir::LogicalResult(std::unique_ptr<llvm::Module>)>
           consume);

  mlir::MLIRContext &context;
  CompileOptions options;
  mlir::OwningOpRef<mlir::ModuleOp> program;
  LibrarySignature library;
  Targets targets;
  /// The program for GPUs, from stage "tile" on: kernels and their launches.
  mlir::OwningOpRef<mlir::ModuleOp> deviceProgram;
  /// The same for all GPUs but the first, while kernels are made.
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> otherKernels;
  std::vector<std::vector<KernelResources>> assembled;
  mlir::ModuleOp latest;
  size_t modelDone = 0, cpuDone = 0, deviceDone = 0;
};

/// "gate 0.1.0 (LLVM 22.1.8, ABI 3)".
std::string versionText();

} // namespace gate

#endif // GATE_DRIVER_COMPILER_H
