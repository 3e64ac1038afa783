//===- LoadedLibrary.cpp - Calling a compiled library ---------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/LoadedLibrary.h"

#include "gate/Runtime/DLPack.h"
#include "gate/Support/ElementTypes.h"
#include "gate/Target/Library/Groups.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FileSystem.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <utility>

using namespace mlir;
using namespace gate;

//===----------------------------------------------------------------------===//
// Array
//===----------------------------------------------------------------------===//

void Array::Free::operator()(void *pointer) const { std::free(pointer); }

Array::Array(ElementType type, std::vector<int64_t> shape)
    : type(type), shape(std::move(shape)) {
  size_t size = (static_cast<size_t>(bytes()) + 127) / 64 * 64;
  storage.reset(std::aligned_alloc(64, size));
  std::memset(storage.get(), 0, size);
}

int64_t Array::elements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

int64_t Array::bytes() const {
  return elements() * elementTypeInfo(type).bits / 8;
}

static double fromNarrow(const llvm::fltSemantics &semantics, uint16_t bits) {
  return llvm::APFloat(semantics, llvm::APInt(16, bits)).convertToDouble();
}

static uint16_t toNarrow(const llvm::fltSemantics &semantics, double value) {
  llvm::APFloat number(value);
  bool loses;
  number.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &loses);
  return static_cast<uint16_t>(number.bitcastToAPInt().getZExtValue());
}

double Array::get(int64_t index) const {
  const void *raw = storage.get();
  switch (type) {
  case ElementType::F64:
    return static_cast<const double *>(raw)[index];
  case ElementType::F32:
    return static_cast<const float *>(raw)[index];
  case ElementType::BF16:
    return fromNarrow(llvm::APFloat::BFloat(),
                      static_cast<const uint16_t *>(raw)[index]);
  case ElementType::F16:
    return fromNarrow(llvm::APFloat::IEEEhalf(),
                      static_cast<const uint16_t *>(raw)[index]);
  case ElementType::I64:
    return static_cast<double>(static_cast<const int64_t *>(raw)[index]);
  case ElementType::I32:
    return static_cast<const int32_t *>(raw)[index];
  case ElementType::I8:
    return static_cast<const int8_t *>(raw)[index];
  case ElementType::U8:
  case ElementType::I1:
    return static_cast<const uint8_t *>(raw)[index];
  }
  llvm_unreachable("unknown element type");
}

void Array::set(int64_t index, double value) {
  void *raw = storage.get();
  switch (type) {
  case ElementType::F64:
    static_cast<double *>(raw)[index] = value;
    return;
  case ElementType::F32:
    static_cast<float *>(raw)[index] = static_cast<float>(value);
    return;
  case ElementType::BF16:
    static_cast<uint16_t *>(raw)[index] =
        toNarrow(llvm::APFloat::BFloat(), value);
    return;
  case ElementType::F16:
    static_cast<uint16_t *>(raw)[index] =
        toNarrow(llvm::APFloat::IEEEhalf(), value);
    return;
  case ElementType::I64:
    static_cast<int64_t *>(raw)[index] = static_cast<int64_t>(value);
    return;
  case ElementType::I32:
    static_cast<int32_t *>(raw)[index] = static_cast<int32_t>(value);
    return;
  case ElementType::I8:
    static_cast<int8_t *>(raw)[index] = static_cast<int8_t>(value);
    return;
  case ElementType::U8:
  case ElementType::I1:
    static_cast<uint8_t *>(raw)[index] = static_cast<uint8_t>(value);
    return;
  }
  llvm_unreachable("unknown element type");
}

Array Array::convert(ElementType to) const {
  Array result(to, shape);
  if (to == type) {
    std::memcpy(result.data(), data(), bytes());
    return result;
  }
  for (int64_t i = 0, n = elements(); i < n; ++i)
    result.set(i, get(i));
  return result;
}

std::vector<int64_t>
gate::shapeAt(const FunctionSignature &function, const TensorSignature &tensor,
              const std::map<std::string, int64_t> &sizes) {
  std::vector<int64_t> shape = tensor.shape;
  for (auto [size, name] : llvm::zip(shape, tensor.dims))
    if (size < 0)
      size = sizes.at(name);
  return shape;
}

//===----------------------------------------------------------------------===//
// LoadedLibrary
//===----------------------------------------------------------------------===//

LoadedLibrary::LoadedLibrary(LoadedLibrary &&other) noexcept
    : library(std::move(other.library)),
      handle(std::exchange(other.handle, nullptr)) {}

LoadedLibrary::~LoadedLibrary() {
  if (handle)
    dlclose(handle);
}

void *LoadedLibrary::symbol(const std::string &name) const {
  return dlsym(handle, name.c_str());
}

FailureOr<LoadedLibrary> LoadedLibrary::compile(Session &session,
                                                CompileOptions options) {
  options.progress = session.progress();
  options.prefix = toIdentifier(options.prefix);
  Compiler compiler(session.context(), options);
  if (failed(compiler.parse()) || failed(compiler.runThrough("")))
    return failure();
  llvm::SmallString<128> path;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("gate", "so", path))
    return session.error("cannot make a temporary file: " + code.message());
  LoadedLibrary result;
  if (succeeded(compiler.writeLibrary(std::string(path)))) {
    result.handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!result.handle)
      (void)session.error(std::string("cannot load the library: ") + dlerror());
  }
  llvm::sys::fs::remove(path);
  if (!result.handle)
    return failure();
  result.library = compiler.signature();
  return result;
}

/// Calls a C function of N pointers, the workspace and its size, and a stream
/// where the library takes one.
template <size_t... I>
static int32_t callWith(void *function, void *const *groups, void *workspace,
                        size_t bytes, bool takesStream,
                        std::index_sequence<I...>) {
  using Function = int32_t (*)(
      decltype(static_cast<void>(I), static_cast<void *>(nullptr))..., void *,
      size_t);
  using StreamFunction = int32_t (*)(
      decltype(static_cast<void>(I), static_cast<void *>(nullptr))..., void *,
      size_t, void *);
  if (takesStream)
    return reinterpret_cast<StreamFunction>(function)(groups[I]..., workspace,
                                                      bytes, nullptr);
  return reinterpret_cast<Function>(function)(groups[I]..., workspace, bytes);
}

template <size_t N>
static int32_t callN(void *function, void *const *groups, void *workspace,
                     size_t bytes, bool takesStream) {
  return callWith(function, groups, workspace, bytes, takesStream,
                  std::make_index_sequence<N>());
}

/// Most pointer arguments of a function that this can call.
static constexpr size_t mostGroups = 48;
using Caller = int32_t (*)(void *, void *const *, void *, size_t, bool);

template <size_t... N>
static constexpr std::array<Caller, sizeof...(N)>
makeCallers(std::index_sequence<N...>) {
  return {&callN<N>...};
}

/// A view of each array.
static std::vector<DLTensor> makeTensors(Arrays &arrays) {
  std::vector<DLTensor> tensors(arrays.size());
  for (auto [position, array] : llvm::enumerate(arrays)) {
    DLTensor &tensor = tensors[position];
    std::memset(&tensor, 0, sizeof(tensor));
    const ElementTypeInfo &info = elementTypeInfo(array.type);
    tensor.data = array.data();
    tensor.device.device_type = kDLCPU;
    tensor.ndim = static_cast<int32_t>(array.shape.size());
    tensor.dtype = {info.code, info.bits, 1};
    tensor.shape = array.shape.data();
  }
  return tensors;
}

/// The struct that a group is passed as.
static std::vector<const void *> makeStruct(const Group &group,
                                            std::vector<DLTensor> &tensors,
                                            const void *prepared) {
  std::vector<const void *> members;
  for (int32_t member : group.members)
    members.push_back(member < 0 ? nullptr : &tensors[member]);
  if (group.kind == GroupKind::Parameters)
    members.push_back(prepared);
  return members;
}

LogicalResult LoadedLibrary::check(Session &session, int32_t status) const {
  if (status == 0)
    return success();
  auto message = reinterpret_cast<const char *(*)()>(
      symbol(library.prefix + "_last_error"));
  return session.error(message());
}

FailureOr<Array> LoadedLibrary::prepare(Session &session, size_t index,
                                        Arrays &arrays) {
  const FunctionLayout layout = computeLayout(library).functions[index];
  if (layout.prepareSymbol.empty())
    return Array();
  int64_t bytes =
      library.preparations[library.functions[index].preparation].bytes;
  Array prepared(ElementType::U8, {bytes});
  std::vector<DLTensor> tensors = makeTensors(arrays);
  for (const Group &group : layout.groups) {
    if (group.kind != GroupKind::Parameters)
      continue;
    auto members = makeStruct(group, tensors, nullptr);
    using Prepare = int32_t (*)(const void *, void *, size_t);
    auto call = reinterpret_cast<Prepare>(symbol(layout.prepareSymbol));
    if (failed(check(session, call(members.data(), prepared.data(),
                                   static_cast<size_t>(bytes)))))
      return failure();
  }
  return prepared;
}

LogicalResult LoadedLibrary::call(Session &session, size_t index,
                                  Arrays &arrays, Array *workspace,
                                  const Array *prepared) {
  static constexpr auto callers =
      makeCallers(std::make_index_sequence<mostGroups + 1>());
  FunctionLayout layout = computeLayout(library).functions[index];
  if (layout.groups.size() > mostGroups)
    return session.error(layout.symbol + " has more than " +
                         std::to_string(mostGroups) + " arguments");
  std::vector<DLTensor> tensors = makeTensors(arrays);
  std::vector<std::vector<const void *>> members(layout.groups.size());
  std::vector<void *> pointers(layout.groups.size());
  for (auto [position, group] : llvm::enumerate(layout.groups)) {
    if (group.kind == GroupKind::Tensor) {
      pointers[position] = &tensors[group.members[0]];
      continue;
    }
    members[position] =
        makeStruct(group, tensors, prepared ? prepared->data() : nullptr);
    pointers[position] = members[position].data();
  }
  int32_t status = callers[pointers.size()](
      symbol(layout.symbol), pointers.data(),
      workspace ? workspace->data() : nullptr,
      workspace ? static_cast<size_t>(workspace->bytes()) : 0,
      library.hasCuda());
  return check(session, status);
}

/// Calls a workspace query: one i64 per dim, then the result's address.
template <size_t... I>
static int32_t queryWith(void *function, const int64_t *dims, size_t *bytes,
                         std::index_sequence<I...>) {
  using Function =
      int32_t (*)(decltype(static_cast<void>(I), int64_t())..., size_t *);
  return reinterpret_cast<Function>(function)(dims[I]..., bytes);
}

template <size_t N>
static int32_t queryN(void *function, const int64_t *dims, size_t *bytes) {
  return queryWith(function, dims, bytes, std::make_index_sequence<N>());
}

/// Most dims of a function that this can ask about.
static constexpr size_t mostDims = 48;
using Query = int32_t (*)(void *, const int64_t *, size_t *);

template <size_t... N>
static constexpr std::array<Query, sizeof...(N)>
makeQueries(std::index_sequence<N...>) {
  return {&queryN<N>...};
}

int64_t LoadedLibrary::workspaceBytes(size_t index, ArrayRef<int64_t> dims) {
  static constexpr auto queries =
      makeQueries(std::make_index_sequence<mostDims + 1>());
  if (dims.size() > mostDims)
    return -1;
  FunctionLayout layout = computeLayout(library).functions[index];
  size_t bytes = 0;
  queries[dims.size()](symbol(layout.workspaceSymbol), dims.data(), &bytes);
  return static_cast<int64_t>(bytes);
}

void LoadedLibrary::setThreads(int threads) {
  reinterpret_cast<int32_t (*)(int32_t)>(
      symbol(library.prefix + "_set_num_threads"))(threads);
}
