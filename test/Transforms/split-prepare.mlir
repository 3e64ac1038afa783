// RUN: gate-opt --gate-split-prepare --split-input-file --allow-unregistered-dialect %s | FileCheck %s
// What a pass has split is left alone by a second run.
// RUN: gate-opt --gate-split-prepare --gate-split-prepare --split-input-file --allow-unregistered-dialect %s | FileCheck %s


// The packed operand of a branch, with all that only leads there; its reader
// stays. The tensor to start from belongs to the branch that computes.
// CHECK-LABEL: func.func @branch(
// CHECK-SAME:    %[[X:[^:]*]]: tensor<?x4xf32>, %[[FEW:[^:]*]]: i1, %[[W:[^:]*]]: tensor<4x8xf32> {gate.parameter = "w"},
// CHECK-SAME:    %[[FLAG:[^:]*]]: i1 {gate.is_prepared}, %[[READY:[^:]*]]: tensor<2x4x4xf32> {gate.prepared = 64 : i64})
// CHECK-SAME:    attributes {gate.preparation = @branch_prepare}
// CHECK:         scf.if %[[FEW]]
// CHECK:           "test.read"(%[[W]])
// CHECK:         } else {
// CHECK-NEXT:      %[[PACKED:.*]] = scf.if %[[FLAG]] -> (tensor<2x4x4xf32>) {
// CHECK-NEXT:        scf.yield %[[READY]]
// CHECK-NEXT:      } else {
// CHECK-NEXT:        %[[ROOM:.*]] = tensor.empty() : tensor<2x4x4xf32>
// CHECK-NEXT:        %[[MADE:.*]] = scf.forall {{.*}} shared_outs(%{{.*}} = %[[ROOM]])
// CHECK:             scf.yield %[[MADE]]
// CHECK:           "test.read"(%[[PACKED]])

// CHECK-LABEL: func.func private @branch_prepare(
// CHECK-SAME:    %[[W:[^:]*]]: tensor<4x8xf32> {gate.parameter = "w"}) -> (tensor<2x4x4xf32> {gate.prepared = 64 : i64})
// CHECK-SAME:    gate.prepared_bytes = 192 : i64
// CHECK-NEXT:    %[[ROOM:.*]] = tensor.empty()
// CHECK-NEXT:    %[[MADE:.*]] = scf.forall (%[[I:.*]]) in (2) shared_outs(%[[OUT:.*]] = %[[ROOM]])
// CHECK:           tensor.extract_slice %[[W]]
// CHECK:         return %[[MADE]]
func.func @branch(%x: tensor<?x4xf32>, %few: i1, %w: tensor<4x8xf32> {gate.parameter = "w"}) {
  scf.if %few {
    "test.read"(%w) : (tensor<4x8xf32>) -> ()
  } else {
    %room = tensor.empty() : tensor<2x4x4xf32>
    %packed = scf.forall (%i) in (2) shared_outs(%out = %room) -> tensor<2x4x4xf32> {
      %j = affine.apply affine_map<(i) -> (i * 4)>(%i)
      %columns = tensor.extract_slice %w[0, %j] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
      scf.forall.in_parallel {
        tensor.parallel_insert_slice %columns into %out[%i, 0, 0] [1, 4, 4] [1, 1, 1] : tensor<4x4xf32> into tensor<2x4x4xf32>
      }
    }
    "test.read"(%packed) : (tensor<2x4x4xf32>) -> ()
  }
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// The largest value that is constant is prepared, not what leads to it; equal
// values are one argument and one result, also where two functions compute
// them, although each has an empty tensor of its own.
// CHECK-LABEL: func.func @first(
// CHECK-SAME:    %[[FLAG:[^:]*]]: i1 {gate.is_prepared}, %[[A:[^:]*]]: tensor<4x4xf32> {gate.prepared = 64 : i64}, %[[B:[^:]*]]: tensor<4x4xf32> {gate.prepared = 128 : i64})
// CHECK-SAME:    gate.preparation = @first_prepare
// CHECK:         scf.if %[[FLAG]]
// CHECK-NEXT:      scf.yield %[[A]]
// CHECK-NEXT:    } else {
// CHECK:           math.exp
// CHECK:           arith.negf
// CHECK:         scf.if %[[FLAG]]
// CHECK-NEXT:      scf.yield %[[A]]
// CHECK:         scf.if %[[FLAG]]
// CHECK-NEXT:      scf.yield %[[B]]
// CHECK-LABEL: func.func private @first_prepare(
// CHECK-SAME:    -> (tensor<4x4xf32> {gate.prepared = 64 : i64}, tensor<4x4xf32> {gate.prepared = 128 : i64})
// CHECK:         math.exp
// CHECK:         %[[A:.*]] = linalg.generic
// CHECK:         arith.negf
// CHECK-NOT:     arith.negf
// CHECK:         %[[B:.*]] = linalg.generic
// CHECK:         math.sqrt
// CHECK:         return %[[A]], %[[B]]
// CHECK-LABEL: func.func @second(
// CHECK-SAME:    {gate.is_prepared}, %[[B:[^:]*]]: tensor<4x4xf32> {gate.prepared = 128 : i64})
// CHECK-SAME:    gate.preparation = @first_prepare
// CHECK-NOT:   @second_prepare
func.func @first(%w: tensor<4x4xf32> {gate.parameter = "w"}, %x: tensor<8xf32>) {
  %r0 = tensor.empty() : tensor<4x4xf32>
  %e0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<4x4xf32>) outs(%r0 : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  %r1 = tensor.empty() : tensor<4x4xf32>
  %n0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%e0 : tensor<4x4xf32>) outs(%r1 : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  "test.read"(%n0, %x) : (tensor<4x4xf32>, tensor<8xf32>) -> ()
  %r2 = tensor.empty() : tensor<4x4xf32>
  %e1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<4x4xf32>) outs(%r2 : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.exp %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  %r3 = tensor.empty() : tensor<4x4xf32>
  %n1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%e1 : tensor<4x4xf32>) outs(%r3 : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = arith.negf %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  "test.read"(%n1) : (tensor<4x4xf32>) -> ()
  %r4 = tensor.empty() : tensor<4x4xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<4x4xf32>) outs(%r4 : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  "test.read"(%s) : (tensor<4x4xf32>) -> ()
  return
}

func.func @second(%x: tensor<8xf32>, %w: tensor<4x4xf32> {gate.parameter = "w"}) {
  %r = tensor.empty() : tensor<4x4xf32>
  %s = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%w : tensor<4x4xf32>) outs(%r : tensor<4x4xf32>) {
  ^bb0(%in: f32, %out: f32):
    %0 = math.sqrt %in : f32
    linalg.yield %0 : f32
  } -> tensor<4x4xf32>
  "test.read"(%s) : (tensor<4x4xf32>) -> ()
  return
}

// -----

#id = affine_map<(i, j) -> (i, j)>

// Nothing to prepare: a view of a parameter, what an input decides, a fill, what
// is overwritten (through a slice), what is returned, unknown sizes, and what
// may fail where it would not have run.
// CHECK-LABEL: func.func @left_alone(
// CHECK-NOT:     gate.is_prepared
// CHECK-NOT:     scf.if
// CHECK-NOT:   _prepare
func.func @left_alone(%w: tensor<4x8xf32> {gate.parameter = "w"}, %d: tensor<?x?xf32> {gate.parameter = "d"}, %x: tensor<4x8xf32>, %m: index, %n: index,
    %i: tensor<4x8xi32> {gate.parameter = "i"})
    -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %flat = tensor.collapse_shape %w [[0, 1]] : tensor<4x8xf32> into tensor<32xf32>
  "test.read"(%flat) : (tensor<32xf32>) -> ()
  %r0 = tensor.empty() : tensor<4x8xf32>
  %sum = linalg.add ins(%w, %x : tensor<4x8xf32>, tensor<4x8xf32>) outs(%r0 : tensor<4x8xf32>) -> tensor<4x8xf32>
  %r1 = tensor.empty() : tensor<4x8xf32>
  %fill = linalg.fill ins(%zero : f32) outs(%r1 : tensor<4x8xf32>) -> tensor<4x8xf32>
  "test.read"(%sum, %fill) : (tensor<4x8xf32>, tensor<4x8xf32>) -> ()
  %r2 = tensor.empty() : tensor<4x8xf32>
  %start = linalg.exp ins(%w : tensor<4x8xf32>) outs(%r2 : tensor<4x8xf32>) -> tensor<4x8xf32>
  %part = tensor.extract_slice %start[0, 0] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %left = tensor.extract_slice %x[0, 0] [4, 4] [1, 1] : tensor<4x8xf32> to tensor<4x4xf32>
  %written = linalg.exp ins(%left : tensor<4x4xf32>) outs(%part : tensor<4x4xf32>) -> tensor<4x4xf32>
  "test.read"(%written) : (tensor<4x4xf32>) -> ()
  %r3 = tensor.empty(%m, %n) : tensor<?x?xf32>
  %unknown = linalg.exp ins(%d : tensor<?x?xf32>) outs(%r3 : tensor<?x?xf32>) -> tensor<?x?xf32>
  "test.read"(%unknown) : (tensor<?x?xf32>) -> ()
  %r5 = tensor.empty() : tensor<4x8xi32>
  %quotient = linalg.div ins(%i, %i : tensor<4x8xi32>, tensor<4x8xi32>) outs(%r5 : tensor<4x8xi32>) -> tensor<4x8xi32>
  "test.read"(%quotient) : (tensor<4x8xi32>) -> ()
  %r4 = tensor.empty() : tensor<4x8xf32>
  %result = linalg.exp ins(%w : tensor<4x8xf32>) outs(%r4 : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %result : tensor<4x8xf32>
}

// -----

// No function that is called from inside, and none without parameters.
// CHECK-LABEL: func.func private @inside(
// CHECK-NOT:     gate.is_prepared
// CHECK-LABEL: func.func @no_parameter(
// CHECK-NOT:     gate.is_prepared
func.func private @inside(%w: tensor<4xf32> {gate.parameter = "w"}) {
  %room = tensor.empty() : tensor<4xf32>
  %e = linalg.exp ins(%w : tensor<4xf32>) outs(%room : tensor<4xf32>) -> tensor<4xf32>
  "test.read"(%e) : (tensor<4xf32>) -> ()
  return
}
func.func @no_parameter(%w: tensor<4xf32>) {
  %room = tensor.empty() : tensor<4xf32>
  %e = linalg.exp ins(%w : tensor<4xf32>) outs(%room : tensor<4xf32>) -> tensor<4xf32>
  "test.read"(%e) : (tensor<4xf32>) -> ()
  return
}
