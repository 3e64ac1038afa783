// Softmax attention against the f64 oracle: masks, grouped heads, biases, sinks
// and types at more queries than a tile has, and at one.
// python/tests/test_attention.py has more sizes.
// RUN: gatec verify %s --set B=2 --set T=129 --set S=200
// RUN: gatec verify %s --set B=2 --set T=1 --set S=333 | FileCheck %s

// CHECK: causal {{.*}} ok
// CHECK: grouped {{.*}} ok
// CHECK: sinks {{.*}} ok
// CHECK: forgetting {{.*}} ok
// CHECK: lengths {{.*}} ok
// CHECK: bf16 {{.*}} ok
// CHECK: f16 {{.*}} ok
// CHECK: f64 {{.*}} ok
// CHECK: gated_output {{.*}} ok
// CHECK: gated_heads {{.*}} ok

func.func @causal(
    %q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x16xf32> {gate.dims = ["B", "S", "", ""]},
    %v: tensor<?x?x2x24xf32> {gate.dims = ["B", "S", "", ""]})
    -> (tensor<?x?x2x24xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %v {causal}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x24xf32>) -> tensor<?x?x2x24xf32>
  return %o : tensor<?x?x2x24xf32>
}

// Two heads of keys serve six of queries, widths that no vector divides.
func.func @grouped(
    %q: tensor<?x?x6x5xf32> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x5xf32> {gate.dims = ["B", "S", "", ""]},
    %v: tensor<?x?x2x7xf32> {gate.dims = ["B", "S", "", ""]})
    -> (tensor<?x?x6x7xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %v {causal, scale = 0.75 : f64}
    : (tensor<?x?x6x5xf32>, tensor<?x?x2x5xf32>, tensor<?x?x2x7xf32>) -> tensor<?x?x6x7xf32>
  return %o : tensor<?x?x6x7xf32>
}

func.func @sinks(
    %q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x16xf32> {gate.dims = ["B", "S", "", ""]},
    %s: tensor<2xf32>) -> (tensor<?x?x2x16xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k sinks(%s) {causal}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<2xf32>) -> tensor<?x?x2x16xf32>
  return %o : tensor<?x?x2x16xf32>
}

// Gates that forget slowly (as data) and fast, and one that resets.
func.func @forgetting(
    %q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x16xf32> {gate.dims = ["B", "S", "", ""]},
    %x: tensor<?x?x2xf32> {gate.dims = ["B", "S", ""]}, %slow: tensor<?x?x2xf32> {gate.dims = ["B", "S", ""]})
    -> (tensor<?x?x2x16xf32> {gate.name = "fast", gate.dims = ["B", "T", "", ""]},
        tensor<?x?x2x16xf32> {gate.name = "reset", gate.dims = ["B", "T", "", ""]},
        tensor<?x?x2x16xf32> {gate.name = "slow", gate.dims = ["B", "T", "", ""]}) {
  %p = arith.mulf %x, %x : tensor<?x?x2xf32>
  %g = arith.negf %p : tensor<?x?x2xf32>
  %fast = gate.attention %q, %k, %k log_gate(%g) {causal}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %b = tensor.dim %x, %c0 : tensor<?x?x2xf32>
  %t = tensor.dim %x, %c1 : tensor<?x?x2xf32>
  %e = tensor.empty(%b, %t) : tensor<?x?x2xf32>
  %zero = arith.constant 0.0 : f32
  %none = arith.constant 0xFF800000 : f32
  %one = arith.constant 1.0 : f32
  %r = linalg.generic {indexing_maps = [affine_map<(a, b, c) -> (a, b, c)>, affine_map<(a, b, c) -> (a, b, c)>],
      iterator_types = ["parallel", "parallel", "parallel"]} ins(%x : tensor<?x?x2xf32>) outs(%e : tensor<?x?x2xf32>) {
  ^bb0(%in: f32, %out: f32):
    %resets = arith.cmpf ogt, %in, %one : f32
    %gate = arith.select %resets, %none, %zero : f32
    linalg.yield %gate : f32
  } -> tensor<?x?x2xf32>
  %reset = gate.attention %q, %k, %k log_gate(%r) {causal}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32>
  %last = gate.attention %q, %k, %k log_gate(%slow) {causal, window = 80 : i64}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32>
  return %fast, %reset, %last : tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>
}

// No key, one, some, all, more than there are.
func.func @lengths(
    %q: tensor<5x?x2x16xf32> {gate.dims = ["", "T", "", ""]}, %k: tensor<5x?x2x16xf32> {gate.dims = ["", "S", "", ""]},
    %g: tensor<5x?x2xf32> {gate.dims = ["", "S", ""]})
    -> (tensor<5x?x2x16xf32> {gate.name = "all", gate.dims = ["", "T", "", ""]},
        tensor<5x?x2x16xf32> {gate.name = "causal", gate.dims = ["", "T", "", ""]},
        tensor<5x?x2x16xf32> {gate.name = "gated", gate.dims = ["", "T", "", ""]}) {
  %n = arith.constant dense<[0, 1, 37, 64, 1000]> : tensor<5xi32>
  %all = gate.attention %q, %k, %k lengths(%n)
    : (tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5xi32>) -> tensor<5x?x2x16xf32>
  %causal = gate.attention %q, %k, %k lengths(%n) {causal, window = 20 : i64}
    : (tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5xi32>) -> tensor<5x?x2x16xf32>
  %gated = gate.attention %q, %k, %k lengths(%n) log_gate(%g) {causal}
    : (tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5xi32>, tensor<5x?x2xf32>) -> tensor<5x?x2x16xf32>
  return %all, %causal, %gated : tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>, tensor<5x?x2x16xf32>
}

func.func @bf16(
    %q: tensor<?x?x4x64xbf16> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x64xbf16> {gate.dims = ["B", "S", "", ""]},
    %v: tensor<?x?x2x64xbf16> {gate.dims = ["B", "S", "", ""]}, %g: tensor<?x?x4xf32> {gate.dims = ["B", "S", ""]})
    -> (tensor<?x?x4x64xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %v log_gate(%g) {causal}
    : (tensor<?x?x4x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x4xf32>) -> tensor<?x?x4x64xbf16>
  return %o : tensor<?x?x4x64xbf16>
}

func.func @f16(
    %q: tensor<?x?x2x32xf16> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x32xf16> {gate.dims = ["B", "S", "", ""]})
    -> (tensor<?x?x2x32xf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k {window = 100 : i64}
    : (tensor<?x?x2x32xf16>, tensor<?x?x2x32xf16>, tensor<?x?x2x32xf16>) -> tensor<?x?x2x32xf16>
  return %o : tensor<?x?x2x32xf16>
}

func.func @f64(
    %q: tensor<?x?x2x8xf64> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x8xf64> {gate.dims = ["B", "S", "", ""]},
    %s: tensor<2xf64>) -> (tensor<?x?x2x8xf64> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k sinks(%s) {causal}
    : (tensor<?x?x2x8xf64>, tensor<?x?x2x8xf64>, tensor<?x?x2x8xf64>, tensor<2xf64>) -> tensor<?x?x2x8xf64>
  return %o : tensor<?x?x2x8xf64>
}

// A gate on the result, by element and by head, with what makes it.
func.func @gated_output(
    %q: tensor<?x?x4x16xf32> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x16xf32> {gate.dims = ["B", "S", "", ""]},
    %x: tensor<?x?x4x16xf32> {gate.dims = ["B", "T", "", ""]}) -> (tensor<?x?x4x16xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k {causal}
    : (tensor<?x?x4x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> tensor<?x?x4x16xf32>
  %y = gate.apply %o, %x {activation = #gate.activation<sigmoid>} : (tensor<?x?x4x16xf32>, tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32>
  return %y : tensor<?x?x4x16xf32>
}

func.func @gated_heads(
    %q: tensor<?x?x4x16xbf16> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x16xbf16> {gate.dims = ["B", "S", "", ""]},
    %x: tensor<?x?x4x1xbf16> {gate.dims = ["B", "T", "", ""]}) -> (tensor<?x?x4x16xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k
    : (tensor<?x?x4x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>) -> tensor<?x?x4x16xbf16>
  %y = gate.apply %o, %x {activation = #gate.activation<sigmoid>} : (tensor<?x?x4x16xbf16>, tensor<?x?x4x1xbf16>) -> tensor<?x?x4x16xbf16>
  return %y : tensor<?x?x4x16xbf16>
}
