//===- PromoteFloat.cpp - Compute everything in f64 -----------------------===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gate/Transforms/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/DialectResourceBlobManager.h"

namespace gate {
#define GEN_PASS_DEF_PROMOTEFLOAT
#include "gate/Transforms/Passes.h.inc"
} // namespace gate

using namespace mlir;
using namespace gate;

namespace {
struct PromoteFloat : gate::impl::PromoteFloatBase<PromoteFloat> {
  void runOnOperation() override {
    Type wide = Float64Type::get(&getContext());
    auto promote = [&](const APFloat &value) {
      APFloat result = value;
      bool loses;
      result.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                     &loses);
      return result;
    };
    AttrTypeReplacer replacer;
    replacer.addReplacement(
        [&](FloatType) -> std::optional<Type> { return wide; });
    replacer.addReplacement(
        [&](FloatAttr attribute) -> std::optional<Attribute> {
          return FloatAttr::get(wide, promote(attribute.getValue()));
        });
    replacer.addReplacement(
        [&](DenseFPElementsAttr attribute) -> std::optional<Attribute> {
          return attribute.mapValues(wide, [&](const APFloat &value) {
            return promote(value).bitcastToAPInt();
          });
        });
    // The bytes of a resource are of the old type: convert them too.
    bool hasUnknownBytes = false;
    replacer.addReplacement(
        [&](DenseResourceElementsAttr attribute) -> std::optional<Attribute> {
          if (!isa<FloatType>(attribute.getType().getElementType()))
            return std::nullopt;
          AsmResourceBlob *blob = attribute.getRawHandle().getBlob();
          bool isSplat;
          if (!blob || !DenseElementsAttr::isValidRawBuffer(
                           attribute.getType(), blob->getData(), isSplat)) {
            hasUnknownBytes = true;
            return attribute;
          }
          auto dense =
              cast<DenseFPElementsAttr>(DenseElementsAttr::getFromRawBuffer(
                  attribute.getType(), blob->getData()));
          return dense.mapValues(wide, [&](const APFloat &value) {
            return promote(value).bitcastToAPInt();
          });
        });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                          /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
    if (hasUnknownBytes) {
      getOperation().emitError("has a constant whose resource has no data of "
                               "its type");
      return signalPassFailure();
    }
    // Conversions between equal types are gone.
    getOperation().walk([](Operation *op) {
      if (isa<arith::ExtFOp, arith::TruncFOp>(op)) {
        op->getResult(0).replaceAllUsesWith(op->getOperand(0));
        op->erase();
      }
    });
  }
};
} // namespace
