//===- Check.cpp - Checks of the arguments of a call ----------------------===//
//
// Compares every DLTensor with its entry in the function's table. The first
// argument that has a named dim fixes the dim's size for all later ones.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Internal.h"

#include <inttypes.h>

using namespace gate::runtime;

static uint64_t elementBytes(const GateArgument &argument) {
  return (static_cast<uint64_t>(argument.dtypeBits) + 7) / 8;
}

static void addType(Message &message, DLDataType type) {
  if (type.code == GATE_DL_INT)
    message.add("int%d", type.bits);
  else if (type.code == GATE_DL_UINT)
    message.add("uint%d", type.bits);
  else if (type.code == GATE_DL_FLOAT)
    message.add("float%d", type.bits);
  else if (type.code == GATE_DL_BFLOAT)
    message.add("bfloat%d", type.bits);
  else if (type.code == GATE_DL_BOOL && type.bits == 8)
    message.add("bool");
  else
    message.add("type code %d of %d bits", type.code, type.bits);
  if (type.lanes != 1)
    message.add("x%d", type.lanes);
}

/// Bytes of a tensor of these sizes, none of them negative. False when they
/// do not fit in memory.
static bool computeBytes(const int64_t *shape, int32_t rank, uint64_t element,
                         uint64_t &bytes) {
  bytes = element;
  bool fits = true;
  for (int32_t i = 0; i < rank; ++i) {
    if (shape[i] == 0) {
      bytes = 0;
      return true;
    }
    fits &=
        !__builtin_mul_overflow(bytes, static_cast<uint64_t>(shape[i]), &bytes);
  }
  return fits && bytes <= static_cast<uint64_t>(PTRDIFF_MAX);
}

uint64_t gate::runtime::embeddedBytes(const GateArgument &argument) {
  // Embedded parameters have static sizes that the compiler has checked.
  uint64_t bytes;
  return computeBytes(argument.shape, argument.rank, elementBytes(argument),
                      bytes)
             ? bytes
             : 0;
}

ArgumentCheck::ArgumentCheck(const GateFunction &function, Targets targets,
                             Span *spans, int64_t *dims, int32_t *binders)
    : function(function), targets(targets), spans(spans), dims(dims),
      binders(binders) {
  for (int32_t d = 0; d < function.dimCount; ++d) {
    dims[d] = 0;
    binders[d] = -1;
  }
}

Message ArgumentCheck::start(int32_t index) const {
  Message message(function.name);
  message.add("argument %s: ", function.arguments[index].name);
  return message;
}

/// `position` is the first size that differs, or -1 for another difference.
int32_t ArgumentCheck::failShape(int32_t index, const DLTensor &tensor,
                                 int32_t position) const {
  const GateArgument &argument = function.arguments[index];
  Message message = start(index);
  message.add("expected ");
  addType(message, {argument.dtypeCode, argument.dtypeBits, 1});
  message.add(" [");
  for (int32_t i = 0; i < argument.rank; ++i) {
    const char *comma = i ? ", " : "";
    int64_t size = argument.shape[i];
    int64_t dim = -1 - size;
    if (size >= 0)
      message.add("%s%" PRId64, comma, size);
    else if (binders[dim] >= 0)
      message.add("%s%" PRId64, comma, dims[dim]);
    else
      message.add("%s%s", comma, function.dims[dim]);
  }
  message.add("], got ");
  addType(message, tensor.dtype);
  message.add(" ");
  if (tensor.ndim < 0) {
    message.add("of rank %d", tensor.ndim);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  if (tensor.ndim > 0 && !tensor.shape) {
    message.add("with a null shape");
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  message.addList(tensor.shape, tensor.ndim);
  if (position < 0 || argument.shape[position] >= 0)
    return GATE_STATUS_INVALID_ARGUMENT;
  int64_t dim = -1 - argument.shape[position];
  int64_t size = tensor.shape[position];
  if (binders[dim] < 0)
    message.add(": dim %s is negative", function.dims[dim]);
  else if (binders[dim] == index)
    message.add(": dim %s is both %" PRId64 " and %" PRId64 " here",
                function.dims[dim], dims[dim], size);
  else
    message.add(": dim %s is %" PRId64 " here but %" PRId64 " in argument %s",
                function.dims[dim], size, dims[dim],
                function.arguments[binders[dim]].name);
  return GATE_STATUS_INVALID_ARGUMENT;
}

int32_t ArgumentCheck::checkShape(int32_t index, const DLTensor &tensor) {
  const GateArgument &argument = function.arguments[index];
  // First what earlier arguments fixed, so that a message shows the names of
  // the dims that are still free.
  for (int32_t i = 0; i < argument.rank; ++i) {
    int64_t expected = argument.shape[i];
    int64_t dim = -1 - expected;
    if (expected < 0 && binders[dim] < 0) {
      if (tensor.shape[i] < 0)
        return failShape(index, tensor, i);
      continue;
    }
    if (tensor.shape[i] != (expected < 0 ? dims[dim] : expected))
      return failShape(index, tensor, i);
  }
  for (int32_t i = 0; i < argument.rank; ++i) {
    if (argument.shape[i] >= 0)
      continue;
    int64_t dim = -1 - argument.shape[i];
    if (binders[dim] < 0) {
      binders[dim] = index;
      dims[dim] = tensor.shape[i];
    }
    if (dims[dim] != tensor.shape[i])
      return failShape(index, tensor, i);
  }
  return GATE_STATUS_OK;
}

/// Adds the strides of a compact tensor, first dim first.
static void addCompactStrides(Message &message, const DLTensor &tensor) {
  message.add("[");
  for (int32_t i = 0; i < tensor.ndim; ++i) {
    int64_t stride = 1;
    for (int32_t j = i + 1; j < tensor.ndim; ++j)
      stride *= tensor.shape[j];
    message.add("%s%" PRId64, i ? ", " : "", stride);
  }
  message.add("]");
}

/// False for a kind of memory that neither the CPU's nor CUDA's code reads.
static bool locate(const DLDevice &device, Place &place) {
  switch (static_cast<int32_t>(device.device_type)) {
  case kDLCPU:
  case GATE_DL_CUDA_HOST:
    place = {false, 0};
    return true;
  case GATE_DL_CUDA:
  case GATE_DL_CUDA_MANAGED:
    place = {true, device.device_id};
    return true;
  default:
    return false;
  }
}

static void addPlace(Message &message, const Place &place) {
  if (place.isCuda)
    message.add("memory of cuda:%d", place.device);
  else
    message.add("CPU memory");
}

/// Known, with code for it, the same for all.
int32_t ArgumentCheck::checkPlace(int32_t index, const DLTensor &tensor) {
  Place found;
  bool isKnown = locate(tensor.device, found);
  bool hasCode = isKnown && (found.isCuda ? targets.hasCuda : targets.hasCpu);
  if (hasCode && placed < 0) {
    where = found;
    placed = index;
  }
  if (hasCode && found.isCuda == where.isCuda && found.device == where.device)
    return GATE_STATUS_OK;
  Message message = start(index);
  message.add("expected ");
  if (hasCode) {
    addPlace(message, where);
    message.add(" like argument %s", function.arguments[placed].name);
  } else {
    message.add("%s%s%s", targets.hasCpu ? "CPU memory" : "",
                targets.hasCpu && targets.hasCuda ? " or " : "",
                targets.hasCuda ? "memory of a CUDA device" : "");
  }
  message.add(", got ");
  if (isKnown)
    addPlace(message, found);
  else
    message.add("device type %d",
                static_cast<int32_t>(tensor.device.device_type));
  if (isKnown && !hasCode)
    message.add(": the library has no %s code, compile with %s",
                found.isCuda ? "GPU" : "CPU", kBothTargets);
  return GATE_STATUS_INVALID_ARGUMENT;
}

/// Strides, device, address. Sets the span.
int32_t ArgumentCheck::checkLayout(int32_t index, const DLTensor &tensor) {
  const GateArgument &argument = function.arguments[index];
  uint64_t element = elementBytes(argument);
  Span &span = spans[index];
  if (!computeBytes(tensor.shape, tensor.ndim, element, span.bytes)) {
    start(index)
        .add("expected at most %" PRIdPTR " bytes, got shape ",
             static_cast<intptr_t>(PTRDIFF_MAX))
        .addList(tensor.shape, tensor.ndim);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  // The stride of a dim that is never stepped along has no meaning.
  int64_t stride = 1;
  for (int32_t i = tensor.ndim - 1; tensor.strides && span.bytes && i >= 0;
       --i) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != stride) {
      Message message = start(index);
      message.add("expected compact row-major strides ");
      addCompactStrides(message, tensor);
      message.add(", got ").addList(tensor.strides, tensor.ndim);
      return GATE_STATUS_INVALID_ARGUMENT;
    }
    stride *= tensor.shape[i];
  }
  if (int32_t status = checkPlace(index, tensor))
    return status;
  if (!tensor.data && span.bytes) {
    start(index).add("expected %" PRIu64 " bytes of data, got null",
                     span.bytes);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  span.begin = reinterpret_cast<uintptr_t>(tensor.data);
  if (!span.bytes)
    return GATE_STATUS_OK;
  uintptr_t end;
  if (__builtin_add_overflow(span.begin, tensor.byte_offset, &span.begin) ||
      __builtin_add_overflow(span.begin, span.bytes, &end)) {
    start(index).add("expected data inside the address space, got byte offset "
                     "%" PRIu64,
                     tensor.byte_offset);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  // Kernels move pieces of 16 bytes.
  uint64_t alignment = where.isCuda && element < 16 ? 16 : element;
  if (span.begin % alignment != 0) {
    start(index).add("expected data aligned to %" PRIu64
                     " bytes, got address 0x%" PRIxPTR,
                     alignment, span.begin);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  return GATE_STATUS_OK;
}

int32_t ArgumentCheck::checkTensor(int32_t index, const DLTensor *tensor) {
  const GateArgument &argument = function.arguments[index];
  if (!tensor) {
    start(index).add("expected a tensor, got null");
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  if (tensor->ndim != argument.rank ||
      tensor->dtype.code != argument.dtypeCode ||
      tensor->dtype.bits != argument.dtypeBits || tensor->dtype.lanes != 1 ||
      (argument.rank > 0 && !tensor->shape))
    return failShape(index, *tensor, -1);
  int32_t status = checkShape(index, *tensor);
  return status ? status : checkLayout(index, *tensor);
}

void ArgumentCheck::useEmbedded(int32_t index) {
  const GateArgument &argument = function.arguments[index];
  spans[index].begin = reinterpret_cast<uintptr_t>(argument.embedded);
  spans[index].bytes = embeddedBytes(argument);
}

/// True when both are the same buffer and one is the other's next state.
bool ArgumentCheck::mayShare(int32_t index, int32_t other) const {
  return function.arguments[index].role == GATE_ROLE_NEXT_STATE &&
         function.arguments[index].tied == other &&
         spans[index].begin == spans[other].begin &&
         spans[index].bytes == spans[other].bytes;
}

int32_t ArgumentCheck::checkOverlap() {
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    if (!isWritten(function.arguments[i]))
      continue;
    for (int32_t j = 0; j < function.argumentCount; ++j) {
      if (!overlaps(spans[i], spans[j]) || i == j)
        continue;
      if (mayShare(i, j) || mayShare(j, i))
        continue;
      int32_t later = i > j ? i : j, earlier = i > j ? j : i;
      bool tied = function.arguments[later].tied == earlier;
      start(later).add("overlaps argument %s%s",
                       function.arguments[earlier].name,
                       tied ? " without being the same buffer" : "");
      return GATE_STATUS_INVALID_ARGUMENT;
    }
  }
  return GATE_STATUS_OK;
}

/// Position of the first element outside [0, bound), or `count`.
template <typename T>
static int64_t findOutside(const T *data, int64_t count, int64_t bound) {
  // Blocks without a branch inside are checked several elements at a time.
  constexpr int64_t kBlock = 1024;
  uint64_t limit = static_cast<uint64_t>(bound);
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    int64_t end = count - begin < kBlock ? count : begin + kBlock;
    bool outside = false;
    for (int64_t i = begin; i < end; ++i)
      outside |= static_cast<uint64_t>(static_cast<int64_t>(data[i])) >= limit;
    for (int64_t i = begin; outside && i < end; ++i)
      if (static_cast<uint64_t>(static_cast<int64_t>(data[i])) >= limit)
        return i;
  }
  return count;
}

int32_t ArgumentCheck::checkIndices(int32_t index, const DLTensor &tensor) {
  const GateArgument &argument = function.arguments[index];
  const Span &span = spans[index];
  if (argument.indexBound < 0 || !span.bytes)
    return GATE_STATUS_OK;
  int64_t count = static_cast<int64_t>(span.bytes / elementBytes(argument));
  int64_t position, value = 0;
  if (argument.dtypeBits == 64) {
    const auto *data = reinterpret_cast<const int64_t *>(span.begin);
    position = findOutside(data, count, argument.indexBound);
    value = position < count ? data[position] : 0;
  } else if (argument.dtypeBits == 32) {
    const auto *data = reinterpret_cast<const int32_t *>(span.begin);
    position = findOutside(data, count, argument.indexBound);
    value = position < count ? data[position] : 0;
  } else {
    // The compiler gives bounds to i32 and i64 data only.
    return GATE_STATUS_OK;
  }
  if (position == count)
    return GATE_STATUS_OK;
  Message message = start(index);
  message.add("expected values in [0, %" PRId64 "), got %" PRId64 " at [",
              argument.indexBound, value);
  for (int32_t i = 0; i < tensor.ndim; ++i) {
    int64_t stride = 1;
    for (int32_t j = i + 1; j < tensor.ndim; ++j)
      stride *= tensor.shape[j];
    message.add("%s%" PRId64, i ? ", " : "",
                position / stride % tensor.shape[i]);
  }
  message.add("]");
  return GATE_STATUS_INVALID_DATA;
}

int32_t ArgumentCheck::checkWorkspace(const void *workspace, uint64_t bytes,
                                      uint64_t needed) {
  const uintptr_t kAlignment = where.isCuda ? 256 : 64;
  static const char kStart[] = "argument workspace: ";
  if (!workspace && needed) {
    Message(function.name)
        .add("%sexpected %" PRIu64 " bytes of memory of cuda:%d "
             "(%s_workspace_bytes tells how many), got null",
             kStart, needed, where.device, function.name);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  uintptr_t address = reinterpret_cast<uintptr_t>(workspace);
  if (bytes < needed) {
    Message(function.name)
        .add("%sexpected at least %" PRIu64 " bytes, got %" PRIu64, kStart,
             needed, bytes);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  if (needed && address % kAlignment != 0) {
    Message(function.name)
        .add("%sexpected data aligned to %d bytes, got address 0x%" PRIxPTR,
             kStart, static_cast<int>(kAlignment), address);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  for (int32_t i = 0; i < function.argumentCount; ++i) {
    if (!overlaps(spans[i], {address, needed}))
      continue;
    Message(function.name)
        .add("%soverlaps argument %s", kStart, function.arguments[i].name);
    return GATE_STATUS_INVALID_ARGUMENT;
  }
  return GATE_STATUS_OK;
}
