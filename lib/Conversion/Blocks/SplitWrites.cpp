//===- SplitWrites.cpp - The end of a kernel part by part -----------------===//
//
// A thread that computes all of a large tile before it writes it needs a
// register for each number of each step. Part by part it needs those of one
// part.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"
#include "BlockBuffers.h"
#include "gate/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

namespace gate {
#define GEN_PASS_DEF_SPLITWRITES
#include "gate/Conversion/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// One write.
class WriteSplitter {
public:
  WriteSplitter(func::FuncOp kernel, vector::TransferWriteOp op, int64_t part)
      : kernel(kernel), op(op), part(part), b(op) {}
  void run();

private:
  void collect();
  bool isComputed(Value value) {
    return computed.contains(value.getDefiningOp());
  }
  Value slice(Value value, int64_t offset);
  void readAhead(int64_t offset);
  VectorType partOf(VectorType type) {
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = part;
    return VectorType::get(shape, type.getElementType());
  }

  func::FuncOp kernel;
  vector::TransferWriteOp op;
  /// Columns of a part.
  int64_t part;
  OpBuilder b;
  DenseSet<Operation *> computed;
  /// What the current part consists of.
  IRMapping parts;
};

} // namespace

/// What computes the tile for this write alone: ops of its block that nothing
/// else uses.
void WriteSplitter::collect() {
  for (Operation &inner : llvm::reverse(
           llvm::make_range(op->getBlock()->begin(), Block::iterator(op)))) {
    if (inner.getNumResults() != 1 || inner.use_empty())
      continue;
    if (llvm::all_of(inner.getUsers(), [&](Operation *user) {
          return user == op || computed.contains(user);
        }))
      computed.insert(&inner);
  }
}

Value WriteSplitter::slice(Value value, int64_t offset) {
  if (Value known = parts.lookupOrNull(value))
    return known;
  Location loc = op.getLoc();
  auto type = cast<VectorType>(value.getType());
  Operation *owner = value.getDefiningOp();
  auto remember = [&](Value result) {
    parts.map(value, result);
    return result;
  };
  DenseElementsAttr constant;
  if (matchPattern(value, m_Constant(&constant)) && constant.isSplat())
    return remember(
        arith::ConstantOp::create(b, loc, constant.resizeSplat(partOf(type))));
  if (auto broadcast = dyn_cast_or_null<vector::BroadcastOp>(owner)) {
    Value source = broadcast.getSource();
    auto from = dyn_cast<VectorType>(source.getType());
    if (from && from.getShape().back() != 1)
      source = slice(source, offset);
    return remember(vector::BroadcastOp::create(b, loc, partOf(type), source));
  }
  // A buffer that the kernel writes is read before.
  auto read = dyn_cast_or_null<vector::TransferReadOp>(owner);
  if (read && isComputed(value) && !read.getMask() &&
      read.getPermutationMap().isMinorIdentity() &&
      !isWritten(kernel, rootOf(read.getBase()))) {
    SmallVector<Value> indices(read.getIndices());
    Value start = arith::ConstantIndexOp::create(b, loc, offset);
    indices.back() = b.createOrFold<arith::AddIOp>(loc, indices.back(), start);
    return remember(vector::TransferReadOp::create(
        b, loc, partOf(type), read.getBase(), indices,
        read.getPermutationMapAttr(), read.getPadding(), Value(),
        read.getInBoundsAttr()));
  }
  if (owner && isComputed(value) &&
      OpTrait::hasElementwiseMappableTraits(owner)) {
    SmallVector<Value> operands;
    for (Value operand : owner->getOperands())
      operands.push_back(isa<VectorType>(operand.getType())
                             ? slice(operand, offset)
                             : operand);
    OperationState state(loc, owner->getName());
    state.addOperands(operands);
    state.addTypes(partOf(type));
    state.addAttributes(owner->getAttrs());
    return remember(b.create(state)->getResult(0));
  }
  SmallVector<int64_t> offsets(type.getRank(), 0), sizes(type.getShape()),
      strides(type.getRank(), 1);
  offsets.back() = offset;
  sizes.back() = part;
  return remember(vector::ExtractStridedSliceOp::create(b, loc, value, offsets,
                                                        sizes, strides));
}

/// Starts to read what the part at `offset` needs.
void WriteSplitter::readAhead(int64_t offset) {
  for (Operation &inner :
       llvm::make_range(op->getBlock()->begin(), Block::iterator(op)))
    if (isa<vector::TransferReadOp>(inner) && computed.contains(&inner) &&
        cast<VectorType>(inner.getResult(0).getType()).getShape() ==
            op.getVectorType().getShape())
      slice(inner.getResult(0), offset);
}

void WriteSplitter::run() {
  collect();
  Location loc = op.getLoc();
  Value vector = op.getVector();
  int64_t columns = cast<VectorType>(vector.getType()).getShape().back();
  readAhead(0);
  for (int64_t offset = 0; offset < columns; offset += part) {
    IRMapping own = parts;
    parts.clear();
    if (offset + part < columns)
      readAhead(offset + part);
    IRMapping next = std::exchange(parts, own);
    SmallVector<Value> indices(op.getIndices());
    Value start = arith::ConstantIndexOp::create(b, loc, offset);
    indices.back() = b.createOrFold<arith::AddIOp>(loc, indices.back(), start);
    vector::TransferWriteOp::create(b, loc, slice(vector, offset), op.getBase(),
                                    indices, op.getPermutationMapAttr(),
                                    op.getInBoundsAttr());
    parts = next;
  }
  // What computed the whole, users first.
  Block *block = op->getBlock();
  op.erase();
  for (Operation &inner : llvm::make_early_inc_range(llvm::reverse(*block)))
    if (computed.contains(&inner) && isOpTriviallyDead(&inner))
      inner.erase();
}

namespace {
struct SplitWrites : gate::impl::SplitWritesBase<SplitWrites> {
  using gate::impl::SplitWritesBase<SplitWrites>::SplitWritesBase;

  void runOnOperation() override {
    // The registers of a product hold rows of all columns; other tiles lie
    // otherwise, and are smaller.
    bool multiplies = false;
    getOperation().walk([&](Operation *op) {
      multiplies |= isa<vector::ContractionOp, block::MultiplyOp>(op);
    });
    if (!getOperation()->hasAttr("gate.kernel") || !multiplies)
      return;
    SmallVector<vector::TransferWriteOp> writes;
    getOperation().walk(
        [&](vector::TransferWriteOp op) { writes.push_back(op); });
    for (vector::TransferWriteOp op : writes) {
      VectorType type = op.getVectorType();
      if (type.getRank() == 0 || op.getMask() ||
          !op.getPermutationMap().isMinorIdentity() ||
          type.getNumElements() <= elements)
        continue;
      int64_t columns = type.getShape().back();
      int64_t part = elements / (type.getNumElements() / columns);
      if (part >= leastColumns && part < columns && llvm::isPowerOf2_64(part))
        WriteSplitter(getOperation(), op, part).run();
    }
  }

  /// Shorter rows would not be written as whole sectors.
  static constexpr int64_t leastColumns = 32;
};
} // namespace
