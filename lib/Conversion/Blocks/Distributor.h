//===- Distributor.h - One thread's part of a kernel -----------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_LIB_CONVERSION_BLOCKS_DISTRIBUTOR_H
#define GATE_LIB_CONVERSION_BLOCKS_DISTRIBUTOR_H

#include "BlockLayouts.h"

#include "Block/IR/Block.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <functional>

namespace gate {

/// Dynamic shared memory, one symbol for all kernels.
inline constexpr llvm::StringLiteral sharedMemorySymbol = "gate_dynamic_shared";
/// Bytes of the barriers of a slot of a ring: full, and empty for each part.
inline constexpr int64_t slotBarrierBytes = 24;

/// Rewrites one kernel: every vector becomes the registers of one thread, a
/// vector of one dim in the order of its layout.
class Distributor {
public:
  /// `mostShared`: bytes of shared memory that a block may have. `allowTf32`:
  /// an operand of a product in f32 is the tf32 that it rounds to.
  Distributor(mlir::func::FuncOp kernel, BlockLayouts &layouts,
              int64_t mostShared, bool allowTf32)
      : kernel(kernel), layouts(layouts), b(kernel.getContext()),
        loc(kernel.getLoc()), mostShared(mostShared), allowTf32(allowTf32) {}

  /// Sums of a product that a thread can hold beside what a kernel needs
  /// otherwise: twice as many where others copy.
  static constexpr int64_t mostSums = 64;

  mlir::LogicalResult run();
  /// Bytes of shared memory that the kernel needs.
  int64_t getSharedBytes() const { return sharedBytes; }
  /// Threads of a block: those that vectors are distributed over, and those
  /// that copy.
  int64_t getThreads() const;

  /// How many bytes from the start of a tile the element at given coordinates
  /// is: linear over bits, as layouts are, so that a register adds or flips
  /// constant bits of what a thread has.
  using Placement = std::function<int64_t(const Coordinates &)>;

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<Value>;

  // DistributeBlocks.cpp
  mlir::LogicalResult distribute(mlir::Operation *op);
  mlir::LogicalResult distributeBlock(mlir::Block *block);
  mlir::LogicalResult distributeElementwise(mlir::Operation *op);
  /// The registers of its result in `layout`; null after an error.
  Value elementwise(mlir::Operation *op, const LinearLayout &layout);
  Value selectPairs(mlir::arith::SelectOp op, const LinearLayout &layout,
                    const Values &operands);
  mlir::LogicalResult distributeLoop(mlir::scf::ForOp loop);
  mlir::LogicalResult distributeChoice(mlir::scf::IfOp choice);
  mlir::VectorType registersType(Value vector, const LinearLayout &layout);
  /// The registers of `vector` in `layout`, at the builder's place.
  Value get(Value vector, const LinearLayout &layout);
  Value make(Value vector, const LinearLayout &layout);
  Value convert(Value registers, const LinearLayout &from,
                const LinearLayout &to);
  Value exchange(Value registers, const LinearLayout &from,
                 const LinearLayout &to, bool inWarp);
  void set(Value vector, Value registers);
  Value splat(Value scalar, const LinearLayout &layout);
  Values split(Value registers);
  Value join(Values elements);

  // Positions.
  Value laneId();
  Value warpId();
  /// Coordinates of register 0 of this thread: i32, on which comparisons and
  /// address arithmetic take half the instructions.
  Values threadCoordinates(const LinearLayout &layout);
  /// The coordinate of register `reg` along `dim`, an i32 or an index.
  Value narrowCoordinate(const LinearLayout &layout, Values &thread,
                         int64_t reg, unsigned dim);
  Value coordinate(const LinearLayout &layout, Values &thread, int64_t reg,
                   unsigned dim);
  // DistributePositions.cpp
  /// Integers made of places in a tile: of register r of a thread it is
  /// `thread` XOR own[r], and with `isSum` their sum, too.
  struct Places {
    /// An i32; null: 0.
    Value thread;
    llvm::SmallVector<int64_t> own;
    bool isSum = true;
  };
  std::optional<Places> placesOf(Value vector, const LinearLayout &layout);
  /// The registers of a comparison of such integers; null: of others.
  Value comparePlaces(mlir::arith::CmpIOp op, const LinearLayout &layout);
  /// True in one thread of those that hold copies; null where none do.
  Value isOwner(const LinearLayout &layout);

  // DistributeShared.cpp
  void barrier();
  /// The address of element `index` in the kernel's buffer.
  Value sharedAddress(Value index, mlir::Type element);
  /// Rows of `span` bytes in blocks, swizzled in pieces of 16 bytes; `inner` is
  /// the dim along rows.
  static Placement swizzledRows(llvm::ArrayRef<int64_t> shape, unsigned inner,
                                int64_t bytes);
  /// Rows along the last dim, swizzled in pieces of 16 bytes.
  static Placement wholeRows(llvm::ArrayRef<int64_t> shape, int64_t bytes);
  /// The address of each register of a thread, for a tile that starts `start`
  /// bytes (an index) from the start of shared memory.
  std::function<Value(int64_t reg)> addressesOf(const LinearLayout &layout,
                                                const Placement &placement,
                                                Value start);
  /// A thread's part of a tile there; `inner` is the dim along rows.
  void storeShared(Value registers, const LinearLayout &layout,
                   const Placement &placement, Value start, unsigned inner);
  Value readShared(const LinearLayout &layout, const Placement &placement,
                   Value start, unsigned inner, mlir::Type element);
  /// A part of shared memory that values pass through.
  struct Scratch {
    int64_t offset = 0, bytes = 0;
    /// How many barriers there were at its last use and when it was written.
    int64_t lastUse = 0, written = 0;
    /// In use by the op at hand; what is there may be asked for again; it has
    /// been written over.
    bool isTaken = false, isKept = false, isGone = false;
  };
  /// A part to write to, until giveBack().
  unsigned takeScratch(int64_t bytes);
  std::optional<int64_t> findScratch(int64_t bytes, int64_t most,
                                     bool evenIfKept);
  void giveBack(unsigned place);
  /// At the start and the end of blocks: what is in memory is not known, and
  /// others may still be reading it.
  void forgetScratch();
  /// At the end of a loop's body, before whose first op parts took
  /// `bytesBefore` bytes.
  void closeLoop(int64_t bytesBefore);

  // DistributeMemory.cpp
  mlir::LogicalResult read(mlir::vector::TransferReadOp op);
  mlir::LogicalResult write(mlir::vector::TransferWriteOp op);
  /// Writes a part of the vector that begins at `offset`.
  mlir::LogicalResult writePart(mlir::vector::TransferWriteOp op, Value value,
                                LinearLayout from, const Coordinates &offset);
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
  /// The matrices are the first operands, what is added to is the third.
  mlir::LogicalResult multiplyInGroups(mlir::Operation *op, ProductShape shape,
                                       const WarpgroupLayouts &at,
                                       bool isWaitedFor);
  mlir::LogicalResult start(block::MultiplyOp op);
  /// Inline assembly; no type: no result.
  Value assemble(mlir::Type type, const Values &operands, llvm::StringRef text,
                 llvm::StringRef constraints);
  /// An instruction that takes the registers through it: what computes them
  /// stays before, what uses them after.
  void passThrough(Values &registers, llvm::StringRef letter,
                   llvm::StringRef text);
  /// A matrix in shared memory as wgmma reads it.
  struct Staged {
    /// Its address in shared memory, an i64, and its bytes.
    Value start;
    int64_t bytes = 0;
    /// Whether the depth is contiguous, or rows (columns of the right side).
    bool alongDepth = true;
    /// Bytes of one contiguous row of a block, and bytes between blocks.
    int64_t span = 128, block = 0;
    int64_t bytesTo(int64_t row, int64_t depth) const;
  };
  /// A matrix that was put into a part of shared memory, along its dim `inner`.
  struct KeptMatrix {
    unsigned place = 0, inner = 1;
  };
  /// Puts a matrix there, if it is not there yet; `place` is then the part that
  /// it is in, nothing for a tile of a ring.
  mlir::FailureOr<Staged> stage(Value matrix, std::optional<unsigned> &place);
  /// The descriptor of a staged matrix from where this group of warps begins,
  /// in bytes, and of the part that is `row` rows and `depth` further on.
  Value descriptor(const Staged &matrix, Value groupBytes);
  Value moved(Value descriptor, const Staged &matrix, int64_t row,
              int64_t depth);
  llvm::SmallVector<Values, 3> splitWide(Value registers, unsigned count);

  // DistributeRings.cpp
  /// A tile of a ring, in blocks of rows of up to 128 bytes, swizzled in pieces
  /// of 16.
  struct RingTile {
    /// Bytes from the start of shared memory, an index.
    Value start;
    int64_t span, block;
  };
  mlir::LogicalResult makeRing(block::RingOp op);
  mlir::LogicalResult specialize(block::SpecializeOp op);
  mlir::LogicalResult acquire(block::AcquireOp op);
  mlir::LogicalResult copy(block::CopyOp op);
  void copyByLanes(llvm::ArrayRef<block::CopyOp> copies);
  /// Copies of a slot that wait for the last such copy.
  llvm::SmallVector<block::CopyOp> laneCopies;
  /// What `body` builds runs in one thread of the producer.
  void byOneLane(llvm::function_ref<void()> body);
  mlir::LogicalResult take(block::TakeOp op);
  mlir::LogicalResult release(block::ReleaseOp op);
  mlir::LogicalResult wait(block::WaitOp op);
  /// Where the parts of shared memory are and how many stages there is room
  /// for, once all else is known.
  mlir::LogicalResult placeShared();
  /// Bytes from the start of shared memory to the slot of a step.
  Value slotStart(Value step);
  /// The barriers of a slot: filled by copies; a part emptied by consumers.
  Value fullBarrier(Value step) { return barrierOf(step, 0); }
  Value emptyBarrier(Value step, int64_t part) {
    return barrierOf(step, 1 + part);
  }
  Value barrierOf(Value step, int64_t number);
  /// Which time the slot is used, even or odd.
  Value parityOf(Value step);
  Value readTile(Value tile, const LinearLayout &layout);
  bool isRowOfTile(mlir::Operation *op);
  Value readRow(mlir::vector::ExtractOp op, const LinearLayout &layout);
  /// The tile of a ring that a matrix is, if any, and whether transposed.
  std::optional<std::pair<RingTile, bool>> findTile(Value matrix);
  int64_t addTensorMap(block::CopyOp op, int64_t span);
  std::optional<int64_t> parameterOf(Value value);

  mlir::func::FuncOp kernel;
  BlockLayouts &layouts;
  mlir::OpBuilder b;
  mlir::Location loc;
  /// Registers by vector; a value that is not flexible has one layout.
  llvm::DenseMap<Value, Value> registers;
  Value thread, lane, warp;
  int64_t sharedBytes = 0, mostShared;
  bool allowTf32;
  /// The ring, with constants that placeShared() sets: where slots and barriers
  /// begin, and the number of stages.
  block::RingType ring;
  llvm::SmallVector<int64_t> tileOffsets;
  /// Tiles that the lanes of the producer's warp copy.
  llvm::SmallDenseSet<int64_t> laneTiles;
  int64_t slotBytes = 0;
  llvm::SmallVector<mlir::arith::ConstantOp> slotsStart, barriersStart, stages;
  /// Memory of single warps: where that of all begins, and bytes of one.
  llvm::SmallVector<mlir::arith::ConstantOp> warpsStart, warpSizes;
  int64_t warpBytes = 0;
  Value makeLater(llvm::SmallVectorImpl<mlir::arith::ConstantOp> &list,
                  mlir::Type type);
  llvm::DenseMap<Value, RingTile> tiles;
  /// What has been read of tiles, by layout.
  llvm::DenseMap<Value, llvm::SmallVector<std::pair<LinearLayout, Value>, 1>>
      tilesRead;
  /// Whether a slot is released in the round after.
  bool isDeferred = false;
  /// Inside the consumers, whose barriers leave the producer out.
  bool amongConsumers = false;
  llvm::SmallVector<mlir::Attribute> tensorMaps;
  llvm::SmallVector<Scratch> scratch;
  int64_t scratchBytes = 0;
  /// The first bytes are not written before a barrier after this one.
  int64_t dirtyBytes = 0, dirtyEpoch = -1;
  /// Barriers so far.
  int64_t epoch = 0;
  /// Matrices in shared memory, as they are before transposes.
  llvm::DenseMap<Value, KeptMatrix> staged;
};

/// Bytes of one contiguous row of a tile in shared memory, and bytes between
/// blocks of such rows.
struct TileShape {
  int64_t span, block;
};
TileShape sharedShape(mlir::VectorType tile);

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
