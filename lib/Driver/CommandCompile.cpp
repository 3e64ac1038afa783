//===- CommandCompile.cpp - gatec compile ---------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Commands.h"
#include "gate/Driver/Session.h"
#include "gate/Target/Library/Groups.h"
#include "gate/Target/Library/Header.h"

#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gate;

static LogicalResult writeText(Session &session, StringRef path,
                               function_ref<void(llvm::raw_ostream &)> print) {
  std::string message;
  auto file = openOutputFile(path, &message);
  if (!file)
    return session.error(message);
  print(file->os());
  file->keep();
  return success();
}

/// "forward(parameters, ids, state)": what the caller passes in.
static std::string describeEntry(const FunctionSignature &function,
                                 const FunctionLayout &layout) {
  std::string text = function.name + "(";
  bool first = true;
  for (const Group &group : layout.groups) {
    bool isOutput = group.kind == GroupKind::NextState;
    if (group.kind == GroupKind::Tensor)
      isOutput = function.tensors[group.members[0]].role == GATE_ROLE_OUTPUT;
    if (isOutput)
      continue;
    text += (first ? "" : ", ") + group.name;
    first = false;
  }
  return text + ")";
}

/// The line that a person reads, or JSON.
static void report(const CompileCommand &command, const Session &session,
                   const Compiler &compiler, const std::string &header) {
  LibraryLayout layout = computeLayout(compiler.signature());
  uint64_t bytes = 0;
  llvm::sys::fs::file_size(command.output, bytes);
  llvm::SmallVector<std::string> entries;
  std::string initState, prepare;
  for (auto [function, own] :
       llvm::zip(compiler.signature().functions, layout.functions)) {
    entries.push_back(describeEntry(function, own));
    if (initState.empty() && !own.initStateSymbol.empty())
      initState = "init_state(state)";
    if (!own.prepareSymbol.empty())
      prepare = "prepare(parameters)";
  }
  if (!initState.empty())
    entries.push_back(initState);
  if (!prepare.empty())
    entries.push_back(prepare);
  if (command.json) {
    llvm::json::Array list;
    for (const std::string &entry : entries)
      list.push_back(entry);
    llvm::outs() << llvm::json::Value(llvm::json::Object{
                        {"library", command.output},
                        {"bytes", static_cast<int64_t>(bytes)},
                        {"header", header},
                        {"entry_points", std::move(list)},
                        {"seconds", session.seconds()}})
                 << "\n";
    return;
  }
  llvm::outs() << command.output << "  " << (bytes + 1023) / 1024 << " KB   "
               << header << "   entry points: ";
  llvm::interleave(entries, llvm::outs(), " ");
  llvm::outs() << llvm::format("   %.1f s\n", session.seconds());
}

/// "out/kernels.ptx" of sm_80: "out/kernels.sm_80.ptx".
static std::string pathOf(StringRef output, const CudaImage &image) {
  llvm::SmallString<128> path(output);
  StringRef ending = llvm::sys::path::extension(output);
  llvm::sys::path::replace_extension(path, image.target + ending);
  return std::string(path);
}

/// PTX or machine code: one file, or one for each of several GPUs.
static LogicalResult writeKernels(const CompileCommand &command,
                                  Session &session, const Compiler &compiler) {
  ArrayRef<CudaImage> images = compiler.images();
  StringRef emit = command.emit;
  if (images.empty())
    return session.error("--emit=" + emit +
                         " expects a GPU, for example --target=cuda:sm_90a");
  if (images.size() > 1 && command.output == "-")
    return session.error("--emit=" + emit +
                         " expects -o with several GPUs, got standard output; "
                         "-o kernels." +
                         emit + " writes " +
                         pathOf(("kernels." + emit).str(), images.front()) +
                         " and so on");
  for (const CudaImage &image : images) {
    const std::string &text = emit == "ptx" ? image.ptx : image.cubin;
    if (text.empty())
      return session.error("--emit=cubin expects ptxas on the search path");
    if (failed(writeText(session,
                         images.size() == 1 ? command.output
                                            : pathOf(command.output, image),
                         [&](llvm::raw_ostream &os) { os << text; })))
      return failure();
  }
  return success();
}

static LogicalResult compile(const CompileCommand &command, Session &session) {
  CompileOptions options = command.options;
  options.progress = session.progress();
  Compiler compiler(session.context(), options);
  if (failed(compiler.parse()))
    return failure();
  StringRef emit = command.emit;
  if (emit.consume_front("mlir:")) {
    if (failed(compiler.runThrough(emit)))
      return failure();
    return writeText(session, command.output, [&](llvm::raw_ostream &os) {
      compiler.module().print(os);
    });
  }
  if (failed(compiler.runThrough("")))
    return failure();
  if (emit == "llvm")
    return compiler.writeLLVM(command.output);
  if (emit == "obj")
    return compiler.writeObject(command.output);
  if (emit == "ptx" || emit == "cubin")
    return writeKernels(command, session, compiler);
  if (!emit.empty())
    return session.error("unknown --emit=" + emit +
                         "; expects llvm, obj, ptx, cubin or mlir:<stage>");
  llvm::SmallString<128> header(command.output);
  llvm::sys::path::remove_filename(header);
  if (!header.empty())
    if (std::error_code code = llvm::sys::fs::create_directories(header))
      return session.error("cannot make folder " + header + ": " +
                           code.message());
  llvm::sys::path::append(header, options.prefix + ".h");
  if (failed(compiler.writeLibrary(command.output)) ||
      failed(writeText(session, header, [&](llvm::raw_ostream &os) {
        os << printHeader(compiler.signature());
      })))
    return failure();
  report(command, session, compiler, std::string(header));
  return success();
}

int gate::runCompile(const CompileCommand &command) {
  Session session;
  return succeeded(compile(command, session)) ? 0 : 1;
}
