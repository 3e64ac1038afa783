// What a schedule says of other linalg is done, and recorded on the loop.
// RUN: gate-opt --gate-tile-parallel --split-input-file --verify-diagnostics %s | FileCheck %s

// CHECK-LABEL: func.func @fine(
// CHECK:         scf.forall (%{{.*}}) = (0) to (1000) step (2)
// CHECK:           linalg.exp ins
// CHECK-NOT:     gate.schedule
// CHECK:         {gate.schedule = #gate.schedule<{tile_elements = 1024}>}
func.func @fine(%x: tensor<1000x512xf32>) -> tensor<1000x512xf32> {
  %r = linalg.exp {gate.schedule = #gate.schedule<{tile_elements = 1024}>}
    ins(%x : tensor<1000x512xf32>) outs(%x : tensor<1000x512xf32>) -> tensor<1000x512xf32>
  return %r : tensor<1000x512xf32>
}

// -----

// CHECK-LABEL: func.func @guards(
// CHECK:         %[[D:.*]] = tensor.dim %{{.*}}, %c0
// CHECK:         %[[SHORT:.*]] = arith.cmpi ult, %[[D]], %c100
// CHECK:         %[[R:.*]] = scf.if %[[SHORT]] -> (tensor<?x512xf32>) {
// CHECK:           scf.forall (%{{.*}}) = (0) to (%{{.*}}) step (2)
// CHECK:         } else {
// CHECK:           scf.forall (%{{.*}}) = (0) to (%{{.*}}) step (32)
// CHECK:         return %[[R]]
func.func @guards(%x: tensor<?x512xf32>) -> tensor<?x512xf32> {
  %r = linalg.exp {gate.schedule = #gate.schedule<when "loop0" lt 100 {tile_elements = 1024}, {tile_elements = 16384}>}
    ins(%x : tensor<?x512xf32>) outs(%x : tensor<?x512xf32>) -> tensor<?x512xf32>
  return %r : tensor<?x512xf32>
}

// -----

func.func @unknown(%x: tensor<1000x512xf32>) -> tensor<1000x512xf32> {
  // expected-error@+1 {{unknown choice 'panel' for loops; expects one of tile_elements}}
  %r = linalg.exp {gate.schedule = #gate.schedule<{panel = 1024}>}
    ins(%x : tensor<1000x512xf32>) outs(%x : tensor<1000x512xf32>) -> tensor<1000x512xf32>
  return %r : tensor<1000x512xf32>
}
