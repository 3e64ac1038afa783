// RUN: gate-opt --gate-form-kernels --verify-diagnostics --split-input-file %s

func.func @long(%x: tensor<8x20000xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects a reduction over at most 16384 elements of static size for a GPU kernel, got 32768 (0: a size known only at the call)}}
  %s = linalg.reduce {arith.addf} ins(%x : tensor<8x20000xf32>) outs(%y : tensor<8xf32>) dimensions = [1]
  return %s : tensor<8xf32>
}

// -----

func.func @unknown(%x: tensor<8x?xf32>, %y: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expects a reduction over at most 16384 elements of static size for a GPU kernel, got 0 (0: a size known only at the call)}}
  %s = linalg.reduce {arith.addf} ins(%x : tensor<8x?xf32>) outs(%y : tensor<8xf32>) dimensions = [1]
  return %s : tensor<8xf32>
}

// -----

func.func @whole(%x: tensor<64xf32>, %y: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{expects at least one parallel loop in an op that becomes a GPU kernel}}
  %s = linalg.reduce {arith.addf} ins(%x : tensor<64xf32>) outs(%y : tensor<f32>) dimensions = [0]
  return %s : tensor<f32>
}

// -----

// Nor one element without any loop.
func.func @scalar(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @below {{expects at least one parallel loop in an op that becomes a GPU kernel}}
  %y = linalg.exp ins(%x : tensor<f32>) outs(%x : tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}
