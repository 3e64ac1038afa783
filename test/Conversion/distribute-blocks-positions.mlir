// RUN: gate-opt --gate-distribute-blocks="elements-per-thread=8 max-warps=1" --canonicalize --cse %s | FileCheck %s

// Eight elements a thread, four neighbours of one row and of the row below the
// middle: places are compared in 32 bits, what the thread has with a constant,
// once for all registers that have the same one. Columns minus rows are 0 to 3
// and 8 less.
// CHECK-LABEL: func.func @triangle(
// CHECK:         %[[DIFFERENCE:.*]] = arith.subi %{{.*}}, %{{.*}} : i32
// CHECK-COUNT-8: arith.cmpi sle, %[[DIFFERENCE]], %{{.*}} : i32
// CHECK-NOT:     arith.cmpi
// CHECK:         return
func.func @triangle(%x: memref<16x16xf32>, %y: memref<16x16xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<16x16xf32>
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xf32>, vector<16x16xf32>
  %step = vector.step : vector<16xindex>
  %columns = vector.broadcast %step : vector<16xindex> to vector<16x16xindex>
  %rows = vector.transpose %columns, [1, 0] : vector<16x16xindex> to vector<16x16xindex>
  %isBelow = arith.cmpi ule, %columns, %rows : vector<16x16xindex>
  %b = arith.select %isBelow, %a, %zeros : vector<16x16xi1>, vector<16x16xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32>
  return
}

// Blocks of four that are the halves of a block of eight: the bit of 4 is the
// first in which row and column differ. The constants of four neighbours, and of
// rows that are 8 apart, have no such bit or the next one: two comparisons.
// CHECK-LABEL: func.func @halves(
// CHECK:         %[[BOTH:.*]] = arith.xori %{{.*}}, %{{.*}} : i32
// CHECK:         %[[FIRST:.*]] = arith.shrui %[[BOTH]], %{{.*}} : i32
// CHECK-COUNT-2: arith.cmpi eq, %[[FIRST]], %{{.*}} : i32
// CHECK-NOT:     arith.cmpi
// CHECK:         return
func.func @halves(%x: memref<16x16xf32>, %y: memref<16x16xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<16x16xf32>
  %one = arith.constant dense<1> : vector<16x16xindex>
  %two = arith.constant dense<2> : vector<16x16xindex>
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xf32>, vector<16x16xf32>
  %step = vector.step : vector<16xindex>
  %columns = vector.broadcast %step : vector<16xindex> to vector<16x16xindex>
  %rows = vector.transpose %columns, [1, 0] : vector<16x16xindex> to vector<16x16xindex>
  %both = arith.xori %rows, %columns : vector<16x16xindex>
  %first = arith.shrui %both, %two : vector<16x16xindex>
  %isHalf = arith.cmpi eq, %first, %one : vector<16x16xindex>
  %b = arith.select %isHalf, %a, %zeros : vector<16x16xi1>, vector<16x16xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32>
  return
}

// A place and an end that is known at run time: as any numbers.
// CHECK-LABEL: func.func @other(
// CHECK:         arith.cmpi ult, %{{.*}}, %{{.*}} : vector<8xindex>
func.func @other(%x: memref<16x16xf32>, %y: memref<16x16xf32>, %end: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %zeros = arith.constant dense<0.0> : vector<16x16xf32>
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<16x16xf32>, vector<16x16xf32>
  %step = vector.step : vector<16xindex>
  %columns = vector.broadcast %step : vector<16xindex> to vector<16x16xindex>
  %ends = vector.broadcast %end : index to vector<16x16xindex>
  %isInside = arith.cmpi ult, %columns, %ends : vector<16x16xindex>
  %b = arith.select %isInside, %a, %zeros : vector<16x16xi1>, vector<16x16xf32>
  vector.transfer_write %b, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x16xf32>, memref<16x16xf32>
  return
}
