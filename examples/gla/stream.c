/*===- stream.c - Stream a text through a compiled model ----------*- C -*-===*\
|*                                                                            *|
|* Feeds a file to the two-block GLA model in three ways: in one call, in     *|
|* pieces with the state carried between calls, and byte by byte. All must    *|
|* give the same logits. Needs the generated header, the library and libm.    *|
|*                                                                            *|
|* Part of the Gate project, under the Apache License v2.0 with LLVM          *|
|* Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception        *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#define _POSIX_C_SOURCE 199309L /* clock_gettime */

#include "gla.h"
#include "safetensors.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { VOCAB = 256, HEADS = 4, KEY = 64, VALUE = 128 };
enum { PIECE = 1000 }; /* no multiple of anything the compiler might like */
static const double TOLERANCE = 1e-4;

/* DLPack's codes. */
#define DEVICE_CPU 1
#define CODE_INT 0
#define CODE_FLOAT 2

static void fail(const char *what, const char *why) {
  fprintf(stderr, "stream: %s %s\n", what, why);
  exit(1);
}

static void check(gla_status status, const char *what) {
  if (status != GLA_STATUS_OK)
    fail(what, gla_last_error());
}

/* Memory that lives as long as the program. */
static void *allocate(size_t bytes) {
  static void *kept[8];
  static int count = 0;
  void *aligned = count < 8 ? allocate_aligned(bytes, &kept[count++]) : NULL;
  if (!aligned)
    fail("out of", "memory");
  return aligned;
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/*===-- Tensors ---------------------------------------------------------===*/

/* A DLTensor with room for its sizes; must not be copied once made. */
typedef struct {
  DLTensor view;
  int64_t shape[SAFETENSORS_MAX_RANK];
  int64_t strides[SAFETENSORS_MAX_RANK];
} tensor;

/* A dense row-major tensor of 32-bit elements around `data`. */
static DLTensor *make_tensor(tensor *t, void *data, int code, int rank,
                             const int64_t *shape) {
  memset(t, 0, sizeof *t);
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    t->shape[i] = shape[i];
    t->strides[i] = stride;
    stride *= shape[i];
  }
  t->view.data = data;
  t->view.device.device_type = DEVICE_CPU;
  t->view.ndim = rank;
  t->view.dtype.code = (uint8_t)code;
  t->view.dtype.bits = 32;
  t->view.dtype.lanes = 1;
  t->view.shape = t->shape;
  t->view.strides = t->strides;
  return &t->view;
}

/*===-- The model -------------------------------------------------------===*/

/* Where the struct keeps each tensor of the file. */
static const struct {
  const char *name;
  size_t offset;
} members[] = {
#define MEMBER(name, member) {name, offsetof(gla_parameters, member)}
#define BLOCK(n)                                                               \
  MEMBER("blocks." #n ".norm1", blocks_##n##_norm1),                           \
      MEMBER("blocks." #n ".wq", blocks_##n##_wq),                             \
      MEMBER("blocks." #n ".wk", blocks_##n##_wk),                             \
      MEMBER("blocks." #n ".wv", blocks_##n##_wv),                             \
      MEMBER("blocks." #n ".wa1", blocks_##n##_wa1),                           \
      MEMBER("blocks." #n ".wa2", blocks_##n##_wa2),                           \
      MEMBER("blocks." #n ".ba", blocks_##n##_ba),                             \
      MEMBER("blocks." #n ".wr", blocks_##n##_wr),                             \
      MEMBER("blocks." #n ".norm_head", blocks_##n##_norm_head),               \
      MEMBER("blocks." #n ".wo", blocks_##n##_wo),                             \
      MEMBER("blocks." #n ".norm2", blocks_##n##_norm2),                       \
      MEMBER("blocks." #n ".w_gate", blocks_##n##_w_gate),                     \
      MEMBER("blocks." #n ".w_up", blocks_##n##_w_up),                         \
      MEMBER("blocks." #n ".w_down", blocks_##n##_w_down)
    MEMBER("embedding", embedding), BLOCK(0), BLOCK(1), MEMBER("norm", norm)};

enum { MEMBERS = sizeof members / sizeof members[0] };

static gla_parameters parameters;

/* `file` must outlive the parameters: they point into it. */
static void load_parameters(const safetensors *file) {
  static tensor tensors[MEMBERS];
  for (int i = 0; i < MEMBERS; ++i) {
    safetensors_entry entry;
    const char *problem = safetensors_find(file, members[i].name, &entry);
    if (problem)
      fail(members[i].name, problem);
    DLTensor *made = make_tensor(&tensors[i], entry.data, CODE_FLOAT,
                                 entry.rank, entry.shape);
    *(DLTensor **)((char *)&parameters + members[i].offset) = made;
  }
}

/* Packs the weights once; without it gla_forward does so in every call. */
static void prepare_parameters(void) {
  size_t bytes = gla_prepared_bytes();
  void *packed = allocate(bytes);
  check(gla_prepare(&parameters, packed, bytes), "gla_prepare:");
  parameters.prepared = packed;
}

/* The states of both blocks; each call replaces them. */
static gla_state make_state(void) {
  static tensor tensors[2];
  static const int64_t shape[4] = {1, HEADS, KEY, VALUE};
  size_t bytes = sizeof(float) * HEADS * KEY * VALUE;
  gla_state state;
  state.block0 =
      make_tensor(&tensors[0], allocate(bytes), CODE_FLOAT, 4, shape);
  state.block1 =
      make_tensor(&tensors[1], allocate(bytes), CODE_FLOAT, 4, shape);
  return state;
}

/* Runs tokens [begin, end) and moves the state on. */
static void forward(int32_t *ids, float *logits, size_t begin, size_t end,
                    const gla_state *state) {
  int64_t shape[3] = {1, (int64_t)(end - begin), VOCAB};
  tensor in, out;
  make_tensor(&in, ids + begin, CODE_INT, 2, shape);
  make_tensor(&out, logits + begin * VOCAB, CODE_FLOAT, 3, shape);
  check(gla_forward(&parameters, &in.view, state, &out.view, state, NULL, 0),
        "gla_forward:");
}

static void step(int32_t *ids, float *logits, size_t at,
                 const gla_state *state) {
  int64_t shape[2] = {1, VOCAB};
  tensor in, out;
  make_tensor(&in, ids + at, CODE_INT, 1, shape);
  make_tensor(&out, logits + at * VOCAB, CODE_FLOAT, 2, shape);
  check(gla_step(&parameters, &in.view, state, &out.view, state, NULL, 0),
        "gla_step:");
}

/* Streams all tokens, `piece` at a time (0: with gla_step, one at a time). */
static void stream(const char *how, int32_t *ids, size_t count, size_t piece,
                   const gla_state *state, float *logits) {
  check(gla_init_state(state), "gla_init_state:");
  double start = seconds();
  if (piece == 0)
    for (size_t at = 0; at < count; ++at)
      step(ids, logits, at, state);
  else
    for (size_t at = 0; at < count; at += piece)
      forward(ids, logits, at, count - at < piece ? count : at + piece, state);
  printf("%-28s %10.0f tokens per second\n", how,
         (double)count / (seconds() - start));
}

/*===-- Measures --------------------------------------------------------===*/

static double root_mean_square(const float *x, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i)
    sum += (double)x[i] * x[i];
  return sqrt(sum / (double)count);
}

/* Largest difference over `scale`; NaN if there is one anywhere. */
static double largest_difference(const float *x, const float *y, size_t count,
                                 double scale) {
  double largest = 0;
  for (size_t i = 0; i < count; ++i) {
    double difference = fabs((double)x[i] - y[i]);
    if (!(difference <= largest))
      largest = difference;
    if (isnan(largest))
      break;
  }
  return largest / scale;
}

/* Mean of -log p(next byte), natural logarithm. */
static double next_byte_loss(const float *logits, const int32_t *ids,
                             size_t count) {
  double total = 0;
  for (size_t t = 0; t + 1 < count; ++t) {
    const float *row = logits + t * VOCAB;
    double top = row[0], sum = 0;
    for (int i = 1; i < VOCAB; ++i)
      top = row[i] > top ? row[i] : top;
    for (int i = 0; i < VOCAB; ++i)
      sum += exp(row[i] - top);
    total += top + log(sum) - row[ids[t + 1]];
  }
  return total / (double)(count - 1);
}

static size_t read_bytes(const char *path, int32_t **ids) {
  FILE *file = fopen(path, "rb");
  if (!file)
    fail(path, "could not be opened");
  size_t count = 0, room = 1 << 16;
  int32_t *bytes = malloc(room * sizeof *bytes);
  for (int byte; bytes && (byte = getc(file)) != EOF;) {
    bytes[count++] = byte;
    if (count == room)
      bytes = realloc(bytes, (room *= 2) * sizeof *bytes);
  }
  fclose(file);
  if (!bytes)
    fail(path, "does not fit in memory");
  if (count < 2)
    fail(path, "has fewer than two bytes");
  *ids = bytes;
  return count;
}

int main(int argc, char **argv) {
  const char *text = argc > 1 ? argv[1] : "/usr/share/common-licenses/GPL-3";
  const char *weights = argc > 2 ? argv[2] : "gla.safetensors";

  safetensors file;
  const char *problem = safetensors_read(&file, weights);
  if (problem)
    fail(weights, problem);
  load_parameters(&file);
  prepare_parameters();
  int32_t *ids;
  size_t count = read_bytes(text, &ids), size = count * VOCAB;
  printf("%s: %zu bytes\n", text, count);

  gla_state state = make_state();
  float *whole = allocate(size * sizeof(float));
  float *pieces = allocate(size * sizeof(float));
  float *steps = allocate(size * sizeof(float));
  stream("whole, one call:", ids, count, count, &state, whole);
  stream("pieces of 1000 bytes:", ids, count, PIECE, &state, pieces);
  stream("one byte at a time:", ids, count, 0, &state, steps);

  double rms = root_mean_square(whole, size);
  double split = largest_difference(whole, pieces, size, rms);
  double single = largest_difference(whole, steps, size, rms);
  printf("largest difference to whole, over the RMS of the logits (%.3g):\n"
         "  pieces %.2e, one byte at a time %.2e (at most %.0e allowed)\n",
         rms, split, single, TOLERANCE);
  printf("mean loss on the next byte: %.4f (log 256 = %.4f)\n",
         next_byte_loss(whole, ids, count), log(VOCAB));
  free(ids);
  safetensors_free(&file);
  if (!(split <= TOLERANCE && single <= TOLERANCE)) {
    fprintf(stderr, "stream: the three ways differ\n");
    return 1;
  }
  return 0;
}
