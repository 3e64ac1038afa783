//===- Emit.cpp - From kernels in the LLVM dialect to PTX -----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/NVIDIA/Emit.h"

#include "gate/Target/LLVM/GenerateCode.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace gate;

static int64_t threadsOf(LLVM::LLVMFuncOp kernel) {
  auto threads = kernel->getAttrOfType<IntegerAttr>("gate.threads");
  return threads ? threads.getInt() : 0;
}

static bool isKernel(LLVM::LLVMFuncOp function) {
  return function->hasAttr("gate.kernel");
}

std::vector<CudaKernel> gate::describeKernels(ModuleOp kernels) {
  std::vector<CudaKernel> result;
  for (auto kernel : kernels.getOps<LLVM::LLVMFuncOp>())
    if (isKernel(kernel)) {
      auto shared = kernel->getAttrOfType<IntegerAttr>("gate.shared_bytes");
      result.push_back({kernel.getName().str(),
                        static_cast<int32_t>(threadsOf(kernel)),
                        shared ? static_cast<int32_t>(shared.getInt()) : 0});
    }
  return result;
}

/// Marks kernels the way that NVPTX wants it.
static void markKernels(ModuleOp module) {
  OpBuilder b(module.getContext());
  for (auto kernel : module.getOps<LLVM::LLVMFuncOp>()) {
    if (!isKernel(kernel))
      continue;
    kernel->setAttr("nvvm.kernel", b.getUnitAttr());
    kernel->setAttr("nvvm.reqntid",
                    b.getDenseI32ArrayAttr(
                        {static_cast<int32_t>(threadsOf(kernel)), 1, 1}));
    // All registers of a multiprocessor are there for one block.
    if (kernel->hasAttr("gate.one_block"))
      kernel->setAttr("nvvm.minctasm", b.getI32IntegerAttr(1));
    for (StringRef name :
         {"gate.one_block", "gate.kernel", "gate.threads", "gate.shared_bytes"})
      kernel->removeAttr(name);
  }
}

/// Inline assembly may wait for other threads: no pass may duplicate or sink
/// it into a branch.
static void markConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::BasicBlock &block : function)
      for (llvm::Instruction &instruction : block)
        if (auto *call = llvm::dyn_cast<llvm::CallBase>(&instruction))
          if (call->isInlineAsm())
            call->setConvergent();
}

llvm::Expected<std::string> gate::emitPTX(ModuleOp kernels,
                                          const CudaMachine &machine) {
  OwningOpRef<ModuleOp> own(cast<ModuleOp>(kernels->clone()));
  markKernels(*own);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code =
      translateModuleToLLVMIR(*own, context, "gate_kernels");
  if (!code)
    return llvm::createStringError("translation of kernels to LLVM IR failed");
  auto target = machine.createTargetMachine();
  if (!target)
    return target.takeError();
  code->setTargetTriple((*target)->getTargetTriple());
  code->setDataLayout((*target)->createDataLayout());
  for (llvm::Function &function : *code)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.name);
      function.addFnAttr("target-features", machine.ptxFeature);
      function.addFnAttr(llvm::Attribute::NoUnwind);
    }
  markConvergent(*code);
  optimize(*code, **target, /*level=*/2);
  auto text =
      generateCode(*code, **target, llvm::CodeGenFileType::AssemblyFile);
  if (!text)
    return text.takeError();
  return std::string(text->data(), text->size());
}
