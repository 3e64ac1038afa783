//===- CudaLoad.cpp - Puts a library on a GPU -----------------------------===//
//
// Opens the driver by name, so that a library also works where there is none,
// chooses the code for a device and loads it once. A load that fails leaves
// nothing behind and is tried again by the next call: its reason, such as
// memory that another process holds, may be gone by then.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaLibrary.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

using namespace gate::runtime;

cuda::Driver cuda::driver;

/// Held while a library is loaded; calls on loaded ones do not take it.
static pthread_mutex_t loadLock = PTHREAD_MUTEX_INITIALIZER;
/// All loaded libraries. One in compiled libraries, times the devices in use.
static cuda::LoadedLibrary *loadedLibraries;

//===----------------------------------------------------------------------===//
// The driver
//===----------------------------------------------------------------------===//

Message &cuda::addResult(Message &message, Result result) {
  const char *name = nullptr, *text = nullptr;
  if (driver.getErrorName(result, &name) != kSuccess || !name)
    return message.add(": CUDA error %d", result);
  if (driver.getErrorString(result, &text) != kSuccess || !text)
    text = "no text";
  return message.add(": %s: %s", name, text);
}

static int32_t openDriver(const char *caller) {
  static const char kFile[] = "libcuda.so.1";
  static void *file;
  static bool isReady;
  if (isReady)
    return GATE_STATUS_OK;
  if (!file)
    file = dlopen(kFile, RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    const char *reason = dlerror();
    Message(caller).add("expected NVIDIA's driver to be installed, but %s did "
                        "not open: %s",
                        kFile, reason ? reason : "no reason given");
    return GATE_STATUS_UNSUPPORTED_DEVICE;
  }
  const char *missing = nullptr;
#define GATE_CUDA_RESOLVE(member, name, parameters)                            \
  cuda::driver.member =                                                        \
      reinterpret_cast<decltype(cuda::driver.member)>(dlsym(file, name));      \
  if (!cuda::driver.member)                                                    \
    missing = name;
  // The second list may be missing.
  GATE_CUDA_NEWER_FUNCTIONS(GATE_CUDA_RESOLVE)
  missing = nullptr;
  GATE_CUDA_FUNCTIONS(GATE_CUDA_RESOLVE)
#undef GATE_CUDA_RESOLVE
  if (missing) {
    Message(caller).add("expected NVIDIA's driver to have the function %s, got "
                        "one without: update the driver",
                        missing);
    return GATE_STATUS_UNSUPPORTED_DEVICE;
  }
  cuda::Result result = cuda::driver.init(0);
  if (result != cuda::kSuccess) {
    Message message(caller);
    message.add("expected a CUDA device, but cuInit failed");
    cuda::addResult(message, result);
    return GATE_STATUS_UNSUPPORTED_DEVICE;
  }
  isReady = true;
  return GATE_STATUS_OK;
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

namespace {
/// One load under way. Each step returns a GateStatus and has written the
/// message of a failure.
class Loader {
public:
  Loader(const GateLibrary &library, int32_t device, const char *caller)
      : library(library), caller(caller), device(device) {}

  int32_t run(cuda::LoadedLibrary &loaded);

private:
  int32_t findDevice(cuda::LoadedLibrary &loaded);
  int32_t chooseImage();
  int32_t loadImage(cuda::LoadedLibrary &loaded);
  int32_t findKernels(cuda::LoadedLibrary &loaded);
  int32_t findStatusWord(cuda::LoadedLibrary &loaded);
  int32_t copyEmbedded(cuda::LoadedLibrary &loaded);

  /// Starts with the device: "cuda:0 (NVIDIA H100, sm_90): ".
  Message start() const;
  int32_t fail(const char *what, cuda::Result result) const;

  const GateLibrary &library;
  const char *caller;
  int32_t device;
  char name[96] = "";
  int major = 0, minor = 0;
  const GateCudaImage *image = nullptr;
};
} // namespace

Message Loader::start() const {
  Message message(caller);
  message.add("cuda:%d (%s, sm_%d%d): ", device, name, major, minor);
  return message;
}

int32_t Loader::fail(const char *what, cuda::Result result) const {
  Message message = start();
  message.add("%s failed", what);
  cuda::addResult(message, result);
  return GATE_STATUS_DEVICE_ERROR;
}

int32_t Loader::findDevice(cuda::LoadedLibrary &loaded) {
  int count = 0;
  cuda::Result result = cuda::driver.deviceGetCount(&count);
  if (result == cuda::kSuccess && (device < 0 || device >= count)) {
    Message(caller).add("cuda:%d: expected a device number below %d, the "
                        "number of CUDA devices that this process sees",
                        device, count);
    return GATE_STATUS_UNSUPPORTED_DEVICE;
  }
  if (result == cuda::kSuccess)
    result = cuda::driver.deviceGet(&loaded.handle, device);
  if (result == cuda::kSuccess)
    result = cuda::driver.deviceGetName(name, sizeof(name), loaded.handle);
  if (result == cuda::kSuccess)
    result = cuda::driver.deviceGetAttribute(&major, cuda::kCapabilityMajor,
                                             loaded.handle);
  if (result == cuda::kSuccess)
    result = cuda::driver.deviceGetAttribute(&minor, cuda::kCapabilityMinor,
                                             loaded.handle);
  if (result == cuda::kSuccess)
    result = cuda::driver.deviceGetAttribute(
        &loaded.multiprocessors, cuda::kMultiprocessors, loaded.handle);
  return result == cuda::kSuccess ? GATE_STATUS_OK
                                  : fail("asking for the device", result);
}

/// The code made for exactly this capability, or else for the nearest one
/// below it whose code also runs on later ones.
int32_t Loader::chooseImage() {
  const GateCudaModule &code = *library.cuda;
  for (int32_t i = 0; i < code.imageCount; ++i) {
    const GateCudaImage &other = code.images[i];
    bool isSame = other.major == major && other.minor == minor;
    if (isSame && other.isExact) {
      image = &other;
      return GATE_STATUS_OK;
    }
    bool isBelow = isSame || other.major < major ||
                   (other.major == major && other.minor < minor);
    bool isNearer = !image || other.major > image->major ||
                    (other.major == image->major && other.minor > image->minor);
    if (!other.isExact && isBelow && isNearer)
      image = &other;
  }
  if (image)
    return GATE_STATUS_OK;
  Message message = start();
  message.add("expected a device for the library's code:");
  for (int32_t i = 0; i < code.imageCount; ++i)
    message.add("%s %s%s", i ? "," : "", code.images[i].target,
                code.images[i].isExact ? " only" : " or later");
  message.add("; compile with --target=cpu,cuda:sm_%d%d", major, minor);
  return GATE_STATUS_UNSUPPORTED_DEVICE;
}

int32_t Loader::loadImage(cuda::LoadedLibrary &loaded) {
  // Machine code runs on later capabilities of its own generation only.
  cuda::Result refused = cuda::kSuccess;
  if (image->cubin && image->major == major) {
    refused = cuda::driver.moduleLoadDataEx(&loaded.module, image->cubin, 0,
                                            nullptr, nullptr);
    if (refused == cuda::kSuccess)
      return GATE_STATUS_OK;
  }
  char log[512] = "";
  cuda::JitOption options[] = {cuda::kErrorLogBuffer,
                               cuda::kErrorLogBufferBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log) - 1)};
  cuda::Result result = cuda::driver.moduleLoadDataEx(
      &loaded.module, image->ptx, 2, options, values);
  if (result == cuda::kSuccess)
    return GATE_STATUS_OK;
  loaded.module = nullptr;
  int version = 0;
  cuda::driver.driverGetVersion(&version);
  Message message = start();
  message.add("loading the PTX for %s failed", image->target);
  cuda::addResult(message, result);
  message.add("; the driver is for CUDA %d.%d", version / 1000,
              version % 1000 / 10);
  if (refused != cuda::kSuccess)
    cuda::addResult(message.add("; before, the machine code failed"), refused);
  size_t length = strlen(log);
  while (length && strchr(" \n", log[length - 1]))
    log[--length] = '\0';
  if (length)
    message.add("; its compiler says: %s", log);
  return GATE_STATUS_DEVICE_ERROR;
}

int32_t Loader::findKernels(cuda::LoadedLibrary &loaded) {
  loaded.image = image;
  const GateCudaModule &code = *library.cuda;
  size_t count = static_cast<size_t>(code.kernelCount);
  loaded.kernels =
      static_cast<cuda::Function *>(calloc(count + 1, sizeof(cuda::Function)));
  if (!loaded.kernels) {
    start().add("cannot allocate the table of kernels");
    return GATE_STATUS_OUT_OF_MEMORY;
  }
  for (int32_t i = 0; i < code.kernelCount; ++i) {
    const GateCudaLaunch &kernel = image->launches[i];
    const char *kernelName = code.kernels[i];
    cuda::Result result = cuda::driver.moduleGetFunction(
        &loaded.kernels[i], loaded.module, kernelName);
    if (result != cuda::kSuccess) {
      Message message = start();
      message.add("looking up kernel %s in the code for %s failed", kernelName,
                  image->target);
      cuda::addResult(message, result);
      return GATE_STATUS_DEVICE_ERROR;
    }
    if (kernel.sharedBytes <= cuda::kDefaultSharedBytes)
      continue;
    result = cuda::driver.functionSetAttribute(
        loaded.kernels[i], cuda::kMaxDynamicSharedBytes, kernel.sharedBytes);
    if (result != cuda::kSuccess) {
      Message message = start();
      message.add("asking for %d bytes of shared memory for kernel %s failed",
                  kernel.sharedBytes, kernelName);
      cuda::addResult(message, result);
      return GATE_STATUS_DEVICE_ERROR;
    }
  }
  return GATE_STATUS_OK;
}

int32_t Loader::findStatusWord(cuda::LoadedLibrary &loaded) {
  size_t bytes = 0;
  cuda::Result result = cuda::driver.moduleGetGlobal(
      &loaded.statusWord, &bytes, loaded.module, GATE_CUDA_STATUS_SYMBOL);
  if (result == cuda::kSuccess && bytes == sizeof(int32_t))
    return GATE_STATUS_OK;
  loaded.statusWord = 0;
  if (result == cuda::kSuccess || result == cuda::kNotFound)
    return GATE_STATUS_OK;
  return fail("looking up " GATE_CUDA_STATUS_SYMBOL, result);
}

/// Calls visit(function's index, argument's index, argument) for every embedded
/// parameter.
template <typename Visitor>
static void visitEmbedded(const GateLibrary &library, Visitor visit) {
  for (int32_t f = 0; f < library.functionCount; ++f) {
    const GateFunction &function = *library.functions[f];
    for (int32_t i = 0; function.launch && i < function.argumentCount; ++i)
      if (function.arguments[i].embedded)
        visit(f, i, function.arguments[i]);
  }
}

/// Copies the embedded parameters to the device. Functions that share one
/// share its copy where the linker has merged its bytes.
int32_t Loader::copyEmbedded(cuda::LoadedLibrary &loaded) {
  // What every allocator of CUDA gives.
  constexpr uint64_t kAlignment = 256;
  uint64_t total = 0;
  visitEmbedded(library, [&](int32_t, int32_t, const GateArgument &argument) {
    total += (embeddedBytes(argument) + kAlignment - 1) / kAlignment;
  });
  total *= kAlignment;
  if (!total)
    return GATE_STATUS_OK;
  cuda::Result result =
      cuda::driver.memoryAllocate(&loaded.embeddedBlock, total);
  if (result != cuda::kSuccess) {
    loaded.embeddedBlock = 0;
    Message message = start();
    message.add("allocating %" PRIu64 " bytes for embedded parameters failed",
                total);
    cuda::addResult(message, result);
    return GATE_STATUS_OUT_OF_MEMORY;
  }
  size_t functions = static_cast<size_t>(library.functionCount), rows = 0;
  for (size_t f = 0; f < functions; ++f)
    rows += static_cast<size_t>(library.functions[f]->argumentCount);
  loaded.embedded =
      static_cast<void ***>(calloc(functions + rows, sizeof(void *)));
  if (!loaded.embedded) {
    start().add("cannot allocate the table of embedded parameters");
    return GATE_STATUS_OUT_OF_MEMORY;
  }
  void **row = reinterpret_cast<void **>(loaded.embedded + functions);
  for (size_t f = 0; f < functions; ++f) {
    loaded.embedded[f] = row;
    row += library.functions[f]->argumentCount;
  }
  cuda::Pointer next = loaded.embeddedBlock;
  visitEmbedded(
      library, [&](int32_t f, int32_t i, const GateArgument &argument) {
        uint64_t bytes = embeddedBytes(argument);
        if (result == cuda::kSuccess && bytes)
          result = cuda::driver.copyToDevice(next, argument.embedded, bytes);
        loaded.embedded[f][i] = reinterpret_cast<void *>(next);
        next += (bytes + kAlignment - 1) / kAlignment * kAlignment;
      });
  // The last copy may still be on its way when the driver returns.
  if (result == cuda::kSuccess)
    result = cuda::driver.contextSynchronize();
  return result == cuda::kSuccess ? GATE_STATUS_OK
                                  : fail("copying embedded parameters", result);
}

int32_t Loader::run(cuda::LoadedLibrary &loaded) {
  if (int32_t status = openDriver(caller))
    return status;
  if (int32_t status = findDevice(loaded))
    return status;
  if (int32_t status = chooseImage())
    return status;
  cuda::Result result =
      cuda::driver.primaryContextRetain(&loaded.context, loaded.handle);
  if (result != cuda::kSuccess) {
    loaded.context = nullptr;
    return fail("taking the device's primary context", result);
  }
  cuda::CurrentContext current(loaded.context);
  if (current.result != cuda::kSuccess)
    return fail("entering the device's primary context", current.result);
  if (int32_t status = loadImage(loaded))
    return status;
  if (int32_t status = findKernels(loaded))
    return status;
  if (int32_t status = findStatusWord(loaded))
    return status;
  return copyEmbedded(loaded);
}

/// Gives back what a load, perhaps an incomplete one, has taken.
static void release(cuda::LoadedLibrary *loaded) {
  if (loaded->context) {
    {
      cuda::CurrentContext current(loaded->context);
      if (loaded->module)
        cuda::driver.moduleUnload(loaded->module);
      if (loaded->embeddedBlock)
        cuda::driver.memoryFree(loaded->embeddedBlock);
    }
    cuda::driver.primaryContextRelease(loaded->handle);
  }
  free(loaded->kernels);
  free(loaded->embedded);
  free(loaded);
}

static const cuda::LoadedLibrary *find(const GateLibrary &library,
                                       int32_t device) {
  const cuda::LoadedLibrary *loaded =
      __atomic_load_n(&loadedLibraries, __ATOMIC_ACQUIRE);
  while (loaded && (loaded->library != &library || loaded->device != device))
    loaded = loaded->next;
  return loaded;
}

//===----------------------------------------------------------------------===//
// Unloading
//===----------------------------------------------------------------------===//

extern "C" {
int __cxa_atexit(void (*function)(void *), void *argument, void *library);
void __cxa_finalize(void *library);
}

/// Set when the process exits: the driver may be gone, and takes everything
/// with it. Its address stands for this library in the C library's list.
static bool isExiting;

static void noteExit(void *) { isExiting = true; }

void gate::runtime::unloadCuda() {
  pthread_mutex_lock(&loadLock);
  cuda::LoadedLibrary *loaded = loadedLibraries;
  __atomic_store_n(&loadedLibraries, nullptr, __ATOMIC_RELEASE);
  while (loaded) {
    cuda::LoadedLibrary *next = loaded->next;
    // Kernels of calls that have returned may still run.
    {
      cuda::CurrentContext current(loaded->context);
      cuda::driver.contextSynchronize();
    }
    release(loaded);
    loaded = next;
  }
  pthread_mutex_unlock(&loadLock);
}

/// Runs when the library is closed, and at exit after noteExit.
__attribute__((destructor)) static void closeCuda() {
  bool wasExiting = isExiting;
  // Takes noteExit, whose code goes away, from the C library's list.
  __cxa_finalize(&isExiting);
  if (!wasExiting && loadedLibraries)
    unloadCuda();
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

const cuda::LoadedLibrary *cuda::load(const GateLibrary &library,
                                      int32_t device, const char *caller,
                                      int32_t &status) {
  status = GATE_STATUS_OK;
  if (const LoadedLibrary *loaded = find(library, device))
    return loaded;
  pthread_mutex_lock(&loadLock);
  const LoadedLibrary *found = find(library, device);
  if (!found) {
    auto *loaded =
        static_cast<LoadedLibrary *>(calloc(1, sizeof(LoadedLibrary)));
    if (loaded) {
      loaded->library = &library;
      loaded->device = device;
      status = Loader(library, device, caller).run(*loaded);
    } else {
      Message(caller).add("cannot allocate the record of a GPU");
      status = GATE_STATUS_OUT_OF_MEMORY;
    }
    if (status == GATE_STATUS_OK) {
      if (!loadedLibraries)
        __cxa_atexit(noteExit, nullptr, &isExiting);
      loaded->next = loadedLibraries;
      __atomic_store_n(&loadedLibraries, loaded, __ATOMIC_RELEASE);
      found = loaded;
    } else if (loaded) {
      release(loaded);
    }
  }
  pthread_mutex_unlock(&loadLock);
  return found;
}
