//===- GroupsTest.cpp - Layout of groups and structs ----------------------===//
//
// What is shared between functions, where members stand when a function
// uses only some, and how names are made valid.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/Groups.h"

#include "TestSignature.h"

#include <gtest/gtest.h>

using namespace gate;
using namespace gate::test;

using Members = std::vector<int32_t>;

TEST(GroupsTest, Order) {
  LibraryLayout layout = computeLayout(testSignature());
  const std::vector<Group> &groups = layout.functions[0].groups;
  ASSERT_EQ(groups.size(), 5u);
  EXPECT_EQ(groups[0].kind, GroupKind::Parameters);
  EXPECT_EQ(groups[0].members, (Members{1, 2}));
  EXPECT_EQ(groups[1].identifier, "ids");
  EXPECT_EQ(groups[2].kind, GroupKind::State);
  EXPECT_EQ(groups[2].members, (Members{4}));
  EXPECT_EQ(groups[3].identifier, "logits");
  EXPECT_EQ(groups[4].kind, GroupKind::NextState);
  EXPECT_EQ(groups[4].members, (Members{6}));
}

TEST(GroupsTest, StructsThatAgreeAreShared) {
  LibraryLayout layout = computeLayout(testSignature());
  ASSERT_EQ(layout.structs.size(), 2u);
  EXPECT_EQ(layout.structs[0].identifier, "gla_parameters");
  EXPECT_EQ(layout.structs[0].members,
            (std::vector<std::string>{"blocks_0_wq", "int_"}));
  EXPECT_EQ(layout.structs[1].identifier, "gla_state");
  EXPECT_EQ(layout.functions[0].initStateSymbol, "gla_init_state");
  EXPECT_EQ(layout.functions[1].initStateSymbol, "gla_init_state");
}

TEST(GroupsTest, StructsThatDifferAreNot) {
  LibrarySignature library = testSignature();
  library.functions[1].tensors[1].shape = {5};
  library.functions[1].tensors[3].name = "other";
  LibraryLayout layout = computeLayout(library);
  ASSERT_EQ(layout.structs.size(), 4u);
  EXPECT_EQ(layout.structs[0].identifier, "gla_forward_parameters");
  EXPECT_EQ(layout.structs[1].identifier, "gla_step_parameters");
  EXPECT_EQ(layout.functions[0].initStateSymbol, "gla_forward_init_state");
  EXPECT_EQ(layout.functions[1].initStateSymbol, "gla_step_init_state");
}

TEST(GroupsTest, StatesOnOneSideOnly) {
  // States a and b; the results continue b and make c.
  LibrarySignature library = testSignature();
  auto make = [](const char *name, GateRole role, int32_t tied) {
    return tensor(name, role, ElementType::F32, {4}, {}, tied);
  };
  library.functions.resize(1);
  library.functions[0].tensors = {
      make("a", GATE_ROLE_STATE, -1), make("b", GATE_ROLE_STATE, -1),
      make("c", GATE_ROLE_NEXT_STATE, -1), make("b", GATE_ROLE_NEXT_STATE, 1)};
  LibraryLayout layout = computeLayout(library);
  const std::vector<Group> &groups = layout.functions[0].groups;
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].members, (Members{0, 1, -1}));
  EXPECT_EQ(groups[1].members, (Members{-1, 3, 2}));
  EXPECT_EQ(layout.structs[0].members,
            (std::vector<std::string>{"a", "b", "c"}));
}

TEST(GroupsTest, OnlyNextStates) {
  LibrarySignature library = testSignature();
  library.functions.resize(1);
  library.functions[0].tensors = {
      tensor("c", GATE_ROLE_NEXT_STATE, ElementType::F32, {4}, {})};
  LibraryLayout layout = computeLayout(library);
  ASSERT_EQ(layout.functions[0].groups.size(), 1u);
  EXPECT_EQ(layout.functions[0].groups[0].kind, GroupKind::NextState);
  EXPECT_EQ(layout.functions[0].initStateSymbol, "");
}

TEST(GroupsTest, Identifiers) {
  EXPECT_EQ(toIdentifier("blocks.0.wq"), "blocks_0_wq");
  EXPECT_EQ(toIdentifier("0"), "t0");
  EXPECT_EQ(toIdentifier("_private"), "t_private");
  EXPECT_EQ(toIdentifier(""), "t");
  EXPECT_EQ(toIdentifier("class"), "class_");
  EXPECT_EQ(toIdentifier("\xc3\xa4"), "t__");
}

TEST(GroupsTest, EqualNamesInOneFunction) {
  LibraryLayout layout = computeLayout(testSignature());
  const std::vector<Group> &groups = layout.functions[1].groups;
  EXPECT_EQ(groups[1].identifier, "x");
  EXPECT_EQ(groups[3].identifier, "x_2");
  EXPECT_EQ(groups[3].name, "x_2");
}

TEST(GroupsTest, ReservedNames) {
  LibrarySignature library = testSignature();
  library.functions[0].tensors[0].name = "workspace";
  EXPECT_EQ(computeLayout(library).functions[0].groups[1].identifier,
            "workspace_2");
}

TEST(GroupsTest, MembersThatCollide) {
  LibrarySignature library = testSignature();
  library.functions.resize(1);
  library.functions[0].tensors[1].name = "a.b";
  library.functions[0].tensors[2].name = "a_b";
  EXPECT_EQ(computeLayout(library).structs[0].members,
            (std::vector<std::string>{"a_b", "a_b_2"}));
}

TEST(GroupsTest, ExportedSymbols) {
  EXPECT_EQ(exportedSymbols(testSignature()),
            (std::vector<std::string>{
                "gla_forward", "gla_forward_workspace_bytes", "gla_init_state",
                "gla_step", "gla_step_workspace_bytes", "gla_status_string",
                "gla_last_error", "gla_set_num_threads", "gla_num_threads",
                "gla_set_parallel_for", "gla_signature", "gla_version",
                "gla_abi_version"}));
}

TEST(GroupsTest, CudaNames) {
  LibrarySignature library = testSignature();
  library.functions[0].tensors[0].name = "stream";
  EXPECT_EQ(computeLayout(library).functions[0].groups[1].identifier, "stream");
  library = cudaTestSignature();
  library.functions[0].tensors[0].name = "stream";
  EXPECT_EQ(computeLayout(library).functions[0].groups[1].identifier,
            "stream_2");
  std::vector<std::string> symbols = exportedSymbols(library);
  EXPECT_EQ(std::vector<std::string>(symbols.end() - 5, symbols.end()),
            (std::vector<std::string>{"gla_cuda_load", "gla_cuda_status",
                                      "gla_signature", "gla_version",
                                      "gla_abi_version"}));
  EXPECT_EQ(findNameConflict(library), std::nullopt);
  for (const char *name : {"cuda_load", "cuda_status", "on_cuda"}) {
    library.functions[1].name = name;
    EXPECT_EQ(findNameConflict(library), std::string("gla_") + name);
  }
}

TEST(GroupsTest, Prepared) {
  LibrarySignature library = preparedSignature();
  LibraryLayout layout = computeLayout(library);
  EXPECT_TRUE(layout.structs[0].hasPrepared);
  EXPECT_FALSE(layout.structs[1].hasPrepared);
  EXPECT_EQ(layout.functions[0].prepareSymbol, "gla_prepare");
  EXPECT_EQ(layout.functions[1].prepareSymbol, "gla_prepare");
  EXPECT_EQ(layout.functions[1].preparedBytesSymbol, "gla_prepared_bytes");
  // A function with a struct of its own has its own names.
  library.functions[1].tensors[1].shape = {5};
  library.functions[1].preparation = -1;
  layout = computeLayout(library);
  EXPECT_EQ(layout.functions[0].prepareSymbol, "gla_forward_prepare");
  EXPECT_EQ(layout.functions[1].prepareSymbol, "");
  EXPECT_TRUE(layout.structs[0].hasPrepared);
  EXPECT_FALSE(layout.structs[1].hasPrepared);
}

TEST(GroupsTest, PreparedIsNoNameOfAParameter) {
  LibrarySignature library = preparedSignature();
  library.functions.resize(1);
  library.functions[0].tensors[1].name = "prepared";
  EXPECT_EQ(computeLayout(library).structs[0].members,
            (std::vector<std::string>{"prepared_2", "int_"}));
  library.functions[0].preparation = -1;
  EXPECT_EQ(computeLayout(library).structs[0].members,
            (std::vector<std::string>{"prepared", "int_"}));
}

TEST(GroupsTest, NameConflict) {
  LibrarySignature library = testSignature();
  EXPECT_EQ(findNameConflict(library), std::nullopt);
  for (const char *name : {"version", "state", "status", "init_state"}) {
    library.functions[1].name = name;
    EXPECT_EQ(findNameConflict(library), std::string("gla_") + name);
  }
  library.functions[1].name = "prepare";
  EXPECT_EQ(findNameConflict(library), std::nullopt);
  library = preparedSignature();
  library.functions[1].name = "prepare";
  EXPECT_EQ(findNameConflict(library), "gla_prepare");
}
