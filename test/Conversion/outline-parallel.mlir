// RUN: gate-opt --gate-outline-parallel --split-input-file --verify-diagnostics %s | FileCheck %s

// CHECK:       func.func private @gate_rt_parallel_for(!llvm.ptr, !llvm.ptr, i64)

// Of a row-major buffer the pointer and the dynamic sizes are captured, of
// another the descriptor; constants are made again.
// CHECK-LABEL: func.func @captures(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x8xf32>, %[[S:[^:]*]]: f32, %[[G:[^:]*]]: memref<8xf32, strided<[2]>>, %[[N:[^:]*]]: index)
// CHECK:         %[[ROOM:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(f32, ptr, i64, struct<(ptr, ptr, i64, array<1 x i64>, array<1 x i64>)>, i64)>
// CHECK-NOT:     scf.forall
// CHECK-DAG:     llvm.store %[[S]], %{{.*}} : f32, !llvm.ptr
// CHECK-DAG:     memref.extract_aligned_pointer_as_index %[[X]]
// CHECK-DAG:     memref.dim %[[X]], %
// CHECK-DAG:     builtin.unrealized_conversion_cast %[[G]]
// CHECK-DAG:     %[[C3:.*]] = arith.constant 3 : index
// CHECK-DAG:     %[[TOTAL:.*]] = arith.muli %[[N]], %[[C3]] : index
// CHECK-DAG:     %[[COUNT:.*]] = arith.index_cast %[[TOTAL]] : index to i64
// CHECK-DAG:     %[[TASK:.*]] = constant @captures_task_0 : (!llvm.ptr, i64, i64) -> ()
// CHECK-DAG:     %[[ADDRESS:.*]] = builtin.unrealized_conversion_cast %[[TASK]] : {{.*}} to !llvm.ptr
// CHECK:         call @gate_rt_parallel_for(%[[ADDRESS]], %[[ROOM]], %[[COUNT]])
// CHECK-NEXT:    return

// The stack of the task is made once, before its loop.
// CHECK-LABEL: func.func private @captures_task_0(
// CHECK-SAME:    %[[CONTEXT:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
// CHECK-DAG:     %[[FIELD:.*]] = llvm.getelementptr %[[CONTEXT]][0, 0]
// CHECK-DAG:     %[[S:.*]] = llvm.load %[[FIELD]] : !llvm.ptr -> f32
// CHECK-DAG:     %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x8xf32>
// CHECK-DAG:     arith.constant 2 : index
// CHECK-DAG:     %[[C3:.*]] = arith.constant 3 : index
// CHECK-DAG:     %[[FROM:.*]] = arith.index_cast %[[BEGIN]] : i64 to index
// CHECK-DAG:     %[[TO:.*]] = arith.index_cast %[[END]] : i64 to index
// CHECK:         %[[TILE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<4xf32>
// CHECK:         scf.for %[[FLAT:.*]] = %[[FROM]] to %[[TO]]
// CHECK-DAG:       %[[COLUMN:.*]] = arith.remui %[[FLAT]], %[[C3]]
// CHECK-DAG:       %[[I:.*]] = arith.divui %[[FLAT]], %[[C3]]
// CHECK-DAG:       %[[SCALED:.*]] = arith.muli %[[COLUMN]], %
// CHECK-DAG:       %[[J:.*]] = arith.addi %[[SCALED]], %
// CHECK-NOT:       memref.alloca
// CHECK:           memref.store %[[S]], %[[TILE]]
// CHECK:           memref.store %[[S]], %[[X]][%[[I]], %[[J]]]
func.func @captures(%x: memref<?x8xf32>, %s: f32, %gaps: memref<8xf32, strided<[2]>>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i, %j) = (0, 2) to (%n, 8) step (1, 2) {
    %tile = memref.alloca() {alignment = 64 : i64} : memref<4xf32>
    memref.store %s, %tile[%c0] : memref<4xf32>
    memref.store %s, %x[%i, %j] : memref<?x8xf32>
    memref.store %s, %gaps[%c1] : memref<8xf32, strided<[2]>>
  }
  return
}

// -----

// A loop inside a task is sequential.
// CHECK-LABEL: func.func @nested(
// CHECK:         call @gate_rt_parallel_for(
// CHECK-NOT:     call
// CHECK-LABEL: func.func private @nested_task_0(
// CHECK:         scf.for %[[I:.*]] =
// CHECK-DAG:       %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:       %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:       %[[C8:.*]] = arith.constant 8 : index
// CHECK:           scf.for %[[J:.*]] = %[[C0]] to %[[C8]] step %[[C2]]
// CHECK:             memref.store %{{.*}}, %{{.*}}[%[[I]], %[[J]]]
func.func @nested(%x: memref<4x8xf32>, %s: f32) {
  scf.forall (%i) in (4) {
    scf.forall (%j) = (0) to (8) step (2) {
      memref.store %s, %x[%i, %j] : memref<4x8xf32>
    }
  }
  return
}

// -----

// Equal bodies on other buffers become one task; the call in a loop makes its
// context at the start of the function.
// CHECK-LABEL: func.func @layers(
// CHECK-COUNT-4: llvm.alloca
// CHECK-NOT:     llvm.alloca
// CHECK:         constant @[[SAME:.*]] :
// CHECK:         call @gate_rt_parallel_for
// CHECK:         constant @[[SAME]] :
// CHECK:         call @gate_rt_parallel_for
// CHECK:         constant @[[OTHER:.*]] :
// CHECK:         call @gate_rt_parallel_for
// CHECK:         scf.for
// CHECK:           constant @[[SAME]] :
// CHECK:           call @gate_rt_parallel_for
// CHECK:         return
// CHECK-COUNT-2: func.func private @layers_task_
// CHECK-NOT:     func.func private @layers_task_
func.func @layers(%x: memref<?xf32>, %y: memref<?xf32>, %n: index, %s: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.forall (%i) in (%n) {
    memref.store %s, %x[%i] : memref<?xf32>
  }
  scf.forall (%i) in (%n) {
    memref.store %s, %y[%i] : memref<?xf32>
  }
  scf.forall (%i) in (%n) {
    %t = arith.addf %s, %s : f32
    memref.store %t, %y[%i] : memref<?xf32>
  }
  scf.for %k = %c0 to %n step %c1 {
    scf.forall (%i) in (%n) {
      memref.store %s, %y[%i] : memref<?xf32>
    }
  }
  return
}

// -----

// Tasks that differ in a constant stay two.
// CHECK-LABEL: func.func @constants(
// CHECK:         constant @[[ONE:.*]] :
// CHECK-NOT:     constant @[[ONE]] :
// CHECK:         constant @{{.*}} :
// CHECK:         return
// CHECK-COUNT-2: func.func private @constants_task_
func.func @constants(%x: memref<8xf32>) {
  %one = arith.constant 1.0 : f32
  %two = arith.constant 2.0 : f32
  scf.forall (%i) in (8) {
    memref.store %one, %x[%i] : memref<8xf32>
  }
  scf.forall (%i) in (8) {
    memref.store %two, %x[%i] : memref<8xf32>
  }
  return
}

// -----

// No parallel loop, no runtime.
// CHECK:       module {
// CHECK-NEXT:    func.func @sequential(
// CHECK:         scf.for
func.func @sequential(%x: memref<8xf32>, %s: f32, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    memref.store %s, %x[%i] : memref<8xf32>
  }
  return
}

// -----

func.func @tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error@+1 {{expects a parallel loop on buffers}}
  %y = scf.forall (%i) in (8) shared_outs(%o = %x) -> tensor<8xf32> {
    %one = tensor.extract_slice %o[%i] [1] [1] : tensor<8xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %one into %o[%i] [1] [1] : tensor<1xf32> into tensor<8xf32>
    }
  }
  return %y : tensor<8xf32>
}

// -----

func.func @no_field(%x: tensor<8xf32>, %y: memref<8xf32>) {
  // expected-error@+1 {{captures a value of type 'tensor<8xf32>', which cannot be handed to a task}}
  scf.forall (%i) in (8) {
    %v = tensor.extract %x[%i] : tensor<8xf32>
    memref.store %v, %y[%i] : memref<8xf32>
  }
  return
}
