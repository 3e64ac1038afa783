// Each number is followed by its negative and by zero: plain loops sum to zero
// exactly. Sums over lanes mix different numbers and do not: verify says so, and the
// process fails.
// RUN: not gatec verify %s | FileCheck %s
// RUN: not gatec verify %s --json | FileCheck %s --check-prefix=JSON
// RUN: gatec verify %s --entry=negative --json | FileCheck %s --check-prefix=PASSED

// CHECK: errors against f64, in units of the result's RMS
// CHECK: negative {{.*}} f32 max 0.0e+00 rms 0.0e+00 plain loop max 0.0e+00 rms 0.0e+00 ok
// CHECK: cancelling {{.*}} f32 {{.*}} plain loop max 0.0e+00 rms 0.0e+00 MISS

// JSON:      [{"fast":{"max":0,"mismatches":0,"rms":0},"function":"negative","passed":true,"plain":{"max":0,"mismatches":0,"rms":0},"result":"y","type":"float32"}
// JSON-SAME: "function":"cancelling","passed":false,

// PASSED:     "function":"negative","passed":true
// PASSED-NOT: "function":"cancelling"
func.func @negative(%x: tensor<8xf32>) -> (tensor<8xf32> {gate.name = "y"}) {
  %y = arith.negf %x : tensor<8xf32>
  return %y : tensor<8xf32>
}

func.func @cancelling(%x: tensor<8x256xf32>) -> (tensor<8xf32> {gate.name = "y"}) {
  %start = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<8x256x3xf32>
  %pairs = linalg.generic {indexing_maps = [affine_map<(i, j, v) -> (i, j)>, affine_map<(i, j, v) -> (i, j, v)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%x : tensor<8x256xf32>) outs(%room : tensor<8x256x3xf32>) {
  ^bb0(%a: f32, %o: f32):
    %v = linalg.index 2 : index
    %none = arith.constant 0 : index
    %one = arith.constant 1 : index
    %zero = arith.constant 0.0 : f32
    %large = arith.constant 1024.0 : f32
    %isFirst = arith.cmpi eq, %v, %none : index
    %isSecond = arith.cmpi eq, %v, %one : index
    %b = arith.mulf %a, %large : f32
    %n = arith.negf %b : f32
    %rest = arith.select %isSecond, %n, %zero : f32
    %r = arith.select %isFirst, %b, %rest : f32
    linalg.yield %r : f32
  } -> tensor<8x256x3xf32>
  %flat = tensor.collapse_shape %pairs [[0], [1, 2]] : tensor<8x256x3xf32> into tensor<8x768xf32>
  %out = tensor.empty() : tensor<8xf32>
  %first = linalg.fill ins(%start : f32) outs(%out : tensor<8xf32>) -> tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%flat : tensor<8x768xf32>) outs(%first : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %r = arith.addf %a, %o : f32
    linalg.yield %r : f32
  } -> tensor<8xf32>
  return %y : tensor<8xf32>
}
