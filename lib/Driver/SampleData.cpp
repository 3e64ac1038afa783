//===- SampleData.cpp - Seeded arguments for a function -------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/SampleData.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace gate;

namespace {
/// Numbers that are the same on every machine, unlike those of <random>
/// (splitmix64; Steele, Lea and Flood, OOPSLA 2014).
class Generator {
public:
  explicit Generator(uint64_t seed) : state(seed) {}

  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// In (0, 1).
  double uniform() {
    return (static_cast<double>(next() >> 11) + 0.5) * 0x1p-53;
  }
  /// Standard normal (Box and Muller).
  double normal() {
    double radius = std::sqrt(-2 * std::log(uniform()));
    return radius * std::cos(6.283185307179586 * uniform());
  }

private:
  uint64_t state;
};
} // namespace

static bool isOutput(const TensorSignature &tensor) {
  return tensor.role == GATE_ROLE_OUTPUT || tensor.role == GATE_ROLE_NEXT_STATE;
}

static bool isFloat(ElementType type) {
  return type == ElementType::F64 || type == ElementType::F32 ||
         type == ElementType::BF16 || type == ElementType::F16;
}

static void poison(Array &array) {
  std::memset(array.data(), 0xff, array.bytes());
}

static double sample(const TensorSignature &tensor, Generator &generator) {
  if (!isFloat(tensor.type)) {
    int64_t bound = tensor.indexBound > 0 ? tensor.indexBound : 2;
    return static_cast<double>(generator.next() % bound);
  }
  double x = generator.normal();
  switch (tensor.dataKind) {
  case DataKind::Any:
    break;
  case DataKind::LogGate:
    return (std::fmin(x, 0) - std::log1p(std::exp(-std::fabs(x)))) / 16;
  case DataKind::Share:
    return 1 / (1 + std::exp(-x));
  case DataKind::UnitRows:
    return x / std::sqrt(static_cast<double>(tensor.shape.back()));
  }
  if (tensor.role == GATE_ROLE_PARAMETER) {
    if (tensor.shape.size() >= 2)
      return x / std::sqrt(static_cast<double>(tensor.shape.back()));
    return 1 + x / 8;
  }
  return x;
}

Arrays gate::makeArrays(const FunctionSignature &function,
                        const std::map<std::string, int64_t> &sizes,
                        uint64_t seed) {
  Arrays arrays;
  for (auto [index, tensor] : llvm::enumerate(function.tensors)) {
    Array array(tensor.type, shapeAt(function, tensor, sizes));
    if (isOutput(tensor)) {
      poison(array);
    } else {
      Generator generator(seed * 1000003 + index);
      for (int64_t i = 0, n = array.elements(); i < n; ++i)
        array.set(i, sample(tensor, generator));
    }
    arrays.push_back(std::move(array));
  }
  return arrays;
}

Arrays gate::convertArrays(const Arrays &arrays,
                           const FunctionSignature &other) {
  Arrays result;
  for (auto [array, tensor] : llvm::zip(arrays, other.tensors)) {
    result.push_back(array.convert(tensor.type));
    if (isOutput(tensor))
      poison(result.back());
  }
  return result;
}

FailureOr<std::map<std::string, int64_t>>
gate::completeSizes(Session &session, const LibrarySignature &library,
                    const DataOptions &data) {
  std::map<std::string, int64_t> sizes;
  for (const FunctionSignature &function : library.functions)
    for (const std::string &dim : function.dims)
      sizes[dim] = dim == "T" ? 100 : 2;
  for (const auto &[name, size] : data.sizes) {
    if (!sizes.count(name)) {
      std::string known;
      for (const auto &[other, unused] : sizes)
        known += (known.empty() ? "" : ", ") + other;
      return session.error("--set: no dim '" + name +
                           "' is known only at the call; expects one of: " +
                           (known.empty() ? "(none)" : known));
    }
    sizes[name] = size;
  }
  return sizes;
}

FailureOr<size_t> gate::findFunction(Session &session,
                                     const LibrarySignature &library,
                                     StringRef name) {
  if (name.empty())
    return size_t(0);
  std::string known;
  for (auto [index, function] : llvm::enumerate(library.functions)) {
    if (function.name == name)
      return index;
    known += (known.empty() ? "" : ", ") + function.name;
  }
  return session.error("--entry: no function '" + name +
                       "'; expects one of: " + known);
}
