// RUN: gate-opt --gate-select-schedules=target=gpu --gate-chunk-scans --canonicalize --split-input-file %s | FileCheck %s --implicit-check-not=gate.linear_scan

// What the tokens of a chunk predict from one another needs no state, nor do the
// scores: all chunks side by side, a row for each token; then the heads, chunk
// after chunk. Two products for scores and ten for the inverse: five rounds of
// two. The scan multiplies by the state twice, by what is ready twice, and adds.
// CHECK-LABEL: func.func @delta(
// CHECK:         %[[READY:.*]]:2 = scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 8, 4) shared_outs({{.*}}) -> (tensor<2x8x256x64xbf16>, tensor<2x8x256x64xbf16>)
// CHECK-COUNT-12:  "reduction"]} ins(%{{.*}} : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%{{.*}} : tensor<64x64xf32>)
// CHECK-NOT:       "reduction"]}
// CHECK:           scf.forall.in_parallel
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 8)
// CHECK:           scf.for %[[AT:[^ ]*]] = {{.*}} -> (tensor<256x32xbf16>, tensor<64x32xf32>)
// CHECK-DAG:         tensor.extract_slice %[[READY]]#0[%[[B]], %[[H]], %[[AT]], 0] [1, 1, 64, 64]
// CHECK-DAG:         tensor.extract_slice %[[READY]]#1[%[[B]], %[[H]], %[[AT]], 0] [1, 1, 64, 64]
// CHECK-COUNT-5:   "reduction"]}
// CHECK-NOT:       "reduction"]}
func.func @delta(%q: tensor<2x256x8x64xbf16>, %v: tensor<2x256x8x32xbf16>, %beta: tensor<2x256x8xbf16>) -> tensor<2x256x8x32xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v beta(%beta) {update = #gate.update<delta>}
    : (tensor<2x256x8x64xbf16>, tensor<2x256x8x64xbf16>, tensor<2x256x8x32xbf16>, tensor<2x256x8xbf16>)
    -> (tensor<2x256x8x32xbf16>, tensor<2x8x64x32xf32>)
  return %o : tensor<2x256x8x32xbf16>
}

// -----

// Longer chunks take more rounds.
// CHECK-LABEL: func.func @longer(
// CHECK:         scf.forall {{.*}} in (2, 8, 2)
// CHECK-COUNT-14:  "reduction"]} {{.*}} outs(%{{.*}} : tensor<128x128xf32>)
// CHECK-NOT:       "reduction"]}
// CHECK:           scf.forall.in_parallel
func.func @longer(%q: tensor<2x256x8x64xbf16>, %v: tensor<2x256x8x32xbf16>, %beta: tensor<2x256x8xbf16>) -> tensor<2x256x8x32xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v beta(%beta) {update = #gate.update<delta>, gate.schedule = #gate.schedule<{chunk = 128, form = "dense"}>}
    : (tensor<2x256x8x64xbf16>, tensor<2x256x8x64xbf16>, tensor<2x256x8x32xbf16>, tensor<2x256x8xbf16>)
    -> (tensor<2x256x8x32xbf16>, tensor<2x8x64x32xf32>)
  return %o : tensor<2x256x8x32xbf16>
}

// -----

// Nothing is predicted: nothing to have ready.
// CHECK-LABEL: func.func @add(
// CHECK-COUNT-1: scf.forall (
// CHECK-NOT:     scf.forall (
func.func @add(%q: tensor<2x256x8x64xbf16>, %v: tensor<2x256x8x32xbf16>) -> tensor<2x256x8x32xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v : (tensor<2x256x8x64xbf16>, tensor<2x256x8x64xbf16>, tensor<2x256x8x32xbf16>)
    -> (tensor<2x256x8x32xbf16>, tensor<2x8x64x32xf32>)
  return %o : tensor<2x256x8x32xbf16>
}

// -----

// One gate a token: for each chunk a row of factors for what reads, two, and for
// what is added, and one of the state, for each key. The four heads of values of
// a head of keys share them.
// CHECK-LABEL: func.func @shared(
// CHECK:         %[[READY:.*]]:6 = scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 2, 4)
// CHECK-SAME:      -> (tensor<2x2x256x64xbf16>, tensor<2x2x256x64xbf16>, tensor<2x2x4x64xf32>, tensor<2x2x4x64xf32>, tensor<2x2x4x64xf32>, tensor<2x2x4x64xf32>)
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 8)
// CHECK:           scf.for %[[AT:[^ ]*]] =
// CHECK:             %[[OWN:.*]] = affine.apply #[[$QUARTER:.*]](%[[H]])
// CHECK:             %[[CHUNK:.*]] = affine.apply #[[$CHUNK:.*]](%[[AT]])
// CHECK:             tensor.extract_slice %[[READY]]#2[%[[B]], %[[OWN]], %[[CHUNK]], 0] [1, 1, 1, 64]
// CHECK:             tensor.extract_slice %[[READY]]#5[%[[B]], %[[OWN]], %{{.*}}, 0] [1, 1, 1, 64]
func.func @shared(%q: tensor<2x256x2x64xbf16>, %v: tensor<2x256x8x32xbf16>, %g: tensor<2x256x2xf32>, %beta: tensor<2x256x2xbf16>) -> tensor<2x256x8x32xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v decay(%g) beta(%beta) {update = #gate.update<delta>}
    : (tensor<2x256x2x64xbf16>, tensor<2x256x2x64xbf16>, tensor<2x256x8x32xbf16>, tensor<2x256x2xf32>, tensor<2x256x2xbf16>)
    -> (tensor<2x256x8x32xbf16>, tensor<2x8x64x32xf32>)
  return %o : tensor<2x256x8x32xbf16>
}

// -----

// A gate for each key: the rows themselves, in the type of operands. A transition
// of rank one has two rows that add.
// CHECK-LABEL: func.func @vector(
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 8, 4)
// CHECK-SAME:      -> (tensor<2x8x256x64xbf16>, tensor<2x8x256x64xbf16>, tensor<2x8x256x64xbf16>, tensor<2x8x256x64xbf16>, tensor<2x8x256x32xbf16>, tensor<2x8x256x32xbf16>, tensor<2x8x256x32xbf16>, tensor<2x8x256x32xbf16>, tensor<2x8x4x32xf32>)
func.func @vector(%q: tensor<2x256x8x32xbf16>, %v: tensor<2x256x8x16xbf16>, %g: tensor<2x256x8x32xf32>) -> tensor<2x256x8x16xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v decay(%g) transition(%q, %q) {update = #gate.update<diagonal_rank_one>, gate.schedule = #gate.schedule<{chunk = 64, form = "dense"}>}
    : (tensor<2x256x8x32xbf16>, tensor<2x256x8x32xbf16>, tensor<2x256x8x16xbf16>, tensor<2x256x8x32xf32>, tensor<2x256x8x32xbf16>, tensor<2x256x8x32xbf16>)
    -> (tensor<2x256x8x16xbf16>, tensor<2x8x32x16xf32>)
  return %o : tensor<2x256x8x16xbf16>
}

// -----

// Keys change every three heads, gates and beta every two: no two neighbours are
// alike everywhere.
// CHECK-LABEL: func.func @crossed(
// CHECK:         scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 12, 4)
func.func @crossed(%q: tensor<2x256x4x64xbf16>, %v: tensor<2x256x12x32xbf16>, %g: tensor<2x256x6xf32>, %beta: tensor<2x256x6xbf16>) -> tensor<2x256x12x32xbf16> {
  %o, %last = gate.linear_scan %q, %q, %v decay(%g) beta(%beta) {update = #gate.update<delta>}
    : (tensor<2x256x4x64xbf16>, tensor<2x256x4x64xbf16>, tensor<2x256x12x32xbf16>, tensor<2x256x6xf32>, tensor<2x256x6xbf16>)
    -> (tensor<2x256x12x32xbf16>, tensor<2x12x64x32xf32>)
  return %o : tensor<2x256x12x32xbf16>
}
