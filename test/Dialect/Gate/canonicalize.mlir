// RUN: gate-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: func.func @apply_one(
// CHECK-SAME:    %[[X:.*]]: tensor<?x8xf32>)
// CHECK-NEXT:    return %[[X]]
func.func @apply_one(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %one = arith.constant dense<1.0> : tensor<1x1xf32>
  %y = gate.apply %x, %one {activation = #gate.activation<identity>}
    : (tensor<?x8xf32>, tensor<1x1xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// 0 * value is not 0 for inf and nan.
// CHECK-LABEL: func.func @apply_zero(
// CHECK:         gate.apply
func.func @apply_zero(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<1x8xf32>
  %y = gate.apply %x, %zero {activation = #gate.activation<identity>}
    : (tensor<?x8xf32>, tensor<1x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// sigmoid(1) is not 1.
// CHECK-LABEL: func.func @apply_activated(
// CHECK:         gate.apply
func.func @apply_activated(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %one = arith.constant dense<1.0> : tensor<1x8xf32>
  %y = gate.apply %x, %one {activation = #gate.activation<sigmoid>}
    : (tensor<?x8xf32>, tensor<1x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @apply_not_splat(
// CHECK:         gate.apply
func.func @apply_not_splat(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %gate = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  %y = gate.apply %x, %gate {activation = #gate.activation<identity>}
    : (tensor<?x2xf32>, tensor<1x2xf32>) -> tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// The value has another type than the result, so it cannot replace it.
// CHECK-LABEL: func.func @apply_less_static(
// CHECK:         gate.apply
func.func @apply_less_static(%x: tensor<4x8xf32>) -> tensor<?x8xf32> {
  %one = arith.constant dense<1.0> : tensor<1x1xf32>
  %y = gate.apply %x, %one {activation = #gate.activation<identity>}
    : (tensor<4x8xf32>, tensor<1x1xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @blend_one(
// CHECK-SAME:    %[[ON:.*]]: tensor<?x8xbf16>, %[[OFF:.*]]: tensor<?x8xbf16>)
// CHECK-NEXT:    return %[[ON]]
func.func @blend_one(%on: tensor<?x8xbf16>, %off: tensor<?x8xbf16>) -> tensor<?x8xbf16> {
  %one = arith.constant dense<1.0> : tensor<1x8xbf16>
  %y = gate.blend %one, %on, %off {activation = #gate.activation<identity>}
    : (tensor<1x8xbf16>, tensor<?x8xbf16>, tensor<?x8xbf16>) -> tensor<?x8xbf16>
  return %y : tensor<?x8xbf16>
}

// CHECK-LABEL: func.func @blend_zero(
// CHECK-SAME:    %[[ON:.*]]: tensor<?x8xf32>, %[[OFF:.*]]: tensor<?x8xf32>)
// CHECK-NEXT:    return %[[OFF]]
func.func @blend_zero(%on: tensor<?x8xf32>, %off: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<1x1xf32>
  %y = gate.blend %zero, %on, %off {activation = #gate.activation<identity>}
    : (tensor<1x1xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// The chosen value names fewer sizes than the result.
// CHECK-LABEL: func.func @blend_other_type(
// CHECK:         gate.blend
func.func @blend_other_type(%on: tensor<?x8xf32>, %off: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %one = arith.constant dense<1.0> : tensor<1x1xf32>
  %y = gate.blend %one, %on, %off {activation = #gate.activation<identity>}
    : (tensor<1x1xf32>, tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// sigmoid(0) is a half.
// CHECK-LABEL: func.func @blend_activated(
// CHECK:         gate.blend
func.func @blend_activated(%on: tensor<?x8xf32>, %off: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<1x1xf32>
  %y = gate.blend %zero, %on, %off {activation = #gate.activation<sigmoid>}
    : (tensor<1x1xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @blend_between(
// CHECK:         gate.blend
func.func @blend_between(%on: tensor<?x8xf32>, %off: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %half = arith.constant dense<0.5> : tensor<1x1xf32>
  %y = gate.blend %half, %on, %off {activation = #gate.activation<identity>}
    : (tensor<1x1xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @scan_zero_decay(
// CHECK-SAME:    %[[Q:.*]]: tensor<2x5x1x8xf32>)
// CHECK-NOT:     decay
// CHECK:         gate.linear_scan %[[Q]], %[[Q]], %[[Q]] :
// CHECK-NOT:     decay
func.func @scan_zero_decay(%q: tensor<2x5x1x8xf32>) -> tensor<2x5x1x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x5x1xf32>
  %o, %last = gate.linear_scan %q, %q, %q decay(%zero)
    : (tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x1x8xf32>, tensor<2x5x1xf32>)
    -> (tensor<2x5x1x8xf32>, tensor<2x1x8x8xf32>)
  return %o : tensor<2x5x1x8xf32>
}

// CHECK-LABEL: func.func @scan_zero_constants(
// CHECK-NOT:     decay_constants
// CHECK:         gate.linear_scan {{.*}} initial(
// CHECK-NOT:     decay_constants
func.func @scan_zero_constants(%q: tensor<?x?x2x8xf32>, %s: tensor<?x2x8x8xf32>) -> tensor<?x2x8x8xf32> {
  %o, %last = gate.linear_scan %q, %q, %q initial(%s) {decay_constants = array<f64: 0.0, -0.0>}
    : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x2x8x8xf32>)
    -> (tensor<?x?x2x8xf32>, tensor<?x2x8x8xf32>)
  return %last : tensor<?x2x8x8xf32>
}

// One head decays.
// CHECK-LABEL: func.func @scan_some_constants(
// CHECK:         gate.linear_scan {{.*}} {decay_constants = array<f64: {{.*}}>}
func.func @scan_some_constants(%q: tensor<?x?x2x8xf32>) -> tensor<?x?x2x8xf32> {
  %o, %last = gate.linear_scan %q, %q, %q {decay_constants = array<f64: 0.0, -0.5>}
    : (tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>)
    -> (tensor<?x?x2x8xf32>, tensor<?x2x8x8xf32>)
  return %o : tensor<?x?x2x8xf32>
}

// The decay alone has the largest head count, which it must keep.
// CHECK-LABEL: func.func @scan_heads_of_decay(
// CHECK:         gate.linear_scan {{.*}} decay(
func.func @scan_heads_of_decay(%q: tensor<1x2x1x8xf32>) -> tensor<1x2x4x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<1x2x4xf32>
  %o, %last = gate.linear_scan %q, %q, %q decay(%zero)
    : (tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1x2x1x8xf32>, tensor<1x2x4xf32>)
    -> (tensor<1x2x4x8xf32>, tensor<1x4x8x8xf32>)
  return %o : tensor<1x2x4x8xf32>
}

// CHECK-LABEL: func.func @unused(
// CHECK-NEXT:    return
func.func @unused(%table: tensor<4x8xf32>, %ids: tensor<?xi64>) {
  %x = gate.gather %table, %ids : (tensor<4x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  return
}
