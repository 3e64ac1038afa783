//===- FunctionSignature.cpp - Names, dims and roles of a function --------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/FunctionSignature.h"

#include "Gate/IR/Gate.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace gate;

std::string gate::bodySymbolOf(StringRef function) {
  return ("gate_body_" + function).str();
}

std::string gate::workspaceSymbolOf(StringRef function) {
  return ("gate_workspace_" + function).str();
}

std::string gate::launchSymbolOf(StringRef function) {
  return ("gate_launch_" + function).str();
}

std::string gate::launchWorkspaceSymbolOf(StringRef function) {
  return ("gate_launch_workspace_" + function).str();
}

StringRef gate::kernelModuleName() { return "gate_kernels"; }

static std::optional<ElementType> elementTypeOf(Type type) {
  if (type.isF64())
    return ElementType::F64;
  if (type.isF32())
    return ElementType::F32;
  if (type.isBF16())
    return ElementType::BF16;
  if (type.isF16())
    return ElementType::F16;
  if (type.isInteger(64))
    return ElementType::I64;
  if (type.isInteger(32))
    return ElementType::I32;
  if (type.isInteger(8))
    return type.isUnsignedInteger() ? ElementType::U8 : ElementType::I8;
  if (type.isInteger(1))
    return ElementType::I1;
  return std::nullopt;
}

namespace {
/// Collects the signature of one function.
class SignatureBuilder {
public:
  explicit SignatureBuilder(func::FuncOp function) : function(function) {}

  FailureOr<FunctionSignature> run();

private:
  LogicalResult addTensor(const Twine &what, Type type,
                          DictionaryAttr attributes, bool isResult,
                          unsigned position);
  LogicalResult addDims(const Twine &what, RankedTensorType type,
                        ArrayAttr dims, bool isResult, TensorSignature &tensor);
  LogicalResult tieStates();
  LogicalResult boundIndices();
  void findDataKinds();

  func::FuncOp function;
  FunctionSignature signature;
  /// Static size or -1 of each dim name, and who named it first.
  llvm::StringMap<std::pair<int64_t, std::string>> sizes;
  llvm::StringSet<> names;
};
} // namespace

static StringRef stringOf(DictionaryAttr attributes, StringRef key) {
  if (attributes)
    if (auto value = attributes.getAs<StringAttr>(key))
      return value.getValue();
  return {};
}

LogicalResult SignatureBuilder::addDims(const Twine &what,
                                        RankedTensorType type, ArrayAttr dims,
                                        bool isResult,
                                        TensorSignature &tensor) {
  for (int64_t d = 0; d < type.getRank(); ++d) {
    StringRef name;
    if (dims)
      name = cast<StringAttr>(dims[d]).getValue();
    int64_t size = type.isDynamicDim(d) ? -1 : type.getDimSize(d);
    tensor.shape.push_back(size);
    tensor.dims.push_back(name.str());
    if (name.empty()) {
      if (size < 0)
        return function.emitError()
               << what << ": dim " << d << " has a size known only at the call "
               << "and no name; expects gate.dims to name it";
      continue;
    }
    auto found = sizes.find(name);
    if (found == sizes.end()) {
      if (isResult && size < 0)
        return function.emitError()
               << what << ": dim '" << name << "' is in no argument, so its "
               << "size cannot be known before the call";
      sizes[name] = {size, what.str()};
      if (size < 0)
        signature.dims.push_back(name.str());
      continue;
    }
    if (found->second.first != size)
      return function.emitError()
             << what << ": dim '" << name << "' is "
             << (size < 0 ? "dynamic" : std::to_string(size)) << " here but "
             << (found->second.first < 0 ? "dynamic"
                                         : std::to_string(found->second.first))
             << " in " << found->second.second
             << "; expects equal names to mean equal sizes";
  }
  return success();
}

LogicalResult SignatureBuilder::addTensor(const Twine &what, Type type,
                                          DictionaryAttr attributes,
                                          bool isResult, unsigned position) {
  auto tensorType = dyn_cast<RankedTensorType>(type);
  if (!tensorType)
    return function.emitError()
           << what << ": expects a ranked tensor, got " << type;
  std::optional<ElementType> element =
      elementTypeOf(tensorType.getElementType());
  if (!element)
    return function.emitError()
           << what << ": element type " << tensorType.getElementType()
           << " cannot cross the boundary of a library; expects f64, f32, "
              "bf16, "
              "f16, i64, i32, i8, ui8 or i1";
  TensorSignature tensor;
  tensor.type = *element;
  if (StringRef state = stringOf(attributes, "gate.state"); !state.empty()) {
    tensor.role = isResult ? GATE_ROLE_NEXT_STATE : GATE_ROLE_STATE;
    tensor.name = state.str();
  } else if (StringRef parameter = stringOf(attributes, "gate.parameter");
             !parameter.empty()) {
    tensor.role = GATE_ROLE_PARAMETER;
    tensor.name = parameter.str();
  } else {
    tensor.role = isResult ? GATE_ROLE_OUTPUT : GATE_ROLE_INPUT;
    StringRef name = stringOf(attributes, "gate.name");
    tensor.name = !name.empty() ? name.str()
                                : (isResult ? "result" : "arg") +
                                      std::to_string(position);
  }
  std::string key = std::to_string(static_cast<int>(tensor.role)) + tensor.name;
  if (!names.insert(key).second)
    return function.emitError() << what << ": the name '" << tensor.name
                                << "' is taken; expects one name per tensor";
  ArrayAttr dims =
      attributes ? attributes.getAs<ArrayAttr>("gate.dims") : ArrayAttr();
  if (failed(addDims(what, tensorType, dims, isResult, tensor)))
    return failure();
  signature.tensors.push_back(std::move(tensor));
  return success();
}

LogicalResult SignatureBuilder::tieStates() {
  for (TensorSignature &next : signature.tensors) {
    if (next.role != GATE_ROLE_NEXT_STATE)
      continue;
    for (auto [index, state] : llvm::enumerate(signature.tensors))
      if (state.role == GATE_ROLE_STATE && state.name == next.name) {
        if (state.type != next.type || state.shape != next.shape ||
            state.dims != next.dims)
          return function.emitError()
                 << "state '" << next.name
                 << "': expects argument and result of one type and dims";
        next.tied = index;
      }
  }
  for (auto [index, state] : llvm::enumerate(signature.tensors)) {
    if (state.role != GATE_ROLE_STATE)
      continue;
    int32_t own = index;
    bool continues =
        llvm::any_of(signature.tensors, [own](const TensorSignature &other) {
          return other.tied == own;
        });
    if (!continues)
      return function.emitError()
             << "state '" << state.name
             << "': expects a result with the same gate.state";
  }
  return success();
}

/// Index tensors must be arguments, with a bound that the table gives.
LogicalResult SignatureBuilder::boundIndices() {
  WalkResult result = function.walk([&](GatherOp op) {
    Value source = op.getIndices();
    while (Operation *producer = source.getDefiningOp()) {
      if (!isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
              producer)) {
        op.emitOpError() << "expects indices that are an argument of the "
                            "function, which a library checks before any work, "
                            "got the result of '"
                         << producer->getName() << "'";
        return WalkResult::interrupt();
      }
      source = producer->getOperand(0);
    }
    if (cast<BlockArgument>(source).getOwner() != &function.getBody().front()) {
      op.emitOpError()
          << "expects indices that are an argument of the function, "
             "which a library checks before any work, got an "
             "argument of a region";
      return WalkResult::interrupt();
    }
    unsigned argument = cast<BlockArgument>(source).getArgNumber();
    int64_t &bound = signature.tensors[argument].indexBound;
    int64_t rows = op.getTable().getType().getDimSize(0);
    bound = bound < 0 ? rows : std::min(bound, rows);
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// What ops expect of the numbers in arguments.
void SignatureBuilder::findDataKinds() {
  for (BlockArgument argument : function.getArguments())
    for (OpOperand &use : argument.getUses())
      if (auto op = dyn_cast<MeaningOpInterface>(use.getOwner()))
        if (DataKind kind = op.getDataKind(use); kind != DataKind::Any)
          signature.tensors[argument.getArgNumber()].dataKind = kind;
}

/// What gate-split-prepare adds, after all other arguments, is no tensor that a
/// caller knows of.
static bool isPreparedArgument(func::FuncOp function, unsigned argument) {
  return function->hasAttr("gate.preparation") &&
         (function.getArgAttr(argument, "gate.prepared") ||
          function.getArgAttr(argument, "gate.is_prepared"));
}

FailureOr<FunctionSignature> SignatureBuilder::run() {
  signature.name = function.getName().str();
  signature.bodySymbol = bodySymbolOf(function.getName());
  signature.workspaceSymbol = workspaceSymbolOf(function.getName());
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    if (isPreparedArgument(function, i))
      continue;
    if (failed(addTensor("argument " + Twine(i), function.getArgumentTypes()[i],
                         function.getArgAttrDict(i), false, i)))
      return failure();
  }
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (failed(addTensor("result " + Twine(i), function.getResultTypes()[i],
                         function.getResultAttrDict(i), true, i)))
      return failure();
  if (failed(tieStates()) || failed(boundIndices()))
    return failure();
  findDataKinds();
  if (auto time = function->getAttrOfType<StringAttr>("gate.time"))
    if (!sizes.count(time.getValue()))
      return function.emitError() << "expects gate.time to be a dim of an "
                                     "argument, got '"
                                  << time.getValue() << "'";
  return signature;
}

FailureOr<FunctionSignature> gate::computeSignature(func::FuncOp function) {
  return SignatureBuilder(function).run();
}
