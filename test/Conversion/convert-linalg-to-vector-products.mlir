// RUN: gate-opt --gate-convert-linalg-to-vector="vector-bits=512 registers=32" --canonicalize --cse %s | FileCheck %s
// RUN: gate-opt --gate-convert-linalg-to-vector="vector-bits=256 registers=16" --canonicalize --cse %s | FileCheck %s --check-prefix=AVX2

// Six rows of two vectors: twelve sums in registers, one load per vector and
// one broadcast per row in each step.
// CHECK-LABEL:   func.func @product(
// CHECK-SAME:      %[[A:[^:]*]]: memref<6x40xf32>, %[[B:[^:]*]]: memref<40x32xf32>, %[[C:[^:]*]]: memref<6x32xf32>)
// CHECK-DAG:       %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:       %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:       %[[C5:.*]] = arith.constant 5 : index
// CHECK-DAG:       %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG:       %[[C40:.*]] = arith.constant 40 : index
// CHECK:           %[[FIRST:.*]] = vector.load %[[C]][%[[C0]], %[[C0]]] : memref<6x32xf32>, vector<16xf32>
// CHECK-COUNT-10:  vector.load %[[C]]
// CHECK:           %[[LAST:.*]] = vector.load %[[C]][%[[C5]], %[[C16]]]
// CHECK:           %[[SUMS:.*]]:12 = scf.for %[[K:.*]] = %[[C0]] to %[[C40]] step %[[C1]] iter_args(%[[S0:[^ ]*]] = %[[FIRST]], {{.*}}, %[[S11:[^ ]*]] = %[[LAST]])
// CHECK:             %[[B0:.*]] = vector.load %[[B]][%[[K]], %[[C0]]]
// CHECK-NEXT:        %[[B1:.*]] = vector.load %[[B]][%[[K]], %[[C16]]]
// CHECK-NEXT:        %[[X:.*]] = memref.load %[[A]][%[[C0]], %[[K]]]
// CHECK-NEXT:        %[[ALL:.*]] = vector.broadcast %[[X]] : f32 to vector<16xf32>
// CHECK-NEXT:        vector.fma %[[ALL]], %[[B0]], %[[S0]]
// CHECK-NEXT:        vector.fma %[[ALL]], %[[B1]], %
// CHECK-COUNT-9:     vector.fma
// CHECK:             vector.fma %{{.*}}, %[[B1]], %[[S11]]
// CHECK:             scf.yield
// CHECK-COUNT-12:  vector.store %[[SUMS]]#
// CHECK-NOT:       scf.for
// CHECK:           return

// Sixteen registers: four vectors of eight lanes would leave room for no rows.
// AVX2-LABEL: func.func @product(
// AVX2:         scf.for {{.*}} step %[[C16:.*]] {
// AVX2:           scf.for %{{.*}} = %{{.*}} step %{{.*}} {
// AVX2:             scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>, vector<8xf32>) {
// AVX2-COUNT-2:       vector.load {{.*}} : memref<40x32xf32>, vector<8xf32>
// AVX2-COUNT-6:       vector.fma
// AVX2-NOT:           vector.fma
// AVX2:               scf.yield
func.func @product(%a: memref<6x40xf32>, %b: memref<40x32xf32>, %c: memref<6x32xf32>) {
  linalg.matmul ins(%a, %b : memref<6x40xf32>, memref<40x32xf32>) outs(%c : memref<6x32xf32>)
  return
}

// 19 columns: a vector and three lanes under a mask, in loads and stores.
// CHECK-LABEL: func.func @odd_width(
// CHECK-SAME:    %{{.*}}: memref<2x40xf32>, %[[B:[^:]*]]: memref<40x19xf32>, %[[C:[^:]*]]: memref<2x19xf32>)
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16 : index
// CHECK:         scf.for
// CHECK-COUNT-2:   vector.fma
// CHECK:         %[[MASK:.*]] = vector.constant_mask [3] : vector<16xi1>
// CHECK-COUNT-2: vector.maskedload %[[C]][%{{.*}}, %[[C16]]], %[[MASK]],
// CHECK:         %[[SUMS:.*]]:2 = scf.for
// CHECK-NEXT:      %[[LINE:.*]] = vector.maskedload %[[B]][%{{.*}}, %[[C16]]], %[[MASK]],
// CHECK-COUNT-2:   vector.fma %{{.*}}, %[[LINE]], %
// CHECK:         vector.maskedstore %[[C]][%{{.*}}, %[[C16]]], %[[MASK]], %[[SUMS]]#0
// CHECK:         vector.maskedstore %[[C]][%{{.*}}, %[[C16]]], %[[MASK]], %[[SUMS]]#1
// CHECK-NEXT:    return
func.func @odd_width(%a: memref<2x40xf32>, %b: memref<40x19xf32>, %c: memref<2x19xf32>) {
  linalg.matmul ins(%a, %b : memref<2x40xf32>, memref<40x19xf32>) outs(%c : memref<2x19xf32>)
  return
}

// Tiles of eight rows, then four, two and one, each from where the last ended.
// CHECK-LABEL: func.func @dynamic_rows(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x40xf32>,
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:     %[[C4:.*]] = arith.constant 4 : index
// CHECK-DAG:     %[[C8:.*]] = arith.constant 8 : index
// CHECK-DAG:     %[[ROWS:.*]] = memref.dim %[[A]], %[[C0]]
// CHECK:         %[[REST:.*]] = arith.remui %[[ROWS]], %[[C8]]
// CHECK:         %[[EIGHTS:.*]] = arith.subi %[[ROWS]], %[[REST]]
// CHECK:         scf.for %{{.*}} = %[[C0]] to %[[EIGHTS]] step %[[C8]]
// CHECK:           scf.for
// CHECK-COUNT-16:    vector.fma
// CHECK-NOT:         vector.fma
// CHECK:             scf.yield
// CHECK:         scf.for %{{.*}} = %[[EIGHTS]] to %[[FOURS:.*]] step %[[C4]]
// CHECK:           scf.for
// CHECK-COUNT-8:     vector.fma
// CHECK-NOT:         vector.fma
// CHECK:             scf.yield
// CHECK:         scf.for %{{.*}} = %[[FOURS]] to %[[TWOS:.*]] step %[[C2]]
// CHECK:           scf.for
// CHECK-COUNT-4:     vector.fma
// CHECK-NOT:         vector.fma
// CHECK:             scf.yield
// CHECK:         scf.for %{{.*}} = %[[TWOS]] to %[[ROWS]] step %[[C1]]
// CHECK:           scf.for
// CHECK-COUNT-2:     vector.fma
// CHECK-NOT:         vector.fma
// CHECK:             scf.yield
func.func @dynamic_rows(%a: memref<?x40xf32>, %b: memref<40x32xf32>, %c: memref<?x32xf32>) {
  linalg.matmul ins(%a, %b : memref<?x40xf32>, memref<40x32xf32>) outs(%c : memref<?x32xf32>)
  return
}

// Tiles of four vectors, then one kernel for each number of vectors that can be
// left, the last of them under a mask.
// CHECK-LABEL: func.func @dynamic_width(
// CHECK-SAME:    %{{.*}}: memref<1x4xf32>, %[[B:[^:]*]]: memref<4x?xf32>, %[[C:[^:]*]]: memref<1x?xf32>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG:     %[[C64:.*]] = arith.constant 64 : index
// CHECK:         %[[REST:.*]] = arith.remui %[[COLUMNS:.*]], %[[C64]]
// CHECK:         %[[FULL:.*]] = arith.subi %[[COLUMNS]], %[[REST]]
// CHECK:         scf.for %{{.*}} = %[[C0]] to %[[FULL]] step %[[C64]]
// CHECK-COUNT-4:     vector.fma
// CHECK:         %[[SOME:.*]] = arith.cmpi ne, %[[REST]], %[[C0]]
// CHECK:         scf.if %[[SOME]]
// CHECK:           %[[VECTORS:.*]] = arith.ceildivui %[[REST]], %[[C16]]
// CHECK:           %[[ONE:.*]] = arith.cmpi eq, %[[VECTORS]], %[[C1]]
// CHECK:           scf.if %[[ONE]]
// CHECK:             %[[MASK:.*]] = vector.create_mask %[[REST]] : vector<16xi1>
// CHECK:             scf.for
// CHECK:               vector.maskedload %[[B]][%{{.*}}, %[[FULL]]], %[[MASK]]
// CHECK-NEXT:          memref.load
// CHECK-COUNT-1:       vector.fma
// CHECK-NEXT:          scf.yield
// CHECK:             vector.maskedstore %[[C]][%[[C0]], %[[FULL]]], %[[MASK]]
// CHECK:           %[[TWO:.*]] = arith.cmpi eq, %[[VECTORS]], %[[C2]]
// CHECK:           scf.if %[[TWO]]
// CHECK:             %[[LEFT:.*]] = arith.subi %[[REST]], %[[C16]]
// CHECK:             %[[MASK:.*]] = vector.create_mask %[[LEFT]] : vector<16xi1>
// CHECK:             scf.for
// CHECK:               vector.load %[[B]][%{{.*}}, %[[FULL]]]
// CHECK:               vector.maskedload %[[B]][{{.*}}], %[[MASK]]
// CHECK-COUNT-2:       vector.fma
// CHECK-NEXT:          scf.yield
// CHECK-COUNT-2:   arith.cmpi eq, %[[VECTORS]],
// CHECK-NOT:       arith.cmpi
// CHECK:           return
func.func @dynamic_width(%a: memref<1x4xf32>, %b: memref<4x?xf32>, %c: memref<1x?xf32>) {
  linalg.matmul ins(%a, %b : memref<1x4xf32>, memref<4x?xf32>) outs(%c : memref<1x?xf32>)
  return
}

// One row has registers for more columns.
// CHECK-LABEL: func.func @one_row(
// CHECK:         %[[SUMS:.*]]:8 = scf.for
// CHECK-COUNT-8:   vector.fma
// CHECK-NOT:     scf.for
// CHECK:         return
func.func @one_row(%a: memref<1x40xf32>, %b: memref<40x128xf32>, %c: memref<1x128xf32>) {
  linalg.matmul ins(%a, %b : memref<1x40xf32>, memref<40x128xf32>) outs(%c : memref<1x128xf32>)
  return
}

// Narrow factors are widened, sums are those of the result.
// CHECK-LABEL: func.func @widened(
// CHECK:         scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>)
// CHECK:           %[[LINE:.*]] = vector.load {{.*}} : memref<40x16xf16>, vector<16xf16>
// CHECK:           %[[WIDE:.*]] = arith.extf %[[LINE]] : vector<16xf16> to vector<16xf32>
// CHECK:           %[[X:.*]] = memref.load {{.*}} : memref<2x40xf16>
// CHECK:           %[[XWIDE:.*]] = arith.extf %[[X]] : f16 to f32
// CHECK:           %[[ALL:.*]] = vector.broadcast %[[XWIDE]] : f32 to vector<16xf32>
// CHECK:           vector.fma %[[ALL]], %[[WIDE]], %
func.func @widened(%a: memref<2x40xf16>, %b: memref<40x16xf16>, %c: memref<2x16xf32>) {
  linalg.matmul ins(%a, %b : memref<2x40xf16>, memref<40x16xf16>) outs(%c : memref<2x16xf32>)
  return
}

// Integers have no fused multiply-add: lanes of plain arithmetic.
// CHECK-LABEL: func.func @integers(
// CHECK-NOT:     vector.fma
// CHECK:         arith.muli %{{.*}} : vector<16xi32>
// CHECK:         arith.addi %{{.*}} : vector<16xi32>
// CHECK:         return
func.func @integers(%a: memref<2x40xi32>, %b: memref<40x16xi32>, %c: memref<2x16xi32>) {
  linalg.matmul ins(%a, %b : memref<2x40xi32>, memref<40x16xi32>) outs(%c : memref<2x16xi32>)
  return
}
