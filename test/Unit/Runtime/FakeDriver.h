//===- FakeDriver.h - A CUDA driver without a GPU --------------*- C++ -*-===//
//
// The test tree's libcuda.so.1 keeps a record of all calls, takes host memory
// for device memory, and fails where it is told to.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_UNIT_RUNTIME_FAKEDRIVER_H
#define GATE_UNIT_RUNTIME_FAKEDRIVER_H

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace gate::test {

struct FakeDevice {
  int major = 9, minor = 0, multiprocessors = 4;
};

struct FakeDriver {
  // What the machine is like.
  std::vector<FakeDevice> devices = {FakeDevice()};
  /// The result of a function, by its name; kSuccess for others.
  std::map<std::string, int> failures;
  /// The result of loading an image that starts with this text.
  std::map<std::string, int> refused;
  /// What the compiler of PTX says when it refuses.
  std::string jitLog;
  /// Names that no module has.
  std::vector<std::string> missing = {"gate_cuda_status"};
  int32_t statusWord = 0;
  /// Runs in place of a kernel.
  std::function<void(const std::string &kernel, void **arguments)> onLaunch;

  // What has happened.
  std::mutex lock;
  std::vector<std::string> calls;
  int modules = 0, contexts = 0, allocations = 0;

  /// The record since the last time, without the calls that ask for texts.
  std::vector<std::string> takeCalls() {
    std::lock_guard<std::mutex> guard(lock);
    return std::move(calls);
  }
  int count(const std::string &call) {
    std::lock_guard<std::mutex> guard(lock);
    int found = 0;
    for (const std::string &entry : calls)
      found += entry.compare(0, call.size(), call) == 0;
    return found;
  }
};

} // namespace gate::test

/// The one driver of the process, as the loaded libcuda.so.1 knows it.
extern "C" gate::test::FakeDriver *fake_cuda();
/// Contexts that are current on this thread.
extern "C" int fake_cuda_depth();

#endif // GATE_UNIT_RUNTIME_FAKEDRIVER_H
