//===- Machine.h - Description of a CPU ------------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_CPU_MACHINE_H
#define GATE_TARGET_CPU_MACHINE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace gate {

/// A CPU that code is compiled for.
struct CPUMachine {
  std::string triple;
  /// LLVM's name: "znver4", "x86-64-v3".
  std::string name;
  /// LLVM's feature string: "+avx512f,-sse4a".
  std::string features;
  /// Width of a vector register in bits and how many there are.
  int64_t vectorBits = 128;
  int64_t registers = 16;
  /// Whether it multiplies and adds pairs of bf16 into f32 in one instruction.
  bool multipliesPairs = false;
  /// Instruction sets that code for it may use, which a library checks on its
  /// first call.
  std::vector<std::string> required;

  /// From `--target`: "cpu" is this machine; "cpu:NAME", "cpu:NAME,+x,-y" or
  /// "cpu:+x,-y" (on the baseline of the architecture) any other.
  static llvm::Expected<CPUMachine> parse(llvm::StringRef target);

  /// A code generator for it.
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
  createTargetMachine(bool fuseMultiplyAdd) const;
};

} // namespace gate

#endif // GATE_TARGET_CPU_MACHINE_H
