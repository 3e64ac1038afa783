//===- BlockZeros.h - Where tiles are known to be zero ----------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_CONVERSION_BLOCKS_BLOCKZEROS_H
#define GATE_CONVERSION_BLOCKS_BLOCKZEROS_H

#include "mlir/IR/Value.h"

#include "llvm/ADT/DenseMap.h"

#include <optional>
#include <utility>

namespace gate {

/// Places of a tile before `end` along one of its dims.
struct Limit {
  unsigned dim = 0;
  mlir::Value end;
};

/// The dim of a vector whose places it holds: 0, 1, 2 and so on along it.
std::optional<unsigned> dimOfPlaces(mlir::Value vector);

/// Of a broadcast, a transpose, or a cast that adds or drops dims of 1: its
/// source, and the dim of that which `dim` is.
std::optional<std::pair<mlir::Value, unsigned>> movedFrom(mlir::Value value,
                                                          unsigned dim);

/// The limits that a vector of i1 is true before, of which it is made; none for
/// other vectors.
llvm::SmallVector<Limit> limitsOf(mlir::Value mask);

/// The same where there is one.
std::optional<Limit> limitOf(mlir::Value mask);

/// Whether all of a value, a constant, is zero.
bool isZero(mlir::Value value);

/// What is known of values past one end, of the tiles that a kernel computes
/// from tiles that are shorter than their vectors and were padded with zeros.
///
/// Zero times a finite number is zero. Numbers that come from memory count as
/// finite, and so do sums and products of them: where data are infinite or not
/// a number, or overflow, a product over a tile holds NaN in more rows anyway.
/// What ops make infinite of finite data does not: exponentials count as finite
/// where they are marked so (`ninf`), quotients and logarithms never.
class BlockZeros {
public:
  explicit BlockZeros(mlir::Value end) : end(end) {}

  /// Whether the value is zero from the end on along dim `dim`.
  bool isZeroFrom(mlir::Value value, unsigned dim);
  /// Whether it is finite everywhere, in the sense above.
  bool isFinite(mlir::Value value);

private:
  bool computeZero(mlir::Value value, unsigned dim);
  bool computeFinite(mlir::Value value);

  mlir::Value end;
  llvm::DenseMap<std::pair<mlir::Value, unsigned>, bool> zeros;
  llvm::DenseMap<mlir::Value, bool> finite;
};

} // namespace gate

#endif // GATE_CONVERSION_BLOCKS_BLOCKZEROS_H
