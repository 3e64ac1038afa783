//===- Groups.cpp - How tensors become arguments of C functions -----------===//
//
// Sorts the tensors of each function into groups, lets functions share structs
// that agree, and finds C names for everything.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/Groups.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace gate;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Keywords of C and C++, and names that headers or compilers define.
static bool isReserved(llvm::StringRef name) {
  static const llvm::StringSet<> reserved = {
      "alignas",
      "alignof",
      "and",
      "and_eq",
      "asm",
      "assert",
      "auto",
      "bitand",
      "bitor",
      "bool",
      "break",
      "case",
      "catch",
      "char",
      "char16_t",
      "char32_t",
      "char8_t",
      "class",
      "co_await",
      "co_return",
      "co_yield",
      "compl",
      "concept",
      "const",
      "const_cast",
      "consteval",
      "constexpr",
      "constinit",
      "continue",
      "decltype",
      "default",
      "delete",
      "do",
      "double",
      "dynamic_cast",
      "else",
      "enum",
      "errno",
      "explicit",
      "export",
      "extern",
      "false",
      "final",
      "float",
      "for",
      "friend",
      "goto",
      "if",
      "inline",
      "int",
      "int32_t",
      "int64_t",
      "linux",
      "long",
      "mutable",
      "namespace",
      "new",
      "noexcept",
      "not",
      "not_eq",
      "nullptr",
      "operator",
      "or",
      "or_eq",
      "private",
      "protected",
      "public",
      "register",
      "reinterpret_cast",
      "requires",
      "restrict",
      "return",
      "short",
      "signed",
      "size_t",
      "sizeof",
      "static",
      "static_assert",
      "static_cast",
      "stderr",
      "stdin",
      "stdout",
      "struct",
      "switch",
      "template",
      "this",
      "thread_local",
      "throw",
      "true",
      "try",
      "typedef",
      "typeid",
      "typename",
      "typeof",
      "uint8_t",
      "union",
      "unix",
      "unsigned",
      "using",
      "virtual",
      "void",
      "volatile",
      "wchar_t",
      "while",
      "xor",
      "xor_eq",
      "DLTensor",
      "EOF",
      "NULL",
      "I",
      "NAN",
      "INFINITY",
  };
  return reserved.contains(name);
}

std::string gate::toIdentifier(const std::string &name) {
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) ? c : '_';
  // Names that start with an underscore belong to the implementation of C.
  if (result.empty() || !llvm::isAlpha(result.front()))
    result.insert(0, "t");
  if (isReserved(result))
    result += '_';
  return result;
}

/// `name` as an identifier that is not in `taken`; adds it.
static std::string makeUnique(const std::string &name,
                              llvm::StringSet<> &taken) {
  std::string base = toIdentifier(name), result = base;
  for (int i = 2; !taken.insert(result).second; ++i)
    result = base + "_" + std::to_string(i);
  return result;
}

std::string gate::qualifiedName(const TensorSignature &tensor) {
  switch (tensor.role) {
  case GATE_ROLE_PARAMETER:
    return "parameters." + tensor.name;
  case GATE_ROLE_STATE:
    return "state." + tensor.name;
  case GATE_ROLE_NEXT_STATE:
    return "next_state." + tensor.name;
  case GATE_ROLE_INPUT:
  case GATE_ROLE_OUTPUT:
    break;
  }
  return tensor.name;
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

/// State and next state as members of one struct: the states in order, then
/// the next states that continue none.
static void collectStates(const FunctionSignature &function, Group &state,
                          Group &nextState) {
  int32_t count = static_cast<int32_t>(function.tensors.size());
  std::vector<int32_t> slots(function.tensors.size(), -1);
  for (int32_t i = 0; i < count; ++i) {
    if (function.tensors[i].role != GATE_ROLE_STATE)
      continue;
    slots[i] = static_cast<int32_t>(state.members.size());
    state.members.push_back(i);
    nextState.members.push_back(-1);
  }
  for (int32_t i = 0; i < count; ++i) {
    const TensorSignature &tensor = function.tensors[i];
    if (tensor.role != GATE_ROLE_NEXT_STATE)
      continue;
    if (tensor.tied >= 0) {
      nextState.members[slots[tensor.tied]] = i;
      continue;
    }
    state.members.push_back(-1);
    nextState.members.push_back(i);
  }
}

static bool isUsed(const Group &group) {
  return llvm::any_of(group.members, [](int32_t i) { return i >= 0; });
}

static Group structGroup(GroupKind kind, const char *name) {
  Group group;
  group.kind = kind;
  group.name = group.identifier = name;
  return group;
}

/// The groups of a function, without names for single tensors.
static std::vector<Group> collectGroups(const FunctionSignature &function) {
  Group parameters = structGroup(GroupKind::Parameters, "parameters");
  Group state = structGroup(GroupKind::State, "state");
  Group nextState = structGroup(GroupKind::NextState, "next_state");
  std::vector<Group> inputs, outputs;
  for (size_t i = 0; i < function.tensors.size(); ++i) {
    const TensorSignature &tensor = function.tensors[i];
    int32_t position = static_cast<int32_t>(i);
    if (tensor.role == GATE_ROLE_PARAMETER && tensor.embedded.empty())
      parameters.members.push_back(position);
    if (tensor.role != GATE_ROLE_INPUT && tensor.role != GATE_ROLE_OUTPUT)
      continue;
    Group group;
    group.members.push_back(position);
    (tensor.role == GATE_ROLE_INPUT ? inputs : outputs).push_back(group);
  }
  collectStates(function, state, nextState);

  std::vector<Group> groups;
  auto addIfUsed = [&groups](const Group &group) {
    if (isUsed(group))
      groups.push_back(group);
  };
  addIfUsed(parameters);
  groups.insert(groups.end(), inputs.begin(), inputs.end());
  addIfUsed(state);
  groups.insert(groups.end(), outputs.begin(), outputs.end());
  addIfUsed(nextState);
  return groups;
}

static void nameTensors(const FunctionSignature &function, bool hasStream,
                        std::vector<Group> &groups) {
  llvm::StringSet<> names, identifiers = {"parameters", "state", "next_state",
                                          "workspace", "workspace_bytes"};
  if (hasStream)
    identifiers.insert("stream");
  for (Group &group : groups) {
    if (group.kind != GroupKind::Tensor)
      continue;
    const std::string &name = function.tensors[group.members.front()].name;
    group.identifier = makeUnique(name, identifiers);
    // A message must say which of two tensors with one name it means.
    group.name = names.insert(name).second ? name : group.identifier;
  }
}

//===----------------------------------------------------------------------===//
// Structs
//===----------------------------------------------------------------------===//

/// What the struct of parameters or states of a function holds.
static std::vector<TensorSignature>
structTensors(const FunctionSignature &function, const Group *first,
              const Group *second) {
  const Group *group = first ? first : second;
  std::vector<TensorSignature> tensors;
  for (size_t i = 0; i < group->members.size(); ++i) {
    int32_t member = group->members[i];
    if (member < 0 && second)
      member = second->members[i];
    if (member < 0 && first)
      member = first->members[i];
    // A next state without an input side has no state group to be found in.
    const TensorSignature &tensor = function.tensors[member];
    TensorSignature entry;
    entry.name = tensor.name;
    entry.type = tensor.type;
    entry.shape = tensor.shape;
    entry.dims = tensor.dims;
    entry.indexBound = tensor.indexBound;
    tensors.push_back(std::move(entry));
  }
  return tensors;
}

static bool agree(const std::vector<TensorSignature> &lhs,
                  const std::vector<TensorSignature> &rhs) {
  return llvm::equal(lhs, rhs,
                     [](const TensorSignature &a, const TensorSignature &b) {
                       return a.name == b.name && a.type == b.type &&
                              a.shape == b.shape && a.dims == b.dims;
                     });
}

static Group *findGroup(FunctionLayout &layout, GroupKind kind) {
  for (Group &group : layout.groups)
    if (group.kind == kind)
      return &group;
  return nullptr;
}

static StructLayout makeStruct(std::string identifier, bool isState,
                               bool hasPrepared,
                               std::vector<TensorSignature> tensors) {
  StructLayout result;
  result.identifier = std::move(identifier);
  result.isState = isState;
  result.hasPrepared = hasPrepared;
  llvm::StringSet<> taken;
  if (hasPrepared)
    taken.insert("prepared");
  for (const TensorSignature &tensor : tensors)
    result.members.push_back(makeUnique(tensor.name, taken));
  result.tensors = std::move(tensors);
  return result;
}

/// Adds the structs of parameters (first == second) or of states.
static void addStructs(const LibrarySignature &library, LibraryLayout &layout,
                       GroupKind first, GroupKind second) {
  bool isState = first == GroupKind::State;
  const char *suffix = isState ? "_state" : "_parameters";
  std::vector<std::pair<size_t, std::vector<TensorSignature>>> users;
  for (size_t i = 0; i < library.functions.size(); ++i) {
    Group *one = findGroup(layout.functions[i], first);
    Group *other = findGroup(layout.functions[i], second);
    if (one || other)
      users.emplace_back(i, structTensors(library.functions[i], one, other));
  }
  bool shared = llvm::all_of(users, [&users](const auto &user) {
    return agree(user.second, users.front().second);
  });
  auto isPrepared = [&library](size_t index) {
    return library.functions[index].preparation >= 0;
  };
  bool anyPrepared = llvm::any_of(
      users, [&](const auto &user) { return isPrepared(user.first); });
  for (const auto &[index, tensors] : users) {
    std::string start = library.prefix;
    if (!shared)
      start += "_" + library.functions[index].name;
    bool hasPrepared = !isState && (shared ? anyPrepared : isPrepared(index));
    if (!shared || index == users.front().first)
      layout.structs.push_back(
          makeStruct(start + suffix, isState, hasPrepared, tensors));
    if (hasPrepared && isPrepared(index)) {
      layout.functions[index].prepareSymbol = start + "_prepare";
      layout.functions[index].preparedBytesSymbol = start + "_prepared_bytes";
    }
    int32_t structIndex = static_cast<int32_t>(layout.structs.size()) - 1;
    for (GroupKind kind : {first, second})
      if (Group *group = findGroup(layout.functions[index], kind))
        group->structIndex = structIndex;
    if (isState && findGroup(layout.functions[index], GroupKind::State))
      layout.functions[index].initStateSymbol = start + "_init_state";
  }
}

LibraryLayout gate::computeLayout(const LibrarySignature &library) {
  LibraryLayout layout;
  for (const FunctionSignature &function : library.functions) {
    FunctionLayout entry;
    entry.symbol = library.prefix + "_" + function.name;
    entry.workspaceSymbol = entry.symbol + "_workspace_bytes";
    entry.groups = collectGroups(function);
    nameTensors(function, library.hasCuda(), entry.groups);
    llvm::StringSet<> taken = {"bytes"};
    for (const std::string &dim : function.dims)
      entry.dims.push_back(makeUnique(dim, taken));
    layout.functions.push_back(std::move(entry));
  }
  addStructs(library, layout, GroupKind::Parameters, GroupKind::Parameters);
  addStructs(library, layout, GroupKind::State, GroupKind::NextState);
  return layout;
}

//===----------------------------------------------------------------------===//
// Symbols
//===----------------------------------------------------------------------===//

std::vector<std::string>
gate::exportedSymbols(const LibrarySignature &library) {
  LibraryLayout layout = computeLayout(library);
  std::vector<std::string> symbols;
  llvm::StringSet<> printed;
  auto addOnce = [&](const std::string &symbol) {
    if (!symbol.empty() && printed.insert(symbol).second)
      symbols.push_back(symbol);
  };
  for (const FunctionLayout &function : layout.functions) {
    symbols.push_back(function.symbol);
    symbols.push_back(function.workspaceSymbol);
    addOnce(function.preparedBytesSymbol);
    addOnce(function.prepareSymbol);
    addOnce(function.initStateSymbol);
  }
  auto add = [&](std::initializer_list<const char *> names) {
    for (const char *name : names)
      symbols.push_back(library.prefix + "_" + name);
  };
  add({"status_string", "last_error", "set_num_threads", "num_threads",
       "set_parallel_for"});
  if (library.hasCuda())
    add({"cuda_load", "cuda_status"});
  add({"signature", "version", "abi_version"});
  return symbols;
}

std::optional<std::string>
gate::findNameConflict(const LibrarySignature &library) {
  std::vector<std::string> names = exportedSymbols(library);
  for (const StructLayout &layout : computeLayout(library).structs)
    names.push_back(layout.identifier);
  for (const char *name : {"status", "parallel_for", "tensor"})
    names.push_back(library.prefix + "_" + name);
  if (library.hasCuda())
    names.push_back(library.prefix + "_on_cuda");
  llvm::StringSet<> taken;
  for (const std::string &name : names)
    if (!taken.insert(name).second)
      return name;
  return std::nullopt;
}
