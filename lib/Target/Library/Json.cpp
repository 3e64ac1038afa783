//===- Json.cpp - The signature of a library as JSON ----------------------===//
//
// Shapes hold numbers and names: a name stands for a size known at the call.
// Members of a group are positions in the function's list of tensors.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/Json.h"

#include "gate/Target/Library/Groups.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace gate;
using llvm::json::OStream;

static const char *roleName(GateRole role) {
  switch (role) {
  case GATE_ROLE_INPUT:
    return "input";
  case GATE_ROLE_PARAMETER:
    return "parameter";
  case GATE_ROLE_STATE:
    return "state";
  case GATE_ROLE_OUTPUT:
    return "output";
  case GATE_ROLE_NEXT_STATE:
    return "next_state";
  }
  return "";
}

static const char *groupKindName(GroupKind kind) {
  switch (kind) {
  case GroupKind::Parameters:
    return "parameters";
  case GroupKind::Tensor:
    return "tensor";
  case GroupKind::State:
    return "state";
  case GroupKind::NextState:
    return "next_state";
  }
  return "";
}

/// A position, or null for -1.
static void printPosition(OStream &json, int32_t position) {
  if (position < 0)
    json.value(nullptr);
  else
    json.value(position);
}

static void printTensor(OStream &json, const TensorSignature &tensor) {
  json.attribute("name", tensor.name);
  json.attribute("role", roleName(tensor.role));
  json.attribute("type", elementTypeName(tensor.type));
  json.attributeArray("shape", [&] {
    for (size_t i = 0; i < tensor.shape.size(); ++i)
      if (tensor.shape[i] >= 0)
        json.value(tensor.shape[i]);
      else
        json.value(tensor.dims[i]);
  });
  json.attributeArray("dims", [&] {
    for (size_t i = 0; i < tensor.shape.size(); ++i)
      json.value(i < tensor.dims.size() ? tensor.dims[i] : "");
  });
  if (tensor.indexBound >= 0)
    json.attribute("index_bound", tensor.indexBound);
  if (tensor.role == GATE_ROLE_NEXT_STATE)
    json.attributeBegin("tied"), printPosition(json, tensor.tied),
        json.attributeEnd();
  if (!tensor.embedded.empty())
    json.attribute("embedded", true);
}

static void printGroup(OStream &json, const Group &group,
                       const LibraryLayout &layout) {
  json.attribute("kind", groupKindName(group.kind));
  json.attribute("name", group.name);
  json.attribute("identifier", group.identifier);
  if (group.structIndex >= 0)
    json.attribute("struct", layout.structs[group.structIndex].identifier);
  json.attributeArray("members", [&] {
    for (int32_t member : group.members)
      printPosition(json, member);
  });
  // One more pointer, behind the members.
  if (group.structIndex >= 0 && layout.structs[group.structIndex].hasPrepared)
    json.attribute("prepared", true);
}

static void printFunction(OStream &json, const FunctionSignature &function,
                          const FunctionLayout &call,
                          const LibraryLayout &layout) {
  json.attribute("name", function.name);
  json.attribute("symbol", call.symbol);
  json.attribute("workspace_symbol", call.workspaceSymbol);
  if (!call.initStateSymbol.empty())
    json.attribute("init_state_symbol", call.initStateSymbol);
  if (!call.prepareSymbol.empty()) {
    json.attribute("prepare_symbol", call.prepareSymbol);
    json.attribute("prepared_bytes_symbol", call.preparedBytesSymbol);
  }
  json.attributeArray("dims", [&] {
    for (const std::string &dim : function.dims)
      json.value(dim);
  });
  json.attributeArray("groups", [&] {
    for (const Group &group : call.groups)
      json.object([&] { printGroup(json, group, layout); });
  });
  json.attributeArray("tensors", [&] {
    for (const TensorSignature &tensor : function.tensors)
      json.object([&] { printTensor(json, tensor); });
  });
}

std::string gate::printSignatureJson(const LibrarySignature &library) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  OStream json(stream);
  LibraryLayout layout = computeLayout(library);
  json.object([&] {
    json.attribute("abi_version", GATE_ABI_VERSION);
    json.attribute("compiler", library.compiler);
    json.attribute("prefix", library.prefix);
    json.attributeArray("cpu_features", [&] {
      for (llvm::StringRef name : llvm::split(library.cpuFeatures, ' '))
        if (!name.empty())
          json.value(name);
    });
    json.attributeArray("targets", [&] {
      if (library.hasCpu())
        json.value("cpu");
      for (const CudaImage &image : library.images)
        json.value("cuda:" + image.target);
    });
    // Whether calls and init_state have a last argument `stream`.
    json.attribute("takes_stream", library.hasCuda());
    json.attributeArray("functions", [&] {
      for (size_t i = 0; i < library.functions.size(); ++i)
        json.object([&] {
          printFunction(json, library.functions[i], layout.functions[i],
                        layout);
        });
    });
  });
  return text;
}
