// Arrays in, arrays out, through .npy files of every type of number.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: %python -c "import numpy as np; x = np.arange(-12, 12).reshape(3, 8) / 4; [np.save(f'{t}.npy', x.astype(t)) for t in ('f8', 'f4', 'f2')]; np.save('i4.npy', np.arange(24, dtype='i4').reshape(3, 8))"

// N comes from the file; the results are exact, from NumPy's point of view too.
// RUN: gatec run %s --entry=twice --input x=f4.npy --output-dir=twice | FileCheck %s --check-prefix=TWICE
// RUN: %python -c "import numpy as np; y = np.load('twice/y.npy'); x = np.load('f4.npy'); assert y.dtype == np.float32; np.testing.assert_array_equal(y, x + x)"
// TWICE: y f32 [3, 8] min -6 max 5.5 rms {{.*}}

// RUN: gatec run %s --entry=wide --input x=f8.npy --input i=i4.npy --output-dir=wide
// RUN: %python -c "import numpy as np; y = np.load('wide/y.npy'); n = np.load('wide/n.npy'); assert (y.dtype, n.dtype) == (np.float64, np.int32); np.testing.assert_array_equal(y, -np.load('f8.npy')); np.testing.assert_array_equal(n, 2 * np.load('i4.npy'))"

// What is written can be read again; a state goes in and out by its two names.
// RUN: gatec run %s --entry=add_up --set B=2 --output-dir=first --seed=1
// RUN: gatec run %s --entry=add_up --set B=2 --seed=1 --input state.sum=first/next_state.sum.npy --output-dir=second
// RUN: gatec run %s --entry=add_up --set B=2 --seed=1 --input state.sum=first/next_state.sum.npy --output-dir=again
// RUN: cmp second/next_state.sum.npy again/next_state.sum.npy
// RUN: not cmp first/next_state.sum.npy second/next_state.sum.npy

// The reference path takes the same files and answers in f64.
// RUN: gatec run %s --entry=twice --input x=f4.npy --output-dir=exact --reference | FileCheck %s --check-prefix=EXACT
// RUN: %python -c "import numpy as np; y = np.load('exact/y.npy'); assert y.dtype == np.float64; np.testing.assert_array_equal(y, np.load('twice/y.npy'))"
// EXACT: y f64 [3, 8]

// RUN: gatec run %s --entry=half --input x=f2.npy --output-dir=half
// RUN: gatec run %s --entry=half --input x=f2.npy --output-dir=exact_half --reference
// RUN: %python -c "import numpy as np; y = np.load('half/y.npy'); assert y.dtype == np.float16; np.testing.assert_array_equal(y, -np.load('f2.npy')); np.testing.assert_array_equal(y, np.load('exact_half/y.npy'))"

// RUN: gatec run %s --entry=twice --set N=0 --output-dir=none
// RUN: %python -c "import numpy as np; assert np.load('none/y.npy').shape == (0, 8)"

// RUN: gatec run %s --entry=twice --input x=f4.npy --json | FileCheck %s --check-prefix=JSON
// JSON: "max":5.5,"min":-6,"name":"y","rms":{{.*}},"shape":{{.*}}3, 8

// Errors: the file, then what was expected and found.
// RUN: not gatec run %s --entry=twice --input x=f8.npy 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: error: --input x: f8.npy: expected element type float32 ('<f4'), got '<f8'
// RUN: %python -c "import numpy as np; np.save('flat.npy', np.zeros(8, 'f4')); np.save('narrow.npy', np.zeros((3, 7), 'f4')); np.save('columns.npy', np.zeros((3, 8), 'f4', order='F'))"
// RUN: not gatec run %s --entry=twice --input x=flat.npy 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: error: --input x: expected rank 2, got 1
// RUN: not gatec run %s --entry=twice --input x=narrow.npy 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: error: {{.*}}_twice: argument x: expected float32 [N, 8], got float32 [3, 7]
// RUN: not gatec run %s --entry=twice --input x=columns.npy 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: error: --input x: columns.npy: expects row-major order, got column-major
// RUN: head -c 160 f4.npy > cut.npy && not gatec run %s --entry=twice --input x=cut.npy 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: error: --input x: cut.npy: holds 32 bytes, expected 96
// RUN: echo "no array at all" > text.npy && not gatec run %s --entry=twice --input x=text.npy 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: error: --input x: text.npy: expects a .npy file
// RUN: not gatec run %s --entry=twice --input x=none.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: --input x: none.npy: No such file or directory
// RUN: not gatec run %s --entry=twice --input y=f4.npy 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: --input: twice has no argument 'y'
// RUN: not gatec run %s --entry=twice --input x 2>&1 | FileCheck %s --check-prefix=PAIR
// PAIR: error: --input: expects name=value, got 'x'
// RUN: not gatec run %s --entry=twice --input x=f4.npy --set N=4 2>&1 | FileCheck %s --check-prefix=SET
// SET: error: --input x: dim N is 3 but --set says 4
func.func @twice(%x: tensor<?x8xf32> {gate.name = "x", gate.dims = ["N", ""]}) -> (tensor<?x8xf32> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = arith.addf %x, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

func.func @wide(%x: tensor<3x8xf64> {gate.name = "x"}, %i: tensor<3x8xi32> {gate.name = "i"})
    -> (tensor<3x8xf64> {gate.name = "y"}, tensor<3x8xi32> {gate.name = "n"}) {
  %y = arith.negf %x : tensor<3x8xf64>
  %n = arith.addi %i, %i : tensor<3x8xi32>
  return %y, %n : tensor<3x8xf64>, tensor<3x8xi32>
}

func.func @half(%x: tensor<?x8xf16> {gate.name = "x", gate.dims = ["N", ""]}) -> (tensor<?x8xf16> {gate.name = "y", gate.dims = ["N", ""]}) {
  %y = arith.negf %x : tensor<?x8xf16>
  return %y : tensor<?x8xf16>
}

func.func @add_up(%x: tensor<?x8xf32> {gate.name = "x", gate.dims = ["B", ""]}, %s: tensor<?x8xf32> {gate.state = "sum", gate.dims = ["B", ""]})
    -> (tensor<?x8xf32> {gate.state = "sum", gate.dims = ["B", ""]}) {
  %y = arith.addf %x, %s : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
