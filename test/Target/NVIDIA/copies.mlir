// A product of bf16 whose tiles are copied while others are multiplied, and two
// scans: the instructions of the newest machine, none of them on an older one,
// and what the assembler makes of it.
// RUN: gatec compile %s --target=cuda:sm_90a --emit=ptx -o %t.90a.ptx
// RUN: FileCheck %s --input-file=%t.90a.ptx
// RUN: gatec compile %s --target=cuda:sm_80 --emit=ptx -o %t.80.ptx
// RUN: FileCheck %s --input-file=%t.80.ptx --check-prefix=OLD --implicit-check-not=cp.async.bulk --implicit-check-not=mbarrier --implicit-check-not=setmaxnreg --implicit-check-not=wgmma

// Consumers get registers and start a product while that of the round before
// runs, the last of which is waited for behind the loop; the producer gives
// registers back and fills both tiles of a slot.
// CHECK:         .visible .entry product_kernel_0(
// CHECK:         mbarrier.init.shared
// CHECK:         setmaxnreg.inc.sync.aligned.u32
// CHECK:         mbarrier.try_wait.parity
// CHECK:         wgmma.fence.sync.aligned
// CHECK-COUNT-4: wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16
// CHECK-NOT:     wgmma.wait_group
// CHECK:         wgmma.commit_group.sync.aligned
// CHECK-NOT:     wgmma.mma_async
// CHECK:         wgmma.wait_group.sync.aligned 1
// CHECK:         mbarrier.arrive
// CHECK:         wgmma.wait_group.sync.aligned 0
// CHECK-NOT:     wgmma
// CHECK:         setmaxnreg.dec.sync.aligned.u32
// CHECK:         mbarrier.arrive.expect_tx
// CHECK:         cp.async.bulk.tensor.2d.shared::cluster.global
// CHECK:         cp.async.bulk.tensor.2d.shared::cluster.global
// CHECK:         .visible .entry

// OLD:           .visible .entry product_kernel_0(
// OLD:           mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32

#id = affine_map<(i, j) -> (i, j)>
#column = affine_map<(i, j) -> (j)>
func.func @product(%x: tensor<?x1024xbf16> {gate.name = "x", gate.dims = ["T", ""]}, %w: tensor<1024x4096xbf16> {gate.name = "w"},
                   %bias: tensor<4096xf32> {gate.name = "bias"})
    -> (tensor<?x4096xbf16> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x1024xbf16>
  %room = tensor.empty(%T) : tensor<?x4096xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  %p = linalg.matmul ins(%x, %w : tensor<?x1024xbf16>, tensor<1024x4096xbf16>) outs(%acc : tensor<?x4096xf32>) -> tensor<?x4096xf32>
  %narrow = tensor.empty(%T) : tensor<?x4096xbf16>
  %y = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
    ins(%p, %bias : tensor<?x4096xf32>, tensor<4096xf32>) outs(%narrow : tensor<?x4096xbf16>) {
  ^bb0(%v: f32, %b: f32, %o: bf16):
    %s = arith.addf %v, %b : f32
    %n = arith.negf %s : f32
    %e = math.exp %n : f32
    %d = arith.addf %e, %one : f32
    %q = arith.divf %s, %d : f32
    %t = arith.truncf %q : f32 to bf16
    linalg.yield %t : bf16
  } -> tensor<?x4096xbf16>
  return %y : tensor<?x4096xbf16>
}

// Scans with a gate for each key, stored in bf16, and with one for each head and
// token. Their products wait for themselves.
// CHECK:         gla_kernel_0(
// CHECK:         wgmma.mma_async
// CHECK:         cp.async.bulk.tensor.4d.shared::cluster.global
// CHECK:         .visible .entry simple_gla_kernel_0(
// CHECK:         wgmma.mma_async
// CHECK:         cp.async.bulk.tensor.4d.shared::cluster.global
// OLD:           .visible .entry gla_kernel_0(
// OLD:           mma.sync.aligned
// OLD:           .visible .entry simple_gla_kernel_0(
// OLD:           mma.sync.aligned
func.func @gla(%q: tensor<?x?x4x128xbf16> {gate.name = "q", gate.dims = ["B", "T", "", ""]},
    %k: tensor<?x?x4x128xbf16> {gate.name = "k", gate.dims = ["B", "T", "", ""]},
    %v: tensor<?x?x4x128xbf16> {gate.name = "v", gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x4x128xbf16> {gate.name = "g", gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x4x128xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x4x128x128xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %wide = arith.extf %g : tensor<?x?x4x128xbf16> to tensor<?x?x4x128xf32>
  %o, %last = gate.linear_scan %q, %k, %v decay(%wide)
    : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xf32>) -> (tensor<?x?x4x128xbf16>, tensor<?x4x128x128xf32>)
  return %o, %last : tensor<?x?x4x128xbf16>, tensor<?x4x128x128xf32>
}

func.func @simple_gla(%q: tensor<?x?x4x128xbf16> {gate.name = "q", gate.dims = ["B", "T", "", ""]},
    %k: tensor<?x?x4x128xbf16> {gate.name = "k", gate.dims = ["B", "T", "", ""]},
    %v: tensor<?x?x4x128xbf16> {gate.name = "v", gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x4xf32> {gate.name = "g", gate.dims = ["B", "T", ""]})
    -> (tensor<?x?x4x128xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x4x128x128xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g)
    : (tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4x128xbf16>, tensor<?x?x4xf32>) -> (tensor<?x?x4x128xbf16>, tensor<?x4x128x128xf32>)
  return %o, %last : tensor<?x?x4x128xbf16>, tensor<?x4x128x128xf32>
}
