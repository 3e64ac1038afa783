//===- CostModel.cpp - What a function costs at given sizes ---------------===//
//
// The named dims are made static, shapes are propagated, and every op is asked
// through its cost interface; linalg ops by their loops.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/CostModel.h"

#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gate;

/// Gives the arguments static sizes; casts keep the body valid.
static void specialise(func::FuncOp function,
                       const FunctionSignature &signature,
                       const std::map<std::string, int64_t> &sizes) {
  Block &entry = function.getBody().front();
  OpBuilder builder(&entry, entry.begin());
  for (BlockArgument argument : entry.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    const TensorSignature &tensor = signature.tensors[argument.getArgNumber()];
    SmallVector<int64_t> shape(type.getShape());
    for (auto [size, name] : llvm::zip(shape, tensor.dims))
      if (ShapedType::isDynamic(size))
        size = sizes.at(name);
    auto fixed = RankedTensorType::get(shape, type.getElementType());
    if (fixed == type)
      continue;
    argument.setType(fixed);
    auto cast =
        tensor::CastOp::create(builder, function.getLoc(), type, argument);
    argument.replaceAllUsesExcept(cast, cast);
  }
  function.setType(builder.getFunctionType(entry.getArgumentTypes(),
                                           function.getResultTypes()));
}

static Cost linalgCost(linalg::LinalgOp op, SizeFunction sizeOf) {
  Cost cost;
  double iterations = 1;
  for (int64_t range : op.getStaticLoopRanges())
    iterations *= ShapedType::isDynamic(range) ? 0 : static_cast<double>(range);
  if (linalg::isaContractionOpInterface(op)) {
    cost.contractionFlops = 2 * iterations;
  } else {
    int64_t arithmetic = 0;
    for (Operation &inner : op->getRegion(0).front().without_terminator())
      if (inner.getNumResults() == 1 &&
          isa<FloatType>(inner.getResult(0).getType()) &&
          inner.getNumOperands() > 0)
        ++arithmetic;
    cost.elementwiseFlops = iterations * arithmetic;
  }
  cost.bytes = bytesOf(op->getOperands(), sizeOf);
  cost.parallelism = 1;
  for (auto [range, iterator] :
       llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    if (iterator == utils::IteratorType::parallel)
      cost.parallelism *= static_cast<double>(range);
  return cost;
}

FailureOr<std::vector<FunctionCost>>
gate::computeCosts(Session &session, ModuleOp module,
                   const LibrarySignature &library,
                   const std::map<std::string, int64_t> &sizes) {
  std::vector<FunctionCost> costs;
  SymbolTable symbols(module);
  for (const FunctionSignature &signature : library.functions)
    specialise(symbols.lookup<func::FuncOp>(signature.name), signature, sizes);
  PassManager manager(&session.context());
  manager.addNestedPass<func::FuncOp>(createRefineShapes());
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  if (failed(manager.run(module)))
    return failure();

  bool isUnknown = false;
  auto sizeOf = [&](Value value, int64_t dim) {
    int64_t size = cast<RankedTensorType>(value.getType()).getDimSize(dim);
    isUnknown |= ShapedType::isDynamic(size);
    return ShapedType::isDynamic(size) ? int64_t(0) : size;
  };
  for (const FunctionSignature &signature : library.functions) {
    auto function = symbols.lookup<func::FuncOp>(signature.name);
    FunctionCost own;
    own.function = signature.name;
    for (Operation &op : function.getBody().front()) {
      Cost cost;
      if (auto interface = dyn_cast<CostOpInterface>(op))
        cost = interface.getCost(sizeOf);
      else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
        cost = linalgCost(linalgOp, sizeOf);
      else
        continue;
      if (isUnknown)
        return op.emitError("has a size that does not follow from the dims"),
               failure();
      std::string location;
      if (auto place = op.getLoc()->findInstanceOf<FileLineColLoc>())
        location = "line " + std::to_string(place.getLine());
      own.total.contractionFlops += cost.contractionFlops;
      own.total.elementwiseFlops += cost.elementwiseFlops;
      own.ops.push_back(
          {op.getName().getStringRef().str(), location, op.getLoc(), cost});
    }
    for (const TensorSignature &tensor : signature.tensors) {
      double bytes =
          tensor.type == ElementType::F64 || tensor.type == ElementType::I64 ? 8
          : tensor.type == ElementType::F32 || tensor.type == ElementType::I32
              ? 4
          : tensor.type == ElementType::BF16 || tensor.type == ElementType::F16
              ? 2
              : 1;
      for (auto [size, name] : llvm::zip(tensor.shape, tensor.dims))
        bytes *= static_cast<double>(size < 0 ? sizes.at(name) : size);
      own.total.bytes += bytes;
    }
    costs.push_back(std::move(own));
  }
  return costs;
}
