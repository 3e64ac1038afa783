/*===- safetensors.h - Read tensors by name from a file -----------*- C -*-===*\
|*                                                                            *|
|* Reads a whole safetensors file into memory and finds tensors in it. The    *|
|* JSON header is searched rather than parsed: names must not need escapes.   *|
|* Every size and offset is checked against the file before it is used.       *|
|*                                                                            *|
|* Part of the Gate project, under the Apache License v2.0 with LLVM          *|
|* Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception        *|
|*                                                                            *|
\*===----------------------------------------------------------------------===*/

#ifndef EXAMPLES_GLA_SAFETENSORS_H
#define EXAMPLES_GLA_SAFETENSORS_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFETENSORS_MAX_RANK 8

typedef struct {
  char *header; /* JSON without white space, null-terminated */
  unsigned char *data;
  uint64_t data_bytes;
  void *memory[2]; /* what free() takes */
} safetensors;

typedef struct {
  void *data;
  int64_t shape[SAFETENSORS_MAX_RANK];
  int rank;
} safetensors_entry;

/* Memory on a 64-byte boundary; *memory is for free(). */
static void *allocate_aligned(size_t bytes, void **memory) {
  *memory = malloc(bytes + 64);
  if (!*memory)
    return NULL;
  return (void *)(((uintptr_t)*memory + 63) & ~(uintptr_t)63);
}

/* Removes the white space outside of strings. */
static void squeeze_json(char *text) {
  char *to = text;
  int inString = 0;
  for (const char *from = text; *from; ++from) {
    if (*from == '"')
      inString = !inString;
    if (inString || !strchr(" \t\r\n", *from))
      *to++ = *from;
  }
  *to = 0;
}

/* Returns null, or what is wrong with the file. */
static const char *safetensors_read_stream(safetensors *file, FILE *stream,
                                           uint64_t file_bytes) {
  unsigned char length[8];
  uint64_t header_bytes = 0;
  if (fread(length, 1, 8, stream) != 8)
    return "is too short for a safetensors file";
  for (int i = 0; i < 8; ++i)
    header_bytes |= (uint64_t)length[i] << (8 * i);
  if (header_bytes > file_bytes - 8)
    return "has a header that is longer than the file";
  file->data_bytes = file_bytes - 8 - header_bytes;
  file->header = malloc(header_bytes + 1);
  file->memory[0] = file->header;
  file->data = allocate_aligned(file->data_bytes, &file->memory[1]);
  if (!file->header || !file->data)
    return "does not fit in memory";
  if (fread(file->header, 1, header_bytes, stream) != header_bytes ||
      fread(file->data, 1, file->data_bytes, stream) != file->data_bytes)
    return "could not be read";
  file->header[header_bytes] = 0;
  squeeze_json(file->header);
  return NULL;
}

/* Returns null, or what is wrong with the file. */
static const char *safetensors_read(safetensors *file, const char *path) {
  memset(file, 0, sizeof *file);
  FILE *stream = fopen(path, "rb");
  if (!stream)
    return "could not be opened";
  long bytes = -1;
  if (fseek(stream, 0, SEEK_END) == 0)
    bytes = ftell(stream);
  rewind(stream);
  const char *problem =
      bytes < 8 ? "is too short for a safetensors file"
                : safetensors_read_stream(file, stream, (uint64_t)bytes);
  fclose(stream);
  return problem;
}

static void safetensors_free(safetensors *file) {
  free(file->memory[0]);
  free(file->memory[1]);
  memset(file, 0, sizeof *file);
}

/* Finds the f32 tensor `name`. Returns null, or what is wrong with it. */
static const char *safetensors_find(const safetensors *file, const char *name,
                                    safetensors_entry *entry) {
  char key[128];
  if (snprintf(key, sizeof key, "\"%s\":{", name) >= (int)sizeof key)
    return "has too long a name";
  const char *object = strstr(file->header, key);
  const char *end = object ? strchr(object, '}') : NULL;
  if (!end)
    return "is not in the file";
  const char *dtype = strstr(object, "\"dtype\":\"F32\"");
  const char *shape = strstr(object, "\"shape\":[");
  const char *offsets = strstr(object, "\"data_offsets\":[");
  if (!dtype || dtype > end)
    return "is not of type F32";
  if (!shape || shape > end || !offsets || offsets > end)
    return "has no shape or no data_offsets";

  int64_t count = 1;
  entry->rank = 0;
  char *cursor = (char *)shape + strlen("\"shape\":[");
  while (*cursor != ']') {
    if (entry->rank == SAFETENSORS_MAX_RANK)
      return "has too many dimensions";
    const char *before = cursor;
    int64_t size = strtoll(cursor, &cursor, 10);
    if (cursor == before || size < 0 || (size && count > INT64_MAX / 4 / size))
      return "has a malformed shape";
    entry->shape[entry->rank++] = size;
    count *= size;
    if (*cursor == ',')
      ++cursor;
  }
  uint64_t first =
      strtoull(offsets + strlen("\"data_offsets\":["), &cursor, 10);
  uint64_t last = *cursor == ',' ? strtoull(cursor + 1, NULL, 10) : 0;
  if (first > last || last > file->data_bytes || first % sizeof(float) ||
      last - first != (uint64_t)count * sizeof(float))
    return "has data_offsets that do not fit its shape or the file";
  entry->data = file->data + first;
  return NULL;
}

#endif /* EXAMPLES_GLA_SAFETENSORS_H */
