//===- CallTest.cpp - Calls, states and workspaces ------------------------===//
//
// Good calls in all their forms, and what fails outside the arguments.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestLibrary.h"

#include <gtest/gtest.h>

#include <pthread.h>

using namespace gate::test;

namespace {
class CallTest : public testing::Test {
protected:
  CallTest() {
    for (int i = 0; i < 6; ++i)
      lib.idsTensor.data<int32_t>()[i] = i + 1;
    for (int i = 0; i < 4; ++i)
      lib.wTensor.data<float>()[i] = static_cast<float>(i);
    for (int i = 0; i < 8; ++i)
      lib.stateTensor.data<float>()[i] = 10;
  }

  TestLibrary lib;
};
} // namespace

TEST_F(CallTest, SeparateNextState) {
  ASSERT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(lib.stateTensor.data<float>()[0], 10);
  EXPECT_EQ(lib.nextStateTensor.data<float>()[0], 10 + 1 + 2 + 3);
  EXPECT_EQ(lib.nextStateTensor.data<float>()[7], 10 + 4 + 5 + 6);
  EXPECT_EQ(lib.logitsTensor.data<float>()[23], 25 * 3);
}

TEST_F(CallTest, StateInPlace) {
  lib.nextState = lib.state;
  ASSERT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(lib.stateTensor.data<float>()[0], 16);
  ASSERT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(lib.stateTensor.data<float>()[0], 22);
}

TEST_F(CallTest, ByteOffset) {
  lib.ids->data = static_cast<char *>(lib.ids->data) - 8;
  lib.ids->byte_offset = 8;
  ASSERT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(lib.nextStateTensor.data<float>()[0], 16);
}

TEST_F(CallTest, NoElements) {
  lib.idsTensor.shape[1] = lib.logitsTensor.shape[1] = 0;
  lib.ids->data = lib.logits->data = nullptr;
  lib.idsTensor.setStrides({17, -4});
  ASSERT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(lib.nextStateTensor.data<float>()[0], 10);
}

TEST_F(CallTest, EmbeddedParameter) {
  alignas(64) static const float embedded[4] = {2, 2, 2, 2};
  lib.arguments[1].group = lib.arguments[1].member = -1;
  lib.arguments[1].embedded = embedded;
  lib.w = nullptr;
  ASSERT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(lib.logitsTensor.data<float>()[0], 22);
}

TEST_F(CallTest, ManyArguments) {
  std::vector<GateArgument> arguments(lib.arguments, lib.arguments + 5);
  for (int i = 0; i < 500; ++i)
    arguments.push_back(lib.arguments[1]);
  lib.function.arguments = arguments.data();
  lib.function.argumentCount = static_cast<int32_t>(arguments.size());
  EXPECT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
}

TEST_F(CallTest, GivenWorkspace) {
  alignas(64) static char workspace[128];
  EXPECT_EQ(lib.call(workspace, 48), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(workspace[47], 1);
  EXPECT_EQ(workspace[48], 0);
  EXPECT_EQ(lib.call(workspace, 47), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(), "gla_forward: argument workspace: expected at least "
                           "48 bytes, got 47");
  EXPECT_EQ(lib.call(workspace + 8, 100), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(lib.message().find("gla_forward: argument workspace: expected data "
                               "aligned to 64 bytes, got address 0x"),
            std::string::npos);
  EXPECT_EQ(lib.call(lib.logits->data, 48), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(),
            "gla_forward: argument workspace: overlaps argument logits");
  EXPECT_EQ(TestLibrary::calls(), 1);
}

TEST_F(CallTest, WorkspaceThatCannotBeAllocated) {
  lib.function.workspaceBytes = [](const int64_t *) {
    return int64_t{INT64_MAX};
  };
  EXPECT_EQ(lib.call(), GATE_STATUS_OUT_OF_MEMORY);
  EXPECT_EQ(lib.message(), "gla_forward: cannot allocate 9223372036854775807 "
                           "bytes of workspace");
  EXPECT_EQ(TestLibrary::calls(), 0);
}

TEST_F(CallTest, WorkspaceQuery) {
  size_t bytes = 0;
  int64_t dims[] = {2, 5};
  EXPECT_EQ(gate_rt_workspace(&lib.library, &lib.function, dims, &bytes),
            GATE_STATUS_OK);
  EXPECT_EQ(bytes, 80u);
  EXPECT_EQ(gate_rt_workspace(&lib.library, &lib.function, dims, nullptr),
            GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(),
            "gla_forward: argument bytes: expected a pointer, got null");
  dims[1] = -1;
  EXPECT_EQ(gate_rt_workspace(&lib.library, &lib.function, dims, &bytes),
            GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(),
            "gla_forward: dim T: expected a size of at least 0, got -1");
}

TEST_F(CallTest, InitState) {
  const void *states[] = {lib.state};
  lib.stateTensor.storage.back() = 1;
  EXPECT_EQ(gate_rt_init_state(&lib.library, &lib.function, states, nullptr),
            GATE_STATUS_OK);
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(lib.stateTensor.data<float>()[i], 0);
  EXPECT_EQ(gate_rt_init_state(&lib.library, &lib.function, nullptr, nullptr),
            GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(), "gla_forward: argument state: expected a struct of "
                           "tensors, got null");
  lib.stateTensor.shape[1] = 3;
  EXPECT_EQ(gate_rt_init_state(&lib.library, &lib.function, states, nullptr),
            GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(), "gla_forward: argument state.s: expected float32 "
                           "[B, 4], got float32 [2, 3]");
}

TEST_F(CallTest, AbiVersion) {
  lib.library.abiVersion = GATE_ABI_VERSION + 1;
  EXPECT_EQ(lib.call(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(), "gla_forward: expected a library of ABI version " +
                               std::to_string(GATE_ABI_VERSION) + ", got " +
                               std::to_string(GATE_ABI_VERSION + 1));
}

TEST_F(CallTest, StatusStrings) {
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_OK), "ok");
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_INVALID_ARGUMENT),
               "invalid argument");
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_INVALID_DATA), "invalid data");
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_UNSUPPORTED_CPU),
               "unsupported CPU");
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_OUT_OF_MEMORY),
               "out of memory");
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_UNSUPPORTED_DEVICE),
               "unsupported device");
  EXPECT_STREQ(gate_rt_status_string(GATE_STATUS_DEVICE_ERROR), "device error");
  EXPECT_STREQ(gate_rt_status_string(-1), "unknown status");
}

TEST_F(CallTest, ErrorsBelongToTheThread) {
  lib.ids = nullptr;
  ASSERT_EQ(lib.call(), GATE_STATUS_INVALID_ARGUMENT);
  std::string other = "not read";
  pthread_t thread;
  auto read = [](void *text) -> void * {
    *static_cast<std::string *>(text) = gate_rt_last_error();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, nullptr, read, &other), 0);
  pthread_join(thread, nullptr);
  EXPECT_EQ(other, "");
  EXPECT_NE(lib.message(), "");
}
