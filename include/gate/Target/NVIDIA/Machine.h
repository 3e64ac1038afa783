//===- Machine.h - Description of an NVIDIA GPU ----------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_NVIDIA_MACHINE_H
#define GATE_TARGET_NVIDIA_MACHINE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <memory>
#include <string>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace gate {

/// A kind of GPU that kernels are compiled for.
struct CudaMachine {
  /// As LLVM and ptxas spell it: "sm_90a".
  llvm::StringRef name;
  /// Compute capability.
  int32_t major, minor;
  /// Code for it runs on this capability only, not on later ones.
  bool isExact;
  /// Oldest PTX version that knows it, as LLVM's feature: the older, the more
  /// drivers load it.
  llvm::StringRef ptxFeature;
  /// Multiprocessors of the largest chip of the kind.
  int64_t multiprocessors;
  /// Shared memory that one block can have, in bytes.
  int64_t sharedBytes;
  /// Multiplies in groups of four warps (wgmma).
  bool hasWarpgroups;
  /// Copies boxes of tensors on its own (tensor maps, bulk copies).
  bool hasTensorMaps;

  /// All that are known, oldest first.
  static llvm::ArrayRef<CudaMachine> all();
  /// From `--target`: "cuda" is sm_90a; "cuda:NAME" any other.
  static llvm::Expected<CudaMachine> parse(llvm::StringRef target);

  /// A code generator for it.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
  createTargetMachine() const;
};

} // namespace gate

#endif // GATE_TARGET_NVIDIA_MACHINE_H
