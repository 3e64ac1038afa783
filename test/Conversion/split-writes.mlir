// RUN: gate-opt --gate-split-writes=elements=2048 --canonicalize --cse %s | FileCheck %s

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// What the end of a kernel computes for its write alone is computed column block
// by column block: reads of a bias and of a tile begin further on, elementwise
// ops and broadcasts are smaller, and of the product a part is extracted. What
// the next block reads of a tile is on its way while one is computed.
// CHECK-LABEL: func.func @epilogue(
// CHECK-SAME:    %{{.*}}, %[[BIAS:[^:]*]]: memref<64xf32>, %[[SKIP:[^:]*]]: memref<64x?xf32>, %[[COLUMN:[^:]*]]: index, %[[Y:[^:]*]]: memref<64x?xbf16>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C32:.*]] = arith.constant 32 : index
// CHECK:         %[[P:.*]] = vector.contract
// CHECK-NOT:     arith.{{.*}} : vector<64x64x
// CHECK:         %[[MORE:.*]] = vector.transfer_read %[[SKIP]][%[[C0]], %[[COLUMN]]], %{{.*}} {in_bounds = [true, false]} : memref<64x?xf32>, vector<64x32xf32>
// CHECK:         %[[NEXT:.*]] = arith.addi %[[COLUMN]], %[[C32]]
// CHECK:         %[[LAST:.*]] = vector.transfer_read %[[SKIP]][%[[C0]], %[[NEXT]]]
// CHECK:         %[[PART:.*]] = vector.extract_strided_slice %[[P]] {offsets = [0, 0], sizes = [64, 32], strides = [1, 1]} : vector<64x64xf32> to vector<64x32xf32>
// CHECK:         %[[B:.*]] = vector.transfer_read %[[BIAS]][%[[C0]]], %{{.*}} {in_bounds = [true]} : memref<64xf32>, vector<32xf32>
// CHECK:         %[[ROWS:.*]] = vector.broadcast %[[B]] : vector<32xf32> to vector<64x32xf32>
// CHECK:         %[[SUM:.*]] = arith.addf %[[PART]], %[[ROWS]] fastmath<contract> : vector<64x32xf32>
// CHECK:         arith.addf %[[SUM]], %[[MORE]] : vector<64x32xf32>
// CHECK:         %[[NARROW:.*]] = arith.truncf %{{.*}} : vector<64x32xf32> to vector<64x32xbf16>
// CHECK:         vector.transfer_write %[[NARROW]], %[[Y]][%[[C0]], %[[COLUMN]]] {in_bounds = [true, false]} : vector<64x32xbf16>
// CHECK:         vector.extract_strided_slice %[[P]] {offsets = [0, 32], sizes = [64, 32], strides = [1, 1]}
// CHECK:         vector.transfer_read %[[BIAS]][%[[C32]]]
// CHECK:         arith.addf %{{.*}}, %[[LAST]]
// CHECK:         %[[NARROW:.*]] = arith.truncf
// CHECK:         vector.transfer_write %[[NARROW]], %[[Y]][%[[C0]], %[[NEXT]]]
// CHECK-NOT:     vector.transfer_write
// CHECK:         return
func.func @epilogue(%l: vector<64x16xbf16>, %r: vector<64x16xbf16>, %acc: vector<64x64xf32>,
                    %bias: memref<64xf32>, %skip: memref<64x?xf32>, %column: index, %y: memref<64x?xbf16>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  %b = vector.transfer_read %bias[%c0], %zero {in_bounds = [true]} : memref<64xf32>, vector<64xf32>
  %rows = vector.broadcast %b : vector<64xf32> to vector<64x64xf32>
  %s = arith.addf %p, %rows fastmath<contract> : vector<64x64xf32>
  %k = vector.transfer_read %skip[%c0, %column], %zero {in_bounds = [true, false]} : memref<64x?xf32>, vector<64x64xf32>
  %t = arith.addf %s, %k : vector<64x64xf32>
  %n = arith.truncf %t : vector<64x64xf32> to vector<64x64xbf16>
  vector.transfer_write %n, %y[%c0, %column] {in_bounds = [true, false]} : vector<64x64xbf16>, memref<64x?xbf16>
  return
}

// A value of each row is the same for all columns.
// CHECK-LABEL: func.func @of_rows(
// CHECK-SAME:    %[[SCALE:[^:]*]]: vector<64x1xf32>,
// CHECK:         %[[ALL:.*]] = vector.broadcast %[[SCALE]] : vector<64x1xf32> to vector<64x32xf32>
// CHECK-COUNT-2: arith.mulf %{{.*}}, %[[ALL]] : vector<64x32xf32>
// CHECK:         return
func.func @of_rows(%l: vector<64x16xbf16>, %r: vector<64x16xbf16>, %acc: vector<64x64xf32>,
                   %scale: vector<64x1xf32>, %y: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  %s = vector.broadcast %scale : vector<64x1xf32> to vector<64x64xf32>
  %t = arith.mulf %p, %s : vector<64x64xf32>
  vector.transfer_write %t, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// A buffer that the kernel writes is read as a whole, before any part is
// written.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME:    %[[Y:[^:]*]]: memref<64x64xf32>)
// CHECK:         %[[OLD:.*]] = vector.transfer_read %[[Y]]{{.*}}, vector<64x64xf32>
// CHECK-NOT:     vector.transfer_read
// CHECK:         vector.extract_strided_slice %[[OLD]] {offsets = [0, 0]
// CHECK-NOT:     vector.transfer_read
// CHECK:         vector.extract_strided_slice %[[OLD]] {offsets = [0, 32]
// CHECK-NOT:     vector.transfer_read
// CHECK-COUNT-2: vector.transfer_write
// CHECK-NOT:     vector.transfer_write
// CHECK:         return
func.func @in_place(%l: vector<64x16xbf16>, %r: vector<64x16xbf16>, %acc: vector<64x64xf32>, %y: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  %old = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x64xf32>, vector<64x64xf32>
  %t = arith.addf %p, %old : vector<64x64xf32>
  vector.transfer_write %t, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// What something else uses, too, is computed once.
// CHECK-LABEL: func.func @used_twice(
// CHECK:         %[[ONCE:.*]] = arith.negf %{{.*}} : vector<64x64xf32>
// CHECK-NOT:     arith.negf
// CHECK:         vector.extract_strided_slice %[[ONCE]]
// CHECK:         arith.mulf %{{.*}} : vector<64x32xf32>
// CHECK:         return %[[ONCE]]
func.func @used_twice(%l: vector<64x16xbf16>, %r: vector<64x16xbf16>, %acc: vector<64x64xf32>, %y: memref<64x64xf32>) -> vector<64x64xf32> attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  %n = arith.negf %p : vector<64x64xf32>
  %t = arith.mulf %n, %n : vector<64x64xf32>
  vector.transfer_write %t, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return %n : vector<64x64xf32>
}

// Tiles of few elements, parts of less than 32 columns, writes that turn the tile
// or mask it, and kernels that multiply nothing stay as they are.
// CHECK-LABEL: func.func @small(
// CHECK:         vector.transfer_write %{{.*}} : vector<64x32xf32>, memref<64x32xf32>
// CHECK-NEXT:    vector.transfer_write %{{.*}} : vector<128x32xf32>, memref<128x32xf32>
// CHECK-NEXT:    vector.transfer_write %{{.*}} : vector<64x64xf32>, memref<64x64xf32>
// CHECK-NEXT:    vector.transfer_write %{{.*}} : vector<64x64xf32>, memref<64x64xf32>
// CHECK-NEXT:    return
func.func @small(%l: vector<64x16xbf16>, %r: vector<64x16xbf16>, %acc: vector<64x64xf32>, %mask: vector<64x64xi1>,
                 %a: vector<64x32xf32>, %b: vector<128x32xf32>,
                 %x: memref<64x32xf32>, %y: memref<128x32xf32>, %z: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  vector.transfer_write %a, %x[%c0, %c0] {in_bounds = [true, true]} : vector<64x32xf32>, memref<64x32xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<128x32xf32>, memref<128x32xf32>
  vector.transfer_write %p, %z[%c0, %c0] {in_bounds = [true, true], permutation_map = affine_map<(i, j) -> (j, i)>} : vector<64x64xf32>, memref<64x64xf32>
  vector.transfer_write %p, %z[%c0, %c0], %mask {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// CHECK-LABEL: func.func @no_product(
// CHECK:         vector.transfer_write %{{.*}} : vector<64x64xf32>, memref<64x64xf32>
// CHECK-NEXT:    return
func.func @no_product(%a: vector<64x64xf32>, %z: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  vector.transfer_write %a, %z[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// CHECK-LABEL: func.func @no_kernel(
// CHECK:         vector.transfer_write %{{.*}} : vector<64x64xf32>, memref<64x64xf32>
// CHECK-NEXT:    return
func.func @no_kernel(%l: vector<64x16xbf16>, %r: vector<64x16xbf16>, %acc: vector<64x64xf32>, %z: memref<64x64xf32>) {
  %c0 = arith.constant 0 : index
  %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
    : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  vector.transfer_write %p, %z[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}
