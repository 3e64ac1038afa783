// RUN: gate-opt --gate-derive-step --verify-diagnostics %s | FileCheck %s

// Without `required` the function stays alone, and the pass says why.
// CHECK-LABEL: func.func @forward(
// CHECK-NOT:   func.func
func.func @forward(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-remark@+1 {{no step is derived: 'gate.norm' normalises over time}}
  %y = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64}
    : (tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}
