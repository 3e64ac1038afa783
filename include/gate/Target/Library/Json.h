//===- Json.h - The signature of a library as JSON -------------*- C++ -*-===//
//
// What a binding needs to call a library without its header. Each library
// carries this text and returns it from <prefix>_signature().
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_LIBRARY_JSON_H
#define GATE_TARGET_LIBRARY_JSON_H

#include "gate/Support/Signature.h"

namespace gate {

/// One object; see docs of the members in Json.cpp. Equal signatures give
/// equal text.
std::string printSignatureJson(const LibrarySignature &library);

} // namespace gate

#endif // GATE_TARGET_LIBRARY_JSON_H
