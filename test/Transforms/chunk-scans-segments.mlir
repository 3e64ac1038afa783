// RUN: gate-opt --gate-chunk-scans --canonicalize --split-input-file --remarks-filter-missed=gate-chunk-scans --remark-policy=all --verify-diagnostics %s | FileCheck %s --implicit-check-not=gate.linear_scan

// Three parallel loops: summaries of all segments but the last, from zero; the
// state before each segment, in order; the segments from there. The states
// after the last one are the result.
// CHECK-DAG: #[[COUNT:.*]] = affine_map<()[s0] -> (1, s0 ceildiv 256)>
// CHECK-DAG: #[[LESS:.*]] = affine_map<()[s0] -> (s0 - 1)>
// CHECK-DAG: #[[BEGIN:.*]] = affine_map<(d0) -> (d0 * 256)>
// CHECK-DAG: #[[SIZE:.*]] = affine_map<(d0)[s0] -> (d0 * -256 + s0, 256)>
// CHECK-LABEL: func.func @vector_decay(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<?x?x2x16xf32>, %[[G:[^:]*]]: tensor<?x?x2x16xf32>, %[[S:[^:]*]]: tensor<?x2x16x16xf32>)
// CHECK:         %[[B:.*]] = tensor.dim %[[Q]], %c0
// CHECK:         %[[T:.*]] = tensor.dim %[[Q]], %c1
// CHECK:         %[[N:.*]] = affine.max #[[COUNT]]()[%[[T]]]
// CHECK:         %[[N1:.*]] = affine.apply #[[LESS]]()[%[[N]]]
// CHECK:         %[[SUMMARIES:.*]]:2 = scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (%[[B]], 2, %[[N1]]) shared_outs({{.*}}) -> (tensor<?x2x?x16x16xf32>, tensor<?x2x?x16xf32>)
// CHECK-COUNT-2:   linalg.fill
// CHECK:           scf.for {{.*}} -> (tensor<16x16xf32>, tensor<16xf32>)
// No query: only what changes the state.
// CHECK-COUNT-2:     tensor.extract_slice %[[Q]][
// CHECK-NOT:         tensor.extract_slice %[[Q]][
// Log-decays are added up, never subtracted or divided by.
// CHECK-NOT:         arith.subf
// CHECK-NOT:         arith.divf
// CHECK:             linalg.generic {{.*}}"parallel", "parallel", "reduction"]{{.*}} outs(%{{.*}} : tensor<16x16xf32>)
// CHECK-NOT:         "reduction"
// CHECK:           scf.forall.in_parallel
// CHECK:         %[[STARTS:.*]] = scf.forall (%{{.*}}, %{{.*}}) in (%[[B]], 2) shared_outs({{.*}}) -> (tensor<?x2x?x16x16xf32>)
// CHECK:           tensor.extract_slice %[[S]]
// CHECK:           scf.for
// CHECK:             tensor.extract_slice %[[SUMMARIES]]#0
// CHECK:             tensor.extract_slice %[[SUMMARIES]]#1
// CHECK:         %[[MAIN:.*]]:2 = scf.forall (%[[I:.*]], %[[H:.*]], %[[J:.*]]) in (%[[B]], 2, %[[N]]) shared_outs(%[[O:.*]] = %{{.*}}, %[[STATES:.*]] = %[[STARTS]])
// CHECK:           %[[FIRST:.*]] = affine.apply #[[BEGIN]](%[[J]])
// CHECK:           %[[TOKENS:.*]] = affine.min #[[SIZE]](%[[J]])[%[[T]]]
// CHECK:           tensor.extract_slice %[[O]][%[[I]], %[[FIRST]], %[[H]], 0] [1, %[[TOKENS]], 1, 16]
// CHECK:           tensor.extract_slice %[[STATES]][%[[I]], %[[H]], %[[J]], 0, 0]
// CHECK:           scf.for %{{.*}} = %[[FIRST]] to
// CHECK:         %[[LAST:.*]] = scf.forall (%{{.*}}, %{{.*}}) in (%[[B]], 2) shared_outs(%{{.*}} = %[[S]])
// CHECK:           tensor.extract_slice %[[MAIN]]#1
// CHECK:         return %[[MAIN]]#0, %[[LAST]]
func.func @vector_decay(%q: tensor<?x?x2x16xf32>, %g: tensor<?x?x2x16xf32>, %s: tensor<?x2x16x16xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s) {gate.schedule = #gate.schedule<{segment = 256}>}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>
}

// -----

// Without decay a summary is the state alone, and from zero the first state is
// zero. Whole segments need no minimum.
// CHECK-LABEL: func.func @static_time(
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 3, 3) shared_outs({{.*}}) -> (tensor<2x3x3x16x16xf32>)
// CHECK-NOT:     math.exp
// CHECK:         scf.forall (%{{.*}}, %{{.*}}) in (2, 3) shared_outs({{.*}}) -> (tensor<2x3x4x16x16xf32>)
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 3, 4)
// CHECK-NOT:       affine.min
// CHECK-NOT:       math.exp
// CHECK:         return
func.func @static_time(%q: tensor<2x1024x3x16xf32>) -> (tensor<2x1024x3x16xf32>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{segment = 256}>}
    : (tensor<2x1024x3x16xf32>, tensor<2x1024x3x16xf32>, tensor<2x1024x3x16xf32>) -> (tensor<2x1024x3x16xf32>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x1024x3x16xf32>, tensor<2x3x16x16xf32>
}

// -----

// One log-decay for all keys. Segments count from the token that is scanned
// first, the last one in memory.
// CHECK-LABEL: func.func @reverse_scalar(
// CHECK:         scf.forall {{.*}} -> (tensor<?x2x?x16x16xf32>, tensor<?x2x?x1xf32>)
// CHECK:         scf.forall (%{{.*}}, %{{.*}}) in
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %[[J:.*]]) in
// CHECK:           %[[SIZE:.*]] = affine.min
// CHECK-NEXT:      affine.apply #{{.*}}(%[[SIZE]], %[[J]])[%{{.*}}]
// CHECK:         return
func.func @reverse_scalar(%q: tensor<?x?x2x16xf32>, %g: tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) {reverse, gate.schedule = #gate.schedule<{segment = 256}>}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}

// -----

// No more than one segment: nothing to split.
// CHECK-LABEL: func.func @one_segment(
// CHECK:         scf.forall (%{{.*}}, %{{.*}}) in (2, 3)
// CHECK-NOT:     scf.forall (
// CHECK:         return
func.func @one_segment(%q: tensor<2x256x3x16xf32>) -> tensor<2x256x3x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{segment = 256}>}
    : (tensor<2x256x3x16xf32>, tensor<2x256x3x16xf32>, tensor<2x256x3x16xf32>) -> (tensor<2x256x3x16xf32>, tensor<2x3x16x16xf32>)
  return %o : tensor<2x256x3x16xf32>
}

// -----

// Nothing is known of a region: its states do not combine.
// CHECK-LABEL: func.func @general(
// CHECK:         scf.forall (%{{.*}}) in (%{{.*}})
// CHECK-NOT:     scf.forall (
// CHECK:         return
func.func @general(%x: tensor<?x?x8xf32>, %h0: tensor<?x8xf32>) -> tensor<?x?x8xf32> {
  // expected-remark@+1 {{time is not split: the states of gate.scan cannot be combined}}
  %h, %last = gate.scan inputs(%x) initial(%h0) attributes {gate.schedule = #gate.schedule<{segment = 256}>} {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %xt, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %h : tensor<?x?x8xf32>
}
