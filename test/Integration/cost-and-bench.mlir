// What a function costs, by op and as a whole, and how long it takes.
// RUN: gatec cost %s --set T=1000 | FileCheck %s
// RUN: gatec cost %s --set T=1000 --entry=product --json | FileCheck %s --check-prefix=JSON
// RUN: gatec bench %s --set T=100 --repeats=1 --threads=1 | FileCheck %s --check-prefix=BENCH
// RUN: gatec bench %s --set T=100 --repeats=1 --threads=1 --entry=gating --json | FileCheck %s --check-prefix=BENCHJSON
// RUN: gatec bench %s --set T=100 --repeats=1 --threads=1 --prepared | FileCheck %s --check-prefix=PREPARED
// RUN: gatec bench %s --set T=100 --repeats=1 --threads=1 --entry=wide --prepared --json | FileCheck %s --check-prefix=PREPAREDJSON

// 2 * 1000 * 64 * 32 operations; 4 (1000 * 64 + 64 * 32 + 1000 * 32) bytes.
// CHECK:      product at T=1000
// CHECK-NEXT:   op product MF other MF MB
// CHECK:        linalg.matmul line [[#]] 4.096
// CHECK:        total (least bytes) 4.096 {{[0-9.]+}} 0.392
// CHECK:      gating at T=1000
// CHECK:        gate.glu line [[#]] 0.000
// CHECK:        total (least bytes) 0.000 {{[0-9.]+}} 0.384

// JSON:      [{"function":"product","ops":[
// JSON-SAME: "op":"linalg.matmul"
// JSON-SAME: "total":{"bytes":392192,{{.*}}"product_flops":4096000}
// JSON-NOT:  "function":"gating"

// BENCH: product {{[0-9.]+}} ms {{[0-9.]+}} GFLOP/s ({{[0-9]+}} % of the f32 FMA peak) {{[0-9.]+}} GB/s ({{[0-9]+}} % of the copy rate) 1 threads
// BENCH: gating {{[0-9.]+}} ms

// BENCHJSON:      [{"bytes_per_second":{{[0-9.e+]+}},"function":"gating","prepared_bytes":0,"product_flops_per_second":0,"seconds":{{[0-9.e-]+}},
// BENCHJSON-SAME: "share_of_copy_rate":{{[0-9.e-]+}},"share_of_fma_peak":0,"threads":1}]
// One panel is the weight itself; two are packed, behind a header of 64 bytes.
// PREPARED: product {{.*}} 1 threads{{$}}
// PREPARED: gating {{.*}} 1 threads{{$}}
// PREPARED: wide {{.*}} 1 threads   33 KB prepared{{$}}
// PREPAREDJSON: "function":"wide","prepared_bytes":32832,
func.func @product(%x: tensor<?x64xf32> {gate.name = "x", gate.dims = ["T", ""]}, %w: tensor<64x32xf32> {gate.parameter = "w"})
    -> (tensor<?x32xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xf32>
  %room = tensor.empty(%T) : tensor<?x32xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x32xf32>) outs(%acc : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

func.func @gating(%x: tensor<?x32xf32> {gate.name = "x", gate.dims = ["T", ""]}, %g: tensor<?x32xf32> {gate.name = "g", gate.dims = ["T", ""]})
    -> (tensor<?x32xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %y = gate.glu %g, %x {activation = #gate.activation<silu>} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

func.func @wide(%x: tensor<?x64xf32> {gate.name = "x", gate.dims = ["T", ""]}, %w: tensor<64x128xf32> {gate.parameter = "w_wide"})
    -> (tensor<?x128xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xf32>
  %room = tensor.empty(%T) : tensor<?x128xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x128xf32>) -> tensor<?x128xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x128xf32>) outs(%acc : tensor<?x128xf32>) -> tensor<?x128xf32>
  return %y : tensor<?x128xf32>
}
