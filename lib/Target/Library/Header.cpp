//===- Header.cpp - The C header of a library -----------------------------===//
//
// Plain text, section by section, in the order in which a reader needs it:
// how to call, types, structs, functions of the model, functions of the
// library.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Target/Library/Header.h"

#include "gate/Support/ElementTypes.h"

#include "gate/Target/Library/Groups.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <set>

using namespace gate;
using llvm::StringRef;

namespace {
class HeaderPrinter {
public:
  explicit HeaderPrinter(const LibrarySignature &library)
      : library(library), layout(computeLayout(library)),
        prefix(library.prefix), upper(StringRef(library.prefix).upper()),
        stream(text) {}

  std::string print();

private:
  void printIntroduction();
  void printTensorTypes();
  void printStatus();
  void printStruct(const StructLayout &layout);
  void printTensorHelpers();
  void printFunction(size_t index);
  void printFunctionComment(size_t index);
  void printWorkspaceQuery(size_t index);
  void printInitState(size_t index, llvm::StringSet<> &printed);
  void printPrepare(size_t index, llvm::StringSet<> &printed);
  void printCudaFunctions();
  void printLibraryFunctions();

  /// Prints `lines` with every "@" as the prefix and "^" as the prefix in
  /// capitals.
  void printText(StringRef lines);

  /// The function that writes what a struct of parameters points to.
  StringRef prepareOf(const StructLayout &structLayout);

  const LibrarySignature &library;
  LibraryLayout layout;
  std::string prefix, upper;
  std::string text;
  llvm::raw_string_ostream stream;
};
} // namespace

/// Text from the user's program, made harmless inside a comment.
static std::string commentText(StringRef text) {
  std::string result;
  for (char c : text) {
    bool endsComment = !result.empty() && ((result.back() == '*' && c == '/') ||
                                           (result.back() == '/' && c == '*'));
    if (endsComment)
      result += ' ';
    result += llvm::isPrint(c) || static_cast<signed char>(c) < 0 ? c : ' ';
  }
  return result;
}

/// "float32 [B, T, width = 64]".
static std::string describeType(const TensorSignature &tensor) {
  std::string text = elementTypeName(tensor.type);
  text += " [";
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    StringRef dim = i < tensor.dims.size() ? StringRef(tensor.dims[i]) : "";
    text += i ? ", " : "";
    text += dim;
    if (tensor.shape[i] >= 0)
      text += (dim.empty() ? "" : " = ") + std::to_string(tensor.shape[i]);
  }
  text += "]";
  if (tensor.indexBound >= 0)
    text += ", values in [0, " + std::to_string(tensor.indexBound) + ")";
  return commentText(text);
}

void HeaderPrinter::printText(StringRef lines) {
  for (char c : lines) {
    if (c == '@')
      stream << prefix;
    else if (c == '^')
      stream << upper;
    else
      stream << c;
  }
}

//===----------------------------------------------------------------------===//
// Sections
//===----------------------------------------------------------------------===//

void HeaderPrinter::printIntroduction() {
  printText("/*\n"
            " * The library `@`: ");
  bool first = true;
  for (const FunctionLayout &function : layout.functions) {
    stream << (first ? "" : ", ") << function.symbol;
    first = false;
  }
  stream << ".\n * Written by " << commentText(library.compiler)
         << "; do not edit.\n";
  if (!library.cpuFeatures.empty())
    stream << " * Needs a CPU with " << commentText(library.cpuFeatures)
           << ".\n";
  for (const CudaImage &image : library.images)
    stream << " * Has code for CUDA devices of " << commentText(image.target)
           << (image.isExact ? ".\n" : " and later.\n");
  if (!library.hasCuda())
    printText(R"( *
 * Tensors are passed as DLPack's DLTensor: in CPU memory, compact row-major
 * (strides null, or as for compact data), aligned to their element type.
)");
  else if (library.hasCpu())
    printText(R"( *
 * Tensors are passed as DLPack's DLTensor: compact row-major (strides null, or
 * as for compact data), aligned to their element type. All tensors of a call
 * are in CPU memory, or all on one CUDA device: see "GPUs" below.
)");
  else
    printText(R"( *
 * Tensors are passed as DLPack's DLTensor: compact row-major (strides null, or
 * as for compact data), aligned to their element type. All tensors of a call
 * are on one CUDA device: see "GPUs" below.
)");
  printText(
      R"( * Comments give element type and shape of every tensor. A name in a shape, such
 * as B, stands for a size that the caller chooses; within one call the same
 * name means the same size everywhere. bool is one byte, 0 or 1.
 *
 * Functions return a @_status. Every argument is checked before any work: on
 * failure nothing has been written and @_last_error() says which argument,
 * what was expected and what was found. Tensors that are written must not share
 * memory with any other, except that a member of next_state may be the very
 * buffer of the same member of state, which is then updated in place.
 *
 * All functions may be called from any thread, also at the same time, as long
 * as no call writes what another one uses. The library keeps no tensor after a
 * call has returned. Sizes in bytes are named so; other sizes count elements.
)");
  if (library.hasCuda())
    printText(R"( *
 * GPUs. A call on a CUDA device checks its arguments, queues its work on
 * `stream` and returns; outputs are there when the stream has come to them.
 * `stream` is a CUstream or cudaStream_t of the device's primary context, which
 * the CUDA runtime and frameworks use too; null is the default stream. Until
 * the work is done, data and workspace must live, and nobody else may write
 * them; DLTensors, their shapes and structs are free when the call returns.
 * The workspace is memory of the device, and must be given where the query says
 * more than 0. A call allocates nothing, waits for nothing and may be captured
 * in a CUDA graph, once @_cuda_load or an earlier call has loaded the
 * library on the device. Several threads may call, on several devices. Index
 * data is not checked before: kernels clamp it, and @_cuda_status() tells.
 * A launch that fails leaves the work queued before it in the stream.
)");
  printText(R"( */

#ifndef ^_H
#define ^_H

#include <stddef.h>
#include <stdint.h>

)");
}

void HeaderPrinter::printTensorTypes() {
  printText(R"(/*
 * The tensor of DLPack 1.x. A program that uses DLPack's own dlpack/dlpack.h
 * includes that one first; these declarations then step aside.
 */
#if !defined(DLPACK_DLPACK_H_) && !defined(DLPACK_DLPACK_H) && \
    !defined(GATE_DLTENSOR_DECLARED)
#define GATE_DLTENSOR_DECLARED

/* The device type of ordinary memory. */
enum { kDLCPU = 1 };

typedef struct {
  int32_t device_type;
  int32_t device_id;
} DLDevice;

typedef struct {
  uint8_t code;   /* 0 int, 1 uint, 2 float, 4 bfloat, 6 bool */
  uint8_t bits;   /* of one element */
  uint16_t lanes; /* 1 */
} DLDataType;

typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;       /* ndim sizes */
  int64_t *strides;     /* in elements, or null for compact row-major data */
  uint64_t byte_offset; /* added to data */
} DLTensor;

#endif

#ifdef __cplusplus
extern "C" {
#endif

)");
}

void HeaderPrinter::printStatus() {
  printText(R"(/* What every call returns. */
typedef enum {
  ^_STATUS_OK = 0,
  /* Null, rank, shape, element type, stride, alignment, device or overlap. */
  ^_STATUS_INVALID_ARGUMENT = 1,
  /* An element of an index tensor is out of its range. */
  ^_STATUS_INVALID_DATA = 2,
  /* This CPU lacks a feature that the library was compiled for. */
  ^_STATUS_UNSUPPORTED_CPU = 3,
  ^_STATUS_OUT_OF_MEMORY = 4)");
  if (library.hasCuda())
    printText(R"(,
  /* No driver, no such device, or a device that the library has no code for. */
  ^_STATUS_UNSUPPORTED_DEVICE = 5,
  /* The driver refused a load, a copy or a launch, or work on it failed. */
  ^_STATUS_DEVICE_ERROR = 6)");
  printText("\n} @_status;\n\n");
}

StringRef HeaderPrinter::prepareOf(const StructLayout &structLayout) {
  for (const FunctionLayout &call : layout.functions)
    for (const Group &group : call.groups)
      if (group.structIndex >= 0 && !call.prepareSymbol.empty() &&
          &layout.structs[group.structIndex] == &structLayout)
        return call.prepareSymbol;
  return "";
}

void HeaderPrinter::printStruct(const StructLayout &structLayout) {
  if (structLayout.isState)
    stream << "/* What is carried from one call to the next. */\n";
  else
    stream << "/* The weights. They are only read. */\n";
  stream << "typedef struct " << structLayout.identifier << " {\n";
  for (size_t i = 0; i < structLayout.members.size(); ++i) {
    const TensorSignature &tensor = structLayout.tensors[i];
    stream << "  /* ";
    if (tensor.name != structLayout.members[i])
      stream << commentText(tensor.name) << ": ";
    stream << describeType(tensor) << " */\n  "
           << (structLayout.isState ? "" : "const ") << "DLTensor *"
           << structLayout.members[i] << ";\n";
  }
  if (structLayout.hasPrepared)
    stream
        << "  /* What " << prepareOf(structLayout)
        << "() wrote from these weights, or null: then each call\n"
           "   * packs the weights itself. Never leave it uninitialized. */\n"
           "  const void *prepared;\n";
  stream << "} " << structLayout.identifier << ";\n\n";
}

void HeaderPrinter::printTensorHelpers() {
  // In the order of ElementType, each type once.
  std::set<ElementType> types;
  for (const FunctionSignature &function : library.functions)
    for (const TensorSignature &tensor : function.tensors)
      if (tensor.embedded.empty())
        types.insert(tensor.type);
  if (types.empty())
    return;
  printText(R"(/*
 * Views of the caller's compact data as tensors: `shape` has `rank` sizes, and
 * both it and `data` must live as long as the view is used.
 */
static inline DLTensor @_tensor(void *data, uint8_t code, uint8_t bits,
                                int32_t rank, int64_t *shape) {
  DLTensor tensor;
  tensor.data = data;
  tensor.device.device_type = kDLCPU;
  tensor.device.device_id = 0;
  tensor.ndim = rank;
  tensor.dtype.code = code;
  tensor.dtype.bits = bits;
  tensor.dtype.lanes = 1;
  tensor.shape = shape;
  tensor.strides = NULL;
  tensor.byte_offset = 0;
  return tensor;
}
)");
  for (ElementType type : types) {
    const ElementTypeInfo &info = elementTypeInfo(type);
    stream << "static inline DLTensor " << prefix << "_tensor_"
           << info.shortName
           << "(void *data, int32_t rank, int64_t *shape) {\n  return "
           << prefix << "_tensor(data, " << int(info.code) << ", "
           << int(info.bits) << ", rank, shape);\n}\n";
  }
  if (library.hasCuda())
    printText(
        R"(/* The same tensor, with `data` on CUDA device number `device`. */
static inline DLTensor @_on_cuda(DLTensor tensor, int32_t device) {
  tensor.device.device_type = 2; /* kDLCUDA */
  tensor.device.device_id = device;
  return tensor;
}
)");
  stream << "\n";
}

//===----------------------------------------------------------------------===//
// Functions of the model
//===----------------------------------------------------------------------===//

/// What the comment of a function says about one of its arguments.
static std::string describeGroup(const Group &group,
                                 const FunctionSignature &function,
                                 const LibraryLayout &layout) {
  if (group.kind == GroupKind::Parameters)
    return layout.structs[group.structIndex].hasPrepared
               ? "in: the weights; no member but prepared may be null"
               : "in: the weights; no member may be null";
  if (group.kind != GroupKind::Tensor) {
    std::string text = group.kind == GroupKind::State
                           ? "in: the state before this call"
                           : "out: the state after this call; may be `state`";
    const StructLayout &structLayout = layout.structs[group.structIndex];
    std::string unused;
    for (size_t i = 0; i < group.members.size(); ++i)
      if (group.members[i] < 0)
        unused += (unused.empty() ? "" : ", ") + structLayout.members[i];
    return unused.empty() ? text : text + "; not used: " + unused;
  }
  const TensorSignature &tensor = function.tensors[group.members.front()];
  std::string text = tensor.role == GATE_ROLE_INPUT ? "in: " : "out: ";
  if (tensor.name != group.identifier)
    text += commentText(tensor.name) + ", ";
  return text + describeType(tensor);
}

void HeaderPrinter::printFunctionComment(size_t index) {
  const FunctionSignature &function = library.functions[index];
  const FunctionLayout &call = layout.functions[index];
  size_t width = StringRef("workspace_bytes").size();
  for (const Group &group : call.groups)
    width = std::max(width, group.identifier.size());
  auto printLine = [&](StringRef name, StringRef what) {
    stream << " *   " << llvm::left_justify(name, width) << "  " << what
           << "\n";
  };
  stream << "/*\n * Runs `" << commentText(function.name) << "`.\n *\n";
  for (const Group &group : call.groups)
    printLine(group.identifier, describeGroup(group, function, layout));
  if (library.hasCpu()) {
    printLine("workspace",
              "null (allocated for the length of the call), or 64-byte");
    printLine("", "aligned memory that nothing else uses meanwhile");
  }
  if (library.hasCuda()) {
    printLine(library.hasCpu() ? "" : "workspace",
              library.hasCpu() ? "On a GPU: 256-byte aligned memory of the"
                               : "256-byte aligned memory of the");
    printLine("", "device; null only where none is needed");
  }
  printLine("workspace_bytes", "its size, at least what");
  printLine("", call.workspaceSymbol + " says;");
  printLine("", "not looked at when workspace is null");
  if (library.hasCuda())
    printLine("stream", "where a GPU's work is queued; null: default stream");
  stream << " *\n";
  size_t embedded =
      llvm::count_if(function.tensors, [](const TensorSignature &tensor) {
        return !tensor.embedded.empty();
      });
  if (embedded)
    stream << " * Weights that are part of the library and not passed: "
           << embedded << ".\n";
  printText(" * Errors: ^_STATUS_INVALID_ARGUMENT, ^_STATUS_INVALID_DATA,\n"
            " * ^_STATUS_UNSUPPORTED_CPU, ^_STATUS_OUT_OF_MEMORY");
  if (library.hasCuda())
    printText(",\n * ^_STATUS_UNSUPPORTED_DEVICE, ^_STATUS_DEVICE_ERROR");
  printText(".\n */\n");
}

/// Prints "type name(a, b);" with one argument a line where it gets long.
static void printDeclaration(llvm::raw_ostream &stream, StringRef start,
                             const std::vector<std::string> &parameters) {
  std::string line = start.str() + "(" + llvm::join(parameters, ", ") + ");";
  if (line.size() <= 80) {
    stream << line << "\n\n";
    return;
  }
  stream << start << "(\n    " << llvm::join(parameters, ",\n    ") << ");\n\n";
}

void HeaderPrinter::printFunction(size_t index) {
  printFunctionComment(index);
  const FunctionLayout &call = layout.functions[index];
  const FunctionSignature &function = library.functions[index];
  std::vector<std::string> parameters;
  for (const Group &group : call.groups) {
    std::string type;
    if (group.kind != GroupKind::Tensor)
      type = "const " + layout.structs[group.structIndex].identifier;
    else if (function.tensors[group.members.front()].role == GATE_ROLE_INPUT)
      type = "const DLTensor";
    else
      type = "DLTensor";
    parameters.push_back(type + " *" + group.identifier);
  }
  parameters.push_back("void *workspace");
  parameters.push_back("size_t workspace_bytes");
  if (library.hasCuda())
    parameters.push_back("void *stream");
  printDeclaration(stream, prefix + "_status " + call.symbol, parameters);
}

void HeaderPrinter::printWorkspaceQuery(size_t index) {
  const FunctionLayout &call = layout.functions[index];
  stream << "/*\n * Bytes of workspace that " << call.symbol << " needs";
  std::vector<std::string> parameters;
  for (const std::string &dim : call.dims)
    parameters.push_back("int64_t " + dim);
  stream << (call.dims.empty() ? ", to *bytes" : " at these sizes, to *bytes")
         << (library.hasCuda() && library.hasCpu()
                 ? ":\n * the largest number of all that it has code for.\n"
                 : ".\n")
         << " */\n";
  parameters.push_back("size_t *bytes");
  printDeclaration(stream, prefix + "_status " + call.workspaceSymbol,
                   parameters);
}

void HeaderPrinter::printInitState(size_t index, llvm::StringSet<> &printed) {
  const std::string &symbol = layout.functions[index].initStateSymbol;
  if (symbol.empty() || !printed.insert(symbol).second)
    return;
  for (const Group &group : layout.functions[index].groups) {
    if (group.kind != GroupKind::State)
      continue;
    stream << "/* Makes every member the state before the first step: zeros";
    std::vector<std::string> parameters = {
        "const " + layout.structs[group.structIndex].identifier + " *state"};
    if (library.hasCuda()) {
      stream << ".\n * On a GPU they are queued on `stream`";
      parameters.push_back("void *stream");
    }
    stream << ". */\n";
    printDeclaration(stream, prefix + "_status " + symbol, parameters);
  }
}

void HeaderPrinter::printPrepare(size_t index, llvm::StringSet<> &printed) {
  const FunctionLayout &call = layout.functions[index];
  if (call.prepareSymbol.empty() || !printed.insert(call.prepareSymbol).second)
    return;
  std::string structName, users;
  for (const Group &group : call.groups)
    if (group.kind == GroupKind::Parameters)
      structName = layout.structs[group.structIndex].identifier;
  for (const FunctionLayout &other : layout.functions)
    if (other.prepareSymbol == call.prepareSymbol)
      users += (users.empty() ? "" : ", ") + other.symbol;
  stream << "/* Bytes of memory that " << call.prepareSymbol << " fills. */\n";
  printDeclaration(stream, "size_t " + call.preparedBytesSymbol, {"void"});
  stream
      << "/*\n * Packs the weights once, which otherwise each of these "
         "calls does:\n * "
      << users << ".\n *\n"
      << " *   parameters  in: the weights; its member prepared is not looked "
         "at\n"
         " *   prepared    out: 64-byte aligned memory, not that of a weight\n"
         " *   bytes       its size, at least "
      << call.preparedBytesSymbol << "()\n *\n";
  stream
      << " * Set the member prepared of the struct to this memory to use it.\n"
         " * Calls only read it, also at the same time, and it must live as\n"
         " * long as they do. The weights are still passed and must be those\n"
         " * that were packed: pack again when one has changed. Results are "
         "the\n"
         " * same bit by bit. A call refuses memory that another library or\n"
         " * version wrote.\n";
  printText(" * Errors: ^_STATUS_INVALID_ARGUMENT, ^_STATUS_UNSUPPORTED_CPU,\n"
            " * ^_STATUS_OUT_OF_MEMORY.\n */\n");
  printDeclaration(stream, prefix + "_status " + call.prepareSymbol,
                   {"const " + structName + " *parameters", "void *prepared",
                    "size_t bytes"});
}

//===----------------------------------------------------------------------===//
// Functions of the library
//===----------------------------------------------------------------------===//

void HeaderPrinter::printCudaFunctions() {
  printText(R"(/*
 * Makes the library ready on CUDA device number `device`: opens NVIDIA's driver,
 * loads the kernels, copies weights that are part of the library. The first
 * call on a device does the same, and takes long then; one that failed is tried
 * again by the next. Not to be captured in a graph.
 */
@_status @_cuda_load(int32_t device);

/*
 * Waits for all work on the device. ^_STATUS_INVALID_DATA when calls since the
 * last query met index data out of its range, ^_STATUS_DEVICE_ERROR when work
 * on the device has failed.
 */
@_status @_cuda_status(int32_t device);

)");
}

void HeaderPrinter::printLibraryFunctions() {
  printText(
      R"(/* A constant text for a status: "invalid argument". Never null. */
const char *@_status_string(@_status status);

/*
 * The text of this thread's last failure, "" if there was none; valid until the
 * thread's next failure.
 */
const char *@_last_error(void);

/*
 * Threads that later calls use, the caller's included; at most 1024. 0 restores
 * the default: the environment variable GATE_NUM_THREADS, or else the CPUs that
 * this process may use. Results do not depend on it.
 */
@_status @_set_num_threads(int32_t threads);
int32_t @_num_threads(void);

/*
 * Runs task(context, begin, end) for every part of a partition of [0, count),
 * each once, on any threads, and returns when all are done.
 */
typedef void (*@_parallel_for)(void *host,
                               void (*task)(void *context, int64_t begin,
                                            int64_t end),
                               void *context, int64_t count);

/*
 * Makes later calls use the host's threads instead of the library's own; `host`
 * is passed through. A null `run` restores the library's threads.
 */
@_status @_set_parallel_for(@_parallel_for run, void *host);

)");
  if (library.hasCuda())
    printCudaFunctions();
  printText(
      R"(/* The signature of the library's functions as JSON, for bindings. */
const char *@_signature(void);

/* The compiler that wrote the library. */
const char *@_version(void);

/* Version of the contract between bindings and library. */
int32_t @_abi_version(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* ^_H */
)");
}

std::string HeaderPrinter::print() {
  printIntroduction();
  printTensorTypes();
  printStatus();
  for (const StructLayout &structLayout : layout.structs)
    printStruct(structLayout);
  printTensorHelpers();
  llvm::StringSet<> printed;
  for (size_t i = 0; i < library.functions.size(); ++i) {
    printFunction(i);
    printWorkspaceQuery(i);
    printPrepare(i, printed);
    printInitState(i, printed);
  }
  printLibraryFunctions();
  return std::move(text);
}

std::string gate::printHeader(const LibrarySignature &library) {
  return HeaderPrinter(library).print();
}
