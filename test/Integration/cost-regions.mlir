// What a step of a region costs, at sizes that only the call knows: HGRN.
// RUN: gatec cost %s --set B=4 --set T=100 | FileCheck %s
// CHECK: hgrn
// CHECK: gate.scan
func.func @hgrn(
    %g: tensor<?x?x1024xf32> {gate.dims = ["B", "T", ""]},
    %x: tensor<?x?x1024xf32> {gate.dims = ["B", "T", ""]},
    %h0: tensor<?x1024xf32> {gate.dims = ["B", ""]})
    -> (tensor<?x?x1024xf32> {gate.name = "y", gate.dims = ["B", "T", ""]},
        tensor<?x1024xf32> {gate.name = "h", gate.dims = ["B", ""]}) {
  %y, %h = gate.scan inputs(%g, %x) initial(%h0) {
  ^bb0(%gt: tensor<1024xf32>, %xt: tensor<1024xf32>, %s: tensor<1024xf32>):
    %f = math.exp %gt : tensor<1024xf32>
    %p = arith.mulf %f, %s : tensor<1024xf32>
    %n = arith.addf %p, %xt : tensor<1024xf32>
    gate.yield %n, %n : tensor<1024xf32>, tensor<1024xf32>
  } : (tensor<?x?x1024xf32>, tensor<?x?x1024xf32>, tensor<?x1024xf32>) -> (tensor<?x?x1024xf32>, tensor<?x1024xf32>)
  return %y, %h : tensor<?x?x1024xf32>, tensor<?x1024xf32>
}
