//===- GateAttentionOps.cpp - Verifier and types of attention -------------===//
//
// Type inference, verification, axes, streaming and cost of gate.attention.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

#include <cmath>

using namespace mlir;
using namespace gate;

/// Positions with a window added or subtracted stay 64-bit numbers.
static constexpr uint64_t mostWindow = uint64_t(1) << 40;

/// The size two dims agree on, or dynamic when neither is static.
static int64_t mergeSizes(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) ? b : a;
}

static bool sizesDiffer(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

DataKind AttentionOp::getDataKind(OpOperand &operand) {
  return operand.get() == getLogGate() ? DataKind::LogGate : DataKind::Any;
}

FloatType AttentionOp::getArithmeticType() {
  Type element = getQuery().getType().getElementType();
  return element.isF64() ? cast<FloatType>(element)
                         : FloatType(Float32Type::get(getContext()));
}

double AttentionOp::getScoreScale() {
  if (std::optional<APFloat> scale = getScale())
    return scale->convertToDouble();
  return 1 / std::sqrt(static_cast<double>(getKeyWidth()));
}

//===----------------------------------------------------------------------===//
// Types and verification
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location> location,
                                            AttentionOp::Adaptor adaptor,
                                            SmallVectorImpl<Type> &types) {
  RankedTensorType query = typeOf(adaptor.getQuery()),
                   value = typeOf(adaptor.getValue());
  if (query.getRank() != 4 || value.getRank() != 4)
    return emitOptionalError(location,
                             "expects query and value of rank 4, [batch, time, "
                             "heads, width], got ",
                             query, " and ", value);
  types.push_back(RankedTensorType::get(
      {mergeSizes(query.getDimSize(0), value.getDimSize(0)),
       query.getDimSize(1), query.getDimSize(2), value.getDimSize(3)},
      value.getElementType()));
  return success();
}

namespace {
/// One size that several operands have, and what it is called.
struct SharedSize {
  StringRef name;
  int64_t size = ShapedType::kDynamic;
};
} // namespace

/// Checks the rank of an operand, and of every dim that it has its size.
static LogicalResult verifyShape(AttentionOp op, StringRef name, Value operand,
                                 StringRef form, ArrayRef<SharedSize *> sizes) {
  RankedTensorType type = typeOf(operand);
  if (type.getRank() != static_cast<int64_t>(sizes.size()))
    return op.emitOpError() << "expects " << name << " of rank " << sizes.size()
                            << ", " << form << ", got " << type;
  for (auto [dim, shared] : llvm::enumerate(sizes)) {
    if (sizesDiffer(type.getDimSize(dim), shared->size))
      return op.emitOpError()
             << "expects " << name << " to have " << shared->name << " "
             << shared->size << ", got " << type;
    shared->size = mergeSizes(shared->size, type.getDimSize(dim));
  }
  return success();
}

/// Heads and widths decide how tiles look, so they are in the types.
static LogicalResult verifyStatic(AttentionOp op, const SharedSize &shared) {
  if (ShapedType::isDynamic(shared.size) || shared.size == 0)
    return op.emitOpError()
           << "expects " << shared.name << " to be static and at least 1, got "
           << (ShapedType::isDynamic(shared.size)
                   ? std::string("?")
                   : std::to_string(shared.size));
  return success();
}

/// Checks an element type, which must be `expected`.
static LogicalResult verifyElement(AttentionOp op, StringRef name,
                                   Value operand, Type expected,
                                   StringRef reason) {
  Type type = typeOf(operand).getElementType();
  if (type != expected)
    return op.emitOpError()
           << "expects the element type of " << name << " to be " << expected
           << reason << ", got " << type;
  return success();
}

LogicalResult AttentionOp::verify() {
  SharedSize batch{"batch"}, queries{"the number of queries"},
      keys{"the number of keys"}, heads{"query heads"}, shared{"heads"},
      keyWidth{"width"}, valueWidth{"value width"};
  StringRef form = "[batch, time, heads, width]";
  if (failed(verifyShape(*this, "query", getQuery(), form,
                         {&batch, &queries, &heads, &keyWidth})) ||
      failed(verifyShape(*this, "key", getKey(), form,
                         {&batch, &keys, &shared, &keyWidth})) ||
      failed(verifyShape(*this, "value", getValue(), form,
                         {&batch, &keys, &shared, &valueWidth})))
    return failure();
  for (const SharedSize &size : {heads, shared, keyWidth, valueWidth})
    if (failed(verifyStatic(*this, size)))
      return failure();
  if (heads.size % shared.size != 0)
    return emitOpError() << "expects the heads of key and value to divide the "
                         << heads.size << " heads of query, got "
                         << shared.size;
  Type element = getQuery().getType().getElementType();
  Type wide = getArithmeticType();
  if (failed(
          verifyElement(*this, "key", getKey(), element, ", that of query")) ||
      failed(verifyElement(*this, "value", getValue(), element,
                           ", that of query")))
    return failure();
  if (Value lengths = getLengths();
      lengths &&
      failed(verifyShape(*this, "lengths", lengths, "[batch]", {&batch})))
    return failure();
  if (Value gate = getLogGate()) {
    if (failed(verifyShape(*this, "log_gate", gate, "[batch, keys, heads]",
                           {&batch, &keys, &heads})) ||
        failed(verifyElement(*this, "log_gate", gate, wide,
                             " (log-gates are never narrower)")))
      return failure();
    if (!getCausal())
      return emitOpError() << "expects causal beside log_gate, which is summed "
                              "from a key up to the query's position";
  }
  if (Value sinks = getSinks())
    if (failed(verifyShape(*this, "sinks", sinks, "[heads]", {&heads})) ||
        failed(verifyElement(*this, "sinks", sinks, wide,
                             " (logits are never narrower)")))
      return failure();
  if (std::optional<uint64_t> window = getWindow();
      window && (*window < 1 || *window > mostWindow))
    return emitOpError() << "expects a window of 1 to " << mostWindow
                         << " keys, got " << static_cast<int64_t>(*window);
  if (std::optional<APFloat> scale = getScale(); scale && !scale->isFinite())
    return emitOpError() << "expects a finite scale, got "
                         << getScaleAttr().getValueAsDouble();
  return success();
}

//===----------------------------------------------------------------------===//
// Axes, streaming, cost
//===----------------------------------------------------------------------===//

Axes AttentionOp::getIndexAxes() {
  // Masks count from the last query, so queries stay together under one.
  bool isMasked = getCausal() || getWindow();
  Axes axes;
  int64_t batch = axes.add(true), query = axes.add(!isMasked),
          head = axes.add(getHeadsPerKey() == 1), width = axes.add(false),
          key = axes.add(false), value = axes.add(true);
  int64_t keyHead = getHeadsPerKey() == 1 ? head : -1;
  axes.operands = {{batch, query, head, width},
                   {batch, key, keyHead, width},
                   {batch, key, keyHead, value}};
  if (getLengths())
    axes.operands.push_back({batch});
  if (getLogGate())
    axes.operands.push_back({batch, key, head});
  if (getSinks())
    axes.operands.push_back({head});
  axes.results = {{batch, query, head, value}};
  return axes;
}

LogicalResult AttentionOp::propagateTime(ArrayRef<int64_t> operands,
                                         SmallVectorImpl<int64_t> &results,
                                         std::string &reason) {
  if (llvm::any_of(operands.drop_front(), [](int64_t t) { return t >= 0; })) {
    reason = "reads the keys of all tokens, so a step would forget those "
             "before it; pass the keys and values so far as arguments without "
             "the time dim";
    return failure();
  }
  if (operands[0] >= 0 && operands[0] != 1) {
    reason = "expects time in dim 1 of its query";
    return failure();
  }
  if (operands[0] >= 0 && (getCausal() || getWindow())) {
    reason = "places its queries at the end of the keys, so a step would read "
             "all keys at every token";
    return failure();
  }
  results.assign(1, operands[0]);
  return success();
}

Cost AttentionOp::getCost(SizeFunction sizeOf) {
  double batch = sizeOf(getQuery(), 0), heads = getNumHeads();
  double queries = sizeOf(getQuery(), 1), keys = sizeOf(getKey(), 1);
  // Pairs that are kept when all keys count: under `causal` query i reads the
  // first keys - queries + i + 1 of them, under a window that many.
  double pairs = queries * keys;
  if (getCausal()) {
    double rows = std::min(queries, keys);
    pairs = rows * (keys - (rows - 1) / 2);
  }
  if (std::optional<uint64_t> window = getWindow())
    pairs = std::min(pairs, queries * static_cast<double>(*window) *
                                (getCausal() ? 1 : 2));
  Cost cost;
  cost.contractionFlops = 2 * batch * heads * pairs *
                          static_cast<double>(getKeyWidth() + getValueWidth());
  // A score is scaled, compared, shifted, raised and added.
  cost.elementwiseFlops = 5 * batch * heads * pairs;
  cost.bytes = bytesOf(getOperands(), sizeOf) + bytesOf(getResult(), sizeOf);
  cost.parallelism = batch * heads * queries;
  return cost;
}
