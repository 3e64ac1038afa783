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
  /// For people: "line 12"; empty without a file.
  std::string location;
  /// The op's own.
  mlir::LocationAttr place;
  Cost cost;
};

struct FunctionCost {
  std::string function;
  std::vector<OpCost> ops;
  /// Sums over the ops; bytes are those of arguments and results alone, which
  /// any implementation must move.
  Cost total;
};

/// Costs of the functions of `signature` in a module that is through stage
/// "model", at the given sizes of named dims. Changes the module: what can be
/// known of shapes at these sizes is.
mlir::FailureOr<std::vector<FunctionCost>>
computeCosts(Session &session, mlir::ModuleOp module,
             const LibrarySignature &signature,
             const std::map<std::string, int64_t> &sizes);

} // namespace gate

#endif // GATE_DRIVER_COSTMODEL_H
