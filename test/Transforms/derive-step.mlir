// RUN: gate-opt --gate-derive-step=required --split-input-file %s | FileCheck %s

// The step has the body of the function on one token, without the time dim.
// CHECK-LABEL: func.func @forward(
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32> {gate.dims = ["B", ""], gate.name = "x"}
// CHECK-SAME:    %[[W:.*]]: tensor<8x4xf32> {gate.parameter = "w"}
// CHECK-SAME:    %[[S:.*]]: tensor<?x3x8xf32> {gate.dims = ["B", "", ""], gate.state = "s"}
// CHECK-SAME:    -> (tensor<?x8xf32> {gate.dims = ["B", ""]}, tensor<?x3x8xf32> {gate.state = "s"}) {
// CHECK:         %[[UNIT:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1], [2]] {{.*}} into tensor<?x1x8xf32>
// CHECK:         %[[FULL:.*]] = tensor.cast %[[UNIT]]
// CHECK:         %[[Y:.*]], %[[LAST:.*]] = gate.short_conv %[[FULL]], %[[W]] initial(%[[S]])
// CHECK:         %[[Z:.*]] = gate.glu %[[Y]], %[[FULL]]
// CHECK:         %[[ONE:.*]] = tensor.cast %[[Z]] : tensor<?x?x8xf32> to tensor<?x1x8xf32>
// CHECK:         %[[R:.*]] = tensor.collapse_shape %[[ONE]]
// CHECK:         return %[[R]], %[[LAST]]
func.func @forward(
    %x: tensor<?x?x8xf32> {gate.name = "x", gate.dims = ["B", "T", ""]},
    %w: tensor<8x4xf32> {gate.parameter = "w"},
    %s: tensor<?x3x8xf32> {gate.state = "s", gate.dims = ["B", "", ""]})
    -> (tensor<?x?x8xf32> {gate.dims = ["B", "T", ""]}, tensor<?x3x8xf32> {gate.state = "s"})
    attributes {gate.time = "T"} {
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
  %z = gate.glu %y, %x {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  return %z, %last : tensor<?x?x8xf32>, tensor<?x3x8xf32>
}

// -----

// Time through products, reshapes, sizes of tensors, casts and a linear scan;
// the state through a reshape.
#in = affine_map<(b, t, o, i) -> (b, t, i)>
#w = affine_map<(b, t, o, i) -> (i, o)>
#out = affine_map<(b, t, o, i) -> (b, t, o)>
// CHECK-LABEL: func.func @layer(
// CHECK-LABEL: func.func @step(
// CHECK-SAME:    tensor<2x8xbf16>
// CHECK-SAME:    -> (tensor<2x2x4xf32> {gate.dims = ["", "", ""]}, tensor<2x32xf32> {gate.state = "s"})
// CHECK:         linalg.generic
// CHECK:         gate.linear_scan
func.func @layer(
    %x: tensor<2x?x8xbf16> {gate.dims = ["", "T", ""]}, %p: tensor<8x8xf32>,
    %s: tensor<2x32xf32> {gate.state = "s"})
    -> (tensor<2x?x2x4xf32> {gate.dims = ["", "T", "", ""]}, tensor<2x32xf32> {gate.state = "s"})
    attributes {gate.time = "T"} {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : index
  %time = tensor.dim %x, %one : tensor<2x?x8xbf16>
  %empty = tensor.empty(%time) : tensor<2x?x8xf32>
  %init = linalg.fill ins(%zero : f32) outs(%empty : tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  %wide = arith.extf %x : tensor<2x?x8xbf16> to tensor<2x?x8xf32>
  %y = linalg.generic {indexing_maps = [#in, #w, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%wide, %p : tensor<2x?x8xf32>, tensor<8x8xf32>) outs(%init : tensor<2x?x8xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %r = arith.addf %c, %m : f32
    linalg.yield %r : f32
  } -> tensor<2x?x8xf32>
  %q = tensor.expand_shape %y [[0], [1], [2, 3]] output_shape [2, %time, 2, 4] : tensor<2x?x8xf32> into tensor<2x?x2x4xf32>
  %s0 = tensor.expand_shape %s [[0], [1, 2, 3]] output_shape [2, 2, 4, 4] : tensor<2x32xf32> into tensor<2x2x4x4xf32>
  %o, %last = gate.linear_scan %q, %q, %q initial(%s0)
    : (tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32>, tensor<2x?x2x4xf32>, tensor<2x2x4x4xf32>)
    -> (tensor<2x?x2x4xf32>, tensor<2x2x4x4xf32>)
  %flat = tensor.collapse_shape %last [[0], [1, 2, 3]] : tensor<2x2x4x4xf32> into tensor<2x32xf32>
  return %o, %flat : tensor<2x?x2x4xf32>, tensor<2x32xf32>
}

// -----

// Two functions: both names stay apart. Time may be any dim, also the only one.
// CHECK:         func.func @encode_step(
// CHECK-SAME:      tensor<f32> {gate.dims = []}
// CHECK:         func.func @decode_step(
// CHECK-SAME:      tensor<4xi32> {gate.dims = [""]}
// CHECK-NOT:     func.func @step
func.func @encode(%x: tensor<?xf32> {gate.dims = ["T"]}, %s: tensor<2xf32> {gate.state = "s"})
    -> (tensor<?xf32> {gate.dims = ["T"]}, tensor<2xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  return %x, %s : tensor<?xf32>, tensor<2xf32>
}
func.func @decode(%x: tensor<?x4xi32> {gate.dims = ["time", ""]}, %s: tensor<2xf32> {gate.state = "s"})
    -> (tensor<?x4xi32> {gate.dims = ["time", ""]}, tensor<2xf32> {gate.state = "s"}) attributes {gate.time = "time"} {
  return %x, %s : tensor<?x4xi32>, tensor<2xf32>
}

// -----

// No state, no time, not public, or a step by hand: nothing to derive.
// CHECK-LABEL: func.func @stateless(
// CHECK-LABEL: func.func @timeless(
// CHECK-LABEL: func.func private @hidden(
// CHECK-LABEL: func.func private @declared(
// CHECK-NOT:   func.func
func.func @stateless(%x: tensor<?xf32> {gate.dims = ["T"]}) -> (tensor<?xf32> {gate.dims = ["T"]}) attributes {gate.time = "T"} {
  return %x : tensor<?xf32>
}
func.func @timeless(%x: tensor<?xf32> {gate.dims = ["T"]}, %s: tensor<2xf32> {gate.state = "s"}) -> (tensor<2xf32> {gate.state = "s"}) {
  return %s : tensor<2xf32>
}
func.func private @hidden(%x: tensor<?xf32> {gate.dims = ["T"]}, %s: tensor<2xf32> {gate.state = "s"})
    -> (tensor<2xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  return %s : tensor<2xf32>
}
func.func private @declared(%s: tensor<2xf32> {gate.state = "s"}) -> (tensor<2xf32> {gate.state = "s"}) attributes {gate.time = "T"}

// -----

// CHECK-LABEL: func.func @forward(
// CHECK-LABEL: func.func @step(
// CHECK-NEXT:    return
// CHECK-NOT:   func.func
func.func @forward(%x: tensor<?xf32> {gate.dims = ["T"]}, %s: tensor<2xf32> {gate.state = "s"})
    -> (tensor<2xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  return %s : tensor<2xf32>
}
func.func @step() {
  return
}
