//===- Park.h - Sleep until a word changes ---------------------*- C++ -*-===//
//
// The two operations of a futex. Elsewhere than on Linux one lock and one
// condition variable stand in for the kernel's table of sleepers.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_RUNTIME_PARK_H
#define GATE_LIB_RUNTIME_PARK_H

#include <stdint.h>

#if defined(__linux__)

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace gate::runtime {

/// Sleeps while *word == value; may return early for no reason.
inline void park(uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
}

/// Wakes up to `count` threads that sleep on `word`.
inline void unpark(uint32_t *word, int32_t count) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
}

} // namespace gate::runtime

#else

#include <pthread.h>

namespace gate::runtime {

inline pthread_mutex_t parkLock = PTHREAD_MUTEX_INITIALIZER;
inline pthread_cond_t parkCondition = PTHREAD_COND_INITIALIZER;

inline void park(uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&parkLock);
  if (__atomic_load_n(word, __ATOMIC_SEQ_CST) == value)
    pthread_cond_wait(&parkCondition, &parkLock);
  pthread_mutex_unlock(&parkLock);
}

inline void unpark(uint32_t *, int32_t) {
  pthread_mutex_lock(&parkLock);
  pthread_cond_broadcast(&parkCondition);
  pthread_mutex_unlock(&parkLock);
}

} // namespace gate::runtime

#endif

#endif // GATE_LIB_RUNTIME_PARK_H
