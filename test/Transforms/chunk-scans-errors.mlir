// RUN: gate-opt --gate-chunk-scans=chunk-size=24 --verify-diagnostics %s
// RUN: not gate-opt --gate-chunk-scans=chunk-size=-16 %s 2>&1 | FileCheck %s
// RUN: not gate-opt --gate-chunk-scans=segment=100 %s 2>&1 | FileCheck %s --check-prefix=SEGMENT
// RUN: not gate-opt --gate-chunk-scans=segment=-64 %s 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// CHECK: error: expects chunk-size to be a positive multiple of 16, got -16
// SEGMENT: error: expects a segment to be a multiple of the 64 tokens of a chunk, got 100
// NEGATIVE: error: expects a segment to be a multiple of the 64 tokens of a chunk, got -64

// expected-error@+1 {{expects chunk-size to be a positive multiple of 16, got 24}}
func.func @scan(%q: tensor<1x128x1x16xf32>) -> tensor<1x128x1x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q
    : (tensor<1x128x1x16xf32>, tensor<1x128x1x16xf32>, tensor<1x128x1x16xf32>) -> (tensor<1x128x1x16xf32>, tensor<1x1x16x16xf32>)
  return %o : tensor<1x128x1x16xf32>
}
