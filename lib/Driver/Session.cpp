//===- Session.cpp - Context, diagnostics and progress of a command -------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Session.h"

#include "gate/Driver/Compiler.h"

#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gate;

static DialectRegistry makeRegistry() {
  DialectRegistry registry;
  Compiler::registerDialects(registry);
  return registry;
}

/// The text of line `line` of a file, or nothing.
static std::string sourceLine(StringRef path, unsigned line) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return {};
  StringRef rest = (*buffer)->getBuffer();
  for (unsigned i = 1; i < line; ++i)
    rest = rest.split('\n').second;
  return rest.split('\n').first.str();
}

static void printDiagnostic(Diagnostic &diagnostic) {
  llvm::raw_ostream &os = llvm::errs();
  auto location = diagnostic.getLocation()->findInstanceOf<FileLineColLoc>();
  if (location)
    os << location.getFilename().getValue() << ":" << location.getLine() << ":"
       << location.getColumn() << ": ";
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Note:
    os << "note: ";
    break;
  case DiagnosticSeverity::Warning:
    os << "warning: ";
    break;
  case DiagnosticSeverity::Error:
    os << "error: ";
    break;
  case DiagnosticSeverity::Remark:
    os << "remark: ";
    break;
  }
  os << diagnostic << "\n";
  if (location) {
    std::string text =
        sourceLine(location.getFilename().getValue(), location.getLine());
    if (!text.empty()) {
      os << "  " << text << "\n  ";
      for (unsigned i = 1; i < location.getColumn() && i <= text.size(); ++i)
        os << (text[i - 1] == '\t' ? '\t' : ' ');
      os << "^\n";
    }
  }
  for (Diagnostic &note : diagnostic.getNotes())
    printDiagnostic(note);
}

Session::Session()
    : mlirContext(makeRegistry(), MLIRContext::Threading::ENABLED),
      start(std::chrono::steady_clock::now()) {
  // The op as text helps an engineer in gate-opt, not the author of a model.
  mlirContext.printOpOnDiagnostic(false);
  mlirContext.getDiagEngine().registerHandler([](Diagnostic &diagnostic) {
    printDiagnostic(diagnostic);
    return success();
  });
}

LogicalResult Session::error(const Twine &message) {
  return emitError(UnknownLoc::get(&mlirContext), message);
}

double Session::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

std::function<void(StringRef)> Session::progress() {
  return [this](StringRef stage) {
    if (seconds() > 2)
      llvm::errs() << "  " << stage << " ...\n";
  };
}
