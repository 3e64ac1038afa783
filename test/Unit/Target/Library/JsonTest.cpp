//===- JsonTest.cpp - Text of the JSON signature --------------------------===//
//
// Parses the text again: names, positions and shapes must be those of the
// signature.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/Json.h"

#include "TestSignature.h"

#include "llvm/Support/JSON.h"

#include <gtest/gtest.h>

using namespace gate;
using namespace gate::test;
namespace json = llvm::json;

namespace {
class JsonTest : public testing::Test {
protected:
  JsonTest() : text(printSignatureJson(testSignature())) {
    llvm::Expected<json::Value> parsed = json::parse(text);
    if (parsed)
      value = *parsed;
    else
      llvm::consumeError(parsed.takeError());
  }
  const json::Object &function(size_t index) {
    return *(*value.getAsObject()->getArray("functions"))[index].getAsObject();
  }

  std::string text;
  json::Value value = nullptr;
};
} // namespace

TEST_F(JsonTest, Library) {
  const json::Object *library = value.getAsObject();
  ASSERT_TRUE(library);
  EXPECT_EQ(library->getString("prefix"), "gla");
  EXPECT_EQ(library->getInteger("abi_version"), GATE_ABI_VERSION);
  EXPECT_EQ(*library->get("cpu_features"), json::Value({"avx2", "fma"}));
  EXPECT_EQ(library->getArray("functions")->size(), 2u);
}

TEST_F(JsonTest, Symbols) {
  EXPECT_EQ(function(0).getString("symbol"), "gla_forward");
  EXPECT_EQ(function(0).getString("workspace_symbol"),
            "gla_forward_workspace_bytes");
  EXPECT_EQ(function(1).getString("init_state_symbol"), "gla_init_state");
}

TEST_F(JsonTest, Tensors) {
  const json::Array &tensors = *function(0).getArray("tensors");
  ASSERT_EQ(tensors.size(), 7u);
  const json::Object &ids = *tensors[0].getAsObject();
  EXPECT_EQ(ids.getString("type"), "int32");
  EXPECT_EQ(*ids.get("shape"), json::Value({"B", "T"}));
  EXPECT_EQ(ids.getInteger("index_bound"), 256);
  EXPECT_EQ(tensors[3].getAsObject()->getBoolean("embedded"), true);
  EXPECT_EQ(*tensors[5].getAsObject()->get("shape"),
            json::Value({"B", "T", 4}));
  EXPECT_EQ(tensors[6].getAsObject()->getString("role"), "next_state");
  EXPECT_EQ(tensors[6].getAsObject()->getInteger("tied"), 4);
}

TEST_F(JsonTest, Groups) {
  const json::Array &groups = *function(0).getArray("groups");
  ASSERT_EQ(groups.size(), 5u);
  EXPECT_EQ(groups[0].getAsObject()->getString("kind"), "parameters");
  EXPECT_EQ(*groups[0].getAsObject()->get("members"), json::Value({1, 2}));
  EXPECT_EQ(groups[1].getAsObject()->getString("kind"), "tensor");
}

TEST_F(JsonTest, Targets) {
  EXPECT_EQ(*value.getAsObject()->get("targets"),
            json::Value(json::Array{"cpu"}));
  EXPECT_EQ(value.getAsObject()->getBoolean("takes_stream"), false);
  auto parse = [](const LibrarySignature &library) {
    return llvm::cantFail(json::parse(printSignatureJson(library)));
  };
  json::Value both = parse(cudaTestSignature());
  EXPECT_EQ(*both.getAsObject()->get("targets"),
            json::Value({"cpu", "cuda:sm_80", "cuda:sm_90a"}));
  EXPECT_EQ(both.getAsObject()->getBoolean("takes_stream"), true);
  json::Value one = parse(cudaOnlyTestSignature());
  EXPECT_EQ(*one.getAsObject()->get("targets"),
            json::Value({"cuda:sm_80", "cuda:sm_90a"}));
}

TEST_F(JsonTest, Prepared) {
  EXPECT_FALSE(function(0).get("prepare_symbol"));
  EXPECT_FALSE(
      (*function(0).getArray("groups"))[0].getAsObject()->get("prepared"));
  llvm::Expected<json::Value> parsed =
      json::parse(printSignatureJson(preparedSignature()));
  ASSERT_TRUE(static_cast<bool>(parsed));
  value = *parsed;
  EXPECT_EQ(function(1).getString("prepare_symbol"), "gla_prepare");
  EXPECT_EQ(function(1).getString("prepared_bytes_symbol"),
            "gla_prepared_bytes");
  EXPECT_EQ((*function(1).getArray("groups"))[0].getAsObject()->getBoolean(
                "prepared"),
            true);
}

TEST_F(JsonTest, IsDeterministic) {
  EXPECT_EQ(printSignatureJson(testSignature()), text);
}
