// RUN: gate-opt --gate-outline-kernels --canonicalize --cse --split-input-file %s | FileCheck %s

#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>

// Of a product of 20 x 3 tiles neighbouring blocks take 8 rows of tiles, column
// by column, then the next rows; the last of them are fewer.
// CHECK-LABEL: func.func @product_kernel_0(
// CHECK-SAME:    %[[A:[^:]*]]: memref<1280x16xbf16>, %[[B:[^:]*]]: memref<192x16xbf16>, %{{.*}}: memref<1280x192xf32>)
// CHECK-DAG:     %[[C3:.*]] = arith.constant 3 : i32
// CHECK-DAG:     %[[C8:.*]] = arith.constant 8 : i32
// CHECK-DAG:     %[[C20:.*]] = arith.constant 20 : i32
// CHECK-DAG:     %[[C24:.*]] = arith.constant 24 : i32
// CHECK-DAG:     %[[C60:.*]] = arith.constant 60 : i32
// CHECK-DAG:     %[[C64:.*]] = arith.constant 64 : index
// CHECK:         %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x : i32
// CHECK:         %[[WITHIN:.*]] = arith.remui %[[BLOCK]], %[[C60]]
// CHECK:         %[[GROUP:.*]] = arith.divui %[[WITHIN]], %[[C24]]
// CHECK:         %[[PLACE:.*]] = arith.remui %[[WITHIN]], %[[C24]]
// CHECK:         %[[FIRST:.*]] = arith.muli %[[GROUP]], %[[C8]]
// CHECK:         %[[REST:.*]] = arith.subi %[[C20]], %[[FIRST]]
// CHECK:         %[[HEIGHT:.*]] = arith.minui %[[REST]], %[[C8]]
// CHECK:         %[[ROW:.*]] = arith.remui %[[PLACE]], %[[HEIGHT]]
// CHECK:         %[[COLUMN:.*]] = arith.divui %[[PLACE]], %[[HEIGHT]]
// CHECK:         %[[LINE:.*]] = arith.addi %[[ROW]], %[[FIRST]]
// CHECK:         %[[START:.*]] = arith.muli %[[LINE]], %[[C3]]
// CHECK:         arith.addi %[[START]], %[[COLUMN]]
// CHECK:         memref.subview %[[A]][%[[I:.*]], 0]
// CHECK:         memref.subview %[[B]][%[[J:.*]], 0]
func.func @gate_function_product(%a: memref<1280x16xbf16>, %b: memref<192x16xbf16>, %c: memref<1280x192xf32>)
    attributes {gate.data_order = array<i64>, gate.exported_as = "product"} {
  %c0 = arith.constant 0 : index
  scf.forall (%i, %j) = (0, 0) to (1280, 192) step (64, 64) {
    %zero = arith.constant 0.0 : bf16
    %acc = arith.constant dense<0.0> : vector<64x64xf32>
    %x = memref.subview %a[%i, 0] [64, 16] [1, 1] : memref<1280x16xbf16> to memref<64x16xbf16, strided<[16, 1], offset: ?>>
    %y = memref.subview %b[%j, 0] [64, 16] [1, 1] : memref<192x16xbf16> to memref<64x16xbf16, strided<[16, 1], offset: ?>>
    %l = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16, strided<[16, 1], offset: ?>>, vector<64x16xbf16>
    %r = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16, strided<[16, 1], offset: ?>>, vector<64x16xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
      : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
    vector.transfer_write %p, %c[%i, %j] {in_bounds = [true, true]} : vector<64x64xf32>, memref<1280x192xf32>
  }
  return
}

// -----

// Where the right matrix is another one for each row of tiles there is nothing to
// share: blocks go row by row, as they do where nothing is multiplied.
// CHECK-LABEL: func.func @no_group_kernel_0(
// CHECK-NOT:     arith.minui
// CHECK:         vector.contract
// CHECK-LABEL: func.func @no_group_kernel_1(
// CHECK-NOT:     arith.minui
// CHECK:         return
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#sum = affine_map<(m, n, k) -> (m, n)>
func.func @gate_function_no_group(%a: memref<1280x16xbf16>, %b: memref<20x192x16xbf16>, %c: memref<1280x192xf32>)
    attributes {gate.data_order = array<i64>, gate.exported_as = "no_group"} {
  %c0 = arith.constant 0 : index
  scf.forall (%i, %j) = (0, 0) to (1280, 192) step (64, 64) {
    %zero = arith.constant 0.0 : bf16
    %acc = arith.constant dense<0.0> : vector<64x64xf32>
    %c64 = arith.constant 64 : index
    %h = arith.divui %i, %c64 : index
    %x = memref.subview %a[%i, 0] [64, 16] [1, 1] : memref<1280x16xbf16> to memref<64x16xbf16, strided<[16, 1], offset: ?>>
    %y = memref.subview %b[%h, %j, 0] [1, 64, 16] [1, 1, 1] : memref<20x192x16xbf16> to memref<64x16xbf16, strided<[16, 1], offset: ?>>
    %l = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16, strided<[16, 1], offset: ?>>, vector<64x16xbf16>
    %r = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16, strided<[16, 1], offset: ?>>, vector<64x16xbf16>
    %p = vector.contract {indexing_maps = [#left, #right, #sum], iterator_types = ["parallel", "parallel", "reduction"], kind = #vector.kind<add>} %l, %r, %acc
      : vector<64x16xbf16>, vector<64x16xbf16> into vector<64x64xf32>
    vector.transfer_write %p, %c[%i, %j] {in_bounds = [true, true]} : vector<64x64xf32>, memref<1280x192xf32>
  }
  scf.forall (%i, %j) = (0, 0) to (1280, 192) step (64, 64) {
    %zero = arith.constant 0.0 : bf16
    %x = memref.subview %a[%i, 0] [64, 16] [1, 1] : memref<1280x16xbf16> to memref<64x16xbf16, strided<[16, 1], offset: ?>>
    %y = memref.subview %b[0, %j, 0] [1, 64, 16] [1, 1, 1] : memref<20x192x16xbf16> to memref<64x16xbf16, strided<[16, 1], offset: ?>>
    %l = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16, strided<[16, 1], offset: ?>>, vector<64x16xbf16>
    %r = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xbf16, strided<[16, 1], offset: ?>>, vector<64x16xbf16>
    %s = arith.addf %l, %r : vector<64x16xbf16>
    %w = arith.extf %s : vector<64x16xbf16> to vector<64x16xf32>
    vector.transfer_write %w, %c[%i, %j] {in_bounds = [true, true]} : vector<64x16xf32>, memref<1280x192xf32>
  }
  return
}
