// RUN: gate-opt --gate-select-schedules=target=gpu --gate-chunk-scans --canonicalize --split-input-file %s | FileCheck %s --implicit-check-not=gate.linear_scan

// What the tokens of a chunk predict from one another needs no state: all chunks
// side by side, a row for each token; then the heads, chunk after chunk. Scores
// and ten products for the inverse: five rounds of two.
// CHECK-LABEL: func.func @delta(
// CHECK:         %[[READY:.*]] = scf.forall (%{{.*}}, %{{.*}}, %{{.*}}) in (2, 8, 4) shared_outs({{.*}}) -> (tensor<2x8x256x64xbf16>)
// CHECK-COUNT-11:  "reduction"]} ins(%{{.*}} : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%{{.*}} : tensor<64x64xf32>)
// CHECK-NOT:       "reduction"]}
// CHECK:           scf.forall.in_parallel
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]]) in (2, 8)
// CHECK:           scf.for %[[AT:[^ ]*]] = {{.*}} -> (tensor<256x32xbf16>, tensor<64x32xf32>)
// CHECK:             tensor.extract_slice %[[READY]][%[[B]], %[[H]], %[[AT]], 0] [1, 1, 64, 64]
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
// CHECK-COUNT-13:  "reduction"]} {{.*}} outs(%{{.*}} : tensor<128x128xf32>)
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
