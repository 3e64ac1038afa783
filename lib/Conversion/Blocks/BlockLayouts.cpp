//===- BlockLayouts.cpp - Layouts of the vectors of a kernel --------------===//
//
// Loads ask what is done with them: the largest vector that they end in
// decides, so that what is broadcast to it or reduced from it needs no
// exchange. All other values follow what they are computed from.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlockLayouts.h"

#include "Block/IR/Block.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace gate;

LinearLayout gate::sourceLayout(vector::BroadcastOp op,
                                const LinearLayout &layout) {
  auto source = dyn_cast<VectorType>(op.getSourceType());
  if (!source)
    return LinearLayout();
  int64_t extra = op.getResultVectorType().getRank() - source.getRank();
  LinearLayout result = layout;
  for (int64_t i = 0; i < extra; ++i)
    result = result.dropDim(0);
  for (int64_t dim = 0; dim < source.getRank(); ++dim)
    if (source.getDimSize(dim) == 1 && result.getShape()[dim] != 1)
      result = result.dropDim(dim).insertDim(dim, 1);
  return result;
}

LinearLayout gate::sourceLayout(vector::TransposeOp op,
                                const LinearLayout &layout) {
  // Dim i of the result is dim permutation[i] of the source.
  SmallVector<unsigned> inverse(layout.getRank());
  for (auto [to, from] : llvm::enumerate(op.getPermutation()))
    inverse[from] = to;
  return layout.transpose(inverse);
}

LinearLayout gate::sourceLayout(vector::ShapeCastOp op,
                                const LinearLayout &layout) {
  return layout.reshape(op.getSourceVectorType().getShape());
}

LinearLayout gate::sourceLayout(vector::ExtractStridedSliceOp op,
                                const LinearLayout &layout) {
  LinearLayout result = layout;
  for (auto [dim, size] : llvm::enumerate(op.getSourceVectorType().getShape()))
    result = result.grow(dim, size);
  return result;
}

bool gate::isReducedBasis(vector::MultiDimReductionOp op,
                          const Coordinates &basis) {
  bool reduced = false, kept = false;
  for (auto [dim, c] : llvm::enumerate(basis))
    (op.isReducedDim(dim) ? reduced : kept) |= c != 0;
  return reduced && !kept;
}

LinearLayout gate::resultLayout(vector::MultiDimReductionOp op,
                                const LinearLayout &layout) {
  LinearLayout result = layout;
  for (int64_t dim = layout.getRank() - 1; dim >= 0; --dim)
    if (op.isReducedDim(dim))
      result = result.dropDim(dim);
  // Where neighbours in registers are different results, lanes that would hold
  // copies hold some of them instead. Sums of rows stay whole with their rows,
  // as they mostly go back to those.
  ArrayRef<Coordinates> neighbours = layout.getBases(LinearLayout::Register);
  if (neighbours.empty() || isReducedBasis(op, neighbours.front()))
    return result;
  SmallVector<Coordinates> registers(result.getBases(LinearLayout::Register));
  SmallVector<Coordinates> lanes(result.getBases(LinearLayout::Lane));
  for (auto [lane, before] :
       llvm::zip(lanes, layout.getBases(LinearLayout::Lane)))
    if (isReducedBasis(op, before) && !registers.empty())
      lane = registers.pop_back_val();
  LinearLayout shared(result.getShape());
  for (const Coordinates &basis : registers)
    shared.add(LinearLayout::Register, basis);
  for (const Coordinates &basis : lanes)
    shared.add(LinearLayout::Lane, basis);
  for (const Coordinates &basis : result.getBases(LinearLayout::Warp))
    shared.add(LinearLayout::Warp, basis);
  return shared;
}

ProductShape ProductShape::of(Operation *op) {
  return {cast<VectorType>(op->getOperand(0).getType()),
          cast<VectorType>(op->getOperand(1).getType())};
}

ProductLayouts gate::productLayouts(const ProductShape &shape, int64_t warps) {
  int64_t rows = shape.rows(), columns = shape.columns(), depth = shape.depth();
  bool isWide = shape.left.getElementType().isF32();
  using L = LinearLayout;
  L a({rows, depth}), c({columns, depth}), d({rows, columns});
  int64_t fragmentDepth = isWide ? 8 : 16;
  // Registers of one fragment: pairs along the depth where two elements share
  // a register, then rows, then depth; of the result pairs of columns, rows.
  if (isWide) {
    a.add(L::Register, {8, 0});
    a.add(L::Register, {0, 4});
    c.add(L::Register, {0, 4});
  } else {
    a.add(L::Register, {0, 1});
    a.add(L::Register, {8, 0});
    a.add(L::Register, {0, 8});
    c.add(L::Register, {0, 1});
    c.add(L::Register, {0, 8});
  }
  d.add(L::Register, {0, 1});
  d.add(L::Register, {8, 0});
  // Lanes: four along the depth (or columns), eight along rows (or columns).
  int64_t first = isWide ? 1 : 2;
  for (int64_t bit : {first, 2 * first}) {
    a.add(L::Lane, {0, bit});
    c.add(L::Lane, {0, bit});
  }
  d.add(L::Lane, {0, 2});
  d.add(L::Lane, {0, 4});
  for (int64_t bit : {1, 2, 4}) {
    a.add(L::Lane, {bit, 0});
    c.add(L::Lane, {bit, 0});
    d.add(L::Lane, {bit, 0});
  }
  // Warps: the longer side of what is left of the result is split first.
  int64_t row = 16, column = 8;
  for (int64_t w = 1; w < warps; w *= 2) {
    bool alongRows =
        row < rows && (rows / row >= columns / column || column >= columns);
    if (alongRows) {
      a.add(L::Warp, {row, 0});
      c.add(L::Warp, {0, 0});
      d.add(L::Warp, {row, 0});
      row *= 2;
    } else if (column < columns) {
      a.add(L::Warp, {0, 0});
      c.add(L::Warp, {column, 0});
      d.add(L::Warp, {0, column});
      column *= 2;
    } else {
      for (L *layout : {&a, &c, &d})
        layout->add(L::Warp, {0, 0});
    }
  }
  // Further registers: depth, then columns, then rows.
  for (int64_t bit = fragmentDepth; bit < depth; bit *= 2) {
    a.add(L::Register, {0, bit});
    c.add(L::Register, {0, bit});
  }
  for (; column < columns; column *= 2) {
    c.add(L::Register, {column, 0});
    d.add(L::Register, {0, column});
  }
  for (; row < rows; row *= 2) {
    a.add(L::Register, {row, 0});
    d.add(L::Register, {row, 0});
  }
  return {a, c, d, fragmentDepth};
}

std::optional<WarpgroupLayouts>
gate::warpgroupLayouts(const ProductShape &shape, int64_t warps) {
  Type element = shape.left.getElementType();
  int64_t rows = shape.rows(), columns = shape.columns(), depth = shape.depth();
  if (!(element.isBF16() || element.isF16()) || rows % 64 != 0 ||
      columns % 8 != 0 || depth % 16 != 0 || warps % 4 != 0)
    return std::nullopt;
  using L = LinearLayout;
  L a({rows, depth}), d({rows, columns});
  for (Coordinates basis : {Coordinates{0, 1}, Coordinates{8, 0}}) {
    a.add(L::Register, basis);
    d.add(L::Register, basis);
  }
  for (Coordinates basis :
       {Coordinates{0, 2}, Coordinates{0, 4}, Coordinates{1, 0},
        Coordinates{2, 0}, Coordinates{4, 0}}) {
    a.add(L::Lane, basis);
    d.add(L::Lane, basis);
  }
  // Four warps are 64 rows; further groups take other rows, then columns.
  for (int64_t bit : {16, 32}) {
    a.add(L::Warp, {bit, 0});
    d.add(L::Warp, {bit, 0});
  }
  int64_t row = 64, own = columns;
  for (int64_t w = 4; w < warps; w *= 2) {
    if (row < rows) {
      a.add(L::Warp, {row, 0});
      d.add(L::Warp, {row, 0});
      row *= 2;
      continue;
    }
    a.add(L::Warp, {0, 0});
    if (own >= 16) {
      own /= 2;
      d.add(L::Warp, {0, own});
    } else {
      d.add(L::Warp, {0, 0});
    }
  }
  if (own > 256)
    return std::nullopt;
  for (int64_t bit = 8; bit < depth; bit *= 2)
    a.add(L::Register, {0, bit});
  for (int64_t bit = 8; bit < own; bit *= 2)
    d.add(L::Register, {0, bit});
  for (; row < rows; row *= 2) {
    a.add(L::Register, {row, 0});
    d.add(L::Register, {row, 0});
  }
  return WarpgroupLayouts{a, d, own};
}

LinearLayout BlockLayouts::ofProduct(Operation *op) const {
  ProductShape shape = ProductShape::of(op);
  if (warpgroups)
    if (std::optional<WarpgroupLayouts> groups = warpgroupLayouts(shape, warps))
      return groups->result;
  return productLayouts(shape, warps).result;
}

bool BlockLayouts::isFlexible(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<vector::BroadcastOp, vector::CreateMaskOp, vector::ConstantMaskOp,
          vector::StepOp>(op) ||
      matchPattern(op, m_Constant()))
    return true;
  if (isa<vector::TransposeOp, vector::ShapeCastOp>(op))
    return isFlexible(op->getOperand(0));
  return false;
}

bool BlockLayouts::isReadable(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !isa<VectorType>(value.getType()))
    return false;
  if (isa<block::TakeOp>(op))
    return true;
  // Of one tile, and constants.
  if (!isa<arith::ExtFOp, arith::TruncFOp, arith::NegFOp, arith::MaximumFOp,
           arith::MinimumFOp>(op))
    return false;
  return isReadable(op->getOperand(0)) &&
         llvm::all_of(op->getOperands().drop_front(), [](Value operand) {
           return matchPattern(operand, m_Constant());
         });
}

bool BlockLayouts::isPositional(Value value) {
  Operation *op = value.getDefiningOp();
  return op && (isFlexible(value) ||
                (OpTrait::hasElementwiseMappableTraits(op) &&
                 llvm::all_of(op->getOperands(), [](Value operand) {
                   return !isa<VectorType>(operand.getType()) ||
                          isPositional(operand);
                 })));
}

bool BlockLayouts::isMadeOfPositions(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<vector::CreateMaskOp, vector::ConstantMaskOp, vector::StepOp>(op) ||
      matchPattern(op, m_Constant()))
    return true;
  // A row takes little to be in another layout, and its copies nothing.
  if (auto broadcast = dyn_cast<vector::BroadcastOp>(op))
    if (auto source = dyn_cast<VectorType>(broadcast.getSourceType()))
      if (source.getNumElements() * 8 <=
          broadcast.getResultVectorType().getNumElements())
        return true;
  // A row in shared memory is a load for each thread.
  if (isReadable(value) && cast<VectorType>(value.getType()).getRank() == 1)
    return true;
  bool isCheap =
      isa<vector::BroadcastOp, vector::TransposeOp, vector::ShapeCastOp>(op) ||
      (OpTrait::hasElementwiseMappableTraits(op) && op->getNumResults() == 1 &&
       !isa<math::MathDialect>(op->getDialect()));
  return isCheap && llvm::all_of(op->getOperands(), [](Value operand) {
           return !isa<VectorType>(operand.getType()) ||
                  isMadeOfPositions(operand);
         });
}

/// A tile in shared memory, or a transpose of one, costs the same in any
/// layout.
static bool isReadableAcross(Value value) {
  while (auto transpose = value.getDefiningOp<vector::TransposeOp>())
    value = transpose.getVector();
  return BlockLayouts::isReadable(value);
}

/// The operand that an elementwise op takes its layout from: one that was
/// computed from data, or else one that was computed at all; null where it can
/// be computed in any.
static Value leadingOperand(Operation *op) {
  Value computed;
  for (Value operand : op->getOperands()) {
    if (!isa<VectorType>(operand.getType()) || isReadableAcross(operand) ||
        BlockLayouts::isFlexible(operand))
      continue;
    if (!BlockLayouts::isPositional(operand))
      return operand;
    if (!computed)
      computed = operand;
  }
  return computed;
}

LinearLayout BlockLayouts::inMemoryOrder(Value value,
                                         llvm::SmallBitVector reduced) const {
  Operation *op = value.getDefiningOp();
  if (auto transpose = dyn_cast_or_null<vector::TransposeOp>(op)) {
    SmallVector<unsigned> permutation(transpose.getPermutation().begin(),
                                      transpose.getPermutation().end());
    llvm::SmallBitVector inside(reduced.size());
    for (int dim : reduced.set_bits())
      inside.set(permutation[dim]);
    return inMemoryOrder(transpose.getVector(), inside).transpose(permutation);
  }
  if (op && OpTrait::hasElementwiseMappableTraits(op) &&
      op->getNumResults() == 1)
    for (Value operand : op->getOperands())
      if (isa<VectorType>(operand.getType()) && !isPositional(operand))
        return inMemoryOrder(operand, reduced);
  ArrayRef<int64_t> shape = cast<VectorType>(value.getType()).getShape();
  if (reduced.any() && !reduced.test(shape.size() - 1))
    return LinearLayout::reducing(shape, reduced, contiguous, warps);
  return ofMemory(shape);
}

BlockLayouts::Demand BlockLayouts::demandOf(OpOperand &use) {
  Operation *user = use.getOwner();
  auto shape = cast<VectorType>(use.get().getType()).getShape();
  auto volume = [](Value value) {
    return cast<VectorType>(value.getType()).getNumElements();
  };
  if (auto reduction = dyn_cast<vector::MultiDimReductionOp>(user)) {
    if (&use == &reduction.getSourceMutable()) {
      llvm::SmallBitVector reduced(shape.size());
      for (unsigned dim = 0; dim < shape.size(); ++dim)
        reduced[dim] = reduction.isReducedDim(dim);
      return {inMemoryOrder(use.get(), reduced), volume(use.get())};
    }
    if (!isa<VectorType>(reduction.getType()))
      return {};
    return {resultLayout(reduction, of(reduction.getSource())),
            volume(reduction.getSource())};
  }
  if (isa<vector::ContractionOp, block::MultiplyOp>(user)) {
    // What a product adds to is kept as it comes out; its operands go through
    // shared memory in any case.
    ProductShape product = ProductShape::of(user);
    if (use.getOperandNumber() == 2)
      return {ofProduct(user),
              product.left.getNumElements() * product.columns()};
    // But a left matrix that costs nothing in any layout, or that a loop does
    // not change, which is made where the product takes it from registers.
    auto inner = user->getParentOfType<scf::ForOp>();
    bool isMadeOnce = inner && inner.isDefinedOutsideOfLoop(use.get());
    if (use.getOperandNumber() == 0 && warpgroups &&
        (isMadeOnce || isPositional(use.get())))
      if (auto groups = warpgroupLayouts(product, warps))
        return {groups->left, 2 * volume(use.get())};
    return {inMemoryOrder(use.get()), volume(use.get())};
  }
  if (auto loop = dyn_cast<scf::ForOp>(user)) {
    if (OpResult result = loop.getTiedLoopResult(&use))
      return demandFor(loop.getTiedLoopRegionIterArg(result));
    return {};
  }
  if (auto cast = dyn_cast<vector::BroadcastOp>(user)) {
    Demand demand = demandFor(cast.getResult());
    return {sourceLayout(cast, demand.layout), demand.weight};
  }
  if (auto cast = dyn_cast<vector::TransposeOp>(user)) {
    Demand demand = demandFor(cast.getResult());
    return {sourceLayout(cast, demand.layout), demand.weight};
  }
  if (auto cast = dyn_cast<vector::ShapeCastOp>(user)) {
    Demand demand = demandFor(cast.getResult());
    return {sourceLayout(cast, demand.layout), demand.weight};
  }
  if (auto part = dyn_cast<vector::ExtractStridedSliceOp>(user)) {
    Demand demand = demandFor(part.getResult());
    return {sourceLayout(part, demand.layout), demand.weight};
  }
  if (OpTrait::hasElementwiseMappableTraits(user) &&
      user->getNumResults() == 1) {
    // A mask follows what it masks, a tile that can be read in any layout what
    // it is used with.
    bool isReadable = isReadableAcross(use.get());
    Value leading =
        isReadable || isPositional(use.get()) ? leadingOperand(user) : Value();
    if (leading && (isReadable || !isPositional(leading)))
      return {of(leading), 2 * volume(leading)};
    return demandFor(user->getResult(0));
  }
  return {ofMemory(shape), volume(use.get())};
}

BlockLayouts::Demand BlockLayouts::demandFor(Value value) {
  auto known = demands.find(value);
  if (known != demands.end())
    return known->second;
  auto type = cast<VectorType>(value.getType());
  Demand best{ofMemory(type.getShape()), 0};
  // Loops lead back here.
  demands[value] = best;
  for (OpOperand &use : value.getUses()) {
    Demand demand = demandOf(use);
    if (demand.weight > best.weight)
      best = demand;
  }
  demands[value] = best;
  return best;
}

/// Whether a value is in the registers that a product or a loop left it in.
static bool isLeftByProduct(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return false;
  if (isa<vector::ContractionOp, block::MultiplyOp, block::WaitOp, scf::ForOp>(
          op))
    return true;
  if (auto part = dyn_cast<vector::ExtractStridedSliceOp>(op))
    return isLeftByProduct(part.getSource());
  return OpTrait::hasElementwiseMappableTraits(op) &&
         llvm::any_of(op->getOperands(), isLeftByProduct);
}

/// What a value meets in elementwise ops that nothing else of it goes to, if
/// that is left by a product; null otherwise.
static Value productMet(Value value) {
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (!OpTrait::hasElementwiseMappableTraits(user) ||
        user->getNumResults() != 1)
      return Value();
    for (Value operand : user->getOperands())
      if (operand != value && isa<VectorType>(operand.getType()) &&
          isLeftByProduct(operand))
        return operand;
    value = user->getResult(0);
  }
  return Value();
}

LinearLayout BlockLayouts::ofLoad(Value value) {
  auto type = cast<VectorType>(value.getType());
  LinearLayout layout = ofMemory(type.getShape());
  Value met = productMet(value);
  if (!met || type.getRank() == 0)
    return layout;
  // A warp's own rows, if they are long enough: no warp waits for another.
  LinearLayout other = of(met);
  std::optional<LinearLayout> own = other.ofOneWarp();
  int64_t bytes = llvm::divideCeil(type.getElementTypeBitWidth(), 8);
  if (!own || own->getShape().back() * bytes < leastRowBytes)
    return layout;
  return LinearLayout::blocked(own->getShape(),
                               layout.getContiguous(type.getRank() - 1), 1)
      .acrossWarpsOf(other);
}

LinearLayout BlockLayouts::of(Value value) {
  auto known = layouts.find(value);
  if (known != layouts.end())
    return known->second;
  Operation *op = value.getDefiningOp();
  LinearLayout layout;
  if (auto loop = dyn_cast_or_null<scf::ForOp>(op)) {
    // As the loop carries it.
    layout = of(loop.getTiedLoopRegionIterArg(llvm::cast<OpResult>(value)));
  } else if (auto choice = dyn_cast_or_null<scf::IfOp>(op)) {
    // As one side computes it.
    unsigned position = llvm::cast<OpResult>(value).getResultNumber();
    Value computed;
    for (Region *region : {&choice.getThenRegion(), &choice.getElseRegion()})
      if (Value yielded = region->front().getTerminator()->getOperand(position);
          !computed && !isFlexible(yielded) && !isReadable(yielded))
        computed = yielded;
    layout = computed ? of(computed) : demandFor(value).layout;
  } else if (!op) {
    layout = demandFor(value).layout;
  } else if (isa<vector::ContractionOp, block::MultiplyOp>(op)) {
    layout = ofProduct(op);
  } else if (auto part = dyn_cast<vector::ExtractStridedSliceOp>(op)) {
    // The registers that hold it, where threads have some of each part.
    std::optional<LinearLayout> own = of(part.getSource());
    auto shape = llvm::cast<VectorType>(value.getType()).getShape();
    for (unsigned dim = 0; own && dim < shape.size(); ++dim)
      own = own->slice(dim, shape[dim]);
    layout = own ? *own : ofMemory(shape);
  } else if (auto wait = dyn_cast<block::WaitOp>(op)) {
    layout = of(wait.getValue());
  } else if (auto reduction = dyn_cast<vector::MultiDimReductionOp>(op)) {
    layout = resultLayout(reduction, of(reduction.getSource()));
  } else if (auto cast = dyn_cast<vector::TransposeOp>(op)) {
    SmallVector<unsigned> permutation(cast.getPermutation().begin(),
                                      cast.getPermutation().end());
    layout = of(cast.getVector()).transpose(permutation);
  } else if (auto cast = dyn_cast<vector::ShapeCastOp>(op)) {
    layout =
        of(cast.getSource()).reshape(cast.getResultVectorType().getShape());
  } else {
    bool isElementwise = OpTrait::hasElementwiseMappableTraits(op);
    Value leading = isElementwise ? leadingOperand(op) : Value();
    Demand demand = demandFor(value);
    auto type = llvm::cast<VectorType>(value.getType());
    if (leading)
      layout = of(leading);
    else if (!isElementwise && demand.weight <= type.getNumElements())
      // A load of its own size goes along memory, whoever reads it.
      layout = ofLoad(value);
    else
      layout = demand.layout;
  }
  layouts[value] = layout;
  return layout;
}
