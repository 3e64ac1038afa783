//===- ExportFunctions.cpp - Destinations and in-place states -------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/FunctionSignature.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

namespace gate {
#define GEN_PASS_DEF_EXPORTFUNCTIONS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// For each memref dim the number of the named dim that it is, or -1.
static ArrayAttr dimNumbers(Builder &builder,
                            const FunctionSignature &signature,
                            ArrayRef<Value> prepared) {
  SmallVector<Attribute> all;
  for (const TensorSignature &tensor : signature.tensors) {
    SmallVector<int64_t> numbers;
    for (auto [size, name] : llvm::zip(tensor.shape, tensor.dims)) {
      auto found = llvm::find(signature.dims, name);
      numbers.push_back(
          size >= 0 ? -1 : std::distance(signature.dims.begin(), found));
    }
    all.push_back(builder.getDenseI64ArrayAttr(numbers));
  }
  for (Value value : prepared) {
    SmallVector<int64_t> fixed(cast<ShapedType>(value.getType()).getRank(), -1);
    all.push_back(builder.getDenseI64ArrayAttr(fixed));
  }
  return builder.getArrayAttr(all);
}

/// Follows `value` back through reshapes of tensors that only it uses, with the
/// opposite reshapes of `buffer`.
static std::pair<Value, Value> undoReshapes(OpBuilder &builder, Value value,
                                            Value buffer) {
  while (value.hasOneUse()) {
    Location loc = value.getLoc();
    if (auto collapse = value.getDefiningOp<tensor::CollapseShapeOp>()) {
      RankedTensorType source = collapse.getSrcType();
      auto type = MemRefType::get(source.getShape(), source.getElementType());
      // One size of each group at most is unknown, so the buffer tells it.
      if (llvm::any_of(collapse.getReassociationIndices(),
                       [&](const ReassociationIndices &group) {
                         return llvm::count_if(group, [&](int64_t dim) {
                                  return source.isDynamicDim(dim);
                                }) > 1;
                       }))
        break;
      buffer = memref::ExpandShapeOp::create(
          builder, loc, type, buffer, collapse.getReassociationIndices());
      value = collapse.getSrc();
    } else if (auto expand = value.getDefiningOp<tensor::ExpandShapeOp>()) {
      buffer = memref::CollapseShapeOp::create(
          builder, loc, buffer, expand.getReassociationIndices());
      value = expand.getSrc();
    } else {
      break;
    }
  }
  return {value, buffer};
}

/// The empty tensor that a value is computed in, whichever way is taken.
static tensor::EmptyOp destinationOf(Value value) {
  auto result = dyn_cast<OpResult>(value);
  if (!result)
    return {};
  Operation *op = result.getOwner();
  unsigned number = result.getResultNumber();
  if (auto empty = dyn_cast<tensor::EmptyOp>(op))
    return empty;
  if (auto choice = dyn_cast<scf::IfOp>(op)) {
    tensor::EmptyOp one = destinationOf(choice.thenYield().getOperand(number));
    return one == destinationOf(choice.elseYield().getOperand(number))
               ? one
               : tensor::EmptyOp();
  }
  if (auto loop = dyn_cast<scf::ForallOp>(op))
    return destinationOf(loop.getTiedOpOperand(result)->get());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return destinationOf(loop.getTiedLoopInit(result)->get());
  if (auto styled = dyn_cast<DestinationStyleOpInterface>(op))
    return destinationOf(styled.getTiedOpOperand(result)->get());
  return {};
}

/// Where each way of a choice computes a result in the same empty tensor, that
/// is `target`: upstream looks for it through other ops only.
static void computeIn(OpBuilder &builder, Value value, Value target) {
  auto choice = value.getDefiningOp<scf::IfOp>();
  tensor::EmptyOp empty = choice ? destinationOf(value) : tensor::EmptyOp();
  if (!empty || empty.getType() != value.getType() ||
      !llvm::all_of(empty->getUsers(), [&](Operation *user) {
        return choice->isProperAncestor(user);
      }))
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(empty);
  auto room = bufferization::ToTensorOp::create(
      builder, value.getLoc(), empty.getType(), target, /*restrict=*/true,
      /*writable=*/true);
  empty.replaceAllUsesWith(room.getResult());
  empty.erase();
}

static LogicalResult exportFunction(func::FuncOp function) {
  FailureOr<FunctionSignature> signature = computeSignature(function);
  if (failed(signature))
    return failure();
  OpBuilder builder(function.getContext());
  Block &entry = function.getBody().front();
  // Prepared operands and the flag that they are there come last.
  unsigned arguments = signature->tensors.size() - function.getNumResults();
  Location loc = function.getLoc();
  auto memrefOf = [](Type type) {
    auto tensor = cast<RankedTensorType>(type);
    return MemRefType::get(tensor.getShape(), tensor.getElementType());
  };
  auto *terminator = entry.getTerminator();
  SmallVector<Value> results(terminator->getOperands());
  SmallVector<Value> buffers, prepared;
  builder.setInsertionPointToStart(&entry);
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    BlockArgument argument = entry.getArgument(i);
    Type tensorType = argument.getType();
    if (!isa<TensorType>(tensorType))
      continue;
    bool isState =
        i < arguments && signature->tensors[i].role == GATE_ROLE_STATE;
    argument.setType(memrefOf(tensorType));
    auto tensor = bufferization::ToTensorOp::create(builder, loc, tensorType,
                                                    argument, /*restrict=*/true,
                                                    /*writable=*/isState);
    argument.replaceAllUsesExcept(tensor.getResult(), tensor);
    (i < arguments ? buffers : prepared).push_back(argument);
  }
  for (auto [index, value] : llvm::enumerate(results))
    if (auto argument = dyn_cast<BlockArgument>(value))
      results[index] = terminator->getOperand(index);
  builder.setInsertionPoint(terminator);
  for (auto [index, result] : llvm::enumerate(terminator->getOperands())) {
    const TensorSignature &tensor = signature->tensors[arguments + index];
    Value target = tensor.tied >= 0
                       ? buffers[tensor.tied]
                       : entry.addArgument(memrefOf(result.getType()), loc);
    buffers.push_back(target);
    // A reshaped result is computed in the reshaped destination.
    Value value = result;
    {
      // At the start, where what computes the value can already use it.
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(&entry);
      std::tie(value, target) = undoReshapes(builder, value, target);
    }
    if (tensor.tied < 0)
      computeIn(builder, value, target);
    bufferization::MaterializeInDestinationOp::create(
        builder, loc, /*result=*/Type(), value, target, /*restrict=*/true,
        /*writable=*/true);
  }
  terminator->setOperands({});
  // The order of the data table: which block argument each tensor is.
  SmallVector<int64_t> order;
  for (Value buffer : llvm::concat<Value>(buffers, prepared))
    order.push_back(cast<BlockArgument>(buffer).getArgNumber());
  // The user's name may be one of libm's, which code calls by name.
  function->setAttr("gate.exported_as",
                    builder.getStringAttr(function.getName()));
  function.setSymName(("gate_function_" + function.getName()).str());
  function->setAttr("gate.data_order", builder.getDenseI64ArrayAttr(order));
  function->setAttr("gate.dim_numbers",
                    dimNumbers(builder, *signature, prepared));
  if (!prepared.empty())
    function->setAttr("gate.prepared_at",
                      builder.getI64IntegerAttr(buffers.size()));
  function->setAttr("gate.dim_count",
                    builder.getI64IntegerAttr(signature->dims.size()));
  function.removeArgAttrsAttr();
  function.removeResAttrsAttr();
  function.setType(builder.getFunctionType(entry.getArgumentTypes(), {}));
  return success();
}

namespace {
struct ExportFunctions : gate::impl::ExportFunctionsBase<ExportFunctions> {
  void runOnOperation() override {
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if ((function.isPublic() || function->hasAttr("gate.prepared_bytes")) &&
          !function.isDeclaration() && failed(exportFunction(function)))
        return signalPassFailure();
  }
};
} // namespace
