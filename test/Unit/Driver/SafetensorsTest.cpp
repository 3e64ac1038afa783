//===- SafetensorsTest.cpp - Reading files of parameters ------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Safetensors.h"

#include "TemporaryFile.h"

#include <gtest/gtest.h>

using namespace gate;
using namespace gate::test;

/// A file with this header and data.
static std::string makeFile(llvm::StringRef header, llvm::StringRef data) {
  std::string text;
  for (uint64_t size = header.size(), i = 0; i < 8; ++i)
    text += static_cast<char>(size >> (8 * i));
  return text + header.str() + data.str();
}

namespace {
class SafetensorsTest : public testing::Test {
protected:
  std::string openMessage(llvm::StringRef bytes) {
    file.write(bytes);
    return messageOf(Safetensors::open(file.path), file);
  }
  /// What reading `w` as f32 [2] says, or its bytes.
  std::string readWeight(llvm::StringRef header, llvm::StringRef data) {
    file.write(makeFile(header, data));
    llvm::Expected<Safetensors> opened = Safetensors::open(file.path);
    if (!opened)
      return llvm::toString(opened.takeError());
    llvm::Expected<std::string> bytes =
        opened->read("w", ElementType::F32, {2});
    if (bytes)
      return *bytes;
    return messageOf(std::move(bytes), file);
  }
  TemporaryFile file;
};
} // namespace

TEST_F(SafetensorsTest, Reads) {
  EXPECT_EQ(readWeight(R"({"__metadata__": {"format": "pt"},
                "v": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "w": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}})",
                       "abcdefghijklmnop"),
            "efghijkl");
}

TEST_F(SafetensorsTest, OtherFormat) {
  EXPECT_EQ(openMessage(""), "expects a safetensors file, got 0 bytes");
  EXPECT_EQ(openMessage("1234567"), "expects a safetensors file, got 7 bytes");
  EXPECT_EQ(openMessage(std::string("\x03\0\0\0\0\0\0\0{}", 10)),
            "header of 3 bytes is longer than the file");
  EXPECT_EQ(openMessage(std::string(16, '\xff')),
            "header of 18446744073709551615 bytes is longer than the file");
  EXPECT_EQ(openMessage(makeFile("[1]", "")),
            "expects a JSON object as header");
  EXPECT_EQ(openMessage(makeFile("{", "")).find("header is no JSON: "), 0u);
}

TEST_F(SafetensorsTest, Missing) {
  EXPECT_EQ(readWeight("{}", ""), "has no tensor 'w'");
}

TEST_F(SafetensorsTest, Mismatch) {
  EXPECT_EQ(
      readWeight(
          R"({"w": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}})",
          "1234"),
      "tensor 'w': expected F32 [2], got F16 [2]");
  EXPECT_EQ(
      readWeight(
          R"({"w": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}})",
          "12345678"),
      "tensor 'w': expected F32 [2], got F32 [2, 1]");
  EXPECT_EQ(readWeight(R"({"w": {"shape": [2], "data_offsets": [0, 8]}})",
                       "12345678"),
            "tensor 'w': expected F32 [2], got ? [2]");
}

TEST_F(SafetensorsTest, Offsets) {
  for (llvm::StringRef place :
       {"[0, 4]", "[0, 12]", "[8, 16]", "[-8, 0]", "[8, 0]", "[0]", "[]", "8",
        R"(["0", "8"])", "[9223372036854775800, 9223372036854775807]"}) {
    std::string header =
        R"({"w": {"dtype": "F32", "shape": [2], "data_offsets": )" +
        place.str() + "}}";
    EXPECT_EQ(readWeight(header, "123456789012"),
              "tensor 'w': bad data_offsets")
        << place.str();
  }
  EXPECT_EQ(readWeight(R"({"w": {"dtype": "F32", "shape": [2]}})", "12345678"),
            "tensor 'w': bad data_offsets");
}
