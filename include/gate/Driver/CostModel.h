//===- CostModel.h - What a function costs at given sizes ------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_COSTMODEL_H
#define GATE_DRIVER_COSTMODEL_H

#include "Gate/IR/Gate.h"
#include "gate/Driver/Commands.h"
#include "gate/Driver/Session.h"

namespace gate {

/// Cost of one op of a function.
struct OpCost {
  std::string op;
  std::string location;
  Cost cost;
};

struct FunctionCost {
  std::string function;
  std::vector<OpCost> ops;
  /// Sums over the ops; bytes are those of arguments and results alone, which
  /// any implementation must move.
  Cost total;
};

/// Costs of the public functions of the module of a compiler that is through
/// stage "model", at the given sizes of named dims. Changes the module.
mlir::FailureOr<std::vector<FunctionCost>>
computeCosts(Session &session, Compiler &compiler,
             const std::map<std::string, int64_t> &sizes);

} // namespace gate

#endif // GATE_DRIVER_COSTMODEL_H
