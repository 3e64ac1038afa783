//===- LoopEmitter.h - Loops, masked loads and body cloning ----*- C++ -*-===//
//
// What the lowerings of linalg on memrefs share: loop nests over the loops of
// an op, 1-D vector loads and stores of its operands, and cloning of a scalar
// body on vectors. Vectors have one dim; everything wider is a list of them.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_CONVERSION_LINALGTOVECTOR_LOOPEMITTER_H
#define GATE_CONVERSION_LINALGTOVECTOR_LOOPEMITTER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/PatternMatch.h"

namespace gate {

/// What the machine offers, from its description.
struct VectorMachine {
  int64_t vectorBits;
  int64_t registers;
  /// Multiplies and adds pairs of bf16 into f32 at once.
  bool pairs;
};

/// How an operand depends on a loop that becomes a vector.
enum class Access {
  /// Not at all: one scalar for all lanes.
  Uniform,
  /// Neighbouring lanes are neighbours in memory.
  Contiguous,
  /// Anything else.
  Strided
};

/// Emits code for one linalg op on memrefs, in front of it.
class LoopEmitter {
public:
  LoopEmitter(mlir::RewriterBase &rewriter, mlir::linalg::LinalgOp op,
              VectorMachine machine);

  using Values = llvm::SmallVector<mlir::Value>;
  using LoopBody = llvm::function_ref<Values(mlir::Value, mlir::ValueRange)>;

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value minimum(mlir::Value a, mlir::Value b);

  /// Number of iterations of a loop of the op.
  mlir::OpFoldResult range(unsigned loop) const { return ranges[loop]; }
  std::optional<int64_t> staticRange(unsigned loop) const;
  mlir::Value rangeValue(unsigned loop);

  /// for iv = from .. to step `step`; the body gets iv and the carried values.
  Values loop(mlir::Value from, mlir::Value to, int64_t step,
              mlir::ValueRange carried, LoopBody body);
  /// Nest over `loops` in order, setting `ivs`.
  void nest(llvm::ArrayRef<unsigned> loops, llvm::function_ref<void()> body);

  /// Covers [0, range(loop)) by runs of `width`: calls body(first, width,
  /// nullptr) for full runs and body(first, rest, count) for the last one,
  /// where `rest` is the static size or -1 and `count` its value.
  void runs(unsigned loop, int64_t width,
            llvm::function_ref<void(mlir::Value, int64_t, mlir::Value)> body);

  /// How operand `operand` depends on `loop`.
  Access accessOf(mlir::OpOperand *operand, unsigned loop);
  /// The loop along which the operand is contiguous in memory, if any.
  std::optional<unsigned> contiguousLoop(mlir::OpOperand *operand);

  /// Indices of `operand` at the current ivs.
  Values indices(mlir::OpOperand *operand);
  mlir::Value loadScalar(mlir::OpOperand *operand);
  /// The lanes from the current iv of `loop`; all of them when `mask` is null.
  mlir::Value loadLanes(mlir::OpOperand *operand, unsigned loop,
                        mlir::Value mask, mlir::Value count);
  void storeLanes(mlir::Value value, mlir::OpOperand *operand,
                  mlir::Value mask);
  /// A mask of the first `count` lanes.
  mlir::Value maskOf(mlir::Value count);
  mlir::Value broadcast(mlir::Value scalar);
  mlir::VectorType vectorOf(mlir::Type element) const;

  /// Lane by lane from `a` (0 .. lanes - 1) and `b` (lanes .. 2 lanes - 1).
  mlir::Value shuffle(mlir::Value a, mlir::Value b,
                      llvm::function_ref<int64_t(int64_t)> laneAt);
  /// Transposes a square of `lanes` rows of `lanes` elements of any type.
  Values transposeSquare(Values rows);

  /// Clones the body of the op on `arguments` (scalars or vectors, one per
  /// operand) with `loop` as lanes; `loop` = -1 for scalars only. Returns what
  /// the body yields.
  Values cloneBody(mlir::ValueRange arguments, int64_t loop);
  /// True when the body can be cloned on vectors.
  bool isBodyVectorizable(unsigned loop);

  mlir::RewriterBase &rewriter;
  mlir::Location loc;
  mlir::linalg::LinalgOp op;
  VectorMachine machine;
  /// Lanes of a vector for the widest float of the op.
  int64_t lanes;
  /// Current value of each loop.
  Values ivs;
  /// Lanes that are inside the loop, for loads of the body; null for all.
  mlir::Value bodyMask;

private:
  Values transposeGroups(Values blocks);

  llvm::SmallVector<mlir::OpFoldResult> ranges;
};

/// Lowers `op` as a register-blocked product; fails without changing anything
/// when it is none.
mlir::LogicalResult lowerProduct(mlir::RewriterBase &rewriter,
                                 mlir::linalg::LinalgOp op,
                                 VectorMachine machine);

/// Lowers a copy that puts pairs of bf16 side by side; fails without changing
/// anything when `op` is none or the machine has no pairs.
mlir::LogicalResult lowerPairs(mlir::RewriterBase &rewriter,
                               mlir::linalg::LinalgOp op,
                               VectorMachine machine);

/// Lowers `op` with one loop on vectors; fails without changing anything when
/// no loop fits.
mlir::LogicalResult lowerRows(mlir::RewriterBase &rewriter,
                              mlir::linalg::LinalgOp op, VectorMachine machine);

} // namespace gate

#endif // GATE_CONVERSION_LINALGTOVECTOR_LOOPEMITTER_H
