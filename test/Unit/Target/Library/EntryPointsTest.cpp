//===- EntryPointsTest.cpp - Module of the entry points -------------------===//
//
// The module must verify, export what the header declares and nothing
// else, and lay its tables out as the runtime's structs.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/EntryPoints.h"

#include "TestSignature.h"

#include "llvm/IR/Constants.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

#include <gtest/gtest.h>

#include <cstddef>

using namespace gate;
using namespace gate::test;

namespace {
class EntryPointsTest : public testing::Test {
protected:
  explicit EntryPointsTest(LibrarySignature signature = testSignature())
      : signature(std::move(signature)),
        layout("e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-"
               "n8:16:32:64-S128"),
        module(buildEntryPoints(context, this->signature,
                                llvm::Triple("x86_64-unknown-linux-gnu"),
                                layout)) {}

  LibrarySignature signature;
  llvm::LLVMContext context;
  llvm::DataLayout layout;
  std::unique_ptr<llvm::Module> module;
};

class CudaEntryPointsTest : public EntryPointsTest {
protected:
  CudaEntryPointsTest() : EntryPointsTest(cudaTestSignature()) {}
};
class CudaOnlyEntryPointsTest : public EntryPointsTest {
protected:
  CudaOnlyEntryPointsTest() : EntryPointsTest(cudaOnlyTestSignature()) {}
};
} // namespace

TEST_F(EntryPointsTest, Verifies) {
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
}

static void expectExports(const llvm::Module &module,
                          const LibrarySignature &signature) {
  std::vector<std::string> exported;
  for (const llvm::Function &function : module) {
    if (function.isDeclaration())
      EXPECT_TRUE(function.hasHiddenVisibility()) << function.getName().str();
    else
      exported.push_back(function.getName().str());
  }
  for (const llvm::GlobalVariable &global : module.globals())
    EXPECT_TRUE(global.hasPrivateLinkage());
  EXPECT_EQ(exported, exportedSymbols(signature));
}

TEST_F(EntryPointsTest, ExportsWhatTheHeaderDeclares) {
  expectExports(*module, signature);
}

TEST_F(EntryPointsTest, RefersToBodiesAndRuntime) {
  for (const char *name :
       {"body_forward", "workspace_forward", "body_step", "workspace_step",
        "gate_rt_call", "gate_rt_workspace", "gate_rt_init_state"})
    EXPECT_TRUE(module->getFunction(name)) << name;
}

TEST_F(EntryPointsTest, EmbeddedBytesAreAligned) {
  bool found = false;
  for (const llvm::GlobalVariable &global : module->globals()) {
    const auto *data =
        llvm::dyn_cast<llvm::ConstantDataSequential>(global.getInitializer());
    if (!data || data->getRawDataValues() != std::string(16, 'e'))
      continue;
    found = true;
    EXPECT_GE(global.getAlign().valueOrOne().value(), 64u);
  }
  EXPECT_TRUE(found);
}

/// Offsets of the members of a struct type of the module.
static std::vector<uint64_t> offsets(const llvm::DataLayout &layout,
                                     llvm::StructType *type) {
  const llvm::StructLayout *structLayout = layout.getStructLayout(type);
  std::vector<uint64_t> result;
  for (unsigned i = 0; i < type->getNumElements(); ++i)
    result.push_back(structLayout->getElementOffset(i));
  result.push_back(layout.getTypeAllocSize(type));
  return result;
}

TEST_F(EntryPointsTest, TablesMatchTheStructs) {
  std::vector<uint64_t> argument = {offsetof(GateArgument, name),
                                    offsetof(GateArgument, group),
                                    offsetof(GateArgument, member),
                                    offsetof(GateArgument, role),
                                    offsetof(GateArgument, tied),
                                    offsetof(GateArgument, dtypeCode),
                                    offsetof(GateArgument, dtypeBits),
                                    offsetof(GateArgument, rank),
                                    offsetof(GateArgument, shape),
                                    offsetof(GateArgument, dimNames),
                                    offsetof(GateArgument, indexBound),
                                    offsetof(GateArgument, embedded),
                                    sizeof(GateArgument)};
  std::vector<uint64_t> function = {
      offsetof(GateFunction, name),
      offsetof(GateFunction, argumentCount),
      offsetof(GateFunction, groupCount),
      offsetof(GateFunction, dimCount),
      offsetof(GateFunction, groupNames),
      offsetof(GateFunction, arguments),
      offsetof(GateFunction, dims),
      offsetof(GateFunction, body),
      offsetof(GateFunction, workspaceBytes),
      offsetof(GateFunction, launch),
      offsetof(GateFunction, launchWorkspaceBytes),
      offsetof(GateFunction, preparedCount),
      offsetof(GateFunction, preparedMember),
      offsetof(GateFunction, preparedOffsets),
      offsetof(GateFunction, preparation),
      sizeof(GateFunction)};
  std::vector<uint64_t> library = {
      offsetof(GateLibrary, abiVersion), offsetof(GateLibrary, functionCount),
      offsetof(GateLibrary, functions),  offsetof(GateLibrary, cpuFeatures),
      offsetof(GateLibrary, cuda),       sizeof(GateLibrary)};
  int arguments = 0, functions = 0, libraries = 0;
  for (const llvm::GlobalVariable &global : module->globals()) {
    llvm::Type *type = global.getValueType();
    if (auto *array = llvm::dyn_cast<llvm::ArrayType>(type))
      type = array->getElementType();
    auto *structType = llvm::dyn_cast<llvm::StructType>(type);
    if (!structType)
      continue;
    std::vector<uint64_t> found = offsets(layout, structType);
    arguments += found == argument;
    functions += found == function;
    libraries += found == library;
  }
  // Two functions and their init_state.
  EXPECT_EQ(arguments, 3);
  EXPECT_EQ(functions, 3);
  EXPECT_EQ(libraries, 1);
}

//===----------------------------------------------------------------------===//
// Libraries with GPU code
//===----------------------------------------------------------------------===//

TEST_F(CudaEntryPointsTest, VerifiesAndExports) {
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  expectExports(*module, signature);
}

TEST_F(CudaEntryPointsTest, RefersToBothTargets) {
  for (const char *name :
       {"body_forward", "workspace_step", "launch_forward",
        "launch_workspace_forward", "launch_step", "launch_workspace_step",
        "gate_rt_cuda_load", "gate_rt_cuda_status"})
    EXPECT_TRUE(module->getFunction(name)) << name;
  EXPECT_EQ(module->getFunction("launch_forward")->arg_size(), 4u);
}

TEST_F(CudaEntryPointsTest, CallsTakeAStream) {
  // Five groups, the workspace, its size.
  EXPECT_EQ(module->getFunction("gla_forward")->arg_size(), 8u);
  EXPECT_EQ(module->getFunction("gla_init_state")->arg_size(), 2u);
  for (const char *name : {"gla_forward", "gla_init_state"}) {
    const llvm::Function *function = module->getFunction(name);
    const llvm::Argument *stream = function->getArg(function->arg_size() - 1);
    ASSERT_TRUE(stream->hasOneUse()) << name;
    const auto *call = llvm::dyn_cast<llvm::CallInst>(*stream->user_begin());
    ASSERT_TRUE(call) << name;
    EXPECT_EQ(call->getArgOperand(call->arg_size() - 1), stream) << name;
  }
}

TEST_F(CudaEntryPointsTest, TablesMatchTheStructs) {
  std::vector<uint64_t> image = {
      offsetof(GateCudaImage, target),   offsetof(GateCudaImage, major),
      offsetof(GateCudaImage, minor),    offsetof(GateCudaImage, isExact),
      offsetof(GateCudaImage, ptx),      offsetof(GateCudaImage, cubin),
      offsetof(GateCudaImage, launches), sizeof(GateCudaImage)};
  std::vector<uint64_t> launch = {offsetof(GateCudaLaunch, threads),
                                  offsetof(GateCudaLaunch, sharedBytes),
                                  offsetof(GateCudaLaunch, parameterCount),
                                  offsetof(GateCudaLaunch, isPersistent),
                                  offsetof(GateCudaLaunch, mapCount),
                                  offsetof(GateCudaLaunch, maps),
                                  sizeof(GateCudaLaunch)};
  std::vector<uint64_t> map = {offsetof(GateCudaTensorMap, base),
                               offsetof(GateCudaTensorMap, elementType),
                               offsetof(GateCudaTensorMap, offset),
                               offsetof(GateCudaTensorMap, elementBytes),
                               offsetof(GateCudaTensorMap, swizzle),
                               offsetof(GateCudaTensorMap, rank),
                               offsetof(GateCudaTensorMap, box),
                               offsetof(GateCudaTensorMap, extents),
                               offsetof(GateCudaTensorMap, sizes),
                               sizeof(GateCudaTensorMap)};
  std::vector<uint64_t> code = {
      offsetof(GateCudaModule, imageCount),
      offsetof(GateCudaModule, kernelCount), offsetof(GateCudaModule, images),
      offsetof(GateCudaModule, kernels), sizeof(GateCudaModule)};
  int images = 0, launches = 0, maps = 0, codes = 0;
  for (const llvm::GlobalVariable &global : module->globals()) {
    llvm::Type *type = global.getValueType();
    auto *array = llvm::dyn_cast<llvm::ArrayType>(type);
    if (array)
      type = array->getElementType();
    auto *structType = llvm::dyn_cast<llvm::StructType>(type);
    if (!structType)
      continue;
    std::vector<uint64_t> found = offsets(layout, structType);
    images += found == image && array && array->getNumElements() == 2;
    launches += found == launch && array && array->getNumElements() == 2;
    maps += found == map && array && array->getNumElements() == 1;
    codes += found == code && !array;
  }
  EXPECT_EQ(images, 1);
  EXPECT_EQ(launches, 2);
  EXPECT_EQ(maps, 1);
  EXPECT_EQ(codes, 1);
}

TEST_F(CudaOnlyEntryPointsTest, HasNoBodies) {
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  expectExports(*module, signature);
  EXPECT_FALSE(module->getFunction("body_forward"));
  EXPECT_FALSE(module->getFunction(""));
  EXPECT_TRUE(module->getFunction("launch_forward"));
}

TEST_F(EntryPointsTest, Prepared) {
  LibrarySignature library = preparedSignature();
  module = buildEntryPoints(context, library,
                            llvm::Triple("x86_64-unknown-linux-gnu"), layout);
  EXPECT_FALSE(llvm::verifyModule(*module, &llvm::errs()));
  expectExports(*module, library);
  for (const char *name :
       {"body_prepare", "workspace_prepare", "gate_rt_prepare"})
    EXPECT_TRUE(module->getFunction(name)) << name;
  std::vector<uint64_t> preparation = {
      offsetof(GatePreparation, function), offsetof(GatePreparation, bytes),
      offsetof(GatePreparation, identity), sizeof(GatePreparation)};
  int preparations = 0;
  for (const llvm::GlobalVariable &global : module->globals())
    if (auto *type = llvm::dyn_cast<llvm::StructType>(global.getValueType());
        type && type->getNumElements() == 3)
      preparations += offsets(layout, type) == preparation;
  // Two functions share it.
  EXPECT_EQ(preparations, 1);
}
