// Vector-decay linear attention (GLA), eight heads, K = V = 128, any T.
func.func @scan(
    %q: tensor<?x?x8x128xf32> {gate.name = "q", gate.dims = ["B", "T", "H", "K"]},
    %k: tensor<?x?x8x128xf32> {gate.name = "k", gate.dims = ["B", "T", "H", "K"]},
    %v: tensor<?x?x8x128xf32> {gate.name = "v", gate.dims = ["B", "T", "H", "V"]},
    %g: tensor<?x?x8x128xf32> {gate.name = "g", gate.dims = ["B", "T", "H", "K"]},
    %s: tensor<?x8x128x128xf32> {gate.name = "s0", gate.dims = ["B", "H", "K", "V"]})
    -> (tensor<?x?x8x128xf32> {gate.name = "o", gate.dims = ["B", "T", "H", "V"]},
        tensor<?x8x128x128xf32> {gate.name = "sT", gate.dims = ["B", "H", "K", "V"]}) {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s) {scale = 0.08838834764831845 : f64}
    : (tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>, tensor<?x8x128x128xf32>)
    -> (tensor<?x?x8x128xf32>, tensor<?x8x128x128xf32>)
  return %o, %last : tensor<?x?x8x128xf32>, tensor<?x8x128x128xf32>
}
