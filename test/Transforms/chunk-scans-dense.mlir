// Chunks in the form for matrix units, which the schedule of a GPU asks for.
// RUN: gate-opt --gate-select-schedules=target=gpu --gate-chunk-scans --canonicalize --split-input-file %s | FileCheck %s --implicit-check-not=arith.divf

// No decay: scores below the diagonal, what they read, what the state adds, and
// the state's own sum; operands of products are as they are stored.
// CHECK-LABEL: func.func @undecayed(
// CHECK:         scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}, %[[S:.*]] = %{{.*}}) -> (tensor<128x16xbf16>, tensor<16x16xf32>)
// CHECK-NOT:       math.exp
// CHECK-DAG:       %[[Q:.*]] = tensor.extract_slice {{.*}} to tensor<64x16xbf16>
// CHECK:           %[[RAW:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>) {{.*}}tensor<64x64xf32>
// CHECK:           %[[A:.*]] = linalg.generic {{.*}} ins(%[[RAW]] : tensor<64x64xf32>)
// CHECK:             arith.cmpi ule, %{{.*}}, %{{.*}} : index
// CHECK:             arith.select
// CHECK:           %[[SCORES:.*]] = linalg.generic {{.*}} ins(%[[A]] : tensor<64x64xf32>) outs(%{{.*}} : tensor<64x64xbf16>)
// CHECK:             arith.truncf
// CHECK:           %[[READ:.*]] = linalg.generic {{.*}} ins(%[[SCORES]], %{{.*}} : tensor<64x64xbf16>, tensor<64x16xbf16>) {{.*}}tensor<64x16xf32>
// CHECK:           %[[MEMORY:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<16x16xf32>) outs(%{{.*}} : tensor<16x16xbf16>)
// CHECK:           linalg.generic {{.*}} ins(%{{.*}}, %[[MEMORY]] : tensor<64x16xbf16>, tensor<16x16xbf16>) outs(%[[READ]] :
// CHECK:           %[[NEXT:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>) outs(%[[S]] : tensor<16x16xf32>)
// CHECK:           scf.yield %{{.*}}, %[[NEXT]]
// CHECK:         } {gate.schedule = #gate.schedule<{{{.*}}form = "dense"
func.func @undecayed(%q: tensor<2x128x3x16xbf16>, %s: tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q initial(%s)
    : (tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>
}

// -----

// One gate per token: factors of rows and columns around the middle row where
// the data allow it, on scores of queries and keys as they are stored.
// CHECK-LABEL: func.func @scalar(
// CHECK-DAG:     %[[LOWEST:.*]] = arith.constant -9.984000e+03 : f32
// CHECK-DAG:     %[[BOUND:.*]] = arith.constant 6.000000e+01 : f32
// CHECK:         scf.for
// CHECK:             arith.maximumf %{{.*}}, %[[LOWEST]]
// CHECK:           %[[FITS:.*]] = arith.cmpf ole, %{{.*}}, %[[BOUND]]
// CHECK:           scf.if %[[FITS]]
// CHECK:             %[[SUMS:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} {{.*}} outs(%{{.*}} : tensor<64xf32>)
// CHECK:             %[[ROWS:.*]] = linalg.generic {{.*}} ins(%[[SUMS]] :
// CHECK:               math.exp
// CHECK:             %[[COLUMNS:.*]] = linalg.generic {{.*}} ins(%[[SUMS]] :
// CHECK:               arith.negf
// CHECK:               math.exp
// CHECK:             %[[RAW:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>)
// CHECK:             linalg.generic {{.*}} ins(%[[RAW]], %[[ROWS]], %[[COLUMNS]] :
// CHECK-NOT:         math.exp
// CHECK:             arith.select
// Else exponentials of sums between two rows, never of a difference of sums.
// The sums are products with 0 and 1 of the gates in two exact parts, the small
// one first. Gates of -inf become finite numbers, which 16-bit types have, too.
// CHECK:           } else {
// CHECK:             %[[AFTER:.*]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<64xf32>) outs(%{{.*}} : tensor<64x64xf32>)
// CHECK:               arith.cmpi ult
// CHECK:             %[[SIGNS:.*]] = linalg.generic {{.*}}["parallel", "parallel"]} outs(%{{.*}} : tensor<64x64xbf16>)
// CHECK:               %[[I:.*]] = linalg.index 0
// CHECK:               %[[R:.*]] = linalg.index 1
// CHECK:               arith.cmpi ule, %[[R]], %[[I]]
// CHECK:             %[[HIGH:.*]] = linalg.generic {{.*}} ins(%[[AFTER]] : tensor<64x64xf32>) outs(%{{.*}} : tensor<64x64xbf16>)
// CHECK:             %[[REST:.*]] = linalg.generic {{.*}} ins(%[[AFTER]], %[[HIGH]] :
// CHECK:               arith.subf
// CHECK:             %[[MIDDLE:.*]] = linalg.generic {{.*}} ins(%[[REST]] :
// CHECK:             %[[SUM:.*]] = linalg.generic {{.*}}"reduction"]} ins(%[[SIGNS]], %[[MIDDLE]] :
// CHECK:             %[[LOGS:.*]] = linalg.generic {{.*}} ins(%[[SIGNS]], %[[HIGH]] : {{.*}} outs(%[[SUM]] :
// CHECK-NOT:         arith.subf
// CHECK:             %[[RAW1:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>)
// CHECK:             linalg.generic {{.*}} ins(%[[RAW1]], %[[LOGS]] :
// CHECK:               math.exp
// CHECK-NOT:         arith.subf
// CHECK:           scf.yield
func.func @scalar(%q: tensor<2x128x3x16xbf16>, %g: tensor<2x128x3xf32>, %s: tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s)
    : (tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3xf32>, tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>
}

// -----

// From the last token to the first: the order of rows is the other one.
// CHECK-LABEL: func.func @reverse(
// CHECK:         scf.for
// CHECK:         } else {
// CHECK:           linalg.generic {{.*}}["parallel", "parallel"]} outs(%{{.*}} : tensor<64x64xbf16>)
// CHECK:             %[[I:.*]] = linalg.index 0
// CHECK:             %[[R:.*]] = linalg.index 1
// CHECK:             arith.cmpi ule, %[[I]], %[[R]]
// CHECK:             math.exp
// CHECK:           scf.yield
func.func @reverse(%q: tensor<2x128x3x16xbf16>, %g: tensor<2x128x3xf32>, %s: tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s) {reverse}
    : (tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3xf32>, tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>
}

// -----

// A constant per head, chosen once for a chunk: exponentials of it times numbers
// of tokens.
// CHECK-LABEL: func.func @constant(
// CHECK-DAG:     %[[A:.*]] = arith.constant -1.000000e-01 : f32
// CHECK-DAG:     %[[B:.*]] = arith.constant -2.000000e-01 : f32
// CHECK:         scf.forall (%{{.*}}, %[[HEAD:.*]]) in (2, 2)
// CHECK:           scf.for
// CHECK:             %[[IS:.*]] = arith.cmpi eq, %[[HEAD]], %
// CHECK:             %[[GATE:.*]] = arith.select %[[IS]], %[[A]], %[[B]] : f32
// CHECK-NOT:         "reduction"]} {{.*}}tensor<64xf32>
// CHECK:             %[[RAW:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>)
// CHECK:             linalg.generic {{.*}} ins(%[[RAW]] :
// CHECK:               %[[TOKENS:.*]] = arith.subi %{{.*}}, %{{.*}} : index
// CHECK:               arith.index_cast %[[TOKENS]]
// CHECK:               %[[LOG:.*]] = arith.mulf %{{.*}}, %[[GATE]] : f32
// CHECK:               math.exp %[[LOG]]
func.func @constant(%q: tensor<2x128x2x16xbf16>, %s: tensor<2x2x16x16xf32>) -> (tensor<2x128x2x16xbf16>, tensor<2x2x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q initial(%s) {decay_constants = array<f64: -0.1, -0.2>}
    : (tensor<2x128x2x16xbf16>, tensor<2x128x2x16xbf16>, tensor<2x128x2x16xbf16>, tensor<2x2x16x16xf32>) -> (tensor<2x128x2x16xbf16>, tensor<2x2x16x16xf32>)
  return %o, %last : tensor<2x128x2x16xbf16>, tensor<2x2x16x16xf32>
}

// -----

// A gate per key: rescaled around the middle row where the data allow it. Each
// way makes outputs and state, so that no scores live across the choice.
// CHECK-LABEL: func.func @vector(
// CHECK-DAG:     %[[BOUND:.*]] = arith.constant 6.000000e+01 : f32
// CHECK-DAG:     %[[MIDDLE:.*]] = arith.constant 32 : index
// CHECK:         scf.for
// CHECK:             arith.cmpi ult, %{{.*}}, %[[MIDDLE]]
// CHECK:             arith.cmpi uge, %{{.*}}, %[[MIDDLE]]
// CHECK:           %[[MOST:.*]] = tensor.extract %{{.*}} : tensor<1xf32>
// CHECK:           %[[FITS:.*]] = arith.cmpf ole, %[[MOST]], %[[BOUND]]
// CHECK:           %[[CHUNK:.*]]:2 = scf.if %[[FITS]] -> (tensor<64x16xbf16>, tensor<16x16xf32>) {
// CHECK:             linalg.generic {{.*}}"reduction"]} {{.*}} outs(%{{.*}} : tensor<64x16xf32>)
// CHECK:             %[[SUMS:.*]] = linalg.generic {{.*}}"reduction"]} {{.*}} outs(%{{.*}} : tensor<64x16xf32>)
// CHECK:             %[[QUERIES:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[SUMS]] :
// CHECK:             %[[KEYS:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[SUMS]] :
// CHECK:               arith.negf
// CHECK:             linalg.generic {{.*}}["parallel", "parallel", "reduction"]} ins(%[[QUERIES]], %[[KEYS]] : tensor<64x16xbf16>, tensor<64x16xbf16>)
// CHECK:             %[[SCALED:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<16x16xf32>, tensor<16xf32>)
// CHECK:             linalg.generic {{.*}} ins(%[[QUERIES]], %{{.*}} : tensor<64x16xbf16>, tensor<16x16xbf16>)
// CHECK:             linalg.generic {{.*}} ins(%[[KEYS]], %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>) outs(%[[SCALED]] :
// CHECK-NOT:         scf.for
// Else every row of scores by itself, with exponents that are never above 0.
// CHECK:           } else {
// CHECK:             %[[EXACT:.*]]:2 = scf.for %{{.*}} -> (tensor<64x16xf32>, tensor<64x64xf32>)
// CHECK-NOT:           arith.negf
// CHECK:               math.exp
// CHECK:             linalg.generic {{.*}} ins(%[[EXACT]]#1 : tensor<64x64xf32>) outs(%{{.*}} : tensor<64x64xbf16>)
// CHECK:             scf.yield
// CHECK:           tensor.insert_slice %[[CHUNK]]#0 into
// CHECK-NEXT:      scf.yield %{{.*}}, %[[CHUNK]]#1
func.func @vector(%q: tensor<2x128x3x16xbf16>, %g: tensor<2x128x3x16xf32>, %s: tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s)
    : (tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>
}

// -----

// Operands of f16 leave less room; in reverse the first half is the last one.
// CHECK-LABEL: func.func @half(
// CHECK-DAG:     %[[BOUND:.*]] = arith.constant {{[2-9][.]0*e[+]00}} : f32
// CHECK-DAG:     %[[MIDDLE:.*]] = arith.constant 32 : index
// CHECK:         scf.for
// CHECK:             arith.cmpi uge, %{{.*}}, %[[MIDDLE]]
// CHECK:             arith.cmpi ult, %{{.*}}, %[[MIDDLE]]
// CHECK:           arith.cmpf ole, %{{.*}}, %[[BOUND]]
func.func @half(%q: tensor<2x128x3x16xf16>, %g: tensor<2x128x3x16xf32>, %s: tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xf16>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s) {reverse}
    : (tensor<2x128x3x16xf16>, tensor<2x128x3x16xf16>, tensor<2x128x3x16xf16>, tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xf16>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xf16>, tensor<2x3x16x16xf32>
}

// -----

// A machine without matrix units keeps the form that treats rows one by one.
// CHECK-LABEL: func.func @rows(
// CHECK-NOT:     form = "dense"
// CHECK:         return
func.func @rows(%q: tensor<2x128x3x16xbf16>, %g: tensor<2x128x3x16xf32>, %s: tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s) {gate.schedule = #gate.schedule<{chunk = 64, few_tokens = 6, segment = 0}>}
    : (tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xbf16>, tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>) -> (tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>)
  return %o, %last : tensor<2x128x3x16xbf16>, tensor<2x3x16x16xf32>
}
