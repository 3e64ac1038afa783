//===- Signature.cpp - Element types of a library's tensors ---------------===//
//
// The spelling and the DLPack code of each element type, in one table.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Support/Signature.h"

#include "gate/Support/ElementTypes.h"

#include "gate/Runtime/DLPack.h"

using namespace gate;

const ElementTypeInfo &gate::elementTypeInfo(ElementType type) {
  static const ElementTypeInfo infos[] = {
      {"float64", "f64", GATE_DL_FLOAT, 64},
      {"float32", "f32", GATE_DL_FLOAT, 32},
      {"bfloat16", "bf16", GATE_DL_BFLOAT, 16},
      {"float16", "f16", GATE_DL_FLOAT, 16},
      {"int64", "i64", GATE_DL_INT, 64},
      {"int32", "i32", GATE_DL_INT, 32},
      {"int8", "i8", GATE_DL_INT, 8},
      {"uint8", "u8", GATE_DL_UINT, 8},
      // One byte per element, as in memory of compiled code.
      {"bool", "bool", GATE_DL_BOOL, 8},
  };
  return infos[static_cast<int>(type)];
}

const char *gate::elementTypeName(ElementType type) {
  return elementTypeInfo(type).name;
}
