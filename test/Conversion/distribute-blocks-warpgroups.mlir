// RUN: gate-opt --gate-distribute-blocks=warpgroups=true --canonicalize --cse %s | FileCheck %s

// Both matrices go to shared memory as they lie, the right one with columns
// contiguous; the unit that multiplies must see what threads wrote. Sums pass
// through the fence and the wait, so that what computes and what uses them
// stays on its side.
// CHECK-LABEL: func.func @groups(
// CHECK-SAME:    gate.threads = 256
// CHECK:         llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<3>
// CHECK:         nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
// CHECK:         llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>, !llvm.ptr<3>
// CHECK:         nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>
// CHECK-NEXT:    nvvm.barrier0
// CHECK:         llvm.inline_asm has_side_effects {{.*}} "wgmma.fence.sync.aligned;"
// CHECK:         %[[SUM:.*]] = llvm.inline_asm has_side_effects {{.*}} "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {{.*}}, 1, 1, 1, 0, 1;"
// CHECK:         %[[D0:.*]] = llvm.extractvalue %[[SUM]][0]
// CHECK:         llvm.inline_asm has_side_effects {{.*}} "wgmma.mma_async{{.*}} %[[D0]],
// CHECK-NOT:     wgmma.mma_async
// CHECK:         nvvm.wgmma.commit.group.sync.aligned
// CHECK:         llvm.inline_asm has_side_effects {{.*}} "wgmma.wait_group.sync.aligned 0;"
func.func @groups(%a: memref<64x32xbf16>, %b: memref<32x64xbf16>, %c: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %acc = arith.constant dense<0.0> : vector<64x64xf32>
  %l = vector.transfer_read %a[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x32xbf16>, vector<64x32xbf16>
  %rt = vector.transfer_read %b[%c0, %c0], %zero {in_bounds = [true, true]} : memref<32x64xbf16>, vector<32x64xbf16>
  %r = vector.transpose %rt, [1, 0] : vector<32x64xbf16> to vector<64x32xbf16>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
      : vector<64x32xbf16>, vector<64x32xbf16> into vector<64x64xf32>
  vector.transfer_write %p, %c[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// A product of fewer rows than a group has is one of single warps.
// CHECK-LABEL: func.func @few_rows(
// CHECK-NOT:     wgmma
// CHECK:         nvvm.mma.sync
func.func @few_rows(%a: memref<16x16xbf16>, %b: memref<8x16xbf16>, %c: memref<16x8xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %acc = arith.constant dense<0.0> : vector<16x8xf32>
  %l = vector.transfer_read %a[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xbf16>, vector<16x16xbf16>
  %r = vector.transfer_read %b[%c0, %c0], %zero {in_bounds = [true, true]} : memref<8x16xbf16>, vector<8x16xbf16>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
      : vector<16x16xbf16>, vector<8x16xbf16> into vector<16x8xf32>
  vector.transfer_write %p, %c[%c0, %c0] {in_bounds = [true, true]} : vector<16x8xf32>, memref<16x8xf32>
  return
}

// Copies of a row are made in the layout of what they meet, here of sums: only the
// row meets in shared memory, and the result on its way to memory.
// CHECK-LABEL: func.func @row(
// CHECK:         wgmma.wait_group
// CHECK-COUNT-8: llvm.store {{.*}} : vector<2xf32>, !llvm.ptr<3>
// CHECK-NOT:     llvm.store {{.*}} : vector<2xf32>, !llvm.ptr<3>
// CHECK-NOT:     llvm.store {{.*}} : vector<4xf32>, !llvm.ptr<3>
// CHECK:         return
func.func @row(%a: memref<64x16xbf16>, %g: memref<64xf32>, %c: memref<64x64xf32>, %d: memref<64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %wide = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %nones = arith.constant dense<0.0> : vector<64xf32>
  %x = vector.transfer_read %a[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16>, vector<64x16xbf16>
  %y = vector.transfer_read %g[%c0], %wide {in_bounds = [true]} : memref<64xf32>, vector<64xf32>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %x, %x, %none
      : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
  %rows = vector.broadcast %y : vector<64xf32> to vector<64x64xf32>
  %less = arith.negf %rows : vector<64x64xf32>
  %sums = vector.multi_reduction <add>, %less, %nones [1] : vector<64x64xf32> to vector<64xf32>
  vector.transfer_write %sums, %d[%c0] {in_bounds = [true]} : vector<64xf32>, memref<64xf32>
  %s = arith.addf %p, %less : vector<64x64xf32>
  vector.transfer_write %s, %c[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// A result of 128 by 256 without copies ahead: as many warps as hold 64 sums each.
// CHECK-LABEL: func.func @large(
// CHECK-SAME:    gate.threads = 512
func.func @large(%a: memref<128x64xbf16>, %b: memref<256x64xbf16>, %c: memref<128x256xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %none = arith.constant dense<0.0> : vector<128x256xf32>
  %x = vector.transfer_read %a[%c0, %c0], %zero {in_bounds = [true, true]} : memref<128x64xbf16>, vector<128x64xbf16>
  %y = vector.transfer_read %b[%c0, %c0], %zero {in_bounds = [true, true]} : memref<256x64xbf16>, vector<256x64xbf16>
  %p = vector.contract {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
      iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %x, %y, %none
      : vector<128x64xbf16>, vector<256x64xbf16> into vector<128x256xf32>
  vector.transfer_write %p, %c[%c0, %c0] {in_bounds = [true, true]} : vector<128x256xf32>, memref<128x256xf32>
  return
}
