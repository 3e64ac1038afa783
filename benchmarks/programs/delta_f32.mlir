// Gated delta rule (arXiv 2412.06464), eight heads, K = V = 128, any T.
func.func @delta(
    %q: tensor<?x?x8x128xf32> {gate.name = "q", gate.dims = ["B", "T", "H", "K"]},
    %k: tensor<?x?x8x128xf32> {gate.name = "k", gate.dims = ["B", "T", "H", "K"]},
    %v: tensor<?x?x8x128xf32> {gate.name = "v", gate.dims = ["B", "T", "H", "V"]},
    %g: tensor<?x?x8xf32> {gate.name = "g", gate.dims = ["B", "T", "H"]},
    %beta: tensor<?x?x8xf32> {gate.name = "beta", gate.dims = ["B", "T", "H"]})
    -> (tensor<?x?x8x128xf32> {gate.name = "o", gate.dims = ["B", "T", "H", "V"]}) {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) beta(%beta) {scale = 0.08838834764831845 : f64, update = #gate.update<delta>}
    : (tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>, tensor<?x?x8xf32>, tensor<?x?x8xf32>)
    -> (tensor<?x?x8x128xf32>, tensor<?x8x128x128xf32>)
  return %o : tensor<?x?x8x128xf32>
}
