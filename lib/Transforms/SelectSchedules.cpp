//===- SelectSchedules.cpp - Choose how every op is tiled -----------------===//
//
// Writes the choice of the table, or of a user's file, as an attribute; other
// passes obey it. Nothing is measured here.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Passes.h"
#include "gate/Transforms/ScheduleFile.h"

namespace gate {
#define GEN_PASS_DEF_SELECTSCHEDULES
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {

/// An op to choose for.
struct Anchor {
  Operation *op;
  AnchorKind kind;
};

struct SelectSchedules : gate::impl::SelectSchedulesBase<SelectSchedules> {
  using gate::impl::SelectSchedulesBase<SelectSchedules>::SelectSchedulesBase;

  void runOnOperation() override {
    const TargetDescription *machine = findTarget(target);
    if (!machine) {
      InFlightDiagnostic error = getOperation().emitError();
      error << "unknown target '" << target << "'; expects one of ";
      llvm::interleaveComma(targetDescriptions(), error,
                            [&](const auto &known) { error << known.name; });
      return signalPassFailure();
    }
    std::vector<ScheduleEntry> entries;
    if (!file.empty()) {
      auto read = readScheduleFile(&getContext(), file);
      if (failed(read))
        return signalPassFailure();
      entries = std::move(*read);
    }
    SmallVector<Anchor> anchors;
    getOperation().walk([&](Operation *op) {
      if (std::optional<AnchorKind> kind = anchorKindOf(op))
        anchors.push_back({op, *kind});
    });
    SmallVector<bool> used(entries.size(), false);
    for (const Anchor &anchor : anchors)
      if (failed(choose(anchor, *machine, entries, used)))
        return signalPassFailure();
    for (auto [index, isUsed] : llvm::enumerate(used))
      if (!isUsed) {
        reportUnused(index, anchors);
        return signalPassFailure();
      }
  }

  LogicalResult choose(const Anchor &anchor, const TargetDescription &machine,
                       ArrayRef<ScheduleEntry> entries,
                       SmallVectorImpl<bool> &used) {
    Operation *op = anchor.op;
    ScheduleAttr schedule = lookUpSchedule(op, anchor.kind, machine);
    auto own = op->getAttrOfType<ScheduleAttr>(scheduleAttrName);
    if (own && schedule) {
      schedule = completeSchedule(own, schedule);
      if (failed(verifyMachine(anchor.kind, machine, schedule,
                               [&] { return op->emitError(); })))
        return failure();
    }
    bool isChosen = false;
    for (auto [index, entry] : llvm::enumerate(entries)) {
      if (!entry.matches(op, anchor.kind))
        continue;
      used[index] = true;
      // One file for several machines: an entry may be for another one.
      if (isChosen || !schedule)
        continue;
      isChosen = true;
      schedule = entry.apply(schedule);
      auto error = [&, number = index + 1] {
        InFlightDiagnostic diagnostic = op->emitError();
        diagnostic << file << ": entry " << number << ": ";
        return diagnostic;
      };
      if (failed(verifySchedule(op, anchor.kind, schedule, error)) ||
          failed(verifyMachine(anchor.kind, machine, schedule, error)))
        return failure();
    }
    if (schedule && (!own || isChosen))
      op->setAttr(scheduleAttrName, schedule);
    return success();
  }

  /// What fits the op, but not the machine.
  static LogicalResult
  verifyMachine(AnchorKind kind, const TargetDescription &machine,
                ScheduleAttr schedule,
                function_ref<InFlightDiagnostic()> emitError) {
    if (kind != AnchorKind::Scan || machine.hasDenseScans)
      return success();
    for (ScheduleCaseAttr made : schedule.getCases())
      if (made.getText("form") == StringRef("dense"))
        return emitError() << "expects form of a scan to be \"rows\" for "
                              "target '"
                           << machine.name
                           << "', got \"dense\", which is for GPUs";
    return success();
  }

  /// What there is to choose from, at its place.
  void reportUnused(size_t index, ArrayRef<Anchor> anchors) {
    InFlightDiagnostic error = emitError(UnknownLoc::get(&getContext()));
    error << file << ": entry " << index + 1
          << ": matches no op; the ops that can be scheduled follow";
    for (const Anchor &anchor : anchors) {
      Diagnostic &note = error.attachNote(anchor.op->getLoc());
      note << anchor.op->getName().getStringRef() << " (" << nameOf(anchor.kind)
           << ") with ";
      llvm::interleaveComma(anchorSizes(anchor.op, anchor.kind), note,
                            [&](const AnchorSize &size) {
                              note << size.role << " ";
                              if (ShapedType::isDynamic(size.size))
                                note << "known at the call";
                              else
                                note << size.size;
                            });
    }
  }
};

} // namespace
