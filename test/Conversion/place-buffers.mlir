// RUN: gate-opt --gate-place-buffers --canonicalize --cse --allow-unregistered-dialect %s | FileCheck %s

// %a is free when %c is made: they share bytes, as many as the larger one needs
// (48 B T). %b lives at the same time as both, %d has other dims. Every part
// starts at a multiple of 64 bytes.
// CHECK-LABEL: func.func @slots(
// CHECK-SAME:    %[[X:.*]]: memref<?x?x8xf32>, %[[ROOM:.*]]: memref<?xi8>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     %[[C48:.*]] = arith.constant 48 : index
// CHECK-DAG:     %[[C63:.*]] = arith.constant 63 : index
// CHECK-DAG:     %[[MASK:.*]] = arith.constant -64 : index
// CHECK-DAG:     %[[B:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK-DAG:     %[[T:.*]] = memref.dim %[[X]], %[[C1]]
// CHECK-DAG:     %[[ROWS:.*]] = arith.muli %[[B]], %[[C48]]
// CHECK-DAG:     %[[BYTES:.*]] = arith.muli %[[ROWS]], %[[T]]
// CHECK:         %[[MORE:.*]] = arith.addi %[[BYTES]], %[[C63]]
// CHECK:         %[[SECOND:.*]] = arith.andi %[[MORE]], %[[MASK]]
// CHECK:         %[[THIRD:.*]] = arith.addi %[[SECOND]], %
// CHECK:         %[[A:.*]] = memref.view %[[ROOM]][%[[C0]]][%[[B]], %[[T]]] : memref<?xi8> to memref<?x?x8xf32>
// CHECK:         "test.use"(%[[X]], %[[A]])
// CHECK:         memref.view %[[ROOM]][%[[SECOND]]][%{{.*}}] : memref<?xi8> to memref<?x16xbf16>
// CHECK:         memref.view %[[ROOM]][%[[C0]]][%[[B]], %[[T]]] : memref<?xi8> to memref<?x?x12xf32>
// CHECK:         memref.view %[[ROOM]][%[[THIRD]]][%[[B]]] : memref<?xi8> to memref<?x4xf32>
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     memref.dealloc
// CHECK:         return

// CHECK-LABEL: func.func private @slots_workspace(
// CHECK-SAME:    %[[DIMS:.*]]: memref<?xi64>) -> i64
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[C1:.*]] = arith.constant 1 : index
// CHECK-DAG:     memref.load %[[DIMS]][%[[C0]]]
// CHECK-DAG:     memref.load %[[DIMS]][%[[C1]]]
// CHECK-DAG:     arith.constant 48 : index
// CHECK-DAG:     arith.constant 32 : index
// CHECK-DAG:     arith.constant 16 : index
// CHECK-COUNT-3: arith.andi
// CHECK-NOT:     arith.andi
// CHECK:         return
func.func @slots(%x: memref<?x?x8xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0, 1, -1>], gate.dim_count = 2 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %B = memref.dim %x, %c0 : memref<?x?x8xf32>
  %T = memref.dim %x, %c1 : memref<?x?x8xf32>
  %a = memref.alloc(%B, %T) : memref<?x?x8xf32>
  "test.use"(%x, %a) : (memref<?x?x8xf32>, memref<?x?x8xf32>) -> ()
  %BT = arith.muli %B, %T : index
  %b = memref.alloc(%BT) : memref<?x16xbf16>
  "test.use"(%a, %b) : (memref<?x?x8xf32>, memref<?x16xbf16>) -> ()
  %c = memref.alloc(%B, %T) : memref<?x?x12xf32>
  "test.use"(%b, %c) : (memref<?x16xbf16>, memref<?x?x12xf32>) -> ()
  %d = memref.alloc(%B) : memref<?x4xf32>
  "test.use"(%d, %x) : (memref<?x4xf32>, memref<?x?x8xf32>) -> ()
  memref.dealloc %d : memref<?x4xf32>
  return
}

// A view keeps its buffer alive: %b may not take the place of %a.
// CHECK-LABEL: func.func @views(
// CHECK-SAME:    %{{.*}}: memref<?x8xf32>, %[[ROOM:.*]]: memref<?xi8>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK:         %[[A:.*]] = memref.view %[[ROOM]][%[[C0]]]
// CHECK:         %[[PART:.*]] = memref.subview %[[A]]
// CHECK-NOT:     memref.view %[[ROOM]][%[[C0]]]
// CHECK:         %[[B:.*]] = memref.view %[[ROOM]][%{{.*}}]
// CHECK-NEXT:    "test.use"(%[[PART]], %[[B]])
func.func @views(%x: memref<?x8xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0, -1>], gate.dim_count = 1 : i64} {
  %c0 = arith.constant 0 : index
  %T = memref.dim %x, %c0 : memref<?x8xf32>
  %a = memref.alloc(%T) : memref<?x8xf32>
  %part = memref.subview %a[0, 0] [1, 8] [1, 1] : memref<?x8xf32> to memref<1x8xf32, strided<[8, 1]>>
  %b = memref.alloc(%T) : memref<?x8xf32>
  "test.use"(%part, %b) : (memref<1x8xf32, strided<[8, 1]>>, memref<?x8xf32>) -> ()
  return
}

// Two arguments with one named dim: sizes are equal, so bytes are shared.
// CHECK-LABEL: func.func @named(
// CHECK-SAME:    %[[X:.*]]: memref<?xf32>, %[[Y:.*]]: memref<?xf32>, %[[ROOM:.*]]: memref<?xi8>)
// CHECK-DAG:     %[[C0:.*]] = arith.constant 0 : index
// CHECK-DAG:     %[[T:.*]] = memref.dim %[[X]], %[[C0]]
// CHECK-NOT:     memref.dim
// CHECK:         %[[SHARED:.*]] = memref.view %[[ROOM]][%[[C0]]][%[[T]]]
// CHECK-NEXT:    "test.use"(%[[SHARED]])
// CHECK-NEXT:    "test.use"(%[[SHARED]])
// CHECK-NEXT:    return
func.func @named(%x: memref<?xf32>, %y: memref<?xf32>)
    attributes {gate.data_order = array<i64: 0, 1>, gate.dim_numbers = [array<i64: 0>, array<i64: 0>], gate.dim_count = 1 : i64} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %a = memref.alloc(%n) : memref<?xf32>
  "test.use"(%a) : (memref<?xf32>) -> ()
  %b = memref.alloc(%m) : memref<?xf32>
  "test.use"(%b) : (memref<?xf32>) -> ()
  return
}

// Out of the sequential loop, onto the stack of the outermost parallel one.
// CHECK-LABEL: func.func @stack(
// CHECK-NOT:     memref.view
// CHECK:         scf.forall
// CHECK-NEXT:      %[[TILE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK:           scf.for
// CHECK:             scf.forall
// CHECK-NEXT:          "test.use"(%[[TILE]]
// CHECK-LABEL: func.func private @stack_workspace(
// CHECK-NEXT:    %[[NOTHING:.*]] = arith.constant 0 : i64
// CHECK-NEXT:    return %[[NOTHING]]
func.func @stack(%x: memref<8x8xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: -1, -1>], gate.dim_count = 0 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.forall (%i) in (8) {
    scf.for %j = %c0 to %c8 step %c1 {
      scf.forall (%k) in (2) {
        %tile = memref.alloc() : memref<16xf32>
        "test.use"(%tile, %x) : (memref<16xf32>, memref<8x8xf32>) -> ()
      }
    }
  }
  return
}

// Out of loops at function level, its size first.
// CHECK-LABEL: func.func @loop(
// CHECK-SAME:    %[[X:.*]]: memref<?x8xf32>, %[[ROOM:.*]]: memref<?xi8>)
// CHECK:         %[[T:.*]] = memref.dim %[[X]],
// CHECK:         %[[ROW:.*]] = memref.view %[[ROOM]][%{{.*}}][%[[T]]] : memref<?xi8> to memref<?xf32>
// CHECK:         scf.for
// CHECK-NEXT:      "test.use"(%[[ROW]]
func.func @loop(%x: memref<?x8xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0, -1>], gate.dim_count = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %j = %c0 to %c8 step %c1 {
    %T = memref.dim %x, %c0 : memref<?x8xf32>
    %row = memref.alloc(%T) : memref<?xf32>
    "test.use"(%row, %x) : (memref<?xf32>, memref<?x8xf32>) -> ()
  }
  return
}

// A function that is not exported keeps its buffers.
// CHECK-LABEL: func.func private @other(
// CHECK-NEXT:    memref.alloc() : memref<16xf32>
// CHECK-NOT:   @other_workspace
func.func private @other() {
  %t = memref.alloc() : memref<16xf32>
  "test.use"(%t) : (memref<16xf32>) -> ()
  return
}
