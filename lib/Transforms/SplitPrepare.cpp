//===- SplitPrepare.cpp - Compute what only parameters decide once --------===//
//
// Finds the largest tensors that follow from parameters alone, moves their
// computation to a function of its own, and lets each be handed in ready-made.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Runtime/Abi.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace gate {
#define GEN_PASS_DEF_SPLITPREPARE
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// True when running `root` once more, or where it would not have run, changes
/// nothing. Tensors have no memory, so this is about all that is nested.
static bool isRepeatable(Operation *root) {
  return !root->walk([](Operation *op) {
                // Such as a division, which must not be tried with a zero.
                auto speculation = dyn_cast<ConditionallySpeculatable>(op);
                if (op->getNumRegions() == 0 && speculation &&
                    speculation.getSpeculatability() ==
                        Speculation::NotSpeculatable)
                  return WalkResult::interrupt();
                if (op->hasTrait<OpTrait::HasRecursiveMemoryEffects>() ||
                    isa<ParallelCombiningOpInterface>(op))
                  return WalkResult::advance();
                auto effects = dyn_cast<MemoryEffectOpInterface>(op);
                return effects && effects.hasNoEffect()
                           ? WalkResult::advance()
                           : WalkResult::interrupt();
              })
              .wasInterrupted();
}

/// What `op` reads: its operands and what its regions use of the outside.
static llvm::SetVector<Value> valuesRead(Operation *op) {
  llvm::SetVector<Value> read(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), read);
  return read;
}

/// Elements of whole bytes and a size known now: what memory can be laid out
/// for.
static bool isStored(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.hasStaticShape() && tensor.getNumElements() > 0 &&
         tensor.getElementType().isIntOrFloat() &&
         tensor.getElementTypeBitWidth() % 8 == 0;
}

static int64_t bytesOf(RankedTensorType type) {
  return type.getNumElements() * (type.getElementTypeBitWidth() / 8);
}

/// The parameters whose sizes are known now.
static SmallVector<BlockArgument> parametersOf(func::FuncOp function) {
  SmallVector<BlockArgument> parameters;
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<ShapedType>(argument.getType());
    if (type && type.hasStaticShape() &&
        function.getArgAttr(argument.getArgNumber(), "gate.parameter"))
      parameters.push_back(argument);
  }
  return parameters;
}

namespace {

/// Ops of one function that follow from parameters and constants alone, and
/// which of them are worth preparing.
class ConstantOps {
public:
  explicit ConstantOps(func::FuncOp function);

  /// In program order.
  ArrayRef<Operation *> prepared() const { return found; }
  /// What only computes `root`, in program order, `root` last.
  SmallVector<Operation *> computationOf(Operation *root) const;

private:
  bool isConstant(Value value) const;
  /// The op of the collection that `user` is or is nested in, or null.
  Operation *constantAround(Operation *user) const;
  bool isOverwritten(Value value) const;
  bool isWorthPreparing(Operation *op) const;
  void collect();
  void choose();

  func::FuncOp function;
  SmallVector<BlockArgument> parameters;
  /// Constant ops that are not nested in others; whether a parameter is read.
  llvm::MapVector<Operation *, bool> ops;
  /// The prepared op that an op is only there for.
  DenseMap<Operation *, Operation *> owners;
  SmallVector<Operation *> found;
};

} // namespace

ConstantOps::ConstantOps(func::FuncOp function)
    : function(function), parameters(parametersOf(function)) {
  collect();
  choose();
}

/// A parameter, or the result of a constant op.
bool ConstantOps::isConstant(Value value) const {
  if (Operation *producer = value.getDefiningOp())
    return ops.contains(producer);
  return llvm::is_contained(parameters, value);
}

Operation *ConstantOps::constantAround(Operation *user) const {
  for (; user != function; user = user->getParentOp())
    if (ops.contains(user))
      return user;
  return nullptr;
}

void ConstantOps::collect() {
  function.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (op->getNumResults() == 0 || op->hasTrait<OpTrait::IsTerminator>() ||
        !isRepeatable(op))
      return WalkResult::advance();
    bool readsParameter = false;
    for (Value value : valuesRead(op)) {
      if (!isConstant(value))
        return WalkResult::advance();
      Operation *producer = value.getDefiningOp();
      readsParameter |= !producer || ops.lookup(producer);
    }
    ops[op] = readsParameter;
    return WalkResult::skip();
  });
}

/// True when something that is not prepared may write into `value`: it is then
/// a start, not an operand, and would have to be copied.
bool ConstantOps::isOverwritten(Value value) const {
  return llvm::any_of(value.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (Operation *constant = constantAround(user);
        constant && owners.lookup(constant))
      return false;
    if (user->hasTrait<OpTrait::IsTerminator>())
      return true;
    if (auto loop = dyn_cast<LoopLikeOpInterface>(user))
      if (loop.getTiedLoopRegionIterArg(&use))
        return true;
    if (auto destinations = dyn_cast<DestinationStyleOpInterface>(user))
      return destinations.isDpsInit(&use);
    // Another view of the same elements.
    return llvm::any_of(user->getResults(), [&](Value result) {
      return isa<TensorType>(result.getType()) && isOverwritten(result);
    });
  });
}

/// Work is what fills a destination or has a body; slices, reshapes and
/// constants cost nothing.
bool ConstantOps::isWorthPreparing(Operation *op) const {
  return ops.lookup(op) &&
         (isa<DestinationStyleOpInterface>(op) || op->getNumRegions() != 0) &&
         llvm::all_of(op->getResultTypes(), isStored) &&
         llvm::none_of(op->getResults(),
                       [&](Value value) { return isOverwritten(value); });
}

/// From the last op to the first: what the rest of the function reads is
/// prepared, or stays when it cannot be; what only leads there goes with it.
void ConstantOps::choose() {
  for (auto [op, unused] : llvm::reverse(ops)) {
    llvm::SmallPtrSet<Operation *, 4> readers;
    for (Operation *user : op->getUsers()) {
      Operation *constant = constantAround(user);
      readers.insert(constant ? owners.lookup(constant) : nullptr);
    }
    if (readers.empty() || op->hasTrait<OpTrait::ConstantLike>())
      continue;
    if (readers.size() == 1 && *readers.begin())
      owners[op] = *readers.begin();
    else if (isWorthPreparing(op)) {
      owners[op] = op;
      found.push_back(op);
    }
  }
  std::reverse(found.begin(), found.end());
}

SmallVector<Operation *> ConstantOps::computationOf(Operation *root) const {
  SmallVector<Operation *> computation;
  for (auto [op, unused] : ops)
    if (owners.lookup(op) == root)
      computation.push_back(op);
  return computation;
}

namespace {

/// The function that prepares for all functions with the same parameters.
class Preparation {
public:
  Preparation(func::FuncOp first, SymbolTable &symbols);

  /// True when `function` has the parameters that this one takes.
  bool fits(func::FuncOp function);
  /// Moves what `ops` found out of `function`.
  void split(func::FuncOp function, const ConstantOps &ops);
  void finish();

private:
  Value clone(Value value, IRMapping &mapping);
  Operation *findEqual(Operation *op);
  int64_t place(Value value);

  func::FuncOp prepare;
  OpBuilder builder;
  /// What is handed out, with offsets in prepared memory.
  llvm::MapVector<Value, int64_t> offsets;
  int64_t bytes = GATE_PREPARED_HEADER_BYTES;
};

} // namespace

Preparation::Preparation(func::FuncOp first, SymbolTable &symbols)
    : builder(first.getContext()) {
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  for (BlockArgument parameter : parametersOf(first)) {
    types.push_back(parameter.getType());
    attributes.push_back(first.getArgAttrDict(parameter.getArgNumber()));
  }
  prepare =
      func::FuncOp::create(first.getLoc(), (first.getName() + "_prepare").str(),
                           builder.getFunctionType(types, {}));
  prepare.setPrivate();
  prepare.setAllArgAttrs(attributes);
  symbols.insert(prepare, std::next(first->getIterator()));
  builder.setInsertionPointToStart(prepare.addEntryBlock());
}

bool Preparation::fits(func::FuncOp function) {
  SmallVector<BlockArgument> parameters = parametersOf(function);
  if (parameters.size() != prepare.getNumArguments())
    return false;
  return llvm::all_of(llvm::enumerate(parameters), [&](auto pair) {
    unsigned own = pair.index(), other = pair.value().getArgNumber();
    return prepare.getArgumentTypes()[own] == pair.value().getType() &&
           prepare.getArgAttr(own, "gate.parameter") ==
               function.getArgAttr(other, "gate.parameter");
  });
}

/// An earlier op of the function that computes the same; null if there is
/// none. Two empty tensors of a type are the same to start from.
Operation *Preparation::findEqual(Operation *op) {
  // Each result keeps a destination of its own.
  if (isa<tensor::EmptyOp>(op))
    return nullptr;
  DenseMap<Value, Value> inside;
  auto isEqual = [&](Value lhs, Value rhs) {
    auto left = lhs.getDefiningOp<tensor::EmptyOp>(),
         right = rhs.getDefiningOp<tensor::EmptyOp>();
    bool areEmpty = left && right && lhs.getType() == rhs.getType() &&
                    left.getDynamicSizes().empty();
    return success(lhs == rhs || areEmpty || inside.lookup(rhs) == lhs);
  };
  for (Operation &other : *op->getBlock()) {
    if (&other == op)
      break;
    inside.clear();
    if (other.getName() == op->getName() &&
        OperationEquivalence::isEquivalentTo(
            op, &other, isEqual,
            [&](Value lhs, Value rhs) { inside[rhs] = lhs; },
            OperationEquivalence::IgnoreLocations))
      return &other;
  }
  return nullptr;
}

/// `value` of another function, computed here.
Value Preparation::clone(Value value, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  for (Value read : valuesRead(op))
    clone(read, mapping);
  Operation *copy = builder.clone(*op, mapping);
  if (Operation *equal = findEqual(copy)) {
    mapping.map(op->getResults(), equal->getResults());
    copy->erase();
  }
  return mapping.lookup(value);
}

/// The offset of `value`, which is handed out.
int64_t Preparation::place(Value value) {
  auto [entry, isNew] = offsets.insert({value, bytes});
  if (isNew) {
    int64_t size = bytesOf(cast<RankedTensorType>(value.getType()));
    bytes += llvm::alignTo(size, GATE_PREPARED_ALIGNMENT);
  }
  return entry->second;
}

/// Puts `computation`, which ends in `op`, under a test: `ready` is there
/// instead when `isPrepared`.
static void replaceByChoice(Operation *op, Value isPrepared, ValueRange ready,
                            ArrayRef<Operation *> computation) {
  OpBuilder builder(op);
  auto choice = scf::IfOp::create(
      builder, op->getLoc(), isPrepared,
      [&](OpBuilder &inner, Location loc) {
        scf::YieldOp::create(inner, loc, ready);
      },
      [&](OpBuilder &inner, Location loc) {
        scf::YieldOp::create(inner, loc, op->getResults());
      });
  Operation *yield = choice.elseYield();
  op->replaceUsesWithIf(choice.getResults(), [yield](OpOperand &use) {
    return use.getOwner() != yield;
  });
  for (Operation *moved : computation)
    moved->moveBefore(yield);
}

void Preparation::split(func::FuncOp function, const ConstantOps &ops) {
  IRMapping mapping;
  for (auto [from, to] :
       llvm::zip(parametersOf(function), prepare.getArguments()))
    mapping.map(from, to);
  Location loc = function.getLoc();
  auto addArgument = [&](Type type, StringRef name, Attribute value) -> Value {
    unsigned position = function.getNumArguments();
    NamedAttribute attribute(builder.getStringAttr(name), value);
    (void)function.insertArgument(position, type,
                                  builder.getDictionaryAttr(attribute), loc);
    return function.getArgument(position);
  };
  // All copies before the first change: clones follow the original's values.
  SmallVector<SmallVector<int64_t>> places;
  for (Operation *op : ops.prepared()) {
    places.emplace_back();
    for (Value result : op->getResults())
      places.back().push_back(place(clone(result, mapping)));
  }
  Value isPrepared = addArgument(builder.getI1Type(), "gate.is_prepared",
                                 builder.getUnitAttr());
  DenseMap<int64_t, Value> arguments;
  for (auto [index, op] : llvm::enumerate(ops.prepared())) {
    SmallVector<Value> ready;
    for (auto [result, offset] : llvm::zip(op->getResults(), places[index])) {
      Value &argument = arguments[offset];
      if (!argument)
        argument = addArgument(result.getType(), "gate.prepared",
                               builder.getI64IntegerAttr(offset));
      ready.push_back(argument);
    }
    replaceByChoice(op, isPrepared, ready, ops.computationOf(op));
  }
  function->setAttr("gate.preparation",
                    FlatSymbolRefAttr::get(prepare.getSymNameAttr()));
}

void Preparation::finish() {
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> attributes;
  for (auto [value, offset] : offsets) {
    results.push_back(value);
    attributes.push_back(builder.getDictionaryAttr(builder.getNamedAttr(
        "gate.prepared", builder.getI64IntegerAttr(offset))));
  }
  func::ReturnOp::create(builder, prepare.getLoc(), results);
  prepare.setType(builder.getFunctionType(prepare.getArgumentTypes(),
                                          ValueRange(results).getTypes()));
  prepare.setAllResultAttrs(attributes);
  prepare->setAttr("gate.prepared_bytes", builder.getI64IntegerAttr(bytes));
  // What equal copies read.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(prepare.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

namespace {
struct SplitPrepare : gate::impl::SplitPrepareBase<SplitPrepare> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<func::FuncOp> functions;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function.isPublic() && !function.isDeclaration() &&
          !function->hasAttr("gate.preparation"))
        functions.push_back(function);
    SmallVector<Preparation> preparations;
    for (func::FuncOp function : functions) {
      ConstantOps ops(function);
      if (ops.prepared().empty())
        continue;
      auto *shared = llvm::find_if(preparations, [&](Preparation &known) {
        return known.fits(function);
      });
      if (shared == preparations.end())
        shared = &preparations.emplace_back(function, symbols);
      shared->split(function, ops);
    }
    for (Preparation &preparation : preparations)
      preparation.finish();
  }
};
} // namespace
