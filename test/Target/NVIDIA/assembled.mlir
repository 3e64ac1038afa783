// What the assembler says of kernels: nothing of what it cannot do well (C75nn,
// for example a wait that it has to serialize).
// REQUIRES: ptxas
// RUN: gatec compile %S/kernels.mlir --target=cuda:sm_90a --emit=ptx -o %t.90a.ptx
// RUN: ptxas -v -arch=sm_90a %t.90a.ptx -o %t.90a.cubin 2>&1 | FileCheck %s --implicit-check-not=C75
// RUN: gatec compile %S/kernels.mlir --target=cuda:sm_80 --emit=ptx -o %t.80.ptx
// RUN: ptxas -v -arch=sm_80 %t.80.ptx -o %t.80.cubin 2>&1 | FileCheck %s --implicit-check-not=C75

// CHECK-NOT: {{warning|error}}
// CHECK-DAG: Compiling entry function 'forward_kernel_0'
// CHECK-DAG: Compiling entry function 'step_kernel_0'
// CHECK-DAG: Compiling entry function 'norm_kernel_0'
// CHECK-DAG: Compiling entry function 'product_kernel_0'
// CHECK-NOT: {{warning|error}}

// The compiler does it, too.
// RUN: gatec compile %S/kernels.mlir --target=cuda:sm_90a --emit=cubin -o %t.cubin
// RUN: %python -c "import sys; sys.exit(open(sys.argv[1], 'rb').read(4) != b'\x7fELF')" %t.cubin
