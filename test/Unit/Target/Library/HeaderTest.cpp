//===- HeaderTest.cpp - Text of the C header ------------------------------===//
//
// Checks the parts a caller depends on; that the whole compiles as C and
// C++ is checked here with the compilers at hand.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/Header.h"

#include "TestSignature.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace gate;
using namespace gate::test;
using llvm::StringRef;

static bool contains(const std::string &text, StringRef part) {
  return StringRef(text).contains(part);
}

TEST(HeaderTest, Declarations) {
  std::string text = printHeader(testSignature());
  EXPECT_TRUE(contains(text, "#ifndef GLA_H\n#define GLA_H\n"));
  EXPECT_TRUE(contains(text, "gla_status gla_forward(\n"
                             "    const gla_parameters *parameters,\n"
                             "    const DLTensor *ids,\n"
                             "    const gla_state *state,\n"
                             "    DLTensor *logits,\n"
                             "    const gla_state *next_state,\n"
                             "    void *workspace,\n"
                             "    size_t workspace_bytes);\n"));
  EXPECT_TRUE(contains(text, "gla_status gla_forward_workspace_bytes(int64_t "
                             "B, int64_t T, size_t *bytes);"));
  EXPECT_TRUE(
      contains(text, "gla_status gla_init_state(const gla_state *state);"));
  EXPECT_TRUE(contains(text, "GLA_STATUS_INVALID_DATA = 2,"));
}

TEST(HeaderTest, EveryFunctionIsDeclared) {
  std::string text = printHeader(testSignature());
  for (const char *name :
       {"status_string", "last_error", "set_num_threads", "num_threads",
        "set_parallel_for", "signature", "version", "abi_version"})
    EXPECT_TRUE(contains(text, std::string("gla_") + name + "(")) << name;
}

TEST(HeaderTest, Documentation) {
  std::string text = printHeader(testSignature());
  EXPECT_TRUE(contains(text, "in: int32 [B, T], values in [0, 256)"));
  EXPECT_TRUE(contains(text, "out: float32 [B, T, d = 4]"));
  EXPECT_TRUE(contains(text, "  /* blocks.0.wq: float32 [d = 4] */\n"
                             "  const DLTensor *blocks_0_wq;"));
  EXPECT_TRUE(contains(text, "Needs a CPU with avx2 fma."));
}

TEST(HeaderTest, Prepared) {
  std::string text = printHeader(preparedSignature());
  EXPECT_TRUE(contains(text, "  const void *prepared;\n} gla_parameters;"));
  EXPECT_FALSE(contains(text, "  const void *prepared;\n} gla_state;"));
  EXPECT_TRUE(contains(text, "size_t gla_prepared_bytes(void);"));
  EXPECT_TRUE(contains(text, "gla_status gla_prepare(\n"
                             "    const gla_parameters *parameters,\n"
                             "    void *prepared,\n"
                             "    size_t bytes);\n"));
  EXPECT_TRUE(contains(text, " * gla_forward, gla_step.\n"));
  EXPECT_FALSE(contains(printHeader(testSignature()), "prepare"));
}

TEST(HeaderTest, NoStates) {
  LibrarySignature library = testSignature();
  library.functions.resize(1);
  library.functions[0].tensors.resize(1);
  std::string text = printHeader(library);
  EXPECT_FALSE(contains(text, "gla_init_state"));
  EXPECT_FALSE(contains(text, "gla_parameters"));
  EXPECT_TRUE(contains(text, "gla_tensor_i32("));
  EXPECT_FALSE(contains(text, "gla_tensor_f32("));
}

TEST(HeaderTest, NamesCannotEndComments) {
  LibrarySignature library = testSignature();
  library.functions[0].tensors[0].name = "*/ int x; /*";
  std::string text = printHeader(library);
  EXPECT_FALSE(contains(text, "*/ int x"));
  EXPECT_TRUE(contains(text, "* / int x; / *"));
}

TEST(HeaderTest, CudaDeclarations) {
  std::string text = printHeader(cudaTestSignature());
  EXPECT_TRUE(contains(text, "    size_t workspace_bytes,\n"
                             "    void *stream);\n"));
  EXPECT_TRUE(contains(text, "gla_status gla_init_state(const gla_state "
                             "*state, void *stream);"));
  EXPECT_TRUE(contains(text, "  GLA_STATUS_DEVICE_ERROR = 6\n} gla_status;"));
  EXPECT_TRUE(contains(text, "gla_status gla_cuda_load(int32_t device);"));
  EXPECT_TRUE(contains(text, "gla_status gla_cuda_status(int32_t device);"));
  EXPECT_TRUE(contains(text, "Has code for CUDA devices of sm_80 and later."));
  EXPECT_TRUE(contains(text, "Has code for CUDA devices of sm_90a."));
  EXPECT_TRUE(contains(text, "in CPU memory, or all on one CUDA device"));
  EXPECT_TRUE(contains(text, "null (allocated for the length of the call)"));
}

TEST(HeaderTest, CudaOnly) {
  std::string text = printHeader(cudaOnlyTestSignature());
  EXPECT_FALSE(contains(text, "in CPU memory"));
  EXPECT_FALSE(contains(text, "null (allocated for the length of the call)"));
  EXPECT_TRUE(contains(text, "256-byte aligned memory of the"));
}

TEST(HeaderTest, NothingOfCudaWithoutIt) {
  std::string text = printHeader(testSignature());
  for (const char *word : {"CUDA", "cuda", "stream", "GPU"})
    EXPECT_FALSE(contains(text, word)) << word;
}

/// Compiles a file that includes the header twice; skipped where the machine
/// has no such compiler.
static void expectCompiles(StringRef compiler, StringRef language,
                           StringRef standard,
                           const LibrarySignature &library = testSignature()) {
  llvm::ErrorOr<std::string> program = llvm::sys::findProgramByName(compiler);
  if (!program)
    GTEST_SKIP() << "no " << compiler.str();
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("gla", "h", path));
  std::error_code error;
  {
    llvm::raw_fd_ostream stream(path, error);
    std::string header = printHeader(library);
    stream << header << header;
    if (library.hasCuda())
      stream
          << "int load(DLTensor tensor);\nint load(DLTensor tensor) { "
             "return gla_cuda_load(gla_on_cuda(tensor, 1).device.device_id); "
             "}\n";
    stream << "int use(void);\nint use(void) { int64_t shape[1]; "
              "float data[1]; shape[0] = 1; "
              "return gla_tensor_f32(data, 1, shape).ndim; }\n";
  }
  std::string standardFlag = ("-std=" + standard).str();
  std::vector<StringRef> arguments = {*program,     "-Wall",
                                      "-Wextra",    "-pedantic",
                                      "-Werror",    "-Wno-unused-function",
                                      "-x",         language,
                                      standardFlag, "-fsyntax-only",
                                      path};
  std::string message;
  EXPECT_EQ(llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt, {}, 0,
                                      0, &message),
            0)
      << message;
  llvm::sys::fs::remove(path);
}

TEST(HeaderTest, CompilesAsC99) { expectCompiles("cc", "c", "c99"); }
TEST(HeaderTest, CudaCompilesAsC99) {
  expectCompiles("cc", "c", "c99", cudaTestSignature());
  expectCompiles("clang-22", "c", "c99", cudaTestSignature());
}
TEST(HeaderTest, CudaCompilesAsCxx) {
  expectCompiles("c++", "c++", "c++11", cudaTestSignature());
}
TEST(HeaderTest, PreparedCompilesAsC99) {
  expectCompiles("cc", "c", "c99", preparedSignature());
}
TEST(HeaderTest, PreparedCompilesAsCxx) {
  expectCompiles("c++", "c++", "c++11", preparedSignature());
}
TEST(HeaderTest, CompilesAsCxx) { expectCompiles("c++", "c++", "c++11"); }
