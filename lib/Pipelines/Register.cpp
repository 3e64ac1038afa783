//===- Register.cpp - Dialects and passes for tools -----------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Pipelines/Register.h"

#include "Block/IR/Block.h"
#include "Gate/IR/Gate.h"
#include "gate/Conversion/Passes.h"
#include "gate/Pipelines/Pipelines.h"
#include "gate/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"

void gate::registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<GateDialect, block::BlockDialect>();
}

void gate::registerPasses() {
  registerGateTransformsPasses();
  registerGateConversionPasses();
  registerPipelines();
}

void gate::registerEverything(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  registerDialects(registry);
  registerPasses();
}
