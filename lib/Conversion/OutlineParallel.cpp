//===- OutlineParallel.cpp - Parallel loops as calls of the runtime -------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outlining.h"
#include "RowMajorView.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace gate {
#define GEN_PASS_DEF_OUTLINEPARALLEL
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

static constexpr StringLiteral parallelForName = "gate_rt_parallel_for";

static Value constantIndex(OpBuilder &b, Location loc, int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}

/// A forall inside a task: plain loops, in order.
static void makeSequential(scf::ForallOp forall) {
  OpBuilder b(forall);
  Location loc = forall.getLoc();
  SmallVector<Value> ivs;
  for (auto [lower, upper, step] :
       llvm::zip(forall.getMixedLowerBound(), forall.getMixedUpperBound(),
                 forall.getMixedStep())) {
    auto loop = scf::ForOp::create(
        b, loc, getValueOrCreateConstantIndexOp(b, loc, lower),
        getValueOrCreateConstantIndexOp(b, loc, upper),
        getValueOrCreateConstantIndexOp(b, loc, step));
    ivs.push_back(loop.getInductionVar());
    b.setInsertionPointToStart(loop.getBody());
  }
  for (auto [old, fresh] : llvm::zip(forall.getInductionVars(), ivs))
    old.replaceAllUsesWith(fresh);
  Block *target = b.getInsertionBlock();
  Block *source = forall.getBody();
  target->getOperations().splice(target->begin(), source->getOperations(),
                                 source->begin(), std::prev(source->end()));
  forall.erase();
}

namespace {

/// Outlines one parallel loop.
class TaskOutliner {
public:
  TaskOutliner(scf::ForallOp forall, StringRef name)
      : forall(forall), name(name), converter(forall.getContext()),
        pointer(LLVM::LLVMPointerType::get(forall.getContext())) {}

  LogicalResult run();

private:
  LogicalResult capture();
  void buildTask();
  void buildCall();

  scf::ForallOp forall;
  std::string name;
  LLVMTypeConverter converter;
  Type pointer;
  /// One captured value: its first field in the context. A row-major memref is
  /// a pointer and its dynamic sizes, anything else one field.
  struct Capture {
    Value value;
    unsigned field;
  };

  SmallVector<Capture> captured;
  SmallVector<Type> fields;
  LLVM::LLVMStructType context;
};

} // namespace

LogicalResult TaskOutliner::capture() {
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(forall.getRegion(), used);
  for (ValueRange bounds : {ValueRange(forall.getDynamicLowerBound()),
                            ValueRange(forall.getDynamicUpperBound()),
                            ValueRange(forall.getDynamicStep())})
    used.insert(bounds.begin(), bounds.end());
  for (Value value : used) {
    if (Operation *producer = value.getDefiningOp();
        producer && matchPattern(producer, m_Constant()))
      continue;
    captured.push_back({value, static_cast<unsigned>(fields.size())});
    if (isRowMajor(value.getType())) {
      fields.push_back(pointer);
      fields.append(cast<MemRefType>(value.getType()).getNumDynamicDims(),
                    IntegerType::get(forall.getContext(), 64));
      continue;
    }
    Type field = converter.convertType(value.getType());
    if (!field || !LLVM::isCompatibleType(field))
      return forall.emitError()
             << "captures a value of type " << value.getType()
             << ", which cannot be handed to a task";
    fields.push_back(field);
  }
  context = LLVM::LLVMStructType::getLiteral(forall.getContext(), fields);
  return success();
}

/// task(context, begin, end): the captured values, then the loop.
void TaskOutliner::buildTask() {
  auto parent = forall->getParentOfType<func::FuncOp>();
  OpBuilder b(forall.getContext());
  b.setInsertionPointAfter(parent);
  Location loc = forall.getLoc();
  Type i64 = b.getI64Type();
  auto task = func::FuncOp::create(b, loc, name,
                                   b.getFunctionType({pointer, i64, i64}, {}));
  task.setPrivate();
  task->setAttr("gate.task", b.getUnitAttr());
  Block *entry = task.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping mapping;
  auto load = [&](unsigned position) -> Value {
    Value field = LLVM::GEPOp::create(
        b, loc, pointer, context, entry->getArgument(0),
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(position)});
    return LLVM::LoadOp::create(b, loc, fields[position], field);
  };
  for (const Capture &capture : captured) {
    Value value = capture.value;
    Value loaded = load(capture.field);
    if (isRowMajor(value.getType())) {
      auto type = cast<MemRefType>(value.getType());
      SmallVector<Value> sizes;
      for (int64_t i = 0, n = type.getNumDynamicDims(); i < n; ++i)
        sizes.push_back(load(capture.field + 1 + i));
      loaded = makeRowMajorView(b, loc, converter, type, loaded, sizes);
    } else if (loaded.getType() != value.getType()) {
      loaded =
          UnrealizedConversionCastOp::create(b, loc, value.getType(), loaded)
              .getResult(0);
    }
    mapping.map(value, loaded);
  }
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(forall.getRegion(), used);
  for (Value value : used)
    if (!mapping.contains(value))
      mapping.map(value, b.clone(*value.getDefiningOp())->getResult(0));

  // Bounds again, from the captured values.
  SmallVector<Value> lower =
      boundValues(b, loc, forall.getMixedLowerBound(), &mapping);
  SmallVector<Value> upper =
      boundValues(b, loc, forall.getMixedUpperBound(), &mapping);
  SmallVector<Value> step =
      boundValues(b, loc, forall.getMixedStep(), &mapping);
  SmallVector<Value> counts = tripCounts(b, loc, lower, upper, step);

  // Stack room is made once per task, not per iteration.
  auto toIndex = [&](Value value) -> Value {
    return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
  };
  Value begin = toIndex(entry->getArgument(1)),
        end = toIndex(entry->getArgument(2));
  for (auto alloca :
       llvm::make_early_inc_range(forall.getBody()->getOps<memref::AllocaOp>()))
    if (alloca.getOperands().empty())
      mapping.map(alloca.getResult(), b.clone(*alloca)->getResult(0));
  auto loop = scf::ForOp::create(b, loc, begin, end, constantIndex(b, loc, 1));
  func::ReturnOp::create(b, loc);
  b.setInsertionPointToStart(loop.getBody());
  SmallVector<Value> ivs =
      inductionAt(b, loc, loop.getInductionVar(), counts, lower, step);
  for (auto [old, fresh] : llvm::zip(forall.getInductionVars(), ivs))
    mapping.map(old, fresh);
  for (Operation &op : forall.getBody()->without_terminator())
    if (op.getNumResults() != 1 || !mapping.contains(op.getResult(0)))
      b.clone(op, mapping);
}

/// The captured values in a struct on the stack, and the call.
void TaskOutliner::buildCall() {
  OpBuilder b(forall);
  Location loc = forall.getLoc();
  auto parent = forall->getParentOfType<func::FuncOp>();
  Value room;
  {
    // In the entry block: a loop around the call must not grow the stack.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&parent.getBody().front());
    Value one = LLVM::ConstantOp::create(b, loc, b.getI64Type(),
                                         b.getI64IntegerAttr(1));
    room = LLVM::AllocaOp::create(b, loc, pointer, context, one);
  }
  auto store = [&](Value value, unsigned position) {
    if (value.getType() != fields[position])
      value =
          UnrealizedConversionCastOp::create(b, loc, fields[position], value)
              .getResult(0);
    Value field = LLVM::GEPOp::create(
        b, loc, pointer, context, room,
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(position)});
    LLVM::StoreOp::create(b, loc, value, field);
  };
  for (const Capture &capture : captured) {
    if (!isRowMajor(capture.value.getType())) {
      store(capture.value, capture.field);
      continue;
    }
    auto type = cast<MemRefType>(capture.value.getType());
    Value address =
        memref::ExtractAlignedPointerAsIndexOp::create(b, loc, capture.value);
    address = arith::IndexCastOp::create(b, loc, b.getI64Type(), address);
    store(LLVM::IntToPtrOp::create(b, loc, pointer, address), capture.field);
    unsigned next = capture.field + 1;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim)) {
        Value size = memref::DimOp::create(b, loc, capture.value, dim);
        store(arith::IndexCastOp::create(b, loc, b.getI64Type(), size), next++);
      }
  }
  Value total = constantIndex(b, loc, 1);
  for (Value count : tripCounts(b, loc, forall.getLowerBound(b),
                                forall.getUpperBound(b), forall.getStep(b)))
    total = b.createOrFold<arith::MulIOp>(loc, total, count);
  Value count = arith::IndexCastOp::create(b, loc, b.getI64Type(), total);
  auto type = b.getFunctionType({pointer, b.getI64Type(), b.getI64Type()}, {});
  Value task = func::ConstantOp::create(b, loc, type, name);
  Value address =
      UnrealizedConversionCastOp::create(b, loc, pointer, task).getResult(0);
  func::CallOp::create(b, loc, parallelForName, TypeRange(),
                       ValueRange{address, room, count});
}

LogicalResult TaskOutliner::run() {
  if (forall.getNumResults() != 0)
    return forall.emitError("expects a parallel loop on buffers");
  if (failed(capture()))
    return failure();
  buildTask();
  buildCall();
  forall.erase();
  return success();
}

namespace {
struct OutlineParallel : gate::impl::OutlineParallelBase<OutlineParallel> {
  void runOnOperation() override {
    SmallVector<scf::ForallOp> tasks, nested;
    getOperation().walk<WalkOrder::PreOrder>([&](scf::ForallOp forall) {
      if (forall->getParentOfType<scf::ForallOp>())
        nested.push_back(forall);
      else
        tasks.push_back(forall);
    });
    for (scf::ForallOp forall : llvm::reverse(nested))
      makeSequential(forall);
    if (tasks.empty())
      return;
    OpBuilder b(&getContext());
    b.setInsertionPointToStart(getOperation().getBody());
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    auto runtime = func::FuncOp::create(
        b, getOperation().getLoc(), parallelForName,
        b.getFunctionType({pointer, pointer, b.getI64Type()}, {}));
    runtime.setPrivate();
    unsigned number = 0;
    SmallVector<func::FuncOp> outlined;
    for (scf::ForallOp forall : tasks) {
      std::string name = (forall->getParentOfType<func::FuncOp>().getName() +
                          "_task_" + Twine(number++))
                             .str();
      if (failed(TaskOutliner(forall, name).run()))
        return signalPassFailure();
      outlined.push_back(cast<func::FuncOp>(
          SymbolTable::lookupSymbolIn(getOperation(), name)));
    }
    llvm::StringMap<std::string> replacements = mergeEqualFunctions(outlined);
    getOperation().walk([&](func::ConstantOp constant) {
      auto found = replacements.find(constant.getValue());
      if (found != replacements.end())
        constant.setValue(found->second);
    });
  }
};
} // namespace
