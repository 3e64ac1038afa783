//===- OutlineKernels.cpp - Parallel loops as kernels of a GPU ------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Outlining.h"
#include "gate/Analysis/FunctionSignature.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Interfaces/ViewLikeInterface.h"
#include "mlir/Transforms/RegionUtils.h"

namespace gate {
#define GEN_PASS_DEF_OUTLINEKERNELS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

static constexpr StringLiteral launchName = "gate_rt_cuda_launch";
/// Rows of tiles of a product that blocks take together.
static constexpr int64_t groupRows = 8;

namespace {

/// Outlines one parallel loop.
class KernelOutliner {
public:
  KernelOutliner(scf::ForallOp forall, ModuleOp kernels, StringRef name,
                 Value launch)
      : forall(forall), kernels(kernels), name(name), launch(launch),
        pointer(LLVM::LLVMPointerType::get(forall.getContext())) {}

  LogicalResult run();

private:
  LogicalResult capture();
  bool isRebuilt(Value value);
  bool sharesTiles();
  void buildKernel();
  void buildLaunch();

  scf::ForallOp forall;
  ModuleOp kernels;
  std::string name;
  Value launch;
  Type pointer;
  /// Values from outside: all, and those that a kernel receives. It makes the
  /// others again from these.
  SmallVector<Value> captured, received;
};

} // namespace

/// Constants and views cost nothing to make again.
bool KernelOutliner::isRebuilt(Value value) {
  Operation *op = value.getDefiningOp();
  return op &&
         (matchPattern(op, m_Constant()) || isa<memref::GetGlobalOp>(op) ||
          (isa<ViewLikeOpInterface>(op) && op->getNumRegions() == 0 &&
           isa<MemRefType>(value.getType()) && isPure(op)));
}

LogicalResult KernelOutliner::capture() {
  llvm::SetVector<Value> used;
  getUsedValuesDefinedAbove(forall.getRegion(), used);
  for (ValueRange bounds : {ValueRange(forall.getDynamicLowerBound()),
                            ValueRange(forall.getDynamicUpperBound()),
                            ValueRange(forall.getDynamicStep())})
    used.insert(bounds.begin(), bounds.end());
  // Grows while views bring what they view.
  for (size_t i = 0; i < used.size(); ++i) {
    Value value = used[i];
    if (isRebuilt(value))
      used.insert_range(value.getDefiningOp()->getOperands());
    else
      received.push_back(value);
  }
  captured = used.takeVector();
  for (Value value : received)
    if (Type type = value.getType();
        !isRowMajor(type) && !type.isIntOrIndexOrFloat())
      return forall.emitError("a GPU kernel cannot receive a value of type ")
             << type;
  return success();
}

/// Whether an index is computed from an induction variable.
static bool dependsOn(Value value, Value variable) {
  if (value == variable)
    return true;
  Operation *op = value.getDefiningOp();
  return op && llvm::any_of(op->getOperands(), [&](Value operand) {
           return operand.getType().isIntOrIndex() &&
                  dependsOn(operand, variable);
         });
}

/// Whether neighbours along either of the last two loops read the same part of
/// some buffer: rows of a left matrix, columns of a right one.
bool KernelOutliner::sharesTiles() {
  if (forall.getRank() < 2)
    return false;
  SmallVector<Value> variables(forall.getInductionVars());
  Value row = variables[variables.size() - 2], column = variables.back();
  bool byRow = false, byColumn = false;
  forall.walk([&](memref::SubViewOp view) {
    bool isRow = false, isColumn = false;
    for (Value offset : view.getOffsets()) {
      isRow |= dependsOn(offset, row);
      isColumn |= dependsOn(offset, column);
    }
    byRow |= isRow && !isColumn;
    byColumn |= isColumn && !isRow;
  });
  bool multiplies =
      forall.walk([](vector::ContractionOp) { return WalkResult::interrupt(); })
          .wasInterrupted();
  return byRow && byColumn && multiplies;
}

/// The number of a tile in rows of tiles for the number of a block, so that
/// blocks that run together take few rows and few columns: all columns of
/// `groupRows` rows, row by row in each column, then the next rows.
static Value groupTiles(OpBuilder &b, Location loc, Value block, Value rows,
                        Value columns) {
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantIntOp::create(b, loc, n, 32);
  };
  Value inGroup =
      b.createOrFold<arith::MulIOp>(loc, columns, number(groupRows));
  Value group = b.createOrFold<arith::DivUIOp>(loc, block, inGroup);
  Value place = b.createOrFold<arith::RemUIOp>(loc, block, inGroup);
  Value first = b.createOrFold<arith::MulIOp>(loc, group, number(groupRows));
  Value rest = b.createOrFold<arith::SubIOp>(loc, rows, first);
  Value height = b.createOrFold<arith::MinUIOp>(loc, rest, number(groupRows));
  Value row = b.createOrFold<arith::RemUIOp>(loc, place, height);
  Value column = b.createOrFold<arith::DivUIOp>(loc, place, height);
  row = b.createOrFold<arith::AddIOp>(loc, row, first);
  row = b.createOrFold<arith::MulIOp>(loc, row, columns);
  return b.createOrFold<arith::AddIOp>(loc, row, column);
}

void KernelOutliner::buildKernel() {
  OpBuilder b = OpBuilder::atBlockEnd(kernels.getBody());
  Location loc = forall.getLoc();
  auto kernel = func::FuncOp::create(
      b, loc, name, b.getFunctionType(ValueRange(received).getTypes(), {}));
  kernel->setAttr("gate.kernel", b.getUnitAttr());
  Block *entry = kernel.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping mapping;
  mapping.map(received, entry->getArguments());
  std::function<void(Value)> rebuild = [&](Value value) {
    if (mapping.contains(value))
      return;
    Operation *op = value.getDefiningOp();
    for (Value operand : op->getOperands())
      rebuild(operand);
    b.clone(*op, mapping);
  };
  llvm::for_each(captured, rebuild);
  // Constants in memory are needed on the GPU.
  ModuleOp host = forall->getParentOfType<ModuleOp>();
  kernel.walk([&](memref::GetGlobalOp get) {
    if (SymbolTable::lookupSymbolIn(kernels, get.getName()))
      return;
    OpBuilder first = OpBuilder::atBlockBegin(kernels.getBody());
    first.clone(*SymbolTable::lookupSymbolIn(host, get.getName()));
  });
  SmallVector<Value> lower =
      boundValues(b, loc, forall.getMixedLowerBound(), &mapping);
  SmallVector<Value> upper =
      boundValues(b, loc, forall.getMixedUpperBound(), &mapping);
  SmallVector<Value> step =
      boundValues(b, loc, forall.getMixedStep(), &mapping);
  SmallVector<Value> counts = tripCounts(b, loc, lower, upper, step);
  // Blocks are fewer than 2^31: divisions of 32 bits, which are cheap.
  Type i32 = b.getI32Type();
  Value block = NVVM::BlockIdXOp::create(b, loc, i32);
  auto narrow = [&](Value value) -> Value {
    return arith::IndexCastOp::create(b, loc, i32, value);
  };
  Value zero = arith::ConstantIntOp::create(b, loc, 0, 32);
  Value one = arith::ConstantIntOp::create(b, loc, 1, 32);
  SmallVector<Value> narrowCounts = llvm::map_to_vector(counts, narrow);
  SmallVector<Value> zeros(counts.size(), zero), ones(counts.size(), one);
  if (sharesTiles()) {
    Value rows = narrowCounts[counts.size() - 2], columns = narrowCounts.back();
    Value plane = b.createOrFold<arith::MulIOp>(loc, rows, columns);
    Value before = b.createOrFold<arith::DivUIOp>(loc, block, plane);
    before = b.createOrFold<arith::MulIOp>(loc, before, plane);
    Value within = b.createOrFold<arith::RemUIOp>(loc, block, plane);
    block = b.createOrFold<arith::AddIOp>(
        loc, before, groupTiles(b, loc, within, rows, columns));
  }
  SmallVector<Value> positions =
      inductionAt(b, loc, block, narrowCounts, zeros, ones);
  for (auto [iv, position, from, by] :
       llvm::zip(forall.getInductionVars(), positions, lower, step)) {
    Value wide =
        arith::IndexCastUIOp::create(b, loc, b.getIndexType(), position);
    wide = b.createOrFold<arith::MulIOp>(loc, wide, by);
    mapping.map(iv, b.createOrFold<arith::AddIOp>(loc, wide, from));
  }
  for (Operation &op : forall.getBody()->without_terminator())
    b.clone(op, mapping);
  func::ReturnOp::create(b, loc);
}

void KernelOutliner::buildLaunch() {
  OpBuilder b(forall);
  Location loc = forall.getLoc();
  auto parent = forall->getParentOfType<func::FuncOp>();
  Type i64 = b.getI64Type();
  auto room = [&](Type type, int64_t count) -> Value {
    // In the entry block: a loop around the launch must not grow the stack.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&parent.getBody().front());
    Value number =
        LLVM::ConstantOp::create(b, loc, i64, b.getI64IntegerAttr(count));
    return LLVM::AllocaOp::create(b, loc, pointer, type, number);
  };
  // As gate-lower-kernel-arguments takes them: of a memref its address and its
  // dynamic sizes.
  SmallVector<Value> passed;
  auto pass = [&](Value value) { passed.push_back(value); };
  for (Value value : received) {
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type) {
      pass(value.getType().isIndex()
               ? arith::IndexCastOp::create(b, loc, i64, value)
               : value);
      continue;
    }
    Value address =
        memref::ExtractAlignedPointerAsIndexOp::create(b, loc, value);
    address = arith::IndexCastOp::create(b, loc, i64, address);
    pass(LLVM::IntToPtrOp::create(b, loc, pointer, address));
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim)) {
        Value size = memref::DimOp::create(b, loc, value, dim);
        pass(arith::IndexCastOp::create(b, loc, i64, size));
      }
  }
  Value table = room(pointer, std::max<int64_t>(passed.size(), 1));
  for (auto [position, value] : llvm::enumerate(passed)) {
    Value place = room(value.getType(), 1);
    LLVM::StoreOp::create(b, loc, value, place);
    Value slot = LLVM::GEPOp::create(
        b, loc, pointer, pointer, table,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(position)});
    LLVM::StoreOp::create(b, loc, place, slot);
  }
  Value total = arith::ConstantIndexOp::create(b, loc, 1);
  for (Value count : tripCounts(b, loc, forall.getLowerBound(b),
                                forall.getUpperBound(b), forall.getStep(b)))
    total = b.createOrFold<arith::MulIOp>(loc, total, count);
  Value blocks = arith::IndexCastOp::create(b, loc, i64, total);
  Value one = arith::ConstantIntOp::create(b, loc, 1, 64);
  // The number is known once equal kernels are merged.
  Value number = arith::ConstantIntOp::create(b, loc, -1, 32);
  auto call =
      func::CallOp::create(b, loc, launchName, TypeRange(),
                           ValueRange{launch, number, blocks, one, one, table});
  call->setAttr("gate.kernel", b.getStringAttr(name));
}

LogicalResult KernelOutliner::run() {
  if (forall.getNumResults() != 0)
    return forall.emitError("expects a parallel loop on buffers");
  if (failed(capture()))
    return failure();
  buildKernel();
  buildLaunch();
  forall.erase();
  return success();
}

namespace {
struct OutlineKernels : gate::impl::OutlineKernelsBase<OutlineKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder b(&getContext());
    b.setInsertionPointToStart(module.getBody());
    auto pointer = LLVM::LLVMPointerType::get(&getContext());
    Type i64 = b.getI64Type();
    SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
    auto runtime = func::FuncOp::create(
        b, module.getLoc(), launchName,
        b.getFunctionType({pointer, b.getI32Type(), i64, i64, i64, pointer},
                          {}));
    runtime.setPrivate();
    auto kernels = ModuleOp::create(b, module.getLoc(), kernelModuleName());
    for (func::FuncOp function : functions) {
      if (!function->hasAttr("gate.data_order"))
        continue;
      // The call that the launches belong to comes last.
      Value launch =
          function.getBody().front().addArgument(pointer, function.getLoc());
      function.setType(
          b.getFunctionType(function.getBody().front().getArgumentTypes(), {}));
      function->setAttr("gate.launches", b.getUnitAttr());
      SmallVector<scf::ForallOp> loops;
      function.walk<WalkOrder::PreOrder>([&](scf::ForallOp forall) {
        loops.push_back(forall);
        return WalkResult::skip();
      });
      for (auto [number, forall] : llvm::enumerate(loops)) {
        StringRef exported =
            function->getAttrOfType<StringAttr>("gate.exported_as").getValue();
        std::string name = (exported + "_kernel_" + Twine(number)).str();
        if (failed(KernelOutliner(forall, kernels, name, launch).run()))
          return signalPassFailure();
      }
    }
    SmallVector<func::FuncOp> outlined(kernels.getOps<func::FuncOp>());
    llvm::StringMap<std::string> replacements = mergeEqualFunctions(outlined);
    llvm::StringMap<int64_t> numbers;
    for (func::FuncOp kernel : kernels.getOps<func::FuncOp>())
      numbers.try_emplace(kernel.getName(), numbers.size());
    module.walk([&](func::CallOp call) {
      auto name = call->getAttrOfType<StringAttr>("gate.kernel");
      if (!name)
        return;
      auto merged = replacements.find(name.getValue());
      StringRef kept =
          merged == replacements.end() ? name.getValue() : merged->second;
      b.setInsertionPoint(call);
      call.setOperand(1, arith::ConstantIntOp::create(
                             b, call.getLoc(), numbers.lookup(kept), 32));
      call->removeAttr("gate.kernel");
    });
  }
};
} // namespace
