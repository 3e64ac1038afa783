//===- gatec.cpp - The compiler as its users type it ----------------------===//
//
// Parses flags and calls the command; everything else lives in lib/Driver.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Commands.h"

#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace cl = llvm::cl;

namespace {

/// Our own flags; those of LLVM's libraries are not for our users.
cl::OptionCategory gateOptions("Options");

cl::SubCommand compileCommand("compile",
                              "Compile a program to a shared library "
                              "and a C header");
cl::SubCommand runCommand("run", "Run a function on .npy files or seeded data");
cl::SubCommand verifyCommand(
    "verify", "Compare the compiled program with an f64 oracle on seeded data");
cl::SubCommand benchCommand("bench", "Time a function against this machine's "
                                     "ceilings");
cl::SubCommand costCommand("cost",
                           "Print what a function costs at given sizes");
cl::SubCommand explainCommand(
    "explain", "Say what was fused and how it is cut and run, and what was not "
               "and why");

#define ALL                                                                    \
  cl::cat(gateOptions), cl::sub(compileCommand), cl::sub(runCommand),          \
      cl::sub(verifyCommand), cl::sub(benchCommand), cl::sub(costCommand),     \
      cl::sub(explainCommand)
#define DATA                                                                   \
  cl::cat(gateOptions), cl::sub(runCommand), cl::sub(verifyCommand),           \
      cl::sub(benchCommand), cl::sub(costCommand), cl::sub(explainCommand)

cl::opt<std::string> input(cl::Positional, cl::desc("<program.mlir>"),
                           cl::Required, ALL);
cl::opt<std::string>
    target("target",
           cl::desc("Machines, separated by commas: cpu (this one), cpu:NAME, "
                    "cpu:NAME,+feature, cuda (sm_90a), cuda:NAME"),
           cl::init("cpu"), ALL);
cl::opt<bool> json("json", cl::desc("Print JSON instead of text"), ALL);
cl::list<std::string>
    printAfter("print-ir-after", cl::CommaSeparated,
               cl::desc("Print the IR after a stage: model, tile, cpu, block, "
                        "cuda, llvm"),
               ALL);
cl::opt<std::string>
    reproducer("reproducer",
               cl::desc("Write a reproducer to this file if a pass crashes"),
               ALL);

cl::opt<std::string> output("o", cl::desc("Output, for example libmodel.so"),
                            cl::value_desc("file"), cl::cat(gateOptions),
                            cl::sub(compileCommand));
cl::opt<std::string>
    prefix("prefix",
           cl::desc("Prefix of exported names (default: from the output, "
                    "libgla.so gives gla)"),
           cl::cat(gateOptions), cl::sub(compileCommand));
cl::opt<std::string> emit("emit",
                          cl::desc("Stop early: llvm, obj, ptx, cubin or "
                                   "mlir:<stage>"),
                          cl::cat(gateOptions), cl::sub(compileCommand));
cl::opt<std::string>
    embed("embed", cl::desc("Bake the parameters of a safetensors file in"),
          ALL);
cl::opt<std::string>
    schedule("schedule",
             cl::desc("File of choices that take the place of the compiler's: "
                      "docs/Schedules.md"),
             cl::value_desc("file.json"), ALL);
cl::opt<bool>
    allowTf32("allow-tf32",
              cl::desc("Round operands of f32 products on GPUs to 10 bits "
                       "behind the point: faster, docs/Numerics.md"),
              cl::cat(gateOptions), cl::sub(compileCommand),
              cl::sub(explainCommand));
cl::opt<bool> debug("g", cl::desc("Keep line tables of the source file"),
                    cl::cat(gateOptions), cl::sub(compileCommand));
cl::opt<std::string>
    linker("linker", cl::desc("Program to link with (default: LLD, built in)"),
           cl::cat(gateOptions), cl::sub(compileCommand));
cl::opt<std::string> saveTemps("save-temps",
                               cl::desc("Folder for every intermediate form"),
                               cl::cat(gateOptions), cl::sub(compileCommand));

cl::opt<std::string> entry("entry",
                           cl::desc("Function (default: the first, or "
                                    "all where that makes sense)"),
                           DATA);
cl::list<std::string> sets("set", cl::desc("Size of a named dim: --set T=1000"),
                           cl::value_desc("dim=size"), DATA);
cl::opt<uint64_t> seed("seed", cl::desc("Seed of the data"), cl::init(0), DATA);
cl::list<std::string> inputs("input", cl::desc("An argument: --input x=x.npy"),
                             cl::value_desc("name=file.npy"),
                             cl::cat(gateOptions), cl::sub(runCommand));
cl::opt<std::string> outputFolder("output-dir",
                                  cl::desc("Folder for the results as .npy"),
                                  cl::cat(gateOptions), cl::sub(runCommand));
cl::opt<bool> reference("reference", cl::desc("Run the f64 reference path"),
                        cl::cat(gateOptions), cl::sub(runCommand));
cl::opt<int> threads("threads", cl::desc("Threads (default: all)"), cl::init(0),
                     cl::cat(gateOptions), cl::sub(benchCommand));
cl::opt<int> repeats("repeats", cl::desc("Timed runs"), cl::init(7),
                     cl::cat(gateOptions), cl::sub(benchCommand));
cl::opt<bool> prepared("prepared",
                       cl::desc("Pack parameters before, not in every call"),
                       cl::cat(gateOptions), cl::sub(benchCommand));

} // namespace

/// "libgla.so" -> "gla".
static std::string prefixOf(llvm::StringRef path) {
  llvm::StringRef stem = llvm::sys::path::stem(path);
  stem.consume_front("lib");
  return stem.str();
}

static gate::CompileOptions compileOptions() {
  gate::CompileOptions options;
  options.input = input;
  options.target = target;
  options.embed = embed;
  options.schedule = schedule;
  options.allowTf32 = allowTf32;
  options.debug = debug;
  options.linker = linker;
  options.saveTemps = saveTemps;
  options.printAfter.assign(printAfter.begin(), printAfter.end());
  options.reproducer = reproducer;
  return options;
}

/// Splits "key=value"; reports what is wrong with `flag` otherwise.
static bool splitPair(llvm::StringRef text, llvm::StringRef flag,
                      std::pair<llvm::StringRef, llvm::StringRef> &pair) {
  pair = text.split('=');
  if (!pair.first.empty() && !pair.second.empty())
    return true;
  llvm::errs() << "error: --" << flag << ": expects name=value, got '" << text
               << "'\n";
  return false;
}

static bool dataOptions(gate::DataOptions &data) {
  data.options = compileOptions();
  data.options.prefix = prefixOf(input);
  data.entry = entry;
  data.seed = seed;
  data.json = json;
  for (const std::string &text : sets) {
    std::pair<llvm::StringRef, llvm::StringRef> pair;
    if (!splitPair(text, "set", pair))
      return false;
    int64_t size;
    if (pair.second.getAsInteger(10, size) || size < 0) {
      llvm::errs() << "error: --set: expects a size of at least 0, got '"
                   << text << "'\n";
      return false;
    }
    data.sizes[pair.first.str()] = size;
  }
  return true;
}

static int dispatch() {
  if (compileCommand) {
    gate::CompileCommand command;
    command.options = compileOptions();
    command.emit = emit;
    command.json = json;
    command.output = output;
    if (command.output.empty())
      command.output = command.emit.empty()
                           ? "lib" + llvm::sys::path::stem(input).str() + ".so"
                           : "-";
    command.options.prefix = !prefix.empty()        ? std::string(prefix)
                             : command.emit.empty() ? prefixOf(command.output)
                                                    : prefixOf(input);
    return gate::runCompile(command);
  }
  gate::DataOptions data;
  if (!dataOptions(data))
    return 1;
  if (runCommand) {
    gate::RunCommand command{data, {}, outputFolder, reference};
    for (const std::string &text : inputs) {
      std::pair<llvm::StringRef, llvm::StringRef> pair;
      if (!splitPair(text, "input", pair))
        return 1;
      command.inputs[pair.first.str()] = pair.second.str();
    }
    return gate::runRun(command);
  }
  if (verifyCommand)
    return gate::runVerify(data);
  if (benchCommand)
    return gate::runBench({data, threads, repeats, prepared});
  if (costCommand)
    return gate::runCost(data);
  if (explainCommand)
    return gate::runExplain(data);
  llvm::errs() << "error: expects a command: compile, run, verify, bench, cost "
                  "or explain; gatec --help explains them\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::InitLLVM initialize(argc, argv);
  for (cl::SubCommand *command :
       {&cl::SubCommand::getTopLevel(), &compileCommand, &runCommand,
        &verifyCommand, &benchCommand, &costCommand, &explainCommand})
    cl::HideUnrelatedOptions(gateOptions, *command);
  cl::SetVersionPrinter(
      [](llvm::raw_ostream &os) { os << gate::versionText() << "\n"; });
  cl::ParseCommandLineOptions(
      argc, argv,
      "Gate: a compiler for gated neural architectures\n\n"
      "  gatec compile model.mlir -o out/libmodel.so   a library and its "
      "header\n"
      "  gatec verify model.mlir --set T=1000          compare with an f64 "
      "oracle\n"
      "  gatec run model.mlir --input x=x.npy --output-dir out\n"
      "  gatec bench model.mlir --set T=4096           time against ceilings\n"
      "  gatec cost model.mlir --set T=4096            FLOPs and bytes\n"
      "  gatec explain model.mlir --target=cuda        what became of it\n");
  return dispatch();
}
