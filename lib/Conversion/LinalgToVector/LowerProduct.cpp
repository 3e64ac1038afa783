//===- LowerProduct.cpp - Register-blocked products -----------------------===//
//
// A tile of rows times vectors of accumulators lives in registers while the
// reduction runs: per step one load per vector of the right side, one
// broadcast per row of the left side, rows times vectors fused multiply-adds.
// Every result is summed in the order of the reduction whatever its place in a
// tile, so that results do not depend on how work is cut.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoopEmitter.h"

#include "mlir/Dialect/Linalg/IR/LinalgInterfaces.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Dialect/X86Vector/X86VectorDialect.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

namespace {
class ProductLowering {
public:
  ProductLowering(RewriterBase &rewriter, linalg::LinalgOp op,
                  VectorMachine machine)
      : e(rewriter, op, machine), op(op) {}

  LogicalResult run();

private:
  bool findRoles();
  void emitColumns();
  void emitRows(int64_t vectors, Value mask);
  /// One register tile from the current row and column.
  void emitTile(int64_t rows, int64_t vectors, Value mask);
  Values reduce(ArrayRef<unsigned> loops, int64_t rows, int64_t vectors,
                Value mask, Values accumulators);
  int64_t rowsFor(int64_t vectors);
  Value widen(Value value);
  bool arePairs(OpOperand *candidate, OpOperand *other);
  /// One vector of the right side, one broadcast factor of the left side, and
  /// what they add to a sum.
  Value loadLine(Value mask);
  Value loadFactor();
  Value accumulate(Value factor, Value line, Value sum);

  LoopEmitter e;
  linalg::LinalgOp op;
  OpOperand *left = nullptr, *right = nullptr, *acc = nullptr;
  unsigned columnLoop = 0;
  std::optional<unsigned> rowLoop;
  /// The innermost reduction, of size 2, that one instruction takes at once.
  std::optional<unsigned> pairLoop;
  /// The right side with columns and pairs as one dim.
  Value pairedRight;
  SmallVector<unsigned> outerLoops, reductionLoops;
  int64_t vectorsPerTile = 1;
};
} // namespace

/// Whether both sides are bf16 with pairs of reduction steps innermost, and
/// the columns of `candidate` next to them.
bool ProductLowering::arePairs(OpOperand *candidate, OpOperand *other) {
  auto right = dyn_cast<MemRefType>(candidate->get().getType());
  auto leftType = dyn_cast<MemRefType>(other->get().getType());
  if (!e.machine.pairs || !right || !leftType || right.getRank() < 2 ||
      !right.getElementType().isBF16() || !leftType.getElementType().isBF16() ||
      !getElementTypeOrSelf(acc->get().getType()).isF32() || e.lanes != 16)
    return false;
  std::optional<unsigned> inner = e.contiguousLoop(candidate);
  if (!inner || e.contiguousLoop(other) != inner ||
      e.staticRange(*inner) != std::optional<int64_t>(2) ||
      op.getIteratorTypesArray()[*inner] != utils::IteratorType::reduction)
    return false;
  AffineMap map = op.getMatchingIndexingMap(candidate);
  auto column = dyn_cast<AffineDimExpr>(map.getResult(map.getNumResults() - 2));
  int64_t offset;
  SmallVector<int64_t> strides;
  return column && column.getPosition() == columnLoop &&
         e.accessOf(other, columnLoop) == Access::Uniform &&
         succeeded(right.getStridesAndOffset(strides, offset)) &&
         strides[strides.size() - 2] == 2;
}

/// Left side: broadcast; right side and result: contiguous along the columns.
bool ProductLowering::findRoles() {
  if (!linalg::isaContractionOpInterface(op) || op.getNumDpsInputs() != 2)
    return false;
  FailureOr<linalg::ContractionDimensions> dims =
      linalg::inferContractionDims(op);
  if (failed(dims) || dims->k.empty())
    return false;
  acc = op.getDpsInitOperand(0);
  if (!isa<FloatType>(getElementTypeOrSelf(acc->get().getType())))
    return false;
  // Only additions of products, whatever conversions stand before them.
  for (Operation &inner : op->getRegion(0).front().without_terminator())
    if (!isa<arith::MulFOp, arith::AddFOp, arith::ExtFOp>(inner))
      return false;
  std::optional<unsigned> column = e.contiguousLoop(acc);
  if (!column)
    return false;
  columnLoop = *column;
  for (unsigned side : {1u, 0u}) {
    OpOperand *candidate = op.getDpsInputOperand(side);
    OpOperand *other = op.getDpsInputOperand(1 - side);
    if (e.accessOf(candidate, columnLoop) == Access::Contiguous &&
        e.accessOf(other, columnLoop) == Access::Uniform) {
      right = candidate;
      left = other;
      break;
    }
    if (arePairs(candidate, other)) {
      right = candidate;
      left = other;
      pairLoop = e.contiguousLoop(candidate);
      break;
    }
  }
  if (!right)
    return false;
  SmallVector<utils::IteratorType> iterators = op.getIteratorTypesArray();
  for (unsigned loop = 0; loop < iterators.size(); ++loop) {
    if (loop == pairLoop)
      continue;
    if (iterators[loop] == utils::IteratorType::reduction)
      reductionLoops.push_back(loop);
    else if (loop != columnLoop)
      outerLoops.push_back(loop);
  }
  // Rows: the last parallel loop that the right side does not see.
  for (unsigned loop : llvm::reverse(outerLoops))
    if (e.accessOf(right, loop) == Access::Uniform) {
      rowLoop = loop;
      llvm::erase(outerLoops, loop);
      break;
    }
  return true;
}

/// Rows per tile that leave registers for the right side and one broadcast.
int64_t ProductLowering::rowsFor(int64_t vectors) {
  int64_t most =
      std::min<int64_t>((e.machine.registers - 1 - vectors) / vectors, 8);
  most = std::max<int64_t>(most, 1);
  std::optional<int64_t> fixed =
      rowLoop ? e.staticRange(*rowLoop) : std::optional<int64_t>(1);
  if (!fixed)
    return most;
  if (*fixed <= most)
    return std::max<int64_t>(*fixed, 1);
  // An even split needs no second kernel for the rest.
  for (int64_t rows = most; rows >= std::max<int64_t>(most / 2, 3); --rows)
    if (*fixed % rows == 0)
      return rows;
  return most;
}

Value ProductLowering::widen(Value value) {
  Type element = getElementTypeOrSelf(acc->get().getType());
  Type own = getElementTypeOrSelf(value.getType());
  if (own == element)
    return value;
  Type type =
      isa<VectorType>(value.getType()) ? Type(e.vectorOf(element)) : element;
  return arith::ExtFOp::create(e.rewriter, e.loc, type, value);
}

Value ProductLowering::loadLine(Value mask) {
  if (!pairLoop)
    return widen(e.loadLanes(right, columnLoop, mask, {}));
  Values where = e.indices(right);
  where.pop_back();
  where.back() =
      arith::MulIOp::create(e.rewriter, e.loc, where.back(), e.index(2));
  auto type = VectorType::get({2 * e.lanes}, e.rewriter.getBF16Type());
  if (!mask)
    return vector::LoadOp::create(e.rewriter, e.loc, type, pairedRight, where);
  Value both = vector::InterleaveOp::create(e.rewriter, e.loc, mask, mask);
  Value zero = arith::ConstantOp::create(e.rewriter, e.loc,
                                         e.rewriter.getZeroAttr(type));
  return vector::MaskedLoadOp::create(e.rewriter, e.loc, type, pairedRight,
                                      where, both, zero);
}

Value ProductLowering::loadFactor() {
  if (!pairLoop)
    return e.broadcast(widen(e.loadScalar(left)));
  // Two neighbours as one 32-bit number, the same for all lanes.
  Type bf16 = e.rewriter.getBF16Type(), i32 = e.rewriter.getI32Type();
  Value pair =
      vector::LoadOp::create(e.rewriter, e.loc, VectorType::get({2}, bf16),
                             left->get(), e.indices(left));
  pair = vector::BitCastOp::create(e.rewriter, e.loc, VectorType::get({1}, i32),
                                   pair);
  Value number = vector::ExtractOp::create(e.rewriter, e.loc, pair, 0);
  Value all =
      vector::BroadcastOp::create(e.rewriter, e.loc, e.vectorOf(i32), number);
  return vector::BitCastOp::create(e.rewriter, e.loc,
                                   VectorType::get({2 * e.lanes}, bf16), all);
}

Value ProductLowering::accumulate(Value factor, Value line, Value sum) {
  if (!pairLoop)
    return vector::FMAOp::create(e.rewriter, e.loc, factor, line, sum);
  return x86vector::DotBF16Op::create(e.rewriter, e.loc, sum.getType(), sum,
                                      factor, line);
}

Values ProductLowering::reduce(ArrayRef<unsigned> loops, int64_t rows,
                               int64_t vectors, Value mask,
                               Values accumulators) {
  if (!loops.empty())
    return e.loop(e.index(0), e.rangeValue(loops.front()), 1, accumulators,
                  [&](Value iv, ValueRange carried) {
                    e.ivs[loops.front()] = iv;
                    return reduce(loops.drop_front(), rows, vectors, mask,
                                  Values(carried));
                  });
  Value column = e.ivs[columnLoop];
  Value row = rowLoop ? e.ivs[*rowLoop] : Value();
  Values lines;
  for (int64_t v = 0; v < vectors; ++v) {
    e.ivs[columnLoop] = e.add(column, e.index(v * e.lanes));
    Value own = v == vectors - 1 ? mask : Value();
    lines.push_back(loadLine(own));
  }
  e.ivs[columnLoop] = column;
  for (int64_t r = 0; r < rows; ++r) {
    if (rowLoop)
      e.ivs[*rowLoop] = e.add(row, e.index(r));
    Value factor = loadFactor();
    for (int64_t v = 0; v < vectors; ++v) {
      Value &sum = accumulators[r * vectors + v];
      sum = accumulate(factor, lines[v], sum);
    }
  }
  if (rowLoop)
    e.ivs[*rowLoop] = row;
  return accumulators;
}

void ProductLowering::emitTile(int64_t rows, int64_t vectors, Value mask) {
  Value column = e.ivs[columnLoop];
  Value row = rowLoop ? e.ivs[*rowLoop] : Value();
  auto each = [&](function_ref<void(int64_t, Value)> visit) {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t v = 0; v < vectors; ++v) {
        if (rowLoop)
          e.ivs[*rowLoop] = e.add(row, e.index(r));
        e.ivs[columnLoop] = e.add(column, e.index(v * e.lanes));
        visit(r * vectors + v, v == vectors - 1 ? mask : Value());
      }
    if (rowLoop)
      e.ivs[*rowLoop] = row;
    e.ivs[columnLoop] = column;
  };
  Values sums;
  each([&](int64_t, Value own) {
    sums.push_back(e.loadLanes(acc, columnLoop, own, {}));
  });
  sums = reduce(reductionLoops, rows, vectors, mask, sums);
  each([&](int64_t which, Value own) { e.storeLanes(sums[which], acc, own); });
}

/// All rows at the current columns.
void ProductLowering::emitRows(int64_t vectors, Value mask) {
  if (!rowLoop)
    return emitTile(1, vectors, mask);
  int64_t tile = rowsFor(vectors);
  std::optional<int64_t> fixed = e.staticRange(*rowLoop);
  Value size = e.rangeValue(*rowLoop);
  Value from = e.index(0);
  // Tiles of fewer and fewer rows until none is left.
  for (int64_t rows = tile; rows >= 1; rows = rows > 3 ? rows / 2 : 1) {
    Value to = size;
    if (rows > 1) {
      Value left = e.sub(size, from);
      to = e.sub(size, e.rewriter.createOrFold<arith::RemUIOp>(e.loc, left,
                                                               e.index(rows)));
    }
    std::optional<int64_t> begin = getConstantIntValue(from),
                           end = getConstantIntValue(to);
    if (!fixed || !begin || !end || *begin < *end) {
      e.loop(from, to, rows, {}, [&](Value iv, ValueRange) {
        e.ivs[*rowLoop] = iv;
        emitTile(rows, vectors, mask);
        return Values();
      });
    }
    from = to;
    if (rows == 1 || (fixed && getConstantIntValue(from) == fixed))
      break;
  }
}

void ProductLowering::emitColumns() {
  int64_t width = vectorsPerTile * e.lanes;
  e.runs(columnLoop, width, [&](Value first, int64_t size, Value count) {
    e.ivs[columnLoop] = first;
    if (!count)
      return emitRows(vectorsPerTile, {});
    if (size >= 0) {
      int64_t rest = size % e.lanes;
      return emitRows((size + e.lanes - 1) / e.lanes,
                      rest ? e.maskOf(e.index(rest)) : Value());
    }
    // A dynamic rest: one kernel per number of vectors that it can take.
    Value lanes = e.index(e.lanes);
    Value taken =
        e.rewriter.createOrFold<arith::CeilDivUIOp>(e.loc, count, lanes);
    for (int64_t vectors = 1; vectors <= vectorsPerTile; ++vectors) {
      Value fits = arith::CmpIOp::create(
          e.rewriter, e.loc, arith::CmpIPredicate::eq, taken, e.index(vectors));
      auto choice = scf::IfOp::create(e.rewriter, e.loc, fits,
                                      /*withElseRegion=*/false);
      OpBuilder::InsertionGuard guard(e.rewriter);
      e.rewriter.setInsertionPointToStart(choice.thenBlock());
      emitRows(vectors,
               e.maskOf(e.sub(count, e.index((vectors - 1) * e.lanes))));
    }
  });
}

LogicalResult ProductLowering::run() {
  if (!findRoles())
    return failure();
  if (pairLoop) {
    e.ivs[*pairLoop] = e.index(0);
    // Columns and pairs are neighbours: one dim.
    unsigned rank = cast<MemRefType>(right->get().getType()).getRank();
    SmallVector<ReassociationIndices> groups;
    for (unsigned dim = 0; dim + 1 < rank; ++dim)
      groups.push_back({dim});
    groups.back().push_back(rank - 1);
    pairedRight = memref::CollapseShapeOp::create(e.rewriter, e.loc,
                                                  right->get(), groups);
  }
  int64_t most = e.machine.registers >= 32 ? 4 : 2;
  vectorsPerTile = most;
  if (std::optional<int64_t> fixed = e.staticRange(columnLoop))
    vectorsPerTile = std::clamp<int64_t>(*fixed / e.lanes, 1, most);
  // Without rows to share a load of the right side, more columns hide the
  // latency of the sums.
  bool oneRow =
      !rowLoop || e.staticRange(*rowLoop) == std::optional<int64_t>(1);
  if (oneRow)
    if (std::optional<int64_t> fixed = e.staticRange(columnLoop))
      vectorsPerTile = std::clamp<int64_t>(*fixed / e.lanes, 1, 2 * most);
  e.nest(outerLoops, [&] { emitColumns(); });
  return success();
}

LogicalResult gate::lowerProduct(RewriterBase &rewriter, linalg::LinalgOp op,
                                 VectorMachine machine) {
  return ProductLowering(rewriter, op, machine).run();
}
