//===- FunctionSignature.h - Names, dims and roles of a function -*- C++
//-*-===//
//
// What the gate.* attributes of a function say about its arguments and
// results, checked as a whole: the signature a library exports.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ANALYSIS_FUNCTIONSIGNATURE_H
#define GATE_ANALYSIS_FUNCTIONSIGNATURE_H

#include "gate/Support/Signature.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace gate {

/// The signature of a function on tensors. Tensors: one per argument, then one
/// per result. Fails with an error at the function when a dynamic dim has no
/// name that an argument binds, a state result has another type than its
/// argument, two tensors of one role have one name, or an element type cannot
/// cross the boundary of a library.
mlir::FailureOr<FunctionSignature>
computeSignature(mlir::func::FuncOp function);

/// Symbols of the compiled body and of its workspace query.
std::string bodySymbolOf(llvm::StringRef function);
std::string workspaceSymbolOf(llvm::StringRef function);
/// The same of the code that launches kernels.
std::string launchSymbolOf(llvm::StringRef function);
std::string launchWorkspaceSymbolOf(llvm::StringRef function);
/// The nested module that holds the kernels of a library.
llvm::StringRef kernelModuleName();

} // namespace gate

#endif // GATE_ANALYSIS_FUNCTIONSIGNATURE_H
