//===- LinearLayout.h - Which thread holds which element -------*- C++ -*-===//
//
// A layout says where the elements of a tile are: in which register of which
// lane of which warp, or at which place of shared memory. All sizes are powers
// of two, and the map from places to elements is linear over the bits of both
// (F2): the coordinate at a place is the XOR of one basis vector per set bit of
// the place. Blocked tiles, the fragments of tensor cores and swizzled shared
// memory are all of this form, and broadcasts, transposes, reductions and
// conversions are linear algebra on the bases. The idea is that of linear
// layouts (arXiv 2505.23819).
//
//   Example. A 4 x 8 tile in two registers of 16 lanes, neighbours in a row in
//   one thread: register bit 0 -> (0, 1); lane bits -> (0, 2), (0, 4), (1, 0),
//   (2, 0). Lane 5 = 0b0101 holds row 1 in columns 2 and 3:
//   register 1 of lane 5 -> (0,1) ^ (0,2) ^ (1,0) = (1, 3).
//
// A bit with basis zero holds copies: two places that differ only there hold
// the same element.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ANALYSIS_LINEARLAYOUT_H
#define GATE_ANALYSIS_LINEARLAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/SmallVector.h"

#include <cstdint>
#include <optional>
#include <string>

namespace gate {

/// Coordinates of one element, one per dim of the tile.
using Coordinates = llvm::SmallVector<int64_t, 4>;

/// Where the elements of a tile are.
class LinearLayout {
public:
  /// The hardware's dims, from the one that changes fastest.
  enum Place { Register = 0, Lane = 1, Warp = 2 };
  static constexpr unsigned places = 3;
  /// Lanes of a warp, and their bits.
  static constexpr int64_t lanes = 32;

  LinearLayout() = default;
  /// `shape`: powers of two. Bases are added by `add`.
  explicit LinearLayout(llvm::ArrayRef<int64_t> shape);

  /// Appends the next bit of `place`.
  void add(Place place, Coordinates basis);

  /// Threads hold `contiguous` neighbours along the last dim and then run over
  /// the tile from the last dim to the first, lanes before warps before
  /// further registers. Where the tile is smaller than the threads, the
  /// remaining threads hold copies. `warps` is a power of two.
  static LinearLayout blocked(llvm::ArrayRef<int64_t> shape, int64_t contiguous,
                              int64_t warps);
  /// For a tile that is reduced over dims other than the last: a row's
  /// neighbours in registers as `blocked` has them; warps, then lanes, take
  /// different results as far as there are some, so that what is reduced is in
  /// registers first and in the lanes of one warp next.
  static LinearLayout reducing(llvm::ArrayRef<int64_t> shape,
                               const llvm::SmallBitVector &reduced,
                               int64_t contiguous, int64_t warps);

  llvm::ArrayRef<int64_t> getShape() const { return shape; }
  unsigned getRank() const { return shape.size(); }
  llvm::ArrayRef<Coordinates> getBases(Place place) const {
    return bases[place];
  }
  /// Number of registers of a thread.
  int64_t getRegisters() const { return int64_t(1) << bases[Register].size(); }
  int64_t getWarps() const { return int64_t(1) << bases[Warp].size(); }

  /// The element at a place.
  Coordinates apply(int64_t reg, int64_t lane, int64_t warp) const;
  /// What register number `reg` adds (XOR) to the coordinates of a thread.
  Coordinates ofRegister(int64_t reg) const { return apply(reg, 0, 0); }
  /// The register of a thread whose coordinates differ from those of register
  /// 0 by `coordinates`, if there is one.
  std::optional<int64_t> findRegister(const Coordinates &coordinates) const;

  /// Whether every element is somewhere.
  bool isSurjective() const;
  /// Whether no two places hold the same element.
  bool isInjective() const;
  /// Whether the register bits touch no bit of a coordinate that lanes or warps
  /// touch, so that XOR is addition.
  bool registersAreSeparate() const;

  /// Neighbouring registers that hold neighbours along dim `dim`, counted from
  /// register 0: a power of two.
  int64_t getContiguous(unsigned dim) const;

  /// The layout of a tile without dim `dim` that each thread gets by reducing
  /// over `dim`, or needs for broadcasting along it: places with coordinate
  /// zero there. Registers that become copies are dropped.
  LinearLayout dropDim(unsigned dim) const;
  /// The layout of either half of a tile along `dim`, where the upper half is
  /// in registers of the threads that have the lower one; otherwise nothing.
  std::optional<LinearLayout> halve(unsigned dim) const;
  /// The layout of any part of `size` along `dim` that starts at a multiple of
  /// it, where each thread has registers of every part; otherwise nothing.
  std::optional<LinearLayout> slice(unsigned dim, int64_t size) const;
  /// A layout of which `slice` gives this: more registers along `dim`.
  LinearLayout grow(unsigned dim, int64_t size) const;
  /// The part of one warp, as a tile of its own, where warps split the tile
  /// into equal parts that are contiguous along each dim; otherwise nothing.
  std::optional<LinearLayout> ofOneWarp() const;
  /// This as the part of each warp of `whole`, of which `ofOneWarp()` has the
  /// same shape.
  LinearLayout acrossWarpsOf(const LinearLayout &whole) const;
  /// Dim i of the result is dim `permutation[i]` of this.
  LinearLayout transpose(llvm::ArrayRef<unsigned> permutation) const;
  /// The same places for a tile of as many elements in row-major order.
  LinearLayout reshape(llvm::ArrayRef<int64_t> newShape) const;
  /// With one more dim of size `size` in which only register bits run.
  LinearLayout insertDim(unsigned dim, int64_t size) const;

  bool operator==(const LinearLayout &other) const {
    return shape == other.shape && bases[0] == other.bases[0] &&
           bases[1] == other.bases[1] && bases[2] == other.bases[2];
  }
  bool operator!=(const LinearLayout &other) const { return !(*this == other); }

  /// For messages and tests: "64x128: register (0,1) (0,2); lane ...".
  std::string str() const;

private:
  llvm::SmallVector<int64_t, 4> shape;
  llvm::SmallVector<Coordinates, 8> bases[places];
};

} // namespace gate

#endif // GATE_ANALYSIS_LINEARLAYOUT_H
