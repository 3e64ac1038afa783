//===- Passes.td - Passes towards machine code -------------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_CONVERSION_PASSES_TD
#define GATE_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def BuildEntries : Pass<"gate-build-entries", "::mlir::ModuleOp"> {
  let summary = "Add the functions that a library's tables point to";
  let description = [{
    For every exported function `f` adds `gate_body_f(data, dims, workspace)`,
    which makes memrefs of the pointers and sizes and calls `f`, and
    `gate_workspace_f(dims)`; `f` itself becomes private. Where `f` launches
    kernels they are `gate_launch_f`, with the launch as fourth argument, and
    `gate_launch_workspace_f`.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::arith::ArithDialect"];
}

def ConvertCopyToLinalg : Pass<"gate-convert-copy-to-linalg", "::mlir::func::FuncOp"> {
  let summary = "Turn copies of buffers into elementwise linalg";
  let description = [{
    `memref.copy` becomes `linalg.generic`, so that copies are vectorised like
    everything else and never call into a library; a copy of a buffer onto
    itself vanishes.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def ConvertLinalgToVector : Pass<"gate-convert-linalg-to-vector", "::mlir::func::FuncOp"> {
  let summary = "Lower linalg on memrefs to register-blocked vector loops";
  let description = [{
    Products get a register tile of rows times vectors with the accumulators as
    loop values and fused multiply-adds; other ops a vectorised innermost loop,
    with transposes in registers where an operand is contiguous in another dim
    than the result. Widths that the vector does not divide are masked. Changes rounding: multiply-adds are fused, sums
    over a contiguous dim are split over lanes.
  }];
  let options = [
    Option<"vectorBits", "vector-bits", "int64_t", "512",
           "Width of a vector register in bits, a power of two">,
    Option<"registers", "registers", "int64_t", "32",
           "Number of vector registers">,
    Option<"pairs", "pairs", "bool", "false",
           "The machine multiplies and adds pairs of bf16 into f32 at once">];
  let dependentDialects = [
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect",
    "::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
    "::mlir::affine::AffineDialect", "::mlir::math::MathDialect",
    "::mlir::x86vector::X86VectorDialect"];
}

def ConvertMathToCalls : Pass<"gate-convert-math-to-calls", "::mlir::ModuleOp"> {
  let summary = "Call libm where LLVM has no function of equal accuracy";
  let description = [{
    `math` functions that LLVM has no intrinsic for, or only a less accurate
    expansion (log1p as log(1 + x)), become calls of libm, one per element.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::vector::VectorDialect"];
}

def DistributeBlocks : Pass<"gate-distribute-blocks", "::mlir::ModuleOp"> {
  let summary = "Give every thread its part of a kernel's vectors";
  let description = [{
    Every vector of a kernel gets a layout (`gate/Analysis/LinearLayout.h`):
    loads and stores take neighbours in memory to neighbouring lanes, 16 bytes
    a thread where alignment allows it; elementwise ops keep the layout of what
    they read, reductions combine registers, then lanes by shuffles, then warps
    through shared memory, always in the same order. A value needed in another
    layout goes through shared memory. The kernel becomes the code of one thread,
    with its number of threads as attribute.

    A ring of the dialect `block` gets as many slots as shared memory has room
    for (`gate.stages`), and barriers; its copies become tensor copies by maps
    that the launch makes (`gate.tensor_maps`, one pointer argument each).

    Precondition: kernels as `gate-outline-kernels` makes them, with the ops that
    `gate-stage-copies` and `gate-overlap-products` add. Postcondition: vectors
    are registers of one thread. An op without such a form is an error.
  }];
  let options = [
    Option<"elementsPerThread", "elements-per-thread", "int64_t", "8",
           "Elements of the largest vector that a thread should hold">,
    Option<"maxWarps", "max-warps", "int64_t", "16",
           "Warps of a block at most, a power of two">,
    Option<"warpgroups", "warpgroups", "bool", "false",
           "The machine multiplies in groups of four warps (wgmma)">,
    Option<"allowTf32", "allow-tf32", "bool", "false",
           "Round operands of f32 products to tf32, instead of splitting each "
           "into three">,
    Option<"sharedBytes", "shared-bytes", "int64_t", "232448",
           "Bytes of shared memory that a block may have">];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::vector::VectorDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"];
}

def ExpandMath : Pass<"gate-expand-math", "::mlir::func::FuncOp"> {
  let summary = "Expand transcendental functions to polynomials";
  let description = [{
    `math.exp2` and `math.exp` on f32 become a range reduction and a polynomial
    of degree 6 (at most 1 unit in the last place; results below the smallest
    normal number are rounded once more, infinity above the largest).
    `math.erf` and `math.tanh` on f32 become a polynomial near 0 and 1 minus an
    exponential elsewhere (about 1.5 units of 2^-24). log and log1p take
    upstream's approximations. Scalars and vectors alike. f64 is left to libm.

    With `exponential-instruction` `math.exp2` is that instruction, `math.exp` one
    with a factor for what its argument was rounded by, and results below the
    smallest normal number are 0. On f32 with `fastmath<afn>` it then has no such
    factor, and a division multiplies with the approximate reciprocal, which is 0
    for denominators above 2^126.
  }];
  let options = [
    Option<"scaleInstruction", "scale-instruction", "bool", "false",
           "Scale vectors of sixteen by powers of two with AVX-512's "
           "instruction">,
    Option<"exponentialInstruction", "exponential-instruction", "bool", "false",
           "The machine has 2^x and 1/x of f32 as instructions">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::math::MathDialect",
                           "::mlir::vector::VectorDialect"];
}

def ExportFunctions : Pass<"gate-export-functions", "::mlir::ModuleOp"> {
  let summary = "Give public functions destinations and in-place states";
  let description = [{
    Public functions on tensors become functions on memrefs: one per argument,
    then one per result that is no state. A state argument and the result of
    the same name share one memref, which is read and overwritten.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::memref::MemRefDialect"];
}

def LowerExpandShapes : Pass<"gate-lower-expand-shapes", "::mlir::func::FuncOp"> {
  let summary = "Lower expand_shape that makes several dynamic dims of one";
  let description = [{
    `memref.expand_shape` with more than one dynamic dim in a group becomes a
    `memref.reinterpret_cast` with row-major strides; upstream's expansion of
    strided metadata knows one unknown size per group only.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::affine::AffineDialect"];
}

def LowerKernelArguments : Pass<"gate-lower-kernel-arguments", "::mlir::func::FuncOp"> {
  let summary = "Turn the memref parameters of kernels into pointers and sizes";
  let description = [{
    A row-major memref becomes its address followed by its dynamic sizes, an
    index a 64-bit integer: what `gate-outline-kernels` makes launches pass.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::arith::ArithDialect"];
}

def OutlineKernels : Pass<"gate-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Turn parallel loops into kernels and their launches";
  let description = [{
    Every outermost `scf.forall` of an exported function becomes a function of
    the nested module `gate_kernels`, run by a grid of as many blocks as the
    loop has iterations, and a call of `gate_rt_cuda_launch` with the values that
    it uses; the function gets the call's launch as its last argument. Kernels
    with equal bodies are merged. Blocks take iterations in order; where a loop
    multiplies tiles that neighbours along its last two dims share, they take
    groups of rows of tiles, so that those that run together read few tiles.

    Precondition: memrefs, workspace placed. Postcondition: no parallel loop.
  }];
  let dependentDialects = [
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect"];
}

def OutlineParallel : Pass<"gate-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "Outline parallel loops for the runtime's parallel-for";
  let description = [{
    The body of every `scf.forall` on buffers becomes a function over a range of
    the flattened loop; the loop becomes a call of `gate_rt_parallel_for` with
    the captured values in a struct on the stack. Loops inside such a body
    become sequential.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect",
                           "::mlir::LLVM::LLVMDialect",
                           "::mlir::scf::SCFDialect"];
}

def OverlapProducts : Pass<"gate-overlap-products", "::mlir::func::FuncOp"> {
  let summary = "Let products of tiles run into the next round of a loop";
  let description = [{
    Where a loop that takes and releases tiles of a ring only adds products of
    these, or of their transposes, to values it carries, and groups of four warps
    can take the products, a round starts its products, waits for those of the
    round before and releases the slot of that one. After the loop the last
    products are waited for and the last slot released, if there was a round.
    Other products stay.

    Precondition: the ring gets two slots at least; the producer fills one while
    the other is held.
  }];
  let dependentDialects = ["::gate::block::BlockDialect",
                           "::mlir::arith::ArithDialect"];
}

def PlaceBuffers : Pass<"gate-place-buffers", "::mlir::ModuleOp"> {
  let summary = "Place temporaries on the stack and in the workspace";
  let description = [{
    Static buffers inside parallel loops go to the stack of the task, hoisted
    out of sequential loops; buffers at function level become parts of the
    workspace argument, sharing bytes when their lives do not overlap. Adds
    `<function>_workspace`, which returns the bytes needed at given dims.
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect",
                           "::mlir::func::FuncDialect"];
}

def PrefetchTiles : Pass<"gate-prefetch-tiles", "::mlir::func::FuncOp"> {
  let summary = "Prefetch the tiles that a chunk loop touches next";
  let description = [{
    In sequential loops of a task, with a constant step of at least 2, every tile
    of a buffer outside of the loop whose offset is the loop's index is
    prefetched: one that is read, one step ahead; one that is only written, in
    the same iteration. Rows must be contiguous with gaps between them.

    The lines are spread over the executions of loop bodies inside that do much
    of the work and run a known number of times, the last ones in the body
    first. Addresses stay inside the buffer. Changes no result.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::memref::MemRefDialect",
                           "::mlir::arith::ArithDialect"];
}

def ReleaseEarly : Pass<"gate-release-early", "::mlir::func::FuncOp"> {
  let summary = "Give tiles of a ring back as soon as a round is done with them";
  let description = [{
    Where a round reads some tiles last before it reads others last, it releases
    its slot in two parts, the first after the last use of the first tiles, and
    the producer waits for each part before it copies the tiles of that part. A
    choice that has all last uses has the first release in both of its ways. All
    loops of a kernel have the same parts. A loop whose products run into the
    next round stays.
  }];
  let dependentDialects = ["::gate::block::BlockDialect"];
}

def SelectRows : Pass<"gate-select-rows", "::mlir::func::FuncOp"> {
  let summary = "Find the rows of tiles that are taken at run-time places";
  let description = [{
    A `vector.extract` of a row of a tile of two dims at a place that is not
    constant goes through the elementwise ops that compute the tile, to constants
    and to tiles of a ring, of which a row can be read. Of other tiles all rows
    but one are replaced by zero and summed, whereby a negative zero becomes a
    positive one.
  }];
  let dependentDialects = ["::mlir::vector::VectorDialect",
                           "::mlir::arith::ArithDialect"];
}

def SimplifyBlocks : Pass<"gate-simplify-blocks", "::mlir::func::FuncOp"> {
  let summary = "Drop masks and products of tiles that change nothing";
  let description = [{
    On vectors of whole tiles that are read from tensors, before bufferization,
    what goes is: a mask of what is zero past the end of a tile anyway; the
    difference of a value to itself where neither infinities nor NaN matter
    (`fastmath<nnan,ninf>`); a sum of products of constants, positions and masks
    with zeros, and a mask along the depth of such a product where the other side
    ends at the same place. The larger or smaller of a widened number and a
    bound that its own type has becomes that of the narrow number, widened. A
    log-gate stored in bf16 is split into three bf16 of which two are zero: their
    products go.

    Changes rounding: an exponential, or a division by one plus an exponential,
    gets `fastmath<afn>` where all that it ends in is rounded to 16 bits.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def WriteEarly : Pass<"gate-write-early", "::mlir::func::FuncOp"> {
  let summary = "Write results of a kernel as soon as they are computed";
  let description = [{
    In the straight code of a kernel a `vector.transfer_write` moves up to the op
    that made its vector, over ops that do not look at memory. What a choice
    yields for a write alone is written in its branches. Changes no result.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect",
                           "::mlir::vector::VectorDialect"];
}

def SplitWrites : Pass<"gate-split-writes", "::mlir::func::FuncOp"> {
  let summary = "Compute and write large tiles of a kernel part by part";
  let description = [{
    In a kernel that multiplies matrices a `vector.transfer_write` of more than
    `elements` elements, in the order of memory and without a mask, becomes one
    for each part of the columns, and so does what computes the tile for this
    write alone: elementwise ops, broadcasts, constants, and reads of buffers that
    the kernel does not write. Of anything else a part is extracted. Parts have at
    least 32 columns: rows are written as whole sectors.
  }];
  let options = [
    Option<"elements", "elements", "int64_t", "8192",
           "Elements of a part at most, a power of two">];
  let dependentDialects = ["::mlir::vector::VectorDialect",
                           "::mlir::arith::ArithDialect"];
}

def StageCopies : Pass<"gate-stage-copies", "::mlir::func::FuncOp"> {
  let summary = "Copy tiles asynchronously, ahead of their use";
  let description = [{
    In a kernel of `gate-outline-kernels`, the loop whose body reads most bytes
    of buffers that nothing in the kernel writes becomes two: a producer that
    copies tiles into a ring of shared memory, and consumers that take them
    (dialect `block`). The loop may lie in other loops, nowhere else. Loops before
    or after it that read the same tiles take them from the same ring.

    A read takes part when
    * its tile is of floats, in the order of memory, up to the last dim of an
      argument, or of a view of one, of at most five dims with strides of
      multiples of 16 bytes; its rows have at least 16 bytes, its other dims at
      most 256 elements, and rows of more than 128 bytes fill whole periods of
      the swizzle (1024 bytes);
    * one thread can compute where it begins, from constants, arguments and the
      numbers of rounds and of the block;
    * it is padded with zeros, which copies leave, past an end that is known at
      the launch: that of the buffer, a constant, or an argument;
    * it has no mask, and no loop carries it on.

    A tile of one dim, of at most 256 elements, that a tensor map cannot describe,
    such as one gate a token, is copied by lanes of the producer (`by_lanes`).

    Other reads stay. So do kernels that multiply elements of 32 bits or more, and
    those with no loop that reads 8192 bytes a round in this way. Otherwise the
    grid becomes persistent (`gate.persistent`): blocks take the tiles of the
    former grid in turns, whose number is a new last argument.
  }];
  let options = [
    Option<"stages", "stages", "int64_t", "4",
           "Slots of the ring at most, each for the tiles of a round: "
           "gate-distribute-blocks makes fewer where shared memory is short">];
  let dependentDialects = [
    "::gate::block::BlockDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect",
    "::mlir::memref::MemRefDialect"];
}

def VectorizeBlocks : Pass<"gate-vectorize-blocks", "::mlir::func::FuncOp"> {
  let summary = "Turn the tiles of parallel loops into vector values";
  let description = [{
    Inside each `scf.forall` linalg on tiles becomes `vector` and elementwise ops
    on whole tiles: slices of what lies outside are read once, results written
    once, everything between stays a value. Sizes are padded to powers of two;
    elements past a tile's end are neutral in reductions.

    Precondition: parallel loops that are kernels. Postcondition: no linalg in
    them. An op without such a form is an error. Changes no rounding but the
    order of sums.
  }];
  let dependentDialects = [
    "::mlir::vector::VectorDialect", "::mlir::arith::ArithDialect",
    "::mlir::tensor::TensorDialect", "::mlir::memref::MemRefDialect"];
}

#endif // GATE_CONVERSION_PASSES_TD
