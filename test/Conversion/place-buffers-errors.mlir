// RUN: gate-opt --gate-place-buffers --split-input-file --verify-diagnostics --allow-unregistered-dialect %s

func.func @dynamic_tile(%x: memref<?xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0>], gate.dim_count = 1 : i64} {
  %c0 = arith.constant 0 : index
  %T = memref.dim %x, %c0 : memref<?xf32>
  scf.forall (%i) in (8) {
    // expected-error@+1 {{temporary of dynamic size inside a parallel loop: 'memref<?xf32>'}}
    %t = memref.alloc(%T) : memref<?xf32>
    "test.use"(%t) : (memref<?xf32>) -> ()
  }
  return
}

// -----

func.func @stack(%x: memref<?xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0>], gate.dim_count = 1 : i64} {
  scf.forall (%i) in (8) {
    %a = memref.alloc() : memref<1024x1024xf32>
    // expected-error@+1 {{the tiles of one task need 4194305 bytes of stack, more than the 4194304 that a thread can be asked for; expects smaller widths}}
    %b = memref.alloc() : memref<i8>
    "test.use"(%a, %b) : (memref<1024x1024xf32>, memref<i8>) -> ()
  }
  return
}

// -----

func.func @loop(%x: memref<?xf32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0>], gate.dim_count = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  scf.for %j = %c0 to %c8 step %c1 {
    // expected-error@+1 {{temporary whose size depends on a loop: 'memref<?xf32>'}}
    %t = memref.alloc(%j) : memref<?xf32>
    "test.use"(%t) : (memref<?xf32>) -> ()
  }
  return
}

// -----

func.func @data(%x: memref<?xi32>)
    attributes {gate.data_order = array<i64: 0>, gate.dim_numbers = [array<i64: 0>], gate.dim_count = 1 : i64} {
  %c0 = arith.constant 0 : index
  %v = memref.load %x[%c0] : memref<?xi32>
  // expected-error@+1 {{the size of a temporary must follow from the shapes of the arguments, but comes from}}
  %n = arith.index_cast %v : i32 to index
  %t = memref.alloc(%n) : memref<?xf32>
  "test.use"(%t) : (memref<?xf32>) -> ()
  return
}
