//===- RuntimeObject.h - The runtime as bytes of an object file -*- C++ -*-===//
//
// The relocatable object that the compiler links into every library it
// writes, embedded in the compiler so that no file has to be found at run time.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_RUNTIME_RUNTIMEOBJECT_H
#define GATE_RUNTIME_RUNTIMEOBJECT_H

#include <stdint.h>

extern "C" {
/// An ELF relocatable object with every gate_rt_* function, all hidden.
/// 64-byte aligned.
extern const unsigned char gate_runtime_object[];
extern const uint64_t gate_runtime_object_size;
}

#endif // GATE_RUNTIME_RUNTIMEOBJECT_H
