//===- Runtime.cpp - The whole runtime as one file ------------------------===//
//
// Compiled to the one object that the compiler embeds and links into every
// library it writes. The files stand alone too, for the unit tests.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Call.cpp"
#include "Check.cpp"
#include "Cpu.cpp"
#include "Cuda.cpp"
#include "CudaLoad.cpp"
#include "Errors.cpp"
#include "HalfFloats.cpp"
#include "Prepare.cpp"
#include "Threads.cpp"
