//===- Pipelines.cpp - The stages of the compiler -------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Pipelines/Pipelines.h"

#include "gate/Conversion/Passes.h"
#include "gate/Transforms/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace gate;

static void addSimplify(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createCSEPass());
}

/// The same, but a parallel loop of one iteration stays: it is a kernel.
static void addSimplifyKernels(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass(
      GreedyRewriteConfig(),
      {"(anonymous namespace)::ForallOpSingleOrZeroIterationDimsFolder"}));
  manager.addNestedPass<func::FuncOp>(createCSEPass());
}

/// One function per entry point, steps included; every op as it was written.
static void addEntryPoints(OpPassManager &manager) {
  // The inliner would canonicalize what it inlines.
  manager.addPass(createInlinerPass({}, [](OpPassManager &) {}));
  manager.addPass(createSymbolDCEPass());
  manager.addPass(createDeriveStep());
}

void gate::buildModelPipeline(OpPassManager &manager) {
  addEntryPoints(manager);
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createRaiseScans());
  manager.addNestedPass<func::FuncOp>(createRefineShapes());
  addSimplify(manager);
}

void gate::buildWrittenPipeline(OpPassManager &manager) {
  addEntryPoints(manager);
}

void gate::buildTilePipeline(OpPassManager &manager,
                             const TilePipelineOptions &options) {
  manager.addNestedPass<func::FuncOp>(createDecompose());
  manager.addPass(createConvertElementwiseToLinalgPass());
  addSimplify(manager);
  // Before products and scans become loops: nothing may be fused into those.
  manager.addNestedPass<func::FuncOp>(createFuseElementwise());
  addSimplify(manager);
  if (options.kernels)
    manager.addNestedPass<func::FuncOp>(createSplitWidths());
  SelectSchedulesOptions schedules;
  schedules.target = options.kernels ? "gpu" : "cpu";
  schedules.file = options.schedule;
  manager.addPass(createSelectSchedules(schedules));
  manager.addNestedPass<func::FuncOp>(createChunkScans());
  manager.addNestedPass<func::FuncOp>(createChunkFolds());
  if (options.kernels) {
    manager.addNestedPass<func::FuncOp>(
        memref::createResolveShapedTypeResultDimsPass());
    addSimplifyKernels(manager);
    manager.addNestedPass<func::FuncOp>(createFuseIntoLoops());
    manager.addNestedPass<func::FuncOp>(createFormKernels());
    return;
  }
  PackProductsOptions products;
  products.pairs = options.pairs;
  manager.addNestedPass<func::FuncOp>(createPackProducts(products));
  manager.addNestedPass<func::FuncOp>(createTileParallel());
  // No CSE from here to bufferization: two tensors with equal contents but
  // different lives must stay two, or one is copied.
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  if (options.prepare)
    manager.addPass(createSplitPrepare());
}

/// Tensors to buffers, in place wherever the analysis allows.
static void addBufferize(OpPassManager &manager,
                         function_ref<void(OpPassManager &)> addSimplify) {
  manager.addPass(createExportFunctions());
  manager.addNestedPass<func::FuncOp>(
      bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions options;
  options.bufferizeFunctionBoundaries = true;
  options.functionBoundaryTypeConversion =
      bufferization::LayoutMapOption::IdentityLayoutMap;
  manager.addPass(bufferization::createOneShotBufferizePass(options));
  addSimplify(manager);
  manager.addNestedPass<func::FuncOp>(
      memref::createResolveShapedTypeResultDimsPass());
  addSimplify(manager);
  manager.addPass(createPlaceBuffers());
  addSimplify(manager);
  manager.addNestedPass<func::FuncOp>(createConvertCopyToLinalg());
}

void gate::buildCPUPipeline(OpPassManager &manager,
                            const CPUPipelineOptions &options) {
  addBufferize(manager, addSimplify);
  // Tasks before vectors: equal ones are merged and lowered once.
  manager.addPass(createOutlineParallel());
  addSimplify(manager);
  ConvertLinalgToVectorOptions vectors;
  vectors.vectorBits = options.vectorBits;
  vectors.registers = options.registers;
  vectors.pairs = options.pairs;
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToVector(vectors));
  addSimplify(manager);
  manager.addNestedPass<func::FuncOp>(createPrefetchTiles());
  ExpandMathOptions math;
  math.scaleInstruction = options.vectorBits == 512;
  manager.addNestedPass<func::FuncOp>(createExpandMath(math));
  addSimplify(manager);
}

void gate::buildBlockPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createVectorizeBlocks());
  manager.addNestedPass<func::FuncOp>(createSimplifyBlocks());
  addSimplifyKernels(manager);
  addBufferize(manager, addSimplifyKernels);
  // What bufferization copies are kernels, too.
  manager.addNestedPass<func::FuncOp>(createFormKernels());
  manager.addNestedPass<func::FuncOp>(createVectorizeBlocks());
  manager.addPass(createOutlineKernels());
  OpPassManager &kernels = manager.nest<ModuleOp>();
  addSimplify(kernels);
  addSimplify(manager);
}

/// What takes scalars and vectors of registers to the LLVM dialect.
static void addConvertToLLVM(OpPassManager &manager, bool x86) {
  manager.addNestedPass<func::FuncOp>(
      memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  ConvertVectorToLLVMPassOptions vectors;
  // Sums over lanes as a tree: the order is still fixed by the width alone.
  vectors.reassociateFPReductions = true;
  vectors.x86Vector = x86;
  manager.addPass(createConvertVectorToLLVMPass(vectors));
  manager.addNestedPass<func::FuncOp>(createConvertMathToLLVMPass());
  manager.addNestedPass<func::FuncOp>(
      memref::createExpandStridedMetadataPass());
  manager.addPass(createLowerAffinePass());
  manager.addNestedPass<func::FuncOp>(createArithToLLVMConversionPass());
  manager.addPass(createFinalizeMemRefToLLVMConversionPass());
  manager.addPass(createConvertIndexToLLVMPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createUBToLLVMConversionPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
}

void gate::buildCudaPipeline(OpPassManager &manager,
                             const CudaPipelineOptions &options) {
  OpPassManager &kernels = manager.nest<ModuleOp>();
  // Functions of 16-bit floats are those of f32, rounded.
  kernels.addNestedPass<func::FuncOp>(math::createMathExtendToSupportedTypes());
  if (options.tensorMaps) {
    kernels.addNestedPass<func::FuncOp>(createStageCopies());
    kernels.addNestedPass<func::FuncOp>(createOverlapProducts());
  }
  kernels.addNestedPass<func::FuncOp>(createSelectRows());
  kernels.addNestedPass<func::FuncOp>(createWriteEarly());
  kernels.addNestedPass<func::FuncOp>(createSplitWrites());
  if (options.tensorMaps)
    kernels.addNestedPass<func::FuncOp>(createReleaseEarly());
  DistributeBlocksOptions blocks;
  blocks.warpgroups = options.warpgroups;
  blocks.allowTf32 = options.allowTf32;
  blocks.sharedBytes = options.sharedBytes;
  kernels.addPass(createDistributeBlocks(blocks));
  addSimplify(kernels);
  ExpandMathOptions math;
  math.exponentialInstruction = true;
  kernels.addNestedPass<func::FuncOp>(createExpandMath(math));
  kernels.addNestedPass<func::FuncOp>(createLowerKernelArguments());
  kernels.addPass(createConvertNVVMToLLVMPass());
  addConvertToLLVM(kernels, /*x86=*/false);
}

void gate::buildReferencePipeline(OpPassManager &manager,
                                  const ReferencePipelineOptions &options) {
  manager.addNestedPass<func::FuncOp>(createExpandMeaning());
  manager.addPass(createConvertElementwiseToLinalgPass());
  if (options.promote)
    manager.addPass(createPromoteFloat());
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  addBufferize(manager, addSimplify);
  manager.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
}

void gate::buildLLVMPipeline(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createLowerExpandShapes());
  manager.addPass(createConvertMathToCalls());
  manager.addPass(createBuildEntries());
  addConvertToLLVM(manager, /*x86=*/true);
}

void gate::registerPipelines() {
  PassPipelineRegistration<>("gate-model-pipeline",
                             "Simplify and derive, on gate and linalg",
                             buildModelPipeline);
  PassPipelineRegistration<>("gate-written-pipeline",
                             "Entry points with every op as it was written",
                             buildWrittenPipeline);
  PassPipelineRegistration<TilePipelineOptions>(
      "gate-tile-pipeline", "Tile programs on tensors, for any machine",
      buildTilePipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "gate-cpu-pipeline", "Vector loops on memrefs", buildCPUPipeline);
  PassPipelineRegistration<>("gate-block-pipeline",
                             "Kernels as vectors of a thread block, launches",
                             buildBlockPipeline);
  PassPipelineRegistration<CudaPipelineOptions>(
      "gate-cuda-pipeline", "Kernels in the LLVM dialect", buildCudaPipeline);
  PassPipelineRegistration<ReferencePipelineOptions>(
      "gate-reference-pipeline", "The meaning of every op as plain loops",
      buildReferencePipeline);
  PassPipelineRegistration<>("gate-llvm-pipeline", "LLVM dialect",
                             buildLLVMPipeline);
}
