// RUN: gate-opt --gate-lower-kernel-arguments --canonicalize --split-input-file %s | FileCheck %s

// As launches pass them: of a buffer the address and the sizes known only at the
// call, an index as 64 bits, the rest as it is, each where it was.
// CHECK-LABEL: func.func @kernel(
// CHECK-SAME:    %[[X:[^:]*]]: !llvm.ptr, %[[ROWS:[^:]*]]: i64, %[[LAST:[^:]*]]: i64, %[[S:[^:]*]]: f32, %[[N:[^:]*]]: i64, %[[Y:[^:]*]]: !llvm.ptr) attributes {gate.kernel}
// CHECK-DAG:     %[[EIGHT:.*]] = llvm.mlir.constant(8 : {{.*}}) : i64
// CHECK-DAG:     llvm.insertvalue %[[X]], %{{.*}}[0]
// CHECK-DAG:     llvm.insertvalue %[[X]], %{{.*}}[1]
// CHECK-DAG:     llvm.insertvalue %[[ROWS]], %{{.*}}[3, 0]
// CHECK-DAG:     llvm.insertvalue %[[EIGHT]], %{{.*}}[3, 1]
// CHECK-DAG:     llvm.insertvalue %[[LAST]], %{{.*}}[3, 2]
// CHECK-DAG:     %[[IN:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x8x?xf32>
// CHECK-DAG:     llvm.insertvalue %[[Y]], %{{.*}}[1]
// CHECK-DAG:     %[[OUT:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<4xf32>
// CHECK-DAG:     %[[I:.*]] = arith.index_cast %[[N]] : i64 to index
// CHECK:         %[[V:.*]] = memref.load %[[IN]][%[[I]],
// CHECK:         %[[W:.*]] = arith.mulf %[[V]], %[[S]]
// CHECK:         memref.store %[[W]], %[[OUT]][%[[I]]]
func.func @kernel(%x: memref<?x8x?xf32>, %s: f32, %n: index, %y: memref<4xf32>) attributes {gate.kernel} {
  %v = memref.load %x[%n, %n, %n] : memref<?x8x?xf32>
  %w = arith.mulf %v, %s : f32
  memref.store %w, %y[%n] : memref<4xf32>
  return
}

// -----

// CHECK-LABEL: func.func @none() attributes {gate.kernel}
func.func @none() attributes {gate.kernel} {
  return
}

// -----

// Only kernels.
// CHECK-LABEL: func.func @other(
// CHECK-SAME:    memref<?xf32>)
func.func @other(%x: memref<?xf32>) {
  return
}
