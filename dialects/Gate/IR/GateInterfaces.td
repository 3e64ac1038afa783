//===- GateInterfaces.td - What every gate op answers ------*- tablegen -*-===//
//
// The op interfaces that every feature of the compiler is written against.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_INTERFACES_TD
#define GATE_INTERFACES_TD

include "mlir/IR/OpBase.td"

def MeaningOpInterface : OpInterface<"MeaningOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    The op as plain `linalg`/`scf`/`arith`/`math` in the recurrent, textbook
    form, for any float type: the oracle of all other forms. Shares no code
    with them.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the meaning at the builder's insertion point and returns one value
      per result of the op, of the result's type. The op itself is unchanged.
    }],
    "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildMeaning",
    (ins "::mlir::OpBuilder &":$builder)>,
    InterfaceMethod<[{
      What seeded data for operand `operand` must look like.
    }],
    "::gate::DataKind", "getDataKind", (ins "::mlir::OpOperand &":$operand),
    [{}], [{ return ::gate::DataKind::Any; }]>
  ];
}

def ChunkOpInterface : OpInterface<"ChunkOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    An op that walks over time with a state, chunk by chunk: independent over
    some dims (batch, heads), sequential over time. A tile is what one
    independent index sees of a run of tokens.
  }];
  let methods = [
    InterfaceMethod<"Sizes of the independent dims, outermost first.",
    "::llvm::SmallVector<::mlir::OpFoldResult>", "getParallelSizes",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc)>,
    InterfaceMethod<"Number of tokens.",
    "::mlir::OpFoldResult", "getTimeSize",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc)>,
    InterfaceMethod<"Whether time runs from the last token to the first.",
    "bool", "isReverse", (ins)>,
    InterfaceMethod<"How many results are outputs (one value per token); the "
                    "remaining ones are final states.",
    "unsigned", "getNumChunkOutputs", (ins)>,
    InterfaceMethod<[{
      Builds the input tiles of tokens [offset, offset + size) for one
      independent index, in the arithmetic type of the op and in the order of
      the scan (row 0 is the first token it visits). With a static `padded` size
      larger than `size` the tiles have that many rows and the rows past the
      end change neither outputs nor states.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildInputTiles",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$parallel, "::mlir::OpFoldResult":$offset,
         "::mlir::OpFoldResult":$size, "int64_t":$padded)>,
    InterfaceMethod<"The state before the first token that continues to result "
                    "`result`, or null for zeros.",
    "::mlir::Value", "getInitialState", (ins "unsigned":$result)>,
    InterfaceMethod<[{
      Where result `result` holds the part of one independent index: for an
      output the rows [offset, offset + size), for a state all of it.
    }],
    "void", "getResultTile",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "unsigned":$result, "::mlir::ValueRange":$parallel,
         "::mlir::OpFoldResult":$offset, "::mlir::OpFoldResult":$size,
         "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$offsets,
         "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$sizes)>,
    InterfaceMethod<[{
      Rank-reduced type of a tile of `result` with `rows` tokens.
    }],
    "::mlir::RankedTensorType", "getResultTileType",
    (ins "unsigned":$result, "int64_t":$rows)>,
    InterfaceMethod<[{
      Builds one chunk: from input tiles with a static number of rows, output
      tiles to write and the states before it, to output tiles and the states
      after it. Inputs are those of `buildInputTiles`.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildChunk",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$inputs, "::mlir::ValueRange":$outputs,
         "::mlir::ValueRange":$states)>,
    InterfaceMethod<"Tokens per chunk that the op prefers at its widths.",
    "int64_t", "getPreferredChunk", (ins)>,
    InterfaceMethod<"Whether the op has the dense form of a chunk.",
    "bool", "hasDenseChunk", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      Builds a chunk for machines that multiply whole tiles: from the tokens
      [offset, offset + size) of one independent index, in the order of memory
      and with `size` rows (known only at run time or not), the states before
      them and the rows of what `buildStateFreeTiles` has made, to the output
      tiles in the types of the results and the states after.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildDenseChunk",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$parallel, "::mlir::OpFoldResult":$offset,
         "::mlir::OpFoldResult":$size, "::mlir::ValueRange":$states,
         "::mlir::ValueRange":$stateFree), [{}],
    [{ llvm_unreachable("the op has no dense chunk"); }]>,
    InterfaceMethod<[{
      Types of what dense chunks of `chunk` tokens can have ready, whatever the
      states are: each a row per token, or one row where the first dim is 1.
      Chunks wait for one another, this for nothing: worth it where a chunk would
      spend much time on it.
    }],
    "::llvm::SmallVector<::mlir::RankedTensorType>", "getStateFreeTypes",
    (ins "int64_t":$chunk), [{}], [{ return {}; }]>,
    InterfaceMethod<[{
      Builds it for one chunk of at most `chunk` tokens, as `buildDenseChunk` is
      built: tiles with a row for each of the `size` tokens, whose columns may end
      before those of the types do; or that one row, without its dim of 1.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildStateFreeTiles",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$parallel, "::mlir::OpFoldResult":$offset,
         "::mlir::OpFoldResult":$size, "int64_t":$chunk), [{}],
    [{ llvm_unreachable("the op has nothing that is free of states"); }]>,
    InterfaceMethod<[{
      How many neighbours along the last independent dim have the same tiles of
      `buildStateFreeTiles`.
    }],
    "int64_t", "getStateFreeShare", (ins), [{}], [{ return 1; }]>,
    InterfaceMethod<[{
      Builds the op as one on `pieces` times as many independent indices, each
      with a part of the width of its outputs, on views of the same tensors, and
      returns what replaces its outputs. The same numbers bit for bit. Fails
      where states are given or read, or where it cannot be done.
    }],
    "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildPieces",
    (ins "::mlir::OpBuilder &":$builder, "int64_t":$pieces), [{}],
    [{ return ::mlir::failure(); }]>,
    InterfaceMethod<[{
      Whether what a run of tokens does to the states can be summarized without
      knowing the states before it, so that time can be split: the four methods
      below are then defined.
    }],
    "bool", "canCombineStates", (ins), [{}], [{ return false; }]>,
    InterfaceMethod<[{
      Types of the tiles that summarize a run of tokens for one independent
      index.
    }],
    "::llvm::SmallVector<::mlir::RankedTensorType>", "getSummaryTypes", (ins),
    [{}], [{ return {}; }]>,
    InterfaceMethod<"Builds the summary of no token in the tiles `rooms`.",
    "::llvm::SmallVector<::mlir::Value>", "buildEmptySummary",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$rooms), [{}],
    [{ llvm_unreachable("the op's states cannot be combined"); }]>,
    InterfaceMethod<[{
      Builds, from input tiles with a static number of rows and the summary of
      the tokens before them, the summary of both: what `buildChunk` does to the
      states and no more. Inputs are those of `buildInputTiles`.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildChunkState",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$inputs, "::mlir::ValueRange":$summary), [{}],
    [{ llvm_unreachable("the op's states cannot be combined"); }]>,
    InterfaceMethod<[{
      The same for machines that multiply whole tiles, of an op that has the
      dense form: from the tokens [offset, offset + size) of one independent
      index, in the order of memory.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildDenseChunkState",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$parallel, "::mlir::OpFoldResult":$offset,
         "::mlir::OpFoldResult":$size, "::mlir::ValueRange":$summary), [{}],
    [{ llvm_unreachable("the op's states cannot be combined"); }]>,
    InterfaceMethod<[{
      Builds the states after a run of tokens from those before it, which it
      may overwrite, and the run's summary.
    }],
    "::llvm::SmallVector<::mlir::Value>", "combineStates",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "::mlir::ValueRange":$states, "::mlir::ValueRange":$summary), [{}],
    [{ llvm_unreachable("the op's states cannot be combined"); }]>
  ];
}

def FoldOpInterface : OpInterface<"FoldOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    An op with one result whose rows are independent of each other, and each a
    fold over tokens: from a state that is no result, chunk by chunk in one
    order, to the row once no token is left. Several rows of one independent
    index (batch, head) make a tile, which walks over the tokens together. See
    `FoldTile` for what a tile is.
  }];
  let methods = [
    InterfaceMethod<"Sizes of the independent dims, outermost first.",
    "::llvm::SmallVector<::mlir::OpFoldResult>", "getParallelSizes",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc)>,
    InterfaceMethod<"Rows of an independent index.",
    "::mlir::OpFoldResult", "getRowCount",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc)>,
    InterfaceMethod<"Tokens that a row may fold over.",
    "::mlir::OpFoldResult", "getTokenCount",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc)>,
    InterfaceMethod<"Which tokens the rows of a tile fold over, in chunks of `chunk`.",
    "::gate::FoldRange", "buildTokenRange",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "const ::gate::FoldTile &":$tile, "int64_t":$chunk)>,
    InterfaceMethod<"Builds what every chunk of a tile reads.",
    "::llvm::SmallVector<::mlir::Value>", "buildRowTiles",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "const ::gate::FoldTile &":$tile)>,
    InterfaceMethod<"Builds the state of a tile before any token.",
    "::llvm::SmallVector<::mlir::Value>", "buildInitialStates",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "const ::gate::FoldTile &":$tile)>,
    InterfaceMethod<[{
      Builds the state after one more chunk: the tokens `chunk`, from what
      `buildRowTiles` made and the state before, which it may overwrite.
    }],
    "::llvm::SmallVector<::mlir::Value>", "buildFold",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "const ::gate::FoldTile &":$tile, "const ::gate::FoldChunk &":$chunk,
         "::mlir::ValueRange":$rowTiles, "::mlir::ValueRange":$states)>,
    InterfaceMethod<[{
      Builds the rows of a tile from its state after all tokens, into `room`, in
      the type of the result.
    }],
    "::mlir::Value", "buildRows",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "const ::gate::FoldTile &":$tile, "::mlir::ValueRange":$states,
         "::mlir::Value":$room)>,
    InterfaceMethod<[{
      Where the result holds the rows of a tile: dims that the tile does not
      have are those whose offset is one of its parallel indices.
    }],
    "void", "getResultTile",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
         "const ::gate::FoldTile &":$tile,
         "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$offsets,
         "::llvm::SmallVectorImpl<::mlir::OpFoldResult> &":$sizes)>
  ];
}

def AxesOpInterface : OpInterface<"AxesOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    Which dims of operands and results run along the same axis, and which axes
    can be cut into independent pieces. Upstream's `TilingInterface` and the
    reification of result shapes are written once against it.
  }];
  let methods = [
    InterfaceMethod<"The axes of the op.", "::gate::Axes", "getIndexAxes", (ins)>
  ];
}

def GradientOpInterface : OpInterface<"GradientOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    The backward of an op in gate and linalg ops, so that the same passes tile
    it. Declared here; docs/Gradients.md works one scan out by hand.
  }];
  let methods = [
    InterfaceMethod<[{
      Values of the forward (operands or results) that `buildGradient` reads
      beside the gradients; the caller decides to keep or recompute them.
    }],
    "::llvm::SmallVector<::mlir::Value>", "getSavedForGradient", (ins)>,
    InterfaceMethod<[{
      Builds the gradients of all float operands (null for others) from those
      of the results.
    }],
    "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildGradient",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$saved,
         "::mlir::ValueRange":$resultGradients)>
  ];
}

def StreamingOpInterface : OpInterface<"StreamingOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    How time passes through an op, for deriving the one-token step. A step is
    the op on one token; what an op remembers must be an operand and a result.
  }];
  let methods = [
    InterfaceMethod<[{
      Given the time dim of each operand (-1: none), sets the time dim of each
      result. Fails with a reason when the op mixes tokens without a carried
      state, or looks ahead.
    }],
    "::mlir::LogicalResult", "propagateTime",
    (ins "::llvm::ArrayRef<int64_t>":$operands,
         "::llvm::SmallVectorImpl<int64_t> &":$results,
         "std::string &":$reason)>
  ];
}

def CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::gate";
  let description = [{
    FLOPs by unit, least bytes moved and parallelism at given sizes of the
    dims.
  }];
  let methods = [
    InterfaceMethod<"Cost at the sizes that `sizeOf` gives to dims of values.",
    "::gate::Cost", "getCost",
    (ins "::gate::SizeFunction":$sizeOf)>
  ];
}

#endif // GATE_INTERFACES_TD
