// Every form on the way to a library can be had.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: gatec compile %s --emit=mlir:model | FileCheck %s --check-prefix=MODEL
// RUN: gatec compile %s --emit=mlir:tile | FileCheck %s --check-prefix=TILE
// RUN: gatec compile %s --emit=mlir:cpu | FileCheck %s --check-prefix=CPU
// RUN: gatec compile %s --emit=mlir:llvm | FileCheck %s --check-prefix=LLVM
// RUN: gatec compile %s --emit=llvm | FileCheck %s --check-prefix=CODE
// RUN: gatec compile %s --emit=obj -o code.o && llvm-nm code.o | FileCheck %s --check-prefix=OBJECT

// MODEL:     func.func @gating(
// MODEL:       gate.glu
// TILE:      func.func @gating(
// TILE-NOT:    gate.glu
// TILE:        scf.forall
// CPU:       func.func {{.*}}@gate_function_gating(
// CPU-NOT:     tensor
// LLVM-NOT:  func.func
// LLVM:      llvm.func @gate_body_gating(
// CODE:      target triple
// CODE:      define {{.*}} @
// OBJECT:    T stages_gating

// What one stage writes is what the tool for passes reads.
// RUN: gatec compile %s --emit=mlir:model -o model.mlir
// RUN: gate-opt --gate-tile-pipeline model.mlir | FileCheck %s --check-prefix=TILE

// RUN: gatec compile %s --save-temps=temps -o libstages.so
// RUN: ls temps | FileCheck %s --check-prefix=TEMPS
// RUN: FileCheck %s --check-prefix=CPU --input-file=temps/stages.cpu.mlir
// TEMPS:      stages.cpu.mlir
// TEMPS-NEXT: stages.llvm.mlir
// TEMPS-NEXT: stages.model.mlir
// TEMPS-NEXT: stages.o
// TEMPS-NEXT: stages.tile.mlir

// RUN: gatec compile %s -o libstages.so --print-ir-after=model,llvm 2>&1 | FileCheck %s --check-prefix=PRINT
// PRINT:     // after stage model
// PRINT:       gate.glu
// PRINT-NOT: // after stage tile
// PRINT:     // after stage llvm
// PRINT:       llvm.func
func.func @gating(%x: tensor<?x8xf32> {gate.name = "x", gate.dims = ["N", ""]}, %g: tensor<?x8xf32> {gate.name = "g", gate.dims = ["N", ""]})
    -> (tensor<?x8xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = gate.glu %g, %x {activation = #gate.activation<silu>} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
