// What a schedule says of a scan is done, and recorded on the loops.
// RUN: gate-opt --gate-chunk-scans --canonicalize --split-input-file %s | FileCheck %s

// Chunks of 16 tokens; the rest of the choice is the table's.
// CHECK-LABEL: func.func @chunk(
// CHECK-DAG:     %[[T:.*]] = arith.constant 128 : index
// CHECK-DAG:     %[[C:.*]] = arith.constant 16 : index
// CHECK:         scf.for %{{.*}} = %{{.*}} to %[[T]] step %[[C]] iter_args({{.*}}) -> (tensor<128x16xf32>, tensor<16x16xf32>)
// CHECK:         {gate.schedule = #gate.schedule<{chunk = 16, few_tokens = 6, segment = 0}>}
func.func @chunk(%q: tensor<2x128x3x16xf32>) -> tensor<2x128x3x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{chunk = 16}>}
    : (tensor<2x128x3x16xf32>, tensor<2x128x3x16xf32>, tensor<2x128x3x16xf32>) -> (tensor<2x128x3x16xf32>, tensor<2x3x16x16xf32>)
  return %o : tensor<2x128x3x16xf32>
}

// -----

// Up to ten tokens one by one.
// CHECK-LABEL: func.func @few_tokens(
// CHECK-COUNT-10: linalg.generic {{.*}}"parallel", "parallel", "reduction"]
// CHECK-NOT:     "reduction"
// CHECK:         return
func.func @few_tokens(%q: tensor<2x10x3x16xf32>) -> tensor<2x10x3x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{few_tokens = 10}>}
    : (tensor<2x10x3x16xf32>, tensor<2x10x3x16xf32>, tensor<2x10x3x16xf32>) -> (tensor<2x10x3x16xf32>, tensor<2x3x16x16xf32>)
  return %o : tensor<2x10x3x16xf32>
}

// -----

// Three cases: two tests of the time, in order. All write to the same tensors.
// A dim is as good as the op's own role for it.
// CHECK-LABEL: func.func @three_cases(
// CHECK-SAME:    %[[Q:[^:]*]]: tensor<?x?x2x16xf32> {{.*}}, %[[S:[^:]*]]: tensor<?x2x16x16xf32>)
// CHECK-DAG:     %[[FEW:.*]] = arith.constant 64 : index
// CHECK-DAG:     %[[MANY:.*]] = arith.constant 4096 : index
// CHECK:         %[[T:.*]] = tensor.dim %[[Q]], %c1
// CHECK:         %[[ROOM:.*]] = tensor.empty
// CHECK:         %[[FIRST:.*]] = arith.cmpi ult, %[[T]], %[[FEW]]
// CHECK:         %[[R:.*]]:2 = scf.if %[[FIRST]] -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>) {
// CHECK:           scf.forall {{.*}} shared_outs(%{{.*}} = %[[ROOM]], %{{.*}} = %[[S]])
// CHECK:           {gate.schedule = #gate.schedule<{chunk = 16, few_tokens = 6, segment = 0}>}
// CHECK:         } else {
// CHECK:           %[[SECOND:.*]] = arith.cmpi uge, %{{.*}}, %[[MANY]]
// CHECK:           scf.if %[[SECOND]]
// CHECK-COUNT-4:     {gate.schedule = #gate.schedule<{chunk = 32, few_tokens = 6, segment = 1024}>}
// CHECK:           } else {
// CHECK:             scf.forall {{.*}} shared_outs(%{{.*}} = %[[ROOM]], %{{.*}} = %[[S]])
// CHECK:             {gate.schedule = #gate.schedule<{chunk = 32, few_tokens = 6, segment = 0}>}
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @three_cases(%q: tensor<?x?x2x16xf32> {gate.dims = ["B", "T", "", ""]}, %s: tensor<?x2x16x16xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>) attributes {gate.time = "T"} {
  %o, %last = gate.linear_scan %q, %q, %q initial(%s) {gate.schedule = #gate.schedule<
      when "time" lt 64 {chunk = 16}, when "T" ge 4096 {segment = 1024}, {segment = 0}>}
    : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
    -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o, %last : tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>
}

// -----

// Known sizes decide at once.
// CHECK-LABEL: func.func @known(
// CHECK-NOT:     scf.if
// CHECK:         {gate.schedule = #gate.schedule<{chunk = 32, few_tokens = 6, segment = 0}>}
// CHECK-NOT:     gate.schedule
// CHECK:         return
func.func @known(%q: tensor<2x256x3x16xf32>) -> tensor<2x256x3x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<
      when "time" gt 256 {chunk = 16}, when "independent" eq 6 {chunk = 32}, {chunk = 64}>}
    : (tensor<2x256x3x16xf32>, tensor<2x256x3x16xf32>, tensor<2x256x3x16xf32>) -> (tensor<2x256x3x16xf32>, tensor<2x3x16x16xf32>)
  return %o : tensor<2x256x3x16xf32>
}
