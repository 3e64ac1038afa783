// RUN: gate-opt --gate-expand-math %s | FileCheck %s
// RUN: gate-opt --gate-expand-math=scale-instruction=true %s | FileCheck %s --check-prefix=SCALE

// Clamped, rounded by an addition of 1.5 * 2^23, a polynomial of degree 6, and
// scaled in two steps.
// CHECK-LABEL: func.func @exp2(
// CHECK-SAME:    %[[X:.*]]: f32)
// CHECK-DAG:     %[[SHIFT:.*]] = arith.constant 0x4B400000 : f32
// CHECK-NOT:     math.exp2
// CHECK:         %[[ABOVE:.*]] = arith.maximumf %[[X]], %{{.*}} : f32
// CHECK:         %[[INSIDE:.*]] = arith.minimumf %[[ABOVE]], %{{.*}} : f32
// CHECK:         %[[SHIFTED:.*]] = arith.addf %[[INSIDE]], %[[SHIFT]] : f32
// CHECK:         %[[WHOLE:.*]] = arith.subf %[[SHIFTED]], %[[SHIFT]] : f32
// CHECK:         %[[R:.*]] = arith.subf %[[INSIDE]], %[[WHOLE]] : f32
// CHECK-COUNT-6: math.fma %{{.*}}, %[[R]], %{{.*}} : f32
// CHECK-NOT:     math.fma
// CHECK-COUNT-2: arith.mulf
// CHECK-NOT:     arith.mulf
// CHECK:         return
func.func @exp2(%x: f32) -> f32 {
  %y = math.exp2 %x : f32
  return %y : f32
}

// Two more multiply-adds take x - n ln 2.
// CHECK-LABEL: func.func @exp(
// CHECK-NOT:     math.exp
// CHECK-COUNT-8: math.fma %{{.*}} : vector<16xf32>
// CHECK-NOT:     math.fma
// CHECK:         return

// Sixteen lanes are scaled at once, with the whole power as a float.
// SCALE-LABEL: func.func @exp2(
// SCALE-NOT:     llvm.call_intrinsic
// SCALE:         return
// SCALE-LABEL: func.func @exp(
// SCALE:         %[[SHIFTED:.*]] = arith.addf %{{.*}}, %[[SHIFT:.*]] : vector<16xf32>
// SCALE:         %[[WHOLE:.*]] = arith.subf %[[SHIFTED]], %[[SHIFT]] : vector<16xf32>
// SCALE-COUNT-7: math.fma
// SCALE:         %[[VALUE:.*]] = math.fma
// SCALE-NEXT:    %[[Y:.*]] = llvm.call_intrinsic "llvm.x86.avx512.mask.scalef.ps.512"(%[[VALUE]], %[[WHOLE]],
// SCALE-NEXT:    return %[[Y]]
func.func @exp(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.exp %x : vector<16xf32>
  return %y : vector<16xf32>
}

// CHECK-LABEL: func.func @approximations(
// CHECK-NOT:     math.log
// CHECK-NOT:     math.tanh
// CHECK-NOT:     math.erf
// CHECK:         return
func.func @approximations(%x: f32) -> (f32, f32, f32, f32) {
  %a = math.log %x : f32
  %b = math.log1p %x : f32
  %c = math.tanh %x : f32
  %d = math.erf %x : f32
  return %a, %b, %c, %d : f32, f32, f32, f32
}

// CHECK-LABEL: func.func @double(
// CHECK-NEXT:    math.exp %
// CHECK-NEXT:    math.exp2
// CHECK-NEXT:    math.log1p
// CHECK-NEXT:    return
func.func @double(%x: f64) -> (f64, f64, f64) {
  %a = math.exp %x : f64
  %b = math.exp2 %x : f64
  %c = math.log1p %x : f64
  return %a, %b, %c : f64, f64, f64
}

// CHECK-LABEL: func.func @others(
// CHECK-NEXT:    math.sin
// CHECK-NEXT:    math.sqrt
// CHECK-NEXT:    math.rsqrt
// CHECK-NEXT:    return
func.func @others(%x: f32) -> (f32, f32, f32) {
  %a = math.sin %x : f32
  %b = math.sqrt %x : f32
  %c = math.rsqrt %x : f32
  return %a, %b, %c : f32, f32, f32
}
