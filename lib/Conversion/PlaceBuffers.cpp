//===- PlaceBuffers.cpp - Temporaries on the stack and in the workspace ---===//
//
// Tile temporaries of a task live on its stack. What lives at function level
// is laid out in the caller's workspace: buffers whose sizes are multiples of
// the same product of dims share bytes when their lives do not overlap.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/FunctionSignature.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

namespace gate {
#define GEN_PASS_DEF_PLACEBUFFERS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Alignment of every buffer: a cache line and the widest vector.
static constexpr int64_t bufferAlignment = 64;
/// Stack that the tiles of a task may take: half of the usual 8 MiB of a main
/// thread, on which tasks run as well.
static constexpr int64_t mostStackBytes = 4 << 20;

namespace {

/// Bytes as `scale` times a product of sizes known at the call.
struct Extent {
  int64_t scale = 1;
  SmallVector<Value> factors;
};

/// Part of the workspace that several buffers use one after the other.
struct Slot {
  Extent extent;
  Operation *freeAfter;
};

/// Places the buffers of one function.
class BufferPlacer {
public:
  explicit BufferPlacer(func::FuncOp function) : function(function) {}
  LogicalResult run();

private:
  LogicalResult hoist();
  LogicalResult moveToStack(memref::AllocOp alloc, scf::ForallOp task);
  Value copySize(OpBuilder &builder, Value size, IRMapping &mapping);
  void unifyDims();
  void addFactors(Value size, Extent &extent);
  unsigned numberOf(Value factor);
  LogicalResult assignSlots();
  void rewriteAllocs();
  void buildQuery();

  func::FuncOp function;
  SmallVector<Slot> slots;
  /// Bytes on the stack of each task.
  DenseMap<Operation *, int64_t> stackBytes;
  /// Factors in order of appearance.
  llvm::SmallVector<Value> factors;
  SmallVector<std::pair<memref::AllocOp, unsigned>> placed;
};

} // namespace

static int64_t elementBytes(Type type) {
  return type.isIndex() ? 8 : llvm::divideCeil(type.getIntOrFloatBitWidth(), 8);
}

/// The outermost parallel loop around `op`.
static scf::ForallOp taskOf(Operation *op) {
  scf::ForallOp task;
  while ((op = op->getParentOp()))
    if (auto forall = dyn_cast<scf::ForallOp>(op))
      task = forall;
  return task;
}

LogicalResult BufferPlacer::moveToStack(memref::AllocOp alloc,
                                        scf::ForallOp task) {
  if (!alloc.getType().hasStaticShape())
    return alloc.emitError()
           << "temporary of dynamic size inside a parallel loop: "
           << alloc.getType();
  int64_t bytes = elementBytes(alloc.getType().getElementType()) *
                  alloc.getType().getNumElements();
  int64_t &total = stackBytes[task];
  total += bytes;
  if (total > mostStackBytes)
    return alloc.emitError()
           << "the tiles of one task need " << total << " bytes of stack, more "
           << "than the " << mostStackBytes
           << " that a thread can be asked for; expects smaller widths";
  OpBuilder builder(task.getBody(), task.getBody()->begin());
  Value room =
      memref::AllocaOp::create(builder, alloc.getLoc(), alloc.getType(),
                               builder.getI64IntegerAttr(bufferAlignment));
  alloc.getResult().replaceAllUsesWith(room);
  alloc.erase();
  return success();
}

/// Moves every allocation to its task or to function level.
LogicalResult BufferPlacer::hoist() {
  SmallVector<memref::AllocOp> allocs;
  function.walk([&](memref::AllocOp op) { allocs.push_back(op); });
  function.walk([](memref::DeallocOp op) { op.erase(); });
  Block &entry = function.getBody().front();
  for (memref::AllocOp alloc : allocs) {
    if (scf::ForallOp task = taskOf(alloc)) {
      if (failed(moveToStack(alloc, task)))
        return failure();
      continue;
    }
    // Out of sequential loops and branches, sizes first.
    Operation *anchor = entry.findAncestorOpInBlock(*alloc);
    if (anchor == alloc)
      continue;
    OpBuilder builder(anchor);
    IRMapping mapping;
    SmallVector<Value> sizes;
    for (Value size : alloc.getDynamicSizes()) {
      Value copy = copySize(builder, size, mapping);
      if (!copy)
        return alloc.emitError()
               << "temporary whose size depends on a loop: " << alloc.getType();
      sizes.push_back(copy);
    }
    alloc.getDynamicSizesMutable().assign(sizes);
    alloc->moveBefore(anchor);
  }
  return success();
}

/// Copies the computation of a size to the builder; null when it does not
/// follow from the shapes of arguments alone.
Value BufferPlacer::copySize(OpBuilder &builder, Value size,
                             IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(size))
    return known;
  Operation *op = size.getDefiningOp();
  if (!op)
    return {};
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    auto argument = dyn_cast<BlockArgument>(dim.getSource());
    if (!argument || argument.getOwner() != &function.getBody().front() ||
        !dim.getConstantIndex())
      return {};
    Value position = arith::ConstantIndexOp::create(builder, op->getLoc(),
                                                    *dim.getConstantIndex());
    Value copy =
        memref::DimOp::create(builder, op->getLoc(), argument, position);
    mapping.map(size, copy);
    return copy;
  }
  if (!isPure(op) || op->getNumRegions() != 0)
    return {};
  for (Value operand : op->getOperands())
    if (!copySize(builder, operand, mapping))
      return {};
  Operation *copy = builder.clone(*op, mapping);
  return copy->getResult(cast<OpResult>(size).getResultNumber());
}

/// `dim` in terms of the sizes that made its memref; null when it stays.
static Value stepDim(OpBuilder &builder, memref::DimOp dim) {
  std::optional<int64_t> position = dim.getConstantIndex();
  Operation *source = dim.getSource().getDefiningOp();
  if (!position || !source)
    return {};
  Location loc = dim.getLoc();
  auto asValue = [&](OpFoldResult size) {
    return getValueOrCreateConstantIndexOp(builder, loc, size);
  };
  if (auto collapse = dyn_cast<memref::CollapseShapeOp>(source)) {
    Value product;
    SmallVector<ReassociationIndices> groups =
        collapse.getReassociationIndices();
    for (int64_t inner : groups[*position]) {
      Value size =
          asValue(memref::getMixedSize(builder, loc, collapse.getSrc(), inner));
      product = product
                    ? builder.createOrFold<arith::MulIOp>(loc, product, size)
                    : size;
    }
    return product;
  }
  if (auto expand = dyn_cast<memref::ExpandShapeOp>(source))
    return asValue(expand.getMixedOutputShape()[*position]);
  if (auto alloc = dyn_cast<memref::AllocOp>(source))
    return asValue(alloc.getMixedSizes()[*position]);
  if (auto cast = dyn_cast<memref::CastOp>(source))
    return asValue(
        memref::getMixedSize(builder, loc, cast.getSource(), *position));
  return {};
}

/// Sizes of reshaped buffers as products of the sizes they came from.
static void resolveDims(func::FuncOp function) {
  SmallVector<memref::DimOp> work;
  function.walk([&](memref::DimOp op) { work.push_back(op); });
  while (!work.empty()) {
    memref::DimOp dim = work.pop_back_val();
    OpBuilder builder(dim);
    Value size = stepDim(builder, dim);
    if (!size)
      continue;
    dim.getResult().replaceAllUsesWith(size);
    // New sizes may be dims of reshaped buffers themselves.
    SmallVector<Operation *> made{size.getDefiningOp()};
    while (!made.empty()) {
      Operation *op = made.pop_back_val();
      if (auto next = dyn_cast_or_null<memref::DimOp>(op))
        work.push_back(next);
      else if (auto product = dyn_cast_or_null<arith::MulIOp>(op))
        for (Value operand : product->getOperands())
          made.push_back(operand.getDefiningOp());
    }
    dim.erase();
  }
}

/// Equal names mean equal sizes: one value per named dim, so that sizes can be
/// compared.
void BufferPlacer::unifyDims() {
  Block &entry = function.getBody().front();
  auto numbers = function->getAttrOfType<ArrayAttr>("gate.dim_numbers");
  auto order = function->getAttrOfType<DenseI64ArrayAttr>("gate.data_order");
  DenseMap<std::pair<unsigned, int64_t>, int64_t> numberOfDim;
  for (auto [tensor, argument] : llvm::enumerate(order.asArrayRef()))
    for (auto [dim, number] :
         llvm::enumerate(cast<DenseI64ArrayAttr>(numbers[tensor]).asArrayRef()))
      numberOfDim[{argument, dim}] = number;
  DenseMap<int64_t, Value> known;
  SmallVector<memref::DimOp> dims;
  function.walk([&](memref::DimOp op) { dims.push_back(op); });
  OpBuilder builder(&entry, entry.begin());
  for (memref::DimOp op : dims) {
    auto argument = dyn_cast<BlockArgument>(op.getSource());
    if (!argument || argument.getOwner() != &entry || !op.getConstantIndex())
      continue;
    int64_t number =
        numberOfDim.lookup({argument.getArgNumber(), *op.getConstantIndex()});
    if (number < 0)
      continue;
    Value &value = known[number];
    if (!value) {
      Value position = arith::ConstantIndexOp::create(builder, op.getLoc(),
                                                      *op.getConstantIndex());
      value = memref::DimOp::create(builder, op.getLoc(), argument, position);
    }
    op.getResult().replaceAllUsesWith(value);
    op.erase();
  }
}

unsigned BufferPlacer::numberOf(Value factor) {
  auto found = llvm::find(factors, factor);
  if (found == factors.end()) {
    factors.push_back(factor);
    return factors.size() - 1;
  }
  return std::distance(factors.begin(), found);
}

/// Splits products, so that [B, T] and [B * T] are seen as equal.
void BufferPlacer::addFactors(Value size, Extent &extent) {
  if (std::optional<int64_t> constant = getConstantIntValue(size)) {
    extent.scale *= *constant;
    return;
  }
  if (auto product = size.getDefiningOp<arith::MulIOp>()) {
    addFactors(product.getLhs(), extent);
    addFactors(product.getRhs(), extent);
    return;
  }
  if (auto apply = size.getDefiningOp<affine::AffineApplyOp>()) {
    AffineMap map = apply.getAffineMap();
    SmallVector<Value> operands(apply.getMapOperands());
    SmallVector<Value> found;
    int64_t scale = 1;
    std::function<bool(AffineExpr)> split = [&](AffineExpr expr) {
      if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
        scale *= constant.getValue();
        return true;
      }
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        found.push_back(operands[dim.getPosition()]);
        return true;
      }
      if (auto symbol = dyn_cast<AffineSymbolExpr>(expr)) {
        found.push_back(operands[map.getNumDims() + symbol.getPosition()]);
        return true;
      }
      auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
      return binary && binary.getKind() == AffineExprKind::Mul &&
             split(binary.getLHS()) && split(binary.getRHS());
    };
    if (split(map.getResult(0))) {
      extent.scale *= scale;
      for (Value value : found)
        addFactors(value, extent);
      return;
    }
  }
  numberOf(size);
  extent.factors.push_back(size);
}

LogicalResult BufferPlacer::assignSlots() {
  Block &entry = function.getBody().front();
  BufferViewFlowAnalysis views(function);
  SmallVector<memref::AllocOp> allocs;
  for (Operation &op : entry)
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      allocs.push_back(alloc);
  for (memref::AllocOp alloc : allocs) {
    Extent need;
    need.scale = elementBytes(alloc.getType().getElementType());
    for (int64_t size : alloc.getType().getShape())
      if (!ShapedType::isDynamic(size))
        need.scale *= size;
    for (Value size : alloc.getDynamicSizes())
      addFactors(size, need);
    llvm::sort(need.factors,
               [&](Value a, Value b) { return numberOf(a) < numberOf(b); });
    Operation *last = alloc;
    for (Value view : views.resolve(alloc.getResult()))
      for (Operation *user : view.getUsers())
        if (Operation *top = entry.findAncestorOpInBlock(*user);
            top && last->isBeforeInBlock(top))
          last = top;
    // The free slot of the same product whose scale fits best.
    int64_t best = -1;
    for (auto [index, slot] : llvm::enumerate(slots)) {
      if (slot.extent.factors != need.factors ||
          !slot.freeAfter->isBeforeInBlock(alloc))
        continue;
      auto distance = [&](const Slot &s) {
        return std::abs(s.extent.scale - need.scale);
      };
      if (best < 0 || distance(slot) < distance(slots[best]))
        best = index;
    }
    if (best < 0) {
      best = slots.size();
      slots.push_back({need, last});
    } else {
      slots[best].extent.scale = std::max(slots[best].extent.scale, need.scale);
      slots[best].freeAfter = last;
    }
    placed.push_back({alloc, best});
  }
  return success();
}

/// Offset of each slot, then the total, computed at the builder.
static SmallVector<Value> buildOffsets(OpBuilder &builder, Location loc,
                                       ArrayRef<Slot> slots,
                                       function_ref<Value(Value)> sizeOf) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantIndexOp::create(builder, loc, value);
  };
  SmallVector<Value> offsets{constant(0)};
  for (const Slot &slot : slots) {
    Value bytes = constant(slot.extent.scale);
    for (Value factor : slot.extent.factors)
      bytes = arith::MulIOp::create(builder, loc, bytes, sizeOf(factor));
    Value rounded = arith::AddIOp::create(builder, loc, bytes,
                                          constant(bufferAlignment - 1));
    rounded = arith::AndIOp::create(builder, loc, rounded,
                                    constant(-bufferAlignment));
    offsets.push_back(
        arith::AddIOp::create(builder, loc, offsets.back(), rounded));
  }
  return offsets;
}

/// i64 <function>_workspace(dims): the total at given dims.
void BufferPlacer::buildQuery() {
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfter(function);
  Location loc = function.getLoc();
  auto dimsType = MemRefType::get({ShapedType::kDynamic}, builder.getI64Type());
  auto query = func::FuncOp::create(
      builder, loc, (function.getName() + "_workspace").str(),
      builder.getFunctionType({dimsType}, {builder.getI64Type()}));
  query.setPrivate();
  Block *entry = query.addEntryBlock();
  builder.setInsertionPointToStart(entry);
  auto numbers = function->getAttrOfType<ArrayAttr>("gate.dim_numbers");
  auto order = function->getAttrOfType<DenseI64ArrayAttr>("gate.data_order");
  IRMapping mapping;
  // The sizes of arguments come from the table of dims.
  std::function<Value(Value)> sizeOf = [&](Value size) -> Value {
    if (Value known = mapping.lookupOrNull(size))
      return known;
    Operation *op = size.getDefiningOp();
    if (auto dim = dyn_cast<memref::DimOp>(op)) {
      unsigned argument = cast<BlockArgument>(dim.getSource()).getArgNumber();
      unsigned tensor = std::distance(
          order.asArrayRef().begin(),
          llvm::find(order.asArrayRef(), static_cast<int64_t>(argument)));
      int64_t number = cast<DenseI64ArrayAttr>(numbers[tensor])
                           .asArrayRef()[*dim.getConstantIndex()];
      Value position = arith::ConstantIndexOp::create(builder, loc, number);
      Value loaded = memref::LoadOp::create(builder, loc, entry->getArgument(0),
                                            ValueRange{position});
      Value index = arith::IndexCastOp::create(builder, loc,
                                               builder.getIndexType(), loaded);
      mapping.map(size, index);
      return index;
    }
    for (Value operand : op->getOperands())
      sizeOf(operand);
    Operation *copy = builder.clone(*op, mapping);
    return copy->getResult(cast<OpResult>(size).getResultNumber());
  };
  Value total = buildOffsets(builder, loc, slots, sizeOf).back();
  Value bytes =
      arith::IndexCastOp::create(builder, loc, builder.getI64Type(), total);
  func::ReturnOp::create(builder, loc, ValueRange{bytes});
}

void BufferPlacer::rewriteAllocs() {
  Block &entry = function.getBody().front();
  OpBuilder builder(function.getContext());
  Location loc = function.getLoc();
  auto bytesType = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
  Value workspace = entry.addArgument(bytesType, loc);
  function.setType(builder.getFunctionType(entry.getArgumentTypes(), {}));
  builder.setInsertionPointToStart(&entry);
  IRMapping mapping;
  SmallVector<Value> offsets =
      buildOffsets(builder, loc, slots, [&](Value size) {
        return copySize(builder, size, mapping);
      });
  for (auto [alloc, slot] : placed) {
    builder.setInsertionPoint(alloc);
    Value view = memref::ViewOp::create(builder, alloc.getLoc(),
                                        alloc.getType(), workspace,
                                        offsets[slot], alloc.getDynamicSizes());
    alloc.getResult().replaceAllUsesWith(view);
    alloc.erase();
  }
}

LogicalResult BufferPlacer::run() {
  resolveDims(function);
  unifyDims();
  if (failed(hoist()) || failed(assignSlots()))
    return failure();
  for (const Slot &slot : slots)
    for (Value factor : slot.extent.factors) {
      // A dry run: can every size be known before the call?
      OpBuilder builder(function.getContext());
      builder.setInsertionPointToStart(&function.getBody().front());
      IRMapping mapping;
      if (!copySize(builder, factor, mapping))
        return emitError(factor.getLoc())
               << "the size of a temporary must follow from the shapes of the "
                  "arguments, but comes from "
               << factor;
    }
  buildQuery();
  rewriteAllocs();
  return success();
}

namespace {
struct PlaceBuffers : gate::impl::PlaceBuffersBase<PlaceBuffers> {
  void runOnOperation() override {
    SmallVector<func::FuncOp> functions;
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr("gate.data_order"))
        functions.push_back(function);
    for (func::FuncOp function : functions)
      if (failed(BufferPlacer(function).run()))
        return signalPassFailure();
  }
};
} // namespace
