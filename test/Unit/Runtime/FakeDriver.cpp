//===- FakeDriver.cpp - A CUDA driver without a GPU -----------------------===//
//
// Handles are small numbers: devices 0, 1, ...; contexts 1000 + device; modules
// and kernels are objects of their own. Also has C functions for tests
// in other languages.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeDriver.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

using gate::test::FakeDriver;

namespace {
enum : int {
  kInvalidValue = 1,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidContext = 201,
  kNotFound = 500,
};

struct Kernel {
  intptr_t context;
  std::string name;
};
/// Takes its kernels with it.
struct Module {
  intptr_t context;
  std::vector<std::unique_ptr<Kernel>> kernels;
};
} // namespace

static thread_local std::vector<intptr_t> current;

extern "C" FakeDriver *fake_cuda() {
  static auto *driver = new FakeDriver;
  return driver;
}

extern "C" int fake_cuda_depth() { return static_cast<int>(current.size()); }

/// Records a call; returns what it should.
static int record(const std::string &name, const std::string &details = "") {
  FakeDriver &driver = *fake_cuda();
  std::lock_guard<std::mutex> guard(driver.lock);
  driver.calls.push_back(details.empty() ? name : name + " " + details);
  auto failure = driver.failures.find(name);
  return failure == driver.failures.end() ? 0 : failure->second;
}

static std::string text(const void *stream) {
  return std::to_string(reinterpret_cast<intptr_t>(stream));
}

static bool isMissing(const char *name) {
  const std::vector<std::string> &missing = fake_cuda()->missing;
  return std::find(missing.begin(), missing.end(), name) != missing.end();
}

extern "C" {

int cuInit(unsigned) {
  int result = record("cuInit");
  return result || !fake_cuda()->devices.empty() ? result : kNoDevice;
}

int cuDriverGetVersion(int *version) {
  *version = 12040;
  return record("cuDriverGetVersion");
}

int cuDeviceGetCount(int *count) {
  *count = static_cast<int>(fake_cuda()->devices.size());
  return record("cuDeviceGetCount");
}

int cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return record("cuDeviceGet", std::to_string(ordinal));
}

int cuDeviceGetName(char *name, int bytes, int) {
  strncpy(name, "Fake GPU", static_cast<size_t>(bytes));
  return record("cuDeviceGetName");
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  const gate::test::FakeDevice &entry =
      fake_cuda()->devices[static_cast<size_t>(device)];
  *value = attribute == 75   ? entry.major
           : attribute == 76 ? entry.minor
                             : entry.multiprocessors;
  return record("cuDeviceGetAttribute", std::to_string(attribute));
}

int cuDevicePrimaryCtxRetain(intptr_t *context, int device) {
  *context = 1000 + device;
  int result = record("cuDevicePrimaryCtxRetain", std::to_string(device));
  fake_cuda()->contexts += result == 0;
  return result;
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  --fake_cuda()->contexts;
  return record("cuDevicePrimaryCtxRelease", std::to_string(device));
}

int cuCtxPushCurrent_v2(intptr_t context) {
  int result = record("cuCtxPushCurrent", std::to_string(context));
  if (result == 0)
    current.push_back(context);
  return result;
}

int cuCtxPopCurrent_v2(intptr_t *context) {
  if (current.empty())
    return kInvalidContext;
  *context = current.back();
  current.pop_back();
  return record("cuCtxPopCurrent");
}

int cuCtxSynchronize() { return record("cuCtxSynchronize"); }

int cuModuleLoadDataEx(Module **module, const void *image, unsigned count,
                       const int *options, void **values) {
  FakeDriver &driver = *fake_cuda();
  std::string start(static_cast<const char *>(image));
  if (int result = record("cuModuleLoadDataEx", start))
    return result;
  if (current.empty())
    return kInvalidContext;
  auto refused = driver.refused.find(start);
  if (refused != driver.refused.end()) {
    size_t bytes = 0;
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 6)
        bytes = reinterpret_cast<size_t>(values[i]);
    for (unsigned i = 0; i < count; ++i)
      if (options[i] == 5 && bytes)
        strncpy(static_cast<char *>(values[i]), driver.jitLog.c_str(), bytes);
    return refused->second;
  }
  ++driver.modules;
  *module = new Module{current.back(), {}};
  return 0;
}

int cuModuleUnload(Module *module) {
  delete module;
  --fake_cuda()->modules;
  return record("cuModuleUnload");
}

int cuModuleGetFunction(Kernel **kernel, Module *module, const char *name) {
  if (int result = record("cuModuleGetFunction", name))
    return result;
  if (isMissing(name))
    return kNotFound;
  module->kernels.push_back(
      std::make_unique<Kernel>(Kernel{module->context, name}));
  *kernel = module->kernels.back().get();
  return 0;
}

int cuModuleGetGlobal_v2(unsigned long long *address, size_t *bytes, Module *,
                         const char *name) {
  if (int result = record("cuModuleGetGlobal", name))
    return result;
  if (isMissing(name))
    return kNotFound;
  *address = reinterpret_cast<uintptr_t>(&fake_cuda()->statusWord);
  *bytes = sizeof(fake_cuda()->statusWord);
  return 0;
}

int cuFuncSetAttribute(Kernel *kernel, int attribute, int value) {
  return record("cuFuncSetAttribute", kernel->name + " " +
                                          std::to_string(attribute) + " " +
                                          std::to_string(value));
}

int cuLaunchKernel(Kernel *kernel, unsigned gridX, unsigned gridY,
                   unsigned gridZ, unsigned blockX, unsigned blockY,
                   unsigned blockZ, unsigned sharedBytes, void *stream,
                   void **arguments, void **) {
  std::string details = kernel->name + " grid";
  for (unsigned size : {gridX, gridY, gridZ})
    details += " " + std::to_string(size);
  details += " block";
  for (unsigned size : {blockX, blockY, blockZ})
    details += " " + std::to_string(size);
  details +=
      " shared " + std::to_string(sharedBytes) + " stream " + text(stream);
  if (int result = record("cuLaunchKernel", details))
    return result;
  if (current.empty() || current.back() != kernel->context)
    return kInvalidContext;
  if (fake_cuda()->onLaunch)
    fake_cuda()->onLaunch(kernel->name, arguments);
  return 0;
}

/// Writes what it was given into the map, for kernels to look at.
int cuTensorMapEncodeTiled(char *map, int elementType, uint32_t rank,
                           void *address, const uint64_t *sizes,
                           const uint64_t *strides, const uint32_t *box,
                           const uint32_t *, int, int swizzle, int, int) {
  std::string text = std::to_string(elementType) + " sizes";
  for (uint32_t i = 0; i < rank; ++i)
    text += " " + std::to_string(sizes[i]);
  text += " strides";
  for (uint32_t i = 0; i + 1 < rank; ++i)
    text += " " + std::to_string(strides[i]);
  text += " box";
  for (uint32_t i = 0; i < rank; ++i)
    text += " " + std::to_string(box[i]);
  text += " swizzle " + std::to_string(swizzle);
  memcpy(map, &address, sizeof(address));
  return record("cuTensorMapEncodeTiled", text);
}

int cuMemAlloc_v2(unsigned long long *address, size_t bytes) {
  if (int result = record("cuMemAlloc", std::to_string(bytes)))
    return result;
  ++fake_cuda()->allocations;
  *address = reinterpret_cast<uintptr_t>(
      aligned_alloc(256, (bytes + 255) / 256 * 256));
  return 0;
}

int cuMemFree_v2(unsigned long long address) {
  --fake_cuda()->allocations;
  free(reinterpret_cast<void *>(address));
  return record("cuMemFree");
}

int cuMemcpyHtoD_v2(unsigned long long to, const void *from, size_t bytes) {
  if (int result = record("cuMemcpyHtoD", std::to_string(bytes)))
    return result;
  memcpy(reinterpret_cast<void *>(to), from, bytes);
  return 0;
}

int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t bytes) {
  if (int result = record("cuMemcpyDtoH", std::to_string(bytes)))
    return result;
  memcpy(to, reinterpret_cast<const void *>(from), bytes);
  return 0;
}

int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from,
                         size_t bytes, void *stream) {
  if (int result = record("cuMemcpyDtoDAsync",
                          std::to_string(bytes) + " stream " + text(stream)))
    return result;
  memcpy(reinterpret_cast<void *>(to), reinterpret_cast<const void *>(from),
         bytes);
  return 0;
}

int cuMemsetD8Async(unsigned long long address, unsigned char value,
                    size_t bytes, void *stream) {
  if (int result = record("cuMemsetD8Async",
                          std::to_string(bytes) + " stream " + text(stream)))
    return result;
  memset(reinterpret_cast<void *>(address), value, bytes);
  return 0;
}

int cuGetErrorName(int result, const char **name) {
  switch (result) {
  case kNoDevice:
    *name = "CUDA_ERROR_NO_DEVICE";
    return 0;
  case 2:
    *name = "CUDA_ERROR_OUT_OF_MEMORY";
    return 0;
  case 209:
    *name = "CUDA_ERROR_NO_BINARY_FOR_GPU";
    return 0;
  case 218:
    *name = "CUDA_ERROR_INVALID_PTX";
    return 0;
  case kInvalidContext:
    *name = "CUDA_ERROR_INVALID_CONTEXT";
    return 0;
  case kNotFound:
    *name = "CUDA_ERROR_NOT_FOUND";
    return 0;
  case 719:
    *name = "CUDA_ERROR_LAUNCH_FAILED";
    return 0;
  default:
    return kInvalidValue;
  }
}

int cuGetErrorString(int, const char **text) {
  *text = "as told";
  return 0;
}

/// The record so far, one call a line, and empties it.
const char *fake_cuda_log() {
  static std::string log;
  log.clear();
  for (const std::string &call : fake_cuda()->takeCalls())
    log += call + "\n";
  return log.c_str();
}

void fake_cuda_on_launch(void (*run)(const char *kernel, void **arguments)) {
  fake_cuda()->onLaunch = nullptr;
  if (run)
    fake_cuda()->onLaunch = [run](const std::string &kernel, void **arguments) {
      run(kernel.c_str(), arguments);
    };
}

void fake_cuda_fail(const char *name, int result) {
  if (result)
    fake_cuda()->failures[name] = result;
  else
    fake_cuda()->failures.erase(name);
}

} // extern "C"
