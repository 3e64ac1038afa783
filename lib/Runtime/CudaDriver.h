//===- CudaDriver.h - The part of CUDA's driver API in use -----*- C++ -*-===//
//
// The functions of libcuda.so.1 that the runtime calls, by the names that they
// have in that file, and their types and numbers. Nothing of CUDA is needed to
// build Gate.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_RUNTIME_CUDADRIVER_H
#define GATE_LIB_RUNTIME_CUDADRIVER_H

#include <stddef.h>
#include <stdint.h>

namespace gate::runtime::cuda {

using Device = int;
using Context = struct OpaqueContext *;
using Module = struct OpaqueModule *;
using Function = struct OpaqueFunction *;
using Stream = struct OpaqueStream *;
using Pointer = unsigned long long;

// A plain integer: a driver may return numbers that this file does not know.
using Result = int;
enum : Result {
  kSuccess = 0,
  kNoDevice = 100,
  kNotFound = 500,
};

enum DeviceAttribute : int {
  kMultiprocessors = 16,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
};

enum FunctionAttribute : int {
  kMaxDynamicSharedBytes = 8,
};

enum JitOption : int {
  kErrorLogBuffer = 5,
  kErrorLogBufferBytes = 6,
};

/// Shared memory that a kernel may use without asking for more.
constexpr int32_t kDefaultSharedBytes = 48 << 10;

/// X(member, name in the file, parameters). All return a Result.
#define GATE_CUDA_FUNCTIONS(X)                                                 \
  X(init, "cuInit", (unsigned flags))                                          \
  X(driverGetVersion, "cuDriverGetVersion", (int *version))                    \
  X(deviceGet, "cuDeviceGet", (Device * device, int ordinal))                  \
  X(deviceGetCount, "cuDeviceGetCount", (int *count))                          \
  X(deviceGetName, "cuDeviceGetName", (char *name, int bytes, Device device))  \
  X(deviceGetAttribute, "cuDeviceGetAttribute",                                \
    (int *value, DeviceAttribute attribute, Device device))                    \
  X(primaryContextRetain, "cuDevicePrimaryCtxRetain",                          \
    (Context * context, Device device))                                        \
  X(primaryContextRelease, "cuDevicePrimaryCtxRelease_v2", (Device device))    \
  X(contextPushCurrent, "cuCtxPushCurrent_v2", (Context context))              \
  X(contextPopCurrent, "cuCtxPopCurrent_v2", (Context * context))              \
  X(contextSynchronize, "cuCtxSynchronize", ())                                \
  X(moduleLoadDataEx, "cuModuleLoadDataEx",                                    \
    (Module * module, const void *image, unsigned optionCount,                 \
     JitOption *options, void **values))                                       \
  X(moduleUnload, "cuModuleUnload", (Module module))                           \
  X(moduleGetFunction, "cuModuleGetFunction",                                  \
    (Function * function, Module module, const char *name))                    \
  X(moduleGetGlobal, "cuModuleGetGlobal_v2",                                   \
    (Pointer * address, size_t *bytes, Module module, const char *name))       \
  X(functionSetAttribute, "cuFuncSetAttribute",                                \
    (Function function, FunctionAttribute attribute, int value))               \
  X(launchKernel, "cuLaunchKernel",                                            \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ,        \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,  \
     Stream stream, void **arguments, void **extra))                           \
  X(memoryAllocate, "cuMemAlloc_v2", (Pointer * address, size_t bytes))        \
  X(memoryFree, "cuMemFree_v2", (Pointer address))                             \
  X(copyToDevice, "cuMemcpyHtoD_v2",                                           \
    (Pointer to, const void *from, size_t bytes))                              \
  X(copyToHost, "cuMemcpyDtoH_v2", (void *to, Pointer from, size_t bytes))     \
  X(copyOnDevice, "cuMemcpyDtoDAsync_v2",                                      \
    (Pointer to, Pointer from, size_t bytes, Stream stream))                   \
  X(fill, "cuMemsetD8Async",                                                   \
    (Pointer address, unsigned char value, size_t bytes, Stream stream))       \
  X(getErrorName, "cuGetErrorName", (Result result, const char **name))        \
  X(getErrorString, "cuGetErrorString", (Result result, const char **text))

/// A box of a tensor, as bulk copies take it.
struct alignas(64) TensorMap {
  char opaque[128];
};

/// What only drivers for CUDA 12 and later have: null in others. The lists of
/// numbers start with the contiguous dim; strides leave that one out.
#define GATE_CUDA_NEWER_FUNCTIONS(X)                                           \
  X(tensorMapEncodeTiled, "cuTensorMapEncodeTiled",                            \
    (TensorMap * map, int elementType, uint32_t rank, void *address,           \
     const uint64_t *sizes, const uint64_t *strides, const uint32_t *box,      \
     const uint32_t *elementStrides, int interleave, int swizzle,              \
     int l2Promotion, int outOfBounds))

/// The functions of an opened driver.
struct Driver {
#define GATE_CUDA_MEMBER(member, name, parameters) Result(*member) parameters;
  GATE_CUDA_FUNCTIONS(GATE_CUDA_MEMBER)
  GATE_CUDA_NEWER_FUNCTIONS(GATE_CUDA_MEMBER)
#undef GATE_CUDA_MEMBER
};

} // namespace gate::runtime::cuda

#endif // GATE_LIB_RUNTIME_CUDADRIVER_H
