//===- Signature.h - What a compiled library exports -----------*- C++ -*-===//
//
// The signature of a library as plain data: the compiler fills it from the
// functions of a module; the header, the JSON text and the entry points are
// printed from it. Knows nothing of MLIR.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_SUPPORT_SIGNATURE_H
#define GATE_SUPPORT_SIGNATURE_H

#include "gate/Runtime/Abi.h"
#include "gate/Support/DataKind.h"

#include <cstdint>
#include <string>
#include <vector>

namespace gate {

/// Element types that cross the boundary of a library.
enum class ElementType { F64, F32, BF16, F16, I64, I32, I8, U8, I1 };

/// The spelling in messages, JSON and NumPy: "float32", "bfloat16", "int32".
const char *elementTypeName(ElementType type);

/// One tensor of a function.
struct TensorSignature {
  /// Without group: "block0" for the state "state.block0".
  std::string name;
  GateRole role = GATE_ROLE_INPUT;
  ElementType type = ElementType::F32;
  /// A size, or -1 where the size is that of the dim of the same position in
  /// `dims`, which is then never empty.
  std::vector<int64_t> shape;
  /// Dim names by position; "" where a static dim has no name.
  std::vector<std::string> dims;
  /// See GateArgument::indexBound.
  int64_t indexBound = -1;
  /// What seeded data must look like.
  DataKind dataKind = DataKind::Any;
  /// GATE_ROLE_NEXT_STATE: position in `tensors` of its state, or -1.
  int32_t tied = -1;
  /// The bytes of an embedded parameter; empty when the caller passes it.
  std::string embedded;
};

/// One exported function. Order of `tensors` = order of the body's data
/// table: inputs, parameters and states as in the source's arguments, then
/// outputs and next states as in its results.
struct FunctionSignature {
  /// Without prefix: "forward".
  std::string name;
  std::vector<TensorSignature> tensors;
  /// Names of the sizes known only at the call, in order of appearance.
  std::vector<std::string> dims;
  /// Symbols in the compiled module: void(ptr data, ptr dims, ptr workspace)
  /// and i64(ptr dims).
  std::string bodySymbol;
  std::string workspaceSymbol;
  /// The same for tensors on a GPU: void(ptr data, ptr dims, ptr workspace, ptr
  /// launch) and i64(ptr dims); empty without a GPU target.
  std::string launchSymbol;
  std::string launchWorkspaceSymbol;
  /// Position in LibrarySignature::preparations of what prepares operands of
  /// this function, or -1.
  int32_t preparation = -1;
  /// See GateFunction::preparedOffsets.
  std::vector<int64_t> preparedOffsets;
};

/// What computes operands of functions from parameters alone: see
/// GatePreparation. Takes the parameters of the functions that refer to it.
struct PreparationSignature {
  /// As FunctionSignature::bodySymbol; data: the parameters, then one entry per
  /// offset.
  std::string bodySymbol;
  std::string workspaceSymbol;
  std::vector<int64_t> offsets;
  int64_t bytes = 0;
  uint64_t identity = 0;
};

/// See GateCudaTensorMap.
struct CudaTensorMap {
  int32_t base = 0, elementType = 0;
  int64_t offset = 0;
  int32_t elementBytes = 0, swizzle = 0;
  std::vector<int32_t> box;
  std::vector<int64_t> extents, sizes;
};

/// A kernel and how it is launched: see GateCudaLaunch.
struct CudaKernel {
  std::string name;
  int32_t threads = 0;
  int32_t sharedBytes = 0;
  int32_t parameterCount = 0;
  bool isPersistent = false;
  std::vector<CudaTensorMap> maps;
};

/// The kernels of a library compiled for one kind of GPU: see GateCudaImage.
struct CudaImage {
  std::string target;
  int32_t major = 0, minor = 0;
  bool isExact = false;
  std::string ptx;
  /// Empty when no assembler was there.
  std::string cubin;
  /// The same kernels, in the same order, in all images of a library.
  std::vector<CudaKernel> kernels;
};

/// One library.
struct LibrarySignature {
  /// Prefix of every exported name: "gla".
  std::string prefix;
  std::vector<FunctionSignature> functions;
  std::vector<PreparationSignature> preparations;
  /// See GateLibrary::cpuFeatures.
  std::string cpuFeatures;
  /// The GPU part; no image: none.
  std::vector<CudaImage> images;
  /// Whether calls take a stream and tensors on a GPU.
  bool hasCuda() const { return !images.empty(); }
  /// Whether calls take tensors on the CPU.
  bool hasCpu() const {
    return functions.empty() || !functions.front().bodySymbol.empty();
  }
  /// Of the compiler: "gate 0.1.0 (LLVM 22.1.8)".
  std::string compiler;
};

} // namespace gate

#endif // GATE_SUPPORT_SIGNATURE_H
