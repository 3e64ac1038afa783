// RUN: gate-opt --gate-lower-expand-shapes --split-input-file --verify-diagnostics %s | FileCheck %s

// CHECK-DAG:   #[[TIMES8:.*]] = affine_map<()[s0] -> (s0 * 8)>
// CHECK-LABEL: func.func @first(
// CHECK-SAME:    %[[X:.*]]: memref<?xf32>, %[[B:.*]]: index, %[[T:.*]]: index)
// CHECK:         %[[STRIDE:.*]] = affine.apply #[[TIMES8]]()[%[[T]]]
// CHECK:         %[[VIEW:.*]] = memref.reinterpret_cast %[[X]] to offset: [0], sizes: [%[[B]], %[[T]], 8], strides: [%[[STRIDE]], 8, 1]
// CHECK:         %[[Y:.*]] = memref.cast %[[VIEW]] : {{.*}} to memref<?x?x8xf32>
// CHECK:         return %[[Y]]
func.func @first(%x: memref<?xf32>, %b: index, %t: index) -> memref<?x?x8xf32> {
  %y = memref.expand_shape %x [[0, 1, 2]] output_shape [%b, %t, 8] : memref<?xf32> into memref<?x?x8xf32>
  return %y : memref<?x?x8xf32>
}

// -----

// CHECK-DAG:   #[[PRODUCT:.*]] = affine_map<()[s0, s1] -> (s0 * s1)>
// CHECK-LABEL: func.func @inner(
// CHECK-SAME:    %[[X:.*]]: memref<4x?xf32>, %[[B:.*]]: index, %[[T:.*]]: index)
// CHECK:         %[[STRIDE:.*]] = affine.apply #[[PRODUCT]]()[%[[T]], %[[B]]]
// CHECK:         memref.reinterpret_cast %[[X]] to offset: [0], sizes: [4, %[[B]], %[[T]]], strides: [%[[STRIDE]], %[[T]], 1]
func.func @inner(%x: memref<4x?xf32>, %b: index, %t: index) -> memref<4x?x?xf32> {
  %y = memref.expand_shape %x [[0], [1, 2]] output_shape [4, %b, %t] : memref<4x?xf32> into memref<4x?x?xf32>
  return %y : memref<4x?x?xf32>
}

// -----

// One unknown size per group: upstream's expansion takes it.
// CHECK-LABEL: func.func @one_each(
// CHECK-NEXT:    memref.expand_shape
// CHECK-NEXT:    return
func.func @one_each(%x: memref<?x?xf32>, %b: index, %t: index) -> memref<?x?x8xf32> {
  %y = memref.expand_shape %x [[0], [1, 2]] output_shape [%b, %t, 8] : memref<?x?xf32> into memref<?x?x8xf32>
  return %y : memref<?x?x8xf32>
}

// -----

func.func @strided(%x: memref<?xf32, strided<[2]>>, %b: index, %t: index) {
  // expected-error@+1 {{expects a row-major buffer where one dim becomes several dynamic ones}}
  %y = memref.expand_shape %x [[0, 1]] output_shape [%b, %t] : memref<?xf32, strided<[2]>> into memref<?x?xf32, strided<[?, 2]>>
  return
}
