// RUN: gate-opt --gate-chunk-folds --split-input-file --verify-diagnostics %s

func.func @rows_too_many(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects rows to be at most 512, got 600}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{rows = 600}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @chunk_of_24(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects chunk to be a multiple of 16 up to 512, got 24}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{chunk = 24}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @chunk_of_1(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects chunk to be a multiple of 16 up to 512, got 1}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{chunk = 1}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @no_row(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects rows to be a number of at least 1, got 0}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{rows = 0}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @unknown(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{unknown choice 'segment' for fold; expects one of rows, chunk, form}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{segment = 64}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @unknown_form(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects form to be "rows" or "dense", got "packed"}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<{form = "packed"}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @independent(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{expects guards of a fold to test its rows, its time or sizes known when it is compiled, got 'independent': no bit of a result may depend on it}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<when "independent" lt 2 {chunk = 128}, {chunk = 64}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}

// -----

func.func @size(%q: tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32> {
  // expected-error@+1 {{unknown size 'keys' in a guard for fold; expects one of rows, time, independent or a dim that gate.dims of an argument names}}
  %o = gate.attention %q, %q, %q {gate.schedule = #gate.schedule<when "keys" lt 2 {chunk = 128}, {chunk = 64}>}
    : (tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>, tensor<?x?x1x16xf32>) -> tensor<?x?x1x16xf32>
  return %o : tensor<?x?x1x16xf32>
}
