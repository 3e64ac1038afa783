//===- LoadedLibrary.h - Calling a compiled library ------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_LOADEDLIBRARY_H
#define GATE_DRIVER_LOADEDLIBRARY_H

#include "gate/Driver/Compiler.h"
#include "gate/Driver/Session.h"
#include "gate/Support/Signature.h"

#include <map>
#include <memory>

namespace gate {

/// A dense row-major array of one element type, 64-byte aligned.
class Array {
public:
  Array() = default;
  Array(ElementType type, std::vector<int64_t> shape);

  ElementType type = ElementType::F32;
  std::vector<int64_t> shape;

  int64_t elements() const;
  int64_t bytes() const;
  void *data() { return storage.get(); }
  const void *data() const { return storage.get(); }
  /// Element `index` as a double, whatever the type.
  double get(int64_t index) const;
  void set(int64_t index, double value);
  /// The same values in another float type; other types are copied.
  Array convert(ElementType to) const;
  Array copy() const { return convert(type); }

private:
  struct Free {
    void operator()(void *pointer) const;
  };
  std::unique_ptr<void, Free> storage;
};

/// Arrays of one call, one per tensor of the function.
using Arrays = std::vector<Array>;

/// A library that was compiled in this process, loaded from a temporary file.
class LoadedLibrary {
public:
  LoadedLibrary(LoadedLibrary &&other) noexcept;
  ~LoadedLibrary();

  /// Compiles `options` along its path and loads the result; errors go to the
  /// session.
  static mlir::FailureOr<LoadedLibrary> compile(Session &session,
                                                CompileOptions options);

  const LibrarySignature &signature() const { return library; }
  /// Calls function `index`; `arrays` has inputs filled in and outputs made.
  mlir::LogicalResult call(Session &session, size_t index, Arrays &arrays,
                           Array *workspace = nullptr,
                           const Array *prepared = nullptr);
  /// What can be prepared for function `index` from the parameters in `arrays`;
  /// empty when there is nothing.
  mlir::FailureOr<Array> prepare(Session &session, size_t index,
                                 Arrays &arrays);
  /// Bytes of workspace of function `index` at the sizes of `dims`.
  int64_t workspaceBytes(size_t index, llvm::ArrayRef<int64_t> dims);
  void setThreads(int threads);

private:
  LoadedLibrary() = default;
  void *symbol(const std::string &name) const;
  mlir::LogicalResult check(Session &session, int32_t status) const;

  LibrarySignature library;
  void *handle = nullptr;
};

/// Shapes of all tensors of a function at given dims.
std::vector<int64_t> shapeAt(const FunctionSignature &function,
                             const TensorSignature &tensor,
                             const std::map<std::string, int64_t> &sizes);

} // namespace gate

#endif // GATE_DRIVER_LOADEDLIBRARY_H
