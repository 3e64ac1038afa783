//===- Header.h - The C header of a library --------------------*- C++ -*-===//
//
// Prints everything a C or C++ program needs to call a compiled library; the
// text is its documentation too.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_LIBRARY_HEADER_H
#define GATE_TARGET_LIBRARY_HEADER_H

#include "gate/Support/Signature.h"

namespace gate {

/// The header, valid as C99 and as C++98 and later. Equal signatures give
/// equal text.
std::string printHeader(const LibrarySignature &library);

} // namespace gate

#endif // GATE_TARGET_LIBRARY_HEADER_H
