// Registers and spills, as the assembler of each GPU says.
// REQUIRES: ptxas
// RUN: gatec explain %S/kernels.mlir --target=cuda:sm_80,cuda:sm_90a | FileCheck %s

// CHECK:      kernel norm_kernel_0
// CHECK:        sm_80: [[#]] threads, [[#]] bytes of shared memory, [[#]] registers, [[#]] bytes of spills stored, [[#]] loaded
// CHECK-NEXT:   sm_90a: [[#]] threads, [[#]] bytes of shared memory, [[#]] registers
