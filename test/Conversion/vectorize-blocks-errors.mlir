// RUN: gate-opt --gate-vectorize-blocks --verify-diagnostics --split-input-file %s

// Two ops combine with the sum.
func.func @reduction(%x: tensor<8x16xf32>, %room: tensor<8xf32>) -> tensor<8xf32> {
  %y = scf.forall (%i) = (0) to (8) step (8) shared_outs(%o = %room) -> tensor<8xf32> {
    // expected-error @below {{expects a reduction by one sum, product, minimum or maximum in a GPU kernel}}
    %e = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : tensor<8x16xf32>) outs(%o : tensor<8xf32>) {
    ^bb0(%u: f32, %acc: f32):
      %0 = arith.addf %acc, %u : f32
      %1 = math.exp %0 : f32
      linalg.yield %1 : f32
    } -> tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %y : tensor<8xf32>
}

// -----

func.func @body(%x: tensor<8xf32>, %c: i1, %room: tensor<8xf32>) -> tensor<8xf32> {
  %y = scf.forall (%i) = (0) to (8) step (8) shared_outs(%o = %room) -> tensor<8xf32> {
    %e = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<8xf32>) outs(%o : tensor<8xf32>) {
    ^bb0(%u: f32, %old: f32):
      // expected-error @below {{expects elementwise ops in the body of an op of a GPU kernel, got 'scf.if'}}
      %0 = scf.if %c -> f32 {
        scf.yield %u : f32
      } else {
        scf.yield %old : f32
      }
      linalg.yield %0 : f32
    } -> tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %y : tensor<8xf32>
}

// -----

func.func @map(%x: tensor<16xf32>, %room: tensor<8xf32>) -> tensor<8xf32> {
  %y = scf.forall (%i) = (0) to (8) step (8) shared_outs(%o = %room) -> tensor<8xf32> {
    // expected-error @below {{expects maps that are projected permutations in a GPU kernel, got affine_map<(d0) -> (d0 * 2)>}}
    %e = linalg.generic {indexing_maps = [affine_map<(i) -> (2 * i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<16xf32>) outs(%o : tensor<8xf32>) {
    ^bb0(%u: f32, %old: f32):
      linalg.yield %u : f32
    } -> tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %y : tensor<8xf32>
}

// -----

// A tile of any size.
func.func @bound(%x: tensor<?xf32>, %room: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %y = scf.forall (%i) = (0) to (%n) step (8) shared_outs(%o = %room) -> tensor<?xf32> {
    // expected-error @below {{cannot bound dim 0 of the tile 'tensor<?xf32>' of a GPU kernel by a constant}}
    %a = tensor.extract_slice %x[%i] [%n] [1] : tensor<?xf32> to tensor<?xf32>
    %b = tensor.extract_slice %o[%i] [%n] [1] : tensor<?xf32> to tensor<?xf32>
    %e = linalg.exp ins(%a : tensor<?xf32>) outs(%b : tensor<?xf32>) -> tensor<?xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i] [%n] [1] : tensor<?xf32> into tensor<?xf32>
    }
  }
  return %y : tensor<?xf32>
}

// -----

func.func @region(%x: tensor<8xf32>, %n: i1, %room: tensor<8xf32>) -> tensor<8xf32> {
  %y = scf.forall (%i) = (0) to (8) step (8) shared_outs(%o = %room) -> tensor<8xf32> {
    // expected-error @below {{'scf.while' has no form in a GPU kernel yet}}
    scf.while : () -> () {
      scf.condition(%n)
    } do {
      scf.yield
    }
    %e = linalg.exp ins(%x : tensor<8xf32>) outs(%o : tensor<8xf32>) -> tensor<8xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %e into %o[%i] [8] [1] : tensor<8xf32> into tensor<8xf32>
    }
  }
  return %y : tensor<8xf32>
}
