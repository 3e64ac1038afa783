//===- BlockOps.td - The block dialect ---------------------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_BLOCK_OPS_TD
#define GATE_BLOCK_OPS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Block_Dialect : Dialect {
  let name = "block";
  let cppNamespace = "::gate::block";
  let summary = "What the warps of a thread block do beside one another";
  let description = [{
    A kernel is a program on vectors of whole tiles (`vector`, `arith`, `math`,
    `scf`). These ops say what upstream dialects cannot: that tiles are on their
    way from global to shared memory while others are used, which warps wait for
    which, and that a product may still be running.

    A *ring* is shared memory for the tiles of a few steps of a loop. Steps are
    numbered from 0, over all rounds of all loops around; step `n` uses slot `n`
    modulo the number of stages. The producer of a slot waits until consumers
    have released what was in it, and starts copies; consumers wait until those
    have arrived, read, and release.

    ```mlir
    %ring = block.ring : !block.ring<3 x (vector<128x64xbf16>, vector<64x256xbf16>)>
    block.specialize producer {
      scf.for ... iter_args(%n = %c0) -> (i32) {
        block.acquire %ring[%n] : !block.ring<...>
        block.copy %a[%row, %k] to %ring[%n] tile 0 dims [0, 1] : memref<...> to !block.ring<...>
        block.copy %b[%k, %column] to %ring[%n] tile 1 dims [0, 1] : memref<...> to !block.ring<...>
        ...
      }
    } consumers {
      scf.for ... iter_args(%n = %c0, %sum = %zero) -> (i32, vector<128x256xf32>) {
        %x, %y = block.take %ring[%n] : !block.ring<...>
        ...
        block.release %ring[%n] : !block.ring<...>
      }
    }
    ```
  }];
  let useDefaultTypePrinterParser = 1;
}

class Block_Op<string mnemonic, list<Trait> traits = []>
    : Op<Block_Dialect, mnemonic, traits>;

def Block_RingType : TypeDef<Block_Dialect, "Ring"> {
  let mnemonic = "ring";
  let summary = "Shared memory for the tiles of a few steps";
  let description = [{
    `!block.ring<3 x (vector<128x64xbf16>)>`: three slots of one tile each.
    Every tile has static sizes that are powers of two.
  }];
  let parameters = (ins "int64_t":$stages, ArrayRefParameter<"::mlir::Type">:$tiles);
  let assemblyFormat = "`<` $stages `x` `(` $tiles `)` `>`";
  let genVerifyDecl = 1;
}

def Block_RingOp : Block_Op<"ring"> {
  let summary = "Reserve a ring of slots for tiles";
  let description = [{
    Once in a kernel, outside of loops and of `block.specialize`.
  }];
  let results = (outs Block_RingType:$ring);
  let assemblyFormat = "attr-dict `:` type($ring)";
}

def Block_AcquireOp : Block_Op<"acquire"> {
  let summary = "Wait until the slot of a step is free";
  let description = [{
    Waits until the step that used the slot before has been released by all
    consumers. Every tile of the slot is then to be copied once. Where consumers
    release a slot in two parts, part 0 comes first, then the copies of its
    tiles, then part 1 and the other copies.
  }];
  let arguments = (ins Block_RingType:$ring, I32:$step,
                       DefaultValuedAttr<I64Attr, "0">:$part);
  let assemblyFormat = "$ring `[` $step `]` (`part` $part^)? attr-dict `:` type($ring)";
}

def Block_CopyOp : Block_Op<"copy", [AttrSizedOperandSegments]> {
  let summary = "Start to copy a tile from global memory into a slot";
  let description = [{
    The tile begins at `indices` of a row-major buffer. `dims` names, for each
    dim of the tile, the dim of the buffer that it runs along, increasing and
    ending with the last; along other dims the tile has one element. What lies
    outside of `sizes` of the buffer is zero in the slot. `sizes` has one entry
    per dim of the buffer: a constant, or a dynamic marker that stands for the
    next of `dynamicSizes`.

    With `by_lanes` the lanes of the producer's warp load and store the elements:
    for short rows that lie along any dim, with any stride.
  }];
  let arguments = (ins AnyMemRef:$source, Variadic<Index>:$indices,
                       Variadic<Index>:$dynamicSizes, Block_RingType:$ring,
                       I32:$step, I64Attr:$tile, DenseI64ArrayAttr:$dims,
                       DenseI64ArrayAttr:$sizes, UnitAttr:$by_lanes);
  let assemblyFormat = [{
    $source `[` $indices `]` `to` $ring `[` $step `]` `tile` $tile `dims` $dims
    `sizes` $sizes `(` $dynamicSizes `)` attr-dict `:` type($source) `to` type($ring)
  }];
  let hasVerifier = 1;
}
def Block_TakeOp : Block_Op<"take"> {
  let summary = "Wait for the tiles of a step and use them";
  let description = [{
    One vector per tile of the ring, in shared memory: it may be used until the
    step is released.
  }];
  let arguments = (ins Block_RingType:$ring, I32:$step);
  let results = (outs Variadic<AnyVectorOfNonZeroRank>:$tiles);
  let assemblyFormat = "$ring `[` $step `]` attr-dict `:` type($ring) `->` type($tiles)";
  let hasVerifier = 1;
}

def Block_ReleaseOp : Block_Op<"release"> {
  let summary = "Give the slot of a step back to the producer";
  let description = [{
    With a condition, which is the same in all threads, only where it is true. A
    slot may be given back in two parts, each with some of its tiles.
  }];
  let arguments = (ins Block_RingType:$ring, I32:$step, Optional<I1>:$condition,
                       DefaultValuedAttr<I64Attr, "0">:$part);
  let assemblyFormat = "$ring `[` $step `]` (`part` $part^)? (`if` $condition^)? attr-dict `:` type($ring)";
}

def Block_SpecializeOp : Block_Op<"specialize", [NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "Warps that copy beside warps that compute";
  let description = [{
    The producer is one thread of additional warps, or one warp of them where
    lanes copy; the consumers are the warps that vectors are distributed over. Both start together; what follows runs
    when a warp's part is done.
  }];
  let regions = (region SizedRegion<1>:$producer, SizedRegion<1>:$consumers);
  let assemblyFormat = "`producer` $producer `consumers` $consumers attr-dict";
}

def Block_MultiplyOp : Block_Op<"multiply", [AllTypesMatch<["accumulator", "result"]>]> {
  let summary = "Start a product of matrices that may still be running";
  let description = [{
    `result[i, j] = accumulator[i, j] + sum over d of left[i, d] * right[j, d]`
    in f32. The result may only be handed to another `block.multiply`, to the
    next round of a loop or out of it, and to `block.wait`, which makes it
    readable. What the operands are in must stay unchanged until then.
  }];
  let arguments = (ins AnyVectorOfNonZeroRank:$left, AnyVectorOfNonZeroRank:$right,
                       AnyVectorOfNonZeroRank:$accumulator);
  let results = (outs AnyVectorOfNonZeroRank:$result);
  let assemblyFormat = "$left `,` $right `,` $accumulator attr-dict `:` type($left) `,` type($right) `into` type($result)";
  let hasVerifier = 1;
}

def Block_WaitOp : Block_Op<"wait"> {
  let summary = "Wait for products";
  let description = [{
    Waits until at most `pending` of the `block.multiply` that were started last
    are still running. With a value, all of them, and the result is that value
    to be read.
  }];
  let arguments = (ins I64Attr:$pending, Optional<AnyVectorOfNonZeroRank>:$value);
  let results = (outs Optional<AnyVectorOfNonZeroRank>:$result);
  let assemblyFormat = "$pending (`,` $value^ `:` type($value))? attr-dict (`->` type($result)^)?";
  let hasVerifier = 1;
}

#endif // GATE_BLOCK_OPS_TD
