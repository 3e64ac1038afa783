//===- CommandRun.cpp - gatec run -----------------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Npy.h"
#include "gate/Driver/SampleData.h"
#include "gate/Support/ElementTypes.h"
#include "gate/Target/Library/Groups.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace mlir;
using namespace gate;

/// Sizes of dims that the given files have; files and --set must agree.
static LogicalResult bindSizes(Session &session,
                               const FunctionSignature &function,
                               const std::map<std::string, Array> &files,
                               std::map<std::string, int64_t> &sizes,
                               const std::map<std::string, int64_t> &fixed) {
  for (const auto &[name, array] : files)
    for (const TensorSignature &tensor : function.tensors) {
      if (qualifiedName(tensor) != name)
        continue;
      if (array.shape.size() != tensor.shape.size())
        return session.error("--input " + name + ": expected rank " +
                             std::to_string(tensor.shape.size()) + ", got " +
                             std::to_string(array.shape.size()));
      for (auto [size, own, dim] :
           llvm::zip(tensor.shape, array.shape, tensor.dims))
        if (size < 0) {
          auto found = fixed.find(dim);
          if (found != fixed.end() && found->second != own)
            return session.error("--input " + name + ": dim " + dim + " is " +
                                 std::to_string(own) + " but --set says " +
                                 std::to_string(found->second));
          sizes[dim] = own;
        }
    }
  return success();
}

/// The oracle computes in f64 but takes files of the user's types.
static llvm::Expected<Array> readArgument(const std::string &path,
                                          ElementType type, bool forOracle) {
  if (forOracle && type == ElementType::F64)
    for (ElementType own :
         {ElementType::F32, ElementType::F16, ElementType::BF16}) {
      llvm::Expected<Array> array = readNpy(path, own);
      if (array)
        return array->convert(ElementType::F64);
      llvm::consumeError(array.takeError());
    }
  return readNpy(path, type);
}

static void printSummary(const FunctionSignature &function,
                         const Arrays &arrays, bool json) {
  llvm::json::Array list;
  for (auto [tensor, array] : llvm::zip(function.tensors, arrays)) {
    if (tensor.role != GATE_ROLE_OUTPUT && tensor.role != GATE_ROLE_NEXT_STATE)
      continue;
    double low = INFINITY, high = -INFINITY, sum = 0;
    int64_t n = array.elements();
    for (int64_t i = 0; i < n; ++i) {
      double x = array.get(i);
      low = std::fmin(low, x);
      high = std::fmax(high, x);
      sum += x * x;
    }
    std::string shape;
    for (int64_t size : array.shape)
      shape += (shape.empty() ? "" : ", ") + std::to_string(size);
    double rms = n ? std::sqrt(sum / n) : 0;
    std::string name = qualifiedName(tensor);
    if (json)
      list.push_back(llvm::json::Object{{"name", name},
                                        {"shape", shape},
                                        {"min", low},
                                        {"max", high},
                                        {"rms", rms}});
    else
      llvm::outs() << llvm::format(
          "%-18s %-8s [%s]  min %.4g  max %.4g  rms %.4g\n", name.c_str(),
          elementTypeInfo(array.type).shortName, shape.c_str(), low, high, rms);
  }
  if (json)
    llvm::outs() << llvm::json::Value(std::move(list)) << "\n";
}

static LogicalResult run(const RunCommand &command, Session &session) {
  CompileOptions options = command.data.options;
  if (command.reference)
    options.path = Path::Oracle;
  FailureOr<LoadedLibrary> library = LoadedLibrary::compile(session, options);
  if (failed(library))
    return failure();
  FailureOr<size_t> index =
      findFunction(session, library->signature(), command.data.entry);
  if (failed(index))
    return failure();
  const FunctionSignature &function = library->signature().functions[*index];
  auto sizes = completeSizes(session, library->signature(), command.data);
  if (failed(sizes))
    return failure();

  std::map<std::string, Array> files;
  for (const auto &[name, path] : command.inputs) {
    const TensorSignature *found = nullptr;
    for (const TensorSignature &tensor : function.tensors)
      if (qualifiedName(tensor) == name && tensor.role != GATE_ROLE_OUTPUT &&
          tensor.role != GATE_ROLE_NEXT_STATE)
        found = &tensor;
    if (!found)
      return session.error("--input: " + function.name + " has no argument '" +
                           name + "'");
    llvm::Expected<Array> array =
        readArgument(path, found->type, command.reference);
    if (!array)
      return session.error("--input " + name + ": " +
                           llvm::toString(array.takeError()));
    files[name] = std::move(*array);
  }
  if (failed(bindSizes(session, function, files, *sizes, command.data.sizes)))
    return failure();
  Arrays arrays = makeArrays(function, *sizes, command.data.seed);
  for (auto [tensor, array] : llvm::zip(function.tensors, arrays)) {
    auto found = files.find(qualifiedName(tensor));
    if (found != files.end() && tensor.role != GATE_ROLE_OUTPUT &&
        tensor.role != GATE_ROLE_NEXT_STATE)
      array = std::move(found->second);
  }
  if (failed(library->call(session, *index, arrays)))
    return failure();
  printSummary(function, arrays, command.data.json);
  if (command.outputFolder.empty())
    return success();
  if (std::error_code code =
          llvm::sys::fs::create_directories(command.outputFolder))
    return session.error("cannot make folder " + command.outputFolder + ": " +
                         code.message());
  for (auto [tensor, array] : llvm::zip(function.tensors, arrays)) {
    if (tensor.role != GATE_ROLE_OUTPUT && tensor.role != GATE_ROLE_NEXT_STATE)
      continue;
    llvm::SmallString<128> path(command.outputFolder);
    llvm::sys::path::append(path, qualifiedName(tensor) + ".npy");
    if (llvm::Error failed = writeNpy(std::string(path), array))
      return session.error(llvm::toString(std::move(failed)));
  }
  return success();
}

int gate::runRun(const RunCommand &command) {
  Session session;
  return succeeded(run(command, session)) ? 0 : 1;
}
