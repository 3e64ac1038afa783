//===- ThreadsTest.cpp - The thread pool ----------------------------------===//
//
// Every index exactly once, whatever the number of threads, of parts and of
// hosts; and no thread left behind.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Runtime/Abi.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {
/// Counts how often each index was handed out.
struct Counter {
  explicit Counter(int64_t count)
      : count(count),
        hits(std::make_unique<std::atomic<int>[]>(static_cast<size_t>(count))) {
    for (int64_t i = 0; i < count; ++i)
      hits[static_cast<size_t>(i)] = 0;
  }
  static void run(void *context, int64_t begin, int64_t end) {
    auto &self = *static_cast<Counter *>(context);
    for (int64_t i = begin; i < end; ++i)
      self.hits[static_cast<size_t>(i)].fetch_add(1, std::memory_order_relaxed);
  }
  bool isComplete(int times = 1) const {
    for (int64_t i = 0; i < count; ++i)
      if (hits[static_cast<size_t>(i)] != times)
        return false;
    return true;
  }

  int64_t count;
  std::unique_ptr<std::atomic<int>[]> hits;
};

class ThreadsTest : public testing::Test {
protected:
  ~ThreadsTest() override {
    gate_rt_set_num_threads(0);
    gate_rt_set_parallel_for(nullptr, nullptr);
  }
};
} // namespace

TEST_F(ThreadsTest, EveryIndexOnce) {
  for (int32_t threads : {1, 2, 3, 8}) {
    gate_rt_set_num_threads(threads);
    EXPECT_EQ(gate_rt_num_threads(), threads);
    for (int64_t count : {1, 2, 3, 15, 16, 17, 1000, 100003}) {
      Counter counter(count);
      gate_rt_parallel_for(Counter::run, &counter, count);
      EXPECT_TRUE(counter.isComplete()) << threads << " " << count;
    }
  }
}

TEST_F(ThreadsTest, NothingToDo) {
  auto never = [](void *, int64_t, int64_t) { FAIL(); };
  gate_rt_parallel_for(never, nullptr, 0);
  gate_rt_parallel_for(never, nullptr, -1);
}

TEST_F(ThreadsTest, ManySmallRegions) {
  gate_rt_set_num_threads(4);
  Counter counter(8);
  for (int i = 0; i < 5000; ++i)
    gate_rt_parallel_for(Counter::run, &counter, 8);
  EXPECT_TRUE(counter.isComplete(5000));
}

TEST_F(ThreadsTest, RegionsAfterPauses) {
  // Long enough for the workers to fall asleep in between.
  gate_rt_set_num_threads(4);
  Counter counter(64);
  for (int i = 0; i < 100; ++i) {
    gate_rt_parallel_for(Counter::run, &counter, 64);
    usleep(300);
  }
  EXPECT_TRUE(counter.isComplete(100));
}

namespace {
struct Outer {
  Counter counter{16 * 100};
  std::atomic<int> strays{0};
};
struct Inner {
  Outer *outer;
  int64_t row;
  std::thread::id thread;
};
} // namespace

static void runInner(void *context, int64_t begin, int64_t end) {
  auto &inner = *static_cast<Inner *>(context);
  if (std::this_thread::get_id() != inner.thread)
    inner.outer->strays++;
  Counter::run(&inner.outer->counter, inner.row * 100 + begin,
               inner.row * 100 + end);
}

static void runOuter(void *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) {
    Inner inner = {static_cast<Outer *>(context), i,
                   std::this_thread::get_id()};
    gate_rt_parallel_for(runInner, &inner, 100);
  }
}

TEST_F(ThreadsTest, NestedCallsStayOnTheThread) {
  gate_rt_set_num_threads(4);
  Outer outer;
  gate_rt_parallel_for(runOuter, &outer, 16);
  EXPECT_TRUE(outer.counter.isComplete());
  EXPECT_EQ(outer.strays, 0);
}

TEST_F(ThreadsTest, ConcurrentHosts) {
  gate_rt_set_num_threads(3);
  std::vector<std::thread> hosts;
  std::atomic<int> complete{0};
  for (int host = 0; host < 4; ++host)
    hosts.emplace_back([&complete] {
      Counter counter(50);
      for (int i = 0; i < 300; ++i)
        gate_rt_parallel_for(Counter::run, &counter, 50);
      complete += counter.isComplete(300);
    });
  for (std::thread &host : hosts)
    host.join();
  EXPECT_EQ(complete, 4);
}

TEST_F(ThreadsTest, UsesSeveralThreads) {
  gate_rt_set_num_threads(2);
  struct Barrier {
    std::atomic<int> arrived{0};
  } barrier;
  // Returns only when two threads are inside at the same time.
  auto meet = [](void *context, int64_t, int64_t) {
    auto &arrived = static_cast<Barrier *>(context)->arrived;
    arrived++;
    while (arrived < 2)
      std::this_thread::yield();
  };
  gate_rt_parallel_for(meet, &barrier, 2);
  EXPECT_EQ(barrier.arrived, 2);
}

TEST_F(ThreadsTest, Hook) {
  struct Host {
    int calls = 0;
  } host;
  auto run = [](void *host, void (*task)(void *, int64_t, int64_t),
                void *context, int64_t count) {
    static_cast<Host *>(host)->calls++;
    for (int64_t i = count; i-- > 0;)
      task(context, i, i + 1);
  };
  ASSERT_EQ(gate_rt_set_parallel_for(run, &host), GATE_STATUS_OK);
  Counter counter(10);
  gate_rt_parallel_for(Counter::run, &counter, 10);
  EXPECT_TRUE(counter.isComplete());
  EXPECT_EQ(host.calls, 1);
  // Inside the host's tasks everything stays on its thread.
  auto nested = [](void *context, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      gate_rt_parallel_for(Counter::run, context, 10);
  };
  gate_rt_parallel_for(nested, &counter, 3);
  EXPECT_TRUE(counter.isComplete(4));
  EXPECT_EQ(host.calls, 2);
  gate_rt_set_parallel_for(nullptr, nullptr);
  gate_rt_parallel_for(Counter::run, &counter, 10);
  EXPECT_TRUE(counter.isComplete(5));
  EXPECT_EQ(host.calls, 2);
}

TEST_F(ThreadsTest, NumberOfThreads) {
  EXPECT_EQ(gate_rt_set_num_threads(-1), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_STREQ(gate_rt_last_error(), "set_num_threads: argument threads: "
                                     "expected 0 to 1024, got -1");
  EXPECT_EQ(gate_rt_set_num_threads(1025), GATE_STATUS_INVALID_ARGUMENT);
  ASSERT_EQ(setenv("GATE_NUM_THREADS", "5", 1), 0);
  EXPECT_EQ(gate_rt_set_num_threads(0), GATE_STATUS_OK);
  EXPECT_EQ(gate_rt_num_threads(), 5);
  setenv("GATE_NUM_THREADS", "many", 1);
  gate_rt_set_num_threads(0);
  EXPECT_GE(gate_rt_num_threads(), 1);
  EXPECT_NE(gate_rt_num_threads(), 5);
  unsetenv("GATE_NUM_THREADS");
}

TEST_F(ThreadsTest, ChangesDuringCalls) {
  std::atomic<bool> stop{false};
  std::thread changer([&stop] {
    for (int32_t threads = 1; !stop; threads = threads % 5 + 1) {
      gate_rt_set_num_threads(threads);
      usleep(50);
    }
  });
  Counter counter(40);
  for (int i = 0; i < 500; ++i)
    gate_rt_parallel_for(Counter::run, &counter, 40);
  stop = true;
  changer.join();
  EXPECT_TRUE(counter.isComplete(500));
}

static size_t countThreads() {
  DIR *tasks = opendir("/proc/self/task");
  if (!tasks)
    return 0;
  size_t count = 0;
  while (dirent *entry = readdir(tasks))
    count += entry->d_name[0] != '.';
  closedir(tasks);
  return count;
}

TEST_F(ThreadsTest, UnloadingEndsTheWorkers) {
  for (int i = 0; i < 5; ++i) {
    size_t before = countThreads();
    void *module = dlopen(GATE_POOL_MODULE, RTLD_NOW | RTLD_LOCAL);
    ASSERT_TRUE(module) << dlerror();
    auto run = reinterpret_cast<void (*)(void (*)(void *, int64_t, int64_t),
                                         void *, int64_t, int32_t)>(
        dlsym(module, "pool_module_run"));
    ASSERT_TRUE(run);
    Counter counter(100);
    run(Counter::run, &counter, 100, 3);
    EXPECT_TRUE(counter.isComplete());
    EXPECT_EQ(dlclose(module), 0);
    // A joined thread can stay in the list for a moment.
    for (int wait = 0; wait < 1000 && countThreads() > before; ++wait)
      usleep(1000);
    EXPECT_LE(countThreads(), before);
  }
}

// ThreadSanitizer does not follow threads that start in a forked child.
#if defined(__SANITIZE_THREAD__)
#define GATE_TEST_FORK 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GATE_TEST_FORK 0
#endif
#endif
#ifndef GATE_TEST_FORK
#define GATE_TEST_FORK 1
#endif

#if GATE_TEST_FORK

TEST_F(ThreadsTest, ForkedChild) {
  gate_rt_set_num_threads(3);
  Counter counter(30);
  gate_rt_parallel_for(Counter::run, &counter, 30);
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(20); // a hang ends the child with a signal
    gate_rt_parallel_for(Counter::run, &counter, 30);
    // exit, not _exit: the pool's own clean-up must end too.
    exit(counter.isComplete(2) ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  gate_rt_parallel_for(Counter::run, &counter, 30);
  EXPECT_TRUE(counter.isComplete(2));
}

#endif
