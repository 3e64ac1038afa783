// HGRN's recurrence (arXiv 2311.04823) as any step of a region, any batch and T.
func.func @hgrn(
    %g: tensor<?x?x1024xf32> {gate.name = "g", gate.dims = ["B", "T", "D"]},
    %x: tensor<?x?x1024xf32> {gate.name = "x", gate.dims = ["B", "T", "D"]},
    %h: tensor<?x1024xf32> {gate.name = "h0", gate.dims = ["B", "D"]})
    -> (tensor<?x?x1024xf32> {gate.name = "y", gate.dims = ["B", "T", "D"]},
        tensor<?x1024xf32> {gate.name = "hT", gate.dims = ["B", "D"]}) {
  %y, %last = gate.scan inputs(%g, %x) initial(%h) {
  ^bb0(%gt: tensor<1024xf32>, %xt: tensor<1024xf32>, %s: tensor<1024xf32>):
    %f = math.exp %gt : tensor<1024xf32>
    %p = arith.mulf %f, %s : tensor<1024xf32>
    %n = arith.addf %p, %xt : tensor<1024xf32>
    gate.yield %n, %n : tensor<1024xf32>, tensor<1024xf32>
  } : (tensor<?x?x1024xf32>, tensor<?x?x1024xf32>, tensor<?x1024xf32>) -> (tensor<?x?x1024xf32>, tensor<?x1024xf32>)
  return %y, %last : tensor<?x?x1024xf32>, tensor<?x1024xf32>
}
