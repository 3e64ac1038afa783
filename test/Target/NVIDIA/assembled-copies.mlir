// What the assembler makes of kernels with a producer and consumers that start
// products without waiting for them: no instruction that it has to serialize
// (C75nn), no register that it has to spill.
// REQUIRES: ptxas
// RUN: gatec compile %S/copies.mlir --target=cuda:sm_90a --emit=ptx -o %t.ptx
// RUN: ptxas -v -arch=sm_90a %t.ptx -o %t.cubin 2>&1 | FileCheck %s --implicit-check-not=C75 --implicit-check-not=warning --implicit-check-not=error

// Kernels come in the order of the assembler.
// CHECK:      Function properties for {{(product|gla|simple_gla)_kernel_0}}
// CHECK-NEXT: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK:      Function properties for {{(product|gla|simple_gla)_kernel_0}}
// CHECK-NEXT: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK:      Function properties for {{(product|gla|simple_gla)_kernel_0}}
// CHECK-NEXT: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CHECK-NOT:  Function properties
