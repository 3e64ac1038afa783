//===- GateScanChunk.cpp - General scans, one token at a time -------------===//
//
// The chunk interface of gate.scan. Nothing is known of the step, so a chunk is
// one token: the region on tiles of one batch element, states in place.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;
using Sizes = SmallVector<OpFoldResult>;

Sizes ScanOp::getParallelSizes(OpBuilder &builder, Location loc) {
  return {tensor::getMixedSize(builder, loc, getInputs()[0], 0)};
}

OpFoldResult ScanOp::getTimeSize(OpBuilder &builder, Location loc) {
  return tensor::getMixedSize(builder, loc, getInputs()[0], 1);
}

bool ScanOp::isReverse() { return getReverse(); }

unsigned ScanOp::getNumChunkOutputs() { return getNumOutputs(); }

int64_t ScanOp::getPreferredChunk() { return 1; }

Value ScanOp::getInitialState(unsigned result) {
  return result < getNumOutputs()
             ? Value()
             : Value(getInitial()[result - getNumOutputs()]);
}

void ScanOp::getResultTile(OpBuilder &builder, Location loc, unsigned result,
                           ValueRange parallel, OpFoldResult offset,
                           OpFoldResult size,
                           SmallVectorImpl<OpFoldResult> &offsets,
                           SmallVectorImpl<OpFoldResult> &sizes) {
  auto type = cast<RankedTensorType>(getResult(result).getType());
  bool isOutput = result < getNumOutputs();
  sizes.clear();
  for (int64_t extent : type.getShape())
    sizes.push_back(builder.getIndexAttr(extent));
  offsets.assign(sizes.size(), builder.getIndexAttr(0));
  offsets[0] = parallel[0];
  sizes[0] = builder.getIndexAttr(1);
  if (isOutput) {
    offsets[1] = offset;
    sizes[1] = size;
  }
}

RankedTensorType ScanOp::getResultTileType(unsigned result, int64_t rows) {
  auto type = cast<RankedTensorType>(getResult(result).getType());
  SmallVector<int64_t> shape(type.getShape().drop_front());
  if (result < getNumOutputs())
    shape[0] = rows;
  return RankedTensorType::get(shape, type.getElementType());
}

/// The token at `offset` of each input, as [1, ...], then the invariants.
Values ScanOp::buildInputTiles(OpBuilder &builder, Location loc,
                               ValueRange parallel, OpFoldResult offset,
                               OpFoldResult, int64_t) {
  TensorBuilder b(builder, loc);
  Values tiles;
  for (Value input : getInputs()) {
    Sizes sizes = b.sizes(input);
    Sizes offsets(sizes.size(), builder.getIndexAttr(0));
    offsets[0] = parallel[0];
    offsets[1] = offset;
    sizes[0] = sizes[1] = builder.getIndexAttr(1);
    tiles.push_back(b.slice(input, offsets, sizes, {0}));
  }
  llvm::append_range(tiles, getInvariants());
  return tiles;
}

Values ScanOp::buildChunk(OpBuilder &builder, Location loc, ValueRange inputs,
                          ValueRange outputs, ValueRange states) {
  TensorBuilder b(builder, loc);
  Block &block = getStep().front();
  unsigned tokens = getInputs().size();
  IRMapping mapping;
  // Row 0 of a tile, without the row dim.
  auto place = [&](Value tile, Sizes &offsets, Sizes &sizes) {
    sizes = b.sizes(tile);
    offsets.assign(sizes.size(), builder.getIndexAttr(0));
    sizes[0] = builder.getIndexAttr(1);
  };
  for (auto [index, tile] : llvm::enumerate(inputs)) {
    Value argument = tile;
    if (index < tokens) {
      Sizes offsets, sizes;
      place(tile, offsets, sizes);
      argument = b.slice(tile, offsets, sizes, {0});
    }
    mapping.map(block.getArgument(index), argument);
  }
  for (auto [index, state] : llvm::enumerate(states))
    mapping.map(block.getArgument(inputs.size() + index), state);
  for (Operation &op : block.without_terminator())
    builder.clone(op, mapping);
  Operation *yield = block.getTerminator();
  Values results;
  for (auto [index, output] : llvm::enumerate(outputs)) {
    Sizes offsets, sizes;
    place(output, offsets, sizes);
    Value value = mapping.lookup(yield->getOperand(getNumStates() + index));
    results.push_back(b.insert(value, output, offsets, sizes));
  }
  for (auto [index, state] : llvm::enumerate(states))
    results.push_back(bufferization::MaterializeInDestinationOp::create(
                          builder, loc, state.getType(),
                          mapping.lookup(yield->getOperand(index)), state)
                          .getResult());
  return results;
}
