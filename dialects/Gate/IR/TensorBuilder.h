//===- TensorBuilder.h - Short ways to build linalg on tensors -*- C++ -*-===//
//
// What the bodies of meanings, decompositions and chunks are written with:
// empty and filled tensors, generics from a list of maps, slices, widening.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_IR_TENSORBUILDER_H
#define GATE_IR_TENSORBUILDER_H

#include "Gate/IR/Gate.h"

#include "mlir/IR/Builders.h"

namespace gate {

/// A builder with a location that makes tensors.
class TensorBuilder {
public:
  using Body =
      llvm::function_ref<mlir::Value(TensorBuilder &, mlir::ValueRange)>;

  TensorBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::OpBuilder &builder;
  mlir::Location loc;

  mlir::Value index(int64_t value);
  /// A float constant of type `type`.
  mlir::Value number(mlir::Type type, double value);
  mlir::Value size(mlir::Value tensor, int64_t dim);
  llvm::SmallVector<mlir::OpFoldResult> sizes(mlir::Value tensor);

  mlir::Value empty(llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type type);
  mlir::Value filled(llvm::ArrayRef<mlir::OpFoldResult> sizes, mlir::Type type,
                     double value);

  /// linalg.generic with one result written into `init`. Results of `maps`:
  /// one per input, then one for `init`. The first `parallel` loops are
  /// parallel, the rest are reductions. The body gets the scalars of inputs,
  /// then of the init.
  mlir::Value generic(mlir::ValueRange inputs, mlir::Value init,
                      llvm::ArrayRef<mlir::AffineMap> maps, unsigned parallel,
                      Body body);
  /// The same where every operand has the identity map of `init`.
  mlir::Value elementwise(mlir::ValueRange inputs, mlir::Value init, Body body);

  /// `tensor[offsets][sizes]` with unit strides; dims in `drop` (of size 1)
  /// vanish from the type.
  mlir::Value slice(mlir::Value tensor,
                    llvm::ArrayRef<mlir::OpFoldResult> offsets,
                    llvm::ArrayRef<mlir::OpFoldResult> sizes,
                    llvm::ArrayRef<int64_t> drop = {});
  mlir::Value insert(mlir::Value tile, mlir::Value tensor,
                     llvm::ArrayRef<mlir::OpFoldResult> offsets,
                     llvm::ArrayRef<mlir::OpFoldResult> sizes);

  /// `lhs * rhs + acc` as one product on tiles: maps as for generic().
  mlir::Value contract(mlir::Value lhs, mlir::Value rhs, mlir::Value acc,
                       llvm::ArrayRef<mlir::AffineMap> maps, unsigned parallel);

  /// Converts between float types, nothing where they are equal.
  mlir::Value convert(mlir::Value scalar, mlir::Type type);

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  /// With `afn` few units of f32 are enough, however large `a` is.
  mlir::Value
  exp(mlir::Value a,
      mlir::arith::FastMathFlags flags = mlir::arith::FastMathFlags::none);

  /// `value` as a tensor of type `type` of the same rank.
  mlir::Value castTo(mlir::Value value, mlir::Type type);

  /// `value` with the static ones of `sizes` in its type.
  mlir::Value castToSizes(mlir::Value value,
                          llvm::ArrayRef<mlir::OpFoldResult> sizes);

  /// Sum over `axes` of body(x, extra): one value per slice, shaped like the
  /// dims that are not in `axes`; `extra` (may be null) has that shape too.
  mlir::Value sumOver(
      mlir::Value value, mlir::Value extra, llvm::ArrayRef<int64_t> axes,
      mlir::Type type,
      llvm::function_ref<mlir::Value(TensorBuilder &, mlir::Value, mlir::Value)>
          body);
  /// Number of elements of one slice along `axes`, as a float.
  mlir::Value sliceElements(mlir::Value value, llvm::ArrayRef<int64_t> axes,
                            mlir::Type type);
  /// [.., groups * size, ..] seen as [.., groups, size, ..].
  mlir::Value splitGroups(mlir::Value value, int64_t axis, int64_t groups);
  /// The inverse, to the type `type`.
  mlir::Value mergeGroups(mlir::Value value, int64_t axis,
                          mlir::RankedTensorType type);
  /// The map of an operand that repeats along its dims of size 1.
  mlir::AffineMap broadcastMap(mlir::Value operand);

  /// An affine map over `dims` dims from a list of dim positions.
  mlir::AffineMap map(unsigned dims, llvm::ArrayRef<unsigned> positions);
};

/// The type in which values of `type` are computed: f32 for narrower floats.
mlir::FloatType arithmeticType(mlir::Type type);

} // namespace gate

#endif // GATE_IR_TENSORBUILDER_H
