//===- EntryPoints.h - The exported functions of a library -----*- C++ -*-===//
//
// Builds the LLVM module with a library's tables, embedded parameters and
// exported functions. Every function packs its pointers into an array and
// calls the runtime, which does the rest.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TARGET_LIBRARY_ENTRYPOINTS_H
#define GATE_TARGET_LIBRARY_ENTRYPOINTS_H

#include "gate/Target/Library/Groups.h"

#include <memory>

namespace llvm {
class DataLayout;
class LLVMContext;
class Module;
class Triple;
} // namespace llvm

namespace gate {

/// A module for the given machine. It refers to the bodies and workspace
/// functions of `library` and to gate_rt_*, all as hidden symbols, so the
/// objects that define them must be linked into the same library. Exports
/// exactly exportedSymbols(library). The names must not clash (see
/// findNameConflict) and pointers must have 64 bits.
std::unique_ptr<llvm::Module> buildEntryPoints(llvm::LLVMContext &context,
                                               const LibrarySignature &library,
                                               const llvm::Triple &triple,
                                               const llvm::DataLayout &layout);

} // namespace gate

#endif // GATE_TARGET_LIBRARY_ENTRYPOINTS_H
