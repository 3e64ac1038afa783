// Gated linear attention over any number of tokens, the state carried from
// call to call. The compiler derives `step`, one token at a time.
func.func @forward(
    %q: tensor<?x?x2x16xf32> {gate.name = "q", gate.dims = ["B", "T", "H", "K"]},
    %k: tensor<?x?x2x16xf32> {gate.name = "k", gate.dims = ["B", "T", "H", "K"]},
    %v: tensor<?x?x2x8xf32> {gate.name = "v", gate.dims = ["B", "T", "H", "V"]},
    %g: tensor<?x?x2x16xf32> {gate.name = "g", gate.dims = ["B", "T", "H", "K"]},
    %s: tensor<?x2x16x8xf32> {gate.state = "memory", gate.dims = ["B", "H", "K", "V"]})
    -> (tensor<?x?x2x8xf32> {gate.name = "o", gate.dims = ["B", "T", "H", "V"]},
        tensor<?x2x16x8xf32> {gate.state = "memory", gate.dims = ["B", "H", "K", "V"]})
    attributes {gate.time = "T"} {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s) {scale = 0.25 : f64}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x8xf32>,
       tensor<?x?x2x16xf32>, tensor<?x2x16x8xf32>)
    -> (tensor<?x?x2x8xf32>, tensor<?x2x16x8xf32>)
  return %o, %last : tensor<?x?x2x8xf32>, tensor<?x2x16x8xf32>
}
