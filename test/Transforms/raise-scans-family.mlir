// RUN: gate-opt --gate-raise-scans --canonicalize %s | FileCheck %s

#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>
#none = affine_map<(k, v) -> ()>

// DeltaNet, arXiv 2406.06484: S + k (beta (v - S^T k))^T.
// CHECK-LABEL: func @delta(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x4xf32>, %[[K:.*]]: tensor<?x?x4xf32>, %[[V:.*]]: tensor<?x?x5xf32>, %[[B:.*]]: tensor<?x?xf32>,
// CHECK: gate.linear_scan %{{.*}}, %{{.*}}, %{{.*}} initial(%{{.*}}) beta(%{{.*}}) {update = #gate.update<delta>}
// CHECK-SAME: tensor<?x?x1xf32>)
func.func @delta(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>, %beta: tensor<?x?xf32>,
    %s: tensor<?x4x5xf32>) -> tensor<?x?x5xf32> {
  %o, %last = gate.scan inputs(%q, %k, %v, %beta) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %bt: tensor<f32>, %st: tensor<4x5xf32>):
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %p = linalg.vecmat ins(%kt, %st : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    %d = arith.subf %vt, %p : tensor<5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #none, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %d, %bt : tensor<4xf32>, tensor<5xf32>, tensor<f32>) outs(%st : tensor<4x5xf32>) {
    ^bb1(%a: f32, %b: f32, %c: f32, %e: f32):
      %w = arith.mulf %c, %b : f32
      %u = arith.mulf %a, %w : f32
      %x = arith.addf %e, %u : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?xf32>, tensor<?x4x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o : tensor<?x?x5xf32>
}

// KDA, arXiv 2510.26692: the state decays, then predicts.
// CHECK-LABEL: func @kda(
// CHECK: gate.linear_scan %{{.*}} decay(%{{.*}}) initial(%{{.*}}) beta(%{{.*}}) {update = #gate.update<delta>}
// CHECK-SAME: tensor<?x?x1x4xf32>, tensor<?x1x4x5xf32>, tensor<?x?x1xf32>)
func.func @kda(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>, %g: tensor<?x?x4xf32>, %beta: tensor<?x?xf32>,
    %s: tensor<?x4x5xf32>) -> tensor<?x?x5xf32> {
  %o, %last = gate.scan inputs(%q, %k, %v, %g, %beta) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4xf32>, %bt: tensor<f32>, %st: tensor<4x5xf32>):
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %f = math.exp %gt : tensor<4xf32>
    %r = linalg.generic {indexing_maps = [#k, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%f : tensor<4xf32>) outs(%st : tensor<4x5xf32>) {
    ^bb1(%a: f32, %b: f32):
      %x = arith.mulf %a, %b : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    %p = linalg.vecmat ins(%kt, %r : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    %d = arith.subf %vt, %p : tensor<5xf32>
    %n = linalg.generic {indexing_maps = [#k, #v, #none, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kt, %d, %bt : tensor<4xf32>, tensor<5xf32>, tensor<f32>) outs(%r : tensor<4x5xf32>) {
    ^bb1(%a: f32, %b: f32, %c: f32, %e: f32):
      %w = arith.mulf %c, %b : f32
      %u = arith.mulf %a, %w : f32
      %x = arith.addf %e, %u : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4xf32>, tensor<?x?xf32>, tensor<?x4x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o : tensor<?x?x5xf32>
}

// RWKV-7, arXiv 2503.14456: any two vectors around the state before its decay.
// CHECK-LABEL: func @rwkv7(
// CHECK: gate.linear_scan %{{.*}} decay(%{{.*}}) initial(%{{.*}}) transition(%{{.*}}, %{{.*}}) {prediction = #gate.prediction<undecayed>, update = #gate.update<diagonal_rank_one>}
func.func @rwkv7(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>, %g: tensor<?x?x4xf32>, %a: tensor<?x?x4xf32>,
    %c: tensor<?x?x4xf32>, %s: tensor<?x4x5xf32>) -> tensor<?x?x5xf32> {
  %o, %last = gate.scan inputs(%q, %k, %v, %g, %a, %c) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4xf32>, %at: tensor<4xf32>, %ct: tensor<4xf32>, %st: tensor<4x5xf32>):
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %p = linalg.vecmat ins(%ct, %st : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    %n = linalg.generic {indexing_maps = [#k, #k, #k, #v, #k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%gt, %at, %ct, %p, %kt, %vt : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<5xf32>, tensor<4xf32>, tensor<5xf32>)
        outs(%st : tensor<4x5xf32>) {
    ^bb1(%gi: f32, %ai: f32, %ci: f32, %pj: f32, %ki: f32, %vj: f32, %sij: f32):
      %e = math.exp %gi : f32
      %kept = arith.mulf %e, %sij : f32
      %ac = arith.mulf %ai, %ci : f32
      %taken = arith.mulf %ac, %pj : f32
      %rest = arith.subf %kept, %taken : f32
      %kv = arith.mulf %ki, %vj : f32
      %x = arith.addf %rest, %kv : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x4x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o : tensor<?x?x5xf32>
}

// RWKV-6, arXiv 2404.05892: q^T (S + (u * k) v^T), then the update.
// CHECK-LABEL: func @rwkv6(
// CHECK-SAME: %[[U:[^ ]*]]: tensor<4xf32>) ->
// CHECK: %[[BONUS:.*]] = tensor.expand_shape %[[U]] {{.*}} : tensor<4xf32> into tensor<1x4xf32>
// CHECK: gate.linear_scan %{{.*}} decay(%{{.*}}) initial(%{{.*}}) bonus(%[[BONUS]]) {read = #gate.read<before_with_bonus>}
func.func @rwkv6(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>, %g: tensor<?x?x4xf32>,
    %s: tensor<?x4x5xf32>, %u: tensor<4xf32>) -> tensor<?x?x5xf32> {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) invariants(%u) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<4xf32>, %ut: tensor<4xf32>, %st: tensor<4x5xf32>):
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %m = linalg.generic {indexing_maps = [#k, #k, #v, #kv, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%ut, %kt, %vt, %st : tensor<4xf32>, tensor<4xf32>, tensor<5xf32>, tensor<4x5xf32>) outs(%st : tensor<4x5xf32>) {
    ^bb1(%ui: f32, %ki: f32, %vj: f32, %sij: f32, %unused: f32):
      %uk = arith.mulf %ui, %ki : f32
      %ukv = arith.mulf %uk, %vj : f32
      %x = arith.addf %sij, %ukv : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    %y = linalg.vecmat ins(%qt, %m : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    %n = linalg.generic {indexing_maps = [#k, #k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%gt, %kt, %vt : tensor<4xf32>, tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
    ^bb1(%gi: f32, %ki: f32, %vj: f32, %sij: f32):
      %e = math.exp %gi : f32
      %kept = arith.mulf %e, %sij : f32
      %kv = arith.mulf %ki, %vj : f32
      %x = arith.addf %kept, %kv : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x4xf32>, tensor<4xf32>, tensor<?x4x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o : tensor<?x?x5xf32>
}

// The first state of gated slot attention, arXiv 2409.07146: columns decay.
// CHECK-LABEL: func @columns(
// CHECK: gate.linear_scan %{{.*}} decay(%{{.*}}) initial(%{{.*}}) {decay_axis = #gate.axis<value>}
// CHECK-SAME: tensor<?x?x1x5xf32>, tensor<?x1x4x5xf32>)
func.func @columns(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>, %g: tensor<?x?x5xf32>,
    %s: tensor<?x4x5xf32>) -> tensor<?x?x5xf32> {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<5xf32>, %st: tensor<4x5xf32>):
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %n = linalg.generic {indexing_maps = [#v, #k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%gt, %kt, %vt : tensor<5xf32>, tensor<4xf32>, tensor<5xf32>) outs(%st : tensor<4x5xf32>) {
    ^bb1(%gj: f32, %ki: f32, %vj: f32, %sij: f32):
      %e = math.exp %gj : f32
      %kept = arith.mulf %e, %sij : f32
      %kv = arith.mulf %ki, %vj : f32
      %x = arith.addf %kept, %kv : f32
      linalg.yield %x : f32
    } -> tensor<4x5xf32>
    %y = linalg.vecmat ins(%qt, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?x5xf32>, tensor<?x4x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o : tensor<?x?x5xf32>
}

// In no paper: a decay per token, a delta update that predicts from the state
// before it decays, and a read of that state with a bonus.
// CHECK-LABEL: func @own(
// CHECK: gate.linear_scan %{{.*}} decay(%{{.*}}) initial(%{{.*}}) beta(%{{.*}}) bonus(%{{.*}}) {prediction = #gate.prediction<undecayed>, read = #gate.read<before_with_bonus>, update = #gate.update<delta>}
func.func @own(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>, %g: tensor<?x?xf32>, %beta: tensor<?x?xf32>,
    %s: tensor<?x4x5xf32>, %u: tensor<4xf32>) -> tensor<?x?x5xf32> {
  %o, %last = gate.scan inputs(%q, %k, %v, %g, %beta) invariants(%u) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %gt: tensor<f32>, %bt: tensor<f32>, %ut: tensor<4xf32>, %st: tensor<4x5xf32>):
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %p = linalg.vecmat ins(%kt, %st : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    %d = arith.subf %vt, %p : tensor<5xf32>
    %m:2 = linalg.generic {indexing_maps = [#k, #k, #v, #v, #none, #none, #kv, #kv, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%ut, %kt, %vt, %d, %gt, %bt, %st : tensor<4xf32>, tensor<4xf32>, tensor<5xf32>, tensor<5xf32>, tensor<f32>, tensor<f32>, tensor<4x5xf32>)
        outs(%st, %st : tensor<4x5xf32>, tensor<4x5xf32>) {
    ^bb1(%ui: f32, %ki: f32, %vj: f32, %dj: f32, %gi: f32, %bi: f32, %sij: f32, %unused0: f32, %unused1: f32):
      %uk = arith.mulf %ui, %ki : f32
      %ukv = arith.mulf %uk, %vj : f32
      %seen = arith.addf %sij, %ukv : f32
      %e = math.exp %gi : f32
      %kept = arith.mulf %e, %sij : f32
      %w = arith.mulf %bi, %dj : f32
      %kw = arith.mulf %ki, %w : f32
      %x = arith.addf %kept, %kw : f32
      linalg.yield %seen, %x : f32, f32
    } -> (tensor<4x5xf32>, tensor<4x5xf32>)
    %y = linalg.vecmat ins(%qt, %m#0 : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %m#1, %y : tensor<4x5xf32>, tensor<5xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?xf32>, tensor<?x?xf32>, tensor<4xf32>, tensor<?x4x5xf32>) -> (tensor<?x?x5xf32>, tensor<?x4x5xf32>)
  return %o : tensor<?x?x5xf32>
}
