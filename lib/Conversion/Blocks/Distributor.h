//===- Distributor.h - One thread's part of a kernel -----------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_BLOCKS_DISTRIBUTOR_H
#define GATE_LIB_CONVERSION_BLOCKS_DISTRIBUTOR_H

#include "BlockLayouts.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace gate {

/// Rewrites one kernel: every vector becomes the registers of one thread, a
/// vector of one dim in the order of its layout.
class Distributor {
public:
  Distributor(mlir::func::FuncOp kernel, BlockLayouts &layouts)
      : kernel(kernel), layouts(layouts), b(kernel.getContext()),
        loc(kernel.getLoc()) {}

  /// Sums of a product that a thread can hold beside what a kernel needs
  /// otherwise.
  static constexpr int64_t mostSums = 64;

  mlir::LogicalResult run();
  /// Bytes of shared memory that the kernel needs.
  int64_t getSharedBytes() const { return sharedBytes; }

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  // DistributeBlocks.cpp
  mlir::LogicalResult distribute(mlir::Operation *op);
  mlir::LogicalResult distributeBlock(mlir::Block *block);
  mlir::LogicalResult distributeElementwise(mlir::Operation *op);
  mlir::LogicalResult distributeLoop(mlir::scf::ForOp loop);
  mlir::LogicalResult distributeChoice(mlir::scf::IfOp choice);
  mlir::VectorType registersType(Value vector, const LinearLayout &layout);
  /// The registers of `vector` in `layout`, at the builder's place.
  Value get(Value vector, const LinearLayout &layout);
  Value make(Value vector, const LinearLayout &layout);
  Value convert(Value registers, const LinearLayout &from,
                const LinearLayout &to);
  void set(Value vector, Value registers);
  Value splat(Value scalar, const LinearLayout &layout);
  Values split(Value registers);
  Value join(Values elements);

  // Positions.
  Value laneId();
  Value warpId();
  /// Coordinates of register 0 of this thread, as indices.
  Values threadCoordinates(const LinearLayout &layout);
  /// The coordinate of register `reg` along `dim`.
  Value coordinate(const LinearLayout &layout, Values &thread, int64_t reg,
                   unsigned dim);
  /// True in one thread of those that hold copies; null where none do.
  Value isOwner(const LinearLayout &layout);

  // Shared memory: one buffer, used in turns.
  void barrier();
  /// The address of element `index` in the kernel's buffer.
  Value sharedAddress(Value index, mlir::Type element);
  void reserveShared(int64_t bytes);

  // DistributeMemory.cpp
  mlir::LogicalResult read(mlir::vector::TransferReadOp op);
  mlir::LogicalResult write(mlir::vector::TransferWriteOp op);
  mlir::LogicalResult gather(mlir::vector::GatherOp op);
  void reportUnless(Value condition);
  /// How a tile in memory is accessed.
  struct Access {
    /// Neighbouring registers in one access.
    int64_t width = 1;
    /// For each memref dim, its vector dim or -1.
    llvm::SmallVector<int64_t> dims;
    /// Sizes of the memref dims that the vector may leave; null: in bounds.
    Values limits;
    /// Some limit is 0: there is nothing to read.
    bool isEmpty = false;
  };
  mlir::FailureOr<Access> analyse(mlir::VectorTransferOpInterface op,
                                  const LinearLayout &layout);
  Value indexOf(mlir::VectorTransferOpInterface op, const Access &access,
                const LinearLayout &layout, Values &thread, int64_t reg,
                unsigned dim);

  // DistributeReductions.cpp
  mlir::LogicalResult reduce(mlir::vector::MultiDimReductionOp op);
  Value shuffle(Value scalar, int64_t distance);

  // DistributeProducts.cpp
  mlir::LogicalResult multiply(mlir::vector::ContractionOp op);
  Values words(Value registers);
  // DistributeWarpgroups.cpp
  mlir::LogicalResult multiplyInGroups(mlir::vector::ContractionOp op,
                                       const WarpgroupLayouts &at);
  /// A matrix in shared memory as wgmma reads it.
  struct Staged {
    /// Bytes from the start of shared memory, and all bytes.
    int64_t offset = 0, bytes = 0;
    /// Whether the depth is contiguous, or rows (columns of the right side).
    bool alongDepth = true;
    /// Bytes of one contiguous row of a block, and bytes between blocks.
    int64_t span = 128, block = 0;
    int64_t bytesTo(int64_t row, int64_t depth) const;
  };
  mlir::FailureOr<Staged> stage(Value matrix, int64_t offset);
  /// The descriptor of a part of a staged matrix, from where this group of
  /// warps begins (in bytes) and further `row` rows and `depth` on.
  Value descriptor(const Staged &matrix, Value groupBytes, int64_t row,
                   int64_t depth);
  std::array<Values, 3> splitWide(Value registers);

  mlir::func::FuncOp kernel;
  BlockLayouts &layouts;
  mlir::OpBuilder b;
  mlir::Location loc;
  /// Registers by vector; a value that is not flexible has one layout.
  llvm::DenseMap<Value, Value> registers;
  Value lane, warp;
  int64_t sharedBytes = 0;
};

/// The registers of one layout in the order of another with the same lanes and
/// warps; nothing where a thread lacks an element.
std::optional<llvm::SmallVector<int64_t>>
registerOrder(const LinearLayout &from, const LinearLayout &to);

/// Elements that are known to lie side by side at a multiple of their number:
/// the largest power of two that divides the address of a memref's first
/// element (`base`) and each of its strides, in elements.
struct Divisibility {
  int64_t base = 1;
  llvm::SmallVector<int64_t> strides;
};
/// The largest power of two, at most 2^30, that divides an index.
int64_t knownDivisor(mlir::Value index);
Divisibility divisibilityOf(mlir::Value memref);

} // namespace gate

#endif // GATE_LIB_CONVERSION_BLOCKS_DISTRIBUTOR_H
