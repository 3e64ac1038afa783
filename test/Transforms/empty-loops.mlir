// An op with a loop of no iterations is what it starts from, on every machine.
// RUN: gate-opt --gate-tile-parallel %s | FileCheck %s
// RUN: gate-opt --gate-form-kernels %s | FileCheck %s
// RUN: gate-opt --gate-pack-products %s | FileCheck %s

// CHECK-LABEL: func.func @width(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x0xf32>, %[[ROOM:[^:]*]]: tensor<?x0xf32>
// CHECK-NEXT:    return %[[ROOM]]
#id = affine_map<(i, j) -> (i, j)>
func.func @width(%x: tensor<?x0xf32>, %room: tensor<?x0xf32>) -> tensor<?x0xf32> {
  %y = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x0xf32>) outs(%room : tensor<?x0xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.addf %a, %a : f32
    linalg.yield %0 : f32
  } -> tensor<?x0xf32>
  return %y : tensor<?x0xf32>
}

// A sum of nothing leaves what was there.
// CHECK-LABEL: func.func @depth(
// CHECK-SAME:    %[[ACC:[^:]*]]: tensor<64x64xf32>)
// CHECK-NEXT:    return %[[ACC]]
func.func @depth(%a: tensor<64x0xf32>, %b: tensor<0x64xf32>, %acc: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %y = linalg.matmul ins(%a, %b : tensor<64x0xf32>, tensor<0x64xf32>) outs(%acc : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %y : tensor<64x64xf32>
}

// CHECK-LABEL: func.func @sum(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x0x70000xf32>, %[[S:[^:]*]]: tensor<?x70000xf32>)
// CHECK-NEXT:    return %[[S]]
func.func @sum(%x: tensor<?x0x70000xf32>, %s: tensor<?x70000xf32>) -> tensor<?x70000xf32> {
  %y = linalg.reduce ins(%x : tensor<?x0x70000xf32>) outs(%s : tensor<?x70000xf32>) dimensions = [1] (%a: f32, %b: f32) {
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  }
  return %y : tensor<?x70000xf32>
}
