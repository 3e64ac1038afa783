// RUN: gate-opt --gate-prefetch-tiles --canonicalize --cse %s | FileCheck %s

// Rows of two lines: each of the 32 executions around the sums asks for a row of
// the next tile and for the row of this iteration's result, clamped. The copies
// are left alone, since the later nest takes all lines.
// CHECK-LABEL: func.func @spread(
// CHECK-SAME:    %[[X:.*]]: memref<?x8x32xf32>, %[[Y:.*]]: memref<?x8x32xf32>
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG:     %[[C32:.*]] = arith.constant 32 : index
// CHECK-DAG:     %[[LENGTH:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK:         scf.forall (%[[H:.*]]) in (8)
// CHECK-NOT:       memref.prefetch
// CHECK:           scf.for %[[T:.*]] = %[[C0]] to %[[LENGTH]] step %[[C32]]
// CHECK-NOT:         memref.prefetch
// CHECK:             memref.store
// CHECK-NOT:         memref.prefetch
// CHECK:             scf.for %[[I:.*]] = %[[C0]] to %[[C32]] step %[[C1]]
// CHECK:               %[[NEXT:.*]] = arith.addi %[[T]], %[[C32]]
// CHECK:               %[[ROW:.*]] = arith.addi %[[NEXT]], %[[I]]
// CHECK:               %[[LAST:.*]] = arith.subi %[[LENGTH]], %[[C1]]
// CHECK:               %[[INSIDE:.*]] = arith.minsi %[[ROW]], %[[LAST]]
// CHECK-NEXT:          memref.prefetch %[[X]][%[[INSIDE]], %[[H]], %[[C0]]], read
// CHECK-NEXT:          memref.prefetch %[[X]][%[[INSIDE]], %[[H]], %[[C16]]], read
// CHECK:               %[[OWN:.*]] = arith.addi %[[T]], %[[I]]
// CHECK:               %[[OWNINSIDE:.*]] = arith.minsi %[[OWN]],
// CHECK-NEXT:          memref.prefetch %[[Y]][%[[OWNINSIDE]], %[[H]], %[[C0]]], write
// CHECK-NEXT:          memref.prefetch %[[Y]][%[[OWNINSIDE]], %[[H]], %[[C16]]], write
// CHECK-NOT:           memref.prefetch
// CHECK:         return
func.func @spread(%x: memref<?x8x32xf32>, %y: memref<?x8x32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %length = memref.dim %x, %c0 : memref<?x8x32xf32>
  scf.forall (%h) in (8) {
    %a = memref.alloca() : memref<32x32xf32>
    scf.for %t = %c0 to %length step %c32 {
      %in = memref.subview %x[%t, %h, 0] [32, 1, 32] [1, 1, 1] : memref<?x8x32xf32> to memref<32x32xf32, strided<[256, 1], offset: ?>>
      scf.for %i = %c0 to %c32 step %c1 {
        scf.for %j = %c0 to %c32 step %c1 {
          %v = memref.load %in[%i, %j] : memref<32x32xf32, strided<[256, 1], offset: ?>>
          memref.store %v, %a[%i, %j] : memref<32x32xf32>
        }
      }
      scf.for %i = %c0 to %c32 step %c1 {
        %sum = scf.for %k = %c0 to %c64 step %c1 iter_args(%s = %zero) -> f32 {
          %v = memref.load %a[%i, %i] : memref<32x32xf32>
          %p = arith.mulf %v, %v : f32
          %n = arith.addf %s, %p : f32
          scf.yield %n : f32
        }
        memref.store %sum, %a[%i, %c0] : memref<32x32xf32>
      }
      %out = memref.subview %y[%t, %h, 0] [32, 1, 32] [1, 1, 1] : memref<?x8x32xf32> to memref<32x32xf32, strided<[256, 1], offset: ?>>
      scf.for %i = %c0 to %c32 step %c1 {
        %v = memref.load %a[%i, %c0] : memref<32x32xf32>
        memref.store %v, %out[%i, %c0] : memref<32x32xf32, strided<[256, 1], offset: ?>>
      }
    }
  }
  return
}

// Rows without gaps are a stream; a loop outside of tasks is not looked at, nor
// is a nest that runs an unknown number of times.
// CHECK-LABEL: func.func @stream(
// CHECK-NOT:     memref.prefetch
// CHECK:         return
func.func @stream(%x: memref<?x32xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %length = memref.dim %x, %c0 : memref<?x32xf32>
  scf.forall (%h) in (8) {
    %a = memref.alloca() : memref<32x32xf32>
    scf.for %t = %c0 to %length step %c32 {
      %in = memref.subview %x[%t, 0] [32, 32] [1, 1] : memref<?x32xf32> to memref<32x32xf32, strided<[32, 1], offset: ?>>
      scf.for %i = %c0 to %c32 step %c1 {
        scf.for %k = %c0 to %c64 step %c1 {
          %v = memref.load %in[%i, %c0] : memref<32x32xf32, strided<[32, 1], offset: ?>>
          %p = arith.mulf %v, %v : f32
          memref.store %p, %a[%i, %c0] : memref<32x32xf32>
        }
      }
    }
  }
  return
}

// CHECK-LABEL: func.func @no_task(
// CHECK-NOT:     memref.prefetch
// CHECK:         return
func.func @no_task(%x: memref<?x8x32xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %length = memref.dim %x, %c0 : memref<?x8x32xf32>
  scf.for %h = %c0 to %c64 step %c1 {
    %a = memref.alloca() : memref<32x32xf32>
    scf.for %t = %c0 to %length step %c32 {
      %in = memref.subview %x[%t, %h, 0] [32, 1, 32] [1, 1, 1] : memref<?x8x32xf32> to memref<32x32xf32, strided<[256, 1], offset: ?>>
      scf.for %i = %c0 to %c32 step %c1 {
        scf.for %k = %c0 to %c64 step %c1 {
          %v = memref.load %in[%i, %c0] : memref<32x32xf32, strided<[256, 1], offset: ?>>
          %p = arith.mulf %v, %v : f32
          memref.store %p, %a[%i, %c0] : memref<32x32xf32>
        }
      }
    }
  }
  return
}

// CHECK-LABEL: func.func @unknown_trips(
// CHECK-NOT:     memref.prefetch
// CHECK:         return
func.func @unknown_trips(%x: memref<?x8x32xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c64 = arith.constant 64 : index
  %length = memref.dim %x, %c0 : memref<?x8x32xf32>
  scf.forall (%h) in (8) {
    %a = memref.alloca() : memref<32x32xf32>
    scf.for %t = %c0 to %length step %c32 {
      %in = memref.subview %x[%t, %h, 0] [32, 1, 32] [1, 1, 1] : memref<?x8x32xf32> to memref<32x32xf32, strided<[256, 1], offset: ?>>
      scf.for %i = %c0 to %n step %c1 {
        scf.for %k = %c0 to %c64 step %c1 {
          %v = memref.load %in[%i, %c0] : memref<32x32xf32, strided<[256, 1], offset: ?>>
          %p = arith.mulf %v, %v : f32
          memref.store %p, %a[%i, %c0] : memref<32x32xf32>
        }
      }
    }
  }
  return
}
