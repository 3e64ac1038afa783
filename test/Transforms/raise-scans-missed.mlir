// RUN: gate-opt --split-input-file --gate-raise-scans --remarks-filter-missed=gate-raise-scans --remark-policy=all --verify-diagnostics %s | FileCheck %s

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @squared(
// CHECK: gate.scan
func.func @squared(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    // expected-remark@+1 {{the state is multiplied by a value that depends on the state}}
    %m = arith.mulf %st, %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @nonlinear(
// CHECK: gate.scan
func.func @nonlinear(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    // expected-remark@+1 {{the step is not affine in the state: 'math.tanh'}}
    %m = math.tanh %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @read_before(
// CHECK: gate.scan
func.func @read_before(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %r = linalg.vecmat ins(%qt, %st : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    // expected-remark@+1 {{the output adds a value to the read of the state that is not its token's value times the sum of query, key and a bonus over the keys}}
    %f = math.exp %vt : tensor<5xf32>
    %y = arith.addf %r, %f : tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @gate_not_exponential(
// CHECK: gate.scan
func.func @gate_not_exponential(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %g: tensor<?x?x4xf32>, %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4xf32>,
       %st: tensor<4x5xf32>):
    %one = arith.constant dense<1.0> : tensor<4xf32>
    // expected-remark@+1 {{the decay is the result of 'arith.subf', expects a 'math.exp' of a log-decay}}
    %f = arith.subf %one, %gt : tensor<4xf32>
    %e = tensor.empty() : tensor<4x5xf32>
    %w = linalg.broadcast ins(%f : tensor<4xf32>) outs(%e : tensor<4x5xf32>) dimensions = [1]
    %m = arith.mulf %w, %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @gate_is_input(
// CHECK: gate.scan
func.func @gate_is_input(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %g: tensor<?x?x4xf32>, %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4xf32>,
       %st: tensor<4x5xf32>):
    %e = tensor.empty() : tensor<4x5xf32>
    %w = linalg.broadcast ins(%gt : tensor<4xf32>) outs(%e : tensor<4x5xf32>) dimensions = [1]
    // expected-remark@+1 {{the decay is an operand of the scan, expects a 'math.exp' of a log-decay}}
    %m = arith.mulf %w, %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @both_axes_decay(
// CHECK: gate.scan
func.func @both_axes_decay(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %g: tensor<?x?x4x5xf32>, %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4x5xf32>,
       %st: tensor<4x5xf32>):
    // expected-remark@+1 {{the decay varies along the key and the value axis of the state, expects one of them}}
    %f = math.exp %gt : tensor<4x5xf32>
    %m = arith.mulf %f, %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @growing_constant(
// CHECK: gate.scan
func.func @growing_constant(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %two = arith.constant dense<2.0> : tensor<4x5xf32>
    // expected-remark-re@+1 {{the decay has the constant factor 2{{.*}}, expects one above 0 and at most 1}}
    %m = arith.mulf %two, %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @growing(
// CHECK: gate.scan
func.func @growing(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %g: tensor<?x?x4xf32>, %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4xf32>,
       %st: tensor<4x5xf32>):
    %x = math.exp %gt : tensor<4xf32>
    // expected-remark@+1 {{the decay is 1 or more, expects a log-decay of at most 0}}
    %f = math.exp %x : tensor<4xf32>
    %e = tensor.empty() : tensor<4x5xf32>
    %w = linalg.broadcast ins(%f : tensor<4xf32>) outs(%e : tensor<4x5xf32>) dimensions = [1]
    %m = arith.mulf %w, %st : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// A transition that is no sum of a diagonal and the product of two vectors.
// CHECK-LABEL: func @whole_matrix(
// CHECK: gate.scan
func.func @whole_matrix(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %m: tensor<?x?x4x4xf32>, %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %m) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %mt: tensor<4x4xf32>, %st: tensor<4x5xf32>):
    // expected-remark@+1 {{the old state is multiplied by a whole matrix, expects the product of two vectors}}
    %r = linalg.matmul ins(%mt, %st : tensor<4x4xf32>, tensor<4x5xf32>) outs(%st : tensor<4x5xf32>) -> tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%r : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4x4xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @not_outer(
// CHECK: gate.scan
func.func @not_outer(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %x = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        // expected-remark@+1 {{what is added to the state varies along its key and its value axis, expects the product of a key and a value}}
        %p = arith.maximumf %a, %b : f32
        linalg.yield %p : f32
    } -> tensor<4x5xf32>
    %n = arith.addf %st, %x : tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @output_adds(
// CHECK: gate.scan
func.func @output_adds(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %r = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    // expected-remark@+1 {{the output adds a value to the read of the state}}
    %f = math.exp %vt : tensor<5xf32>
    %y = arith.addf %r, %f : tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @output_gated(
// CHECK: gate.scan
func.func @output_gated(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %r = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    // expected-remark@+1 {{the read is multiplied by a value that varies along the value axis of the state}}
    %f = math.exp %vt : tensor<5xf32>
    %y = arith.mulf %r, %f : tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @whole_state(
// CHECK: gate.scan
func.func @whole_state(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x4x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    // expected-remark@+1 {{the output is not a sum over one axis of the state}}
    gate.yield %n, %n : tensor<4x5xf32>, tensor<4x5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x4x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x4x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @maximum_read(
// CHECK: gate.scan
func.func @maximum_read(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %low = arith.constant dense<0xFF800000> : tensor<5xf32>
    // expected-remark@+1 {{a reduction by 'arith.maximumf', expects a sum}}
    %y = linalg.reduce { arith.maximumf } ins(%n : tensor<4x5xf32>) outs(%low : tensor<5xf32>) dimensions = [0]
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @control_flow(
// CHECK: gate.scan
func.func @control_flow(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %one = arith.constant 1 : index
    // expected-remark@+1 {{'scf.for' is an op that the analysis cannot follow}}
    %m = scf.for %i = %one to %one step %one iter_args(%x = %st) -> tensor<4x5xf32> {
      scf.yield %x : tensor<4x5xf32>
    }
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%m : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @no_update(
// CHECK: gate.scan
func.func @no_update(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    // expected-remark@+1 {{nothing is added to the state, expects the product of a key and a value}}
    %n = arith.negf %st : tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @no_state(
// CHECK: gate.scan
func.func @no_state(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    %z = arith.constant dense<0.0> : tensor<4x5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %vt : tensor<4xf32>, tensor<5xf32>) outs(%z : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    // expected-remark@+1 {{the new state does not depend on the old one}}
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// CHECK-LABEL: func @part_of_key(
// CHECK: gate.scan
func.func @part_of_key(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %g: tensor<?x?x5xf32>, %s: tensor<?x4x5xf32>)
    -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<5xf32>,
       %st: tensor<4x5xf32>):
    // expected-remark@+1 {{a part of a tensor is taken, expects a slice that only drops dims of size 1}}
    %wide = tensor.extract_slice %gt[1] [4] [1] : tensor<5xf32> to tensor<4xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%wide, %vt : tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x4x5xf32>
}

// -----

// CHECK-LABEL: func @elementwise_state(
// CHECK: gate.scan
func.func @elementwise_state(%a: tensor<?x?x8xf32>, %x: tensor<?x?x8xf32>, %s: tensor<?x8xf32>)
    -> (tensor<?x?x8xf32>, tensor<?x8xf32>) {
  // expected-remark@+1 {{the state of a step is tensor<8xf32>, expects [key, value] or [heads, key, value]}}
  %h, %last = gate.scan inputs(%a, %x) initial(%s) {
  ^bb0(%at: tensor<8xf32>, %xt: tensor<8xf32>, %st: tensor<8xf32>):
    %p = arith.mulf %at, %st : tensor<8xf32>
    %n = arith.addf %p, %xt : tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %h, %last : tensor<?x?x8xf32>, tensor<?x8xf32>
}

// -----

// CHECK-LABEL: func @two_states(
// CHECK: gate.scan
func.func @two_states(%x: tensor<?x?x4xf32>, %s: tensor<?x4x4xf32>)
    -> (tensor<?x?x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>) {
  // expected-remark@+1 {{the scan has 2 states and 1 outputs, expects one of each}}
  %o:3 = gate.scan inputs(%x) initial(%s, %s) {
  ^bb0(%xt: tensor<4xf32>, %a: tensor<4x4xf32>, %b: tensor<4x4xf32>):
    gate.yield %a, %b, %xt : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4xf32>
  } : (tensor<?x?x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>)
      -> (tensor<?x?x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>)
  return %o#0, %o#1, %o#2 : tensor<?x?x4xf32>, tensor<?x4x4xf32>, tensor<?x4x4xf32>
}
