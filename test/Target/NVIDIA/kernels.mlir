// One of each kind: a scan over time with a step, a norm over rows, a product.
// Each is one kernel; other tests take them further.
// RUN: gatec compile %s --target=cuda:sm_90a --emit=mlir:block | FileCheck %s

// CHECK:      module @gate_kernels
// CHECK-NEXT:   func.func @forward_kernel_0(
// CHECK-SAME:     attributes {gate.kernel}
// CHECK:        func.func @step_kernel_0(
// CHECK:        func.func @norm_kernel_0(
// CHECK:        func.func @product_kernel_0(
// CHECK-NOT:    _kernel_1(
// CHECK:      func.func @gate_function_forward(

func.func @forward(%q: tensor<?x?x2x64xbf16> {gate.name = "q", gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x2xf32> {gate.name = "g", gate.dims = ["B", "T", ""]},
    %s: tensor<?x2x64x64xf32> {gate.state = "memory", gate.dims = ["B", "", "", ""]})
    -> (tensor<?x?x2x64xbf16> {gate.name = "o", gate.dims = ["B", "T", "", ""]},
        tensor<?x2x64x64xf32> {gate.state = "memory", gate.dims = ["B", "", "", ""]})
    attributes {gate.time = "T"} {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) initial(%s)
    : (tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2xf32>, tensor<?x2x64x64xf32>)
    -> (tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>)
  return %o, %last : tensor<?x?x2x64xbf16>, tensor<?x2x64x64xf32>
}

func.func @norm(%x: tensor<?x1024xf32> {gate.name = "x", gate.dims = ["N", ""]}, %w: tensor<1024xf32> {gate.name = "w"})
    -> (tensor<?x1024xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64}
    : (tensor<?x1024xf32>, tensor<1024xf32>) -> tensor<?x1024xf32>
  return %y : tensor<?x1024xf32>
}

func.func @product(%x: tensor<?x128xbf16> {gate.name = "x", gate.dims = ["T", ""]}, %w: tensor<128x256xbf16> {gate.name = "w"})
    -> (tensor<?x256xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x128xbf16>
  %room = tensor.empty(%T) : tensor<?x256xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x256xf32>) -> tensor<?x256xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x128xbf16>, tensor<128x256xbf16>) outs(%acc : tensor<?x256xf32>) -> tensor<?x256xf32>
  return %y : tensor<?x256xf32>
}
