// Programs to PTX: the instructions that a GPU should get, for two kinds of it.
// RUN: gatec compile %s --target=cuda:sm_90a --emit=ptx -o %t.90a.ptx
// RUN: gatec compile %s --target=cuda:sm_80 --emit=ptx -o %t.80.ptx
// RUN: FileCheck %s --input-file=%t.90a.ptx --check-prefixes=CHECK,SM90A
// RUN: FileCheck %s --input-file=%t.80.ptx --check-prefixes=CHECK,SM80

// The older a version is, the more drivers load it.
// SM90A: .version 8.0
// SM90A: .target sm_90a
// SM80:  .version 7.0
// SM80:  .target sm_80
// CHECK: .extern .shared .align 1024 .b8 gate_dynamic_shared[];

// Accesses of 16 bytes; sums by exchanges, then through shared memory; the
// exponential and the reciprocal of a gate as instructions.
// CHECK:       .visible .entry norm_gate_kernel_0(
// CHECK:       .reqntid {{[0-9]+}}, 1, 1
// CHECK-COUNT-2: ld.global.v4.b32
// CHECK:       shfl.sync.bfly.b32
// CHECK:       st.shared.b32
// CHECK:       bar.sync 0
// CHECK-DAG:   ld.shared
// CHECK-DAG:   ex2.approx.ftz.f32
// CHECK-DAG:   rcp.approx.ftz.f32
// CHECK:       st.global.v4.b32
// CHECK:       ret;
func.func @norm_gate(%x: tensor<?x512xbf16> {gate.dims = ["N", ""]}, %g: tensor<?x512xbf16> {gate.dims = ["N", ""]})
    -> (tensor<?x512xbf16> {gate.name = "y", gate.dims = ["N", ""]}) {
  %n = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64} : (tensor<?x512xbf16>) -> tensor<?x512xbf16>
  %y = gate.glu %g, %n {activation = #gate.activation<silu>} : (tensor<?x512xbf16>, tensor<?x512xbf16>) -> tensor<?x512xbf16>
  return %y : tensor<?x512xbf16>
}

// Tensor cores: four warps at a time where the machine has that, on tiles that
// its copies bring.
// CHECK:     .visible .entry product_kernel_0(
// SM80:      ld.global.v4.b32
// SM80:      mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// SM90A-NOT: ld.global
// SM90A:     wgmma.fence.sync.aligned
// SM90A:     wgmma.mma_async.sync.aligned.m64n{{[0-9]+}}k16.f32.bf16.bf16
// SM90A:     wgmma.commit_group.sync.aligned
// SM90A:     wgmma.wait_group.sync.aligned 0
// SM90A-NOT: mma.sync
// CHECK:     ret;
func.func @product(%a: tensor<?x256xbf16> {gate.dims = ["M", ""]}, %b: tensor<256x256xbf16>) -> (tensor<?x256xf32> {gate.name = "c", gate.dims = ["M", ""]}) {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %M = tensor.dim %a, %c0 : tensor<?x256xbf16>
  %room = tensor.empty(%M) : tensor<?x256xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x256xf32>) -> tensor<?x256xf32>
  %c = linalg.matmul ins(%a, %b : tensor<?x256xbf16>, tensor<256x256xbf16>) outs(%acc : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %c : tensor<?x256xf32>
}

// f32 as products of tf32.
// CHECK:     .visible .entry wide_product_kernel_0(
// CHECK:     mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32
// CHECK:     ret;
func.func @wide_product(%a: tensor<64x64xf32>, %b: tensor<64x64xf32>) -> (tensor<64x64xf32> {gate.name = "c"}) {
  %zero = arith.constant 0.0 : f32
  %room = tensor.empty() : tensor<64x64xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<64x64xf32>) -> tensor<64x64xf32>
  %c = linalg.matmul ins(%a, %b : tensor<64x64xf32>, tensor<64x64xf32>) outs(%acc : tensor<64x64xf32>) -> tensor<64x64xf32>
  return %c : tensor<64x64xf32>
}

// Both sides of the check on gates are in one kernel.
// CHECK:     .visible .entry scan_kernel_0(
// CHECK:     setp.{{[a-z]+}}.f32 {{.*}}, 0f42700000;
// CHECK:     mma
// CHECK:     ret;
func.func @scan(%q: tensor<?x?x2x64xbf16> {gate.dims = ["B", "T", "", ""]}, %g: tensor<?x?x2x64xf32> {gate.dims = ["B", "T", "", ""]})
    -> (tensor<?x?x2x64xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]}, tensor<?x2x64x64xf32> {gate.name = "last", gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g)
    : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xf32>) -> (tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>)
  return %o, %last : tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>
}
