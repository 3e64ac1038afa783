// Parameters in the library: the caller passes none.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python %S/Inputs/safetensors.py good.safetensors scale=F32:8:0.5 blocks.0.bias=F16:8:3 unused=F64:2x2:1
// RUN: gatec compile %s --embed=good.safetensors -o libembedded.so | FileCheck %s
// RUN: gatec compile %s -o libfree.so | FileCheck %s --check-prefix=FREE
// CHECK: entry points: scaled(x)
// FREE:  entry points: scaled(parameters, x)

// 0.5 x + 3, in the compiled and in the reference path.
// RUN: %python -c "import numpy as np; np.save('x.npy', np.arange(16, dtype=np.float32).reshape(2, 8))"
// RUN: gatec run %s --embed=good.safetensors --input x=x.npy --output-dir=fast
// RUN: gatec run %s --embed=good.safetensors --input x=x.npy --output-dir=exact --reference
// RUN: %python -c "import numpy as np; x = np.load('x.npy'); [np.testing.assert_array_equal(np.load(f'{p}/y.npy'), 0.5 * x + 3) for p in ('fast', 'exact')]"
// RUN: gatec verify %s --embed=good.safetensors | FileCheck %s --check-prefix=VERIFY
// VERIFY: scaled {{.*}} ok

// RUN: %python %S/Inputs/safetensors.py missing.safetensors scale=F32:8:0.5
// RUN: not gatec compile %s --embed=missing.safetensors 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: missing.safetensors: has no tensor 'blocks.0.bias'

// RUN: %python %S/Inputs/safetensors.py shape.safetensors scale=F32:2x4:0.5 blocks.0.bias=F16:8:3
// RUN: not gatec compile %s --embed=shape.safetensors 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: shape.safetensors: tensor 'scale': expected F32 [8], got F32 [2, 4]

// RUN: %python %S/Inputs/safetensors.py type.safetensors scale=F64:8:0.5 blocks.0.bias=F16:8:3
// RUN: not gatec compile %s --embed=type.safetensors 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: type.safetensors: tensor 'scale': expected F32 [8], got F64 [8]

// RUN: not gatec compile %s --embed=nowhere.safetensors 2>&1 | FileCheck %s --check-prefix=NOWHERE
// NOWHERE: error: nowhere.safetensors: No such file or directory

// RUN: printf "few" > short.safetensors
// RUN: not gatec compile %s --embed=short.safetensors 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: error: short.safetensors: expects a safetensors file, got 3 bytes

// RUN: printf "no safetensors at all" > other.safetensors
// RUN: not gatec compile %s --embed=other.safetensors 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: other.safetensors: header of {{[0-9]+}} bytes is longer than the file

// RUN: head -c 150 good.safetensors > cut.safetensors
// RUN: not gatec compile %s --embed=cut.safetensors 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: error: cut.safetensors: {{header of .* is longer than the file}}
// RUN: head -c -34 good.safetensors > end.safetensors
// RUN: not gatec compile %s --embed=end.safetensors 2>&1 | FileCheck %s --check-prefix=END
// END: error: end.safetensors: tensor 'blocks.0.bias': bad data_offsets
func.func @scaled(%x: tensor<?x8xf32> {gate.name = "x", gate.dims = ["N", ""]},
    %scale: tensor<8xf32> {gate.parameter = "scale"},
    %bias: tensor<8xf16> {gate.parameter = "blocks.0.bias"})
    -> (tensor<?x8xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %c0 = arith.constant 0 : index
  %N = tensor.dim %x, %c0 : tensor<?x8xf32>
  %room = tensor.empty(%N) : tensor<?x8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(n, i) -> (n, i)>, affine_map<(n, i) -> (i)>, affine_map<(n, i) -> (i)>, affine_map<(n, i) -> (n, i)>], iterator_types = ["parallel", "parallel"]}
    ins(%x, %scale, %bias : tensor<?x8xf32>, tensor<8xf32>, tensor<8xf16>) outs(%room : tensor<?x8xf32>) {
  ^bb0(%a: f32, %s: f32, %b: f16, %o: f32):
    %p = arith.mulf %a, %s : f32
    %wide = arith.extf %b : f16 to f32
    %r = arith.addf %p, %wide : f32
    linalg.yield %r : f32
  } -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
