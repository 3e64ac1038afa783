//===- DistributeWarpgroups.cpp - Products of groups of four warps --------===//
//
// wgmma (PTX ISA, section 9.7.15): both matrices in shared memory, in blocks
// whose rows of up to 128 bytes are swizzled in pieces of 16, or the left one
// in registers where it already is as a fragment; the result in registers. A
// matrix is stored along the dim that its registers are contiguous in: 16-bit
// floats are read along either.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Distributor.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace gate;

static constexpr int64_t elementBytes = 2;

FailureOr<Distributor::Staged>
Distributor::stage(Value matrix, std::optional<unsigned> &place) {
  auto addressOf = [&](Value index) -> Value {
    return LLVM::PtrToIntOp::create(b, loc, b.getI64Type(),
                                    sharedAddress(index, b.getI8Type()));
  };
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantIndexOp::create(b, loc, n);
  };
  // A tile of a ring is where it should be.
  if (std::optional<std::pair<RingTile, bool>> found = findTile(matrix)) {
    auto [tile, transposed] = *found;
    return Staged{addressOf(tile.start), 0, !transposed, tile.span, tile.block};
  }
  Value base = matrix;
  bool transposed = false;
  while (auto transpose = base.getDefiningOp<vector::TransposeOp>()) {
    base = transpose.getVector();
    transposed = !transposed;
  }
  auto type = cast<VectorType>(base.getType());
  unsigned rows = transposed ? 1 : 0, depth = 1 - rows;
  // Along rows (columns of the right side) in whole blocks of 64 only.
  bool mayLieAlongRows = type.getDimSize(rows) % 64 == 0;
  auto describe = [&](unsigned inner, unsigned part) {
    int64_t width = type.getDimSize(inner) * elementBytes;
    Staged staged;
    staged.start = addressOf(number(scratch[part].offset));
    staged.bytes = type.getNumElements() * elementBytes;
    staged.alongDepth = inner == depth;
    staged.span = std::min<int64_t>(width, 128);
    staged.block = type.getDimSize(1 - inner) * staged.span;
    return staged;
  };
  if (auto known = staged.find(base); known != staged.end()) {
    const KeptMatrix &kept = known->second;
    if (!scratch[kept.place].isGone &&
        (kept.inner == depth || mayLieAlongRows)) {
      place = kept.place;
      scratch[kept.place].isTaken = true;
      return describe(kept.inner, kept.place);
    }
  }
  // What can be had in any layout by rows of 16 bytes.
  bool isFree = BlockLayouts::isFlexible(base) ||
                BlockLayouts::isReadable(base) ||
                BlockLayouts::isMadeOfPositions(base);
  LinearLayout layout = isFree ? layouts.inMemoryOrder(base) : layouts.of(base);
  Value value = get(base, layout);
  if (!value)
    return failure();
  unsigned inner = layout.getContiguous(depth) >= layout.getContiguous(rows) ||
                           !mayLieAlongRows
                       ? depth
                       : rows;
  place = takeScratch(type.getNumElements() * elementBytes);
  scratch[*place].isKept = true;
  staged[base] = {*place, inner};
  Staged result = describe(inner, *place);

  storeShared(value, layout, swizzledRows(type.getShape(), inner, elementBytes),
              number(scratch[*place].offset), inner);
  // Tensor cores see what was written before this.
  NVVM::FenceProxyOp::create(
      b, loc,
      NVVM::ProxyKindAttr::get(b.getContext(), NVVM::ProxyKind::async_shared),
      NVVM::SharedSpaceAttr::get(b.getContext(),
                                 NVVM::SharedSpace::shared_cta));
  return result;
}

/// Bytes from the start of a staged matrix to a row that begins a group of 8
/// and a depth that is a multiple of 16.
int64_t Distributor::Staged::bytesTo(int64_t row, int64_t depth) const {
  int64_t inner = alongDepth ? depth : row, outer = alongDepth ? row : depth;
  int64_t spanElements = span / elementBytes;
  return inner / spanElements * block + inner % spanElements * elementBytes +
         outer * span;
}

Value Distributor::descriptor(const Staged &matrix, Value groupBytes) {
  auto number = [&](int64_t n) -> Value {
    return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(n));
  };
  Value address = arith::AddIOp::create(b, loc, matrix.start, groupBytes);
  address = arith::ShRUIOp::create(b, loc, address, number(4));
  address = arith::AndIOp::create(b, loc, address, number(0x3fff));
  int64_t swizzle = matrix.span == 128 ? 1 : matrix.span == 64 ? 2 : 3;
  uint64_t rest = (static_cast<uint64_t>(matrix.block) >> 4 & 0x3fff) << 16 |
                  (static_cast<uint64_t>(8 * matrix.span) >> 4) << 32 |
                  static_cast<uint64_t>(swizzle) << 62;
  return arith::OrIOp::create(b, loc, address,
                              number(static_cast<int64_t>(rest)));
}

Value Distributor::moved(Value descriptor, const Staged &matrix, int64_t row,
                         int64_t depth) {
  // Addresses count 16 bytes and stay below 2^14.
  int64_t units = matrix.bytesTo(row, depth) / 16;
  if (units == 0)
    return descriptor;
  return arith::AddIOp::create(
      b, loc, descriptor,
      arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(units)));
}

/// "{$0, $1}" for operands [first, first + count).
static std::string operandList(int64_t first, int64_t count) {
  std::string text = "{";
  for (int64_t i = 0; i < count; ++i)
    text += (i ? ", $" : "$") + std::to_string(first + i);
  return text + "}";
}

Value Distributor::assemble(Type type, const Values &operands, StringRef text,
                            StringRef constraints) {
  auto op = LLVM::InlineAsmOp::create(
      b, loc, type ? TypeRange(type) : TypeRange(), operands,
      b.getStringAttr(text), b.getStringAttr(constraints), b.getUnitAttr(),
      UnitAttr(),
      LLVM::TailCallKindAttr::get(b.getContext(), LLVM::TailCallKind::None),
      LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT),
      ArrayAttr());
  return type ? op.getResult(0) : Value();
}

void Distributor::passThrough(Values &registers, StringRef letter,
                              StringRef text) {
  SmallVector<Type> all(ValueRange(registers).getTypes());
  std::string constraints;
  for (size_t i = 0; i < all.size(); ++i)
    constraints += (i ? ",=" : "=") + letter.str();
  for (size_t i = 0; i < all.size(); ++i)
    constraints += "," + std::to_string(i);
  Value result = assemble(
      all.size() == 1 ? all.front()
                      : LLVM::LLVMStructType::getLiteral(b.getContext(), all),
      registers, text, constraints);
  if (all.size() == 1) {
    registers.front() = result;
    return;
  }
  for (auto [position, value] : llvm::enumerate(registers))
    value = LLVM::ExtractValueOp::create(b, loc, result, position);
}

LogicalResult Distributor::multiplyInGroups(Operation *op, ProductShape shape,
                                            const WarpgroupLayouts &at,
                                            bool isWaitedFor) {
  Value leftMatrix = op->getOperand(0), rightMatrix = op->getOperand(1);
  Value acc = get(op->getOperand(2), at.result);
  if (!acc)
    return failure();
  Type element = shape.left.getElementType();
  int64_t depth = shape.left.getDimSize(1);
  // The left matrix from registers where every thread has its fragment.
  Value leftRegisters;
  if (!BlockLayouts::isFlexible(leftMatrix) && !findTile(leftMatrix) &&
      registerOrder(layouts.of(leftMatrix), at.left))
    leftRegisters = get(leftMatrix, at.left);
  Staged left, right;
  std::optional<unsigned> leftPlace, rightPlace;
  // The larger one first: it is harder to find room for.
  auto stageLeft = [&] {
    FailureOr<Staged> result = leftRegisters ? FailureOr<Staged>(Staged())
                                             : stage(leftMatrix, leftPlace);
    if (succeeded(result))
      left = *result;
    return succeeded(result);
  };
  auto stageRight = [&] {
    FailureOr<Staged> result = stage(rightMatrix, rightPlace);
    if (succeeded(result))
      right = *result;
    return succeeded(result);
  };
  bool isRightLarger =
      shape.right.getNumElements() > shape.left.getNumElements();
  if (!(isRightLarger ? stageRight() && stageLeft()
                      : stageLeft() && stageRight()))
    return failure();
  if (!isWaitedFor && (leftPlace || rightPlace || leftRegisters))
    return op->emitError("expects operands in shared memory for a product that "
                         "is still running");
  // What no barrier has come after yet.
  bool isFresh = false;
  for (std::optional<unsigned> place : {leftPlace, rightPlace})
    isFresh |= place && scratch[*place].written == epoch;
  if (isFresh)
    barrier();
  // Registers of a block of 64 rows, and blocks of this group.
  int64_t perBlock = at.columns / 2;
  Values sums = split(acc);
  int64_t blocks = sums.size() / perBlock;
  // Where this group of warps begins in a matrix, in bytes; `side` 0 for rows
  // of the result, 1 for columns.
  Type i64 = b.getI64Type();
  auto groupBytes = [&](const Staged &matrix, unsigned side) {
    Value bytes = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(0));
    Value warp = arith::IndexCastOp::create(b, loc, i64, warpId());
    for (auto [bit, basis] :
         llvm::enumerate(at.result.getBases(LinearLayout::Warp))) {
      if (bit < 2 || basis[side] == 0)
        continue;
      auto number = [&](int64_t n) -> Value {
        return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(n));
      };
      Value isSet = arith::AndIOp::create(
          b, loc, arith::ShRUIOp::create(b, loc, warp, number(bit)), number(1));
      bytes = arith::AddIOp::create(
          b, loc, bytes,
          arith::MulIOp::create(b, loc, isSet,
                                number(matrix.bytesTo(basis[side], 0))));
    }
    return bytes;
  };
  Value leftStart =
      leftRegisters ? Value() : descriptor(left, groupBytes(left, 0));
  Value rightStart = descriptor(right, groupBytes(right, 1));
  SmallVector<Type> types(perBlock, b.getF32Type());
  auto resultType = LLVM::LLVMStructType::getLiteral(b.getContext(), types);
  Values leftWords = leftRegisters ? words(leftRegisters) : Values();
  if (leftRegisters)
    passThrough(leftWords, "r", "");
  if (isWaitedFor)
    passThrough(sums, "f", "wgmma.fence.sync.aligned;");
  else
    NVVM::WgmmaFenceAlignedOp::create(b, loc);
  std::string kind = element.isBF16() ? "bf16" : "f16";
  // How far rows of registers of the result are apart in a block of rows.
  auto rowOfBlock = [&](int64_t block) {
    return at.result.ofRegister(block * perBlock)[0];
  };
  for (int64_t block = 0; block < blocks; ++block) {
    Values own(sums.begin() + block * perBlock,
               sums.begin() + (block + 1) * perBlock);
    for (int64_t k = 0; k < depth; k += 16) {
      Values operands;
      std::string constraints, text = "wgmma.mma_async.sync.aligned.m64n" +
                                      std::to_string(at.columns) + "k16.f32." +
                                      kind + "." + kind + " ";
      for (int64_t i = 0; i < perBlock; ++i)
        constraints += "=f,";
      for (int64_t i = 0; i < perBlock; ++i)
        constraints += std::to_string(i) + ",";
      llvm::append_range(operands, own);
      int64_t next = 2 * perBlock;
      text += operandList(0, perBlock) + ", ";
      if (leftRegisters) {
        int64_t first = (block * (depth / 16) + k / 16) * 4;
        for (int64_t i = 0; i < 4; ++i)
          operands.push_back(leftWords[first + i]);
        constraints += "r,r,r,r,";
        text += operandList(next, 4) + ", ";
        next += 4;
      } else {
        operands.push_back(moved(leftStart, left, rowOfBlock(block), k));
        constraints += "l,";
        text += "$" + std::to_string(next++) + ", ";
      }
      operands.push_back(moved(rightStart, right, 0, k));
      constraints += "l";
      text += "$" + std::to_string(next) + ", 1, 1, 1";
      if (!leftRegisters)
        text += left.alongDepth ? ", 0" : ", 1";
      text += right.alongDepth ? ", 0;" : ", 1;";
      Value result = assemble(resultType, operands, text, constraints);
      for (auto [position, sum] : llvm::enumerate(own))
        sum = LLVM::ExtractValueOp::create(b, loc, result, position);
    }
    std::copy(own.begin(), own.end(), sums.begin() + block * perBlock);
  }
  NVVM::WgmmaGroupSyncAlignedOp::create(b, loc);
  if (isWaitedFor)
    passThrough(sums, "f", "wgmma.wait_group.sync.aligned 0;");
  for (std::optional<unsigned> place : {leftPlace, rightPlace})
    if (place)
      giveBack(*place);
  set(op->getResult(0), join(sums));
  return success();
}

LogicalResult Distributor::start(block::MultiplyOp op) {
  ProductShape shape = ProductShape::of(op);
  std::optional<WarpgroupLayouts> at =
      layouts.hasWarpgroups() ? warpgroupLayouts(shape, layouts.getWarps())
                              : std::nullopt;
  if (!at)
    return op.emitError("expects a product that groups of four warps take");
  return multiplyInGroups(op, shape, *at, /*isWaitedFor=*/false);
}

LogicalResult Distributor::wait(block::WaitOp op) {
  std::string text =
      "wgmma.wait_group.sync.aligned " + std::to_string(op.getPending()) + ";";
  if (!op.getValue()) {
    assemble(Type(), {}, text, "");
    op.erase();
    return success();
  }
  Values sums = split(get(op.getValue(), layouts.of(op.getValue())));
  passThrough(sums, "f", text);
  set(op.getResult(), join(sums));
  return success();
}
