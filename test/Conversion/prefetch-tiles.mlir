// RUN: gate-opt --gate-prefetch-tiles --canonicalize --cse %s | FileCheck %s

// A tile of 32 rows of two lines: 16 executions of the loop over tiles ask for
// two rows of the next tile each, and for two rows of this iteration's result.
// CHECK-DAG:   #[[NEXT:.*]] = strided<[1024, 1], offset: ?>
// CHECK-LABEL: func.func @spread(
// CHECK-SAME:    %[[X:.*]]: memref<?x8x32xf32>, %[[Y:.*]]: memref<?x8x32xf32>
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C2:.*]] = arith.constant 2 : index
// CHECK-DAG:     %[[C16:.*]] = arith.constant 16 : index
// CHECK-DAG:     %[[C32:.*]] = arith.constant 32 : index
// CHECK:         scf.forall (%[[H:.*]]) in (8)
// CHECK:           scf.for %[[T:.*]] =
// CHECK:             scf.for
// CHECK-NOT:           memref.prefetch
// CHECK:             scf.for %[[I:.*]] =
// CHECK:               %[[N:.*]] = arith.divui %[[I]], %[[C2]]
