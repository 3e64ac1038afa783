//===- CpuTest.cpp - The check of the CPU ---------------------------------===//
//
// Compares with what the compiler's own CPU detection says on this machine.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestLibrary.h"

#include <gtest/gtest.h>

using namespace gate::test;

static int32_t callWith(const char *features) {
  TestLibrary lib;
  lib.library.cpuFeatures = features;
  return lib.call();
}

TEST(CpuTest, NoFeatures) {
  EXPECT_EQ(callWith(""), GATE_STATUS_OK);
  EXPECT_EQ(callWith(nullptr), GATE_STATUS_OK);
  EXPECT_EQ(callWith("  "), GATE_STATUS_OK);
}

TEST(CpuTest, UnknownFeature) {
  EXPECT_EQ(callWith("warp9"), GATE_STATUS_UNSUPPORTED_CPU);
  EXPECT_STREQ(gate_rt_last_error(),
               "gla_forward: expected a CPU with warp9, got one without warp9");
}

#if defined(__x86_64__)

TEST(CpuTest, NamesOnlyWhatIsMissing) {
  EXPECT_EQ(callWith("sse2 warp9 cx8 warp10"), GATE_STATUS_UNSUPPORTED_CPU);
  EXPECT_STREQ(gate_rt_last_error(),
               "gla_forward: expected a CPU with sse2 warp9 cx8 warp10, got "
               "one without warp9 warp10");
  // A prefix of a feature is another feature.
  EXPECT_EQ(callWith("sse4"), GATE_STATUS_UNSUPPORTED_CPU);
}

TEST(CpuTest, AgreesWithCompiler) {
  auto status = [](bool has) {
    return has ? GATE_STATUS_OK : GATE_STATUS_UNSUPPORTED_CPU;
  };
  EXPECT_EQ(callWith("sse4.2"), status(__builtin_cpu_supports("sse4.2")));
  EXPECT_EQ(callWith("popcnt"), status(__builtin_cpu_supports("popcnt")));
  EXPECT_EQ(callWith("avx"), status(__builtin_cpu_supports("avx")));
  EXPECT_EQ(callWith("avx2"), status(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(callWith("fma"), status(__builtin_cpu_supports("fma")));
  EXPECT_EQ(callWith("bmi"), status(__builtin_cpu_supports("bmi")));
  EXPECT_EQ(callWith("bmi2"), status(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(callWith("avx512f"), status(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(callWith("avx512vl"), status(__builtin_cpu_supports("avx512vl")));
  EXPECT_EQ(callWith("avx512bw"), status(__builtin_cpu_supports("avx512bw")));
  EXPECT_EQ(callWith("avx512dq"), status(__builtin_cpu_supports("avx512dq")));
  EXPECT_EQ(callWith("avx512vnni"),
            status(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(callWith("avx512bf16"),
            status(__builtin_cpu_supports("avx512bf16")));
}

#endif
