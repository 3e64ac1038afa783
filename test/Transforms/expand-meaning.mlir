// RUN: gate-opt --gate-expand-meaning --split-input-file %s | FileCheck %s --implicit-check-not="= gate."

// The value may repeat the gate: its map has constants there.
// CHECK-DAG:   #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   #[[REPEAT:.*]] = affine_map<(d0, d1) -> (d0, 0)>
// CHECK-LABEL: func.func @apply(
// CHECK:         linalg.generic {indexing_maps = [#[[ALL]], #[[REPEAT]], #[[ALL]]]
// CHECK:           math.exp
// CHECK:           arith.divf
func.func @apply(%x: tensor<?x8xf32>, %g: tensor<?x1xf32>) -> tensor<?x8xf32> {
  %y = gate.apply %x, %g {activation = #gate.activation<sigmoid>}
    : (tensor<?x8xf32>, tensor<?x1xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Narrow types are widened for the arithmetic.
// CHECK-LABEL: func.func @glu(
// CHECK:         linalg.generic
// CHECK:           arith.extf {{.*}} : bf16 to f32
// CHECK:           math.erf {{.*}} : f32
// CHECK:           arith.truncf {{.*}} : f32 to bf16
// CHECK:           linalg.yield
func.func @glu(%g: tensor<4x8xbf16>, %x: tensor<4x8xbf16>) -> tensor<4x8xbf16> {
  %y = gate.glu %g, %x {activation = #gate.activation<gelu>}
    : (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<4x8xbf16>
  return %y : tensor<4x8xbf16>
}

// -----

// CHECK-LABEL: func.func @blend(
// CHECK:         linalg.generic
// CHECK:           math.tanh {{.*}} : f64
// CHECK:           arith.subf
// CHECK:           arith.addf
func.func @blend(%g: tensor<8xf64>, %x: tensor<8xf64>) -> tensor<8xf64> {
  %y = gate.blend %g, %x, %g {activation = #gate.activation<tanh>}
    : (tensor<8xf64>, tensor<8xf64>, tensor<8xf64>) -> tensor<8xf64>
  return %y : tensor<8xf64>
}

// -----

// The biased variance: mean first, then the squares about it.
// CHECK-LABEL: func.func @layer_norm(
// CHECK:         linalg.generic {{.*}}"parallel", "reduction"]
// CHECK:         linalg.generic
// CHECK:           arith.divf
// CHECK:         linalg.generic {{.*}}"parallel", "reduction"]
// CHECK:           arith.subf
// CHECK:         linalg.generic
// CHECK:           math.sqrt
func.func @layer_norm(%x: tensor<?x8xf32>, %w: tensor<8xf32>) -> tensor<?x8xf32> {
  %y = gate.norm %x weight(%w) bias(%w) {kind = #gate.norm_kind<layer>, axes = array<i64: 1>, epsilon = 1.0e-05 : f64}
    : (tensor<?x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func.func @group_norm(
// CHECK:         tensor.expand_shape {{.*}} : tensor<?x8xf32> into tensor<?x2x4xf32>
// CHECK:         math.sqrt
// CHECK:         tensor.collapse_shape {{.*}} : tensor<?x2x4xf32> into tensor<?x8xf32>
func.func @group_norm(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = gate.norm %x {kind = #gate.norm_kind<group>, axes = array<i64: 1>, epsilon = 1.0e-05 : f64, groups = 2 : i64}
    : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Every token sees the state and the value in one row.
// CHECK:       #[[SHIFT:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1 + d3, d2)>
// CHECK-LABEL: func.func @short_conv(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?x8xf32>, %[[W:.*]]: tensor<8x4xf32>, %[[S:.*]]: tensor<?x3x8xf32>)
// CHECK:         %[[HALF:.*]] = tensor.insert_slice %[[S]]
// CHECK:         %[[HISTORY:.*]] = tensor.insert_slice %[[X]] into %[[HALF]]
// CHECK:         linalg.generic {indexing_maps = [#[[SHIFT]],
// CHECK-SAME:      ins(%[[HISTORY]], %[[W]]
// CHECK:         tensor.extract_slice %[[HISTORY]]
func.func @short_conv(%x: tensor<?x?x8xf32>, %w: tensor<8x4xf32>, %s: tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>) {
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
  return %y, %last : tensor<?x?x8xf32>, tensor<?x3x8xf32>
}

// -----

// CHECK-LABEL: func.func @gather(
// CHECK-SAME:    %[[TABLE:.*]]: tensor<16x8xf32>, %[[IDS:.*]]: tensor<?xi64>)
// CHECK:         linalg.generic {{.*}} ins(%[[IDS]]
// CHECK:           tensor.extract %[[TABLE]]
func.func @gather(%table: tensor<16x8xf32>, %ids: tensor<?xi64>) -> tensor<?x8xf32> {
  %x = gate.gather %table, %ids : (tensor<16x8xf32>, tensor<?xi64>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

// One loop over tokens; heads of q and k serve several heads of v.
// CHECK:       affine_map<(d0, d1, d2, d3) -> (d0, d1 floordiv 2, d2)>
// CHECK-LABEL: func.func @linear_scan(
// CHECK:         scf.for
// CHECK:           math.exp {{.*}} : f32
// CHECK:           arith.truncf {{.*}} : f32 to bf16
// CHECK:           scf.yield
// CHECK-NOT:     scf.for
// CHECK:         return
func.func @linear_scan(%q: tensor<?x?x2x16xbf16>, %v: tensor<?x?x4x32xbf16>, %g: tensor<?x?x4xf32>) -> (tensor<?x?x4x32xbf16>, tensor<?x4x16x32xf32>) {
  %o, %last = gate.linear_scan %q, %q, %v decay(%g)
    : (tensor<?x?x2x16xbf16>, tensor<?x?x2x16xbf16>, tensor<?x?x4x32xbf16>, tensor<?x?x4xf32>)
    -> (tensor<?x?x4x32xbf16>, tensor<?x4x16x32xf32>)
  return %o, %last : tensor<?x?x4x32xbf16>, tensor<?x4x16x32xf32>
}

// -----

// Ops inside of a step are replaced too.
// CHECK-LABEL: func.func @scan(
// CHECK:         scf.for {{.*}} iter_args(
// CHECK:           scf.for {{.*}} iter_args(
// CHECK:             linalg.generic
// CHECK:             tensor.insert_slice
// CHECK:             tensor.insert_slice
func.func @scan(%x: tensor<?x?x8xf32>, %h0: tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  %h, %last = gate.scan inputs(%x) initial(%h0) {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = gate.apply %xt, %s {activation = #gate.activation<sigmoid>} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %h, %last : tensor<?x?x8xf32>, tensor<?x8xf32>
}

// -----

// The type of the result stays, also where it names fewer sizes.
// CHECK-LABEL: func.func @less_static(
// CHECK:         %[[CAST:.*]] = tensor.cast {{.*}} : tensor<4x8xf32> to tensor<?x8xf32>
// CHECK:         return %[[CAST]]
func.func @less_static(%x: tensor<4x8xf32>) -> tensor<?x8xf32> {
  %y = gate.glu %x, %x {activation = #gate.activation<relu>} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// Other ops are left alone.
// CHECK-LABEL: func.func @others(
// CHECK-NEXT:    linalg.exp
// CHECK-NEXT:    arith.addf
// CHECK-NEXT:    return
func.func @others(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = linalg.exp ins(%x : tensor<8xf32>) outs(%x : tensor<8xf32>) -> tensor<8xf32>
  %z = arith.addf %x, %y : tensor<8xf32>
  return %z : tensor<8xf32>
}

// -----

// The state may name fewer sizes than the value.
// CHECK-LABEL: func.func @short_conv_state(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<2x5x8xf32>, %{{.*}}, %[[S:.*]]: tensor<?x3x8xf32>)
// CHECK:         %[[CAST:.*]] = tensor.cast %[[S]] : tensor<?x3x8xf32> to tensor<2x3x8xf32>
// CHECK:         tensor.insert_slice %[[CAST]]
func.func @short_conv_state(%x: tensor<2x5x8xf32>, %w: tensor<8x4xf32>, %s: tensor<?x3x8xf32>) -> (tensor<2x5x8xf32>, tensor<?x3x8xf32>) {
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<2x5x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<2x5x8xf32>, tensor<?x3x8xf32>)
  return %y, %last : tensor<2x5x8xf32>, tensor<?x3x8xf32>
}

// -----

// Query by query: all scores of the row, masked, their softmax, the sum. Keys
// that count are cut to what there is; the bias is summed from the last key
// down, and a query before the first key keeps nothing.
// CHECK-DAG:   #[[QUERY:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>
// CHECK-DAG:   #[[KEY:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d2, d1 floordiv 2, d3)>
// CHECK-DAG:   #[[VALUE:.*]] = affine_map<(d0, d1, d2, d3) -> (d0, d3, d1 floordiv 2, d2)>
// CHECK-LABEL: func.func @attention(
// CHECK:         %[[COUNTS:.*]] = linalg.generic
// CHECK:           %[[N:.*]] = arith.maxsi %{{.*}}, %{{.*}} : index
// CHECK:           arith.minsi %[[N]], %{{.*}} : index
// CHECK:         scf.for
// CHECK:           linalg.generic {indexing_maps = [#[[QUERY]], #[[KEY]],
// CHECK:           scf.for
// CHECK:             tensor.insert_slice
// CHECK:             linalg.generic
// CHECK:               arith.cmpi sle
// CHECK:               arith.addf
// CHECK:           linalg.generic
// CHECK:             arith.mulf %{{.*}}, %[[SCALE:.*]] : f32
// CHECK:             arith.addf
// CHECK:             arith.cmpi slt
// CHECK:             arith.cmpi sle
// CHECK:             arith.cmpi sgt
// CHECK:             arith.select
// CHECK:           linalg.generic {{.*}}"reduction"]}
// CHECK:             arith.maximumf
// CHECK:           linalg.generic
// CHECK:             math.exp
// CHECK:           linalg.generic {{.*}}"reduction"]}
// CHECK:             arith.addf
// CHECK:           linalg.generic {indexing_maps = [{{.*}}, #[[VALUE]],
// CHECK:           linalg.generic
// CHECK:             arith.divf
// CHECK:             arith.select
// CHECK:             arith.truncf
func.func @attention(%q: tensor<?x9x4x16xbf16>, %k: tensor<?x17x2x16xbf16>, %n: tensor<?xi32>, %g: tensor<?x17x4xf32>, %s: tensor<4xf32>) -> tensor<?x9x4x16xbf16> {
  %o = gate.attention %q, %k, %k lengths(%n) log_gate(%g) sinks(%s) {causal, window = 5 : i64}
    : (tensor<?x9x4x16xbf16>, tensor<?x17x2x16xbf16>, tensor<?x17x2x16xbf16>, tensor<?xi32>, tensor<?x17x4xf32>, tensor<4xf32>) -> tensor<?x9x4x16xbf16>
  return %o : tensor<?x9x4x16xbf16>
}
