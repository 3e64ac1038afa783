// RUN: gate-opt --gate-distribute-blocks --verify-diagnostics --split-input-file %s

func.func @op(%y: memref<8xf32>, %x: memref<4xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %a = vector.transfer_read %x[%c0], %zero {in_bounds = [true]} : memref<4xf32>, vector<4xf32>
  // expected-error @below {{'vector.interleave' has no form for the threads of a GPU yet}}
  %b = vector.interleave %a, %a : vector<4xf32> -> vector<8xf32>
  vector.transfer_write %b, %y[%c0] {in_bounds = [true]} : vector<8xf32>, memref<8xf32>
  return
}

// -----

func.func @constant(%y: memref<2xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  // expected-error @below {{expects constants of one value in a GPU kernel}}
  %a = arith.constant dense<[1.0, 2.0]> : vector<2xf32>
  vector.transfer_write %a, %y[%c0] {in_bounds = [true]} : vector<2xf32>, memref<2xf32>
  return
}

// -----

func.func @mask(%x: memref<8xf32>, %y: memref<8xf32>, %n: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %m = vector.create_mask %n : vector<8xi1>
  // expected-error @below {{expects an access without a mask}}
  %a = vector.transfer_read %x[%c0], %zero, %m {in_bounds = [true]} : memref<8xf32>, vector<8xf32>
  vector.transfer_write %a, %y[%c0] {in_bounds = [true]} : vector<8xf32>, memref<8xf32>
  return
}

// -----

func.func @broadcast(%x: memref<8xf32>, %y: memref<4x8xf32>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @below {{expects an access without a broadcast}}
  %a = vector.transfer_read %x[%c0], %zero {in_bounds = [true, true], permutation_map = affine_map<(i) -> (0, i)>} : memref<8xf32>, vector<4x8xf32>
  vector.transfer_write %a, %y[%c0, %c0] {in_bounds = [true, true]} : vector<4x8xf32>, memref<4x8xf32>
  return
}

// -----

func.func @part(%x: memref<8xf32>, %y: memref<4xf32>, %n: index) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %all = arith.constant dense<true> : vector<4xi1>
  %at = vector.step : vector<4xindex>
  %none = arith.constant dense<0.0> : vector<4xf32>
  // expected-error @below {{expects a gather from a whole buffer}}
  %a = vector.gather %x[%n] [%at], %all, %none : memref<8xf32>, vector<4xindex>, vector<4xi1>, vector<4xf32> into vector<4xf32>
  vector.transfer_write %a, %y[%c0] {in_bounds = [true]} : vector<4xf32>, memref<4xf32>
  return
}

// -----

func.func @math(%x: memref<8xbf16>, %y: memref<8xbf16>) attributes {gate.kernel} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : bf16
  %a = vector.transfer_read %x[%c0], %zero {in_bounds = [true]} : memref<8xbf16>, vector<8xbf16>
  // expected-error @below {{'math.exp' of 'bf16' has no form on a GPU; f32 has exp, exp2}}
  %b = math.exp %a : vector<8xbf16>
  vector.transfer_write %b, %y[%c0] {in_bounds = [true]} : vector<8xbf16>, memref<8xbf16>
  return
}
