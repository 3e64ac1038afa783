//===- LinearLayoutTest.cpp - Layouts against all of their places ---------===//
//
// Every claim of LinearLayout.h is compared with what the elements at all
// places say, on blocked layouts of many shapes and on seeded ones that skew,
// swizzle and repeat.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/LinearLayout.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

using namespace gate;

using L = LinearLayout;
using Shape = std::vector<int64_t>;
/// As a key of sets and maps.
using Element = std::vector<int64_t>;

static Element element(const Coordinates &coordinates) {
  return Element(coordinates.begin(), coordinates.end());
}

static int64_t lanesOf(const L &layout) {
  return int64_t(1) << layout.getBases(L::Lane).size();
}

static int64_t product(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

static int64_t placesOf(const L &layout) {
  return layout.getRegisters() * lanesOf(layout) * layout.getWarps();
}

/// Position in row-major order.
static int64_t flatten(llvm::ArrayRef<int64_t> coordinates,
                       llvm::ArrayRef<int64_t> shape) {
  int64_t flat = 0;
  for (auto [coordinate, size] : llvm::zip(coordinates, shape))
    flat = flat * size + coordinate;
  return flat;
}

/// Calls `body` for every register, lane and warp.
template <typename Body>
static void forPlaces(const L &layout, Body body) {
  for (int64_t warp = 0; warp < layout.getWarps(); ++warp)
    for (int64_t lane = 0; lane < lanesOf(layout); ++lane)
      for (int64_t reg = 0; reg < layout.getRegisters(); ++reg)
        body(reg, lane, warp);
}

/// How many places hold each element.
static std::map<Element, int64_t> countPlaces(const L &layout) {
  std::map<Element, int64_t> count;
  forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
    ++count[element(layout.apply(reg, lane, warp))];
  });
  return count;
}

/// The elements of one thread.
static std::set<Element> elementsOf(const L &layout, int64_t lane,
                                    int64_t warp) {
  std::set<Element> held;
  for (int64_t reg = 0; reg < layout.getRegisters(); ++reg)
    held.insert(element(layout.apply(reg, lane, warp)));
  return held;
}

namespace {
struct Block {
  Shape shape;
  int64_t contiguous, warps;
};
} // namespace

static std::vector<Block> blocks() {
  std::vector<Block> all;
  for (const Shape &shape : std::vector<Shape>{{},
                                               {1},
                                               {2},
                                               {64},
                                               {1024},
                                               {1, 1},
                                               {4, 8},
                                               {16, 16},
                                               {128, 1},
                                               {1, 512},
                                               {64, 32},
                                               {2, 1, 8},
                                               {4, 16, 8},
                                               {2, 2, 2, 32}})
    for (int64_t contiguous : {1, 2, 4, 16})
      for (int64_t warps : {1, 2, 8})
        all.push_back({shape, contiguous, warps});
  return all;
}

/// Layouts whose bases are any coordinates: zero, skewed, equal to others.
static std::vector<L> anyLayouts() {
  std::mt19937 random(7);
  std::vector<L> all;
  for (const Shape &shape : std::vector<Shape>{{8}, {4, 8}, {2, 1, 8}, {4, 4}})
    for (int round = 0; round < 50; ++round) {
      L layout(shape);
      for (L::Place place : {L::Register, L::Lane, L::Warp})
        for (int64_t bits = random() % 4; bits > 0; --bits) {
          Coordinates basis;
          // Zero often, or few of these would hold everything once.
          bool single = random() % 2;
          int64_t chosen = random() % shape.size();
          for (auto [dim, size] : llvm::enumerate(shape))
            basis.push_back(!single ? random() % size
                            : chosen == static_cast<int64_t>(dim)
                                ? (int64_t(1) << random() % 4) % size
                                : 0);
          layout.add(place, basis);
        }
      all.push_back(layout);
    }
  return all;
}

static std::vector<L> allLayouts() {
  std::vector<L> all = anyLayouts();
  for (const Block &block : blocks())
    all.push_back(L::blocked(block.shape, block.contiguous, block.warps));
  return all;
}

TEST(LinearLayout, WorkedExample) {
  L layout({4, 8});
  layout.add(L::Register, {0, 1});
  layout.add(L::Lane, {0, 2});
  layout.add(L::Lane, {0, 4});
  layout.add(L::Lane, {1, 0});
  layout.add(L::Lane, {2, 0});
  EXPECT_EQ(layout.getRegisters(), 2);
  EXPECT_EQ(layout.getWarps(), 1);
  EXPECT_EQ(layout.apply(0, 5, 0), (Coordinates{1, 2}));
  EXPECT_EQ(layout.apply(1, 5, 0), (Coordinates{1, 3}));
  EXPECT_TRUE(layout.isSurjective());
  EXPECT_TRUE(layout.isInjective());
  EXPECT_TRUE(layout.registersAreSeparate());
  EXPECT_EQ(layout.getContiguous(1), 2);
  EXPECT_EQ(layout.getContiguous(0), 1);
  EXPECT_EQ(layout.str(),
            "4x8: register (0,1); lane (0,2) (0,4) (1,0) (2,0); warp");
}

// Neighbours, then lanes, warps and further registers, row after row; what is
// past the tile's end begins again.
TEST(LinearLayout, Blocked) {
  for (const Block &block : blocks()) {
    L layout = L::blocked(block.shape, block.contiguous, block.warps);
    SCOPED_TRACE(layout.str());
    ASSERT_EQ(lanesOf(layout), L::lanes);
    ASSERT_EQ(layout.getWarps(), block.warps);
    int64_t elements = product(block.shape);
    int64_t inner = block.shape.empty() ? 1 : block.shape.back();
    int64_t side = std::min(block.contiguous, inner);
    EXPECT_TRUE(layout.isSurjective());
    EXPECT_EQ(layout.getRegisters(),
              std::max(side, elements / (L::lanes * block.warps)));
    if (!block.shape.empty())
      EXPECT_GE(layout.getContiguous(block.shape.size() - 1), side);
    forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
      int64_t thread = lane + L::lanes * warp;
      int64_t place =
          reg % side + side * (thread + L::lanes * block.warps * (reg / side));
      ASSERT_EQ(flatten(layout.apply(reg, lane, warp), block.shape),
                place % elements);
    });
    // Every element is held by as many threads as every other.
    std::map<Element, int64_t> count = countPlaces(layout);
    ASSERT_EQ(static_cast<int64_t>(count.size()), elements);
    for (auto &[held, places] : count)
      ASSERT_EQ(places, placesOf(layout) / elements);
  }
}

// The same neighbours; of what is left, two threads share a reduced result only
// where there are fewer results than threads, and two warps only where there
// are fewer than warps.
TEST(LinearLayout, Reducing) {
  for (const Block &block : blocks()) {
    unsigned rank = block.shape.size();
    if (rank < 2)
      continue;
    llvm::SmallBitVector reduced(rank, true);
    reduced.reset(rank - 1);
    L layout = L::reducing(block.shape, reduced, block.contiguous, block.warps);
    SCOPED_TRACE(layout.str());
    ASSERT_EQ(lanesOf(layout), L::lanes);
    ASSERT_EQ(layout.getWarps(), block.warps);
    EXPECT_TRUE(layout.isSurjective());
    int64_t columns = block.shape.back();
    int64_t side = std::min(block.contiguous, columns);
    EXPECT_GE(layout.getContiguous(rank - 1), side);
    std::map<int64_t, std::set<int64_t>> warps, threads;
    forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
      int64_t column = layout.apply(reg, lane, warp).back();
      warps[column].insert(warp);
      threads[column].insert(lane + L::lanes * warp);
    });
    int64_t groups = columns / side;
    for (auto &[column, holders] : warps)
      EXPECT_LE(static_cast<int64_t>(holders.size()),
                std::max<int64_t>(1, block.warps / groups));
    for (auto &[column, holders] : threads)
      EXPECT_LE(static_cast<int64_t>(holders.size()),
                std::max<int64_t>(1, block.warps * L::lanes / groups));
  }
}

TEST(LinearLayout, SurjectiveAndInjective) {
  int64_t surjective = 0, injective = 0;
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    int64_t held = countPlaces(layout).size();
    EXPECT_EQ(layout.isSurjective(), held == product(layout.getShape()));
    EXPECT_EQ(layout.isInjective(), held == placesOf(layout));
    surjective += layout.isSurjective();
    injective += layout.isInjective();
  }
  // Both answers were seen.
  EXPECT_GT(surjective, 0);
  EXPECT_GT(injective, 0);
  EXPECT_LT(std::max(surjective, injective),
            static_cast<int64_t>(allLayouts().size()));
}

TEST(LinearLayout, RegistersAreSeparate) {
  int64_t separate = 0;
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    bool adds = true;
    forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
      Coordinates sum = layout.apply(0, lane, warp);
      for (auto [coordinate, own] : llvm::zip(sum, layout.ofRegister(reg)))
        coordinate += own;
      adds &= sum == layout.apply(reg, lane, warp);
    });
    EXPECT_EQ(layout.registersAreSeparate(), adds);
    separate += adds;
  }
  EXPECT_GT(separate, 0);
  EXPECT_LT(separate, static_cast<int64_t>(allLayouts().size()));
}

TEST(LinearLayout, FindRegister) {
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    std::set<Element> own = elementsOf(layout, 0, 0);
    // All coordinates of the tile, by their position.
    for (int64_t flat = 0; flat < product(layout.getShape()); ++flat) {
      Coordinates position(layout.getRank(), 0);
      int64_t rest = flat;
      for (unsigned dim = layout.getRank(); dim-- > 0;) {
        position[dim] = rest % layout.getShape()[dim];
        rest /= layout.getShape()[dim];
      }
      std::optional<int64_t> reg = layout.findRegister(position);
      ASSERT_EQ(reg.has_value(), own.count(element(position)) == 1);
      if (reg)
        ASSERT_EQ(layout.ofRegister(*reg), position);
    }
  }
}

TEST(LinearLayout, Contiguous) {
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    for (unsigned dim = 0; dim < layout.getRank(); ++dim) {
      int64_t neighbours = 0;
      Coordinates expected(layout.getRank(), 0);
      while (neighbours < layout.getRegisters() &&
             layout.ofRegister(neighbours) == expected)
        expected[dim] = ++neighbours;
      EXPECT_EQ(layout.getContiguous(dim),
                static_cast<int64_t>(llvm::bit_floor<uint64_t>(neighbours)));
    }
  }
}

// Every thread keeps the elements that it had, without their coordinate.
TEST(LinearLayout, DropDim) {
  for (const L &layout : allLayouts())
    for (unsigned dim = 0; dim < layout.getRank(); ++dim) {
      SCOPED_TRACE(layout.str() + ", dim " + std::to_string(dim));
      L dropped = layout.dropDim(dim);
      ASSERT_EQ(dropped.getRank(), layout.getRank() - 1);
      ASSERT_EQ(lanesOf(dropped), lanesOf(layout));
      ASSERT_EQ(dropped.getWarps(), layout.getWarps());
      for (int64_t warp = 0; warp < layout.getWarps(); ++warp)
        for (int64_t lane = 0; lane < lanesOf(layout); ++lane) {
          std::set<Element> expected;
          for (Element held : elementsOf(layout, lane, warp)) {
            held.erase(held.begin() + dim);
            expected.insert(held);
          }
          ASSERT_EQ(elementsOf(dropped, lane, warp), expected);
        }
    }
  // Of a blocked layout no register holds what another one does.
  for (const Block &block : blocks())
    for (unsigned dim = 0; dim < block.shape.size(); ++dim) {
      L dropped =
          L::blocked(block.shape, block.contiguous, block.warps).dropDim(dim);
      EXPECT_EQ(static_cast<int64_t>(elementsOf(dropped, 0, 0).size()),
                dropped.getRegisters())
          << dropped.str();
    }
}

TEST(LinearLayout, Transpose) {
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    std::vector<unsigned> permutation(layout.getRank());
    std::iota(permutation.begin(), permutation.end(), 0);
    do {
      L moved = layout.transpose(permutation);
      for (auto [to, from] : llvm::enumerate(permutation))
        ASSERT_EQ(moved.getShape()[to], layout.getShape()[from]);
      forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
        Coordinates before = layout.apply(reg, lane, warp);
        Coordinates after = moved.apply(reg, lane, warp);
        for (auto [to, from] : llvm::enumerate(permutation))
          ASSERT_EQ(after[to], before[from]);
      });
    } while (std::next_permutation(permutation.begin(), permutation.end()));
  }
}

// All ways to cut a number of elements into up to three dims.
TEST(LinearLayout, Reshape) {
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    int64_t elements = product(layout.getShape());
    std::vector<Shape> shapes{{elements}};
    for (int64_t first = 1; first <= elements; first *= 2) {
      shapes.push_back({first, elements / first});
      for (int64_t second = 1; second <= elements / first; second *= 4)
        shapes.push_back({first, second, elements / first / second});
    }
    for (const Shape &shape : shapes) {
      L cut = layout.reshape(shape);
      ASSERT_EQ(cut.getShape(), llvm::ArrayRef<int64_t>(shape));
      forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
        ASSERT_EQ(flatten(cut.apply(reg, lane, warp), shape),
                  flatten(layout.apply(reg, lane, warp), layout.getShape()));
      });
      EXPECT_EQ(cut.reshape(layout.getShape()), layout);
    }
  }
}

// The old registers for every coordinate of the new dim, in order.
TEST(LinearLayout, InsertDim) {
  for (const L &layout : allLayouts())
    for (unsigned dim = 0; dim <= layout.getRank(); ++dim)
      for (int64_t size : {1, 2, 8}) {
        L wider = layout.insertDim(dim, size);
        SCOPED_TRACE(wider.str());
        int64_t old = layout.getRegisters();
        ASSERT_EQ(wider.getRegisters(), old * size);
        ASSERT_EQ(wider.getShape()[dim], size);
        forPlaces(wider, [&](int64_t reg, int64_t lane, int64_t warp) {
          Coordinates expected = layout.apply(reg % old, lane, warp);
          expected.insert(expected.begin() + dim, reg / old);
          ASSERT_EQ(wider.apply(reg, lane, warp), expected);
        });
        EXPECT_EQ(wider.isSurjective(), layout.isSurjective());
        EXPECT_EQ(wider.isInjective(), layout.isInjective());
        // And back, but for registers that held copies before.
        L back = wider.dropDim(dim);
        EXPECT_EQ(elementsOf(back, 0, 0), elementsOf(layout, 0, 0));
      }
}

/// The register bits that alone lead from a part of `size` along `dim` to the
/// others, lowest part first; nothing where a part is elsewhere, too.
static std::optional<std::vector<unsigned>>
partBits(const L &layout, unsigned dim, int64_t size) {
  std::vector<unsigned> bits;
  int64_t mask = 0;
  for (int64_t step = size; step < layout.getShape()[dim]; step *= 2) {
    Coordinates expected(layout.getRank(), 0);
    expected[dim] = step;
    unsigned bit = 0;
    while ((int64_t(1) << bit) < layout.getRegisters() &&
           layout.ofRegister(int64_t(1) << bit) != expected)
      ++bit;
    if ((int64_t(1) << bit) >= layout.getRegisters())
      return std::nullopt;
    bits.push_back(bit);
    mask |= int64_t(1) << bit;
  }
  bool inFirst = true;
  forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
    if (!(reg & mask))
      inFirst &= layout.apply(reg, lane, warp)[dim] < size;
  });
  return inFirst ? std::optional(bits) : std::nullopt;
}

// A part is there exactly where register bits alone choose it; its registers
// are the others, in order, and hold at any start what they hold at 0.
TEST(LinearLayout, SliceAndHalve) {
  int64_t found = 0, missed = 0;
  std::vector<L> layouts = allLayouts();
  for (const L &layout : anyLayouts())
    for (unsigned dim = 0; dim < layout.getRank(); ++dim)
      layouts.push_back(layout.grow(dim, layout.getShape()[dim] * 4));
  for (const L &layout : layouts)
    for (unsigned dim = 0; dim < layout.getRank(); ++dim) {
      int64_t whole = layout.getShape()[dim];
      if (whole == 1)
        EXPECT_EQ(layout.halve(dim), std::nullopt) << layout.str();
      else
        EXPECT_EQ(layout.halve(dim), layout.slice(dim, whole / 2))
            << layout.str();
      for (int64_t size = 1; size <= whole; size *= 2) {
        SCOPED_TRACE(layout.str() + ", dim " + std::to_string(dim) + ", " +
                     std::to_string(size));
        std::optional<L> part = layout.slice(dim, size);
        std::optional<std::vector<unsigned>> bits = partBits(layout, dim, size);
        ASSERT_EQ(part.has_value(), bits.has_value());
        ++(part ? found : missed);
        if (!part)
          continue;
        ASSERT_EQ(part->getShape()[dim], size);
        ASSERT_EQ(part->getRegisters() * (whole / size), layout.getRegisters());
        forPlaces(*part, [&](int64_t reg, int64_t lane, int64_t warp) {
          // Room for the bits of the part, from the lowest on.
          std::vector<unsigned> sorted(*bits);
          std::sort(sorted.begin(), sorted.end());
          int64_t wide = reg;
          for (unsigned bit : sorted) {
            int64_t below = wide & ((int64_t(1) << bit) - 1);
            wide = (wide - below) * 2 + below;
          }
          for (int64_t start = 0; start < whole; start += size) {
            int64_t from = wide;
            for (auto [i, bit] : llvm::enumerate(*bits))
              if (start / size >> i & 1)
                from |= int64_t(1) << bit;
            Coordinates expected = part->apply(reg, lane, warp);
            expected[dim] += start;
            ASSERT_EQ(layout.apply(from, lane, warp), expected);
          }
        });
      }
    }
  // Both answers are frequent, or this says little.
  EXPECT_GT(found, 1000);
  EXPECT_GT(missed, 1000);
}

// The old registers for every part, in order, and back.
TEST(LinearLayout, Grow) {
  for (const L &layout : allLayouts())
    for (unsigned dim = 0; dim < layout.getRank(); ++dim)
      for (int64_t times : {1, 2, 8}) {
        int64_t size = layout.getShape()[dim];
        L grown = layout.grow(dim, size * times);
        SCOPED_TRACE(grown.str());
        int64_t old = layout.getRegisters();
        ASSERT_EQ(grown.getRegisters(), old * times);
        ASSERT_EQ(grown.getShape()[dim], size * times);
        forPlaces(grown, [&](int64_t reg, int64_t lane, int64_t warp) {
          Coordinates expected = layout.apply(reg % old, lane, warp);
          expected[dim] += reg / old * size;
          ASSERT_EQ(grown.apply(reg, lane, warp), expected);
        });
        EXPECT_EQ(grown.slice(dim, size), layout);
      }
}

/// Layouts whose warps are given parts of a tile: each bit one upper bit of a
/// coordinate or a copy, in any order.
static std::vector<std::pair<L, L>> wholesAndParts() {
  std::mt19937 random(11);
  std::vector<std::pair<L, L>> all;
  for (L part : anyLayouts()) {
    Shape shape(part.getShape().begin(), part.getShape().end());
    std::vector<Coordinates> steps;
    for (int64_t bits = random() % 4; bits > 0; --bits) {
      Coordinates step(part.getRank(), 0);
      if (random() % 4) {
        int64_t dim = random() % part.getRank();
        step[dim] = shape[dim];
        shape[dim] *= 2;
      }
      steps.push_back(step);
    }
    std::shuffle(steps.begin(), steps.end(), random);
    L whole(shape), one(part.getShape());
    for (L::Place place : {L::Register, L::Lane})
      for (const Coordinates &basis : part.getBases(place)) {
        whole.add(place, basis);
        one.add(place, basis);
      }
    for (const Coordinates &step : steps)
      whole.add(L::Warp, step);
    all.push_back({whole, one});
  }
  return all;
}

TEST(LinearLayout, OneWarpAndAcrossWarps) {
  for (const auto &[whole, part] : wholesAndParts()) {
    SCOPED_TRACE(whole.str());
    ASSERT_EQ(whole.ofOneWarp(), part);
    ASSERT_EQ(part.acrossWarpsOf(whole), whole);
  }
  // Where there is a part, every warp holds it, moved by whole parts.
  int64_t found = 0, missed = 0;
  for (const L &layout : allLayouts()) {
    SCOPED_TRACE(layout.str());
    std::optional<L> part = layout.ofOneWarp();
    ++(part ? found : missed);
    if (!part)
      continue;
    ASSERT_EQ(part->getWarps(), 1);
    ASSERT_EQ(part->acrossWarpsOf(layout), layout);
    forPlaces(layout, [&](int64_t reg, int64_t lane, int64_t warp) {
      Coordinates start = layout.apply(0, 0, warp);
      Coordinates expected = part->apply(reg, lane, 0);
      for (unsigned dim = 0; dim < layout.getRank(); ++dim) {
        ASSERT_EQ(start[dim] % part->getShape()[dim], 0);
        ASSERT_LT(expected[dim], part->getShape()[dim]);
        expected[dim] += start[dim];
      }
      ASSERT_EQ(layout.apply(reg, lane, warp), expected);
    });
  }
  EXPECT_GT(found, 50);
  EXPECT_GT(missed, 50);
}

// Another layout of one warp's part, for all warps of the whole: each warp
// stays within its part.
TEST(LinearLayout, AcrossWarpsOfAnother) {
  L whole = L::blocked({16, 32}, 4, 4);
  std::optional<L> part = whole.ofOneWarp();
  ASSERT_TRUE(part);
  L turned = L::blocked(part->getShape(), 1, 1);
  ASSERT_NE(turned, *part);
  L across = turned.acrossWarpsOf(whole);
  EXPECT_TRUE(across.isSurjective());
  for (int64_t warp = 0; warp < whole.getWarps(); ++warp) {
    auto held = [&](const L &layout) {
      std::set<Element> all;
      for (int64_t lane = 0; lane < L::lanes; ++lane)
        all.merge(elementsOf(layout, lane, warp));
      return all;
    };
    EXPECT_EQ(held(across), held(whole));
  }
}
