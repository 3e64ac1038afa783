//===- TestLibrary.h - A library to call in tests --------------*- C++ -*-===//
//
// The tables of one small function, as the compiler would emit them, and
// tensors to call it with.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_UNIT_RUNTIME_TESTLIBRARY_H
#define GATE_UNIT_RUNTIME_TESTLIBRARY_H

#include "gate/Runtime/Abi.h"
#include "gate/Runtime/DLPack.h"

#include <cstring>
#include <string>
#include <vector>

namespace gate::test {

/// A tensor that owns its shape and strides, and its data unless told where.
struct Tensor {
  Tensor(uint8_t code, uint8_t bits, std::vector<int64_t> sizes)
      : shape(std::move(sizes)) {
    size_t elements = 1;
    for (int64_t size : shape)
      elements *= size > 0 ? static_cast<size_t>(size) : 0;
    storage.resize(elements * bits / 8 + 64);
    uintptr_t address = reinterpret_cast<uintptr_t>(storage.data());
    view.data = reinterpret_cast<void *>((address + 63) & ~uintptr_t{63});
    view.device = {kDLCPU, 0};
    view.ndim = static_cast<int32_t>(shape.size());
    view.dtype = {code, bits, 1};
    view.shape = shape.data();
    view.strides = nullptr;
    view.byte_offset = 0;
  }
  Tensor(const Tensor &) = delete;

  template <typename T>
  T *data() {
    return static_cast<T *>(view.data);
  }
  void setStrides(std::vector<int64_t> values) {
    strides = std::move(values);
    view.strides = strides.data();
  }

  std::vector<int64_t> shape, strides;
  std::vector<char> storage;
  DLTensor view;
};

/// gla_forward(parameters{w}, ids, state{s}, logits, next_state{s}):
/// the body adds the ids of a row to its state and writes state * w.
///   ids: int32 [B, T] in [0, 256)   w: float32 [4]   state: float32 [B, 4]
///   logits: float32 [B, T, 4]
struct TestLibrary {
  static void body(void *const *data, const int64_t *dims, void *workspace) {
    calls()++;
    const int32_t *ids = static_cast<const int32_t *>(data[0]);
    const float *w = static_cast<const float *>(data[1]);
    float *state = static_cast<float *>(data[2]);
    float *logits = static_cast<float *>(data[3]);
    if (workspace)
      memset(workspace, 1, static_cast<size_t>(workspaceBytes(dims)));
    for (int64_t b = 0; b < dims[0]; ++b)
      for (int64_t t = 0; t < dims[1]; ++t)
        for (int64_t i = 0; i < 4; ++i) {
          state[b * 4 + i] += static_cast<float>(ids[b * dims[1] + t]);
          logits[(b * dims[1] + t) * 4 + i] = state[b * 4 + i] * w[i];
        }
  }
  static int64_t workspaceBytes(const int64_t *dims) {
    return dims[1] > 1000000 ? INT64_C(1) << 60 : dims[0] * dims[1] * 8;
  }
  static int &calls() {
    static int count = 0;
    return count;
  }

  TestLibrary() { calls() = 0; }

  int32_t call(void *workspace = nullptr, size_t bytes = 0) {
    const void *parameters[] = {w};
    const void *states[] = {state};
    const void *nextStates[] = {nextState};
    const void *groups[] = {parameters, ids, states, logits, nextStates};
    return gate_rt_call(&library, &function, groups, workspace, bytes, nullptr);
  }
  std::string message() { return gate_rt_last_error(); }

  const int64_t idsShape[2] = {-1, -2}, wShape[1] = {4},
                stateShape[2] = {-1, 4}, logitsShape[3] = {-1, -2, 4};
  const char *const groupNames[5] = {"parameters", "ids", "state", "logits",
                                     "next_state"};
  const char *const dims[2] = {"B", "T"};
  GateArgument arguments[5] = {
      {"ids", 1, -1, GATE_ROLE_INPUT, -1, GATE_DL_INT, 32, 2, idsShape, nullptr,
       256, nullptr},
      {"parameters.w", 0, 0, GATE_ROLE_PARAMETER, -1, GATE_DL_FLOAT, 32, 1,
       wShape, nullptr, -1, nullptr},
      {"state.s", 2, 0, GATE_ROLE_STATE, -1, GATE_DL_FLOAT, 32, 2, stateShape,
       nullptr, -1, nullptr},
      {"logits", 3, -1, GATE_ROLE_OUTPUT, -1, GATE_DL_FLOAT, 32, 3, logitsShape,
       nullptr, -1, nullptr},
      {"next_state.s", 4, 0, GATE_ROLE_NEXT_STATE, 2, GATE_DL_FLOAT, 32, 2,
       stateShape, nullptr, -1, nullptr},
  };
  GateFunction function = {
      "gla_forward",  5,       5,       2, groupNames, arguments, dims,   body,
      workspaceBytes, nullptr, nullptr, 0, -1,         nullptr,   nullptr};
  const GateFunction *functions[1] = {&function};
  GateLibrary library = {GATE_ABI_VERSION, 1, functions, "", nullptr};

  Tensor idsTensor{GATE_DL_INT, 32, {2, 3}};
  Tensor wTensor{GATE_DL_FLOAT, 32, {4}};
  Tensor stateTensor{GATE_DL_FLOAT, 32, {2, 4}};
  Tensor logitsTensor{GATE_DL_FLOAT, 32, {2, 3, 4}};
  Tensor nextStateTensor{GATE_DL_FLOAT, 32, {2, 4}};
  DLTensor *ids = &idsTensor.view, *w = &wTensor.view,
           *state = &stateTensor.view, *logits = &logitsTensor.view,
           *nextState = &nextStateTensor.view;
};

} // namespace gate::test

#endif // GATE_UNIT_RUNTIME_TESTLIBRARY_H
