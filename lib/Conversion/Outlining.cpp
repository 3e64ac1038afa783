//===- Outlining.cpp - What outlined loops have in common -----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outlining.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;
using namespace gate;

bool gate::isRowMajor(Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  return memref && memref.getLayout().isIdentity();
}

SmallVector<Value> gate::tripCounts(OpBuilder &b, Location loc,
                                    ValueRange lower, ValueRange upper,
                                    ValueRange step) {
  SmallVector<Value> counts;
  for (auto [from, to, by] : llvm::zip(lower, upper, step)) {
    Value span = b.createOrFold<arith::SubIOp>(loc, to, from);
    counts.push_back(b.createOrFold<arith::CeilDivUIOp>(loc, span, by));
  }
  return counts;
}

SmallVector<Value> gate::boundValues(OpBuilder &b, Location loc,
                                     ArrayRef<OpFoldResult> bounds,
                                     IRMapping *mapping) {
  SmallVector<Value> values;
  for (OpFoldResult bound : bounds) {
    auto value = dyn_cast<Value>(bound);
    if (value && mapping) {
      if (!mapping->contains(value))
        mapping->map(value, b.clone(*value.getDefiningOp())->getResult(0));
      value = mapping->lookup(value);
    }
    values.push_back(value ? value
                           : getValueOrCreateConstantIndexOp(b, loc, bound));
  }
  return values;
}

SmallVector<Value> gate::inductionAt(OpBuilder &b, Location loc, Value flat,
                                     ArrayRef<Value> counts,
                                     ArrayRef<Value> lower,
                                     ArrayRef<Value> step) {
  SmallVector<Value> result(counts.size());
  for (int64_t dim = counts.size() - 1; dim >= 0; --dim) {
    Value position = flat;
    if (dim > 0) {
      position = b.createOrFold<arith::RemUIOp>(loc, flat, counts[dim]);
      flat = b.createOrFold<arith::DivUIOp>(loc, flat, counts[dim]);
    }
    Value scaled = b.createOrFold<arith::MulIOp>(loc, position, step[dim]);
    result[dim] = b.createOrFold<arith::AddIOp>(loc, scaled, lower[dim]);
  }
  return result;
}

llvm::StringMap<std::string>
gate::mergeEqualFunctions(ArrayRef<func::FuncOp> functions) {
  llvm::DenseMap<size_t, SmallVector<func::FuncOp>> byLength;
  llvm::StringMap<std::string> replacements;
  for (func::FuncOp function : functions) {
    size_t ops = 0;
    function.walk([&](Operation *) { ++ops; });
    auto &candidates = byLength[ops];
    auto found = llvm::find_if(candidates, [&](func::FuncOp other) {
      return other.getFunctionType() == function.getFunctionType() &&
             OperationEquivalence::isRegionEquivalentTo(
                 &function.getBody(), &other.getBody(),
                 OperationEquivalence::IgnoreLocations);
    });
    if (found == candidates.end()) {
      candidates.push_back(function);
      continue;
    }
    replacements[function.getName()] = found->getName().str();
    function.erase();
  }
  return replacements;
}
