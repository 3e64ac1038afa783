// RUN: gate-opt --gate-convert-linalg-to-vector="pairs=true" --canonicalize --cse %s | FileCheck %s
// RUN: gate-opt --gate-convert-linalg-to-vector --canonicalize --cse %s | FileCheck %s --check-prefix=SINGLE

#left = affine_map<(m, n, k, v) -> (m, k, v)>
#right = affine_map<(m, n, k, v) -> (k, n, v)>
#result = affine_map<(m, n, k, v) -> (m, n)>

// Two neighbouring steps at once: pairs of the left side go to all lanes as
// 32-bit numbers.
// CHECK-LABEL: func.func @product(
// CHECK-SAME:    %[[A:[^:]*]]: memref<2x20x2xbf16>, %[[B:[^:]*]]: memref<20x16x2xbf16>, %[[C:[^:]*]]: memref<2x16xf32>)
// CHECK-DAG:     %[[FLAT:.*]] = memref.collapse_shape %[[B]] {{\[\[}}0], [1, 2]] : {{.*}} into memref<20x32xbf16>
// CHECK:         %[[SUMS:.*]]:2 = scf.for %[[K:.*]] = {{.*}} iter_args(%[[S0:.*]] = %{{.*}}, %[[S1:.*]] = %{{.*}}) -> (vector<16xf32>, vector<16xf32>)
// CHECK-NEXT:      %[[LINE:.*]] = vector.load %[[FLAT]][%[[K]], %{{.*}}] : memref<20x32xbf16>, vector<32xbf16>
// CHECK-NEXT:      %[[PAIR:.*]] = vector.load %[[A]][%{{.*}}, %[[K]], %{{.*}}] : memref<2x20x2xbf16>, vector<2xbf16>
// CHECK-NEXT:      %[[BITS:.*]] = vector.bitcast %[[PAIR]] : vector<2xbf16> to vector<1xi32>
// CHECK-NEXT:      %[[NUMBER:.*]] = vector.extract %[[BITS]][0]
// CHECK-NEXT:      %[[ALL:.*]] = vector.broadcast %[[NUMBER]] : i32 to vector<16xi32>
// CHECK-NEXT:      %[[PAIRS:.*]] = vector.bitcast %[[ALL]] : vector<16xi32> to vector<32xbf16>
// CHECK-NEXT:      x86vector.avx512.dot %[[S0]], %[[PAIRS]], %[[LINE]]
// CHECK:           x86vector.avx512.dot %[[S1]], %{{.*}}, %[[LINE]]
// CHECK-NEXT:      scf.yield
// CHECK:         vector.store %[[SUMS]]#0, %[[C]]
// CHECK:         vector.store %[[SUMS]]#1, %[[C]]

// SINGLE-LABEL: func.func @product(
// SINGLE-NOT:     x86vector
// SINGLE:         return
func.func @product(%a: memref<2x20x2xbf16>, %b: memref<20x16x2xbf16>, %c: memref<2x16xf32>) {
  linalg.contract indexing_maps = [#left, #right, #result] ins(%a, %b : memref<2x20x2xbf16>, memref<20x16x2xbf16>) outs(%c : memref<2x16xf32>)
  return
}

// A mask of lanes holds for both numbers of a pair.
// CHECK-LABEL: func.func @odd_width(
// CHECK:         %[[MASK:.*]] = vector.constant_mask [3] : vector<16xi1>
// CHECK:         scf.for
// CHECK:           %[[BOTH:.*]] = vector.interleave %[[MASK]], %[[MASK]] : vector<16xi1> -> vector<32xi1>
// CHECK:           vector.maskedload %{{.*}}, %[[BOTH]], %{{.*}} : memref<20x6xbf16>, vector<32xi1>, vector<32xbf16> into vector<32xbf16>
// CHECK:           x86vector.avx512.dot
// CHECK:         vector.maskedstore %{{.*}}, %[[MASK]],
func.func @odd_width(%a: memref<1x20x2xbf16>, %b: memref<20x3x2xbf16>, %c: memref<1x3xf32>) {
  linalg.contract indexing_maps = [#left, #right, #result] ins(%a, %b : memref<1x20x2xbf16>, memref<20x3x2xbf16>) outs(%c : memref<1x3xf32>)
  return
}

// f32 has no instruction for pairs.
// CHECK-LABEL: func.func @no_pairs(
// CHECK-NOT:     x86vector
// CHECK:         return
func.func @no_pairs(%a: memref<2x20x2xf32>, %b: memref<20x16x2xf32>, %c: memref<2x16xf32>) {
  linalg.contract indexing_maps = [#left, #right, #result] ins(%a, %b : memref<2x20x2xf32>, memref<20x16x2xf32>) outs(%c : memref<2x16xf32>)
  return
}

// The copy that packs: two rows side by side.
// CHECK-LABEL: func.func @pack(
// CHECK-SAME:    %[[S:[^:]*]]: memref<20x2x16xbf16>, %[[T:[^:]*]]: memref<20x16x2xbf16>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[FLAT:.*]] = memref.collapse_shape %[[T]]
// CHECK:         scf.for %[[K:.*]] =
// CHECK-NEXT:      %[[EVEN:.*]] = vector.load %[[S]][%[[K]], %[[C0]], %[[C0]]] : {{.*}}, vector<16xbf16>
// CHECK-NEXT:      %[[ODD:.*]] = vector.load %[[S]][%[[K]], %[[C1]], %[[C0]]] : {{.*}}, vector<16xbf16>
// CHECK-NEXT:      %[[PAIRS:.*]] = vector.interleave %[[EVEN]], %[[ODD]] : vector<16xbf16> -> vector<32xbf16>
// CHECK-NEXT:      vector.store %[[PAIRS]], %[[FLAT]][%[[K]], %[[C0]]]
func.func @pack(%s: memref<20x2x16xbf16>, %t: memref<20x16x2xbf16>) {
  linalg.generic {indexing_maps = [affine_map<(k, n, v) -> (k, v, n)>, affine_map<(k, n, v) -> (k, n, v)>], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%s : memref<20x2x16xbf16>) outs(%t : memref<20x16x2xbf16>) {
  ^bb0(%x: bf16, %o: bf16):
    linalg.yield %x : bf16
  }
  return
}
