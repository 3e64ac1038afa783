//===- Emit.h - From kernels in the LLVM dialect to PTX --------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_NVIDIA_EMIT_H
#define GATE_TARGET_NVIDIA_EMIT_H

#include "gate/Support/Signature.h"
#include "gate/Target/NVIDIA/Machine.h"

#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace gate {

/// What a library's table says of the kernels of a module, in its order.
std::vector<CudaKernel> describeKernels(mlir::ModuleOp kernels);

/// The kernels of a module in the LLVM dialect as PTX for `machine`. The module
/// itself is unchanged.
llvm::Expected<std::string> emitPTX(mlir::ModuleOp kernels,
                                    const CudaMachine &machine);

/// What the assembler says of one kernel.
struct KernelResources {
  std::string name;
  int64_t registers = 0;
  /// Bytes that do not fit in registers, stored and loaded.
  int64_t spillStores = 0, spillLoads = 0;
  /// Bytes of static shared memory.
  int64_t sharedBytes = 0;
};

/// Machine code with what the assembler had to say about it.
struct AssembledKernels {
  std::string cubin;
  std::vector<KernelResources> resources;
  /// Everything that ptxas printed, for its warnings.
  std::string log;
  /// ptxas was stopped and run again without optimization.
  bool isUnoptimized = false;
};

/// Whether `ptxas` is on the search path.
bool hasAssembler();
/// Assembles PTX with `ptxas`; without optimization where that takes more than
/// `seconds`, as it does for ever on some kernels.
llvm::Expected<AssembledKernels> assemble(llvm::StringRef ptx,
                                          const CudaMachine &machine,
                                          unsigned seconds = 60);

} // namespace gate

#endif // GATE_TARGET_NVIDIA_EMIT_H
