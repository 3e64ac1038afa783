// What each stage promises of its last IR, on a gated scan with a state, a norm
// behind a call and a product.
// RUN: gate-opt --gate-model-pipeline %s | FileCheck %s --check-prefix=MODEL
// RUN: gate-opt --gate-written-pipeline %s | FileCheck %s --check-prefix=WRITTEN
// RUN: gate-opt --gate-model-pipeline --gate-tile-pipeline -o %t.tile.mlir %s
// RUN: FileCheck %s --check-prefix=TILE --input-file=%t.tile.mlir
// RUN: FileCheck %s --check-prefix=TENSORS --input-file=%t.tile.mlir
// RUN: gate-opt --gate-cpu-pipeline -o %t.cpu.mlir %t.tile.mlir
// RUN: FileCheck %s --check-prefix=CPU --input-file=%t.cpu.mlir
// RUN: FileCheck %s --check-prefix=BUFFERS --input-file=%t.cpu.mlir
// RUN: gate-opt --gate-llvm-pipeline -o %t.llvm.mlir %t.cpu.mlir
// RUN: gate-opt --mlir-print-op-generic %t.llvm.mlir | FileCheck %s --check-prefix=LLVM
// RUN: FileCheck %s --check-prefix=ENTRIES --input-file=%t.llvm.mlir
// RUN: gate-opt --gate-written-pipeline --gate-reference-pipeline -o %t.reference.mlir %s
// RUN: FileCheck %s --check-prefix=REFERENCE --input-file=%t.reference.mlir
// RUN: FileCheck %s --check-prefix=BUFFERS --input-file=%t.reference.mlir
// RUN: gate-opt --gate-llvm-pipeline --mlir-print-op-generic %t.reference.mlir | FileCheck %s --check-prefix=LLVM
// RUN: gate-opt --gate-written-pipeline --gate-reference-pipeline="promote=true" %s | FileCheck %s --check-prefix=ORACLE

// One function per entry point, the private one inlined and gone.
// MODEL-LABEL: func.func @forward(
// MODEL:         gate.linear_scan
// MODEL-LABEL: func.func @step(
// MODEL:         gate.linear_scan {{.*}} (tensor<?x1x2x16xf32>,
// MODEL-LABEL: func.func @norm(
// MODEL-NOT:     call
// MODEL:         gate.norm
// MODEL-LABEL: func.func @product(
// MODEL:         linalg.matmul
// MODEL-NOT:   func.func

// WRITTEN-LABEL: func.func @forward(
// WRITTEN-LABEL: func.func @step(
// WRITTEN-LABEL: func.func @norm(
// WRITTEN:         gate.norm
// WRITTEN-LABEL: func.func @product(
// WRITTEN:         linalg.matmul
// WRITTEN-NOT:   func.func

// Parallel loops over independent work, chunks inside; no op of the dialect (the
// attributes of functions still begin with `gate.`).
// TILE-LABEL: func.func @forward(
// TILE:         scf.forall
// TILE:           scf.for
// TILE:             linalg.generic
// TILE-LABEL: func.func @norm(
// TILE:         scf.forall
// TILE-LABEL: func.func @product(
// TILE:         scf.forall

// TENSORS-NOT: {{= gate\.}}
// TENSORS-NOT: memref

// CPU-LABEL: func.func @gate_function_forward(
// CPU-SAME:    gate.exported_as = "forward"
// CPU:       func.func private @gate_function_forward_workspace(
// CPU:       func.func @gate_function_step(
// CPU:       func.func @gate_function_norm(
// CPU:       func.func @gate_function_product(

// Values, types and names of ops: no tensor, no linalg, no allocation.
// BUFFERS-NOT: tensor
// BUFFERS-NOT: linalg.
// BUFFERS-NOT: bufferization.
// BUFFERS-NOT: memref.alloc(
// BUFFERS-NOT: memref.copy

// REFERENCE-LABEL: func.func @gate_function_forward(
// REFERENCE:         scf.for
// REFERENCE-NOT:     vector.
// REFERENCE-NOT:     scf.forall
// REFERENCE:         math.exp %
// REFERENCE-LABEL: func.func @gate_function_product(

// ORACLE-LABEL: func.func @gate_function_forward(
// ORACLE-NOT:     f32
// ORACLE:         math.exp %{{.*}} : f64
// ORACLE-NOT:     f32

// In generic form every op has its name in quotes, after its results: they begin
// with `llvm.`, but for the module.
// LLVM:     "builtin.module"
// LLVM-NOT: {{^ *(%[^"]* = )?"[^l]}}
// LLVM-NOT: {{^ *(%[^"]* = )?"l[^l]}}
// LLVM:     "llvm.func"
// LLVM-NOT: {{^ *(%[^"]* = )?"[^l]}}
// LLVM-NOT: {{^ *(%[^"]* = )?"l[^l]}}

// ENTRIES-DAG: llvm.func @gate_rt_parallel_for(!llvm.ptr, !llvm.ptr, i64)
// ENTRIES-DAG: llvm.func @gate_body_forward(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) {
// ENTRIES-DAG: llvm.func @gate_workspace_forward(%{{.*}}: !llvm.ptr) -> i64 {
// ENTRIES-DAG: llvm.func @gate_body_step(
// ENTRIES-DAG: llvm.func @gate_workspace_step(
// ENTRIES-DAG: llvm.func @gate_body_norm(
// ENTRIES-DAG: llvm.func @gate_body_product(
func.func @forward(%q: tensor<?x?x2x16xf32> {gate.name = "q", gate.dims = ["B", "T", "", ""]},
    %k: tensor<?x?x2x16xf32> {gate.name = "k", gate.dims = ["B", "T", "", ""]},
    %v: tensor<?x?x2x16xf32> {gate.name = "v", gate.dims = ["B", "T", "", ""]},
    %g: tensor<?x?x2x16xf32> {gate.name = "g", gate.dims = ["B", "T", "", ""]},
    %s: tensor<?x2x16x16xf32> {gate.state = "memory", gate.dims = ["B", "", "", ""]})
    -> (tensor<?x?x2x16xf32> {gate.name = "o", gate.dims = ["B", "T", "", ""]},
        tensor<?x2x16x16xf32> {gate.state = "memory", gate.dims = ["B", "", "", ""]})
    attributes {gate.time = "T"} {
  %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s)
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>
}

func.func @norm(%x: tensor<?x12xf32> {gate.name = "x", gate.dims = ["N", ""]}, %w: tensor<12xf32>)
    -> (tensor<?x12xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = call @scaled(%x, %w) : (tensor<?x12xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}
func.func private @scaled(%x: tensor<?x12xf32>, %w: tensor<12xf32>) -> tensor<?x12xf32> {
  %y = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 1>, epsilon = 1.0e-06 : f64}
    : (tensor<?x12xf32>, tensor<12xf32>) -> tensor<?x12xf32>
  return %y : tensor<?x12xf32>
}

func.func @product(%x: tensor<?x64xf32> {gate.name = "x", gate.dims = ["T", ""]}, %w: tensor<64x32xf32>)
    -> (tensor<?x32xf32> {gate.name = "y", gate.dims = ["T", ""]}) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %T = tensor.dim %x, %c0 : tensor<?x64xf32>
  %room = tensor.empty(%T) : tensor<?x32xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%room : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<?x64xf32>, tensor<64x32xf32>) outs(%acc : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}
