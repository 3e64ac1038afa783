// RUN: gate-opt %s --transform-interpreter --canonicalize --split-input-file | FileCheck %s

// Heads and columns of the state are cut; time and keys stay whole.
// CHECK-LABEL: func.func @linear_scan
// CHECK:       scf.for
// CHECK:         scf.for
// CHECK-DAG:       tensor.extract_slice %{{.*}}[0, 0, %[[H:.*]], 0] [2, 9, 2, 16] [1, 1, 1, 1]
// CHECK-DAG:       tensor.extract_slice %{{.*}}[0, 0, %[[H]], %[[V:.*]]] [2, 9, 2, 4] [1, 1, 1, 1]
// CHECK:           gate.linear_scan {{.*}} -> (tensor<2x9x2x4xf32>, tensor<2x2x16x4xf32>)
// CHECK:           tensor.insert_slice {{.*}} [2, 9, 2, 4] [1, 1, 1, 1]
// CHECK:           tensor.insert_slice {{.*}} [2, 2, 16, 4] [1, 1, 1, 1]
func.func @linear_scan(%q: tensor<2x9x4x16xf32>, %v: tensor<2x9x4x8xf32>)
    -> (tensor<2x9x4x8xf32>, tensor<2x4x16x8xf32>) {
  %o, %last = gate.linear_scan %q, %q, %v
    : (tensor<2x9x4x16xf32>, tensor<2x9x4x16xf32>, tensor<2x9x4x8xf32>) -> (tensor<2x9x4x8xf32>, tensor<2x4x16x8xf32>)
  return %o, %last : tensor<2x9x4x8xf32>, tensor<2x4x16x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%m: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gate.linear_scan"]} in %m : (!transform.any_op) -> !transform.any_op
    %t, %l:2 = transform.structured.tile_using_for %op tile_sizes [0, 2, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Attention without a mask can be cut at batch, queries, heads and columns of
// values.
// CHECK-LABEL: func.func @attention(
// CHECK:       scf.for %[[T:.*]] = %{{.*}} to
// CHECK:         scf.for %[[H:.*]] = %{{.*}} to
// CHECK:           scf.for %[[V:.*]] = %{{.*}} to
// CHECK-DAG:         %[[Q:.*]] = tensor.extract_slice %{{.*}}[0, %[[T]], %[[H]], 0] [2, 3, 2, 16] [1, 1, 1, 1]
// CHECK-DAG:         %[[K:.*]] = tensor.extract_slice %{{.*}}[0, 0, %[[H]], 0] [2, 12, 2, 16] [1, 1, 1, 1]
// CHECK-DAG:         %[[VALUE:.*]] = tensor.extract_slice %{{.*}}[0, 0, %[[H]], %[[V]]] [2, 12, 2, 4] [1, 1, 1, 1]
// CHECK-DAG:         %[[S:.*]] = tensor.extract_slice %{{.*}}[%[[H]]] [2] [1]
// CHECK:             gate.attention %[[Q]], %[[K]], %[[VALUE]] sinks(%[[S]]) : {{.*}} -> tensor<2x3x2x4xf32>
func.func @attention(%q: tensor<2x9x4x16xf32>, %k: tensor<2x12x4x16xf32>, %v: tensor<2x12x4x8xf32>, %s: tensor<4xf32>) -> tensor<2x9x4x8xf32> {
  %o = gate.attention %q, %k, %v sinks(%s)
    : (tensor<2x9x4x16xf32>, tensor<2x12x4x16xf32>, tensor<2x12x4x8xf32>, tensor<4xf32>) -> tensor<2x9x4x8xf32>
  return %o : tensor<2x9x4x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%m: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gate.attention"]} in %m : (!transform.any_op) -> !transform.any_op
    %t, %l:3 = transform.structured.tile_using_for %op tile_sizes [0, 3, 2, 4] : (!transform.any_op) -> (!transform.any_op, !transform.any_op, !transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// Under a mask queries stay together, and heads that share keys do.
// CHECK-LABEL: func.func @masked_attention(
// CHECK:       scf.for %[[B:.*]] =
// CHECK:         gate.attention {{.*}} {causal} : (tensor<1x9x4x16xf32>, tensor<1x9x2x16xf32>, tensor<1x9x2x16xf32>) -> tensor<1x9x4x16xf32>
func.func @masked_attention(%q: tensor<2x9x4x16xf32>, %k: tensor<2x9x2x16xf32>) -> tensor<2x9x4x16xf32> {
  %o = gate.attention %q, %k, %k {causal}
    : (tensor<2x9x4x16xf32>, tensor<2x9x2x16xf32>, tensor<2x9x2x16xf32>) -> tensor<2x9x4x16xf32>
  return %o : tensor<2x9x4x16xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%m: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gate.attention"]} in %m : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.tile_using_for %op tile_sizes [1, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}

// -----

// A norm is fused into the rows of its consumer.
// CHECK-LABEL: func.func @norm_into_glu
// CHECK:       scf.for
// CHECK:         gate.norm {{.*}} (tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK:         gate.glu {{.*}} -> tensor<4x8xf32>
func.func @norm_into_glu(%x: tensor<32x8xf32>, %u: tensor<32x8xf32>) -> tensor<32x8xf32> {
  %n = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-6 : f64}
    : (tensor<32x8xf32>) -> tensor<32x8xf32>
  %y = gate.glu %n, %u {activation = #gate.activation<silu>}
    : (tensor<32x8xf32>, tensor<32x8xf32>) -> tensor<32x8xf32>
  return %y : tensor<32x8xf32>
}
module attributes {transform.with_named_sequence} {
  transform.named_sequence @__transform_main(%m: !transform.any_op {transform.readonly}) {
    %op = transform.structured.match ops{["gate.glu"]} in %m : (!transform.any_op) -> !transform.any_op
    %t, %l = transform.structured.fuse %op tile_sizes [4, 0] : (!transform.any_op) -> (!transform.any_op, !transform.any_op)
    transform.yield
  }
}
