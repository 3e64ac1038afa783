// RUN: gate-opt --gate-refine-shapes %s | FileCheck %s

// Sizes pass through all ops; a cast back keeps the signature.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME:    %[[X:.*]]: tensor<4x8xf32>, %[[G:.*]]: tensor<?x8xf32>)
// CHECK:         %[[Y:.*]] = gate.glu %[[G]], %[[X]] {{.*}} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
// CHECK:         %[[Z:.*]] = gate.apply %[[Y]], %[[G]] {{.*}} : (tensor<4x8xf32>, tensor<?x8xf32>) -> tensor<4x8xf32>
// CHECK:         %[[CAST:.*]] = tensor.cast %[[Z]] : tensor<4x8xf32> to tensor<?x8xf32>
// CHECK:         return %[[CAST]]
func.func @chain(%x: tensor<4x8xf32>, %g: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c = tensor.cast %x : tensor<4x8xf32> to tensor<?x8xf32>
  %y = gate.glu %g, %c {activation = #gate.activation<silu>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = gate.apply %y, %g {activation = #gate.activation<tanh>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// All results are refined; attributes and operand segments stay.
// CHECK-LABEL: func.func @linear_scan(
// CHECK:         gate.linear_scan {{.*}} initial({{.*}}) {reverse, scale = 5.000000e-01 : f64}
// CHECK-SAME:      -> (tensor<2x1x4x16xf32>, tensor<2x4x16x16xf32>)
func.func @linear_scan(%q: tensor<2x1x4x16xf32>, %s: tensor<?x4x16x16xf32>) -> (tensor<?x?x4x16xf32>, tensor<?x4x16x16xf32>) {
  %c = tensor.cast %q : tensor<2x1x4x16xf32> to tensor<?x?x4x16xf32>
  %o, %last = gate.linear_scan %c, %c, %c initial(%s) {reverse, scale = 5.000000e-01 : f64}
    : (tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>, tensor<?x4x16x16xf32>)
    -> (tensor<?x?x4x16xf32>, tensor<?x4x16x16xf32>)
  return %o, %last : tensor<?x?x4x16xf32>, tensor<?x4x16x16xf32>
}

// CHECK-LABEL: func.func @short_conv(
// CHECK:         gate.short_conv {{.*}} -> (tensor<2x5x8xf32>, tensor<2x3x8xf32>)
func.func @short_conv(%x: tensor<2x5x8xf32>, %w: tensor<8x4xf32>) -> tensor<?x3x8xf32> {
  %c = tensor.cast %x : tensor<2x5x8xf32> to tensor<?x?x8xf32>
  %y, %last = gate.short_conv %c, %w {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
  return %last : tensor<?x3x8xf32>
}

// CHECK-LABEL: func.func @gather(
// CHECK:         gate.gather {{.*}} : (tensor<16x8xf32>, tensor<2x5xi32>) -> tensor<2x5x8xf32>
func.func @gather(%table: tensor<16x8xf32>, %ids: tensor<2x5xi32>) -> tensor<?x?x8xf32> {
  %c = tensor.cast %ids : tensor<2x5xi32> to tensor<?x?xi32>
  %x = gate.gather %table, %c : (tensor<16x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  return %x : tensor<?x?x8xf32>
}

// Through linalg ops in between.
// CHECK-LABEL: func.func @linalg(
// CHECK:         linalg.exp {{.*}} -> tensor<4x8xf32>
// CHECK:         gate.glu {{.*}} -> tensor<4x8xf32>
func.func @linalg(%x: tensor<4x8xf32>, %g: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c = tensor.cast %x : tensor<4x8xf32> to tensor<?x8xf32>
  %e = linalg.exp ins(%c : tensor<?x8xf32>) outs(%c : tensor<?x8xf32>) -> tensor<?x8xf32>
  %y = gate.glu %g, %e {activation = #gate.activation<silu>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// A cast to more static sizes is a claim about its source and stays.
// CHECK-LABEL: func.func @claim(
// CHECK:         %[[C:.*]] = tensor.cast {{.*}} : tensor<?x8xf32> to tensor<4x8xf32>
// CHECK:         gate.glu %[[C]], %[[C]]
func.func @claim(%x: tensor<?x8xf32>) -> tensor<4x8xf32> {
  %c = tensor.cast %x : tensor<?x8xf32> to tensor<4x8xf32>
  %y = gate.glu %c, %c {activation = #gate.activation<silu>} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// A scan of a region, whose arguments have neither batch nor time.
// CHECK-LABEL: func.func @region(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x5x8xf32>
// CHECK:         gate.scan inputs(%[[X]])
// CHECK:           -> (tensor<2x5x8xf32>, tensor<2x8xf32>)
func.func @region(%x: tensor<2x5x8xf32>, %h0: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c = tensor.cast %x : tensor<2x5x8xf32> to tensor<?x?x8xf32>
  %h, %last = gate.scan inputs(%c) initial(%h0) {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %xt, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %last : tensor<?x8xf32>
}

// What the region sees as it is keeps its type.
// CHECK-LABEL: func.func @invariant(
// CHECK:         %[[W:.*]] = tensor.cast %{{.*}} : tensor<8xf32> to tensor<?xf32>
// CHECK:         gate.scan inputs(%{{.*}}) invariants(%[[W]])
func.func @invariant(%x: tensor<2x5x?xf32>, %w: tensor<8xf32>, %h0: tensor<2x?xf32>) -> tensor<2x?xf32> {
  %c = tensor.cast %w : tensor<8xf32> to tensor<?xf32>
  %h, %last = gate.scan inputs(%x) invariants(%c) initial(%h0) {
  ^bb0(%xt: tensor<?xf32>, %wt: tensor<?xf32>, %s: tensor<?xf32>):
    %n = arith.addf %xt, %wt : tensor<?xf32>
    gate.yield %n, %n : tensor<?xf32>, tensor<?xf32>
  } : (tensor<2x5x?xf32>, tensor<?xf32>, tensor<2x?xf32>) -> (tensor<2x5x?xf32>, tensor<2x?xf32>)
  return %last : tensor<2x?xf32>
}

// Through elementwise ops of other dialects.
// CHECK-LABEL: func.func @elementwise(
// CHECK:         arith.negf {{.*}} : tensor<4x8xf32>
// CHECK:         gate.glu {{.*}} -> tensor<4x8xf32>
func.func @elementwise(%x: tensor<4x8xf32>, %g: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c = tensor.cast %x : tensor<4x8xf32> to tensor<?x8xf32>
  %n = arith.negf %c : tensor<?x8xf32>
  %y = gate.glu %g, %n {activation = #gate.activation<silu>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
