//===- RaiseScans.cpp - Raise scans linear in a matrix state --------------===//
//
// The proof is in gate/Analysis/ScanAnalysis.h. Here its parts become tensors
// over all tokens: an operand of the scan where a part is just that, and one
// linalg.generic with batch and time as two more parallel loops otherwise.
//
//   ^bb0(%gt: tensor<4x8xf32>, ..):            %o, %last = gate.linear_scan
//     %d = math.exp %gt : tensor<4x8xf32>   ->     %q, %k, %v decay(%g) ..
//     ..
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"
#include "gate/Analysis/ScanAnalysis.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace gate {
#define GEN_PASS_DEF_RAISESCANS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using Kind = StepExpr::Kind;

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// Groups of the dims of `shape` such that each dim of size 1 from `lead` on
/// falls to the dim before it, or after it where there is none.
static SmallVector<ReassociationIndices> groupUnits(ArrayRef<int64_t> shape,
                                                    int64_t lead) {
  SmallVector<ReassociationIndices> groups;
  bool isOpen = false;
  for (auto [dim, size] : llvm::enumerate(shape)) {
    bool isUnit = static_cast<int64_t>(dim) >= lead && size == 1;
    if (!groups.empty() && (isUnit || isOpen))
      groups.back().push_back(dim);
    else
      groups.push_back({static_cast<int64_t>(dim)});
    isOpen = isUnit && (isOpen || groups.back().size() == 1);
  }
  return groups;
}

/// `value` with the dims `tail` after the first `lead`; only dims of size 1
/// come or go.
static Value reshapeUnits(TensorBuilder &b, Value value, ArrayRef<int64_t> tail,
                          int64_t lead) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape().drop_front(lead) == tail)
    return value;
  SmallVector<int64_t> narrow;
  auto groups = groupUnits(type.getShape(), lead);
  for (const ReassociationIndices &group : groups)
    narrow.push_back(type.getDimSize(group.front()));
  if (groups.size() != static_cast<size_t>(type.getRank()))
    value = tensor::CollapseShapeOp::create(
        b.builder, b.loc, RankedTensorType::get(narrow, type.getElementType()),
        value, groups);
  SmallVector<int64_t> wide(type.getShape().take_front(lead));
  llvm::append_range(wide, tail);
  if (wide.size() == narrow.size())
    return value;
  return tensor::ExpandShapeOp::create(
      b.builder, b.loc, RankedTensorType::get(wide, type.getElementType()),
      value, groupUnits(wide, lead));
}

static Value permute(TensorBuilder &b, Value value, ArrayRef<int64_t> order) {
  if (llvm::equal(order, llvm::seq<int64_t>(0, order.size())))
    return value;
  SmallVector<OpFoldResult> sizes;
  for (int64_t dim : order)
    sizes.push_back(tensor::getMixedSize(b.builder, b.loc, value, dim));
  Value init = b.empty(sizes, getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(b.builder, b.loc, value, init, order)
      ->getResult(0);
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

namespace {
/// Builds state-free values of a step as tensors [batch, time, ...].
class TokenBuilder {
public:
  TokenBuilder(ScanOp scan, StepAlgebra &algebra, TensorBuilder &b)
      : scan(scan), algebra(algebra), b(b) {}

  /// The operand of the scan that `operand` is, up to dims of size 1, or null.
  Value reuse(const TokenOperand &operand);
  Value build(const TokenOperand &operand);
  Value buildOrReuse(const TokenOperand &operand) {
    Value value = reuse(operand);
    return value ? value : build(operand);
  }

private:
  /// `summed` are loops after those of `axes`; body values are added up.
  Value build(const StepExpr *expr, ArrayRef<StepAxis> axes,
              ArrayRef<StepAxis> summed, Type type);
  Value sourceOf(const StepExpr *input);
  Value emit(TensorBuilder &s, const StepExpr *expr,
             DenseMap<const StepExpr *, Value> &values);

  ScanOp scan;
  StepAlgebra &algebra;
  TensorBuilder &b;
};
} // namespace

Value TokenBuilder::reuse(const TokenOperand &operand) {
  const StepExpr *expr = operand.expr;
  if (!expr->isToken)
    return {};
  SmallVector<StepAxis> own(expr->axes), wanted(operand.axes);
  llvm::erase(own, unitAxis);
  llvm::erase(wanted, unitAxis);
  if (own != wanted)
    return {};
  SmallVector<int64_t> tail;
  for (StepAxis axis : operand.axes)
    tail.push_back(algebra.getSize(axis));
  return reshapeUnits(b, expr->source, tail, 2);
}

/// Leaves and sums below `expr`: what its generic reads.
static void collectInputs(const StepExpr *expr,
                          SetVector<const StepExpr *> &visited,
                          SmallVectorImpl<const StepExpr *> &inputs) {
  if (!visited.insert(expr))
    return;
  if (expr->kind == Kind::leaf || expr->kind == Kind::sum) {
    inputs.push_back(expr);
    return;
  }
  for (const StepExpr *operand : expr->operands)
    collectInputs(operand, visited, inputs);
}

/// The tensor that a leaf or sum is read from.
Value TokenBuilder::sourceOf(const StepExpr *input) {
  if (input->kind == Kind::sum)
    return build(input->operands[0], input->freeAxes, input->axes, input->type);
  if (input->source)
    return input->source;
  return arith::ConstantOp::create(b.builder, b.loc, input->elements);
}

Value TokenBuilder::emit(TensorBuilder &s, const StepExpr *expr,
                         DenseMap<const StepExpr *, Value> &values) {
  auto found = values.find(expr);
  if (found != values.end())
    return found->second;
  SmallVector<Value> operands;
  for (const StepExpr *operand : expr->operands)
    operands.push_back(emit(s, operand, values));
  Value result;
  if (expr->kind == Kind::apply) {
    Operation *op = expr->op;
    result = s.builder
                 .insert(Operation::create(
                     op->getLoc(), op->getName(), expr->type, operands,
                     op->getDiscardableAttrDictionary(),
                     op->getPropertiesStorage(), BlockRange(), 0))
                 ->getResult(0);
  } else {
    bool isTotal = expr->kind == Kind::total;
    if (operands.empty() || expr->number != (isTotal ? 0 : 1))
      operands.push_back(s.number(expr->type, expr->number));
    result = operands[0];
    for (Value operand : ArrayRef<Value>(operands).drop_front())
      result = isTotal ? s.add(result, operand) : s.mul(result, operand);
  }
  values[expr] = result;
  return result;
}

Value TokenBuilder::build(const TokenOperand &operand) {
  const StepExpr *expr = operand.expr;
  if (expr->kind != Kind::sum)
    return build(expr, operand.axes, {}, expr->type);
  return build(expr->operands[0], operand.axes, expr->axes, expr->type);
}

Value TokenBuilder::build(const StepExpr *expr, ArrayRef<StepAxis> axes,
                          ArrayRef<StepAxis> summed, Type type) {
  SetVector<const StepExpr *> visited;
  SmallVector<const StepExpr *> inputs;
  collectInputs(expr, visited, inputs);

  unsigned loops = 2 + axes.size() + summed.size();
  DenseMap<StepAxis, unsigned> loopOf;
  SmallVector<OpFoldResult> sizes = b.sizes(scan.getInputs()[0]);
  sizes.truncate(2);
  for (auto [position, axis] : llvm::enumerate(axes)) {
    sizes.push_back(b.builder.getIndexAttr(algebra.getSize(axis)));
    loopOf[axis] = 2 + position;
  }
  for (auto [position, axis] : llvm::enumerate(summed))
    loopOf[axis] = 2 + axes.size() + position;

  SmallVector<Value> sources;
  SmallVector<AffineMap> maps;
  for (const StepExpr *input : inputs) {
    SmallVector<AffineExpr> results;
    if (input->isToken || input->kind == Kind::sum)
      results = {b.builder.getAffineDimExpr(0), b.builder.getAffineDimExpr(1)};
    for (StepAxis axis :
         input->kind == Kind::sum ? input->freeAxes : input->axes)
      results.push_back(axis == unitAxis
                            ? b.builder.getAffineConstantExpr(0)
                            : b.builder.getAffineDimExpr(loopOf.lookup(axis)));
    sources.push_back(sourceOf(input));
    maps.push_back(AffineMap::get(loops, 0, results, b.builder.getContext()));
  }
  maps.push_back(
      b.map(loops, llvm::to_vector(llvm::seq<unsigned>(0, sizes.size()))));
  Value init = summed.empty() ? b.empty(sizes, type) : b.filled(sizes, type, 0);
  return b.generic(sources, init, maps, sizes.size(),
                   [&](TensorBuilder &s, ValueRange args) {
                     DenseMap<const StepExpr *, Value> values;
                     for (auto [input, arg] : llvm::zip(inputs, args))
                       values[input] = arg;
                     Value value = emit(s, expr, values);
                     return summed.empty() ? value : s.add(args.back(), value);
                   });
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// The operand without a widening around it, which gate.linear_scan does
/// itself.
static TokenOperand dropWidening(TokenOperand operand) {
  if (operand.expr->kind == Kind::apply && isa<arith::ExtFOp>(operand.expr->op))
    operand.expr = operand.expr->operands[0];
  return operand;
}

/// Query, key, value and transition of the type that the step rounds its output
/// to, where all are operands of the scan, and of the type of the state
/// otherwise.
static SmallVector<Value> buildTokens(TokenBuilder &tokens,
                                      const LinearScanForm &form) {
  SmallVector<const TokenOperand *> parts{&form.query, &form.key, &form.value};
  for (const TokenOperand &operand : form.transition)
    parts.push_back(&operand);
  SmallVector<Value> values;
  if (form.rounding) {
    Type narrow = getElementTypeOrSelf(form.rounding->getResult(0).getType());
    if (llvm::all_of(parts, [&](const TokenOperand *part) {
          const StepExpr *expr = dropWidening(*part).expr;
          return expr->type == narrow && expr->kind == Kind::leaf;
        })) {
      for (const TokenOperand *part : parts)
        values.push_back(tokens.buildOrReuse(dropWidening(*part)));
      return values;
    }
  }
  for (const TokenOperand *part : parts)
    values.push_back(tokens.buildOrReuse(*part));
  return values;
}

static SmallVector<int64_t> sizesFrom(Value value, int64_t lead) {
  return SmallVector<int64_t>(
      cast<RankedTensorType>(value.getType()).getShape().drop_front(lead));
}

/// The output of the linear scan as that of `scan`.
static Value restoreOutput(TensorBuilder &b, ScanOp scan, Value output,
                           const LinearScanForm &form) {
  Value old = scan.getResult(0);
  Type element = getElementTypeOrSelf(old.getType());
  if (form.headsLast)
    output = permute(b, output, {0, 1, 3, 2});
  if (getElementTypeOrSelf(output.getType()) != element)
    output = b.elementwise({output}, b.empty(b.sizes(output), element),
                           [&](TensorBuilder &s, ValueRange args) {
                             return s.convert(args[0], element);
                           });
  return b.castTo(reshapeUnits(b, output, sizesFrom(old, 2), 2), old.getType());
}

static void raise(ScanOp scan, StepAlgebra &algebra,
                  const LinearScanForm &form) {
  OpBuilder builder(scan);
  TensorBuilder b(builder, scan.getLoc());
  TokenBuilder tokens(scan, algebra, b);
  SmallVector<Value> parts = buildTokens(tokens, form);
  Value decay;
  if (form.decay)
    decay = tokens.buildOrReuse(*form.decay);

  Value beta, bonus;
  if (form.beta)
    beta = tokens.buildOrReuse(dropWidening(*form.beta));
  if (form.bonus)
    bonus = reshapeUnits(
        b, form.bonus->source,
        {form.bonusAxes.size() == 1 ? 1 : form.heads, form.keyWidth}, 0);

  // [batch, heads, key, value] from the user's order and back.
  SmallVector<int64_t> order{0};
  for (int64_t dim : form.stateDims)
    order.push_back(dim + 1);
  Value initial = permute(b, scan.getInitial()[0], order);
  SmallVector<int64_t> userTail = sizesFrom(initial, 1);
  initial =
      reshapeUnits(b, initial, {form.heads, form.keyWidth, form.valueWidth}, 1);

  DenseF64ArrayAttr constants;
  if (form.decayConstants)
    constants = builder.getDenseF64ArrayAttr(*form.decayConstants);
  auto shapeOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  };
  Type output = RankedTensorType::get(
      {shapeOf(parts[0])[0], shapeOf(parts[0])[1], form.heads, form.valueWidth},
      getElementTypeOrSelf(parts[2].getType()));
  auto linear = LinearScanOp::create(
      builder, scan.getLoc(), output, initial.getType(), parts[0], parts[1],
      parts[2], decay, initial, beta,
      ValueRange(ArrayRef<Value>(parts).drop_front(3)), bonus, Value(), Value(),
      APFloat(form.scale), constants);
  linear.setUpdate(form.update);
  linear.setPrediction(form.prediction);
  if (form.decaysValues && form.decay && form.decay->axes.size() == 2)
    linear.setDecayAxis(Axis::value);
  if (form.readsBefore)
    linear.setRead(Read::before_with_bonus);
  linear.setReverse(scan.getReverse());

  Value last = reshapeUnits(b, linear.getFinal(), userTail, 1);
  SmallVector<int64_t> inverse(order.size());
  for (auto [position, dim] : llvm::enumerate(order))
    inverse[dim] = position;
  last = permute(b, last, inverse);
  scan.getResult(0).replaceAllUsesWith(
      restoreOutput(b, scan, linear.getOutput(), form));
  scan.getResult(1).replaceAllUsesWith(
      b.castTo(last, scan.getResult(1).getType()));
  scan.erase();
}

namespace {
struct RaiseScans : gate::impl::RaiseScansBase<RaiseScans> {
  void runOnOperation() override {
    SmallVector<ScanOp> scans;
    getOperation().walk([&](ScanOp scan) { scans.push_back(scan); });
    for (ScanOp scan : scans)
      visit(scan);
  }

private:
  remark::RemarkOpts options() {
    return remark::RemarkOpts::name("RaiseScans")
        .category(getArgument())
        .function(getOperation().getName());
  }

  void visit(ScanOp scan) {
    StepAlgebra algebra(scan);
    FailureOr<LinearScanForm> form = matchLinearScan(scan, algebra);
    if (failed(form)) {
      const StepRefusal &refusal = algebra.getRefusal();
      remark::missed(refusal.op->getLoc(), options())
          << remark::reason("{0}", refusal.reason);
      return;
    }
    auto report = remark::passed(scan.getLoc(), options());
    report << remark::add("{0}", "raised to gate.linear_scan");
    if (form->assumedDecay)
      report << remark::reason("{0}", "takes the log-decay to be at most 0");
    raise(scan, algebra, *form);
  }
};
} // namespace
