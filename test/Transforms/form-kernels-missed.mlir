// What a kernel does not take in, and why: on the op that stays apart.
// RUN: gate-opt %s --split-input-file --gate-form-kernels --remarks-filter-missed=gate-form-kernels --remark-policy=all --verify-diagnostics

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
func.func @tiles(%x: tensor<64x8192xf32>, %w: tensor<8192xf32>, %room: tensor<8192xf32>,
                 %full: tensor<64x8192xf32>) -> tensor<64x8192xf32> {
  // One row of the user's tile reads all of it.
  // expected-remark @below {{a tile would need more than one tile of it}}
  %a = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%w : tensor<8192xf32>) outs(%room : tensor<8192xf32>) {
  ^bb0(%e: f32, %o: f32):
    %0 = arith.mulf %e, %e : f32
    linalg.yield %0 : f32
  } -> tensor<8192xf32>
  %b = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %a : tensor<64x8192xf32>, tensor<8192xf32>) outs(%full : tensor<64x8192xf32>) {
  ^bb0(%e: f32, %f: f32, %o: f32):
    %0 = arith.mulf %e, %f : f32
    linalg.yield %0 : f32
  } -> tensor<64x8192xf32>
  return %b : tensor<64x8192xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
func.func @order(%x: tensor<64x64xbf16>, %zero: tensor<64x64xf32>, %room: tensor<64x64xbf16>) -> tensor<64x64xf32> {
  // A product of 64 columns reads each element of its left side once only where
  // its tile is as wide as the result, which is not looked at.
  // expected-remark @below {{a tile would need more than one tile of it}}
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<64x64xbf16>) outs(%room : tensor<64x64xbf16>) {
  ^bb0(%e: bf16, %o: bf16):
    %0 = arith.mulf %e, %e : bf16
    linalg.yield %0 : bf16
  } -> tensor<64x64xbf16>
  %b = linalg.matmul ins(%a, %x : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%zero : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %b : tensor<64x64xf32>
}
