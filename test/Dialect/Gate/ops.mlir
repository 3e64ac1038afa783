// RUN: gate-opt %s | gate-opt | FileCheck %s
// RUN: gate-opt --mlir-print-op-generic %s | gate-opt | FileCheck %s
// RUN: gate-opt --mlir-print-op-generic %s | FileCheck %s --check-prefix=GENERIC

// CHECK-LABEL: func.func @glu(
// CHECK-SAME:    %[[GATE:.*]]: tensor<?x8xf32>, %[[VALUE:.*]]: tensor<?x8xf32>)
// CHECK:         gate.glu %[[GATE]], %[[VALUE]] {activation = #gate.activation<silu>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
// GENERIC:       "gate.glu"({{.*}}) <{activation = #gate.activation<silu>}>
func.func @glu(%gate: tensor<?x8xf32>, %value: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = gate.glu %gate, %value {activation = #gate.activation<silu>}
    : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// Result types may name fewer static sizes than inference finds.
// CHECK-LABEL: func.func @glu_less_static(
// CHECK:         gate.glu {{.*}} : (tensor<4x8xbf16>, tensor<?x8xbf16>) -> tensor<?x?xbf16>
func.func @glu_less_static(%gate: tensor<4x8xbf16>, %value: tensor<?x8xbf16>) -> tensor<?x?xbf16> {
  %y = gate.glu %gate, %value {activation = #gate.activation<gelu>}
    : (tensor<4x8xbf16>, tensor<?x8xbf16>) -> tensor<?x?xbf16>
  return %y : tensor<?x?xbf16>
}

// CHECK-LABEL: func.func @activations(
// CHECK:         #gate.activation<identity>
// CHECK:         #gate.activation<sigmoid>
// CHECK:         #gate.activation<silu>
// CHECK:         #gate.activation<gelu>
// CHECK:         #gate.activation<relu>
// CHECK:         #gate.activation<tanh>
// CHECK:         #gate.activation<softplus>
// CHECK:         #gate.activation<log_sigmoid>
func.func @activations(%x: tensor<4xf64>) -> tensor<4xf64> {
  %a = gate.glu %x, %x {activation = #gate.activation<identity>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %b = gate.glu %a, %x {activation = #gate.activation<sigmoid>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %c = gate.glu %b, %x {activation = #gate.activation<silu>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %d = gate.glu %c, %x {activation = #gate.activation<gelu>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %e = gate.glu %d, %x {activation = #gate.activation<relu>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %f = gate.glu %e, %x {activation = #gate.activation<tanh>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %g = gate.glu %f, %x {activation = #gate.activation<softplus>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  %h = gate.glu %g, %x {activation = #gate.activation<log_sigmoid>} : (tensor<4xf64>, tensor<4xf64>) -> tensor<4xf64>
  return %h : tensor<4xf64>
}

// CHECK-LABEL: func.func @apply(
// CHECK-SAME:    %[[VALUE:.*]]: tensor<?x4x8xf16>, %[[GATE:.*]]: tensor<?x4x1xf16>)
// CHECK:         gate.apply %[[VALUE]], %[[GATE]] {activation = #gate.activation<sigmoid>}
// GENERIC:       "gate.apply"({{.*}}) <{activation = #gate.activation<sigmoid>}>
func.func @apply(%value: tensor<?x4x8xf16>, %gate: tensor<?x4x1xf16>) -> tensor<?x4x8xf16> {
  %y = gate.apply %value, %gate {activation = #gate.activation<sigmoid>}
    : (tensor<?x4x8xf16>, tensor<?x4x1xf16>) -> tensor<?x4x8xf16>
  return %y : tensor<?x4x8xf16>
}

// CHECK-LABEL: func.func @blend(
// CHECK-SAME:    %[[GATE:.*]]: tensor<?x1xf32>, %[[ON:.*]]: tensor<?x8xf32>, %[[OFF:.*]]: tensor<?x8xf32>)
// CHECK:         gate.blend %[[GATE]], %[[ON]], %[[OFF]] {activation = #gate.activation<sigmoid>}
// GENERIC:       "gate.blend"({{.*}}) <{activation = #gate.activation<sigmoid>}>
func.func @blend(%gate: tensor<?x1xf32>, %on: tensor<?x8xf32>, %off: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = gate.blend %gate, %on, %off {activation = #gate.activation<sigmoid>}
    : (tensor<?x1xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @norm(
// CHECK-SAME:    %[[X:.*]]: tensor<?x6x8xf32>, %[[W:.*]]: tensor<8xf32>, %[[B:.*]]: tensor<6x8xf32>)
// CHECK:         gate.norm %[[X]] weight(%[[W]]) {axes = array<i64: 2>, epsilon = {{.*}} : f64, kind = #gate.norm_kind<rms>}
// CHECK:         gate.norm %{{.*}} bias(%[[B]]) {axes = array<i64: 1, 2>, epsilon = {{.*}}, kind = #gate.norm_kind<layer>}
// CHECK:         gate.norm %{{.*}} weight(%[[W]]) bias(%[[W]]) {{.*}}groups = 4 : i64, kind = #gate.norm_kind<group>}
// CHECK:         gate.norm %{{[^ ]*}} {{.*}}kind = #gate.norm_kind<l2>}
// GENERIC:       "gate.norm"({{.*}}) <{axes = array<i64: 2>, epsilon = {{.*}}, groups = 1 : i64, kind = #gate.norm_kind<rms>, operandSegmentSizes = array<i32: 1, 1, 0>}>
func.func @norm(%x: tensor<?x6x8xf32>, %w: tensor<8xf32>, %b: tensor<6x8xf32>) -> tensor<?x6x8xf32> {
  %0 = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-06 : f64}
    : (tensor<?x6x8xf32>, tensor<8xf32>) -> tensor<?x6x8xf32>
  %1 = gate.norm %0 bias(%b) {kind = #gate.norm_kind<layer>, axes = array<i64: 1, 2>, epsilon = 1.0e-05 : f64}
    : (tensor<?x6x8xf32>, tensor<6x8xf32>) -> tensor<?x6x8xf32>
  %2 = gate.norm %1 weight(%w) bias(%w) {kind = #gate.norm_kind<group>, axes = array<i64: 2>, epsilon = 1.0e-05 : f64, groups = 4 : i64}
    : (tensor<?x6x8xf32>, tensor<8xf32>, tensor<8xf32>) -> tensor<?x6x8xf32>
  %3 = gate.norm %2 {kind = #gate.norm_kind<l2>, axes = array<i64: 0>, epsilon = 0.0 : f64}
    : (tensor<?x6x8xf32>) -> tensor<?x6x8xf32>
  return %3 : tensor<?x6x8xf32>
}

// CHECK-LABEL: func.func @short_conv(
// CHECK-SAME:    %[[X:.*]]: tensor<?x?x8xf32>, %[[W:.*]]: tensor<8x4xf32>, %[[B:.*]]: tensor<8xf32>, %[[S:.*]]: tensor<?x3x8xf32>)
// CHECK:         gate.short_conv %[[X]], %[[W]] {activation = #gate.activation<identity>} : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
// CHECK:         gate.short_conv %{{.*}}, %[[W]] bias(%[[B]]) initial(%[[S]]) {activation = #gate.activation<silu>}
// GENERIC:       "gate.short_conv"({{.*}}) <{activation = #gate.activation<identity>, operandSegmentSizes = array<i32: 1, 1, 0, 0>}>
func.func @short_conv(%x: tensor<?x?x8xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>, %s: tensor<?x3x8xf32>)
    -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>) {
  %y, %last = gate.short_conv %x, %w {activation = #gate.activation<identity>}
    : (tensor<?x?x8xf32>, tensor<8x4xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
  %z, %end = gate.short_conv %y, %w bias(%b) initial(%s) {activation = #gate.activation<silu>}
    : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<8xf32>, tensor<?x3x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
  return %z, %end : tensor<?x?x8xf32>, tensor<?x3x8xf32>
}

// A convolution of one tap has a state of no tokens.
// CHECK-LABEL: func.func @short_conv_one_tap(
// CHECK:         gate.short_conv {{.*}} -> (tensor<2x5x8xf32>, tensor<2x0x8xf32>)
func.func @short_conv_one_tap(%x: tensor<2x5x8xf32>, %w: tensor<8x1xf32>) -> tensor<2x5x8xf32> {
  %y, %last = gate.short_conv %x, %w {activation = #gate.activation<silu>}
    : (tensor<2x5x8xf32>, tensor<8x1xf32>) -> (tensor<2x5x8xf32>, tensor<2x0x8xf32>)
  return %y : tensor<2x5x8xf32>
}

// CHECK-LABEL: func.func @gather(
// CHECK-SAME:    %[[TABLE:.*]]: tensor<256x8xf32>, %[[IDS:.*]]: tensor<?x?xi32>)
// CHECK:         gate.gather %[[TABLE]], %[[IDS]] : (tensor<256x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
// GENERIC:       "gate.gather"
func.func @gather(%table: tensor<256x8xf32>, %ids: tensor<?x?xi32>) -> tensor<?x?x8xf32> {
  %x = gate.gather %table, %ids : (tensor<256x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
  return %x : tensor<?x?x8xf32>
}

// CHECK-LABEL: func.func @scan(
// CHECK-SAME:    %[[A:.*]]: tensor<?x?x8xf32>, %[[W:.*]]: tensor<8xf32>, %[[H0:.*]]: tensor<?x8xf32>)
// CHECK:         gate.scan inputs(%[[A]]) invariants(%[[W]]) initial(%[[H0]]) attributes {reverse} {
// CHECK-NEXT:    ^bb0(%[[AT:.*]]: tensor<8xf32>, %{{.*}}: tensor<8xf32>, %[[STATE:.*]]: tensor<8xf32>):
// CHECK:           %[[NEXT:.*]] = arith.addf
// CHECK:           gate.yield %[[NEXT]], %[[NEXT]] : tensor<8xf32>, tensor<8xf32>
// CHECK:         } : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
// GENERIC:       "gate.scan"({{.*}}) <{operandSegmentSizes = array<i32: 1, 1, 1>, reverse}>
// GENERIC:       "gate.yield"
func.func @scan(%a: tensor<?x?x8xf32>, %w: tensor<8xf32>, %h0: tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  %h, %last = gate.scan inputs(%a) invariants(%w) initial(%h0) attributes {reverse} {
  ^bb0(%at: tensor<8xf32>, %wt: tensor<8xf32>, %s: tensor<8xf32>):
    %p = arith.mulf %wt, %s : tensor<8xf32>
    %n = arith.addf %p, %at : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %h, %last : tensor<?x?x8xf32>, tensor<?x8xf32>
}

// A scan may give no outputs, only its state.
// CHECK-LABEL: func.func @scan_state_only(
// CHECK:         gate.scan inputs({{.*}}) initial({{.*}}) {
// CHECK:           gate.yield %{{.*}} : tensor<8xf32>
func.func @scan_state_only(%a: tensor<2x?x8xf32>, %h0: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %last = gate.scan inputs(%a) initial(%h0) {
  ^bb0(%at: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.maximumf %at, %s : tensor<8xf32>
    gate.yield %n : tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> tensor<2x8xf32>
  return %last : tensor<2x8xf32>
}

// CHECK-LABEL: func.func @linear_scan(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<?x?x4x64xf32>, %[[V:[^:]*]]: tensor<?x?x4x128xf32>, %[[S:[^:]*]]: tensor<?x4x64x128xf32>)
// CHECK:         gate.linear_scan %[[Q]], %[[Q]], %[[V]] decay(%[[Q]]) initial(%[[S]]) {scale = 1.250000e-01 : f64}
// GENERIC:       "gate.linear_scan"({{.*}}) <{
// GENERIC-SAME:    operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0, 0, 0, 0, 0>
func.func @linear_scan(%q: tensor<?x?x4x64xf32>, %v: tensor<?x?x4x128xf32>, %s: tensor<?x4x64x128xf32>)
    -> (tensor<?x?x4x128xf32>, tensor<?x4x64x128xf32>) {
  %o, %last = gate.linear_scan %q, %q, %v decay(%q) initial(%s) {scale = 1.250000e-01 : f64}
    : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x128xf32>, tensor<?x?x4x64xf32>, tensor<?x4x64x128xf32>)
    -> (tensor<?x?x4x128xf32>, tensor<?x4x64x128xf32>)
  return %o, %last : tensor<?x?x4x128xf32>, tensor<?x4x64x128xf32>
}

// Narrow inputs with f32 decay and state, fewer heads of some operands.
// CHECK-LABEL: func.func @linear_scan_grouped_heads(
// CHECK:         gate.linear_scan {{.*}} decay({{.*}}) {reverse}
// CHECK-SAME:      -> (tensor<2x?x6x32xbf16>, tensor<2x6x16x32xf32>)
func.func @linear_scan_grouped_heads(%q: tensor<2x?x2x16xbf16>, %v: tensor<2x?x6x32xbf16>, %g: tensor<2x?x3xf32>) -> tensor<2x6x16x32xf32> {
  %o, %last = gate.linear_scan %q, %q, %v decay(%g) {reverse}
    : (tensor<2x?x2x16xbf16>, tensor<2x?x2x16xbf16>, tensor<2x?x6x32xbf16>, tensor<2x?x3xf32>)
    -> (tensor<2x?x6x32xbf16>, tensor<2x6x16x32xf32>)
  return %last : tensor<2x6x16x32xf32>
}

// CHECK-LABEL: func.func @linear_scan_constant_decay(
// CHECK:         gate.linear_scan {{.*}} {decay_constants = array<f64: -5.000000e-01, 0xFFF0000000000000>}
func.func @linear_scan_constant_decay(%q: tensor<2x?x2x16xf64>) -> tensor<2x?x2x16xf64> {
  %o, %last = gate.linear_scan %q, %q, %q {decay_constants = array<f64: -0.5, 0xFFF0000000000000>}
    : (tensor<2x?x2x16xf64>, tensor<2x?x2x16xf64>, tensor<2x?x2x16xf64>) -> (tensor<2x?x2x16xf64>, tensor<2x2x16x16xf64>)
  return %o : tensor<2x?x2x16xf64>
}

// CHECK-LABEL: func.func @attention(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<?x?x4x64xbf16>, %[[K:[^:]*]]: tensor<?x?x2x64xbf16>
// CHECK:         gate.attention %[[Q]], %[[K]], %[[K]] {causal} :
// CHECK-SAME:      -> tensor<?x?x4x64xbf16>
// GENERIC:       "gate.attention"({{.*}}) <{causal, operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>}>
func.func @attention(%q: tensor<?x?x4x64xbf16>, %k: tensor<?x?x2x64xbf16>) -> tensor<?x?x4x64xbf16> {
  %o = gate.attention %q, %k, %k {causal}
    : (tensor<?x?x4x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> tensor<?x?x4x64xbf16>
  return %o : tensor<?x?x4x64xbf16>
}

// The number of queries is that of the query, the width that of the value.
// CHECK-LABEL: func.func @attention_everything(
// CHECK:         gate.attention %{{.*}}, %{{.*}}, %{{.*}} lengths(%{{.*}}) log_gate(%{{.*}}) sinks(%{{[^)]*}})
// CHECK-SAME:      {causal, scale = 1.250000e-01 : f64, window = 256 : i64}
// CHECK-SAME:      -> tensor<2x9x4x32xf32>
// GENERIC:       "gate.attention"({{.*}}) <{causal, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1>, scale = 1.250000e-01 : f64, window = 256 : i64}>
func.func @attention_everything(%q: tensor<2x9x4x64xf32>, %k: tensor<2x17x2x64xf32>, %v: tensor<2x17x2x32xf32>,
                                %n: tensor<2xi64>, %g: tensor<2x17x4xf32>, %s: tensor<4xf32>) -> tensor<2x9x4x32xf32> {
  %o = gate.attention %q, %k, %v lengths(%n) log_gate(%g) sinks(%s) {causal, window = 256 : i64, scale = 0.125 : f64}
    : (tensor<2x9x4x64xf32>, tensor<2x17x2x64xf32>, tensor<2x17x2x32xf32>, tensor<2xi64>, tensor<2x17x4xf32>, tensor<4xf32>)
    -> tensor<2x9x4x32xf32>
  return %o : tensor<2x9x4x32xf32>
}

// CHECK-LABEL: func.func @function_attributes(
// CHECK-SAME:    tensor<?x?x8xf32> {gate.dims = ["B", "T", ""], gate.name = "x"}
// CHECK-SAME:    tensor<8xf32> {gate.parameter = "blocks.0.w"}
// CHECK-SAME:    tensor<?x8xf32> {gate.state = "block0"}
// CHECK-SAME:    -> (tensor<?x8xf32> {gate.state = "block0"})
// CHECK-SAME:    attributes {gate.time = "T"}
func.func @function_attributes(
    %x: tensor<?x?x8xf32> {gate.name = "x", gate.dims = ["B", "T", ""]},
    %w: tensor<8xf32> {gate.parameter = "blocks.0.w"},
    %s: tensor<?x8xf32> {gate.state = "block0"})
    -> (tensor<?x8xf32> {gate.state = "block0"}) attributes {gate.time = "T"} {
  return %s : tensor<?x8xf32>
}
