//===- RuntimeObject.S - Embeds the runtime's object file -----------------===//
//
// See gate/Runtime/RuntimeObject.h. GATE_RUNTIME_OBJECT_FILE is the quoted path
// of the object; the build gives it.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

    .section .rodata
    .globl gate_runtime_object
    .type gate_runtime_object, %object
    .balign 64
gate_runtime_object:
    .incbin GATE_RUNTIME_OBJECT_FILE
.Lend:
    .size gate_runtime_object, .Lend - gate_runtime_object

    .globl gate_runtime_object_size
    .type gate_runtime_object_size, %object
    .balign 8
gate_runtime_object_size:
    .quad .Lend - gate_runtime_object
    .size gate_runtime_object_size, 8

    .section .note.GNU-stack,"",%progbits
