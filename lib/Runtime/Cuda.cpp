//===- Cuda.cpp - Calls on a GPU ------------------------------------------===//
//
// A call on a loaded device enters the device's primary context, queues copies
// of states and kernels on the caller's stream and leaves again. It allocates
// nothing and waits for nothing, so that a CUDA graph can capture it.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaLibrary.h"

#include <inttypes.h>
#include <string.h>

using namespace gate::runtime;

/// Known by name only to compiled code.
struct GateLaunch {
  const char *caller;
  const cuda::LoadedLibrary *loaded;
  cuda::Stream stream;
  /// The first failure.
  int32_t status;
};

static int32_t failContext(const char *caller, int32_t device,
                           cuda::Result result) {
  Message message(caller);
  message.add("cuda:%d: entering the device's primary context failed", device);
  cuda::addResult(message, result);
  return GATE_STATUS_DEVICE_ERROR;
}

/// Fills the data table with addresses on the device.
static void collectData(const cuda::LoadedLibrary &loaded,
                        const GateFunction &function, const Span *spans,
                        void **data) {
  for (int32_t i = 0; i < function.argumentCount; ++i)
    data[i] = reinterpret_cast<void *>(spans[i].begin);
  if (!loaded.embedded)
    return;
  const GateLibrary &library = *loaded.library;
  int32_t index = 0;
  while (index < library.functionCount && library.functions[index] != &function)
    ++index;
  if (index == library.functionCount)
    return;
  for (int32_t i = 0; i < function.argumentCount; ++i)
    if (void *copy = loaded.embedded[index][i])
      data[i] = copy;
}

/// Queues the copy of each state to where the kernels update it in place.
static int32_t carryStates(const GateFunction &function, const Span *spans,
                           void **data, int32_t device, cuda::Stream stream) {
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    int32_t state = function.arguments[i].tied;
    if (function.arguments[i].role != GATE_ROLE_NEXT_STATE || state < 0)
      continue;
    if (data[i] != data[state] && spans[i].bytes) {
      cuda::Result result = cuda::driver.copyOnDevice(
          spans[i].begin, spans[state].begin, spans[i].bytes, stream);
      if (result != cuda::kSuccess) {
        Message message(function.name);
        message.add("cuda:%d: copying %s failed", device,
                    function.arguments[state].name);
        cuda::addResult(message, result);
        return GATE_STATUS_DEVICE_ERROR;
      }
    }
    data[state] = data[i];
  }
  return GATE_STATUS_OK;
}

int32_t gate::runtime::callCuda(const GateLibrary &library,
                                const GateFunction &function, int32_t device,
                                const Span *spans, void **data,
                                const int64_t *dims, void *workspace,
                                void *stream) {
  int32_t status;
  const cuda::LoadedLibrary *loaded =
      cuda::load(library, device, function.name, status);
  if (!loaded)
    return status;
  cuda::CurrentContext current(loaded->context);
  if (current.result != cuda::kSuccess)
    return failContext(function.name, device, current.result);
  GateLaunch launch = {function.name, loaded, static_cast<cuda::Stream>(stream),
                       GATE_STATUS_OK};
  collectData(*loaded, function, spans, data);
  status = carryStates(function, spans, data, device, launch.stream);
  if (status)
    return status;
  function.launch(data, dims, workspace, &launch);
  return launch.status;
}

int32_t gate::runtime::zeroCuda(const GateLibrary &library,
                                const GateFunction &function, int32_t device,
                                const Span *spans, void *stream) {
  int32_t status;
  const cuda::LoadedLibrary *loaded =
      cuda::load(library, device, function.name, status);
  if (!loaded)
    return status;
  cuda::CurrentContext current(loaded->context);
  if (current.result != cuda::kSuccess)
    return failContext(function.name, device, current.result);
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    if (function.arguments[i].role != GATE_ROLE_STATE || !spans[i].bytes)
      continue;
    cuda::Result result = cuda::driver.fill(spans[i].begin, 0, spans[i].bytes,
                                            static_cast<cuda::Stream>(stream));
    if (result == cuda::kSuccess)
      continue;
    Message message(function.name);
    message.add("cuda:%d: filling %s with zeros failed", device,
                function.arguments[i].name);
    cuda::addResult(message, result);
    return GATE_STATUS_DEVICE_ERROR;
  }
  return GATE_STATUS_OK;
}

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

/// A number that is known now, or a parameter.
static int64_t sizeOf(int64_t encoded, void *const *arguments) {
  return encoded >= 0 ? encoded
                      : *static_cast<const int64_t *>(arguments[-1 - encoded]);
}

static cuda::Result encode(const GateCudaTensorMap &map, void **arguments,
                           cuda::TensorMap &result) {
  uint64_t sizes[5], strides[5];
  uint32_t box[5], ones[5];
  uint64_t stride = static_cast<uint64_t>(map.elementBytes);
  for (int32_t i = 0; i < map.rank; ++i) {
    int32_t dim = map.rank - 1 - i;
    // Nothing is copied of an empty tensor, but a map has no empty dims.
    int64_t size = sizeOf(map.sizes[dim], arguments);
    int64_t extent = sizeOf(map.extents[dim], arguments);
    sizes[i] = static_cast<uint64_t>(size > 0 ? size : 1);
    stride *= static_cast<uint64_t>(extent > 0 ? extent : 1);
    strides[i] = stride;
    box[i] = static_cast<uint32_t>(map.box[dim]);
    ones[i] = 1;
  }
  char *address = *static_cast<char **>(arguments[map.base]) +
                  sizeOf(map.offset, arguments);
  // No interleaving; the cache takes in 256 bytes; zeros past the end.
  return cuda::driver.tensorMapEncodeTiled(
      &result, map.elementType, static_cast<uint32_t>(map.rank), address, sizes,
      strides, box, ones, 0, map.swizzle, 3, 0);
}

void gate_rt_cuda_launch(GateLaunch *launch, int32_t kernel, int64_t gridX,
                         int64_t gridY, int64_t gridZ, void **arguments) {
  if (launch->status != GATE_STATUS_OK || gridX == 0 || gridY == 0 ||
      gridZ == 0)
    return;
  const cuda::LoadedLibrary &loaded = *launch->loaded;
  const GateCudaLaunch &entry = loaded.image->launches[kernel];
  const char *name = loaded.library->cuda->kernels[kernel];
  int64_t grid[] = {gridX, gridY, gridZ};
  static const int64_t kLargest[] = {INT32_MAX, UINT16_MAX, UINT16_MAX};
  for (int i = 0; i < 3; ++i) {
    if (grid[i] > 0 && grid[i] <= kLargest[i])
      continue;
    Message(launch->caller)
        .add("kernel %s: expected a grid of at most ", name)
        .addList(kLargest, 3)
        .add(" blocks, got ")
        .addList(grid, 3)
        .add(": the sizes are too large for one call");
    launch->status = GATE_STATUS_INVALID_ARGUMENT;
    return;
  }
  // What the caller passes, the number of blocks, tensor maps.
  static constexpr int32_t kMostParameters = 256, kMostMaps = 16;
  void *all[kMostParameters];
  cuda::TensorMap maps[kMostMaps];
  int32_t blocks = static_cast<int32_t>(gridX);
  if (entry.isPersistent || entry.mapCount) {
    int32_t count = entry.parameterCount;
    if (count + 1 + entry.mapCount > kMostParameters ||
        entry.mapCount > kMostMaps || !cuda::driver.tensorMapEncodeTiled) {
      Message(launch->caller)
          .add(
              "kernel %s: expected at most %d parameters, %d tensor maps and a "
              "driver for CUDA 12 or later, got %d and %d",
              name, kMostParameters, kMostMaps, count, entry.mapCount);
      launch->status = GATE_STATUS_UNSUPPORTED_DEVICE;
      return;
    }
    memcpy(all, arguments, static_cast<size_t>(count) * sizeof(void *));
    if (entry.isPersistent) {
      all[count++] = &blocks;
      if (gridX > loaded.multiprocessors)
        gridX = loaded.multiprocessors;
    }
    for (int32_t i = 0; i < entry.mapCount; ++i) {
      cuda::Result result = encode(entry.maps[i], arguments, maps[i]);
      if (result != cuda::kSuccess) {
        Message message(launch->caller);
        message.add("kernel %s: making a tensor map of parameter %d failed "
                    "(expected a start at a multiple of 16 bytes and sizes "
                    "below 2^32)",
                    name, entry.maps[i].base);
        cuda::addResult(message, result);
        launch->status = GATE_STATUS_INVALID_ARGUMENT;
        return;
      }
      all[count++] = &maps[i];
    }
    arguments = all;
  }
  cuda::Result result = cuda::driver.launchKernel(
      loaded.kernels[kernel], static_cast<unsigned>(gridX),
      static_cast<unsigned>(gridY), static_cast<unsigned>(gridZ),
      static_cast<unsigned>(entry.threads), 1, 1,
      static_cast<unsigned>(entry.sharedBytes), launch->stream, arguments,
      nullptr);
  if (result == cuda::kSuccess)
    return;
  Message message(launch->caller);
  message.add("cuda:%d: launching kernel %s with a grid of ", loaded.device,
              name);
  message.addList(grid, 3).add(" failed");
  cuda::addResult(message, result);
  launch->status = GATE_STATUS_DEVICE_ERROR;
}

/// Null, with the message and `status`, when `device` cannot be used.
static const cuda::LoadedLibrary *loadFor(const GateLibrary &library,
                                          int32_t device, const char *caller,
                                          int32_t &status) {
  status = checkLibrary(library, caller);
  if (status)
    return nullptr;
  if (library.cuda)
    return cuda::load(library, device, caller, status);
  Message(caller).add("the library has no GPU code: compile with %s",
                      kBothTargets);
  status = GATE_STATUS_UNSUPPORTED_DEVICE;
  return nullptr;
}

int32_t gate_rt_cuda_load(const GateLibrary *library, int32_t device) {
  int32_t status;
  loadFor(*library, device, "cuda_load", status);
  return status;
}

int32_t gate_rt_cuda_status(const GateLibrary *library, int32_t device) {
  static const char kCaller[] = "cuda_status";
  int32_t status;
  const cuda::LoadedLibrary *loaded =
      loadFor(*library, device, kCaller, status);
  if (!loaded)
    return status;
  cuda::CurrentContext current(loaded->context);
  if (current.result != cuda::kSuccess)
    return failContext(kCaller, device, current.result);
  int32_t word = 0;
  cuda::Result result = cuda::driver.contextSynchronize();
  if (result == cuda::kSuccess && loaded->statusWord)
    result = cuda::driver.copyToHost(&word, loaded->statusWord, sizeof(word));
  if (result == cuda::kSuccess && word) {
    const int32_t zero = 0;
    result = cuda::driver.copyToDevice(loaded->statusWord, &zero, sizeof(zero));
    if (result == cuda::kSuccess)
      result = cuda::driver.contextSynchronize();
  }
  if (result != cuda::kSuccess) {
    Message message(kCaller);
    message.add("cuda:%d: work on the device failed", device);
    cuda::addResult(message, result);
    return GATE_STATUS_DEVICE_ERROR;
  }
  if (!word)
    return GATE_STATUS_OK;
  Message(kCaller).add("cuda:%d: a call since the last query met index data "
                       "out of range; what they read was 0",
                       device);
  return GATE_STATUS_INVALID_DATA;
}
