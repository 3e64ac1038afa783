//===- NoDriverTest.cpp - Machines without a driver or a device -----------===//
//
// A program of its own: the test tree's libcuda.so.1 is an empty file here, on
// every machine. What CPU tensors need is not affected.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestLibrary.h"

#include <gtest/gtest.h>

using namespace gate::test;

TEST(NoDriverTest, Message) {
  TestLibrary lib;
  GateCudaModule code = {0, 0, nullptr, nullptr};
  lib.library.cuda = &code;
  lib.function.launch = [](void *const *, const int64_t *, void *,
                           GateLaunch *) {};
  lib.function.launchWorkspaceBytes = [](const int64_t *) {
    return int64_t{0};
  };
  EXPECT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  for (DLTensor *tensor :
       {lib.ids, lib.w, lib.state, lib.logits, lib.nextState})
    tensor->device = {GATE_DL_CUDA, 0};
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(lib.call(), GATE_STATUS_UNSUPPORTED_DEVICE);
    EXPECT_EQ(lib.message().find("gla_forward: expected NVIDIA's driver to be "
                                 "installed, but libcuda.so.1 did not open: "),
              0u)
        << lib.message();
    EXPECT_NE(lib.message().find("file too short"), std::string::npos)
        << lib.message();
  }
  EXPECT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_UNSUPPORTED_DEVICE);
  EXPECT_EQ(gate_rt_cuda_status(&lib.library, 0),
            GATE_STATUS_UNSUPPORTED_DEVICE);
}
