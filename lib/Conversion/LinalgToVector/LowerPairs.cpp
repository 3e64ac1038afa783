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
  PairLowering(RewriterBase &rewriter, linalg::LinalgOp op,
               VectorMachine machine)
      : e(rewriter, op, machine), op(op) {}

  LogicalResult run();

private:
  bool findRoles();
  void store(Value pairs, Value mask);
  void interleaveColumns();
  void transposeSteps();
  Value loadPairs(Value count);

  LoopEmitter e;
  linalg::LinalgOp op;
  OpOperand *source = nullptr, *target = nullptr;
  unsigned pairLoop = 0, columnLoop = 0;
  SmallVector<unsigned> others;
  /// Set where pairs are contiguous in the source: the loop over them.
  std::optional<unsigned> stepLoop;
  Value flatTarget, flatSource;
};
} // namespace

bool PairLowering::findRoles() {
  if (!e.machine.pairs || op.getNumDpsInputs() != 1 ||
      op.getNumDpsInits() != 1 || op.getNumLoops() != op.getNumParallelLoops())
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
  if (e.accessOf(source, columnLoop) != Access::Contiguous) {
    // Pairs side by side in the source, steps next to them.
    AffineMap from = op.getMatchingIndexingMap(source);
    auto sourceType = cast<MemRefType>(source->get().getType());
    if (e.contiguousLoop(source) != std::optional<unsigned>(pairLoop) ||
        from.getNumResults() < 2 || !from.isProjectedPermutation() ||
        failed(sourceType.getStridesAndOffset(strides, offset)) ||
        strides[strides.size() - 2] != 2)
      return false;
    stepLoop = cast<AffineDimExpr>(from.getResult(from.getNumResults() - 2))
                   .getPosition();
    if (*stepLoop == columnLoop)
      return false;
  }
  for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
    if (loop != pairLoop && loop != columnLoop && loop != stepLoop)
      others.push_back(loop);
  return true;
}

/// `memref` with its last two dims, steps or columns and pairs, as one.
static Value flatten(LoopEmitter &e, Value memref) {
  unsigned rank = cast<MemRefType>(memref.getType()).getRank();
  SmallVector<ReassociationIndices> groups;
  for (unsigned dim = 0; dim + 1 < rank; ++dim)
    groups.push_back({dim});
  groups.back().push_back(rank - 1);
  return memref::CollapseShapeOp::create(e.rewriter, e.loc, memref, groups);
}

/// Stores lanes of pairs at the current column.
void PairLowering::store(Value pairs, Value mask) {
  Values where = e.indices(target);
  where.pop_back();
  where.back() =
      arith::MulIOp::create(e.rewriter, e.loc, where.back(), e.index(2));
  if (!mask) {
    vector::StoreOp::create(e.rewriter, e.loc, pairs, flatTarget, where);
    return;
  }
  Value both = vector::InterleaveOp::create(e.rewriter, e.loc, mask, mask);
  vector::MaskedStoreOp::create(e.rewriter, e.loc, flatTarget, where, both,
                                pairs);
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
      store(
          vector::InterleaveOp::create(e.rewriter, e.loc, halves[0], halves[1]),
          mask);
    });
  });
}

/// Pairs from the current step on, as 32-bit numbers; `count` of them.
Value PairLowering::loadPairs(Value count) {
  Values where = e.indices(source);
  where.pop_back();
  where.back() =
      arith::MulIOp::create(e.rewriter, e.loc, where.back(), e.index(2));
  auto type = VectorType::get({2 * e.lanes}, e.rewriter.getBF16Type());
  Value pairs;
  if (count) {
    Value mask = e.maskOf(count);
    Value both = vector::InterleaveOp::create(e.rewriter, e.loc, mask, mask);
    Value zero = arith::ConstantOp::create(e.rewriter, e.loc,
                                           e.rewriter.getZeroAttr(type));
    pairs = vector::MaskedLoadOp::create(e.rewriter, e.loc, type, flatSource,
                                         where, both, zero);
  } else {
    pairs = vector::LoadOp::create(e.rewriter, e.loc, type, flatSource, where);
  }
  return vector::BitCastOp::create(e.rewriter, e.loc,
                                   e.vectorOf(e.rewriter.getI32Type()), pairs);
}

void PairLowering::transposeSteps() {
  auto type = VectorType::get({2 * e.lanes}, e.rewriter.getBF16Type());
  e.ivs[pairLoop] = e.index(0);
  e.nest(others, [&] {
    e.runs(*stepLoop, e.lanes,
           [&](Value firstStep, int64_t size, Value stepCount) {
             e.runs(columnLoop, e.lanes,
                    [&](Value firstColumn, int64_t, Value count) {
                      Values rows;
                      e.ivs[*stepLoop] = firstStep;
                      for (int64_t row = 0; row < e.lanes; ++row) {
                        Value offset = e.index(row);
                        if (count)
                          offset = e.minimum(offset, e.sub(count, e.index(1)));
                        e.ivs[columnLoop] = e.add(firstColumn, offset);
                        rows.push_back(loadPairs(stepCount));
                      }
                      rows = e.transposeSquare(rows);
                      e.ivs[columnLoop] = firstColumn;
                      Value mask = e.maskOf(count);
                      for (int64_t step = 0; step < (size < 0 ? e.lanes : size);
                           ++step) {
                        OpBuilder::InsertionGuard guard(e.rewriter);
                        if (size < 0) {
                          Value inside = arith::CmpIOp::create(
                              e.rewriter, e.loc, arith::CmpIPredicate::ugt,
                              stepCount, e.index(step));
                          auto ifOp = scf::IfOp::create(e.rewriter, e.loc,
                                                        inside, false);
                          e.rewriter.setInsertionPointToStart(ifOp.thenBlock());
                        }
                        e.ivs[*stepLoop] = e.add(firstStep, e.index(step));
                        store(vector::BitCastOp::create(e.rewriter, e.loc, type,
                                                        rows[step]),
                              mask);
                      }
                    });
           });
  });
}

LogicalResult PairLowering::run() {
  if (!findRoles())
    return failure();
  flatTarget = flatten(e, target->get());
  if (stepLoop) {
    flatSource = flatten(e, source->get());
    transposeSteps();
    return success();
  }
  interleaveColumns();
  return success();
}

LogicalResult gate::lowerPairs(RewriterBase &rewriter, linalg::LinalgOp op,
                               VectorMachine machine) {
  return PairLowering(rewriter, op, machine).run();
}
