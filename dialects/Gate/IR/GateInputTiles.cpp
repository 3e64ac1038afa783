//===- GateInputTiles.cpp - What a chunk of a linear scan reads -----------===//
//
// Tiles of the operands of gate.linear_scan: one independent index, in the
// order of the scan, in the arithmetic type, padded with what changes nothing.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GateInputTiles.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

#include <functional>

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

/// Row `row` of a tensor of rank 1 or 2, as offsets and sizes.
static void rowOf(TensorBuilder &b, Value tensor, OpFoldResult row,
                  Sizes &offsets, Sizes &sizes) {
  sizes = b.sizes(tensor);
  offsets.assign(sizes.size(), b.builder.getIndexAttr(0));
  offsets[0] = row;
  sizes[0] = b.builder.getIndexAttr(1);
}

namespace {
/// How a tile is made from rows of an operand.
struct TileForm {
  /// Applied to every element, in the arithmetic type; null for none.
  std::function<Value(TensorBuilder &, Value)> map;
  /// A tile of its own even where the operand itself would do.
  bool pack = false;
};
} // namespace

/// `source` with `rows` rows in a tile of `padded` rows of `type`, zeros past
/// the end, in opposite order where `flip`.
static Value makeTile(TensorBuilder &b, Value source, OpFoldResult rows,
                      int64_t padded, Type type, bool flip,
                      const TileForm &form) {
  std::optional<int64_t> fixed = getConstantIntValue(rows);
  bool whole = fixed && *fixed == padded;
  Type element = cast<RankedTensorType>(source.getType()).getElementType();
  bool copies = !form.map && element == type;
  if (whole && copies && !flip) {
    if (!form.pack || padded == 1)
      return source;
    return bufferization::AllocTensorOp::create(
        b.builder, b.loc, cast<RankedTensorType>(source.getType()),
        /*dynamicSizes=*/ValueRange(), /*copy=*/source);
  }
  Sizes sizes = b.sizes(source);
  Sizes paddedSizes = sizes;
  paddedSizes[0] = b.builder.getIndexAttr(padded);
  Value tile = b.empty(paddedSizes, type);
  Sizes zeros(sizes.size(), b.builder.getIndexAttr(0));
  if (!whole) {
    // The rows past the end, none of them in a full chunk.
    AffineExpr d0 = b.builder.getAffineDimExpr(0);
    Sizes places = zeros, rest = sizes;
    places[0] = rows;
    rest[0] = affine::makeComposedFoldedAffineApply(b.builder, b.loc,
                                                    padded - d0, {rows});
    Value empty = b.slice(tile, places, rest);
    empty =
        linalg::FillOp::create(b.builder, b.loc, ValueRange{b.number(type, 0)},
                               ValueRange{empty})
            .getResult(0);
    tile = b.insert(empty, tile, places, rest);
  }
  auto copy = [&](TensorBuilder &s, Value from, Value into) {
    return s.elementwise({from}, into, [&](TensorBuilder &e, ValueRange args) {
      Value value = e.convert(args[0], type);
      return form.map ? form.map(e, value) : value;
    });
  };
  if (!flip) {
    Value part = source;
    if (!copies)
      part = copy(b, source, whole ? tile : b.slice(tile, zeros, sizes));
    return whole ? part : b.insert(part, tile, zeros, sizes);
  }
  Value count = getValueOrCreateConstantIndexOp(b.builder, b.loc, rows);
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), count, b.index(1), ValueRange{tile},
      [&](OpBuilder &builder, Location loc, Value i, ValueRange carried) {
        TensorBuilder s(builder, loc);
        Value last = arith::SubIOp::create(builder, loc, count, s.index(1));
        Value from = arith::SubIOp::create(builder, loc, last, i);
        Sizes fromOffsets, toOffsets, rowSizes;
        rowOf(s, source, from, fromOffsets, rowSizes);
        Value row = s.slice(source, fromOffsets, rowSizes);
        rowOf(s, carried[0], OpFoldResult(i), toOffsets, rowSizes);
        Value into = s.slice(carried[0], toOffsets, rowSizes);
        Value moved =
            s.insert(copy(s, row, into), carried[0], toOffsets, rowSizes);
        scf::YieldOp::create(builder, loc, moved);
      });
  return loop.getResult(0);
}

Values LinearScanOp::buildInputTiles(OpBuilder &builder, Location loc,
                                     ValueRange parallel, OpFoldResult offset,
                                     OpFoldResult size, int64_t padded) {
  TensorBuilder b(builder, loc);
  int64_t heads = getNumHeads();
  Type wide = getArithmeticType();
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  auto tile = [&](Value operand, const TileForm &form) {
    auto type = cast<RankedTensorType>(operand.getType());
    int64_t own = type.getDimSize(2);
    Value head = parallel[1];
    if (own != heads)
      head = arith::DivUIOp::create(builder, loc, head, b.index(heads / own));
    Sizes offsets{parallel[0], offset, head}, sizes{one, size, one};
    if (type.getRank() == 4) {
      offsets.push_back(zero);
      sizes.push_back(builder.getIndexAttr(type.getDimSize(3)));
    }
    Value source = b.slice(operand, offsets, sizes, {0, 2});
    return makeTile(b, source, size, padded, wide, getReverse(), form);
  };
  double scale = getScale().convertToDouble();
  TileForm scaled, packed;
  scaled.map = [&](TensorBuilder &s, Value x) {
    return s.mul(x, s.number(wide, scale));
  };
  // Values are read by every product of the chunk; heads lie between their rows
  // in memory, at distances that map many rows to few sets of a cache.
  packed.pack = true;
  Values tiles{tile(getQuery(), scaled), tile(getKey(), {}),
               tile(getValue(), packed)};
  if (getDecay()) {
    tiles.push_back(tile(getDecay(), {}));
  } else if (std::optional<ArrayRef<double>> constants = getDecayConstants()) {
    SmallVector<Attribute> numbers;
    for (double v : *constants)
      numbers.push_back(builder.getFloatAttr(wide, v));
    Value table = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({heads}, wide), numbers));
    Value g =
        tensor::ExtractOp::create(builder, loc, table, ValueRange{parallel[1]});
    Value rows = getValueOrCreateConstantIndexOp(builder, loc, size);
    tiles.push_back(b.elementwise(
        {}, b.empty({builder.getIndexAttr(padded)}, wide),
        [&](TensorBuilder &s, ValueRange) -> Value {
          Value row = linalg::IndexOp::create(s.builder, s.loc, 0);
          Value inside = arith::CmpIOp::create(
              s.builder, s.loc, arith::CmpIPredicate::ult, row, rows);
          return arith::SelectOp::create(s.builder, s.loc, inside, g,
                                         s.number(wide, 0));
        }));
  }
  if (getBeta())
    tiles.push_back(tile(getBeta(), {}));
  for (Value transition : getTransition())
    tiles.push_back(tile(transition, {}));
  if (Value bonus = getBonus()) {
    int64_t own = cast<RankedTensorType>(bonus.getType()).getDimSize(0);
    Value head = parallel[1];
    if (own != heads)
      head = arith::DivUIOp::create(builder, loc, head, b.index(heads / own));
    Value row = b.slice(bonus, {OpFoldResult(head), zero},
                        {one, builder.getIndexAttr(getKeyWidth())}, {0});
    tiles.push_back(b.elementwise({row}, b.empty(b.sizes(row), wide),
                                  [&](TensorBuilder &s, ValueRange args) {
                                    return s.convert(args[0], wide);
                                  }));
  }
  return tiles;
}

LinearScanTiles::LinearScanTiles(LinearScanOp op, ValueRange inputs)
    : query(inputs[0]), key(inputs[1]), value(inputs[2]) {
  size_t next = 3;
  if (op.getDecay() || op.getDecayConstants())
    decay = inputs[next++];
  if (op.getBeta())
    beta = inputs[next++];
  if (!op.getTransition().empty()) {
    transitionRead = inputs[next++];
    transitionAdded = inputs[next++];
  }
  if (op.getBonus())
    bonus = inputs[next++];
}
