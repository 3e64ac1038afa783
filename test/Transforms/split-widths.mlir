// Scans whose states nobody gives or reads are cut into pieces of their width.
// RUN: gate-opt --pass-pipeline='builtin.module(func.func(gate-split-widths))' %s | FileCheck %s

// A state that is too large in pieces of its columns, while queries, keys and
// gates stay.
// CHECK-LABEL: func.func @large(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<?x?x16x256xbf16>, %[[K:[^:]*]]: tensor<?x?x16x256xbf16>, %[[V:[^:]*]]: tensor<?x?x16x128xbf16>, %[[G:[^:]*]]: tensor
// CHECK:         %[[APART:.*]] = tensor.expand_shape %[[V]] {{\[\[}}0], [1], [2], [3, 4]]
// CHECK-SAME:      into tensor<?x?x16x2x64xbf16>
// CHECK:         %[[PIECES:.*]] = tensor.collapse_shape %[[APART]] {{\[\[}}0], [1], [2, 3], [4]]
// CHECK-SAME:      into tensor<?x?x32x64xbf16>
// CHECK:         %[[O:.*]], %{{.*}} = gate.linear_scan %[[Q]], %[[K]], %[[PIECES]] decay(%[[G]])
// CHECK-SAME:      -> (tensor<?x?x32x64xbf16>, tensor<?x32x256x64xf32>)
// CHECK:         %[[OUT:.*]] = tensor.expand_shape %[[O]] {{\[\[}}0], [1], [2, 3], [4]]
// CHECK:         tensor.collapse_shape %[[OUT]] {{\[\[}}0], [1], [2], [3, 4]]
// CHECK-SAME:      into tensor<?x?x16x128xbf16>
func.func @large(%q: tensor<?x?x16x256xbf16>, %k: tensor<?x?x16x256xbf16>, %v: tensor<?x?x16x128xbf16>, %g: tensor<?x?x16x256xf32>) -> tensor<?x?x16x128xbf16> {
  %o, %s = gate.linear_scan %q, %k, %v decay(%g)
    : (tensor<?x?x16x256xbf16>, tensor<?x?x16x256xbf16>, tensor<?x?x16x128xbf16>, tensor<?x?x16x256xf32>)
    -> (tensor<?x?x16x128xbf16>, tensor<?x16x256x128xf32>)
  return %o : tensor<?x?x16x128xbf16>
}

// A state of 256 by 256 in four pieces; one constant for each new head.
// CHECK-LABEL: func.func @wide(
// CHECK:         gate.linear_scan
// CHECK-SAME:      decay_constants = array<f64: -1.000000e+00, -1.000000e+00, -1.000000e+00, -1.000000e+00, -2.000000e+00,
// CHECK-SAME:      -> (tensor<?x?x8x64xbf16>, tensor<?x8x256x64xf32>)
func.func @wide(%q: tensor<?x?x2x256xbf16>, %k: tensor<?x?x2x256xbf16>, %v: tensor<?x?x2x256xbf16>) -> tensor<?x?x2x256xbf16> {
  %o, %s = gate.linear_scan %q, %k, %v {decay_constants = array<f64: -1.0, -2.0>}
    : (tensor<?x?x2x256xbf16>, tensor<?x?x2x256xbf16>, tensor<?x?x2x256xbf16>)
    -> (tensor<?x?x2x256xbf16>, tensor<?x2x256x256xf32>)
  return %o : tensor<?x?x2x256xbf16>
}

// The last state would have to be put together again.
// CHECK-LABEL: func.func @state(
// CHECK-NOT:     tensor.expand_shape
// CHECK:         gate.linear_scan
// CHECK-SAME:      -> (tensor<?x?x16x256xbf16>, tensor<?x16x256x256xf32>)
func.func @state(%q: tensor<?x?x16x256xbf16>, %k: tensor<?x?x16x256xbf16>, %v: tensor<?x?x16x256xbf16>) -> (tensor<?x?x16x256xbf16>, tensor<?x16x256x256xf32>) {
  %o, %s = gate.linear_scan %q, %k, %v
    : (tensor<?x?x16x256xbf16>, tensor<?x?x16x256xbf16>, tensor<?x?x16x256xbf16>)
    -> (tensor<?x?x16x256xbf16>, tensor<?x16x256x256xf32>)
  return %o, %s : tensor<?x?x16x256xbf16>, tensor<?x16x256x256xf32>
}
