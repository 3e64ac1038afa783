//===- GateGatingOps.cpp - Verifiers and types of the gating ops ----------===//
//
// Type inference, verification and folding of glu, apply, blend, norm,
// short_conv and gather.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace gate;

static bool sizesDiffer(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

/// The type of an elementwise result: static sizes wherever any operand that
/// is not broadcast has one.
static RankedTensorType mergeShapes(ValueRange values) {
  auto first = cast<RankedTensorType>(values[0].getType());
  SmallVector<int64_t> shape(first.getShape());
  for (Value value : values.drop_front()) {
    auto type = cast<RankedTensorType>(value.getType());
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      if (dim < shape.size() && ShapedType::isDynamic(shape[dim]))
        shape[dim] = size;
  }
  return RankedTensorType::get(shape, first.getElementType());
}

/// Checks that `other` has the rank and element type of `value` and equal
/// sizes, or size 1 where `mayBroadcast`.
static LogicalResult verifyLike(Operation *op, StringRef name, Value other,
                                StringRef valueName, Value value,
                                bool mayBroadcast) {
  auto type = cast<RankedTensorType>(value.getType());
  auto otherType = cast<RankedTensorType>(other.getType());
  if (otherType.getElementType() != type.getElementType())
    return op->emitOpError()
           << "expects " << name << " element type to match " << valueName
           << " element type, but got " << otherType.getElementType() << " and "
           << type.getElementType();
  if (otherType.getRank() != type.getRank())
    return op->emitOpError()
           << "expects " << name << " to have rank " << type.getRank()
           << " like " << valueName << ", got " << otherType;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    if (mayBroadcast && otherType.getDimSize(dim) == 1)
      continue;
    if (sizesDiffer(type.getDimSize(dim), otherType.getDimSize(dim)))
      return op->emitOpError()
             << "expects size " << type.getDimSize(dim)
             << (mayBroadcast ? " or 1" : "") << " in dim " << dim << " of "
             << name << ", got " << otherType;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// GluOp, ApplyOp, BlendOp
//===----------------------------------------------------------------------===//

LogicalResult GluOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                      GluOp::Adaptor adaptor,
                                      SmallVectorImpl<Type> &types) {
  types.push_back(mergeShapes({adaptor.getValue(), adaptor.getGate()}));
  return success();
}

LogicalResult GluOp::verify() {
  return verifyLike(*this, "gate", getGate(), "value", getValue(), false);
}

LogicalResult ApplyOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                        ApplyOp::Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getValue().getType());
  return success();
}

LogicalResult ApplyOp::verify() {
  return verifyLike(*this, "gate", getGate(), "value", getValue(), true);
}

/// The constant that every element of `attribute` equals, if there is one.
static std::optional<double> splatValue(Attribute attribute) {
  auto dense = dyn_cast_or_null<DenseFPElementsAttr>(attribute);
  if (!dense || !dense.isSplat())
    return std::nullopt;
  return dense.getSplatValue<APFloat>().convertToDouble();
}

OpFoldResult ApplyOp::fold(FoldAdaptor adaptor) {
  // A gate that is 1 passes the value; 0 * value is not 0 for inf and nan, so
  // a zero gate is left alone.
  std::optional<double> gate = splatValue(adaptor.getGate());
  if (gate && *gate == 1.0 && getActivation() == Activation::identity &&
      getValue().getType() == getType())
    return getValue();
  return {};
}

LogicalResult BlendOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                        BlendOp::Adaptor adaptor,
                                        SmallVectorImpl<Type> &types) {
  types.push_back(mergeShapes({adaptor.getOn(), adaptor.getOff()}));
  return success();
}

LogicalResult BlendOp::verify() {
  if (failed(verifyLike(*this, "off", getOff(), "on", getOn(), false)))
    return failure();
  return verifyLike(*this, "gate", getGate(), "on", getOn(), true);
}

OpFoldResult BlendOp::fold(FoldAdaptor adaptor) {
  std::optional<double> gate = splatValue(adaptor.getGate());
  if (!gate || getActivation() != Activation::identity)
    return {};
  if (*gate == 1.0 && getOn().getType() == getType())
    return getOn();
  if (*gate == 0.0 && getOff().getType() == getType())
    return getOff();
  return {};
}

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

LogicalResult NormOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                       NormOp::Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  types.push_back(adaptor.getValue().getType());
  return success();
}

/// Checks weight or bias: the sizes of the axes, in order.
static LogicalResult verifyPerAxis(NormOp op, StringRef name, Value operand) {
  if (!operand)
    return success();
  auto type = op.getValue().getType();
  auto own = cast<RankedTensorType>(operand.getType());
  SmallVector<int64_t> shape;
  for (int64_t axis : op.getAxes())
    shape.push_back(type.getDimSize(axis));
  auto expected = RankedTensorType::get(shape, type.getElementType());
  if (!areCompatibleResultTypes(TypeRange{expected}, TypeRange{own}))
    return op.emitOpError()
           << "expects " << name << " of type " << expected << ", got " << own;
  return success();
}

LogicalResult NormOp::verify() {
  auto type = getValue().getType();
  llvm::SmallSet<int64_t, 4> seen;
  if (getAxes().empty())
    return emitOpError() << "expects at least one axis";
  for (int64_t axis : getAxes()) {
    if (axis < 0 || axis >= type.getRank())
      return emitOpError() << "expects axes in [0, " << type.getRank()
                           << "), got " << axis;
    if (!seen.insert(axis).second)
      return emitOpError() << "expects each axis once, got " << axis
                           << " twice";
  }
  if (!llvm::is_sorted(getAxes()))
    return emitOpError() << "expects axes in increasing order";
  if (!(getEpsilon().convertToDouble() >= 0))
    return emitOpError() << "expects epsilon of at least 0, got "
                         << getEpsilon().convertToDouble();
  int64_t groups = getGroups();
  if (getKind() == NormKind::group) {
    if (getAxes().size() != 1)
      return emitOpError() << "expects one axis for kind group, got "
                           << getAxes().size();
    int64_t size = type.getDimSize(getAxes()[0]);
    if (ShapedType::isDynamic(size) || groups < 1 || size % groups != 0)
      return emitOpError() << "expects groups to divide a static size of axis "
                           << getAxes()[0] << ", got groups " << groups
                           << " and " << type;
  } else if (groups != 1) {
    return emitOpError() << "expects groups only for kind group, got " << groups
                         << " for kind " << stringifyNormKind(getKind());
  }
  if (failed(verifyPerAxis(*this, "weight", getWeight())))
    return failure();
  return verifyPerAxis(*this, "bias", getBias());
}

//===----------------------------------------------------------------------===//
// ShortConvOp
//===----------------------------------------------------------------------===//

LogicalResult ShortConvOp::inferReturnTypes(MLIRContext *context,
                                            std::optional<Location> location,
                                            ShortConvOp::Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  auto value = cast<RankedTensorType>(adaptor.getValue().getType());
  auto weight = cast<RankedTensorType>(adaptor.getWeight().getType());
  if (value.getRank() != 3 || weight.getRank() != 2)
    return emitOptionalError(location,
                             "expects value [batch, time, channels] and weight "
                             "[channels, taps], got ",
                             value, " and ", weight);
  int64_t taps = weight.getDimSize(1);
  if (ShapedType::isDynamic(taps) || taps < 1)
    return emitOptionalError(
        location, "expects a static number of taps, at least 1, got ", weight);
  types.push_back(value);
  types.push_back(RankedTensorType::get(
      {value.getDimSize(0), taps - 1, value.getDimSize(2)},
      value.getElementType()));
  return success();
}

LogicalResult ShortConvOp::verify() {
  auto value = getValue().getType();
  auto weight = getWeight().getType();
  // Inference checks the same, but runs after this.
  if (value.getRank() != 3 || weight.getRank() != 2)
    return emitOpError() << "expects value [batch, time, channels] and weight "
                            "[channels, taps], got "
                         << value << " and " << weight;
  int64_t taps = weight.getDimSize(1);
  if (ShapedType::isDynamic(taps) || taps < 1)
    return emitOpError() << "expects a static number of taps, at least 1, got "
                         << weight;
  int64_t channels = value.getDimSize(2);
  if (ShapedType::isDynamic(channels))
    return emitOpError() << "expects a static number of channels, got "
                         << value;
  auto check = [&](StringRef name, Value operand,
                   ArrayRef<int64_t> shape) -> LogicalResult {
    if (!operand)
      return success();
    auto expected = RankedTensorType::get(shape, value.getElementType());
    if (areCompatibleResultTypes(TypeRange{expected},
                                 TypeRange{operand.getType()}))
      return success();
    return emitOpError() << "expects " << name << " of type " << expected
                         << ", got " << operand.getType();
  };
  if (failed(check("weight", getWeight(), {channels, taps})) ||
      failed(check("bias", getBias(), {channels})))
    return failure();
  return check("initial state", getInitial(),
               {value.getDimSize(0), taps - 1, channels});
}

//===----------------------------------------------------------------------===//
// GatherOp
//===----------------------------------------------------------------------===//

LogicalResult GatherOp::inferReturnTypes(MLIRContext *context,
                                         std::optional<Location> location,
                                         GatherOp::Adaptor adaptor,
                                         SmallVectorImpl<Type> &types) {
  auto table = cast<RankedTensorType>(adaptor.getTable().getType());
  auto indices = cast<RankedTensorType>(adaptor.getIndices().getType());
  if (table.getRank() != 2)
    return emitOptionalError(location, "expects a table [rows, width], got ",
                             table);
  SmallVector<int64_t> shape(indices.getShape());
  shape.push_back(table.getDimSize(1));
  types.push_back(RankedTensorType::get(shape, table.getElementType()));
  return success();
}

LogicalResult GatherOp::verify() {
  if (getTable().getType().getRank() != 2)
    return emitOpError() << "expects a table [rows, width], got "
                         << getTable().getType();
  if (getTable().getType().isDynamicDim(0))
    return emitOpError() << "expects a static number of rows, got "
                         << getTable().getType();
  return success();
}
