//===- Threads.cpp - The thread pool of a library -------------------------===//
//
// One word holds the pool's state: whether a region is open and how many
// workers are inside. Workers join an open region by counting themselves in;
// the caller closes it when no work is left and waits only for those inside,
// so a worker that wakes up late never delays a region.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Internal.h"
#include "Park.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

using namespace gate::runtime;

using Task = void (*)(void *context, int64_t begin, int64_t end);

static constexpr int32_t kMaxThreads = 1024;
// Compiled code keeps temporaries of a tile on the stack.
static constexpr size_t kStackBytes = size_t{16} << 20;
// Long enough to bridge the serial code between two regions of a model, and
// between two calls of a loop: waking a thread takes 50 to 100 microseconds.
static constexpr int64_t kSpinNanoseconds = 200 * 1000;
// While others still work on the region, the next one is near.
static constexpr int64_t kActiveSpinNanoseconds = 2 * 1000 * 1000;
// Parts per thread: enough to even out threads of different speed.
static constexpr uint64_t kPartsPerThread = 8;

// Bits of Pool::state. The generation tells a worker that has finished its
// share from one that has not seen the region yet.
static constexpr uint32_t kInsideMask = 0xfff;
static constexpr uint32_t kOpen = 1u << 12;
static constexpr uint32_t kStop = 1u << 13;
static constexpr uint32_t kGeneration = 1u << 14;
static constexpr uint32_t kGenerationMask = ~(kGeneration - 1);

namespace {
/// A run of the region's iterations that one thread takes from first. Far
/// apart runs keep threads off each other's neighbouring cache lines: heads
/// next to each other lie next to each other in memory.
struct Share {
  alignas(64) uint64_t next = 0;
  uint64_t end = 0;
};

struct Pool {
  alignas(64) uint32_t state = 0;
  /// Workers asleep on `state`, or about to be.
  alignas(64) uint32_t sleepers = 0;
  /// 1 while the caller sleeps until the last worker has left.
  uint32_t callerSleeps = 0;
  /// 1 while some thread owns the pool.
  uint32_t busy = 0;
  /// The process that the workers belong to; 0 before the first use, -1
  /// while a forked child makes the pool its own.
  int32_t process = 0;

  // The region; written by the owner while it is closed.
  /// Threads that have joined the region.
  alignas(64) uint32_t joined = 0;
  alignas(64) uint32_t shareCount = 0;
  uint64_t grain = 0;
  Share shares[kMaxThreads];
  Task task = nullptr;
  void *context = nullptr;

  // The workers; changed by the owner only.
  int32_t workers = 0;
  /// The number last asked for: creating threads may fail.
  int32_t wanted = 0;
  pthread_t handles[kMaxThreads];
};

/// What gate_rt_set_num_threads and gate_rt_set_parallel_for have set.
struct Settings {
  int32_t threads = 0;
  int32_t defaultThreads = 0;
  uint32_t hasHook = 0;
  pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  GateParallelFor hook = nullptr;
  void *host = nullptr;
};
} // namespace

static Pool pool;
static Settings settings;
/// True in workers and in callers while they run parts of a region.
static __thread bool insideTask = false;

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

static void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t{time.tv_sec} * 1000000000 + time.tv_nsec;
}

/// Spins until `isDone()`; false when the time for spinning is over. The time
/// starts when `isActive()` ends, or when that has lasted long.
template <typename Condition, typename Activity>
static bool spinUntil(Condition isDone, Activity isActive) {
  int64_t start = 0, begin = 0;
  for (;;) {
    for (int i = 0; i < 32; ++i) {
      if (isDone())
        return true;
      relax();
    }
    int64_t time = now();
    if (begin == 0)
      begin = time;
    if (start == 0 || (isActive() && time - begin < kActiveSpinNanoseconds))
      start = time;
    else if (time - start > kSpinNanoseconds)
      return isDone();
  }
}

//===----------------------------------------------------------------------===//
// Workers
//===----------------------------------------------------------------------===//

/// Runs parts of one share until none is left.
static void runShare(Share &share) {
  for (;;) {
    uint64_t begin =
        __atomic_fetch_add(&share.next, pool.grain, __ATOMIC_RELAXED);
    if (begin >= share.end)
      return;
    uint64_t left = share.end - begin;
    uint64_t size = left < pool.grain ? left : pool.grain;
    pool.task(pool.context, static_cast<int64_t>(begin),
              static_cast<int64_t>(begin + size));
  }
}

/// Runs parts of the open region until none is left: those of the thread's own
/// share, then what others have not begun.
static void runParts() {
  uint32_t first = __atomic_fetch_add(&pool.joined, 1, __ATOMIC_RELAXED);
  for (uint32_t i = 0; i < pool.shareCount; ++i)
    runShare(pool.shares[(first + i) % pool.shareCount]);
}

/// True when a worker that last was in generation `seen` has to act.
static bool concerns(uint32_t state, uint32_t seen) {
  return (state & kStop) ||
         ((state & kOpen) && (state & kGenerationMask) != seen);
}

static uint32_t waitForWork(uint32_t seen) {
  uint32_t state = 0;
  auto isDone = [&] {
    state = __atomic_load_n(&pool.state, __ATOMIC_SEQ_CST);
    return concerns(state, seen);
  };
  auto isActive = [&] { return (state & kOpen) != 0; };
  while (!spinUntil(isDone, isActive)) {
    __atomic_fetch_add(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
    while (!isDone())
      park(&pool.state, state);
    __atomic_fetch_sub(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
  }
  return state;
}

static void *workerMain(void *) {
  insideTask = true;
  uint32_t seen = 1; // no generation
  for (;;) {
    uint32_t state = waitForWork(seen);
    if (state & kStop)
      return nullptr;
    if (!__atomic_compare_exchange_n(&pool.state, &state, state + 1, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
      continue;
    seen = state & kGenerationMask;
    runParts();
    state = __atomic_sub_fetch(&pool.state, 1, __ATOMIC_SEQ_CST);
    if ((state & kOpen) || (state & kInsideMask))
      continue;
    if (__atomic_exchange_n(&pool.callerSleeps, 0, __ATOMIC_SEQ_CST))
      unpark(&pool.callerSleeps, 1);
  }
}

static void stopWorkers() {
  __atomic_fetch_or(&pool.state, kStop, __ATOMIC_SEQ_CST);
  unpark(&pool.state, kMaxThreads);
  for (int32_t i = 0; i < pool.workers; ++i)
    pthread_join(pool.handles[i], nullptr);
  __atomic_fetch_and(&pool.state, ~kStop, __ATOMIC_SEQ_CST);
  pool.workers = pool.wanted = 0;
}

/// Creates workers with signals blocked, so that the host's handlers run on
/// the host's threads.
static void startWorkers(int32_t wanted) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes))
    return;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  sigset_t all, old;
  sigfillset(&all);
  // A fault belongs to the thread that caused it.
  static const int kFaults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  for (int fault : kFaults)
    sigdelset(&all, fault);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pool.wanted = wanted;
  while (pool.workers < wanted &&
         !pthread_create(&pool.handles[pool.workers], &attributes, workerMain,
                         nullptr))
    ++pool.workers;
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  pthread_attr_destroy(&attributes);
}

//===----------------------------------------------------------------------===//
// The owner of the pool
//===----------------------------------------------------------------------===//

/// False in a forked child while another thread of it adopts the pool.
static bool adoptPool() {
  int32_t self = getpid();
  int32_t process = __atomic_load_n(&pool.process, __ATOMIC_ACQUIRE);
  if (process == self)
    return true;
  if (process == -1 ||
      !__atomic_compare_exchange_n(&pool.process, &process, -1, false,
                                   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return false;
  // The parent's workers do not exist here, whatever they were doing.
  pool.state = pool.sleepers = pool.callerSleeps = pool.busy = 0;
  pool.workers = pool.wanted = 0;
  __atomic_store_n(&pool.process, self, __ATOMIC_RELEASE);
  return true;
}

static bool acquirePool() {
  return adoptPool() && !__atomic_exchange_n(&pool.busy, 1, __ATOMIC_ACQUIRE);
}

static void releasePool() { __atomic_store_n(&pool.busy, 0, __ATOMIC_RELEASE); }

static void wakeWorkers(uint64_t parts) {
  uint32_t sleepers = __atomic_load_n(&pool.sleepers, __ATOMIC_SEQ_CST);
  if (sleepers == 0)
    return;
  uint64_t useful = parts - 1;
  unpark(&pool.state,
         useful < sleepers ? static_cast<int32_t>(useful) : kMaxThreads);
}

static void waitForWorkers() {
  auto isDone = [] {
    return !(__atomic_load_n(&pool.state, __ATOMIC_SEQ_CST) & kInsideMask);
  };
  // A worker is inside a part of the region.
  if (spinUntil(isDone, [] { return true; }))
    return;
  for (;;) {
    __atomic_store_n(&pool.callerSleeps, 1, __ATOMIC_SEQ_CST);
    if (isDone())
      break;
    park(&pool.callerSleeps, 1);
  }
  __atomic_store_n(&pool.callerSleeps, 0, __ATOMIC_SEQ_CST);
}

static void runRegion(Task task, void *context, int64_t count,
                      int32_t threads) {
  if (pool.wanted != threads - 1) {
    stopWorkers();
    startWorkers(threads - 1);
  }
  uint64_t parts = static_cast<uint64_t>(threads) * kPartsPerThread;
  pool.task = task;
  pool.context = context;
  uint64_t total = static_cast<uint64_t>(count);
  pool.grain = total / parts ? total / parts : 1;
  pool.joined = 0;
  pool.shareCount = static_cast<uint32_t>(total < static_cast<uint64_t>(threads)
                                              ? total
                                              : static_cast<uint64_t>(threads));
  // Equal runs without a product that could overflow.
  uint64_t each = total / pool.shareCount, extra = total % pool.shareCount;
  uint64_t begin = 0;
  for (uint32_t i = 0; i < pool.shareCount; ++i) {
    pool.shares[i].next = begin;
    begin += each + (i < extra ? 1 : 0);
    pool.shares[i].end = begin;
  }
  // Atomic: a worker may still be trying to join the last region.
  uint32_t last = __atomic_load_n(&pool.state, __ATOMIC_RELAXED);
  uint32_t generation = (last + kGeneration) & kGenerationMask;
  __atomic_store_n(&pool.state, generation | kOpen, __ATOMIC_SEQ_CST);
  wakeWorkers((total - 1) / pool.grain + 1);
  insideTask = true;
  runParts();
  insideTask = false;
  __atomic_fetch_and(&pool.state, ~kOpen, __ATOMIC_SEQ_CST);
  waitForWorkers();
}

/// Unloading the library unmaps the code of its threads.
__attribute__((destructor)) static void stopPool() {
  // A child of fork has no workers to join. When the pool is in use the
  // process is exiting with a call under way, and must not wait for it.
  if (__atomic_load_n(&pool.process, __ATOMIC_ACQUIRE) != getpid() ||
      !acquirePool())
    return;
  stopWorkers();
  releasePool();
}

//===----------------------------------------------------------------------===//
// Settings
//===----------------------------------------------------------------------===//

static int32_t countCpus() {
#if defined(__linux__)
  // By system call: the C function has had two signatures, told apart only
  // by symbol versions. Room for 8192 CPUs.
  unsigned long mask[128];
  long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
  int32_t cpus = 0;
  for (long i = 0; i < bytes / static_cast<long>(sizeof(long)); ++i)
    cpus += __builtin_popcountl(mask[i]);
  if (cpus > 0)
    return cpus;
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? static_cast<int32_t>(online) : 1;
}

static int32_t computeDefaultThreads() {
  const char *text = getenv("GATE_NUM_THREADS");
  char *end = nullptr;
  long threads = text ? strtol(text, &end, 10) : 0;
  // A value that is no number says nothing about what the user wants.
  if (!text || end == text || *end || threads < 1)
    threads = countCpus();
  return threads < kMaxThreads ? static_cast<int32_t>(threads) : kMaxThreads;
}

int32_t gate_rt_num_threads(void) {
  int32_t threads = __atomic_load_n(&settings.threads, __ATOMIC_RELAXED);
  if (threads > 0)
    return threads;
  threads = __atomic_load_n(&settings.defaultThreads, __ATOMIC_RELAXED);
  if (threads == 0) {
    threads = computeDefaultThreads();
    __atomic_store_n(&settings.defaultThreads, threads, __ATOMIC_RELAXED);
  }
  return threads;
}

int32_t gate_rt_set_num_threads(int32_t threads) {
  if (threads < 0 || threads > kMaxThreads) {
    Message("set_num_threads")
        .add("argument threads: expected 0 to %d, got %d", kMaxThreads,
             threads);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  if (threads == 0)
    __atomic_store_n(&settings.defaultThreads, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&settings.threads, threads, __ATOMIC_RELAXED);
  return GATE_STATUS_OK;
}

int32_t gate_rt_set_parallel_for(GateParallelFor run, void *host) {
  pthread_mutex_lock(&settings.lock);
  settings.hook = run;
  settings.host = host;
  __atomic_store_n(&settings.hasHook, run ? 1u : 0u, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&settings.lock);
  return GATE_STATUS_OK;
}

//===----------------------------------------------------------------------===//
// Entry
//===----------------------------------------------------------------------===//

namespace {
struct HostedTask {
  Task task;
  void *context;
};
} // namespace

/// Marks the host's thread, so that nested calls stay on it.
static void runHostedTask(void *context, int64_t begin, int64_t end) {
  const auto *hosted = static_cast<const HostedTask *>(context);
  bool wasInside = insideTask;
  insideTask = true;
  hosted->task(hosted->context, begin, end);
  insideTask = wasInside;
}

/// False when no hook is set.
static bool runOnHost(Task task, void *context, int64_t count) {
  if (!__atomic_load_n(&settings.hasHook, __ATOMIC_RELAXED))
    return false;
  pthread_mutex_lock(&settings.lock);
  GateParallelFor hook = settings.hook;
  void *host = settings.host;
  pthread_mutex_unlock(&settings.lock);
  if (!hook)
    return false;
  HostedTask hosted = {task, context};
  hook(host, runHostedTask, &hosted, count);
  return true;
}

void gate_rt_parallel_for(Task task, void *context, int64_t count) {
  if (count <= 0)
    return;
  // A region of one part leaves the threads to the regions inside it.
  if (count == 1 || insideTask)
    return task(context, 0, count);
  if (runOnHost(task, context, count))
    return;
  int32_t threads = gate_rt_num_threads();
  if (threads == 1 || !acquirePool())
    return task(context, 0, count);
  runRegion(task, context, count, threads);
  releasePool();
}
