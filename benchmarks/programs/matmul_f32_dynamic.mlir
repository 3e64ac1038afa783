// c = a b at any size; the right side is packed in every call.
func.func @matmul(%a: tensor<?x?xf32> {gate.name = "a", gate.dims = ["M", "K"]},
                  %b: tensor<?x?xf32> {gate.name = "b", gate.dims = ["K", "N"]})
    -> (tensor<?x?xf32> {gate.name = "c", gate.dims = ["M", "N"]}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %M = tensor.dim %a, %c0 : tensor<?x?xf32>
  %N = tensor.dim %b, %c1 : tensor<?x?xf32>
  %room = tensor.empty(%M, %N) : tensor<?x?xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x?xf32>) -> tensor<?x?xf32>
  %c = linalg.matmul ins(%a, %b : tensor<?x?xf32>, tensor<?x?xf32>) outs(%acc : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %c : tensor<?x?xf32>
}
