//===- TemporaryFile.h - Files of one test ---------------------*- C++ -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TEST_UNIT_DRIVER_TEMPORARYFILE_H
#define GATE_TEST_UNIT_DRIVER_TEMPORARYFILE_H

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace gate::test {

/// A file that goes away with its object.
class TemporaryFile {
public:
  TemporaryFile() {
    llvm::SmallString<128> name;
    if (!llvm::sys::fs::createTemporaryFile("gate-test", "bin", name))
      path = std::string(name);
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;

  void write(llvm::StringRef bytes) {
    std::error_code code;
    llvm::raw_fd_ostream os(path, code);
    os << bytes;
  }
  std::string read() const {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }

  std::string path;
};

/// The message of a failure without the file's name, or "" for a success.
template <typename T>
std::string messageOf(llvm::Expected<T> result, const TemporaryFile &file) {
  if (result)
    return {};
  std::string text = llvm::toString(result.takeError());
  llvm::StringRef rest = text;
  rest.consume_front(file.path + ": ");
  return rest.str();
}

} // namespace gate::test

#endif // GATE_TEST_UNIT_DRIVER_TEMPORARYFILE_H
