// Mamba-2 (arXiv 2405.21060), eight heads, N = 128, P = 64, any T.
func.func @mamba2(
    %q: tensor<?x?x8x128xf32> {gate.name = "q", gate.dims = ["B", "T", "H", "K"]},
    %k: tensor<?x?x8x128xf32> {gate.name = "k", gate.dims = ["B", "T", "H", "K"]},
    %v: tensor<?x?x8x64xf32> {gate.name = "v", gate.dims = ["B", "T", "H", "V"]},
    %g: tensor<?x?x8xf32> {gate.name = "g", gate.dims = ["B", "T", "H"]})
    -> (tensor<?x?x8x64xf32> {gate.name = "o", gate.dims = ["B", "T", "H", "V"]}) {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) {scale = 0.08838834764831845 : f64}
    : (tensor<?x?x8x128xf32>, tensor<?x?x8x128xf32>, tensor<?x?x8x64xf32>, tensor<?x?x8xf32>)
    -> (tensor<?x?x8x64xf32>, tensor<?x8x128x64xf32>)
  return %o : tensor<?x?x8x64xf32>
}
