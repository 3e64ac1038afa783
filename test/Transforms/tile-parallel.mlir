// RUN: gate-opt --gate-tile-parallel %s | FileCheck %s

// 32 rows of 512 make a task.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME:    %[[X:.*]]: tensor<1000x512xf32>)
// CHECK:         %[[R:.*]] = scf.forall (%[[I:.*]]) = (0) to (1000) step (32)
// CHECK:           %[[TILE:.*]] = tensor.extract_slice %[[X]][%[[I]], 0] [%{{.*}}, 512]
// CHECK:           linalg.exp ins(%[[TILE]]
// CHECK:           tensor.parallel_insert_slice {{.*}}[%[[I]], 0]
// CHECK:         return %[[R]]
func.func @rows(%x: tensor<1000x512xf32>) -> tensor<1000x512xf32> {
  %r = linalg.exp ins(%x : tensor<1000x512xf32>) outs(%x : tensor<1000x512xf32>) -> tensor<1000x512xf32>
  return %r : tensor<1000x512xf32>
}

// Dims outside of the cut one are cut to 1; a reduction stays whole.
#x = affine_map<(b, t, d) -> (b, t, d)>
#y = affine_map<(b, t, d) -> (b, t)>
// CHECK-LABEL: func.func @reduction(
// CHECK:         scf.forall {{.*}} = (0, 0) to (%{{.*}}, %{{.*}}) step (1, 32)
// CHECK:           linalg.generic {{.*}}"parallel", "parallel", "reduction"]{{.*}} ins(%{{.*}} : tensor<1x?x512xf32>)
func.func @reduction(%x: tensor<?x?x512xf32>, %y: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %r = linalg.generic {indexing_maps = [#x, #y], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x : tensor<?x?x512xf32>) outs(%y : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<?x?xf32>
  return %r : tensor<?x?xf32>
}

// One task anyway.
// CHECK-LABEL: func.func @small(
// CHECK-NEXT:    linalg.exp
// CHECK-NEXT:    return
func.func @small(%x: tensor<32x512xf32>) -> tensor<32x512xf32> {
  %r = linalg.exp ins(%x : tensor<32x512xf32>) outs(%x : tensor<32x512xf32>) -> tensor<32x512xf32>
  return %r : tensor<32x512xf32>
}

// Nothing is parallel.
// CHECK-LABEL: func.func @sum(
// CHECK-NEXT:    linalg.reduce
// CHECK-NEXT:    return
func.func @sum(%x: tensor<100000xf32>, %y: tensor<f32>) -> tensor<f32> {
  %r = linalg.reduce { arith.addf } ins(%x : tensor<100000xf32>) outs(%y : tensor<f32>) dimensions = [0]
  return %r : tensor<f32>
}

// Inside of a loop the op is a tile already.
// CHECK-LABEL: func.func @loop(
// CHECK:         scf.for
// CHECK-NEXT:      linalg.exp
// CHECK-NOT:     scf.forall
func.func @loop(%x: tensor<1000x512xf32>, %n: index) -> tensor<1000x512xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %x) -> tensor<1000x512xf32> {
    %e = linalg.exp ins(%s : tensor<1000x512xf32>) outs(%s : tensor<1000x512xf32>) -> tensor<1000x512xf32>
    scf.yield %e : tensor<1000x512xf32>
  }
  return %r : tensor<1000x512xf32>
}

// Only tensors: the order of writes to memory is not ours.
// CHECK-LABEL: func.func @memory(
// CHECK-NEXT:    linalg.exp
// CHECK-NEXT:    return
func.func @memory(%x: memref<1000x512xf32>) {
  linalg.exp ins(%x : memref<1000x512xf32>) outs(%x : memref<1000x512xf32>)
  return
}
