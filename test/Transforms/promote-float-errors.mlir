// RUN: gate-opt --gate-promote-float --verify-diagnostics %s

// expected-error@+1 {{has a constant whose resource has no data of its type}}
module {
  func.func @no_data() -> tensor<2xf32> {
    %c = arith.constant dense_resource<missing> : tensor<2xf32>
    return %c : tensor<2xf32>
  }
}
