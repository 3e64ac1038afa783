// What the stages of a GPU promise of their last IR: a norm with a gate and a
// product.
// RUN: gate-opt --gate-model-pipeline --gate-tile-pipeline="kernels=true prepare=false" -o %t.tile.mlir %s
// RUN: FileCheck %s --check-prefix=TILE --input-file=%t.tile.mlir
// RUN: gate-opt --gate-block-pipeline -o %t.block.mlir %t.tile.mlir
// RUN: FileCheck %s --check-prefix=BLOCK --input-file=%t.block.mlir
// RUN: FileCheck %s --check-prefix=VECTORS --input-file=%t.block.mlir
// RUN: gate-opt --gate-cuda-pipeline -o %t.cuda.mlir %t.block.mlir
// RUN: FileCheck %s --check-prefix=CUDA --input-file=%t.cuda.mlir
// RUN: gate-opt --gate-llvm-pipeline %t.cuda.mlir | FileCheck %s --check-prefix=ENTRIES

// One parallel loop per kernel, linalg on tiles inside.
// TILE-LABEL:   func.func @norm_gate(
// TILE-COUNT-1: scf.forall (
// TILE-NOT:     scf.forall (
// TILE-LABEL:   func.func @product(
// TILE-COUNT-1: scf.forall (
// TILE:           scf.for
// TILE:             linalg.matmul
// TILE-NOT:     scf.forall (

// Kernels are a module of their own; the functions only launch them.
// BLOCK:       func.func private @gate_rt_cuda_launch(
// BLOCK:       module @gate_kernels {
// BLOCK:         func.func @norm_gate_kernel_0({{.*}} attributes {gate.kernel}
// BLOCK:           vector.transfer_read
// BLOCK:           vector.multi_reduction
// BLOCK:           vector.transfer_write
// BLOCK:         func.func @product_kernel_0({{.*}} attributes {gate.kernel}
// BLOCK:           vector.contract
// BLOCK-LABEL: func.func @gate_function_norm_gate(
// BLOCK-SAME:    gate.launches
// BLOCK-NOT:     vector.
// BLOCK:         call @gate_rt_cuda_launch(
// BLOCK-LABEL: func.func @gate_function_product(
// BLOCK:         call @gate_rt_cuda_launch(

// VECTORS-NOT: tensor
// VECTORS-NOT: linalg.
// VECTORS-NOT: scf.forall
// VECTORS-NOT: memref.alloc

// Kernels say how many threads and how much shared memory they want.
// CUDA:      module @gate_kernels {
// CUDA:        llvm.mlir.global external @gate_dynamic_shared
// CUDA-NOT:    func.func
// CUDA:        llvm.func @norm_gate_kernel_0({{.*}} attributes {gate.kernel, gate.shared_bytes = {{[0-9]+}} : i64, gate.threads = {{[0-9]+}} : i64}
// CUDA:        llvm.func @product_kernel_0(
// CUDA:          nvvm.mma.sync
// CUDA:      func.func @gate_function_norm_gate(

// ENTRIES-DAG: llvm.func @gate_launch_norm_gate(
// ENTRIES-DAG: llvm.func @gate_launch_workspace_norm_gate(
// ENTRIES-DAG: llvm.func @gate_launch_product(
func.func @norm_gate(%x: tensor<?x256xbf16> {gate.name = "x", gate.dims = ["N", ""]}, %g: tensor<?x256xbf16> {gate.name = "g", gate.dims = ["N", ""]})
    -> (tensor<?x256xbf16> {gate.name = "y", gate.dims = ["N", ""]}) {
  %n = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64} : (tensor<?x256xbf16>) -> tensor<?x256xbf16>
  %y = gate.glu %g, %n {activation = #gate.activation<silu>} : (tensor<?x256xbf16>, tensor<?x256xbf16>) -> tensor<?x256xbf16>
  return %y : tensor<?x256xbf16>
}

func.func @product(%x: tensor<?x64xbf16> {gate.name = "x", gate.dims = ["T", ""]}, %w: tensor<64x32xbf16>)
    -> (tensor<?x32xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xbf16>
  %room = tensor.empty(%T) : tensor<?x32xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x64xbf16>, tensor<64x32xbf16>) outs(%acc : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
