// RUN: gate-opt --gate-chunk-scans --canonicalize --split-input-file %s | FileCheck %s --implicit-check-not=gate.linear_scan

// Whole chunks only: no rest.
// CHECK-LABEL: func.func @whole_chunks(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<2x128x3x16xf32>, %[[G:[^:]*]]: tensor<2x128x3x16xf32>, %[[S:[^:]*]]: tensor<2x3x16x16xf32>)
// CHECK-DAG:     %[[T:.*]] = arith.constant 128 : index
// CHECK-DAG:     %[[C:.*]] = arith.constant 32 : index
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 3) shared_outs(%{{.*}} = %{{.*}}, %{{.*}} = %[[S]])
// CHECK:           scf.for %{{.*}} = %{{.*}} to %[[T]] step %[[C]] iter_args({{.*}}) -> (tensor<128x16xf32>, tensor<16x16xf32>)
// CHECK-NOT:       scf.if
// CHECK:           scf.forall.in_parallel
// CHECK:             tensor.parallel_insert_slice {{.*}} into %{{.*}}[%[[B]], 0, %[[H]], 0]
// CHECK:             tensor.parallel_insert_slice {{.*}} into %{{.*}}[%[[B]], %[[H]], 0, 0]
func.func @whole_chunks(%q: tensor<2x128x3x16xf32>, %g: tensor<2x128x3x16xf32>, %s: tensor<2x3x16x16xf32>)
    -> (tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s)
    : (tensor<2x128x3x16xf32>, tensor<2x128x3x16xf32>, tensor<2x128x3x16xf32>, tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>)
    -> (tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>
}

// -----

// A last, shorter chunk is padded; the tokens past it are a loop over single
// tokens. Decays are only ever exponentiated, never divided by.
// CHECK-LABEL: func.func @any_time(
// CHECK-NOT:     arith.divf
// CHECK:         scf.forall (%{{.*}}, %{{.*}}) in (%{{.*}}, 2)
// CHECK:           scf.for {{.*}} -> (tensor<?x16xf32>, tensor<16x16xf32>)
// CHECK:             linalg.fill {{.*}} -> tensor<32x16xf32>
// CHECK-NOT:     arith.divf
// CHECK:           scf.for {{.*}} -> (tensor<?x16xf32>, tensor<16x16xf32>)
// CHECK-NOT:     arith.divf
// CHECK:           scf.forall.in_parallel
func.func @any_time(%q: tensor<?x?x2x16xf32>, %g: tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g)
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>
}

// -----

// A few tokens need no loop and no chunk.
// CHECK-LABEL: func.func @three_tokens(
// CHECK:         scf.forall
// CHECK-NOT:       scf.for %
// CHECK-COUNT-3:   linalg.generic {{.*}}"parallel", "parallel", "reduction"]
// CHECK-NOT:       scf.for %
// CHECK:           scf.forall.in_parallel
func.func @three_tokens(%q: tensor<2x3x2x16xf32>, %g: tensor<2x3x2xf32>) -> tensor<2x3x2x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g)
    : (tensor<2x3x2x16xf32>, tensor<2x3x2x16xf32>, tensor<2x3x2x16xf32>, tensor<2x3x2xf32>)
    -> (tensor<2x3x2x16xf32>, tensor<2x2x16x16xf32>)
  return %o : tensor<2x3x2x16xf32>
}

// -----

// No token: the state passes.
// CHECK-LABEL: func.func @no_tokens(
// CHECK-SAME:    %{{.*}}: tensor<2x0x2x16xf32>, %[[S:.*]]: tensor<2x2x16x16xf32>)
// CHECK-NOT:     scf
// CHECK:         return %{{.*}}, %[[S]]
func.func @no_tokens(%q: tensor<2x0x2x16xf32>, %s: tensor<2x2x16x16xf32>) -> (tensor<2x0x2x16xf32>, tensor<2x2x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q initial(%s)
    : (tensor<2x0x2x16xf32>, tensor<2x0x2x16xf32>, tensor<2x0x2x16xf32>, tensor<2x2x16x16xf32>)
    -> (tensor<2x0x2x16xf32>, tensor<2x2x16x16xf32>)
  return %o, %last : tensor<2x0x2x16xf32>, tensor<2x2x16x16xf32>
}

// -----

// Rows are taken and written from the last to the first.
// CHECK-LABEL: func.func @reverse(
// CHECK:         scf.forall
// CHECK:           scf.for
// CHECK:             scf.for
// CHECK:               arith.subi
// CHECK:           scf.forall.in_parallel
func.func @reverse(%q: tensor<2x64x1x16xf32>) -> tensor<2x64x1x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q {reverse}
    : (tensor<2x64x1x16xf32>, tensor<2x64x1x16xf32>, tensor<2x64x1x16xf32>) -> (tensor<2x64x1x16xf32>, tensor<2x1x16x16xf32>)
  return %o : tensor<2x64x1x16xf32>
}

// -----

// Arithmetic and states are f32; two heads of q serve four of v.
// CHECK-LABEL: func.func @narrow(
// CHECK:         scf.forall (%{{.*}}, %[[H:.*]]) in (2, 4)
// CHECK:           arith.divui %[[H]],
// CHECK:           arith.extf {{.*}} : bf16 to f32
// CHECK:           linalg.generic {{.*}} outs(%{{.*}} : tensor<16x32xf32>)
// CHECK:           arith.truncf {{.*}} : f32 to bf16
func.func @narrow(%q: tensor<2x64x2x16xbf16>, %v: tensor<2x64x4x32xbf16>) -> tensor<2x64x4x32xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v {decay_constants = array<f64: -0.1, -0.2, -0.3, -0.4>}
    : (tensor<2x64x2x16xbf16>, tensor<2x64x2x16xbf16>, tensor<2x64x4x32xbf16>) -> (tensor<2x64x4x32xbf16>, tensor<2x4x16x32xf32>)
  return %o : tensor<2x64x4x32xbf16>
}

// -----

// Nothing is known of a region: one token at a time, batch in parallel. The
// gating ops have no chunk form and stay.
// CHECK-LABEL: func.func @others(
// CHECK:         scf.forall (%[[B:.*]]) in (%{{.*}})
// CHECK:           scf.for {{.*}} step %
// CHECK:             arith.addf %{{.*}} : tensor<8xf32>
// CHECK:             bufferization.materialize_in_destination
// CHECK-NOT:     gate.scan
// CHECK:         gate.glu
func.func @others(%x: tensor<?x?x8xf32>, %h0: tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  %h, %last = gate.scan inputs(%x) initial(%h0) {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %xt, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  %y = gate.glu %h, %x {activation = #gate.activation<silu>} : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %y, %last : tensor<?x?x8xf32>, tensor<?x8xf32>
}
