// The table: by kind of op, static sizes and machine.
// RUN: gate-opt --gate-select-schedules=target=cpu --split-input-file %s | FileCheck %s
// RUN: gate-opt --gate-select-schedules=target=gpu --split-input-file %s | FileCheck %s --check-prefix=GPU

// CHECK-LABEL: func.func @scan(
// CHECK:         gate.linear_scan
// CHECK-SAME:      gate.schedule = #gate.schedule<{chunk = 32, few_tokens = 6, segment = 0}>
// Few keys, and steps of which nothing is known, go token by token.
// CHECK:         gate.linear_scan
// CHECK-SAME:      gate.schedule = #gate.schedule<{chunk = 1, few_tokens = 6, segment = 0}>
// CHECK:         gate.scan
// CHECK-SAME:      gate.schedule = #gate.schedule<{chunk = 1, few_tokens = 6, segment = 0}>
// Not what is inside of an op that is tiled itself.
// CHECK:           linalg.exp
// CHECK-NOT:         gate.schedule
// CHECK:         return
func.func @scan(%q: tensor<?x?x2x16xf32>, %k: tensor<?x?x2x3xf32>, %x: tensor<?x?x8xf32>, %s: tensor<?x8xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x?x2x3xf32>, tensor<?x?x8xf32>) {
  %o, %0 = gate.linear_scan %q, %q, %q
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  %p, %1 = gate.linear_scan %k, %k, %k
    : (tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>, tensor<?x?x2x3xf32>) -> (tensor<?x?x2x3xf32>, tensor<?x2x3x3xf32>)
  %h, %2 = gate.scan inputs(%x) initial(%s) {
  ^bb0(%xt: tensor<8xf32>, %st: tensor<8xf32>):
    %n = linalg.exp ins(%xt : tensor<8xf32>) outs(%st : tensor<8xf32>) -> tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %o, %p, %h : tensor<?x?x2x16xf32>, tensor<?x?x2x3xf32>, tensor<?x?x8xf32>
}

// -----

// One independent index: long texts are split in time.
// CHECK-LABEL: func.func @scarce(
// CHECK:         gate.linear_scan
// CHECK-SAME:      #gate.schedule<when "time" lt 4096 {chunk = 32, few_tokens = 6, segment = 0}, {chunk = 32, few_tokens = 6, segment = 2048}>
func.func @scarce(%q: tensor<1x?x1x16xf32>) -> tensor<1x?x1x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q
    : (tensor<1x?x1x16xf32>, tensor<1x?x1x16xf32>, tensor<1x?x1x16xf32>) -> (tensor<1x?x1x16xf32>, tensor<1x1x16x16xf32>)
  return %o : tensor<1x?x1x16xf32>
}

// -----

// Where another stage tiles, nothing is selected.
// GPU-LABEL: func.func @scan(
// GPU:         gate.linear_scan {{.*}} {gate.schedule = #gate.schedule<when "time" lt 2048 {chunk = 64, few_tokens = 6, form = "dense", segment = 0}, {chunk = 64, few_tokens = 6, form = "dense", segment = 1024}>}
// GPU-LABEL: func.func @others(
// GPU:         linalg.matmul ins
// GPU:         linalg.exp ins

// CHECK-LABEL: func.func @others(
// CHECK:         linalg.matmul
// CHECK-SAME:      #gate.schedule<when "rows" lt 12 {depth = 128, form = "few_rows", panel = 64}, {depth = 512, form = "packed", panel = 64, rows = 64}>
// A batch of products has no one right side.
// CHECK:         linalg.batch_matmul
// CHECK-SAME:      #gate.schedule<{tile_elements = 16384}>
// CHECK:         linalg.exp
// CHECK-SAME:      #gate.schedule<{tile_elements = 16384}>
// A choice that is there stays.
// CHECK:         linalg.exp
// CHECK-SAME:      #gate.schedule<{tile_elements = 100}>
// In a loop an op is a tile.
// CHECK:         scf.for
// CHECK:           linalg.exp
// CHECK-NOT:       gate.schedule
// CHECK:         return
func.func @others(%a: tensor<64x64xf32>, %b: tensor<4x64x64xf32>, %n: index) -> (tensor<64x64xf32>, tensor<4x64x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = linalg.matmul ins(%a, %a : tensor<64x64xf32>, tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  %1 = linalg.batch_matmul ins(%b, %b : tensor<4x64x64xf32>, tensor<4x64x64xf32>) outs(%b : tensor<4x64x64xf32>) -> tensor<4x64x64xf32>
  %2 = linalg.exp ins(%0 : tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  %3 = linalg.exp {gate.schedule = #gate.schedule<{tile_elements = 100}>}
    ins(%2 : tensor<64x64xf32>) outs(%a : tensor<64x64xf32>) -> tensor<64x64xf32>
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%s = %3) -> tensor<64x64xf32> {
    %4 = linalg.exp ins(%s : tensor<64x64xf32>) outs(%s : tensor<64x64xf32>) -> tensor<64x64xf32>
    scf.yield %4 : tensor<64x64xf32>
  }
  return %r, %1 : tensor<64x64xf32>, tensor<4x64x64xf32>
}

// -----

// Tiles of queries by how many there are; on a GPU by the type of the products.
// CHECK-LABEL: func.func @fold(
// CHECK:         gate.attention
// CHECK-SAME:      gate.schedule = #gate.schedule<when "rows" le 1 {chunk = 64, rows = 1}, when "rows" le 16 {chunk = 64, rows = 16}, {chunk = 64, rows = 64}>
// CHECK:         gate.attention
// CHECK-SAME:      {chunk = 64, rows = 64}>
// GPU-LABEL:   func.func @fold(
// GPU:           gate.attention
// GPU-SAME:        gate.schedule = #gate.schedule<{chunk = 16, form = "dense", rows = 64}>
// GPU:           gate.attention
// GPU-SAME:        gate.schedule = #gate.schedule<{chunk = 128, form = "dense", rows = 128}>
func.func @fold(%q: tensor<?x?x4x64xf32>, %h: tensor<?x?x4x64xf16>) -> (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf16>) {
  %o = gate.attention %q, %q, %q {causal} : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>) -> tensor<?x?x4x64xf32>
  %p = gate.attention %h, %h, %h {causal} : (tensor<?x?x4x64xf16>, tensor<?x?x4x64xf16>, tensor<?x?x4x64xf16>) -> tensor<?x?x4x64xf16>
  return %o, %p : tensor<?x?x4x64xf32>, tensor<?x?x4x64xf16>
}
