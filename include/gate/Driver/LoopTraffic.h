//===- LoopTraffic.h - What loops over tiles move --------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_LOOPTRAFFIC_H
#define GATE_DRIVER_LOOPTRAFFIC_H

#include "gate/Support/Signature.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <map>

namespace gate {

/// Sizes of the tensors of one function after stage "tile", when the sizes of
/// its named dims are given.
class LoopTraffic {
public:
  LoopTraffic(const FunctionSignature &signature,
              const std::map<std::string, int64_t> &sizes)
      : signature(signature), sizes(sizes) {}

  /// Bytes of what `op`, a loop or an op on tensors, reads from outside and of
  /// its results, each tensor once and whole; nothing where a size is unknown.
  std::optional<double> bytesOf(mlir::Operation *op);
  /// Whether the guards around `op` hold; nothing where that is unknown.
  std::optional<bool> runs(mlir::Operation *op);

private:
  std::optional<int64_t> sizeOf(mlir::Value tensor, int64_t dim);
  std::optional<int64_t> sizeOfResult(mlir::OpResult result, int64_t dim);
  std::optional<int64_t> evaluate(mlir::OpFoldResult value);
  std::optional<double> bytesOfTensor(mlir::Value tensor);

  const FunctionSignature &signature;
  const std::map<std::string, int64_t> &sizes;
};

} // namespace gate

#endif // GATE_DRIVER_LOOPTRAFFIC_H
