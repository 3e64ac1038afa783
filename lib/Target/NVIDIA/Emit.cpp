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
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/LoopUtils.h"

using namespace mlir;
using namespace gate;

/// What is invariant moves out of small loops only: a large one computes
/// hundreds of addresses from the number of the thread, and registers are worth
/// more than the few instructions of each. ptxas moves what it has registers
/// for.
static constexpr llvm::StringLiteral firstPasses =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "simplifycfg)";
static constexpr llvm::StringLiteral lastPasses =
    "function(loop-mssa(loop-rotate,licm),gvn,instcombine<no-verify-fixpoint>,"
    "adce)";
static constexpr size_t mostInSmallLoop = 256;

/// Of a tensor map (PTX ISA, section 5.5).
static constexpr int64_t tensorMapBytes = 128, tensorMapAlignment = 64;

static int64_t threadsOf(LLVM::LLVMFuncOp kernel) {
  auto threads = kernel->getAttrOfType<IntegerAttr>("gate.threads");
  return threads ? threads.getInt() : 0;
}

static int64_t numberOf(Operation *op, StringRef name) {
  auto attribute = op->getAttrOfType<IntegerAttr>(name);
  return attribute ? attribute.getInt() : 0;
}

static ArrayAttr mapsOf(LLVM::LLVMFuncOp kernel) {
  auto maps = kernel->getAttrOfType<ArrayAttr>("gate.tensor_maps");
  return maps ? maps : ArrayAttr::get(kernel.getContext(), {});
}

/// A tensor map as gate-distribute-blocks describes it, in the driver's
/// numbers (cuda.h: CUtensorMapDataType, CUtensorMapSwizzle).
static CudaTensorMap describeMap(DictionaryAttr map) {
  auto number = [&](StringRef name) {
    return map.getAs<IntegerAttr>(name).getInt();
  };
  auto list = [&](StringRef name) {
    return map.getAs<DenseI64ArrayAttr>(name).asArrayRef();
  };
  Type element = map.getAs<TypeAttr>("element").getValue();
  unsigned bits = element.getIntOrFloatBitWidth();
  CudaTensorMap result;
  result.base = static_cast<int32_t>(number("base"));
  result.offset = number("offset");
  result.elementBytes = static_cast<int32_t>(bits / 8);
  // Only the size matters for a copy: unsigned integers of 8 to 64 bits.
  result.elementType = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 4;
  int64_t span = number("swizzle");
  result.swizzle = span == 128 ? 3 : span == 64 ? 2 : span == 32 ? 1 : 0;
  result.box.assign(list("box").begin(), list("box").end());
  result.extents = list("extents").vec();
  result.sizes = list("sizes").vec();
  return result;
}

static bool isKernel(LLVM::LLVMFuncOp function) {
  return function->hasAttr("gate.kernel");
}

std::vector<CudaKernel> gate::describeKernels(ModuleOp kernels) {
  std::vector<CudaKernel> result;
  for (auto kernel : kernels.getOps<LLVM::LLVMFuncOp>())
    if (isKernel(kernel)) {
      CudaKernel description;
      description.name = kernel.getName().str();
      description.threads = static_cast<int32_t>(threadsOf(kernel));
      description.sharedBytes =
          static_cast<int32_t>(numberOf(kernel, "gate.shared_bytes"));
      description.isPersistent = kernel->hasAttr("gate.persistent");
      for (Attribute map : mapsOf(kernel))
        description.maps.push_back(describeMap(cast<DictionaryAttr>(map)));
      description.parameterCount =
          static_cast<int32_t>(kernel.getNumArguments()) -
          static_cast<int32_t>(description.maps.size()) -
          description.isPersistent;
      result.push_back(std::move(description));
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
    // All registers of a multiprocessor are there for so many blocks.
    if (auto blocks = kernel->getAttrOfType<IntegerAttr>("gate.blocks"))
      kernel->setAttr("nvvm.minctasm", b.getI32IntegerAttr(blocks.getInt()));
    // Tensor maps are passed by value, last.
    unsigned count = kernel.getNumArguments(), maps = mapsOf(kernel).size();
    auto bytes = LLVM::LLVMArrayType::get(b.getI8Type(), tensorMapBytes);
    for (unsigned i = count - maps; i < count; ++i) {
      kernel.setArgAttr(i, "llvm.byval", TypeAttr::get(bytes));
      kernel.setArgAttr(i, "llvm.align",
                        b.getI64IntegerAttr(tensorMapAlignment));
      kernel.setArgAttr(i, "nvvm.grid_constant", b.getUnitAttr());
    }
    for (StringRef name :
         {"gate.blocks", "gate.kernel", "gate.threads", "gate.shared_bytes",
          "gate.persistent", "gate.tensor_maps", "gate.stages"})
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

/// Marks large loops so that nothing moves out of them.
static void keepLargeLoops(llvm::Module &module) {
  auto computes = [](const llvm::Instruction &instruction) {
    return !llvm::isa<llvm::PHINode, llvm::ExtractValueInst,
                      llvm::InsertValueInst, llvm::ExtractElementInst,
                      llvm::InsertElementInst>(instruction);
  };
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    llvm::DominatorTree dominators(function);
    llvm::LoopInfo loops(dominators);
    for (llvm::Loop *loop : loops.getLoopsInPreorder()) {
      size_t count = 0;
      for (llvm::BasicBlock *block : loop->blocks())
        count += llvm::count_if(*block, computes);
      if (count > mostInSmallLoop)
        llvm::addStringMetadataToLoop(loop, "llvm.licm.disable", 1);
    }
  }
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
  optimize(*code, **target, firstPasses);
  keepLargeLoops(*code);
  optimize(*code, **target, lastPasses);
  auto text =
      generateCode(*code, **target, llvm::CodeGenFileType::AssemblyFile);
  if (!text)
    return text.takeError();
  return std::string(text->data(), text->size());
}
