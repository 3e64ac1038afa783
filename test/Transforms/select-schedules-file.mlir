// A user's file in place of the table: by kind, name, place, function, sizes.
// RUN: rm -rf %t && split-file %s %t
// RUN: gate-opt --gate-select-schedules=file=%t/kinds.json %t/program.mlir | FileCheck %s --check-prefix=KINDS
// RUN: gate-opt --gate-select-schedules=file=%t/places.json %t/program.mlir | FileCheck %s --check-prefix=PLACES

// On a machine where products are tiled elsewhere, entries for them change nothing.
// RUN: gate-opt '--gate-select-schedules=target=gpu file=%t/kinds.json' %t/program.mlir | FileCheck %s --check-prefix=GPU
// GPU:     linalg.matmul
// GPU-NOT: gate.schedule

// The choice goes into every case of the table; the first entry that fits wins.
// KINDS-LABEL: func.func @first(
// KINDS:         linalg.matmul
// KINDS-SAME:      #gate.schedule<when "rows" lt 12 {depth = 128, form = "few_rows", panel = 32}, {depth = 512, form = "packed", panel = 32, rows = 64}>
// KINDS:         linalg.exp
// KINDS-SAME:      #gate.schedule<{tile_elements = 7}>
// KINDS-LABEL: func.func @second(
// KINDS:         linalg.matmul
// KINDS-SAME:      #gate.schedule<when "rows" le 3 {depth = 128, form = "few_rows", panel = 64}, when "N" gt 64 {depth = 512, form = "packed", panel = 64, rows = 16}, {depth = 512, form = "packed", panel = 64, rows = 64}>

// PLACES-LABEL: func.func @first(
// PLACES:         linalg.matmul
// PLACES-SAME:      depth = 256, form = "packed"
// PLACES:         linalg.exp
// PLACES-SAME:      tile_elements = 9
// PLACES-LABEL: func.func @second(
// PLACES:         linalg.matmul
// PLACES-SAME:      panel = 16

//--- kinds.json
[
  {"op": "product", "sizes": {"columns": 64}, "choice": {"panel": 32}},
  {"op": "linalg.matmul",
   "cases": [{"when": "rows <= 3", "choice": {"form": "few_rows"}},
             {"when": "N > 64", "choice": {"rows": 16}},
             {"choice": {"form": "packed"}}]},
  {"op": "loops", "choice": {"tile_elements": 7}}
]
//--- places.json
[
  {"at": "3", "choice": {"depth": 256}},
  {"at": "activation", "choice": {"tile_elements": 9}},
  {"at": "program.mlir:8", "choice": {"panel": 16}},
  {"function": "second", "choice": {"panel": 8}}
]
//--- program.mlir
// Line numbers count here.
func.func @first(%a: tensor<64x64xf32>) -> tensor<64x64xf32> {
  %0 = linalg.matmul ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = linalg.exp ins(%0 : tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32> loc("activation")
  return %1 : tensor<64x64xf32>
}
func.func @second(%a: tensor<64x64xf32>, %b: tensor<64x?xf32> {gate.dims = ["", "N"]}, %c: tensor<64x?xf32>) -> tensor<64x?xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<64x64xf32>, tensor<64x?xf32>) outs(%c : tensor<64x?xf32>) -> tensor<64x?xf32>
  return %0 : tensor<64x?xf32>
}
