// RUN: gate-opt --gate-pack-products --split-input-file --verify-diagnostics %s

func.func @panel(%a: tensor<64x64xf32>) -> tensor<64x64xf32> {
  // expected-error@+1 {{expects panel to be a number of at least 1, got 0}}
  %r = linalg.matmul {gate.schedule = #gate.schedule<{panel = 0}>}
    ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// -----

func.func @form(%a: tensor<64x64xf32>) -> tensor<64x64xf32> {
  // expected-error@+1 {{expects form to be "packed" or "few_rows", got "fast"}}
  %r = linalg.matmul {gate.schedule = #gate.schedule<{form = "fast"}>}
    ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// -----

func.func @size(%a: tensor<64x64xf32>) -> tensor<64x64xf32> {
  // expected-error@+1 {{unknown size 'time' in a guard for product; expects one of rows, columns, depth or a dim that gate.dims of an argument names}}
  %r = linalg.matmul {gate.schedule = #gate.schedule<when "time" lt 3 {panel = 16}, {panel = 64}>}
    ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}
