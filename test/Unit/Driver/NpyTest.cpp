//===- NpyTest.cpp - Arrays to files and back -----------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Npy.h"

#include "TemporaryFile.h"

#include <gtest/gtest.h>

using namespace gate;
using namespace gate::test;

/// A file of version 1.0 with this header and data.
static std::string makeFile(std::string header, llvm::StringRef data) {
  header += '\n';
  std::string text("\x93NUMPY\x01\x00", 8);
  text += static_cast<char>(header.size() & 0xff);
  text += static_cast<char>(header.size() >> 8);
  return text + header + data.str();
}

namespace {
class NpyTypes : public testing::TestWithParam<ElementType> {};
class NpyErrors : public testing::Test {
protected:
  std::string messageFor(llvm::StringRef bytes) {
    file.write(bytes);
    return messageOf(readNpy(file.path, ElementType::F32), file);
  }
  TemporaryFile file;
};
} // namespace

TEST_P(NpyTypes, RoundTrip) {
  for (std::vector<int64_t> shape :
       {std::vector<int64_t>{2, 3}, {6}, {}, {0, 4}, {1, 1, 2, 1}}) {
    Array array(GetParam(), shape);
    for (int64_t i = 0, n = array.elements(); i < n; ++i)
      array.set(i, static_cast<double>(i % 2));
    TemporaryFile file;
    ASSERT_FALSE(static_cast<bool>(writeNpy(file.path, array)));
    llvm::Expected<Array> read = readNpy(file.path, GetParam());
    ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
    EXPECT_EQ(read->shape, shape);
    ASSERT_EQ(read->elements(), array.elements());
    for (int64_t i = 0, n = array.elements(); i < n; ++i)
      EXPECT_EQ(read->get(i), array.get(i));
  }
}

INSTANTIATE_TEST_SUITE_P(All, NpyTypes,
                         testing::Values(ElementType::F64, ElementType::F32,
                                         ElementType::BF16, ElementType::F16,
                                         ElementType::I64, ElementType::I32,
                                         ElementType::I8, ElementType::U8,
                                         ElementType::I1));

TEST(Npy, DataIsAligned) {
  for (int64_t size : {1, 10, 1000000}) {
    Array array(ElementType::U8, {size});
    TemporaryFile file;
    ASSERT_FALSE(static_cast<bool>(writeNpy(file.path, array)));
    std::string bytes = file.read();
    EXPECT_EQ((bytes.size() - size) % 64, 0u);
    EXPECT_EQ(bytes[bytes.size() - size - 1], '\n');
  }
}

TEST(Npy, ReadsVersionTwo) {
  std::string header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
  std::string text("\x93NUMPY\x02\x00", 8);
  text += static_cast<char>(header.size());
  text += std::string(3, '\0') + header + std::string("\0\0\x80\x3f", 4);
  TemporaryFile file;
  file.write(text);
  llvm::Expected<Array> read = readNpy(file.path, ElementType::F32);
  ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->get(0), 1.0);
}

TEST_F(NpyErrors, NoFile) {
  EXPECT_EQ(messageOf(readNpy(file.path + "x", ElementType::F32), file),
            file.path + "x: No such file or directory");
}

TEST_F(NpyErrors, OtherFormat) {
  EXPECT_EQ(messageFor(""), "expects a .npy file");
  EXPECT_EQ(messageFor("\x93NUMPY"), "expects a .npy file");
  EXPECT_EQ(messageFor("not an array at all"), "expects a .npy file");
}

TEST_F(NpyErrors, CutShort) {
  std::string whole = makeFile(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "12345678");
  EXPECT_EQ(messageFor(whole), "");
  EXPECT_EQ(messageFor(whole.substr(0, whole.size() - 1)),
            "holds 7 bytes, expected 8");
  EXPECT_EQ(messageFor(whole + "9"), "holds 9 bytes, expected 8");
  EXPECT_EQ(messageFor(whole.substr(0, 40)), "is cut short");
  // The longest prefix is of another length: every one is an error.
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_NE(messageFor(whole.substr(0, size)), "") << size;
}

TEST_F(NpyErrors, Type) {
  EXPECT_EQ(messageFor(makeFile(
                "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
                "12345678")),
            "expected element type float32 ('<f4'), got '<f8'");
  EXPECT_EQ(
      messageFor(makeFile(
          "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "1234")),
      "expected element type float32 ('<f4'), got '>f4'");
  EXPECT_EQ(
      messageFor(makeFile(
          "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }",
          "1234")),
      "has no simple element type");
}

TEST_F(NpyErrors, Order) {
  EXPECT_EQ(
      messageFor(makeFile(
          "{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", "1234")),
      "expects row-major order, got column-major");
}

TEST_F(NpyErrors, Shape) {
  EXPECT_EQ(messageFor(makeFile(
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }",
                "1234")),
            "has a malformed shape");
  EXPECT_EQ(
      messageFor(makeFile(
          "{'descr': '<f4', 'fortran_order': False, 'shape': (a,), }", "1234")),
      "has a malformed shape");
}
