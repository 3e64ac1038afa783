//===- DLPack.h - The tensor struct of the DLPack protocol -----*- C++ -*-===//
//
// DLTensor as DLPack 1.x lays it out, so that the runtime needs no other
// package. Steps aside when DLPack's own header was included first.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_RUNTIME_DLPACK_H
#define GATE_RUNTIME_DLPACK_H

#include <stdint.h>

// The headers of compiled libraries carry the same declarations under the same
// macro, so any number of them can be included together with this file.
#if !defined(DLPACK_DLPACK_H_) && !defined(DLPACK_DLPACK_H) &&                 \
    !defined(GATE_DLTENSOR_DECLARED)
#define GATE_DLTENSOR_DECLARED

/// The device type of ordinary memory.
enum { kDLCPU = 1 };

/// Where the data of a tensor lives. Kept as an integer: a tensor may come
/// from a producer that knows more device types than this file.
typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

/// `code` is a DLDataTypeCode, `bits` the size of one lane.
typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DLDataType;

/// A view of a tensor that somebody else owns.
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  /// `ndim` sizes.
  int64_t *shape;
  /// `ndim` strides in elements, or null for compact row-major data.
  int64_t *strides;
  /// Added to `data`, in bytes.
  uint64_t byte_offset;
} DLTensor;

#endif

/// The device types and type codes of DLPack that Gate uses, under names of its
/// own so that they cannot clash with DLPack's header.
enum GateDeviceType {
  GATE_DL_CUDA = 2,
  /// Pinned memory of the host, which the CPU reads.
  GATE_DL_CUDA_HOST = 3,
  /// Memory that the driver moves between host and GPU.
  GATE_DL_CUDA_MANAGED = 13,
};
enum GateTypeCode {
  GATE_DL_INT = 0,
  GATE_DL_UINT = 1,
  GATE_DL_FLOAT = 2,
  GATE_DL_BFLOAT = 4,
  GATE_DL_BOOL = 6,
};

#endif // GATE_RUNTIME_DLPACK_H
