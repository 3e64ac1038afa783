// RUN: gate-opt --gate-build-entries --canonicalize --cse %s | FileCheck %s

// The function itself is no longer seen from outside.
// CHECK-LABEL: func.func private @gate_function_forward(
// CHECK-NOT:     gate.

// A memref per argument, of the pointer in the table of data and the sizes in
// the table of dims; the state has one entry per role and either will do.
// CHECK-LABEL: func.func @gate_body_forward(
// CHECK-SAME:    %[[DATA:.*]]: !llvm.ptr, %[[DIMS:.*]]: !llvm.ptr, %[[ROOM:.*]]: !llvm.ptr)
// CHECK-DAG:     %[[B:.*]] = llvm.load %[[DIMS]] : !llvm.ptr -> i64
// CHECK-DAG:     %[[TAT:.*]] = llvm.getelementptr %[[DIMS]][1]
// CHECK-DAG:     %[[T:.*]] = llvm.load %[[TAT]] : !llvm.ptr -> i64
// CHECK-DAG:     %[[XAT:.*]] = llvm.load %[[DATA]] : !llvm.ptr -> !llvm.ptr
// CHECK-DAG:     llvm.insertvalue %[[XAT]], %{{.*}}[1]
// CHECK-DAG:     llvm.insertvalue %[[B]], %{{.*}}[3, 0]
// CHECK-DAG:     llvm.insertvalue %[[T]], %{{.*}}[3, 1]
// CHECK-DAG:     %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x?x8xf32>
// CHECK-DAG:     llvm.getelementptr %[[DATA]][2]
// CHECK-DAG:     %[[Y:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?x16xf32>
// CHECK-DAG:     llvm.getelementptr %[[DATA]][3]
// CHECK-DAG:     %[[S:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<4xf32>
// CHECK-DAG:     llvm.insertvalue %[[ROOM]], %{{.*}}[1]
// CHECK-DAG:     %[[BYTES:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xi8>
// CHECK:         call @gate_function_forward(%[[X]], %[[S]], %[[Y]], %[[BYTES]])
// CHECK-NEXT:    return

// CHECK-LABEL: func.func @gate_workspace_forward(
// CHECK-SAME:    %[[DIMS:.*]]: !llvm.ptr) -> i64
// CHECK-DAG:     %[[COUNT:.*]] = llvm.mlir.constant(2 : i64)
// CHECK-DAG:     llvm.insertvalue %[[DIMS]], %{{.*}}[1]
// CHECK-DAG:     llvm.insertvalue %[[COUNT]], %{{.*}}[3, 0]
// CHECK:         %[[TABLE:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<?xi64>
// CHECK:         %[[SIZE:.*]] = call @gate_function_forward_workspace(%[[TABLE]])
// CHECK-NEXT:    return %[[SIZE]] : i64
func.func @gate_function_forward(%x: memref<?x?x8xf32>, %s: memref<4xf32>, %y: memref<?x16xf32>, %room: memref<?xi8>)
    attributes {gate.exported_as = "forward", gate.data_order = array<i64: 0, 1, 2, 1>,
                gate.dim_numbers = [array<i64: 0, 1, -1>, array<i64: -1>, array<i64: 1, -1>, array<i64: -1>],
                gate.dim_count = 2 : i64} {
  return
}
func.func private @gate_function_forward_workspace(%dims: memref<?xi64>) -> i64 {
  %bytes = arith.constant 64 : i64
  return %bytes : i64
}

// Tasks and other functions are not exported and get no entry.
// CHECK-LABEL: func.func private @task(
// CHECK-NOT:   @gate_body_task
func.func private @task(%x: memref<?xf32>) {
  return
}

// Operands that may be prepared: a look at the first address tells.
// CHECK-LABEL: func.func @gate_body_product(
// CHECK-SAME:    %[[DATA:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-DAG:     %[[NULL:.*]] = llvm.mlir.zero : !llvm.ptr
// CHECK-DAG:     %[[AT:.*]] = llvm.getelementptr %[[DATA]][1]
// CHECK-DAG:     %[[FIRST:.*]] = llvm.load %[[AT]] : !llvm.ptr -> !llvm.ptr
// CHECK-DAG:     %[[FLAG:.*]] = llvm.icmp "ne" %[[FIRST]], %[[NULL]]
// CHECK:         call @gate_function_product(%{{.*}}, %[[FLAG]], %{{.*}}, %{{.*}})
func.func @gate_function_product(%w: memref<8xf32>, %flag: i1, %ready: memref<8xf32>, %room: memref<?xi8>)
    attributes {gate.exported_as = "product", gate.data_order = array<i64: 0, 2>, gate.prepared_at = 1 : i64,
                gate.dim_numbers = [array<i64: -1>, array<i64: -1>], gate.dim_count = 0 : i64} {
  return
}
func.func private @gate_function_product_workspace(%dims: memref<?xi64>) -> i64 {
  %bytes = arith.constant 64 : i64
  return %bytes : i64
}
