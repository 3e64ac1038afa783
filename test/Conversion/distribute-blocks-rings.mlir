// RUN: gate-opt --gate-distribute-blocks="warpgroups=true shared-bytes=100000" --canonicalize --cse --split-input-file %s | FileCheck %s
// Shared memory for fewer slots than asked for.
// RUN: gate-opt --gate-distribute-blocks="warpgroups=true shared-bytes=70000" --split-input-file %s | FileCheck %s --check-prefix=SHORT

// (Threads are so few that they have all registers: none change hands.)
// Three barriers a slot, made by one thread: copies complete the first, all four
// consumer warps the others, of which one is for slots in parts. Four more warps copy; maps are last arguments, made
// of parameters of the launch: -(1 + p) stands for parameter p.
// CHECK-LABEL: func.func @product(
// CHECK-SAME:    %[[A_MAP:[^:]*]]: !llvm.ptr, %[[B_MAP:[^:]*]]: !llvm.ptr)
// CHECK-SAME:    gate.stages = 4 : i64
// CHECK-SAME:    gate.tensor_maps = [{base = 0 : i64, box = array<i64: 64, 64>, element = bf16, extents = array<i64: -2, 512>, offset = 0 : i64, sizes = array<i64: -5, 512>, swizzle = 128 : i64},
// CHECK-SAME:      {base = 2 : i64, box = array<i64: 64, 64>, element = bf16, extents = array<i64: 512, 64>, offset = 0 : i64, sizes = array<i64: 512, 64>, swizzle = 128 : i64}]
// CHECK-SAME:    gate.threads = 256
// CHECK-DAG:     %[[STAGES:.*]] = arith.constant 4 : i32
// CHECK-DAG:     %[[ONE:.*]] = arith.constant 1 : i32
// CHECK-DAG:     %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK-DAG:     %[[WARPS:.*]] = arith.constant 4 : index
// CHECK-DAG:     %[[THREAD:.*]] = nvvm.read.ptx.sreg.tid.x
// CHECK:         %[[IS:.*]] = arith.cmpi eq, %[[THREAD]], %[[ZERO]]
// CHECK-NEXT:    scf.if %[[IS]] {
// CHECK-NEXT:      scf.for %{{.*}} = %[[ZERO]] to %[[STAGES]] step %[[ONE]]
// CHECK:             nvvm.mbarrier.init %{{.*}}, %[[ONE]]
// CHECK-COUNT-2:     nvvm.mbarrier.init %{{.*}}, %[[STAGES]]
// CHECK:           nvvm.fence.mbarrier.init
// CHECK:         nvvm.barrier0
// CHECK-NOT:     nvvm.barrier
// CHECK:         %[[CONSUMES:.*]] = arith.cmpi ult, %{{.*}}, %[[WARPS]]
// CHECK-NEXT:    scf.if %[[CONSUMES]] {

// Consumers wait for the phase of the step's turn, the product of the step is
// started, and one lane of each warp gives back the slot of the step before.
// CHECK:           scf.for %[[STEP:.*]] = %[[FIRST:.*]] to %{{.*}} step
// CHECK-NEXT:        arith.remui %[[STEP]], %[[STAGES]]
// CHECK:             %[[TURN:.*]] = arith.divui %[[STEP]], %[[STAGES]]
// CHECK-NEXT:        %[[PARITY:.*]] = arith.andi %[[TURN]], %[[ONE]]
// CHECK-NEXT:        nvvm.mbarrier.try_wait.parity %{{.*}}, %[[PARITY]],
// CHECK:             wgmma.mma_async
// CHECK:             nvvm.wgmma.commit.group
// CHECK:             "wgmma.wait_group.sync.aligned 1;"
// CHECK:             scf.if
// CHECK-NEXT:          nvvm.bar.warp.sync
// CHECK-NEXT:          %[[LANE:.*]] = arith.cmpi eq
// CHECK-NEXT:          scf.if %[[LANE]] {
// CHECK:                 nvvm.mbarrier.arrive %
// CHECK:           "wgmma.wait_group.sync.aligned 0;"

// The first of the other threads copies: it waits for the phase before, says how
// many bytes come, and starts a copy for each tile, its innermost place first.
// CHECK:         } else {
// CHECK:           %[[COPIES:.*]] = arith.cmpi ult, %[[THREAD]], %c129_i32
// CHECK-NEXT:      scf.if %[[COPIES]] {
// CHECK-NEXT:        scf.for %[[STEP:.*]] =
// CHECK:               %[[PARITY:.*]] = arith.xori
// CHECK:               nvvm.mbarrier.try_wait.parity %{{.*}}, %[[PARITY]],
// CHECK:               nvvm.mbarrier.arrive.expect_tx %{{.*}}, %[[BYTES:.*]] :
// CHECK:               nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[A_MAP]], %{{.*}}, box[%{{.*}}, %{{.*}}]
// CHECK:               nvvm.cp.async.bulk.tensor.shared.cluster.global %{{.*}}, %[[B_MAP]], %{{.*}}, box[%{{.*}}, %{{.*}}]

// SHORT-LABEL: func.func @product(
// SHORT-SAME:    gate.stages = 3 : i64
// SHORT:         %[[STAGES:.*]] = arith.constant 3 : i32
// SHORT:         scf.for %{{.*}} to %[[STAGES]]
func.func @product(%a: memref<?x512xbf16>, %b: memref<512x64xbf16>, %c: memref<64x64xf32>, %rows: index, %row: index, %n: i32, %count: i32) attributes {gate.kernel} {
  %ring = block.ring : !block.ring<4 x (vector<64x64xbf16>, vector<64x64xbf16>)>
  block.specialize producer {
    %one = arith.constant 1 : i32
    %c0 = arith.constant 0 : index
    scf.for %i = %n to %count step %one : i32 {
      %k = arith.index_cast %i : i32 to index
      block.acquire %ring[%i] : !block.ring<4 x (vector<64x64xbf16>, vector<64x64xbf16>)>
      block.copy %a[%row, %k] to %ring[%i] tile 0 dims [0, 1] sizes [-9223372036854775808, 512](%rows) : memref<?x512xbf16> to !block.ring<4 x (vector<64x64xbf16>, vector<64x64xbf16>)>
      block.copy %b[%k, %c0] to %ring[%i] tile 1 dims [0, 1] sizes [512, 64]() : memref<512x64xbf16> to !block.ring<4 x (vector<64x64xbf16>, vector<64x64xbf16>)>
    }
  } consumers {
    %one = arith.constant 1 : i32
    %c0 = arith.constant 0 : index
    %none = arith.constant dense<0.0> : vector<64x64xf32>
    %sum = scf.for %i = %n to %count step %one iter_args(%acc = %none) -> (vector<64x64xf32>) : i32 {
      %x, %y = block.take %ring[%i] : !block.ring<4 x (vector<64x64xbf16>, vector<64x64xbf16>)> -> vector<64x64xbf16>, vector<64x64xbf16>
      %r = vector.transpose %y, [1, 0] : vector<64x64xbf16> to vector<64x64xbf16>
      %p = block.multiply %x, %r, %acc : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
      block.wait 1
      %later = arith.cmpi ne, %i, %n : i32
      %before = arith.subi %i, %one : i32
      block.release %ring[%before] if %later : !block.ring<4 x (vector<64x64xbf16>, vector<64x64xbf16>)>
      scf.yield %p : vector<64x64xf32>
    }
    %read = block.wait 0, %sum : vector<64x64xf32> -> vector<64x64xf32>
    vector.transfer_write %read, %c[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  }
  return
}

// -----

// A row of a tile at a place of run time: what a lane has of it at once, in the
// order that the swizzle has in that row, without the rest of the tile.
// CHECK-LABEL: func.func @row(
// CHECK-SAME:    %[[PLACE:[^:]*]]: index
// CHECK:         nvvm.mbarrier.try_wait.parity
// CHECK-DAG:     %[[TURN:.*]] = arith.remui %[[PLACE]], %
// CHECK-DAG:     %[[FLIP:.*]] = arith.muli %[[TURN]], %
// CHECK-DAG:     %[[AT:.*]] = arith.xori %{{.*}}, %[[FLIP]]
// CHECK:         llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<3> -> vector<2xbf16>
// CHECK-NOT:     llvm.load
// CHECK:         vector.store
func.func @row(%x: memref<64x64xbf16>, %y: memref<64xbf16>, %n: i32, %place: index) attributes {gate.kernel} {
  %ring = block.ring : !block.ring<2 x (vector<64x64xbf16>)>
  block.specialize producer {
    %c0 = arith.constant 0 : index
    block.acquire %ring[%n] : !block.ring<2 x (vector<64x64xbf16>)>
    block.copy %x[%c0, %c0] to %ring[%n] tile 0 dims [0, 1] sizes [64, 64]() : memref<64x64xbf16> to !block.ring<2 x (vector<64x64xbf16>)>
  } consumers {
    %c0 = arith.constant 0 : index
    %tile = block.take %ring[%n] : !block.ring<2 x (vector<64x64xbf16>)> -> vector<64x64xbf16>
    %row = vector.extract %tile[%place] : vector<64xbf16> from vector<64x64xbf16>
    vector.transfer_write %row, %y[%c0] {in_bounds = [true]} : vector<64xbf16>, memref<64xbf16>
    block.release %ring[%n] : !block.ring<2 x (vector<64x64xbf16>)>
  }
  return
}

// -----

// A row that no tensor map describes: a warp copies, one of its lanes starts the
// copies beside it and says how many bytes those are, and the slot is full when
// both have arrived. What lies past the end is 0.
// CHECK-LABEL: func.func @row(
// CHECK-SAME:    gate.tensor_maps = [{base = 0 : i64,
// CHECK-NOT:     swizzle = {{.*}}swizzle =
// CHECK-DAG:     %[[TWO:.*]] = arith.constant 2 : i32
// CHECK:         nvvm.mbarrier.init %{{.*}}, %[[TWO]]
// CHECK:         } else {
// CHECK:           arith.cmpi ult, %{{.*}}, %c{{[0-9]+}}_i32
// CHECK:             nvvm.mbarrier.try_wait.parity
// CHECK:             scf.if
// CHECK:               nvvm.mbarrier.arrive.expect_tx %{{.*}}, %c8192_i32
// CHECK:             scf.if
// CHECK:               nvvm.cp.async.bulk.tensor
// CHECK:             %[[INSIDE:.*]] = arith.cmpi slt, %[[ROW:.*]], %{{.*}} : index
// CHECK:             %[[VALUE:.*]] = scf.if %[[INSIDE]] -> (f32) {
// CHECK:               memref.load %{{.*}}[%[[ROW]], %{{.*}}]
// CHECK:             } else {
// CHECK-NEXT:          scf.yield %{{.*}} : f32
// All loads are on their way before the first store waits for one.
// CHECK:             memref.load
// CHECK:             llvm.store %[[VALUE]]
// CHECK:             nvvm.bar.warp.sync
// CHECK:             scf.if
// CHECK:               nvvm.mbarrier.arrive %
func.func @row(%a: memref<?x64xbf16>, %g: memref<?x3xf32>, %c: memref<64x64xf32>, %rows: index, %row: index, %n: i32, %count: i32) attributes {gate.kernel} {
  %ring = block.ring : !block.ring<2 x (vector<64x64xbf16>, vector<64xf32>)>
  %one = arith.constant 1 : i32
  %c0 = arith.constant 0 : index
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  block.specialize producer {
    scf.for %i = %n to %count step %one : i32 {
      block.acquire %ring[%i] : !block.ring<2 x (vector<64x64xbf16>, vector<64xf32>)>
      block.copy %a[%row, %c0] to %ring[%i] tile 0 dims [0, 1] sizes [-9223372036854775808, 64](%rows) : memref<?x64xbf16> to !block.ring<2 x (vector<64x64xbf16>, vector<64xf32>)>
      block.copy %g[%row, %c0] to %ring[%i] tile 1 dims [0] sizes [-9223372036854775808, 3](%rows) {by_lanes} : memref<?x3xf32> to !block.ring<2 x (vector<64x64xbf16>, vector<64xf32>)>
    }
  } consumers {
    %sum = scf.for %i = %n to %count step %one iter_args(%acc = %none) -> (vector<64x64xf32>) : i32 {
      %x, %y = block.take %ring[%i] : !block.ring<2 x (vector<64x64xbf16>, vector<64xf32>)> -> vector<64x64xbf16>, vector<64xf32>
      %w = arith.extf %x : vector<64x64xbf16> to vector<64x64xf32>
      %z = vector.broadcast %y : vector<64xf32> to vector<64x64xf32>
      %p = arith.mulf %w, %z : vector<64x64xf32>
      %s = arith.addf %acc, %p : vector<64x64xf32>
      block.release %ring[%i] : !block.ring<2 x (vector<64x64xbf16>, vector<64xf32>)>
      scf.yield %s : vector<64x64xf32>
    }
    vector.transfer_write %sum, %c[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  }
  return
}
