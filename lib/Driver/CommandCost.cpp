//===- CommandCost.cpp - gatec cost and gatec bench -----------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/CostModel.h"
#include "gate/Driver/SampleData.h"
#include "gate/Target/Library/Groups.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <sched.h>

using namespace mlir;
using namespace gate;

extern "C" {
double gate_ceiling_fma_f32(int threads, double seconds);
double gate_ceiling_fma_f32_avx2(int threads, double seconds);
double gate_ceiling_copy(int threads, float *target, const float *source,
                         long count, double seconds);
}

static FailureOr<std::vector<FunctionCost>>
costsOf(const DataOptions &data, Session &session,
        std::map<std::string, int64_t> &sizes) {
  // No name is exported here: any name of a file will do.
  CompileOptions options = data.options;
  options.prefix = toIdentifier(options.prefix);
  Compiler compiler(session.context(), options);
  if (failed(compiler.parse()) || failed(compiler.runThrough("model")))
    return failure();
  auto complete = completeSizes(session, compiler.signature(), data);
  if (failed(complete))
    return failure();
  if (!data.entry.empty() &&
      failed(findFunction(session, compiler.signature(), data.entry)))
    return failure();
  sizes = *complete;
  return computeCosts(session, compiler.module(), compiler.signature(), sizes);
}

int gate::runCost(const DataOptions &data) {
  Session session;
  std::map<std::string, int64_t> sizes;
  FailureOr<std::vector<FunctionCost>> costs = costsOf(data, session, sizes);
  if (failed(costs))
    return 1;
  llvm::json::Array list;
  for (const FunctionCost &function : *costs) {
    if (!data.entry.empty() && data.entry != function.function)
      continue;
    auto toJson = [](const Cost &cost) {
      return llvm::json::Object{{"product_flops", cost.contractionFlops},
                                {"other_flops", cost.elementwiseFlops},
                                {"bytes", cost.bytes},
                                {"parallelism", cost.parallelism}};
    };
    if (data.json) {
      llvm::json::Array ops;
      for (const OpCost &op : function.ops)
        ops.push_back(llvm::json::Object{{"op", op.op},
                                         {"location", op.location},
                                         {"cost", toJson(op.cost)}});
      list.push_back(llvm::json::Object{{"function", function.function},
                                        {"ops", std::move(ops)},
                                        {"total", toJson(function.total)}});
      continue;
    }
    llvm::outs() << function.function << " at";
    for (const auto &[name, size] : sizes)
      llvm::outs() << " " << name << "=" << size;
    llvm::outs() << "\n";
    auto row = [](const std::string &name, const std::string &where,
                  const Cost &cost) {
      llvm::outs() << llvm::format(
          "  %-24s %-10s %10.3f %10.3f %10.3f\n", name.c_str(), where.c_str(),
          cost.contractionFlops / 1e6, cost.elementwiseFlops / 1e6,
          cost.bytes / 1e6);
    };
    llvm::outs() << llvm::format("  %-24s %-10s %10s %10s %10s\n", "op", "",
                                 "product MF", "other MF", "MB");
    for (const OpCost &op : function.ops)
      row(op.op, op.location, op.cost);
    row("total (least bytes)", "", function.total);
  }
  if (data.json)
    llvm::outs() << llvm::json::Value(std::move(list)) << "\n";
  return 0;
}

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

static double secondsNow() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

static LogicalResult bench(const BenchCommand &command, Session &session) {
  const DataOptions &data = command.data;
  if (command.repeats < 1 || command.threads < 0)
    return session.error("expects at least one repeat and no negative threads");
  std::map<std::string, int64_t> sizes;
  FailureOr<std::vector<FunctionCost>> costs = costsOf(data, session, sizes);
  if (failed(costs))
    return failure();
  FailureOr<LoadedLibrary> library =
      LoadedLibrary::compile(session, data.options);
  if (failed(library))
    return failure();
  int threads = command.threads;
  if (threads == 0) {
    cpu_set_t set;
    threads =
        sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  }
  library->setThreads(threads);
  Array from(ElementType::F32, {16 << 20}), to(ElementType::F32, {16 << 20});
  llvm::json::Array list;
  for (auto [index, function] :
       llvm::enumerate(library->signature().functions)) {
    if (!data.entry.empty() && data.entry != function.name)
      continue;
    session.progress()("timing " + function.name);
    Arrays arrays = makeArrays(function, sizes, data.seed);
    std::vector<int64_t> dims;
    for (const std::string &dim : function.dims)
      dims.push_back(sizes.at(dim));
    int64_t bytes = library->workspaceBytes(index, dims);
    Array workspace(ElementType::U8, {std::max<int64_t>(bytes, 1)});
    Array prepared;
    if (command.prepared) {
      FailureOr<Array> made = library->prepare(session, index, arrays);
      if (failed(made))
        return failure();
      prepared = std::move(*made);
    }
    int64_t preparedBytes = prepared.data() ? prepared.bytes() : 0;
    auto call = [&, index = index] {
      return library->call(session, index, arrays, &workspace, &prepared);
    };
    if (failed(call()))
      return failure();
    // Ours and the ceilings take turns, so that both see the same machine.
    std::vector<double> times, peaks, rates;
    for (int run = 0; run < command.repeats; ++run) {
      double begin = secondsNow(), elapsed = 0;
      int calls = 0;
      do {
        if (failed(call()))
          return failure();
        ++calls;
        elapsed = secondsNow() - begin;
      } while (elapsed < 0.05);
      times.push_back(elapsed / calls);
      double peak = gate_ceiling_fma_f32(threads, 0.03);
      peaks.push_back(peak > 0 ? peak
                               : gate_ceiling_fma_f32_avx2(threads, 0.03));
      rates.push_back(gate_ceiling_copy(
          threads, static_cast<float *>(to.data()),
          static_cast<float *>(from.data()), from.elements(), 0.03));
    }
    const Cost &cost = (*costs)[index].total;
    double seconds = median(times), peak = median(peaks), rate = median(rates);
    double flops = cost.contractionFlops / seconds,
           moved = cost.bytes / seconds;
    if (data.json) {
      list.push_back(llvm::json::Object{{"function", function.name},
                                        {"seconds", seconds},
                                        {"threads", threads},
                                        {"prepared_bytes", preparedBytes},
                                        {"product_flops_per_second", flops},
                                        {"bytes_per_second", moved},
                                        {"share_of_fma_peak", flops / peak},
                                        {"share_of_copy_rate", moved / rate}});
      continue;
    }
    llvm::outs() << llvm::format(
        "%-12s %10.3f ms   %8.1f GFLOP/s (%.0f %% of the f32 FMA peak)   %7.1f "
        "GB/s (%.0f %% of the copy rate)   %d threads",
        function.name.c_str(), seconds * 1e3, flops / 1e9, 100 * flops / peak,
        moved / 1e9, 100 * moved / rate, threads);
    if (preparedBytes)
      llvm::outs() << "   " << (preparedBytes + 1023) / 1024 << " KB prepared";
    llvm::outs() << "\n";
  }
  if (data.json)
    llvm::outs() << llvm::json::Value(std::move(list)) << "\n";
  return success();
}

int gate::runBench(const BenchCommand &command) {
  Session session;
  return succeeded(bench(command, session)) ? 0 : 1;
}
