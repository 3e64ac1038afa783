// RUN: gate-opt --split-input-file --verify-diagnostics %s

// Errors of the gating ops; the other files have those of scans and of
// attributes on functions.

func.func @glu_gate_of_f16_value_of_bf16(%a0: tensor<2x8xf16>, %a1: tensor<2x8xbf16>) {
  // expected-error@+1 {{'gate.glu' op expects gate element type to match value element type, but got 'f16' and 'bf16'}}
  %r:1 = gate.glu %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x8xf16>, tensor<2x8xbf16>) -> (tensor<2x8xbf16>)
  return
}

// -----

func.func @glu_gate_of_shape_8(%a0: tensor<8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.glu' op expects gate to have rank 2 like value, got 'tensor<8xf32>'}}
  %r:1 = gate.glu %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<8xf32>, tensor<2x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @glu_gate_of_shape_2x1(%a0: tensor<2x1xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.glu' op expects size 8 in dim 1 of gate, got 'tensor<2x1xf32>'}}
  %r:1 = gate.glu %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x1xf32>, tensor<2x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @apply_gate_of_bf16_value_of_f32(%a0: tensor<2x8xf32>, %a1: tensor<2x8xbf16>) {
  // expected-error@+1 {{'gate.apply' op expects gate element type to match value element type, but got 'bf16' and 'f32'}}
  %r:1 = gate.apply %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<2x8xbf16>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @apply_gate_of_shape_2x8x1(%a0: tensor<2x8xf32>, %a1: tensor<2x8x1xf32>) {
  // expected-error@+1 {{'gate.apply' op expects gate to have rank 2 like value, got 'tensor<2x8x1xf32>'}}
  %r:1 = gate.apply %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<2x8x1xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @apply_gate_of_shape_3x8(%a0: tensor<2x8xf32>, %a1: tensor<3x8xf32>) {
  // expected-error@+1 {{'gate.apply' op expects size 2 or 1 in dim 0 of gate, got 'tensor<3x8xf32>'}}
  %r:1 = gate.apply %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<3x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @blend_off_of_f64_on_of_f32(%a0: tensor<2x8xf32>, %a1: tensor<2x8xf32>, %a2: tensor<2x8xf64>) {
  // expected-error@+1 {{'gate.blend' op expects off element type to match on element type, but got 'f64' and 'f32'}}
  %r:1 = gate.blend %a0, %a1, %a2 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf64>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @blend_off_of_shape_8(%a0: tensor<2x8xf32>, %a1: tensor<2x8xf32>, %a2: tensor<8xf32>) {
  // expected-error@+1 {{'gate.blend' op expects off to have rank 2 like on, got 'tensor<8xf32>'}}
  %r:1 = gate.blend %a0, %a1, %a2 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<2x8xf32>, tensor<8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @blend_off_of_shape_1x8(%a0: tensor<2x8xf32>, %a1: tensor<2x8xf32>, %a2: tensor<1x8xf32>) {
  // expected-error@+1 {{'gate.blend' op expects size 2 in dim 0 of off, got 'tensor<1x8xf32>'}}
  %r:1 = gate.blend %a0, %a1, %a2 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<2x8xf32>, tensor<1x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @blend_gate_of_f16_on_of_f32(%a0: tensor<2x8xf16>, %a1: tensor<2x8xf32>, %a2: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.blend' op expects gate element type to match on element type, but got 'f16' and 'f32'}}
  %r:1 = gate.blend %a0, %a1, %a2 {activation = #gate.activation<silu>}
    : (tensor<2x8xf16>, tensor<2x8xf32>, tensor<2x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @blend_gate_of_shape_1x2x8(%a0: tensor<1x2x8xf32>, %a1: tensor<2x8xf32>, %a2: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.blend' op expects gate to have rank 2 like on, got 'tensor<1x2x8xf32>'}}
  %r:1 = gate.blend %a0, %a1, %a2 {activation = #gate.activation<silu>}
    : (tensor<1x2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

func.func @blend_gate_of_shape_2x9(%a0: tensor<2x9xf32>, %a1: tensor<2x8xf32>, %a2: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.blend' op expects size 8 or 1 in dim 1 of gate, got 'tensor<2x9xf32>'}}
  %r:1 = gate.blend %a0, %a1, %a2 {activation = #gate.activation<silu>}
    : (tensor<2x9xf32>, tensor<2x8xf32>, tensor<2x8xf32>) -> (tensor<2x8xf32>)
  return
}

// -----

// Upstream checks the result against inference.
func.func @glu_result_2x9(%a0: tensor<2x8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+2 {{'gate.glu' op inferred type(s) 'tensor<2x8xf32>' are incompatible with return type(s) of operation 'tensor<2x9xf32>'}}
  // expected-error@+1 {{'gate.glu' op failed to infer returned types}}
  %r:1 = gate.glu %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x8xf32>, tensor<2x8xf32>) -> (tensor<2x9xf32>)
  return
}

// -----

func.func @norm_empty_axes(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects at least one axis}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_axes_3(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects axes in [0, 3), got 3}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64: 3>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_axes_1_1(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects each axis once, got 1 twice}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64: 1, 1>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_axes_2_1(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects axes in increasing order}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64: 2, 1>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_negative_epsilon(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects epsilon of at least 0, got -1.000000e+00}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = -1.0 : f64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_epsilon_nan(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects epsilon of at least 0, got nan}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 0x7FF8000000000000 : f64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_group_over_1_2(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects one axis for kind group, got 2}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<group>, axes = array<i64: 1, 2>, epsilon = 1.0e-6 : f64, groups = 2 : i64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_3_groups(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects groups to divide a static size of axis 2, got groups 3 and 'tensor<2x6x8xf32>'}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<group>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64, groups = 3 : i64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_groups_of_a_dynamic_axis(%a0: tensor<2x6x?xf32>) {
  // expected-error@+1 {{'gate.norm' op expects groups to divide a static size of axis 2, got groups 2 and 'tensor<2x6x?xf32>'}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<group>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64, groups = 2 : i64}
    : (tensor<2x6x?xf32>) -> (tensor<2x6x?xf32>)
  return
}

// -----

func.func @norm_2_groups_of_kind_rms(%a0: tensor<2x6x8xf32>) {
  // expected-error@+1 {{'gate.norm' op expects groups only for kind group, got 2 for kind rms}}
  %r:1 = gate.norm %a0 {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64, groups = 2 : i64}
    : (tensor<2x6x8xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_weight_6(%a0: tensor<2x6x8xf32>, %a1: tensor<6xf32>) {
  // expected-error@+1 {{'gate.norm' op expects weight of type 'tensor<8xf32>', got 'tensor<6xf32>'}}
  %r:1 = gate.norm %a0 weight(%a1) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>, tensor<6xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @norm_bias_8xf16(%a0: tensor<2x6x8xf32>, %a1: tensor<8xf16>) {
  // expected-error@+1 {{'gate.norm' op expects bias of type 'tensor<8xf32>', got 'tensor<8xf16>'}}
  %r:1 = gate.norm %a0 bias(%a1) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>, tensor<8xf16>) -> (tensor<2x6x8xf32>)
  return
}

// -----

// Sizes follow the order of the axes.
func.func @norm_weight_of_swapped_axes(%a0: tensor<2x6x8xf32>, %a1: tensor<8x6xf32>) {
  // expected-error@+1 {{'gate.norm' op expects weight of type 'tensor<6x8xf32>', got 'tensor<8x6xf32>'}}
  %r:1 = gate.norm %a0 weight(%a1) {kind = #gate.norm_kind<rms>, axes = array<i64: 1, 2>, epsilon = 1.0e-6 : f64}
    : (tensor<2x6x8xf32>, tensor<8x6xf32>) -> (tensor<2x6x8xf32>)
  return
}

// -----

func.func @short_conv_rank_of_value(%a0: tensor<?x8xf32>, %a1: tensor<8x4xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects value [batch, time, channels] and weight [channels, taps], got 'tensor<?x8xf32>' and 'tensor<8x4xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<?x8xf32>, tensor<8x4xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_rank_of_weight_8(%a0: tensor<2x?x8xf32>, %a1: tensor<8xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects value [batch, time, channels] and weight [channels, taps], got 'tensor<2x?x8xf32>' and 'tensor<8xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_weight_8xN(%a0: tensor<2x?x8xf32>, %a1: tensor<8x?xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects a static number of taps, at least 1, got 'tensor<8x?xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x?xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_weight_8x0(%a0: tensor<2x?x8xf32>, %a1: tensor<8x0xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects a static number of taps, at least 1, got 'tensor<8x0xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x0xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_dynamic_channels(%a0: tensor<2x?x?xf32>, %a1: tensor<8x4xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects a static number of channels, got 'tensor<2x?x?xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x?x?xf32>, tensor<8x4xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_weight_7x4(%a0: tensor<2x?x8xf32>, %a1: tensor<7x4xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects weight of type 'tensor<8x4xf32>', got 'tensor<7x4xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<7x4xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_bias_4(%a0: tensor<2x?x8xf32>, %a1: tensor<8x4xf32>, %a2: tensor<4xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects bias of type 'tensor<8xf32>', got 'tensor<4xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 bias(%a2) {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<4xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @short_conv_initial_2x4x8(%a0: tensor<2x?x8xf32>, %a1: tensor<8x4xf32>, %a2: tensor<2x4x8xf32>) {
  // expected-error@+1 {{'gate.short_conv' op expects initial state of type 'tensor<2x3x8xf32>', got 'tensor<2x4x8xf32>'}}
  %r:2 = gate.short_conv %a0, %a1 initial(%a2) {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<2x4x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return
}

// -----

func.func @gather_table_16(%a0: tensor<16xf32>, %a1: tensor<2x?xi32>) {
  // expected-error@+1 {{'gate.gather' op expects a table [rows, width], got 'tensor<16xf32>'}}
  %r:1 = gate.gather %a0, %a1
    : (tensor<16xf32>, tensor<2x?xi32>) -> (tensor<2x?x8xf32>)
  return
}

// -----

func.func @gather_dynamic_rows(%a0: tensor<?x8xf32>, %a1: tensor<2x?xi32>) {
  // expected-error@+1 {{'gate.gather' op expects a static number of rows, got 'tensor<?x8xf32>'}}
  %r:1 = gate.gather %a0, %a1
    : (tensor<?x8xf32>, tensor<2x?xi32>) -> (tensor<2x?x8xf32>)
  return
}
