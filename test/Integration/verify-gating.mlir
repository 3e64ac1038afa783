// The row-wise ops against the f64 oracle, at one token and at odd sizes.
// RUN: gatec verify %s --set B=1 --set T=1
// RUN: gatec verify %s --set B=3 --set T=37 | FileCheck %s

// CHECK: gating {{.*}} ok
// CHECK: broadcast {{.*}} ok
// CHECK: norms {{.*}} ok
// CHECK: convolution {{.*}} ok
// CHECK: one_tap {{.*}} ok
// CHECK: embedding {{.*}} ok

func.func @gating(%x: tensor<?x?x13xf32> {gate.dims = ["B", "T", ""]}, %y: tensor<?x?x13xf32> {gate.dims = ["B", "T", ""]})
    -> (tensor<?x?x13xf32> {gate.name = "z", gate.dims = ["B", "T", ""]}) {
  %a = gate.glu %x, %y {activation = #gate.activation<silu>} : (tensor<?x?x13xf32>, tensor<?x?x13xf32>) -> tensor<?x?x13xf32>
  %b = gate.glu %a, %y {activation = #gate.activation<gelu>} : (tensor<?x?x13xf32>, tensor<?x?x13xf32>) -> tensor<?x?x13xf32>
  %c = gate.blend %x, %b, %y {activation = #gate.activation<sigmoid>} : (tensor<?x?x13xf32>, tensor<?x?x13xf32>, tensor<?x?x13xf32>) -> tensor<?x?x13xf32>
  %d = gate.apply %c, %x {activation = #gate.activation<log_sigmoid>} : (tensor<?x?x13xf32>, tensor<?x?x13xf32>) -> tensor<?x?x13xf32>
  %e = gate.apply %d, %y {activation = #gate.activation<softplus>} : (tensor<?x?x13xf32>, tensor<?x?x13xf32>) -> tensor<?x?x13xf32>
  %f = gate.apply %e, %x {activation = #gate.activation<tanh>} : (tensor<?x?x13xf32>, tensor<?x?x13xf32>) -> tensor<?x?x13xf32>
  return %f : tensor<?x?x13xf32>
}

func.func @broadcast(%x: tensor<?x?x4x8xbf16> {gate.dims = ["B", "T", "", ""]}, %g: tensor<?x1x4x1xbf16> {gate.dims = ["B", "", "", ""]})
    -> (tensor<?x?x4x8xbf16> {gate.name = "z", gate.dims = ["B", "T", "", ""]}) {
  %y = gate.apply %x, %g {activation = #gate.activation<relu>} : (tensor<?x?x4x8xbf16>, tensor<?x1x4x1xbf16>) -> tensor<?x?x4x8xbf16>
  return %y : tensor<?x?x4x8xbf16>
}

func.func @norms(%x: tensor<?x?x12xf32> {gate.dims = ["B", "T", ""]}, %w: tensor<12xf32>) -> (tensor<?x?x12xf32> {gate.name = "z", gate.dims = ["B", "T", ""]}) {
  %a = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-06 : f64} : (tensor<?x?x12xf32>, tensor<12xf32>) -> tensor<?x?x12xf32>
  %b = gate.norm %a weight(%w) bias(%w) {kind = #gate.norm_kind<layer>, axes = array<i64: 2>, epsilon = 1.0e-05 : f64} : (tensor<?x?x12xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<?x?x12xf32>
  %c = gate.norm %b weight(%w) {kind = #gate.norm_kind<group>, axes = array<i64: 2>, epsilon = 1.0e-05 : f64, groups = 3 : i64} : (tensor<?x?x12xf32>, tensor<12xf32>) -> tensor<?x?x12xf32>
  %d = gate.norm %c {kind = #gate.norm_kind<l2>, axes = array<i64: 1, 2>, epsilon = 1.0e-06 : f64} : (tensor<?x?x12xf32>) -> tensor<?x?x12xf32>
  return %d : tensor<?x?x12xf32>
}

func.func @convolution(%x: tensor<?x?x8xf32> {gate.dims = ["B", "T", ""]}, %w: tensor<8x4xf32>, %b: tensor<8xf32>, %s: tensor<?x3x8xf32> {gate.dims = ["B", "", ""]})
    -> (tensor<?x?x8xf32> {gate.name = "z", gate.dims = ["B", "T", ""]}, tensor<?x3x8xf32> {gate.name = "last", gate.dims = ["B", "", ""]}) {
  %y, %last = gate.short_conv %x, %w bias(%b) initial(%s) {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<8xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
  return %y, %last : tensor<?x?x8xf32>, tensor<?x3x8xf32>
}

func.func @one_tap(%x: tensor<?x?x8xf32> {gate.dims = ["B", "T", ""]}, %w: tensor<8x1xf32>) -> (tensor<?x?x8xf32> {gate.name = "z", gate.dims = ["B", "T", ""]}) {
  %y, %last = gate.short_conv %x, %w {activation = #gate.activation<identity>}
    : (tensor<?x?x8xf32>, tensor<8x1xf32>) -> (tensor<?x?x8xf32>, tensor<?x0x8xf32>)
  return %y : tensor<?x?x8xf32>
}

func.func @embedding(%table: tensor<50x8xf32>, %ids: tensor<?x?xi32> {gate.dims = ["B", "T"]}) -> (tensor<?x?x8xf32> {gate.name = "z", gate.dims = ["B", "T", ""]}) {
  %x = gate.gather %table, %ids : (tensor<50x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  return %x : tensor<?x?x8xf32>
}
