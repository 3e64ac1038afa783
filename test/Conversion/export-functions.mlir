// RUN: gate-opt --gate-export-functions --split-input-file --verify-diagnostics --allow-unregistered-dialect %s | FileCheck %s

// One memref per argument, then one for the output; the state is read and
// written in place, and only the state may be overwritten.
// CHECK-LABEL: func.func @gate_function_forward(
// CHECK-SAME:    %[[X:[^:]*]]: memref<?x?x8xf32>, %[[W:[^:]*]]: memref<8xf32>, %[[S:[^:]*]]: memref<?x8xf32>, %[[Y:[^:]*]]: memref<?x?x8xf32>)
// CHECK-SAME:    gate.data_order = array<i64: 0, 1, 2, 3, 2>
// CHECK-SAME:    gate.dim_count = 2 : i64
// CHECK-SAME:    gate.dim_numbers = [array<i64: 0, 1, -1>, array<i64: -1>, array<i64: 0, -1>, array<i64: 0, 1, -1>, array<i64: 0, -1>]
// CHECK-SAME:    gate.exported_as = "forward"
// CHECK-DAG:     %[[XT:.*]] = bufferization.to_tensor %[[X]] restrict : memref
// CHECK-DAG:     %[[WT:.*]] = bufferization.to_tensor %[[W]] restrict : memref
// CHECK-DAG:     %[[ST:.*]] = bufferization.to_tensor %[[S]] restrict writable : memref
// CHECK:         %[[YT:.*]] = "test.output"(%[[XT]], %[[WT]], %[[ST]])
// CHECK:         %[[NEXT:.*]] = "test.next"(%[[XT]], %[[ST]])
// CHECK:         bufferization.materialize_in_destination %[[YT]] in restrict writable %[[Y]]
// CHECK:         bufferization.materialize_in_destination %[[NEXT]] in restrict writable %[[S]]
// CHECK-NEXT:    return
func.func @forward(%x: tensor<?x?x8xf32> {gate.name = "x", gate.dims = ["B", "T", ""]},
    %w: tensor<8xf32> {gate.parameter = "w"},
    %s: tensor<?x8xf32> {gate.state = "h", gate.dims = ["B", ""]})
    -> (tensor<?x?x8xf32> {gate.name = "y", gate.dims = ["B", "T", ""]},
        tensor<?x8xf32> {gate.state = "h", gate.dims = ["B", ""]}) {
  %y = "test.output"(%x, %w, %s) : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x?x8xf32>
  %h = "test.next"(%x, %s) : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y, %h : tensor<?x?x8xf32>, tensor<?x8xf32>
}

// Two ways to compute a result in one empty tensor compute it in the caller's.
// CHECK-LABEL: func.func @gate_function_ways(
// CHECK-SAME:    %[[X:[^:]*]]: memref<4xf32>, %[[C:[^:]*]]: memref<i1>, %[[Y:[^:]*]]: memref<4xf32>)
// CHECK-NOT:     tensor.empty
// CHECK:         %[[ROOM:.*]] = bufferization.to_tensor %[[Y]] restrict writable : memref<4xf32>
// CHECK:         scf.if
// CHECK:           linalg.exp {{.*}} outs(%[[ROOM]] :
// CHECK:           linalg.negf {{.*}} outs(%[[ROOM]] :
func.func @ways(%x: tensor<4xf32>, %c: tensor<i1>) -> tensor<4xf32> {
  %is = tensor.extract %c[] : tensor<i1>
  %room = tensor.empty() : tensor<4xf32>
  %r = scf.if %is -> tensor<4xf32> {
    %a = linalg.exp ins(%x : tensor<4xf32>) outs(%room : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a : tensor<4xf32>
  } else {
    %a = linalg.negf ins(%x : tensor<4xf32>) outs(%room : tensor<4xf32>) -> tensor<4xf32>
    scf.yield %a : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// An argument as a result is copied, twice if need be.
// CHECK-LABEL: func.func @gate_function_through(
// CHECK-SAME:    %[[X:.*]]: memref<4xf32>, %[[Y:.*]]: memref<4xf32>, %[[Z:.*]]: memref<4xf32>)
// CHECK:         %[[XT:.*]] = bufferization.to_tensor %[[X]] restrict : memref
// CHECK:         bufferization.materialize_in_destination %[[XT]] in restrict writable %[[Y]]
// CHECK:         bufferization.materialize_in_destination %[[XT]] in restrict writable %[[Z]]
func.func @through(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// What can be prepared is read only and comes last in the table, whatever its
// place among the arguments; the function that prepares is exported as well.
// CHECK-LABEL: func.func @gate_function_product(
// CHECK-SAME:    %[[W:[^:]*]]: memref<8xf32>, %[[FLAG:[^:]*]]: i1, %[[READY:[^:]*]]: memref<8xf32>, %[[Y:[^:]*]]: memref<8xf32>)
// CHECK-SAME:    gate.data_order = array<i64: 0, 3, 2>
// CHECK-SAME:    gate.dim_numbers = [array<i64: -1>, array<i64: -1>, array<i64: -1>]
// CHECK-SAME:    gate.prepared_at = 2 : i64
// CHECK-DAG:     bufferization.to_tensor %[[READY]] restrict : memref
// CHECK:         scf.if %[[FLAG]]
func.func @product(%w: tensor<8xf32> {gate.parameter = "w"}, %flag: i1 {gate.is_prepared}, %ready: tensor<8xf32> {gate.prepared = 64 : i64})
    -> (tensor<8xf32> {gate.name = "y"}) attributes {gate.preparation = @product_prepare} {
  %v = scf.if %flag -> tensor<8xf32> {
    scf.yield %ready : tensor<8xf32>
  } else {
    %made = "test.make"(%w) : (tensor<8xf32>) -> tensor<8xf32>
    scf.yield %made : tensor<8xf32>
  }
  %y = "test.read"(%v) : (tensor<8xf32>) -> tensor<8xf32>
  return %y : tensor<8xf32>
}
// CHECK-LABEL: func.func private @gate_function_product_prepare(
// CHECK-SAME:    %[[W:[^:]*]]: memref<8xf32>, %[[OUT:[^:]*]]: memref<8xf32>)
// CHECK-SAME:    gate.data_order = array<i64: 0, 1>
// CHECK:         bufferization.materialize_in_destination %{{.*}} in restrict writable %[[OUT]]
func.func private @product_prepare(%w: tensor<8xf32> {gate.parameter = "w"}) -> (tensor<8xf32> {gate.prepared = 64 : i64})
    attributes {gate.prepared_bytes = 128 : i64} {
  %made = "test.make"(%w) : (tensor<8xf32>) -> tensor<8xf32>
  return %made : tensor<8xf32>
}

// CHECK-LABEL: func.func private @own(
// CHECK-SAME:    tensor<4xf32>) -> tensor<4xf32>
// CHECK-NEXT:    return
func.func private @own(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}

// -----

// expected-error@+1 {{argument 0: dim 0 has a size known only at the call and no name; expects gate.dims to name it}}
func.func @no_name(%x: tensor<?xf32>) {
  return
}

// -----

// expected-error@+1 {{result 0: dim 'T' is in no argument, so its size cannot be known before the call}}
func.func @unknown_size(%n: tensor<4xi32>) -> (tensor<?xf32> {gate.dims = ["T"]}) {
  %y = "test.make"(%n) : (tensor<4xi32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// -----

// expected-error@+1 {{argument 1: dim 'D' is 9 here but 8 in argument 0; expects equal names to mean equal sizes}}
func.func @two_sizes(%x: tensor<8xf32> {gate.dims = ["D"]}, %y: tensor<9xf32> {gate.dims = ["D"]}) {
  return
}

// -----

// expected-error@+1 {{argument 0: element type 'f8E4M3FN' cannot cross the boundary of a library}}
func.func @no_type(%x: tensor<8xf8E4M3FN>) {
  return
}

// -----

// expected-error@+1 {{argument 0: expects a ranked tensor, got 'f32'}}
func.func @no_tensor(%x: f32) {
  return
}

// -----

// expected-error@+1 {{argument 1: the name 'x' is taken; expects one name per tensor}}
func.func @one_name(%x: tensor<8xf32> {gate.name = "x"}, %y: tensor<8xf32> {gate.name = "x"}) {
  return
}
