//===- AssembleTest.cpp - What becomes of an assembler's answers ----------===//
//
// A script in the place of ptxas, so that the test needs no toolkit.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/NVIDIA/Emit.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

#include "gtest/gtest.h"

#include <cstdlib>

using namespace gate;

namespace {

/// Puts a ptxas of this text before all others for as long as it lives.
class FakeAssembler {
public:
  explicit FakeAssembler(llvm::StringRef text) {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("gate-fake", folder));
    std::string path = (folder + "/ptxas").str();
    std::error_code code;
    {
      llvm::raw_fd_ostream file(path, code);
      file << "#!/bin/sh\n" << text;
    }
    EXPECT_FALSE(code);
    EXPECT_FALSE(llvm::sys::fs::setPermissions(
        path, llvm::sys::fs::all_read | llvm::sys::fs::all_exe));
    before = std::getenv("PATH");
    setenv("PATH", (folder.str() + ":" + before).str().c_str(), 1);
  }
  ~FakeAssembler() {
    setenv("PATH", before.c_str(), 1);
    llvm::sys::fs::remove_directories(folder);
  }

private:
  llvm::SmallString<128> folder;
  std::string before;
};

const CudaMachine &machine() { return CudaMachine::all().front(); }

TEST(Assemble, CodeIsWhatTheAssemblerWrites) {
  FakeAssembler fake("printf code > $5\n");
  auto result = assemble("text", machine());
  ASSERT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(result->cubin, "code");
  EXPECT_FALSE(result->isUnoptimized);
}

TEST(Assemble, AnAssemblerThatDoesNotEndRunsWithoutOptimization) {
  FakeAssembler fake("case \"$*\" in *-O0*) printf slow > $5 ;; "
                     "*) exec sleep 60 ;; esac\n");
  auto result = assemble("text", machine(), /*seconds=*/1);
  ASSERT_TRUE(static_cast<bool>(result));
  EXPECT_EQ(result->cubin, "slow");
  EXPECT_TRUE(result->isUnoptimized);
}

TEST(Assemble, ARefusalSaysWhatWasPrinted) {
  FakeAssembler fake("echo no such thing; exit 1\n");
  auto result = assemble("text", machine());
  ASSERT_FALSE(static_cast<bool>(result));
  EXPECT_NE(llvm::toString(result.takeError()).find("no such thing"),
            std::string::npos);
}

} // namespace
