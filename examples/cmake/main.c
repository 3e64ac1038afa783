/*===- main.c - Call a Gate library from C ------------------------*- C -*-===*\
|*                                                                            *|
|* Runs a gated linear attention scan over all tokens in one call, then token *|
|* by token with the derived step, and compares both with the recurrence      *|
|* written out as loops.                                                      *|
|*                                                                            *|
|* Part of the Gate project, under the Apache License v2.0 with LLVM          *|
|* Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception        *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#include "gated.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 1, T = 100, H = 2, K = 16, V = 8 };
static const double TOLERANCE = 1e-5; /* of outputs of the order of 1 */

static float q[B * T * H * K], k[B * T * H * K], v[B * T * H * V];
static float g[B * T * H * K], whole[B * T * H * V], stepped[B * T * H * V];
static float memory[B * H * K * V];

static void check(gated_status status) {
  if (status == GATED_STATUS_OK)
    return;
  fprintf(stderr, "example: %s: %s\n", gated_status_string(status),
          gated_last_error());
  exit(1);
}

/* Repeatable numbers in [-1, 1). */
static void fill(float *data, int count) {
  static unsigned state = 1;
  for (int i = 0; i < count; ++i) {
    state = state * 1664525u + 1013904223u;
    data[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
  }
}

/* All tokens in one call. */
static void run_whole(const gated_state *state) {
  int64_t keys[] = {B, T, H, K}, values[] = {B, T, H, V};
  DLTensor tq = gated_tensor_f32(q, 4, keys), tk = gated_tensor_f32(k, 4, keys);
  DLTensor tg = gated_tensor_f32(g, 4, keys);
  DLTensor tv = gated_tensor_f32(v, 4, values);
  DLTensor to = gated_tensor_f32(whole, 4, values);
  check(gated_init_state(state));
  /* The state is updated in place: the same struct twice. */
  check(gated_forward(&tq, &tk, &tv, &tg, state, &to, state, NULL, 0));
}

/* One token a call, as a text arrives. */
static void run_steps(const gated_state *state) {
  int64_t keys[] = {B, H, K}, values[] = {B, H, V};
  check(gated_init_state(state));
  for (int t = 0; t < T; ++t) {
    DLTensor tq = gated_tensor_f32(q + t * H * K, 3, keys);
    DLTensor tk = gated_tensor_f32(k + t * H * K, 3, keys);
    DLTensor tg = gated_tensor_f32(g + t * H * K, 3, keys);
    DLTensor tv = gated_tensor_f32(v + t * H * V, 3, values);
    DLTensor to = gated_tensor_f32(stepped + t * H * V, 3, values);
    check(gated_step(&tq, &tk, &tv, &tg, state, &to, state, NULL, 0));
  }
}

/* Largest difference of both results to S = exp(g) S + k v^T, o = S^T q / 4. */
static double compare(void) {
  static double s[H][K][V];
  double largest = 0;
  for (int t = 0; t < T; ++t)
    for (int h = 0; h < H; ++h)
      for (int j = 0; j < V; ++j) {
        int key = (t * H + h) * K, value = (t * H + h) * V + j;
        double o = 0;
        for (int i = 0; i < K; ++i) {
          s[h][i][j] = exp(g[key + i]) * s[h][i][j] + k[key + i] * v[value];
          o += 0.25 * q[key + i] * s[h][i][j];
        }
        largest = fmax(largest, fabs(o - whole[value]));
        largest = fmax(largest, fabs(o - stepped[value]));
      }
  return largest;
}

int main(void) {
  int64_t sizes[] = {B, H, K, V};
  DLTensor tensor = gated_tensor_f32(memory, 4, sizes);
  gated_state state = {&tensor};

  fill(q, B * T * H * K);
  fill(k, B * T * H * K);
  fill(v, B * T * H * V);
  fill(g, B * T * H * K);
  for (int i = 0; i < B * T * H * K; ++i)
    g[i] = (g[i] - 1) / 8; /* logarithms of gates are at most 0 */

  run_whole(&state);
  run_steps(&state);
  double error = compare();
  printf("%s\n%d tokens at once and one by one: largest error %.1e\n",
         gated_version(), T, error);
  return error <= TOLERANCE ? 0 : 1;
}
