// RUN: gate-opt %s | gate-opt | FileCheck %s
// RUN: gate-opt --mlir-print-op-generic %s | gate-opt | FileCheck %s

// CHECK-LABEL: func.func @types(
// CHECK-SAME:    !block.ring<1 x{{ ?}}(vector<8xf32>)>
// CHECK-SAME:    !block.ring<3 x{{ ?}}(vector<128x64xbf16>, vector<2x64x256xf16>)>
func.func @types(%a: !block.ring<1 x (vector<8xf32>)>,
                 %b: !block.ring<3 x (vector<128x64xbf16>, vector<2x64x256xf16>)>) {
  return
}

// A ring's producer and its consumers. Sizes of a buffer are constants or values.
// CHECK-LABEL: func.func @ring(
// CHECK-SAME:    %[[A:[^:]*]]: memref<?x64xbf16>, %[[B:[^:]*]]: memref<4x?x256xbf16>, %[[M:[^:]*]]: index, %[[N:[^:]*]]: i32, %[[LATER:[^:]*]]: i1)
// CHECK:         %[[RING:.*]] = block.ring : <2 x{{ ?}}(vector<16x64xbf16>, vector<64x32xbf16>)>
// CHECK:         block.specialize producer {
// CHECK-NEXT:      block.acquire %[[RING]][%[[N]]] : <2 x{{ ?}}(vector<16x64xbf16>, vector<64x32xbf16>)>
// CHECK-NEXT:      block.copy %[[A]][%[[M]], %[[M]]] to %[[RING]][%[[N]]] tile 0 dims [0, 1] sizes [-9223372036854775808, 64](%[[M]]) : memref<?x64xbf16> to <
// CHECK-NEXT:      block.copy %[[B]][%[[M]], %[[M]], %[[M]]] to %[[RING]][%[[N]]] tile 1 dims [1, 2] sizes [4, 100, 256]() {note = 1 : i64} : memref<4x?x256xbf16> to <
// CHECK-NEXT:    } consumers {
// CHECK-NEXT:      %[[TILES:.*]]:2 = block.take %[[RING]][%[[N]]] : <2 x{{ ?}}(vector<16x64xbf16>, vector<64x32xbf16>)> -> vector<16x64xbf16>, vector<64x32xbf16>
// CHECK-NEXT:      arith.negf %[[TILES]]#1
// CHECK-NEXT:      block.release %[[RING]][%[[N]]] : <
// CHECK-NEXT:      block.release %[[RING]][%[[N]]] if %[[LATER]] : <
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @ring(%a: memref<?x64xbf16>, %b: memref<4x?x256xbf16>, %m: index, %n: i32, %later: i1) {
  %ring = block.ring : !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)>
  block.specialize producer {
    block.acquire %ring[%n] : !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)>
    block.copy %a[%m, %m] to %ring[%n] tile 0 dims [0, 1] sizes [-9223372036854775808, 64](%m)
      : memref<?x64xbf16> to !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)>
    block.copy %b[%m, %m, %m] to %ring[%n] tile 1 dims [1, 2] sizes [4, 100, 256]() {note = 1 : i64}
      : memref<4x?x256xbf16> to !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)>
  } consumers {
    %tiles:2 = block.take %ring[%n] : !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)> -> vector<16x64xbf16>, vector<64x32xbf16>
    %used = arith.negf %tiles#1 : vector<64x32xbf16>
    block.release %ring[%n] : !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)>
    block.release %ring[%n] if %later : !block.ring<2 x (vector<16x64xbf16>, vector<64x32xbf16>)>
  }
  return
}

// CHECK-LABEL: func.func @products(
// CHECK-SAME:    %[[L:[^:]*]]: vector<64x16xbf16>, %[[R:[^:]*]]: vector<8x16xbf16>, %[[ACC:[^:]*]]: vector<64x8xf32>)
// CHECK-NEXT:    %[[P:.*]] = block.multiply %[[L]], %[[R]], %[[ACC]] : vector<64x16xbf16>, vector<8x16xbf16> into vector<64x8xf32>
// CHECK-NEXT:    %[[Q:.*]] = block.multiply %[[L]], %[[R]], %[[P]]
// CHECK-NEXT:    block.wait 1{{$}}
// CHECK-NEXT:    %[[READABLE:.*]] = block.wait 0, %[[Q]] : vector<64x8xf32> -> vector<64x8xf32>
// CHECK-NEXT:    return %[[READABLE]]
func.func @products(%l: vector<64x16xbf16>, %r: vector<8x16xbf16>, %acc: vector<64x8xf32>) -> vector<64x8xf32> {
  %p = block.multiply %l, %r, %acc : vector<64x16xbf16>, vector<8x16xbf16> into vector<64x8xf32>
  %q = block.multiply %l, %r, %p : vector<64x16xbf16>, vector<8x16xbf16> into vector<64x8xf32>
  block.wait 1
  %readable = block.wait 0, %q : vector<64x8xf32> -> vector<64x8xf32>
  return %readable : vector<64x8xf32>
}
