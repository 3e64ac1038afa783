//===- StepAlgebra.h - What one step of a scan computes --------*- C++ -*-===//
//
// The region of gate.scan as formulas on single elements. An element of a
// tensor is named by one axis per dim; linalg maps, transposes and unit dims
// only rename axes, so that after evaluation
//
//   %p = linalg.generic .. ins(%a, %s) { mulf }     (maps: d0 ; d0, d1)
//   %n = arith.addf %p, %x
//
// reads  n[i, j] = a[i] * S[i, j] + x[i, j]  whichever ops wrote it. Every
// value is kept in the form
//
//   sum of  coefficient * (sum over axes of) S[axes]   +   a state-free value
//
// or evaluation fails with the op that breaks the form.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ANALYSIS_STEPALGEBRA_H
#define GATE_ANALYSIS_STEPALGEBRA_H

#include "Gate/IR/Gate.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"

#include <deque>
#include <map>
#include <optional>

namespace gate {

/// The position along one dim: the number of a loop variable, or `unitAxis`
/// where the dim has size 1.
using StepAxis = int;
constexpr StepAxis unitAxis = -1;

/// A state-free element. Nodes live as long as their StepAlgebra.
struct StepExpr {
  enum class Kind {
    leaf,     // an element of an operand of the scan or of a constant tensor
    constant, // `number`
    product,  // `number` times the operands
    total,    // `number` plus the operands
    apply,    // the elementwise op `op` on the operands
    sum       // the operand summed over `axes`
  };
  Kind kind;
  /// Element type.
  mlir::Type type;
  /// The op it comes from; null for leaves.
  mlir::Operation *op = nullptr;
  /// Leaf: operand of the scan, null for a constant tensor.
  mlir::Value source;
  /// Leaf: `source` is [batch, time, ...] and read at one token.
  bool isToken = false;
  /// Leaf: the constant tensor.
  mlir::DenseElementsAttr elements;
  double number = 0;
  /// Leaf: one per dim (without batch and time). Sum: what is summed over.
  llvm::SmallVector<StepAxis> axes;
  llvm::SmallVector<const StepExpr *> operands;
  /// The axes the element varies with, ascending.
  llvm::SmallVector<StepAxis> freeAxes;

  bool uses(StepAxis axis) const {
    return axis != unitAxis && llvm::is_contained(freeAxes, axis);
  }
};

/// `number` times the factors.
struct StepProduct {
  double number = 1;
  llvm::SmallVector<const StepExpr *> factors;
};

/// coefficient * sum over `summed` of S[index].
struct StateTerm {
  StepProduct coefficient;
  llvm::SmallVector<StepAxis> summed;
  llvm::SmallVector<StepAxis> index;
  /// The state after the step rather than before.
  bool isAfter = false;
  /// The op that reads the state, and the one that sums it (may be null).
  mlir::Operation *reader = nullptr;
  mlir::Operation *summer = nullptr;
};

/// An element that is affine in the state.
struct StepValue {
  mlir::Type type;
  llvm::SmallVector<StateTerm, 1> stateTerms;
  /// Absent: 0.
  std::optional<StepProduct> free;
};

/// Why a step does not have the form that was asked for, and the op at fault.
struct StepRefusal {
  mlir::Operation *op = nullptr;
  std::string reason;
};

/// Evaluates values of one scan's region.
class StepAlgebra {
public:
  explicit StepAlgebra(ScanOp scan) : scan(scan) {}

  /// One new axis per dim, `unitAxis` where the size is 1. `type` is static.
  llvm::SmallVector<StepAxis> addAxes(mlir::RankedTensorType type);
  int64_t getSize(StepAxis axis) const { return axis < 0 ? 1 : sizes[axis]; }

  /// From now on `value` counts as the state after the step.
  void setStateAfter(mlir::Value value);

  /// The element of `value` at `index`; on failure getRefusal() says why.
  /// `user` is the op on whose behalf the value is read.
  mlir::FailureOr<StepValue> evaluate(mlir::Value value,
                                      llvm::ArrayRef<StepAxis> index,
                                      mlir::Operation *user);

  /// Records the reason; always fails.
  llvm::LogicalResult refuse(mlir::Operation *op, const llvm::Twine &reason);
  const StepRefusal &getRefusal() const { return refusal; }

  /// The product as one node.
  const StepExpr *getExpr(mlir::Type type, const StepProduct &product);
  const StepExpr *addNode(StepExpr expr);

private:
  class LinalgBody;
  using Result = mlir::FailureOr<StepValue>;

  Result compute(mlir::Value value, llvm::ArrayRef<StepAxis> index);
  Result ofArgument(mlir::BlockArgument argument,
                    llvm::ArrayRef<StepAxis> index);
  Result ofConstant(mlir::Operation *op, mlir::Attribute value,
                    llvm::ArrayRef<StepAxis> index);
  Result ofLinalg(mlir::linalg::LinalgOp op, mlir::OpResult result,
                  llvm::ArrayRef<StepAxis> index);
  Result ofShape(mlir::Operation *op, llvm::ArrayRef<StepAxis> index);
  Result ofElementwise(mlir::Operation *op, llvm::ArrayRef<StepAxis> index);

  /// One elementwise op on evaluated operands.
  Result apply(mlir::Operation *op, llvm::MutableArrayRef<StepValue> operands);
  StepValue add(mlir::Operation *op, StepValue lhs, StepValue rhs);
  Result multiply(mlir::Operation *op, StepValue lhs, StepValue rhs);
  StepValue sum(mlir::Operation *op, StepValue value,
                llvm::ArrayRef<StepAxis> axes);

  ScanOp scan;
  mlir::Value stateAfter;
  StepRefusal refusal;
  std::deque<StepExpr> nodes;
  llvm::SmallVector<int64_t> sizes;
  std::map<std::pair<const void *, std::vector<StepAxis>>, StepValue> known;
};

} // namespace gate

#endif // GATE_ANALYSIS_STEPALGEBRA_H
