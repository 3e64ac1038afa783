//===- GateOps.td - Operations of the gate dialect ---------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_OPS_TD
#define GATE_OPS_TD

include "Gate/IR/GateAttrs.td"
include "Gate/IR/GateInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"
include "mlir/Dialect/Linalg/IR/LinalgInterfaces.td"

def Gate_FloatTensor : RankedTensorOf<[F64, F32, BF16, F16]>;
def Gate_WideFloatTensor : RankedTensorOf<[F64, F32]>;
def Gate_IndexTensor : RankedTensorOf<[I32, I64]>;

/// What every op has: pure, verified, its result types follow from operands
/// and attributes, and it answers the interfaces.
class Gate_Op<string mnemonic, list<Trait> traits = []>
    : Op<Gate_Dialect, mnemonic, traits # [
        Pure, InferTypeOpAdaptor,
        DeclareOpInterfaceMethods<MeaningOpInterface>,
        DeclareOpInterfaceMethods<StreamingOpInterface>,
        DeclareOpInterfaceMethods<AxesOpInterface>,
        DeclareOpInterfaceMethods<CostOpInterface>]> {
  let hasVerifier = 1;
  code compatibleTypes = [{
    /// A result type may name fewer static sizes than inference finds.
    static bool isCompatibleReturnTypes(::mlir::TypeRange inferred,
                                        ::mlir::TypeRange actual) {
      return ::gate::areCompatibleResultTypes(inferred, actual);
    }
  }];
  let extraClassDeclaration = compatibleTypes;
}

/// An op that is rows of elementwise work and reductions: it decomposes into
/// linalg for the fast path and tiles over every dim it does not reduce.
class Gate_DecomposableOp<string mnemonic, list<Trait> traits = []>
    : Gate_Op<mnemonic, traits # [
        DeclareOpInterfaceMethods<AggregatedOpInterface, ["decomposeOperation"]>]>;

include "Gate/IR/GateScanOps.td"
include "Gate/IR/GateAttentionOps.td"
include "Gate/IR/GateGatingOps.td"

#endif // GATE_OPS_TD
