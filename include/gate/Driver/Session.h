//===- Session.h - Context, diagnostics and progress of a command -*- C++
//-*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_SESSION_H
#define GATE_DRIVER_SESSION_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

#include <chrono>
#include <functional>

namespace gate {

/// What one run of a command needs: a context whose errors go to standard error
/// with the user's source line, a clock, and progress on standard error once
/// the work takes longer than two seconds.
class Session {
public:
  Session();

  mlir::MLIRContext &context() { return mlirContext; }
  mlir::LogicalResult error(const llvm::Twine &message);
  double seconds() const;
  std::function<void(llvm::StringRef)> progress();

private:
  mlir::MLIRContext mlirContext;
  std::chrono::steady_clock::time_point start;
};

} // namespace gate

#endif // GATE_DRIVER_SESSION_H
