// The largest state that a thread block takes, with the parts of its products
// beside it: layouts meet in pieces of a warp's tile, so that all fits.
// RUN: gatec compile %s --target=cuda:sm_90a --emit=ptx | FileCheck %s
// CHECK-DAG: .entry scan_kernel_1
// CHECK-DAG: .entry scan_kernel_2
// CHECK-DAG: .entry scan_kernel_3
func.func @scan(
    %q: tensor<?x?x4x256xf32> {gate.dims = ["B", "T", "", ""]},
    %k: tensor<?x?x2x256xf32> {gate.dims = ["B", "T", "", ""]},
    %v: tensor<?x?x2x128xf32> {gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x2x256xf32> {gate.dims = ["B", "T", "", ""]},
    %s0: tensor<?x4x256x128xf32> {gate.dims = ["B", "", "", ""]})
    -> (tensor<?x?x4x128xf32> {gate.dims = ["B", "T", "", ""]},
        tensor<?x4x256x128xf32> {gate.dims = ["B", "", "", ""]}) {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s0) {scale = 0.0625 : f64}
    : (tensor<?x?x4x256xf32>, tensor<?x?x2x256xf32>, tensor<?x?x2x128xf32>, tensor<?x?x2x256xf32>, tensor<?x4x256x128xf32>) -> (tensor<?x?x4x128xf32>, tensor<?x4x256x128xf32>)
  return %o, %last : tensor<?x?x4x128xf32>, tensor<?x4x256x128xf32>
}
