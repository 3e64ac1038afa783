// What is wrong on the command line, and what is expected instead. Every error
// ends with exit code 1 and leaves no output.
// RUN: rm -rf %t && split-file %s %t && cd %t

// RUN: not gatec 2>&1 | FileCheck %s --check-prefix=COMMAND
// COMMAND: error: expects a command: compile, run, verify, bench, cost or explain; gatec --help explains them

// RUN: gatec --version | FileCheck %s --check-prefix=VERSION
// VERSION: gate {{[0-9]+\.[0-9]+\.[0-9]+}} (LLVM 22.{{.*}}, ABI {{[0-9]+}})

// RUN: not gatec compile missing.mlir 2>&1 | FileCheck %s --check-prefix=FILE
// FILE: error: cannot open input file 'missing.mlir': No such file or directory

// RUN: not gatec compile program.mlir --emit=mlir:first 2>&1 | FileCheck %s --check-prefix=STAGE
// STAGE: error: unknown stage 'first'; expects one of model, tile, cpu, llvm

// RUN: not gatec compile program.mlir --emit=exe 2>&1 | FileCheck %s --check-prefix=EMIT
// EMIT: error: unknown --emit=exe; expects llvm, obj, ptx, cubin or mlir:<stage>

// RUN: not gatec compile program.mlir --print-ir-after=model,first 2>&1 | FileCheck %s --check-prefix=PRINT
// PRINT: error: --print-ir-after: unknown stage 'first'; expects one of model, tile, cpu, block, cuda, llvm

// RUN: not gatec compile program.mlir --prefix=1st 2>&1 | FileCheck %s --check-prefix=PREFIX
// RUN: not gatec compile program.mlir -o lib1st.so 2>&1 | FileCheck %s --check-prefix=PREFIX
// PREFIX: error: expects a prefix of letters, digits and underscores that does not start with a digit, got '1st'; --prefix=NAME sets another

// RUN: not gatec compile program.mlir --target=toaster 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: unknown target 'toaster'; expects cpu, cpu:NAME, cpu:NAME,+feature, cpu:+feature, cuda or cuda:NAME

// RUN: not gatec compile program.mlir --allow-tf32 2>&1 | FileCheck %s --check-prefix=TF32
// TF32: error: --allow-tf32 expects a GPU, for example --target=cuda:sm_90a; CPUs multiply f32 as f32

// RUN: not gatec compile program.mlir --target=cpu:toaster 2>&1 | FileCheck %s --check-prefix=CPU
// CPU: error: unknown CPU 'toaster' in --target; LLVM's names are expected, for example x86-64-v3 or znver4

// RUN: not gatec compile program.mlir --target=cpu: 2>&1 | FileCheck %s --check-prefix=NONAME
// NONAME: error: expects cpu:NAME or cpu:+feature after --target=cpu

// RUN: not gatec compile program.mlir --target=cpu:x86-64-v3,fma 2>&1 | FileCheck %s --check-prefix=FEATURE
// FEATURE: error: expects a feature as +fma or -fma, got 'fma'

// RUN: not gatec compile program.mlir --linker=no-such-linker 2>&1 | FileCheck %s --check-prefix=LINKER
// LINKER: error: linker 'no-such-linker' was not found

// RUN: not gatec run program.mlir --entry=backward 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not gatec verify program.mlir --entry=backward 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not gatec cost program.mlir --entry=backward 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not gatec bench program.mlir --entry=backward 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: error: --entry: no function 'backward'; expects one of: gating, twice

// RUN: not gatec run program.mlir --set Q=1 2>&1 | FileCheck %s --check-prefix=DIM
// DIM: error: --set: no dim 'Q' is known only at the call; expects one of: N

// RUN: not gatec run program.mlir --set N 2>&1 | FileCheck %s --check-prefix=PAIR
// PAIR: error: --set: expects name=value, got 'N'

// RUN: not gatec run program.mlir --set N=many 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not gatec run program.mlir --set N=-1 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: error: --set: expects a size of at least 0, got 'N={{many|-1}}'

// RUN: not gatec bench program.mlir --repeats=0 2>&1 | FileCheck %s --check-prefix=REPEATS
// RUN: not gatec bench program.mlir --threads=-1 2>&1 | FileCheck %s --check-prefix=REPEATS
// REPEATS: error: expects at least one repeat and no negative threads

// A schedule: the file, the entry, what is expected; each command reads it.
// RUN: not gatec compile program.mlir --schedule=missing.json 2>&1 | FileCheck %s --check-prefix=SCHEDULE
// SCHEDULE: error: schedule: cannot open input file 'missing.json': No such file or directory; --schedule names a file
// RUN: not gatec run program.mlir --schedule=unused.json 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not gatec verify program.mlir --schedule=unused.json 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not gatec bench program.mlir --schedule=unused.json 2>&1 | FileCheck %s --check-prefix=UNUSED
// UNUSED: error: unused.json: entry 1: matches no op; the ops that can be scheduled follow
// UNUSED: program.mlir:2:8: note: linalg.generic (loops) with loop0 known at the call, loop1 8
// RUN: not gatec compile program.mlir --schedule=unfit.json 2>&1 | FileCheck %s --check-prefix=UNFIT
// UNFIT:      program.mlir:2:8: error: unfit.json: entry 1: expects tile_elements to be a number of at least 1, got 0
// UNFIT-NEXT:   %y = gate.glu

// An error in the program shows its line.
// RUN: not gatec compile types.mlir 2>&1 | FileCheck %s --check-prefix=LINE
// LINE:      types.mlir:2:8: error: 'gate.glu' op expects gate element type to match value element type, but got 'f16' and 'f32'
// LINE-NEXT:   %y = gate.glu
// LINE-NEXT: {{^         \^}}

// RUN: not gatec compile private.mlir 2>&1 | FileCheck %s --check-prefix=PUBLIC
// PUBLIC: error: expects at least one public function in private.mlir

// No library came to be.
// RUN: ls | FileCheck %s --check-prefix=NOTHING --allow-empty
// NOTHING-NOT: .so

//--- unused.json
[{"op": "scan", "choice": {"chunk": 32}}]
//--- unfit.json
[{"op": "loops", "choice": {"tile_elements": 0}}]
//--- program.mlir
func.func @gating(%x: tensor<?x8xf32> {gate.name = "x", gate.dims = ["N", ""]}) -> (tensor<?x8xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = gate.glu %x, %x {activation = #gate.activation<silu>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @twice(%x: tensor<8xf32>) -> tensor<8xf32> {
  %y = arith.addf %x, %x : tensor<8xf32>
  return %y : tensor<8xf32>
}
//--- types.mlir
func.func @gating(%x: tensor<4x8xf32>, %g: tensor<4x8xf16>) -> tensor<4x8xf32> {
  %y = gate.glu %g, %x {activation = #gate.activation<silu>} : (tensor<4x8xf16>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
//--- private.mlir
func.func private @gating(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  return %x : tensor<4x8xf32>
}
