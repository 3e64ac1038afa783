// RUN: gate-opt --gate-outline-kernels --canonicalize --split-input-file %s | FileCheck %s

// CHECK:       func.func private @gate_rt_cuda_launch(!llvm.ptr, i32, i64, i64, i64, !llvm.ptr)

// Two loops that differ in what they are given are one kernel; a block's number
// says which iteration it is, the last dim runs fastest. Constants and views
// are made again.
// CHECK-LABEL: module @gate_kernels
// CHECK:         func.func @f_kernel_0(
// CHECK-SAME:      %[[X:[^:]*]]: memref<?x64xf32>, %[[S:[^:]*]]: f32, %[[Y:[^:]*]]: memref<?x64xf32>, %{{[^:]*}}: index) attributes {gate.kernel}
// CHECK-DAG:       %[[STEP:.*]] = arith.constant 16 : index
// CHECK-DAG:       %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x : i32
// CHECK:           %[[NUMBER:.*]] = arith.index_castui %[[BLOCK]] : i32 to index
// CHECK:           %[[I:.*]] = arith.muli %[[NUMBER]], %[[STEP]] : index
// CHECK:           %[[V:.*]] = memref.load %[[X]][%[[I]], %{{.*}}]
// CHECK:           %[[W:.*]] = arith.mulf %[[V]], %[[S]]
// CHECK:           memref.store %[[W]], %[[Y]][%[[I]], %{{.*}}]
// CHECK-NEXT:      return
// CHECK-NOT:     @f_kernel_1(
// CHECK:         func.func @f_kernel_2(
// CHECK-SAME:      %[[N:[^:]*]]: index, %[[Z:[^:]*]]: memref<?x64xf32>) attributes {gate.kernel}
// CHECK-DAG:       %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x : i32
// CHECK-DAG:       %[[COLUMNS:.*]] = arith.index_cast %[[N]] : index to i32
// CHECK-DAG:       %[[FAST:.*]] = arith.remui %[[BLOCK]], %[[COLUMNS]] : i32
// CHECK-DAG:       %[[SLOW:.*]] = arith.divui %[[BLOCK]], %[[COLUMNS]] : i32
// CHECK-DAG:       %[[J:.*]] = arith.index_castui %[[FAST]]
// CHECK-DAG:       %[[I:.*]] = arith.index_castui %[[SLOW]]
// CHECK-DAG:       %[[VIEW:.*]] = memref.subview %[[Z]]
// CHECK:           memref.store %{{.*}}, %[[VIEW]][%[[J]], %[[I]]]

// The launches: as many blocks as iterations, of a buffer the address and the
// sizes that are not static, all of them by their address, on the stack of the
// whole function.
// CHECK-LABEL: func.func @gate_function_f(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x64xf32>, %[[Y:[^:]*]]: memref<?x64xf32>, %[[S:[^:]*]]: f32, %[[N:[^:]*]]: index, %[[LAUNCH:[^:]*]]: !llvm.ptr)
// CHECK-SAME:    gate.launches
// CHECK-DAG:     %[[FIRST:.*]] = arith.constant 0 : i32
// CHECK-DAG:     %[[SECOND:.*]] = arith.constant 1 : i32
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1 : i64
// CHECK-DAG:     %[[STEP:.*]] = arith.constant 16 : index
// CHECK-NOT:     scf.forall
// CHECK:         %[[INDEX:.*]] = memref.extract_aligned_pointer_as_index %[[X]]
// CHECK:         %[[INTEGER:.*]] = arith.index_cast %[[INDEX]] : index to i64
// CHECK:         %[[ADDRESS:.*]] = llvm.inttoptr %[[INTEGER]]
// CHECK:         %[[DIM:.*]] = memref.dim %[[X]], %
// CHECK:         %[[ROWS:.*]] = arith.index_cast %[[DIM]] : index to i64
// CHECK:         llvm.store %[[ADDRESS]], %[[PLACE:.*]] : !llvm.ptr, !llvm.ptr
// CHECK:         llvm.store %[[PLACE]], %[[TABLE:.*]] : !llvm.ptr, !llvm.ptr
// CHECK:         llvm.store %[[ROWS]], %[[PLACE1:.*]] : i64, !llvm.ptr
// CHECK:         %[[SLOT1:.*]] = llvm.getelementptr %[[TABLE]][1]
// CHECK:         llvm.store %[[PLACE1]], %[[SLOT1]]
// CHECK:         llvm.store %[[S]], %[[PLACE2:.*]] : f32, !llvm.ptr
// CHECK:         %[[SLOT2:.*]] = llvm.getelementptr %[[TABLE]][2]
// CHECK:         llvm.store %[[PLACE2]], %[[SLOT2]]
// CHECK:         %[[TRIPS:.*]] = arith.ceildivui %[[N]], %[[STEP]]
// CHECK:         %[[BLOCKS:.*]] = arith.index_cast %[[TRIPS]] : index to i64
// CHECK:         call @gate_rt_cuda_launch(%[[LAUNCH]], %[[FIRST]], %[[BLOCKS]], %[[ONE]], %[[ONE]], %[[TABLE]])
// CHECK:         call @gate_rt_cuda_launch(%[[LAUNCH]], %[[FIRST]],
// CHECK:         scf.for
// CHECK-NOT:       llvm.alloca
// CHECK:           call @gate_rt_cuda_launch(%[[LAUNCH]], %[[SECOND]],
// CHECK-NOT:     call @gate_rt_cuda_launch
// CHECK:         return
func.func @gate_function_f(%x: memref<?x64xf32>, %y: memref<?x64xf32>, %s: f32, %n: index)
    attributes {gate.data_order = array<i64>, gate.exported_as = "f"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) = (0) to (%n) step (16) {
    %v = memref.load %x[%i, %c0] : memref<?x64xf32>
    %w = arith.mulf %v, %s : f32
    memref.store %w, %y[%i, %c0] : memref<?x64xf32>
  }
  scf.forall (%i) = (0) to (%n) step (16) {
    %v = memref.load %y[%i, %c0] : memref<?x64xf32>
    %w = arith.mulf %v, %s : f32
    memref.store %w, %x[%i, %c0] : memref<?x64xf32>
  }
  %half = memref.subview %y[0, 0] [8, 32] [1, 1] : memref<?x64xf32> to memref<8x32xf32, strided<[64, 1]>>
  scf.for %t = %c0 to %n step %c1 {
    scf.forall (%i, %j) in (4, %n) {
      %c = arith.constant 1.0 : f32
      memref.store %c, %half[%j, %i] : memref<8x32xf32, strided<[64, 1]>>
    }
  }
  return
}

// -----

// What is not exported runs on the host.
// CHECK-LABEL: func.func private @host(
// CHECK-SAME:    %{{[^:]*}}: index, %{{[^:]*}}: memref<?xf32>) {
// CHECK:         scf.forall
// CHECK-NOT:     call
func.func private @host(%n: index, %x: memref<?xf32>) {
  scf.forall (%i) in (%n) {
    %c = arith.constant 1.0 : f32
    memref.store %c, %x[%i] : memref<?xf32>
  }
  return
}
