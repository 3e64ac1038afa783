/*===- ceilings.c - What this machine can do at most ----------------------===*\
|*                                                                            *|
|* Measures the rates that the speed table divides by: multiply-adds in       *|
|* registers, products of bf16 pairs, and reading, copying and scaling        *|
|* memory, each on a number of threads for a given time. Rates are per second.*|
|*                                                                            *|
|* Part of the Gate project, under the Apache License v2.0 with LLVM          *|
|* Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception        *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#define _GNU_SOURCE /* pthread barriers, clock_gettime */

#include <immintrin.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { MAX_THREADS = 256 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/*===-- Running a loop on threads -----------------------------------------===*/

/* One thread's share: `pass` does `workPerPass` units of work and is called
   until `seconds` have gone by. */
typedef struct {
  void (*pass)(float *target, const float *source, long count, long number);
  float *target;
  const float *source;
  long count;
  double workPerPass, seconds, rate;
  pthread_barrier_t *start;
} Share;

static void *runShare(void *argument) {
  Share *share = argument;
  /* Warms caches, page tables and the vector units' power. */
  share->pass(share->target, share->source, share->count, 0);
  pthread_barrier_wait(share->start);
  double begin = now(), elapsed;
  long passes = 0;
  do {
    share->pass(share->target, share->source, share->count, ++passes);
    elapsed = now() - begin;
  } while (elapsed < share->seconds);
  share->rate = (double)passes * share->workPerPass / elapsed;
  return NULL;
}

/* The calling thread is one of the threads. Returns 0 for a bad argument or
   if threads cannot be made. */
static double runShares(Share *shares, int threads) {
  pthread_t handles[MAX_THREADS];
  pthread_barrier_t start;
  if (pthread_barrier_init(&start, NULL, (unsigned)threads))
    return 0;
  for (int i = 0; i < threads; ++i)
    shares[i].start = &start;
  for (int i = 1; i < threads; ++i)
    if (pthread_create(&handles[i], NULL, runShare, &shares[i]))
      return 0;
  runShare(&shares[0]);
  double rate = shares[0].rate;
  for (int i = 1; i < threads; ++i) {
    pthread_join(handles[i], NULL);
    rate += shares[i].rate;
  }
  pthread_barrier_destroy(&start);
  return rate;
}

/*===-- Arithmetic --------------------------------------------------------===*/

/* Keeps results alive. */
static volatile float sink;

/* Passes start from these; no two accumulators and no two lanes are equal. */
static void fillOdd(float *values, int count) {
  uint32_t x = 2463534242u;
  for (int i = 0; i < count; ++i) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    values[i] = 0.5f + (float)(x >> 8) * 0x1p-24f;
  }
}

#define REPEAT_8(M, n)                                                         \
  M(n##0) M(n##1) M(n##2) M(n##3) M(n##4) M(n##5) M(n##6) M(n##7)
#define REPEAT_12(M) REPEAT_8(M, 0) M(10) M(11) M(12) M(13)
#define REPEAT_24(M) REPEAT_8(M, 0) REPEAT_8(M, 1) REPEAT_8(M, 2)

enum { ROUNDS = 2048 };

/* A round is two steps that undo each other, a*x + y and (a - y)/x: an
   accumulator that runs into its fixed point stops toggling bits and lets some
   CPUs run faster than real work would. */
static const float factor = 1.2345678f, addend = -0.7654321f;

#define DECLARE(n) VECTOR a##n = LOAD(odd + (0##n) % 32 * LANES);
#define STEP_THERE(n) a##n = MULTIPLY_ADD(a##n, x, y);
#define STEP_BACK(n) a##n = MULTIPLY_ADD(a##n, u, v);
#define COLLECT(n) sum = ADD(sum, a##n);

/* 24 chains: both FMA units stay busy at any latency up to 12 cycles. */
__attribute__((target("avx512f"))) static void
fmaPass512(float *odd, const float *source, long count, long number) {
#define VECTOR __m512
#define LANES 16
#define LOAD _mm512_loadu_ps
#define ADD _mm512_add_ps
#define MULTIPLY_ADD _mm512_fmadd_ps
  (void)source, (void)count, (void)number;
  VECTOR x = _mm512_set1_ps(factor), y = _mm512_set1_ps(addend);
  VECTOR u = _mm512_set1_ps(1 / factor), v = _mm512_set1_ps(-addend / factor);
  REPEAT_24(DECLARE)
  for (int round = 0; round < ROUNDS; ++round) {
    REPEAT_24(STEP_THERE)
    REPEAT_24(STEP_BACK)
  }
  VECTOR sum = _mm512_setzero_ps();
  REPEAT_24(COLLECT)
  sink = _mm512_reduce_add_ps(sum);
#undef VECTOR
#undef LANES
#undef LOAD
#undef ADD
#undef MULTIPLY_ADD
}

/* 12 chains: with the constants, all of AVX2's sixteen registers. */
__attribute__((target("avx2,fma"))) static void
fmaPass256(float *odd, const float *source, long count, long number) {
#define VECTOR __m256
#define LANES 8
#define LOAD _mm256_loadu_ps
#define ADD _mm256_add_ps
#define MULTIPLY_ADD _mm256_fmadd_ps
  (void)source, (void)count, (void)number;
  VECTOR x = _mm256_set1_ps(factor), y = _mm256_set1_ps(addend);
  VECTOR u = _mm256_set1_ps(1 / factor), v = _mm256_set1_ps(-addend / factor);
  REPEAT_12(DECLARE)
  for (int round = 0; round < ROUNDS; ++round) {
    REPEAT_12(STEP_THERE)
    REPEAT_12(STEP_BACK)
  }
  VECTOR sum = _mm256_setzero_ps();
  REPEAT_12(COLLECT)
  sink = _mm_cvtss_f32(_mm256_castps256_ps128(sum));
#undef VECTOR
#undef LANES
#undef LOAD
#undef ADD
#undef MULTIPLY_ADD
}

#define STEP_DOT_THERE(n) a##n = _mm512_dpbf16_ps(a##n, x, y);
#define STEP_DOT_BACK(n) a##n = _mm512_dpbf16_ps(a##n, x, u);

__attribute__((target("avx512f,avx512bw,avx512bf16"))) static void
dotPass512(float *odd, const float *source, long count, long number) {
#define VECTOR __m512
#define LANES 16
#define LOAD _mm512_loadu_ps
#define ADD _mm512_add_ps
  (void)source, (void)count, (void)number;
  /* Bits of bf16 pairs: 1.234 and -0.765, times 0.611 and 1.414 or minus. */
  __m512bh x = (__m512bh)_mm512_set1_epi32((int)0xbf443f9eu);
  __m512bh y = (__m512bh)_mm512_set1_epi32((int)0x3fb53f1cu);
  __m512bh u = (__m512bh)_mm512_set1_epi32((int)0xbfb5bf1cu);
  REPEAT_24(DECLARE)
  for (int round = 0; round < ROUNDS; ++round) {
    REPEAT_24(STEP_DOT_THERE)
    REPEAT_24(STEP_DOT_BACK)
  }
  VECTOR sum = _mm512_setzero_ps();
  REPEAT_24(COLLECT)
  sink = _mm512_reduce_add_ps(sum);
#undef VECTOR
#undef LANES
#undef LOAD
#undef ADD
}

static double runArithmetic(void (*pass)(float *, const float *, long, long),
                            double workPerPass, int threads, double seconds) {
  static float odd[32 * 16];
  Share shares[MAX_THREADS];
  if (threads < 1 || threads > MAX_THREADS)
    return 0;
  fillOdd(odd, 32 * 16);
  for (int i = 0; i < threads; ++i)
    shares[i] = (Share){pass, odd, NULL, 0, workPerPass, seconds, 0, NULL};
  return runShares(shares, threads);
}

/* f32 operations per second (a multiply-add is two), or 0 if this CPU has
   neither AVX-512 nor AVX2 with FMA. */
double gate_ceiling_fma_f32(int threads, double seconds) {
  if (__builtin_cpu_supports("avx512f"))
    return runArithmetic(fmaPass512, ROUNDS * 2.0 * 24 * 16 * 2, threads,
                         seconds);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    return runArithmetic(fmaPass256, ROUNDS * 2.0 * 12 * 8 * 2, threads,
                         seconds);
  return 0;
}

/* The same with AVX2 on any CPU that has it. */
double gate_ceiling_fma_f32_avx2(int threads, double seconds) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return 0;
  return runArithmetic(fmaPass256, ROUNDS * 2.0 * 12 * 8 * 2, threads, seconds);
}

/* Operations per second of vdpbf16ps (two multiply-adds a lane), or 0 if this
   CPU lacks it. */
double gate_ceiling_dot_bf16(int threads, double seconds) {
  if (!__builtin_cpu_supports("avx512bf16"))
    return 0;
  return runArithmetic(dotPass512, ROUNDS * 2.0 * 24 * 16 * 4, threads,
                       seconds);
}

/* Cycles per second of one thread, by a chain of additions of registers. */
double gate_ceiling_clock(double seconds) {
  double begin = now(), elapsed;
  uint64_t value = 1, step = (uint64_t)(begin * 1e6) | 1;
  double cycles = 0;
  do {
    for (int i = 0; i < 4096; ++i)
      __asm__ volatile(
          "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\t"
          "add %1, %0\n\tadd %1, %0\n\tadd %1, %0\n\tadd %1, %0"
          : "+r"(value)
          : "r"(step));
    cycles += 4096 * 8;
    elapsed = now() - begin;
  } while (elapsed < seconds);
  return cycles / elapsed;
}

/*===-- Memory ------------------------------------------------------------===*/

static void readPass(float *target, const float *source, long count,
                     long number) {
  /* Integer sums may be reordered, so this vectorizes without fast-math. */
  const uint32_t *words = (const uint32_t *)source;
  uint32_t sum = (uint32_t)number;
  (void)target;
  for (long i = 0; i < count; ++i)
    sum += words[i];
  sink = (float)sum;
}

static void copyPass(float *target, const float *source, long count,
                     long number) {
  (void)number;
  memcpy(target, source, sizeof(float) * (size_t)count);
}

/* Passes undo each other, so that values neither vanish nor overflow. */
static void scalePass(float *target, const float *source, long count,
                      long number) {
  float by = number % 2 ? 1.25f : 0.8f;
  (void)source;
  for (long i = 0; i < count; ++i)
    target[i] *= by;
}

static double runMemory(void (*pass)(float *, const float *, long, long),
                        int bytesPerElement, int threads, float *target,
                        const float *source, long count, double seconds) {
  Share shares[MAX_THREADS];
  if (threads < 1 || threads > MAX_THREADS || count < threads)
    return 0;
  for (int i = 0; i < threads; ++i) {
    /* Shares start on cache lines. */
    long begin = i ? count * i / threads / 16 * 16 : 0;
    long end = i + 1 < threads ? count * (i + 1) / threads / 16 * 16 : count;
    shares[i] = (Share){pass,
                        target ? target + begin : NULL,
                        source ? source + begin : NULL,
                        end - begin,
                        (double)bytesPerElement * (double)(end - begin),
                        seconds,
                        0,
                        NULL};
  }
  return runShares(shares, threads);
}

/* Bytes read per second; `source` has `count` floats. */
double gate_ceiling_read(int threads, const float *source, long count,
                         double seconds) {
  return runMemory(readPass, 4, threads, NULL, source, count, seconds);
}

/* Bytes read plus bytes written per second. */
double gate_ceiling_copy(int threads, float *target, const float *source,
                         long count, double seconds) {
  return runMemory(copyPass, 8, threads, target, source, count, seconds);
}

/* Bytes read plus bytes written per second of x = x * constant in place. */
double gate_ceiling_scale(int threads, float *x, long count, double seconds) {
  return runMemory(scalePass, 8, threads, x, NULL, count, seconds);
}
