// RUN: gate-opt --gate-chunk-folds --canonicalize --split-input-file %s | FileCheck %s

// Tiles of queries in parallel. The chunks that every query of a tile reads
// come first and without masks; the rest ends where the last query stands.
// CHECK-DAG:   #[[TILE:.*]] = affine_map<(d0) -> (d0 * 64)>
// CHECK-DAG:   #[[REST:.*]] = affine_map<(d0, d1) -> (64, d0 - d1)>
// CHECK-DAG:   #[[MANY:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG:   #[[KEYS:.*]] = affine_map<(d0, d1, d2) -> (d2, d1)>
// CHECK-LABEL: func.func @causal(
// CHECK-SAME:    %[[Q:.*]]: tensor<2x128x4x16xf32>, %[[K:.*]]: tensor<2x200x2x16xf32>)
// CHECK-DAG:     %[[BELOW:.*]] = arith.constant -1.000000e+30 : f32
// CHECK-DAG:     %[[NONE:.*]] = arith.constant 0xFF800000 : f32
// CHECK-DAG:     %[[SCALE:.*]] = arith.constant 2.500000e-01 : f32
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]], %[[T:.*]]) in (2, 4, 2) shared_outs(%[[O:.*]] = %{{.*}})
// CHECK:           %[[FIRST:.*]] = affine.apply #[[TILE]](%[[T]])
// CHECK:           tensor.extract_slice %[[Q]][%[[B]], %[[FIRST]], %[[H]], 0] [1, 64, 1, 16]
// CHECK:           linalg.fill ins(%[[BELOW]] : f32) outs(%{{.*}} : tensor<64xf32>)
// CHECK:           scf.for {{.*}} -> (tensor<64xf32>, tensor<64xf32>, tensor<64x16xf32>)
// CHECK-NOT:         arith.cmpi
// CHECK:             tensor.extract_slice %[[K]][%[[B]], %{{.*}}, %{{.*}}, 0] [1, 64, 1, 16]
// CHECK:             linalg.generic {indexing_maps = [#[[MANY]], #[[KEYS]], {{.*}} outs(%{{.*}} : tensor<64x64xf32>)
// CHECK-NOT:         arith.cmpi
// CHECK:               arith.mulf %{{.*}}, %[[SCALE]]
// CHECK-NOT:         arith.cmpi
// CHECK:               math.exp %
// CHECK-NOT:         arith.cmpi
// CHECK:             scf.yield
// CHECK:           scf.for %[[AT:.*]] = %{{.*}} to %[[END:.*]] step
// CHECK:             affine.min #[[REST]](%[[END]], %[[AT]])
// CHECK:               %[[KEPT:.*]] = arith.cmpi slt
// CHECK:               %[[PAST:.*]] = arith.cmpi sle
// CHECK:               %[[BOTH:.*]] = arith.andi %[[KEPT]], %[[PAST]]
// CHECK:               arith.select %[[BOTH]], %{{.*}}, %[[NONE]]
// CHECK:               arith.maximumf
// CHECK:               arith.maximumf
// CHECK:               math.exp %
// CHECK:             scf.yield
// CHECK:           %[[SUM:.*]] = linalg.generic
// CHECK:             arith.cmpf oeq
// CHECK:           %[[MADE:.*]] = linalg.generic {{.*}} ins(%{{.*}}, %[[SUM]] :
// CHECK:             arith.divf
// CHECK:           tensor.parallel_insert_slice %[[MADE]] into %[[O]][%[[B]], %[[FIRST]], %[[H]], 0] [1, 64, 1, 16]
// CHECK:         } {gate.schedule = #gate.schedule<{chunk = 64, rows = 64}>}
func.func @causal(%q: tensor<2x128x4x16xf32>, %k: tensor<2x200x2x16xf32>) -> tensor<2x128x4x16xf32> {
  %o = gate.attention %q, %k, %k {causal}
    : (tensor<2x128x4x16xf32>, tensor<2x200x2x16xf32>, tensor<2x200x2x16xf32>) -> tensor<2x128x4x16xf32>
  return %o : tensor<2x128x4x16xf32>
}

// -----

// A window has a masked part on both sides of what all queries read.
// CHECK-LABEL: func.func @window(
// CHECK:         scf.forall
// CHECK:           scf.for
// CHECK:             arith.cmpi sgt
// CHECK:           scf.for
// CHECK-NOT:         arith.cmpi
// CHECK:           scf.for
// CHECK:             arith.cmpi sgt
// CHECK-NOT:       scf.for
// CHECK:         scf.forall.in_parallel
func.func @window(%q: tensor<2x128x4x16xf32>) -> tensor<2x128x4x16xf32> {
  %o = gate.attention %q, %q, %q {causal, window = 100 : i64}
    : (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>) -> tensor<2x128x4x16xf32>
  return %o : tensor<2x128x4x16xf32>
}

// -----

// Sums of log-gates restart in each chunk: scores count from its end, or from
// the query, and the maximum of earlier scores moves by the sum of the chunk.
// Nothing is subtracted but the maximum.
// CHECK-LABEL: func.func @gated(
// CHECK-DAG:     %[[LOWEST:.*]] = arith.constant -1.000000e+04 : f32
// CHECK:         scf.forall
// CHECK:           scf.for {{.*}} iter_args(%[[MOST:[^ ]*]] = {{.*}} -> (tensor<64xf32>, tensor<64xf32>, tensor<64x16xf32>)
// CHECK:               arith.maximumf %{{.*}}, %[[LOWEST]]
// CHECK-NOT:         arith.cmpi sle
// CHECK:             %[[AFTER:.*]] = linalg.generic {{.*}}["parallel", "reduction"]} ins(%{{.*}} : tensor<64xf32>) outs(%{{.*}} : tensor<64xf32>)
// CHECK:               arith.cmpi ugt
// CHECK-NOT:         arith.cmpi
// CHECK:             %[[TOTAL:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<1xf32>)
// CHECK:             linalg.generic {{.*}} ins(%[[TOTAL]] : tensor<1xf32>) outs(%[[MOST]] : tensor<64xf32>)
// CHECK:               arith.addf
// CHECK:             linalg.generic {{.*}} ins(%[[AFTER]] : tensor<64xf32>) outs(%{{.*}} : tensor<64x64xf32>)
// CHECK-NOT:         arith.cmpi
// CHECK:           scf.for
// CHECK:             %[[REACHES:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<64x64xf32>)
// CHECK:               arith.cmpi sle
// CHECK:             %[[AFTER:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<64x64xf32>)
// CHECK:               arith.cmpi ugt
// CHECK:             linalg.generic {{.*}}"reduction"]} ins(%[[REACHES]], %[[AFTER]] : {{.*}} outs(%{{.*}} : tensor<64x64xf32>)
// CHECK:             linalg.generic {{.*}}["parallel", "reduction"]} ins(%{{.*}} : tensor<64xf32>) outs(%{{.*}} : tensor<64xf32>)
// CHECK:               arith.cmpi sle
// CHECK:           scf.forall.in_parallel
func.func @gated(%q: tensor<2x128x4x16xf32>, %g: tensor<2x128x4xf32>) -> tensor<2x128x4x16xf32> {
  %o = gate.attention %q, %q, %q log_gate(%g) {causal}
    : (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4xf32>) -> tensor<2x128x4x16xf32>
  return %o : tensor<2x128x4x16xf32>
}

// -----

// One query reads full chunks of keys as they lie.
// CHECK-LABEL: func.func @one(
// CHECK:         scf.for {{.*}} -> (tensor<1xf32>, tensor<1xf32>, tensor<1x16xf32>)
// CHECK-NEXT:      %[[KEYS:.*]] = tensor.extract_slice {{.*}} to tensor<64x16xf32>
// CHECK:           linalg.generic {{.*}} ins(%{{.*}}, %[[KEYS]] : tensor<1x16xf32>, tensor<64x16xf32>) outs(%{{.*}} : tensor<1x64xf32>)
// CHECK:         gate.schedule = #gate.schedule<{chunk = 64, rows = 1}>
func.func @one(%q: tensor<2x1x4x16xf32>, %k: tensor<2x?x4x16xf32>) -> tensor<2x1x4x16xf32> {
  %o = gate.attention %q, %k, %k
    : (tensor<2x1x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>) -> tensor<2x1x4x16xf32>
  return %o : tensor<2x1x4x16xf32>
}

// -----

// The number of queries may decide at the call.
// CHECK-LABEL: func.func @guarded(
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[FEW:.*]] = arith.constant 16 : index
// CHECK:         arith.cmpi ule, %{{.*}}, %[[ONE]]
// CHECK:         scf.if
// CHECK:           rows = 1}
// CHECK:           arith.cmpi ule, %{{.*}}, %[[FEW]]
// CHECK:           scf.if
// CHECK:             rows = 16}
// CHECK:             rows = 64}
func.func @guarded(%q: tensor<2x?x4x16xf32>) -> tensor<2x?x4x16xf32> {
  %o = gate.attention %q, %q, %q
    : (tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>, tensor<2x?x4x16xf32>) -> tensor<2x?x4x16xf32>
  return %o : tensor<2x?x4x16xf32>
}

// -----

// CHECK-LABEL: func.func @no_key(
// CHECK-NOT:     scf
// CHECK:         %[[ZERO:.*]] = linalg.fill
// CHECK:         return %[[ZERO]]
func.func @no_key(%q: tensor<2x3x4x16xf32>, %k: tensor<2x0x4x16xf32>) -> tensor<2x3x4x16xf32> {
  %o = gate.attention %q, %k, %k
    : (tensor<2x3x4x16xf32>, tensor<2x0x4x16xf32>, tensor<2x0x4x16xf32>) -> tensor<2x3x4x16xf32>
  return %o : tensor<2x3x4x16xf32>
}

// -----

// Whole tiles in the type of storage: keys are not transposed, weights are
// narrowed before the product with values, sums are f32. A quarter is one times
// log2(e) there.
// CHECK-DAG:   #[[MANY:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG:   #[[AS_STORED:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func.func @dense(
// CHECK:         arith.constant 0.360673755 : f32
// CHECK:         scf.for
// CHECK:           linalg.generic {indexing_maps = [#[[MANY]], #[[AS_STORED]], {{.*}} ins(%{{.*}}, %{{.*}} : tensor<64x16xbf16>, tensor<64x16xbf16>) outs(%{{.*}} : tensor<64x64xf32>)
// CHECK:           %[[WEIGHTS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<64x64xbf16>)
// CHECK:             arith.truncf
// CHECK:           linalg.generic {{.*}} ins(%[[WEIGHTS]], %{{.*}} : tensor<64x64xbf16>, tensor<64x16xbf16>) outs(%{{.*}} : tensor<64x16xf32>)
// CHECK:         form = "dense"
func.func @dense(%q: tensor<2x128x4x16xbf16>) -> tensor<2x128x4x16xbf16> {
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{form = "dense", rows = 64, chunk = 64}>}
    : (tensor<2x128x4x16xbf16>, tensor<2x128x4x16xbf16>, tensor<2x128x4x16xbf16>) -> tensor<2x128x4x16xbf16>
  return %o : tensor<2x128x4x16xbf16>
}

// -----

// There the sums of log-gates are products as well, of 0 and 1 with gates in
// three parts that are exact, the smallest first.
// CHECK-LABEL: func.func @dense_gated(
// CHECK:         scf.for
// CHECK:         scf.for
// CHECK:           %[[REACHES:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<64x?xbf16>)
// CHECK:           %[[HIGH:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?xbf16>)
// CHECK:           linalg.generic {{.*}} ins(%{{.*}}, %[[HIGH]] :
// CHECK:             arith.subf
// CHECK:           %[[MIDDLE:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?xbf16>)
// CHECK:           %[[LOW:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<?xbf16>)
// CHECK:           %[[AFTER:.*]] = linalg.generic {{.*}} ins(%[[LOW]] : {{.*}} outs(%{{.*}} : tensor<?x?xbf16>)
// CHECK:           linalg.generic {{.*}} ins(%[[REACHES]], %[[AFTER]] : tensor<64x?xbf16>, tensor<?x?xbf16>) outs(%{{.*}} : tensor<64x?xf32>)
// CHECK:           linalg.generic {{.*}} ins(%[[MIDDLE]] :
// CHECK:           linalg.generic {{.*}} ins(%[[HIGH]] :
func.func @dense_gated(%q: tensor<2x128x4x16xbf16>, %g: tensor<2x128x4xf32>) -> tensor<2x128x4x16xbf16> {
  %o = gate.attention %q, %q, %q log_gate(%g) {causal, gate.schedule = #gate.schedule<{form = "dense", rows = 64, chunk = 64}>}
    : (tensor<2x128x4x16xbf16>, tensor<2x128x4x16xbf16>, tensor<2x128x4x16xbf16>, tensor<2x128x4xf32>) -> tensor<2x128x4x16xbf16>
  return %o : tensor<2x128x4x16xbf16>
}

// -----

// A sink is added to the sum when all keys are.
// CHECK-LABEL: func.func @sinks(
// CHECK-SAME:    %[[S:[^:]*]]: tensor<4xf32>)
// CHECK:         scf.forall (%{{.*}}, %[[H:.*]], %{{.*}}) in
// CHECK:           %[[ALL:.*]]:3 = scf.for {{.*}} iter_args({{.*}} = %{{.*}}#0
// CHECK:           %[[SINK:.*]] = tensor.extract %[[S]][%[[H]]]
// CHECK:           linalg.generic {{.*}} ins(%[[ALL]]#0 : tensor<64xf32>) outs(%[[ALL]]#1 : tensor<64xf32>)
// CHECK:             arith.subf %[[SINK]]
// CHECK:             math.exp
func.func @sinks(%q: tensor<2x128x4x16xf32>, %s: tensor<4xf32>) -> tensor<2x128x4x16xf32> {
  %o = gate.attention %q, %q, %q sinks(%s) {causal}
    : (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<4xf32>) -> tensor<2x128x4x16xf32>
  return %o : tensor<2x128x4x16xf32>
}

// -----

// An elementwise op on the result is done on the tile, where its other operands
// are; what repeats along a dim is read once. The fold's result is not written.
// CHECK-DAG:   #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG:   #[[ROW:.*]] = affine_map<(d0, d1) -> (d0)>
// CHECK-LABEL: func.func @consumer(
// CHECK-SAME:    %{{.*}}: tensor<2x128x4x16xf32>, %[[X:.*]]: tensor<2x128x4x1xf32>)
// CHECK:         %[[G:.*]] = linalg.exp ins(%[[X]]
// CHECK:         scf.forall (%[[B:.*]], %[[H:.*]], %[[T:.*]]) in (2, 4, 2) shared_outs(%[[O:.*]] = %{{.*}})
// CHECK:           %[[ROOM:.*]] = tensor.extract_slice %[[O]][%[[B]], %[[FIRST:.*]], %[[H]], 0]
// CHECK:           %[[ROWS:.*]] = linalg.generic {{.*}} ins(%{{[0-9]+}}#2, %{{.*}} :
// CHECK-NEXT:      ^bb0
// CHECK-NEXT:        arith.divf
// CHECK:           %[[GATES:.*]] = tensor.extract_slice %[[G]][%[[B]], %[[FIRST]], %[[H]], 0] [1, 64, 1, 1] {{.*}} to tensor<64xf32>
// CHECK:           %[[MADE:.*]] = linalg.generic {indexing_maps = [#[[ALL]], #[[ROW]], #[[ALL]]], {{.*}} ins(%[[ROWS]], %[[GATES]] : {{.*}} outs(%[[ROOM]] : tensor<64x16xf32>)
// CHECK:             arith.mulf
// CHECK:           tensor.parallel_insert_slice %[[MADE]] into %[[O]]
// CHECK-NOT:     linalg.generic
// CHECK:         return
#whole = affine_map<(b, t, h, d) -> (b, t, h, d)>
#repeated = affine_map<(b, t, h, d) -> (b, t, h, 0)>
func.func @consumer(%q: tensor<2x128x4x16xf32>, %x: tensor<2x128x4x1xf32>) -> tensor<2x128x4x16xf32> {
  %o = gate.attention %q, %q, %q {causal}
    : (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>) -> tensor<2x128x4x16xf32>
  // After the fold: the loop is where its consumer was.
  %g = linalg.exp ins(%x : tensor<2x128x4x1xf32>) outs(%x : tensor<2x128x4x1xf32>) -> tensor<2x128x4x1xf32>
  %y = linalg.generic {indexing_maps = [#whole, #repeated, #whole], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%o, %g : tensor<2x128x4x16xf32>, tensor<2x128x4x1xf32>) outs(%o : tensor<2x128x4x16xf32>) {
  ^bb0(%a: f32, %b: f32, %unused: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<2x128x4x16xf32>
  return %y : tensor<2x128x4x16xf32>
}

// -----

// What somebody else reads, too, or reads at another place, is written.
// CHECK-LABEL: func.func @no_consumer(
// CHECK:         %[[O:.*]] = scf.forall
// CHECK:         %[[SQUARED:.*]] = linalg.generic {{.*}} ins(%[[O]] :
// CHECK:         return %[[O]], %[[SQUARED]]
// CHECK-LABEL: func.func @transposed(
// CHECK:         %[[O:.*]] = scf.forall
// CHECK:         linalg.generic {{.*}} ins(%[[O]] :
#whole = affine_map<(b, t, h, d) -> (b, t, h, d)>
#swapped = affine_map<(b, t, h, d) -> (b, t, d, h)>
func.func @no_consumer(%q: tensor<2x128x4x16xf32>) -> (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>) {
  %o = gate.attention %q, %q, %q
    : (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>) -> tensor<2x128x4x16xf32>
  %y = linalg.generic {indexing_maps = [#whole, #whole], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%o : tensor<2x128x4x16xf32>) outs(%q : tensor<2x128x4x16xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %p = arith.mulf %a, %a : f32
    linalg.yield %p : f32
  } -> tensor<2x128x4x16xf32>
  return %o, %y : tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>
}
func.func @transposed(%q: tensor<2x128x4x16xf32>, %r: tensor<2x128x16x4xf32>) -> tensor<2x128x16x4xf32> {
  %o = gate.attention %q, %q, %q
    : (tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>, tensor<2x128x4x16xf32>) -> tensor<2x128x4x16xf32>
  %y = linalg.generic {indexing_maps = [#swapped, #whole], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%o : tensor<2x128x4x16xf32>) outs(%r : tensor<2x128x16x4xf32>) {
  ^bb0(%a: f32, %unused: f32):
    %p = arith.mulf %a, %a : f32
    linalg.yield %p : f32
  } -> tensor<2x128x16x4xf32>
  return %y : tensor<2x128x16x4xf32>
}
