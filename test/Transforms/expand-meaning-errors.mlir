// RUN: gate-opt --gate-expand-meaning --verify-diagnostics %s

func.func @dynamic_output(%x: tensor<?x?x?xf32>, %h0: tensor<?x8xf32>) -> tensor<?x?x?xf32> {
  // expected-error@+1 {{'gate.scan' op expects outputs of static shape per token, got 'tensor<?xf32>'}}
  %h, %last = gate.scan inputs(%x) initial(%h0) {
  ^bb0(%xt: tensor<?xf32>, %s: tensor<8xf32>):
    gate.yield %s, %xt : tensor<8xf32>, tensor<?xf32>
  } : (tensor<?x?x?xf32>, tensor<?x8xf32>) -> (tensor<?x?x?xf32>, tensor<?x8xf32>)
  return %h : tensor<?x?x?xf32>
}
