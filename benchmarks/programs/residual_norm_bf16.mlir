// A residual sum and its RMS norm, both results kept, on rows of 2048.
func.func @residual_norm(
    %x: tensor<?x2048xbf16> {gate.name = "x", gate.dims = ["N", "d"]},
    %r: tensor<?x2048xbf16> {gate.name = "r", gate.dims = ["N", "d"]},
    %w: tensor<2048xbf16> {gate.name = "w", gate.dims = ["d"]})
    -> (tensor<?x2048xbf16> {gate.name = "h", gate.dims = ["N", "d"]},
        tensor<?x2048xbf16> {gate.name = "y", gate.dims = ["N", "d"]}) {
  %h = arith.addf %x, %r : tensor<?x2048xbf16>
  %y = gate.norm %h weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-6 : f64}
    : (tensor<?x2048xbf16>, tensor<2048xbf16>) -> tensor<?x2048xbf16>
  return %h, %y : tensor<?x2048xbf16>, tensor<?x2048xbf16>
}
