//===- RowMajorView.h - Memrefs from a pointer and sizes -------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_ROWMAJORVIEW_H
#define GATE_LIB_CONVERSION_ROWMAJORVIEW_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/Builders.h"

namespace gate {

/// A row-major memref of type `type` at `address` (an LLVM pointer), from its
/// dynamic sizes (i64) in order.
mlir::Value makeRowMajorView(mlir::OpBuilder &builder, mlir::Location loc,
                             mlir::LLVMTypeConverter &converter,
                             mlir::MemRefType type, mlir::Value address,
                             mlir::ValueRange dynamicSizes);

} // namespace gate

#endif // GATE_LIB_CONVERSION_ROWMAJORVIEW_H
