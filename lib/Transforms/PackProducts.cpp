//===- PackProducts.cpp - Tile and pack products --------------------------===//
//
// The classic blocked product (Goto and van de Geijn, ACM TOMS 34(3), 2008) on
// tensors: the right side in panels as wide as a register tile, row blocks in
// parallel, the reduction in blocks that keep a panel close.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"
#include "gate/Analysis/MatrixProduct.h"
#include "gate/Transforms/EmptyLoops.h"
#include "gate/Transforms/Passes.h"
#include "gate/Transforms/Schedule.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

namespace gate {
#define GEN_PASS_DEF_PACKPRODUCTS
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

using Sizes = SmallVector<OpFoldResult>;

namespace {

/// What the schedule chooses.
struct Blocking {
  int64_t panel = 0, rows = 0, depth = 0;
};

/// A product C[m, n] += A[m, k] * B[k, n] or B[n, k] on matrices.
class ProductBuilder {
public:
  ProductBuilder(OpBuilder &builder, Location loc, Value lhs, Value rhs,
                 bool rhsIsTransposed, Value initial, bool allowPairs)
      : b(builder, loc), lhs(lhs), rhs(rhs), transposed(rhsIsTransposed),
        initial(initial) {
    rows = b.sizes(lhs)[0];
    depth = b.sizes(lhs)[1];
    columns = b.sizes(rhs)[transposed ? 0 : 1];
    std::optional<int64_t> steps = getConstantIntValue(depth);
    pairs =
        allowPairs && isBF16(lhs) && isBF16(rhs) && steps && *steps % 2 == 0;
  }

  /// Null for what is no size of a product.
  OpFoldResult sizeOf(StringRef role) {
    return role == "rows"      ? rows
           : role == "columns" ? columns
           : role == "depth"   ? depth
                               : OpFoldResult();
  }

  Value build(OpBuilder &builder, Value acc, ScheduleCaseAttr chosen) {
    TensorBuilder s(builder, b.loc);
    made = chosen;
    blocking.panel = *chosen.getNumber("panel");
    blocking.depth = *chosen.getNumber("depth");
    if (chosen.getText("form") == StringRef("few_rows"))
      return buildFewRows(s, acc);
    blocking.rows = *chosen.getNumber("rows");
    return buildPacked(s, acc);
  }

private:
  static bool isBF16(Value matrix) {
    return cast<RankedTensorType>(matrix.getType()).getElementType().isBF16();
  }
  /// Number of pairs in the reduction.
  OpFoldResult pairCount() { return attr(*getConstantIntValue(depth) / 2); }
  /// Dim `dim` of a matrix, of even size, as two: pairs and their halves.
  Value splitPairs(TensorBuilder &s, Value matrix, int64_t dim) {
    auto type = cast<RankedTensorType>(matrix.getType());
    return s.splitGroups(matrix, dim, type.getDimSize(dim) / 2);
  }
  /// acc[m, n] += left[m, k, v] * right[k, n, v] over pairs k and halves v.
  Value pairProduct(TensorBuilder &s, Value left, Value right, Value acc) {
    return s.contract(
        left, right, acc,
        {s.map(4, {0, 2, 3}), s.map(4, {2, 1, 3}), s.map(4, {0, 1})}, 2);
  }
  OpFoldResult attr(int64_t n) { return b.builder.getIndexAttr(n); }

  OpFoldResult apply(TensorBuilder &s, AffineExpr expr,
                     ArrayRef<OpFoldResult> x) {
    return affine::makeComposedFoldedAffineApply(s.builder, s.loc, expr, x);
  }
  /// min(step, size - offset), folded where the step divides a static size.
  OpFoldResult rest(TensorBuilder &s, OpFoldResult size, OpFoldResult offset,
                    int64_t step) {
    if (std::optional<int64_t> fixed = getConstantIntValue(size))
      if (*fixed % step == 0)
        return attr(step);
    AffineExpr d0, d1;
    bindDims(s.builder.getContext(), d0, d1);
    AffineMap map =
        AffineMap::get(2, 0, {s.builder.getAffineConstantExpr(step), d0 - d1},
                       s.builder.getContext());
    return affine::makeComposedFoldedAffineMin(s.builder, s.loc, map,
                                               {size, offset});
  }

  /// What the product adds to, at the place of one task. A constant is written
  /// by the task itself: one pass over the result less, and by all threads.
  Value accumulator(TensorBuilder &s, Value shared, const Sizes &offsets,
                    const Sizes &sizes) {
    Value tile = s.slice(shared, offsets, sizes);
    if (!initial)
      return tile;
    return linalg::FillOp::create(s.builder, s.loc, ValueRange{initial},
                                  ValueRange{tile})
        .getResult(0);
  }

  Value product(TensorBuilder &s, Value left, Value right, bool rightTransposed,
                Value acc) {
    AffineMap rightMap = rightTransposed ? s.map(3, {1, 2}) : s.map(3, {2, 1});
    return s.contract(left, right, acc,
                      {s.map(3, {0, 2}), rightMap, s.map(3, {0, 1})}, 2);
  }

  /// scf.forall over [0, count) whose body returns a tile and its place.
  Value
  parallel(TensorBuilder &s, OpFoldResult count, Value init,
           function_ref<Value(TensorBuilder &, Value, Value, Sizes &, Sizes &)>
               body) {
    auto forall = scf::ForallOp::create(
        s.builder, s.loc, ArrayRef<OpFoldResult>{count}, ValueRange{init},
        std::nullopt, [&](OpBuilder &inner, Location loc, ValueRange args) {
          TensorBuilder e(inner, loc);
          Sizes offsets, sizes;
          Value tile = body(e, args[0], args[1], offsets, sizes);
          auto terminator = scf::InParallelOp::create(inner, loc);
          inner.setInsertionPointToStart(terminator.getBody());
          Sizes strides(offsets.size(), attr(1));
          tensor::ParallelInsertSliceOp::create(inner, loc, tile, args[1],
                                                offsets, sizes, strides);
        });
    recordSchedule(forall, made);
    return forall.getResult(0);
  }

  Value loop(TensorBuilder &s, OpFoldResult to, int64_t step, Value init,
             function_ref<Value(TensorBuilder &, Value, Value)> body) {
    auto op = scf::ForOp::create(
        s.builder, s.loc, s.index(0),
        getValueOrCreateConstantIndexOp(s.builder, s.loc, to), s.index(step),
        ValueRange{init},
        [&](OpBuilder &inner, Location loc, Value iv, ValueRange carried) {
          TensorBuilder e(inner, loc);
          scf::YieldOp::create(inner, loc, body(e, iv, carried[0]));
        });
    return op.getResult(0);
  }

  Value copyPanel(TensorBuilder &e, OpFoldResult k, OpFoldResult steps,
                  OpFoldResult first, OpFoldResult width, Value room);
  Value buildFewRows(TensorBuilder &s, Value acc);
  Value buildPanels(TensorBuilder &s);
  Value buildPacked(TensorBuilder &s, Value acc);

  TensorBuilder b;
  Value lhs, rhs;
  bool transposed;
  /// The number every element starts from, or null.
  Value initial;
  /// Neighbouring reduction steps of 16-bit floats side by side in a panel.
  bool pairs;
  ScheduleCaseAttr made;
  Blocking blocking;
  OpFoldResult rows, depth, columns;
};

} // namespace

/// Rows [k, k + steps) (pairs of them where `pairs`) and columns [first, first
/// + width) of the right side, copied into `room` as a panel holds them.
Value ProductBuilder::copyPanel(TensorBuilder &e, OpFoldResult k,
                                OpFoldResult steps, OpFoldResult first,
                                OpFoldResult width, Value room) {
  auto keep = [](TensorBuilder &, ValueRange args) { return args[0]; };
  if (!pairs) {
    Value source = transposed ? e.slice(rhs, {first, k}, {width, steps})
                              : e.slice(rhs, {k, first}, {steps, width});
    AffineMap map = transposed ? e.map(2, {1, 0}) : e.map(2, {0, 1});
    return e.generic({source}, room, {map, e.map(2, {0, 1})}, 2, keep);
  }
  Value split = splitPairs(e, rhs, transposed ? 1 : 0);
  OpFoldResult zero = attr(0), two = attr(2);
  Value source = transposed
                     ? e.slice(split, {first, k, zero}, {width, steps, two})
                     : e.slice(split, {k, zero, first}, {steps, two, width});
  // Loops: pair, column, half.
  AffineMap map = transposed ? e.map(3, {1, 0, 2}) : e.map(3, {0, 2, 1});
  return e.generic({source}, room, {map, e.map(3, {0, 1, 2})}, 3, keep);
}

/// Few rows: the right side is read once, in panels of a task's own that stay
/// in cache; packing all of it would move it twice. Sums run over the
/// reduction in the same order as with many rows, so the number of rows (the
/// batch among them) does not show in any bit of a result.
Value ProductBuilder::buildFewRows(TensorBuilder &s, Value acc) {
  AffineExpr d0 = s.builder.getAffineDimExpr(0);
  OpFoldResult tasks = apply(s, d0.ceilDiv(blocking.panel), {columns});
  bool direct = !transposed && !pairs;
  int64_t block = pairs ? llvm::divideCeil(blocking.depth, 2) : blocking.depth;
  OpFoldResult total = pairs ? pairCount() : depth;
  Value whole = pairs ? splitPairs(s, lhs, 1) : lhs;
  return parallel(
      s, tasks, acc,
      [&](TensorBuilder &e, Value task, Value shared, Sizes &offsets,
          Sizes &sizes) {
        OpFoldResult first = apply(e, d0 * blocking.panel, {task});
        OpFoldResult width = rest(e, columns, first, blocking.panel);
        offsets = {attr(0), first};
        sizes = {rows, width};
        Value tile = accumulator(e, shared, offsets, sizes);
        if (direct) {
          Value right = e.slice(rhs, {attr(0), first}, {depth, width});
          return product(e, lhs, right, false, tile);
        }
        Type element = cast<RankedTensorType>(rhs.getType()).getElementType();
        return loop(
            e, total, block, tile, [&](TensorBuilder &f, Value k, Value in) {
              OpFoldResult steps = rest(f, total, k, block);
              Sizes shape{attr(block), attr(blocking.panel)},
                  extent{steps, width};
              Sizes from{attr(0), OpFoldResult(k)}, leftExtent{rows, steps};
              if (pairs)
                for (Sizes *list : {&shape, &extent, &leftExtent})
                  list->push_back(attr(2));
              if (pairs)
                from.push_back(attr(0));
              Value room = f.slice(f.empty(shape, element),
                                   Sizes(extent.size(), attr(0)), extent);
              Value right =
                  copyPanel(f, OpFoldResult(k), steps, first, width, room);
              Value left = f.slice(whole, from, leftExtent);
              return pairs ? pairProduct(f, left, right, in)
                           : product(f, left, right, false, in);
            });
      });
}

/// The right side as [panels, depth, panel width].
Value ProductBuilder::buildPanels(TensorBuilder &s) {
  AffineExpr d0 = s.builder.getAffineDimExpr(0);
  OpFoldResult panels = apply(s, d0.ceilDiv(blocking.panel), {columns});
  Type element = cast<RankedTensorType>(rhs.getType()).getElementType();
  OpFoldResult total = pairs ? pairCount() : depth;
  Sizes shape{panels, total, attr(blocking.panel)};
  if (pairs)
    shape.push_back(attr(2));
  Value init = s.empty(shape, element);
  return parallel(s, panels, init,
                  [&](TensorBuilder &e, Value task, Value shared,
                      Sizes &offsets, Sizes &sizes) {
                    OpFoldResult first = apply(e, d0 * blocking.panel, {task});
                    OpFoldResult width =
                        rest(e, columns, first, blocking.panel);
                    offsets = {task, attr(0), attr(0)};
                    sizes = {attr(1), total, width};
                    if (pairs) {
                      offsets.push_back(attr(0));
                      sizes.push_back(attr(2));
                    }
                    return copyPanel(e, attr(0), total, first, width,
                                     e.slice(shared, offsets, sizes, {0}));
                  });
}

Value ProductBuilder::buildPacked(TensorBuilder &s, Value acc) {
  AffineExpr d0 = s.builder.getAffineDimExpr(0);
  Value packed = buildPanels(s);
  OpFoldResult tasks = apply(s, d0.ceilDiv(blocking.rows), {rows});
  Value whole = pairs ? splitPairs(s, lhs, 1) : lhs;
  OpFoldResult total = pairs ? pairCount() : depth;
  int64_t block = pairs ? llvm::divideCeil(blocking.depth, 2) : blocking.depth;
  // One panel of the right side against one row block of the left.
  auto multiply = [&](TensorBuilder &g, Value left, OpFoldResult height,
                      OpFoldResult k, OpFoldResult steps, Value column,
                      Value in) {
    OpFoldResult width = rest(g, columns, column, blocking.panel);
    OpFoldResult panel =
        apply(g, d0.floorDiv(blocking.panel), {OpFoldResult(column)});
    Sizes from{panel, k, attr(0)}, extent{attr(1), steps, width};
    if (pairs) {
      from.push_back(attr(0));
      extent.push_back(attr(2));
    }
    Value right = g.slice(packed, from, extent, {0});
    Sizes place{attr(0), OpFoldResult(column)}, size{height, width};
    Value room = g.slice(in, place, size);
    Value part = pairs ? pairProduct(g, left, right, room)
                       : product(g, left, right, false, room);
    return g.insert(part, in, place, size);
  };
  return parallel(
      s, tasks, acc,
      [&](TensorBuilder &e, Value task, Value shared, Sizes &offsets,
          Sizes &sizes) {
        OpFoldResult firstRow = apply(e, d0 * blocking.rows, {task});
        OpFoldResult height = rest(e, rows, firstRow, blocking.rows);
        offsets = {firstRow, attr(0)};
        sizes = {height, columns};
        Value tile = accumulator(e, shared, offsets, sizes);
        return loop(
            e, total, block, tile, [&](TensorBuilder &f, Value k, Value outer) {
              OpFoldResult steps = rest(f, total, k, block);
              Sizes from{firstRow, OpFoldResult(k)}, extent{height, steps};
              if (pairs) {
                from.push_back(attr(0));
                extent.push_back(attr(2));
              }
              Value left = f.slice(whole, from, extent);
              return loop(f, columns, blocking.panel, outer,
                          [&](TensorBuilder &g, Value column, Value in) {
                            return multiply(g, left, height, OpFoldResult(k),
                                            steps, column, in);
                          });
            });
      });
}

namespace {
struct PackProducts : gate::impl::PackProductsBase<PackProducts> {
  using gate::impl::PackProductsBase<PackProducts>::PackProductsBase;

  void runOnOperation() override {
    eraseEmptyLoops(getOperation());
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (anchorKindOf(op) == AnchorKind::Product)
        ops.push_back(op);
    });
    for (linalg::LinalgOp op : ops)
      if (failed(rewrite(op)))
        return signalPassFailure();
  }

  LogicalResult rewrite(linalg::LinalgOp op) {
    FailureOr<ScheduleAttr> schedule = scheduleOf(op, AnchorKind::Product);
    if (failed(schedule))
      return failure();
    FailureOr<MatrixForm> form = matchMatrixForm(op);
    OpBuilder builder(op);
    TensorBuilder b(builder, op.getLoc());
    Value lhs = op.getDpsInputOperand(0)->get();
    Value rhs = op.getDpsInputOperand(1)->get();
    Value acc = op.getDpsInitOperand(0)->get();
    auto resultType = cast<RankedTensorType>(acc.getType());
    Value initial;
    if (auto fill = acc.getDefiningOp<linalg::FillOp>()) {
      initial = fill.getInputs()[0];
      acc = b.empty(b.sizes(acc), resultType.getElementType());
    }
    SmallVector<ReassociationIndices> groups(2);
    for (unsigned dim = 0; dim < form->rowDims; ++dim)
      groups[0].push_back(dim);
    groups[1].push_back(form->rowDims);
    Sizes sizes = b.sizes(acc);
    if (form->rowDims > 1) {
      lhs = tensor::CollapseShapeOp::create(builder, op.getLoc(), lhs, groups);
      acc = tensor::CollapseShapeOp::create(builder, op.getLoc(), acc, groups);
    }
    ProductBuilder product(builder, op.getLoc(), lhs, rhs,
                           form->rhsIsTransposed, initial, pairs);
    Value result = buildCases(
        builder, op, *schedule,
        [&](StringRef role) { return product.sizeOf(role); },
        [&](OpBuilder &inner, ScheduleCaseAttr chosen) {
          return SmallVector<Value>{product.build(inner, acc, chosen)};
        })[0];
    if (form->rowDims > 1)
      result = tensor::ExpandShapeOp::create(builder, op.getLoc(), resultType,
                                             result, groups, sizes);
    op->getResult(0).replaceAllUsesWith(result);
    op->erase();
    return success();
  }
};
} // namespace
