// The passes of every stage, in order. A change here is a change of what stages
// promise to each other: see gate/Pipelines/Pipelines.h.
// RUN: gate-opt --gate-model-pipeline --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=MODEL
// RUN: gate-opt --gate-written-pipeline --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=WRITTEN
// RUN: gate-opt --gate-tile-pipeline="pairs=true" --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=TILE
// RUN: gate-opt --gate-tile-pipeline="prepare=false" --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=UNPREPARED
// RUN: gate-opt --gate-cpu-pipeline="vector-bits=256 registers=16" --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=CPU
// RUN: gate-opt --gate-tile-pipeline="kernels=true" --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=KERNELS
// RUN: gate-opt --gate-block-pipeline --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=BLOCK
// RUN: gate-opt --gate-cuda-pipeline="warpgroups=true allow-tf32=true" --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=CUDA
// RUN: gate-opt --gate-reference-pipeline --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=REFERENCE
// RUN: gate-opt --gate-reference-pipeline="promote=true" --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=ORACLE
// RUN: gate-opt --gate-llvm-pipeline --dump-pass-pipeline %s 2>&1 | FileCheck %s --check-prefix=LLVM

// What is inlined is not canonicalized on the way.
// MODEL:      Pass Manager with 8 passes:
// MODEL:      inline{
// MODEL:      symbol-dce
// MODEL:      gate-derive-step{required=false}
// MODEL:      canonicalize{
// MODEL:      gate-raise-scans
// MODEL:      gate-refine-shapes
// MODEL:      canonicalize{
// MODEL:      cse

// No pass that changes an op.
// WRITTEN:      Pass Manager with 3 passes:
// WRITTEN:      inline{
// WRITTEN-NEXT: symbol-dce
// WRITTEN-NEXT: gate-derive-step{required=false}
// WRITTEN-NOT:  canonicalize{
// WRITTEN-NOT:  cse

// No CSE after fusion: two tensors with equal contents have two lives.
// TILE:      Pass Manager with 14 passes:
// TILE:      gate-decompose
// TILE:      convert-elementwise-to-linalg
// TILE:      canonicalize{
// TILE:      cse
// TILE:      gate-fuse-elementwise
// TILE:      canonicalize{
// TILE:      cse
// TILE:      gate-select-schedules{{.*}}target=cpu
// TILE:      gate-chunk-scans
// TILE:      gate-chunk-folds
// TILE:      gate-pack-products{{.*}}pairs=true
// TILE:      gate-tile-parallel
// TILE-NOT:  cse
// TILE:      canonicalize{
// TILE:      gate-split-prepare

// UNPREPARED:     gate-tile-parallel
// UNPREPARED-NOT: gate-split-prepare

// CPU:      Pass Manager with {{[0-9]+}} passes:
// CPU:      gate-export-functions
// CPU:      eliminate-empty-tensors
// CPU:      one-shot-bufferize{{.*}} bufferize-function-boundaries=true {{.*}} function-boundary-type-conversion=identity-layout-map
// CPU:      resolve-shaped-type-result-dims
// CPU:      gate-place-buffers
// CPU:      gate-convert-copy-to-linalg
// CPU:      gate-outline-parallel
// CPU:      gate-convert-linalg-to-vector{pairs=false registers=16 vector-bits=256}
// CPU:      gate-prefetch-tiles
// CPU:      gate-expand-math{{.*}}scale-instruction=false}
// CPU:      cse

// For a GPU tiles are kernels, and nothing is packed or prepared.
// KERNELS:     gate-select-schedules{{.*}}target=gpu
// KERNELS:     gate-chunk-scans
// KERNELS:     gate-chunk-folds
// KERNELS:     gate-form-kernels
// KERNELS-NOT: gate-pack-products
// KERNELS-NOT: gate-tile-parallel
// KERNELS-NOT: gate-split-prepare

// Tiles are vectors before there are buffers; what bufferization copies comes
// after, and is a kernel as well.
// BLOCK:      gate-vectorize-blocks
// BLOCK:      gate-export-functions
// BLOCK:      one-shot-bufferize
// BLOCK:      gate-place-buffers
// BLOCK:      gate-convert-copy-to-linalg
// BLOCK:      gate-form-kernels
// BLOCK:      gate-vectorize-blocks
// BLOCK:      gate-outline-kernels

// On the kernels alone.
// CUDA:      Pass Manager with 1 passes:
// CUDA:      builtin.module(
// CUDA:      builtin.module(
// CUDA:      gate-distribute-blocks{allow-tf32=true {{.*}}warpgroups=true
// CUDA:      gate-expand-math{exponential-instruction=true
// CUDA:      gate-lower-kernel-arguments
// CUDA:      convert-nvvm-to-llvm
// CUDA:      convert-vector-to-llvm{{.*}}enable-x86vector=false
// CUDA:      convert-func-to-llvm
// CUDA:      reconcile-unrealized-casts

// REFERENCE:      gate-expand-meaning
// REFERENCE-NEXT: )
// REFERENCE-NEXT: convert-elementwise-to-linalg
// REFERENCE-NOT:  gate-promote-float
// REFERENCE:      gate-export-functions
// REFERENCE:      one-shot-bufferize
// REFERENCE:      gate-place-buffers
// REFERENCE:      gate-convert-copy-to-linalg
// REFERENCE:      convert-linalg-to-loops
// REFERENCE-NOT:  gate-expand-math

// ORACLE:      gate-expand-meaning
// ORACLE:      convert-elementwise-to-linalg
// ORACLE-NEXT: gate-promote-float
// ORACLE-NEXT: func.func(
// ORACLE-NEXT: canonicalize{
// ORACLE:      gate-export-functions

// LLVM:      gate-lower-expand-shapes
// LLVM:      gate-convert-math-to-calls
// LLVM:      gate-build-entries
// LLVM:      expand-strided-metadata
// LLVM:      lower-affine
// LLVM:      convert-scf-to-cf
// LLVM:      convert-vector-to-llvm{{.*}}enable-x86vector=true{{.*}}reassociate-fp-reductions=true
// LLVM:      convert-math-to-llvm
// LLVM:      convert-arith-to-llvm
// LLVM:      finalize-memref-to-llvm
// LLVM:      convert-func-to-llvm
// LLVM:      reconcile-unrealized-casts
