// More named dims than most programs have, with temporaries that depend on all;
// and a width of 0, whose sums have no terms.
// RUN: gatec verify %s --set A=1 --set B=3 --set C=2 --set D=5 | FileCheck %s
// RUN: gatec bench %s --repeats=1 --threads=1 | FileCheck %s --check-prefix=BENCH

// CHECK: four {{.*}} ok
// CHECK: five {{.*}} ok
// CHECK: none y {{.*}} ok
// CHECK: none z {{.*}} ok
// BENCH: four {{.*}} ms
// BENCH: five {{.*}} ms
func.func @four(%x: tensor<?x?x?x?xf32> {gate.name = "x", gate.dims = ["A", "B", "C", "D"]}) -> (tensor<?x?x?x?xf32> {gate.name = "y", gate.dims = ["A", "B", "C", "D"]}) {
  %z = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 3>, epsilon = 1.0e-6 : f64} : (tensor<?x?x?x?xf32>) -> tensor<?x?x?x?xf32>
  %y = arith.addf %z, %x : tensor<?x?x?x?xf32>
  return %y : tensor<?x?x?x?xf32>
}

func.func @five(%x: tensor<?x?x?x?x?xf32> {gate.name = "x", gate.dims = ["A", "B", "C", "D", "E"]}) -> (tensor<?x?x?x?x?xf32> {gate.name = "y", gate.dims = ["A", "B", "C", "D", "E"]}) {
  %z = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 3, 4>, epsilon = 1.0e-6 : f64} : (tensor<?x?x?x?x?xf32>) -> tensor<?x?x?x?x?xf32>
  %y = arith.addf %z, %x : tensor<?x?x?x?x?xf32>
  return %y : tensor<?x?x?x?x?xf32>
}

func.func @none(%x: tensor<?x0xf32> {gate.name = "x", gate.dims = ["A", ""]}, %w: tensor<0x32xf32> {gate.parameter = "w"}, %acc: tensor<?x32xf32> {gate.name = "acc", gate.dims = ["A", ""]})
    -> (tensor<?x0xf32> {gate.name = "y", gate.dims = ["A", ""]}, tensor<?x32xf32> {gate.name = "z", gate.dims = ["A", ""]}) {
  %n = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-6 : f64} : (tensor<?x0xf32>) -> tensor<?x0xf32>
  %y = arith.addf %n, %x : tensor<?x0xf32>
  %z = linalg.matmul ins(%x, %w : tensor<?x0xf32>, tensor<0x32xf32>) outs(%acc : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y, %z : tensor<?x0xf32>, tensor<?x32xf32>
}
