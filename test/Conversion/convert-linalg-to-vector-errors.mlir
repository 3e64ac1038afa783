// RUN: gate-opt --gate-convert-linalg-to-vector=vector-bits=192 --verify-diagnostics %s
// RUN: not gate-opt --gate-convert-linalg-to-vector=vector-bits=64 %s 2>&1 | FileCheck %s
// RUN: not gate-opt --gate-convert-linalg-to-vector=registers=4 %s 2>&1 | FileCheck %s

// CHECK: error: expects vector-bits to be a power of two of at least 128 and at least 8 registers

// expected-error@+1 {{expects vector-bits to be a power of two of at least 128 and at least 8 registers}}
func.func @options() {
  return
}
