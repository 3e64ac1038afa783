//===- Emit.cpp - LLVM IR and object code for CPUs ------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/CPU/Emit.h"

#include "gate/Target/LLVM/GenerateCode.h"
#include "gate/Target/Library/EntryPoints.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace gate;

/// Attributes that let the code generator use the widest vectors, which some
/// CPUs' tuning avoids.
static void setFunctionAttributes(llvm::Module &module,
                                  const CPUMachine &machine) {
  std::string width = std::to_string(machine.vectorBits);
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.name);
    function.addFnAttr("target-features", machine.features);
    function.addFnAttr("prefer-vector-width", width);
    function.addFnAttr("min-legal-vector-width", width);
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

/// Makes everything local but what the tables refer to.
static void keepTableSymbols(llvm::Module &code,
                             const LibrarySignature &signature) {
  llvm::StringSet<> kept;
  for (const FunctionSignature &function : signature.functions)
    for (const std::string &symbol :
         {function.bodySymbol, function.workspaceSymbol, function.launchSymbol,
          function.launchWorkspaceSymbol})
      kept.insert(symbol);
  for (const PreparationSignature &preparation : signature.preparations)
    for (const std::string &symbol :
         {preparation.bodySymbol, preparation.workspaceSymbol})
      kept.insert(symbol);
  llvm::internalizeModule(code, [&](const llvm::GlobalValue &value) {
    return kept.contains(value.getName());
  });
}

llvm::Expected<std::unique_ptr<llvm::Module>>
gate::emitLLVM(llvm::ArrayRef<mlir::ModuleOp> modules,
               const LibrarySignature &signature, const CPUMachine &machine,
               const EmitOptions &options, llvm::LLVMContext &context) {
  auto target = machine.createTargetMachine(options.fuseMultiplyAdd);
  if (!target)
    return target.takeError();
  llvm::Triple triple(machine.triple);
  llvm::DataLayout layout = (*target)->createDataLayout();
  std::unique_ptr<llvm::Module> code =
      buildEntryPoints(context, signature, triple, layout);
  for (mlir::ModuleOp module : modules) {
    std::unique_ptr<llvm::Module> part =
        mlir::translateModuleToLLVMIR(module, context, "gate");
    if (!part)
      return llvm::createStringError("translation to LLVM IR failed");
    part->setTargetTriple(triple);
    part->setDataLayout(layout);
    keepTableSymbols(*part, signature);
    if (llvm::Linker::linkModules(*code, std::move(part)))
      return llvm::createStringError("the entry points do not link");
  }
  std::vector<std::string> exported = exportedSymbols(signature);
  llvm::internalizeModule(*code, [&](const llvm::GlobalValue &value) {
    return llvm::is_contained(exported, value.getName().str());
  });
  setFunctionAttributes(*code, machine);
  optimize(*code, **target, options.optimization);
  return code;
}

llvm::Expected<llvm::SmallVector<char, 0>>
gate::emitObject(llvm::Module &module, const CPUMachine &machine,
                 const EmitOptions &options) {
  auto target = machine.createTargetMachine(options.fuseMultiplyAdd);
  if (!target)
    return target.takeError();
  return generateCode(module, **target, llvm::CodeGenFileType::ObjectFile);
}
