// RUN: gate-opt --gate-distribute-blocks --canonicalize --cse --split-input-file %s | FileCheck %s
// RUN: gate-opt --gate-distribute-blocks=allow-tf32=true --canonicalize --cse --split-input-file %s | FileCheck %s --check-prefix=TF32

// Operands through shared memory to the lanes that tensor cores take them from.
// CHECK-LABEL: func.func @narrow(
// CHECK:         llvm.store %{{.*}} : vector<8xbf16>, !llvm.ptr<3>
// CHECK:         nvvm.barrier0
// CHECK:         nvvm.mma.sync A[%{{[^]]*}}] B[%{{[^]]*}}] C[%{{[^]]*}}] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>}
// CHECK-NOT:     vector.contract
// CHECK:         vector.store %{{.*}} : memref<64x64xf32>
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>
func.func @narrow(%x: memref<64x64xbf16>, %w: memref<64x64xbf16>, %y: memref<64x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %none = arith.constant dense<0.0> : vector<64x64xf32>
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x64xbf16>, vector<64x64xbf16>
  %b = vector.transfer_read %w[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x64xbf16>, vector<64x64xbf16>
  %p = vector.contract {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]}
    %a, %b, %none : vector<64x64xbf16>, vector<64x64xbf16> into vector<64x64xf32>
  vector.transfer_write %p, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x64xf32>, memref<64x64xf32>
  return
}

// -----

// f32 as six products of three tf32, the small ones first, from zero; long sums
// are added outside of tensor cores, which cut what they add.
// CHECK-LABEL: func.func @wide(
// CHECK-SAME:    gate.threads = 128 : i64
// CHECK:         %[[NONE:.*]] = arith.constant 0.0{{.*}} : f32
// CHECK:         nvvm.mma.sync A[%{{[^]]*}}] B[%{{[^]]*}}] C[%[[NONE]], %[[NONE]], %[[NONE]], %[[NONE]]] {{.*}}#nvvm.mma_type<tf32>{{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
// CHECK:         nvvm.mma.sync
// CHECK:         nvvm.mma.sync
// CHECK:         arith.addf %{{.*}} : f32
// CHECK:         nvvm.mma.sync A[%{{[^]]*}}] B[%{{[^]]*}}] C[%[[NONE]], %[[NONE]], %[[NONE]], %[[NONE]]]

// One product where rounding to tf32 is allowed: the sum stays in the tensor
// core, and nothing is left of an operand.
// TF32-LABEL: func.func @wide(
// TF32-NOT:     arith.subf
// TF32:         arith.addi %{{.*}} : vector<[[#]]xi32>
// TF32-NEXT:    arith.andi %{{.*}} : vector<[[#]]xi32>
// TF32-NOT:     arith.subf
// TF32:         %[[PART:.*]] = nvvm.mma.sync {{.*}}#nvvm.mma_type<tf32>{{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
// TF32-NEXT:    %[[SUM:.*]] = llvm.extractvalue %[[PART]][0]
// TF32:         nvvm.mma.sync A[%{{[^]]*}}] B[%{{[^]]*}}] C[%[[SUM]],
// TF32-NOT:     arith.addf
// TF32:         vector.store
#left = affine_map<(m, n, k) -> (m, k)>
#right = affine_map<(m, n, k) -> (n, k)>
#result = affine_map<(m, n, k) -> (m, n)>
func.func @wide(%x: memref<64x16xf32>, %w: memref<32x16xf32>, %y: memref<64x32xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xf32>, vector<64x16xf32>
  %b = vector.transfer_read %w[%c0, %c0], %zero {in_bounds = [true, true]} : memref<32x16xf32>, vector<32x16xf32>
  %old = vector.transfer_read %y[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x32xf32>, vector<64x32xf32>
  %p = vector.contract {indexing_maps = [#left, #right, #result], iterator_types = ["parallel", "parallel", "reduction"]}
    %a, %b, %old : vector<64x16xf32>, vector<32x16xf32> into vector<64x32xf32>
  vector.transfer_write %p, %y[%c0, %c0] {in_bounds = [true, true]} : vector<64x32xf32>, memref<64x32xf32>
  return
}

// -----

// A loop and a choice carry the registers of a thread.
// CHECK-LABEL: func.func @control(
// CHECK-SAME:    %[[FLAG:[^:]*]]: i1
// CHECK:         %[[SUM:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<8xf32>)
// CHECK:           vector.load
// CHECK:           %[[NEXT:.*]] = arith.addf %{{.*}} : vector<8xf32>
// CHECK:           scf.yield %[[NEXT]] : vector<8xf32>
// CHECK:         %[[Y:.*]] = scf.if %[[FLAG]] -> (vector<8xf32>)
// CHECK:           math.exp %[[SUM]] : vector<8xf32>
// CHECK:         } else {
// CHECK:           scf.yield %[[SUM]] : vector<8xf32>
// CHECK:         vector.store
func.func @control(%flag: i1, %n: index, %x: memref<?x16x64xf32>, %y: memref<16x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %none = arith.constant dense<0.0> : vector<16x64xf32>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%s = %none) -> vector<16x64xf32> {
    %a = vector.transfer_read %x[%i, %c0, %c0], %zero {in_bounds = [true, true]} : memref<?x16x64xf32>, vector<16x64xf32>
    %t = arith.addf %s, %a : vector<16x64xf32>
    scf.yield %t : vector<16x64xf32>
  }
  %c = scf.if %flag -> vector<16x64xf32> {
    %e = math.exp %sum : vector<16x64xf32>
    scf.yield %e : vector<16x64xf32>
  } else {
    scf.yield %sum : vector<16x64xf32>
  }
  vector.transfer_write %c, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x64xf32>, memref<16x64xf32>
  return
}

// -----

// Rows of a table: their numbers are data, what is in them lies side by side.
// CHECK-LABEL: func.func @gather(
// CHECK-SAME:    %[[TABLE:[^:]*]]: memref<100x64xf32>
// CHECK:         %[[FLAT:.*]] = memref.reinterpret_cast %[[TABLE]]
// CHECK:         vector.load %[[FLAT]][%{{.*}}] {alignment = 16 : i64} : {{.*}}, vector<4xf32>
func.func @gather(%x: memref<100x64xf32>, %ids: memref<16xindex>, %y: memref<16x64xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<16x64xi1>
  %none = arith.constant dense<0.0> : vector<16x64xf32>
  %rows = vector.transfer_read %ids[%c0], %c0 {in_bounds = [true]} : memref<16xindex>, vector<16xindex>
  %turned = vector.broadcast %rows : vector<16xindex> to vector<64x16xindex>
  %t = vector.transpose %turned, [1, 0] : vector<64x16xindex> to vector<16x64xindex>
  %w = arith.constant dense<64> : vector<16x64xindex>
  %start = arith.muli %t, %w : vector<16x64xindex>
  %step = vector.step : vector<64xindex>
  %column = vector.broadcast %step : vector<64xindex> to vector<16x64xindex>
  %at = arith.addi %start, %column : vector<16x64xindex>
  %v = vector.gather %x[%c0, %c0] [%at], %all, %none : memref<100x64xf32>, vector<16x64xindex>, vector<16x64xi1>, vector<16x64xf32> into vector<16x64xf32>
  vector.transfer_write %v, %y[%c0, %c0] {in_bounds = [true, true]} : vector<16x64xf32>, memref<16x64xf32>
  return
}
