//===- DeriveStep.cpp - One-token functions -------------------------------===//
//
// Follows the named time dim through a function by the streaming interface
// (and the indexing maps of linalg), then clones the function for one token.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

namespace gate {
#define GEN_PASS_DEF_DERIVESTEP
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using TimeDims = DenseMap<Value, int64_t>;

/// Position of `time` among gate.dims, or -1.
static int64_t timePosition(ArrayAttr dims, StringRef time) {
  if (dims)
    for (auto [position, name] : llvm::enumerate(dims.getAsRange<StringAttr>()))
      if (name.getValue() == time)
        return position;
  return -1;
}

/// Whether two dims of an argument are named `time`.
static bool namesTwice(func::FuncOp function, unsigned argument,
                       StringRef time) {
  auto dims = function.getArgAttrOfType<ArrayAttr>(argument, "gate.dims");
  return llvm::count_if(dims.getAsRange<StringAttr>(), [&](StringAttr name) {
           return name.getValue() == time;
         }) > 1;
}

static int64_t timeOf(const TimeDims &times, Value value) {
  auto found = times.find(value);
  return found == times.end() ? -1 : found->second;
}

/// Whether the body of `op` asks for the index of loop `loop`.
static bool readsIndexOf(linalg::LinalgOp op, unsigned loop) {
  return op.getBlock()
      ->walk([&](linalg::IndexOp index) {
        return index.getDim() == loop ? WalkResult::interrupt()
                                      : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Time through a structured op: one parallel loop is time.
static LogicalResult propagateLinalg(linalg::LinalgOp op, TimeDims &times,
                                     std::string &reason) {
  std::optional<unsigned> timeLoop;
  for (OpOperand &operand : op->getOpOperands()) {
    int64_t time = timeOf(times, operand.get());
    if (time < 0)
      continue;
    AffineMap map = op.getMatchingIndexingMap(&operand);
    auto dim = dyn_cast<AffineDimExpr>(map.getResult(time));
    if (!dim) {
      reason = "reads tokens at shifted positions";
      return failure();
    }
    if (timeLoop && *timeLoop != dim.getPosition()) {
      reason = "pairs every token with every other";
      return failure();
    }
    timeLoop = dim.getPosition();
  }
  if (!timeLoop)
    return success();
  if (op.getIteratorTypesArray()[*timeLoop] != utils::IteratorType::parallel) {
    reason = "sums over time";
    return failure();
  }
  if (readsIndexOf(op, *timeLoop)) {
    reason = "depends on the position of a token";
    return failure();
  }
  for (OpOperand &init : op.getDpsInitsMutable()) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    for (auto [position, expr] : llvm::enumerate(map.getResults()))
      if (auto dim = dyn_cast<AffineDimExpr>(expr);
          dim && dim.getPosition() == *timeLoop)
        times[op.getTiedOpResult(&init)] = position;
  }
  return success();
}

/// Time through a reshape: its dim must stay a dim of its own.
static LogicalResult propagateReshape(Value source, Value result,
                                      ArrayRef<ReassociationIndices> groups,
                                      bool expands, TimeDims &times,
                                      std::string &reason) {
  int64_t time = timeOf(times, source);
  if (time < 0)
    return success();
  for (auto [position, group] : llvm::enumerate(groups)) {
    int64_t own = expands ? static_cast<int64_t>(position) : group.front();
    bool holds = expands ? own == time : llvm::is_contained(group, time);
    if (!holds)
      continue;
    if (group.size() != 1) {
      reason = expands ? "splits time into several dims"
                       : "merges time with another dim";
      return failure();
    }
    times[result] = expands ? group.front() : static_cast<int64_t>(position);
  }
  return success();
}

/// Time through an op without an interface that may be elementwise.
static LogicalResult propagateElementwise(Operation &op, TimeDims &times,
                                          std::string &reason) {
  int64_t time = -1;
  if (op.hasTrait<OpTrait::IsTerminator>())
    return success();
  for (Value operand : op.getOperands()) {
    int64_t own = timeOf(times, operand);
    if (own < 0)
      continue;
    if (time >= 0 && own != time) {
      reason = "has time in dim " + std::to_string(time) +
               " of one operand and in dim " + std::to_string(own) +
               " of another";
      return failure();
    }
    time = own;
  }
  if (time < 0)
    return success();
  if (!isa<tensor::CastOp>(op) && !OpTrait::hasElementwiseMappableTraits(&op)) {
    reason = "is an op through which time cannot be followed";
    return failure();
  }
  for (Value result : op.getResults())
    times[result] = time;
  return success();
}

/// The number of tokens may size tensors, but is not a number to compute with:
/// it is 1 in a step.
static LogicalResult propagateSize(tensor::DimOp op, TimeDims &times,
                                   std::string &reason) {
  int64_t time = timeOf(times, op.getSource());
  if (time < 0 || (op.getConstantIndex() && *op.getConstantIndex() != time) ||
      llvm::all_of(
          op->getUsers(),
          llvm::IsaPred<tensor::DimOp, tensor::EmptyOp, tensor::ExpandShapeOp>))
    return success();
  reason = "computes with the number of tokens";
  return failure();
}

/// Time through one op of the body; fails with a reason.
static LogicalResult propagate(Operation &op, TimeDims &times,
                               std::string &reason) {
  SetVector<Value> captured;
  getUsedValuesDefinedAbove(op.getRegions(), captured);
  if (llvm::any_of(captured, [&](Value v) { return timeOf(times, v) >= 0; })) {
    reason = "reads tokens from inside its region";
    return failure();
  }
  if (auto streaming = dyn_cast<StreamingOpInterface>(op)) {
    SmallVector<int64_t> operands, results;
    for (Value operand : op.getOperands())
      operands.push_back(timeOf(times, operand));
    if (failed(streaming.propagateTime(operands, results, reason)))
      return failure();
    for (auto [result, time] : llvm::zip(op.getResults(), results))
      if (time >= 0)
        times[result] = time;
    return success();
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return propagateLinalg(linalgOp, times, reason);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return propagateReshape(expand.getSrc(), expand.getResult(),
                            expand.getReassociationIndices(), true, times,
                            reason);
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return propagateReshape(collapse.getSrc(), collapse.getResult(),
                            collapse.getReassociationIndices(), false, times,
                            reason);
  if (auto dim = dyn_cast<tensor::DimOp>(op))
    return propagateSize(dim, times, reason);
  return propagateElementwise(op, times, reason);
}

namespace {
/// A state that an op carries from token to token.
struct CarriedState {
  Value initial, final;
};
} // namespace

/// The states that `op` carries over tokens.
static SmallVector<CarriedState> carriedStates(Operation &op) {
  if (auto scan = dyn_cast<LinearScanOp>(op))
    return {{scan.getInitial(), scan.getFinal()}};
  if (auto conv = dyn_cast<ShortConvOp>(op))
    return {{conv.getInitial(), conv.getFinal()}};
  SmallVector<CarriedState> states;
  if (auto scan = dyn_cast<ScanOp>(op))
    for (auto [initial, final] :
         llvm::zip(scan.getInitial(),
                   scan.getResults().drop_front(scan.getNumOutputs())))
      states.push_back({initial, final});
  return states;
}

/// `value` and all that it is computed from.
static SetVector<Value> sourcesOf(Value value) {
  SetVector<Value> sources;
  sources.insert(value);
  for (unsigned i = 0; i < sources.size(); ++i)
    if (Operation *op = sources[i].getDefiningOp())
      sources.insert(op->operand_begin(), op->operand_end());
  return sources;
}

/// Checks that what `op` remembers comes in as a state of the function and
/// goes out as the same state; otherwise every step would start anew.
static LogicalResult checkCarried(func::FuncOp function, Operation &op,
                                  const TimeDims &times, std::string &reason) {
  if (llvm::none_of(op.getOperands(),
                    [&](Value v) { return timeOf(times, v) >= 0; }))
    return success();
  Operation *terminator = function.getBody().front().getTerminator();
  for (auto [initial, final] : carriedStates(op)) {
    SmallVector<Attribute> names;
    for (Value source : sourcesOf(initial))
      if (auto argument = dyn_cast<BlockArgument>(source))
        if (Attribute name =
                function.getArgAttr(argument.getArgNumber(), "gate.state"))
          names.push_back(name);
    if (names.empty()) {
      reason = "starts from an initial state that is no function argument with "
               "gate.state, so a step would forget the tokens before it";
      return failure();
    }
    bool returns = false;
    for (OpOperand &operand : terminator->getOpOperands())
      returns |= llvm::is_contained(
                     names, function.getResultAttr(operand.getOperandNumber(),
                                                   "gate.state")) &&
                 sourcesOf(operand.get()).contains(final);
    if (!returns) {
      reason = "has a final state that is not returned under the gate.state "
               "that it starts from, so a step would forget this token";
      return failure();
    }
  }
  return success();
}

static RankedTensorType dropDim(RankedTensorType type, int64_t dim) {
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + dim);
  return RankedTensorType::get(shape, type.getElementType());
}

/// `type` with size 1 in dim `dim`.
static RankedTensorType unitDim(RankedTensorType type, int64_t dim) {
  SmallVector<int64_t> shape(type.getShape());
  shape[dim] = 1;
  return RankedTensorType::get(shape, type.getElementType());
}

/// Groups that fold dim `dim` of a tensor of rank `rank` into a neighbour.
static SmallVector<ReassociationIndices> unitGroups(int64_t rank, int64_t dim) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t d = 0; d < rank; ++d) {
    if (d == dim && !groups.empty())
      groups.back().push_back(d);
    else if (d == 1 && dim == 0)
      groups.back().push_back(d);
    else
      groups.push_back({d});
  }
  if (rank == 1)
    groups.clear();
  return groups;
}

/// Attributes of an argument or result without the time dim.
static DictionaryAttr dropTime(DictionaryAttr attributes, int64_t dim) {
  if (!attributes || dim < 0)
    return attributes;
  NamedAttrList list(attributes);
  auto dims = cast<ArrayAttr>(list.get("gate.dims"));
  SmallVector<Attribute> names(dims.getValue());
  names.erase(names.begin() + dim);
  list.set("gate.dims", ArrayAttr::get(attributes.getContext(), names));
  return list.getDictionary(attributes.getContext());
}

/// Builds the step function beside `function`.
static void buildStep(func::FuncOp function, StringRef name,
                      ArrayRef<int64_t> argumentTimes,
                      ArrayRef<int64_t> resultTimes) {
  OpBuilder builder(function);
  builder.setInsertionPointAfter(function);
  Location loc = function.getLoc();
  SmallVector<Type> arguments, results;
  for (auto [type, time] :
       llvm::zip(function.getArgumentTypes(), argumentTimes))
    arguments.push_back(time < 0 ? type
                                 : dropDim(cast<RankedTensorType>(type), time));
  for (auto [type, time] : llvm::zip(function.getResultTypes(), resultTimes))
    results.push_back(time < 0 ? type
                               : dropDim(cast<RankedTensorType>(type), time));
  auto step = func::FuncOp::create(builder, loc, name,
                                   builder.getFunctionType(arguments, results));
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (DictionaryAttr attributes =
            dropTime(function.getArgAttrDict(i), argumentTimes[i]))
      step.setArgAttrs(i, attributes);
  for (unsigned i = 0; i < results.size(); ++i)
    if (DictionaryAttr attributes =
            dropTime(function.getResultAttrDict(i), resultTimes[i]))
      step.setResultAttrs(i, attributes);

  Block *entry = step.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  IRMapping mapping;
  for (auto [old, fresh, time] : llvm::zip(
           function.getArguments(), entry->getArguments(), argumentTimes)) {
    Value value = fresh;
    if (time >= 0) {
      auto full = cast<RankedTensorType>(old.getType());
      value = tensor::ExpandShapeOp::create(builder, loc, unitDim(full, time),
                                            value,
                                            unitGroups(full.getRank(), time));
      if (value.getType() != full)
        value = tensor::CastOp::create(builder, loc, full, value);
    }
    mapping.map(old, value);
  }
  Block &body = function.getBody().front();
  for (Operation &op : body.without_terminator())
    builder.clone(op, mapping);
  SmallVector<Value> returned;
  for (auto [value, time] :
       llvm::zip(body.getTerminator()->getOperands(), resultTimes)) {
    Value result = mapping.lookupOrDefault(value);
    if (time >= 0) {
      auto full = cast<RankedTensorType>(result.getType());
      RankedTensorType unit = unitDim(full, time);
      if (unit != full)
        result = tensor::CastOp::create(builder, loc, unit, result);
      result = tensor::CollapseShapeOp::create(
          builder, loc, dropDim(full, time), result,
          unitGroups(full.getRank(), time));
    }
    returned.push_back(result);
  }
  func::ReturnOp::create(builder, loc, returned);
}

namespace {
struct DeriveStep : gate::impl::DeriveStepBase<DeriveStep> {
  using gate::impl::DeriveStepBase<DeriveStep>::DeriveStepBase;

  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration() &&
          function->hasAttr("gate.time") && hasState(function))
        functions.push_back(function);
    for (func::FuncOp function : functions) {
      std::string name =
          functions.size() == 1 ? "step" : (function.getName() + "_step").str();
      if (getOperation().lookupSymbol(name))
        continue;
      if (failed(derive(function, name)))
        return signalPassFailure();
    }
  }

private:
  static bool hasState(func::FuncOp function) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      if (function.getArgAttr(i, "gate.state"))
        return true;
    return false;
  }

  LogicalResult refuse(Operation *op, const Twine &what, StringRef reason) {
    if (required)
      return op->emitError()
             << "no step can be derived: " << what << " " << reason;
    op->emitRemark() << "no step is derived: " << what << " " << reason;
    return success();
  }

  LogicalResult derive(func::FuncOp function, StringRef name) {
    if (!function.getBody().hasOneBlock())
      return refuse(function, "the function", "has more than one block");
    StringRef time =
        function->getAttrOfType<StringAttr>("gate.time").getValue();
    TimeDims times;
    SmallVector<int64_t> argumentTimes, resultTimes;
    for (BlockArgument argument : function.getArguments()) {
      int64_t position = timePosition(function.getArgAttrOfType<ArrayAttr>(
                                          argument.getArgNumber(), "gate.dims"),
                                      time);
      argumentTimes.push_back(position);
      if (position < 0)
        continue;
      times[argument] = position;
      auto type = cast<RankedTensorType>(argument.getType());
      if (!type.isDynamicDim(position))
        return refuse(function, "argument " + Twine(argument.getArgNumber()),
                      "has a time dim of static size");
      if (namesTwice(function, argument.getArgNumber(), time))
        return refuse(function, "argument " + Twine(argument.getArgNumber()),
                      "names the time dim twice");
    }
    std::string reason;
    for (Operation &op : function.getBody().front())
      if (failed(propagate(op, times, reason)) ||
          failed(checkCarried(function, op, times, reason)))
        return refuse(&op, "'" + op.getName().getStringRef() + "'", reason);
    Operation *terminator = function.getBody().front().getTerminator();
    for (auto [index, value] : llvm::enumerate(terminator->getOperands())) {
      int64_t named = timePosition(
          function.getResultAttrOfType<ArrayAttr>(index, "gate.dims"), time);
      if (named != timeOf(times, value))
        return refuse(terminator, "result " + Twine(index),
                      named >= 0
                          ? "names a time dim that no token reaches"
                          : "has a time dim that gate.dims does not name");
      resultTimes.push_back(named);
    }
    buildStep(function, name, argumentTimes, resultTimes);
    return success();
  }
};
} // namespace
