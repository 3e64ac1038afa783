// RUN: gate-opt --gate-distribute-blocks=shared-bytes=8000 --split-input-file --verify-diagnostics %s

// Not even one slot has room.
// expected-error@+1 {{expects at most 8000 bytes of shared memory, got 8216}}
func.func @large(%x: memref<64x64xbf16>, %y: memref<64x64xbf16>, %n: i32) attributes {gate.kernel} {
  %ring = block.ring : !block.ring<2 x (vector<64x64xbf16>)>
  block.specialize producer {
    %c0 = arith.constant 0 : index
    block.acquire %ring[%n] : !block.ring<2 x (vector<64x64xbf16>)>
    block.copy %x[%c0, %c0] to %ring[%n] tile 0 dims [0, 1] sizes [64, 64]() : memref<64x64xbf16> to !block.ring<2 x (vector<64x64xbf16>)>
  } consumers {
    %c0 = arith.constant 0 : index
    %tile = block.take %ring[%n] : !block.ring<2 x (vector<64x64xbf16>)> -> vector<64x64xbf16>
    vector.transfer_write %tile, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xbf16>, memref<64x64xbf16>
    block.release %ring[%n] : !block.ring<2 x (vector<64x64xbf16>)>
  }
  return
}

// -----

// The launch makes the map: it knows no product of arguments.
func.func @size(%x: memref<?x32xbf16>, %y: memref<32x32xbf16>, %n: i32, %m: index) attributes {gate.kernel} {
  %rows = arith.muli %m, %m : index
  %ring = block.ring : !block.ring<2 x (vector<32x32xbf16>)>
  block.specialize producer {
    %c0 = arith.constant 0 : index
    block.acquire %ring[%n] : !block.ring<2 x (vector<32x32xbf16>)>
    // expected-error@+1 {{expects sizes that are constants or parameters of the kernel}}
    block.copy %x[%c0, %c0] to %ring[%n] tile 0 dims [0, 1] sizes [-9223372036854775808, 32](%rows) : memref<?x32xbf16> to !block.ring<2 x (vector<32x32xbf16>)>
  } consumers {
    %c0 = arith.constant 0 : index
    %tile = block.take %ring[%n] : !block.ring<2 x (vector<32x32xbf16>)> -> vector<32x32xbf16>
    vector.transfer_write %tile, %y[%c0, %c0] {in_bounds = [true, true]} : vector<32x32xbf16>, memref<32x32xbf16>
    block.release %ring[%n] : !block.ring<2 x (vector<32x32xbf16>)>
  }
  return
}

// -----

// A tile that changes its threads passes through shared memory, ring or not.
// expected-error@+1 {{expects at most 8000 bytes of shared memory, got 32768}}
func.func @turned(%x: memref<128x64xf32>, %y: memref<64x128xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %tile = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<128x64xf32>, vector<128x64xf32>
  %turned = vector.transpose %tile, [1, 0] : vector<128x64xf32> to vector<64x128xf32>
  vector.transfer_write %turned, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x128xf32>, memref<64x128xf32>
  return
}
