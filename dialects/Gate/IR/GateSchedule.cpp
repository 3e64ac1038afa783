//===- GateSchedule.cpp - Schedules as attributes -------------------------===//
//
// Text form and checks of #gate.schedule. What the choices mean is known to the
// passes that obey them, see gate/Transforms/Schedule.h.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/Gate.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace gate;

/// More would be a search, not a choice; and each is code in the library.
static constexpr size_t mostCases = 3;

//===----------------------------------------------------------------------===//
// One case
//===----------------------------------------------------------------------===//

bool ScheduleCaseAttr::holds(int64_t size) {
  switch (getComparison()) {
  case Comparison::lt:
    return size < getBound();
  case Comparison::le:
    return size <= getBound();
  case Comparison::gt:
    return size > getBound();
  case Comparison::ge:
    return size >= getBound();
  case Comparison::eq:
    return size == getBound();
  }
  llvm_unreachable("unknown comparison");
}

std::optional<int64_t> ScheduleCaseAttr::getNumber(StringRef name) {
  if (auto number = getChoice().getAs<IntegerAttr>(name))
    return number.getInt();
  return std::nullopt;
}

std::optional<StringRef> ScheduleCaseAttr::getText(StringRef name) {
  if (auto text = getChoice().getAs<StringAttr>(name))
    return text.getValue();
  return std::nullopt;
}

LogicalResult
ScheduleCaseAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         StringRef dim, Comparison, int64_t bound,
                         DictionaryAttr choice) {
  if (!dim.empty() && bound < 0)
    return emitError() << "expects the bound of a guard to be at least 0, got "
                       << bound;
  if (!choice || choice.empty())
    return emitError() << "expects at least one choice in a case";
  for (NamedAttribute entry : choice) {
    auto number = dyn_cast<IntegerAttr>(entry.getValue());
    if (!isa<StringAttr>(entry.getValue()) &&
        (!number || !number.getType().isSignlessInteger(64)))
      return emitError() << "expects choices to be strings or 64-bit integers, "
                            "got "
                         << entry.getName() << " = " << entry.getValue();
  }
  return success();
}

/// {name = 64, name = "text"}
static ParseResult parseChoice(AsmParser &parser, DictionaryAttr &choice) {
  Builder builder(parser.getContext());
  NamedAttrList entries;
  auto parseEntry = [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    std::string name, text;
    int64_t number;
    if (parser.parseKeywordOrString(&name) || parser.parseEqual())
      return failure();
    if (entries.get(name))
      return parser.emitError(loc)
             << "expects one choice of a name, got '" << name << "' twice";
    if (succeeded(parser.parseOptionalString(&text))) {
      entries.append(name, builder.getStringAttr(text));
      return success();
    }
    OptionalParseResult parsed = parser.parseOptionalInteger(number);
    if (!parsed.has_value())
      return parser.emitError(parser.getCurrentLocation())
             << "expects an integer or a string for '" << name << "'";
    if (failed(*parsed))
      return failure();
    entries.append(name, builder.getI64IntegerAttr(number));
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Braces, parseEntry))
    return failure();
  choice = entries.getDictionary(parser.getContext());
  return success();
}

/// Words, as `<` and `>` must be balanced in the text of an attribute.
static constexpr std::pair<Comparison, StringLiteral> comparisonWords[] = {
    {Comparison::lt, "lt"},
    {Comparison::le, "le"},
    {Comparison::gt, "gt"},
    {Comparison::ge, "ge"},
    {Comparison::eq, "eq"}};

static ParseResult parseComparison(AsmParser &parser, Comparison &comparison) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef word;
  if (succeeded(parser.parseOptionalKeyword(&word)))
    for (auto [known, text] : comparisonWords)
      if (text == word) {
        comparison = known;
        return success();
      }
  return parser.emitError(loc) << "expects a comparison: lt, le, gt, ge or eq";
}

static StringRef wordOf(Comparison comparison) {
  for (auto [known, text] : comparisonWords)
    if (known == comparison)
      return text;
  llvm_unreachable("unknown comparison");
}

static FailureOr<ScheduleCaseAttr> parseCase(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  std::string dim;
  Comparison comparison = Comparison::lt;
  int64_t bound = 0;
  DictionaryAttr choice;
  if (succeeded(parser.parseOptionalKeyword("when")) &&
      (parser.parseString(&dim) || parseComparison(parser, comparison) ||
       parser.parseInteger(bound)))
    return failure();
  if (parseChoice(parser, choice))
    return failure();
  auto attr = ScheduleCaseAttr::getChecked(
      [&] { return parser.emitError(loc); }, parser.getContext(),
      StringRef(dim), comparison, bound, choice);
  if (!attr)
    return failure();
  return attr;
}

static void printCase(AsmPrinter &printer, ScheduleCaseAttr attr) {
  if (attr.hasGuard()) {
    printer << "when ";
    printer.printString(attr.getDim());
    printer << " " << wordOf(attr.getComparison()) << " " << attr.getBound()
            << " ";
  }
  printer << "{";
  llvm::interleaveComma(attr.getChoice(), printer, [&](NamedAttribute entry) {
    printer.printKeywordOrString(entry.getName());
    printer << " = ";
    if (auto number = dyn_cast<IntegerAttr>(entry.getValue()))
      printer << number.getInt();
    else
      printer.printString(cast<StringAttr>(entry.getValue()).getValue());
  });
  printer << "}";
}

Attribute ScheduleCaseAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<ScheduleCaseAttr> attr = parseCase(parser);
  if (failed(attr) || parser.parseGreater())
    return {};
  return *attr;
}

void ScheduleCaseAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printCase(printer, *this);
  printer << ">";
}

//===----------------------------------------------------------------------===//
// Schedules
//===----------------------------------------------------------------------===//

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   ArrayRef<ScheduleCaseAttr> cases) {
  if (cases.empty() || cases.size() > mostCases)
    return emitError() << "expects one to " << mostCases
                       << " cases in a schedule, got " << cases.size();
  for (auto [index, attr] : llvm::enumerate(cases.drop_back()))
    if (!ScheduleCaseAttr(attr).hasGuard())
      return emitError() << "expects a guard in every case but the last, got "
                            "none in case "
                         << index + 1 << " of " << cases.size();
  ScheduleCaseAttr last = cases.back();
  if (last.hasGuard())
    return emitError() << "expects no guard in the last case, got one on '"
                       << last.getDim() << "'";
  return success();
}

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<ScheduleCaseAttr> cases;
  auto parseOne = [&]() -> ParseResult {
    FailureOr<ScheduleCaseAttr> attr = parseCase(parser);
    if (failed(attr))
      return failure();
    cases.push_back(*attr);
    return success();
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseOne))
    return {};
  return ScheduleAttr::getChecked([&] { return parser.emitError(loc); },
                                  parser.getContext(), ArrayRef(cases));
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getCases(), printer, [&](ScheduleCaseAttr attr) {
    printCase(printer, attr);
  });
  printer << ">";
}
