//===- Commands.h - What the tool gatec does -------------------*- C++ -*-===//
//
// One function per command, apart from the parsing of flags. Each returns the
// exit code of the process: 0, or 1 after an error message.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_COMMANDS_H
#define GATE_DRIVER_COMMANDS_H

#include "gate/Driver/Compiler.h"

#include <map>

namespace gate {

struct CompileCommand {
  CompileOptions options;
  std::string output;
  /// "", "llvm", "obj" or "mlir:<stage>".
  std::string emit;
  bool json = false;
};
int runCompile(const CompileCommand &command);

/// Flags that commands on data share.
struct DataOptions {
  CompileOptions options;
  /// Function to run; empty for all (verify, bench, cost) or the first (run).
  std::string entry;
  /// Sizes of named dims; unset ones take 1 for batch-like dims and 64 for the
  /// time dim.
  std::map<std::string, int64_t> sizes;
  uint64_t seed = 0;
  bool json = false;
};

struct RunCommand {
  DataOptions data;
  /// name=path.npy
  std::map<std::string, std::string> inputs;
  std::string outputFolder;
  bool reference = false;
};
int runRun(const RunCommand &command);

int runVerify(const DataOptions &data);

struct BenchCommand {
  DataOptions data;
  int threads = 0;
  int repeats = 7;
  /// Parameters are packed before, not in every call.
  bool prepared = false;
};
int runBench(const BenchCommand &command);

int runCost(const DataOptions &data);

int runExplain(const DataOptions &data);

} // namespace gate

#endif // GATE_DRIVER_COMMANDS_H
