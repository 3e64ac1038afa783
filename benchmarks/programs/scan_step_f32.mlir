// One token of vector-decay linear attention, sixteen heads, K = V = 128.
func.func @step(
    %q: tensor<?x16x128xf32> {gate.name = "q", gate.dims = ["B", "H", "K"]},
    %k: tensor<?x16x128xf32> {gate.name = "k", gate.dims = ["B", "H", "K"]},
    %v: tensor<?x16x128xf32> {gate.name = "v", gate.dims = ["B", "H", "V"]},
    %g: tensor<?x16x128xf32> {gate.name = "g", gate.dims = ["B", "H", "K"]},
    %s: tensor<?x16x128x128xf32> {gate.state = "s", gate.dims = ["B", "H", "K", "V"]})
    -> (tensor<?x16x128xf32> {gate.name = "o", gate.dims = ["B", "H", "V"]},
        tensor<?x16x128x128xf32> {gate.state = "s", gate.dims = ["B", "H", "K", "V"]}) {
  %c0 = arith.constant 0 : index
  %B = tensor.dim %q, %c0 : tensor<?x16x128xf32>
  %q1 = tensor.expand_shape %q [[0, 1], [2], [3]] output_shape [%B, 1, 16, 128] : tensor<?x16x128xf32> into tensor<?x1x16x128xf32>
  %k1 = tensor.expand_shape %k [[0, 1], [2], [3]] output_shape [%B, 1, 16, 128] : tensor<?x16x128xf32> into tensor<?x1x16x128xf32>
  %v1 = tensor.expand_shape %v [[0, 1], [2], [3]] output_shape [%B, 1, 16, 128] : tensor<?x16x128xf32> into tensor<?x1x16x128xf32>
  %g1 = tensor.expand_shape %g [[0, 1], [2], [3]] output_shape [%B, 1, 16, 128] : tensor<?x16x128xf32> into tensor<?x1x16x128xf32>
  %o1, %last = gate.linear_scan %q1, %k1, %v1 decay(%g1) initial(%s) {scale = 0.08838834764831845 : f64}
    : (tensor<?x1x16x128xf32>, tensor<?x1x16x128xf32>, tensor<?x1x16x128xf32>, tensor<?x1x16x128xf32>, tensor<?x16x128x128xf32>)
    -> (tensor<?x1x16x128xf32>, tensor<?x16x128x128xf32>)
  %o = tensor.collapse_shape %o1 [[0, 1], [2], [3]] : tensor<?x1x16x128xf32> into tensor<?x16x128xf32>
  return %o, %last : tensor<?x16x128xf32>, tensor<?x16x128x128xf32>
}
