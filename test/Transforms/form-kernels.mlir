// RUN: gate-opt --gate-form-kernels --split-input-file %s | FileCheck %s
// RUN: gate-opt --gate-form-kernels="tile-elements=256" --split-input-file %s | FileCheck %s --check-prefix=SMALL

// A norm with a gate and a residual in one loop over whole rows; the sum that
// the caller reads, too, comes out of it.
// CHECK-LABEL: func.func @norm(
// CHECK-NOT:     linalg.generic
// CHECK:         %[[Y:.*]]:2 = scf.forall (%[[I:.*]]) = (0) to (%{{.*}}) step (64) shared_outs(%[[OUT:.*]] = %{{.*}}, %[[KEPT:.*]] = %{{.*}})
// CHECK:           %[[ROWS:.*]] = affine.min #{{.*}}(%[[I]])
// CHECK:           %[[PLACE:.*]] = tensor.extract_slice %[[KEPT]][%[[I]], 0] [%[[ROWS]], 64]
// CHECK:           %[[SUM:.*]] = linalg.generic {{.*}} outs(%[[PLACE]] :
// CHECK:             arith.addf
// CHECK:           %[[NONE:.*]] = linalg.fill {{.*}} -> tensor<?xf32>
// CHECK:           %[[SQUARES:.*]] = linalg.generic {{.*}} outs(%[[NONE]] :
// CHECK:           %[[TILE:.*]] = linalg.generic {{.*}} ins({{.*}}%[[SQUARES]],
// CHECK:             math.rsqrt
// CHECK:           scf.forall.in_parallel {
// CHECK-NEXT:        tensor.parallel_insert_slice %[[TILE]] into %[[OUT]][%[[I]], 0]
// CHECK-NEXT:        tensor.parallel_insert_slice %[[SUM]] into %[[KEPT]][%[[I]], 0]
// CHECK-NOT:     linalg.generic
// CHECK-NOT:     scf.forall
// CHECK:         return %[[Y]]#0, %[[Y]]#1

// Of a row of 64 elements fewer fit.
// SMALL-LABEL: func.func @norm(
// SMALL:         scf.forall {{.*}} step (4)
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @norm(%x: tensor<?x64xf32>, %r: tensor<?x64xf32>, %g: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x64xf32>
  %room = tensor.empty(%n) : tensor<?x64xf32>
  %sum = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x, %r : tensor<?x64xf32>, tensor<?x64xf32>) outs(%room : tensor<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %0 = arith.addf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x64xf32>
  %rows = tensor.empty(%n) : tensor<?xf32>
  %none = linalg.fill ins(%zero : f32) outs(%rows : tensor<?xf32>) -> tensor<?xf32>
  %squares = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%sum : tensor<?x64xf32>) outs(%none : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %0 = arith.mulf %a, %a : f32
    %1 = arith.addf %o, %0 : f32
    linalg.yield %1 : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [#id, #row, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%sum, %squares, %g : tensor<?x64xf32>, tensor<?xf32>, tensor<?x64xf32>) outs(%room : tensor<?x64xf32>) {
  ^bb0(%a: f32, %s: f32, %b: f32, %o: f32):
    %0 = math.rsqrt %s : f32
    %1 = arith.mulf %a, %0 : f32
    %2 = arith.mulf %1, %b : f32
    linalg.yield %2 : f32
  } -> tensor<?x64xf32>
  return %y, %sum : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// What is in a parallel loop already has its tile.
// CHECK-LABEL: func.func @inside(
// CHECK:         scf.forall (%[[I:.*]]) in (4)
// CHECK-NOT:       scf.for
// CHECK:           linalg.exp {{.*}} -> tensor<1x8xf32>
// CHECK:           scf.forall.in_parallel
// CHECK-NOT:     scf.forall
// CHECK:         return
func.func @inside(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %room = tensor.empty() : tensor<4x8xf32>
  %y = scf.forall (%i) in (4) shared_outs(%o = %room) -> tensor<4x8xf32> {
    %a = tensor.extract_slice %x[%i, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<1x8xf32>
    %b = tensor.extract_slice %o[%i, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<1x8xf32>
    %e = linalg.exp ins(%a : tensor<1x8xf32>) outs(%b : tensor<1x8xf32>) -> tensor<1x8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<4x8xf32>
    }
  }
  return %y : tensor<4x8xf32>
}

// -----

// A product by tiles of the result, step by step along its depth, with what
// happens to its result behind it.
// CHECK-LABEL: func.func @product(
// CHECK-SAME:    %[[A:[^:]*]]: tensor<512x256xbf16>, %[[B:[^:]*]]: tensor<256x320xbf16>
// CHECK-NOT:     linalg.
// CHECK:         scf.forall (%[[I:.*]], %[[J:.*]]) = (0, 0) to (512, 320) step (128, 128)
// CHECK:           %[[LEFT:.*]] = tensor.extract_slice %[[A]][%[[I]], 0] [128, 256]
// CHECK:           %[[RIGHT:.*]] = tensor.extract_slice %[[B]][0, %[[J]]] [256, %[[COLUMNS:.*]]] [1, 1]
// CHECK:           %[[NONE:.*]] = linalg.fill
// CHECK:           %[[SUMS:.*]] = scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[ACC:.*]] = %[[NONE]])
// CHECK-DAG:         %[[LK:.*]] = tensor.extract_slice %[[LEFT]][0, %[[K]]] [128, 64]
// CHECK-DAG:         %[[RK:.*]] = tensor.extract_slice %[[RIGHT]][%[[K]], 0] [64, %[[COLUMNS]]]
// CHECK:             linalg.matmul ins(%[[LK]], %[[RK]] :
// CHECK:             scf.yield
// CHECK:           %[[Y:.*]] = linalg.generic {{.*}} ins(%[[SUMS]],
// CHECK:             arith.truncf
// CHECK:           tensor.parallel_insert_slice %[[Y]] into
// CHECK-NOT:     linalg.
// CHECK:         return
#id = affine_map<(i, j) -> (i, j)>
func.func @product(%a: tensor<512x256xbf16>, %b: tensor<256x320xbf16>, %g: tensor<512x320xf32>) -> tensor<512x320xbf16> {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<512x320xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<512x320xf32>) -> tensor<512x320xf32>
  %p = linalg.matmul ins(%a, %b : tensor<512x256xbf16>, tensor<256x320xbf16>) outs(%acc : tensor<512x320xf32>) -> tensor<512x320xf32>
  %narrow = tensor.empty() : tensor<512x320xbf16>
  %y = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%p, %g : tensor<512x320xf32>, tensor<512x320xf32>) outs(%narrow : tensor<512x320xbf16>) {
  ^bb0(%v: f32, %w: f32, %o: bf16):
    %0 = arith.mulf %v, %w : f32
    %1 = arith.truncf %0 : f32 to bf16
    linalg.yield %1 : bf16
  } -> tensor<512x320xbf16>
  return %y : tensor<512x320xbf16>
}

// -----

// Where there are enough tiles for a large machine they are wider, if elements
// have two bytes. A step is 128 bytes of such elements, 64 of others.
// CHECK-LABEL: func.func @wide(
// CHECK:         scf.forall {{.*}} to (2048, 2048) step (128, 256)
// CHECK:           tensor.extract_slice {{.*}} [128, 64]
// CHECK:           linalg.matmul
// CHECK:         scf.forall {{.*}} to (2048, 2048) step (128, 128)
// CHECK:           tensor.extract_slice {{.*}} [128, 16]
// CHECK:           linalg.matmul
// CHECK:         return
func.func @wide(%a: tensor<2048x512xf16>, %b: tensor<512x2048xf16>, %c: tensor<2048x512xf32>, %d: tensor<512x2048xf32>)
    -> (tensor<2048x2048xf32>, tensor<2048x2048xf32>) {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<2048x2048xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %p = linalg.matmul ins(%a, %b : tensor<2048x512xf16>, tensor<512x2048xf16>) outs(%acc : tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %room2 = tensor.empty() : tensor<2048x2048xf32>
  %acc2 = linalg.fill ins(%zero : f32) outs(%room2 : tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  %q = linalg.matmul ins(%c, %d : tensor<2048x512xf32>, tensor<512x2048xf32>) outs(%acc2 : tensor<2048x2048xf32>) -> tensor<2048x2048xf32>
  return %p, %q : tensor<2048x2048xf32>, tensor<2048x2048xf32>
}

// -----

// On buffers an op is a kernel of its own; one tile is still a loop.
// CHECK-LABEL: func.func @buffers(
// CHECK:         scf.forall (%{{.*}}) = (0) to (64) step (16)
// CHECK:           linalg.exp
// CHECK:         scf.forall (%{{.*}}) = (0) to (4) step (4)
// CHECK:           linalg.exp
// CHECK-NOT:     linalg.exp
// CHECK:         return
func.func @buffers(%x: memref<64x256xf32>, %y: memref<64x256xf32>, %z: memref<4x8xf32>) {
  linalg.exp ins(%x : memref<64x256xf32>) outs(%y : memref<64x256xf32>)
  linalg.exp ins(%z : memref<4x8xf32>) outs(%z : memref<4x8xf32>)
  return
}
