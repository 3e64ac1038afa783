// RUN: gate-opt --gate-derive-step=required --split-input-file --verify-diagnostics %s

func.func @not_followed(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  %zero = arith.constant 0.0 : f32
  // expected-error@+1 {{no step can be derived: 'tensor.pad' is an op through which time cannot be followed}}
  %y = tensor.pad %x low[0, 1, 0] high[0, 0, 0] {
  ^bb0(%i: index, %j: index, %k: index):
    tensor.yield %zero : f32
  } : tensor<2x?x8xf32> to tensor<2x?x8xf32>
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @norm_over_time(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.norm' normalises over time}}
  %y = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64}
    : (tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @weight_over_time(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.norm' has a weight or bias that changes over time}}
  %y = gate.norm %x weight(%x) {kind = #gate.norm_kind<rms>, axes = array<i64: 0, 1, 2>, epsilon = 1.0e-06 : f64}
    : (tensor<2x?x8xf32>, tensor<2x?x8xf32>) -> tensor<2x?x8xf32>
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @table_over_time(%t: tensor<?x8xf32> {gate.dims = ["T", ""]}, %i: tensor<2x4xi32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x4x8xf32>, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  %table = tensor.cast %t : tensor<?x8xf32> to tensor<16x8xf32>
  // expected-error@+1 {{no step can be derived: 'gate.gather' gathers from a table that changes over time}}
  %y = gate.gather %table, %i : (tensor<16x8xf32>, tensor<2x4xi32>) -> tensor<2x4x8xf32>
  return %y, %s : tensor<2x4x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @time_in_two_dims(%a: tensor<?x?xf32> {gate.dims = ["T", "U"]}, %b: tensor<?x?xf32> {gate.dims = ["U", "T"]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.glu' has time in dim 0 of one operand and in dim 1 of another}}
  %y = gate.glu %a, %b {activation = #gate.activation<silu>} : (tensor<?x?xf32>, tensor<?x?xf32>) -> tensor<?x?xf32>
  return %s : tensor<2x3x8xf32>
}

// -----

func.func @elementwise_in_two_dims(%a: tensor<?x?xf32> {gate.dims = ["T", "U"]}, %b: tensor<?x?xf32> {gate.dims = ["U", "T"]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'arith.addf' has time in dim 0 of one operand and in dim 1 of another}}
  %y = arith.addf %a, %b : tensor<?x?xf32>
  return %s : tensor<2x3x8xf32>
}

// -----

func.func @reverse(%q: tensor<2x?x1x8xf32> {gate.dims = ["", "T", "", ""]}, %h: tensor<2x1x8x8xf32> {gate.state = "h"})
    -> (tensor<2x?x1x8xf32> {gate.dims = ["", "T", "", ""]}, tensor<2x1x8x8xf32> {gate.state = "h"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.linear_scan' runs from the last token to the first, so a step would need tokens that are not there yet}}
  %y, %last = gate.linear_scan %q, %q, %q initial(%h) {reverse}
    : (tensor<2x?x1x8xf32>, tensor<2x?x1x8xf32>, tensor<2x?x1x8xf32>, tensor<2x1x8x8xf32>)
    -> (tensor<2x?x1x8xf32>, tensor<2x1x8x8xf32>)
  return %y, %last : tensor<2x?x1x8xf32>, tensor<2x1x8x8xf32>
}

// -----

func.func @no_initial_state(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.short_conv' has no initial state operand, so a step would forget the tokens before it; pass a function argument with gate.state}}
  %y, %last = gate.short_conv %x, %w {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x4xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @constant_state(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  %zero = arith.constant dense<0.0> : tensor<2x3x8xf32>
  // expected-error@+1 {{no step can be derived: 'gate.short_conv' starts from an initial state that is no function argument with gate.state, so a step would forget the tokens before it}}
  %y, %last = gate.short_conv %x, %w initial(%zero) {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<2x3x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return %y, %last : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @final_state_lost(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.short_conv' has a final state that is not returned under the gate.state that it starts from, so a step would forget this token}}
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<2x3x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @other_state(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "other"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.short_conv' has a final state that is not returned under the gate.state that it starts from, so a step would forget this token}}
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<2x?x8xf32>, tensor<8x4xf32>, tensor<2x3x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x3x8xf32>)
  return %y, %last : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @time_elsewhere(%x: tensor<?x2x8xf32> {gate.dims = ["T", "", ""]}, %w: tensor<8x4xf32>, %s: tensor<?x3x8xf32> {gate.state = "s"})
    -> (tensor<?x2x8xf32> {gate.dims = ["T", "", ""]}, tensor<?x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.short_conv' expects time in dim 1 of its operands}}
  %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
    : (tensor<?x2x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>) -> (tensor<?x2x8xf32>, tensor<?x3x8xf32>)
  return %y, %last : tensor<?x2x8xf32>, tensor<?x3x8xf32>
}

// -----

func.func @sum_over_time(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x8xf32>, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  %zero = arith.constant dense<0.0> : tensor<2x8xf32>
  // expected-error@+1 {{no step can be derived: 'linalg.reduce' sums over time}}
  %y = linalg.reduce { arith.addf } ins(%x : tensor<2x?x8xf32>) outs(%zero : tensor<2x8xf32>) dimensions = [1]
  return %y, %s : tensor<2x8xf32>, tensor<2x3x8xf32>
}

// -----

// Attention without a mask.
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#pair = affine_map<(i, j) -> (i, j)>
func.func @all_pairs(%t: tensor<?xf32> {gate.dims = ["T"]}, %o: tensor<?x?xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'linalg.generic' pairs every token with every other}}
  %y = linalg.generic {indexing_maps = [#row, #column, #pair], iterator_types = ["parallel", "parallel"]}
      ins(%t, %t : tensor<?xf32>, tensor<?xf32>) outs(%o : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  return %s : tensor<2x3x8xf32>
}

// -----

#shifted = affine_map<(i) -> (i + 1)>
#id = affine_map<(i) -> (i)>
func.func @shifted(%t: tensor<?xf32> {gate.dims = ["T"]}, %o: tensor<?xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'linalg.generic' reads tokens at shifted positions}}
  %y = linalg.generic {indexing_maps = [#shifted, #id], iterator_types = ["parallel"]}
      ins(%t : tensor<?xf32>) outs(%o : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32):
    linalg.yield %a : f32
  } -> tensor<?xf32>
  return %s : tensor<2x3x8xf32>
}

// -----

#id = affine_map<(b, t, d) -> (b, t, d)>
func.func @position(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'linalg.generic' depends on the position of a token}}
  %y = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel"]} outs(%x : tensor<2x?x8xf32>) {
  ^bb0(%a: f32):
    %t = linalg.index 1 : index
    %i = arith.index_cast %t : index to i32
    %f = arith.sitofp %i : i32 to f32
    linalg.yield %f : f32
  } -> tensor<2x?x8xf32>
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

// The first token, at every token.
#id = affine_map<(b, t, d) -> (b, t, d)>
func.func @captured(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  %zero = arith.constant 0 : index
  // expected-error@+1 {{no step can be derived: 'linalg.generic' reads tokens from inside its region}}
  %y = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel"]} outs(%x : tensor<2x?x8xf32>) {
  ^bb0(%a: f32):
    %first = tensor.extract %x[%zero, %zero, %zero] : tensor<2x?x8xf32>
    linalg.yield %first : f32
  } -> tensor<2x?x8xf32>
  return %y, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @number_of_tokens(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x8xindex>, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  %one = arith.constant 1 : index
  // expected-error@+1 {{no step can be derived: 'tensor.dim' computes with the number of tokens}}
  %time = tensor.dim %x, %one : tensor<2x?x8xf32>
  %y = tensor.splat %time : tensor<2x8xindex>
  return %y, %s : tensor<2x8xindex>, tensor<2x3x8xf32>
}

// -----

func.func @merged(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %w: tensor<8x4xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<?x8xf32>, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'tensor.collapse_shape' merges time with another dim}}
  %y = tensor.collapse_shape %x [[0, 1], [2]] : tensor<2x?x8xf32> into tensor<?x8xf32>
  return %y, %s : tensor<?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @split(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %n: index, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x4x8xf32>, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'tensor.expand_shape' splits time into several dims}}
  %y = tensor.expand_shape %x [[0], [1, 2], [3]] output_shape [2, %n, 4, 8] : tensor<2x?x8xf32> into tensor<2x?x4x8xf32>
  return %y, %s : tensor<2x?x4x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @time_from_nowhere(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %o: tensor<2x?x8xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: result 0 names a time dim that no token reaches}}
  return %o, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @unnamed_time(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32>, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: result 0 has a time dim that gate.dims does not name}}
  return %x, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

// expected-error@+1 {{no step can be derived: argument 0 has a time dim of static size}}
func.func @static_time(%x: tensor<2x5x8xf32> {gate.dims = ["", "T", ""]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  return %s : tensor<2x3x8xf32>
}

// -----

// expected-error@+1 {{no step can be derived: argument 0 names the time dim twice}}
func.func @time_twice(%x: tensor<?x?xf32> {gate.dims = ["T", "T"]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  return %s : tensor<2x3x8xf32>
}

// -----

// expected-error@+1 {{no step can be derived: the function has more than one block}}
func.func @blocks(%x: tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x8xf32> {gate.dims = ["", "T", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  cf.br ^bb1
^bb1:
  return %x, %s : tensor<2x?x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @keys_over_time(%x: tensor<2x?x4x8xf32> {gate.dims = ["", "T", "", ""]}, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x4x8xf32> {gate.dims = ["", "T", "", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.attention' reads the keys of all tokens, so a step would forget those before it; pass the keys and values so far as arguments without the time dim}}
  %y = gate.attention %x, %x, %x {causal} : (tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>, tensor<2x?x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %s : tensor<2x?x4x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @queries_at_the_end(%x: tensor<2x?x4x8xf32> {gate.dims = ["", "T", "", ""]}, %k: tensor<2x9x4x8xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<2x?x4x8xf32> {gate.dims = ["", "T", "", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.attention' places its queries at the end of the keys, so a step would read all keys at every token}}
  %y = gate.attention %x, %k, %k {window = 4 : i64} : (tensor<2x?x4x8xf32>, tensor<2x9x4x8xf32>, tensor<2x9x4x8xf32>) -> tensor<2x?x4x8xf32>
  return %y, %s : tensor<2x?x4x8xf32>, tensor<2x3x8xf32>
}

// -----

func.func @query_time_elsewhere(%x: tensor<?x2x4x8xf32> {gate.dims = ["T", "", "", ""]}, %k: tensor<?x9x4x8xf32>, %s: tensor<2x3x8xf32> {gate.state = "s"})
    -> (tensor<?x2x4x8xf32> {gate.dims = ["T", "", "", ""]}, tensor<2x3x8xf32> {gate.state = "s"}) attributes {gate.time = "T"} {
  // expected-error@+1 {{no step can be derived: 'gate.attention' expects time in dim 1 of its query}}
  %y = gate.attention %x, %k, %k : (tensor<?x2x4x8xf32>, tensor<?x9x4x8xf32>, tensor<?x9x4x8xf32>) -> tensor<?x2x4x8xf32>
  return %y, %s : tensor<?x2x4x8xf32>, tensor<2x3x8xf32>
}
