//===- Link.cpp - Shared libraries by LLD ---------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/CPU/Emit.h"

#include "gate/Runtime/RuntimeObject.h"

#include "lld/Common/Driver.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

LLD_HAS_DRIVER(elf)

using namespace gate;

/// The system's libc and libm, by the names that they are loaded under, so
/// that no development package is needed to link.
static std::vector<std::string> systemLibraries() {
  static constexpr const char *folders[] = {"/lib/x86_64-linux-gnu",
                                            "/usr/lib/x86_64-linux-gnu",
                                            "/lib64",
                                            "/usr/lib64",
                                            "/usr/lib",
                                            "/lib"};
  std::vector<std::string> found;
  for (const char *name : {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"})
    for (const char *folder : folders) {
      llvm::SmallString<128> path(folder);
      llvm::sys::path::append(path, name);
      if (llvm::sys::fs::exists(path)) {
        found.push_back(std::string(path));
        break;
      }
    }
  return found;
}

llvm::Error gate::linkLibrary(llvm::ArrayRef<std::string> objects,
                              const std::string &output,
                              const std::string &linker, bool keepDebugInfo) {
  std::vector<std::string> arguments{linker.empty() ? "ld.lld" : linker,
                                     "-shared",
                                     "-o",
                                     output,
                                     "-soname",
                                     llvm::sys::path::filename(output).str(),
                                     "--gc-sections",
                                     "--as-needed",
                                     "--hash-style=gnu",
                                     "-z",
                                     "defs",
                                     "-z",
                                     "relro",
                                     "-z",
                                     "now",
                                     "-z",
                                     "noexecstack"};
  if (!keepDebugInfo)
    arguments.push_back("--strip-all");
  arguments.insert(arguments.end(), objects.begin(), objects.end());
  for (const std::string &library : systemLibraries())
    arguments.push_back(library);

  if (!linker.empty()) {
    auto program = llvm::sys::findProgramByName(linker);
    if (!program)
      return llvm::createStringError("linker '" + linker + "' was not found");
    std::vector<llvm::StringRef> views(arguments.begin(), arguments.end());
    std::string message;
    int status = llvm::sys::ExecuteAndWait(*program, views, std::nullopt, {}, 0,
                                           0, &message);
    if (status != 0)
      return llvm::createStringError("linker '" + linker + "' failed: " +
                                     (message.empty() ? "see above" : message));
    return llvm::Error::success();
  }
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string text;
  llvm::raw_string_ostream errors(text);
  lld::Result result = lld::lldMain(pointers, llvm::nulls(), errors,
                                    {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("linking " + output +
                                   " failed: " + llvm::StringRef(text).trim());
  return llvm::Error::success();
}

llvm::Error gate::writeRuntimeObject(const std::string &path) {
  std::error_code code;
  llvm::raw_fd_ostream stream(path, code);
  if (code)
    return llvm::createStringError(code, "cannot write " + path);
  stream.write(reinterpret_cast<const char *>(gate_runtime_object),
               gate_runtime_object_size);
  return llvm::Error::success();
}
