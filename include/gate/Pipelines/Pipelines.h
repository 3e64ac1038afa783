//===- Pipelines.h - The stages of the compiler ----------------*- C++ -*-===//
//
// Each stage is a function that fills a pass manager, used by tools and tests
// alike. What a stage accepts and promises stands at its function.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_PIPELINES_PIPELINES_H
#define GATE_PIPELINES_PIPELINES_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace gate {

/// What the CPU stages need to know of the machine.
struct CPUPipelineOptions : mlir::PassPipelineOptions<CPUPipelineOptions> {
  Option<int64_t> vectorBits{
      *this, "vector-bits",
      llvm::cl::desc("Width of a vector register in bits"),
      llvm::cl::init(512)};
  Option<int64_t> registers{*this, "registers",
                            llvm::cl::desc("Number of vector registers"),
                            llvm::cl::init(32)};
  Option<bool> pairs{*this, "pairs",
                     llvm::cl::desc("Multiply and add pairs of bf16 at once"),
                     llvm::cl::init(false)};
};

/// What the tile stage takes from the machine's description and from users.
struct TilePipelineOptions : mlir::PassPipelineOptions<TilePipelineOptions> {
  Option<bool> pairs{*this, "pairs",
                     llvm::cl::desc("Pack bf16 in pairs of reduction steps"),
                     llvm::cl::init(false)};
  Option<bool> kernels{*this, "kernels",
                       llvm::cl::desc("Group ops into kernels of a GPU"),
                       llvm::cl::init(false)};
  Option<bool> prepare{
      *this, "prepare",
      llvm::cl::desc("Let callers have what only parameters decide prepared"),
      llvm::cl::init(true)};
  Option<std::string> schedule{
      *this, "schedule",
      llvm::cl::desc("File with choices that take the place of the table's"),
      llvm::cl::init("")};
};

/// Options of the reference path.
struct ReferencePipelineOptions
    : mlir::PassPipelineOptions<ReferencePipelineOptions> {
  Option<bool> promote{*this, "promote",
                       llvm::cl::desc("Compute everything in f64"),
                       llvm::cl::init(false)};
};

/// Stage "model". Accepts gate, linalg, tensor, arith and math on tensors;
/// promises the same, inlined and simplified, with step functions derived
/// where they can be and scans raised where that can be proved.
void buildModelPipeline(mlir::OpPassManager &manager);

/// Stage "written", in place of "model" on the reference path: the same entry
/// points, but no op is folded, raised or rewritten.
void buildWrittenPipeline(mlir::OpPassManager &manager);

/// Stage "tile". Accepts what "model" promises; promises scf.forall over
/// independent work, scf.for over chunks and linalg on tiles of tensors, no
/// gate op left. Runs on any machine; the options only choose a schedule.
void buildTilePipeline(mlir::OpPassManager &manager,
                       const TilePipelineOptions &options);

/// Stage "cpu". Accepts what "tile" promises; promises functions on memrefs
/// with vector loops, temporaries on stacks and in the workspace.
void buildCPUPipeline(mlir::OpPassManager &manager,
                      const CPUPipelineOptions &options);

/// Stage "block", in place of "cpu" on GPUs. Accepts what "tile" promises with
/// kernels; promises functions on memrefs that launch the kernels of a nested
/// module, where each tile of a thread block is one vector.
void buildBlockPipeline(mlir::OpPassManager &manager);

/// What the kernels may use of a GPU.
struct CudaPipelineOptions : mlir::PassPipelineOptions<CudaPipelineOptions> {
  Option<bool> warpgroups{
      *this, "warpgroups",
      llvm::cl::desc("Multiply in groups of four warps (wgmma)"),
      llvm::cl::init(false)};
  Option<bool> allowTf32{
      *this, "allow-tf32",
      llvm::cl::desc("Round operands of f32 products to tf32"),
      llvm::cl::init(false)};
  Option<bool> tensorMaps{
      *this, "tensor-maps",
      llvm::cl::desc("Copy tiles by tensor maps, ahead of their use"),
      llvm::cl::init(false)};
  Option<int64_t> sharedBytes{
      *this, "shared-bytes",
      llvm::cl::desc("Bytes of shared memory that a block may have"),
      llvm::cl::init(166912)};
};

/// Stage "cuda". Accepts what "block" promises; promises the kernels in the
/// LLVM dialect as the code of one thread.
void buildCudaPipeline(mlir::OpPassManager &manager,
                       const CudaPipelineOptions &options);

/// Stage "reference", in place of "tile" and "cpu": the meaning of every op,
/// as plain loops on memrefs.
void buildReferencePipeline(mlir::OpPassManager &manager,
                            const ReferencePipelineOptions &options);

/// Stage "llvm". Accepts what "cpu" or "reference" promises; promises the LLVM
/// dialect with the functions that a library's tables point to.
void buildLLVMPipeline(mlir::OpPassManager &manager);

/// Registers the stages as --gate-<stage>-pipeline.
void registerPipelines();

} // namespace gate

#endif // GATE_PIPELINES_PIPELINES_H
