// What a schedule says of a product is done, and recorded on the loops.
// RUN: gate-opt --gate-pack-products --split-input-file %s | FileCheck %s

// CHECK-LABEL: func.func @packed(
// CHECK:         tensor.empty() : tensor<4x256x32xf32>
// CHECK:         scf.forall (%{{.*}}) in (4)
// CHECK:         scf.forall (%{{.*}}) in (2)
// CHECK:           linalg.generic {{.*}} : tensor<16x128xf32>, tensor<128x32xf32>)
// CHECK:         {gate.schedule = #gate.schedule<{depth = 128, form = "packed", panel = 32, rows = 16}>}
func.func @packed(%a: tensor<32x256xf32>, %b: tensor<256x128xf32>, %c: tensor<32x128xf32>) -> tensor<32x128xf32> {
  %r = linalg.matmul {gate.schedule = #gate.schedule<{panel = 32, rows = 16, depth = 128}>}
    ins(%a, %b : tensor<32x256xf32>, tensor<256x128xf32>) outs(%c : tensor<32x128xf32>) -> tensor<32x128xf32>
  return %r : tensor<32x128xf32>
}

// -----

// The form is a choice like others: here for many rows. What it leaves open is
// what the table has for this form.
// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT:     tensor.empty
// CHECK:         scf.forall (%{{.*}}) in (2)
// CHECK-NOT:     scf.forall (
// CHECK:         {gate.schedule = #gate.schedule<{depth = 128, form = "few_rows", panel = 64}>}
func.func @few_rows(%a: tensor<32x256xf32>, %b: tensor<256x128xf32>, %c: tensor<32x128xf32>) -> tensor<32x128xf32> {
  %r = linalg.matmul {gate.schedule = #gate.schedule<{form = "few_rows"}>}
    ins(%a, %b : tensor<32x256xf32>, tensor<256x128xf32>) outs(%c : tensor<32x128xf32>) -> tensor<32x128xf32>
  return %r : tensor<32x128xf32>
}

// -----

// Three cases on two sizes; one of them is a dim of the function.
// CHECK-LABEL: func.func @three_cases(
// CHECK-SAME:    %[[A:[^:]*]]: tensor<?x64xf32> {{.*}}, %[[B:[^:]*]]: tensor<64x?xf32>
// CHECK:         %[[ROWS:.*]] = tensor.dim %[[A]], %c0
// CHECK:         %[[FEW:.*]] = arith.cmpi ule, %[[ROWS]], %c4
// CHECK:         scf.if %[[FEW]] -> (tensor<?x?xf32>) {
// CHECK:           form = "few_rows", panel = 16
// CHECK:         } else {
// CHECK:           %[[COLUMNS:.*]] = tensor.dim %[[B]], %c1
// CHECK:           %[[NARROW:.*]] = arith.cmpi ult, %[[COLUMNS]], %c32
// CHECK:           scf.if %[[NARROW]]
// CHECK:             form = "packed", panel = 16
// CHECK:           } else {
// CHECK:             form = "packed", panel = 64
func.func @three_cases(%a: tensor<?x64xf32> {gate.dims = ["M", ""]}, %b: tensor<64x?xf32> {gate.dims = ["", "N"]},
    %c: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %r = linalg.matmul {gate.schedule = #gate.schedule<
      when "rows" le 4 {form = "few_rows", panel = 16}, when "N" lt 32 {panel = 16}, {panel = 64}>}
    ins(%a, %b : tensor<?x64xf32>, tensor<64x?xf32>) outs(%c : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}
