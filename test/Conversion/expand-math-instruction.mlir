// A machine with an instruction for 2^x: it does the work of the polynomial.
// RUN: gate-opt --gate-expand-math=exponential-instruction=true %s | FileCheck %s
// RUN: gate-opt --gate-expand-math %s | FileCheck %s --check-prefix=POLYNOMIAL

// CHECK-LABEL: func.func @exp2(
// CHECK-NOT:      math.exp2
// CHECK-COUNT-9:  llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
// CHECK-NOT:      llvm.call_intrinsic
// CHECK:          return
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
// CHECK:         %[[T:.*]] = vector.extract %[[HIGH]][0] : f32
// CHECK:         %[[POWER0:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"(%[[T]])
// CHECK-COUNT-7: llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
// CHECK:         %[[POWER:.*]] = vector.from_elements %[[POWER0]],
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
// CHECK:         llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"
// CHECK:         return
func.func @tanh(%x: f32) -> f32 {
  %y = math.tanh %x : f32
  return %y : f32
}

// Where few units are asked for, the instruction alone. Neither it nor the
// reciprocal is used where the program does not allow it.
// CHECK-LABEL: func.func @approximate(
// CHECK-SAME:    %[[X:[^:]*]]: f32, %[[Y:[^:]*]]: f32)
// CHECK:         %[[T:.*]] = arith.mulf %[[X]], %{{.*}} : f32
// CHECK-NEXT:    %[[POWER:.*]] = llvm.call_intrinsic "llvm.nvvm.ex2.approx.ftz.f32"(%[[T]])
// CHECK-NEXT:    %[[RECIPROCAL:.*]] = nvvm.rcp.approx.ftz.f %[[Y]]
// CHECK-NEXT:    %[[QUOTIENT:.*]] = arith.mulf %[[X]], %[[RECIPROCAL]] : f32
// CHECK-NEXT:    %[[EXACT:.*]] = arith.divf %[[X]], %[[Y]] : f32
// CHECK-NEXT:    return %[[POWER]], %[[QUOTIENT]], %[[EXACT]]
// POLYNOMIAL-LABEL: func.func @approximate(
// POLYNOMIAL-NOT:   llvm.call_intrinsic
// POLYNOMIAL-NOT:   nvvm.
// POLYNOMIAL:       arith.divf %{{.*}} fastmath<afn>
func.func @approximate(%x: f32, %y: f32) -> (f32, f32, f32) {
  %power = math.exp %x fastmath<afn> : f32
  %quotient = arith.divf %x, %y fastmath<afn> : f32
  %exact = arith.divf %x, %y : f32
  return %power, %quotient, %exact : f32, f32, f32
}

// CHECK-LABEL: func.func @double(
// CHECK-NEXT:    math.exp2 %{{.*}} : f64
// CHECK-NEXT:    math.exp %{{.*}} fastmath<afn> : f64
// CHECK-NEXT:    arith.divf %{{.*}} fastmath<afn> : f64
// CHECK-NEXT:    return
func.func @double(%x: f64) -> (f64, f64, f64) {
  %y = math.exp2 %x : f64
  %z = math.exp %x fastmath<afn> : f64
  %w = arith.divf %x, %x fastmath<afn> : f64
  return %y, %z, %w : f64, f64, f64
}
