//===- LowerPairs.cpp - Putting pairs of bf16 side by side ----------------===//
//
// The copy that packs the right side of a product for machines that multiply
// and add pairs: result[k, n, v] = source at step 2k + v and column n. Columns
// contiguous in the source are interleaved two vectors at a time; reduction
// steps contiguous are transposed as 32-bit numbers.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopEmitter.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

namespace {
class PairLowering {
public:
  PairLowering(RewriterBase &rewriter, linalg::LinalgOp op, VectorMachine machine)
      : e(rewriter, op, machine), op(op) {}

  LogicalResult run();

private:
  bool findRoles();
  void store(Value pairs, Value mask);
  void interleaveColumns();

  LoopEmitter e;
  linalg::LinalgOp op;
  OpOperand *source = nullptr, *target = nullptr;
  unsigned pairLoop = 0, columnLoop = 0;
  SmallVector<unsigned> others;
  Value flatTarget;
};
} // namespace

bool PairLowering::findRoles() {
  if (!e.machine.pairs || op.getNumDpsInputs() != 1 || op.getNumDpsInits() != 1 ||
      op.getNumLoops() != op.getNumParallelLoops())
    return false;
  Block &body = op->getRegion(0).front();
  if (body.getTerminator()->getOperand(0) != body.getArgument(0))
    return false;
  source = op.getDpsInputOperand(0);
  target = op.getDpsInitOperand(0);
  auto type = dyn_cast<MemRefType>(target->get().getType());
  if (!type || type.getRank() < 2 || !type.getElementType().isBF16() ||
      getElementTypeOrSelf(source->get().getType()) != type.getElementType())
    return false;
  std::optional<unsigned> inner = e.contiguousLoop(target);
  if (!inner || e.staticRange(*inner) != std::optional<int64_t>(2))
    return false;
  pairLoop = *inner;
  AffineMap map = op.getMatchingIndexingMap(target);
  auto column = dyn_cast<AffineDimExpr>(map.getResult(map.getNumResults() - 2));
  int64_t offset;
  SmallVector<int64_t> strides;
  if (!column || failed(type.getStridesAndOffset(strides, offset)) ||
      strides[strides.size() - 2] != 2)
    return false;
  columnLoop = column.getPosition();
  if (e.accessOf(source, columnLoop) != Access::Contiguous)
    return false;
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (loop != pairLoop && loop != columnLoop)
      others.push_back(loop);
  return true;
}

/// Stores lanes of pairs at the current column.
void PairLowering::store(Value pairs, Value mask) {
  Values where = e.indices(target);
  where.pop_back();
  where.back() = arith::MulIOp::create(e.rewriter, e.loc, where.back(), e.index(2));
  if (!mask) {
    vector::StoreOp::create(e.rewriter, e.loc, pairs, flatTarget, where);
    return;
  }
  Value both = vector::InterleaveOp::create(e.rewriter, e.loc, mask, mask);
  vector::MaskedStoreOp::create(e.rewriter, e.loc, flatTarget, where, both, pairs);
}

void PairLowering::interleaveColumns() {
  e.nest(others, [&] {
    e.runs(columnLoop, e.lanes, [&](Value first, int64_t, Value count) {
      e.ivs[columnLoop] = first;
      Value mask = e.maskOf(count);
      Values halves;
      for (int64_t half = 0; half < 2; ++half) {
        e.ivs[pairLoop] = e.index(half);
        halves.push_back(e.loadLanes(source, columnLoop, mask, count));
      }
      e.ivs[pairLoop] = e.index(0);
      store(vector::InterleaveOp::create(e.rewriter, e.loc, halves[0], halves[1]),
            mask);
    });
  });
}

LogicalResult PairLowering::run() {
  if (!findRoles())
    return failure();
  unsigned rank = cast<MemRefType>(target->get().getType()).getRank();
  SmallVector<ReassociationIndices> groups;
  for (unsigned dim = 0; dim + 1 < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank - 1);
  flatTarget =
      memref::CollapseShapeOp::create(e.rewriter, e.loc, target->get(), groups);
  interleaveColumns();
  return success();
}

LogicalResult gate::lowerPairs(RewriterBase &rewriter, linalg::LinalgOp op,
                               VectorMachine machine) {
  return PairLowering(rewriter, op, machine).run();
}
