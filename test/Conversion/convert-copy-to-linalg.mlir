// RUN: gate-opt --gate-convert-copy-to-linalg %s | FileCheck %s

// CHECK-DAG: #[[ALL:.*]] = affine_map<(d0, d1) -> (d0, d1)>
// CHECK-DAG: #[[ROW:.*]] = affine_map<(d0) -> (d0)>
// CHECK-DAG: #[[NONE:.*]] = affine_map<() -> ()>

// CHECK-LABEL: func.func @copy(
// CHECK-SAME:    %[[FROM:.*]]: memref<?x8xf32>, %[[TO:.*]]: memref<?x8xf32, strided<[16, 1], offset: ?>>)
// CHECK-NEXT:    linalg.generic {indexing_maps = [#[[ALL]], #[[ALL]]], iterator_types = ["parallel", "parallel"]}
// CHECK-SAME:      ins(%[[FROM]] : {{.*}}) outs(%[[TO]] :
// CHECK-NEXT:    ^bb0(%[[X:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT:      linalg.yield %[[X]] : f32
// CHECK:         return
func.func @copy(%a: memref<?x8xf32>, %b: memref<?x8xf32, strided<[16, 1], offset: ?>>) {
  memref.copy %a, %b : memref<?x8xf32> to memref<?x8xf32, strided<[16, 1], offset: ?>>
  return
}

// CHECK-LABEL: func.func @itself(
// CHECK-NEXT:    return
func.func @itself(%a: memref<?x8xf32>) {
  memref.copy %a, %a : memref<?x8xf32> to memref<?x8xf32>
  return
}

// CHECK-LABEL: func.func @scalar(
// CHECK-NEXT:    linalg.generic {indexing_maps = [#[[NONE]], #[[NONE]]], iterator_types = []}
func.func @scalar(%a: memref<f64>, %b: memref<f64>) {
  memref.copy %a, %b : memref<f64> to memref<f64>
  return
}

// CHECK-LABEL: func.func @in_task(
// CHECK:         scf.forall
// CHECK-NOT:       memref.copy
// CHECK:           linalg.generic {indexing_maps = [#[[ROW]], #[[ROW]]], iterator_types = ["parallel"]}
func.func @in_task(%a: memref<4x8xbf16>, %b: memref<4x8xbf16>) {
  scf.forall (%i) in (4) {
    %x = memref.subview %a[%i, 0] [1, 8] [1, 1] : memref<4x8xbf16> to memref<8xbf16, strided<[1], offset: ?>>
    %y = memref.subview %b[%i, 0] [1, 8] [1, 1] : memref<4x8xbf16> to memref<8xbf16, strided<[1], offset: ?>>
    memref.copy %x, %y : memref<8xbf16, strided<[1], offset: ?>> to memref<8xbf16, strided<[1], offset: ?>>
  }
  return
}

// Ops that are no copies stay.
// CHECK-LABEL: func.func @other(
// CHECK-NEXT:    linalg.fill
// CHECK-NEXT:    return
func.func @other(%x: f32, %a: memref<8xf32>) {
  linalg.fill ins(%x : f32) outs(%a : memref<8xf32>)
  return
}
