//===- LinearLayout.cpp - Which thread holds which element ----------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Analysis/LinearLayout.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>

using namespace gate;
using llvm::ArrayRef;

LinearLayout::LinearLayout(ArrayRef<int64_t> shape) : shape(shape) {
  assert(llvm::all_of(shape, [](int64_t n) { return llvm::isPowerOf2_64(n); }));
}

void LinearLayout::add(Place place, Coordinates basis) {
  assert(basis.size() == shape.size() && "one coordinate per dim");
  bases[place].push_back(std::move(basis));
}

static bool isZero(const Coordinates &coordinates) {
  return llvm::all_of(coordinates, [](int64_t c) { return c == 0; });
}

LinearLayout LinearLayout::blocked(ArrayRef<int64_t> shape, int64_t contiguous,
                                   int64_t warps) {
  LinearLayout layout(shape);
  unsigned rank = shape.size();
  // All bits of the tile, from the last dim's lowest on.
  llvm::SmallVector<Coordinates> bits;
  for (unsigned dim = rank; dim-- > 0;)
    for (int64_t bit = 1; bit < shape[dim]; bit *= 2) {
      Coordinates basis(rank, 0);
      basis[dim] = bit;
      bits.push_back(basis);
    }
  auto next = bits.begin();
  auto take = [&](Place place, unsigned count, bool copies) {
    for (unsigned i = 0; i < count; ++i) {
      if (next != bits.end())
        layout.add(place, *next++);
      else if (copies)
        layout.add(place, Coordinates(rank, 0));
    }
  };
  int64_t inner = rank ? shape.back() : 1;
  take(Register, llvm::Log2_64(std::min(contiguous, inner)), false);
  take(Lane, llvm::Log2_64(lanes), true);
  take(Warp, llvm::Log2_64(warps), true);
  take(Register, bits.end() - next, false);
  return layout;
}

LinearLayout LinearLayout::reducing(ArrayRef<int64_t> shape,
                                    const llvm::SmallBitVector &reduced,
                                    int64_t contiguous, int64_t warps) {
  assert(!reduced.test(shape.size() - 1) && "rows are kept");
  LinearLayout layout(shape);
  llvm::SmallVector<Coordinates> kept, summed;
  int64_t neighbours = std::min(contiguous, shape.back());
  for (unsigned dim = shape.size(); dim-- > 0;)
    for (int64_t bit = 1; bit < shape[dim]; bit *= 2) {
      Coordinates basis(shape.size(), 0);
      basis[dim] = bit;
      if (dim + 1 == shape.size() && bit < neighbours)
        layout.add(Register, basis);
      else
        (reduced.test(dim) ? summed : kept).push_back(basis);
    }
  // What is far apart goes to different warps.
  size_t across = std::min<size_t>(llvm::Log2_64(warps), kept.size());
  size_t others = kept.size() - across;
  for (const Coordinates &basis : ArrayRef(kept).drop_front(others))
    layout.add(Warp, basis);
  for (size_t i = across, e = llvm::Log2_64(warps); i < e; ++i) {
    layout.add(Warp, summed.empty() ? Coordinates(shape.size(), 0)
                                    : summed.pop_back_val());
  }
  llvm::SmallVector<Coordinates> rest(kept.begin(), kept.begin() + others);
  llvm::append_range(rest, summed);
  size_t count = llvm::Log2_64(lanes);
  for (size_t i = 0; i < count; ++i)
    layout.add(Lane, i < rest.size() ? rest[i] : Coordinates(shape.size(), 0));
  for (size_t i = count; i < rest.size(); ++i)
    layout.add(Register, rest[i]);
  return layout;
}

Coordinates LinearLayout::apply(int64_t reg, int64_t lane, int64_t warp) const {
  Coordinates result(shape.size(), 0);
  const int64_t index[places] = {reg, lane, warp};
  for (unsigned place = 0; place < places; ++place)
    for (auto [bit, basis] : llvm::enumerate(bases[place]))
      if (index[place] >> bit & 1)
        for (unsigned dim = 0; dim < shape.size(); ++dim)
          result[dim] ^= basis[dim];
  return result;
}

std::optional<int64_t>
LinearLayout::findRegister(const Coordinates &coordinates) const {
  for (int64_t reg = 0; reg < getRegisters(); ++reg)
    if (ofRegister(reg) == coordinates)
      return reg;
  return std::nullopt;
}

/// Coordinates as one number, the bits of all dims side by side.
static uint64_t flatten(const Coordinates &coordinates,
                        ArrayRef<int64_t> shape) {
  uint64_t result = 0;
  for (auto [coordinate, size] : llvm::zip(coordinates, shape))
    result = result * size + coordinate;
  return result;
}

/// Rank of the bases over F2.
static unsigned rankOf(llvm::SmallVector<uint64_t> rows) {
  unsigned rank = 0;
  for (unsigned bit = 64; bit-- > 0;) {
    auto pivot = std::find_if(rows.begin() + rank, rows.end(),
                              [&](uint64_t row) { return row >> bit & 1; });
    if (pivot == rows.end())
      continue;
    std::swap(*pivot, rows[rank]);
    for (unsigned i = 0; i < rows.size(); ++i)
      if (i != rank && (rows[i] >> bit & 1))
        rows[i] ^= rows[rank];
    ++rank;
  }
  return rank;
}

static llvm::SmallVector<uint64_t> allRows(const LinearLayout &layout) {
  llvm::SmallVector<uint64_t> rows;
  for (unsigned place = 0; place < LinearLayout::places; ++place)
    for (const Coordinates &basis :
         layout.getBases(static_cast<LinearLayout::Place>(place)))
      rows.push_back(flatten(basis, layout.getShape()));
  return rows;
}

bool LinearLayout::isSurjective() const {
  unsigned bits = 0;
  for (int64_t size : shape)
    bits += llvm::Log2_64(size);
  return rankOf(allRows(*this)) == bits;
}

bool LinearLayout::isInjective() const {
  llvm::SmallVector<uint64_t> rows = allRows(*this);
  return rankOf(rows) == rows.size();
}

bool LinearLayout::registersAreSeparate() const {
  uint64_t ofRegisters = 0, ofThreads = 0;
  for (const Coordinates &basis : bases[Register])
    ofRegisters |= flatten(basis, shape);
  for (Place place : {Lane, Warp})
    for (const Coordinates &basis : bases[place])
      ofThreads |= flatten(basis, shape);
  return !(ofRegisters & ofThreads);
}

int64_t LinearLayout::getContiguous(unsigned dim) const {
  int64_t count = 1;
  for (const Coordinates &basis : bases[Register]) {
    Coordinates expected(shape.size(), 0);
    expected[dim] = count;
    if (basis != expected)
      break;
    count *= 2;
  }
  return count;
}

LinearLayout LinearLayout::dropDim(unsigned dim) const {
  llvm::SmallVector<int64_t, 4> rest(shape);
  rest.erase(rest.begin() + dim);
  LinearLayout result(rest);
  for (unsigned place = 0; place < places; ++place)
    for (Coordinates basis : bases[place]) {
      basis.erase(basis.begin() + dim);
      if (place != Register || !isZero(basis))
        result.add(static_cast<Place>(place), basis);
    }
  return result;
}

std::optional<LinearLayout> LinearLayout::halve(unsigned dim) const {
  Coordinates half(getRank(), 0);
  half[dim] = shape[dim] / 2;
  LinearLayout result = *this;
  result.shape[dim] = half[dim];
  auto *found = llvm::find(result.bases[Register], half);
  if (half[dim] == 0 || found == result.bases[Register].end())
    return std::nullopt;
  result.bases[Register].erase(found);
  // Nothing else may lead to the upper half.
  for (const auto &place : result.bases)
    for (const Coordinates &basis : place)
      if (basis[dim] & half[dim])
        return std::nullopt;
  return result;
}

std::optional<LinearLayout> LinearLayout::slice(unsigned dim,
                                                int64_t size) const {
  LinearLayout result = *this;
  for (int64_t bit = size; bit < shape[dim]; bit *= 2) {
    std::optional<LinearLayout> half = result.halve(dim);
    if (!half)
      return std::nullopt;
    result = *half;
  }
  return result;
}

LinearLayout LinearLayout::grow(unsigned dim, int64_t size) const {
  LinearLayout result = *this;
  for (int64_t bit = shape[dim]; bit < size; bit *= 2) {
    Coordinates basis(getRank(), 0);
    basis[dim] = bit;
    result.bases[Register].push_back(basis);
  }
  result.shape[dim] = size;
  return result;
}

std::optional<LinearLayout> LinearLayout::ofOneWarp() const {
  LinearLayout result = *this;
  result.bases[Warp].clear();
  for (const Coordinates &basis : bases[Warp]) {
    auto isSet = [](int64_t coordinate) { return coordinate != 0; };
    if (llvm::count_if(basis, isSet) > 1)
      return std::nullopt;
    for (auto [size, coordinate] : llvm::zip(result.shape, basis))
      size = coordinate ? size / 2 : size;
  }
  // Warps have the upper bits of each coordinate, and only those.
  for (const Coordinates &basis : bases[Warp])
    for (auto [size, coordinate] : llvm::zip(result.shape, basis))
      if (coordinate % size)
        return std::nullopt;
  for (Place place : {Register, Lane})
    for (const Coordinates &basis : bases[place])
      for (auto [size, coordinate] : llvm::zip(result.shape, basis))
        if (coordinate >= size)
          return std::nullopt;
  return result;
}

LinearLayout LinearLayout::acrossWarpsOf(const LinearLayout &whole) const {
  LinearLayout result = *this;
  result.shape = whole.shape;
  result.bases[Warp] = whole.bases[Warp];
  return result;
}

LinearLayout LinearLayout::transpose(ArrayRef<unsigned> permutation) const {
  llvm::SmallVector<int64_t, 4> permuted;
  for (unsigned from : permutation)
    permuted.push_back(shape[from]);
  LinearLayout result(permuted);
  for (unsigned place = 0; place < places; ++place)
    for (const Coordinates &basis : bases[place]) {
      Coordinates moved;
      for (unsigned from : permutation)
        moved.push_back(basis[from]);
      result.add(static_cast<Place>(place), moved);
    }
  return result;
}

LinearLayout LinearLayout::reshape(ArrayRef<int64_t> newShape) const {
  LinearLayout result(newShape);
  for (unsigned place = 0; place < places; ++place)
    for (const Coordinates &basis : bases[place]) {
      uint64_t flat = flatten(basis, shape);
      Coordinates moved(newShape.size(), 0);
      for (unsigned dim = newShape.size(); dim-- > 0;) {
        moved[dim] = flat % newShape[dim];
        flat /= newShape[dim];
      }
      result.add(static_cast<Place>(place), moved);
    }
  return result;
}

LinearLayout LinearLayout::insertDim(unsigned dim, int64_t size) const {
  llvm::SmallVector<int64_t, 4> wider(shape);
  wider.insert(wider.begin() + dim, size);
  LinearLayout result(wider);
  for (unsigned place = 0; place < places; ++place)
    for (Coordinates basis : bases[place]) {
      basis.insert(basis.begin() + dim, 0);
      result.add(static_cast<Place>(place), basis);
    }
  for (int64_t bit = 1; bit < size; bit *= 2) {
    Coordinates basis(wider.size(), 0);
    basis[dim] = bit;
    result.add(Register, basis);
  }
  return result;
}

std::string LinearLayout::str() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::interleave(shape, stream, "x");
  const char *names[places] = {"register", "lane", "warp"};
  for (unsigned place = 0; place < places; ++place) {
    stream << (place ? "; " : ": ") << names[place];
    for (const Coordinates &basis : bases[place]) {
      stream << " (";
      llvm::interleave(basis, stream, ",");
      stream << ")";
    }
  }
  return text;
}
