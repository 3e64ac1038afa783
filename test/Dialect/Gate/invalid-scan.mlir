// RUN: gate-opt --split-input-file --verify-diagnostics %s

func.func @scan_no_inputs(%a0: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects at least one input and one state}}
  %r:2 = gate.scan inputs() initial(%a0) {
  ^bb0(%s: tensor<8xf32>):
    gate.yield %s, %s : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_no_states(%a0: tensor<2x?x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects at least one input and one state}}
  %r:2 = gate.scan inputs(%a0) initial() {
  ^bb0(%s: tensor<8xf32>):
    gate.yield %s, %s : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_no_results(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects at least 1 results, one per state, got 0}}
  gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> ()
  return
}

// -----

func.func @scan_input_8(%a0: tensor<8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects input 0 of rank 2 or more, [batch, time, ...], got 'tensor<8xf32>'}}
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<8xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_inputs_2x5_2x6(%a0: tensor<2x5xf32>, %a1: tensor<2x6xf32>, %a2: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects equal batch and time in all inputs, but input 1 is 'tensor<2x6xf32>'}}
  %r:2 = gate.scan inputs(%a0, %a1) initial(%a2) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x5xf32>, tensor<2x6xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_state_3x8(%a0: tensor<2x?x8xf32>, %a1: tensor<3x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects initial state 0 to be [batch, ...] with the batch of the inputs, got 'tensor<3x8xf32>'}}
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<3x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_three_arguments(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects a region with 2 arguments (inputs, invariants, states), got 3}}
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>, %e: tensor<8xf32>):
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_argument_1_is_4(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+1 {{'gate.scan' op expects region argument 1 to be 'tensor<8xf32>', got 'tensor<4xf32>'}}
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<4xf32>):
    %c = arith.constant dense<0.0> : tensor<8xf32>
    gate.yield %c, %c : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

// Inference would take the results from the yield.
func.func @scan_yield_of_1(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    // expected-error@+1 {{'gate.yield' op expects 2 values, 1 states and then 1 outputs, got 1}}
    gate.yield %s : tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_yields_state_4(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    %w = tensor.empty() : tensor<4xf32>
    // expected-error@+1 {{'gate.yield' op expects state 0 to be 'tensor<8xf32>', got 'tensor<4xf32>'}}
    gate.yield %w, %s : tensor<4xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_output_type(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  // expected-error@+2 {{'gate.scan' op inferred type(s) 'tensor<2x?x8xf32>', 'tensor<2x8xf32>' are incompatible with return type(s) of operation 'tensor<2x?x9xf32>', 'tensor<2x8xf32>'}}
  // expected-error@+1 {{'gate.scan' op failed to infer returned types}}
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> (tensor<2x?x9xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @scan_side_effect(%a0: tensor<2x?x8xf32>, %a1: tensor<2x8xf32>) {
  %r:2 = gate.scan inputs(%a0) initial(%a1) {
  ^bb0(%x: tensor<8xf32>, %s: tensor<8xf32>):
    // expected-error@+1 {{expects only ops without side effects in the step of `gate.scan`, got 'memref.alloc'}}
    %m = memref.alloc() : memref<8xf32>
    %n = arith.addf %x, %s : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<2x?x8xf32>, tensor<2x8xf32>) -> (tensor<2x?x8xf32>, tensor<2x8xf32>)
  return
}

// -----

func.func @yield_outside_of_a_scan(%a: tensor<2x?x8xf32>) {
  // expected-error@+1 {{'gate.yield' op expects parent op 'gate.scan'}}
  gate.yield %a : tensor<2x?x8xf32>
}
