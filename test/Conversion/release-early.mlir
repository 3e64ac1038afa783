// RUN: gate-opt --gate-release-early --split-input-file %s | FileCheck %s

!ring = !block.ring<2 x (vector<64x64xbf16>, vector<64x64xbf16>)>
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// The first tile is read last before the second is: it goes back after that, and
// its copy waits for that release only. What is read through a transpose, or
// through little work on a tile, is read where that is used.
// CHECK-LABEL: func.func @products(
// CHECK:         block.acquire %[[RING:.*]][%[[N:.*]]] :
// CHECK:         block.copy %{{.*}} to %[[RING]][%[[N]]] tile 0
// CHECK-NEXT:    block.acquire %[[RING]][%[[N]]] part 1
// CHECK-NEXT:    block.copy %{{.*}} to %[[RING]][%[[N]]] tile 1
// CHECK:         %[[TILES:.*]]:2 = block.take %[[RING]][%[[M:.*]]]
// CHECK:         vector.transpose %[[TILES]]#0
// CHECK-NOT:     block.release
// CHECK:         vector.contract
// CHECK-NEXT:    block.release %[[RING]][%[[M]]] :
// CHECK:         vector.contract
// CHECK:         block.release %[[RING]][%[[M]]] part 1
func.func @products(%a: memref<64x64xbf16>, %b: memref<64x64xbf16>, %q: vector<64x64xbf16>, %from: i32, %to: i32) -> vector<64x64xf32> {
  %one = arith.constant 1 : i32
  %c0 = arith.constant 0 : index
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !ring
  scf.for %n = %from to %to step %one : i32 {
    block.acquire %ring[%n] : !ring
    block.copy %b[%c0, %c0] to %ring[%n] tile 1 dims [0, 1] sizes [64, 64]() : memref<64x64xbf16> to !ring
    block.copy %a[%c0, %c0] to %ring[%n] tile 0 dims [0, 1] sizes [64, 64]() : memref<64x64xbf16> to !ring
  }
  %r = scf.for %n = %from to %to step %one iter_args(%acc = %none) -> (vector<64x64xf32>) : i32 {
    %k, %v = block.take %ring[%n] : !ring -> vector<64x64xbf16>, vector<64x64xbf16>
    %t = vector.transpose %k, [1, 0] : vector<64x64xbf16> to vector<64x64xbf16>
    %s = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %q, %t, %none
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %p = arith.truncf %s : vector<64x64xf32> to vector<64x64xbf16>
    %o = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %p, %v, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    block.release %ring[%n] : !ring
    scf.yield %o : vector<64x64xf32>
  }
  return %r : vector<64x64xf32>
}

// -----

!ring = !block.ring<2 x (vector<64x64xf32>, vector<64x64xf32>)>

// Each way of a choice is done with the first tile at a place of its own, one of
// them at once.
// CHECK-LABEL: func.func @ways(
// CHECK:         scf.if
// CHECK-NEXT:      math.exp
// CHECK-NEXT:      block.release %[[RING:.*]][%[[N:.*]]] :
// CHECK:           arith.addf
// CHECK:         } else {
// CHECK-NEXT:      block.release %[[RING]][%[[N]]] :
// CHECK:         block.release %[[RING]][%[[N]]] part 1
func.func @ways(%c: i1, %from: i32, %to: i32) -> vector<64x64xf32> {
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !ring
  %r = scf.for %n = %from to %to step %one iter_args(%acc = %none) -> (vector<64x64xf32>) : i32 {
    %k, %v = block.take %ring[%n] : !ring -> vector<64x64xf32>, vector<64x64xf32>
    %x = scf.if %c -> vector<64x64xf32> {
      %e = math.exp %k : vector<64x64xf32>
      %s = arith.addf %e, %v : vector<64x64xf32>
      scf.yield %s : vector<64x64xf32>
    } else {
      %s = arith.mulf %acc, %v : vector<64x64xf32>
      scf.yield %s : vector<64x64xf32>
    }
    block.release %ring[%n] : !ring
    scf.yield %x : vector<64x64xf32>
  }
  return %r : vector<64x64xf32>
}

// -----

!ring = !block.ring<2 x (vector<64x64xf32>, vector<64x64xf32>)>

// Both tiles are read to the end of one of two loops: nothing changes.
// CHECK-LABEL: func.func @together(
// CHECK-COUNT-2: block.release
// CHECK-NOT:     block.release
func.func @together(%from: i32, %to: i32) -> vector<64x64xf32> {
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !ring
  %r = scf.for %n = %from to %to step %one iter_args(%acc = %none) -> (vector<64x64xf32>) : i32 {
    %k, %v = block.take %ring[%n] : !ring -> vector<64x64xf32>, vector<64x64xf32>
    %e = math.exp %k : vector<64x64xf32>
    %x = arith.mulf %e, %v : vector<64x64xf32>
    block.release %ring[%n] : !ring
    scf.yield %x : vector<64x64xf32>
  }
  %s = scf.for %n = %from to %to step %one iter_args(%acc = %r) -> (vector<64x64xf32>) : i32 {
    %k, %v = block.take %ring[%n] : !ring -> vector<64x64xf32>, vector<64x64xf32>
    %x = arith.mulf %k, %v : vector<64x64xf32>
    block.release %ring[%n] : !ring
    scf.yield %x : vector<64x64xf32>
  }
  return %s : vector<64x64xf32>
}
