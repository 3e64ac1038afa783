//===- Call.cpp - Calls of compiled functions -----------------------------===//
//
// Every exported function ends up here: check everything, take a workspace,
// carry the states over, run the body. Nothing is written before all checks.
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

namespace {
/// The tables of one call: on the stack, or on the heap for many arguments.
class Scratch {
public:
  explicit Scratch(const GateFunction &function)
      : arguments(static_cast<size_t>(function.argumentCount)),
        entries(arguments + static_cast<size_t>(function.preparedCount)),
        dims(static_cast<size_t>(function.dimCount)) {
    size_t bytes = arguments * sizeof(Span) + entries * sizeof(void *) +
                   dims * (sizeof(int64_t) + sizeof(int32_t));
    memory =
        bytes <= sizeof(local) ? local : static_cast<char *>(malloc(bytes));
  }
  ~Scratch() {
    if (memory != local)
      free(memory);
  }
  Scratch(const Scratch &) = delete;
  Scratch &operator=(const Scratch &) = delete;

  bool isValid() const { return memory; }
  Span *spanTable() { return reinterpret_cast<Span *>(memory); }
  void **dataTable() {
    return reinterpret_cast<void **>(spanTable() + arguments);
  }
  int64_t *dimTable() {
    return reinterpret_cast<int64_t *>(dataTable() + entries);
  }
  int32_t *binderTable() {
    return reinterpret_cast<int32_t *>(dimTable() + dims);
  }

private:
  size_t arguments, entries, dims;
  char *memory;
  // Enough for several hundred arguments: their calls allocate nothing.
  alignas(16) char local[16384];
};
} // namespace

int32_t gate::runtime::failMemory(const GateFunction &function, uint64_t bytes,
                                  const char *use) {
  Message(function.name)
      .add("cannot allocate %" PRIu64 " bytes of %s", bytes, use);
  return GATE_STATUS_OUT_OF_MEMORY;
}

int32_t gate::runtime::checkLibrary(const GateLibrary &library,
                                    const char *caller) {
  if (library.abiVersion != GATE_ABI_VERSION) {
    Message(caller).add("expected a library of ABI version %d, got %d",
                        GATE_ABI_VERSION, library.abiVersion);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  return checkCpu(library, caller);
}

static Targets targetsOf(const GateFunction &function) {
  return {function.body != nullptr, function.launch != nullptr};
}

static const DLTensor *findTensor(const GateArgument &argument,
                                  const void *const *groups) {
  const void *group = groups[argument.group];
  return argument.member < 0
             ? static_cast<const DLTensor *>(group)
             : static_cast<const DLTensor *const *>(group)[argument.member];
}

static int32_t checkTensors(const GateFunction &function,
                            const void *const *groups, ArgumentCheck &check) {
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    const GateArgument &argument = function.arguments[i];
    if (argument.group < 0) {
      check.useEmbedded(i);
      continue;
    }
    if (argument.member >= 0 && !groups[argument.group]) {
      Message(function.name)
          .add("argument %s: expected a struct of tensors, got null",
               function.groupNames[argument.group]);
      return GATE_STATUS_INVALID_ARGUMENT;
    }
    if (int32_t status = check.checkTensor(i, findTensor(argument, groups)))
      return status;
  }
  if (int32_t status = check.checkOverlap())
    return status;
  // The host does not read a GPU's memory: kernels clamp indices.
  if (check.place().isCuda)
    return GATE_STATUS_OK;
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    const GateArgument &argument = function.arguments[i];
    if (argument.indexBound < 0 || argument.group < 0 || isWritten(argument))
      continue;
    if (int32_t status = check.checkIndices(i, *findTensor(argument, groups)))
      return status;
  }
  return GATE_STATUS_OK;
}

/// Fills the body's data table and copies each state to where the body
/// updates it in place.
static void carryStates(const GateFunction &function, const Span *spans,
                        void **data) {
  for (int32_t i = 0; i < function.argumentCount; ++i)
    data[i] = reinterpret_cast<void *>(spans[i].begin);
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    int32_t state = function.arguments[i].tied;
    if (function.arguments[i].role != GATE_ROLE_NEXT_STATE || state < 0)
      continue;
    if (data[i] != data[state] && spans[i].bytes)
      memmove(data[i], data[state], spans[i].bytes);
    data[state] = data[i];
  }
}

int32_t gate_rt_call(const GateLibrary *library, const GateFunction *function,
                     const void *const *groups, void *workspace,
                     size_t workspaceBytes, void *stream) {
  if (int32_t status = checkLibrary(*library, function->name))
    return status;
  Scratch scratch(*function);
  if (!scratch.isValid())
    return failMemory(*function, 0, "tables");
  Span *spans = scratch.spanTable();
  int64_t *dims = scratch.dimTable();
  ArgumentCheck check(*function, targetsOf(*function), spans, dims,
                      scratch.binderTable());
  if (int32_t status = checkTensors(*function, groups, check))
    return status;

  // A negative size, after an overflow, becomes too large for any memory.
  if (check.place().isCuda) {
    uint64_t used = static_cast<uint64_t>(function->launchWorkspaceBytes(dims));
    if (int32_t status = check.checkWorkspace(workspace, workspaceBytes, used))
      return status;
    return callCuda(*library, *function, check.place().device, spans,
                    scratch.dataTable(), dims, workspace, stream);
  }
  uint64_t needed = static_cast<uint64_t>(function->workspaceBytes(dims));
  Span given = {reinterpret_cast<uintptr_t>(workspace), workspace ? needed : 0};
  const char *prepared;
  if (int32_t status = checkPrepared(*function, groups, spans, given, prepared))
    return status;
  void *allocated = nullptr;
  if (workspace) {
    if (int32_t status =
            check.checkWorkspace(workspace, workspaceBytes, needed))
      return status;
  } else if (needed) {
    size_t bytes = roundUp(needed);
    allocated = bytes ? aligned_alloc(64, bytes) : nullptr;
    if (!allocated)
      return failMemory(*function, needed, "workspace");
    workspace = allocated;
  }
  carryStates(*function, spans, scratch.dataTable());
  addPrepared(*function, prepared, scratch.dataTable());
  function->body(scratch.dataTable(), dims, workspace);
  free(allocated);
  return GATE_STATUS_OK;
}

int32_t gate_rt_init_state(const GateLibrary *library,
                           const GateFunction *function, const void *state,
                           void *stream) {
  if (int32_t status = checkLibrary(*library, function->name))
    return status;
  if (!state) {
    Message(function->name)
        .add("argument state: expected a struct of tensors, got null");
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  Scratch scratch(*function);
  if (!scratch.isValid())
    return failMemory(*function, 0, "tables");
  Span *spans = scratch.spanTable();
  ArgumentCheck check(*function, {true, library->cuda != nullptr}, spans,
                      scratch.dimTable(), scratch.binderTable());
  const auto *members = static_cast<const DLTensor *const *>(state);
  for (int32_t i = 0; i < function->argumentCount; ++i) {
    const GateArgument &argument = function->arguments[i];
    if (argument.role != GATE_ROLE_STATE)
      continue;
    if (int32_t status = check.checkTensor(i, members[argument.member]))
      return status;
  }
  if (check.place().isCuda)
    return zeroCuda(*library, *function, check.place().device, spans, stream);
  for (int32_t i = 0; i < function->argumentCount; ++i)
    if (function->arguments[i].role == GATE_ROLE_STATE && spans[i].bytes)
      memset(reinterpret_cast<void *>(spans[i].begin), 0, spans[i].bytes);
  return GATE_STATUS_OK;
}

int32_t gate_rt_workspace(const GateLibrary *library,
                          const GateFunction *function, const int64_t *dims,
                          size_t *bytes) {
  if (int32_t status = checkLibrary(*library, function->name))
    return status;
  for (int32_t d = 0; d < function->dimCount; ++d) {
    if (dims[d] >= 0)
      continue;
    Message(function->name)
        .add("dim %s: expected a size of at least 0, got %" PRId64,
             function->dims[d], dims[d]);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  if (!bytes) {
    Message(function->name).add("argument bytes: expected a pointer, got null");
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  // One answer for all targets: a program need not know which one runs.
  uint64_t needed = 0;
  if (function->workspaceBytes)
    needed = static_cast<uint64_t>(function->workspaceBytes(dims));
  if (function->launchWorkspaceBytes) {
    uint64_t other =
        static_cast<uint64_t>(function->launchWorkspaceBytes(dims));
    needed = other > needed ? other : needed;
  }
  if (needed && !roundUp(needed))
    return failMemory(*function, needed, "workspace");
  *bytes = static_cast<size_t>(needed);
  return GATE_STATUS_OK;
}
