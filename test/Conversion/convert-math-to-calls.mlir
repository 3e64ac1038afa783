// RUN: gate-opt --gate-convert-math-to-calls %s | FileCheck %s

// CHECK-DAG: func.func private @log1pf(f32) -> f32
// CHECK-DAG: func.func private @erf(f64) -> f64
// CHECK-DAG: func.func private @tanhf(f32) -> f32

// CHECK-LABEL: func.func @scalars(
// CHECK-SAME:    %[[X:.*]]: f32, %[[Y:.*]]: f64)
// CHECK:         %[[A:.*]] = call @log1pf(%[[X]]) : (f32) -> f32
// CHECK:         %[[B:.*]] = call @erf(%[[Y]]) : (f64) -> f64
// CHECK:         return %[[A]], %[[B]]
func.func @scalars(%x: f32, %y: f64) -> (f32, f64) {
  %a = math.log1p %x : f32
  %b = math.erf %y : f64
  return %a, %b : f32, f64
}

// One call per element.
// CHECK-LABEL: func.func @lanes(
// CHECK-NOT:     math.
// CHECK-COUNT-4: call @tanhf(
// CHECK-NOT:     call
// CHECK:         return
func.func @lanes(%x: vector<4xf32>) -> vector<4xf32> {
  %a = math.tanh %x : vector<4xf32>
  return %a : vector<4xf32>
}

// libm has no narrower functions.
// CHECK-LABEL: func.func @half(
// CHECK:         arith.extf %{{.*}} : f16 to f32
// CHECK:         call @log1pf(
// CHECK:         arith.truncf %{{.*}} : f32 to f16
func.func @half(%x: f16) -> f16 {
  %a = math.log1p %x : f16
  return %a : f16
}

// Functions that LLVM has as they are.
// CHECK-LABEL: func.func @intrinsics(
// CHECK-NOT:     call
// CHECK:         math.exp %
// CHECK:         math.exp2
// CHECK:         math.sqrt
// CHECK:         math.log %
// CHECK:         math.fma
// CHECK:         math.absf
func.func @intrinsics(%x: f64, %v: vector<4xf32>) -> (f64, vector<4xf32>) {
  %a = math.exp %x : f64
  %b = math.exp2 %a : f64
  %c = math.sqrt %b : f64
  %d = math.log %c : f64
  %e = math.fma %v, %v, %v : vector<4xf32>
  %f = math.absf %e : vector<4xf32>
  return %d, %f : f64, vector<4xf32>
}
