//===- FormKernels.cpp - Linalg ops as groups of parallel tiles -----------===//
//
// The kernels of a GPU: each op that nothing else takes in becomes the root of
// a parallel loop over tiles that one thread block computes, and its producers
// move into the loop where each tile then needs each of their elements once.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/EmptyLoops.h"
#include "gate/Transforms/Passes.h"
#include "gate/Transforms/Schedule.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

namespace gate {
#define GEN_PASS_DEF_FORMKERNELS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// For each loop of the root, the loop of an op that runs with it, or -1.
using LoopMap = SmallVector<int64_t>;

/// One kernel: a root and the producers that it takes in.
class KernelGroup {
public:
  KernelGroup(linalg::LinalgOp root, int64_t tileElements,
              int64_t reductionElements)
      : root(root), tileElements(tileElements),
        reductionElements(reductionElements) {}

  LogicalResult chooseTiles();
  bool chooseProductTiles();
  void collectProducers();
  LogicalResult tile(RewriterBase &rewriter);

private:
  std::optional<LoopMap> loopsOfProducer(linalg::LinalgOp user,
                                         const LoopMap &userLoops,
                                         OpOperand &operand);
  bool fitsReduction(linalg::LinalgOp op);
  LogicalResult tileDepth(RewriterBase &rewriter, scf::ForallOp loop);
  void recordTile(scf::ForallOp loop, ArrayRef<int64_t> ranges);

  linalg::LinalgOp root;
  int64_t tileElements, reductionElements;
  /// Tile size per loop of the root; 0: the whole loop.
  SmallVector<int64_t> tiles;
  llvm::MapVector<Operation *, LoopMap> members;
  /// Whether the tiles are those of a product of matrices.
  bool hasProduct = false;
  /// Members that something outside the group reads, too.
  DenseSet<Operation *> yielded;
};

} // namespace

/// The next power of two: tiles are held by threads, registers and lanes.
static int64_t paddedSize(int64_t size) {
  return size <= 1 ? 1 : static_cast<int64_t>(llvm::PowerOf2Ceil(size));
}

/// Elements that one result of `op` reduces, padded; 0 where unknown.
static int64_t reductionExtent(linalg::LinalgOp op) {
  int64_t extent = 1;
  for (auto [range, iterator] :
       llvm::zip(op.getStaticLoopRanges(), op.getIteratorTypesArray()))
    if (iterator == utils::IteratorType::reduction)
      extent *= ShapedType::isDynamic(range) ? 0 : paddedSize(range);
  return extent;
}

bool KernelGroup::fitsReduction(linalg::LinalgOp op) {
  int64_t extent = reductionExtent(op);
  return extent > 0 && extent <= reductionElements;
}

/// Rows and columns of the result that one thread block computes. The wide
/// tile reads each operand less often; it needs many tiles, so that each
/// multiprocessor has one, and operands of two bytes.
static constexpr int64_t productRows = 128, productColumns = 128,
                         wideColumns = 256, wideTiles = 96;

/// The depth that it takes at once, in bytes: the swizzled row of a tensor core
/// for types that those multiply as they are.
static int64_t productDepthBytes(int64_t elementBytes) {
  return elementBytes == 2 ? 128 : 64;
}

static int64_t elementBytesOf(linalg::LinalgOp product) {
  return llvm::divideCeil(
      getElementTypeOrSelf(product.getDpsInputOperand(0)->get())
          .getIntOrFloatBitWidth(),
      8);
}

/// The loops of a product of matrices that runs over rows of the left side and
/// columns of the right one, last of each; nothing for other ops.
static std::optional<std::pair<unsigned, unsigned>>
matrixLoops(linalg::LinalgOp op) {
  if (!linalg::isaContractionOpInterface(op) || op.getNumDpsInputs() != 2 ||
      op.getNumReductionLoops() == 0)
    return std::nullopt;
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps,
                    [](AffineMap m) { return m.isProjectedPermutation(); }))
    return std::nullopt;
  std::optional<unsigned> row, column;
  for (unsigned l = 0; l < op.getNumLoops(); ++l) {
    if (!maps[2].isFunctionOfDim(l))
      continue;
    bool left = maps[0].isFunctionOfDim(l), right = maps[1].isFunctionOfDim(l);
    // The last loop of more than one iteration.
    bool isOne = op.getStaticLoopRanges()[l] == 1;
    if (left && !right && !(row && isOne))
      row = l;
    else if (right && !left && !(column && isOne))
      column = l;
  }
  if (!row || !column)
    return std::nullopt;
  return std::pair(*row, *column);
}

/// Tiles for a root that is a product, or that a product flows into element by
/// element.
bool KernelGroup::chooseProductTiles() {
  std::optional<std::pair<unsigned, unsigned>> loops;
  linalg::LinalgOp op = root;
  // For each loop of `op` the loop of the root.
  SmallVector<int64_t> rootLoop(root.getNumLoops());
  std::iota(rootLoop.begin(), rootLoop.end(), 0);
  while (!(loops = matrixLoops(op))) {
    if (op.getNumReductionLoops() || !op.hasPureTensorSemantics())
      return false;
    // The first operand of the same loops that such an op computes.
    linalg::LinalgOp next;
    SmallVector<int64_t> nextLoop;
    for (OpOperand *operand : op.getDpsInputOperands()) {
      auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
      AffineMap map = op.getMatchingIndexingMap(operand);
      if (!producer || !map.isPermutation() ||
          producer->getBlock() != root->getBlock())
        continue;
      AffineMap written =
          producer.getIndexingMapMatchingResult(cast<OpResult>(operand->get()));
      if (!written.isProjectedPermutation())
        continue;
      next = producer;
      nextLoop.assign(producer.getNumLoops(), -1);
      for (auto [read, write] :
           llvm::zip(map.getResults(), written.getResults()))
        nextLoop[cast<AffineDimExpr>(write).getPosition()] =
            rootLoop[cast<AffineDimExpr>(read).getPosition()];
      break;
    }
    if (!next)
      return false;
    op = next;
    rootLoop = nextLoop;
  }
  auto tileOf = [&](unsigned loop, int64_t most) {
    int64_t range = op.getStaticLoopRanges()[loop];
    return ShapedType::isDynamic(range) ? most
                                        : std::min(most, paddedSize(range));
  };
  tiles.assign(root.getNumLoops(), 1);
  for (auto [l, iterator] : llvm::enumerate(root.getIteratorTypesArray()))
    if (iterator == utils::IteratorType::reduction)
      tiles[l] = 0;
  tiles[rootLoop[loops->first]] = tileOf(loops->first, productRows);
  int64_t tileCount = 1;
  for (auto [l, range] : llvm::enumerate(op.getStaticLoopRanges())) {
    if (op.getIteratorTypesArray()[l] == utils::IteratorType::reduction)
      continue;
    int64_t tile = l == loops->first    ? productRows
                   : l == loops->second ? wideColumns
                                        : 1;
    // Sizes that calls bring are taken for large.
    tileCount *= ShapedType::isDynamic(range) ? wideTiles
                                              : llvm::divideCeil(range, tile);
  }
  bool isWide = elementBytesOf(op) == 2 && tileCount >= wideTiles;
  tiles[rootLoop[loops->second]] =
      tileOf(loops->second, isWide ? wideColumns : productColumns);
  hasProduct = true;
  return true;
}

/// Products of a kernel step by step along the depth.
LogicalResult KernelGroup::tileDepth(RewriterBase &rewriter,
                                     scf::ForallOp loop) {
  SmallVector<linalg::LinalgOp> products;
  loop.walk([&](linalg::LinalgOp op) {
    if (matrixLoops(op))
      products.push_back(op);
  });
  for (linalg::LinalgOp op : products) {
    int64_t bytes = elementBytesOf(op);
    SmallVector<int64_t> sizes(op.getNumLoops(), 0);
    bool isLast = true, steps = false;
    for (int64_t l = op.getNumLoops() - 1; l >= 0; --l)
      if (op.getIteratorTypesArray()[l] == utils::IteratorType::reduction) {
        sizes[l] = isLast ? productDepthBytes(bytes) / bytes : 1;
        steps |= op.getStaticLoopRanges()[l] != 1;
        isLast = false;
      }
    if (!steps)
      continue;
    rewriter.setInsertionPoint(op);
    scf::SCFTilingOptions tiling;
    tiling.setTileSizes(getAsIndexOpFoldResult(op.getContext(), sizes));
    FailureOr<scf::SCFTilingResult> result = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(op.getOperation()), tiling);
    if (failed(result))
      return op.emitError("cannot be tiled along its depth");
    rewriter.replaceOp(op, result->replacements);
  }
  return success();
}

LogicalResult KernelGroup::chooseTiles() {
  if (chooseProductTiles())
    return success();
  if (!fitsReduction(root))
    return root.emitError("expects a reduction over at most ")
           << reductionElements
           << " elements of static size for a GPU kernel, got "
           << reductionExtent(root) << " (0: a size known only at the call)";
  SmallVector<int64_t> ranges = root.getStaticLoopRanges();
  SmallVector<utils::IteratorType> iterators = root.getIteratorTypesArray();
  tiles.assign(ranges.size(), 0);
  // A reduction leaves less room for the other loops.
  int64_t room = std::max<int64_t>(tileElements / reductionExtent(root), 1);
  bool cut = false;
  for (int64_t loop = ranges.size() - 1; loop >= 0; --loop) {
    if (iterators[loop] != utils::IteratorType::parallel)
      continue;
    int64_t range = ranges[loop];
    if (!cut && !ShapedType::isDynamic(range) && paddedSize(range) <= room) {
      room /= paddedSize(range);
      continue;
    }
    // Inside a tile only one loop is cut; the ones around it run one by one
    // until the next static one fits, so that tiles stay rows.
    tiles[loop] = cut ? 1 : room;
    cut = true;
  }
  if (!cut && !ranges.empty()) {
    // One tile is still a kernel: a loop of one iteration.
    for (int64_t loop = 0; loop < static_cast<int64_t>(ranges.size()); ++loop)
      if (iterators[loop] == utils::IteratorType::parallel) {
        tiles[loop] = std::max<int64_t>(ranges[loop], 1);
        cut = true;
        break;
      }
  }
  if (!cut)
    return root.emitError("expects at least one parallel loop in an op that "
                          "becomes a GPU kernel");
  return success();
}

/// The loops of the producer of `operand` that run with those of the root;
/// nothing where a tile of the user needs more than one tile of it.
std::optional<LoopMap> KernelGroup::loopsOfProducer(linalg::LinalgOp user,
                                                    const LoopMap &userLoops,
                                                    OpOperand &operand) {
  auto result = cast<OpResult>(operand.get());
  auto producer = cast<linalg::LinalgOp>(result.getOwner());
  AffineMap read = user.getMatchingIndexingMap(&operand);
  AffineMap written = producer.getIndexingMapMatchingResult(result);
  if (!written.isPermutation() && !written.isProjectedPermutation())
    return std::nullopt;
  LoopMap loops(userLoops.size(), -1);
  for (auto [rootLoop, userLoop] : llvm::enumerate(userLoops)) {
    if (userLoop < 0)
      continue;
    for (auto [dim, expr] : llvm::enumerate(read.getResults()))
      if (auto position = dyn_cast<AffineDimExpr>(expr);
          position && position.getPosition() == static_cast<unsigned>(userLoop))
        loops[rootLoop] =
            cast<AffineDimExpr>(written.getResult(dim)).getPosition();
  }
  SmallVector<utils::IteratorType> iterators = producer.getIteratorTypesArray();
  for (auto [rootLoop, size] : llvm::enumerate(tiles)) {
    if (size == 0)
      continue;
    int64_t loop = loops[rootLoop];
    if (loop < 0 || iterators[loop] != utils::IteratorType::parallel)
      return std::nullopt;
  }
  return loops;
}

/// Whether no loop of the root runs with two loops of one op.
static bool agree(const LoopMap &a, const LoopMap &b) {
  return llvm::all_of(llvm::zip(a, b), [](auto pair) {
    auto [x, y] = pair;
    return x < 0 || y < 0 || x == y;
  });
}

/// Says why what `producer` computes goes through memory to `user`.
static void reportApart(Operation *producer, Operation *user,
                        StringRef reason) {
  auto function = producer->getParentOfType<func::FuncOp>();
  if (auto report =
          remark::missed(producer->getLoc(),
                         remark::RemarkOpts::name("FormKernels")
                             .category("gate-form-kernels")
                             .function(function ? function.getName() : "")))
    report << remark::reason("{0}", reason)
           << remark::detail::Remark::Arg("User", Attribute(user->getLoc()));
}

/// The same for a loop that was there before: it takes nothing in, nor is it
/// taken in.
static void reportLoops(linalg::LinalgOp op) {
  auto isScan = [](scf::ForallOp loop) {
    auto schedule =
        loop ? loop->getAttrOfType<ScheduleAttr>(scheduleAttrName) : nullptr;
    if (!schedule)
      return false;
    ScheduleCaseAttr made = schedule.getCases().front();
    return made.getNumber("chunk").has_value();
  };
  for (Value operand : op.getDpsInputs())
    if (auto loop = operand.getDefiningOp<scf::ForallOp>(); isScan(loop))
      reportApart(loop, op,
                  "a scan is a kernel of its own, and what follows it reads "
                  "its results from memory");
  for (Operation *user : op->getUsers())
    if (auto loop = user->getParentOfType<scf::ForallOp>(); isScan(loop))
      reportApart(op, loop,
                  "a scan is a kernel of its own and reads its operands "
                  "from memory");
}

void KernelGroup::collectProducers() {
  LoopMap identity(root.getNumLoops());
  std::iota(identity.begin(), identity.end(), 0);
  members[root] = identity;
  Block *block = root->getBlock();
  // Backwards, so that all users of an op are decided before it is.
  for (Operation &op :
       llvm::reverse(llvm::make_range(block->begin(), Block::iterator(root)))) {
    auto producer = dyn_cast<linalg::LinalgOp>(op);
    if (!producer || !producer.hasPureTensorSemantics())
      continue;
    if (bool isProduct = matrixLoops(producer).has_value();
        isProduct ? !hasProduct : !fitsReduction(producer)) {
      for (Operation *user : op.getUsers())
        if (members.contains(user))
          reportApart(&op, user,
                      isProduct ? "a product takes in elementwise ops after it "
                                  "only"
                                : "what one result reduces is more than a tile "
                                  "holds, or known only at the call");
      continue;
    }
    std::optional<LoopMap> loops;
    bool used = false, fits = true, readLater = false, readBefore = false;
    bool differs = false;
    Operation *refusing = nullptr;
    for (OpOperand &use : op.getUses()) {
      Operation *owner = use.getOwner();
      auto member = members.find(owner);
      if (member == members.end()) {
        // Others may read the result once the loop has written it.
        Operation *ancestor = block->findAncestorOpInBlock(*owner);
        readBefore |= !ancestor || !root->isBeforeInBlock(ancestor);
        readLater = true;
        continue;
      }
      refusing = owner;
      used = true;
      std::optional<LoopMap> here =
          loopsOfProducer(cast<linalg::LinalgOp>(owner), member->second, use);
      fits &= here.has_value();
      differs |= here && loops && !agree(*loops, *here);
      if (here && !loops)
        loops = here;
      else if (here)
        for (auto [known, found] : llvm::zip(*loops, *here))
          known = std::max(known, found);
    }
    if (!used)
      continue;
    if (!fits || differs || readBefore) {
      reportApart(&op, refusing,
                  !fits     ? "a tile would need more than one tile of it"
                  : differs ? "its users would need different tiles of it"
                            : "something before this kernel reads it, too");
      continue;
    }
    members[&op] = *loops;
    if (readLater)
      yielded.insert(&op);
  }
}

/// Erases ops without effects or uses, users before what they use.
static void eraseDead(RewriterBase &rewriter, Block *block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*block))) {
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        eraseDead(rewriter, &inner);
    if (isOpTriviallyDead(&op))
      rewriter.eraseOp(&op);
  }
}

/// What a tile is, on the loop: "2x2048", "all" for a size of the call.
void KernelGroup::recordTile(scf::ForallOp loop, ArrayRef<int64_t> ranges) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleave(
      llvm::zip(tiles, ranges), stream,
      [&](auto pair) {
        auto [size, range] = pair;
        if (size == 0 && ShapedType::isDynamic(range))
          stream << "all";
        else
          stream << (size == 0 ? range : size);
      },
      "x");
  Builder b(loop.getContext());
  NamedAttribute tile = b.getNamedAttr("tile", b.getStringAttr(text));
  recordSchedule(loop, ScheduleCaseAttr::get(loop.getContext(), StringRef(),
                                             Comparison::lt, 0,
                                             b.getDictionaryAttr(tile)));
}

LogicalResult KernelGroup::tile(RewriterBase &rewriter) {
  SmallVector<int64_t> ranges = root.getStaticLoopRanges();
  rewriter.setInsertionPoint(root);
  scf::SCFTilingOptions tiling;
  tiling.setTileSizes(getAsIndexOpFoldResult(root.getContext(), tiles));
  tiling.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
  if (root.hasPureBufferSemantics()) {
    FailureOr<scf::SCFTilingResult> result = scf::tileUsingSCF(
        rewriter, cast<TilingInterface>(root.getOperation()), tiling);
    if (failed(result))
      return root.emitError("cannot be tiled for a GPU kernel");
    auto loop = cast<scf::ForallOp>(result->loops.front());
    recordTile(loop, ranges);
    // Its place is that of the op that needed it: the name tells them apart.
    loop->setLoc(NameLoc::get(rewriter.getStringAttr("copy"), root.getLoc()));
    rewriter.eraseOp(root);
    return success();
  }
  scf::SCFTileAndFuseOptions options;
  options.setTilingOptions(tiling);
  options.setFusionControlFn(
      [&](tensor::ExtractSliceOp, OpResult producer,
          bool) -> std::optional<scf::SCFTileAndFuseOptions::ControlFnResult> {
        Operation *owner = producer.getOwner();
        if (!members.contains(owner))
          return std::nullopt;
        // Once is enough where several members read it.
        return scf::SCFTileAndFuseOptions::ControlFnResult{
            yielded.erase(owner)};
      });
  FailureOr<scf::SCFTileAndFuseResult> result =
      scf::tileConsumerAndFuseProducersUsingSCF(
          rewriter, cast<TilingInterface>(root.getOperation()), options);
  if (failed(result))
    return root.emitError("cannot be tiled for a GPU kernel");
  // Sizes of what was taken in are those of the destinations.
  for (auto &[op, loops] : members)
    for (OpResult value : op->getResults())
      for (OpOperand &use : llvm::make_early_inc_range(value.getUses()))
        if (auto dim = dyn_cast<tensor::DimOp>(use.getOwner()))
          dim.getSourceMutable().assign(
              cast<linalg::LinalgOp>(op).getTiedOpOperand(value)->get());
  for (auto [from, to] : result->replacements)
    rewriter.replaceAllUsesWith(from, to);
  scf::ForallOp loop = cast<scf::ForallOp>(result->loops.front());
  recordTile(loop, ranges);
  // The slices of what was taken in are left over, and keep it alive.
  eraseDead(rewriter, loop->getBlock());
  if (hasProduct)
    return tileDepth(rewriter, loop);
  return success();
}

namespace {
struct FormKernels : gate::impl::FormKernelsBase<FormKernels> {
  using gate::impl::FormKernelsBase<FormKernels>::FormKernelsBase;

  void runOnOperation() override {
    eraseEmptyLoops(getOperation());
    IRRewriter rewriter(&getContext());
    // From the last op of each block to the first: users before producers.
    while (linalg::LinalgOp root = findRoot()) {
      KernelGroup group(root, tileElements, reductionElements);
      if (failed(group.chooseTiles()))
        return signalPassFailure();
      if (root.hasPureTensorSemantics()) {
        group.collectProducers();
        reportLoops(root);
      }
      if (failed(group.tile(rewriter)))
        return signalPassFailure();
    }
  }

  linalg::LinalgOp findRoot() {
    linalg::LinalgOp found;
    getOperation().walk<WalkOrder::PreOrder>([&](Operation *op) {
      if (isa<scf::ForallOp>(op))
        return WalkResult::skip();
      if (auto candidate = dyn_cast<linalg::LinalgOp>(op))
        found = candidate;
      return WalkResult::advance();
    });
    return found;
  }
};
} // namespace
