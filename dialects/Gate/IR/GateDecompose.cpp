//===- GateDecompose.cpp - The gating ops as fast linalg ------------------===//
//
// The decomposition of the row-wise ops for the fast path: few passes over the
// data, one division per element or row.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

/// exp(-x). Not 2^(-x log2 e): rounding the product would cost |x| units.
static Value expOfNegative(TensorBuilder &b, Value x) {
  return b.exp(arith::NegFOp::create(b.builder, b.loc, x));
}

/// log(1 + exp(-|x|))
static Value softplusTail(TensorBuilder &b, Value x) {
  Value e = expOfNegative(b, math::AbsFOp::create(b.builder, b.loc, x));
  return math::Log1pOp::create(b.builder, b.loc, e);
}

/// x / y within two units, for y from 1 on: machines that have a faster
/// division than the exact one may use it.
static Value approximateDiv(TensorBuilder &b, Value x, Value y) {
  return arith::DivFOp::create(b.builder, b.loc, x, y,
                               arith::FastMathFlags::afn);
}

static Value fastActivation(TensorBuilder &b, Activation kind, Value x) {
  Type type = x.getType();
  switch (kind) {
  case Activation::identity:
    return x;
  case Activation::sigmoid:
    return approximateDiv(b, b.number(type, 1),
                          b.add(b.number(type, 1), expOfNegative(b, x)));
  case Activation::silu:
    return approximateDiv(b, x, b.add(b.number(type, 1), expOfNegative(b, x)));
  case Activation::gelu: {
    Value half = b.mul(x, b.number(type, 0.5));
    Value erf = math::ErfOp::create(
        b.builder, b.loc, b.mul(x, b.number(type, 0.7071067811865476)));
    return b.add(half, b.mul(half, erf));
  }
  case Activation::relu:
    return arith::MaximumFOp::create(b.builder, b.loc, x, b.number(type, 0));
  case Activation::tanh:
    return math::TanhOp::create(b.builder, b.loc, x);
  case Activation::softplus: {
    Value positive =
        arith::MaximumFOp::create(b.builder, b.loc, x, b.number(type, 0));
    return b.add(positive, softplusTail(b, x));
  }
  case Activation::log_sigmoid: {
    Value negative =
        arith::MinimumFOp::create(b.builder, b.loc, x, b.number(type, 0));
    return b.sub(negative, softplusTail(b, x));
  }
  }
  llvm_unreachable("unknown activation");
}

/// One elementwise generic over the dims of `like`; operands of size 1 in a
/// dim repeat there. The body works in the arithmetic type.
static Value mapRows(TensorBuilder &b, ValueRange inputs, Value like,
                     RankedTensorType type, TensorBuilder::Body body) {
  Type element = type.getElementType();
  Type wide = arithmeticType(element);
  SmallVector<AffineMap> maps;
  for (Value input : inputs)
    maps.push_back(input == like
                       ? b.builder.getMultiDimIdentityMap(type.getRank())
                       : b.broadcastMap(input));
  maps.push_back(b.builder.getMultiDimIdentityMap(type.getRank()));
  Value result =
      b.generic(inputs, b.empty(b.sizes(like), element), maps, type.getRank(),
                [&](TensorBuilder &s, ValueRange args) {
                  Values widened;
                  for (Value argument : args.drop_back())
                    widened.push_back(s.convert(argument, wide));
                  return s.convert(body(s, widened), element);
                });
  return b.castTo(result, type);
}

FailureOr<Values> GluOp::decomposeOperation(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  return Values{mapRows(
      b, {getGate(), getValue()}, getValue(), getType(),
      [&](TensorBuilder &s, ValueRange args) {
        return s.mul(fastActivation(s, getActivation(), args[0]), args[1]);
      })};
}

FailureOr<Values> ApplyOp::decomposeOperation(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  return Values{mapRows(
      b, {getValue(), getGate()}, getValue(), getType(),
      [&](TensorBuilder &s, ValueRange args) {
        return s.mul(args[0], fastActivation(s, getActivation(), args[1]));
      })};
}

FailureOr<Values> BlendOp::decomposeOperation(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  return Values{mapRows(b, {getOn(), getGate(), getOff()}, getOn(), getType(),
                        [&](TensorBuilder &s, ValueRange args) {
                          Value z = fastActivation(s, getActivation(), args[1]);
                          Value rest = s.sub(s.number(z.getType(), 1), z);
                          return s.add(s.mul(z, args[0]), s.mul(rest, args[2]));
                        })};
}

FailureOr<Values> NormOp::decomposeOperation(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getType().getElementType();
  Type wide = arithmeticType(element);
  SmallVector<int64_t> axes(getAxes());
  bool grouped = getKind() == NormKind::group;
  Value value = getValue();
  if (grouped) {
    value = b.splitGroups(value, axes[0], getGroups());
    axes[0] += 1;
  }
  unsigned rank = cast<RankedTensorType>(value.getType()).getRank();
  Value inverse = b.div(b.number(wide, 1), b.sliceElements(value, axes, wide));
  Value mean;
  if (grouped || getKind() == NormKind::layer) {
    Value sum = b.sumOver(value, {}, axes, wide,
                          [](TensorBuilder &, Value x, Value) { return x; });
    mean = b.elementwise({sum}, b.empty(b.sizes(sum), wide),
                         [&](TensorBuilder &s, ValueRange args) {
                           return s.mul(args[0], inverse);
                         });
  }
  Value squares = b.sumOver(value, mean, axes, wide,
                            [](TensorBuilder &s, Value x, Value m) {
                              Value centred = m ? s.sub(x, m) : x;
                              return s.mul(centred, centred);
                            });
  double epsilon = getEpsilon().convertToDouble();
  Value factor = b.elementwise(
      {squares}, b.empty(b.sizes(squares), wide),
      [&](TensorBuilder &s, ValueRange args) {
        Value spread =
            getKind() == NormKind::l2 ? args[0] : s.mul(args[0], inverse);
        Value root = math::SqrtOp::create(
            s.builder, s.loc, s.add(spread, s.number(wide, epsilon)));
        return s.div(s.number(wide, 1), root);
      });

  SmallVector<unsigned> kept;
  for (unsigned dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)))
      kept.push_back(dim);
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  Values inputs{value, factor};
  SmallVector<AffineMap> maps{identity, b.map(rank, kept)};
  if (mean) {
    inputs.push_back(mean);
    maps.push_back(b.map(rank, kept));
  }
  // Weight and bias of a group norm run over groups and their elements.
  SmallVector<unsigned> axisDims(axes.begin(), axes.end());
  if (grouped)
    axisDims.insert(axisDims.begin(), static_cast<unsigned>(axes[0] - 1));
  for (Value extra : {getWeight(), getBias()})
    if (extra) {
      inputs.push_back(grouped ? b.splitGroups(extra, 0, getGroups()) : extra);
      maps.push_back(b.map(rank, axisDims));
    }
  maps.push_back(identity);
  Value result = b.generic(inputs, b.empty(b.sizes(value), element), maps, rank,
                           [&](TensorBuilder &s, ValueRange args) {
                             Value y = s.convert(args[0], wide);
                             unsigned next = 2;
                             if (mean)
                               y = s.sub(y, args[next++]);
                             y = s.mul(y, args[1]);
                             if (getWeight())
                               y = s.mul(y, s.convert(args[next++], wide));
                             if (getBias())
                               y = s.add(y, s.convert(args[next++], wide));
                             return s.convert(y, element);
                           });
  if (grouped)
    result =
        b.mergeGroups(result, getAxes()[0],
                      RankedTensorType::get(getType().getShape(), element));
  return Values{b.castTo(result, getType())};
}

FailureOr<Values> ShortConvOp::decomposeOperation(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getValue().getType().getElementType();
  Type wide = arithmeticType(element);
  int64_t taps = getWeight().getType().getDimSize(1);
  SmallVector<OpFoldResult> sizes = b.sizes(getValue());
  OpFoldResult zero = builder.getIndexAttr(0);
  Value time = b.size(getValue(), 1);

  // Every token sees the taps - 1 tokens before it: state and value in a row.
  SmallVector<OpFoldResult> all = sizes, state = sizes;
  all[1] = OpFoldResult(
      arith::AddIOp::create(builder, getLoc(), time, b.index(taps - 1))
          .getResult());
  state[1] = builder.getIndexAttr(taps - 1);
  Value initial = getInitial() ? b.castToSizes(getInitial(), state)
                               : b.filled(state, element, 0);
  Value history =
      b.insert(initial, b.empty(all, element), {zero, zero, zero}, state);
  history = b.insert(getValue(), history,
                     {zero, builder.getIndexAttr(taps - 1), zero}, sizes);

  // Taps unrolled in one elementwise op; the weights as [taps, channels] so
  // that channels are contiguous.
  Value transposed = b.generic(
      {getWeight()}, b.empty({builder.getIndexAttr(taps), sizes[2]}, element),
      {b.map(2, {1, 0}), b.map(2, {0, 1})}, 2,
      [](TensorBuilder &, ValueRange args) { return args[0]; });
  Values inputs;
  SmallVector<AffineMap> maps;
  for (int64_t tap = 0; tap < taps; ++tap) {
    inputs.push_back(
        b.slice(history, {zero, builder.getIndexAttr(tap), zero}, sizes));
    maps.push_back(b.map(3, {0, 1, 2}));
    inputs.push_back(b.slice(transposed, {builder.getIndexAttr(tap), zero},
                             {builder.getIndexAttr(1), sizes[2]}, {0}));
    maps.push_back(b.map(3, {2}));
  }
  if (getBias()) {
    inputs.push_back(getBias());
    maps.push_back(b.map(3, {2}));
  }
  maps.push_back(b.map(3, {0, 1, 2}));
  Value output = b.generic(
      inputs, b.empty(sizes, element), maps, 3,
      [&](TensorBuilder &s, ValueRange args) {
        Value sum;
        for (int64_t tap = 0; tap < taps; ++tap) {
          Value term = s.mul(s.convert(args[2 * tap], wide),
                             s.convert(args[2 * tap + 1], wide));
          sum = sum ? s.add(sum, term) : term;
        }
        if (getBias())
          sum = s.add(sum, s.convert(args[2 * taps], wide));
        return s.convert(fastActivation(s, getActivation(), sum), element);
      });
  Value last = b.slice(history, {zero, time, zero}, state);
  return Values{b.castTo(output, getOutput().getType()),
                b.castTo(last, getFinal().getType())};
}
