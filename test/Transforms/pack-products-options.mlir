// RUN: gate-opt --gate-pack-products="panel-width=32 row-block=16 depth-block=128 min-rows=4" %s | FileCheck %s
// RUN: not gate-opt --gate-pack-products=panel-width=0 %s 2>&1 | FileCheck %s --check-prefix=ERROR
// RUN: not gate-opt --gate-pack-products=depth-block=-1 %s 2>&1 | FileCheck %s --check-prefix=ERROR

// ERROR: error: expects positive panel-width, row-block and depth-block

// CHECK-LABEL: func.func @options(
// CHECK:         tensor.empty() : tensor<4x256x32xf32>
// CHECK:         scf.forall (%{{.*}}) in (4)
// CHECK:         scf.forall (%{{.*}}) in (2)
// CHECK:           linalg.generic {{.*}} : tensor<16x128xf32>, tensor<128x32xf32>)
func.func @options(%a: tensor<32x256xf32>, %b: tensor<256x128xf32>, %c: tensor<32x128xf32>) -> tensor<32x128xf32> {
  %r = linalg.matmul ins(%a, %b : tensor<32x256xf32>, tensor<256x128xf32>) outs(%c : tensor<32x128xf32>) -> tensor<32x128xf32>
  return %r : tensor<32x128xf32>
}
