//===- Internal.h - Shared by the files of the runtime ---------*- C++ -*-===//
//
// Failure messages, the check of a call's arguments and the check of the CPU.
// No file of the runtime may need the C++ library: libc and threads only.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_RUNTIME_INTERNAL_H
#define GATE_LIB_RUNTIME_INTERNAL_H

#include "gate/Runtime/Abi.h"
#include "gate/Runtime/DLPack.h"

namespace gate::runtime {

/// Writes the text of a failure into this thread's buffer, which
/// gate_rt_last_error returns. Text that does not fit is cut.
class Message {
public:
  /// Starts with "caller: ".
  explicit Message(const char *caller);
  Message &add(const char *format, ...) __attribute__((format(printf, 2, 3)));
  /// Adds "[1, 2, 3]"; a long list ends in "...".
  Message &addList(const int64_t *values, int32_t count);

private:
  size_t length = 0;
};

/// The part of memory that an argument occupies.
struct Span {
  uintptr_t begin;
  uint64_t bytes;
};

/// The device whose code reads a tensor: the CPU, or a GPU by its number.
struct Place {
  bool isCuda;
  int32_t device;
};

/// The kinds of device that a call may be on.
struct Targets {
  bool hasCpu;
  bool hasCuda;
};

/// The flag that error messages advise.
inline constexpr char kBothTargets[] = "--target=cpu,cuda:sm_90a";

/// Checks the arguments of one call, in the order of the data table, and
/// collects their addresses, the sizes of the named dims and the call's place.
class ArgumentCheck {
public:
  /// `spans` has argumentCount entries; `dims` and `binders` dimCount.
  ArgumentCheck(const GateFunction &function, Targets targets, Span *spans,
                int64_t *dims, int32_t *binders);

  /// Null, element type, rank, shape, strides, device, alignment.
  int32_t checkTensor(int32_t index, const DLTensor *tensor);
  /// Takes the bytes of an embedded parameter, which need no check.
  void useEmbedded(int32_t index);
  /// No tensor that is written may share memory with another one, except a
  /// next state with its own state. Needs all spans.
  int32_t checkOverlap();
  /// The elements of index data. Needs the tensor's own check.
  int32_t checkIndices(int32_t index, const DLTensor &tensor);
  /// A workspace given by the caller, of `bytes` where `needed` are used. On a
  /// GPU it may be null when none is needed.
  int32_t checkWorkspace(const void *workspace, uint64_t bytes,
                         uint64_t needed);
  /// Where the tensors are that were checked so far.
  Place place() const { return where; }

private:
  Message start(int32_t index) const;
  int32_t checkShape(int32_t index, const DLTensor &tensor);
  int32_t checkLayout(int32_t index, const DLTensor &tensor);
  int32_t checkPlace(int32_t index, const DLTensor &tensor);
  int32_t failShape(int32_t index, const DLTensor &tensor,
                    int32_t position) const;
  bool mayShare(int32_t index, int32_t other) const;

  const GateFunction &function;
  Targets targets;
  Place where = {false, 0};
  /// The argument that decided on `where`, or -1.
  int32_t placed = -1;
  Span *spans;
  int64_t *dims;
  /// The argument that fixed the size of each dim, or -1.
  int32_t *binders;
};

inline bool isWritten(const GateArgument &argument) {
  return argument.role == GATE_ROLE_OUTPUT ||
         argument.role == GATE_ROLE_NEXT_STATE;
}

/// Bytes of an embedded parameter.
uint64_t embeddedBytes(const GateArgument &argument);

/// GATE_STATUS_OK when library and runtime have one ABI and this CPU will do.
int32_t checkLibrary(const GateLibrary &library, const char *caller);

/// Reports that memory could not be had; returns the status.
int32_t failMemory(const GateFunction &function, uint64_t bytes,
                   const char *use);

/// Finds the prepared memory of a call, null where the caller gave none, and
/// checks that this library's `prepare` wrote it and that nothing the call
/// writes, `workspace` included, overlaps it.
int32_t checkPrepared(const GateFunction &function, const void *const *groups,
                      const Span *spans, const Span &workspace,
                      const char *&prepared);

/// Fills the end of a body's data table.
void addPrepared(const GateFunction &function, const char *prepared,
                 void **data);

inline bool overlaps(const Span &a, const Span &b) {
  return a.bytes && b.bytes && a.begin < b.begin + b.bytes &&
         b.begin < a.begin + a.bytes;
}

/// Rounds up to whole cache lines, as aligned_alloc asks for. Zero when
/// that does not fit.
inline size_t roundUp(uint64_t bytes) {
  return bytes > static_cast<uint64_t>(PTRDIFF_MAX) - 63
             ? 0
             : (bytes + 63) & ~63ull;
}

/// GATE_STATUS_OK when this CPU and its system have every feature that the
/// library was compiled for. The answer is kept for later calls.
int32_t checkCpu(const GateLibrary &library, const char *caller);

/// Queues a checked call on a GPU: copies of states, then the kernels. Fills
/// `data`, one pointer per argument.
int32_t callCuda(const GateLibrary &library, const GateFunction &function,
                 int32_t device, const Span *spans, void **data,
                 const int64_t *dims, void *workspace, void *stream);

/// Queues zeros for the states of `function`.
int32_t zeroCuda(const GateLibrary &library, const GateFunction &function,
                 int32_t device, const Span *spans, void *stream);

/// Takes everything off all GPUs, as closing the library does.
void unloadCuda();

} // namespace gate::runtime

#endif // GATE_LIB_RUNTIME_INTERNAL_H
