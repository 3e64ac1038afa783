// RUN: gate-opt --gate-decompose --split-input-file %s | FileCheck %s

// One op for the whole expression.
// CHECK-LABEL: func.func @glu(
// CHECK-NOT:     gate.glu
// CHECK:         linalg.generic
// CHECK-NOT:       math.exp {{.*}}
// CHECK:           math.exp {{.*}} : f32
// CHECK:           arith.truncf {{.*}} : f32 to f16
// CHECK-NOT:     linalg.generic
// CHECK:         return
func.func @glu(%g: tensor<?x8xf16>, %x: tensor<?x8xf16>) -> tensor<?x8xf16> {
  %y = gate.glu %g, %x {activation = #gate.activation<silu>} : (tensor<?x8xf16>, tensor<?x8xf16>) -> tensor<?x8xf16>
  return %y : tensor<?x8xf16>
}

// -----

// CHECK-DAG:   #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   #[[REPEAT:.*]] = affine_map<(d0, d1) -> (0, d1)>
// CHECK-LABEL: func.func @apply(
// CHECK:         linalg.generic {indexing_maps = [#[[ALL]], #[[REPEAT]], #[[ALL]]]
// CHECK-NOT:     gate.apply
func.func @apply(%x: tensor<?x8xf32>, %g: tensor<1x8xf32>) -> tensor<?x8xf32> {
  %y = gate.apply %x, %g {activation = #gate.activation<sigmoid>} : (tensor<?x8xf32>, tensor<1x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @blend(
// CHECK:         linalg.generic
// CHECK:           math.log1p
// CHECK-NOT:     gate.blend
func.func @blend(%g: tensor<?x8xf32>, %x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = gate.blend %g, %x, %g {activation = #gate.activation<softplus>} : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// One square root per row, not per element.
// CHECK-LABEL: func.func @norm(
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "reduction"]
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel"]
// CHECK:           math.sqrt
// CHECK:         linalg.generic {{.*}} iterator_types = ["parallel", "parallel"]
// CHECK-NOT:       math.sqrt
// CHECK:         return
func.func @norm(%x: tensor<?x8xf32>, %w: tensor<8xf32>) -> tensor<?x8xf32> {
  %y = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-05 : f64}
    : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Taps are unrolled: no reduction is left.
// CHECK-LABEL: func.func @short_conv(
// CHECK-NOT:     "reduction"
// CHECK-NOT:     gate.short_conv
// CHECK:         return
func.func @short_conv(%x: tensor<?x?x8xf32>, %w: tensor<8x3xf32>, %b: tensor<8xf32>) -> (tensor<?x?x8xf32>, tensor<?x2x8xf32>) {
  %y, %last = gate.short_conv %x, %w bias(%b) {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<8x3xf32>, tensor<8xf32>) -> (tensor<?x?x8xf32>, tensor<?x2x8xf32>)
  return %y, %last : tensor<?x?x8xf32>, tensor<?x2x8xf32>
}

// -----

// CHECK-LABEL: func.func @gather(
// CHECK-NOT:     gate.gather
// CHECK:         tensor.extract
func.func @gather(%table: tensor<16x8xbf16>, %ids: tensor<?x?xi32>) -> tensor<?x?x8xbf16> {
  %x = gate.gather %table, %ids : (tensor<16x8xbf16>, tensor<?x?xi32>) -> tensor<?x?x8xbf16>
  return %x : tensor<?x?x8xbf16>
}

// -----

// A scan waits for its own pass, with the ops of its step in the fast form.
// CHECK-LABEL: func.func @scan(
// CHECK:         gate.scan
// CHECK-NOT:     gate.apply
// CHECK:           math.exp
// CHECK:           gate.yield
func.func @scan(%x: tensor<?x?x8xf32>, %h0: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %h, %last = gate.scan inputs(%x) initial(%h0) {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = gate.apply %xt, %s {activation = #gate.activation<sigmoid>} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %last : tensor<?x8xf32>
}

// -----

// Ops with the chunk interface wait for their own pass.
// CHECK-LABEL: func.func @linear_scan(
// CHECK-NEXT:    gate.linear_scan
// CHECK-NEXT:    return
func.func @linear_scan(%q: tensor<?x?x2x16xf32>) -> tensor<?x2x16x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %last : tensor<?x2x16x16xf32>
}

// -----

// The state may name fewer sizes than the value.
// CHECK-LABEL: func.func @short_conv_state(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x5x8xf32>, %{{.*}}, %[[S:.*]]: tensor<?x3x8xf32>)
// CHECK:         %[[CAST:.*]] = tensor.cast %[[S]] : tensor<?x3x8xf32> to tensor<2x3x8xf32>
// CHECK:         tensor.insert_slice %[[CAST]]
func.func @short_conv_state(%x: tensor<2x5x8xf32>, %w: tensor<8x4xf32>, %s: tensor<?x3x8xf32>) -> (tensor<2x5x8xf32>, tensor<?x3x8xf32>) {
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<2x5x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<2x5x8xf32>, tensor<?x3x8xf32>)
  return %y, %last : tensor<2x5x8xf32>, tensor<?x3x8xf32>
}
