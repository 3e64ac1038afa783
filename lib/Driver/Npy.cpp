//===- Npy.cpp - NumPy's array files --------------------------------------===//
//
// Format: NumPy enhancement proposal 1, versions 1.0 and 2.0.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Driver/Npy.h"

#include "gate/Support/ElementTypes.h"

#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>

using namespace gate;

static llvm::StringRef descrOf(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return "<f8";
  case ElementType::F32:
    return "<f4";
  case ElementType::F16:
    return "<f2";
  case ElementType::BF16:
    return "<u2";
  case ElementType::I64:
    return "<i8";
  case ElementType::I32:
    return "<i4";
  case ElementType::I8:
    return "|i1";
  case ElementType::U8:
    return "|u1";
  case ElementType::I1:
    return "|b1";
  }
  llvm_unreachable("unknown element type");
}

/// The text after 'key': in the header, up to the next comma outside brackets.
static llvm::StringRef field(llvm::StringRef header, llvm::StringRef key) {
  size_t at = header.find(("'" + key + "':").str());
  if (at == llvm::StringRef::npos)
    return {};
  return header.substr(at + key.size() + 3).ltrim();
}

llvm::Expected<Array> gate::readNpy(const std::string &path,
                                    ElementType expected) {
  auto fail = [&](const llvm::Twine &message) {
    return llvm::createStringError(path + ": " + message);
  };
  auto buffer = llvm::MemoryBuffer::getFile(path, false, false);
  if (!buffer)
    return fail(buffer.getError().message());
  llvm::StringRef bytes = (*buffer)->getBuffer();
  if (!bytes.starts_with("\x93NUMPY") || bytes.size() < 12)
    return fail("expects a .npy file");
  bool isLong = bytes[6] >= 2;
  size_t length = isLong ? llvm::support::endian::read32le(bytes.data() + 8)
                         : llvm::support::endian::read16le(bytes.data() + 8);
  size_t begin = isLong ? 12 : 10;
  if (bytes.size() < begin + length)
    return fail("is cut short");
  llvm::StringRef header = bytes.substr(begin, length);
  llvm::StringRef data = bytes.substr(begin + length);
  llvm::StringRef descr = field(header, "descr");
  if (!descr.consume_front("'"))
    return fail("has no simple element type");
  descr = descr.split('\'').first;
  if (descr != descrOf(expected))
    return fail("expected element type " +
                llvm::Twine(elementTypeName(expected)) + " ('" +
                descrOf(expected) + "'), got '" + descr + "'");
  if (field(header, "fortran_order").starts_with("True"))
    return fail("expects row-major order, got column-major");
  llvm::StringRef shapeText = field(header, "shape");
  shapeText.consume_front("(");
  shapeText = shapeText.split(')').first;
  std::vector<int64_t> shape;
  while (!shapeText.trim().empty()) {
    auto [first, rest] = shapeText.split(',');
    int64_t size;
    if (first.trim().getAsInteger(10, size) || size < 0)
      return fail("has a malformed shape");
    shape.push_back(size);
    shapeText = rest;
  }
  Array array(expected, shape);
  if (data.size() != static_cast<size_t>(array.bytes()))
    return fail("holds " + llvm::Twine(data.size()) + " bytes, expected " +
                llvm::Twine(array.bytes()));
  std::memcpy(array.data(), data.data(), data.size());
  return array;
}

llvm::Error gate::writeNpy(const std::string &path, const Array &array) {
  std::string header = "{'descr': '" + descrOf(array.type).str() +
                       "', 'fortran_order': False, 'shape': (";
  for (int64_t size : array.shape)
    header += std::to_string(size) + ",";
  header += "), }";
  // Data starts at a multiple of 64 bytes.
  header.append(63 - (10 + header.size()) % 64, ' ');
  header += '\n';
  std::error_code code;
  llvm::raw_fd_ostream os(path, code);
  if (code)
    return llvm::createStringError(code, "cannot write " + path);
  os << "\x93NUMPY" << '\x01' << '\0';
  char length[2];
  llvm::support::endian::write16le(length, header.size());
  os.write(length, 2);
  os << header;
  os.write(static_cast<const char *>(array.data()), array.bytes());
  return llvm::Error::success();
}
