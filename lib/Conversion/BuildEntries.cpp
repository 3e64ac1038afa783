//===- BuildEntries.cpp - The functions that a library's tables point to --===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RowMajorView.h"
#include "gate/Analysis/FunctionSignature.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace gate {
#define GEN_PASS_DEF_BUILDENTRIES
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// Builds the two functions of one exported function.
class EntryBuilder {
public:
  explicit EntryBuilder(func::FuncOp function)
      : function(function), b(function.getContext()), loc(function.getLoc()),
        converter(function.getContext()),
        pointer(LLVM::LLVMPointerType::get(function.getContext())) {}

  void buildBody();
  void buildWorkspace();

private:
  Value number(int64_t value) {
    return LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                    b.getI64IntegerAttr(value));
  }
  /// Element `position` of a table of `type`.
  Value load(Type type, Value table, int64_t position) {
    Value address = LLVM::GEPOp::create(
        b, loc, pointer, type, table,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(position)});
    return LLVM::LoadOp::create(b, loc, type, address);
  }
  Value makeMemRef(MemRefType type, Value address,
                   ArrayRef<Value> dynamicSizes) {
    return makeRowMajorView(b, loc, converter, type, address, dynamicSizes);
  }

  /// Whether the function launches kernels.
  bool launches() { return function->hasAttr("gate.launches"); }

  StringRef exportedName() {
    return function->getAttrOfType<StringAttr>("gate.exported_as").getValue();
  }

  func::FuncOp function;
  OpBuilder b;
  Location loc;
  LLVMTypeConverter converter;
  Type pointer;
};

} // namespace

void EntryBuilder::buildBody() {
  b.setInsertionPointAfter(function);
  SmallVector<Type> parameters(launches() ? 4 : 3, pointer);
  auto body = func::FuncOp::create(b, loc,
                                   launches() ? launchSymbolOf(exportedName())
                                              : bodySymbolOf(exportedName()),
                                   b.getFunctionType(parameters, {}));
  Block *entry = body.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto numbers = function->getAttrOfType<ArrayAttr>("gate.dim_numbers");
  auto order = function->getAttrOfType<DenseI64ArrayAttr>("gate.data_order");
  SmallVector<Value> arguments(function.getNumArguments());
  for (auto [tensor, argument] : llvm::enumerate(order.asArrayRef())) {
    auto type = cast<MemRefType>(function.getArgumentTypes()[argument]);
    ArrayRef<int64_t> dims =
        cast<DenseI64ArrayAttr>(numbers[tensor]).asArrayRef();
    SmallVector<Value> sizes;
    for (int64_t dim : dims)
      if (dim >= 0)
        sizes.push_back(load(b.getI64Type(), entry->getArgument(1), dim));
    // A state and what continues it are one buffer; either entry will do.
    Value address = load(pointer, entry->getArgument(0), tensor);
    arguments[argument] = makeMemRef(type, address, sizes);
  }
  // Prepared operands are all there or all null.
  if (auto at = function->getAttrOfType<IntegerAttr>("gate.prepared_at")) {
    Value first = load(pointer, entry->getArgument(0), at.getInt());
    Value null = LLVM::ZeroOp::create(b, loc, pointer);
    Value isPrepared =
        LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::ne, first, null);
    for (auto [type, argument] :
         llvm::zip(function.getArgumentTypes(), arguments))
      if (type.isInteger(1))
        argument = isPrepared;
  }
  // The workspace comes after the tensors; its size is what the query said.
  unsigned workspace =
      order.size() ? *llvm::max_element(order.asArrayRef()) + 1 : 0;
  auto bytes = cast<MemRefType>(function.getArgumentTypes()[workspace]);
  Value unknown = number(INT64_MAX);
  arguments[workspace] = makeMemRef(bytes, entry->getArgument(2), {unknown});
  if (launches())
    arguments.back() = entry->getArgument(3);
  func::CallOp::create(b, loc, function, arguments);
  func::ReturnOp::create(b, loc);
  function.setPrivate();
}

void EntryBuilder::buildWorkspace() {
  b.setInsertionPointAfter(function);
  auto query =
      func::FuncOp::create(b, loc,
                           launches() ? launchWorkspaceSymbolOf(exportedName())
                                      : workspaceSymbolOf(exportedName()),
                           b.getFunctionType({pointer}, {b.getI64Type()}));
  Block *entry = query.addEntryBlock();
  b.setInsertionPointToStart(entry);
  auto table = MemRefType::get({ShapedType::kDynamic}, b.getI64Type());
  int64_t count =
      function->getAttrOfType<IntegerAttr>("gate.dim_count").getInt();
  Value dims = makeMemRef(table, entry->getArgument(0), {number(count)});
  auto call =
      func::CallOp::create(b, loc, (function.getName() + "_workspace").str(),
                           TypeRange{b.getI64Type()}, ValueRange{dims});
  func::ReturnOp::create(b, loc, call.getResults());
}

namespace {
struct BuildEntries : gate::impl::BuildEntriesBase<BuildEntries> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("gate.data_order"))
        functions.push_back(function);
    for (func::FuncOp function : functions) {
      EntryBuilder builder(function);
      builder.buildWorkspace();
      builder.buildBody();
      for (StringRef name :
           {"gate.data_order", "gate.dim_numbers", "gate.dim_count",
            "gate.exported_as", "gate.launches", "gate.prepared_at",
            "gate.prepared_bytes", "gate.preparation"})
        function->removeAttr(name);
    }
  }
};
} // namespace
