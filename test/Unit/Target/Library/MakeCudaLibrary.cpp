//===- MakeCudaLibrary.cpp - A library with GPU code for tests ------------===//
//
// make-cuda-library OUTPUT.so OUTPUT.h writes the library `acc` as gatec would,
// with code by hand: on the CPU accumulate() sets y[0] to 1; on a GPU it
// launches the kernel `accumulate` with one block per row. The kernel's
// parameters are the tensors in order, the number of rows and the workspace.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/CPU/Emit.h"
#include "gate/Target/Library/EntryPoints.h"
#include "gate/Target/Library/Header.h"

#include "TestSignature.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace gate;

static const char kCode[] = R"(
declare void @gate_rt_cuda_launch(ptr, i32, i64, i64, i64, ptr)

define hidden void @body(ptr %data, ptr %dims, ptr %workspace) {
  %slot = getelementptr ptr, ptr %data, i64 3
  %y = load ptr, ptr %slot
  store float 1.0, ptr %y
  ret void
}

define hidden i64 @workspace(ptr %dims) {
  ret i64 0
}

define hidden void @launch(ptr %data, ptr %dims, ptr %workspace, ptr %launch) {
  %room = alloca ptr
  store ptr %workspace, ptr %room
  %arguments = alloca [7 x ptr]
  br label %loop
loop:
  %i = phi i64 [ 0, %0 ], [ %next, %loop ]
  %from = getelementptr ptr, ptr %data, i64 %i
  %to = getelementptr ptr, ptr %arguments, i64 %i
  store ptr %from, ptr %to
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 5
  br i1 %more, label %loop, label %done
done:
  %rows = getelementptr ptr, ptr %arguments, i64 5
  store ptr %dims, ptr %rows
  %last = getelementptr ptr, ptr %arguments, i64 6
  store ptr %room, ptr %last
  %B = load i64, ptr %dims
  call void @gate_rt_cuda_launch(ptr %launch, i32 0, i64 %B, i64 1, i64 1,
                                 ptr %arguments)
  ret void
}

define hidden i64 @launch_workspace(ptr %dims) {
  %B = load i64, ptr %dims
  %bytes = mul i64 %B, 16
  ret i64 %bytes
}
)";

/// accumulate(x; block.w; sum) -> (y, sum)
static LibrarySignature makeSignature() {
  auto rows = [](const char *name, GateRole role, int32_t tied = -1) {
    return test::tensor(name, role, ElementType::F32, {-1, 4}, {"B", "d"},
                        tied);
  };
  FunctionSignature function;
  function.name = "accumulate";
  function.dims = {"B"};
  function.bodySymbol = "body";
  function.workspaceSymbol = "workspace";
  function.launchSymbol = "launch";
  function.launchWorkspaceSymbol = "launch_workspace";
  function.tensors = {rows("x", GATE_ROLE_INPUT),
                      test::tensor("block.w", GATE_ROLE_PARAMETER,
                                   ElementType::F32, {4}, {"d"}),
                      rows("sum", GATE_ROLE_STATE), rows("y", GATE_ROLE_OUTPUT),
                      rows("sum", GATE_ROLE_NEXT_STATE, 2)};
  LibrarySignature library;
  library.prefix = "acc";
  library.functions = {function};
  CudaKernel plain = {"accumulate", 128, 65536, 3, false, {}};
  CudaKernel copying = {"accumulate", 384, 131072, 3, true, {}};
  copying.maps = {{0, 7, 0, 4, 3, {64, 32}, {-2, 4}, {-2, 4}}};
  library.images = {{"sm_80", 8, 0, false, "ptx80", "", {plain}},
                    {"sm_90a", 9, 0, true, "ptx90a", "cubin90a", {copying}}};
  library.compiler = "gate for tests";
  return library;
}

static void write(const std::string &path, llvm::StringRef bytes) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (code)
    llvm::report_fatal_error(llvm::Twine("cannot write ") + path);
  stream << bytes;
}

int main(int argc, char **argv) {
  if (argc != 3)
    llvm::report_fatal_error("expected the names of a library and a header");
  std::string output = argv[1], object = output + ".o",
              runtime = output + ".runtime.o";
  llvm::ExitOnError exitOnError("make-cuda-library: ");
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  LibrarySignature library = makeSignature();
  CPUMachine machine = exitOnError(CPUMachine::parse("cpu:x86-64"));
  std::unique_ptr<llvm::TargetMachine> target =
      exitOnError(machine.createTargetMachine(true));
  llvm::DataLayout layout = target->createDataLayout();

  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module =
      llvm::parseAssemblyString(kCode, diagnostic, context);
  if (!module)
    llvm::report_fatal_error(diagnostic.getMessage());
  module->setTargetTriple(llvm::Triple(machine.triple));
  module->setDataLayout(layout);
  if (llvm::Linker::linkModules(
          *module, buildEntryPoints(context, library,
                                    llvm::Triple(machine.triple), layout)))
    llvm::report_fatal_error("the entry points do not link");
  llvm::SmallVector<char, 0> bytes =
      exitOnError(emitObject(*module, machine, EmitOptions()));
  write(object, {bytes.data(), bytes.size()});
  exitOnError(writeRuntimeObject(runtime));
  exitOnError(linkLibrary({object, runtime}, output, "", false));
  write(argv[2], printHeader(library));
  llvm::sys::fs::remove(object);
  llvm::sys::fs::remove(runtime);
  return 0;
}
