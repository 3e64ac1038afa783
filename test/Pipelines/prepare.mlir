// From a product with a parameter to what the library's tables point to: the
// packed side is chosen by address and never copied, and `prepare` packs into
// the caller's memory without a temporary.
// RUN: gate-opt --gate-model-pipeline --gate-tile-pipeline --gate-cpu-pipeline -o %t.mlir %s
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: gate-opt --gate-llvm-pipeline %t.mlir | FileCheck %s --check-prefix=LLVM

// CHECK-LABEL: func.func @gate_function_product(
// CHECK-SAME:    %{{[^:]*}}: memref<96x96xf32>, %[[W:[^:]*]]: memref<96x128xf32>, %[[FLAG:[^:]*]]: i1, %[[READY:[^:]*]]: memref<2x96x64xf32>, %{{[^:]*}}: memref<96x128xf32>, %[[ROOM:[^:]*]]: memref<?xi8>)
// CHECK:         %[[OWN:.*]] = memref.view %[[ROOM]]
// CHECK:         %[[PACKED:.*]] = arith.select %[[FLAG]], %[[READY]], %[[OWN]] : memref<2x96x64xf32>
// CHECK:         scf.if %[[FLAG]] {
// CHECK-NEXT:    } else {
// CHECK:           call @gate_rt_parallel_for(
// CHECK:         }
// CHECK:         memref.extract_aligned_pointer_as_index %[[PACKED]]
// CHECK-COUNT-1: call @gate_rt_parallel_for(
// CHECK-NOT:     call @gate_rt_parallel_for(
// CHECK-NOT:     scf.for
// CHECK:         return

// CHECK-LABEL: func.func private @gate_function_product_prepare(
// CHECK-SAME:    %[[W:[^:]*]]: memref<96x128xf32>, %[[OUT:[^:]*]]: memref<2x96x64xf32>, %{{[^:]*}}: memref<?xi8>)
// CHECK-NOT:     memref.view
// CHECK:         memref.extract_aligned_pointer_as_index %[[OUT]]
// CHECK-COUNT-1: call @gate_rt_parallel_for(
// CHECK-NOT:     scf.for
// CHECK:         return

// LLVM-DAG: llvm.func @gate_body_product(
// LLVM-DAG: llvm.func @gate_workspace_product(
// LLVM-DAG: llvm.func @gate_body_product_prepare(
// LLVM-DAG: llvm.func @gate_workspace_product_prepare(
func.func @product(%x: tensor<96x96xf32> {gate.name = "x"}, %w: tensor<96x128xf32> {gate.parameter = "w"})
    -> (tensor<96x128xf32> {gate.name = "y"}) {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<96x128xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<96x128xf32>) -> tensor<96x128xf32>
  %y = linalg.matmul ins(%x, %w : tensor<96x96xf32>, tensor<96x128xf32>) outs(%acc : tensor<96x128xf32>) -> tensor<96x128xf32>
  return %y : tensor<96x128xf32>
}
