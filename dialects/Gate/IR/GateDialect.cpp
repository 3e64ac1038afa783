//===- GateDialect.cpp - The gate dialect ---------------------------------===//
//
// Registration and the checks of the dialect's attributes on functions.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace gate;

#include "Gate/IR/GateDialect.cpp.inc"
#include "Gate/IR/GateEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "Gate/IR/GateAttrs.cpp.inc"

#include "Gate/IR/GateInterfaces.cpp.inc"

namespace {
/// Every op is pure: a function that holds it can be inlined anywhere.
struct GateInliner : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void GateDialect::initialize() {
  addInterfaces<GateInliner>();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "Gate/IR/GateAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Gate/IR/GateOps.cpp.inc"
      >();
  attachTilingModels(*getContext());
}

bool gate::areCompatibleResultTypes(TypeRange inferred, TypeRange actual) {
  if (inferred.size() != actual.size())
    return false;
  for (auto [i, a] : llvm::zip(inferred, actual)) {
    auto inferredType = dyn_cast<RankedTensorType>(i);
    auto actualType = dyn_cast<RankedTensorType>(a);
    if (!inferredType || !actualType ||
        inferredType.getElementType() != actualType.getElementType() ||
        failed(verifyCompatibleShape(inferredType, actualType)))
      return false;
  }
  return true;
}

double gate::elementsOf(Value value, SizeFunction sizeOf) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return 0;
  double count = 1;
  for (int64_t d = 0; d < type.getRank(); ++d)
    count *= static_cast<double>(sizeOf(value, d));
  return count;
}

double gate::bytesOf(ValueRange values, SizeFunction sizeOf) {
  double bytes = 0;
  for (Value value : values)
    if (auto type = dyn_cast<RankedTensorType>(value.getType()))
      bytes += elementsOf(value, sizeOf) *
               (type.getElementType().isIndex()
                    ? 8.0
                    : type.getElementTypeBitWidth() / 8.0);
  return bytes;
}

//===----------------------------------------------------------------------===//
// Attributes on functions
//===----------------------------------------------------------------------===//

static bool isIdentifierPath(StringRef name) {
  if (name.empty())
    return false;
  return llvm::all_of(
      name, [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
}

/// Checks `attribute` of an argument or result `what` of type `type`.
static LogicalResult verifyValueAttribute(Operation *op, const Twine &what,
                                          Type type, NamedAttribute attribute,
                                          bool isArgument) {
  StringRef key = attribute.getName().strref();
  if (key == "gate.dims") {
    auto array = dyn_cast<ArrayAttr>(attribute.getValue());
    if (!array || !llvm::all_of(array, llvm::IsaPred<StringAttr>))
      return op->emitError() << what << ": expects gate.dims to be an array of "
                             << "strings, got " << attribute.getValue();
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor)
      return op->emitError() << what << ": expects a ranked tensor under "
                             << "gate.dims, got " << type;
    if (static_cast<int64_t>(array.size()) != tensor.getRank())
      return op->emitError()
             << what << ": expects gate.dims to name " << tensor.getRank()
             << " dims, got " << array.size();
    llvm::StringSet<> seen;
    for (StringAttr name : array.getAsRange<StringAttr>()) {
      if (name.empty())
        continue;
      if (!isIdentifierPath(name) || name.getValue().contains('.'))
        return op->emitError() << what << ": expects a dim name of letters, "
                               << "digits and underscores, got " << name;
    }
    return success();
  }
  if (key == "gate.name" || key == "gate.parameter" || key == "gate.state") {
    if (key == "gate.parameter" && !isArgument)
      return op->emitError()
             << what << ": expects gate.parameter on an argument only";
    auto name = dyn_cast<StringAttr>(attribute.getValue());
    if (!name || !isIdentifierPath(name))
      return op->emitError()
             << what << ": expects " << key
             << " to be a name of letters, digits, underscores and dots, got "
             << attribute.getValue();
    return success();
  }
  // Written by gate-split-prepare.
  if (key == "gate.is_prepared" || key == "gate.prepared")
    return success();
  return op->emitError() << what << ": unknown attribute " << key
                         << "; expects gate.name, gate.dims, gate.parameter "
                            "or gate.state";
}

LogicalResult GateDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned argument,
                                                    NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitError() << "expects " << attribute.getName()
                           << " on an argument of a function";
  return verifyValueAttribute(op, "argument " + Twine(argument),
                              function.getArgumentTypes()[argument], attribute,
                              /*isArgument=*/true);
}

LogicalResult GateDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned result, NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitError() << "expects " << attribute.getName()
                           << " on a result of a function";
  return verifyValueAttribute(op, "result " + Twine(result),
                              function.getResultTypes()[result], attribute,
                              /*isArgument=*/false);
}

LogicalResult GateDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  StringRef key = attribute.getName().strref();
  if (key == "gate.time") {
    auto name = dyn_cast<StringAttr>(attribute.getValue());
    if (!name || !isIdentifierPath(name))
      return op->emitError()
             << "expects gate.time to be the name of a dim, got "
             << attribute.getValue();
    if (!isa<FunctionOpInterface>(op))
      return op->emitError() << "expects gate.time on a function";
  }
  if (key == scheduleAttrName && !isa<ScheduleAttr>(attribute.getValue()))
    return op->emitError() << "expects " << key
                           << " to be a #gate.schedule<...>, got "
                           << attribute.getValue();
  return success();
}
