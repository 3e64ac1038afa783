//===- Machine.cpp - Description of a CPU ---------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/CPU/Machine.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/SubtargetFeature.h"
#include "llvm/TargetParser/Triple.h"

using namespace gate;

/// Instruction sets that generated code can come to use. All are known to the
/// runtime's check.
static constexpr const char *checkedFeatures[] = {
    "sse3",     "ssse3",    "sse4.1",     "sse4.2",     "popcnt",
    "avx",      "f16c",     "fma",        "avx2",       "bmi",
    "bmi2",     "lzcnt",    "avx512f",    "avx512cd",   "avx512bw",
    "avx512dq", "avx512vl", "avx512vnni", "avx512bf16", "avx512fp16"};

static void initializeTargets() {
  // Cheap and idempotent.
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::InitializeNativeTargetAsmParser();
}

static std::string hostFeatures() {
  std::vector<std::string> features;
  for (const auto &feature : llvm::sys::getHostCPUFeatures())
    features.push_back((feature.second ? "+" : "-") + feature.first().str());
  llvm::sort(features);
  return llvm::join(features, ",");
}

llvm::Expected<CPUMachine> CPUMachine::parse(llvm::StringRef target) {
  initializeTargets();
  CPUMachine machine;
  machine.triple = llvm::sys::getDefaultTargetTriple();
  if (!target.consume_front("cpu"))
    return llvm::createStringError(
        "unknown target '" + target +
        "'; expects cpu, cpu:NAME, cpu:NAME,+feature or cpu:+feature");
  if (target.empty()) {
    machine.name = llvm::sys::getHostCPUName().str();
    machine.features = hostFeatures();
  } else {
    if (!target.consume_front(":") || target.empty())
      return llvm::createStringError(
          "expects cpu:NAME or cpu:+feature after --target=cpu");
    machine.name = "x86-64";
    llvm::SmallVector<llvm::StringRef> parts;
    target.split(parts, ',');
    std::vector<std::string> features;
    for (auto [index, part] : llvm::enumerate(parts)) {
      if (part.starts_with("+") || part.starts_with("-"))
        features.push_back(part.str());
      else if (index == 0)
        machine.name = part.str();
      else
        return llvm::createStringError("expects a feature as +" + part +
                                       " or -" + part + ", got '" + part + "'");
    }
    machine.features = llvm::join(features, ",");
  }
  auto created = machine.createTargetMachine(/*fuseMultiplyAdd=*/true);
  if (!created)
    return created.takeError();
  const llvm::MCSubtargetInfo &subtarget = *(*created)->getMCSubtargetInfo();
  if (!subtarget.isCPUStringValid(machine.name))
    return llvm::createStringError("unknown CPU '" + machine.name +
                                   "' in --target; LLVM's names are expected, "
                                   "for example x86-64-v3 or znver4");
  for (const char *feature : checkedFeatures)
    if (subtarget.checkFeatures(std::string("+") + feature))
      machine.required.push_back(feature);
  bool hasAVX512 = subtarget.checkFeatures("+avx512f");
  machine.vectorBits = hasAVX512                         ? 512
                       : subtarget.checkFeatures("+avx") ? 256
                                                         : 128;
  machine.registers = hasAVX512 ? 32 : 16;
  machine.multipliesPairs = hasAVX512 && subtarget.checkFeatures("+avx512bf16");
  return machine;
}

llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
CPUMachine::createTargetMachine(bool fuseMultiplyAdd) const {
  initializeTargets();
  std::string error;
  llvm::Triple parsed(triple);
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(parsed, error);
  if (!found)
    return llvm::createStringError("no code generator for " + triple + ": " +
                                   error);
  llvm::TargetOptions options;
  options.AllowFPOpFusion =
      fuseMultiplyAdd ? llvm::FPOpFusion::Fast : llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(found->createTargetMachine(
      parsed, name, features, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
  if (!machine)
    return llvm::createStringError("no code generator for " + triple);
  return machine;
}
