/*===- gla_loop.c - Gated linear attention as a C programmer writes it ----===*\
|*                                                                            *|
|* The recurrence token by token: decay, update and read of the state fused   *|
|* into one pass over the value axis, left to the compiler to vectorize. The  *|
|* speed table compares compiled scans with this loop on one thread.          *|
|*                                                                            *|
|* Part of the Gate project, under the Apache License v2.0 with LLVM          *|
|* Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception        *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include <math.h>
#include <string.h>

void gla_loop(long B, long T, long H, long K, long V, const float *q,
              const float *k, const float *v, const float *g, const float *s0,
              float *o, float *sT);

/* One head of one batch element; `state` is [K,V], rows of q, k, g are
   `keyStride` apart, rows of v and o `valueStride`. */
static void runHead(long T, long K, long V, long keyStride, long valueStride,
                    float scale, const float *restrict q,
                    const float *restrict k, const float *restrict v,
                    const float *restrict g, float *restrict o,
                    float *restrict state) {
  for (long t = 0; t < T; ++t) {
    const float *restrict vt = v + t * valueStride;
    float *restrict ot = o + t * valueStride;
    memset(ot, 0, sizeof(float) * V);
    for (long i = 0; i < K; ++i) {
      float *restrict row = state + i * V;
      float decay = expf(g[t * keyStride + i]);
      float key = k[t * keyStride + i];
      float query = q[t * keyStride + i] * scale;
      for (long j = 0; j < V; ++j) {
        float next = row[j] * decay + key * vt[j];
        row[j] = next;
        ot[j] += query * next;
      }
    }
  }
}

/* q, k, g: [B,T,H,K] with g the logarithm of the decay; v, o: [B,T,H,V];
   s0, sT: [B,H,K,V], which may be the same memory. Null s0 means zeros. */
void gla_loop(long B, long T, long H, long K, long V, const float *q,
              const float *k, const float *v, const float *g, const float *s0,
              float *o, float *sT) {
  size_t stateBytes = sizeof(float) * B * H * K * V;
  if (!s0)
    memset(sT, 0, stateBytes);
  else if (s0 != sT)
    memcpy(sT, s0, stateBytes);
  float scale = 1.0f / sqrtf((float)K);
  for (long b = 0; b < B; ++b)
    for (long h = 0; h < H; ++h) {
      long key = (b * T * H + h) * K, value = (b * T * H + h) * V;
      runHead(T, K, V, H * K, H * V, scale, q + key, k + key, v + value,
              g + key, o + value, sT + (b * H + h) * K * V);
    }
}
