// Two machines in one compile. A stage that both have is shown of the CPU; of the
// GPU it is there with `cuda` alone, or in the folder of --save-temps.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: gatec compile %s --target=cuda,cpu --emit=mlir:tile | FileCheck %s --check-prefix=CPU
// RUN: gatec compile %s --target=cuda --emit=mlir:tile | FileCheck %s --check-prefix=GPU
// CPU:     scf.forall
// CPU:     gate.schedule
// CPU-NOT: {tile = "
// GPU:     scf.forall
// GPU:     gate.schedule = #gate.schedule<{tile = "

// RUN: gatec compile %s --target=cpu:x86-64,+avx,cuda:sm_80,cuda:sm_90a -o both/libe.so --save-temps=temps
// RUN: ls temps | FileCheck %s --check-prefix=TEMPS
// TEMPS-DAG: e.device.tile.mlir
// TEMPS-DAG: e.device.block.mlir
// TEMPS-DAG: e.device.cuda.mlir
// TEMPS-DAG: e.cpu.mlir

// Functions for GPUs are in the header where there is code for one.
// RUN: FileCheck %s --check-prefix=HEADER --input-file=both/e.h
// RUN: gatec compile %s --target=cuda:sm_80 -o gpu/libe.so && FileCheck %s --check-prefix=HEADER --input-file=gpu/e.h
// RUN: gatec compile %s -o cpu/libe.so && FileCheck %s --check-prefix=PLAIN --input-file=cpu/e.h
// HEADER:    e_cuda_load(
// PLAIN-NOT: cuda_load

// References run on this machine, and what is compared with them too.
// RUN: gatec verify %s --target=cpu,cuda | FileCheck %s --check-prefix=VERIFY
// VERIFY: exponential {{.*}} ok

// RUN: not gatec compile %s --target=toaster,cuda 2>&1 | FileCheck %s --check-prefix=TOASTER
// TOASTER: error: unknown target 'toaster'; expects cpu, cpu:NAME, cpu:NAME,+feature, cpu:+feature, cuda or cuda:NAME
func.func @exponential(%x: tensor<65536xf32>) -> (tensor<65536xf32> {gate.name = "y"}) {
  %y = math.exp %x : tensor<65536xf32>
  return %y : tensor<65536xf32>
}
