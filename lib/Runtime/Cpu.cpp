//===- Cpu.cpp - Check of the CPU a library was compiled for --------------===//
//
// Asks the CPU by cpuid and, for vector registers, the system by xgetbv: a
// system may keep wider registers off, and code that uses them then traps.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#include <string.h>

using namespace gate::runtime;

#if defined(__x86_64__)

#include <cpuid.h>

namespace {
enum Register : uint8_t { EAX, EBX, ECX, EDX };

/// What the system must save on a task switch: the bits of XCR0.
enum SystemState : uint32_t {
  kNone = 0,
  kAvx = 0x6,
  kAvx512 = 0xe6,
};

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  uint8_t bit;
  SystemState state;
};
} // namespace

// Names as LLVM spells them; bits as in the manuals of Intel and AMD. AMX is
// left out: a process must ask the system for it, which the runtime does not.
static const Feature kFeatures[] = {
    {"cx8", 1, 0, EDX, 8, kNone},
    {"cmov", 1, 0, EDX, 15, kNone},
    {"mmx", 1, 0, EDX, 23, kNone},
    {"fxsr", 1, 0, EDX, 24, kNone},
    {"sse", 1, 0, EDX, 25, kNone},
    {"sse2", 1, 0, EDX, 26, kNone},
    {"sse3", 1, 0, ECX, 0, kNone},
    {"pclmul", 1, 0, ECX, 1, kNone},
    {"ssse3", 1, 0, ECX, 9, kNone},
    {"fma", 1, 0, ECX, 12, kAvx},
    {"cx16", 1, 0, ECX, 13, kNone},
    {"sse4.1", 1, 0, ECX, 19, kNone},
    {"sse4.2", 1, 0, ECX, 20, kNone},
    {"crc32", 1, 0, ECX, 20, kNone},
    {"movbe", 1, 0, ECX, 22, kNone},
    {"popcnt", 1, 0, ECX, 23, kNone},
    {"aes", 1, 0, ECX, 25, kNone},
    {"xsave", 1, 0, ECX, 27, kNone},
    {"avx", 1, 0, ECX, 28, kAvx},
    {"f16c", 1, 0, ECX, 29, kAvx},
    {"rdrnd", 1, 0, ECX, 30, kNone},
    {"fsgsbase", 7, 0, EBX, 0, kNone},
    {"bmi", 7, 0, EBX, 3, kNone},
    {"avx2", 7, 0, EBX, 5, kAvx},
    {"bmi2", 7, 0, EBX, 8, kNone},
    {"avx512f", 7, 0, EBX, 16, kAvx512},
    {"avx512dq", 7, 0, EBX, 17, kAvx512},
    {"rdseed", 7, 0, EBX, 18, kNone},
    {"adx", 7, 0, EBX, 19, kNone},
    {"avx512ifma", 7, 0, EBX, 21, kAvx512},
    {"clflushopt", 7, 0, EBX, 23, kNone},
    {"clwb", 7, 0, EBX, 24, kNone},
    {"avx512cd", 7, 0, EBX, 28, kAvx512},
    {"sha", 7, 0, EBX, 29, kNone},
    {"avx512bw", 7, 0, EBX, 30, kAvx512},
    {"avx512vl", 7, 0, EBX, 31, kAvx512},
    {"avx512vbmi", 7, 0, ECX, 1, kAvx512},
    {"avx512vbmi2", 7, 0, ECX, 6, kAvx512},
    {"gfni", 7, 0, ECX, 8, kNone},
    {"vaes", 7, 0, ECX, 9, kAvx},
    {"vpclmulqdq", 7, 0, ECX, 10, kAvx},
    {"avx512vnni", 7, 0, ECX, 11, kAvx512},
    {"avx512bitalg", 7, 0, ECX, 12, kAvx512},
    {"avx512vpopcntdq", 7, 0, ECX, 14, kAvx512},
    {"avx512fp16", 7, 0, EDX, 23, kAvx512},
    {"avxvnni", 7, 1, EAX, 4, kAvx},
    {"avx512bf16", 7, 1, EAX, 5, kAvx512},
    {"avxifma", 7, 1, EAX, 23, kAvx},
    {"avxvnniint8", 7, 1, EDX, 4, kAvx},
    {"avxneconvert", 7, 1, EDX, 5, kAvx},
    {"avxvnniint16", 7, 1, EDX, 10, kAvx},
    {"xsaveopt", 0xd, 1, EAX, 0, kNone},
    {"xsavec", 0xd, 1, EAX, 1, kNone},
    {"xsaves", 0xd, 1, EAX, 3, kNone},
    {"sahf", 0x80000001, 0, ECX, 0, kNone},
    {"lzcnt", 0x80000001, 0, ECX, 5, kNone},
    {"prfchw", 0x80000001, 0, ECX, 8, kNone},
    {"64bit", 0x80000001, 0, EDX, 29, kNone},
};

static uint32_t readSystemState() {
  unsigned regs[4];
  constexpr unsigned kOsXsave = 1u << 27;
  if (!__get_cpuid(1, &regs[0], &regs[1], &regs[2], &regs[3]) ||
      !(regs[2] & kOsXsave))
    return 0;
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

static bool hasFeature(const char *name, size_t length, uint32_t systemState) {
  for (const Feature &feature : kFeatures) {
    if (strlen(feature.name) != length || memcmp(feature.name, name, length))
      continue;
    unsigned regs[4];
    return __get_cpuid_count(feature.leaf, feature.subleaf, &regs[EAX],
                             &regs[EBX], &regs[ECX], &regs[EDX]) &&
           (regs[feature.reg] >> feature.bit & 1) &&
           (systemState & feature.state) == feature.state;
  }
  return false;
}

#else

// No table for this machine yet: code that asks for a feature is refused
// rather than run on trust.
static uint32_t readSystemState() { return 0; }
static bool hasFeature(const char *, size_t, uint32_t) { return false; }

#endif

/// Calls `visit(name, length)` for each name that this CPU lacks; returns
/// their number.
template <typename Visitor>
static int visitMissing(const char *names, Visitor visit) {
  uint32_t systemState = readSystemState();
  int missing = 0;
  while (*names) {
    size_t length = strcspn(names, " ");
    if (length && !hasFeature(names, length, systemState)) {
      visit(names, static_cast<int>(length));
      ++missing;
    }
    names += length;
    names += strspn(names, " ");
  }
  return missing;
}

int32_t gate::runtime::checkCpu(const GateLibrary &library,
                                const char *caller) {
  const char *names = library.cpuFeatures ? library.cpuFeatures : "";
  // The names that passed last: a runtime serves one library, except in tests.
  static const char *passed = nullptr;
  if (__atomic_load_n(&passed, __ATOMIC_RELAXED) == names)
    return GATE_STATUS_OK;
  if (visitMissing(names, [](const char *, int) {}) == 0) {
    __atomic_store_n(&passed, names, __ATOMIC_RELAXED);
    return GATE_STATUS_OK;
  }
  Message message(caller);
  message.add("expected a CPU with %s, got one without", names);
  visitMissing(names, [&message](const char *name, int length) {
    message.add(" %.*s", length, name);
  });
  return GATE_STATUS_UNSUPPORTED_CPU;
}
