//===- SelectRows.cpp - Rows of tiles at places known at run time ---------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

namespace gate {
#define GEN_PASS_DEF_SELECTROWS
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

/// Row `place` of a tile of two dims: computed from rows of what the tile is
/// computed from, read from a tile in shared memory, else a sum over the tile
/// in which all other rows are 0.
static Value rowOf(OpBuilder &b, Location loc, Value tile, Value place) {
  auto type = cast<VectorType>(tile.getType());
  auto rowType = VectorType::get({type.getDimSize(1)}, type.getElementType());
  Operation *owner = tile.getDefiningOp();
  DenseElementsAttr constant;
  if (matchPattern(tile, m_Constant(&constant)) && constant.isSplat())
    return arith::ConstantOp::create(b, loc, constant.resizeSplat(rowType));
  if (isa_and_nonnull<block::TakeOp>(owner))
    return vector::ExtractOp::create(b, loc, tile,
                                     ArrayRef<OpFoldResult>{place});
  if (owner && OpTrait::hasElementwiseMappableTraits(owner) &&
      owner->getNumResults() == 1) {
    SmallVector<Value> operands;
    for (Value operand : owner->getOperands())
      operands.push_back(isa<VectorType>(operand.getType())
                             ? rowOf(b, loc, operand, place)
                             : operand);
    OperationState state(loc, owner->getName());
    state.addOperands(operands);
    state.addTypes(rowType);
    state.addAttributes(owner->getAttrs());
    return b.create(state)->getResult(0);
  }
  VectorType indices = VectorType::get({type.getDimSize(0)}, b.getIndexType());
  Value step = vector::StepOp::create(b, loc, indices);
  Value places = vector::BroadcastOp::create(b, loc, indices, place);
  Value isRow =
      arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, step, places);
  SmallVector<int64_t> turned{type.getDimSize(1), type.getDimSize(0)};
  isRow = vector::BroadcastOp::create(
      b, loc, VectorType::get(turned, b.getI1Type()), isRow);
  isRow = vector::TransposeOp::create(b, loc, isRow, ArrayRef<int64_t>{1, 0});
  Value zeros = arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  Value chosen = arith::SelectOp::create(b, loc, isRow, tile, zeros);
  Value none = arith::ConstantOp::create(b, loc, b.getZeroAttr(rowType));
  return vector::MultiDimReductionOp::create(b, loc, chosen, none,
                                             SmallVector<bool>{true, false},
                                             vector::CombiningKind::ADD);
}

namespace {
struct SelectRows : gate::impl::SelectRowsBase<SelectRows> {
  void runOnOperation() override {
    SmallVector<vector::ExtractOp> rows;
    getOperation().walk([&](vector::ExtractOp op) {
      if (op.getSourceVectorType().getRank() == 2 && op.getNumIndices() == 1 &&
          op.getDynamicPosition().size() == 1)
        rows.push_back(op);
    });
    for (vector::ExtractOp op : rows) {
      OpBuilder b(op);
      op.getResult().replaceAllUsesWith(
          rowOf(b, op.getLoc(), op.getSource(), op.getDynamicPosition()[0]));
      op.erase();
    }
  }
};
} // namespace
