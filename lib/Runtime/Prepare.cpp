//===- Prepare.cpp - Operands that are computed once ----------------------===//
//
// Memory that `prepare` fills and calls read. Its header says what is in it, so
// that a call never takes memory of another library or version for its own.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

using namespace gate::runtime;

static_assert(sizeof(GatePreparedHeader) <= GATE_PREPARED_HEADER_BYTES,
              "operands start behind the header");

static const char kMagic[8] = {'G', 'A', 'T', 'E', 'P', 'R', 'E', 'P'};

static int32_t checkAlignment(const char *caller, const char *argument,
                              const void *prepared) {
  uintptr_t address = reinterpret_cast<uintptr_t>(prepared);
  if (address % GATE_PREPARED_ALIGNMENT == 0)
    return GATE_STATUS_OK;
  Message(caller).add("%s: expected memory aligned to %d bytes, got address "
                      "0x%" PRIxPTR,
                      argument, GATE_PREPARED_ALIGNMENT, address);
  return GATE_STATUS_INVALID_ARGUMENT;
}

/// Says what a header is instead of what the function expects.
static int32_t failHeader(const GateFunction &function,
                          const GatePreparedHeader &header) {
  const GatePreparation &expected = *function.preparation;
  const char *prepare = expected.function->name;
  Message message(function.name);
  message.add("parameters.prepared: expected %" PRId64
              " bytes that %s of this library wrote, got ",
              expected.bytes, prepare);
  if (memcmp(header.magic, kMagic, sizeof(kMagic)) != 0)
    message.add("memory that was never prepared");
  else if (header.abiVersion != GATE_ABI_VERSION)
    message.add("memory of ABI version %d instead of %d", header.abiVersion,
                GATE_ABI_VERSION);
  else
    message.add("%" PRId64 " bytes of another library or version (%016" PRIx64
                " instead of %016" PRIx64 ")",
                header.bytes, header.identity, expected.identity);
  message.add("; call %s, or set parameters.prepared to null", prepare);
  return GATE_STATUS_INVALID_ARGUMENT;
}

static bool isOwn(const GatePreparation &preparation,
                  const GatePreparedHeader &header) {
  return memcmp(header.magic, kMagic, sizeof(kMagic)) == 0 &&
         header.abiVersion == GATE_ABI_VERSION &&
         header.identity == preparation.identity &&
         header.bytes == preparation.bytes;
}

int32_t gate::runtime::checkPrepared(const GateFunction &function,
                                     const void *const *groups,
                                     const Span *spans, const Span &workspace,
                                     const char *&prepared) {
  prepared = nullptr;
  if (!function.preparation)
    return GATE_STATUS_OK;
  const void *memory =
      static_cast<const void *const *>(groups[0])[function.preparedMember];
  if (!memory)
    return GATE_STATUS_OK;
  if (int32_t status =
          checkAlignment(function.name, "parameters.prepared", memory))
    return status;
  const auto &header = *static_cast<const GatePreparedHeader *>(memory);
  if (!isOwn(*function.preparation, header))
    return failHeader(function, header);
  Span span = {reinterpret_cast<uintptr_t>(memory),
               static_cast<uint64_t>(header.bytes)};
  const char *other = overlaps(span, workspace) ? "workspace" : nullptr;
  for (int32_t i = 0; i < function.argumentCount; ++i)
    if (isWritten(function.arguments[i]) && overlaps(span, spans[i]))
      other = function.arguments[i].name;
  if (other) {
    Message(function.name)
        .add("parameters.prepared: overlaps argument %s, which is written",
             other);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  prepared = static_cast<const char *>(memory);
  return GATE_STATUS_OK;
}

void gate::runtime::addPrepared(const GateFunction &function,
                                const char *prepared, void **data) {
  for (int32_t i = 0; i < function.preparedCount; ++i)
    data[function.argumentCount + i] =
        prepared ? const_cast<char *>(prepared) + function.preparedOffsets[i]
                 : nullptr;
}

static int32_t checkMemory(const GatePreparation &preparation,
                           const void *prepared, size_t bytes) {
  const char *name = preparation.function->name;
  static const char kArgument[] = "argument prepared";
  if (!prepared) {
    Message(name).add("%s: expected memory, got null", kArgument);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  if (bytes < static_cast<uint64_t>(preparation.bytes)) {
    Message(name).add("%s: expected at least %" PRId64 " bytes, got %zu",
                      kArgument, preparation.bytes, bytes);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  return checkAlignment(name, kArgument, prepared);
}

/// All parameters against their rows, and against the memory to be filled.
static int32_t checkParameters(const GateLibrary &library,
                               const GatePreparation &preparation,
                               const void *parameters, const void *prepared,
                               Span *spans) {
  const GateFunction &function = *preparation.function;
  if (!parameters) {
    Message(function.name)
        .add("argument parameters: expected a struct of tensors, got null");
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  // Parameters that are prepared have no dims to bind.
  ArgumentCheck check(function, {true, library.cuda != nullptr}, spans, nullptr,
                      nullptr);
  const auto *members = static_cast<const DLTensor *const *>(parameters);
  Span target = {reinterpret_cast<uintptr_t>(prepared),
                 static_cast<uint64_t>(preparation.bytes)};
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    if (int32_t status =
            check.checkTensor(i, members[function.arguments[i].member]))
      return status;
    if (check.place().isCuda) {
      Message(function.name)
          .add("argument %s: expected CPU memory, got memory of a CUDA device, "
               "where calls use nothing prepared",
               function.arguments[i].name);
      return GATE_STATUS_INVALID_ARGUMENT;
    }
    if (!overlaps(target, spans[i]))
      continue;
    Message(function.name)
        .add("argument prepared: overlaps argument %s",
             function.arguments[i].name);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  return GATE_STATUS_OK;
}

static int32_t fill(const GatePreparation &preparation, const Span *spans,
                    void **data, char *prepared) {
  const GateFunction &function = *preparation.function;
  uint64_t needed = static_cast<uint64_t>(function.workspaceBytes(nullptr));
  void *workspace = nullptr;
  if (needed) {
    size_t bytes = roundUp(needed);
    workspace = bytes ? aligned_alloc(64, bytes) : nullptr;
    if (!workspace)
      return failMemory(function, needed, "workspace");
  }
  for (int32_t i = 0; i < function.argumentCount; ++i)
    data[i] = reinterpret_cast<void *>(spans[i].begin);
  addPrepared(function, prepared, data);
  memset(prepared, 0, GATE_PREPARED_HEADER_BYTES);
  function.body(data, nullptr, workspace);
  free(workspace);
  GatePreparedHeader header = {
      {}, GATE_ABI_VERSION, 0, preparation.identity, preparation.bytes};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  memcpy(prepared, &header, sizeof(header));
  return GATE_STATUS_OK;
}

int32_t gate_rt_prepare(const GateLibrary *library,
                        const GatePreparation *preparation,
                        const void *parameters, void *prepared, size_t bytes) {
  const GateFunction &function = *preparation->function;
  if (int32_t status = checkLibrary(*library, function.name))
    return status;
  if (int32_t status = checkMemory(*preparation, prepared, bytes))
    return status;
  size_t arguments = static_cast<size_t>(function.argumentCount);
  size_t entries = arguments + static_cast<size_t>(function.preparedCount);
  void *tables = malloc(arguments * sizeof(Span) + entries * sizeof(void *));
  if (!tables)
    return failMemory(function, 0, "tables");
  Span *spans = static_cast<Span *>(tables);
  int32_t status =
      checkParameters(*library, *preparation, parameters, prepared, spans);
  if (!status)
    status =
        fill(*preparation, spans, reinterpret_cast<void **>(spans + arguments),
             static_cast<char *>(prepared));
  free(tables);
  return status;
}
