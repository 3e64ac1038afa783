//===- Outlining.h - What outlined loops have in common --------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_OUTLINING_H
#define GATE_LIB_CONVERSION_OUTLINING_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/StringMap.h"

namespace gate {

/// Whether a memref is dense and row-major, so that a pointer and its dynamic
/// sizes describe it.
bool isRowMajor(mlir::Type type);

/// Number of iterations per dim of a forall, at the builder's place.
llvm::SmallVector<mlir::Value>
tripCounts(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange lower,
           mlir::ValueRange upper, mlir::ValueRange step);

/// The mixed bounds of a forall as values: constants made, others looked up in
/// `mapping` or, where they are not there, cloned.
llvm::SmallVector<mlir::Value>
boundValues(mlir::OpBuilder &b, mlir::Location loc,
            llvm::ArrayRef<mlir::OpFoldResult> bounds,
            mlir::IRMapping *mapping);

/// The values of the induction variables at iteration `flat`, of the type of
/// `flat`; the last dim runs fastest.
llvm::SmallVector<mlir::Value> inductionAt(mlir::OpBuilder &b,
                                           mlir::Location loc, mlir::Value flat,
                                           llvm::ArrayRef<mlir::Value> counts,
                                           llvm::ArrayRef<mlir::Value> lower,
                                           llvm::ArrayRef<mlir::Value> step);

/// Erases all but one of each set of functions with equal bodies; the layers of
/// a model are compiled once. Returns what stands for each erased one.
llvm::StringMap<std::string>
mergeEqualFunctions(llvm::ArrayRef<mlir::func::FuncOp> functions);

} // namespace gate

#endif // GATE_LIB_CONVERSION_OUTLINING_H
