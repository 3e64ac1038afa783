// RUN: gate-opt --gate-raise-scans --canonicalize %s | FileCheck %s
// RUN: gate-opt --gate-raise-scans --remarks-filter-passed=gate-raise-scans --remark-policy=all %s -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// REMARK: Function=retnet | Remark="raised to gate.linear_scan"
// REMARK: Function=simple_gla | Reason="takes the log-decay to be at most 0", Remark="raised to gate.linear_scan"

#hk = affine_map<(h, k, v) -> (h, k)>
#hv = affine_map<(h, k, v) -> (h, v)>
#h = affine_map<(h, k, v) -> (h)>
#hkv = affine_map<(h, k, v) -> (h, k, v)>
#k = affine_map<(k, v) -> (k)>
#v = affine_map<(k, v) -> (v)>
#kv = affine_map<(k, v) -> (k, v)>

// Linear attention: the outer product accumulates into the state.
// CHECK-LABEL: func @linear_attention(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x3x4xf32>, %[[K:.*]]: tensor<?x?x3x4xf32>, %[[V:.*]]: tensor<?x?x3x5xf32>, %[[S:.*]]: tensor<?x3x4x5xf32>)
// CHECK-NEXT: %[[O:.*]], %[[F:.*]] = gate.linear_scan %[[Q]], %[[K]], %[[V]] initial(%[[S]]) :
// CHECK-NEXT: return %[[O]], %[[F]]
func.func @linear_attention(
    %q: tensor<?x?x3x4xf32>, %k: tensor<?x?x3x4xf32>, %v: tensor<?x?x3x5xf32>,
    %s: tensor<?x3x4x5xf32>) -> (tensor<?x?x3x5xf32>, tensor<?x3x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) {
  ^bb0(%qt: tensor<3x4xf32>, %kt: tensor<3x4xf32>, %vt: tensor<3x5xf32>, %st: tensor<3x4x5xf32>):
    %n = linalg.generic {indexing_maps = [#hk, #hv, #hkv],
                         iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%kt, %vt : tensor<3x4xf32>, tensor<3x5xf32>) outs(%st : tensor<3x4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<3x4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<3x5xf32>
    %y = linalg.generic {indexing_maps = [#hk, #hkv, #hv],
                         iterator_types = ["parallel", "reduction", "parallel"]}
        ins(%qt, %n : tensor<3x4xf32>, tensor<3x4x5xf32>) outs(%zero : tensor<3x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %c, %p : f32
        linalg.yield %u : f32
    } -> tensor<3x5xf32>
    gate.yield %n, %y : tensor<3x4x5xf32>, tensor<3x5xf32>
  } : (tensor<?x?x3x4xf32>, tensor<?x?x3x4xf32>, tensor<?x?x3x5xf32>, tensor<?x3x4x5xf32>)
      -> (tensor<?x?x3x5xf32>, tensor<?x3x4x5xf32>)
  return %o, %last : tensor<?x?x3x5xf32>, tensor<?x3x4x5xf32>
}

// RetNet: one constant per head, backwards in time, one matrix product reads.
// CHECK-LABEL: func @retnet(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x2x4xf32>, %[[K:.*]]: tensor<?x?x2x4xf32>, %[[V:.*]]: tensor<?x?x2x5xf32>, %[[S:.*]]: tensor<?x2x4x5xf32>)
// CHECK-NEXT: gate.linear_scan %[[Q]], %[[K]], %[[V]] initial(%[[S]])
// CHECK-SAME: {decay_constants = array<f64: -0.03174{{[0-9]*}}, -0.015748{{[0-9]*}}>, reverse, scale = 5.000000e-01 : f64}
func.func @retnet(
    %q: tensor<?x?x2x4xf32>, %k: tensor<?x?x2x4xf32>, %v: tensor<?x?x2x5xf32>,
    %s: tensor<?x2x4x5xf32>) -> (tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) initial(%s) attributes {reverse} {
  ^bb0(%qt: tensor<2x4xf32>, %kt: tensor<2x4xf32>, %vt: tensor<2x5xf32>, %st: tensor<2x4x5xf32>):
    %gamma = arith.constant dense<[0.96875, 0.984375]> : tensor<2xf32>
    %e = tensor.empty() : tensor<2x4x5xf32>
    %wide = linalg.broadcast ins(%gamma : tensor<2xf32>) outs(%e : tensor<2x4x5xf32>) dimensions = [1, 2]
    %kept = arith.mulf %wide, %st : tensor<2x4x5xf32>
    %kc = tensor.expand_shape %kt [[0], [1, 2]] output_shape [2, 4, 1] : tensor<2x4xf32> into tensor<2x4x1xf32>
    %vr = tensor.expand_shape %vt [[0], [1, 2]] output_shape [2, 1, 5] : tensor<2x5xf32> into tensor<2x1x5xf32>
    %n = linalg.batch_matmul ins(%kc, %vr : tensor<2x4x1xf32>, tensor<2x1x5xf32>)
        outs(%kept : tensor<2x4x5xf32>) -> tensor<2x4x5xf32>
    %zero = arith.constant 0.0 : f32
    %f = tensor.empty() : tensor<2x5xf32>
    %z = linalg.fill ins(%zero : f32) outs(%f : tensor<2x5xf32>) -> tensor<2x5xf32>
    %r = linalg.batch_vecmat ins(%qt, %n : tensor<2x4xf32>, tensor<2x4x5xf32>)
        outs(%z : tensor<2x5xf32>) -> tensor<2x5xf32>
    %half = arith.constant dense<0.5> : tensor<2x5xf32>
    %y = arith.mulf %r, %half : tensor<2x5xf32>
    gate.yield %n, %y : tensor<2x4x5xf32>, tensor<2x5xf32>
  } : (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>)
      -> (tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>)
  return %o, %last : tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>
}

// Simple GLA: one log-decay per head.
// CHECK-LABEL: func @simple_gla(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x2x4xf32>, %[[K:.*]]: tensor<?x?x2x4xf32>, %[[V:.*]]: tensor<?x?x2x5xf32>, %[[G:.*]]: tensor<?x?x2xf32>, %[[S:.*]]: tensor<?x2x4x5xf32>)
// CHECK-NEXT: gate.linear_scan %[[Q]], %[[K]], %[[V]] decay(%[[G]]) initial(%[[S]]) :
func.func @simple_gla(
    %q: tensor<?x?x2x4xf32>, %k: tensor<?x?x2x4xf32>, %v: tensor<?x?x2x5xf32>,
    %g: tensor<?x?x2xf32>, %s: tensor<?x2x4x5xf32>)
    -> (tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<2x4xf32>, %kt: tensor<2x4xf32>, %vt: tensor<2x5xf32>, %gt: tensor<2xf32>,
       %st: tensor<2x4x5xf32>):
    %n = linalg.generic {indexing_maps = [#h, #hk, #hv, #hkv],
                         iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%gt, %kt, %vt : tensor<2xf32>, tensor<2x4xf32>, tensor<2x5xf32>)
        outs(%st : tensor<2x4x5xf32>) {
      ^bb1(%x: f32, %a: f32, %b: f32, %c: f32):
        %d = math.exp %x : f32
        %m = arith.mulf %d, %c : f32
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %p, %m : f32
        linalg.yield %u : f32
    } -> tensor<2x4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<2x5xf32>
    %y = linalg.batch_vecmat ins(%qt, %n : tensor<2x4xf32>, tensor<2x4x5xf32>)
        outs(%zero : tensor<2x5xf32>) -> tensor<2x5xf32>
    gate.yield %n, %y : tensor<2x4x5xf32>, tensor<2x5xf32>
  } : (tensor<?x?x2x4xf32>, tensor<?x?x2x4xf32>, tensor<?x?x2x5xf32>, tensor<?x?x2xf32>, tensor<?x2x4x5xf32>)
      -> (tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>)
  return %o, %last : tensor<?x?x2x5xf32>, tensor<?x2x4x5xf32>
}

// GLA of one head: the state is a matrix, the key of width 4 and the query are
// bf16 and widened in the step.
// CHECK-LABEL: func @gla_one_head(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x4xbf16>, %[[K:.*]]: tensor<?x?x4xbf16>, %[[V:.*]]: tensor<?x?x5xbf16>, %[[G:.*]]: tensor<?x?x4xf32>, %[[S:.*]]: tensor<?x4x5xf32>)
// CHECK-DAG: %[[Q4:.*]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<?x?x1x4xbf16>
// CHECK-DAG: %[[K4:.*]] = tensor.expand_shape %[[K]] {{.*}} into tensor<?x?x1x4xbf16>
// CHECK-DAG: %[[V4:.*]] = tensor.expand_shape %[[V]] {{.*}} into tensor<?x?x1x5xbf16>
// CHECK-DAG: %[[G4:.*]] = tensor.expand_shape %[[G]] {{.*}} into tensor<?x?x1x4xf32>
// CHECK-DAG: %[[S4:.*]] = tensor.expand_shape %[[S]] {{.*}} into tensor<?x1x4x5xf32>
// CHECK: %[[O:.*]], %[[F:.*]] = gate.linear_scan %[[Q4]], %[[K4]], %[[V4]] decay(%[[G4]]) initial(%[[S4]]) :
// CHECK-DAG: tensor.collapse_shape %[[F]] {{.*}} into tensor<?x4x5xf32>
// CHECK-DAG: tensor.collapse_shape %[[O]] {{.*}} into tensor<?x?x5xbf16>
func.func @gla_one_head(
    %q: tensor<?x?x4xbf16>, %k: tensor<?x?x4xbf16>, %v: tensor<?x?x5xbf16>,
    %g: tensor<?x?x4xf32>, %s: tensor<?x4x5xf32>) -> (tensor<?x?x5xbf16>, tensor<?x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v, %g) initial(%s) {
  ^bb0(%qt: tensor<4xbf16>, %kt: tensor<4xbf16>, %vt: tensor<5xbf16>, %gt: tensor<4xf32>,
       %st: tensor<4x5xf32>):
    %d = math.exp %gt : tensor<4xf32>
    %e = tensor.empty() : tensor<4x5xf32>
    %wide = linalg.broadcast ins(%d : tensor<4xf32>) outs(%e : tensor<4x5xf32>) dimensions = [1]
    %kept = linalg.mul ins(%st, %wide : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
    %kw = arith.extf %kt : tensor<4xbf16> to tensor<4xf32>
    %vw = arith.extf %vt : tensor<5xbf16> to tensor<5xf32>
    %p = linalg.generic {indexing_maps = [#k, #v, #kv], iterator_types = ["parallel", "parallel"]}
        ins(%kw, %vw : tensor<4xf32>, tensor<5xf32>) outs(%e : tensor<4x5xf32>) {
      ^bb1(%a: f32, %b: f32, %c: f32):
        %m = arith.mulf %a, %b : f32
        linalg.yield %m : f32
    } -> tensor<4x5xf32>
    %n = linalg.add ins(%kept, %p : tensor<4x5xf32>, tensor<4x5xf32>) outs(%e : tensor<4x5xf32>) -> tensor<4x5xf32>
    %qw = arith.extf %qt : tensor<4xbf16> to tensor<4xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %r = linalg.vecmat ins(%qw, %n : tensor<4xf32>, tensor<4x5xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    %y = arith.truncf %r : tensor<5xf32> to tensor<5xbf16>
    gate.yield %n, %y : tensor<4x5xf32>, tensor<5xbf16>
  } : (tensor<?x?x4xbf16>, tensor<?x?x4xbf16>, tensor<?x?x5xbf16>, tensor<?x?x4xf32>, tensor<?x4x5xf32>)
      -> (tensor<?x?x5xbf16>, tensor<?x4x5xf32>)
  return %o, %last : tensor<?x?x5xbf16>, tensor<?x4x5xf32>
}

// HGRN2: k = 1 - exp(g) is computed for all tokens before the scan.
// CHECK-LABEL: func @hgrn2(
// CHECK-SAME: %[[Q:.*]]: tensor<2x7x3x4xf32>, %[[G:.*]]: tensor<2x7x3x4xf32>, %[[V:.*]]: tensor<2x7x3x5xf32>, %[[S:.*]]: tensor<2x3x4x5xf32>)
// CHECK: %[[K:.*]] = linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel"]
// CHECK-SAME: ins(%[[G]] : tensor<2x7x3x4xf32>)
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[E:.*]] = math.exp %[[X]] : f32
// CHECK-NEXT: arith.subf %{{.*}}, %[[E]] : f32
// CHECK: gate.linear_scan %[[Q]], %[[K]], %[[V]] decay(%[[G]]) initial(%[[S]]) :
func.func @hgrn2(
    %q: tensor<2x7x3x4xf32>, %g: tensor<2x7x3x4xf32>, %v: tensor<2x7x3x5xf32>,
    %s: tensor<2x3x4x5xf32>) -> (tensor<2x7x3x5xf32>, tensor<2x3x4x5xf32>) {
  %o, %last = gate.scan inputs(%q, %g, %v) initial(%s) {
  ^bb0(%qt: tensor<3x4xf32>, %gt: tensor<3x4xf32>, %vt: tensor<3x5xf32>, %st: tensor<3x4x5xf32>):
    %one = arith.constant dense<1.0> : tensor<3x4xf32>
    %d = math.exp %gt : tensor<3x4xf32>
    %kt = arith.subf %one, %d : tensor<3x4xf32>
    %n = linalg.generic {indexing_maps = [#hk, #hk, #hv, #hkv],
                         iterator_types = ["parallel", "parallel", "parallel"]}
        ins(%d, %kt, %vt : tensor<3x4xf32>, tensor<3x4xf32>, tensor<3x5xf32>)
        outs(%st : tensor<3x4x5xf32>) {
      ^bb1(%x: f32, %a: f32, %b: f32, %c: f32):
        %m = arith.mulf %x, %c : f32
        %p = arith.mulf %a, %b : f32
        %u = arith.addf %m, %p : f32
        linalg.yield %u : f32
    } -> tensor<3x4x5xf32>
    %zero = arith.constant dense<0.0> : tensor<3x5xf32>
    %y = linalg.batch_vecmat ins(%qt, %n : tensor<3x4xf32>, tensor<3x4x5xf32>)
        outs(%zero : tensor<3x5xf32>) -> tensor<3x5xf32>
    gate.yield %n, %y : tensor<3x4x5xf32>, tensor<3x5xf32>
  } : (tensor<2x7x3x4xf32>, tensor<2x7x3x4xf32>, tensor<2x7x3x5xf32>, tensor<2x3x4x5xf32>)
      -> (tensor<2x7x3x5xf32>, tensor<2x3x4x5xf32>)
  return %o, %last : tensor<2x7x3x5xf32>, tensor<2x3x4x5xf32>
}

// The state is [value, key]: it is transposed before and after. The constant
// decay of 1/2 stands beside a decay whose exponential is before the scan; the
// query is projected in the step.
// CHECK-LABEL: func @transposed(
// CHECK-SAME: %[[X:.*]]: tensor<?x?x6xf32>, %[[W:.*]]: tensor<4x6xf32>, %[[K:.*]]: tensor<?x?x4xf32>, %[[V:.*]]: tensor<?x?x5xf32>, %[[G:.*]]: tensor<?x?xf32>, %[[S:.*]]: tensor<?x5x4xf32>)
// CHECK: %[[Q:.*]] = linalg.generic
// CHECK-SAME: iterator_types = ["parallel", "parallel", "parallel", "parallel", "reduction"]
// CHECK-SAME: ins(%[[X]], %[[W]] : tensor<?x?x6xf32>, tensor<4x6xf32>)
// CHECK: %[[D:.*]] = linalg.generic {{.*}} ins(%[[G]] : tensor<?x?xf32>)
// CHECK-NEXT: ^bb0(%[[GT:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: arith.addf %[[GT]], %{{.*}} : f32
// CHECK: linalg.transpose ins(%[[S]] : tensor<?x5x4xf32>) outs(%{{.*}}) permutation = [0, 2, 1]
// CHECK: %[[O:.*]], %[[F:.*]] = gate.linear_scan %[[Q]], {{.*}} decay(%[[D]])
// CHECK: linalg.transpose ins(%{{.*}} : tensor<?x4x5xf32>) outs(%{{.*}}) permutation = [0, 2, 1]
func.func @transposed(
    %x: tensor<?x?x6xf32>, %w: tensor<4x6xf32>, %k: tensor<?x?x4xf32>, %v: tensor<?x?x5xf32>,
    %g: tensor<?x?xf32>, %s: tensor<?x5x4xf32>) -> (tensor<?x?x5xf32>, tensor<?x5x4xf32>) {
  %a = math.exp %g : tensor<?x?xf32>
  %o, %last = gate.scan inputs(%x, %k, %v, %a) invariants(%w) initial(%s) {
  ^bb0(%xt: tensor<6xf32>, %kt: tensor<4xf32>, %vt: tensor<5xf32>, %at: tensor<f32>,
       %wt: tensor<4x6xf32>, %st: tensor<5x4xf32>):
    %half = arith.constant dense<0.5> : tensor<5x4xf32>
    %s2 = arith.mulf %st, %half : tensor<5x4xf32>
    %e = tensor.empty() : tensor<5x4xf32>
    %wide = linalg.broadcast ins(%at : tensor<f32>) outs(%e : tensor<5x4xf32>) dimensions = [0, 1]
    %kept = arith.mulf %s2, %wide : tensor<5x4xf32>
    %vc = tensor.expand_shape %vt [[0, 1]] output_shape [5, 1] : tensor<5xf32> into tensor<5x1xf32>
    %kr = tensor.expand_shape %kt [[0, 1]] output_shape [1, 4] : tensor<4xf32> into tensor<1x4xf32>
    %n = linalg.matmul ins(%vc, %kr : tensor<5x1xf32>, tensor<1x4xf32>) outs(%kept : tensor<5x4xf32>) -> tensor<5x4xf32>
    %zq = arith.constant dense<0.0> : tensor<4xf32>
    %qt = linalg.matvec ins(%wt, %xt : tensor<4x6xf32>, tensor<6xf32>) outs(%zq : tensor<4xf32>) -> tensor<4xf32>
    %zero = arith.constant dense<0.0> : tensor<5xf32>
    %y = linalg.matvec ins(%n, %qt : tensor<5x4xf32>, tensor<4xf32>) outs(%zero : tensor<5xf32>) -> tensor<5xf32>
    gate.yield %n, %y : tensor<5x4xf32>, tensor<5xf32>
  } : (tensor<?x?x6xf32>, tensor<?x?x4xf32>, tensor<?x?x5xf32>, tensor<?x?xf32>, tensor<4x6xf32>, tensor<?x5x4xf32>)
      -> (tensor<?x?x5xf32>, tensor<?x5x4xf32>)
  return %o, %last : tensor<?x?x5xf32>, tensor<?x5x4xf32>
}

// Heads stand last in state and output, the query is shared by all of them,
// the log-decay is an invariant, and the value is gated in the step.
// CHECK-LABEL: func @heads_last(
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x4xf32>, %[[K:.*]]: tensor<?x?x4x3xf32>, %[[V:.*]]: tensor<?x?x5x3xf32>, %[[G:.*]]: tensor<3xf32>, %[[S:.*]]: tensor<?x4x5x3xf32>)
// CHECK: %[[Q4:.*]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<?x?x1x4xf32>
// CHECK: linalg.generic {{.*}} ins(%[[K]] : tensor<?x?x4x3xf32>) outs(%{{.*}} : tensor<?x?x3x4xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[V]] : tensor<?x?x5x3xf32>) outs(%{{.*}} : tensor<?x?x3x5xf32>)
// CHECK: math.tanh
// CHECK: linalg.generic {{.*}} ins(%[[G]] : tensor<3xf32>) outs(%{{.*}} : tensor<?x?x3xf32>)
// CHECK: linalg.transpose ins(%[[S]] {{.*}} permutation = [0, 3, 1, 2]
// CHECK: gate.linear_scan %[[Q4]],
// CHECK: permutation = [0, 2, 3, 1]
// CHECK: permutation = [0, 1, 3, 2]
func.func @heads_last(
    %q: tensor<?x?x4xf32>, %k: tensor<?x?x4x3xf32>, %v: tensor<?x?x5x3xf32>,
    %g: tensor<3xf32>, %s: tensor<?x4x5x3xf32>)
    -> (tensor<?x?x5x3xf32>, tensor<?x4x5x3xf32>) {
  %o, %last = gate.scan inputs(%q, %k, %v) invariants(%g) initial(%s) {
  ^bb0(%qt: tensor<4xf32>, %kt: tensor<4x3xf32>, %vt: tensor<5x3xf32>, %gt: tensor<3xf32>,
       %st: tensor<4x5x3xf32>):
    %gated = math.tanh %vt : tensor<5x3xf32>
    %e = tensor.empty() : tensor<4x5x3xf32>
    %d = math.exp %gt : tensor<3xf32>
    %wide = linalg.broadcast ins(%d : tensor<3xf32>) outs(%e : tensor<4x5x3xf32>) dimensions = [0, 1]
    %kw = linalg.broadcast ins(%kt : tensor<4x3xf32>) outs(%e : tensor<4x5x3xf32>) dimensions = [1]
    %vw = linalg.broadcast ins(%gated : tensor<5x3xf32>) outs(%e : tensor<4x5x3xf32>) dimensions = [0]
    %qw = linalg.broadcast ins(%qt : tensor<4xf32>) outs(%e : tensor<4x5x3xf32>) dimensions = [1, 2]
    %kept = arith.mulf %wide, %st : tensor<4x5x3xf32>
    %p = arith.mulf %kw, %vw : tensor<4x5x3xf32>
    %n = arith.subf %kept, %p : tensor<4x5x3xf32>
    %r = arith.mulf %n, %qw : tensor<4x5x3xf32>
    %zero = arith.constant dense<0.0> : tensor<5x3xf32>
    %y = linalg.reduce { arith.addf } ins(%r : tensor<4x5x3xf32>) outs(%zero : tensor<5x3xf32>) dimensions = [0]
    gate.yield %n, %y : tensor<4x5x3xf32>, tensor<5x3xf32>
  } : (tensor<?x?x4xf32>, tensor<?x?x4x3xf32>, tensor<?x?x5x3xf32>, tensor<3xf32>, tensor<?x4x5x3xf32>)
      -> (tensor<?x?x5x3xf32>, tensor<?x4x5x3xf32>)
  return %o, %last : tensor<?x?x5x3xf32>, tensor<?x4x5x3xf32>
}
