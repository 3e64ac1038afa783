// RUN: gate-opt --split-input-file --verify-diagnostics %s

// expected-error@+1 {{argument 0: expects gate.dims to be an array of strings, got "B"}}
func.func @argument_gate_dims_b(%x: tensor<2x?x8xf32> {gate.dims = "B"}, %n: f32) -> (tensor<2x?x8xf32>) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{result 0: expects gate.dims to be an array of strings, got ["B", 1]}}
func.func @result_gate_dims_b_1(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32> {gate.dims = ["B", 1]}) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{argument 0: expects gate.dims to name 3 dims, got 1}}
func.func @argument_gate_dims_b(%x: tensor<2x?x8xf32> {gate.dims = ["B"]}, %n: f32) -> (tensor<2x?x8xf32>) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{result 0: expects a dim name of letters, digits and underscores, got "T.x"}}
func.func @result_gate_dims_b_t_x(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32> {gate.dims = ["B", "T.x", ""]}) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{argument 0: expects a ranked tensor under gate.dims, got 'f32'}}
func.func private @gate_dims_on_f32(f32 {gate.dims = ["B"]})

// -----

// expected-error@+1 {{argument 0: expects gate.name to be a name of letters, digits, underscores and dots, got ""}}
func.func @argument_gate_name(%x: tensor<2x?x8xf32> {gate.name = ""}, %n: f32) -> (tensor<2x?x8xf32>) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{argument 0: expects gate.parameter to be a name of letters, digits, underscores and dots, got "a b"}}
func.func @argument_gate_parameter_a_b(%x: tensor<2x?x8xf32> {gate.parameter = "a b"}, %n: f32) -> (tensor<2x?x8xf32>) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{result 0: expects gate.state to be a name of letters, digits, underscores and dots, got 1 : i64}}
func.func @result_gate_state_1_i64(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32> {gate.state = 1 : i64}) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{result 0: expects gate.parameter on an argument only}}
func.func @parameter_as_a_result(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32> {gate.parameter = "w"}) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{argument 0: unknown attribute gate.foo; expects gate.name, gate.dims, gate.parameter or gate.state}}
func.func @argument_gate_foo_t(%x: tensor<2x?x8xf32> {gate.foo = "T"}, %n: f32) -> (tensor<2x?x8xf32>) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{result 0: unknown attribute gate.time; expects gate.name, gate.dims, gate.parameter or gate.state}}
func.func @result_gate_time_t(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32> {gate.time = "T"}) {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{expects gate.time to be the name of a dim, got "a b"}}
func.func @gate_time_a_b(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32>) attributes {gate.time = "a b"} {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{expects gate.time to be the name of a dim, got 1 : i64}}
func.func @gate_time_1_i64(%x: tensor<2x?x8xf32>, %n: f32) -> (tensor<2x?x8xf32>) attributes {gate.time = 1 : i64} {
  return %x : tensor<2x?x8xf32>
}

// -----

// expected-error@+1 {{expects gate.time on a function}}
module attributes {gate.time = "T"} {
}
