// What is wrong with a file: the file, the entry, what was found, what to write.
// RUN: rm -rf %t && split-file %s %t && cd %t
// RUN: not gate-opt --gate-select-schedules=target=toaster p.mlir 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not gate-opt --gate-select-schedules=file=missing.json p.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not gate-opt --gate-select-schedules=file=text.json p.mlir 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not gate-opt --gate-select-schedules=file=list.json p.mlir 2>&1 | FileCheck %s --check-prefix=LIST
// RUN: not gate-opt --gate-select-schedules=file=object.json p.mlir 2>&1 | FileCheck %s --check-prefix=OBJECT
// RUN: not gate-opt --gate-select-schedules=file=key.json p.mlir 2>&1 | FileCheck %s --check-prefix=KEY
// RUN: not gate-opt --gate-select-schedules=file=neither.json p.mlir 2>&1 | FileCheck %s --check-prefix=NEITHER
// RUN: not gate-opt --gate-select-schedules=file=both.json p.mlir 2>&1 | FileCheck %s --check-prefix=BOTH
// RUN: not gate-opt --gate-select-schedules=file=string.json p.mlir 2>&1 | FileCheck %s --check-prefix=STRING
// RUN: not gate-opt --gate-select-schedules=file=sizes.json p.mlir 2>&1 | FileCheck %s --check-prefix=SIZES
// RUN: not gate-opt --gate-select-schedules=file=size.json p.mlir 2>&1 | FileCheck %s --check-prefix=SIZE
// RUN: not gate-opt --gate-select-schedules=file=choice.json p.mlir 2>&1 | FileCheck %s --check-prefix=CHOICE
// RUN: not gate-opt --gate-select-schedules=file=value.json p.mlir 2>&1 | FileCheck %s --check-prefix=VALUE
// RUN: not gate-opt --gate-select-schedules=file=cases.json p.mlir 2>&1 | FileCheck %s --check-prefix=CASES
// RUN: not gate-opt --gate-select-schedules=file=case.json p.mlir 2>&1 | FileCheck %s --check-prefix=CASE
// RUN: not gate-opt --gate-select-schedules=file=casekey.json p.mlir 2>&1 | FileCheck %s --check-prefix=CASEKEY
// RUN: not gate-opt --gate-select-schedules=file=guard.json p.mlir 2>&1 | FileCheck %s --check-prefix=GUARD
// RUN: not gate-opt --gate-select-schedules=file=last.json p.mlir 2>&1 | FileCheck %s --check-prefix=LAST
// RUN: not gate-opt --gate-select-schedules=file=unfit.json p.mlir 2>&1 | FileCheck %s --check-prefix=UNFIT
// RUN: not gate-opt --gate-select-schedules=file=dense.json scan.mlir 2>&1 | FileCheck %s --check-prefix=DENSE
// RUN: not gate-opt --gate-select-schedules own.mlir 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: gate-opt "--gate-select-schedules=file=dense.json target=gpu" scan.mlir | FileCheck %s --check-prefix=GPU
// RUN: not gate-opt --gate-select-schedules=file=unused.json p.mlir 2>&1 | FileCheck %s --check-prefix=UNUSED

// TARGET: error: unknown target 'toaster'; expects one of cpu, gpu
// MISSING: error: schedule: cannot open input file 'missing.json': No such file or directory; --schedule names a file
// TEXT: error: text.json: expects JSON: [2:0, byte=3]: Expected
// LIST: error: list.json: expects a list of entries, as in [{"op": "scan", "choice": {"chunk": 32}}]
// OBJECT: error: object.json: entry 1: expects an object, got 3
// KEY: error: key.json: entry 2: unknown key 'ops'; expects at, function, op, sizes, choice or cases
// NEITHER: error: neither.json: entry 1: expects either choice or cases, got neither
// BOTH: error: both.json: entry 1: expects either choice or cases, got both
// STRING: error: string.json: entry 1: expects op to be a string, got 3
// SIZES: error: sizes.json: entry 1: expects sizes to be an object such as {"rows": 64}, got 64
// SIZE: error: size.json: entry 1: expects size 'rows' to be an integer, got "64"
// CHOICE: error: choice.json: entry 1: expects a choice to be an object such as {"chunk": 64}, got {}
// VALUE: error: value.json: entry 1: expects choice 'panel' to be an integer or a string, got 1.5
// CASES: error: cases.json: entry 1: expects cases to be a list, got {}
// CASE: error: case.json: entry 1: expects a case to be an object with a choice and, but for the last, a guard when, got {"when":"rows < 3"}
// CASEKEY: error: casekey.json: entry 1: unknown key 'if' in a case; expects when and choice
// GUARD: error: guard.json: entry 1: expects when to be a size, a comparison (<, <=, >, >=, ==) and a number, as in 'rows < 12', got 'rows is 3'
// LAST: error: last.json: entry 1: expects no guard in the last case, got one on 'rows'
// UNFIT: p.mlir:2:8: error: unfit.json: entry 1: unknown choice 'chunk' for product; expects one of form, panel, rows, depth
// DENSE: scan.mlir:2:15: error: dense.json: entry 1: expects form of a scan to be "rows" for target 'cpu', got "dense", which is for GPUs
// OWN: own.mlir:2:15: error: expects form of a scan to be "rows" for target 'cpu', got "dense", which is for GPUs
// GPU: gate.schedule = #gate.schedule<{{.*}}{chunk = 32, few_tokens = 6, form = "dense", segment = 1024}>
// UNUSED: error: unused.json: entry 1: matches no op; the ops that can be scheduled follow
// UNUSED: p.mlir:2:8: note: linalg.matmul (product) with rows known at the call, columns 64, depth 64

//--- dense.json
[{"op": "scan", "choice": {"form": "dense", "chunk": 32}}]
//--- scan.mlir
func.func @scan(%q: tensor<?x?x2x16xf32>, %g: tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}
//--- own.mlir
func.func @scan(%q: tensor<?x?x2x16xf32>, %g: tensor<?x?x2xf32>) -> tensor<?x?x2x16xf32> {
  %o, %last = gate.linear_scan %q, %q, %q decay(%g) {gate.schedule = #gate.schedule<{form = "dense"}>} : (tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2x16xf32>, tensor<?x?x2xf32>) -> (tensor<?x?x2x16xf32>, tensor<?x2x16x16xf32>)
  return %o : tensor<?x?x2x16xf32>
}
//--- text.json
[3
//--- list.json
{}
//--- object.json
[3]
//--- key.json
[{"op": "product", "choice": {"panel": 3}}, {"ops": "product"}]
//--- neither.json
[{"op": "product"}]
//--- both.json
[{"op": "product", "choice": {"panel": 3}, "cases": [{"choice": {"panel": 3}}]}]
//--- string.json
[{"op": 3}]
//--- sizes.json
[{"sizes": 64}]
//--- size.json
[{"sizes": {"rows": "64"}}]
//--- choice.json
[{"op": "product", "choice": {}}]
//--- value.json
[{"op": "product", "choice": {"panel": 1.5}}]
//--- cases.json
[{"op": "product", "cases": {}}]
//--- case.json
[{"op": "product", "cases": [{"when": "rows < 3"}]}]
//--- casekey.json
[{"op": "product", "cases": [{"if": "rows < 3", "choice": {"panel": 3}}]}]
//--- guard.json
[{"op": "product", "cases": [{"when": "rows is 3", "choice": {"panel": 3}}]}]
//--- last.json
[{"op": "product", "cases": [{"when": "rows < 3", "choice": {"panel": 3}}]}]
//--- unfit.json
[{"choice": {"chunk": 64}}]
//--- unused.json
[{"op": "scan", "choice": {"chunk": 64}}]
//--- p.mlir
func.func @f(%a: tensor<?x64xf32>, %b: tensor<64x64xf32>) -> tensor<?x64xf32> {
  %0 = linalg.matmul ins(%a, %b : tensor<?x64xf32>, tensor<64x64xf32>) outs(%a : tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}
