//===- Safetensors.h - Reading parameters ----------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_DRIVER_SAFETENSORS_H
#define GATE_DRIVER_SAFETENSORS_H

#include "gate/Support/Signature.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

namespace gate {

/// A safetensors file: an 8-byte little-endian length, a JSON object of that
/// many bytes that names type, shape and place of each tensor, then the data.
class Safetensors {
public:
  static llvm::Expected<Safetensors> open(const std::string &path);

  /// The bytes of tensor `name`, which must have this type and shape.
  llvm::Expected<std::string> read(const std::string &name, ElementType type,
                                   llvm::ArrayRef<int64_t> shape) const;

private:
  std::string path;
  std::unique_ptr<llvm::MemoryBuffer> file;
  llvm::json::Object header;
  llvm::StringRef data;
};

} // namespace gate

#endif // GATE_DRIVER_SAFETENSORS_H
