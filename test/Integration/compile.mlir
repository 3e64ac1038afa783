// A library and its header; the same bytes every time, wherever they are written.
// RUN: rm -rf %t && mkdir %t && cd %t
// RUN: gatec compile %s -o first/libgates.so | FileCheck %s
// RUN: gatec compile %s -o second/libgates.so
// RUN: cmp first/libgates.so second/libgates.so
// RUN: cmp first/gates.h second/gates.h
// RUN: FileCheck %s --check-prefix=HEADER --input-file=first/gates.h
// RUN: gatec compile %s -o third/libgates.so --json | FileCheck %s --check-prefix=JSON
// RUN: gatec compile %s -o fourth/other.so --prefix=mine && FileCheck %s --check-prefix=PREFIX --input-file=fourth/mine.h

// CHECK: first/libgates.so {{.*}} KB first/gates.h entry points: forward(x, state) step(x, state) init_state(state) {{.*}} s

// JSON: "entry_points":["forward(x, state)","step(x, state)","init_state(state)"]
// JSON-SAME: "header":"third/gates.h"
// JSON-SAME: "library":"third/libgates.so"

// HEADER: The library `gates`: gates_forward, gates_step.
// HEADER: #ifndef GATES_H
// HEADER: gates_forward(
// HEADER: gates_step(

// PREFIX: #ifndef MINE_H
// PREFIX: mine_forward(

// Without -o the name comes from the program.
// RUN: cp %s %t/named.mlir && gatec compile named.mlir && ls libnamed.so named.h

// Symbols: what the header declares and the library's table, no more.
// RUN: llvm-nm --dynamic --defined-only --extern-only --format=just-symbols first/libgates.so | FileCheck %s --check-prefix=SYMBOLS
// SYMBOLS-NOT: {{^(gate_|_)}}
// SYMBOLS:     gates_forward
// SYMBOLS-NOT: {{^(gate_|_)}}

// A target without this machine's instructions.
// RUN: gatec compile %s --target=cpu:x86-64-v3 -o v3/libgates.so
// RUN: FileCheck %s --check-prefix=V3 --input-file=v3/gates.h
// V3:     Needs a CPU with {{.*}}avx2
// V3-NOT: avx512
// RUN: gatec compile %s --target=cpu:x86-64,+avx -o v1/libgates.so
// RUN: FileCheck %s --check-prefix=V1 --input-file=v1/gates.h
// V1:     Needs a CPU with {{.*}}avx{{[. ]}}
// V1-NOT: avx2

// Line tables name the user's file, with -g alone.
// RUN: gatec compile %s -g -o debug/libgates.so
// RUN: llvm-dwarfdump --debug-line debug/libgates.so | FileCheck %s --check-prefix=LINES
// RUN: llvm-dwarfdump --debug-line first/libgates.so | FileCheck %s --check-prefix=STRIPPED
// LINES:     name: "compile.mlir"
// LINES-NOT: name:
// LINES:     {{^0x[0-9a-f]+ +}}[[#LINE:]] {{.*}} is_stmt prologue_end
// LINES:     {{^0x[0-9a-f]+ +}}[[#LINE + 4]] {{.*}} is_stmt
// STRIPPED-NOT: compile.mlir

// Another linker makes a library as well.
// RUN: gatec compile %s --linker=ld.lld-22 -o linked/libgates.so && ls linked/libgates.so
func.func @forward(%h: tensor<?x8xf32> {gate.state = "h", gate.dims = ["B", ""]},
    %x: tensor<?x?x8xf32> {gate.name = "x", gate.dims = ["B", "T", ""]})
    -> (tensor<?x?x8xf32> {gate.name = "y", gate.dims = ["B", "T", ""]}, tensor<?x8xf32> {gate.state = "h", gate.dims = ["B", ""]})
    attributes {gate.time = "T"} {
  %y, %last = gate.scan inputs(%x) initial(%h) {
  ^bb0(%xt: tensor<8xf32>, %s: tensor<8xf32>):
    %n = gate.apply %xt, %s {activation = #gate.activation<sigmoid>} : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
  } : (tensor<?x?x8xf32>, tensor<?x8xf32>) -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
  return %y, %last : tensor<?x?x8xf32>, tensor<?x8xf32>
}
