//===- PoolModule.cpp - A library that is loaded and unloaded -------------===//
//
// Has its own copy of the runtime, as compiled libraries do, so that a test
// can see what closing it leaves behind.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Runtime/Abi.h"

/// Runs `task` over [0, count) on `threads` threads.
extern "C" __attribute__((visibility("default"))) void
pool_module_run(void (*task)(void *, int64_t, int64_t), void *context,
                int64_t count, int32_t threads) {
  gate_rt_set_num_threads(threads);
  gate_rt_parallel_for(task, context, count);
}
