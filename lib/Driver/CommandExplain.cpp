//===- CommandExplain.cpp - gatec explain ---------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Explain.h"
#include "gate/Driver/SampleData.h"
#include "gate/Target/Library/Groups.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gate;

namespace {

/// Prints one explanation as text or JSON.
class ExplanationPrinter {
public:
  ExplanationPrinter(const Compiler &compiler, const LibrarySignature &library,
                     const Explanation &explanation, StringRef entry)
      : compiler(compiler), library(library), explanation(explanation),
        entry(entry) {}

  void printText(llvm::raw_ostream &os);
  llvm::json::Value toJson();

private:
  bool isShown(const ExplainedFunction &function) const {
    return entry.empty() || function.name == entry;
  }
  std::string targets(bool onDevice) const;
  void printLoop(llvm::raw_ostream &os, const ExplainedLoop &loop, size_t task);
  void printMissed(llvm::raw_ostream &os, const MissedRemark &missed);
  const KernelResources *find(size_t image, StringRef kernel) const;
  llvm::json::Object toJson(const ExplainedLoop &loop);

  const Compiler &compiler;
  const LibrarySignature &library;
  const Explanation &explanation;
  StringRef entry;
};

} // namespace

std::string ExplanationPrinter::targets(bool onDevice) const {
  if (!onDevice)
    return "CPU";
  SmallVector<std::string> names;
  for (const CudaImage &image : library.images)
    names.push_back(image.target);
  return llvm::join(names, ", ");
}

/// "line 12", or "line 12 called at line 40" after inlining.
static std::string lineOf(LocationAttr location) {
  if (auto site = location ? location.findInstanceOf<CallSiteLoc>() : nullptr)
    return lineOf(site.getCallee()) + " called at " + lineOf(site.getCaller());
  auto place = location ? location.findInstanceOf<FileLineColLoc>() : nullptr;
  return place ? "line " + std::to_string(place.getLine()) : "";
}

const KernelResources *ExplanationPrinter::find(size_t image,
                                                StringRef kernel) const {
  if (image >= compiler.resources().size())
    return nullptr;
  for (const KernelResources &known : compiler.resources()[image])
    if (known.name == kernel)
      return &known;
  return nullptr;
}

/// `chunk = 64, form = dense`.
static std::string scheduleText(DictionaryAttr schedule) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleaveComma(schedule, stream, [&](NamedAttribute choice) {
    stream << choice.getName().getValue() << " = ";
    if (auto value = dyn_cast<StringAttr>(choice.getValue()))
      stream << value.getValue();
    else
      stream << cast<IntegerAttr>(choice.getValue()).getInt();
  });
  return text;
}

void ExplanationPrinter::printLoop(llvm::raw_ostream &os,
                                   const ExplainedLoop &loop, size_t task) {
  if (loop.kernel >= 0) {
    os << "  kernel " << library.images.front().kernels[loop.kernel].name;
  } else {
    os << "  " << (loop.isSerial ? "one task" : "loop") << " " << task;
  }
  if (loop.isGuarded)
    os << ", where a guard holds at the call";
  os << "\n";
  for (const ExplainedOp &op : loop.ops)
    os << llvm::format("    %-24s %s%s\n", op.name.c_str(),
                       lineOf(op.location).c_str(),
                       op.isPart ? " (a part of it)" : "");
  if (loop.schedule && !loop.schedule.empty())
    os << "    schedule: " << scheduleText(loop.schedule) << "\n";
  if (loop.kernel >= 0)
    for (auto [position, image] : llvm::enumerate(library.images)) {
      const CudaKernel &kernel = image.kernels[loop.kernel];
      os << "    " << image.target << ": " << kernel.threads << " threads, "
         << kernel.sharedBytes << " bytes of shared memory";
      if (kernel.isPersistent)
        os << ", a block stays for many tiles";
      if (const KernelResources *used = find(position, kernel.name))
        os << ", " << used->registers << " registers, " << used->spillStores
           << " bytes of spills stored, " << used->spillLoads << " loaded";
      os << "\n";
    }
  if (loop.cost && !loop.cost->runs) {
    os << "    does not run at these sizes\n";
  } else if (loop.cost) {
    SmallVector<std::string> parts;
    auto add = [&](const char *before, double amount, const char *unit) {
      std::string text;
      llvm::raw_string_ostream(text)
          << before << llvm::format("%.3f ", amount / 1e6) << unit;
      parts.push_back(text);
    };
    if (loop.cost->productFlops > 0)
      add("", loop.cost->productFlops, "product MF");
    if (loop.cost->otherFlops > 0)
      add("", loop.cost->otherFlops, "other MF");
    if (loop.cost->bytes)
      add("moves ", *loop.cost->bytes, "MB");
    if (!parts.empty())
      os << "    " << llvm::join(parts, ", ") << "\n";
  }
}

void ExplanationPrinter::printMissed(llvm::raw_ostream &os,
                                     const MissedRemark &missed) {
  os << "  not done: ";
  std::string from = lineOf(missed.location), to = lineOf(missed.user);
  if (!from.empty())
    os << from;
  if (!to.empty())
    os << " into " << to;
  os << ": " << missed.reason << "\n";
}

void ExplanationPrinter::printText(llvm::raw_ostream &os) {
  std::string unknown;
  for (const ExplainedMachine &machine : explanation.machines)
    for (const ExplainedFunction &function : machine.functions) {
      if (!isShown(function))
        continue;
      os << function.name << " on " << targets(machine.onDevice);
      if (function.floor)
        for (const auto &[position, dim] : llvm::enumerate(function.dims))
          os << (position == 0 ? " at " : " ") << dim << "="
             << explanation.sizes.at(dim);
      os << "\n";
      for (auto [number, loop] : llvm::enumerate(function.loops))
        printLoop(os, loop, number);
      for (const MissedRemark &missed : function.missed)
        printMissed(os, missed);
      if (function.floor) {
        os << llvm::format("  in all %.3f product MF, %.3f other MF; ",
                           function.floor->contractionFlops / 1e6,
                           function.floor->elementwiseFlops / 1e6);
        if (function.bytes)
          os << llvm::format("moves %.3f MB, ", *function.bytes / 1e6);
        os << llvm::format("must move %.3f MB\n", function.floor->bytes / 1e6);
      } else if (unknown.empty() && !function.dims.empty()) {
        unknown = function.dims.front();
      }
    }
  if (!unknown.empty())
    os << "FLOPs and bytes need sizes: --set " << unknown << "=1000\n";
  if (!library.images.empty() && compiler.resources().empty())
    os << "registers and spills need ptxas, which is not on the search path\n";
}

llvm::json::Object ExplanationPrinter::toJson(const ExplainedLoop &loop) {
  llvm::json::Object object;
  llvm::json::Array ops;
  for (const ExplainedOp &op : loop.ops)
    ops.push_back(llvm::json::Object{
        {"op", op.name}, {"at", op.place}, {"is_part", op.isPart}});
  object["ops"] = std::move(ops);
  object["is_guarded"] = loop.isGuarded;
  object["is_serial"] = loop.isSerial;
  if (loop.schedule) {
    llvm::json::Object schedule;
    for (NamedAttribute choice : loop.schedule) {
      if (auto text = dyn_cast<StringAttr>(choice.getValue()))
        schedule[choice.getName().getValue()] = text.getValue();
      else
        schedule[choice.getName().getValue()] =
            cast<IntegerAttr>(choice.getValue()).getInt();
    }
    object["schedule"] = std::move(schedule);
  }
  if (loop.kernel >= 0) {
    object["kernel"] = library.images.front().kernels[loop.kernel].name;
    llvm::json::Object gpus;
    for (auto [position, image] : llvm::enumerate(library.images)) {
      const CudaKernel &kernel = image.kernels[loop.kernel];
      llvm::json::Object gpu{{"threads", kernel.threads},
                             {"shared_bytes", kernel.sharedBytes},
                             {"is_persistent", kernel.isPersistent}};
      if (const KernelResources *used = find(position, kernel.name)) {
        gpu["registers"] = used->registers;
        gpu["spill_store_bytes"] = used->spillStores;
        gpu["spill_load_bytes"] = used->spillLoads;
        gpu["static_shared_bytes"] = used->sharedBytes;
      }
      gpus[image.target] = std::move(gpu);
    }
    object["gpus"] = std::move(gpus);
  }
  if (loop.cost) {
    llvm::json::Object cost{{"product_flops", loop.cost->productFlops},
                            {"other_flops", loop.cost->otherFlops},
                            {"runs", loop.cost->runs}};
    if (loop.cost->bytes)
      cost["bytes"] = *loop.cost->bytes;
    object["cost"] = std::move(cost);
  }
  return object;
}

llvm::json::Value ExplanationPrinter::toJson() {
  llvm::json::Array functions;
  for (const ExplainedMachine &machine : explanation.machines)
    for (const ExplainedFunction &function : machine.functions) {
      if (!isShown(function))
        continue;
      llvm::json::Array loops, missed;
      for (const ExplainedLoop &loop : function.loops)
        loops.push_back(toJson(loop));
      for (const MissedRemark &remark : function.missed)
        missed.push_back(llvm::json::Object{{"pass", remark.pass},
                                            {"at", remark.place},
                                            {"user", lineOf(remark.user)},
                                            {"reason", remark.reason}});
      llvm::json::Object object{
          {"function", function.name},
          {"machine", machine.onDevice ? "gpu" : "cpu"},
          {machine.onDevice ? "kernels" : "loops", std::move(loops)},
          {"missed", std::move(missed)}};
      if (function.floor) {
        object["floor"] = llvm::json::Object{
            {"product_flops", function.floor->contractionFlops},
            {"other_flops", function.floor->elementwiseFlops},
            {"bytes", function.floor->bytes}};
        if (function.bytes)
          object["bytes"] = *function.bytes;
      }
      functions.push_back(std::move(object));
    }
  llvm::json::Object sizes;
  for (const auto &[name, size] : explanation.sizes)
    sizes[name] = size;
  bool assembles = !library.images.empty() && !compiler.resources().empty();
  return llvm::json::Object{{"functions", std::move(functions)},
                            {"sizes", std::move(sizes)},
                            {"has_assembler", assembles}};
}

static LogicalResult explain(const DataOptions &data, Session &session) {
  Explainer explainer(session);
  CompileOptions options = data.options;
  // No name is exported here: any name of a file will do.
  options.prefix = toIdentifier(options.prefix);
  options.progress = session.progress();
  options.observe = explainer.observer();
  Compiler compiler(session.context(), options);
  if (failed(compiler.parse()) || failed(compiler.runThrough("tile")))
    return failure();
  if (compiler.hasGpus() && failed(compiler.runThrough("")))
    return failure();
  if (!data.entry.empty() &&
      failed(findFunction(session, compiler.signature(), data.entry)))
    return failure();
  FailureOr<Explanation> explanation =
      explainer.finish(compiler.signature(), data);
  if (failed(explanation))
    return failure();
  ExplanationPrinter printer(compiler, compiler.signature(), *explanation,
                             data.entry);
  if (data.json)
    llvm::outs() << printer.toJson() << "\n";
  else
    printer.printText(llvm::outs());
  return success();
}

int gate::runExplain(const DataOptions &data) {
  Session session;
  return succeeded(explain(data, session)) ? 0 : 1;
}
