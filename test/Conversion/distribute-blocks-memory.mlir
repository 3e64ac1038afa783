// How wide a thread reads and writes, and which of several that hold a copy does.
// RUN: gate-opt --gate-distribute-blocks --canonicalize --cse --split-input-file %s | FileCheck %s

// Rows of 66 numbers start at multiples of 8 bytes.
// CHECK-LABEL: func.func @odd_rows(
// CHECK-NOT:     alignment = 16
// CHECK:         vector.load {{.*}} {alignment = 8 : i64} : {{.*}}, vector<2xf32>
// CHECK-NOT:     alignment = 16
// CHECK:         vector.store {{.*}} {alignment = 8 : i64} : {{.*}}, vector<2xf32>
// CHECK-NOT:     alignment = 16
// CHECK:         return
func.func @odd_rows(%x: memref<4x66xf32>, %y: memref<4x66xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %part = memref.subview %x[0, 0] [4, 64] [1, 1] : memref<4x66xf32> to memref<4x64xf32, strided<[66, 1]>>
  %v = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [true, true]} : memref<4x64xf32, strided<[66, 1]>>, vector<4x64xf32>
  %to = memref.subview %y[0, 0] [4, 64] [1, 1] : memref<4x66xf32> to memref<4x64xf32, strided<[66, 1]>>
  vector.transfer_write %v, %to[%c0, %c0] {in_bounds = [true, true]} : vector<4x64xf32>, memref<4x64xf32, strided<[66, 1]>>
  return
}

// -----

// Past the end the last row is read and forgotten, and nothing is written. The
// columns are full: no test, wide accesses.
// CHECK-LABEL: func.func @tail(
// CHECK-DAG:     %[[PAD:.*]] = arith.constant 7.0
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[ROWS:.*]] = memref.dim
// CHECK:         %[[INSIDE:.*]] = arith.cmpi slt, %[[I:.*]], %[[ROWS]]
// CHECK:         %[[LAST:.*]] = arith.subi %[[ROWS]], %[[ONE]]
// CHECK:         %[[AT:.*]] = arith.minsi %[[I]], %[[LAST]]
// CHECK:         vector.load %{{.*}}[%[[AT]], %{{.*}}] {alignment = 16 : i64}
// CHECK:         arith.select %[[INSIDE]], %{{.*}}, %[[PAD]] : f32
// CHECK:         %[[WRITES:.*]] = arith.cmpi slt, %[[I]], %{{.*}}
// CHECK:         scf.if %[[WRITES]] {
// CHECK-NEXT:      vector.store %{{.*}}[%[[I]], %{{.*}}] {alignment = 16 : i64}
func.func @tail(%x: memref<?x64xf32>, %y: memref<?x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %pad = arith.constant 7.0 : f32
  %v = vector.transfer_read %x[%c0, %c0], %pad {in_bounds = [false, true]} : memref<?x64xf32>, vector<4x64xf32>
  vector.transfer_write %v, %y[%c0, %c0] {in_bounds = [false, true]} : vector<4x64xf32>, memref<?x64xf32>
  return
}

// -----

// A loop that goes on by 32 columns begins each tile at a multiple of 16 bytes.
// CHECK-LABEL: func.func @steps(
// CHECK:         scf.for
// CHECK-NOT:       vector<1xbf16>
// CHECK:           vector.load {{.*}} {alignment = 16 : i64} : {{.*}}, vector<8xbf16>
// CHECK:           vector.store {{.*}} {alignment = 16 : i64} : {{.*}}, vector<8xbf16>
func.func @steps(%x: memref<64x1024xbf16>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c1024 = arith.constant 1024 : index
  %zero = arith.constant 0.0 : bf16
  scf.for %k = %c0 to %c1024 step %c32 {
    %part = memref.subview %x[0, %k] [64, 32] [1, 1] : memref<64x1024xbf16> to memref<64x32xbf16, strided<[1024, 1], offset: ?>>
    %v = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x32xbf16, strided<[1024, 1], offset: ?>>, vector<64x32xbf16>
    %w = arith.negf %v : vector<64x32xbf16>
    vector.transfer_write %w, %part[%c0, %c0] {in_bounds = [true, true]} : vector<64x32xbf16>, memref<64x32xbf16, strided<[1024, 1], offset: ?>>
  }
  return
}

// -----

// Eight threads have an element of the tile each, all others copies: only one of
// them writes.
// CHECK-LABEL: func.func @small(
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[COPIES:.*]] = arith.constant 24 : index
// CHECK:         vector.load {{.*}}, vector<1xf32>
// CHECK:         %[[COPY:.*]] = arith.andi %{{.*}}, %[[COPIES]]
// CHECK:         %[[OWNS:.*]] = arith.cmpi eq, %[[COPY]], %[[ZERO]]
// CHECK:         scf.if %[[OWNS]] {
// CHECK-NEXT:      vector.store
func.func @small(%x: memref<8xf32>, %y: memref<8xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %v = vector.transfer_read %x[%c0], %zero {in_bounds = [true]} : memref<8xf32>, vector<8xf32>
  vector.transfer_write %v, %y[%c0] {in_bounds = [true]} : vector<8xf32>, memref<8xf32>
  return
}
