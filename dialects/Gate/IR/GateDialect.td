//===- GateDialect.td - The gate dialect -------------------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DIALECT_TD
#define GATE_DIALECT_TD

include "mlir/IR/OpBase.td"

def Gate_Dialect : Dialect {
  let name = "gate";
  let cppNamespace = "::gate";
  let summary = "Gated neural architectures on ranked tensors";
  let description = [{
    Ranked tensors in, ranked tensors out, value semantics. Layout
    `[batch, time, heads, width]`, states `[batch, heads, key, value]`.
    An op exists here when upstream dialects cannot state its meaning or lose
    what the compiler needs to know; everything else is `linalg`, `tensor`,
    `arith` and `math`.

    Attributes on functions, their arguments and results, and on ops:

    | attribute | on | meaning |
    |---|---|---|
    | `gate.time = "T"` | function | the named dim that is time |
    | `gate.name = "ids"` | argument, result | its name in headers and messages |
    | `gate.dims = ["B", "T"]` | argument, result | a name per dim ("" for none); equal names mean equal sizes |
    | `gate.parameter = "blocks.0.wq"` | argument | a parameter of the model |
    | `gate.schedule = #gate.schedule<...>` | op | how it is tiled; on loops of a tile program, how they were made |
    | `gate.state = "block0"` | argument, result | a state carried from call to call; argument and result of one name belong together |
    | `gate.is_prepared`, `gate.prepared`, `gate.preparation`, `gate.prepared_bytes` | argument, result, function | written by `gate-split-prepare`, not by users |
  }];
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::tensor::TensorDialect",
                           "::mlir::linalg::LinalgDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect",
                           "::mlir::bufferization::BufferizationDialect"];
}

#endif // GATE_DIALECT_TD
