//===- ScheduleTable.cpp - Which schedule for which op and machine --------===//
//
// Data: descriptions of machines and the table. The first row that fits an op
// and a machine is taken. Where a figure was measured, docs/Performance.md has
// the measurement under the row's key.
//
// What changes the order of a sum (a scan's chunk, segment and few_tokens) may
// depend on static sizes and on the sequence's own length only, so that no bit
// of a result depends on the batch: see docs/Numerics.md.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Schedule.h"

using namespace mlir;
using namespace gate;

static constexpr TargetDescription targets[] = {
    // Two threads or more in all likelihood, but code must be good on two.
    // The scores of a chunk are work that a state does not have: 32 tokens are
    // faster than 64 by up to a fifth. 16 gain 5 % more with states of 128 by
    // 128 and lose as much with 256 by 256.
    {"cpu", /*leastTasks=*/2, /*hasDenseScans=*/false, /*mostChunk=*/32},
    // Multiprocessors of a large one; groups of four warps multiply 64 rows.
    {"gpu", /*leastTasks=*/132, /*hasDenseScans=*/true, /*mostChunk=*/64},
};

namespace {

/// When a row fits.
enum class Need {
  Nothing,
  /// A scan whose states combine, and whose independent work is known to be
  /// less than the machine's leastTasks.
  ScarceWork,
  /// A scan with the dense form whose states combine, of which fewer
  /// independent indices are known (of a batch element, mostly) than a quarter
  /// of leastTasks.
  ScarcePerSequence,
  /// What the op reads first is in a type of 16 bits.
  SixteenBit
};

struct Setting {
  const char *name = nullptr;
  int64_t number = 0;
  const char *text = nullptr;
};

struct TableCase {
  /// Null in the last case.
  const char *dim = nullptr;
  Comparison comparison = Comparison::lt;
  int64_t bound = 0;
  Setting settings[4];
};

struct Row {
  const char *target;
  AnchorKind kind;
  Need need;
  /// Up to the first without a guard.
  TableCase cases[3];
};

} // namespace

/// Tokens per chunk that the op itself prefers.
static constexpr int64_t preferred = -1;

static constexpr Row table[] = {
    // One sequence and one head: a state pass over half of the tokens costs
    // 19 % of the scan, and two threads take 0.71 of the time of one. Two heads
    // already keep two threads busy. Below two segments nothing is gained.
    {"cpu",
     AnchorKind::Scan,
     Need::ScarceWork,
     {{"time",
       Comparison::lt,
       4096,
       {{"chunk", preferred}, {"segment", 0}, {"few_tokens", 6}}},
      {nullptr,
       Comparison::lt,
       0,
       {{"chunk", preferred}, {"segment", 2048}, {"few_tokens", 6}}}}},

    // A padded chunk costs as much as a full one, about seven single tokens.
    {"cpu",
     AnchorKind::Scan,
     Need::Nothing,
     {{nullptr,
       Comparison::lt,
       0,
       {{"chunk", preferred}, {"segment", 0}, {"few_tokens", 6}}}}},

    // A tile of 64 by 64 scores and its operands stay in L1 and L2. A row alone
    // reads keys as they lie.
    {"cpu",
     AnchorKind::Fold,
     Need::Nothing,
     {{"rows", Comparison::le, 1, {{"rows", 1}, {"chunk", 64}}},
      {"rows", Comparison::le, 16, {{"rows", 16}, {"chunk", 64}}},
      {nullptr, Comparison::lt, 0, {{"rows", 64}, {"chunk", 64}}}}},

    // Panels are as wide as a register tile; 512 steps of one (128 KB in f32)
    // stay in L2 while 64 rows pass. From 12 rows on, packing all of the right
    // side pays; a task with fewer packs 128 steps at a time, which stay in L1.
    {"cpu",
     AnchorKind::Product,
     Need::Nothing,
     {{"rows",
       Comparison::lt,
       12,
       {{"form", 0, "few_rows"}, {"panel", 64}, {"depth", 128}}},
      {nullptr,
       Comparison::lt,
       0,
       {{"form", 0, "packed"}, {"panel", 64}, {"rows", 64}, {"depth", 512}}}}},

    // Large enough to hand out, small enough to stay in cache.
    {"cpu",
     AnchorKind::Loops,
     Need::Nothing,
     {{nullptr, Comparison::lt, 0, {{"tile_elements", 16384}}}}},

    // Two groups of four warps with 64 rows each: at widths of 128 a thread
    // holds 64 sums of values, 64 scores and the queries.
    {"gpu",
     AnchorKind::Fold,
     Need::SixteenBit,
     {{nullptr,
       Comparison::lt,
       0,
       {{"rows", 128}, {"chunk", 128}, {"form", 0, "dense"}}}}},

    // Fragments of tf32 are three times as large and all in registers.
    {"gpu",
     AnchorKind::Fold,
     Need::Nothing,
     {{nullptr,
       Comparison::lt,
       0,
       {{"rows", 64}, {"chunk", 16}, {"form", 0, "dense"}}}}},

    // Few heads: a state pass costs about half of the scan, and leaves a block
    // for each segment. Whether the batch would fill the machine is not asked.
    {"gpu",
     AnchorKind::Scan,
     Need::ScarcePerSequence,
     {{"time",
       Comparison::lt,
       2048,
       {{"chunk", preferred},
        {"segment", 0},
        {"few_tokens", 6},
        {"form", 0, "dense"}}},
      {nullptr,
       Comparison::lt,
       0,
       {{"chunk", preferred},
        {"segment", 1024},
        {"few_tokens", 6},
        {"form", 0, "dense"}}}}},

    // Tensor cores take whole tiles. gate-form-kernels tiles the rest.
    {"gpu",
     AnchorKind::Scan,
     Need::Nothing,
     {{nullptr,
       Comparison::lt,
       0,
       {{"chunk", preferred},
        {"segment", 0},
        {"few_tokens", 6},
        {"form", 0, "dense"}}}}},
};

ArrayRef<TargetDescription> gate::targetDescriptions() { return targets; }

const TargetDescription *gate::findTarget(StringRef name) {
  for (const TargetDescription &target : targets)
    if (target.name == name)
      return &target;
  return nullptr;
}

static bool fits(Need need, Operation *op, const TargetDescription &target) {
  if (need == Need::Nothing)
    return true;
  if (need == Need::SixteenBit) {
    Type element = getElementTypeOrSelf(op->getOperand(0));
    return element.isBF16() || element.isF16();
  }
  auto scan = cast<ChunkOpInterface>(op);
  if (!scan.canCombineStates())
    return false;
  if (need == Need::ScarcePerSequence) {
    if (!scan.hasDenseChunk())
      return false;
    // A batch that is known counts, too. Ops that dynamic sizes need are
    // dropped.
    Block scratch;
    OpBuilder builder(op->getContext());
    builder.setInsertionPointToEnd(&scratch);
    int64_t known = 1;
    for (OpFoldResult size : scan.getParallelSizes(builder, op->getLoc()))
      known *= getConstantIntValue(size).value_or(1);
    return known < target.leastTasks / 4;
  }
  for (const AnchorSize &size : anchorSizes(op, AnchorKind::Scan))
    if (size.role == "independent")
      return !ShapedType::isDynamic(size.size) && size.size < target.leastTasks;
  return false;
}

static ScheduleCaseAttr caseOf(Operation *op, const TableCase &entry,
                               const TargetDescription &target) {
  Builder builder(op->getContext());
  NamedAttrList choice;
  for (const Setting &setting : entry.settings) {
    if (!setting.name)
      break;
    int64_t number = setting.number;
    if (number == preferred)
      number = std::min(cast<ChunkOpInterface>(op).getPreferredChunk(),
                        target.mostChunk);
    choice.append(setting.name,
                  setting.text ? Attribute(builder.getStringAttr(setting.text))
                               : Attribute(builder.getI64IntegerAttr(number)));
  }
  return ScheduleCaseAttr::get(
      op->getContext(), entry.dim ? entry.dim : StringRef(), entry.comparison,
      entry.bound, choice.getDictionary(op->getContext()));
}

ScheduleAttr gate::lookUpSchedule(Operation *op, AnchorKind kind,
                                  const TargetDescription &target) {
  for (const Row &row : table) {
    if (target.name != row.target || row.kind != kind ||
        !fits(row.need, op, target))
      continue;
    SmallVector<ScheduleCaseAttr> cases;
    for (const TableCase &entry : row.cases) {
      cases.push_back(caseOf(op, entry, target));
      if (!entry.dim)
        break;
    }
    return ScheduleAttr::get(op->getContext(), cases);
  }
  return {};
}
