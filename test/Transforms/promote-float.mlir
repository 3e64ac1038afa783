// RUN: gate-opt --gate-promote-float --split-input-file %s | FileCheck %s --implicit-check-not=f16 --implicit-check-not=f32

// CHECK-LABEL: func.func @signature(
// CHECK-SAME:    %[[X:.*]]: tensor<4xf64>, %[[V:.*]]: vector<2xf64>, %{{.*}}: tensor<4xi32>, %{{.*}}: i1)
// CHECK-SAME:    -> (tensor<4xf64>, vector<2xf64>)
// CHECK:         return %[[X]], %[[V]] : tensor<4xf64>, vector<2xf64>
func.func @signature(%x: tensor<4xbf16>, %v: vector<2xf16>, %i: tensor<4xi32>, %b: i1) -> (tensor<4xbf16>, vector<2xf16>) {
  return %x, %v : tensor<4xbf16>, vector<2xf16>
}

// -----

// 0.1 in bf16 is 0.10009765625, and stays that.
// CHECK-LABEL: func.func @constants(
// CHECK-DAG:     arith.constant dense<[0.10009765625, 1.000000e+00]> : tensor<2xf64>
// CHECK-DAG:     arith.constant 5.000000e-01 : f64
// CHECK-DAG:     arith.constant 0xFFF0000000000000 : f64
// CHECK-DAG:     arith.constant dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf64>
// CHECK-NOT:     dense_resource
func.func @constants() -> (tensor<2xbf16>, f32, f16, tensor<2xf32>) {
  %a = arith.constant dense<[0.1, 1.0]> : tensor<2xbf16>
  %b = arith.constant 0.5 : f32
  %c = arith.constant 0xFC00 : f16
  %d = arith.constant dense_resource<weights> : tensor<2xf32>
  return %a, %b, %c, %d : tensor<2xbf16>, f32, f16, tensor<2xf32>
}
{-# dialect_resources: { builtin: { weights: "0x040000000000803F00000040" } } #-}

// -----

// Conversions between floats are gone, also inside of regions.
// CHECK-LABEL: func.func @conversions(
// CHECK-NOT:     extf
// CHECK-NOT:     truncf
// CHECK:         linalg.generic {{.*}} ins(%{{.*}} : tensor<4xf64>) outs(%{{.*}} : tensor<4xf64>)
// CHECK-NEXT:    ^bb0(%[[X:.*]]: f64, %{{.*}}: f64):
// CHECK-NEXT:      %[[Y:.*]] = math.exp %[[X]] : f64
// CHECK-NEXT:      linalg.yield %[[Y]] : f64
func.func @conversions(%x: tensor<4xbf16>) -> tensor<4xbf16> {
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<4xbf16>) outs(%x : tensor<4xbf16>) {
  ^bb0(%a: bf16, %b: bf16):
    %wide = arith.extf %a : bf16 to f32
    %e = math.exp %wide : f32
    %narrow = arith.truncf %e : f32 to bf16
    linalg.yield %narrow : bf16
  } -> tensor<4xbf16>
  return %y : tensor<4xbf16>
}

// -----

// Integers and what is f64 already do not change.
// CHECK-LABEL: func.func @others(
// CHECK-NEXT:    %[[C:.*]] = arith.constant dense<[1, 2]> : tensor<2xi8>
// CHECK-NEXT:    %[[D:.*]] = arith.constant 1.000000e-01 : f64
// CHECK-NEXT:    %[[E:.*]] = arith.sitofp {{.*}} : i32 to f64
// CHECK-NEXT:    return %[[C]], %[[D]], %[[E]] : tensor<2xi8>, f64, f64
func.func @others(%i: i32) -> (tensor<2xi8>, f64, f64) {
  %c = arith.constant dense<[1, 2]> : tensor<2xi8>
  %d = arith.constant 0.1 : f64
  %e = arith.sitofp %i : i32 to f64
  return %c, %d, %e : tensor<2xi8>, f64, f64
}
