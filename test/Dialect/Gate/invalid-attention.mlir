// RUN: gate-opt --split-input-file --verify-diagnostics %s

func.func @query_rank(%a0: tensor<2x9x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects query of rank 4, [batch, time, heads, width], got 'tensor<2x9x16xf32>'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @key_rank(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects key of rank 4, [batch, time, heads, width], got 'tensor<2x17x16xf32>'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @key_batch(%a0: tensor<2x9x4x16xf32>, %a1: tensor<3x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects key to have batch 2, got 'tensor<3x17x2x16xf32>'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<3x17x2x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @key_width(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x8xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects key to have width 16, got 'tensor<2x17x2x8xf32>'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x8xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @value_keys(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x18x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects value to have the number of keys 17, got 'tensor<2x18x2x32xf32>'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x18x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @value_heads(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x4x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects value to have heads 2, got 'tensor<2x17x4x32xf32>'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x4x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @heads_divide(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x3x16xf32>, %a2: tensor<2x17x3x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects the heads of key and value to divide the 4 heads of query, got 3}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x3x16xf32>, tensor<2x17x3x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @dynamic_heads(%a0: tensor<2x9x?x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects query heads to be static and at least 1, got ?}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x?x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x?x32xf32>
  return
}

// -----

func.func @dynamic_width(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x?xf32>) {
  // expected-error@+1 {{'gate.attention' op expects value width to be static and at least 1, got ?}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x?xf32>) -> tensor<2x9x4x?xf32>
  return
}

// -----

func.func @no_width(%a0: tensor<2x9x4x0xf32>, %a1: tensor<2x17x2x0xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects width to be static and at least 1, got 0}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x0xf32>, tensor<2x17x2x0xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @key_type(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xbf16>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects the element type of key to be 'f32', that of query, got 'bf16'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xbf16>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @value_type(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf16>) {
  // expected-error@+1 {{'gate.attention' op expects the element type of value to be 'f32', that of query, got 'f16'}}
  %r = gate.attention %a0, %a1, %a2
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf16>) -> tensor<2x9x4x32xf16>
  return
}

// -----

func.func @lengths_batch(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<3xi32>) {
  // expected-error@+1 {{'gate.attention' op expects lengths to have batch 2, got 'tensor<3xi32>'}}
  %r = gate.attention %a0, %a1, %a2 lengths(%a3)
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<3xi32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @lengths_rank(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<2x1xi32>) {
  // expected-error@+1 {{'gate.attention' op expects lengths of rank 1, [batch], got 'tensor<2x1xi32>'}}
  %r = gate.attention %a0, %a1, %a2 lengths(%a3)
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<2x1xi32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @log_gate_heads(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<2x17x2xf32>) {
  // expected-error@+1 {{'gate.attention' op expects log_gate to have query heads 4, got 'tensor<2x17x2xf32>'}}
  %r = gate.attention %a0, %a1, %a2 log_gate(%a3) {causal}
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<2x17x2xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @log_gate_keys(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<2x9x4xf32>) {
  // expected-error@+1 {{'gate.attention' op expects log_gate to have the number of keys 17, got 'tensor<2x9x4xf32>'}}
  %r = gate.attention %a0, %a1, %a2 log_gate(%a3) {causal}
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<2x9x4xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @log_gate_type(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<2x17x4xf64>) {
  // expected-error@+1 {{'gate.attention' op expects the element type of log_gate to be 'f32' (log-gates are never narrower), got 'f64'}}
  %r = gate.attention %a0, %a1, %a2 log_gate(%a3) {causal}
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<2x17x4xf64>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @log_gate_not_causal(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<2x17x4xf32>) {
  // expected-error@+1 {{'gate.attention' op expects causal beside log_gate, which is summed from a key up to the query's position}}
  %r = gate.attention %a0, %a1, %a2 log_gate(%a3)
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<2x17x4xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @sinks_heads(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<2xf32>) {
  // expected-error@+1 {{'gate.attention' op expects sinks to have query heads 4, got 'tensor<2xf32>'}}
  %r = gate.attention %a0, %a1, %a2 sinks(%a3)
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<2xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @sinks_type(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>, %a3: tensor<4xf64>) {
  // expected-error@+1 {{'gate.attention' op expects the element type of sinks to be 'f32' (logits are never narrower), got 'f64'}}
  %r = gate.attention %a0, %a1, %a2 sinks(%a3)
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>, tensor<4xf64>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @window_zero(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects a window of 1 to 1099511627776 keys, got 0}}
  %r = gate.attention %a0, %a1, %a2 {window = 0 : i64}
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @window_negative(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects a window of 1 to 1099511627776 keys, got -5}}
  %r = gate.attention %a0, %a1, %a2 {window = -5 : i64}
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}

// -----

func.func @scale_infinite(%a0: tensor<2x9x4x16xf32>, %a1: tensor<2x17x2x16xf32>, %a2: tensor<2x17x2x32xf32>) {
  // expected-error@+1 {{'gate.attention' op expects a finite scale, got INF}}
  %r = gate.attention %a0, %a1, %a2 {scale = 0x7FF0000000000000 : f64}
    : (tensor<2x9x4x16xf32>, tensor<2x17x2x16xf32>, tensor<2x17x2x32xf32>) -> tensor<2x9x4x32xf32>
  return
}
