//===- BlockBuffers.cpp - Buffers that a kernel reads and writes ----------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockBuffers.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace gate;

Value gate::reshapedFrom(Value memref) {
  auto isRowMajor = [](Value value) {
    return cast<MemRefType>(value.getType()).getLayout().isIdentity();
  };
  if (!isRowMajor(memref))
    return Value();
  if (auto expand = memref.getDefiningOp<memref::ExpandShapeOp>())
    return isRowMajor(expand.getSrc()) ? expand.getSrc() : Value();
  if (auto collapse = memref.getDefiningOp<memref::CollapseShapeOp>())
    return isRowMajor(collapse.getSrc()) ? collapse.getSrc() : Value();
  return Value();
}

std::optional<std::pair<Value, int64_t>> gate::dimBehind(Value memref,
                                                         int64_t dim) {
  Value source = reshapedFrom(memref);
  if (!source)
    return std::pair(memref, dim);
  auto expand = memref.getDefiningOp<memref::ExpandShapeOp>();
  SmallVector<ReassociationIndices> groups =
      expand ? expand.getReassociationIndices()
             : memref.getDefiningOp<memref::CollapseShapeOp>()
                   .getReassociationIndices();
  for (auto [position, group] : llvm::enumerate(groups)) {
    if (group.size() != 1)
      continue;
    if (expand && group.front() == dim)
      return dimBehind(source, position);
    if (!expand && static_cast<int64_t>(position) == dim)
      return dimBehind(source, group.front());
  }
  return std::nullopt;
}

Value gate::rootOf(Value memref) {
  while (Operation *op = memref.getDefiningOp()) {
    if (auto view = dyn_cast<memref::SubViewOp>(op))
      memref = view.getSource();
    else if (auto cast = dyn_cast<memref::CastOp>(op))
      memref = cast.getSource();
    else if (Value behind = reshapedFrom(memref))
      memref = behind;
    else
      break;
  }
  return memref;
}

/// Whether two buffers of a kernel may be the same one.
static bool mayBeSame(Value a, Value b) {
  auto first = a.getDefiningOp<memref::ViewOp>();
  auto second = b.getDefiningOp<memref::ViewOp>();
  if (!first || !second)
    return a == b;
  return first.getSource() == second.getSource() &&
         isEqualConstantIntOrValue(first.getByteShift(), second.getByteShift());
}

bool gate::isWritten(func::FuncOp kernel, Value root) {
  WalkResult result = kernel.walk([&](Operation *op) {
    Value written;
    if (auto write = dyn_cast<vector::TransferWriteOp>(op))
      written = write.getBase();
    else if (auto store = dyn_cast<memref::StoreOp>(op))
      written = store.getMemRef();
    return written && mayBeSame(rootOf(written), root) ? WalkResult::interrupt()
                                                       : WalkResult::advance();
  });
  return result.wasInterrupted();
}
