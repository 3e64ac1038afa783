//===- Assemble.cpp - Machine code from PTX by ptxas ----------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/NVIDIA/Emit.h"

#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace gate;

bool gate::hasAssembler() {
  return static_cast<bool>(llvm::sys::findProgramByName("ptxas"));
}

/// The lines of `ptxas -v`: a kernel's name, then its spills and resources.
static std::vector<KernelResources> parseResources(llvm::StringRef log) {
  llvm::Regex name("Compiling entry function '([^']+)'");
  llvm::Regex spills("([0-9]+) bytes spill stores, ([0-9]+) bytes spill loads");
  llvm::Regex registers("Used ([0-9]+) registers");
  llvm::Regex shared("([0-9]+) bytes smem");
  std::vector<KernelResources> all;
  llvm::SmallVector<llvm::StringRef> lines, match;
  log.split(lines, '\n');
  auto number = [&](unsigned i) {
    int64_t value = 0;
    match[i].getAsInteger(10, value);
    return value;
  };
  for (llvm::StringRef line : lines) {
    if (name.match(line, &match)) {
      all.emplace_back();
      all.back().name = match[1].str();
    }
    if (all.empty())
      continue;
    if (spills.match(line, &match)) {
      all.back().spillStores = number(1);
      all.back().spillLoads = number(2);
    }
    if (registers.match(line, &match))
      all.back().registers = number(1);
    if (shared.match(line, &match))
      all.back().sharedBytes = number(1);
  }
  return all;
}

llvm::Expected<AssembledKernels> gate::assemble(llvm::StringRef ptx,
                                                const CudaMachine &machine,
                                                unsigned seconds) {
  auto program = llvm::sys::findProgramByName("ptxas");
  if (!program)
    return llvm::createStringError(
        "cannot find ptxas on the search path; it comes with the CUDA toolkit");
  llvm::SmallString<128> folder;
  if (std::error_code code =
          llvm::sys::fs::createUniqueDirectory("gate-ptx", folder))
    return llvm::createStringError("cannot make a temporary folder: " +
                                   code.message());
  llvm::scope_exit cleanup([&] { llvm::sys::fs::remove_directories(folder); });
  std::string source = (folder + "/kernels.ptx").str();
  std::string output = (folder + "/kernels.cubin").str();
  std::string log = (folder + "/log").str();
  {
    std::error_code code;
    llvm::raw_fd_ostream file(source, code);
    if (code)
      return llvm::createStringError("cannot write " + source + ": " +
                                     code.message());
    file << ptx;
  }
  std::string arch = ("-arch=" + machine.name).str();
  std::vector<llvm::StringRef> arguments{*program, "-v", arch,
                                         source,   "-o", output};
  std::optional<llvm::StringRef> redirects[] = {
      std::nullopt, llvm::StringRef(log), llvm::StringRef(log)};
  std::string message;
  AssembledKernels result;
  int status = llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt,
                                         redirects, seconds, 0, &message);
  if (status == -2) {
    result.isUnoptimized = true;
    arguments.push_back("-O0");
    status = llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt,
                                       redirects, seconds, 0, &message);
  }
  if (auto text = llvm::MemoryBuffer::getFile(log))
    result.log = (*text)->getBuffer().str();
  if (status != 0)
    return llvm::createStringError("ptxas refuses the kernels: " + result.log +
                                   message);
  auto cubin = llvm::MemoryBuffer::getFile(output, /*IsText=*/false,
                                           /*RequiresNullTerminator=*/false);
  if (!cubin)
    return llvm::createStringError("ptxas wrote no machine code: " +
                                   cubin.getError().message());
  result.cubin = (*cubin)->getBuffer().str();
  result.resources = parseResources(result.log);
  return result;
}
