// c = a b, 1024 x 1024 x 1024; the right side is a parameter, which a caller can
// have packed before.
func.func @matmul(%a: tensor<1024x1024xf32> {gate.name = "a"}, %b: tensor<1024x1024xf32> {gate.parameter = "b"})
    -> (tensor<1024x1024xf32> {gate.name = "c"}) {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<1024x1024xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  %c = linalg.matmul ins(%a, %b : tensor<1024x1024xf32>, tensor<1024x1024xf32>) outs(%acc : tensor<1024x1024xf32>) -> tensor<1024x1024xf32>
  return %c : tensor<1024x1024xf32>
}
