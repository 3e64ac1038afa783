// Bodies and layouts that vectors do not fit, at each width of a register.
// RUN: gatec verify %s | FileCheck %s
// RUN: gatec verify %s --target=cpu:x86-64-v3 | FileCheck %s
// RUN: gatec verify %s --target=cpu:x86-64 | FileCheck %s

// CHECK: diagonal {{.*}} ok
// CHECK: column_of_row {{.*}} ok
// CHECK: transposed {{.*}} ok
// CHECK: transposed_double {{.*}} ok
func.func @diagonal(%a: tensor<17x17xf32>) -> (tensor<17xf32> {gate.name = "y"}) {
  %room = tensor.empty() : tensor<17xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%room : tensor<17xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %x = tensor.extract %a[%i, %i] : tensor<17x17xf32>
    linalg.yield %x : f32
  } -> tensor<17xf32>
  return %y : tensor<17xf32>
}

func.func @column_of_row(%a: tensor<2x17xf32>, %rows: tensor<17xi1>) -> (tensor<17xf32> {gate.name = "y"}) {
  %room = tensor.empty() : tensor<17xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%rows : tensor<17xi1>) outs(%room : tensor<17xf32>) {
  ^bb0(%r: i1, %o: f32):
    %i = linalg.index 0 : index
    %row = arith.index_castui %r : i1 to index
    %x = tensor.extract %a[%row, %i] : tensor<2x17xf32>
    linalg.yield %x : f32
  } -> tensor<17xf32>
  return %y : tensor<17xf32>
}

func.func @transposed(%x: tensor<?x19xf32> {gate.dims = ["N", ""]}) -> (tensor<19x?xf32> {gate.name = "y", gate.dims = ["", "N"]}) {
  %c0 = arith.constant 0 : index
  %N = tensor.dim %x, %c0 : tensor<?x19xf32>
  %room = tensor.empty(%N) : tensor<19x?xf32>
  %y = linalg.transpose ins(%x : tensor<?x19xf32>) outs(%room : tensor<19x?xf32>) permutation = [1, 0]
  return %y : tensor<19x?xf32>
}

func.func @transposed_double(%x: tensor<?x19xf64> {gate.dims = ["N", ""]}) -> (tensor<19x?xf64> {gate.name = "y", gate.dims = ["", "N"]}) {
  %c0 = arith.constant 0 : index
  %N = tensor.dim %x, %c0 : tensor<?x19xf64>
  %room = tensor.empty(%N) : tensor<19x?xf64>
  %y = linalg.transpose ins(%x : tensor<?x19xf64>) outs(%room : tensor<19x?xf64>) permutation = [1, 0]
  return %y : tensor<19x?xf64>
}
