//===- GenerateCode.cpp - LLVM's passes and code generators ---------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/LLVM/GenerateCode.h"

#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"

using namespace gate;

/// Builds passes with everything registered, and runs them.
static llvm::Error
run(llvm::Module &module, llvm::TargetMachine &machine,
    llvm::function_ref<llvm::Error(llvm::PassBuilder &,
                                   llvm::ModulePassManager &)>
        build) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  llvm::ModulePassManager passes;
  if (llvm::Error error = build(builder, passes))
    return error;
  passes.run(module, modules);
  return llvm::Error::success();
}

void gate::optimize(llvm::Module &module, llvm::TargetMachine &machine,
                    unsigned level) {
  llvm::OptimizationLevel levels[] = {
      llvm::OptimizationLevel::O0, llvm::OptimizationLevel::O1,
      llvm::OptimizationLevel::O2, llvm::OptimizationLevel::O3};
  llvm::cantFail(
      run(module, machine,
          [&](llvm::PassBuilder &builder, llvm::ModulePassManager &passes) {
            passes = level == 0
                         ? builder.buildO0DefaultPipeline(levels[0])
                         : builder.buildPerModuleDefaultPipeline(levels[level]);
            return llvm::Error::success();
          }));
}

void gate::optimize(llvm::Module &module, llvm::TargetMachine &machine,
                    llvm::StringRef pipeline) {
  llvm::cantFail(
      run(module, machine,
          [&](llvm::PassBuilder &builder, llvm::ModulePassManager &passes) {
            return builder.parsePassPipeline(passes, pipeline);
          }));
}

llvm::Expected<llvm::SmallVector<char, 0>>
gate::generateCode(llvm::Module &module, llvm::TargetMachine &machine,
                   llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type))
    return llvm::createStringError(
        "the code generator for " + machine.getTargetTriple().str() +
        " cannot write " +
        (type == llvm::CodeGenFileType::ObjectFile ? "objects" : "assembly"));
  passes.run(module);
  return bytes;
}
