//===- Passes.td - Passes on gate and linalg ---------------*- tablegen -*-===//
//
// In alphabetical order. Each stays at its level: tensors in, tensors out.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_TRANSFORMS_PASSES_TD
#define GATE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ChunkFolds : Pass<"gate-chunk-folds", "::mlir::func::FuncOp"> {
  let summary = "Rewrite folds to parallel loops over tiles of rows";
  let description = [{
    Every op with the fold interface becomes an `scf.forall` over its
    independent dims and tiles of `rows` rows. A tile walks over chunks of
    `chunk` tokens in an `scf.for` with the state of the fold as loop values.
    Chunks that no row of the tile reads are left out; chunks that every row
    reads whole are in a loop of their own, without masks.

    Obeys the schedule of an op (`gate.schedule`: `rows`, `chunk`, `form`), or
    the table's where it has none, and records it on the loop.

    Precondition: gate ops on tensors. Postcondition: no op with the fold
    interface. Changes rounding: sums over tokens are reassociated.
  }];
  let dependentDialects = [
    "::gate::GateDialect",
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::affine::AffineDialect"];
}

def ChunkScans : Pass<"gate-chunk-scans", "::mlir::func::FuncOp"> {
  let summary = "Rewrite scans to parallel loops over chunks of tokens";
  let description = [{
    Every op with the chunk interface becomes an `scf.forall` over its
    independent dims, with the state as a loop value of an `scf.for` over chunks
    of `chunk` tokens. Tokens that do not fill a chunk are padded in tiles.

    With `segment`, an op whose states can be combined is split in time as well:
    an `scf.forall` over independent dims and segments summarizes what each
    segment does to the states, one over independent dims makes the state before
    each segment of that, in order, and a third runs the segments from there.
    Other ops are left whole, with a missed remark.

    Obeys the schedule of an op (`gate.schedule`: `chunk`, `segment`,
    `few_tokens`), or the table's where it has none, and records it on the loops.

    Precondition: gate ops on tensors. Postcondition: no op with the chunk
    interface. Changes rounding: sums over tokens are reassociated.
  }];
  let dependentDialects = [
    "::gate::GateDialect",
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect", "::mlir::affine::AffineDialect"];
}

def Decompose : Pass<"gate-decompose", "::mlir::func::FuncOp"> {
  let summary = "Decompose row-wise gate ops into linalg";
  let description = [{
    Every gate op that implements upstream's `AggregatedOpInterface` is replaced
    by its decomposition; an op that has neither this nor the chunk or the
    fold interface is replaced by its meaning. Changes rounding: factors
    are folded, divisions become multiplications by a reciprocal.
  }];
  let dependentDialects = [
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect"];
}

def DeriveStep : Pass<"gate-derive-step", "::mlir::ModuleOp"> {
  let summary = "Derive one-token step functions from functions over time";
  let description = [{
    For each public function with `gate.time` and at least one `gate.state`
    argument, adds a function that runs the same body on one token: the time
    dim is dropped from arguments and results. Named `step` when there is one
    such function, `<name>_step` otherwise. An op through which time cannot be
    followed, that mixes tokens without a carried state or that looks ahead is
    an error that names it, when `required`; otherwise a remark, and no step is
    made.
  }];
  let options = [
    Option<"required", "required", "bool", "false",
           "Fail when a step cannot be derived">];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def ExpandMeaning : Pass<"gate-expand-meaning", "::mlir::func::FuncOp"> {
  let summary = "Replace gate ops by their meaning";
  let description = [{
    The reference path: every op with the meaning interface, nested ones
    included, becomes plain linalg and scf in textbook form.
  }];
  let dependentDialects = [
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
    "::mlir::math::MathDialect"];
}

def FormKernels : Pass<"gate-form-kernels", "::mlir::func::FuncOp"> {
  let summary = "Group linalg ops into parallel loops over tiles of a kernel";
  let description = [{
    Every linalg op outside a parallel loop becomes the root of an `scf.forall`
    over tiles of at most `tile-elements` elements. A producer moves into the
    loop of its users when each tile needs each of its elements once; if others
    read it later, the loop returns it too. On buffers, ops are tiled alone.

    Where the root is a product of matrices, or one flows into it element by
    element, a tile is 128 rows of 128 columns instead; of 256 where elements
    have two bytes and there are at least 96 such tiles. Products in a tile walk
    along their depth in an `scf.for`, 128 bytes at a time of elements of two
    bytes, 64 of others.

    Precondition: linalg on tensors or buffers. Postcondition: no linalg op
    outside `scf.forall`. Loops may have one iteration: they are still kernels.
    An op that reduces more than `reduction-elements` elements, or a number known
    only at the call, is an error. Changes no rounding.

    What a tile is becomes `gate.schedule` of the loop. A producer that stays
    apart is a missed remark on it, with the reason.
  }];
  let options = [
    Option<"tileElements", "tile-elements", "int64_t", "4096",
           "Elements of a tile, a power of two">,
    Option<"reductionElements", "reduction-elements", "int64_t", "16384",
           "Elements that one result may reduce">];
  let dependentDialects = [
    "::gate::GateDialect", "::mlir::scf::SCFDialect",
    "::mlir::affine::AffineDialect", "::mlir::tensor::TensorDialect"];
}

def FuseElementwise : Pass<"gate-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fuse elementwise linalg into its only user";
  let description = [{
    An elementwise producer with one use is computed inside its user, unless
    the user is a contraction, which would compute it again for every column.
    Shapes stay as they are. A producer that stays apart is a missed remark on it,
    with the reason.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

def FuseIntoLoops : Pass<"gate-fuse-into-loops", "::mlir::func::FuncOp"> {
  let summary = "Compute elementwise ops inside the loop that reads them";
  let description = [{
    An elementwise op (all maps the identity, positions and destination not
    read) outside of parallel loops that only slices in such loops read, one in
    each, moves there, onto slices of its inputs: the gates of a scan that are
    widened or activated first need no memory of their own. Other users may ask
    for its sizes, which are those of its inputs.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def PackProducts : Pass<"gate-pack-products", "::mlir::func::FuncOp"> {
  let summary = "Tile products for threads and caches and pack their right side";
  let description = [{
    Obeys the schedule of every contraction outside of loops that is a product
    of two matrices (`gate.schedule`), or the table's where it has none, and
    records it on the loops. In form `packed` it becomes an `scf.forall` over
    blocks of `rows`; inside, an `scf.for` over blocks of `depth` reduction
    steps and over panels of `panel` columns of the right side, which is copied
    to panels first. In form `few_rows` each task reads its columns once, in
    panels of its own. Guards on sizes that are not constants become tests at
    run time. Sums run over the reduction in one order whatever is chosen.
  }];
  let options = [
    Option<"pairs", "pairs", "bool", "false",
           "Put neighbouring reduction steps of bf16 side by side in panels, "
           "for machines that multiply and add pairs">];
  let dependentDialects = [
    "::gate::GateDialect",
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::mlir::arith::ArithDialect",
    "::mlir::affine::AffineDialect"];
}

def PromoteFloat : Pass<"gate-promote-float", "::mlir::ModuleOp"> {
  let summary = "Compute everything in f64";
  let description = [{
    Turns every float type into f64, in signatures and bodies; constants keep
    the value that they have in the user's type. For the reference path, after
    `gate-expand-meaning`.
  }];
}

def RaiseScans : Pass<"gate-raise-scans", "::mlir::func::FuncOp"> {
  let summary = "Raise scans whose step is linear in a matrix state";
  let description = [{
    A `gate.scan` whose region computes `S = D S + k v^T` and reads
    `scale * S^T q`, with D a diagonal of exponentials of a state-free value,
    becomes `gate.linear_scan`. D varies along heads and keys only; a constant D
    lies in (0, 1]. What the step computes without the state (activations,
    projections of inputs) moves before the scan, onto all tokens at once. What
    cannot be proved is left alone, with a missed remark that says why.

    Precondition: gate ops on tensors. A log-decay that is an input is taken to
    be at most 0, as `gate.linear_scan` requires; a passed remark says so.
    Changes rounding: products are reassociated, and constant decays pass
    through their logarithm.
  }];
  let dependentDialects = [
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect",
    "::mlir::arith::ArithDialect"];
}

def RefineShapes : Pass<"gate-refine-shapes", "::mlir::func::FuncOp"> {
  let summary = "Propagate static sizes through gate ops";
  let description = [{
    An operand that is a `tensor.cast` from a more static type is replaced by
    the cast's source and the result types are inferred again; a cast back
    keeps the users valid until they are refined too.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def SelectSchedules : Pass<"gate-select-schedules", "::mlir::ModuleOp"> {
  let summary = "Choose how every op is tiled";
  let description = [{
    Writes attribute `gate.schedule` on every op that a later pass tiles: ops
    with the chunk interface, products of matrices and other linalg, outside of
    loops. It comes from the table in `lib/Transforms/ScheduleTable.cpp`, by the
    kind of op, its static sizes and the machine; ops that are tiled elsewhere
    for a machine have no row. An op that has the attribute
    keeps it. The entries of `file` change the choice for ops that they match,
    with or without attribute: docs/Schedules.md has the form. An entry that
    matches no op, or says what the op cannot do, is an error.

    Changes nothing but attributes.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"cpu\"",
           "Machine by the name that the table has for it">,
    Option<"file", "file", "std::string", "\"\"",
           "File with choices that take the place of the table's">];
  let dependentDialects = [
    "::gate::GateDialect", "::mlir::arith::ArithDialect",
    "::mlir::tensor::TensorDialect"];
}

def SplitPrepare : Pass<"gate-split-prepare", "::mlir::ModuleOp"> {
  let summary = "Let what only parameters decide be computed once, before calls";
  let description = [{
    A *prepared value* is a tensor of static size that an op with a destination
    or a body computes from arguments with `gate.parameter` and constants alone,
    wherever it stands, and that the rest of the function only reads. Each
    becomes

    ```mlir
    %v = scf.if %is_prepared -> tensor<2x96x64xf32> {
      scf.yield %prepared : tensor<2x96x64xf32>
    } else {
      ... // as before
    }
    ```

    with `%is_prepared` and `%prepared` as new arguments of the function, marked
    `gate.is_prepared` and `gate.prepared = offset`. A private function takes the
    parameters and returns all prepared values; functions with equal parameters
    share it, and equal values are computed and kept once. `gate.preparation`
    names it on its users; its `gate.prepared_bytes` is the memory that all
    values take behind a header, at the offsets given.

    Precondition: ops on tensors, public functions as they are exported.
    Postcondition: what parameters decide and the rest only reads is computed
    where `%is_prepared` is false, and nowhere else. A function with nothing to
    prepare stays as it is. Changes no rounding.
  }];
  let dependentDialects = ["::mlir::scf::SCFDialect"];
}

def SplitWidths : Pass<"gate-split-widths", "::mlir::func::FuncOp"> {
  let summary = "Scans in pieces of their width";
  let description = [{
    An op of the chunk interface whose states are neither given nor read becomes
    one on more independent indices, each with a part of the width, where the
    state of one index is too large for a thread block. Each piece computes the
    same numbers in the same order.
  }];
  let options = [
    Option<"stateElements", "state-elements", "int64_t", "16384",
           "Elements of the state of one index at most, padded">];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def TileParallel : Pass<"gate-tile-parallel", "::mlir::func::FuncOp"> {
  let summary = "Tile linalg ops outside of loops for threads";
  let description = [{
    Every linalg op at function level becomes an `scf.forall` over blocks of its
    outermost parallel dims of about `tile_elements` elements, which its
    schedule says (`gate.schedule`), or the table where it has none.
  }];
  let dependentDialects = [
    "::gate::GateDialect",
    "::mlir::scf::SCFDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::mlir::affine::AffineDialect"];
}

#endif // GATE_TRANSFORMS_PASSES_TD
