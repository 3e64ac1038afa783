//===- StageCopies.cpp - Tiles on their way while others are used ---------===//
//
// The loop of a kernel that reads most from global memory is split: one warp
// starts asynchronous copies of what a round will read, rounds ahead; the other
// warps wait for them and compute. Blocks stay on their multiprocessor and take
// tiles in turns, so that the copies of the next tile run under the end of one.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"
#include "BlockBuffers.h"
#include "Distributor.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

namespace gate {
#define GEN_PASS_DEF_STAGECOPIES
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// A copy of fewer bytes a round is not worth warps of its own.
static constexpr int64_t leastBytes = 8192;
/// Elements in f32 of the largest tile of two blocks that share a
/// multiprocessor: 16 a thread of two groups of warps.
static constexpr int64_t mostShared = 4096;
/// Bytes of the only round of a kernel that have room in a multiprocessor
/// beside what its products need.
static constexpr int64_t mostRoundBytes = 132 * 1024;
/// Limits of a tensor map (PTX ISA, section 5.5): dims, elements of a box along
/// one dim, and what strides are multiples of, in bytes.
static constexpr int64_t mostDims = 5, mostBox = 256, strideUnit = 16;
/// Elements of a row that lanes copy one by one.
static constexpr int64_t mostByLanes = 256;
/// What a swizzle repeats after, in bytes.
static constexpr int64_t swizzlePeriod = 1024;

namespace {

/// A read of a tile of a buffer that the kernel receives.
struct TileRead {
  vector::TransferReadOp op;
  /// A kernel's argument, or a view of one.
  Value root;
  /// For each dim of the root, numbers whose sum is where the tile begins.
  SmallVector<SmallVector<OpFoldResult>> terms;
  /// For each dim of the tile, the root's.
  SmallVector<int64_t> dims;
  /// For each dim of the root, where it ends; null: with the buffer.
  SmallVector<OpFoldResult> sizes;
  /// Too short or too far apart for a tensor map.
  bool byLanes = false;
};

/// A loop, what it reads, and the loops around it from the outermost on.
struct StagedLoop {
  scf::ForOp loop;
  SmallVector<TileRead> reads;
  SmallVector<scf::ForOp> chain;
};

/// One kernel.
class Stager {
public:
  Stager(func::FuncOp kernel, int64_t stages)
      : kernel(kernel), stages(stages), b(kernel.getContext()) {}
  void run();

private:
  std::optional<TileRead> describe(vector::TransferReadOp op);
  bool makeRound();
  void choose();
  void split();
  void buildProducer(Value blocks, Value ring);
  void buildConsumers(llvm::iterator_range<Block::iterator> work, Value blocks,
                      Value ring);

  func::FuncOp kernel;
  int64_t stages;
  OpBuilder b;
  Value buildCopies(StagedLoop &staged, Value blocks, Value ring, Value count,
                    IRMapping mapping);
  Value buildUses(StagedLoop &staged, Value ring, Value count);
  /// The loops that the ring is for, after one another.
  SmallVector<StagedLoop, 2> loops;
};

} // namespace

static int64_t bytesOf(VectorType type) {
  return type.getNumElements() *
         llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

/// Whether one thread can compute a value anew: scalar ops on constants,
/// arguments of the kernel and induction variables of loops around.
static bool isScalarSlice(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    Operation *parent = argument.getOwner()->getParentOp();
    return isa<func::FuncOp>(parent) ||
           scf::getForInductionVarOwner(value) != nullptr;
  }
  Operation *op = value.getDefiningOp();
  return op->getNumRegions() == 0 && isMemoryEffectFree(op) &&
         value.getType().isIntOrIndex() &&
         llvm::all_of(op->getOperands(), [](Value operand) {
           return isa<MemRefType>(operand.getType()) || isScalarSlice(operand);
         });
}

/// Whether a buffer is one that a tensor map can be made of at the launch: an
/// argument, or a view of one.
static bool isKnownAtLaunch(Value root) {
  auto type = cast<MemRefType>(root.getType());
  if (!type.getLayout().isIdentity() || type.getRank() < 1 ||
      type.getRank() > mostDims)
    return false;
  if (Value behind = reshapedFrom(root)) {
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim) && !dimBehind(root, dim))
        return false;
    while (Value next = reshapedFrom(behind))
      behind = next;
    root = behind;
  }
  if (isa<BlockArgument>(root))
    return true;
  auto view = root.getDefiningOp<memref::ViewOp>();
  auto isArgument = [](Value value) { return isa<BlockArgument>(value); };
  return view && isArgument(view.getSource()) &&
         (isArgument(view.getByteShift()) ||
          matchPattern(view.getByteShift(), m_Constant())) &&
         llvm::all_of(view.getSizes(), isArgument);
}

/// Where `offsets` plus `size` ends, if that is a constant or an argument of
/// the kernel for the part of a minimum that is not a constant of at least
/// `tile`.
static OpFoldResult endOf(ArrayRef<OpFoldResult> offsets, OpFoldResult size,
                          int64_t tile) {
  MLIRContext *context = size.getContext();
  SmallVector<Value> operands;
  auto dimOf = [&](Value value) {
    auto *found = llvm::find(operands, value);
    unsigned position = found - operands.begin();
    if (found == operands.end())
      operands.push_back(value);
    return getAffineDimExpr(position, context);
  };
  std::function<AffineExpr(OpFoldResult)> expressionOf =
      [&](OpFoldResult value) -> AffineExpr {
    if (std::optional<int64_t> constant = getConstantIntValue(value))
      return getAffineConstantExpr(*constant, context);
    auto apply = cast<Value>(value).getDefiningOp<affine::AffineApplyOp>();
    if (!apply)
      return dimOf(cast<Value>(value));
    SmallVector<AffineExpr> dims, symbols;
    for (auto [i, operand] : llvm::enumerate(apply.getOperands()))
      (i < apply.getAffineMap().getNumDims() ? dims : symbols)
          .push_back(expressionOf(operand));
    return apply.getAffineMap().getResult(0).replaceDimsAndSymbols(dims,
                                                                   symbols);
  };
  SmallVector<AffineExpr> sizes;
  Operation *op =
      isa<Value>(size) ? cast<Value>(size).getDefiningOp() : nullptr;
  if (auto minimum = dyn_cast_or_null<affine::AffineMinOp>(op)) {
    AffineMap map = minimum.getAffineMap();
    SmallVector<AffineExpr> dims, symbols;
    for (auto [i, operand] : llvm::enumerate(minimum.getOperands()))
      (i < map.getNumDims() ? dims : symbols).push_back(expressionOf(operand));
    for (AffineExpr result : map.getResults()) {
      AffineExpr expression = result.replaceDimsAndSymbols(dims, symbols);
      auto constant = dyn_cast<AffineConstantExpr>(expression);
      if (!constant || constant.getValue() < tile)
        sizes.push_back(expression);
    }
  } else {
    sizes.push_back(expressionOf(size));
  }
  if (sizes.size() != 1)
    return OpFoldResult();
  AffineExpr sum = sizes.front();
  for (OpFoldResult offset : offsets)
    sum = sum + expressionOf(offset);
  sum = simplifyAffineExpr(sum, operands.size(), 0);
  if (auto constant = dyn_cast<AffineConstantExpr>(sum))
    return OpBuilder(context).getIndexAttr(constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(sum))
    if (Value value = operands[dim.getPosition()];
        isa<BlockArgument>(value) &&
        isa<func::FuncOp>(value.getParentBlock()->getParentOp()))
      return value;
  return OpFoldResult();
}

/// Whether a tensor map can describe a read: rows along the last dim, in the
/// order of memory.
static bool fitsTensorMap(TileRead &read) {
  auto type = cast<VectorType>(read.op.getType());
  auto root = cast<MemRefType>(read.root.getType());
  if (read.dims.back() != root.getRank() - 1)
    return false;
  int64_t elementBytes = type.getElementTypeBitWidth() / 8;
  Divisibility known = divisibilityOf(read.root);
  for (int64_t dim = 0; dim + 1 < root.getRank(); ++dim)
    if (known.strides[dim] * elementBytes % strideUnit != 0)
      return false;
  int64_t width = type.getShape().back() * elementBytes;
  int64_t rows = type.getNumElements() / type.getShape().back();
  int64_t span = std::min<int64_t>(width, 128);
  return width >= strideUnit &&
         (width <= span || rows * span % swizzlePeriod == 0) &&
         llvm::all_of(type.getShape().drop_back(),
                      [](int64_t size) { return size <= mostBox; });
}

std::optional<TileRead> Stager::describe(vector::TransferReadOp op) {
  auto type = cast<VectorType>(op.getType());
  Type element = type.getElementType();
  auto leaves = [](Operation *user) {
    return user->hasTrait<OpTrait::IsTerminator>();
  };
  if (llvm::any_of(op->getUsers(), leaves) || op.getMask() ||
      !element.isIntOrFloat() || element.getIntOrFloatBitWidth() % 8 != 0 ||
      !matchPattern(op.getPadding(), m_AnyZeroFloat()))
    return std::nullopt;
  TileRead read;
  read.op = op;
  SmallVector<SmallVector<OpFoldResult>> terms;
  for (Value index : op.getIndices())
    terms.push_back({index});
  SmallVector<int64_t> dims;
  for (AffineExpr expr : op.getPermutationMap().getResults()) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim)
      return std::nullopt;
    dims.push_back(dim.getPosition());
  }
  // Of tile dims that may leave what they read: where that begins and its size.
  SmallVector<SmallVector<OpFoldResult>> starts(dims.size());
  SmallVector<OpFoldResult> limits(dims.size());
  bool isFirst = true;
  Value memref = op.getBase();
  while (Operation *source = memref.getDefiningOp()) {
    if (auto cast = dyn_cast<memref::CastOp>(source)) {
      memref = cast.getSource();
      continue;
    }
    auto view = dyn_cast<memref::SubViewOp>(source);
    if (!view)
      break;
    if (!view.hasUnitStride())
      return std::nullopt;
    llvm::SmallBitVector dropped = view.getDroppedDims();
    SmallVector<SmallVector<OpFoldResult>> outer;
    SmallVector<int64_t> kept;
    for (auto [dim, offset] : llvm::enumerate(view.getMixedOffsets())) {
      SmallVector<OpFoldResult> sum{offset};
      if (!dropped.test(dim)) {
        llvm::append_range(sum, terms[kept.size()]);
        kept.push_back(dim);
      }
      outer.push_back(sum);
    }
    terms = outer;
    for (auto [position, dim] : llvm::enumerate(dims)) {
      dim = kept[dim];
      if (isFirst && !op.isDimInBounds(position))
        limits[position] = view.getMixedSizes()[dim];
      if (limits[position])
        starts[position].push_back(view.getMixedOffsets()[dim]);
    }
    isFirst = false;
    memref = view.getSource();
  }
  auto root = cast<MemRefType>(memref.getType());
  if (!isKnownAtLaunch(memref) || isWritten(kernel, rootOf(memref)))
    return std::nullopt;
  read.root = memref;
  read.terms = terms;
  read.dims = dims;
  read.sizes.resize(root.getRank());
  if (!llvm::is_sorted(dims) || dims.empty() ||
      std::adjacent_find(dims.begin(), dims.end()) != dims.end())
    return std::nullopt;
  read.byLanes = !fitsTensorMap(read);
  if (read.byLanes &&
      (type.getRank() != 1 || type.getNumElements() > mostByLanes))
    return std::nullopt;
  for (auto [position, dim] : llvm::enumerate(dims)) {
    if (op.isDimInBounds(position))
      continue;
    // A read of a whole buffer ends where the buffer does.
    if (!limits[position])
      continue;
    OpFoldResult end =
        endOf(starts[position], limits[position], type.getDimSize(position));
    if (!end)
      return std::nullopt;
    read.sizes[dim] = end;
  }
  for (SmallVector<OpFoldResult> &sum : read.terms)
    for (OpFoldResult term : sum)
      if (auto value = dyn_cast<Value>(term); value && !isScalarSlice(value))
        return std::nullopt;
  return read;
}

static SmallVector<Type> tilesOf(StagedLoop &staged) {
  return llvm::map_to_vector(
      staged.reads, [](TileRead &read) -> Type { return read.op.getType(); });
}

/// Whether two loops that are in no other fill the same slots.
static bool shareRing(StagedLoop &one, StagedLoop &other) {
  if (one.chain.size() != 1 || other.chain.size() != 1 ||
      tilesOf(one) != tilesOf(other))
    return false;
  return llvm::all_of(llvm::zip(one.reads, other.reads), [](auto pair) {
    return std::get<0>(pair).byLanes == std::get<1>(pair).byLanes;
  });
}

/// The loop that copies most, and others that can have its slots.
void Stager::choose() {
  SmallVector<StagedLoop, 2> candidates;
  int64_t most = leastBytes - 1, best = -1;
  kernel.walk([&](scf::ForOp candidate) {
    StagedLoop staged;
    staged.loop = candidate;
    staged.chain = {candidate};
    Operation *parent = candidate->getParentOp();
    for (; auto outer = dyn_cast<scf::ForOp>(parent);
         parent = parent->getParentOp())
      staged.chain.insert(staged.chain.begin(), outer);
    if (parent != kernel)
      return;
    for (scf::ForOp outer : staged.chain)
      if (!isScalarSlice(outer.getLowerBound()) ||
          !isScalarSlice(outer.getUpperBound()) ||
          !isScalarSlice(outer.getStep()))
        return;
    SmallVector<TileRead> found;
    int64_t bytes = 0;
    for (auto op : candidate.getBody()->getOps<vector::TransferReadOp>())
      if (std::optional<TileRead> read = describe(op)) {
        bytes += bytesOf(op.getVectorType());
        found.push_back(std::move(*read));
      }
    // Copies that one thread only starts come first.
    for (bool byLanes : {false, true})
      for (TileRead &read : found)
        if (read.byLanes == byLanes)
          staged.reads.push_back(read);
    if (bytes > most) {
      most = bytes;
      best = candidates.size();
    }
    candidates.push_back(std::move(staged));
  });
  if (best < 0)
    return;
  StagedLoop largest = candidates[best];
  for (auto [position, candidate] : llvm::enumerate(candidates))
    if (static_cast<int64_t>(position) == best || shareRing(candidate, largest))
      loops.push_back(candidate);
}

/// Clones the scalar ops that compute `value` to the builder's place.
static Value cloneSlice(OpBuilder &b, Value value, IRMapping &mapping) {
  if (mapping.contains(value))
    return mapping.lookup(value);
  Operation *op = value.getDefiningOp();
  if (!op || isa<MemRefType>(value.getType()))
    return value;
  for (Value operand : op->getOperands())
    cloneSlice(b, operand, mapping);
  b.clone(*op, mapping);
  return mapping.lookup(value);
}

void Stager::buildProducer(Value blocks, Value ring) {
  Location loc = kernel.getLoc();
  IRMapping mapping;
  Type i32 = b.getI32Type();
  Value step = arith::ConstantIntOp::create(b, loc, 0, 32);
  Value first = NVVM::BlockIdXOp::create(b, loc, i32);
  Value stride = NVVM::GridDimXOp::create(b, loc, i32);
  auto tiles = scf::ForOp::create(b, loc, first, blocks, stride, step);
  b.setInsertionPointToStart(tiles.getBody());
  kernel.walk([&](NVVM::BlockIdXOp id) {
    if (id != first.getDefiningOp())
      mapping.map(id.getResult(), tiles.getInductionVar());
  });
  Value count = tiles.getRegionIterArgs().front();
  for (StagedLoop &staged : loops)
    count = buildCopies(staged, blocks, ring, count, mapping);
  scf::YieldOp::create(b, loc, count);
}

/// The copies of one loop from step `count` on; the step after the last.
Value Stager::buildCopies(StagedLoop &staged, Value blocks, Value ring,
                          Value count, IRMapping mapping) {
  Location loc = staged.loop.getLoc();
  SmallVector<scf::ForOp> made;
  for (scf::ForOp outer : staged.chain) {
    auto bound = [&](Value value) { return cloneSlice(b, value, mapping); };
    Value lower = bound(outer.getLowerBound()),
          upper = bound(outer.getUpperBound()), by = bound(outer.getStep());
    auto inner = scf::ForOp::create(b, loc, lower, upper, by, count);
    count = inner.getRegionIterArgs().front();
    mapping.map(outer.getInductionVar(), inner.getInductionVar());
    made.push_back(inner);
    b.setInsertionPointToStart(inner.getBody());
  }
  block::AcquireOp::create(b, loc, ring, count);
  for (auto [number, read] : llvm::enumerate(staged.reads)) {
    auto root = cast<MemRefType>(read.root.getType());
    SmallVector<Value> indices, dynamicSizes;
    SmallVector<int64_t> sizes;
    for (SmallVector<OpFoldResult> &sum : read.terms) {
      Value index;
      for (OpFoldResult term : sum) {
        Value part = isa<Value>(term)
                         ? cloneSlice(b, cast<Value>(term), mapping)
                         : getValueOrCreateConstantIndexOp(b, loc, term);
        index = index ? b.createOrFold<arith::AddIOp>(loc, index, part) : part;
      }
      indices.push_back(index);
    }
    for (int64_t dim = 0; dim < root.getRank(); ++dim) {
      OpFoldResult size = read.sizes[dim];
      if (!size && !root.isDynamicDim(dim))
        size = b.getIndexAttr(root.getDimSize(dim));
      if (!size) {
        auto [behind, own] = *dimBehind(read.root, dim);
        auto type = cast<MemRefType>(behind.getType());
        if (auto view = behind.getDefiningOp<memref::ViewOp>())
          size = view.getSizes()[type.getDynamicDimIndex(own)];
        else
          size = Value(memref::DimOp::create(b, loc, behind, own));
      }
      if (auto constant = getConstantIntValue(size)) {
        sizes.push_back(*constant);
      } else {
        sizes.push_back(ShapedType::kDynamic);
        dynamicSizes.push_back(cast<Value>(size));
      }
    }
    block::CopyOp::create(b, read.op.getLoc(), read.root, indices, dynamicSizes,
                          ring, count, number, read.dims, sizes, read.byLanes);
  }
  Value one = arith::ConstantIntOp::create(b, loc, 1, 32);
  Value next = arith::AddIOp::create(b, loc, count, one);
  for (scf::ForOp done : llvm::reverse(made)) {
    b.setInsertionPointToEnd(done.getBody());
    scf::YieldOp::create(b, loc, next);
    next = done.getResult(0);
  }
  b.setInsertionPointAfter(made.front());
  return next;
}

void Stager::buildConsumers(llvm::iterator_range<Block::iterator> work,
                            Value blocks, Value ring) {
  Location loc = kernel.getLoc();
  Type i32 = b.getI32Type();
  Value step = arith::ConstantIntOp::create(b, loc, 0, 32);
  Value first = NVVM::BlockIdXOp::create(b, loc, i32);
  Value stride = NVVM::GridDimXOp::create(b, loc, i32);
  auto tiles = scf::ForOp::create(b, loc, first, blocks, stride, step);
  Block *inside = tiles.getBody();
  inside->getOperations().splice(inside->begin(),
                                 work.begin()->getBlock()->getOperations(),
                                 work.begin(), work.end());
  kernel.walk([&](NVVM::BlockIdXOp id) {
    if (inside->findAncestorOpInBlock(*id.getOperation()))
      id.getResult().replaceAllUsesWith(tiles.getInductionVar());
  });
  // The number of the step goes through all loops.
  Value count = tiles.getRegionIterArgs().front();
  for (StagedLoop &staged : loops)
    count = buildUses(staged, ring, count);
  b.setInsertionPointToEnd(inside);
  scf::YieldOp::create(b, loc, count);
}

/// One loop takes what it read from step `count` on; the step after the last.
Value Stager::buildUses(StagedLoop &staged, Value ring, Value count) {
  Location loc = staged.loop.getLoc();
  IRRewriter rewriter(b);
  Value after, before = count;
  scf::ForOp around;
  for (scf::ForOp &inner : staged.chain) {
    bool isLast = inner == staged.loop;
    auto counted = cast<scf::ForOp>(
        cast<LoopLikeOpInterface>(inner.getOperation())
            .replaceWithAdditionalYields(
                rewriter, before, /*replaceInitOperandUsesInLoop=*/false,
                [&](OpBuilder &builder, Location where,
                    ArrayRef<BlockArgument> fresh) -> SmallVector<Value> {
                  Value step = fresh.back();
                  if (!isLast)
                    return {step};
                  Value one =
                      arith::ConstantIntOp::create(builder, where, 1, 32);
                  return {arith::AddIOp::create(builder, where, step, one)};
                })
            ->getOperation());
    if (around) {
      Operation *yield = around.getBody()->getTerminator();
      yield->setOperand(yield->getNumOperands() - 1,
                        counted.getResults().back());
    } else {
      after = counted.getResults().back();
    }
    inner = around = counted;
    before = counted.getRegionIterArgs().back();
  }
  scf::ForOp loop = staged.loop = around;
  Value step = loop.getRegionIterArgs().back();
  b.setInsertionPointToStart(loop.getBody());
  auto take = block::TakeOp::create(b, loc, tilesOf(staged), ring, step);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  block::ReleaseOp::create(b, loc, ring, step, Value());
  for (auto [read, tile] : llvm::zip(staged.reads, take.getTiles())) {
    read.op.getResult().replaceAllUsesWith(tile);
    read.op.erase();
  }
  return after;
}

void Stager::split() {
  Location loc = kernel.getLoc();
  Block *body = &kernel.getBody().front();
  Value blocks = body->addArgument(b.getI32Type(), loc);
  kernel.setType(b.getFunctionType(body->getArgumentTypes(), {}));
  kernel->setAttr("gate.persistent", b.getUnitAttr());
  // Buffers and the ring are there for both sides.
  llvm::SetVector<Operation *> shared;
  std::function<void(Value)> need = [&](Value value) {
    Operation *op = value.getDefiningOp();
    if (!op || shared.contains(op))
      return;
    llvm::for_each(op->getOperands(), need);
    shared.insert(op);
  };
  for (StagedLoop &staged : loops)
    for (TileRead &read : staged.reads)
      need(read.root);
  Operation *last = nullptr;
  for (Operation *op : shared) {
    if (last)
      op->moveAfter(last);
    else
      op->moveBefore(body, body->begin());
    last = op;
  }
  if (last)
    b.setInsertionPointAfter(last);
  else
    b.setInsertionPointToStart(body);
  Value ring = block::RingOp::create(
      b, loc,
      block::RingType::get(b.getContext(), stages, tilesOf(loops.front())));
  auto split = block::SpecializeOp::create(b, loc);
  b.setInsertionPointToStart(b.createBlock(&split.getProducer()));
  buildProducer(blocks, ring);
  // What computes moves to the consumers, into a loop over tiles.
  b.setInsertionPointToStart(b.createBlock(&split.getConsumers()));
  buildConsumers(llvm::make_range(std::next(Block::iterator(split)),
                                  Block::iterator(body->getTerminator())),
                 blocks, ring);
}

/// Whether a kernel multiplies f32: in many instructions, which want all warps
/// and their registers, and hide copies.
static bool multipliesWide(func::FuncOp kernel) {
  return kernel
      .walk([](vector::ContractionOp op) {
        return op.getLhsType().getElementTypeBitWidth() >= 32
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether a kernel computes on so much at once that two of its blocks do not
/// share a multiprocessor's registers: one then waits for its own copies.
static bool fillsRegisters(func::FuncOp kernel) {
  return kernel
      .walk([](Operation *op) {
        for (Type result : op->getResultTypes())
          if (auto type = dyn_cast<VectorType>(result);
              type && type.getElementType().isF32() &&
              type.getNumElements() > mostShared)
            return WalkResult::interrupt();
        return WalkResult::advance();
      })
      .wasInterrupted();
}

/// A kernel without a loop has one round: its next tile's copies can run under
/// it. Makes that a loop, if there are products to hide them under.
bool Stager::makeRound() {
  Block *body = &kernel.getBody().front();
  bool multiplies = false, loops = false;
  int64_t bytes = 0;
  for (Operation &op : *body) {
    loops |= isa<scf::ForOp>(op);
    op.walk([&](vector::ContractionOp) { multiplies = true; });
    if (auto read = dyn_cast<vector::TransferReadOp>(op))
      bytes += bytesOf(read.getVectorType());
  }
  if (!multiplies || loops || bytes > mostRoundBytes || !fillsRegisters(kernel))
    return false;
  Location loc = kernel.getLoc();
  Operation *last = body->getTerminator();
  b.setInsertionPoint(last);
  Value zero = arith::ConstantIndexOp::create(b, loc, 0),
        one = arith::ConstantIndexOp::create(b, loc, 1);
  auto round = scf::ForOp::create(b, loc, zero, one, one);
  Block *inside = round.getBody();
  inside->getOperations().splice(inside->begin(), body->getOperations(),
                                 body->begin(),
                                 Block::iterator(zero.getDefiningOp()));
  return true;
}

void Stager::run() {
  if (multipliesWide(kernel))
    return;
  choose();
  if (loops.empty() && makeRound())
    choose();
  if (!loops.empty())
    split();
}

namespace {
struct StageCopies : gate::impl::StageCopiesBase<StageCopies> {
  using gate::impl::StageCopiesBase<StageCopies>::StageCopiesBase;

  void runOnOperation() override {
    if (getOperation()->hasAttr("gate.kernel"))
      Stager(getOperation(), stages).run();
  }
};
} // namespace
