//===- CudaTest.cpp - Calls on GPUs, with a driver that has none ----------===//
//
// What a call asks of the driver, call by call, and the whole message of every
// failure.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeDriver.h"
#include "TestLibrary.h"

#include <gtest/gtest.h>

#include <thread>

namespace gate::runtime {
void unloadCuda();
} // namespace gate::runtime

using namespace gate::test;

using Calls = std::vector<std::string>;

namespace {
/// gla_forward with a kernel `scan`, one block per row, that does what the
/// body does, and an empty kernel `tail`, one block per token.
class CudaTest : public testing::Test {
protected:
  CudaTest() {
    lib.library.cuda = &code;
    lib.function.launch = launch;
    lib.function.launchWorkspaceBytes = [](const int64_t *dims) {
      return dims[0] * dims[1] * 16;
    };
    for (Tensor *tensor : tensors())
      tensor->view.device = {GATE_DL_CUDA, 0};
    for (int i = 0; i < 8; ++i)
      lib.stateTensor.data<float>()[i] = 10;
    lib.idsTensor.data<int32_t>()[0] = 5;
    driver.onLaunch = [](const std::string &kernel, void **arguments) {
      void *data[4];
      if (kernel != "scan")
        return;
      for (int i = 0; i < 4; ++i)
        data[i] = *static_cast<void **>(arguments[i]);
      int64_t dims[] = {*static_cast<int64_t *>(arguments[4]),
                        *static_cast<int64_t *>(arguments[5])};
      TestLibrary::body(data, dims, nullptr);
    };
  }
  ~CudaTest() override {
    driver.failures.clear();
    gate::runtime::unloadCuda();
    EXPECT_EQ(driver.modules, 0);
    EXPECT_EQ(driver.contexts, 0);
    EXPECT_EQ(driver.allocations, 0);
    EXPECT_EQ(fake_cuda_depth(), 0);
    driver.devices = {FakeDevice()};
    driver.refused.clear();
    driver.missing = {"gate_cuda_status"};
    driver.jitLog.clear();
    driver.statusWord = 0;
    driver.onLaunch = nullptr;
    driver.takeCalls();
  }

  static void launch(void *const *data, const int64_t *dims, void *,
                     GateLaunch *launch) {
    void *pointers[4] = {data[0], data[1], data[2], data[3]};
    int64_t sizes[2] = {dims[0], dims[1]};
    void *arguments[] = {&pointers[0], &pointers[1], &pointers[2],
                         &pointers[3], &sizes[0],    &sizes[1]};
    gate_rt_cuda_launch(launch, 0, dims[0], 1, 1, arguments);
    gate_rt_cuda_launch(launch, 1, 2, dims[1], grid(), arguments);
  }
  /// The last size of the grid of `tail`.
  static int64_t &grid() {
    static int64_t size = 1;
    return size;
  }

  std::vector<Tensor *> tensors() {
    return {&lib.idsTensor, &lib.wTensor, &lib.stateTensor, &lib.logitsTensor,
            &lib.nextStateTensor};
  }
  int32_t call(void *stream = nullptr) {
    const void *parameters[] = {lib.w};
    const void *states[] = {lib.state};
    const void *nextStates[] = {lib.nextState};
    const void *groups[] = {parameters, lib.ids, states, lib.logits,
                            nextStates};
    return gate_rt_call(&lib.library, &lib.function, groups, workspace,
                        workspaceBytes, stream);
  }
  void expect(int32_t status, const std::string &message) {
    EXPECT_EQ(call(), status);
    EXPECT_EQ(lib.message(), message);
    EXPECT_EQ(fake_cuda_depth(), 0);
  }

  FakeDriver &driver = *fake_cuda();
  GateCudaLaunch launches[2] = {{128, 100000, 6, 0, 0, nullptr},
                                {64, 512, 6, 0, 0, nullptr}};
  const GateCudaImage images[3] = {
      {"sm_80", 8, 0, 0, "ptx80", nullptr, launches},
      {"sm_90a", 9, 0, 1, "ptx90a", "cubin90a", launches},
      {"sm_86", 8, 6, 0, "ptx86", "cubin86", launches},
  };
  const char *const kernels[2] = {"scan", "tail"};
  GateCudaModule code = {3, 2, images, kernels};
  TestLibrary lib;
  alignas(256) char workspace[96] = {};
  size_t workspaceBytes = sizeof(workspace);
};
} // namespace

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, LoadAsksOnce) {
  ASSERT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK)
      << lib.message();
  EXPECT_EQ(driver.takeCalls().back(), "cuCtxPopCurrent");
  EXPECT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
  EXPECT_EQ(driver.takeCalls(), Calls());
}

TEST_F(CudaTest, WhatLoadingAsks) {
  // The driver may be open from an earlier test.
  ASSERT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
  gate::runtime::unloadCuda();
  driver.takeCalls();
  ASSERT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
  EXPECT_EQ(
      driver.takeCalls(),
      (Calls{"cuDeviceGetCount", "cuDeviceGet 0", "cuDeviceGetName",
             "cuDeviceGetAttribute 75", "cuDeviceGetAttribute 76",
             "cuDeviceGetAttribute 16", "cuDevicePrimaryCtxRetain 0",
             "cuCtxPushCurrent 1000", "cuModuleLoadDataEx cubin90a",
             "cuModuleGetFunction scan", "cuFuncSetAttribute scan 8 100000",
             "cuModuleGetFunction tail", "cuModuleGetGlobal gate_cuda_status",
             "cuCtxPopCurrent"}));
}

TEST_F(CudaTest, CallQueuesAndNothingElse) {
  ASSERT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
  driver.takeCalls();
  ASSERT_EQ(call(reinterpret_cast<void *>(77)), GATE_STATUS_OK)
      << lib.message();
  EXPECT_EQ(driver.takeCalls(),
            (Calls{"cuCtxPushCurrent 1000", "cuMemcpyDtoDAsync 32 stream 77",
                   "cuLaunchKernel scan grid 2 1 1 block 128 1 1 shared 100000 "
                   "stream 77",
                   "cuLaunchKernel tail grid 2 3 1 block 64 1 1 shared 512 "
                   "stream 77",
                   "cuCtxPopCurrent"}));
  EXPECT_EQ(lib.stateTensor.data<float>()[0], 10);
  EXPECT_EQ(lib.nextStateTensor.data<float>()[0], 15);
}

TEST_F(CudaTest, BlocksTakeTurnsAndCopyBoxes) {
  // Of parameter 0, bytes from 8 on: [dims[0], 4] f32 of which dims[1] rows
  // count, in boxes of [2, 4].
  const GateCudaTensorMap map = {0, 7, 8, 4, 1, 2, {2, 4}, {-5, 4}, {-6, 4}};
  launches[1].isPersistent = 1;
  launches[1].mapCount = 1;
  launches[1].maps = &map;
  grid() = 3;
  int32_t blocks = 0;
  void *first = nullptr, *mapped = nullptr;
  driver.onLaunch = [&](const std::string &kernel, void **arguments) {
    if (kernel != "tail")
      return;
    first = *static_cast<void **>(arguments[0]);
    blocks = *static_cast<int32_t *>(arguments[6]);
    memcpy(&mapped, arguments[7], sizeof(mapped));
  };
  driver.devices[0].multiprocessors = 1;
  ASSERT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
  driver.takeCalls();
  ASSERT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuTensorMapEncodeTiled 7 sizes 4 3 strides 16 "
                         "box 4 2 swizzle 1"),
            1);
  EXPECT_EQ(driver.count("cuLaunchKernel tail grid 1 3 3"), 1);
  EXPECT_EQ(blocks, 2);
  EXPECT_EQ(mapped, static_cast<char *>(first) + 8);
  driver.failures["cuTensorMapEncodeTiled"] = 1;
  EXPECT_EQ(call(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(lib.message().find("kernel tail: making a tensor map of parameter "
                               "0 failed"),
            std::string::npos)
      << lib.message();
  grid() = 1;
}

TEST_F(CudaTest, StateInPlace) {
  lib.nextState = lib.state;
  ASSERT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuMemcpy"), 0);
  EXPECT_EQ(lib.stateTensor.data<float>()[0], 15);
}

TEST_F(CudaTest, IndexDataIsNotRead) {
  lib.idsTensor.data<int32_t>()[0] = 1000;
  EXPECT_EQ(call(), GATE_STATUS_OK) << lib.message();
}

TEST_F(CudaTest, CpuTensorsRunTheBody) {
  for (Tensor *tensor : tensors())
    tensor->view.device = {GATE_DL_CUDA_HOST, 0};
  lib.ids->device = {kDLCPU, 0};
  EXPECT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(TestLibrary::calls(), 1);
  EXPECT_EQ(driver.takeCalls(), Calls());
}

TEST_F(CudaTest, ManagedMemoryIsTheDevices) {
  lib.ids->device.device_type = GATE_DL_CUDA_MANAGED;
  EXPECT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuLaunchKernel"), 2);
}

TEST_F(CudaTest, EmptyGrid) {
  lib.idsTensor.shape[1] = lib.logitsTensor.shape[1] = 0;
  ASSERT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuLaunchKernel scan"), 1);
  EXPECT_EQ(driver.count("cuLaunchKernel tail"), 0);
}

TEST_F(CudaTest, LargeGrid) {
  grid() = 65536;
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: kernel tail: expected a grid of at most [2147483647, "
         "65535, 65535] blocks, got [2, 3, 65536]: the sizes are too large for "
         "one call");
  grid() = -1;
  EXPECT_EQ(call(), GATE_STATUS_INVALID_ARGUMENT);
  grid() = 1;
  EXPECT_EQ(driver.count("cuLaunchKernel tail"), 0);
}

TEST_F(CudaTest, TwoDevices) {
  driver.devices = {{9, 0}, {8, 9}};
  ASSERT_EQ(call(), GATE_STATUS_OK) << lib.message();
  for (Tensor *tensor : tensors())
    tensor->view.device.device_id = 1;
  ASSERT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuModuleLoadDataEx cubin90a"), 1);
  EXPECT_EQ(driver.count("cuModuleLoadDataEx cubin86"), 1);
  EXPECT_EQ(driver.count("cuLaunchKernel"), 4);
}

TEST_F(CudaTest, ThreadsLoadOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([this] {
      for (int j = 0; j < 100; ++j)
        EXPECT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(driver.count("cuModuleLoadDataEx"), 1);
  EXPECT_EQ(driver.modules, 1);
}

TEST_F(CudaTest, EmbeddedParametersAreCopiedOnce) {
  alignas(64) static const float embedded[4] = {2, 2, 2, 2};
  lib.arguments[1].group = lib.arguments[1].member = -1;
  lib.arguments[1].embedded = embedded;
  lib.w = nullptr;
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuMemAlloc 256"), 1);
  EXPECT_EQ(driver.count("cuMemcpyHtoD 16"), 1);
  EXPECT_EQ(lib.logitsTensor.data<float>()[0], 30);
}

TEST_F(CudaTest, InitState) {
  const void *states[] = {lib.state};
  ASSERT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK);
  driver.takeCalls();
  ASSERT_EQ(gate_rt_init_state(&lib.library, &lib.function, states,
                               reinterpret_cast<void *>(5)),
            GATE_STATUS_OK)
      << lib.message();
  EXPECT_EQ(driver.takeCalls(),
            (Calls{"cuCtxPushCurrent 1000", "cuMemsetD8Async 32 stream 5",
                   "cuCtxPopCurrent"}));
  EXPECT_EQ(lib.stateTensor.data<float>()[7], 0);
  driver.failures["cuMemsetD8Async"] = 719;
  EXPECT_EQ(gate_rt_init_state(&lib.library, &lib.function, states, nullptr),
            GATE_STATUS_DEVICE_ERROR);
  EXPECT_EQ(lib.message(),
            "gla_forward: cuda:0: filling state.s with zeros failed: "
            "CUDA_ERROR_LAUNCH_FAILED: as told");
}

TEST_F(CudaTest, WorkspaceQueryIsForAllTargets) {
  size_t bytes = 0;
  int64_t dims[] = {2, 3};
  ASSERT_EQ(gate_rt_workspace(&lib.library, &lib.function, dims, &bytes),
            GATE_STATUS_OK);
  EXPECT_EQ(bytes, 96u);
  lib.function.workspaceBytes = [](const int64_t *) { return int64_t{500}; };
  ASSERT_EQ(gate_rt_workspace(&lib.library, &lib.function, dims, &bytes),
            GATE_STATUS_OK);
  EXPECT_EQ(bytes, 500u);
}

TEST_F(CudaTest, StatusWord) {
  driver.missing.clear();
  EXPECT_EQ(gate_rt_cuda_status(&lib.library, 0), GATE_STATUS_OK);
  driver.statusWord = 1;
  EXPECT_EQ(gate_rt_cuda_status(&lib.library, 0), GATE_STATUS_INVALID_DATA);
  EXPECT_EQ(lib.message(),
            "cuda_status: cuda:0: a call since the last query met index data "
            "out of range; what they read was 0");
  EXPECT_EQ(gate_rt_cuda_status(&lib.library, 0), GATE_STATUS_OK);
  driver.failures["cuCtxSynchronize"] = 719;
  EXPECT_EQ(gate_rt_cuda_status(&lib.library, 0), GATE_STATUS_DEVICE_ERROR);
  EXPECT_EQ(lib.message(), "cuda_status: cuda:0: work on the device failed: "
                           "CUDA_ERROR_LAUNCH_FAILED: as told");
}

TEST_F(CudaTest, NoStatusWord) {
  EXPECT_EQ(gate_rt_cuda_status(&lib.library, 0), GATE_STATUS_OK);
  EXPECT_EQ(driver.count("cuMemcpy"), 0);
}

//===----------------------------------------------------------------------===//
// The choice of code
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, NearestCode) {
  struct Case {
    FakeDevice device;
    const char *loaded;
  };
  // Machine code stays within a generation; exact code within a capability.
  for (const Case &entry : {Case{{9, 0}, "cubin90a"}, Case{{8, 0}, "ptx80"},
                            Case{{8, 6}, "cubin86"}, Case{{8, 9}, "cubin86"},
                            Case{{10, 0}, "ptx86"}}) {
    driver.devices = {entry.device};
    EXPECT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_OK)
        << lib.message();
    EXPECT_EQ(driver.count("cuModuleLoadDataEx"), 1);
    EXPECT_EQ(driver.count(std::string("cuModuleLoadDataEx ") + entry.loaded),
              1)
        << entry.loaded;
    gate::runtime::unloadCuda();
    driver.takeCalls();
  }
}

TEST_F(CudaTest, DeviceTooOld) {
  driver.devices = {{7, 5}};
  expect(GATE_STATUS_UNSUPPORTED_DEVICE,
         "gla_forward: cuda:0 (Fake GPU, sm_75): expected a device for the "
         "library's code: sm_80 or later, sm_90a only, sm_86 or later; compile "
         "with --target=cpu,cuda:sm_75");
}

TEST_F(CudaTest, CubinRefused) {
  driver.refused["cubin90a"] = 209;
  EXPECT_EQ(call(), GATE_STATUS_OK) << lib.message();
  EXPECT_EQ(driver.count("cuModuleLoadDataEx ptx90a"), 1);
}

TEST_F(CudaTest, AllCodeRefused) {
  driver.refused = {{"cubin90a", 209}, {"ptx90a", 218}};
  driver.jitLog = "ptxas application ptx input, line 9; fatal\n\n";
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0 (Fake GPU, sm_90): loading the PTX for sm_90a "
         "failed: CUDA_ERROR_INVALID_PTX: as told; the driver is for CUDA "
         "12.4; before, the machine code failed: CUDA_ERROR_NO_BINARY_FOR_GPU: "
         "as told; its compiler says: ptxas application ptx input, line 9; "
         "fatal");
  // The next call tries again.
  driver.refused.clear();
  EXPECT_EQ(call(), GATE_STATUS_OK) << lib.message();
}

TEST_F(CudaTest, MissingKernel) {
  driver.missing.push_back("tail");
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0 (Fake GPU, sm_90): looking up kernel tail in the "
         "code for sm_90a failed: CUDA_ERROR_NOT_FOUND: as told");
}

//===----------------------------------------------------------------------===//
// Failures
//===----------------------------------------------------------------------===//

TEST_F(CudaTest, NoSuchDevice) {
  for (Tensor *tensor : tensors())
    tensor->view.device.device_id = 3;
  expect(GATE_STATUS_UNSUPPORTED_DEVICE,
         "gla_forward: cuda:3: expected a device number below 1, the number of "
         "CUDA devices that this process sees");
  EXPECT_EQ(gate_rt_cuda_load(&lib.library, -1),
            GATE_STATUS_UNSUPPORTED_DEVICE);
}

TEST_F(CudaTest, NoDevice) {
  // In a process of its own, where the driver is not open yet.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  auto report = [this] {
    driver.devices.clear();
    bool isRefused = call() == GATE_STATUS_UNSUPPORTED_DEVICE;
    fprintf(stderr, "%s", gate_rt_last_error());
    driver.devices.resize(1);
    // Leaves the library on the GPU, as a program that ends does.
    exit(isRefused && call() == GATE_STATUS_OK ? 0 : 1);
  };
  EXPECT_EXIT(report(), testing::ExitedWithCode(0),
              "gla_forward: expected a CUDA device, but cuInit failed: "
              "CUDA_ERROR_NO_DEVICE: as told");
}

TEST_F(CudaTest, EveryCallOfALoadMayFail) {
  for (const char *name :
       {"cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName",
        "cuDeviceGetAttribute", "cuDevicePrimaryCtxRetain", "cuCtxPushCurrent",
        "cuModuleLoadDataEx", "cuModuleGetFunction", "cuFuncSetAttribute",
        "cuModuleGetGlobal"}) {
    driver.failures = {{name, 2}};
    EXPECT_EQ(call(), GATE_STATUS_DEVICE_ERROR) << name;
    EXPECT_NE(lib.message().find(" failed: CUDA_ERROR_OUT_OF_MEMORY: as told"),
              std::string::npos)
        << lib.message();
    EXPECT_EQ(driver.modules, 0) << name;
    EXPECT_EQ(driver.contexts, 0) << name;
    EXPECT_EQ(fake_cuda_depth(), 0) << name;
  }
  driver.failures.clear();
  EXPECT_EQ(call(), GATE_STATUS_OK) << lib.message();
}

TEST_F(CudaTest, EmbeddedParametersDoNotFit) {
  alignas(64) static const float embedded[4] = {2, 2, 2, 2};
  lib.arguments[1].group = lib.arguments[1].member = -1;
  lib.arguments[1].embedded = embedded;
  driver.failures["cuMemAlloc"] = 2;
  expect(GATE_STATUS_OUT_OF_MEMORY,
         "gla_forward: cuda:0 (Fake GPU, sm_90): allocating 256 bytes for "
         "embedded parameters failed: CUDA_ERROR_OUT_OF_MEMORY: as told");
  driver.failures = {{"cuMemcpyHtoD", 719}};
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0 (Fake GPU, sm_90): copying embedded parameters "
         "failed: CUDA_ERROR_LAUNCH_FAILED: as told");
}

TEST_F(CudaTest, LaunchFails) {
  driver.failures["cuLaunchKernel"] = 719;
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0: launching kernel scan with a grid of [2, 1, 1] "
         "failed: CUDA_ERROR_LAUNCH_FAILED: as told");
  // The first failure ends the call.
  EXPECT_EQ(driver.count("cuLaunchKernel"), 1);
}

TEST_F(CudaTest, UnknownError) {
  driver.failures["cuLaunchKernel"] = 12345;
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0: launching kernel scan with a grid of [2, 1, 1] "
         "failed: CUDA error 12345");
}

TEST_F(CudaTest, CopyOfStateFails) {
  driver.failures["cuMemcpyDtoDAsync"] = 719;
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0: copying state.s failed: "
         "CUDA_ERROR_LAUNCH_FAILED: as told");
  EXPECT_EQ(driver.count("cuLaunchKernel"), 0);
}

TEST_F(CudaTest, ContextFails) {
  ASSERT_EQ(call(), GATE_STATUS_OK);
  driver.failures["cuCtxPushCurrent"] = 201;
  expect(GATE_STATUS_DEVICE_ERROR,
         "gla_forward: cuda:0: entering the device's primary context failed: "
         "CUDA_ERROR_INVALID_CONTEXT: as told");
}

TEST_F(CudaTest, MixedDevices) {
  lib.w->device = {kDLCPU, 0};
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: argument parameters.w: expected memory of cuda:0 like "
         "argument ids, got CPU memory");
  lib.w->device = {GATE_DL_CUDA, 1};
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: argument parameters.w: expected memory of cuda:0 like "
         "argument ids, got memory of cuda:1");
  lib.ids->device = {kDLCPU, 0};
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: argument parameters.w: expected CPU memory like "
         "argument ids, got memory of cuda:1");
  lib.ids->device = {8, 0};
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: argument ids: expected CPU memory or memory of a CUDA "
         "device, got device type 8");
  EXPECT_EQ(driver.takeCalls(), Calls());
}

TEST_F(CudaTest, NoCodeForTheDevice) {
  lib.function.body = nullptr;
  lib.function.workspaceBytes = nullptr;
  EXPECT_EQ(call(), GATE_STATUS_OK) << lib.message();
  lib.ids->device = {kDLCPU, 0};
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: argument ids: expected memory of a CUDA device, got CPU "
         "memory: the library has no CPU code, compile with "
         "--target=cpu,cuda:sm_90a");
}

TEST_F(CudaTest, NoGpuCode) {
  lib.library.cuda = nullptr;
  EXPECT_EQ(gate_rt_cuda_load(&lib.library, 0), GATE_STATUS_UNSUPPORTED_DEVICE);
  EXPECT_EQ(lib.message(), "cuda_load: the library has no GPU code: compile "
                           "with --target=cpu,cuda:sm_90a");
}

TEST_F(CudaTest, Workspace) {
  workspaceBytes = 95;
  expect(GATE_STATUS_INVALID_ARGUMENT,
         "gla_forward: argument workspace: expected at least 96 bytes, got 95");
  EXPECT_EQ(lib.call(workspace + 64, 96), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_NE(lib.message().find("expected data aligned to 256 bytes"),
            std::string::npos);
  EXPECT_EQ(lib.call(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(),
            "gla_forward: argument workspace: expected 96 bytes of memory of "
            "cuda:0 (gla_forward_workspace_bytes tells how many), got null");
  lib.function.launchWorkspaceBytes = [](const int64_t *) {
    return int64_t{0};
  };
  EXPECT_EQ(lib.call(), GATE_STATUS_OK) << lib.message();
}
