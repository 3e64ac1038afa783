//===- CudaLibrary.h - A library on one GPU --------------------*- C++ -*-===//
//
// What loading leaves behind for calls to use.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_RUNTIME_CUDALIBRARY_H
#define GATE_LIB_RUNTIME_CUDALIBRARY_H

#include "CudaDriver.h"
#include "Internal.h"

namespace gate::runtime::cuda {

/// One library, loaded on one GPU. Constant once it is found by load().
struct LoadedLibrary {
  const GateLibrary *library;
  /// The code in use.
  const GateCudaImage *image;
  int32_t device;
  int32_t multiprocessors;
  Device handle;
  /// The device's primary context, which frameworks use too.
  Context context;
  Module module;
  /// One per kernel of the library.
  Function *kernels;
  /// The word that kernels set, or 0.
  Pointer statusWord;
  /// Copies of embedded parameters: one block, and per function one address
  /// per argument (null for others); null without embedded parameters.
  Pointer embeddedBlock;
  void ***embedded;
  LoadedLibrary *next;
};

/// The driver; its functions may be called after a load has succeeded.
extern Driver driver;

/// The library on a device, loaded if need be. Null after a failure, which has
/// written the message and `status`; the next call tries again.
const LoadedLibrary *load(const GateLibrary &library, int32_t device,
                          const char *caller, int32_t &status);

/// Adds ": CUDA_ERROR_NAME: its text" to a message.
Message &addResult(Message &message, Result result);

/// Makes a context the thread's current one for the life of the object.
class CurrentContext {
public:
  explicit CurrentContext(Context context)
      : result(driver.contextPushCurrent(context)) {}
  ~CurrentContext() {
    Context popped;
    if (result == kSuccess)
      driver.contextPopCurrent(&popped);
  }
  CurrentContext(const CurrentContext &) = delete;
  CurrentContext &operator=(const CurrentContext &) = delete;

  /// kSuccess when the context is current.
  const Result result;
};

} // namespace gate::runtime::cuda

#endif // GATE_LIB_RUNTIME_CUDALIBRARY_H
