//===- LowerKernelArguments.cpp - Parameters of kernels as scalars --------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outlining.h"
#include "RowMajorView.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace gate {
#define GEN_PASS_DEF_LOWERKERNELARGUMENTS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

static void lowerArguments(func::FuncOp kernel) {
  OpBuilder b(kernel.getContext());
  Block &entry = kernel.getBody().front();
  b.setInsertionPointToStart(&entry);
  Location loc = kernel.getLoc();
  LLVMTypeConverter converter(kernel.getContext());
  Type pointer = LLVM::LLVMPointerType::get(kernel.getContext());
  Type i64 = b.getI64Type();
  unsigned count = entry.getNumArguments();
  for (unsigned i = 0; i < count; ++i) {
    BlockArgument old = entry.getArgument(i);
    Value fresh;
    if (auto type = dyn_cast<MemRefType>(old.getType())) {
      Value address = entry.addArgument(pointer, loc);
      SmallVector<Value> sizes;
      for (int64_t n = type.getNumDynamicDims(); n > 0; --n)
        sizes.push_back(entry.addArgument(i64, loc));
      fresh = makeRowMajorView(b, loc, converter, type, address, sizes);
    } else if (old.getType().isIndex()) {
      fresh = arith::IndexCastOp::create(b, loc, old.getType(),
                                         entry.addArgument(i64, loc));
    } else {
      fresh = entry.addArgument(old.getType(), loc);
    }
    old.replaceAllUsesWith(fresh);
  }
  entry.eraseArguments(0, count);
  kernel.setType(b.getFunctionType(entry.getArgumentTypes(), {}));
}

namespace {
struct LowerKernelArguments
    : gate::impl::LowerKernelArgumentsBase<LowerKernelArguments> {
  void runOnOperation() override {
    if (getOperation()->hasAttr("gate.kernel"))
      lowerArguments(getOperation());
  }
};
} // namespace
