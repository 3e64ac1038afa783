// RUN: gate-opt --gate-vectorize-blocks --canonicalize --split-input-file %s | FileCheck %s --implicit-check-not=linalg.

// Each tile is read, computed and written once; sizes are powers of two, and what
// is past a tile's end is neither read nor written. What every tile needs is
// read first.
// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x48xf32>, %[[S:[^:]*]]: tensor<48xf32>
// CHECK:         scf.forall (%[[I:.*]]) = {{.*}} shared_outs(%[[OUT:.*]] =
// CHECK:           %[[SCALE:.*]] = vector.transfer_read %[[S]][%{{.*}}], %{{[^ ]*}} : tensor<48xf32>, vector<64xf32>
// CHECK:           %[[TILE:.*]] = tensor.extract_slice %[[X]][%[[I]], 0]
// CHECK:           %[[VALUE:.*]] = vector.transfer_read %[[TILE]][%{{.*}}, %{{.*}}], %{{[^ ]*}} : tensor<?x48xf32>, vector<16x64xf32>
// CHECK-NOT:       transfer_read
// CHECK:           %[[WIDE:.*]] = vector.broadcast %[[SCALE]] : vector<64xf32> to vector<16x64xf32>
// CHECK:           %[[EXP:.*]] = math.exp %[[VALUE]] : vector<16x64xf32>
// CHECK:           %[[Y:.*]] = arith.mulf %[[EXP]], %[[WIDE]] : vector<16x64xf32>
// CHECK:           %[[PLACE:.*]] = tensor.extract_slice %[[OUT]][%[[I]], 0]
// CHECK:           %[[WRITTEN:.*]] = vector.transfer_write %[[Y]], %[[PLACE]][%{{.*}}, %{{[^ ]*}}] : vector<16x64xf32>, tensor<?x48xf32>
// CHECK:           tensor.parallel_insert_slice %[[WRITTEN]] into %[[OUT]]
#id = affine_map<(i, j) -> (i, j)>
func.func @elementwise(%x: tensor<?x48xf32>, %s: tensor<48xf32>, %n: index, %room: tensor<?x48xf32>) -> tensor<?x48xf32> {
  %y = scf.forall (%i) = (0) to (%n) step (16) shared_outs(%o = %room) -> tensor<?x48xf32> {
    %rows = affine.min affine_map<(i)[n] -> (n - i, 16)>(%i)[%n]
    %a = tensor.extract_slice %x[%i, 0] [%rows, 48] [1, 1] : tensor<?x48xf32> to tensor<?x48xf32>
    %b = tensor.extract_slice %o[%i, 0] [%rows, 48] [1, 1] : tensor<?x48xf32> to tensor<?x48xf32>
    %e = linalg.generic {indexing_maps = [#id, affine_map<(i, j) -> (j)>, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a, %s : tensor<?x48xf32>, tensor<48xf32>) outs(%b : tensor<?x48xf32>) {
    ^bb0(%u: f32, %v: f32, %old: f32):
      %0 = math.exp %u : f32
      %1 = arith.mulf %0, %v : f32
      linalg.yield %1 : f32
    } -> tensor<?x48xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i, 0] [%rows, 48] [1, 1] : tensor<?x48xf32> into tensor<?x48xf32>
    }
  }
  return %y : tensor<?x48xf32>
}

// -----

// Past the end of what is reduced are neutral elements.
// CHECK-LABEL: func.func @reduction(
// CHECK-DAG:     %[[LOWEST:.*]] = arith.constant dense<0xFF800000> : vector<16x64xf32>
// CHECK:           %[[VALUE:.*]] = vector.transfer_read {{.*}} {in_bounds = [true, false]} : tensor<16x48xf32>, vector<16x64xf32>
// CHECK:           %[[ROW:.*]] = vector.constant_mask [48] : vector<64xi1>
// CHECK:           %[[MASK:.*]] = vector.broadcast %[[ROW]] : vector<64xi1> to vector<16x64xi1>
// CHECK:           %[[TERMS:.*]] = arith.select %[[MASK]], %[[VALUE]], %[[LOWEST]]
// CHECK:           %[[MOST:.*]] = vector.multi_reduction <maximumf>, %[[TERMS]], %{{.*}} [1] : vector<16x64xf32> to vector<16xf32>
// CHECK:           vector.transfer_write %[[MOST]]
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @reduction(%x: tensor<64x48xf32>, %room: tensor<64xf32>) -> tensor<64xf32> {
  %zero = arith.constant 0.0 : f32
  %y = scf.forall (%i) = (0) to (64) step (16) shared_outs(%o = %room) -> tensor<64xf32> {
    %a = tensor.extract_slice %x[%i, 0] [16, 48] [1, 1] : tensor<64x48xf32> to tensor<16x48xf32>
    %b = tensor.extract_slice %o[%i] [16] [1] : tensor<64xf32> to tensor<16xf32>
    %none = linalg.fill ins(%zero : f32) outs(%b : tensor<16xf32>) -> tensor<16xf32>
    %e = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]}
      ins(%a : tensor<16x48xf32>) outs(%none : tensor<16xf32>) {
    ^bb0(%u: f32, %acc: f32):
      %0 = arith.maximumf %acc, %u : f32
      linalg.yield %0 : f32
    } -> tensor<16xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i] [16] [1] : tensor<16xf32> into tensor<64xf32>
    }
  }
  return %y : tensor<64xf32>
}

// -----

// Rows whose numbers are data: outside of the table nothing is read.
// CHECK-LABEL: func.func @gather(
// CHECK-SAME:    %[[TABLE:[^:]*]]: tensor<100x32xf32>
// CHECK-DAG:     %[[FIRST:.*]] = arith.constant dense<0> : vector<16x32xindex>
// CHECK-DAG:     %[[SIZE:.*]] = arith.constant dense<100> : vector<16x32xindex>
// CHECK-DAG:     %[[WIDTH:.*]] = arith.constant dense<32> : vector<16x32xindex>
// CHECK:           vector.transfer_read {{.*}} : tensor<16xi32>, vector<16xi32>
// CHECK:           %[[ROWS:.*]] = arith.index_cast {{.*}} : vector<16x32xi32> to vector<16x32xindex>
// CHECK:           vector.step : vector<32xindex>
// CHECK:           %[[BELOW:.*]] = arith.cmpi ult, %[[ROWS]], %[[SIZE]]
// CHECK:           %[[INSIDE:.*]] = arith.select %[[BELOW]], %[[ROWS]], %[[FIRST]]
// CHECK:           %[[START:.*]] = arith.muli %[[INSIDE]], %[[WIDTH]]
// CHECK:           %[[AT:.*]] = arith.addi %[[START]], %{{.*}}
// CHECK:           vector.gather %[[TABLE]][%{{.*}}, %{{.*}}] [%[[AT]]], %[[BELOW]]
#id = affine_map<(i, j) -> (i, j)>
#row = affine_map<(i, j) -> (i)>
func.func @gather(%table: tensor<100x32xf32>, %ids: tensor<64xi32>, %room: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %y = scf.forall (%i) = (0) to (64) step (16) shared_outs(%o = %room) -> tensor<64x32xf32> {
    %a = tensor.extract_slice %ids[%i] [16] [1] : tensor<64xi32> to tensor<16xi32>
    %b = tensor.extract_slice %o[%i, 0] [16, 32] [1, 1] : tensor<64x32xf32> to tensor<16x32xf32>
    %e = linalg.generic {indexing_maps = [#row, #id], iterator_types = ["parallel", "parallel"]}
      ins(%a : tensor<16xi32>) outs(%b : tensor<16x32xf32>) {
    ^bb0(%u: i32, %old: f32):
      %p = arith.index_cast %u : i32 to index
      %j = linalg.index 1 : index
      %0 = tensor.extract %table[%p, %j] : tensor<100x32xf32>
      linalg.yield %0 : f32
    } -> tensor<16x32xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i, 0] [16, 32] [1, 1] : tensor<16x32xf32> into tensor<64x32xf32>
    }
  }
  return %y : tensor<64x32xf32>
}

// -----

// A product of matrices for tensor cores: rows and columns with the depth last,
// zero past the end of the depth.
// CHECK-DAG:   #[[LEFT:.*]] = affine_map<(d0, d1, d2) -> (d0, d2)>
// CHECK-DAG:   #[[RIGHT:.*]] = affine_map<(d0, d1, d2) -> (d1, d2)>
// CHECK-LABEL: func.func @product(
// CHECK-DAG:       %[[B:.*]] = vector.transfer_read {{.*}} : tensor<40x64xbf16>, vector<64x64xbf16>
// CHECK-DAG:       %[[A:.*]] = vector.transfer_read {{.*}} : tensor<32x40xbf16>, vector<32x64xbf16>
// CHECK-DAG:       %[[TURNED:.*]] = vector.transpose %[[B]], [1, 0]
// CHECK-DAG:       %[[DEPTH:.*]] = vector.constant_mask [40] : vector<64xi1>
// CHECK-DAG:       %[[L:.*]] = arith.select %{{.*}}, %[[A]], %{{.*}} : vector<32x64xi1>, vector<32x64xbf16>
// CHECK-DAG:       %[[R:.*]] = arith.select %{{.*}}, %[[TURNED]], %{{.*}} : vector<64x64xi1>, vector<64x64xbf16>
// CHECK:           %[[Y:.*]] = vector.contract {indexing_maps = [#[[LEFT]], #[[RIGHT]], #{{.*}}], {{.*}}} %[[L]], %[[R]], %{{.*}} : vector<32x64xbf16>, vector<64x64xbf16> into vector<32x64xf32>
// CHECK:           vector.transfer_write %[[Y]]
func.func @product(%a: tensor<128x40xbf16>, %b: tensor<40x64xbf16>, %room: tensor<128x64xf32>) -> tensor<128x64xf32> {
  %zero = arith.constant 0.0 : f32
  %y = scf.forall (%i) = (0) to (128) step (32) shared_outs(%o = %room) -> tensor<128x64xf32> {
    %l = tensor.extract_slice %a[%i, 0] [32, 40] [1, 1] : tensor<128x40xbf16> to tensor<32x40xbf16>
    %p = tensor.extract_slice %o[%i, 0] [32, 64] [1, 1] : tensor<128x64xf32> to tensor<32x64xf32>
    %none = linalg.fill ins(%zero : f32) outs(%p : tensor<32x64xf32>) -> tensor<32x64xf32>
    %m = linalg.matmul ins(%l, %b : tensor<32x40xbf16>, tensor<40x64xbf16>) outs(%none : tensor<32x64xf32>) -> tensor<32x64xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %m into %o[%i, 0] [32, 64] [1, 1] : tensor<32x64xf32> into tensor<128x64xf32>
    }
  }
  return %y : tensor<128x64xf32>
}

// -----

// Outside of a parallel loop nothing changes.
// CHECK-LABEL: func.func @outside(
// CHECK-NEXT:    math.exp %{{.*}} : tensor<4xf32>
// CHECK-NEXT:    return
func.func @outside(%x: tensor<4xf32>) -> tensor<4xf32> {
  %y = math.exp %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
