// A machine with an instruction for 2^x: it does the work of the polynomial.
// RUN: gate-opt --gate-expand-math=exponential-instruction=true %s | FileCheck %s

// CHECK-LABEL: func.func @exp2(
// CHECK-NEXT:    math.exp2 %{{.*}} : f32
// CHECK-NEXT:    math.exp2 %{{.*}} : vector<8xf32>
// CHECK-NEXT:    return
func.func @exp2(%x: f32, %v: vector<8xf32>) -> (f32, vector<8xf32>) {
  %y = math.exp2 %x : f32
  %w = math.exp2 %v : vector<8xf32>
  return %y, %w : f32, vector<8xf32>
}

// The product with 1 / ln 2 is rounded; what it lacks, exactly by a multiply-add,
// is a factor behind the instruction. Arguments are finite, so that it is, too.
// CHECK-LABEL: func.func @exp(
// CHECK-SAME:    %[[X:[^:]*]]: vector<8xf32>)
// CHECK-NOT:     math.exp %
// CHECK:         %[[ABOVE:.*]] = arith.maximumf %[[X]], %
// CHECK:         %[[INSIDE:.*]] = arith.minimumf %[[ABOVE]], %
// CHECK:         %[[HIGH:.*]] = arith.mulf %[[INSIDE]], %[[SCALE:.*]] : vector<8xf32>
// CHECK:         %[[MINUS:.*]] = arith.negf %[[HIGH]]
// CHECK:         %[[ERROR:.*]] = math.fma %[[INSIDE]], %[[SCALE]], %[[MINUS]]
// CHECK:         %[[LOW:.*]] = math.fma %[[INSIDE]], %{{.*}}, %[[ERROR]]
// CHECK:         %[[POWER:.*]] = math.exp2 %[[HIGH]] : vector<8xf32>
// CHECK:         %[[FACTOR:.*]] = math.fma %[[LOW]], %{{.*}}, %{{.*}}
// CHECK:         %[[Y:.*]] = arith.mulf %[[POWER]], %[[FACTOR]]
// CHECK-NEXT:    return %[[Y]]
func.func @exp(%x: vector<8xf32>) -> vector<8xf32> {
  %y = math.exp %x : vector<8xf32>
  return %y : vector<8xf32>
}

// What is made of exponentials uses it.
// CHECK-LABEL: func.func @tanh(
// CHECK-NOT:     math.tanh
// CHECK:         math.exp2 %{{.*}} : f32
// CHECK:         return
func.func @tanh(%x: f32) -> f32 {
  %y = math.tanh %x : f32
  return %y : f32
}

// CHECK-LABEL: func.func @double(
// CHECK-NEXT:    math.exp2 %{{.*}} : f64
// CHECK-NEXT:    math.exp %{{.*}} : f64
// CHECK-NEXT:    return
func.func @double(%x: f64) -> (f64, f64) {
  %y = math.exp2 %x : f64
  %z = math.exp %x : f64
  return %y, %z : f64, f64
}
