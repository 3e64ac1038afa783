//===- GenerateCode.h - LLVM's passes and code generators ------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_LLVM_GENERATECODE_H
#define GATE_TARGET_LLVM_GENERATECODE_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace gate {

/// Runs LLVM's default pipeline of a level, 0 to 3, for the machine.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              unsigned level);

/// The code of a module as assembly or an object file. Changes the module.
llvm::Expected<llvm::SmallVector<char, 0>>
generateCode(llvm::Module &module, llvm::TargetMachine &machine,
             llvm::CodeGenFileType type);

} // namespace gate

#endif // GATE_TARGET_LLVM_GENERATECODE_H
