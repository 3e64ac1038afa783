// RUN: gate-opt --gate-outline-kernels --verify-diagnostics --split-input-file %s

func.func @gate_function_f(%x: memref<8xf32, strided<[2]>>) attributes {gate.data_order = array<i64>, gate.exported_as = "f"} {
  // expected-error @below {{a GPU kernel cannot receive a value of type 'memref<8xf32, strided<[2]>>'}}
  scf.forall (%i) in (8) {
    %c = arith.constant 1.0 : f32
    memref.store %c, %x[%i] : memref<8xf32, strided<[2]>>
  }
  return
}

// -----

func.func @gate_function_f(%x: tensor<8xf32>) attributes {gate.data_order = array<i64>, gate.exported_as = "f"} {
  // expected-error @below {{expects a parallel loop on buffers}}
  %y = scf.forall (%i) in (8) shared_outs(%o = %x) -> tensor<8xf32> {
    %a = tensor.extract_slice %o[%i] [1] [1] : tensor<8xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %a into %o[%i] [1] [1] : tensor<1xf32> into tensor<8xf32>
    }
  }
  return
}
