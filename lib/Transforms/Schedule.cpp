//===- Schedule.cpp - What is tiled, and how that is obeyed ---------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Schedule.h"

#include "gate/Analysis/MatrixProduct.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"

using namespace mlir;
using namespace gate;

//===----------------------------------------------------------------------===//
// Anchors
//===----------------------------------------------------------------------===//

StringRef gate::nameOf(AnchorKind kind) {
  switch (kind) {
  case AnchorKind::Scan:
    return "scan";
  case AnchorKind::Fold:
    return "fold";
  case AnchorKind::Product:
    return "product";
  case AnchorKind::Loops:
    return "loops";
  }
  llvm_unreachable("unknown kind");
}

std::optional<AnchorKind> gate::anchorKindOf(Operation *op) {
  if (op->getParentOfType<LoopLikeOpInterface>() ||
      op->getParentOfType<ChunkOpInterface>())
    return std::nullopt;
  if (isa<ChunkOpInterface>(op))
    return AnchorKind::Scan;
  if (isa<FoldOpInterface>(op))
    return AnchorKind::Fold;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics())
    return std::nullopt;
  return succeeded(matchMatrixForm(linalgOp)) ? AnchorKind::Product
                                              : AnchorKind::Loops;
}

static int64_t staticSize(OpFoldResult size) {
  return getConstantIntValue(size).value_or(ShapedType::kDynamic);
}

/// The product of sizes, or dynamic.
static int64_t multiply(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b)
             ? ShapedType::kDynamic
             : a * b;
}

SmallVector<AnchorSize> gate::anchorSizes(Operation *op, AnchorKind kind) {
  if (kind == AnchorKind::Scan || kind == AnchorKind::Fold) {
    // Ops that dynamic sizes need are built apart and dropped.
    Block scratch;
    OpBuilder builder(op->getContext());
    builder.setInsertionPointToEnd(&scratch);
    Location loc = op->getLoc();
    auto product = [](ArrayRef<OpFoldResult> sizes) {
      int64_t result = 1;
      for (OpFoldResult size : sizes)
        result = multiply(result, staticSize(size));
      return result;
    };
    if (auto fold = dyn_cast<FoldOpInterface>(op))
      return {{"rows", staticSize(fold.getRowCount(builder, loc))},
              {"time", staticSize(fold.getTokenCount(builder, loc))},
              {"independent", product(fold.getParallelSizes(builder, loc))}};
    auto scan = cast<ChunkOpInterface>(op);
    return {{"time", staticSize(scan.getTimeSize(builder, loc))},
            {"independent", product(scan.getParallelSizes(builder, loc))}};
  }
  auto linalgOp = cast<linalg::LinalgOp>(op);
  if (kind == AnchorKind::Product) {
    MatrixForm form = *matchMatrixForm(linalgOp);
    auto shapeOf = [&](OpOperand *operand) {
      return cast<RankedTensorType>(operand->get().getType()).getShape();
    };
    ArrayRef<int64_t> left = shapeOf(linalgOp.getDpsInputOperand(0));
    int64_t rows = 1;
    for (int64_t size : left.take_front(form.rowDims))
      rows = multiply(rows, size);
    return {{"rows", rows},
            {"columns", shapeOf(linalgOp.getDpsInitOperand(0)).back()},
            {"depth", left.back()}};
  }
  SmallVector<AnchorSize> sizes;
  for (auto [loop, size] : llvm::enumerate(linalgOp.getStaticLoopRanges()))
    sizes.push_back({"loop" + std::to_string(loop), size});
  return sizes;
}

namespace {
/// A dim of an argument that gate.dims gives a name.
struct NamedDim {
  BlockArgument argument;
  int64_t dim;
};
} // namespace

static std::optional<NamedDim> findNamedDim(Operation *op, StringRef name) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  if (!function || function.isExternal())
    return std::nullopt;
  for (BlockArgument argument : function.getArguments()) {
    auto names = function.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                      "gate.dims");
    if (!names)
      continue;
    for (auto [dim, own] : llvm::enumerate(names.getAsRange<StringAttr>()))
      if (own == name)
        return NamedDim{argument, static_cast<int64_t>(dim)};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

ScheduleAttr gate::completeSchedule(ScheduleAttr schedule, ScheduleAttr table) {
  SmallVector<ScheduleCaseAttr> cases;
  for (ScheduleCaseAttr given : schedule.getCases()) {
    ScheduleCaseAttr base = table.getCases().back();
    for (ScheduleCaseAttr entry : llvm::reverse(table.getCases())) {
      bool agrees = llvm::all_of(given.getChoice(), [&](NamedAttribute own) {
        Attribute other = entry.getChoice().get(own.getName());
        return !isa<StringAttr>(own.getValue()) || own.getValue() == other;
      });
      if (!agrees)
        continue;
      base = entry;
      break;
    }
    NamedAttrList choice(base.getChoice());
    for (NamedAttribute own : given.getChoice())
      choice.set(own.getName(), own.getValue());
    cases.push_back(ScheduleCaseAttr::get(
        schedule.getContext(), given.getDim(), given.getComparison(),
        given.getBound(), choice.getDictionary(schedule.getContext())));
  }
  return ScheduleAttr::get(schedule.getContext(), cases);
}

/// Sub-chunks are unrolled: more would be minutes of compilation.
static constexpr int64_t mostChunk = 512;

/// Which choices there are, as "chunk, segment and few_tokens".
static ArrayRef<StringLiteral> choicesOf(AnchorKind kind) {
  static constexpr StringLiteral scan[] = {"chunk", "segment", "few_tokens",
                                           "form"};
  static constexpr StringLiteral fold[] = {"rows", "chunk", "form"};
  static constexpr StringLiteral product[] = {"form", "panel", "rows", "depth"};
  static constexpr StringLiteral loops[] = {"tile_elements"};
  switch (kind) {
  case AnchorKind::Scan:
    return scan;
  case AnchorKind::Fold:
    return fold;
  case AnchorKind::Product:
    return product;
  case AnchorKind::Loops:
    return loops;
  }
  llvm_unreachable("unknown kind");
}

/// Choices that are known, integers that are integers and at least what they
/// must be.
static LogicalResult
verifyChoices(AnchorKind kind, ScheduleCaseAttr made,
              function_ref<InFlightDiagnostic()> emitError) {
  for (NamedAttribute entry : made.getChoice()) {
    StringRef name = entry.getName();
    if (!llvm::is_contained(choicesOf(kind), name))
      return emitError() << "unknown choice '" << name << "' for "
                         << nameOf(kind) << "; expects one of "
                         << llvm::join(choicesOf(kind), ", ");
    if (name == "form") {
      std::optional<StringRef> form = made.getText(name);
      bool isProduct = kind == AnchorKind::Product;
      StringRef one = isProduct ? "packed" : "rows";
      StringRef other = isProduct ? "few_rows" : "dense";
      if (form != one && form != other)
        return emitError() << "expects form to be \"" << one << "\" or \""
                           << other << "\", got " << entry.getValue();
      continue;
    }
    std::optional<int64_t> number = made.getNumber(name);
    int64_t least = name == "segment" || name == "few_tokens" ? 0 : 1;
    if (!number || *number < least) {
      InFlightDiagnostic error = emitError();
      error << "expects " << name << " to be a number of at least " << least
            << ", got ";
      if (number)
        return error << *number;
      return error << entry.getValue();
    }
  }
  return success();
}

static LogicalResult
verifyScanCase(ChunkOpInterface op, ScheduleCaseAttr made,
               function_ref<InFlightDiagnostic()> emitError) {
  int64_t chunk = *made.getNumber("chunk"),
          segment = *made.getNumber("segment");
  if (chunk != 1 && op.getPreferredChunk() == 1)
    return emitError() << "expects chunk to be 1, as this "
                       << op->getName().getStringRef()
                       << " goes token by token, got " << chunk;
  if (chunk != 1 && (chunk % 16 != 0 || chunk > mostChunk))
    return emitError() << "expects chunk to be 1 or a multiple of 16 up to "
                       << mostChunk << ", got " << chunk;
  if (segment % chunk != 0)
    return emitError() << "expects segment to be a multiple of the " << chunk
                       << " tokens of a chunk, got " << segment;
  return success();
}

/// The size that a guard tests must be known, and for a scan it must not be
/// one that changes with the batch: its cases sum in different orders.
/// A tile of rows and one of tokens, and the scores between them.
static LogicalResult
verifyFoldCase(ScheduleCaseAttr made,
               function_ref<InFlightDiagnostic()> emitError) {
  int64_t chunk = *made.getNumber("chunk"), rows = *made.getNumber("rows");
  if (chunk % 16 != 0 || chunk > mostChunk)
    return emitError() << "expects chunk to be a multiple of 16 up to "
                       << mostChunk << ", got " << chunk;
  if (rows > mostChunk)
    return emitError() << "expects rows to be at most " << mostChunk << ", got "
                       << rows;
  return success();
}

static LogicalResult verifyGuard(Operation *op, AnchorKind kind, StringRef dim,
                                 function_ref<InFlightDiagnostic()> emitError) {
  SmallVector<AnchorSize> sizes = anchorSizes(op, kind);
  auto role = llvm::find_if(
      sizes, [&](const AnchorSize &size) { return size.role == dim; });
  bool isDynamic, isTime = dim == "time";
  if (kind == AnchorKind::Fold)
    isTime |= dim == "rows";
  if (role != sizes.end()) {
    isDynamic = ShapedType::isDynamic(role->size);
  } else {
    std::optional<NamedDim> named = findNamedDim(op, dim);
    if (!named) {
      InFlightDiagnostic error = emitError();
      error << "unknown size '" << dim << "' in a guard for " << nameOf(kind)
            << "; expects one of ";
      llvm::interleaveComma(sizes, error,
                            [&](const AnchorSize &s) { error << s.role; });
      return error << " or a dim that gate.dims of an argument names";
    }
    isDynamic = cast<RankedTensorType>(named->argument.getType())
                    .isDynamicDim(named->dim);
    auto function = op->getParentOfType<FunctionOpInterface>();
    auto time = function->getAttrOfType<StringAttr>("gate.time");
    isTime = time && time == dim;
  }
  bool ordersSums = kind == AnchorKind::Scan || kind == AnchorKind::Fold;
  if (ordersSums && isDynamic && !isTime)
    return emitError() << "expects guards of a " << nameOf(kind)
                       << " to test its "
                       << (kind == AnchorKind::Fold ? "rows, its " : "")
                       << "time or sizes known when it is compiled, got '"
                       << dim << "': no bit of a result may depend on it";
  return success();
}

LogicalResult
gate::verifySchedule(Operation *op, AnchorKind kind, ScheduleAttr schedule,
                     function_ref<InFlightDiagnostic()> emitError) {
  for (ScheduleCaseAttr made : schedule.getCases()) {
    if (failed(verifyChoices(kind, made, emitError)))
      return failure();
    if (kind == AnchorKind::Scan &&
        failed(verifyScanCase(cast<ChunkOpInterface>(op), made, emitError)))
      return failure();
    if (kind == AnchorKind::Fold && failed(verifyFoldCase(made, emitError)))
      return failure();
    if (made.hasGuard() &&
        failed(verifyGuard(op, kind, made.getDim(), emitError)))
      return failure();
  }
  return success();
}

FailureOr<ScheduleAttr> gate::scheduleOf(Operation *op, AnchorKind kind) {
  ScheduleAttr table = lookUpSchedule(op, kind, targetDescriptions().front());
  auto own = op->getAttrOfType<ScheduleAttr>(scheduleAttrName);
  if (!own)
    return table;
  ScheduleAttr complete = completeSchedule(own, table);
  if (failed(
          verifySchedule(op, kind, complete, [&] { return op->emitError(); })))
    return failure();
  return complete;
}

//===----------------------------------------------------------------------===//
// Cases
//===----------------------------------------------------------------------===//

static arith::CmpIPredicate predicateOf(Comparison comparison) {
  switch (comparison) {
  case Comparison::lt:
    return arith::CmpIPredicate::ult;
  case Comparison::le:
    return arith::CmpIPredicate::ule;
  case Comparison::gt:
    return arith::CmpIPredicate::ugt;
  case Comparison::ge:
    return arith::CmpIPredicate::uge;
  case Comparison::eq:
    return arith::CmpIPredicate::eq;
  }
  llvm_unreachable("unknown comparison");
}

SmallVector<Value> gate::buildCases(
    OpBuilder &builder, Operation *op, ScheduleAttr schedule,
    function_ref<OpFoldResult(StringRef)> sizeOf,
    function_ref<SmallVector<Value>(OpBuilder &, ScheduleCaseAttr)> build) {
  Location loc = op->getLoc();
  std::function<SmallVector<Value>(OpBuilder &, ArrayRef<ScheduleCaseAttr>)>
      choose = [&](OpBuilder &b, ArrayRef<ScheduleCaseAttr> cases) {
        ScheduleCaseAttr first = cases.front();
        if (!first.hasGuard())
          return build(b, first);
        OpFoldResult size = sizeOf(first.getDim());
        if (!size) {
          NamedDim named = *findNamedDim(op, first.getDim());
          size = tensor::getMixedSize(b, loc, named.argument, named.dim);
        }
        if (std::optional<int64_t> fixed = getConstantIntValue(size))
          return first.holds(*fixed) ? build(b, first)
                                     : choose(b, cases.drop_front());
        Value holds = arith::CmpIOp::create(
            b, loc, predicateOf(first.getComparison()),
            getValueOrCreateConstantIndexOp(b, loc, size),
            arith::ConstantIndexOp::create(b, loc, first.getBound()));
        auto choice = scf::IfOp::create(
            b, loc, holds,
            [&](OpBuilder &inner, Location l) {
              scf::YieldOp::create(inner, l, build(inner, first));
            },
            [&](OpBuilder &inner, Location l) {
              scf::YieldOp::create(inner, l, choose(inner, cases.drop_front()));
            });
        return SmallVector<Value>(choice.getResults());
      };
  return choose(builder, schedule.getCases());
}

void gate::recordSchedule(Operation *loop, ScheduleCaseAttr made) {
  MLIRContext *context = made.getContext();
  auto only = ScheduleCaseAttr::get(context, StringRef(), Comparison::lt, 0,
                                    made.getChoice());
  loop->setAttr(scheduleAttrName,
                ScheduleAttr::get(context, ArrayRef<ScheduleCaseAttr>(only)));
}
