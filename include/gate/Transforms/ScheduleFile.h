//===- ScheduleFile.h - Schedules that a user writes -----------*- C++ -*-===//
//
// The file of --schedule: a list in JSON of which ops are meant and what is
// chosen for them. docs/Schedules.md has the form.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TRANSFORMS_SCHEDULEFILE_H
#define GATE_TRANSFORMS_SCHEDULEFILE_H

#include "gate/Transforms/Schedule.h"

namespace gate {

/// One entry of the file.
struct ScheduleEntry {
  /// Which ops; what is empty fits all.
  std::string at, function, op;
  llvm::SmallVector<AnchorSize> sizes;
  /// The choice for all cases that the table has, or cases instead of those.
  mlir::DictionaryAttr choice;
  ScheduleAttr cases;

  bool matches(mlir::Operation *op, AnchorKind kind) const;
  /// The table's schedule with what the entry says.
  ScheduleAttr apply(ScheduleAttr table) const;
};

/// Reads a file; emits an error that names it, the entry and what was expected
/// otherwise.
mlir::FailureOr<std::vector<ScheduleEntry>>
readScheduleFile(mlir::MLIRContext *context, llvm::StringRef path);

} // namespace gate

#endif // GATE_TRANSFORMS_SCHEDULEFILE_H
