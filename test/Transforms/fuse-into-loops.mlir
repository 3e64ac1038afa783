// RUN: gate-opt --gate-fuse-into-loops --split-input-file %s | FileCheck %s

#id = affine_map<(i, j) -> (i, j)>

// A chain that one slice in a loop reads moves there, onto slices of its inputs;
// questions for its size are answered by an input.
// CHECK-LABEL: func.func @chain(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x8xbf16>, %[[Y:[^:]*]]: tensor<?x8xf32>, %[[ROOM:[^:]*]]: tensor<?x8xf32>)
// CHECK-NOT:     linalg.
// CHECK:         tensor.dim %[[X]]
// CHECK:         scf.forall (%[[I:.*]]) in
// CHECK:           %[[PX:.*]] = tensor.extract_slice %[[X]][%[[I]], 0] [1, 8] [1, 1] : tensor<?x8xbf16> to tensor<8xbf16>
// CHECK:           %[[A:.*]] = linalg.generic {{.*}} ins(%[[PX]] : tensor<8xbf16>) outs(%{{.*}} : tensor<8xf32>)
// CHECK:             arith.extf
// CHECK:           %[[PY:.*]] = tensor.extract_slice %[[Y]][%[[I]], 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<8xf32>
// CHECK:           %[[B:.*]] = linalg.generic {{.*}} ins(%[[A]], %[[PY]] : tensor<8xf32>, tensor<8xf32>)
// CHECK:             arith.mulf
// CHECK:           tensor.parallel_insert_slice %[[B]] into
func.func @chain(%x: tensor<?x8xbf16>, %y: tensor<?x8xf32>, %room: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c0 = arith.constant 0 : index
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<?x8xbf16>) outs(%room : tensor<?x8xf32>) {
  ^bb0(%v: bf16, %o: f32):
    %w = arith.extf %v : bf16 to f32
    linalg.yield %w : f32
  } -> tensor<?x8xf32>
  %b = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %y : tensor<?x8xf32>, tensor<?x8xf32>) outs(%room : tensor<?x8xf32>) {
  ^bb0(%v: f32, %u: f32, %o: f32):
    %w = arith.mulf %v, %u : f32
    linalg.yield %w : f32
  } -> tensor<?x8xf32>
  %n = tensor.dim %b, %c0 : tensor<?x8xf32>
  %r = scf.forall (%i) in (%n) shared_outs(%out = %room) -> tensor<?x8xf32> {
    %s = tensor.extract_slice %b[%i, 0] [1, 8] [1, 1] : tensor<?x8xf32> to tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %out[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<?x8xf32>
    }
  }
  return %r : tensor<?x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Two slices would compute it twice.
// CHECK-LABEL: func.func @two_slices(
// CHECK:         %[[A:.*]] = linalg.generic
// CHECK:         scf.forall
// CHECK-COUNT-2:   tensor.extract_slice %[[A]]
// CHECK-NOT:       linalg.generic
func.func @two_slices(%x: tensor<4x8xf32>, %room: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<4x8xf32>) outs(%room : tensor<4x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %w = math.exp %v : f32
    linalg.yield %w : f32
  } -> tensor<4x8xf32>
  %r = scf.forall (%i) in (4) shared_outs(%out = %room) -> tensor<4x8xf32> {
    %s = tensor.extract_slice %a[%i, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<8xf32>
    %t = tensor.extract_slice %a[0, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<8xf32>
    %u = arith.addf %s, %t : tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %u into %out[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<4x8xf32>
    }
  }
  return %r : tensor<4x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>
#turned = affine_map<(i, j) -> (j, i)>

// What returns, is read outside of a parallel loop, or is not element by element
// of inputs stays: sums, other maps, positions, no input, the destination read.
// CHECK-LABEL: func.func @stays(
// CHECK-COUNT-7: linalg.generic
// CHECK-NOT:     linalg.generic
// CHECK:         scf.forall
// CHECK-COUNT-6:   tensor.extract_slice
// CHECK-NOT:       linalg.generic
// CHECK:         return
func.func @stays(%x: tensor<8x8xf32>, %row: tensor<8xf32>, %room: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32>, tensor<1x8xf32>) {
  %zero = arith.constant 0.0 : f32
  %returned = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x8xf32>) outs(%room : tensor<8x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %w = math.exp %v : f32
    linalg.yield %w : f32
  } -> tensor<8x8xf32>
  %outside = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x8xf32>) outs(%room : tensor<8x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %w = math.exp2 %v : f32
    linalg.yield %w : f32
  } -> tensor<8x8xf32>
  %sliced = tensor.extract_slice %outside[0, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<1x8xf32>
  %sums = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
    ins(%x : tensor<8x8xf32>) outs(%row : tensor<8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %w = arith.addf %v, %o : f32
    linalg.yield %w : f32
  } -> tensor<8xf32>
  %transposed = linalg.generic {indexing_maps = [#turned, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x8xf32>) outs(%room : tensor<8x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    linalg.yield %v : f32
  } -> tensor<8x8xf32>
  %placed = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x8xf32>) outs(%room : tensor<8x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %j = linalg.index 1 : index
    %i = arith.index_cast %j : index to i32
    %f = arith.sitofp %i : i32 to f32
    %w = arith.mulf %v, %f : f32
    linalg.yield %w : f32
  } -> tensor<8x8xf32>
  %made = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel"]} outs(%room : tensor<8x8xf32>) {
  ^bb0(%o: f32):
    linalg.yield %zero : f32
  } -> tensor<8x8xf32>
  %added = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<8x8xf32>) outs(%room : tensor<8x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %w = arith.addf %v, %o : f32
    linalg.yield %w : f32
  } -> tensor<8x8xf32>
  %r = scf.forall (%i) in (8) shared_outs(%out = %room) -> tensor<8x8xf32> {
    %a = tensor.extract_slice %returned[%i, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
    %b = tensor.extract_slice %sums[0] [8] [1] : tensor<8xf32> to tensor<8xf32>
    %c = tensor.extract_slice %transposed[%i, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
    %d = tensor.extract_slice %placed[%i, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
    %e = tensor.extract_slice %made[%i, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
    %f = tensor.extract_slice %added[%i, 0] [1, 8] [1, 1] : tensor<8x8xf32> to tensor<8xf32>
    %ab = arith.addf %a, %b : tensor<8xf32>
    %cd = arith.addf %c, %d : tensor<8xf32>
    %ef = arith.addf %e, %f : tensor<8xf32>
    %abcd = arith.addf %ab, %cd : tensor<8xf32>
    %all = arith.addf %abcd, %ef : tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %all into %out[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<8x8xf32>
    }
  }
  return %r, %returned, %sliced : tensor<8x8xf32>, tensor<8x8xf32>, tensor<1x8xf32>
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Ways of which one is taken, or loops after one another: in each of them.
// CHECK-LABEL: func.func @two_loops(
// CHECK-NOT:     linalg.generic
// CHECK:         scf.forall
// CHECK:           linalg.generic
// CHECK:         scf.forall
// CHECK:           linalg.generic
func.func @two_loops(%c: i1, %x: tensor<4x8xf32>, %room: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %a = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%x : tensor<4x8xf32>) outs(%room : tensor<4x8xf32>) {
  ^bb0(%v: f32, %o: f32):
    %w = math.exp %v : f32
    linalg.yield %w : f32
  } -> tensor<4x8xf32>
  %r = scf.if %c -> tensor<4x8xf32> {
    %y = scf.forall (%i) in (4) shared_outs(%out = %room) -> tensor<4x8xf32> {
      %s = tensor.extract_slice %a[%i, 0] [1, 8] [1, 1] : tensor<4x8xf32> to tensor<8xf32>
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %s into %out[%i, 0] [1, 8] [1, 1] : tensor<8xf32> into tensor<4x8xf32>
      }
    }
    scf.yield %y : tensor<4x8xf32>
  } else {
    %y = scf.forall (%i) in (2) shared_outs(%out = %room) -> tensor<4x8xf32> {
      %s = tensor.extract_slice %a[%i, 0] [2, 8] [1, 1] : tensor<4x8xf32> to tensor<2x8xf32>
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %s into %out[%i, 0] [2, 8] [1, 1] : tensor<2x8xf32> into tensor<4x8xf32>
      }
    }
    scf.yield %y : tensor<4x8xf32>
  }
  return %r : tensor<4x8xf32>
}
