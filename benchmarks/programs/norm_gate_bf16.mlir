// RMS norm with weight, then a SiLU gate, on rows of 2048.
func.func @norm_gate(
    %x: tensor<?x2048xbf16> {gate.name = "x", gate.dims = ["N", "d"]},
    %g: tensor<?x2048xbf16> {gate.name = "g", gate.dims = ["N", "d"]},
    %w: tensor<2048xbf16> {gate.name = "w", gate.dims = ["d"]})
    -> (tensor<?x2048xbf16> {gate.name = "y", gate.dims = ["N", "d"]}) {
  %n = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-6 : f64}
    : (tensor<?x2048xbf16>, tensor<2048xbf16>) -> tensor<?x2048xbf16>
  %y = gate.glu %g, %n {activation = #gate.activation<silu>}
    : (tensor<?x2048xbf16>, tensor<?x2048xbf16>) -> tensor<?x2048xbf16>
  return %y : tensor<?x2048xbf16>
}
