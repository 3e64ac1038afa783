// Dialects and passes in a stock tool that shares libMLIR.
// REQUIRES: mlir-opt
// RUN: mlir-opt --load-dialect-plugin=%gate_plugin --load-pass-plugin=%gate_plugin --pass-pipeline='builtin.module(func.func(gate-expand-meaning))' %s | FileCheck %s
// RUN: mlir-opt --load-pass-plugin=%gate_plugin --help | FileCheck %s --check-prefix=HELP
// CHECK:     linalg.generic
// CHECK-NOT: gate.glu
// HELP: --gate-chunk-scans
func.func @f(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = gate.glu %x, %x {activation = #gate.activation<silu>} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
