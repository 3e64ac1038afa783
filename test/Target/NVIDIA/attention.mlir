// Gated causal attention is one kernel a function, all of its products by
// groups of warps, at the usual widths.
// RUN: gatec compile %s --target=cuda:sm_90a --emit=ptx -o - | FileCheck %s

// CHECK:     .entry width_64
// CHECK-NOT: mma.sync
// CHECK:     wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK-NOT: mma.sync
// CHECK:     wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16
// CHECK-NOT: mma.sync
// CHECK:     .entry width_128
// CHECK-NOT: mma.sync
// CHECK:     wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK-NOT: mma.sync
// CHECK:     wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16
// CHECK-NOT: mma.sync
// CHECK-NOT: .entry
func.func @width_64(
    %q: tensor<?x?x8x64xbf16> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x64xbf16> {gate.dims = ["B", "S", "", ""]},
    %g: tensor<?x?x8x64xbf16> {gate.dims = ["B", "T", "", ""]}) -> (tensor<?x?x8x64xbf16> {gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k {causal} : (tensor<?x?x8x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>) -> tensor<?x?x8x64xbf16>
  %y = gate.apply %o, %g {activation = #gate.activation<sigmoid>} : (tensor<?x?x8x64xbf16>, tensor<?x?x8x64xbf16>) -> tensor<?x?x8x64xbf16>
  return %y : tensor<?x?x8x64xbf16>
}

func.func @width_128(
    %q: tensor<?x?x8x128xbf16> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x8x128xbf16> {gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x8x128xbf16> {gate.dims = ["B", "T", "", ""]}) -> (tensor<?x?x8x128xbf16> {gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %k {causal} : (tensor<?x?x8x128xbf16>, tensor<?x?x8x128xbf16>, tensor<?x?x8x128xbf16>) -> tensor<?x?x8x128xbf16>
  %y = gate.apply %o, %g {activation = #gate.activation<sigmoid>} : (tensor<?x?x8x128xbf16>, tensor<?x?x8x128xbf16>) -> tensor<?x?x8x128xbf16>
  return %y : tensor<?x?x8x128xbf16>
}
