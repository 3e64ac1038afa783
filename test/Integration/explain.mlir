// What became of a program: loops of a CPU, kernels of a GPU, what each holds
// of the source, and what stayed apart.
// RUN: gatec explain %s --target=cpu,cuda:sm_90a --set T=1000 --entry=mixer | FileCheck %s
// RUN: gatec explain %s --target=cpu,cuda:sm_90a,cuda:sm_80 --set T=1000 --json | %python %S/Inputs/summarize_explanation.py | FileCheck %s --check-prefix=JSON
// RUN: gatec explain %s --entry=mixer | FileCheck %s --check-prefix=SIZES
// RUN: gatec explain %s --entry=stack | FileCheck %s --check-prefix=CALLED
// RUN: env PATH=/nonexistent gatec explain %s --target=cuda | FileCheck %s --check-prefix=NOPTXAS
// RUN: not gatec explain %s --entry=other 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not gatec explain %s --set Q=3 2>&1 | FileCheck %s --check-prefix=DIM

// A CPU walks a norm's rows again; the gate is in the last loop.
// CHECK-LABEL: mixer on CPU at T=1000
// CHECK:         loop [[#]]
// CHECK-NEXT:      gate.norm line [[#NORM:]] (a part of it)
// CHECK:           gate.norm line [[#NORM]] (a part of it)
// CHECK:           gate.glu line [[#NORM+1]]
// CHECK-NEXT:      schedule: tile_elements = [[#]]
// CHECK:           linalg.matmul line [[#NORM+3]]
// CHECK-NEXT:      does not run at these sizes
// CHECK:         loop [[#]], where a guard holds at the call
// CHECK-NEXT:      linalg.matmul line [[#NORM+3]]
// CHECK-NEXT:      schedule: depth = [[#]], form = packed
// CHECK:         not done: line [[#NORM+1]] into line [[#NORM+3]]: a product would compute it again
// CHECK:         in all 4.096 product MF, {{.*}}; moves {{[0-9.]+}} MB, must move

// A GPU has one kernel for the norm and the gate, one for the product. The
// kernel reads x, g and writes y: 3 * 1000 * 64 * 4 bytes.
// CHECK-LABEL: mixer on sm_90a at T=1000
// CHECK:         kernel mixer_kernel_0
// CHECK-NEXT:      gate.norm line [[#NORM]]
// CHECK-NOT:       a part
// CHECK-NEXT:      gate.glu line [[#NORM+1]]
// CHECK-NEXT:      schedule: tile = 64x64
// CHECK-NEXT:      sm_90a: [[#]] threads, [[#]] bytes of shared memory
// CHECK:           moves 0.768 MB
// CHECK:         kernel mixer_kernel_1
// CHECK-NEXT:      linalg.fill
// CHECK-NEXT:      linalg.matmul line [[#NORM+3]]
// CHECK:           4.096 product MF, moves 0.392 MB
// CHECK-NOT:     not done
// CHECK:         not done: line [[#NORM+1]] into line [[#NORM+3]]: a tile would need more than one tile of it
// CHECK:         in all 4.096 product MF, {{.*}}; moves 1.160 MB, must move 0.648 MB
// CHECK-NOT:   scan on

// JSON:     scan cpu None threads=[] [gate.linear_scan] form=None moves=[[#SCAN:]]
// JSON:     scan must move [[#SCAN]]
// JSON:     scan gpu scan_kernel_[[#]] threads=[{{[0-9]+, [0-9]+}}] [gate.linear_scan] form=dense moves=[[#SCAN]]
// JSON:     scan must move [[#SCAN]]
// JSON:     sizes {'T': 1000}

// What is inlined is told apart by its calls; all sizes are known here.
// CALLED-LABEL: stack on CPU
// CALLED:         gate.glu line [[#GLU:]] called at line [[#CALL:]]{{$}}
// CALLED:         gate.glu line [[#GLU]] called at line [[#CALL+1]]{{$}}
// CALLED:         in all 0.000 product MF, {{.*}}; moves 0.002 MB, must move 0.002 MB
// CALLED-NOT:     --set

// SIZES-NOT: MF
// SIZES: FLOPs and bytes need sizes: --set T=1000
// NOPTXAS-NOT: [[#]] registers
// NOPTXAS: registers and spills need ptxas, which is not on the search path
// ENTRY: error: {{.*}}'other'
// DIM: error: --set: no dim 'Q' is known only at the call; expects one of: T
func.func @mixer(%x: tensor<?x64xf32> {gate.name = "x", gate.dims = ["T", ""]}, %g: tensor<?x64xf32> {gate.name = "g", gate.dims = ["T", ""]},
                 %w: tensor<64x32xf32> {gate.parameter = "w"})
    -> (tensor<?x32xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xf32>
  %room = tensor.empty(%T) : tensor<?x32xf32>
  %n = gate.norm %x {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64} : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %h = gate.glu %g, %n {activation = #gate.activation<silu>} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%h, %w : tensor<?x64xf32>, tensor<64x32xf32>) outs(%acc : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

func.func @scan(%q: tensor<2x?x2x32xf32> {gate.name = "q", gate.dims = ["", "T", "", ""]}, %k: tensor<2x?x2x32xf32> {gate.name = "k", gate.dims = ["", "T", "", ""]},
                %v: tensor<2x?x2x16xf32> {gate.name = "v", gate.dims = ["", "T", "", ""]}, %g: tensor<2x?x2x32xf32> {gate.name = "decay", gate.dims = ["", "T", "", ""]},
                %s: tensor<2x2x32x16xf32> {gate.name = "s"})
    -> (tensor<2x?x2x16xf32> {gate.name = "o", gate.dims = ["", "T", "", ""]}, tensor<2x2x32x16xf32> {gate.name = "last"}) {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s) {scale = 0.25 : f64}
    : (tensor<2x?x2x32xf32>, tensor<2x?x2x32xf32>, tensor<2x?x2x16xf32>, tensor<2x?x2x32xf32>, tensor<2x2x32x16xf32>)
    -> (tensor<2x?x2x16xf32>, tensor<2x2x32x16xf32>)
  return %o, %last : tensor<2x?x2x16xf32>, tensor<2x2x32x16xf32>
}

func.func private @layer(%x: tensor<8x16xf32>) -> tensor<8x16xf32> {
  %y = gate.glu %x, %x {activation = #gate.activation<silu>} : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %y : tensor<8x16xf32>
}

func.func @stack(%x: tensor<8x16xf32> {gate.name = "x"}) -> (tensor<8x16xf32> {gate.name = "first"}, tensor<8x16xf32> {gate.name = "second"}) {
  %a = call @layer(%x) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  %b = call @layer(%a) : (tensor<8x16xf32>) -> tensor<8x16xf32>
  return %a, %b : tensor<8x16xf32>, tensor<8x16xf32>
}
