//===- GateScanOps.cpp - Verifiers and types of the scans -----------------===//
//
// Type inference, verification and canonicalization of gate.scan and
// gate.linear_scan.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace gate;

#define GET_OP_CLASSES
#include "Gate/IR/GateOps.cpp.inc"

/// The size two dims agree on, or dynamic when neither is static.
static int64_t mergeSizes(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) ? b : a;
}

/// True when both are static and differ.
static bool sizesDiffer(int64_t a, int64_t b) {
  return !ShapedType::isDynamic(a) && !ShapedType::isDynamic(b) && a != b;
}

//===----------------------------------------------------------------------===//
// ScanOp
//===----------------------------------------------------------------------===//

void YieldOp::build(OpBuilder &, OperationState &) {}

LogicalResult ScanOp::inferReturnTypes(MLIRContext *context,
                                       std::optional<Location> location,
                                       ScanOp::Adaptor adaptor,
                                       SmallVectorImpl<Type> &types) {
  // Outputs follow from what the region yields; states keep their shape.
  if (adaptor.getStep().empty() || adaptor.getStep().front().empty() ||
      adaptor.getInputs().empty() || adaptor.getInitial().empty())
    return emitOptionalError(
        location, "expects at least one input, one state and a region");
  auto first = cast<RankedTensorType>(adaptor.getInputs()[0].getType());
  if (first.getRank() < 2)
    return emitOptionalError(location,
                             "expects inputs of rank 2 or more, [batch, time, "
                             "...], got ",
                             first);
  int64_t batch = first.getDimSize(0), time = first.getDimSize(1);
  Operation *yield = &adaptor.getStep().front().back();
  unsigned states = adaptor.getInitial().size();
  if (yield->getNumOperands() < states)
    return emitOptionalError(location, "expects the region to yield ", states,
                             " states first, got ", yield->getNumOperands(),
                             " values");
  for (Value value : yield->getOperands().drop_front(states)) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape{batch, time};
    llvm::append_range(shape, type.getShape());
    types.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  for (Value value : adaptor.getInitial()) {
    auto type = cast<RankedTensorType>(value.getType());
    SmallVector<int64_t> shape(type.getShape());
    if (!shape.empty())
      shape[0] = mergeSizes(shape[0], batch);
    types.push_back(RankedTensorType::get(shape, type.getElementType()));
  }
  return success();
}

LogicalResult ScanOp::verify() {
  if (getInputs().empty() || getInitial().empty())
    return emitOpError() << "expects at least one input and one state";
  if (getNumResults() < getNumStates())
    return emitOpError() << "expects at least " << getNumStates()
                         << " results, one per state, got " << getNumResults();
  int64_t batch = ShapedType::kDynamic, time = ShapedType::kDynamic;
  for (auto [index, value] : llvm::enumerate(getInputs())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() < 2)
      return emitOpError() << "expects input " << index
                           << " of rank 2 or more, [batch, time, ...], got "
                           << type;
    if (sizesDiffer(type.getDimSize(0), batch) ||
        sizesDiffer(type.getDimSize(1), time))
      return emitOpError() << "expects equal batch and time in all inputs, but "
                           << "input " << index << " is " << type;
    batch = mergeSizes(batch, type.getDimSize(0));
    time = mergeSizes(time, type.getDimSize(1));
  }
  for (auto [index, value] : llvm::enumerate(getInitial())) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getRank() < 1 || sizesDiffer(type.getDimSize(0), batch))
      return emitOpError() << "expects initial state " << index
                           << " to be [batch, ...] with the batch of the "
                           << "inputs, got " << type;
  }
  // Inference takes the results from the yield, so its count is checked first.
  Block &block = getStep().front();
  auto yield = block.empty() ? YieldOp() : dyn_cast<YieldOp>(block.back());
  if (yield && yield.getNumOperands() != getNumResults())
    return yield.emitOpError()
           << "expects " << getNumResults() << " values, " << getNumStates()
           << " states and then " << getNumOutputs() << " outputs, got "
           << yield.getNumOperands();
  return success();
}

/// `type` without its first `count` dims.
static RankedTensorType dropLeading(Type type, unsigned count) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape().drop_front(count),
                               tensor.getElementType());
}

LogicalResult ScanOp::verifyRegions() {
  Block &block = getStep().front();
  SmallVector<Type> expected;
  for (Value value : getInputs())
    expected.push_back(dropLeading(value.getType(), 2));
  for (Value value : getInvariants())
    expected.push_back(value.getType());
  for (Value value : getInitial())
    expected.push_back(dropLeading(value.getType(), 1));
  if (block.getNumArguments() != expected.size())
    return emitOpError() << "expects a region with " << expected.size()
                         << " arguments (inputs, invariants, states), got "
                         << block.getNumArguments();
  for (auto [index, type] : llvm::enumerate(expected))
    if (block.getArgument(index).getType() != type)
      return emitOpError() << "expects region argument " << index << " to be "
                           << type << ", got "
                           << block.getArgument(index).getType();
  Operation *yield = block.getTerminator();
  for (unsigned i = 0; i < getNumStates(); ++i) {
    Type type = dropLeading(getInitial()[i].getType(), 1);
    if (yield->getOperand(i).getType() != type)
      return yield->emitOpError() << "expects state " << i << " to be " << type
                                  << ", got " << yield->getOperand(i).getType();
  }
  WalkResult result = block.walk([&](Operation *op) {
    if (isMemoryEffectFree(op))
      return WalkResult::advance();
    op->emitError() << "expects only ops without side effects in the step of "
                       "`gate.scan`, got '"
                    << op->getName() << "'";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// LinearScanOp
//===----------------------------------------------------------------------===//

static int64_t largestHeads(ValueRange values) {
  int64_t heads = 1;
  for (Value value : values)
    if (auto type = value ? dyn_cast<RankedTensorType>(value.getType())
                          : RankedTensorType())
      if (type.getRank() >= 3)
        heads = std::max(heads, type.getDimSize(2));
  return heads;
}

/// Heads of [heads, width], which has neither batch nor time.
static int64_t bonusHeads(Value bonus) {
  auto type =
      bonus ? dyn_cast<RankedTensorType>(bonus.getType()) : RankedTensorType();
  return type && type.getRank() == 2 ? type.getDimSize(0) : 1;
}

int64_t LinearScanOp::getNumHeads() {
  SmallVector<Value> values{getQuery(), getKey(), getValue(), getDecay(),
                            getBeta()};
  llvm::append_range(values, getTransition());
  return std::max(largestHeads(values), bonusHeads(getBonus()));
}

Value LinearScanOp::getPredictor() {
  switch (getUpdate()) {
  case Update::add:
    return Value();
  case Update::delta:
    return getKey();
  case Update::diagonal_rank_one:
    return getTransition()[0];
  }
  llvm_unreachable("unknown update");
}

DataKind LinearScanOp::getDataKind(OpOperand &operand) {
  Value value = operand.get();
  if (value == getDecay() || value == getInputGate())
    return DataKind::LogGate;
  if (value == getBeta())
    return DataKind::Share;
  if (value == getPredictor() || llvm::is_contained(getTransition(), value))
    return DataKind::UnitRows;
  return DataKind::Any;
}

FloatType LinearScanOp::getArithmeticType() {
  return cast<FloatType>(getFinal().getType().getElementType());
}

LogicalResult LinearScanOp::inferReturnTypes(MLIRContext *context,
                                             std::optional<Location> location,
                                             LinearScanOp::Adaptor adaptor,
                                             SmallVectorImpl<Type> &types) {
  auto query = cast<RankedTensorType>(adaptor.getQuery().getType());
  auto value = cast<RankedTensorType>(adaptor.getValue().getType());
  if (query.getRank() != 4 || value.getRank() != 4)
    return emitOptionalError(location,
                             "expects query and value of rank 4, [batch, time, "
                             "heads, width], got ",
                             query, " and ", value);
  SmallVector<Value> operands{adaptor.getQuery(), adaptor.getKey(),
                              adaptor.getValue(), adaptor.getDecay(),
                              adaptor.getBeta()};
  llvm::append_range(operands, adaptor.getTransition());
  int64_t heads =
      std::max(largestHeads(operands), bonusHeads(adaptor.getBonus()));
  int64_t batch = mergeSizes(query.getDimSize(0), value.getDimSize(0));
  int64_t time = mergeSizes(query.getDimSize(1), value.getDimSize(1));
  Type wide = query.getElementType().isF64() ? query.getElementType()
                                             : Float32Type::get(context);
  types.push_back(RankedTensorType::get(
      {batch, time, heads, value.getDimSize(3)}, value.getElementType()));
  types.push_back(RankedTensorType::get(
      {batch, heads, query.getDimSize(3), value.getDimSize(3)}, wide));
  return success();
}

/// Checks one [B, T, Hx, width] operand against the query.
static LogicalResult verifyTokens(LinearScanOp op, StringRef name,
                                  Value operand, int64_t rank, int64_t width,
                                  int64_t heads) {
  auto query = op.getQuery().getType();
  auto type = cast<RankedTensorType>(operand.getType());
  if (type.getRank() != rank)
    return op.emitOpError() << "expects " << name << " of rank " << rank
                            << (rank == 4 ? ", [batch, time, heads, width]"
                                          : ", [batch, time, heads]")
                            << ", got " << type;
  for (int64_t dim : {0, 1})
    if (sizesDiffer(type.getDimSize(dim), query.getDimSize(dim)))
      return op.emitOpError()
             << "expects " << name << " to have the "
             << (dim == 0 ? "batch " : "time ") << query.getDimSize(dim)
             << " of query, got " << type;
  int64_t own = type.getDimSize(2);
  if (ShapedType::isDynamic(own) || own == 0 || heads % own != 0)
    return op.emitOpError()
           << "expects the heads of " << name << " to be static and to divide "
           << heads << ", got " << type;
  if (rank == 4) {
    if (ShapedType::isDynamic(type.getDimSize(3)) || type.getDimSize(3) == 0)
      return op.emitOpError()
             << "expects a static width of " << name << ", got " << type;
    if (sizesDiffer(type.getDimSize(3), width))
      return op.emitOpError()
             << "expects width " << width << " of " << name << ", got " << type;
  }
  return success();
}

/// Which operands an update and a read have, and their shapes.
static LogicalResult verifyForm(LinearScanOp op, int64_t heads, int64_t width) {
  Update update = op.getUpdate();
  if (update == Update::delta && !op.getBeta())
    return op.emitOpError() << "expects beta, [batch, time, heads], with "
                               "update delta; a constant 1 has no effect";
  if (update != Update::delta && op.getBeta())
    return op.emitOpError()
           << "expects beta only with update delta, got update "
           << stringifyUpdate(update);
  size_t transitions = update == Update::diagonal_rank_one ? 2 : 0;
  if (op.getTransition().size() != transitions) {
    if (transitions)
      return op.emitOpError()
             << "expects transition(a, b), what reads the state and what is "
                "added of it, with update diagonal_rank_one, got "
             << op.getTransition().size() << " operands";
    return op.emitOpError() << "expects transition only with update "
                               "diagonal_rank_one, got update "
                            << stringifyUpdate(update);
  }
  if (op.getPrediction() != Prediction::decayed && !op.getPredictor())
    return op.emitOpError()
           << "expects prediction undecayed only beside an update that "
              "predicts, got update "
           << stringifyUpdate(update);
  if (op.getBonus() && !op.readsBefore())
    return op.emitOpError()
           << "expects bonus only with read before_with_bonus, got read after";
  if (op.getInputGate())
    return op.emitOpError() << "does not support input_gate so far";
  if (op.getOffsets())
    return op.emitOpError()
           << "does not support offsets (packed sequences) so far";
  if (Value beta = op.getBeta())
    if (failed(verifyTokens(op, "beta", beta, 3, width, heads)))
      return failure();
  for (auto [index, transition] : llvm::enumerate(op.getTransition())) {
    StringRef name = index ? "transition b" : "transition a";
    if (failed(verifyTokens(op, name, transition, 4, width, heads)))
      return failure();
    Type element = getElementTypeOrSelf(transition),
         expected = getElementTypeOrSelf(op.getQuery());
    if (element != expected)
      return op.emitOpError()
             << "expects the element type of " << name
             << " to match query, but got " << element << " and " << expected;
  }
  if (Value bonus = op.getBonus()) {
    auto type = cast<RankedTensorType>(bonus.getType());
    if (type.getRank() != 2 || !type.hasStaticShape() ||
        type.getDimSize(1) != width || type.getDimSize(0) == 0 ||
        heads % type.getDimSize(0) != 0)
      return op.emitOpError()
             << "expects bonus [heads, " << width << "] with heads that divide "
             << heads << ", got " << type;
  }
  return success();
}

static LogicalResult verifyDecay(LinearScanOp op, int64_t heads, int64_t width,
                                 Type wide) {
  if (op.getDecay() && op.getDecayConstants())
    return op.emitOpError() << "expects decay or decay_constants, got both";
  if (auto constants = op.getDecayConstants()) {
    if (static_cast<int64_t>(constants->size()) != heads)
      return op.emitOpError()
             << "expects " << heads << " decay_constants, one per head, got "
             << constants->size();
    for (double value : *constants)
      if (!(value <= 0))
        return op.emitOpError() << "expects decay_constants to be log-decays, "
                                   "at most 0, got "
                                << value;
    return success();
  }
  Value decay = op.getDecay();
  if (!decay && op.decaysValues())
    return op.emitOpError() << "expects decay with decay_axis value, got none";
  if (!decay)
    return success();
  auto type = cast<RankedTensorType>(decay.getType());
  if (type.getRank() != 3 && type.getRank() != 4)
    return op.emitOpError()
           << "expects decay [batch, time, heads] or [batch, "
              "time, heads, "
           << stringifyAxis(op.getDecayAxis()) << " width], got " << type;
  if (type.getElementType() != wide)
    return op.emitOpError()
           << "expects decay element type " << wide
           << " (log-gates are never narrower), got " << type.getElementType();
  return verifyTokens(op, "decay", decay, type.getRank(), width, heads);
}

/// Checks that all operands agree on batch and time, also where the query
/// leaves them open; gives the batch.
static LogicalResult verifyAgreement(LinearScanOp op, int64_t &batch) {
  int64_t time = ShapedType::kDynamic;
  batch = ShapedType::kDynamic;
  for (auto [name, operand] :
       {std::pair<StringRef, Value>("query", op.getQuery()),
        std::pair<StringRef, Value>("key", op.getKey()),
        std::pair<StringRef, Value>("value", op.getValue()),
        std::pair<StringRef, Value>("decay", op.getDecay()),
        std::pair<StringRef, Value>("beta", op.getBeta())}) {
    if (!operand)
      continue;
    auto type = cast<RankedTensorType>(operand.getType());
    if (sizesDiffer(type.getDimSize(0), batch) ||
        sizesDiffer(type.getDimSize(1), time))
      return op.emitOpError() << "expects equal batch and time in all "
                                 "operands, but "
                              << name << " is " << type;
    batch = mergeSizes(batch, type.getDimSize(0));
    time = mergeSizes(time, type.getDimSize(1));
  }
  return success();
}

LogicalResult LinearScanOp::verify() {
  auto query = getQuery().getType();
  Type element = query.getElementType();
  int64_t heads = getNumHeads();
  int64_t width = query.getRank() == 4 ? query.getDimSize(3) : 0;
  if (failed(verifyTokens(*this, "query", getQuery(), 4, width, heads)) ||
      failed(verifyTokens(*this, "key", getKey(), 4, width, heads)) ||
      failed(verifyTokens(*this, "value", getValue(), 4, ShapedType::kDynamic,
                          heads)))
    return failure();
  for (auto [name, type] :
       {std::pair<StringRef, Type>("key", getKey().getType().getElementType()),
        std::pair<StringRef, Type>("value",
                                   getValue().getType().getElementType())})
    if (type != element)
      return emitOpError() << "expects the element type of " << name
                           << " to match query, but got " << type << " and "
                           << element;
  Type wide = element.isF64() ? element : Float32Type::get(getContext());
  if (failed(verifyDecay(*this, heads, decaysValues() ? getValueWidth() : width,
                         wide)) ||
      failed(verifyForm(*this, heads, width)))
    return failure();
  int64_t batch;
  if (failed(verifyAgreement(*this, batch)))
    return failure();
  if (Value initial = getInitial()) {
    SmallVector<int64_t> shape{batch, heads, width, getValueWidth()};
    auto expected = RankedTensorType::get(shape, wide);
    auto type = cast<RankedTensorType>(initial.getType());
    if (!areCompatibleResultTypes(TypeRange{expected}, TypeRange{type}))
      return emitOpError() << "expects initial state of type " << expected
                           << ", got " << type;
  }
  return success();
}

namespace {
/// A decay that is the constant 0 everywhere keeps the whole state: drop it.
struct DropZeroDecay : OpRewritePattern<LinearScanOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(LinearScanOp op,
                                PatternRewriter &rewriter) const override {
    bool isZero =
        op.getDecay() && matchPattern(op.getDecay(), m_AnyZeroFloat());
    if (auto constants = op.getDecayConstants())
      isZero |= llvm::all_of(*constants, [](double v) { return v == 0; });
    if (!isZero)
      return rewriter.notifyMatchFailure(op, "decay is not constant zero");
    int64_t heads = op.getNumHeads();
    if (op.getDecay() && op.getQuery().getType().getDimSize(2) != heads &&
        op.getKey().getType().getDimSize(2) != heads &&
        op.getValue().getType().getDimSize(2) != heads)
      return rewriter.notifyMatchFailure(op, "decay sets the number of heads");
    rewriter.modifyOpInPlace(op, [&] {
      op.setDecayAxis(Axis::key);
      op.setPrediction(Prediction::decayed);
      op.getDecayMutable().clear();
      op.removeDecayConstantsAttr();
    });
    return success();
  }
};
} // namespace

void LinearScanOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                               MLIRContext *context) {
  patterns.add<DropZeroDecay>(context);
}
