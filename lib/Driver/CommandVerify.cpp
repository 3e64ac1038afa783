//===- CommandVerify.cpp - gatec verify -----------------------------------===//
//
// Compiles a program three times: fast, plain (the meaning in the user's
// types) and oracle (the meaning in f64), runs all on the same seeded data and
// compares. A result passes when its largest and its root-mean-square error
// are at most twice those of the plain loops plus 2^-22 of the oracle's RMS.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/SampleData.h"
#include "gate/Support/ElementTypes.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace gate;

namespace {
/// Errors of one result, in units of the oracle's RMS.
struct Errors {
  double largest = 0;
  double rms = 0;
  /// Places where one is a number and the other is not.
  int64_t mismatches = 0;
};

struct Row {
  std::string function, result;
  ElementType type;
  Errors fast, plain;
  bool passed;
};
} // namespace

static double rmsOf(const Array &array) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0, n = array.elements(); i < n; ++i) {
    double x = array.get(i);
    if (!std::isfinite(x))
      continue;
    sum += x * x;
    ++count;
  }
  return count ? std::sqrt(sum / count) : 0;
}

static Errors compare(const Array &value, const Array &oracle, double scale) {
  Errors errors;
  double sum = 0;
  int64_t n = value.elements();
  for (int64_t i = 0; i < n; ++i) {
    double a = value.get(i), b = oracle.get(i);
    if (!std::isfinite(a) || !std::isfinite(b)) {
      bool same = a == b || (std::isnan(a) && std::isnan(b));
      errors.mismatches += !same;
      continue;
    }
    double error = std::fabs(a - b);
    errors.largest = std::fmax(errors.largest, error);
    sum += error * error;
  }
  errors.rms = n ? std::sqrt(sum / n) : 0;
  if (scale > 0) {
    errors.largest /= scale;
    errors.rms /= scale;
  }
  return errors;
}

static bool isWithin(const Errors &fast, const Errors &plain) {
  constexpr double slack = 0x1p-22;
  return fast.mismatches <= plain.mismatches &&
         fast.largest <= 2 * plain.largest + slack &&
         fast.rms <= 2 * plain.rms + slack;
}

static FailureOr<std::vector<Row>> verify(const DataOptions &data,
                                          Session &session) {
  auto compileAs = [&](Path path) {
    CompileOptions options = data.options;
    options.path = path;
    return LoadedLibrary::compile(session, options);
  };
  FailureOr<LoadedLibrary> fast = compileAs(Path::Fast);
  if (failed(fast))
    return failure();
  FailureOr<LoadedLibrary> plain = compileAs(Path::Plain);
  if (failed(plain))
    return failure();
  FailureOr<LoadedLibrary> oracle = compileAs(Path::Oracle);
  if (failed(oracle))
    return failure();
  auto sizes = completeSizes(session, fast->signature(), data);
  if (failed(sizes))
    return failure();
  if (!data.entry.empty() &&
      failed(findFunction(session, fast->signature(), data.entry)))
    return failure();

  std::vector<Row> rows;
  for (auto [index, function] : llvm::enumerate(fast->signature().functions)) {
    if (!data.entry.empty() && data.entry != function.name)
      continue;
    session.progress()("running " + function.name);
    Arrays arrays = makeArrays(function, *sizes, data.seed);
    Arrays plainArrays =
        convertArrays(arrays, plain->signature().functions[index]);
    Arrays oracleArrays =
        convertArrays(arrays, oracle->signature().functions[index]);
    // A poisoned workspace shows what is read before it is written.
    std::vector<int64_t> dims;
    for (const std::string &dim : function.dims)
      dims.push_back(sizes->at(dim));
    int64_t bytes = fast->workspaceBytes(index, dims);
    Array workspace(ElementType::U8, {std::max<int64_t>(bytes, 64)});
    std::memset(workspace.data(), 0xff, workspace.bytes());
    if (failed(fast->call(session, index, arrays, &workspace)) ||
        failed(plain->call(session, index, plainArrays)) ||
        failed(oracle->call(session, index, oracleArrays)))
      return failure();
    for (auto [position, tensor] : llvm::enumerate(function.tensors)) {
      if (tensor.role != GATE_ROLE_OUTPUT &&
          tensor.role != GATE_ROLE_NEXT_STATE)
        continue;
      double scale = rmsOf(oracleArrays[position]);
      Row row{function.name,
              tensor.name,
              tensor.type,
              compare(arrays[position], oracleArrays[position], scale),
              compare(plainArrays[position], oracleArrays[position], scale),
              false};
      row.passed = isWithin(row.fast, row.plain);
      rows.push_back(row);
    }
  }
  return rows;
}

static void printJson(const std::vector<Row> &rows) {
  llvm::json::Array list;
  for (const Row &row : rows) {
    auto errors = [](const Errors &e) {
      return llvm::json::Object{
          {"max", e.largest}, {"rms", e.rms}, {"mismatches", e.mismatches}};
    };
    list.push_back(llvm::json::Object{{"function", row.function},
                                      {"result", row.result},
                                      {"type", elementTypeName(row.type)},
                                      {"fast", errors(row.fast)},
                                      {"plain", errors(row.plain)},
                                      {"passed", row.passed}});
  }
  llvm::outs() << llvm::json::Value(std::move(list)) << "\n";
}

static void printTable(const std::vector<Row> &rows) {
  llvm::outs() << "errors against f64, in units of the result's RMS\n";
  for (const Row &row : rows) {
    llvm::outs() << llvm::format(
        "%-10s %-12s %-8s max %.1e rms %.1e   plain loop max %.1e rms %.1e   ",
        row.function.c_str(), row.result.c_str(),
        elementTypeInfo(row.type).shortName, row.fast.largest, row.fast.rms,
        row.plain.largest, row.plain.rms);
    if (row.fast.mismatches > row.plain.mismatches)
      llvm::outs() << row.fast.mismatches << " elements that are no numbers   ";
    llvm::outs() << (row.passed ? "ok" : "MISS") << "\n";
  }
}

int gate::runVerify(const DataOptions &data) {
  Session session;
  FailureOr<std::vector<Row>> rows = verify(data, session);
  if (failed(rows))
    return 1;
  if (data.json)
    printJson(*rows);
  else
    printTable(*rows);
  return llvm::all_of(*rows, [](const Row &row) { return row.passed; }) ? 0 : 1;
}
