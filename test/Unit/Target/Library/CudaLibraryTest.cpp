//===- CudaLibraryTest.cpp - A library with GPU code, called --------------===//
//
// Loads the library of MakeCudaLibrary.cpp and calls it through its own header,
// with the driver of the test tree.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../Runtime/FakeDriver.h"

#include "acc.h"

#include <gtest/gtest.h>

#include <dlfcn.h>

using gate::test::FakeDriver;

namespace {
class CudaLibraryTest : public testing::Test {
protected:
  CudaLibraryTest() {
    driver.takeCalls();
    handle = dlopen(GATE_CUDA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  }
  ~CudaLibraryTest() override { close(); }

  void close() {
    if (handle)
      dlclose(handle);
    handle = nullptr;
  }
  template <typename Function>
  Function *find(Function *, const char *name) {
    return reinterpret_cast<Function *>(dlsym(handle, name));
  }
  std::string message() { return find(acc_last_error, "acc_last_error")(); }
  DLTensor place(DLTensor tensor) {
    return device < 0 ? tensor : acc_on_cuda(tensor, device);
  }
  acc_status call(void *stream) {
    DLTensor tx = place(acc_tensor_f32(x, 2, rows)),
             tw = place(acc_tensor_f32(w, 1, row)),
             ts = place(acc_tensor_f32(sum, 2, rows)),
             ty = place(acc_tensor_f32(y, 2, rows));
    acc_parameters parameters = {&tw};
    acc_state state = {&ts};
    return find(acc_accumulate, "acc_accumulate")(&parameters, &tx, &state, &ty,
                                                  &state, workspace,
                                                  sizeof(workspace), stream);
  }

  FakeDriver &driver = *fake_cuda();
  void *handle;
  int32_t device = 0;
  int64_t rows[2] = {2, 4}, row[1] = {4};
  float x[8] = {}, w[4] = {}, sum[8] = {1, 1, 1, 1, 1, 1, 1, 1}, y[8] = {};
  alignas(256) char workspace[256];
};
} // namespace

TEST_F(CudaLibraryTest, Loads) { ASSERT_TRUE(handle) << dlerror(); }

TEST_F(CudaLibraryTest, CallsTheGpu) {
  ASSERT_TRUE(handle);
  void *rowsSeen = nullptr, *workspaceSeen = nullptr;
  driver.onLaunch = [&](const std::string &, void **arguments) {
    rowsSeen = *static_cast<void **>(arguments[5]);
    workspaceSeen = *static_cast<void **>(arguments[6]);
    static_cast<float *>(*static_cast<void **>(arguments[3]))[7] = 42;
  };
  ASSERT_EQ(call(reinterpret_cast<void *>(9)), ACC_STATUS_OK) << message();
  driver.onLaunch = nullptr;
  EXPECT_EQ(driver.count("cuModuleLoadDataEx cubin90a"), 1);
  EXPECT_EQ(driver.count("cuLaunchKernel accumulate grid 2 1 1 block 384 1 1 "
                         "shared 131072 stream 9"),
            1);
  EXPECT_EQ(driver.count("cuTensorMapEncodeTiled 7 sizes 4 2 strides 16 "
                         "box 32 64 swizzle 3"),
            1);
  EXPECT_EQ(rowsSeen, reinterpret_cast<void *>(2));
  EXPECT_EQ(workspaceSeen, workspace);
  EXPECT_EQ(y[7], 42);
}

TEST_F(CudaLibraryTest, CallsTheCpu) {
  ASSERT_TRUE(handle);
  device = -1;
  ASSERT_EQ(call(nullptr), ACC_STATUS_OK) << message();
  EXPECT_EQ(y[0], 1);
  EXPECT_EQ(driver.takeCalls(), std::vector<std::string>());
}

TEST_F(CudaLibraryTest, StateWorkspaceAndStatus) {
  ASSERT_TRUE(handle);
  DLTensor ts = place(acc_tensor_f32(sum, 2, rows));
  acc_state state = {&ts};
  EXPECT_EQ(find(acc_init_state, "acc_init_state")(&state,
                                                   reinterpret_cast<void *>(9)),
            ACC_STATUS_OK)
      << message();
  EXPECT_EQ(sum[7], 0);
  EXPECT_EQ(driver.count("cuMemsetD8Async 32 stream 9"), 1);
  size_t bytes = 0;
  EXPECT_EQ(find(acc_accumulate_workspace_bytes,
                 "acc_accumulate_workspace_bytes")(5, &bytes),
            ACC_STATUS_OK);
  EXPECT_EQ(bytes, 80u);
  EXPECT_EQ(find(acc_cuda_load, "acc_cuda_load")(0), ACC_STATUS_OK);
  EXPECT_EQ(find(acc_cuda_status, "acc_cuda_status")(0), ACC_STATUS_OK);
  EXPECT_EQ(find(acc_cuda_load, "acc_cuda_load")(7),
            ACC_STATUS_UNSUPPORTED_DEVICE);
}

TEST_F(CudaLibraryTest, ClosingTakesItOffTheGpu) {
  ASSERT_TRUE(handle);
  ASSERT_EQ(find(acc_cuda_load, "acc_cuda_load")(0), ACC_STATUS_OK);
  EXPECT_EQ(driver.modules, 1);
  EXPECT_EQ(driver.contexts, 1);
  close();
  EXPECT_EQ(driver.modules, 0);
  EXPECT_EQ(driver.contexts, 0);
}
