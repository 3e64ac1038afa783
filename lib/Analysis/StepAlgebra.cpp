//===- StepAlgebra.cpp - What one step of a scan computes -----------------===//
//
// Evaluation on demand from a yielded value back to the arguments. Known
// values are reused, so shared subexpressions stay shared.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/StepAlgebra.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace gate;

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

SmallVector<StepAxis> StepAlgebra::addAxes(RankedTensorType type) {
  SmallVector<StepAxis> index;
  for (int64_t size : type.getShape()) {
    index.push_back(size == 1 ? unitAxis : static_cast<StepAxis>(sizes.size()));
    if (size != 1)
      sizes.push_back(size);
  }
  return index;
}

void StepAlgebra::setStateAfter(Value value) {
  stateAfter = value;
  known.clear();
}

LogicalResult StepAlgebra::refuse(Operation *op, const Twine &reason) {
  refusal = {op, reason.str()};
  return failure();
}

const StepExpr *StepAlgebra::addNode(StepExpr expr) {
  SmallVector<StepAxis> axes;
  if (expr.kind == StepExpr::Kind::leaf)
    axes = expr.axes;
  for (const StepExpr *operand : expr.operands)
    llvm::append_range(axes, operand->freeAxes);
  llvm::erase_if(axes, [&](StepAxis axis) {
    return axis == unitAxis || (expr.kind == StepExpr::Kind::sum &&
                                llvm::is_contained(expr.axes, axis));
  });
  llvm::sort(axes);
  axes.erase(llvm::unique(axes), axes.end());
  expr.freeAxes = axes;
  nodes.push_back(std::move(expr));
  return &nodes.back();
}

const StepExpr *StepAlgebra::getExpr(Type type, const StepProduct &product) {
  if (product.number == 1 && product.factors.size() == 1)
    return product.factors.front();
  StepExpr expr{product.factors.empty() ? StepExpr::Kind::constant
                                        : StepExpr::Kind::product,
                type};
  expr.number = product.number;
  expr.operands.assign(product.factors.begin(), product.factors.end());
  if (!product.factors.empty())
    expr.op = product.factors.front()->op;
  return addNode(std::move(expr));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

static void scale(StepValue &value, double number) {
  for (StateTerm &term : value.stateTerms)
    term.coefficient.number *= number;
  if (value.free)
    value.free->number *= number;
}

/// `op` is an addition or subtraction.
StepValue StepAlgebra::add(Operation *op, StepValue lhs, StepValue rhs) {
  bool subtracts = isa<arith::SubFOp>(op);
  StepValue result{lhs.type, std::move(lhs.stateTerms), lhs.free};
  for (StateTerm &term : rhs.stateTerms) {
    if (subtracts)
      term.coefficient.number = -term.coefficient.number;
    result.stateTerms.push_back(std::move(term));
  }
  if (!rhs.free)
    return result;
  if (!lhs.free) {
    result.free = rhs.free;
    if (subtracts)
      result.free->number = -result.free->number;
    return result;
  }
  StepExpr expr{StepExpr::Kind::apply, lhs.type, op};
  expr.operands = {getExpr(lhs.type, *lhs.free), getExpr(lhs.type, *rhs.free)};
  result.free = StepProduct{1, {addNode(std::move(expr))}};
  return result;
}

static StepProduct operator*(StepProduct lhs, const StepProduct &rhs) {
  lhs.number *= rhs.number;
  llvm::append_range(lhs.factors, rhs.factors);
  return lhs;
}

FailureOr<StepValue> StepAlgebra::multiply(Operation *op, StepValue lhs,
                                           StepValue rhs) {
  if (!lhs.stateTerms.empty() && !rhs.stateTerms.empty())
    return refuse(op, "the state is multiplied by a value that depends on the "
                      "state");
  if (lhs.stateTerms.empty())
    std::swap(lhs, rhs);
  // Only lhs can depend on the state now; a factor of 0 leaves nothing.
  StepValue result{lhs.type, {}, {}};
  if (!rhs.free)
    return result;
  result.stateTerms = std::move(lhs.stateTerms);
  for (StateTerm &term : result.stateTerms)
    term.coefficient = term.coefficient * *rhs.free;
  if (lhs.free)
    result.free = *lhs.free * *rhs.free;
  return result;
}

StepValue StepAlgebra::sum(Operation *op, StepValue value,
                           ArrayRef<StepAxis> axes) {
  if (axes.empty())
    return value;
  for (StateTerm &term : value.stateTerms) {
    llvm::append_range(term.summed, axes);
    term.summer = op;
  }
  if (!value.free)
    return value;
  StepExpr expr{StepExpr::Kind::sum, value.type, op};
  const StepExpr *summand = getExpr(value.type, *value.free);
  double repeats = 1;
  for (StepAxis axis : axes) {
    if (summand->uses(axis))
      expr.axes.push_back(axis);
    else
      repeats *= sizes[axis];
  }
  if (expr.axes.empty()) {
    value.free->number *= repeats;
    return value;
  }
  expr.operands = {summand};
  value.free = StepProduct{repeats, {addNode(std::move(expr))}};
  return value;
}

static bool isConstant(const StepValue &value) {
  return value.stateTerms.empty() &&
         (!value.free || value.free->factors.empty());
}

static double numberOf(const StepValue &value) {
  return value.free ? value.free->number : 0;
}

FailureOr<StepValue> StepAlgebra::apply(Operation *op,
                                        MutableArrayRef<StepValue> operands) {
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  bool hasState = llvm::any_of(operands, [](const StepValue &operand) {
    return !operand.stateTerms.empty();
  });
  if (isa<arith::MulFOp>(op))
    return multiply(op, operands[0], operands[1]);
  if (isa<arith::AddFOp, arith::SubFOp>(op))
    return add(op, operands[0], operands[1]);
  if (isa<arith::NegFOp>(op)) {
    scale(operands[0], -1);
    return operands[0];
  }
  if (isa<arith::DivFOp>(op) && hasState && isConstant(operands[1]) &&
      numberOf(operands[1]) != 0) {
    scale(operands[0], 1 / numberOf(operands[1]));
    return operands[0];
  }
  // Widening a constant is exact.
  if (isa<arith::ExtFOp>(op) && isConstant(operands[0])) {
    operands[0].type = type;
    return operands[0];
  }
  if (hasState)
    return refuse(op, "the step is not affine in the state: '" +
                          op->getName().getStringRef() + "'");
  StepExpr expr{StepExpr::Kind::apply, type, op};
  for (const StepValue &operand : operands)
    expr.operands.push_back(
        getExpr(operand.type, operand.free.value_or(StepProduct{0, {}})));
  return StepValue{type, {}, StepProduct{1, {addNode(std::move(expr))}}};
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<StepValue>
StepAlgebra::evaluate(Value value, ArrayRef<StepAxis> index, Operation *user) {
  auto key = std::pair(value.getAsOpaquePointer(),
                       std::vector<StepAxis>(index.begin(), index.end()));
  auto found = known.find(key);
  if (found == known.end()) {
    Result result = compute(value, index);
    if (failed(result))
      return failure();
    found = known.emplace(std::move(key), std::move(*result)).first;
  }
  StepValue result = found->second;
  for (StateTerm &term : result.stateTerms)
    if (!term.reader)
      term.reader = user;
  return result;
}

FailureOr<StepValue> StepAlgebra::compute(Value value,
                                          ArrayRef<StepAxis> index) {
  if (value == stateAfter) {
    StateTerm term{{}, {}, SmallVector<StepAxis>(index), true};
    return StepValue{getElementTypeOrSelf(value.getType()), {term}, {}};
  }
  if (auto argument = dyn_cast<BlockArgument>(value))
    return ofArgument(argument, index);
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return ofConstant(op, constant.getValue(), index);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return ofLinalg(linalgOp, cast<OpResult>(value), index);
  if (isa<tensor::EmptyOp>(op))
    return refuse(op, "an element is used that nothing has written");
  if (isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp,
          tensor::ExtractSliceOp>(op))
    return ofShape(op, index);
  return ofElementwise(op, index);
}

FailureOr<StepValue> StepAlgebra::ofElementwise(Operation *op,
                                                ArrayRef<StepAxis> index) {
  if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumResults() != 1)
    return refuse(op, "'" + op->getName().getStringRef() +
                          "' is an op that the analysis cannot follow");
  SmallVector<StepValue, 3> operands;
  for (Value operand : op->getOperands()) {
    bool isScalar = !isa<RankedTensorType>(operand.getType());
    Result part =
        evaluate(operand, isScalar ? ArrayRef<StepAxis>() : index, op);
    if (failed(part))
      return failure();
    operands.push_back(std::move(*part));
  }
  return apply(op, operands);
}

FailureOr<StepValue> StepAlgebra::ofArgument(BlockArgument argument,
                                             ArrayRef<StepAxis> index) {
  Type type = getElementTypeOrSelf(argument.getType());
  unsigned number = argument.getArgNumber();
  unsigned inputs = scan.getInputs().size();
  if (number >= inputs + scan.getInvariants().size()) {
    StateTerm term{{}, {}, SmallVector<StepAxis>(index)};
    return StepValue{type, {term}, {}};
  }
  StepExpr expr{StepExpr::Kind::leaf, type};
  expr.source = scan->getOperand(number);
  expr.isToken = number < inputs;
  expr.axes.assign(index.begin(), index.end());
  return StepValue{type, {}, StepProduct{1, {addNode(std::move(expr))}}};
}

FailureOr<StepValue> StepAlgebra::ofConstant(Operation *op, Attribute value,
                                             ArrayRef<StepAxis> index) {
  Type type = getElementTypeOrSelf(op->getResult(0).getType());
  auto elements = dyn_cast<DenseElementsAttr>(value);
  if (elements && elements.isSplat())
    value = elements.getSplatValue<Attribute>();
  if (auto number = dyn_cast<FloatAttr>(value)) {
    if (number.getValue().isZero())
      return StepValue{type, {}, {}};
    return StepValue{type, {}, StepProduct{number.getValueAsDouble(), {}}};
  }
  if (!elements || !isa<FloatType>(type))
    return refuse(op, "a constant of type " + llvm::formatv("{0}", type) +
                          " cannot be followed");
  StepExpr expr{StepExpr::Kind::leaf, type};
  expr.elements = elements;
  expr.axes.assign(index.begin(), index.end());
  return StepValue{type, {}, StepProduct{1, {addNode(std::move(expr))}}};
}

/// The index of the side without the unit dims, or with them: every group of
/// `groups` has at most one dim of `wide` that is not 1.
static FailureOr<SmallVector<StepAxis>>
followUnits(ArrayRef<ReassociationIndices> groups, RankedTensorType wide,
            ArrayRef<StepAxis> index, bool toNarrow) {
  SmallVector<StepAxis> result(toNarrow ? groups.size() : wide.getRank(),
                               unitAxis);
  for (auto [narrow, group] : llvm::enumerate(groups)) {
    bool taken = false;
    for (int64_t dim : group) {
      if (wide.getDimSize(dim) == 1)
        continue;
      if (taken)
        return failure();
      taken = true;
      if (toNarrow)
        result[narrow] = index[dim];
      else
        result[dim] = index[narrow];
    }
  }
  return result;
}

FailureOr<StepValue> StepAlgebra::ofShape(Operation *op,
                                          ArrayRef<StepAxis> index) {
  FailureOr<SmallVector<StepAxis>> source = SmallVector<StepAxis>(index);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op)) {
    source = followUnits(expand.getReassociationIndices(),
                         expand.getResultType(), index, true);
  } else if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op)) {
    source = followUnits(collapse.getReassociationIndices(),
                         collapse.getSrcType(), index, false);
  } else if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    RankedTensorType type = slice.getSourceType();
    bool isWhole = type.hasStaticShape() &&
                   llvm::all_of(slice.getMixedOffsets(), isZeroInteger) &&
                   llvm::all_of(slice.getMixedStrides(), isOneInteger);
    for (auto [size, all] : llvm::zip(slice.getMixedSizes(), type.getShape()))
      isWhole &= getConstantIntValue(size) == all;
    if (!isWhole)
      return refuse(op,
                    "a part of a tensor is taken, expects a slice that only "
                    "drops dims of size 1");
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    SmallVector<StepAxis> full;
    for (unsigned dim = 0, next = 0; dim < dropped.size(); ++dim)
      full.push_back(dropped[dim] ? unitAxis : index[next++]);
    source = full;
  }
  if (failed(source))
    return refuse(op, "dims are split or merged, expects a reshape that only "
                      "adds or drops dims of size 1");
  return evaluate(op->getOperand(0), *source, op);
}

//===----------------------------------------------------------------------===//
// Linalg
//===----------------------------------------------------------------------===//

/// The scalars of a structured op at one position of its loops.
class StepAlgebra::LinalgBody {
public:
  LinalgBody(StepAlgebra &algebra, linalg::LinalgOp op,
             ArrayRef<StepAxis> loops)
      : algebra(algebra), op(op), loops(loops) {}

  Result evaluate(Value scalar) {
    auto found = known.find(scalar);
    if (found != known.end())
      return found->second;
    Result result = compute(scalar);
    if (succeeded(result))
      known[scalar] = *result;
    return result;
  }

private:
  Result compute(Value scalar) {
    if (scalar.getParentBlock() != op.getBlock())
      return algebra.evaluate(scalar, {}, op);
    if (auto argument = dyn_cast<BlockArgument>(scalar))
      return ofOperand(op->getOpOperand(argument.getArgNumber()));
    Operation *inner = scalar.getDefiningOp();
    if (auto constant = dyn_cast<arith::ConstantOp>(inner))
      return algebra.ofConstant(inner, constant.getValue(), {});
    if (!OpTrait::hasElementwiseMappableTraits(inner) ||
        inner->getNumResults() != 1)
      return algebra.refuse(inner, "'" + inner->getName().getStringRef() +
                                       "' is an op that the analysis cannot "
                                       "follow");
    SmallVector<StepValue, 3> operands;
    for (Value operand : inner->getOperands()) {
      Result part = evaluate(operand);
      if (failed(part))
        return failure();
      operands.push_back(std::move(*part));
    }
    return algebra.apply(inner, operands);
  }

  Result ofOperand(OpOperand &operand) {
    SmallVector<StepAxis> index;
    for (AffineExpr expr : op.getMatchingIndexingMap(&operand).getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        index.push_back(loops[dim.getPosition()]);
      else if (expr == 0)
        index.push_back(unitAxis);
      else
        return algebra.refuse(op, "elements are read at computed positions");
    }
    auto type = dyn_cast<RankedTensorType>(operand.get().getType());
    for (auto [dim, axis] : llvm::enumerate(index)) {
      if (type.getDimSize(dim) == 1)
        axis = unitAxis;
      else if (axis == unitAxis)
        return algebra.refuse(op, "elements are read at fixed positions");
    }
    return algebra.evaluate(operand.get(), index, op);
  }

  StepAlgebra &algebra;
  linalg::LinalgOp op;
  ArrayRef<StepAxis> loops;
  DenseMap<Value, StepValue> known;
};

/// What is added to `accumulator` to give `yielded`; fails on anything but a
/// sum.
static FailureOr<std::pair<arith::AddFOp, Value>>
matchAccumulation(Value yielded, BlockArgument accumulator) {
  auto add = yielded.getDefiningOp<arith::AddFOp>();
  if (!add || !accumulator.hasOneUse())
    return failure();
  if (add.getLhs() == accumulator)
    return std::pair(add, add.getRhs());
  if (add.getRhs() == accumulator)
    return std::pair(add, add.getLhs());
  return failure();
}

FailureOr<StepValue> StepAlgebra::ofLinalg(linalg::LinalgOp op, OpResult result,
                                           ArrayRef<StepAxis> index) {
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  SmallVector<StepAxis> loops(ranges.size(), unitAxis), reduced;
  llvm::SmallBitVector isBound(ranges.size());
  AffineMap map = op.getIndexingMapMatchingResult(result);
  for (auto [expr, axis] : llvm::zip(map.getResults(), index)) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || isBound[dim.getPosition()])
      return refuse(op, "elements are written at computed positions");
    loops[dim.getPosition()] = axis;
    isBound.set(dim.getPosition());
  }
  for (auto [loop, size] : llvm::enumerate(ranges)) {
    if (isBound[loop] || size == 1)
      continue;
    if (ShapedType::isDynamic(size) ||
        iterators[loop] != utils::IteratorType::reduction)
      return refuse(op, "a sum has a length that is not static");
    loops[loop] = static_cast<StepAxis>(sizes.size());
    sizes.push_back(size);
    reduced.push_back(loops[loop]);
  }
  LinalgBody body(*this, op, loops);
  unsigned number = result.getResultNumber();
  Value yielded = op.getBlock()->getTerminator()->getOperand(number);
  if (op.getNumReductionLoops() == 0)
    return body.evaluate(yielded);

  OpOperand *init = op.getDpsInitOperand(number);
  auto accumulation = matchAccumulation(
      yielded, op.getBlock()->getArgument(init->getOperandNumber()));
  if (failed(accumulation)) {
    Operation *at = yielded.getDefiningOp();
    return refuse(op,
                  "a reduction by '" +
                      (at ? at : op.getOperation())->getName().getStringRef() +
                      "', expects a sum");
  }
  Result start = evaluate(init->get(), index, op);
  if (failed(start))
    return failure();
  Result summand = body.evaluate(accumulation->second);
  if (failed(summand))
    return failure();
  return add(accumulation->first, std::move(*start),
             sum(op, std::move(*summand), reduced));
}
