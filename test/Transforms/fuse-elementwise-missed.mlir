// Why an elementwise op stays apart from its user: on that op.
// RUN: gate-opt %s --split-input-file --gate-fuse-elementwise --remarks-filter-missed=gate-fuse-elementwise --remark-policy=all --verify-diagnostics

#id = affine_map<(i, j) -> (i, j)>
func.func @product(%x: tensor<8x8xf32>, %zero: tensor<8x8xf32>) -> tensor<8x8xf32> {
  // expected-remark @below {{a product would compute it again for every column}}
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x8xf32>) outs(%zero : tensor<8x8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.mulf %e, %e : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  %b = linalg.matmul ins(%a, %x : tensor<8x8xf32>, tensor<8x8xf32>) outs(%zero : tensor<8x8xf32>) -> tensor<8x8xf32>
  return %b : tensor<8x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @broadcast(%x: tensor<8xf32>, %y: tensor<8x8xf32>, %room: tensor<8xf32>, %full: tensor<8x8xf32>) -> tensor<8x8xf32> {
  // expected-remark @below {{its user would compute each element more than once}}
  %a = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%x : tensor<8xf32>) outs(%room : tensor<8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.mulf %e, %e : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %b = linalg.generic {indexing_maps = [#row, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %y : tensor<8xf32>, tensor<8x8xf32>) outs(%full : tensor<8x8xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %0 = arith.mulf %e, %f : f32
    linalg.yield %0 : f32
  } -> tensor<8x8xf32>
  return %b : tensor<8x8xf32>
}

// -----

#id = affine_map<(i) -> (i)>
func.func @twice(%x: tensor<8xf32>, %room: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  // expected-remark @below {{more than one op reads it}}
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%x : tensor<8xf32>) outs(%room : tensor<8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.mulf %e, %e : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  %b = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]}
    ins(%a : tensor<8xf32>) outs(%room : tensor<8xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.negf %e : f32
    linalg.yield %0 : f32
  } -> tensor<8xf32>
  return %a, %b : tensor<8xf32>, tensor<8xf32>
}
