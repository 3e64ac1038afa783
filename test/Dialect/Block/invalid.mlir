// RUN: gate-opt --split-input-file --verify-diagnostics %s

// expected-error@+1 {{expects at least one stage, got 0}}
func.func private @no_stage(!block.ring<0 x (vector<8xf32>)>)

// -----

// expected-error@+1 {{expects tiles that are vectors of numbers whose sizes are powers of two, got 'vector<8x6xf32>'}}
func.func private @other_size(!block.ring<2 x (vector<8x8xf32>, vector<8x6xf32>)>)

// -----

// expected-error@+1 {{expects tiles that are vectors of numbers whose sizes are powers of two, got 'vector<8xindex>'}}
func.func private @no_number(!block.ring<2 x (vector<8xindex>)>)

// -----

// expected-error@+1 {{expects tiles that are vectors of numbers whose sizes are powers of two, got 'vector<[8]xf32>'}}
func.func private @scalable(!block.ring<2 x (vector<[8]xf32>)>)

// -----

// expected-error@+1 {{expects tiles that are vectors of numbers whose sizes are powers of two, got 'vector<f32>'}}
func.func private @no_dim(!block.ring<2 x (vector<f32>)>)

// -----

// expected-error@+1 {{expects tiles that are vectors of numbers whose sizes are powers of two, got 'f32'}}
func.func private @no_vector(!block.ring<2 x (f32)>)

// -----

func.func @strided(%x: memref<8x8xf32, strided<[16, 1]>>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects a row-major source, got 'memref<8x8xf32, strided<[16, 1]>>'}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [0, 1] sizes [8, 8]() : memref<8x8xf32, strided<[16, 1]>> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @indices(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects 2 indices and sizes, one for each dim of the source, got 1 and 2}}
  block.copy %x[%i] to %ring[%n] tile 0 dims [0, 1] sizes [8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @sizes(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects 2 indices and sizes, one for each dim of the source, got 2 and 3}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [0, 1] sizes [8, 8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @dynamic_sizes(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects a value for each dynamic size, got 0}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [0, 1] sizes [8, -9223372036854775808]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @tile(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects a tile of the ring, which has 1, got number 1}}
  block.copy %x[%i, %i] to %ring[%n] tile 1 dims [0, 1] sizes [8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @element(%x: memref<8x8xf16>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects a source of 'f32', got 'memref<8x8xf16>'}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [0, 1] sizes [8, 8]() : memref<8x8xf16> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @missing_dim(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects increasing dims of the source, one for each dim of 'vector<8x8xf32>', got [1]}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [1] sizes [8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @falling_dims(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects increasing dims of the source, one for each dim of 'vector<8x8xf32>', got [1, 0]}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [1, 0] sizes [8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @same_dims(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects increasing dims of the source, one for each dim of 'vector<8x8xf32>', got [1, 1]}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [1, 1] sizes [8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @other_last_dim(%x: memref<8x8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects dims of the source that end with its last, got [0, 1]}}
  block.copy %x[%i, %i, %i] to %ring[%n] tile 0 dims [0, 1] sizes [8, 8, 8]() : memref<8x8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @negative_dim(%x: memref<8x8xf32>, %ring: !block.ring<2 x (vector<8x8xf32>)>, %n: i32, %i: index) {
  // expected-error@+1 {{'block.copy' op expects increasing dims of the source, one for each dim of 'vector<8x8xf32>', got [-1, 1]}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [-1, 1] sizes [8, 8]() : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}

// -----

func.func @take(%ring: !block.ring<2 x (vector<8x8xf32>, vector<8xf32>)>, %n: i32) {
  // expected-error@+1 {{'block.take' op expects the tiles of the ring as results}}
  %tile = block.take %ring[%n] : !block.ring<2 x (vector<8x8xf32>, vector<8xf32>)> -> vector<8x8xf32>
  return
}

// -----

func.func @elements(%l: vector<64x16xbf16>, %r: vector<8x16xf16>, %acc: vector<64x8xf32>) {
  // expected-error@+1 {{'block.multiply' op expects [rows, depth] and [columns, depth] of one element type into f32 [rows, columns], got 'vector<64x16xbf16>', 'vector<8x16xf16>' into 'vector<64x8xf32>'}}
  %p = block.multiply %l, %r, %acc : vector<64x16xbf16>, vector<8x16xf16> into vector<64x8xf32>
  return
}

// -----

func.func @accumulator(%l: vector<64x16xbf16>, %r: vector<8x16xbf16>, %acc: vector<64x8xbf16>) {
  // expected-error@+1 {{'block.multiply' op expects [rows, depth] and [columns, depth] of one element type into f32 [rows, columns]}}
  %p = block.multiply %l, %r, %acc : vector<64x16xbf16>, vector<8x16xbf16> into vector<64x8xbf16>
  return
}

// -----

func.func @depth(%l: vector<64x16xbf16>, %r: vector<8x32xbf16>, %acc: vector<64x8xf32>) {
  // expected-error@+1 {{'block.multiply' op expects [rows, depth] and [columns, depth] of one element type into f32 [rows, columns]}}
  %p = block.multiply %l, %r, %acc : vector<64x16xbf16>, vector<8x32xbf16> into vector<64x8xf32>
  return
}

// -----

func.func @rows(%l: vector<64x16xbf16>, %r: vector<8x16xbf16>, %acc: vector<32x8xf32>) {
  // expected-error@+1 {{'block.multiply' op expects [rows, depth] and [columns, depth] of one element type into f32 [rows, columns]}}
  %p = block.multiply %l, %r, %acc : vector<64x16xbf16>, vector<8x16xbf16> into vector<32x8xf32>
  return
}

// -----

func.func @columns(%l: vector<64x16xbf16>, %r: vector<8x16xbf16>, %acc: vector<64x16xf32>) {
  // expected-error@+1 {{'block.multiply' op expects [rows, depth] and [columns, depth] of one element type into f32 [rows, columns]}}
  %p = block.multiply %l, %r, %acc : vector<64x16xbf16>, vector<8x16xbf16> into vector<64x16xf32>
  return
}

// -----

func.func @rank(%l: vector<64xbf16>, %r: vector<8x16xbf16>, %acc: vector<64x8xf32>) {
  // expected-error@+1 {{'block.multiply' op expects [rows, depth] and [columns, depth] of one element type into f32 [rows, columns]}}
  %p = block.multiply %l, %r, %acc : vector<64xbf16>, vector<8x16xbf16> into vector<64x8xf32>
  return
}

// -----

func.func @no_result(%v: vector<64x8xf32>) {
  // expected-error@+1 {{'block.wait' op expects a result exactly where it has a value, of the same type}}
  block.wait 0, %v : vector<64x8xf32>
  return
}

// -----

func.func @no_value() {
  // expected-error@+1 {{'block.wait' op expects a result exactly where it has a value, of the same type}}
  %r = block.wait 0 -> vector<64x8xf32>
  return
}

// -----

func.func @other_result(%v: vector<64x8xf32>) {
  // expected-error@+1 {{'block.wait' op expects a result exactly where it has a value, of the same type}}
  %r = block.wait 0, %v : vector<64x8xf32> -> vector<8x64xf32>
  return
}

// -----

func.func @pending(%v: vector<64x8xf32>) {
  // expected-error@+1 {{'block.wait' op expects to wait for all products where it makes a value readable, got 1 pending}}
  %r = block.wait 1, %v : vector<64x8xf32> -> vector<64x8xf32>
  return
}

// -----

func.func @lanes(%x: memref<8x8xf32>, %i: index, %n: i32) {
  %ring = block.ring : !block.ring<2 x (vector<8x8xf32>)>
  // expected-error@+1 {{'block.copy' op expects a row to be copied by lanes, got 'vector<8x8xf32>'}}
  block.copy %x[%i, %i] to %ring[%n] tile 0 dims [0, 1] sizes [8, 8]() {by_lanes} : memref<8x8xf32> to !block.ring<2 x (vector<8x8xf32>)>
  return
}
