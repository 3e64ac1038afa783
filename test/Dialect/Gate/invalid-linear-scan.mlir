// RUN: gate-opt --split-input-file --verify-diagnostics %s

func.func @linear_scan_query_2xTx16(%a0: tensor<2x?x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects query of rank 4, [batch, time, heads, width], got 'tensor<2x?x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_query_2xTx3x16(%a0: tensor<2x?x3x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects the heads of query to be static and to divide 4, got 'tensor<2x?x3x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x3x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_query_2xTx4xK(%a0: tensor<2x?x4x?xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects a static width of query, got 'tensor<2x?x4x?xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x?xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_key_3x5x4x16(%a0: tensor<2x5x4x16xf32>, %a1: tensor<3x5x4x16xf32>, %a2: tensor<2x5x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects key to have the batch 2 of query, got 'tensor<3x5x4x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x5x4x16xf32>, tensor<3x5x4x16xf32>, tensor<2x5x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_value_2x6x4x32(%a0: tensor<2x5x4x16xf32>, %a1: tensor<2x5x4x16xf32>, %a2: tensor<2x6x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects value to have the time 5 of query, got 'tensor<2x6x4x32xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x5x4x16xf32>, tensor<2x5x4x16xf32>, tensor<2x6x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_key_2xTx4x15(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x15xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects width 16 of key, got 'tensor<2x?x4x15xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x15xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_value_2xTxNxx32(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x?x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects the heads of value to be static and to divide 4, got 'tensor<2x?x?x32xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x?x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_value_2xTx4x0(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x0xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects a static width of value, got 'tensor<2x?x4x0xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x0xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_key_of_bf16(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xbf16>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects the element type of key to match query, but got 'bf16' and 'f32'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xbf16>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_value_of_f64(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf64>) {
  // expected-error@+1 {{'gate.linear_scan' op expects the element type of value to match query, but got 'f64' and 'f32'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf64>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_decay_2x4(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x4xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects decay [batch, time, heads] or [batch, time, heads, key width], got 'tensor<2x4xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 decay(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x4xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_decay_2xTx3(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x3xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects the heads of decay to be static and to divide 4, got 'tensor<2x?x3xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 decay(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x3xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_decay_of_f64(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x4xf64>) {
  // expected-error@+1 {{'gate.linear_scan' op expects decay element type 'f32' (log-gates are never narrower), got 'f64'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 decay(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4xf64>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_decay_twice(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x4xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects decay or decay_constants, got both}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 decay(%a3) {decay_constants = array<f64: 0., 0., 0., 0.>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_2_constants(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects 4 decay_constants, one per head, got 2}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {decay_constants = array<f64: 0., 0.>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_positive_constant(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects decay_constants to be log-decays, at most 0, got 1.000000e-03}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {decay_constants = array<f64: 0., 1.0e-3, 0., 0.>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_constant_nan(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects decay_constants to be log-decays, at most 0, got nan}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {decay_constants = array<f64: 0., 0x7FF8000000000000, 0., 0.>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_initial_2x4x32x16(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x4x32x16xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects initial state of type 'tensor<2x4x16x32xf32>', got 'tensor<2x4x32x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 initial(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x4x32x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_initial_2x4x16x32xf64(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x4x16x32xf64>) {
  // expected-error@+1 {{'gate.linear_scan' op expects initial state of type 'tensor<2x4x16x32xf32>', got 'tensor<2x4x16x32xf64>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 initial(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x4x16x32xf64>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

// An update, a read and an axis have the operands that they need.
func.func @linear_scan_update_delta(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects beta, [batch, time, heads], with update delta; a constant 1 has no effect}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {update = #gate.update<delta>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_update_diagonal_rank_one(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects transition(a, b), what reads the state and what is added of it, with update diagonal_rank_one, got 0 operands}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {update = #gate.update<diagonal_rank_one>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_bonus_width(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<3x16xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects bonus [heads, 16] with heads that divide 4, got 'tensor<3x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 bonus(%a3) {read = #gate.read<before_with_bonus>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<3x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_decay_axis_value(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects decay with decay_axis value, got none}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {decay_axis = #gate.axis<value>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_decay_axis_width(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects width 32 of decay, got 'tensor<2x?x4x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 decay(%a0) {decay_axis = #gate.axis<value>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_beta_rank(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects beta of rank 3, [batch, time, heads], got 'tensor<2x?x4x16xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 beta(%a0) {update = #gate.update<delta>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_transition_width(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects width 16 of transition b, got 'tensor<2x?x4x32xf32>'}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 transition(%a0, %a2) {update = #gate.update<diagonal_rank_one>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_prediction(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects prediction undecayed only beside an update that predicts, got update add}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 {prediction = #gate.prediction<undecayed>}
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_beta(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x4x16xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects beta only with update delta, got update add}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 beta(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_transition(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x4x16xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects transition only with update diagonal_rank_one, got update add}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 transition(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_bonus(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x4x16xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects bonus only with read before_with_bonus, got read after}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 bonus(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_input_gate(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<2x?x4x16xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op does not support input_gate so far}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 input_gate(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<2x?x4x16xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_offsets(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>, %a3: tensor<3xi32>) {
  // expected-error@+1 {{'gate.linear_scan' op does not support offsets (packed sequences) so far}}
  %r:2 = gate.linear_scan %a0, %a1, %a2 offsets(%a3)
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>, tensor<3xi32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}

// -----

func.func @linear_scan_final_2x4x16x32xf64(%a0: tensor<2x?x4x16xf32>, %a1: tensor<2x?x4x16xf32>, %a2: tensor<2x?x4x32xf32>) {
  // expected-error@+2 {{'gate.linear_scan' op inferred type(s) 'tensor<2x?x4x32xf32>', 'tensor<2x4x16x32xf32>' are incompatible with return type(s) of operation 'tensor<2x?x4x32xf32>', 'tensor<2x4x16x32xf64>'}}
  // expected-error@+1 {{'gate.linear_scan' op failed to infer returned types}}
  %r:2 = gate.linear_scan %a0, %a1, %a2
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf64>)
  return
}

// -----

// The query leaves batch and time open; key and value do not agree.
func.func @linear_scan_key_2x5_value_2x6(%q: tensor<?x?x4x16xf32>, %k: tensor<2x5x4x16xf32>, %v: tensor<2x6x4x32xf32>) {
  // expected-error@+1 {{'gate.linear_scan' op expects equal batch and time in all operands, but value is 'tensor<2x6x4x32xf32>'}}
  %r:2 = gate.linear_scan %q, %k, %v
    : (tensor<?x?x4x16xf32>, tensor<2x5x4x16xf32>, tensor<2x6x4x32xf32>) -> (tensor<2x?x4x32xf32>, tensor<2x4x16x32xf32>)
  return
}
