//===- ProductLayoutsTest.cpp - Fragments of tensor cores -----------------===//
//
// The layouts of a product against the formulas of the PTX ISA for mma.sync
// (matrix fragments of m16n8k16 and m16n8k8) and wgmma (m64nNk16): row and
// column of element i of a lane, where groupID = lane / 4 and threadID = lane %
// 4.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Blocks/BlockLayouts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinOps.h"

#include "gtest/gtest.h"

#include <functional>
#include <set>

using namespace mlir;
using namespace gate;

namespace {

using Place = std::pair<int64_t, int64_t>;

/// A product of a type and sizes, as gate-vectorize-blocks writes it.
class Product {
public:
  Product(bool isWide, int64_t rows, int64_t columns, int64_t depth) {
    context.loadDialect<arith::ArithDialect, vector::VectorDialect>();
    OpBuilder b(&context);
    Location loc = b.getUnknownLoc();
    module = ModuleOp::create(loc);
    b.setInsertionPointToStart(module->getBody());
    Type element = isWide ? Type(b.getF32Type()) : Type(b.getBF16Type());
    auto matrix = [&](int64_t first, int64_t second, Type type) -> Value {
      auto vector = VectorType::get({first, second}, type);
      return arith::ConstantOp::create(b, loc, b.getZeroAttr(vector));
    };
    AffineExpr m, n, k;
    bindDims(&context, m, n, k);
    auto map = [&](AffineExpr first, AffineExpr second) {
      return AffineMap::get(3, 0, {first, second}, &context);
    };
    auto kind = [&](vector::IteratorType type) -> Attribute {
      return vector::IteratorTypeAttr::get(&context, type);
    };
    op = vector::ContractionOp::create(
        b, loc, matrix(rows, depth, element), matrix(columns, depth, element),
        matrix(rows, columns, b.getF32Type()),
        b.getAffineMapArrayAttr({map(m, k), map(n, k), map(m, n)}),
        b.getArrayAttr({kind(vector::IteratorType::parallel),
                        kind(vector::IteratorType::parallel),
                        kind(vector::IteratorType::reduction)}));
  }
  vector::ContractionOp op;

private:
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

} // namespace

/// Whether all fragments of `layout`, of `size` registers each, are `formula`
/// moved to another place of the matrix.
static void expectFragments(const LinearLayout &layout, int64_t size,
                            std::function<Place(int64_t, int64_t)> formula) {
  ASSERT_EQ(layout.getRegisters() % size, 0);
  for (int64_t warp = 0; warp < layout.getWarps(); ++warp)
    for (int64_t first = 0; first < layout.getRegisters(); first += size) {
      Coordinates corner = layout.apply(first, 0, warp);
      for (int64_t lane = 0; lane < 32; ++lane)
        for (int64_t i = 0; i < size; ++i) {
          Coordinates at = layout.apply(first + i, lane, warp);
          auto [row, column] = formula(i, lane);
          EXPECT_EQ(at[0], corner[0] + row);
          EXPECT_EQ(at[1], corner[1] + column);
        }
    }
}

/// Of the right side, layouts have [column, depth] and the PTX ISA row (depth)
/// and column.
static Place swapped(int64_t row, int64_t column) { return {column, row}; }

static Place ofResult(int64_t i, int64_t lane) {
  return {lane / 4 + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)};
}

TEST(ProductLayouts, SixteenBits) {
  for (int64_t warps : {1, 4, 8}) {
    Product product(/*isWide=*/false, 64, 128, 32);
    ProductLayouts layouts =
        productLayouts(ProductShape::of(product.op), warps);
    EXPECT_EQ(layouts.fragmentDepth, 16);
    expectFragments(layouts.left, 8, [](int64_t i, int64_t lane) -> Place {
      bool isFirstRow = i < 2 || (i >= 4 && i < 6);
      return {lane / 4 + (isFirstRow ? 0 : 8),
              lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8)};
    });
    expectFragments(layouts.right, 4, [](int64_t i, int64_t lane) {
      return swapped(lane % 4 * 2 + (i & 1) + (i < 2 ? 0 : 8), lane / 4);
    });
    expectFragments(layouts.result, 4, ofResult);
  }
}

TEST(ProductLayouts, ThirtyTwoBits) {
  for (int64_t warps : {1, 4, 8}) {
    Product product(/*isWide=*/true, 64, 64, 16);
    ProductLayouts layouts =
        productLayouts(ProductShape::of(product.op), warps);
    EXPECT_EQ(layouts.fragmentDepth, 8);
    expectFragments(layouts.left, 4, [](int64_t i, int64_t lane) -> Place {
      return {lane / 4 + (i % 2 ? 8 : 0), lane % 4 + (i < 2 ? 0 : 4)};
    });
    expectFragments(layouts.right, 2, [](int64_t i, int64_t lane) {
      return swapped(lane % 4 + (i == 0 ? 0 : 4), lane / 4);
    });
    expectFragments(layouts.result, 4, ofResult);
  }
}

/// What all lanes of a warp hold.
static std::set<Place> heldBy(const LinearLayout &layout, int64_t warp) {
  std::set<Place> held;
  for (int64_t lane = 0; lane < 32; ++lane)
    for (int64_t reg = 0; reg < layout.getRegisters(); ++reg) {
      Coordinates at = layout.apply(reg, lane, warp);
      held.insert({at[0], at[1]});
    }
  return held;
}

// A warp has what its part of the result needs, over the whole depth, and all
// warps together have the result.
TEST(ProductLayouts, WarpsHaveWhatTheyMultiply) {
  const int64_t sizes[][3] = {
      {16, 8, 16}, {64, 64, 32}, {128, 128, 32}, {16, 256, 64}, {256, 8, 16}};
  for (auto [rows, columns, depth] : sizes)
    for (bool isWide : {false, true})
      for (int64_t warps : {1, 4, 8}) {
        Product product(isWide, rows, columns, depth);
        ProductLayouts layouts =
            productLayouts(ProductShape::of(product.op), warps);
        SCOPED_TRACE(layouts.result.str());
        for (const LinearLayout &layout :
             {layouts.left, layouts.right, layouts.result}) {
          EXPECT_EQ(layout.getWarps(), warps);
          EXPECT_TRUE(layout.isSurjective());
        }
        // Copies are of whole warps.
        EXPECT_EQ(layouts.result.isInjective(),
                  rows * columns >= 16 * 8 * warps);
        for (int64_t warp = 0; warp < warps; ++warp) {
          std::set<Place> left = heldBy(layouts.left, warp);
          std::set<Place> right = heldBy(layouts.right, warp);
          for (auto [row, column] : heldBy(layouts.result, warp))
            for (int64_t k = 0; k < depth; ++k) {
              EXPECT_TRUE(left.count({row, k}));
              EXPECT_TRUE(right.count({column, k}));
            }
        }
      }
}

// Four warps have 64 rows, sixteen each; a lane's elements run over the columns
// of all N (or the depth), pairs first.
TEST(ProductLayouts, Warpgroups) {
  const int64_t sizes[][2] = {{64, 128}, {128, 128}, {64, 8}, {128, 64}};
  for (auto [rows, columns] : sizes)
    for (int64_t warps : {4, 8}) {
      Product product(/*isWide=*/false, rows, columns, 32);
      std::optional<WarpgroupLayouts> layouts =
          warpgroupLayouts(ProductShape::of(product.op), warps);
      ASSERT_TRUE(layouts.has_value());
      SCOPED_TRACE(layouts->result.str());
      EXPECT_TRUE(layouts->left.isSurjective());
      EXPECT_TRUE(layouts->result.isSurjective());
      int64_t perBlock = layouts->columns / 2;
      for (int64_t warp = 0; warp < warps; ++warp)
        for (int64_t lane = 0; lane < 32; ++lane) {
          // The rows and columns that a whole group begins with.
          Coordinates corner = layouts->result.apply(0, 0, warp / 4 * 4);
          for (int64_t i = 0; i < perBlock; ++i) {
            Coordinates at = layouts->result.apply(i, lane, warp);
            EXPECT_EQ(at[0],
                      corner[0] + warp % 4 * 16 + lane / 4 + i / 2 % 2 * 8);
            EXPECT_EQ(at[1], corner[1] + i / 4 * 8 + lane % 4 * 2 + i % 2);
          }
          for (int64_t i = 0; i < 16; ++i) {
            Coordinates at = layouts->left.apply(i, lane, warp);
            EXPECT_EQ(at[0],
                      corner[0] + warp % 4 * 16 + lane / 4 + i / 2 % 2 * 8);
            EXPECT_EQ(at[1], i / 4 * 8 + lane % 4 * 2 + i % 2);
          }
        }
    }
}

TEST(ProductLayouts, WarpgroupsTakeWholeBlocksOfSixteenBits) {
  Product rows(/*isWide=*/false, 32, 64, 16);
  EXPECT_FALSE(warpgroupLayouts(ProductShape::of(rows.op), 4).has_value());
  Product wide(/*isWide=*/true, 64, 64, 16);
  EXPECT_FALSE(warpgroupLayouts(ProductShape::of(wide.op), 4).has_value());
  Product warps(/*isWide=*/false, 64, 64, 16);
  EXPECT_FALSE(warpgroupLayouts(ProductShape::of(warps.op), 2).has_value());
  Product columns(/*isWide=*/false, 64, 512, 16);
  EXPECT_FALSE(warpgroupLayouts(ProductShape::of(columns.op), 4).has_value());
}
