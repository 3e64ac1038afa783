// RUN: gate-opt --gate-convert-linalg-to-vector="vector-bits=512 registers=32" --canonicalize --cse %s | FileCheck %s
// RUN: gate-opt --gate-convert-linalg-to-vector="vector-bits=128 registers=16" --canonicalize --cse %s | FileCheck %s --check-prefix=SSE

#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
#column = affine_map<(i, j) -> (j)>
#swap = affine_map<(i, j) -> (j, i)>

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

// Lanes along the contiguous dim; what does not vary there is one scalar; the
// last four elements under a mask.
// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x20xf32>, %[[W:[^:]*]]: memref<20xf32>, %[[R:[^:]*]]: memref<?xf32>, %[[B:[^:]*]]: memref<?x20xf32>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16 : index
// CHECK:         scf.for %[[I:.*]] =
// CHECK-DAG:       %[[X:.*]] = vector.load %[[A]][%[[I]], %[[C0]]] : {{.*}}, vector<16xf32>
// CHECK-DAG:       %[[Y:.*]] = vector.load %[[W]][%[[C0]]] : {{.*}}, vector<16xf32>
// CHECK-DAG:       %[[Z:.*]] = memref.load %[[R]][%[[I]]]
// CHECK-DAG:       %[[XY:.*]] = arith.mulf %[[X]], %[[Y]] : vector<16xf32>
// CHECK-DAG:       %[[ALL:.*]] = vector.broadcast %[[Z]] : f32 to vector<16xf32>
// CHECK:           %[[XYZ:.*]] = arith.mulf %[[XY]], %[[ALL]] : vector<16xf32>
// CHECK:           vector.store %[[XYZ]], %[[B]][%[[I]], %[[C0]]]
// CHECK:           %[[MASK:.*]] = vector.constant_mask [4] : vector<16xi1>
// CHECK:           vector.maskedload %[[A]][%[[I]], %[[C16]]], %[[MASK]]
// CHECK:           vector.maskedload %[[W]][%[[C16]]], %[[MASK]]
// CHECK:           vector.maskedstore %[[B]][%[[I]], %[[C16]]], %[[MASK]]
// CHECK-NOT:     linalg.generic
// CHECK:         return
func.func @elementwise(%a: memref<?x20xf32>, %w: memref<20xf32>, %r: memref<?xf32>, %b: memref<?x20xf32>) {
  linalg.generic {indexing_maps = [#id, #column, #row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a, %w, %r : memref<?x20xf32>, memref<20xf32>, memref<?xf32>) outs(%b : memref<?x20xf32>) {
  ^bb0(%x: f32, %y: f32, %z: f32, %o: f32):
    %s = arith.mulf %x, %y : f32
    %t = arith.mulf %s, %z : f32
    linalg.yield %t : f32
  }
  return
}

// CHECK-LABEL: func.func @dynamic_width(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?xf64>, %[[B:[^:]*]]: memref<?xf64>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C8:.*]] = arith.constant 8 : index
// CHECK:         %[[REST:.*]] = arith.remui %[[SIZE:.*]], %[[C8]]
// CHECK:         %[[FULL:.*]] = arith.subi %[[SIZE]], %[[REST]]
// CHECK:         scf.for %{{.*}} = %[[C0]] to %[[FULL]] step %[[C8]]
// CHECK:           vector.load {{.*}} vector<8xf64>
// CHECK:         %[[SOME:.*]] = arith.cmpi ne, %[[REST]], %[[C0]]
// CHECK:         scf.if %[[SOME]]
// CHECK:           %[[MASK:.*]] = vector.create_mask %[[REST]] : vector<8xi1>
// CHECK:           vector.maskedload %[[A]][%[[FULL]]], %[[MASK]]
// CHECK:           vector.maskedstore %[[B]][%[[FULL]]], %[[MASK]]
func.func @dynamic_width(%a: memref<?xf64>, %b: memref<?xf64>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%a : memref<?xf64>) outs(%b : memref<?xf64>) {
  ^bb0(%x: f64, %o: f64):
    %s = arith.negf %x : f64
    linalg.yield %s : f64
  }
  return
}

// A reduction over rows keeps its sums in a register.
// CHECK-LABEL: func.func @over_rows(
// CHECK-SAME:    %[[A:[^:]*]]: memref<5x16xf32>, %[[B:[^:]*]]: memref<16xf32>)
// CHECK:         %[[FIRST:.*]] = vector.load %[[B]]
// CHECK:         %[[SUM:.*]] = scf.for {{.*}} iter_args(%[[S:.*]] = %[[FIRST]]) -> (vector<16xf32>)
// CHECK-NEXT:      %[[X:.*]] = vector.load %[[A]]
// CHECK-NEXT:      %[[NEXT:.*]] = arith.addf %[[X]], %[[S]] : vector<16xf32>
// CHECK-NEXT:      scf.yield %[[NEXT]]
// CHECK:         vector.store %[[SUM]], %[[B]]
func.func @over_rows(%a: memref<5x16xf32>, %b: memref<16xf32>) {
  linalg.generic {indexing_maps = [#id, #column], iterator_types = ["reduction", "parallel"]}
    ins(%a : memref<5x16xf32>) outs(%b : memref<16xf32>) {
  ^bb0(%x: f32, %o: f32):
    %s = arith.addf %x, %o : f32
    linalg.yield %s : f32
  }
  return
}

//===----------------------------------------------------------------------===//
// Transposing
//===----------------------------------------------------------------------===//

// Rows are read and columns written as vectors, no element alone: four rounds of
// sixteen shuffles.
// CHECK-LABEL: func.func @transpose(
// CHECK-SAME:    %[[A:[^:]*]]: memref<16x16xf32>, %[[B:[^:]*]]: memref<16x16xf32>)
// CHECK-COUNT-16: vector.load %[[A]]{{.*}} : memref<16x16xf32>, vector<16xf32>
// CHECK-NOT:      memref.load
// CHECK:          vector.shuffle %{{.*}} [0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29]
// CHECK-COUNT-63: vector.shuffle
// CHECK-NOT:      vector.shuffle
// CHECK-COUNT-16: vector.store %{{.*}}, %[[B]]{{.*}} : memref<16x16xf32>, vector<16xf32>
// CHECK:          return
func.func @transpose(%a: memref<16x16xf32>, %b: memref<16x16xf32>) {
  linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a : memref<16x16xf32>) outs(%b : memref<16x16xf32>) {
  ^bb0(%x: f32, %o: f32):
    linalg.yield %x : f32
  }
  return
}

// Three columns of the source: rows are read under a mask, three columns are
// written.
// CHECK-LABEL: func.func @transpose_narrow(
// CHECK-SAME:    %[[A:[^:]*]]: memref<16x3xf32>, %[[B:[^:]*]]: memref<3x16xf32>)
// CHECK:          %[[MASK:.*]] = vector.constant_mask [3] : vector<16xi1>
// CHECK-COUNT-16: vector.maskedload %[[A]]{{.*}}, %[[MASK]]
// CHECK:          vector.shuffle
// CHECK-COUNT-3:  vector.store %{{.*}}, %[[B]]
// CHECK-NOT:      vector.store
// CHECK:          return
func.func @transpose_narrow(%a: memref<16x3xf32>, %b: memref<3x16xf32>) {
  linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a : memref<16x3xf32>) outs(%b : memref<3x16xf32>) {
  ^bb0(%x: f32, %o: f32):
    linalg.yield %x : f32
  }
  return
}

// Two lanes are no group of four: element by element.
// SSE-LABEL: func.func @transpose_double(
// SSE-NOT:     vector.shuffle
// SSE:         vector.from_elements %{{.*}} : vector<2xf64>
// SSE:         return
func.func @transpose_double(%a: memref<8x8xf64>, %b: memref<8x8xf64>) {
  linalg.generic {indexing_maps = [#swap, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a : memref<8x8xf64>) outs(%b : memref<8x8xf64>) {
  ^bb0(%x: f64, %o: f64):
    linalg.yield %x : f64
  }
  return
}

//===----------------------------------------------------------------------===//
// Reducing
//===----------------------------------------------------------------------===//

// Four rows at a time; lanes past the end keep their sums; the four are folded
// together and stored as one vector.
// CHECK-LABEL: func.func @four_sums(
// CHECK-SAME:    %[[A:[^:]*]]: memref<8x20xf32>, %[[B:[^:]*]]: memref<8xf32>)
// CHECK-DAG:     %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16 : index
// CHECK:         scf.for %[[I:.*]] = {{.*}} step %[[C4]]
// CHECK-COUNT-4:   vector.load %[[A]]{{.*}} : memref<8x20xf32>, vector<16xf32>
// CHECK:           %[[MASK:.*]] = vector.constant_mask [4] : vector<16xi1>
// CHECK:           %[[X:.*]] = vector.maskedload %[[A]][%[[I]], %[[C16]]], %[[MASK]]
// CHECK-NEXT:      %[[MORE:.*]] = arith.addf %[[X]], %[[SUM:.*]] : vector<16xf32>
// CHECK-NEXT:      arith.select %[[MASK]], %[[MORE]], %[[SUM]]
// CHECK-COUNT-3:   arith.select
// CHECK-NOT:       vector.reduction
// CHECK-COUNT-8:   vector.shuffle
// CHECK:           %[[FOLDED:.*]] = vector.extract_strided_slice %{{.*}} {offsets = [0], sizes = [4], strides = [1]} : vector<16xf32> to vector<4xf32>
// CHECK:           %[[BEFORE:.*]] = vector.load %[[B]][%[[I]]] : memref<8xf32>, vector<4xf32>
// CHECK:           %[[AFTER:.*]] = arith.addf %[[BEFORE]], %[[FOLDED]]
// CHECK:           vector.store %[[AFTER]], %[[B]][%[[I]]] : memref<8xf32>, vector<4xf32>
func.func @four_sums(%a: memref<8x20xf32>, %b: memref<8xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%a : memref<8x20xf32>) outs(%b : memref<8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %s = arith.addf %x, %o : f32
    linalg.yield %s : f32
  }
  return
}

// Fewer than four results go one by one, from the neutral element on.
// CHECK-LABEL: func.func @maxima(
// CHECK-SAME:    %[[A:[^:]*]]: memref<3x?xf32>, %[[B:[^:]*]]: memref<3xf32>)
// CHECK-DAG:     %[[LOWEST:.*]] = arith.constant dense<0xFF800000> : vector<16xf32>
// CHECK:         scf.for %[[I:.*]] =
// CHECK:           %[[HIGH:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %[[LOWEST]]) -> (vector<16xf32>)
// CHECK:             arith.maximumf
// CHECK:           %[[MASK:.*]] = vector.create_mask %{{.*}} : vector<16xi1>
// CHECK:           %[[LAST:.*]] = arith.select %[[MASK]], %{{.*}}, %[[HIGH]]
// CHECK:           %[[BEFORE:.*]] = memref.load %[[B]][%[[I]]]
// CHECK:           %[[FOLDED:.*]] = vector.reduction <maximumf>, %[[LAST]]
// CHECK:           %[[AFTER:.*]] = arith.maximumf %[[BEFORE]], %[[FOLDED]]
// CHECK:           memref.store %[[AFTER]], %[[B]][%[[I]]]
func.func @maxima(%a: memref<3x?xf32>, %b: memref<3xf32>) {
  linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
    ins(%a : memref<3x?xf32>) outs(%b : memref<3xf32>) {
  ^bb0(%x: f32, %o: f32):
    %s = arith.maximumf %x, %o : f32
    linalg.yield %s : f32
  }
  return
}

//===----------------------------------------------------------------------===//
// Bodies that read a buffer
//===----------------------------------------------------------------------===//

// A row of a table that does not vary over lanes is read as a vector.
// CHECK-LABEL: func.func @row_of_table(
// CHECK-SAME:    %[[TABLE:[^:]*]]: memref<50x16xf32>, %[[IDS:[^:]*]]: memref<?xi32>
// CHECK:         %[[ID:.*]] = memref.load %[[IDS]]
// CHECK:         %[[AT:.*]] = arith.index_cast %[[ID]] : i32 to index
// CHECK:         vector.load %[[TABLE]][%[[AT]], %{{.*}}] : memref<50x16xf32>, vector<16xf32>
func.func @row_of_table(%table: memref<50x16xf32>, %ids: memref<?xi32>, %b: memref<?x16xf32>) {
  linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
    ins(%ids : memref<?xi32>) outs(%b : memref<?x16xf32>) {
  ^bb0(%id: i32, %o: f32):
    %at = arith.index_cast %id : i32 to index
    %j = linalg.index 1 : index
    %x = memref.load %table[%at, %j] : memref<50x16xf32>
    linalg.yield %x : f32
  }
  return
}

// Rows that vary over lanes are no vector: loops.
// CHECK-LABEL: func.func @diagonal(
// CHECK-NOT:     vector.
// CHECK:         scf.for %[[I:.*]] =
// CHECK:           memref.load %{{.*}}[%[[I]], %[[I]]]
// CHECK:         return
func.func @diagonal(%a: memref<16x16xf32>, %b: memref<16xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>], iterator_types = ["parallel"]} outs(%b : memref<16xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %x = memref.load %a[%i, %i] : memref<16x16xf32>
    linalg.yield %x : f32
  }
  return
}

// CHECK-LABEL: func.func @column_of_row(
// CHECK-NOT:     vector.
// CHECK:         return
func.func @column_of_row(%a: memref<16x16xf32>, %rows: memref<16xi32>, %b: memref<16xf32>) {
  linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
    ins(%rows : memref<16xi32>) outs(%b : memref<16xf32>) {
  ^bb0(%r: i32, %o: f32):
    %i = linalg.index 0 : index
    %j = arith.index_cast %r : i32 to index
    %x = memref.load %a[%j, %i] : memref<16x16xf32>
    linalg.yield %x : f32
  }
  return
}

//===----------------------------------------------------------------------===//
// Not vectorised
//===----------------------------------------------------------------------===//

// Nothing is contiguous: plain loops.
// CHECK-LABEL: func.func @gaps(
// CHECK-NOT:     vector.
// CHECK:         memref.load
// CHECK:         memref.store
// CHECK:         return
func.func @gaps(%a: memref<4x4xf32, strided<[8, 2]>>, %b: memref<4x4xf32, strided<[8, 2]>>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]}
    ins(%a : memref<4x4xf32, strided<[8, 2]>>) outs(%b : memref<4x4xf32, strided<[8, 2]>>) {
  ^bb0(%x: f32, %o: f32):
    linalg.yield %x : f32
  }
  return
}

// Tensors wait for bufferization.
// CHECK-LABEL: func.func @tensors(
// CHECK-NEXT:    linalg.copy
func.func @tensors(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %c = linalg.copy ins(%a : tensor<4xf32>) outs(%b : tensor<4xf32>) -> tensor<4xf32>
  return %c : tensor<4xf32>
}
