// RUN: gate-opt --gate-write-early %s | FileCheck %s

// Two results: the first is written before the second is computed, with the
// place that it goes to; what both of a choice's ways yield for a write alone is
// written there, what is asked for otherwise is yielded as before.
// CHECK-LABEL: func.func @results(
// CHECK:         vector.transfer_read
// CHECK:         memref.subview
// CHECK:         scf.if %{{.*}} -> (vector<16x16xf32>) {
// CHECK:           %[[HALF:.*]] = arith.mulf
// CHECK-NEXT:      vector.transfer_write %[[HALF]]
// CHECK:           %[[SUM:.*]] = arith.addf
// CHECK-NEXT:      scf.yield %[[SUM]]
// CHECK:         } else {
// CHECK:           vector.transfer_write
// CHECK-NEXT:      scf.yield
// CHECK:         }
// CHECK-NEXT:    math.exp
// CHECK-NEXT:    vector.transfer_write
// CHECK-NEXT:    return
func.func @results(%x: memref<16x16xf32>, %y: memref<32x16xf32>, %z: memref<16x16xf32>, %at: index, %side: i1) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xf32>, vector<16x16xf32>
  %both:2 = scf.if %side -> (vector<16x16xf32>, vector<16x16xf32>) {
    %half = arith.mulf %a, %a : vector<16x16xf32>
    %sum = arith.addf %half, %a : vector<16x16xf32>
    scf.yield %half, %sum : vector<16x16xf32>, vector<16x16xf32>
  } else {
    scf.yield %a, %a : vector<16x16xf32>, vector<16x16xf32>
  }
  %e = math.exp %both#1 : vector<16x16xf32>
  %room = memref.subview %y[%at, 0] [16, 16] [1, 1] : memref<32x16xf32> to memref<16x16xf32, strided<[16, 1], offset: ?>>
  vector.transfer_write %both#0, %room[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32, strided<[16, 1], offset: ?>>
  vector.transfer_write %e, %z[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32>
  return
}

// A read lies between, perhaps of the same memory: the write stays behind it. What
// is asked for twice is yielded.
// CHECK-LABEL: func.func @reads(
// CHECK:         scf.if
// CHECK-NOT:       vector.transfer_write
// CHECK:         vector.transfer_read
// CHECK:         vector.transfer_write
func.func @reads(%x: memref<16x16xf32>, %y: memref<16x16xf32>, %z: memref<16x16xf32>, %side: i1) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xf32>, vector<16x16xf32>
  %b = scf.if %side -> (vector<16x16xf32>) {
    %half = arith.mulf %a, %a : vector<16x16xf32>
    scf.yield %half : vector<16x16xf32>
  } else {
    scf.yield %a : vector<16x16xf32>
  }
  %c = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xf32>, vector<16x16xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32>
  vector.transfer_write %c, %z[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32>
  return
}
