//===- Machine.cpp - Description of an NVIDIA GPU -------------------------===//
//
// Figures from NVIDIA's CUDA C++ Programming Guide, tables of compute
// capabilities, and PTX ISA, section 11.1.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/NVIDIA/Machine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace gate;

static const CudaMachine machines[] = {
    {"sm_80", 8, 0, false, "+ptx70", 108, 163 * 1024, false, false},
    {"sm_86", 8, 6, false, "+ptx71", 84, 99 * 1024, false, false},
    {"sm_89", 8, 9, false, "+ptx78", 142, 99 * 1024, false, false},
    {"sm_90", 9, 0, false, "+ptx78", 132, 227 * 1024, false, false},
    {"sm_90a", 9, 0, true, "+ptx80", 132, 227 * 1024, true, true},
};

llvm::ArrayRef<CudaMachine> CudaMachine::all() { return machines; }

llvm::Expected<CudaMachine> CudaMachine::parse(llvm::StringRef target) {
  llvm::StringRef name = target;
  if (!name.consume_front("cuda") ||
      (!name.empty() && !name.consume_front(":")))
    return llvm::createStringError("unknown target '" + target +
                                   "'; expects cuda or cuda:NAME");
  if (name.empty())
    name = target.ends_with(":") ? "" : "sm_90a";
  for (const CudaMachine &machine : machines)
    if (machine.name == name)
      return machine;
  llvm::SmallVector<std::string> known;
  for (const CudaMachine &machine : machines)
    known.push_back(machine.name.str());
  return llvm::createStringError("unknown GPU '" + name +
                                 "' in --target=" + target +
                                 "; expects one of " + llvm::join(known, ", "));
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
CudaMachine::createTargetMachine() const {
  // Cheap and idempotent.
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return llvm::createStringError("no code generator for NVIDIA GPUs: " +
                                   error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Fast;
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, name, ptxFeature, options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("no code generator for " + name);
  return machine;
}
