//===- ElementTypes.h - Facts about element types --------------*- C++ -*-===//
//
// What header, JSON and entry points need to know about an element type.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_SUPPORT_ELEMENTTYPES_H
#define GATE_SUPPORT_ELEMENTTYPES_H

#include "gate/Support/Signature.h"

namespace gate {

struct ElementTypeInfo {
  /// "float32".
  const char *name;
  /// "f32".
  const char *shortName;
  /// DLPack's DLDataTypeCode.
  uint8_t code;
  uint8_t bits;
};

const ElementTypeInfo &elementTypeInfo(ElementType type);

} // namespace gate

#endif // GATE_SUPPORT_ELEMENTTYPES_H
