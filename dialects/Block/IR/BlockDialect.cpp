//===- BlockDialect.cpp - The block dialect -------------------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Block/IR/Block.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace gate::block;

#include "Block/IR/BlockDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "Block/IR/BlockTypes.cpp.inc"

#define GET_OP_CLASSES
#include "Block/IR/BlockOps.cpp.inc"

void BlockDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "Block/IR/BlockTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Block/IR/BlockOps.cpp.inc"
      >();
}

LogicalResult RingType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t stages, ArrayRef<Type> tiles) {
  if (stages < 1)
    return emitError() << "expects at least one stage, got " << stages;
  if (tiles.empty())
    return emitError() << "expects at least one tile";
  for (Type tile : tiles) {
    auto type = dyn_cast<VectorType>(tile);
    if (!type || type.isScalable() || type.getRank() == 0 ||
        !type.getElementType().isIntOrFloat() ||
        !llvm::all_of(type.getShape(), [](int64_t size) {
          return llvm::isPowerOf2_64(static_cast<uint64_t>(size));
        }))
      return emitError() << "expects tiles that are vectors of numbers whose "
                            "sizes are powers of two, got "
                         << tile;
  }
  return success();
}

LogicalResult CopyOp::verify() {
  RingType ring = getRing().getType();
  auto source = cast<MemRefType>(getSource().getType());
  int64_t rank = source.getRank();
  if (!source.getLayout().isIdentity())
    return emitOpError("expects a row-major source, got ") << source;
  if (static_cast<int64_t>(getIndices().size()) != rank ||
      static_cast<int64_t>(getSizes().size()) != rank)
    return emitOpError("expects ")
           << rank << " indices and sizes, one for each dim of the source, got "
           << getIndices().size() << " and " << getSizes().size();
  if (llvm::count(getSizes(), ShapedType::kDynamic) !=
      static_cast<int64_t>(getDynamicSizes().size()))
    return emitOpError("expects a value for each dynamic size, got ")
           << getDynamicSizes().size();
  if (getTile() >= ring.getTiles().size())
    return emitOpError("expects a tile of the ring, which has ")
           << ring.getTiles().size() << ", got number " << getTile();
  auto tile = cast<VectorType>(ring.getTiles()[getTile()]);
  if (tile.getElementType() != source.getElementType())
    return emitOpError("expects a source of ")
           << tile.getElementType() << ", got " << source;
  ArrayRef<int64_t> dims = getDims();
  if (static_cast<int64_t>(dims.size()) != tile.getRank() ||
      !llvm::is_sorted(dims) ||
      std::adjacent_find(dims.begin(), dims.end()) != dims.end() ||
      dims.front() < 0 || dims.back() >= rank)
    return emitOpError("expects increasing dims of the source, one for each "
                       "dim of ")
           << tile << ", got [" << dims << "]";
  if (getByLanes() && tile.getRank() != 1)
    return emitOpError("expects a row to be copied by lanes, got ") << tile;
  if (!getByLanes() && dims.back() != rank - 1)
    return emitOpError("expects dims of the source that end with its last, got "
                       "[")
           << dims << "]";
  return success();
}

LogicalResult TakeOp::verify() {
  if (getTiles().getTypes() != TypeRange(getRing().getType().getTiles()))
    return emitOpError("expects the tiles of the ring as results");
  return success();
}

LogicalResult MultiplyOp::verify() {
  auto left = cast<VectorType>(getLeft().getType());
  auto right = cast<VectorType>(getRight().getType());
  auto result = cast<VectorType>(getResult().getType());
  if (left.getRank() != 2 || right.getRank() != 2 || result.getRank() != 2 ||
      left.getElementType() != right.getElementType() ||
      !result.getElementType().isF32() ||
      left.getDimSize(0) != result.getDimSize(0) ||
      right.getDimSize(0) != result.getDimSize(1) ||
      left.getDimSize(1) != right.getDimSize(1))
    return emitOpError("expects [rows, depth] and [columns, depth] of one "
                       "element type into f32 [rows, columns], got ")
           << left << ", " << right << " into " << result;
  return success();
}

LogicalResult WaitOp::verify() {
  if (static_cast<bool>(getValue()) != static_cast<bool>(getResult()) ||
      (getValue() && getValue().getType() != getResult().getType()))
    return emitOpError("expects a result exactly where it has a value, of the "
                       "same type");
  if (getValue() && getPending() != 0)
    return emitOpError("expects to wait for all products where it makes a "
                       "value readable, got ")
           << getPending() << " pending";
  return success();
}
