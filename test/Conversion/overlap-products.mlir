// RUN: gate-opt --gate-overlap-products --split-input-file %s | FileCheck %s

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// A round starts its product, waits for that of the round before and then gives
// back the slot of that round, if there was one. After the loop the last product
// is waited for and the last slot given back, if the loop ran.
// CHECK-LABEL: func.func @product(
// CHECK-SAME:    %[[FROM:[^:]*]]: i32, %[[COUNT:[^:]*]]: index
// CHECK:         %[[RING:.*]] = block.ring
// CHECK:         %[[LOOP:.*]]:2 = scf.for %[[K:.*]] = %[[LOWER:.*]] to %[[COUNT]] step %{{.*}} iter_args(%[[ACC:.*]] = %{{.*}}, %[[N:.*]] = %[[FROM]])
// CHECK-NEXT:      %[[TILES:.*]]:2 = block.take %[[RING]][%[[N]]]
// CHECK-NEXT:      %[[RIGHT:.*]] = vector.transpose %[[TILES]]#1
// CHECK-NEXT:      %[[STARTED:.*]] = block.multiply %[[TILES]]#0, %[[RIGHT]], %[[ACC]]
// CHECK:           block.wait 1{{$}}
// CHECK-NEXT:      %[[LATER:.*]] = arith.cmpi ne, %[[K]], %[[LOWER]] : index
// CHECK-NEXT:      %[[BEFORE:.*]] = arith.subi %[[N]], %{{.*}} : i32
// CHECK-NEXT:      block.release %[[RING]][%[[BEFORE]]] if %[[LATER]]
// CHECK-NOT:       block.release
// CHECK:           scf.yield %[[STARTED]], %
// CHECK:         %[[SUM:.*]] = block.wait 0, %[[LOOP]]#0
// CHECK:         %[[RAN:.*]] = arith.cmpi ne, %[[LOOP]]#1, %[[FROM]] : i32
// CHECK:         %[[LAST:.*]] = arith.subi %[[LOOP]]#1, %{{.*}} : i32
// CHECK-NEXT:    block.release %[[RING]][%[[LAST]]] if %[[RAN]]
// CHECK-NEXT:    return %[[SUM]], %[[LOOP]]#1
func.func @product(%from: i32, %count: index) -> (vector<64x64xf32>, i32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %r = vector.transpose %b, [1, 0] : vector<64x64xbf16> to vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %r, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %next : vector<64x64xf32>, i32
  }
  return %loop#0, %loop#1 : vector<64x64xf32>, i32
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// Two sums: both products of a round may run while those of the round before are
// waited for.
// CHECK-LABEL: func.func @two(
// CHECK:         %[[LOOP:.*]]:3 = scf.for
// CHECK-COUNT-2:   block.multiply
// CHECK:           block.wait 2{{$}}
// CHECK:         %[[P:.*]] = block.wait 0, %[[LOOP]]#0
// CHECK:         %[[Q:.*]] = block.wait 0, %[[LOOP]]#1
// CHECK:         return %[[P]], %[[Q]]
func.func @two(%from: i32, %count: index) -> (vector<64x64xf32>, vector<64x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:3 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %other = %none, %n = %from) -> (vector<64x64xf32>, vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %q = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %b, %a, %other
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %q, %next : vector<64x64xf32>, vector<64x64xf32>, i32
  }
  return %loop#0, %loop#1 : vector<64x64xf32>, vector<64x64xf32>
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// The sum is read in the round: it is waited for at once.
// CHECK-LABEL: func.func @result_used(
// CHECK:         block.take
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         vector.contract
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         block.release %{{.*}}[%{{.*}}] :
// CHECK-NOT:     block.
// CHECK:         return
func.func @result_used(%from: i32, %count: index) -> vector<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %used = arith.negf %p : vector<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %used, %next : vector<64x64xf32>, i32
  }
  return %loop#0 : vector<64x64xf32>
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// So is what it adds to.
// CHECK-LABEL: func.func @accumulator_used(
// CHECK:         block.take
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         vector.contract
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         block.release %{{.*}}[%{{.*}}] :
// CHECK-NOT:     block.
// CHECK:         return
func.func @accumulator_used(%from: i32, %count: index, %out: memref<64x64xf32>) -> vector<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %used = arith.negf %acc : vector<64x64xf32>
    vector.transfer_write %used, %out[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %next : vector<64x64xf32>, i32
  }
  return %loop#0 : vector<64x64xf32>
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// An operand that threads compute must be stored first, where the product of
// the round before might still read.
// CHECK-LABEL: func.func @computed_operand(
// CHECK:         block.take
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         vector.contract
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         block.release %{{.*}}[%{{.*}}] :
// CHECK-NOT:     block.
// CHECK:         return
func.func @computed_operand(%from: i32, %count: index) -> vector<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %c = arith.negf %a : vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %c, %b, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %next : vector<64x64xf32>, i32
  }
  return %loop#0 : vector<64x64xf32>
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// Every round starts from nothing.
// CHECK-LABEL: func.func @other_start(
// CHECK:         block.take
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         vector.contract
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         block.release %{{.*}}[%{{.*}}] :
// CHECK-NOT:     block.
// CHECK:         return
func.func @other_start(%from: i32, %count: index) -> vector<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %none
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %next : vector<64x64xf32>, i32
  }
  return %loop#0 : vector<64x64xf32>
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// Not a sum.
// CHECK-LABEL: func.func @maximum(
// CHECK:         block.take
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         vector.contract
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         block.release %{{.*}}[%{{.*}}] :
// CHECK-NOT:     block.
// CHECK:         return
func.func @maximum(%from: i32, %count: index) -> vector<64x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<64x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<maximumf>} %a, %b, %acc
      : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %next : vector<64x64xf32>, i32
  }
  return %loop#0 : vector<64x64xf32>
}

// -----

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// A product of fewer rows than a group of warps has is one of single warps.
// CHECK-LABEL: func.func @few_rows(
// CHECK:         block.take
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         vector.contract
// CHECK-NOT:     block.{{wait|multiply}}
// CHECK:         block.release %{{.*}}[%{{.*}}] :
// CHECK-NOT:     block.
// CHECK:         return
func.func @few_rows(%from: i32, %count: index) -> vector<16x64xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %one = arith.constant 1 : i32
  %none = arith.constant dense<0.0> : vector<16x64xf32>
  %ring = block.ring : !block.ring<3 x (vector<16x64xbf16>, vector<64x64xbf16>)>
  %loop:2 = scf.for %k = %c0 to %count step %c1 iter_args(%acc = %none, %n = %from) -> (vector<16x64xf32>, i32) {
    %a, %b = block.take %ring[%n] : !block.ring<3 x (vector<16x64xbf16>, vector<64x64xbf16>)> -> vector<16x64xbf16>, vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %a, %b, %acc
      : vector<16x64xbf16>, vector<64x64xbf16> into vector<16x64xf32>
    %next = arith.addi %n, %one : i32
    block.release %ring[%n] : !block.ring<3 x (vector<16x64xbf16>, vector<64x64xbf16>)>
    scf.yield %p, %next : vector<16x64xf32>, i32
  }
  return %loop#0 : vector<16x64xf32>
}
