//===- ScheduleFile.cpp - Schedules that a user writes --------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/ScheduleFile.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace gate;

namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

/// Whether `at` names the location: a name, a line, or the end of a file's path
/// and a line.
static bool isAt(Location loc, StringRef at) {
  if (auto name = loc->findInstanceOf<NameLoc>())
    if (name.getName() == at)
      return true;
  auto place = loc->findInstanceOf<FileLineColLoc>();
  if (!place)
    return false;
  std::string line = std::to_string(place.getLine());
  auto [file, number] = at.rsplit(':');
  if (file == at)
    return at == line;
  StringRef path = place.getFilename().getValue();
  return number == line && (path == file || path.ends_with(("/" + file).str()));
}

bool ScheduleEntry::matches(Operation *candidate, AnchorKind kind) const {
  if (!at.empty() && !isAt(candidate->getLoc(), at))
    return false;
  if (!op.empty() && op != nameOf(kind) &&
      candidate->getName().getStringRef() != op)
    return false;
  if (!function.empty()) {
    auto parent = candidate->getParentOfType<SymbolOpInterface>();
    if (!parent || parent.getName() != function)
      return false;
  }
  SmallVector<AnchorSize> own = anchorSizes(candidate, kind);
  return llvm::all_of(sizes, [&](const AnchorSize &wanted) {
    return llvm::any_of(own, [&](const AnchorSize &size) {
      return size.role == wanted.role && size.size == wanted.size;
    });
  });
}

ScheduleAttr ScheduleEntry::apply(ScheduleAttr table) const {
  if (cases)
    return completeSchedule(cases, table);
  SmallVector<ScheduleCaseAttr> changed;
  for (ScheduleCaseAttr entry : table.getCases()) {
    NamedAttrList all(entry.getChoice());
    for (NamedAttribute own : choice)
      all.set(own.getName(), own.getValue());
    changed.push_back(ScheduleCaseAttr::get(
        table.getContext(), entry.getDim(), entry.getComparison(),
        entry.getBound(), all.getDictionary(table.getContext())));
  }
  return ScheduleAttr::get(table.getContext(), changed);
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

namespace {

/// Reads entries; every error begins with the file and the entry.
class Reader {
public:
  Reader(MLIRContext *context, StringRef path) : context(context), path(path) {}

  FailureOr<std::vector<ScheduleEntry>> read();

private:
  InFlightDiagnostic error() {
    InFlightDiagnostic diagnostic = emitError(UnknownLoc::get(context));
    diagnostic << path << ": ";
    if (number)
      diagnostic << "entry " << number << ": ";
    return diagnostic;
  }
  static std::string text(const json::Value &value) {
    std::string result;
    llvm::raw_string_ostream(result) << value;
    return result;
  }
  LogicalResult readEntry(const json::Value &value, ScheduleEntry &entry);
  LogicalResult readText(StringRef key, const json::Value &value,
                         std::string &result);
  LogicalResult readSizes(const json::Value &value, ScheduleEntry &entry);
  FailureOr<DictionaryAttr> readChoice(const json::Value &value);
  FailureOr<ScheduleCaseAttr> readCase(const json::Value &value);
  LogicalResult readCases(const json::Value &value, ScheduleEntry &entry);

  MLIRContext *context;
  StringRef path;
  /// Of the entry, from 1; 0 outside of entries.
  size_t number = 0;
};

} // namespace

LogicalResult Reader::readText(StringRef key, const json::Value &value,
                               std::string &result) {
  std::optional<StringRef> given = value.getAsString();
  if (!given || given->empty())
    return error() << "expects " << key << " to be a string, got "
                   << text(value);
  result = given->str();
  return success();
}

LogicalResult Reader::readSizes(const json::Value &value,
                                ScheduleEntry &entry) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return error() << "expects sizes to be an object such as {\"rows\": 64}, "
                      "got "
                   << text(value);
  for (const auto &[key, size] : *object) {
    std::optional<int64_t> integer = size.getAsInteger();
    if (!integer)
      return error() << "expects size '" << StringRef(key)
                     << "' to be an integer, got " << text(size);
    entry.sizes.push_back({StringRef(key).str(), *integer});
  }
  return success();
}

FailureOr<DictionaryAttr> Reader::readChoice(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object || object->empty())
    return error() << "expects a choice to be an object such as {\"chunk\": "
                      "64}, got "
                   << text(value);
  Builder builder(context);
  NamedAttrList choice;
  for (const auto &[key, own] : *object) {
    if (std::optional<int64_t> integer = own.getAsInteger())
      choice.append(StringRef(key), builder.getI64IntegerAttr(*integer));
    else if (std::optional<StringRef> string = own.getAsString())
      choice.append(StringRef(key), builder.getStringAttr(*string));
    else
      return error() << "expects choice '" << StringRef(key)
                     << "' to be an integer or a string, got " << text(own);
  }
  return choice.getDictionary(context);
}

/// {"when": "rows < 12", "choice": {...}}
FailureOr<ScheduleCaseAttr> Reader::readCase(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  const json::Value *choice = object ? object->get("choice") : nullptr;
  if (!choice)
    return error() << "expects a case to be an object with a choice and, but "
                      "for the last, a guard when, got "
                   << text(value);
  std::string dim;
  Comparison comparison = Comparison::lt;
  int64_t bound = 0;
  for (const auto &[key, own] : *object) {
    if (StringRef(key) == "choice")
      continue;
    if (StringRef(key) != "when")
      return error() << "unknown key '" << StringRef(key)
                     << "' in a case; expects when and choice";
    std::string guard;
    if (failed(readText("when", own, guard)))
      return failure();
    SmallVector<StringRef> words;
    StringRef(guard).split(words, ' ', -1, /*KeepEmpty=*/false);
    std::optional<Comparison> known;
    if (words.size() == 3)
      known = symbolizeComparison(words[1]);
    if (!known || words[2].getAsInteger(10, bound))
      return error()
             << "expects when to be a size, a comparison (<, <=, >, >=, "
                "==) and a number, as in 'rows < 12', got '"
             << guard << "'";
    dim = words[0].str();
    comparison = *known;
  }
  FailureOr<DictionaryAttr> made = readChoice(*choice);
  if (failed(made))
    return failure();
  auto result =
      ScheduleCaseAttr::getChecked([&] { return error(); }, context,
                                   StringRef(dim), comparison, bound, *made);
  if (!result)
    return failure();
  return result;
}

LogicalResult Reader::readCases(const json::Value &value,
                                ScheduleEntry &entry) {
  const json::Array *array = value.getAsArray();
  if (!array)
    return error() << "expects cases to be a list, got " << text(value);
  SmallVector<ScheduleCaseAttr> cases;
  for (const json::Value &own : *array) {
    FailureOr<ScheduleCaseAttr> made = readCase(own);
    if (failed(made))
      return failure();
    cases.push_back(*made);
  }
  entry.cases = ScheduleAttr::getChecked([&] { return error(); }, context,
                                         ArrayRef(cases));
  return success(static_cast<bool>(entry.cases));
}

LogicalResult Reader::readEntry(const json::Value &value,
                                ScheduleEntry &entry) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return error() << "expects an object, got " << text(value);
  for (const auto &[key, own] : *object) {
    StringRef name = key;
    LogicalResult result = success();
    if (name == "at")
      result = readText(name, own, entry.at);
    else if (name == "function")
      result = readText(name, own, entry.function);
    else if (name == "op")
      result = readText(name, own, entry.op);
    else if (name == "sizes")
      result = readSizes(own, entry);
    else if (name == "cases")
      result = readCases(own, entry);
    else if (name == "choice") {
      FailureOr<DictionaryAttr> choice = readChoice(own);
      if (failed(choice))
        return failure();
      entry.choice = *choice;
    } else
      return error() << "unknown key '" << name
                     << "'; expects at, function, op, sizes, choice or cases";
    if (failed(result))
      return failure();
  }
  if (!entry.choice == !entry.cases)
    return error() << "expects either choice or cases, got "
                   << (entry.choice ? "both" : "neither");
  return success();
}

FailureOr<std::vector<ScheduleEntry>> Reader::read() {
  std::string message;
  std::unique_ptr<llvm::MemoryBuffer> file = openInputFile(path, &message);
  if (!file)
    return emitError(UnknownLoc::get(context))
           << "schedule: " << message << "; --schedule names a file";
  llvm::Expected<json::Value> value = json::parse(file->getBuffer());
  if (!value)
    return error() << "expects JSON: " << llvm::toString(value.takeError());
  const json::Array *array = value->getAsArray();
  if (!array)
    return error() << "expects a list of entries, as in [{\"op\": \"scan\", "
                      "\"choice\": {\"chunk\": 32}}]";
  std::vector<ScheduleEntry> entries;
  for (const json::Value &own : *array) {
    number = entries.size() + 1;
    if (failed(readEntry(own, entries.emplace_back())))
      return failure();
  }
  return entries;
}

FailureOr<std::vector<ScheduleEntry>>
gate::readScheduleFile(MLIRContext *context, StringRef path) {
  return Reader(context, path).read();
}
