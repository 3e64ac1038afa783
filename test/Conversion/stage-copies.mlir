// RUN: gate-opt --gate-stage-copies=stages=3 --split-input-file %s | FileCheck %s

// A producer copies what a round reads, the consumers take it. Blocks take tiles
// of the former grid in turns: their number is a new argument, and steps are
// numbered over all tiles. A tile is copied from where the view that was read
// begins; rows past the end, which is known at the launch, are zero.
// CHECK-LABEL: func.func @product(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x512xbf16>, %[[B:[^:]*]]: memref<512x64xbf16>, %[[C:[^:]*]]: memref<?x64xf32>, %[[M:[^:]*]]: index, %[[BLOCKS:[^:]*]]: i32)
// CHECK-SAME:    attributes {gate.kernel, gate.persistent}
// CHECK:         %[[RING:.*]] = block.ring : <3 x{{ ?}}(vector<64x64xbf16>, vector<64x64xbf16>)>
// CHECK-NEXT:    block.specialize producer {
// CHECK:           %[[FIRST:.*]] = nvvm.read.ptx.sreg.ctaid.x : i32
// CHECK-NEXT:      %[[GRID:.*]] = nvvm.read.ptx.sreg.nctaid.x : i32
// CHECK-NEXT:      scf.for %[[TILE:.*]] = %[[FIRST]] to %[[BLOCKS]] step %[[GRID]] iter_args(%[[DONE:.*]] = %{{.*}}) -> (i32) : i32 {
// CHECK:             %[[STEPS:.*]] = scf.for %[[K:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[N:.*]] = %[[DONE]]) -> (i32)
// CHECK-NEXT:          block.acquire %[[RING]][%[[N]]]
// CHECK:               %[[BLOCK:.*]] = arith.index_cast %[[TILE]] : i32 to index
// CHECK:               %[[ROW:.*]] = arith.muli %[[BLOCK]], %
// CHECK:               block.copy %[[A]][%[[ROW]], %[[K]]] to %[[RING]][%[[N]]] tile 0 dims [0, 1] sizes [-9223372036854775808, 512](%[[M]])
// CHECK:               block.copy %[[B]][%[[K]], %{{.*}}] to %[[RING]][%[[N]]] tile 1 dims [0, 1] sizes [512, 64]()
// CHECK-NOT:           block.copy
// CHECK:               %[[NEXT:.*]] = arith.addi %[[N]], %{{.*}} : i32
// CHECK-NEXT:          scf.yield %[[NEXT]] : i32
// CHECK:             scf.yield %[[STEPS]] : i32
// CHECK:         } consumers {
// CHECK:           scf.for %[[TILE:.*]] = %{{.*}} to %[[BLOCKS]] step %{{.*}} iter_args(%[[DONE:.*]] = %{{.*}}) -> (i32) : i32 {
// CHECK:             arith.index_cast %[[TILE]] : i32 to index
// CHECK:             %[[SUM:.*]]:2 = scf.for {{.*}} iter_args(%[[ACC:.*]] = %{{.*}}, %[[N:.*]] = %[[DONE]]) -> (vector<64x64xf32>, i32)
// CHECK-NEXT:          %[[TILES:.*]]:2 = block.take %[[RING]][%[[N]]]
// CHECK-NOT:           vector.transfer_read
// CHECK:               vector.contract {{.*}} %[[TILES]]#0, %{{.*}}, %[[ACC]]
// CHECK:               block.release %[[RING]][%[[N]]]
// CHECK-NEXT:          scf.yield %{{.*}}, %{{.*}} : vector<64x64xf32>, i32
// CHECK:             vector.transfer_write %[[SUM]]#0, %
// CHECK:             scf.yield %[[SUM]]#1 : i32
// CHECK-NEXT:      }
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @product(%a: memref<?x512xbf16>, %b: memref<512x64xbf16>, %c: memref<?x64xf32>, %m: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : bf16
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %id = nvvm.read.ptx.sreg.ctaid.x : i32
  %block = arith.index_cast %id : i32 to index
  %row = arith.muli %block, %c64 : index
  %rows = affine.min affine_map<(d0, d1) -> (64, d0 - d1)>(%m, %row)
  %sum = scf.for %k = %c0 to %c512 step %c64 iter_args(%acc = %none) -> (vector<64x64xf32>) {
    %part = memref.subview %a[%row, %k] [%rows, 64] [1, 1] : memref<?x512xbf16> to memref<?x64xbf16, strided<[512, 1], offset: ?>>
    %l = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : memref<?x64xbf16, strided<[512, 1], offset: ?>>, vector<64x64xbf16>
    %rt = vector.transfer_read %b[%k, %c0], %zero {in_bounds = [true, true]} : memref<512x64xbf16>, vector<64x64xbf16>
    %r = vector.transpose %rt, [1, 0] : vector<64x64xbf16> to vector<64x64xbf16>
    %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
        iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
        : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
    scf.yield %p : vector<64x64xf32>
  }
  vector.transfer_write %sum, %c[%row, %c0] {in_bounds = [false, true]} : vector<64x64xf32>, memref<?x64xf32>
  return
}

// -----

// Of a part of the workspace, for one head of many.
// CHECK-LABEL: func.func @view(
// CHECK-SAME:    %[[W:[^:]*]]: memref<?xi8>, %[[SHIFT:[^:]*]]: index, %[[T:[^:]*]]: index, %{{.*}}: memref<64x64xf32>, %[[BLOCKS:[^:]*]]: i32)
// CHECK:         %[[VIEW:.*]] = memref.view %[[W]][%[[SHIFT]]][%[[T]]] : memref<?xi8> to memref<?x2x64xf32>
// CHECK-NEXT:    block.ring : <3 x{{ ?}}(vector<64x64xf32>)>
// CHECK:           block.copy %[[VIEW]][%{{.*}}, %{{.*}}, %{{.*}}] to %{{.*}} tile 0 dims [0, 2] sizes [-9223372036854775808, 2, 64](%[[T]]) : memref<?x2x64xf32>
func.func @view(%w: memref<?xi8>, %shift: index, %t: index, %y: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %x = memref.view %w[%shift][%t] : memref<?xi8> to memref<?x2x64xf32>
  scf.for %i = %c0 to %t step %c64 {
    %a = vector.transfer_read %x[%i, %c1, %c0], %zero {in_bounds = [false, true], permutation_map = affine_map<(t, h, k) -> (t, k)>} : memref<?x2x64xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  }
  return
}

// -----

// The read of a buffer that the kernel writes stays where it is; one beside it is
// copied.
// CHECK-LABEL: func.func @written(
// CHECK-SAME:    %[[X:[^:]*]]: memref<512x64xf32>, %[[Y:[^:]*]]: memref<512x64xf32>,
// CHECK:           block.copy %[[X]]
// CHECK-NOT:       block.copy
// CHECK:         consumers
// CHECK:           %[[TILE:.*]] = block.take
// CHECK:           %[[OLD:.*]] = vector.transfer_read %[[Y]]
// CHECK:           arith.addf %[[TILE]], %[[OLD]]
func.func @written(%x: memref<512x64xf32>, %y: memref<512x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %a = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true, true]} : memref<512x64xf32>, vector<64x64xf32>
    %b = vector.transfer_read %y[%i, %c0], %zero {in_bounds = [true, true]} : memref<512x64xf32>, vector<64x64xf32>
    %s = arith.addf %a, %b : vector<64x64xf32>
    vector.transfer_write %s, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// -----

// Less than 8192 bytes a round are not worth warps of their own.
// CHECK-LABEL: func.func @few_bytes(
// CHECK-NOT:     block.
// CHECK:         return
func.func @few_bytes(%x: memref<512x32xf32>, %y: memref<512x32xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c32 {
    %a = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true, true]} : memref<512x32xf32>, vector<32x32xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<32x32xf32>, memref<512x32xf32>
  }
  return
}

// What is read once is not ahead of anything.
// CHECK-LABEL: func.func @no_loop(
// CHECK-NOT:     block.
// CHECK:         return
func.func @no_loop(%x: memref<512x64xf32>, %y: memref<512x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<512x64xf32>, vector<64x64xf32>
  vector.transfer_write %a, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  return
}

// Not a kernel.
// CHECK-LABEL: func.func @no_kernel(
// CHECK-NOT:     block.
// CHECK:         return
func.func @no_kernel(%x: memref<512x64xf32>, %y: memref<512x64xf32>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %a = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true, true]} : memref<512x64xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// The same part of the workspace under two views.
// CHECK-LABEL: func.func @written_in_another_view(
// CHECK-NOT:     block.
// CHECK:         return
func.func @written_in_another_view(%w: memref<?xi8>, %shift: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  %x = memref.view %w[%shift][] : memref<?xi8> to memref<512x64xf32>
  %y = memref.view %w[%shift][] : memref<?xi8> to memref<512x64xf32>
  scf.for %i = %c0 to %c512 step %c64 {
    %a = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true, true]} : memref<512x64xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// A tensor map has strides of multiples of 16 bytes; these rows have 280.
// CHECK-LABEL: func.func @odd_stride(
// CHECK-NOT:     block.
// CHECK:         return
func.func @odd_stride(%x: memref<512x70xf32>, %y: memref<512x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %a = vector.transfer_read %x[%i, %c0], %zero {in_bounds = [true, true]} : memref<512x70xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// The thread that copies knows no place that is read from memory.
// CHECK-LABEL: func.func @loaded_place(
// CHECK-NOT:     block.
// CHECK:         return
func.func @loaded_place(%x: memref<512x64xf32>, %y: memref<512x64xf32>, %places: memref<512xindex>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %place = memref.load %places[%i] : memref<512xindex>
    %a = vector.transfer_read %x[%place, %c0], %zero {in_bounds = [true, true]} : memref<512x64xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// Copies leave zeros past the end, not ones.
// CHECK-LABEL: func.func @ones_past_the_end(
// CHECK-NOT:     block.
// CHECK:         return
func.func @ones_past_the_end(%x: memref<500x64xf32>, %y: memref<512x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %one = arith.constant 1.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %a = vector.transfer_read %x[%i, %c0], %one {in_bounds = [false, true]} : memref<500x64xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// An end within the buffer that each round has for itself.
// CHECK-LABEL: func.func @end_of_a_block(
// CHECK-NOT:     block.
// CHECK:         return
func.func @end_of_a_block(%x: memref<512x64xf32>, %y: memref<512x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %part = memref.subview %x[%i, 0] [60, 64] [1, 1] : memref<512x64xf32> to memref<60x64xf32, strided<[64, 1], offset: ?>>
    %a = vector.transfer_read %part[%c0, %c0], %zero {in_bounds = [false, true]} : memref<60x64xf32, strided<[64, 1], offset: ?>>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// Columns contiguous: a tile would lie the other way.
// CHECK-LABEL: func.func @turned(
// CHECK-NOT:     block.
// CHECK:         return
func.func @turned(%x: memref<64x512xf32>, %y: memref<512x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c512 step %c64 {
    %a = vector.transfer_read %x[%c0, %i], %zero {in_bounds = [true, true], permutation_map = affine_map<(a, b) -> (b, a)>} : memref<64x512xf32>, vector<64x64xf32>
    vector.transfer_write %a, %y[%i, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<512x64xf32>
  }
  return
}

// -----

// Products of f32 want all warps: nothing is staged around them.
// CHECK-LABEL: func.func @wide_product(
// CHECK-NOT:     block.
// CHECK:         return
func.func @wide_product(%a: memref<64x512xf32>, %b: memref<64x512xf32>, %c: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %sum = scf.for %k = %c0 to %c512 step %c64 iter_args(%acc = %none) -> (vector<64x64xf32>) {
    %l = vector.transfer_read %a[%c0, %k], %zero {in_bounds = [true, true]} : memref<64x512xf32>, vector<64x64xf32>
    %r = vector.transfer_read %b[%c0, %k], %zero {in_bounds = [true, true]} : memref<64x512xf32>, vector<64x64xf32>
    %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
        iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
        : vector<64x64xf32>, vector<64x64xf32> into vector<64x64xf32>
    scf.yield %p : vector<64x64xf32>
  }
  vector.transfer_write %sum, %c[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// -----

// A row with a stride of 12 bytes is copied by lanes, after the rest.
// CHECK-LABEL: func.func @row(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x64xbf16>, %[[G:[^:]*]]: memref<?x3xf32>, %[[C:[^:]*]]: memref<64x64xf32>, %[[N:[^:]*]]: index,
// CHECK:         block.ring : <3 x{{ ?}}(vector<64x64xbf16>, vector<64xf32>)>
// CHECK:           block.copy %[[A]][%{{.*}}, %{{.*}}] to {{.*}} tile 0 dims [0, 1] sizes [-9223372036854775808, 64](%[[N]]) : memref
// CHECK:           block.copy %[[G]][%{{.*}}, %{{.*}}] to {{.*}} tile 1 dims [0] sizes [-9223372036854775808, 3](%[[N]]) {by_lanes} : memref
// CHECK:         } consumers {
// CHECK:           block.take
// CHECK-NOT:       vector.transfer_read
func.func @row(%a: memref<?x64xbf16>, %g: memref<?x3xf32>, %c: memref<64x64xf32>, %n: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : bf16
  %wide = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %sum = scf.for %i = %c0 to %n step %c64 iter_args(%acc = %none) -> (vector<64x64xf32>) {
    %size = affine.min affine_map<(d0, d1) -> (64, d0 - d1)>(%n, %i)
    %gates = memref.subview %g[%i, %c1] [%size, 1] [1, 1] : memref<?x3xf32> to memref<?xf32, strided<[3], offset: ?>>
    %y = vector.transfer_read %gates[%c0], %wide : memref<?xf32, strided<[3], offset: ?>>, vector<64xf32>
    %rows = memref.subview %a[%i, 0] [%size, 64] [1, 1] : memref<?x64xbf16> to memref<?x64xbf16, strided<[64, 1], offset: ?>>
    %x = vector.transfer_read %rows[%c0, %c0], %zero {in_bounds = [false, true]} : memref<?x64xbf16, strided<[64, 1], offset: ?>>, vector<64x64xbf16>
    %w = arith.extf %x : vector<64x64xbf16> to vector<64x64xf32>
    %z = vector.broadcast %y : vector<64xf32> to vector<64x64xf32>
    %p = arith.mulf %w, %z : vector<64x64xf32>
    %s = arith.addf %acc, %p : vector<64x64xf32>
    scf.yield %s : vector<64x64xf32>
  }
  vector.transfer_write %sum, %c[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// -----

// A kernel without a loop is one round, and copies for the next block's run under
// it, where tiles are so large that no second block does. Where the last block
// ends is an argument, though its rows are counted from the block's number.
// CHECK-LABEL: func.func @one_round(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x128xbf16>, %{{.*}}: memref<?x128xf32>, %[[N:[^:]*]]: index,
// CHECK:         block.ring
// CHECK:         block.specialize producer
// CHECK:           block.copy %[[A]][%{{.*}}, %{{.*}}] to {{.*}} sizes [-9223372036854775808, 128](%[[N]])
// CHECK:         } consumers {
// CHECK:           scf.for
// CHECK:             scf.for
// CHECK:               block.take
// CHECK:               vector.contract
// CHECK:               vector.transfer_write
func.func @one_round(%a: memref<?x128xbf16>, %c: memref<?x128xf32>, %n: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %row = arith.constant dense<0.0> : vector<64xf32>
  %id = nvvm.read.ptx.sreg.ctaid.x : i32
  %i = arith.index_castui %id : i32 to index
  %at = affine.apply affine_map<()[s0] -> (s0 * 64)>()[%i]
  %size = affine.min affine_map<()[s0, s1] -> (64, s0 - s1 * 64)>()[%n, %i]
  %rows = memref.subview %a[%at, 0] [%size, 128] [1, 1] : memref<?x128xbf16> to memref<?x128xbf16, strided<[128, 1], offset: ?>>
  %x = vector.transfer_read %rows[%c0, %c0], %zero {in_bounds = [false, true]} : memref<?x128xbf16, strided<[128, 1], offset: ?>>, vector<64x128xbf16>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %x, %x, %none
      : vector<64x128xbf16>, vector<64x128xbf16> into vector<64x64xf32>
  %w = arith.extf %x : vector<64x128xbf16> to vector<64x128xf32>
  %sums = vector.multi_reduction <add>, %p, %row [1] : vector<64x64xf32> to vector<64xf32>
  %wide = vector.broadcast %sums : vector<64xf32> to vector<128x64xf32>
  %columns = vector.transpose %wide, [1, 0] : vector<128x64xf32> to vector<64x128xf32>
  %y = arith.mulf %w, %columns : vector<64x128xf32>
  %room = memref.subview %c[%at, 0] [%size, 128] [1, 1] : memref<?x128xf32> to memref<?x128xf32, strided<[128, 1], offset: ?>>
  vector.transfer_write %y, %room[%c0, %c0] {in_bounds = [false, true]} : vector<64x128xf32>, memref<?x128xf32, strided<[128, 1], offset: ?>>
  return
}
