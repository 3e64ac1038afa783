//===- SampleData.h - Seeded arguments for a function ----------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_SAMPLEDATA_H
#define GATE_DRIVER_SAMPLEDATA_H

#include "gate/Driver/Commands.h"
#include "gate/Driver/LoadedLibrary.h"

namespace gate {

/// Sizes of all dims of a function: those given, 100 for the time dim (its
/// name, or "T"), 2 for others. Fails on a name that no function has.
mlir::FailureOr<std::map<std::string, int64_t>>
completeSizes(Session &session, const LibrarySignature &library,
              const DataOptions &data);

/// Seeded arrays for all tensors: normal numbers for inputs and states,
/// scaled by the fan-in for matrices of parameters, near 1 for vectors of
/// parameters, log-gates logsigmoid(normal) / 16, indices inside their bound.
/// Outputs are filled with bytes 0xff, so that what is not written shows.
Arrays makeArrays(const FunctionSignature &function,
                  const std::map<std::string, int64_t> &sizes, uint64_t seed);

/// The same values in the types of `other`, outputs poisoned again.
Arrays convertArrays(const Arrays &arrays, const FunctionSignature &other);

/// Position of the function to use, by name; the first when empty.
mlir::FailureOr<size_t> findFunction(Session &session,
                                     const LibrarySignature &library,
                                     llvm::StringRef name);

} // namespace gate

#endif // GATE_DRIVER_SAMPLEDATA_H
