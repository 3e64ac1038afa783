// RUN: gate-opt --gate-pack-products --split-input-file %s | FileCheck %s

// Many rows: the right side goes to panels, row blocks run in parallel.
// CHECK-LABEL: func.func @packed(
// CHECK-SAME:    %[[A:[^:]*]]: tensor<96x1024xf32>, %[[B:[^:]*]]: tensor<1024x128xf32>, %[[C:[^:]*]]: tensor<96x128xf32>)
// CHECK:         %[[EMPTY:.*]] = tensor.empty() : tensor<2x1024x64xf32>
// CHECK:         %[[PANELS:.*]] = scf.forall (%{{.*}}) in (2) shared_outs(%{{.*}} = %[[EMPTY]])
// CHECK:           tensor.extract_slice %[[B]][0, %{{.*}}] [1024, 64]
// CHECK:         %[[R:.*]] = scf.forall (%{{.*}}) in (2) shared_outs(%{{.*}} = %[[C]])
// CHECK:           scf.for
// CHECK:             %[[LEFT:.*]] = tensor.extract_slice %[[A]][%{{.*}}, %{{.*}}] [48, 512]
// CHECK:             scf.for
// CHECK:               %[[RIGHT:.*]] = tensor.extract_slice %[[PANELS]][%{{.*}}, %{{.*}}, 0] [1, 512, 64]
// CHECK:               linalg.generic {{.*}} ins(%[[LEFT]], %[[RIGHT]] : tensor<48x512xf32>, tensor<512x64xf32>)
// CHECK-NOT:     scf.if
// CHECK:         return %[[R]]
func.func @packed(%a: tensor<96x1024xf32>, %b: tensor<1024x128xf32>, %c: tensor<96x128xf32>) -> tensor<96x128xf32> {
  %r = linalg.matmul {gate.schedule = #gate.schedule<{rows = 48}>}
    ins(%a, %b : tensor<96x1024xf32>, tensor<1024x128xf32>) outs(%c : tensor<96x128xf32>) -> tensor<96x128xf32>
  return %r : tensor<96x128xf32>
}

// -----

// Few rows: read in place, once.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME:    %[[A:[^:]*]]: tensor<11x64xf32>, %[[B:[^:]*]]: tensor<64x128xf32>
// CHECK-NOT:     tensor.empty
// CHECK:         scf.forall (%{{.*}}) in (2)
// CHECK:           %[[PART:.*]] = tensor.extract_slice %[[B]][0, %{{.*}}] [64, 64]
// CHECK:           linalg.generic {{.*}} ins(%[[A]], %[[PART]]
// CHECK-NOT:     scf.forall (
// CHECK:         return
func.func @in_place(%a: tensor<11x64xf32>, %b: tensor<64x128xf32>, %c: tensor<11x128xf32>) -> tensor<11x128xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<11x64xf32>, tensor<64x128xf32>) outs(%c : tensor<11x128xf32>) -> tensor<11x128xf32>
  return %r : tensor<11x128xf32>
}

// -----

// Batch and time are rows. Their number is not known: both forms. The right
// side is transposed while it is packed, and widths are cut at the edge.
#in = affine_map<(b, t, o, i) -> (b, t, i)>
#w = affine_map<(b, t, o, i) -> (o, i)>
#out = affine_map<(b, t, o, i) -> (b, t, o)>
// CHECK-LABEL: func.func @dynamic_rows(
// CHECK-SAME:    %[[A:[^:]*]]: tensor<?x?x64xf32>, %[[B:[^:]*]]: tensor<100x64xf32>
// CHECK:         tensor.collapse_shape %[[A]] {{\[\[}}0, 1], [2]]
// CHECK:         %[[FEW:.*]] = arith.cmpi ult
// CHECK:         %[[R:.*]] = scf.if %[[FEW]]
// CHECK:           scf.forall
// CHECK:             affine.min
// A panel of the task's own, from the transposed side.
// CHECK:             tensor.empty() : tensor<128x64xf32>
// CHECK:             tensor.extract_slice %[[B]][%{{.*}}, %{{.*}}] [%{{.*}}, %{{.*}}]
// CHECK:         } else {
// CHECK:           tensor.empty() : tensor<2x64x64xf32>
// CHECK:           scf.forall
// CHECK:           scf.forall
// CHECK:         tensor.expand_shape %[[R]] {{\[\[}}0, 1], [2]]
func.func @dynamic_rows(%a: tensor<?x?x64xf32>, %b: tensor<100x64xf32>, %c: tensor<?x?x100xf32>) -> tensor<?x?x100xf32> {
  %r = linalg.generic {indexing_maps = [#in, #w, #out], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%a, %b : tensor<?x?x64xf32>, tensor<100x64xf32>) outs(%c : tensor<?x?x100xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %m = arith.mulf %x, %y : f32
    %s = arith.addf %z, %m : f32
    linalg.yield %s : f32
  } -> tensor<?x?x100xf32>
  return %r : tensor<?x?x100xf32>
}

// -----

// Narrow inputs are packed as they are and widened in the product.
// CHECK-LABEL: func.func @narrow(
// CHECK:         tensor.empty() : tensor<1x64x64xbf16>
// CHECK:           arith.extf {{.*}} : bf16 to f32
// CHECK:           arith.mulf {{.*}} : f32
func.func @narrow(%a: tensor<64x64xbf16>, %b: tensor<64x64xbf16>, %c: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<64x64xbf16>, tensor<64x64xbf16>) outs(%c : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// -----

// A batch of products has no one right side.
// CHECK-LABEL: func.func @batch(
// CHECK-NEXT:    linalg.batch_matmul
// CHECK-NEXT:    return
func.func @batch(%a: tensor<4x64x64xf32>) -> tensor<4x64x64xf32> {
  %r = linalg.batch_matmul ins(%a, %a : tensor<4x64x64xf32>, tensor<4x64x64xf32>) outs(%a : tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
  return %r : tensor<4x64x64xf32>
}

// -----

// CHECK-LABEL: func.func @integers(
// CHECK-NEXT:    linalg.matmul
// CHECK-NEXT:    return
func.func @integers(%a: tensor<64x64xi32>) -> tensor<64x64xi32> {
  %r = linalg.matmul ins(%a, %a : tensor<64x64xi32>, tensor<64x64xi32>) outs(%a : tensor<64x64xi32>) -> tensor<64x64xi32>
  return %r : tensor<64x64xi32>
}

// -----

// More than a product: the exponential must not be lost.
#a = affine_map<(m, n, k) -> (m, k)>
#b = affine_map<(m, n, k) -> (k, n)>
#c = affine_map<(m, n, k) -> (m, n)>
// CHECK-LABEL: func.func @not_a_product(
// CHECK-NOT:     scf
// CHECK:         math.exp
func.func @not_a_product(%a: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %r = linalg.generic {indexing_maps = [#a, #b, #c], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32):
    %e = math.exp %x : f32
    %m = arith.mulf %e, %y : f32
    %s = arith.addf %z, %m : f32
    linalg.yield %s : f32
  } -> tensor<64x64xf32>
  return %r : tensor<64x64xf32>
}

// -----

// Inside of a loop the op is a tile already.
// CHECK-LABEL: func.func @loop(
// CHECK:         scf.for
// CHECK-NEXT:      linalg.matmul
// CHECK-NOT:     scf.forall
func.func @loop(%a: tensor<64x64xf32>, %n: index) -> tensor<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %a) -> tensor<64x64xf32> {
    %t = linalg.matmul ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
    scf.yield %t : tensor<64x64xf32>
  }
  return %r : tensor<64x64xf32>
}
