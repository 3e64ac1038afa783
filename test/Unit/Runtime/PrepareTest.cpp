//===- PrepareTest.cpp - Operands that are computed once ------------------===//
//
// What prepare writes, what a call then reads, and memory that is refused.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestLibrary.h"

#include <gtest/gtest.h>

using namespace gate::test;

namespace {
/// mlp_apply(parameters{w, prepared}, y): y = 2 w, where 2 w is what can be
/// prepared. w, y: float32 [4].
class PrepareTest : public testing::Test {
protected:
  static void twice(const void *from, void *to) {
    for (int i = 0; i < 4; ++i)
      static_cast<float *>(to)[i] = 2 * static_cast<const float *>(from)[i];
  }
  static void applyBody(void *const *data, const int64_t *, void *) {
    if (data[2])
      memcpy(data[1], data[2], 4 * sizeof(float));
    else
      twice(data[0], data[1]);
  }
  static void prepareBody(void *const *data, const int64_t *, void *room) {
    memset(room, 1, 100);
    twice(data[0], data[1]);
  }

  PrepareTest() {
    for (int i = 0; i < 4; ++i)
      w.data<float>()[i] = static_cast<float>(i + 1);
    memory = static_cast<char *>(memoryTensor.view.data);
  }

  int32_t prepare(size_t bytes = 128) {
    const void *parameters[] = {&w.view, nullptr};
    return gate_rt_prepare(&library, &preparation, parameters, memory, bytes);
  }
  int32_t call(void *prepared, void *workspace = nullptr) {
    const void *parameters[] = {&w.view, prepared};
    const void *groups[] = {parameters, &y.view};
    return gate_rt_call(&library, &function, groups, workspace, 64, nullptr);
  }
  std::string message() { return gate_rt_last_error(); }

  const int64_t shape[1] = {4}, offsets[1] = {64};
  const char *const groupNames[2] = {"parameters", "y"};
  GateArgument arguments[2] = {
      {"parameters.w", 0, 0, GATE_ROLE_PARAMETER, -1, GATE_DL_FLOAT, 32, 1,
       shape, nullptr, -1, nullptr},
      {"y", 1, -1, GATE_ROLE_OUTPUT, -1, GATE_DL_FLOAT, 32, 1, shape, nullptr,
       -1, nullptr},
  };
  GateFunction prepareFunction = {
      "mlp_prepare",
      1,
      1,
      0,
      groupNames,
      arguments,
      nullptr,
      prepareBody,
      [](const int64_t *) -> int64_t { return 100; },
      nullptr,
      nullptr,
      1,
      -1,
      offsets,
      nullptr};
  GatePreparation preparation = {&prepareFunction, 128, 0x1234};
  GateFunction function = {
      "mlp_apply", 2,          2,
      0,           groupNames, arguments,
      nullptr,     applyBody,  [](const int64_t *) -> int64_t { return 64; },
      nullptr,     nullptr,    1,
      1,           offsets,    &preparation};
  const GateFunction *functions[1] = {&function};
  GateLibrary library = {GATE_ABI_VERSION, 1, functions, "", nullptr};

  Tensor w{GATE_DL_FLOAT, 32, {4}}, y{GATE_DL_FLOAT, 32, {4}};
  Tensor memoryTensor{GATE_DL_FLOAT, 32, {64}};
  char *memory;
};
} // namespace

TEST_F(PrepareTest, NothingPrepared) {
  ASSERT_EQ(call(nullptr), GATE_STATUS_OK) << message();
  EXPECT_EQ(y.data<float>()[3], 8);
}

TEST_F(PrepareTest, ReadsWhatWasPrepared) {
  ASSERT_EQ(prepare(), GATE_STATUS_OK) << message();
  memset(w.view.data, 0, 16);
  ASSERT_EQ(call(memory), GATE_STATUS_OK) << message();
  EXPECT_EQ(y.data<float>()[3], 8);
  ASSERT_EQ(call(nullptr), GATE_STATUS_OK) << message();
  EXPECT_EQ(y.data<float>()[3], 0);
}

TEST_F(PrepareTest, WritesNothingBehind) {
  memset(memory, 7, 256);
  ASSERT_EQ(prepare(), GATE_STATUS_OK) << message();
  EXPECT_EQ(memory[128], 7);
}

TEST_F(PrepareTest, MemoryThatIsRefusedByPrepare) {
  memset(memory, 7, 256);
  EXPECT_EQ(prepare(127), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_prepare: argument prepared: expected at least 128 "
                       "bytes, got 127");
  memory += 8;
  EXPECT_EQ(prepare(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(message().find("expected memory aligned to 64 bytes, got address"),
            std::string::npos);
  EXPECT_EQ(memory[0], 7);
  memory = nullptr;
  EXPECT_EQ(prepare(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_prepare: argument prepared: expected memory, got "
                       "null");
  memory = static_cast<char *>(w.view.data);
  EXPECT_EQ(prepare(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_prepare: argument prepared: overlaps argument "
                       "parameters.w");
}

TEST_F(PrepareTest, ParametersAreChecked) {
  w.shape[0] = 5;
  EXPECT_EQ(prepare(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_prepare: argument parameters.w: expected float32 "
                       "[4], got float32 [5]");
  EXPECT_EQ(gate_rt_prepare(&library, &preparation, nullptr, memory, 128),
            GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_prepare: argument parameters: expected a struct of "
                       "tensors, got null");
}

TEST_F(PrepareTest, NotOnAGpu) {
  GateCudaModule cuda = {0, 0, nullptr, nullptr};
  library.cuda = &cuda;
  w.view.device = {GATE_DL_CUDA, 0};
  EXPECT_EQ(prepare(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_prepare: argument parameters.w: expected CPU "
                       "memory, got memory of a CUDA device, where calls use "
                       "nothing prepared");
}

TEST_F(PrepareTest, MemoryThatIsRefusedByCalls) {
  static const char kStart[] =
      "mlp_apply: parameters.prepared: expected 128 bytes that mlp_prepare of "
      "this library wrote, got ";
  static const char kFix[] =
      "; call mlp_prepare, or set parameters.prepared to null";
  memset(memory, 0, 128);
  EXPECT_EQ(call(memory), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(),
            std::string(kStart) + "memory that was never prepared" + kFix);
  ASSERT_EQ(prepare(), GATE_STATUS_OK) << message();
  preparation.identity = 0x1235;
  EXPECT_EQ(call(memory), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), std::string(kStart) +
                           "128 bytes of another library or version "
                           "(0000000000001234 instead of 0000000000001235)" +
                           kFix);
  preparation.identity = 0x1234;
  auto *header = reinterpret_cast<GatePreparedHeader *>(memory);
  header->abiVersion = 1;
  EXPECT_EQ(call(memory), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), std::string(kStart) +
                           "memory of ABI version 1 instead "
                           "of " +
                           std::to_string(GATE_ABI_VERSION) + kFix);
  EXPECT_EQ(call(memory + 4), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(message().find("parameters.prepared: expected memory aligned to 64 "
                           "bytes, got address 0x"),
            std::string::npos);
}

TEST_F(PrepareTest, CallsDoNotWriteIt) {
  ASSERT_EQ(prepare(), GATE_STATUS_OK) << message();
  EXPECT_EQ(call(memory, memory + 64), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_apply: parameters.prepared: overlaps argument "
                       "workspace, which is written");
  y.view.data = memory + 64;
  EXPECT_EQ(call(memory), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(message(), "mlp_apply: parameters.prepared: overlaps argument y, "
                       "which is written");
}
