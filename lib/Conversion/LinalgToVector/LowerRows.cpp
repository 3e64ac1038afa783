//===- LowerRows.cpp - Linalg with one loop on vectors --------------------===//
//
// Three forms. Elementwise: the loop along which the result is contiguous
// becomes lanes; reductions run inside with the partial results in registers.
// Transposing: an input is contiguous along another loop; blocks of lanes by
// lanes are transposed in registers. Reducing: a contiguous reduction is split
// over lanes and folded once at the end, several results at a time.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopEmitter.h"

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

/// Results reduced at the same time: hides the latency of one chain of adds.
static constexpr int64_t reducedTogether = 4;

namespace {
class RowLowering {
public:
  RowLowering(RewriterBase &rewriter, linalg::LinalgOp op,
              VectorMachine machine)
      : e(rewriter, op, machine), op(op) {}

  LogicalResult run();

private:
  bool isParallel(unsigned loop) {
    return op.getIteratorTypesArray()[loop] == utils::IteratorType::parallel;
  }
  /// All loops of a kind but those in `except`.
  SmallVector<unsigned> loopsOf(bool parallel, ArrayRef<unsigned> except) {
    SmallVector<unsigned> result;
    for (unsigned loop = 0; loop < op.getNumLoops(); ++loop)
      if (isParallel(loop) == parallel && !llvm::is_contained(except, loop))
        result.push_back(loop);
    return result;
  }
  std::optional<unsigned> findResultLoop();
  std::optional<unsigned> findReductionLoop();
  bool canReduce(unsigned lane);
  bool prefersReduction(unsigned lane);
  SmallVector<OpOperand *> transposedInputs(unsigned lane, unsigned &across);

  void emitElementwise(unsigned lane);
  void emitTransposing(unsigned lane, unsigned across,
                       ArrayRef<OpOperand *> transposed);
  void emitReducing(unsigned lane);
  void reduceLanes(unsigned lane, std::optional<unsigned> unrolled,
                   int64_t count);
  Values reduceInner(ArrayRef<unsigned> reductions, unsigned lane, Value mask,
                     Value count, Values accumulators);
  Value foldFour(ArrayRef<Value> four,
                 function_ref<Value(Value, Value)> combine);

  LoopEmitter e;
  linalg::LinalgOp op;
};
} // namespace

/// A parallel loop along which every result is contiguous.
std::optional<unsigned> RowLowering::findResultLoop() {
  std::optional<unsigned> lane;
  for (OpOperand &init : op.getDpsInitsMutable()) {
    std::optional<unsigned> own = e.contiguousLoop(&init);
    if (!own || (lane && *lane != *own))
      return std::nullopt;
    lane = own;
  }
  if (!lane || !isParallel(*lane))
    return std::nullopt;
  return lane;
}

/// A reduction along which an input is contiguous, for one result that is
/// combined by an operation with a neutral element.
std::optional<unsigned> RowLowering::findReductionLoop() {
  if (op.getNumDpsInits() != 1)
    return std::nullopt;
  for (OpOperand *input : op.getDpsInputOperands()) {
    std::optional<unsigned> own = e.contiguousLoop(input);
    if (own && !isParallel(*own))
      return own;
  }
  return std::nullopt;
}

/// Inputs that depend on `lane` but are contiguous along one other loop.
SmallVector<OpOperand *> RowLowering::transposedInputs(unsigned lane,
                                                       unsigned &across) {
  SmallVector<OpOperand *> result;
  for (OpOperand *input : op.getDpsInputOperands()) {
    if (e.accessOf(input, lane) != Access::Strided)
      continue;
    std::optional<unsigned> own = e.contiguousLoop(input);
    if (!own || !isParallel(*own) || (!result.empty() && *own != across) ||
        !op.getMatchingIndexingMap(input).isProjectedPermutation())
      return {};
    across = *own;
    result.push_back(input);
  }
  return result;
}

/// Whether `lane` would read an input with gaps that a reduction reads without.
bool RowLowering::prefersReduction(unsigned lane) {
  std::optional<unsigned> reduction = findReductionLoop();
  if (!reduction || !canReduce(*reduction))
    return false;
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *input) {
    return e.accessOf(input, lane) == Access::Strided;
  });
}

/// Whether the one result is combined by an operation with a neutral element.
bool RowLowering::canReduce(unsigned lane) {
  if (!e.isBodyVectorizable(lane))
    return false;
  SmallVector<Operation *> combiners;
  Block &body = op->getRegion(0).front();
  return matchReduction(body.getArguments().take_back(1), 0, combiners) &&
         combiners.size() == 1 &&
         linalg::getCombinerOpKind(combiners.front()) &&
         body.getArguments().back().hasOneUse();
}

LogicalResult RowLowering::run() {
  std::optional<unsigned> lane = findResultLoop();
  if (lane && !prefersReduction(*lane)) {
    if (!e.isBodyVectorizable(*lane))
      return failure();
    unsigned across = 0;
    SmallVector<OpOperand *> transposed = transposedInputs(*lane, across);
    bool reduces = !loopsOf(false, {}).empty();
    // Blocks are put together from groups of four lanes.
    if (!transposed.empty() && !reduces && e.lanes >= 4)
      emitTransposing(*lane, across, transposed);
    else
      emitElementwise(*lane);
    return success();
  }
  lane = findReductionLoop();
  if (!lane || !canReduce(*lane))
    return failure();
  emitReducing(*lane);
  return success();
}

/// Runs the reductions at one run of lanes with the results in registers.
Values RowLowering::reduceInner(ArrayRef<unsigned> reductions, unsigned lane,
                                Value mask, Value count, Values accumulators) {
  if (!reductions.empty()) {
    unsigned loop = reductions.front();
    return e.loop(e.index(0), e.rangeValue(loop), 1, accumulators,
                  [&](Value iv, ValueRange carried) {
                    e.ivs[loop] = iv;
                    return reduceInner(reductions.drop_front(), lane, mask,
                                       count, Values(carried));
                  });
  }
  Values arguments;
  for (OpOperand *input : op.getDpsInputOperands())
    arguments.push_back(e.loadLanes(input, lane, mask, count));
  llvm::append_range(arguments, accumulators);
  Values results = e.cloneBody(arguments, lane);
  for (Value &result : results)
    result = e.broadcast(result);
  return results;
}

void RowLowering::emitElementwise(unsigned lane) {
  SmallVector<unsigned> reductions = loopsOf(false, {});
  e.nest(loopsOf(true, {lane}), [&] {
    e.runs(lane, e.lanes, [&](Value first, int64_t, Value count) {
      e.ivs[lane] = first;
      Value mask = e.maskOf(count);
      e.bodyMask = mask;
      Values accumulators;
      for (auto [index, init] : llvm::enumerate(op.getDpsInitsMutable())) {
        bool isRead = op.payloadUsesValueFromOperand(&init);
        Type element = getElementTypeOrSelf(init.get().getType());
        accumulators.push_back(
            isRead ? e.loadLanes(&init, lane, mask, count)
                   : Value(arith::ConstantOp::create(
                         e.rewriter, e.loc,
                         e.rewriter.getZeroAttr(e.vectorOf(element)))));
      }
      Values results = reduceInner(reductions, lane, mask, count, accumulators);
      for (auto [result, init] : llvm::zip(results, op.getDpsInitsMutable()))
        e.storeLanes(result, &init, mask);
    });
  });
}

/// The sums of four vectors over their lanes, as the first four lanes of one.
Value RowLowering::foldFour(ArrayRef<Value> four,
                            function_ref<Value(Value, Value)> combine) {
  // Per group of four lanes: halves of a, then halves of b.
  auto pair = [&](Value a, Value b) {
    auto pick = [&](int64_t parity) {
      return e.shuffle(a, b, [&](int64_t lane) {
        int64_t inGroup = lane % 4;
        return lane / 4 * 4 + inGroup % 2 * 2 + parity + inGroup / 2 * e.lanes;
      });
    };
    return combine(pick(0), pick(1));
  };
  Value sums = pair(pair(four[0], four[1]), pair(four[2], four[3]));
  for (int64_t width = e.lanes / 2; width >= 4; width /= 2)
    sums = combine(sums, e.shuffle(sums, sums, [&](int64_t lane) {
      return lane < width ? lane + width : lane;
    }));
  return sums;
}

void RowLowering::emitTransposing(unsigned lane, unsigned across,
                                  ArrayRef<OpOperand *> transposed) {
  auto block = [&](Value firstLane, Value laneCount, Value firstAcross,
                   int64_t acrossSize, Value acrossCount) {
    Value laneMask = e.maskOf(laneCount), acrossMask = e.maskOf(acrossCount);
    e.bodyMask = laneMask;
    DenseMap<OpOperand *, Values> columns;
    for (OpOperand *input : transposed) {
      Values rows;
      e.ivs[across] = firstAcross;
      for (int64_t row = 0; row < e.lanes; ++row) {
        Value offset = e.index(row);
        if (laneCount)
          offset = e.minimum(offset, e.sub(laneCount, e.index(1)));
        e.ivs[lane] = e.add(firstLane, offset);
        rows.push_back(e.loadLanes(input, across, acrossMask, acrossCount));
      }
      columns[input] = e.transposeSquare(rows);
    }
    e.ivs[lane] = firstLane;
    auto column = [&](int64_t position) {
      e.ivs[across] = e.add(firstAcross, e.index(position));
      Values arguments;
      for (OpOperand *input : op.getDpsInputOperands())
        arguments.push_back(
            columns.count(input)
                ? columns[input][position]
                : e.loadLanes(input, lane, laneMask, laneCount));
      for (OpOperand &init : op.getDpsInitsMutable())
        arguments.push_back(e.loadLanes(&init, lane, laneMask, laneCount));
      Values results = e.cloneBody(arguments, lane);
      for (auto [result, init] : llvm::zip(results, op.getDpsInitsMutable()))
        e.storeLanes(result, &init, laneMask);
    };
    int64_t known = acrossSize < 0 ? e.lanes : acrossSize;
    for (int64_t position = 0; position < known; ++position) {
      if (acrossSize >= 0) {
        column(position);
        continue;
      }
      Value inside =
          arith::CmpIOp::create(e.rewriter, e.loc, arith::CmpIPredicate::ugt,
                                acrossCount, e.index(position));
      auto ifOp = scf::IfOp::create(e.rewriter, e.loc, inside, false);
      OpBuilder::InsertionGuard guard(e.rewriter);
      e.rewriter.setInsertionPointToStart(ifOp.thenBlock());
      column(position);
    }
  };
  e.nest(loopsOf(true, {lane, across}), [&] {
    e.runs(across, e.lanes, [&](Value firstAcross, int64_t size, Value count) {
      e.runs(lane, e.lanes, [&](Value firstLane, int64_t, Value laneCount) {
        block(firstLane, laneCount, firstAcross, size, count);
      });
    });
  });
}

/// Reduces over all reduction loops for `count` results that differ in the
/// loop `unrolled`, from its current value on.
void RowLowering::reduceLanes(unsigned lane, std::optional<unsigned> unrolled,
                              int64_t count) {
  OpOperand &init = *op.getDpsInitOperand(0);
  Type element = getElementTypeOrSelf(init.get().getType());
  Block &body = op->getRegion(0).front();
  SmallVector<Operation *> combiners;
  matchReduction(body.getArguments().take_back(1), 0, combiners);
  vector::CombiningKind kind = *linalg::getCombinerOpKind(combiners.front());
  Value neutral = arith::ConstantOp::create(
      e.rewriter, e.loc, *arith::getNeutralElement(combiners.front()));
  Value first = unrolled ? e.ivs[*unrolled] : Value();
  auto select = [&](int64_t which) {
    if (unrolled)
      e.ivs[*unrolled] = e.add(first, e.index(which));
  };
  Values sums(count, e.broadcast(neutral));
  // One step at one run of lanes, for each of the results.
  auto step = [&](Value mask, Value lanesLeft, Values carried) {
    e.bodyMask = mask;
    SmallVector<Value> shared;
    for (int64_t which = 0; which < count; ++which) {
      select(which);
      Values arguments;
      for (auto [index, input] : llvm::enumerate(op.getDpsInputOperands())) {
        bool varies =
            unrolled && e.accessOf(input, *unrolled) != Access::Uniform;
        if (which == 0)
          shared.push_back(e.loadLanes(input, lane, mask, lanesLeft));
        arguments.push_back(which == 0 || !varies
                                ? shared[index]
                                : e.loadLanes(input, lane, mask, lanesLeft));
      }
      arguments.push_back(carried[which]);
      Value next = e.broadcast(e.cloneBody(arguments, lane)[0]);
      // Lanes past the end keep what they had.
      if (mask)
        next = arith::SelectOp::create(e.rewriter, e.loc, mask, next,
                                       carried[which]);
      carried[which] = next;
    }
    select(0);
    return carried;
  };
  SmallVector<unsigned> outer = loopsOf(false, {lane});
  std::function<Values(ArrayRef<unsigned>, Values)> nest =
      [&](ArrayRef<unsigned> loops, Values carried) -> Values {
    if (!loops.empty())
      return e.loop(e.index(0), e.rangeValue(loops.front()), 1, carried,
                    [&](Value iv, ValueRange in) {
                      e.ivs[loops.front()] = iv;
                      return nest(loops.drop_front(), Values(in));
                    });
    std::optional<int64_t> fixed = e.staticRange(lane);
    Value size = e.rangeValue(lane);
    Value rest = fixed ? e.index(*fixed % e.lanes)
                       : e.rewriter.createOrFold<arith::RemUIOp>(
                             e.loc, size, e.index(e.lanes));
    Value full = e.sub(size, rest);
    if (!fixed || *fixed >= e.lanes)
      carried = e.loop(e.index(0), full, e.lanes, carried,
                       [&](Value iv, ValueRange in) {
                         e.ivs[lane] = iv;
                         return step({}, {}, Values(in));
                       });
    if (!fixed || *fixed % e.lanes != 0) {
      e.ivs[lane] = full;
      // A dynamic rest of 0 masks every lane.
      Value lanesLeft = rest;
      if (!fixed)
        lanesLeft =
            e.rewriter.createOrFold<arith::MaxUIOp>(e.loc, rest, e.index(1));
      Value mask = e.maskOf(rest);
      carried = step(mask, lanesLeft, carried);
    }
    return carried;
  };
  sums = nest(outer, sums);
  auto combine = [&](Value a, Value b) {
    Operation *clone = e.rewriter.clone(*combiners.front());
    clone->setOperands({a, b});
    clone->getResult(0).setType(a.getType());
    return clone->getResult(0);
  };
  // Neighbouring results are folded together and stored as one vector.
  if (unrolled && count == 4 && e.lanes >= 4 &&
      e.contiguousLoop(&init) == unrolled) {
    Value folded = foldFour(sums, combine);
    VectorType four = VectorType::get({4}, element);
    folded = vector::ExtractStridedSliceOp::create(
        e.rewriter, e.loc, folded, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{4},
        ArrayRef<int64_t>{1});
    Values where = e.indices(&init);
    Value before =
        vector::LoadOp::create(e.rewriter, e.loc, four, init.get(), where);
    vector::StoreOp::create(e.rewriter, e.loc, combine(before, folded),
                            init.get(), where);
    return;
  }
  for (int64_t which = 0; which < count; ++which) {
    select(which);
    Value before = e.loadScalar(&init);
    Value folded =
        vector::ReductionOp::create(e.rewriter, e.loc, kind, sums[which]);
    memref::StoreOp::create(e.rewriter, e.loc, combine(before, folded),
                            init.get(), e.indices(&init));
  }
  select(0);
}

void RowLowering::emitReducing(unsigned lane) {
  SmallVector<unsigned> parallel = loopsOf(true, {});
  if (parallel.empty())
    return reduceLanes(lane, std::nullopt, 1);
  unsigned unrolled = parallel.pop_back_val();
  e.nest(parallel, [&] {
    std::optional<int64_t> fixed = e.staticRange(unrolled);
    Value size = e.rangeValue(unrolled);
    Value full = e.index(0);
    if (!fixed || *fixed >= reducedTogether) {
      Value rest = e.rewriter.createOrFold<arith::RemUIOp>(
          e.loc, size, e.index(reducedTogether));
      full = e.sub(size, rest);
      e.loop(e.index(0), full, reducedTogether, {}, [&](Value iv, ValueRange) {
        e.ivs[unrolled] = iv;
        reduceLanes(lane, unrolled, reducedTogether);
        return Values();
      });
    }
    if (fixed && *fixed % reducedTogether == 0)
      return;
    e.loop(full, size, 1, {}, [&](Value iv, ValueRange) {
      e.ivs[unrolled] = iv;
      reduceLanes(lane, unrolled, 1);
      return Values();
    });
  });
}

LogicalResult gate::lowerRows(RewriterBase &rewriter, linalg::LinalgOp op,
                              VectorMachine machine) {
  return RowLowering(rewriter, op, machine).run();
}
