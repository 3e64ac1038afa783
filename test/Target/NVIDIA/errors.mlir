// RUN: rm -rf %t && mkdir %t && cd %t

// RUN: not gatec compile %s --target=cuda:sm_70 2>&1 | FileCheck %s --check-prefix=GPU
// GPU: error: unknown GPU 'sm_70' in --target=cuda:sm_70; expects one of sm_80, sm_86, sm_89, sm_90, sm_90a
// RUN: not gatec compile %s --target=cpu,cuda: 2>&1 | FileCheck %s --check-prefix=NONAME
// NONAME: error: unknown GPU '' in --target=cuda:; expects one of
// RUN: not gatec compile %s --target=cuda,+fma 2>&1 | FileCheck %s --check-prefix=FEATURE
// FEATURE: error: unknown target 'cuda,+fma'; expects cuda or cuda:NAME
// RUN: not gatec compile %s --target=cudax 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: unknown target 'cudax'; expects cuda or cuda:NAME
// RUN: not gatec compile %s --target=cpu,cuda,cpu:x86-64-v3 2>&1 | FileCheck %s --check-prefix=CPUS
// CPUS: error: expects one CPU in --target, got 'cpu,cuda,cpu:x86-64-v3'

// RUN: not gatec compile %s --emit=ptx 2>&1 | FileCheck %s --check-prefix=EMIT -DFORM=ptx
// RUN: not gatec compile %s --target=cpu:x86-64-v3 --emit=cubin 2>&1 | FileCheck %s --check-prefix=EMIT -DFORM=cubin
// EMIT: error: --emit=[[FORM]] expects a GPU, for example --target=cuda:sm_90a
// RUN: not gatec compile %s --emit=mlir:cuda 2>&1 | FileCheck %s --check-prefix=STAGE
// STAGE: error: unknown stage 'cuda'; expects one of model, tile, cpu, llvm
// RUN: not gatec compile %s --target=cuda --emit=mlir:cpu 2>&1 | FileCheck %s --check-prefix=DEVICE
// DEVICE: error: unknown stage 'cpu'; expects one of model, tile, block, cuda, llvm

// Two files do not go to one place.
// RUN: not gatec compile %S/kernels.mlir --target=cuda:sm_80,cuda --emit=ptx 2>&1 | FileCheck %s --check-prefix=SEVERAL
// SEVERAL: error: --emit=ptx expects -o with several GPUs, got standard output; -o kernels.ptx writes kernels.sm_80.ptx and so on

// Machine code needs the assembler.
// RUN: not env PATH=/nowhere gatec compile %S/kernels.mlir --target=cuda --emit=cubin 2>&1 | FileCheck %s --check-prefix=ASSEMBLER
// ASSEMBLER: error: --emit=cubin expects ptxas on the search path

// What a kernel cannot do is an error at its op.
// RUN: not gatec compile %s --target=cuda --emit=ptx 2>&1 | FileCheck %s --check-prefix=REDUCTION
// REDUCTION: errors.mlir:[[#@LINE+6]]:{{[0-9]+}}: error: expects a reduction over at most {{[0-9]+}} elements of static size for a GPU kernel, got 0 (0: a size known only at the call)

// No library came to be.
// RUN: ls | FileCheck %s --check-prefix=NOTHING --allow-empty
// NOTHING-NOT: .so
func.func @sum(%x: tensor<8x?xf32> {gate.name = "x", gate.dims = ["", "N"]}, %s: tensor<8xf32> {gate.name = "s"}) -> (tensor<8xf32> {gate.name = "y"}) {
  %y = linalg.reduce {arith.addf} ins(%x : tensor<8x?xf32>) outs(%s : tensor<8xf32>) dimensions = [1]
  return %y : tensor<8xf32>
}
