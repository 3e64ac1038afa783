// One kernel of causal attention, as groups of warps run it.
// RUN: gate-opt --gate-model-pipeline --gate-tile-pipeline="kernels=true prepare=false" --gate-block-pipeline %s -o %t.mlir
// RUN: gate-opt --pass-pipeline="builtin.module(builtin.module(gate-distribute-blocks{warpgroups=true},canonicalize,cse))" %t.mlir | FileCheck %s

// The softmax is on the registers of the scores: between the products of a loop
// nothing is read back from shared memory. The queries are loaded once, as
// fragments; so are the weights of the values, which never leave registers. A
// mask is made where the scores are; a row's maximum and its sum meet in four
// lanes.
// CHECK-LABEL: func.func @causal_kernel_0(
// CHECK-SAME:    gate.threads = 256
// CHECK:         scf.for
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK:           "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {{[^}]*}}}, {${{[0-9]+}}, ${{[0-9]+}}, ${{[0-9]+}}, ${{[0-9]+}}}, {{.*}}, 1, 1, 1, 0;"
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK-COUNT-4:   nvvm.shfl.sync bfly
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK:           math.exp2
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK-COUNT-4:   nvvm.shfl.sync bfly
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK:           "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {{[^}]*}}}, {${{[0-9]+}}, ${{[0-9]+}}, ${{[0-9]+}}, ${{[0-9]+}}}, {{.*}}, 1, 1, 1, 1;"
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK:         scf.for
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK:           arith.cmpi sle
// CHECK-NOT:       llvm.load {{.*}} !llvm.ptr<3>
// CHECK:           "wgmma.mma_async.sync.aligned.m64n128k16
func.func @causal(%q: tensor<?x?x8x128xbf16> {gate.dims = ["B", "T", "", ""]}, %k: tensor<?x?x2x128xbf16> {gate.dims = ["B", "S", "", ""]},
                  %v: tensor<?x?x2x128xbf16> {gate.dims = ["B", "S", "", ""]}) -> (tensor<?x?x8x128xbf16> {gate.dims = ["B", "T", "", ""]}) {
  %o = gate.attention %q, %k, %v {causal} : (tensor<?x?x8x128xbf16>, tensor<?x?x2x128xbf16>, tensor<?x?x2x128xbf16>) -> tensor<?x?x8x128xbf16>
  return %o : tensor<?x?x8x128xbf16>
}
