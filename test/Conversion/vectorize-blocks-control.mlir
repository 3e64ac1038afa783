// RUN: gate-opt --gate-vectorize-blocks --canonicalize --split-input-file %s | FileCheck %s --implicit-check-not=linalg.

// A loop carries a tile as a vector; memory that it writes in parts stays what
// it is.
// CHECK-LABEL: func.func @loop(
// CHECK:         scf.forall
// CHECK:           %[[FIRST:.*]] = vector.transfer_read
// CHECK:           %[[LOOP:.*]]:2 = scf.for %[[T:.*]] = {{.*}} iter_args(%[[ALL:.*]] = %{{.*}}, %[[H:.*]] = %[[FIRST]]) -> (tensor<128x16xf32>, vector<16xf32>)
// CHECK:             %[[X:.*]] = vector.transfer_read
// CHECK:             %[[NEXT:.*]] = arith.addf %[[X]], %[[H]] : vector<16xf32>
// CHECK:             %[[PLACE:.*]] = tensor.extract_slice %[[ALL]][%[[T]], 0]
// CHECK:             %[[ROW:.*]] = vector.transfer_write %[[NEXT]], %[[PLACE]]
// CHECK:             %[[ROWS:.*]] = tensor.insert_slice %[[ROW]] into %[[ALL]][%[[T]], 0]
// CHECK:             scf.yield %[[ROWS]], %[[NEXT]]
// CHECK:           vector.transfer_write %[[LOOP]]#1
// CHECK:           tensor.parallel_insert_slice %[[LOOP]]#0 into
func.func @loop(%x: tensor<32x128x16xf32>, %s: tensor<32x16xf32>, %room: tensor<32x128x16xf32>) -> (tensor<32x128x16xf32>, tensor<32x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c128 = arith.constant 128 : index
  %y:2 = scf.forall (%i) in (32) shared_outs(%o = %room, %last = %s) -> (tensor<32x128x16xf32>, tensor<32x16xf32>) {
    %first = tensor.extract_slice %last[%i, 0] [1, 16] [1, 1] : tensor<32x16xf32> to tensor<16xf32>
    %outs = tensor.extract_slice %o[%i, 0, 0] [1, 128, 16] [1, 1, 1] : tensor<32x128x16xf32> to tensor<128x16xf32>
    %r:2 = scf.for %t = %c0 to %c128 step %c1 iter_args(%all = %outs, %h = %first) -> (tensor<128x16xf32>, tensor<16xf32>) {
      %a = tensor.extract_slice %x[%i, %t, 0] [1, 1, 16] [1, 1, 1] : tensor<32x128x16xf32> to tensor<16xf32>
      %n = linalg.add ins(%a, %h : tensor<16xf32>, tensor<16xf32>) outs(%h : tensor<16xf32>) -> tensor<16xf32>
      %w = tensor.insert_slice %n into %all[%t, 0] [1, 16] [1, 1] : tensor<16xf32> into tensor<128x16xf32>
      scf.yield %w, %n : tensor<128x16xf32>, tensor<16xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %r#0 into %o[%i, 0, 0] [1, 128, 16] [1, 1, 1] : tensor<128x16xf32> into tensor<32x128x16xf32>
      tensor.parallel_insert_slice %r#1 into %last[%i, 0] [1, 16] [1, 1] : tensor<16xf32> into tensor<32x16xf32>
    }
  }
  return %y#0, %y#1 : tensor<32x128x16xf32>, tensor<32x16xf32>
}

// -----

// CHECK-LABEL: func.func @choice(
// CHECK-SAME:    %[[FLAG:[^:]*]]: i1
// CHECK:           %[[X:.*]] = vector.transfer_read
// CHECK:           %[[Y:.*]] = scf.if %[[FLAG]] -> (vector<16xf32>) {
// CHECK-NEXT:        %[[EXP:.*]] = math.exp %[[X]] : vector<16xf32>
// CHECK-NEXT:        scf.yield %[[EXP]]
// CHECK-NEXT:      } else {
// CHECK-NEXT:        scf.yield %[[X]]
// CHECK:           vector.transfer_write %[[Y]]
func.func @choice(%x: tensor<32x16xf32>, %flag: i1, %room: tensor<32x16xf32>) -> tensor<32x16xf32> {
  %y = scf.forall (%i) in (32) shared_outs(%o = %room) -> tensor<32x16xf32> {
    %a = tensor.extract_slice %x[%i, 0] [1, 16] [1, 1] : tensor<32x16xf32> to tensor<16xf32>
    %b = tensor.extract_slice %o[%i, 0] [1, 16] [1, 1] : tensor<32x16xf32> to tensor<16xf32>
    %c = scf.if %flag -> tensor<16xf32> {
      %e = linalg.exp ins(%a : tensor<16xf32>) outs(%b : tensor<16xf32>) -> tensor<16xf32>
      scf.yield %e : tensor<16xf32>
    } else {
      scf.yield %a : tensor<16xf32>
    }
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %c into %o[%i, 0] [1, 16] [1, 1] : tensor<16xf32> into tensor<32x16xf32>
    }
  }
  return %y : tensor<32x16xf32>
}
