// RUN: gate-opt --gate-distribute-blocks="elements-per-thread=8 max-warps=16" --canonicalize --cse --split-input-file %s | FileCheck %s

// Neighbours in memory in neighbouring lanes, 16 bytes a thread; what is not a
// kernel stays. Shared memory is one symbol for all kernels.
// CHECK:       llvm.mlir.global external @gate_dynamic_shared() {addr_space = 3 : i32, alignment = {{[0-9]+}} : i64}
// CHECK-LABEL: func.func @wide(
// CHECK-SAME:    %[[X:[^:]*]]: memref<64x64xf32>, %[[Y:[^:]*]]: memref<64x64xf32>) attributes {gate.kernel, gate.shared_bytes = 0 : i64, gate.threads = 512 : i64}
// CHECK-DAG:     %[[C15:.*]] = arith.constant 15 : i32
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 : i32
// CHECK-DAG:     %[[C31:.*]] = arith.constant 31 : i32
// CHECK-DAG:     %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x : i32
// CHECK-DAG:     %[[LANE:.*]] = arith.andi %[[THREAD]], %[[C31]] : i32
// Sixteen lanes of four make a row.
// CHECK-DAG:     %[[PIECE:.*]] = arith.andi %[[LANE]], %[[C15]] : i32
// CHECK-DAG:     %[[SHIFTED:.*]] = arith.shli %[[PIECE]], %[[C2]] : i32
// CHECK-DAG:     %[[COLUMN:.*]] = arith.index_castui %[[SHIFTED]] : i32 to index
// CHECK-COUNT-2: vector.load %[[X]][%{{.*}}, %[[COLUMN]]] {alignment = 16 : i64} : memref<64x64xf32>, vector<4xf32>
// CHECK-NOT:     vector.load
// CHECK:         math.exp %{{.*}} : vector<8xf32>
// CHECK-COUNT-2: vector.store %{{.*}}, %[[Y]][%{{.*}}, %[[COLUMN]]] {alignment = 16 : i64} : memref<64x64xf32>, vector<4xf32>
// CHECK-NOT:     vector.store
// CHECK:         return
// CHECK-LABEL: func.func @other(
// CHECK-NEXT:    math.exp %{{.*}} : vector<64xf32>
func.func @wide(%x: memref<64x64xf32>, %y: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x64xf32>, vector<64x64xf32>
  %b = math.exp %a : vector<64x64xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}
func.func @other(%x: vector<64xf32>) -> vector<64xf32> {
  %y = math.exp %x : vector<64xf32>
  return %y : vector<64xf32>
}

// -----

// Past the last row: the row itself is read instead, without a branch, and
// padding stands for it; nothing is written.
// CHECK-LABEL: func.func @tail(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xbf16>, %[[I:[^:]*]]: index, %[[Y:[^:]*]]: memref<?x64xbf16>)
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0.0{{.*}} : bf16
// CHECK-DAG:     %[[ROWS:.*]] = memref.dim %[[X]], %
// CHECK-DAG:     %[[LAST:.*]] = arith.subi %[[ROWS]], %[[C1]]
// CHECK-DAG:     %[[INSIDE:.*]] = arith.cmpi slt, %[[ROW:.*]], %[[ROWS]]
// CHECK-DAG:     %[[SAFE:.*]] = arith.minsi %[[ROW]], %[[LAST]]
// CHECK-NOT:     scf.if
// CHECK:         vector.load %[[X]][%[[SAFE]], %{{.*}}] {alignment = 16 : i64} : memref<?x64xbf16>, vector<8xbf16>
// CHECK-COUNT-8: arith.select %[[INSIDE]], %{{.*}}, %[[ZERO]] : bf16
// CHECK-DAG:     %[[WRITTEN:.*]] = memref.dim %[[Y]], %
// CHECK-DAG:     %[[MAY:.*]] = arith.cmpi slt, %[[ROW]], %[[WRITTEN]]
// CHECK:         scf.if %[[MAY]] {
// CHECK-NEXT:      vector.store %{{.*}}, %[[Y]][%[[ROW]], %{{.*}}] {alignment = 16 : i64} : memref<?x64xbf16>, vector<8xbf16>
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @tail(%x: memref<?x64xbf16>, %i: index, %y: memref<?x64xbf16>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : bf16
  %at = arith.muli %i, %c16 : index
  %a = vector.transfer_read %x[%at, %c0], %zero {in_bounds = [false, true]} : memref<?x64xbf16>, vector<16x64xbf16>
  %b = arith.addf %a, %a : vector<16x64xbf16>
  vector.transfer_write %b, %y[%at, %c0] {in_bounds = [false, true]} : vector<16x64xbf16>, memref<?x64xbf16>
  return
}

// -----

// Rows of 37 elements begin anywhere: one element at a time.
// CHECK-LABEL: func.func @unaligned(
// CHECK-NOT:     alignment = {{8|16}}
// CHECK:         vector.load %{{.*}} {alignment = 4 : i64} : memref<8x37xf32>, vector<1xf32>
// CHECK-NOT:     alignment = {{8|16}}
// CHECK:         scf.if
// CHECK-NEXT:      vector.store %{{.*}} {alignment = 4 : i64} : memref<8x37xf32>, vector<1xf32>
// CHECK-NOT:     alignment = {{8|16}}
// CHECK:         return
func.func @unaligned(%x: memref<8x37xf32>, %y: memref<8x37xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, false]} : memref<8x37xf32>, vector<8x64xf32>
  vector.transfer_write %a, %y[%c0, %c0] {in_bounds = [true, false]} : vector<8x64xf32>, memref<8x37xf32>
  return
}

// -----

// Registers as a tree, lanes by five exchanges, then the warps' parts through
// shared memory, in the order of warps; one thread of all writes the sum.
// CHECK-LABEL: func.func @reduction(
// CHECK-SAME:    gate.threads = 128 : i64
// CHECK-DAG:     %[[SHARED:.*]] = llvm.mlir.addressof @gate_dynamic_shared : !llvm.ptr<3>
// CHECK-COUNT-2: vector.load %{{.*}} : memref<1024xf32>, vector<4xf32>
// CHECK-COUNT-7: arith.addf %{{.*}} : f32
// CHECK:         %[[OTHER:.*]] = nvvm.shfl.sync bfly %{{.*}}, %[[MINE:.*]], %{{.*}}, %{{.*}} : f32 -> f32
// CHECK-NEXT:    arith.addf %[[MINE]], %[[OTHER]] : f32
// CHECK-COUNT-3: nvvm.shfl.sync
// CHECK:         %[[OTHER:.*]] = nvvm.shfl.sync bfly %{{.*}}, %[[MINE:.*]], %{{.*}}, %{{.*}} : f32 -> f32
// CHECK-NEXT:    %[[WARP:.*]] = arith.addf %[[MINE]], %[[OTHER]] : f32
// CHECK-NOT:     nvvm.shfl.sync
// CHECK:         %[[PART:.*]] = vector.broadcast %[[WARP]] : f32 to vector<1xf32>
// CHECK:         llvm.store %[[PART]], %{{.*}} : vector<1xf32>, !llvm.ptr<3>
// CHECK:         nvvm.barrier0
// CHECK-COUNT-4: llvm.load %{{.*}} : !llvm.ptr<3> -> vector<1xf32>
// CHECK-COUNT-3: arith.addf
// CHECK-NOT:     nvvm.barrier
// CHECK:         scf.if %{{.*}} {
// CHECK-NEXT:      vector.store %{{.*}} : memref<1xf32>, vector<1xf32>
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @reduction(%x: memref<1024xf32>, %y: memref<1xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : vector<1xf32>
  %a = vector.transfer_read %x[%c0], %zero {in_bounds = [true]} : memref<1024xf32>, vector<1024xf32>
  %m = vector.shape_cast %a : vector<1024xf32> to vector<1x1024xf32>
  %s = vector.multi_reduction <add>, %m, %none [1] : vector<1x1024xf32> to vector<1xf32>
  vector.transfer_write %s, %y[%c0] {in_bounds = [true]} : vector<1xf32>, memref<1xf32>
  return
}

// -----

// Rows within a warp need neither shared memory nor a barrier, and every lane
// has what it needs of them.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    gate.shared_bytes = 0 : i64
// CHECK:         nvvm.shfl.sync bfly
// CHECK-NOT:     nvvm.barrier
// CHECK:         arith.subf %{{.*}} : vector<8xf32>
// CHECK-NOT:     nvvm.barrier
// CHECK:         return
func.func @rows(%x: memref<16x64xf32>, %y: memref<16x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : vector<16xf32>
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x64xf32>, vector<16x64xf32>
  %s = vector.multi_reduction <maximumf>, %a, %none [1] : vector<16x64xf32> to vector<16xf32>
  %m = vector.broadcast %s : vector<16xf32> to vector<64x16xf32>
  %t = vector.transpose %m, [1, 0] : vector<64x16xf32> to vector<16x64xf32>
  %d = arith.subf %a, %t : vector<16x64xf32>
  vector.transfer_write %d, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x64xf32>, memref<16x64xf32>
  return
}

// -----

// Read along rows, written along rows of the other: through shared memory, in
// rows of what is written, whole before it is read. Nothing waits at the end,
// where shared memory is not used again.
// CHECK-LABEL: func.func @turn(
// CHECK-SAME:    gate.shared_bytes = 16384 : i64
// CHECK:         vector.load %{{.*}} {alignment = 16 : i64} : memref<64x64xf32>, vector<4xf32>
// CHECK-COUNT-8: llvm.store %{{.*}} : vector<1xf32>, !llvm.ptr<3>
// CHECK-NOT:     llvm.{{load|store}}
// CHECK:         nvvm.barrier0
// CHECK-NOT:     nvvm.barrier
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<4xf32>
// CHECK-NOT:     nvvm.barrier
// CHECK:         vector.store %{{.*}} {alignment = 16 : i64} : memref<64x64xf32>, vector<4xf32>
func.func @turn(%x: memref<64x64xf32>, %y: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x64xf32>, vector<64x64xf32>
  %b = vector.transpose %a, [1, 0] : vector<64x64xf32> to vector<64x64xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}
