//===- Groups.h - How tensors become arguments of C functions --*- C++ -*-===//
//
// Parameters and states travel in structs of tensors, inputs and outputs as
// single tensors. Header, JSON and entry points all follow this one layout.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_LIBRARY_GROUPS_H
#define GATE_TARGET_LIBRARY_GROUPS_H

#include "gate/Support/Signature.h"

#include <optional>

namespace gate {

enum class GroupKind { Parameters, Tensor, State, NextState };

/// One pointer argument of an exported function.
struct Group {
  GroupKind kind = GroupKind::Tensor;
  /// As messages call it: "parameters", "ids".
  std::string name;
  /// The same as a C identifier, unique in the function.
  std::string identifier;
  /// Positions in FunctionSignature::tensors. One for GroupKind::Tensor;
  /// otherwise one per member of the struct, -1 where the function does not
  /// use that member.
  std::vector<int32_t> members;
  /// Position in LibraryLayout::structs, or -1 for GroupKind::Tensor.
  int32_t structIndex = -1;
};

/// One C struct of tensors.
struct StructLayout {
  /// "gla_parameters", or "gla_forward_parameters" where the functions of a
  /// library disagree.
  std::string identifier;
  bool isState = false;
  /// Parameters: ends in the address of prepared memory.
  bool hasPrepared = false;
  /// C names of the members, in order.
  std::vector<std::string> members;
  /// What the members hold; only name, type, shape, dims and indexBound are
  /// meant.
  std::vector<TensorSignature> tensors;
};

/// How one function is called.
struct FunctionLayout {
  /// "gla_forward".
  std::string symbol;
  std::string workspaceSymbol;
  /// Of the function that zeroes the states; empty without states. Functions
  /// that share their struct share this function.
  std::string initStateSymbol;
  /// Of the function that prepares operands, and of the one that says how many
  /// bytes they take; empty without. Shared like initStateSymbol.
  std::string prepareSymbol;
  std::string preparedBytesSymbol;
  /// In order: parameters, inputs, state, outputs, next state; without those
  /// that have no member.
  std::vector<Group> groups;
  /// The function's dims as C identifiers.
  std::vector<std::string> dims;
};

struct LibraryLayout {
  std::vector<StructLayout> structs;
  std::vector<FunctionLayout> functions;
};

LibraryLayout computeLayout(const LibrarySignature &library);

/// A tensor's name in messages: "state.block0", "ids".
std::string qualifiedName(const TensorSignature &tensor);

/// `name` as a C identifier that is no keyword of C or C++.
std::string toIdentifier(const std::string &name);

/// The functions that the library exports, in the order of the header.
std::vector<std::string> exportedSymbols(const LibrarySignature &library);

/// A name of the header that two things would have, such as that of a
/// function called "version"; nothing when all names differ.
std::optional<std::string> findNameConflict(const LibrarySignature &library);

} // namespace gate

#endif // GATE_TARGET_LIBRARY_GROUPS_H
