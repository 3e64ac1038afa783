//===- CheckTest.cpp - Every message of an argument's check ---------------===//
//
// Each test breaks one thing of a good call and compares the whole message.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestLibrary.h"

#include <gtest/gtest.h>

#include <cstdio>

using namespace gate::test;

namespace {
class CheckTest : public testing::Test {
protected:
  void expectInvalid(const std::string &message,
                     int32_t status = GATE_STATUS_INVALID_ARGUMENT) {
    lib.logitsTensor.data<float>()[0] = 7;
    lib.nextStateTensor.data<float>()[0] = 7;
    EXPECT_EQ(lib.call(), status);
    EXPECT_EQ(lib.message(), message);
    EXPECT_EQ(TestLibrary::calls(), 0);
    EXPECT_EQ(lib.logitsTensor.data<float>()[0], 7);
    EXPECT_EQ(lib.nextStateTensor.data<float>()[0], 7);
  }

  TestLibrary lib;
};
} // namespace

static std::string hex(const void *address) {
  char text[32];
  snprintf(
      text, sizeof(text), "0x%llx",
      static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(address)));
  return text;
}

TEST_F(CheckTest, NullTensor) {
  lib.ids = nullptr;
  expectInvalid("gla_forward: argument ids: expected a tensor, got null");
}

TEST_F(CheckTest, NullMember) {
  lib.state = nullptr;
  expectInvalid("gla_forward: argument state.s: expected a tensor, got null");
}

TEST_F(CheckTest, NullStruct) {
  const void *states[] = {lib.state};
  const void *groups[] = {nullptr, lib.ids, states, lib.logits, states};
  EXPECT_EQ(
      gate_rt_call(&lib.library, &lib.function, groups, nullptr, 0, nullptr),
      GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message(), "gla_forward: argument parameters: expected a "
                           "struct of tensors, got null");
}

TEST_F(CheckTest, NullData) {
  lib.ids->data = nullptr;
  expectInvalid(
      "gla_forward: argument ids: expected 24 bytes of data, got null");
}

TEST_F(CheckTest, Rank) {
  lib.ids->ndim = 1;
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got int32 [2]");
}

TEST_F(CheckTest, NegativeRank) {
  lib.ids->ndim = -2;
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got int32 of rank -2");
}

TEST_F(CheckTest, HugeRank) {
  std::vector<int64_t> ones(16, 1);
  lib.ids->ndim = 1 << 30;
  lib.ids->shape = ones.data();
  expectInvalid("gla_forward: argument ids: expected int32 [B, T], got int32 "
                "[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ...]");
}

TEST_F(CheckTest, NullShape) {
  lib.ids->shape = nullptr;
  expectInvalid("gla_forward: argument ids: expected int32 [B, T], got int32 "
                "with a null shape");
}

TEST_F(CheckTest, ElementType) {
  lib.ids->dtype = {GATE_DL_INT, 64, 1};
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got int64 [2, 3]");
  lib.ids->dtype = {GATE_DL_UINT, 32, 1};
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got uint32 [2, 3]");
  lib.ids->dtype = {GATE_DL_BFLOAT, 16, 1};
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got bfloat16 [2, 3]");
  lib.ids->dtype = {GATE_DL_BOOL, 8, 1};
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got bool [2, 3]");
  lib.ids->dtype = {GATE_DL_INT, 32, 4};
  expectInvalid(
      "gla_forward: argument ids: expected int32 [B, T], got int32x4 [2, 3]");
  lib.ids->dtype = {5, 64, 1};
  expectInvalid("gla_forward: argument ids: expected int32 [B, T], got type "
                "code 5 of 64 bits [2, 3]");
}

TEST_F(CheckTest, StaticSize) {
  lib.wTensor.shape[0] = 5;
  expectInvalid("gla_forward: argument parameters.w: expected float32 [4], "
                "got float32 [5]");
}

TEST_F(CheckTest, StaticSizeShowsBoundAndFreeDims) {
  // B and T are known when the logits are looked at.
  lib.logitsTensor.shape[2] = 1;
  expectInvalid("gla_forward: argument logits: expected float32 [2, 3, 4], got "
                "float32 [2, 3, 1]");
}

TEST_F(CheckTest, NamedDim) {
  lib.logitsTensor.shape[1] = 2;
  expectInvalid("gla_forward: argument logits: expected float32 [2, 3, 4], got "
                "float32 [2, 2, 4]: dim T is 2 here but 3 in argument ids");
}

TEST_F(CheckTest, NamedDimTwiceInOneArgument) {
  const int64_t square[2] = {-1, -1};
  lib.arguments[0].shape = square;
  expectInvalid("gla_forward: argument ids: expected int32 [2, 2], got int32 "
                "[2, 3]: dim B is both 2 and 3 here");
}

TEST_F(CheckTest, NegativeSize) {
  lib.idsTensor.shape[1] = -3;
  expectInvalid("gla_forward: argument ids: expected int32 [B, T], got int32 "
                "[2, -3]: dim T is negative");
}

TEST_F(CheckTest, TooManyBytes) {
  lib.idsTensor.shape = {INT64_C(1) << 40, INT64_C(1) << 40};
  lib.ids->shape = lib.idsTensor.shape.data();
  expectInvalid("gla_forward: argument ids: expected at most "
                "9223372036854775807 bytes, got shape [1099511627776, "
                "1099511627776]");
}

TEST_F(CheckTest, DataPastTheAddressSpace) {
  lib.ids->byte_offset = UINT64_MAX - 3;
  lib.ids->data = reinterpret_cast<void *>(64);
  expectInvalid("gla_forward: argument ids: expected data inside the address "
                "space, got byte offset 18446744073709551612");
}

TEST_F(CheckTest, Strides) {
  lib.idsTensor.setStrides({6, 1});
  expectInvalid("gla_forward: argument ids: expected compact row-major strides "
                "[3, 1], got [6, 1]");
  lib.idsTensor.setStrides({3, 2});
  expectInvalid("gla_forward: argument ids: expected compact row-major strides "
                "[3, 1], got [3, 2]");
}

TEST_F(CheckTest, StridesThatDoNotMatter) {
  lib.idsTensor.setStrides({3, 1});
  EXPECT_EQ(lib.call(), GATE_STATUS_OK);
  // One row: the stride between rows is never used.
  lib.idsTensor.shape[0] = lib.stateTensor.shape[0] =
      lib.logitsTensor.shape[0] = lib.nextStateTensor.shape[0] = 1;
  lib.idsTensor.setStrides({99, 1});
  EXPECT_EQ(lib.call(), GATE_STATUS_OK);
}

TEST_F(CheckTest, Alignment) {
  lib.ids->byte_offset = 2;
  expectInvalid("gla_forward: argument ids: expected data aligned to 4 bytes, "
                "got address " +
                hex(lib.idsTensor.data<char>() + 2));
}

TEST_F(CheckTest, Device) {
  lib.ids->device.device_type = 8;
  expectInvalid(
      "gla_forward: argument ids: expected CPU memory, got device type 8");
  lib.ids->device = {GATE_DL_CUDA, 1};
  expectInvalid("gla_forward: argument ids: expected CPU memory, got memory of "
                "cuda:1: the library has no GPU code, compile with "
                "--target=cpu,cuda:sm_90a");
}

TEST_F(CheckTest, Overlap) {
  lib.logits->data = lib.ids->data;
  expectInvalid("gla_forward: argument logits: overlaps argument ids");
}

TEST_F(CheckTest, OverlapOfOutputs) {
  lib.nextState->data = lib.logitsTensor.data<float>() + 20;
  expectInvalid("gla_forward: argument next_state.s: overlaps argument logits");
}

TEST_F(CheckTest, PartialOverlapWithOwnState) {
  lib.nextState->data = lib.stateTensor.data<float>() + 4;
  expectInvalid("gla_forward: argument next_state.s: overlaps argument state.s "
                "without being the same buffer");
}

TEST_F(CheckTest, ReadArgumentsMayOverlap) {
  lib.w->data = lib.state->data;
  EXPECT_EQ(lib.call(), GATE_STATUS_OK);
}

TEST_F(CheckTest, NeighboursDoNotOverlap) {
  std::vector<float> both(16 + 16);
  lib.state->data = both.data();
  lib.nextState->data = both.data() + 8;
  EXPECT_EQ(lib.call(), GATE_STATUS_OK);
}

TEST_F(CheckTest, IndexData) {
  lib.idsTensor.data<int32_t>()[5] = 300;
  expectInvalid("gla_forward: argument ids: expected values in [0, 256), got "
                "300 at [1, 2]",
                GATE_STATUS_INVALID_DATA);
  lib.idsTensor.data<int32_t>()[1] = -1;
  expectInvalid("gla_forward: argument ids: expected values in [0, 256), got "
                "-1 at [0, 1]",
                GATE_STATUS_INVALID_DATA);
}

TEST_F(CheckTest, IndexDataInLaterBlock) {
  Tensor ids(GATE_DL_INT, 64, {1, 3000});
  Tensor logits(GATE_DL_FLOAT, 32, {1, 3000, 4});
  lib.arguments[0].dtypeBits = 64;
  lib.ids = &ids.view;
  lib.logits = &logits.view;
  lib.stateTensor.shape[0] = lib.nextStateTensor.shape[0] = 1;
  ids.data<int64_t>()[2999] = INT64_C(1) << 40;
  expectInvalid("gla_forward: argument ids: expected values in [0, 256), got "
                "1099511627776 at [0, 2999]",
                GATE_STATUS_INVALID_DATA);
}

TEST_F(CheckTest, LongMessageIsCut) {
  std::string name(5000, 'x');
  lib.arguments[0].name = name.c_str();
  lib.ids = nullptr;
  EXPECT_EQ(lib.call(), GATE_STATUS_INVALID_ARGUMENT);
  EXPECT_EQ(lib.message().size(), 1023u);
}
