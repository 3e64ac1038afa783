//===- Errors.cpp - Texts of statuses and failures ------------------------===//
//
// Every thread has one buffer of fixed size for its last failure, so that
// reporting a failure can never fail itself.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

using namespace gate::runtime;

static constexpr size_t kMessageBytes = 1024;
static __thread char lastError[kMessageBytes];

Message::Message(const char *caller) {
  lastError[0] = '\0';
  add("%s: ", caller);
}

Message &Message::add(const char *format, ...) {
  if (length >= kMessageBytes)
    return *this;
  va_list arguments;
  va_start(arguments, format);
  int written =
      vsnprintf(lastError + length, kMessageBytes - length, format, arguments);
  va_end(arguments);
  if (written > 0)
    length += static_cast<size_t>(written);
  return *this;
}

Message &Message::addList(const int64_t *values, int32_t count) {
  // A rank that no tensor has is most likely memory that is no DLTensor.
  constexpr int32_t kLongest = 16;
  add("[");
  for (int32_t i = 0; i < count && i < kLongest; ++i)
    add("%s%" PRId64, i ? ", " : "", values[i]);
  return add(count > kLongest ? ", ...]" : "]");
}

const char *gate_rt_last_error(void) { return lastError; }

const char *gate_rt_status_string(int32_t status) {
  switch (status) {
  case GATE_STATUS_OK:
    return "ok";
  case GATE_STATUS_INVALID_ARGUMENT:
    return "invalid argument";
  case GATE_STATUS_INVALID_DATA:
    return "invalid data";
  case GATE_STATUS_UNSUPPORTED_CPU:
    return "unsupported CPU";
  case GATE_STATUS_OUT_OF_MEMORY:
    return "out of memory";
  case GATE_STATUS_UNSUPPORTED_DEVICE:
    return "unsupported device";
  case GATE_STATUS_DEVICE_ERROR:
    return "device error";
  }
  return "unknown status";
}
