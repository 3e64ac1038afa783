//===- Schedule.h - What is tiled, and how that is chosen ------*- C++ -*-===//
//
// Anchors are the ops that the tile stage tiles. A schedule is chosen for each
// from a description of the machine and a table, recorded in an attribute, and
// obeyed by the passes that tile: gate-select-schedules chooses, the others
// obey. A pass on an op without the attribute takes what the table has for it.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TRANSFORMS_SCHEDULE_H
#define GATE_TRANSFORMS_SCHEDULE_H

#include "Gate/IR/Gate.h"

#include "mlir/IR/Builders.h"

namespace gate {

/// What the choice of schedules depends on of a machine.
struct TargetDescription {
  llvm::StringLiteral name;
  /// Independent tasks from which on the machine is taken to be busy; time is
  /// worth splitting below.
  int64_t leastTasks;
  /// Scans may have the dense form, which is for kernels of tensor cores.
  bool hasDenseScans;
  /// Tokens of a chunk of a scan at most, where the op would have more.
  int64_t mostChunk;
};

/// The descriptions that the table has rows for. The default is first and has
/// rows for every kind of op.
llvm::ArrayRef<TargetDescription> targetDescriptions();
/// The one of this name, or null.
const TargetDescription *findTarget(llvm::StringRef name);

/// Which pass tiles an op, and so what a schedule for it may say.
enum class AnchorKind {
  /// gate-chunk-scans: an op with the chunk interface.
  Scan,
  /// gate-chunk-folds: an op with the fold interface.
  Fold,
  /// gate-pack-products: a contraction of two matrices.
  Product,
  /// gate-tile-parallel: any other linalg op.
  Loops
};

/// "scan", "product" or "loops".
llvm::StringRef nameOf(AnchorKind kind);

/// The kind of an op that is tiled: outside of loops and of other such ops.
std::optional<AnchorKind> anchorKindOf(mlir::Operation *op);

/// A size of an anchor that guards may test, by its role; dynamic ones are
/// ShapedType::kDynamic.
struct AnchorSize {
  std::string role;
  int64_t size;
};
llvm::SmallVector<AnchorSize> anchorSizes(mlir::Operation *op, AnchorKind kind);

/// What the table has for the op on this machine; null where another stage
/// tiles ops of this kind there.
ScheduleAttr lookUpSchedule(mlir::Operation *op, AnchorKind kind,
                            const TargetDescription &target);

/// `schedule` with the choices that it leaves open taken from `table`: from
/// its last case that says the same where choices are text.
ScheduleAttr completeSchedule(ScheduleAttr schedule, ScheduleAttr table);

/// Checks that the complete schedule can be obeyed for the op: its choices,
/// their values, and what its guards test.
mlir::LogicalResult
verifySchedule(mlir::Operation *op, AnchorKind kind, ScheduleAttr schedule,
               llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// The complete schedule to obey for the op: its attribute, or the table's for
/// the default machine. Emits an error when the attribute does not fit.
mlir::FailureOr<ScheduleAttr> scheduleOf(mlir::Operation *op, AnchorKind kind);

/// Rewrites every op of an interface, nested ones included, by its complete
/// schedule; stops at the first that fails.
template <typename OpInterface>
mlir::LogicalResult rewriteAnchors(
    mlir::Operation *root, AnchorKind kind,
    llvm::function_ref<mlir::LogicalResult(OpInterface, ScheduleAttr)>
        rewrite) {
  llvm::SmallVector<OpInterface> ops;
  root->walk([&](OpInterface op) { ops.push_back(op); });
  for (OpInterface op : ops) {
    mlir::FailureOr<ScheduleAttr> schedule = scheduleOf(op, kind);
    if (mlir::failed(schedule) || mlir::failed(rewrite(op, *schedule)))
      return mlir::failure();
  }
  return mlir::success();
}

/// Builds the first case whose guard holds: at once where sizes are constants,
/// as a chain of scf.if otherwise. `sizeOf` gives the size of a role, or null
/// for what is no role of the op, which is a named dim of the function then.
/// What `build` returns has the same types in every case.
llvm::SmallVector<mlir::Value>
buildCases(mlir::OpBuilder &builder, mlir::Operation *op, ScheduleAttr schedule,
           llvm::function_ref<mlir::OpFoldResult(llvm::StringRef)> sizeOf,
           llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &,
                                                             ScheduleCaseAttr)>
               build);

/// Records on a loop how it was made: the case without its guard.
void recordSchedule(mlir::Operation *loop, ScheduleCaseAttr made);

} // namespace gate

#endif // GATE_TRANSFORMS_SCHEDULE_H
