//===- TestSignature.h - A signature for tests -----------------*- C++ -*-===//
//
// A library with everything a signature can have: shared structs, an embedded
// parameter, names that C does not allow, one name twice.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_UNIT_TARGET_LIBRARY_TESTSIGNATURE_H
#define GATE_UNIT_TARGET_LIBRARY_TESTSIGNATURE_H

#include "gate/Support/Signature.h"

namespace gate::test {

inline TensorSignature tensor(std::string name, GateRole role, ElementType type,
                              std::vector<int64_t> shape,
                              std::vector<std::string> dims,
                              int32_t tied = -1) {
  TensorSignature result;
  result.name = std::move(name);
  result.role = role;
  result.type = type;
  result.shape = std::move(shape);
  result.dims = std::move(dims);
  result.tied = tied;
  return result;
}

/// forward(ids; blocks.0.wq, int, baked; block0) -> (logits, block0)
/// step(x; blocks.0.wq, int; block0) -> (x, block0)
inline LibrarySignature testSignature() {
  TensorSignature ids =
      tensor("ids", GATE_ROLE_INPUT, ElementType::I32, {-1, -1}, {"B", "T"});
  ids.indexBound = 256;
  TensorSignature baked =
      tensor("baked", GATE_ROLE_PARAMETER, ElementType::F32, {4}, {});
  baked.embedded.assign(16, 'e');
  TensorSignature wq =
      tensor("blocks.0.wq", GATE_ROLE_PARAMETER, ElementType::F32, {4}, {"d"});
  TensorSignature keyword =
      tensor("int", GATE_ROLE_PARAMETER, ElementType::BF16, {4}, {""});
  auto state = [](GateRole role, int32_t tied) {
    return tensor("block0", role, ElementType::F32, {-1, 4}, {"B", "d"}, tied);
  };

  FunctionSignature forward;
  forward.name = "forward";
  forward.dims = {"B", "T"};
  forward.bodySymbol = "body_forward";
  forward.workspaceSymbol = "workspace_forward";
  forward.tensors = {
      ids,
      wq,
      keyword,
      baked,
      state(GATE_ROLE_STATE, -1),
      tensor("logits", GATE_ROLE_OUTPUT, ElementType::F32, {-1, -1, 4},
             {"B", "T", "d"}),
      state(GATE_ROLE_NEXT_STATE, 4),
  };

  FunctionSignature step;
  step.name = "step";
  step.dims = {"B"};
  step.bodySymbol = "body_step";
  step.workspaceSymbol = "workspace_step";
  step.tensors = {
      tensor("x", GATE_ROLE_INPUT, ElementType::F32, {-1, 4}, {"B", "d"}),
      wq,
      keyword,
      state(GATE_ROLE_STATE, -1),
      tensor("x", GATE_ROLE_OUTPUT, ElementType::F32, {-1, 4}, {"B", "d"}),
      state(GATE_ROLE_NEXT_STATE, 3),
  };

  LibrarySignature library;
  library.prefix = "gla";
  library.functions = {forward, step};
  library.cpuFeatures = "avx2 fma";
  library.compiler = "gate 0.1.0 (LLVM 22.1.8)";
  return library;
}

/// The same for CPUs and two kinds of GPU.
inline LibrarySignature cudaTestSignature() {
  LibrarySignature library = testSignature();
  for (FunctionSignature &function : library.functions) {
    function.launchSymbol = "launch_" + function.name;
    function.launchWorkspaceSymbol = "launch_workspace_" + function.name;
  }
  std::vector<CudaKernel> kernels = {{"scan", 128, 65536, 3, false, {}},
                                     {"tail", 64, 0, 3, false, {}}};
  library.images = {{"sm_80", 8, 0, false, "ptx for sm_80", "", kernels},
                    {"sm_90a", 9, 0, true, "ptx for sm_90a", "cubin", kernels}};
  CudaKernel &copying = library.images.back().kernels.front();
  copying.isPersistent = true;
  copying.maps = {{0, 7, 0, 4, 3, {64, 32}, {-2, 4}, {-2, 4}}};
  return library;
}

/// The same for GPUs alone.
inline LibrarySignature cudaOnlyTestSignature() {
  LibrarySignature library = cudaTestSignature();
  for (FunctionSignature &function : library.functions)
    function.bodySymbol = function.workspaceSymbol = "";
  return library;
}

/// The same where both functions take operands that are prepared from wq.
inline LibrarySignature preparedSignature() {
  LibrarySignature library = testSignature();
  PreparationSignature preparation;
  preparation.bodySymbol = "body_prepare";
  preparation.workspaceSymbol = "workspace_prepare";
  preparation.offsets = {64, 128};
  preparation.bytes = 192;
  preparation.identity = 0x0123456789abcdef;
  library.preparations = {preparation};
  library.functions[0].preparation = 0;
  library.functions[0].preparedOffsets = {128, 64};
  library.functions[1].preparation = 0;
  library.functions[1].preparedOffsets = {64};
  return library;
}

} // namespace gate::test

#endif // GATE_UNIT_TARGET_LIBRARY_TESTSIGNATURE_H
