//===- Npy.h - NumPy's array files -----------------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_NPY_H
#define GATE_DRIVER_NPY_H

#include "gate/Driver/LoadedLibrary.h"

#include "llvm/Support/Error.h"

namespace gate {

/// Reads a row-major little-endian .npy file. bfloat16 is stored as the
/// 2-byte integers '<u2', as NumPy has no such type: `expected` decides.
llvm::Expected<Array> readNpy(const std::string &path, ElementType expected);
llvm::Error writeNpy(const std::string &path, const Array &array);

} // namespace gate

#endif // GATE_DRIVER_NPY_H
