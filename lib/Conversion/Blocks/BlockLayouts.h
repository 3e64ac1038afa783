//===- BlockLayouts.h - Layouts of the vectors of a kernel -----*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_BLOCKS_BLOCKLAYOUTS_H
#define GATE_LIB_CONVERSION_BLOCKS_BLOCKLAYOUTS_H

#include "gate/Analysis/LinearLayout.h"

#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace gate {

/// The matrices of a product: [rows, depth], [columns, depth].
struct ProductShape {
  mlir::VectorType left, right;
  /// Of a `vector.contract` or a `block.multiply`.
  static ProductShape of(mlir::Operation *op);
  int64_t rows() const { return left.getDimSize(0); }
  int64_t columns() const { return right.getDimSize(0); }
  int64_t depth() const { return left.getDimSize(1); }
};

/// Bytes of memory that should lie side by side for one instruction of a warp.
inline constexpr int64_t leastRowBytes = 64;

/// The layout that each vector of a kernel has where it is computed.
class BlockLayouts {
public:
  /// `contiguous`: neighbours that a thread should hold, for wide accesses.
  /// `warpgroups`: the machine has wgmma.
  BlockLayouts(int64_t contiguous, int64_t warps, bool warpgroups)
      : contiguous(contiguous), warps(warps), warpgroups(warpgroups) {}

  /// The layout of `value` where it is computed.
  LinearLayout of(mlir::Value value);
  /// Whether a value can be made in any layout for nothing: constants,
  /// broadcasts, masks, positions.
  static bool isFlexible(mlir::Value value);
  /// Whether a value follows from positions and constants alone, as masks do:
  /// nothing but what it is used with says what its layout should be.
  static bool isPositional(mlir::Value value);
  /// Whether a value is a tile in shared memory, or little work on such: made
  /// where it is used, in the layout that is asked for.
  static bool isReadable(mlir::Value value);
  /// Whether a value is little work on positions, scalars and rows: making it
  /// anew costs less than taking it to another layout.
  static bool isMadeOfPositions(mlir::Value value);
  /// Lanes along memory, for a value whose users do not care.
  LinearLayout ofMemory(llvm::ArrayRef<int64_t> shape) const {
    // All lanes have some of a short row: neighbours in one thread save
    // nothing where others wait for it.
    int64_t elements = 1;
    for (int64_t size : shape)
      elements *= size;
    int64_t few = std::max<int64_t>(elements / LinearLayout::lanes, 1);
    return LinearLayout::blocked(shape, std::min(contiguous, few), warps);
  }

  /// The layout that a product comes out in.
  LinearLayout ofProduct(mlir::Operation *op) const;

  int64_t getWarps() const { return warps; }
  bool hasWarpgroups() const { return warpgroups; }

  /// Lanes along memory as the tile that a value is computed from lies there.
  /// With dims that will be reduced, those are spread over few threads.
  LinearLayout inMemoryOrder(mlir::Value value,
                             llvm::SmallBitVector reduced = {}) const;

private:
  /// Lanes along memory, for a load; rows of the warp that uses them, where a
  /// product decides which that is.
  LinearLayout ofLoad(mlir::Value value);
  struct Demand {
    LinearLayout layout;
    /// Elements of the vector that the demand comes from: larger ones win.
    int64_t weight = 0;
  };
  Demand demandFor(mlir::Value value);
  Demand demandOf(mlir::OpOperand &use);

  int64_t contiguous, warps;
  bool warpgroups;
  llvm::DenseMap<mlir::Value, LinearLayout> layouts;
  llvm::DenseMap<mlir::Value, Demand> demands;
};

/// Where tensor cores want the matrices of a product: `left` [rows, depth],
/// `right` [columns, depth] and `result` [rows, columns], for mma.sync (PTX
/// ISA, section 9.7.14.5): fragments of 16 rows, 8 columns and a depth of 16
/// (of 8 for f32, as tf32), warps side by side over the result.
struct ProductLayouts {
  LinearLayout left, right, result;
  /// Depth of one fragment.
  int64_t fragmentDepth;
};
ProductLayouts productLayouts(const ProductShape &shape, int64_t warps);

/// Where groups of four warps want them, for wgmma (PTX ISA, section 9.7.15.5):
/// `result`, and `left` where it comes from registers; the right matrix is in
/// shared memory.
struct WarpgroupLayouts {
  LinearLayout left, result;
  /// Columns of the result that one group computes.
  int64_t columns;
};
/// Nothing where groups of warps do not take the product: they want 16-bit
/// floats and whole blocks of 64 rows.
std::optional<WarpgroupLayouts> warpgroupLayouts(const ProductShape &shape,
                                                 int64_t warps);

/// What the source of a broadcast must have, for a result with `layout`.
LinearLayout sourceLayout(mlir::vector::BroadcastOp op,
                          const LinearLayout &layout);
LinearLayout sourceLayout(mlir::vector::TransposeOp op,
                          const LinearLayout &layout);
LinearLayout sourceLayout(mlir::vector::ShapeCastOp op,
                          const LinearLayout &layout);
LinearLayout sourceLayout(mlir::vector::ExtractStridedSliceOp op,
                          const LinearLayout &layout);
/// Whether a bit of a layout moves along reduced dims only.
bool isReducedBasis(mlir::vector::MultiDimReductionOp op,
                    const Coordinates &basis);
/// The result of a reduction of a source with `layout`.
LinearLayout resultLayout(mlir::vector::MultiDimReductionOp op,
                          const LinearLayout &layout);

} // namespace gate

#endif // GATE_LIB_CONVERSION_BLOCKS_BLOCKLAYOUTS_H
