//===- gate-opt.cpp - Run passes on a file --------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"
#include "Gate/IR/Gate.h"
#include "gate/Conversion/Passes.h"
#include "gate/Pipelines/Pipelines.h"
#include "gate/Transforms/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  registry.insert<gate::GateDialect, gate::block::BlockDialect>();
  mlir::registerAllExtensions(registry);
  mlir::registerAllPasses();
  gate::registerGateTransformsPasses();
  gate::registerGateConversionPasses();
  gate::registerPipelines();
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, "Gate's optimizer driver\n", registry));
}
