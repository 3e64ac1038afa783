//===- ScanAnalysis.cpp - Which scans are linear in a matrix state --------===//
//
// The axis that the read sums over is the key; of the other two, the value is
// the one that neither the decay, the query nor the key varies with.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/ScanAnalysis.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace gate;

using Kind = StepExpr::Kind;

//===----------------------------------------------------------------------===//
// Signs
//===----------------------------------------------------------------------===//

static bool isAtMostZero(const StepExpr *expr);

/// True when no value of the leaves makes `expr` negative.
static bool isAtLeastZero(const StepExpr *expr) {
  auto operandIs = [&](unsigned i) { return isAtLeastZero(expr->operands[i]); };
  switch (expr->kind) {
  case Kind::leaf:
    return expr->elements &&
           llvm::all_of(expr->elements.getValues<APFloat>(),
                        [](const APFloat &v) { return !v.isNegative(); });
  case Kind::constant:
    return expr->number >= 0;
  case Kind::product:
  case Kind::total:
    return expr->number >= 0 && llvm::all_of(expr->operands, isAtLeastZero);
  case Kind::sum:
    return operandIs(0);
  case Kind::apply:
    break;
  }
  if (isa<math::ExpOp, math::Exp2Op, math::AbsFOp, math::SqrtOp>(expr->op))
    return true;
  if (isa<math::Log1pOp, arith::ExtFOp, arith::TruncFOp>(expr->op))
    return operandIs(0);
  if (isa<arith::AddFOp, arith::DivFOp, arith::MinimumFOp>(expr->op))
    return operandIs(0) && operandIs(1);
  if (isa<arith::MaximumFOp>(expr->op))
    return operandIs(0) || operandIs(1);
  if (isa<arith::SubFOp>(expr->op))
    return operandIs(0) && isAtMostZero(expr->operands[1]);
  return false;
}

/// True when no value of the leaves makes `expr` positive.
static bool isAtMostZero(const StepExpr *expr) {
  auto operandIs = [&](unsigned i) { return isAtMostZero(expr->operands[i]); };
  switch (expr->kind) {
  case Kind::leaf:
    return expr->elements && llvm::all_of(expr->elements.getValues<APFloat>(),
                                          [](const APFloat &v) {
                                            return v.isNegative() || v.isZero();
                                          });
  case Kind::constant:
    return expr->number <= 0;
  case Kind::product: {
    // One factor carries the sign, the others are at least 0.
    bool isNegative = expr->number <= 0;
    for (const StepExpr *operand : expr->operands) {
      if (isAtLeastZero(operand))
        continue;
      if (isNegative || !isAtMostZero(operand))
        return false;
      isNegative = true;
    }
    return isNegative;
  }
  case Kind::total:
    return expr->number <= 0 && llvm::all_of(expr->operands, isAtMostZero);
  case Kind::sum:
    return operandIs(0);
  case Kind::apply:
    break;
  }
  if (isa<arith::ExtFOp, arith::TruncFOp>(expr->op))
    return operandIs(0);
  if (isa<arith::AddFOp, arith::MaximumFOp>(expr->op))
    return operandIs(0) && operandIs(1);
  if (isa<arith::MinimumFOp>(expr->op))
    return operandIs(0) || operandIs(1);
  if (isa<arith::SubFOp>(expr->op))
    return operandIs(0) && isAtLeastZero(expr->operands[1]);
  return false;
}

//===----------------------------------------------------------------------===//
// Proof
//===----------------------------------------------------------------------===//

namespace {
/// Dims of the state by role; `heads` is -1 when the state is a matrix.
struct Roles {
  int64_t heads, key, value;
};

class LinearScanProof {
public:
  LinearScanProof(ScanOp scan, StepAlgebra &algebra)
      : scan(scan), algebra(algebra) {}

  FailureOr<LinearScanForm> run();

private:
  LogicalResult checkState();
  LogicalResult evaluateUpdate();
  LogicalResult evaluateRead();
  LogicalResult checkRead(const StepValue &output);
  FailureOr<LinearScanForm> assign(Roles roles);
  LogicalResult splitRead(Roles roles, LinearScanForm &form);
  LogicalResult splitUpdate(Roles roles, LinearScanForm &form);
  LogicalResult splitPrediction(Roles roles, LinearScanForm &form);
  bool matchDelta(Roles roles, LinearScanForm &form);
  LogicalResult splitBonus(Roles roles, LinearScanForm &form);
  LogicalResult splitDecay(Roles roles, LinearScanForm &form);
  FailureOr<const StepExpr *> takeLog(const StepExpr *factor);
  FailureOr<const StepExpr *> takeLogOfConstants(const StepExpr *leaf);
  LogicalResult refuseDecay(const StepExpr *factor);
  void setDecay(ArrayRef<const StepExpr *> logs, double number, Roles roles,
                LinearScanForm &form);

  StepAxis axisOf(ArrayRef<StepAxis> index, int64_t dim) const {
    return dim < 0 ? unitAxis : index[dim];
  }
  TokenOperand operand(const StepExpr *expr, StepAxis heads,
                       StepAxis width) const {
    return {expr, {expr->uses(heads) ? heads : unitAxis, width}};
  }

  ScanOp scan;
  StepAlgebra &algebra;
  RankedTensorType stateType;
  /// Where the update and the read see the state.
  SmallVector<StepAxis> index, outputIndex;
  StateTerm kept, read;
  StepProduct added;
  /// What is added of the old state summed over an axis, and that axis's dim.
  std::optional<StateTerm> predicted;
  int64_t predictedDim = -1;
  /// What the output has beside the read.
  std::optional<StepProduct> outputAdded;
  /// StepAxis that the read sums over, and its dim in the state.
  StepAxis summed = unitAxis;
  int64_t keyDim = -1;
  Operation *rounding = nullptr;
};
} // namespace

LogicalResult LinearScanProof::checkState() {
  if (scan.getNumStates() != 1 || scan.getNumOutputs() != 1)
    return algebra.refuse(scan, "the scan has " + Twine(scan.getNumStates()) +
                                    " states and " +
                                    Twine(scan.getNumOutputs()) +
                                    " outputs, expects one of each");
  stateType = cast<RankedTensorType>(
      scan.getStep().front().getTerminator()->getOperand(0).getType());
  auto inState = [&](const Twine &reason) {
    return algebra.refuse(scan, "the state of a step is " +
                                    llvm::formatv("{0}", stateType).str() +
                                    ", " + reason);
  };
  if (stateType.getRank() != 2 && stateType.getRank() != 3)
    return inState("expects [key, value] or [heads, key, value]");
  if (!stateType.hasStaticShape())
    return inState("expects static sizes");
  if (llvm::is_contained(stateType.getShape(), 0))
    return inState("expects sizes above 0");
  Type element = stateType.getElementType();
  if (!element.isF32() && !element.isF64())
    return inState("expects f32 or f64");
  return success();
}

LogicalResult LinearScanProof::evaluateUpdate() {
  Operation *yield = scan.getStep().front().getTerminator();
  index = algebra.addAxes(stateType);
  FailureOr<StepValue> update =
      algebra.evaluate(yield->getOperand(0), index, yield);
  if (failed(update))
    return failure();
  if (update->stateTerms.empty())
    return algebra.refuse(yield,
                          "the new state does not depend on the old one");
  SmallVector<StateTerm> direct;
  for (const StateTerm &term : update->stateTerms) {
    if (term.summed.empty()) {
      direct.push_back(term);
      continue;
    }
    if (predicted || term.summed.size() != 1)
      return algebra.refuse(
          term.summer, "the update sums the state more than once, expects at "
                       "most one sum over its key axis");
    predicted = term;
    for (auto [dim, axis] : llvm::enumerate(term.index)) {
      if (axis == index[dim])
        continue;
      if (axis != term.summed[0] || predictedDim >= 0)
        return algebra.refuse(term.reader, "the update moves elements of the "
                                           "state to other positions");
      predictedDim = dim;
    }
    if (predictedDim < 0)
      return algebra.refuse(term.reader, "the update moves elements of the "
                                         "state to other positions");
  }
  for (const StateTerm &term : direct)
    if (ArrayRef<StepAxis>(term.index) != ArrayRef<StepAxis>(index))
      return algebra.refuse(term.reader, "the update moves elements of the "
                                         "state to other positions");
  if (direct.size() != 1)
    return algebra.refuse(direct.empty() ? predicted->reader : direct[1].reader,
                          "the old state enters the new one " +
                              Twine(direct.size()) +
                              " times, expects one product with the decay");
  if (!update->free)
    return algebra.refuse(update->stateTerms[0].reader,
                          "nothing is added to the state, expects the product "
                          "of a key and a value");
  kept = direct[0];
  added = *update->free;
  return success();
}

LogicalResult LinearScanProof::evaluateRead() {
  Operation *yield = scan.getStep().front().getTerminator();
  Value output = yield->getOperand(1);
  if (auto truncation = output.getDefiningOp<arith::TruncFOp>()) {
    rounding = truncation;
    output = truncation.getIn();
  }
  auto type = cast<RankedTensorType>(output.getType());
  if (!type.hasStaticShape())
    return algebra.refuse(yield, "the output of a step is " +
                                     llvm::formatv("{0}", type).str() +
                                     ", expects static sizes");
  algebra.setStateAfter(yield->getOperand(0));
  outputIndex = algebra.addAxes(type);
  FailureOr<StepValue> value = algebra.evaluate(output, outputIndex, yield);
  if (failed(value))
    return failure();
  return checkRead(*value);
}

LogicalResult LinearScanProof::checkRead(const StepValue &output) {
  Operation *yield = scan.getStep().front().getTerminator();
  if (output.stateTerms.empty())
    return algebra.refuse(yield, "the output does not depend on the state");
  if (output.stateTerms.size() != 1)
    return algebra.refuse(output.stateTerms[1].reader,
                          "the output reads the state " +
                              Twine(output.stateTerms.size()) +
                              " times, expects one product with a query");
  read = output.stateTerms[0];
  outputAdded = output.free;
  if (read.summed.size() != 1 || llvm::count(read.index, read.summed[0]) != 1)
    return algebra.refuse(read.summer ? read.summer : read.reader,
                          "the output is not a sum over one axis of the state");
  summed = read.summed[0];
  keyDim = llvm::find(read.index, summed) - read.index.begin();
  SmallVector<StepAxis> seen;
  for (StepAxis axis : read.index)
    if (axis != unitAxis && axis != summed)
      seen.push_back(axis);
  SmallVector<StepAxis> written;
  for (StepAxis axis : outputIndex)
    if (axis != unitAxis)
      written.push_back(axis);
  llvm::sort(seen);
  llvm::sort(written);
  if (seen != written)
    return algebra.refuse(read.reader, "the output does not have the axes of "
                                       "the state that are not summed");
  return success();
}

FailureOr<LinearScanForm> LinearScanProof::run() {
  if (failed(checkState()) || failed(evaluateUpdate()) ||
      failed(evaluateRead()))
    return failure();
  if (stateType.getRank() == 2)
    return assign({-1, keyDim, 1 - keyDim});
  SmallVector<int64_t> others;
  for (int64_t dim : {0, 1, 2})
    if (dim != keyDim)
      others.push_back(dim);
  FailureOr<LinearScanForm> form = assign({others[0], keyDim, others[1]});
  if (succeeded(form))
    return form;
  // The usual order gives the better reason when both fail.
  StepRefusal first = algebra.getRefusal();
  form = assign({others[1], keyDim, others[0]});
  if (succeeded(form))
    return form;
  return algebra.refuse(first.op, first.reason);
}

FailureOr<LinearScanForm> LinearScanProof::assign(Roles roles) {
  LinearScanForm form;
  if (roles.heads >= 0)
    form.stateDims.push_back(roles.heads);
  form.stateDims.append({roles.key, roles.value});
  if (roles.heads >= 0)
    form.heads = stateType.getDimSize(roles.heads);
  form.keyWidth = stateType.getDimSize(roles.key);
  form.valueWidth = stateType.getDimSize(roles.value);
  form.rounding = rounding;
  if (failed(splitRead(roles, form)) || failed(splitUpdate(roles, form)) ||
      failed(splitPrediction(roles, form)) || failed(splitDecay(roles, form)) ||
      failed(splitBonus(roles, form)))
    return failure();
  // Some operand must carry the number of heads.
  auto hasHeads = [](const TokenOperand &operand) {
    return operand.axes[0] != unitAxis;
  };
  if (form.heads != 1 && !hasHeads(form.query) && !hasHeads(form.key) &&
      !hasHeads(form.value) && !(form.decay && hasHeads(*form.decay)))
    form.query.axes[0] = axisOf(read.index, roles.heads);
  return form;
}

LogicalResult LinearScanProof::splitRead(Roles roles, LinearScanForm &form) {
  StepAxis heads = axisOf(read.index, roles.heads);
  StepAxis value = axisOf(read.index, roles.value);
  for (const StepExpr *factor : read.coefficient.factors)
    if (factor->uses(value))
      return algebra.refuse(factor->op ? factor->op : read.reader,
                            "the read is multiplied by a value that varies "
                            "along the value axis of the state");
  SmallVector<StepAxis> written;
  for (StepAxis axis : outputIndex)
    if (axis != unitAxis)
      written.push_back(axis);
  form.headsLast = written.size() == 2 && written[0] == value;
  form.scale = read.coefficient.number;
  const StepExpr *query = algebra.getExpr(stateType.getElementType(),
                                          {1, read.coefficient.factors});
  form.query = operand(query, heads, summed);
  return success();
}

LogicalResult LinearScanProof::splitUpdate(Roles roles, LinearScanForm &form) {
  StepAxis heads = axisOf(index, roles.heads);
  StepAxis key = axisOf(index, roles.key), value = axisOf(index, roles.value);
  StepProduct keys{added.number, {}}, values;
  for (const StepExpr *factor : added.factors) {
    if (factor->uses(key) && factor->uses(value))
      return algebra.refuse(
          factor->op ? factor->op : kept.reader,
          "what is added to the state varies along its key and "
          "its value axis, expects the product of a key and a "
          "value");
    (factor->uses(value) ? values : keys).factors.push_back(factor);
  }
  Type element = stateType.getElementType();
  form.key = operand(algebra.getExpr(element, keys), heads, key);
  form.value = operand(algebra.getExpr(element, values), heads, value);
  return success();
}

//===----------------------------------------------------------------------===//
// Prediction and bonus
//===----------------------------------------------------------------------===//

namespace {
/// Axes by their names in one place and in another.
using Renaming = SmallVector<std::pair<StepAxis, StepAxis>, 3>;
} // namespace

static StepAxis renamed(StepAxis axis, const Renaming &names) {
  for (auto [from, to] : names)
    if (axis == from && axis != unitAxis)
      return to;
  return axis;
}

/// Whether `other` is `expr` under other names.
static bool isRenamed(const StepExpr *expr, const StepExpr *other,
                      const Renaming &names) {
  if (expr == other)
    return llvm::all_of(expr->freeAxes, [&](StepAxis axis) {
      return renamed(axis, names) == axis;
    });
  if (expr->kind != other->kind || expr->kind == Kind::sum ||
      expr->type != other->type || expr->op != other->op ||
      expr->source != other->source || expr->isToken != other->isToken ||
      expr->elements != other->elements || expr->number != other->number ||
      expr->axes.size() != other->axes.size() ||
      expr->operands.size() != other->operands.size())
    return false;
  for (auto [mine, theirs] : llvm::zip(expr->axes, other->axes))
    if (renamed(mine, names) != theirs)
      return false;
  return llvm::all_of(llvm::zip(expr->operands, other->operands),
                      [&](auto pair) {
                        auto [mine, theirs] = pair;
                        return isRenamed(mine, theirs, names);
                      });
}

/// Takes these factors, under other names, out of a list.
static bool takeFactors(SmallVectorImpl<const StepExpr *> &all,
                        ArrayRef<const StepExpr *> wanted,
                        const Renaming &names) {
  for (const StepExpr *factor : wanted) {
    auto found = llvm::find_if(all, [&](const StepExpr *other) {
      return isRenamed(factor, other, names);
    });
    if (found == all.end())
      return false;
    all.erase(found);
  }
  return true;
}

/// S' + k (beta (v - P^T k))^T: the sum is over the key, and what it is
/// multiplied by is what values are multiplied by.
bool LinearScanProof::matchDelta(Roles roles, LinearScanForm &form) {
  StepAxis heads = axisOf(index, roles.heads), key = axisOf(index, roles.key);
  StepAxis value = axisOf(index, roles.value), other = predicted->summed[0];
  SmallVector<const StepExpr *> ofKey, shared, rest;
  for (const StepExpr *factor : added.factors)
    if (!factor->uses(value))
      (factor->uses(key) ? ofKey : shared).push_back(factor);
  rest.assign(predicted->coefficient.factors.begin(),
              predicted->coefficient.factors.end());
  Renaming toOther{{key, other}};
  if (ofKey.empty() || !takeFactors(rest, ofKey, {}) ||
      !takeFactors(rest, shared, {}) || !takeFactors(rest, ofKey, toOther))
    return false;
  const StepProduct &decay = kept.coefficient;
  double number = predicted->coefficient.number;
  bool isUndecayed = rest.empty() && number == -added.number;
  if (!isUndecayed || (decay.factors.empty() && decay.number == 1)) {
    if (!takeFactors(rest, decay.factors, toOther) || !rest.empty() ||
        number != -added.number * decay.number)
      return false;
    isUndecayed = false;
  }
  form.update = Update::delta;
  form.prediction = isUndecayed ? Prediction::undecayed : Prediction::decayed;
  Type element = stateType.getElementType();
  form.key = operand(algebra.getExpr(element, {1, ofKey}), heads, key);
  const StepExpr *beta = algebra.getExpr(element, {added.number, shared});
  form.beta = TokenOperand{beta, {beta->uses(heads) ? heads : unitAxis}};
  return true;
}

LogicalResult LinearScanProof::splitPrediction(Roles roles,
                                               LinearScanForm &form) {
  if (!predicted)
    return success();
  StepAxis heads = axisOf(index, roles.heads), key = axisOf(index, roles.key);
  StepAxis value = axisOf(index, roles.value), summedKey = predicted->summed[0];
  if (predictedDim != roles.key)
    return algebra.refuse(predicted->summer,
                          "the update sums the state over another axis than "
                          "the read");
  StepProduct reads, adds{predicted->coefficient.number, {}};
  for (const StepExpr *factor : predicted->coefficient.factors) {
    auto fault = [&] { return factor->op ? factor->op : predicted->reader; };
    if (factor->uses(value))
      return algebra.refuse(fault(), "what is added of the old state varies "
                                     "along the value axis of the state");
    if (factor->uses(summedKey) && factor->uses(key))
      return algebra.refuse(fault(), "the old state is multiplied by a whole "
                                     "matrix, expects the product of two "
                                     "vectors");
    (factor->uses(summedKey) ? reads : adds).factors.push_back(factor);
  }
  if (matchDelta(roles, form))
    return success();
  form.update = Update::diagonal_rank_one;
  form.prediction = Prediction::undecayed;
  Type element = stateType.getElementType();
  form.transition = {operand(algebra.getExpr(element, reads), heads, summedKey),
                     operand(algebra.getExpr(element, adds), heads, key)};
  return success();
}

/// scale * sum of q u k over keys, times v.
LogicalResult LinearScanProof::splitBonus(Roles roles, LinearScanForm &form) {
  form.readsBefore = !read.isAfter;
  if (!outputAdded)
    return success();
  Operation *yield = scan.getStep().front().getTerminator();
  Operation *adder = yield;
  for (const StepExpr *factor : outputAdded->factors)
    if (factor->op)
      adder = factor->op;
  auto refuse = [&](const Twine &reason) {
    return algebra.refuse(adder, "the output adds a value to the read of the "
                                 "state" +
                                     reason);
  };
  if (read.isAfter)
    return refuse("");
  StringRef expected = " that is not its token's value times the sum of query, "
                       "key and a bonus over the keys";
  // The sum, and factors along values or heads.
  SmallVector<const StepExpr *> factors;
  const StepExpr *sum = nullptr;
  for (const StepExpr *factor : outputAdded->factors) {
    if (factor->kind == Kind::sum && factor->axes.size() == 1 && !sum)
      sum = factor;
    else
      factors.push_back(factor);
  }
  double number = outputAdded->number;
  if (!sum)
    return refuse(expected);
  const StepExpr *summand = sum->operands[0];
  if (summand->kind == Kind::product) {
    llvm::append_range(factors, summand->operands);
    number *= summand->number;
  } else {
    factors.push_back(summand);
  }
  // The update names axes in its own way. Beta is no part of a bonus.
  StepAxis ownKey = sum->axes[0], heads = axisOf(read.index, roles.heads);
  StepAxis key = axisOf(index, roles.key), value = axisOf(index, roles.value);
  bool isDelta = form.update == Update::delta;
  SmallVector<const StepExpr *> ofToken;
  for (const StepExpr *factor : added.factors)
    if (!isDelta || factor->uses(key) || factor->uses(value))
      ofToken.push_back(factor);
  Renaming fromUpdate{{key, ownKey}, {value, axisOf(read.index, roles.value)}};
  if (roles.heads >= 0)
    fromUpdate.push_back({axisOf(index, roles.heads), heads});
  if (!takeFactors(factors, read.coefficient.factors, {{summed, ownKey}}) ||
      !takeFactors(factors, ofToken, fromUpdate) ||
      number != read.coefficient.number * (isDelta ? 1 : added.number))
    return refuse(expected);
  if (factors.empty())
    return refuse(expected);
  if (factors.size() != 1 || factors[0]->kind != Kind::leaf ||
      factors[0]->isToken || !factors[0]->source)
    return refuse(" with a bonus that is computed in the step or differs "
                  "between tokens, expects an invariant");
  SmallVector<StepAxis> order;
  for (StepAxis axis : factors[0]->axes)
    if (axis != unitAxis)
      order.push_back(axis);
  if (order != SmallVector<StepAxis>{ownKey} &&
      order != SmallVector<StepAxis>{heads, ownKey})
    return refuse(" with a bonus that is not [key] or [heads, key]");
  form.bonus = factors[0];
  form.bonusAxes = order;
  return success();
}

//===----------------------------------------------------------------------===//
// Decay
//===----------------------------------------------------------------------===//

/// The op that makes the operand of the scan that `leaf` is an element of.
static Operation *producerOf(const StepExpr *leaf) {
  return leaf->source ? leaf->source.getDefiningOp() : nullptr;
}

LogicalResult LinearScanProof::refuseDecay(const StepExpr *factor) {
  if (factor->kind == Kind::apply)
    return algebra.refuse(factor->op,
                          "the decay is the result of '" +
                              factor->op->getName().getStringRef() +
                              "', expects a 'math.exp' of a log-decay");
  if (factor->kind == Kind::leaf)
    return algebra.refuse(kept.reader, "the decay is an operand of the scan, "
                                       "expects a 'math.exp' of a log-decay");
  return algebra.refuse(factor->op ? factor->op : kept.reader,
                        "the decay is a sum, expects a 'math.exp' of a "
                        "log-decay");
}

FailureOr<const StepExpr *>
LinearScanProof::takeLogOfConstants(const StepExpr *leaf) {
  SmallVector<APFloat> logs;
  auto type = cast<FloatType>(leaf->type);
  for (const APFloat &element : leaf->elements.getValues<APFloat>()) {
    double number = element.convertToDouble();
    if (!(number > 0 && number <= 1))
      return algebra.refuse(
          kept.reader, llvm::formatv("the decay has the constant {0}, expects "
                                     "constants above 0 and at most 1",
                                     number));
    APFloat log(std::log(number));
    bool isLossy;
    log.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                &isLossy);
    logs.push_back(log);
  }
  StepExpr expr = *leaf;
  expr.elements = DenseElementsAttr::get(leaf->elements.getType(), logs);
  return algebra.addNode(expr);
}

static bool hasPositiveConstant(const StepExpr *expr) {
  return expr->kind == Kind::leaf && expr->elements && !isAtMostZero(expr);
}

/// log(factor) as a node.
FailureOr<const StepExpr *> LinearScanProof::takeLog(const StepExpr *factor) {
  if (factor->kind == Kind::apply && isa<math::ExpOp>(factor->op))
    return factor->operands[0];
  if (factor->kind == Kind::leaf && factor->elements)
    return takeLogOfConstants(factor);
  // The exponential may stand before the scan.
  if (factor->kind == Kind::leaf)
    if (Operation *producer = producerOf(factor);
        isa_and_nonnull<math::ExpOp, linalg::ExpOp>(producer) &&
        producer->getOperand(0).getType() == factor->source.getType()) {
      StepExpr expr = *factor;
      expr.source = producer->getOperand(0);
      return algebra.addNode(expr);
    }
  return refuseDecay(factor);
}

/// Per-head numbers of a constant, or nothing.
static std::optional<SmallVector<double>>
numbersPerHead(const StepExpr *expr, StepAxis heads, int64_t count) {
  if (expr->kind == Kind::constant)
    return SmallVector<double>(count, expr->number);
  if (expr->kind != Kind::leaf || !expr->elements ||
      llvm::any_of(expr->freeAxes,
                   [&](StepAxis axis) { return axis != heads; }) ||
      expr->elements.getNumElements() != count)
    return std::nullopt;
  SmallVector<double> numbers;
  for (const APFloat &element : expr->elements.getValues<APFloat>())
    numbers.push_back(element.convertToDouble());
  return numbers;
}

void LinearScanProof::setDecay(ArrayRef<const StepExpr *> logs, double number,
                               Roles roles, LinearScanForm &form) {
  StepAxis heads = axisOf(index, roles.heads);
  StepAxis width = axisOf(index, form.decaysValues ? roles.value : roles.key);
  SmallVector<double> constants(form.heads, number);
  bool isConstant = true;
  for (const StepExpr *log : logs) {
    auto numbers = numbersPerHead(log, heads, form.heads);
    isConstant &= numbers.has_value();
    if (numbers)
      for (auto [sum, addend] : llvm::zip(constants, *numbers))
        sum += addend;
    if (!isAtMostZero(log))
      form.assumedDecay = log;
  }
  if (isConstant) {
    if (!llvm::all_of(constants, [](double v) { return v == 0; }))
      form.decayConstants = constants;
    return;
  }
  const StepExpr *total = logs[0];
  if (logs.size() != 1 || number != 0) {
    StepExpr expr{Kind::total, stateType.getElementType(), kept.reader};
    expr.number = number;
    expr.operands.assign(logs.begin(), logs.end());
    total = algebra.addNode(expr);
  }
  form.decay = TokenOperand{total, {total->uses(heads) ? heads : unitAxis}};
  if (total->uses(width))
    form.decay->axes.push_back(width);
}

LogicalResult LinearScanProof::splitDecay(Roles roles, LinearScanForm &form) {
  double number = kept.coefficient.number;
  if (!(number > 0 && number <= 1))
    return algebra.refuse(
        kept.reader, llvm::formatv("the decay has the constant factor {0}, "
                                   "expects one above 0 and at most 1",
                                   number));
  SmallVector<const StepExpr *> logs;
  StepAxis key = axisOf(index, roles.key), value = axisOf(index, roles.value);
  bool usesKeys = false;
  for (const StepExpr *factor : kept.coefficient.factors) {
    usesKeys |= factor->uses(key);
    form.decaysValues |= factor->uses(value);
  }
  for (const StepExpr *factor : kept.coefficient.factors) {
    if (usesKeys && factor->uses(value))
      return algebra.refuse(
          factor->op ? factor->op : kept.reader,
          "the decay varies along the key and the value axis of the state, "
          "expects one of them");
    FailureOr<const StepExpr *> log = takeLog(factor);
    if (failed(log))
      return failure();
    bool isZero = (*log)->kind == Kind::constant && (*log)->number == 0;
    if (!isZero && (isAtLeastZero(*log) || hasPositiveConstant(*log)))
      return algebra.refuse(factor->op ? factor->op : kept.reader,
                            "the decay is 1 or more, expects a log-decay of at "
                            "most 0");
    if (!isZero)
      logs.push_back(*log);
  }
  setDecay(logs, std::log(number), roles, form);
  return success();
}

FailureOr<LinearScanForm> gate::matchLinearScan(ScanOp scan,
                                                StepAlgebra &algebra) {
  return LinearScanProof(scan, algebra).run();
}
