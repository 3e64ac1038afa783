// A program that shows something becomes a small one that still does: the script
// says by its status whether a file is interesting (1) or not (0).
// RUN: printf '#!/bin/sh\n! grep -q gate.norm "$1"\n' > %t.sh && chmod +x %t.sh
// RUN: gate-reduce %s --reduction-tree='traversal-mode=0 test=%t.sh' 2>/dev/null | FileCheck %s
// CHECK-NOT: @other
// CHECK:     func.func @shows
// CHECK:       gate.norm
// CHECK-NOT: @other
func.func @other(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %y = gate.glu %x, %x {activation = #gate.activation<silu>} : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}
func.func @shows(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %n = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-6 : f64} : (tensor<4x8xf32>) -> tensor<4x8xf32>
  return %n : tensor<4x8xf32>
}
