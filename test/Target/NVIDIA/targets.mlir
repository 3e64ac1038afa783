// Which machines --target names, alone and together.
// RUN: rm -rf %t && mkdir %t && cd %t

// RUN: gatec compile %s --target=cuda:sm_86 --emit=ptx | FileCheck %s --check-prefix=SM86
// SM86: .target sm_86
// RUN: gatec compile %s --target=cuda:sm_89 --emit=ptx | FileCheck %s --check-prefix=SM89
// SM89: .target sm_89
// RUN: gatec compile %s --target=cuda:sm_90 --emit=ptx | FileCheck %s --check-prefix=SM90
// SM90: .target sm_90{{$}}

// With code for the CPU, in any order; a feature belongs to the CPU before it.
// RUN: gatec compile %s --target=cpu:x86-64-v3,+avx2,cuda:sm_80 --emit=ptx | FileCheck %s --check-prefix=SM80
// RUN: gatec compile %s --target=cuda:sm_80,cpu --emit=ptx | FileCheck %s --check-prefix=SM80
// SM80: .target sm_80

// A library of one or of both has the same functions.
// RUN: gatec compile %s --target=cuda:sm_80 -o libdevice.so | FileCheck %s --check-prefix=LIBRARY
// RUN: gatec compile %s --target=cpu,cuda:sm_80,cuda:sm_90a -o libboth.so | FileCheck %s --check-prefix=LIBRARY
// LIBRARY: entry points: twice(x)
// RUN: llvm-nm --dynamic --defined-only --extern-only --format=just-symbols libdevice.so | FileCheck %s --check-prefix=SYMBOL -DPREFIX=device
// RUN: llvm-nm --dynamic --defined-only --extern-only --format=just-symbols libboth.so | FileCheck %s --check-prefix=SYMBOL -DPREFIX=both
// SYMBOL: {{^}}[[PREFIX]]_twice{{$}}

// Kernels for several GPUs are a file for each.
// RUN: gatec compile %s --target=cuda:sm_80,cpu,cuda:sm_90a --emit=ptx -o kernels.ptx
// RUN: FileCheck %s --check-prefix=SM80 --input-file=kernels.sm_80.ptx
// RUN: FileCheck %s --check-prefix=SM90A --input-file=kernels.sm_90a.ptx
// RUN: not ls kernels.ptx
// SM90A: .target sm_90a
// RUN: gatec compile %s --target=cuda:sm_80,cuda:sm_90a --emit=ptx -o plain && ls plain.sm_80 plain.sm_90a

// The stages of both.
// RUN: gatec compile %s --target=cuda --emit=mlir:block | FileCheck %s --check-prefix=BLOCK
// BLOCK:     module @gate_kernels
// BLOCK:       func.func @twice_kernel_0({{.*}} attributes {gate.kernel}
// BLOCK:         vector.transfer_read
// BLOCK:     call @gate_rt_cuda_launch(
// RUN: gatec compile %s --target=cuda --emit=mlir:cuda | FileCheck %s --check-prefix=CUDA
// CUDA:      module @gate_kernels
// CUDA-NOT:    memref
// CUDA:        llvm.func @twice_kernel_0(

func.func @twice(%x: tensor<?x64xf32> {gate.name = "x", gate.dims = ["N", ""]}) -> (tensor<?x64xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = arith.addf %x, %x : tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
