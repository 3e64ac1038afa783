//===- Abi.h - What compiled code and the runtime agree on -----*- C++ -*-===//
//
// The tables that the compiler emits for every exported function and the few
// entry points that compiled code calls. The runtime is linked into each
// library; the tables are plain constant data, so a check is written once in
// the runtime and never generated.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_RUNTIME_ABI_H
#define GATE_RUNTIME_ABI_H

#include <stddef.h>
#include <stdint.h>

/// Bumped whenever a layout or meaning in this file changes.
#define GATE_ABI_VERSION 3

/// Prepared memory starts with a GatePreparedHeader; what follows, and the
/// memory itself, are aligned to whole cache lines.
#define GATE_PREPARED_HEADER_BYTES 64
#define GATE_PREPARED_ALIGNMENT 64

#ifdef __cplusplus
extern "C" {
#endif

/// What a call returns. The header of a library repeats these with the
/// library's prefix; the numbers are fixed for good.
enum GateStatus {
  GATE_STATUS_OK = 0,
  /// Null, rank, shape, element type, stride, alignment, device or overlap.
  GATE_STATUS_INVALID_ARGUMENT = 1,
  /// An element of an index tensor is out of its range.
  GATE_STATUS_INVALID_DATA = 2,
  /// This CPU lacks a feature that the library was compiled for.
  GATE_STATUS_UNSUPPORTED_CPU = 3,
  GATE_STATUS_OUT_OF_MEMORY = 4,
  /// No driver, no such device, or a device that the library has no code for.
  GATE_STATUS_UNSUPPORTED_DEVICE = 5,
  /// The driver refused a load, a copy or a launch.
  GATE_STATUS_DEVICE_ERROR = 6,
};

/// The part an argument plays in a function.
enum GateRole {
  GATE_ROLE_INPUT = 0,
  GATE_ROLE_PARAMETER = 1,
  /// A state that is read. The compiled body only ever sees the matching
  /// GATE_ROLE_NEXT_STATE buffer: the runtime copies the state there first,
  /// unless both are the same buffer.
  GATE_ROLE_STATE = 2,
  GATE_ROLE_OUTPUT = 3,
  GATE_ROLE_NEXT_STATE = 4,
};

/// One tensor of a function, in the order of the compiled body's data table.
struct GateArgument {
  /// As printed in messages, e.g. "state.block0" or "ids".
  const char *name;
  /// Index into the pointers that the exported function received, or -1 for
  /// a parameter whose bytes are embedded in the library.
  int32_t group;
  /// Position in the struct that the group points to, or -1 when the group
  /// is the DLTensor itself.
  int32_t member;
  int32_t role; // GateRole
  /// GATE_ROLE_NEXT_STATE: index of the GATE_ROLE_STATE argument it
  /// continues (or -1: the state has no input side); otherwise -1.
  int32_t tied;
  uint8_t dtypeCode; // DLPack's DLDataTypeCode
  uint8_t dtypeBits;
  int16_t rank;
  /// `rank` entries: a size, or -(1 + d) for the named dim number d.
  const int64_t *shape;
  /// `rank` entries: the names of the dims for messages, or null.
  const char *const *dimNames;
  /// For index data: every element must be in [0, indexBound); otherwise -1.
  int64_t indexBound;
  /// The bytes of an embedded parameter, or null.
  const void *embedded;
};

/// A 32-bit word in the global memory of an image, at first 0, that kernels set
/// when they meet index data out of range. An image may lack it.
#define GATE_CUDA_STATUS_SYMBOL "gate_cuda_status"

/// A part of a row-major tensor that a kernel copies boxes of: what a "tensor
/// map" of CUDA's driver API is made from at a launch. Numbers that are sizes
/// are known now, or -(1 + p): parameter p of the kernel, 64 bits.
struct GateCudaTensorMap {
  /// The parameter that is the address of the tensor, or of what it is part of,
  /// and how many bytes on it begins (or -(1 + p)).
  int32_t base;
  int32_t elementType; // CUtensorMapDataType
  int64_t offset;
  int32_t elementBytes;
  int32_t swizzle; // CUtensorMapSwizzle
  int32_t rank;    // 1 to 5
  /// Of a box, `rank` entries, outermost dim first, as in the others.
  int32_t box[5];
  /// How the tensor lies in memory, and where copies end: past that they write
  /// zeros.
  int64_t extents[5];
  int64_t sizes[5];
};

/// How one kernel is launched with the code of one image.
struct GateCudaLaunch {
  /// Threads per block.
  int32_t threads;
  /// Bytes of dynamic shared memory.
  int32_t sharedBytes;
  /// Parameters that the caller passes. Then come, where `isPersistent`, the
  /// number of blocks that the caller asked for (32 bits), and the tensor maps.
  int32_t parameterCount;
  /// 1: at most one block for each multiprocessor, which take what the caller's
  /// blocks do in turns.
  int32_t isPersistent;
  int32_t mapCount;
  const struct GateCudaTensorMap *maps;
};

/// The kernels of a library compiled for one kind of GPU.
struct GateCudaImage {
  /// As in "sm_90a"; for messages.
  const char *target;
  /// The compute capability that the code was made for.
  int32_t major, minor;
  /// 1: runs on exactly that capability (an "a" target); 0: and on later ones.
  int32_t isExact;
  /// Null-terminated PTX.
  const char *ptx;
  /// The same as machine code, or null.
  const void *cubin;
  /// One for each kernel of the library.
  const struct GateCudaLaunch *launches;
};

/// The GPU part of a library.
struct GateCudaModule {
  int32_t imageCount;
  int32_t kernelCount;
  const struct GateCudaImage *images;
  /// Their names, the same in all images.
  const char *const *kernels;
};

/// One call on a GPU, between the runtime and compiled code.
struct GateLaunch;

/// How prepared memory starts. Written after everything else, so that memory is
/// either complete or refused.
struct GatePreparedHeader {
  char magic[8]; // "GATEPREP"
  int32_t abiVersion;
  int32_t reserved; // 0
  /// GatePreparation::identity and GatePreparation::bytes.
  uint64_t identity;
  int64_t bytes;
};

struct GateFunction;

/// What computes, from parameters alone and once, operands of functions.
struct GatePreparation {
  /// Its arguments are the parameters, members of the struct of group 0; its
  /// own prepared operands are what it writes.
  const struct GateFunction *function;
  /// Bytes of prepared memory, header included.
  int64_t bytes;
  /// Equal only where the same is written in the same places.
  uint64_t identity;
};

/// One exported function.
struct GateFunction {
  /// With prefix, as the user calls it: "gla_forward".
  const char *name;
  int32_t argumentCount;
  int32_t groupCount;
  int32_t dimCount;
  /// Names of the groups ("parameters", "ids", ...), groupCount entries.
  const char *const *groupNames;
  const struct GateArgument *arguments;
  /// Names of the dims that are only known at the call, dimCount entries.
  const char *const *dims;
  /// The compiled code. `data` has one pointer per argument (states and their
  /// next states both point to the next state's buffer), `dims` one size per
  /// dim name, `workspace` is 64-byte aligned and as large as asked for. Null
  /// without a CPU target, as `workspaceBytes` is.
  void (*body)(void *const *data, const int64_t *dims, void *workspace);
  /// Bytes of workspace that `body` needs at these sizes.
  int64_t (*workspaceBytes)(const int64_t *dims);
  /// The same for tensors on a GPU: computes grids and calls
  /// gate_rt_cuda_launch for each kernel, reads no device memory. `data` and
  /// `workspace` are addresses on the device, of embedded parameters too; the
  /// workspace is 256-byte aligned, or null when none is needed. Null without a
  /// GPU target, as `launchWorkspaceBytes` is.
  void (*launch)(void *const *data, const int64_t *dims, void *workspace,
                 struct GateLaunch *launch);
  int64_t (*launchWorkspaceBytes)(const int64_t *dims);
  /// Operands that `body` takes ready-made: behind the arguments, `data` has
  /// preparedCount more addresses, at these offsets from the start of prepared
  /// memory. All are null when the caller gave none.
  int32_t preparedCount;
  /// Where the struct of group 0 has the address of prepared memory.
  int32_t preparedMember;
  const int64_t *preparedOffsets;
  /// Null when `body` takes no prepared operand.
  const struct GatePreparation *preparation;
};

/// One library.
struct GateLibrary {
  int32_t abiVersion;
  int32_t functionCount;
  const struct GateFunction *const *functions;
  /// Space-separated names, in the spelling of LLVM's x86 features, of what
  /// the code needs, e.g. "avx512f fma"; empty for any CPU.
  const char *cpuFeatures;
  /// The GPU part, or null.
  const struct GateCudaModule *cuda;
};

//===----------------------------------------------------------------------===//
// Entry points of the runtime, all hidden inside the library.
//===----------------------------------------------------------------------===//

/// Checks every argument, then runs the body. `groups` has groupCount
/// pointers: to a DLTensor, or to a struct of DLTensor pointers. All tensors
/// are on the CPU, or all on one GPU (CUDA's pinned host memory is the CPU's,
/// its managed memory the GPU's). On the CPU a null `workspace` makes the
/// runtime allocate one for the length of the call. On a GPU the workspace is
/// device memory that the caller gives; the call queues work on `stream` (a
/// CUstream, null for the default one) and returns: it allocates nothing,
/// waits for nothing and reads no device memory, once the library is loaded
/// there (gate_rt_cuda_load).
/// Returns a GateStatus; on failure nothing has been written, except that a
/// launch that fails on a GPU leaves those before it in the stream.
int32_t gate_rt_call(const struct GateLibrary *library,
                     const struct GateFunction *function,
                     const void *const *groups, void *workspace,
                     size_t workspaceBytes, void *stream);

/// Fills every GATE_ROLE_STATE argument of `function` with zeros after
/// checking it; `state` is the struct of DLTensor pointers. On a GPU the zeros
/// are queued on `stream`.
int32_t gate_rt_init_state(const struct GateLibrary *library,
                           const struct GateFunction *function,
                           const void *state, void *stream);

/// Bytes of workspace at the given sizes, one per dim of the function: enough
/// for every target of the library.
int32_t gate_rt_workspace(const struct GateLibrary *library,
                          const struct GateFunction *function,
                          const int64_t *dims, size_t *bytes);

/// Fills `prepared`, at least preparation->bytes of 64-byte aligned memory,
/// from the struct of DLTensor pointers `parameters`.
int32_t gate_rt_prepare(const struct GateLibrary *library,
                        const struct GatePreparation *preparation,
                        const void *parameters, void *prepared, size_t bytes);

/// The text of this thread's last failure, "" if there was none.
const char *gate_rt_last_error(void);
/// A constant text for a status.
const char *gate_rt_status_string(int32_t status);

/// Runs task(context, begin, end) over a partition of [0, count), on all
/// threads of the library's pool; returns when all are done. Called by
/// compiled code. Calls from inside a task run on the calling thread.
void gate_rt_parallel_for(void (*task)(void *context, int64_t begin,
                                       int64_t end),
                          void *context, int64_t count);

/// 0 restores the default: GATE_NUM_THREADS, or else the CPUs this process
/// may use.
int32_t gate_rt_set_num_threads(int32_t threads);
int32_t gate_rt_num_threads(void);

/// The host's own parallel-for, used instead of the pool; null restores it.
/// `run` must call task for every part of [0, count) once and return after.
typedef void (*GateParallelFor)(void *host,
                                void (*task)(void *context, int64_t begin,
                                             int64_t end),
                                void *context, int64_t count);
int32_t gate_rt_set_parallel_for(GateParallelFor run, void *host);

//===----------------------------------------------------------------------===//
// GPUs
//===----------------------------------------------------------------------===//

/// Queues kernel number `kernel` of the library with a grid of blocks;
/// `arguments` points to one pointer per kernel parameter. A grid without
/// blocks is no work. A failure is kept in `launch`: later launches of the same
/// call do nothing, and gate_rt_call returns it.
void gate_rt_cuda_launch(struct GateLaunch *launch, int32_t kernel,
                         int64_t gridX, int64_t gridY, int64_t gridZ,
                         void **arguments);

/// Makes the library ready on GPU number `device`: opens the driver, loads the
/// kernels, copies embedded parameters. The first call on a device does the
/// same; a program that captures CUDA graphs or counts microseconds does it
/// before. A load that failed is tried again by the next call.
int32_t gate_rt_cuda_load(const struct GateLibrary *library, int32_t device);

/// Waits for GPU number `device` and returns GATE_STATUS_INVALID_DATA when a
/// kernel of this library met index data out of range since the last query
/// (what such an index reads is 0), GATE_STATUS_OK otherwise.
int32_t gate_rt_cuda_status(const struct GateLibrary *library, int32_t device);

#ifdef __cplusplus
}
#endif

#endif // GATE_RUNTIME_ABI_H
