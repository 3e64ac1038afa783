// RUN: gate-opt --gate-chunk-scans --split-input-file --verify-diagnostics %s

func.func @chunk(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects chunk to be 1 or a multiple of 16 up to 512, got 24}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{chunk = 24}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @no_chunk(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects chunk to be a number of at least 1, got 0}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{chunk = 0}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @segment(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects segment to be a multiple of the 32 tokens of a chunk, got 100}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{segment = 100}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @text(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects few_tokens to be a number of at least 0, got "some"}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{few_tokens = "some"}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @unknown(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{unknown choice 'panel' for scan; expects one of chunk, segment, few_tokens}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<{panel = 64}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @general(%x: tensor<?x?x8xf32>, %h0: tensor<?x8xf32>) -> tensor<?x?x8xf32> {
  // expected-error@+1 {{expects chunk to be 1, as this gate.scan goes token by token, got 64}}
  %h, %last = gate.scan inputs(%x) initial(%h0) attributes {gate.schedule = #gate.schedule<{chunk = 64}>} {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    gate.yield %xt, %s : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %h : tensor<?x?x8xf32>
}

// -----

func.func @size(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{unknown size 'tokens' in a guard for scan; expects one of time, independent or a dim that gate.dims of an argument names}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<when "tokens" lt 64 {chunk = 16}, {chunk = 64}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

// A result must not depend on the batch it is in.
func.func @batch(%q: tensor<?x?x1x16xf32> {gate.dims = ["B", "T", "", ""]}) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects guards of a scan to test its time or sizes known when it is compiled, got 'B': no bit of a result may depend on it}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<when "B" lt 2 {segment = 256}, {segment = 0}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @independent(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{got 'independent': no bit of a result may depend on it}}
  %o, %last = gate.linear_scan %q, %q, %q {gate.schedule = #gate.schedule<when "independent" lt 2 {segment = 256}, {segment = 0}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> (tensor<?x?x1x16xf32>, tensor<?x1x16x16xf32>)
  return %o : tensor<?x?x1x16xf32>
}
