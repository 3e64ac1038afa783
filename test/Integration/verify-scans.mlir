// Every decay of a linear scan in both directions against the f64 oracle: one
// token, few, an odd number, one more than a chunk.
// RUN: gatec verify %s --set B=1 --set T=1
// RUN: gatec verify %s --set B=3 --set T=5
// RUN: gatec verify %s --set B=2 --set T=63
// RUN: gatec verify %s --set B=2 --set T=129 | FileCheck %s

// CHECK: vector_decay {{.*}} ok
// CHECK: scalar_decay {{.*}} ok
// CHECK: constant_decay {{.*}} ok
// CHECK: undecayed {{.*}} ok
// CHECK: reverse {{.*}} ok
// CHECK: narrow {{.*}} ok
// CHECK: region {{.*}} ok

func.func @vector_decay(
    %q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %v: tensor<?x?x2x24xf32> {gate.dims = ["B", "T", "", ""]},
    %x: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %s: tensor<?x2x16x24xf32> {gate.dims = ["B", "", "", ""]})
    -> (tensor<?x?x2x24xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x2x16x24xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %g = gate.apply %x, %x {activation = #gate.activation<identity>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> tensor<?x?x2x16xf32>
  %n = arith.negf %g : tensor<?x?x2x16xf32>
  %o, %last = gate.linear_scan %q, %q, %v decay(%n) initial(%s) {scale = 0.25 : f64}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x24xf32>, tensor<?x?x2x16xf32>, tensor<?x2x16x24xf32>)
    -> (tensor<?x?x2x24xf32>, tensor<?x2x16x24xf32>)
  return %o, %last : tensor<?x?x2x24xf32>, tensor<?x2x16x24xf32>
}

func.func @scalar_decay(
    %q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %x: tensor<?x?x2xf32> {gate.dims = ["B", "T", ""]})
    -> (tensor<?x?x2x16xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x2x16x16xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %s = arith.mulf %x, %x : tensor<?x?x2xf32>
  %n = arith.negf %s : tensor<?x?x2xf32>
  %o, %last = gate.linear_scan %q, %q, %q decay(%n)
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>
}

// No decay, an ordinary one and a reset at every token.
func.func @constant_decay(%q: tensor<?x?x3x16xf32> {gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x3x16xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x3x16x16xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %q, %q {decay_constants = array<f64: 0.0, -0.125, 0xFFF0000000000000>}
    : (tensor<?x?x3x16xf32>, tensor<?x?x3x16xf32>, tensor<?x?x3x16xf32>) -> (tensor<?x?x3x16xf32>, tensor<?x3x16x16xf32>)
  return %o, %last : tensor<?x?x3x16xf32>, tensor<?x3x16x16xf32>
}

// One head of q and k serves four of v.
func.func @undecayed(
    %q: tensor<?x?x1x16xf32> {gate.dims = ["B", "T", "", ""]}, %v: tensor<?x?x4x8xf32> {gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x4x8xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x4x16x8xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %q, %v
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x4x8xf32>) -> (tensor<?x?x4x8xf32>, tensor<?x4x16x8xf32>)
  return %o, %last : tensor<?x?x4x8xf32>, tensor<?x4x16x8xf32>
}

func.func @reverse(%q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x2x16xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x2x16x16xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %q, %q {reverse, decay_constants = array<f64: -0.5, -0.01>}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>
}

func.func @narrow(%q: tensor<?x?x2x16xbf16> {gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x2x16xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x2x16x16xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %q, %q {decay_constants = array<f64: -0.5, -0.125>}
    : (tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>) -> (tensor<?x?x2x16xbf16>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xbf16>, tensor<?x2x16x16xf32>
}

func.func @region(
    %x: tensor<?x?x8xf32> {gate.dims = ["B", "T", ""]}, %h0: tensor<?x8xf32> {gate.dims = ["B", ""]})
    -> (tensor<?x?x8xf32> {gate.name = "h", gate.dims = ["B", "T", ""]}, tensor<?x8xf32> {gate.name = "last", gate.dims = ["B", ""]}) {
  %h, %last = gate.scan inputs(%x) initial(%h0) {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = gate.blend %xt, %s, %xt {activation = #gate.activation<sigmoid>}
      : (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %h, %last : tensor<?x?x8xf32>, tensor<?x8xf32>
}
