// RUN: gate-opt --gate-chunk-scans=chunk-size=24 --verify-diagnostics %s
// RUN: not gate-opt --gate-chunk-scans=chunk-size=-16 %s 2>&1 | FileCheck %s

// CHECK: error: expects chunk-size to be a positive multiple of 16, got -16

// expected-error@+1 {{expects chunk-size to be a positive multiple of 16, got 24}}
func.func @no_scan() {
  return
}
