// From a program to the assembly of kernels, for the newest machine and for the
// oldest.
// RUN: gatec compile %S/kernels.mlir --target=cuda:sm_90a --emit=ptx -o %t.90a.ptx
// RUN: FileCheck %s --input-file=%t.90a.ptx --check-prefixes=CHECK,NEW
// RUN: gatec compile %S/kernels.mlir --target=cuda:sm_80 --emit=ptx -o %t.80.ptx
// RUN: FileCheck %s --input-file=%t.80.ptx --check-prefixes=CHECK,OLD
// Without a name it is the newest; the same bytes every time.
// RUN: gatec compile %S/kernels.mlir --target=cuda --emit=ptx -o %t.ptx && cmp %t.ptx %t.90a.ptx

// NEW:         .target sm_90a
// OLD:         .target sm_80{{$}}
// CHECK:       .address_size 64
// CHECK:       .extern .shared .align {{[0-9]+}} .b8 gate_dynamic_shared[];

// The parts of a chunk on tensor cores, gates by the exponential instruction.
// CHECK-LABEL: .visible .entry forward_kernel_0(
// CHECK:       .reqntid [[THREADS:[0-9]+]], 1, 1
// CHECK-DAG:   mma
// CHECK-DAG:   ex2.approx.ftz.f32
// CHECK-DAG:   bar.sync
// No polynomial is left, and no call.
// CHECK-NOT:   {{[[:space:]]}}call

// A row by 16 bytes a thread, its sum by shuffles.
// CHECK-LABEL: .visible .entry norm_kernel_0(
// CHECK:       .reqntid
// CHECK:       ld.global{{.*}}.v4.
// CHECK:       shfl.sync.bfly.b32
// CHECK:       st.global.v4.
// CHECK-LABEL: .visible .entry product_kernel_0(
// CHECK:       .reqntid
// OLD:         ld.global{{.*}}.v4.
// CHECK:       mma{{.*}}.bf16.bf16
// NEW:         cp.async.bulk.tensor
// CHECK-NOT:   .local
