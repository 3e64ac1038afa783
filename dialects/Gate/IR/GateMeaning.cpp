//===- GateMeaning.cpp - The ops as textbook loops ------------------------===//
//
// The meaning interface: each op as its defining equation, token by token, in
// linalg and scf. Plain and slow on purpose; everything else is compared with
// it, so it shares no formula with the fast forms.
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Gate/IR/TensorBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace gate;

using Values = SmallVector<Value>;

/// log(1 + exp(-|x|)), which neither overflows nor loses small values.
static Value logOnePlusExp(TensorBuilder &b, Value x) {
  Value magnitude = math::AbsFOp::create(b.builder, b.loc, x);
  Value e = b.exp(arith::NegFOp::create(b.builder, b.loc, magnitude));
  return math::Log1pOp::create(b.builder, b.loc, e);
}

/// The textbook form of an activation on a scalar.
static Value textbookActivation(TensorBuilder &b, Activation kind, Value x) {
  Type type = x.getType();
  Value zero = b.number(type, 0), one = b.number(type, 1);
  auto sigmoid = [&] {
    Value e = b.exp(arith::NegFOp::create(b.builder, b.loc, x));
    return b.div(one, b.add(one, e));
  };
  switch (kind) {
  case Activation::identity:
    return x;
  case Activation::sigmoid:
    return sigmoid();
  case Activation::silu:
    return b.mul(x, sigmoid());
  case Activation::gelu: {
    Value scaled = b.div(x, b.number(type, 1.4142135623730951));
    Value erf = math::ErfOp::create(b.builder, b.loc, scaled);
    return b.mul(b.mul(x, b.number(type, 0.5)), b.add(one, erf));
  }
  case Activation::relu:
    return arith::MaximumFOp::create(b.builder, b.loc, x, zero);
  case Activation::tanh:
    return math::TanhOp::create(b.builder, b.loc, x);
  case Activation::softplus:
    return b.add(arith::MaximumFOp::create(b.builder, b.loc, x, zero),
                 logOnePlusExp(b, x));
  case Activation::log_sigmoid:
    return b.sub(arith::MinimumFOp::create(b.builder, b.loc, x, zero),
                 logOnePlusExp(b, x));
  }
  llvm_unreachable("unknown activation");
}

//===----------------------------------------------------------------------===//
// Gating
//===----------------------------------------------------------------------===//

FailureOr<Values> GluOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getType().getElementType();
  Value init = b.empty(b.sizes(getValue()), element);
  Value result = b.elementwise(
      {getGate(), getValue()}, init, [&](TensorBuilder &s, ValueRange args) {
        Type wide = arithmeticType(element);
        Value gate =
            textbookActivation(s, getActivation(), s.convert(args[0], wide));
        return s.convert(s.mul(gate, s.convert(args[1], wide)), element);
      });
  return Values{b.castTo(result, getType())};
}

FailureOr<Values> ApplyOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getType().getElementType();
  unsigned rank = getType().getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  Value result = b.generic(
      {getValue(), getGate()}, b.empty(b.sizes(getValue()), element),
      {identity, b.broadcastMap(getGate()), identity}, rank,
      [&](TensorBuilder &s, ValueRange args) {
        Type wide = arithmeticType(element);
        Value gate =
            textbookActivation(s, getActivation(), s.convert(args[1], wide));
        return s.convert(s.mul(s.convert(args[0], wide), gate), element);
      });
  return Values{b.castTo(result, getType())};
}

FailureOr<Values> BlendOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getType().getElementType();
  unsigned rank = getType().getRank();
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  Value result = b.generic(
      {getGate(), getOn(), getOff()}, b.empty(b.sizes(getOn()), element),
      {b.broadcastMap(getGate()), identity, identity, identity}, rank,
      [&](TensorBuilder &s, ValueRange args) {
        Type wide = arithmeticType(element);
        Value z =
            textbookActivation(s, getActivation(), s.convert(args[0], wide));
        Value on = s.mul(z, s.convert(args[1], wide));
        Value off =
            s.mul(s.sub(s.number(wide, 1), z), s.convert(args[2], wide));
        return s.convert(s.add(on, off), element);
      });
  return Values{b.castTo(result, getType())};
}

//===----------------------------------------------------------------------===//
// NormOp
//===----------------------------------------------------------------------===//

FailureOr<Values> NormOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getType().getElementType();
  Type wide = arithmeticType(element);
  SmallVector<int64_t> axes(getAxes());
  Value value = getValue();
  if (getKind() == NormKind::group) {
    value = b.splitGroups(value, axes[0], getGroups());
    axes[0] += 1;
  }
  unsigned rank = cast<RankedTensorType>(value.getType()).getRank();
  bool centred = getKind() == NormKind::layer || getKind() == NormKind::group;
  Value count = b.sliceElements(value, axes, wide);
  Value mean;
  if (centred) {
    Value sum = b.sumOver(value, {}, axes, wide,
                          [](TensorBuilder &, Value x, Value) { return x; });
    mean = b.elementwise({sum}, b.empty(b.sizes(sum), wide),
                         [&](TensorBuilder &s, ValueRange args) {
                           return s.div(args[0], count);
                         });
  }
  Value squares = b.sumOver(value, mean, axes, wide,
                            [](TensorBuilder &s, Value x, Value m) {
                              Value d = m ? s.sub(x, m) : x;
                              return s.mul(d, d);
                            });
  SmallVector<unsigned> kept;
  for (unsigned dim = 0; dim < rank; ++dim)
    if (!llvm::is_contained(axes, static_cast<int64_t>(dim)))
      kept.push_back(dim);
  AffineMap identity = builder.getMultiDimIdentityMap(rank);
  AffineMap keptMap = b.map(rank, kept);
  Values inputs{value, squares};
  SmallVector<AffineMap> maps{identity, keptMap};
  if (mean) {
    inputs.push_back(mean);
    maps.push_back(keptMap);
  }
  maps.push_back(identity);
  bool divides = getKind() != NormKind::l2;
  Value result = b.generic(
      inputs, b.empty(b.sizes(value), wide), maps, rank,
      [&](TensorBuilder &s, ValueRange args) {
        Value x = s.convert(args[0], wide);
        Value spread = divides ? s.div(args[1], count) : args[1];
        spread = s.add(spread, s.number(wide, getEpsilon().convertToDouble()));
        Value root = math::SqrtOp::create(s.builder, s.loc, spread);
        return s.div(mean ? s.sub(x, args[2]) : x, root);
      });
  if (getKind() == NormKind::group)
    result = b.mergeGroups(result, getAxes()[0],
                           RankedTensorType::get(getType().getShape(), wide));
  // Scale and shift, on the user's axes.
  SmallVector<unsigned> axisDims(getAxes().begin(), getAxes().end());
  AffineMap whole = builder.getMultiDimIdentityMap(getType().getRank());
  AffineMap perAxis = b.map(getType().getRank(), axisDims);
  inputs = {result};
  maps = {whole};
  for (Value extra : {getWeight(), getBias()})
    if (extra) {
      inputs.push_back(extra);
      maps.push_back(perAxis);
    }
  maps.push_back(whole);
  result =
      b.generic(inputs, b.empty(b.sizes(getValue()), element), maps,
                getType().getRank(), [&](TensorBuilder &s, ValueRange args) {
                  Value y = args[0];
                  unsigned next = 1;
                  if (getWeight())
                    y = s.mul(y, s.convert(args[next++], wide));
                  if (getBias())
                    y = s.add(y, s.convert(args[next++], wide));
                  return s.convert(y, element);
                });
  return Values{b.castTo(result, getType())};
}

//===----------------------------------------------------------------------===//
// ShortConvOp, GatherOp
//===----------------------------------------------------------------------===//

FailureOr<Values> ShortConvOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  Type element = getValue().getType().getElementType();
  Type wide = arithmeticType(element);
  int64_t taps = getWeight().getType().getDimSize(1);
  // history = initial (or zeros), then the value, along time.
  SmallVector<OpFoldResult> sizes = b.sizes(getValue());
  Value time = b.size(getValue(), 1);
  Value total =
      arith::AddIOp::create(builder, getLoc(), time, b.index(taps - 1));
  OpFoldResult zero = builder.getIndexAttr(0);
  SmallVector<OpFoldResult> all = sizes, before = sizes;
  all[1] = total;
  before[1] = builder.getIndexAttr(taps - 1);
  Value history = b.filled(all, element, 0);
  if (getInitial())
    history = b.insert(b.castToSizes(getInitial(), before), history,
                       {zero, zero, zero}, before);
  history = b.insert(getValue(), history,
                     {zero, builder.getIndexAttr(taps - 1), zero}, sizes);
  // Loops: batch, time, channel, tap.
  AffineExpr d0, d1, d2, d3;
  bindDims(builder.getContext(), d0, d1, d2, d3);
  AffineMap shifted =
      AffineMap::get(4, 0, {d0, d1 + d3, d2}, builder.getContext());
  Value sums =
      b.generic({history, getWeight()}, b.filled(sizes, wide, 0),
                {shifted, b.map(4, {2, 3}), b.map(4, {0, 1, 2})}, 3,
                [&](TensorBuilder &s, ValueRange args) {
                  return s.add(args[2], s.mul(s.convert(args[0], wide),
                                              s.convert(args[1], wide)));
                });
  Values inputs{sums};
  SmallVector<AffineMap> maps{b.map(3, {0, 1, 2})};
  if (getBias()) {
    inputs.push_back(getBias());
    maps.push_back(b.map(3, {2}));
  }
  maps.push_back(b.map(3, {0, 1, 2}));
  Value output = b.generic(inputs, b.empty(sizes, element), maps, 3,
                           [&](TensorBuilder &s, ValueRange args) {
                             Value y = args[0];
                             if (getBias())
                               y = s.add(y, s.convert(args[1], wide));
                             y = textbookActivation(s, getActivation(), y);
                             return s.convert(y, element);
                           });
  Value final = b.slice(history, {zero, time, zero}, before);
  return Values{b.castTo(output, getOutput().getType()),
                b.castTo(final, getFinal().getType())};
}

FailureOr<Values> GatherOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  unsigned rank = getType().getRank();
  SmallVector<OpFoldResult> sizes = b.sizes(getIndices());
  sizes.push_back(tensor::getMixedSize(builder, getLoc(), getTable(), 1));
  SmallVector<unsigned> leading =
      llvm::to_vector(llvm::seq<unsigned>(0, rank - 1));
  Value result =
      b.generic({getIndices()}, b.empty(sizes, getType().getElementType()),
                {b.map(rank, leading), builder.getMultiDimIdentityMap(rank)},
                rank, [&](TensorBuilder &s, ValueRange args) -> Value {
                  Value row = arith::IndexCastOp::create(
                      s.builder, s.loc, s.builder.getIndexType(), args[0]);
                  Value column =
                      linalg::IndexOp::create(s.builder, s.loc, rank - 1);
                  return tensor::ExtractOp::create(s.builder, s.loc, getTable(),
                                                   ValueRange{row, column});
                });
  return Values{b.castTo(result, getType())};
}

//===----------------------------------------------------------------------===//
// Scans
//===----------------------------------------------------------------------===//

/// for t = 0 .. T-1 (or down), carrying `inits`.
static Values
loopOverTime(TensorBuilder &b, Value time, bool reverse, ValueRange inits,
             function_ref<Values(TensorBuilder &, Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b.builder, b.loc, b.index(0), time, b.index(1), inits,
      [&](OpBuilder &builder, Location loc, Value step, ValueRange carried) {
        TensorBuilder inner(builder, loc);
        Value t = step;
        if (reverse) {
          Value last =
              arith::SubIOp::create(builder, loc, time, inner.index(1));
          t = arith::SubIOp::create(builder, loc, last, step);
        }
        scf::YieldOp::create(builder, loc, body(inner, t, carried));
      });
  return Values(loop.getResults());
}

FailureOr<Values> LinearScanOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  MLIRContext *context = builder.getContext();
  Type wide = getArithmeticType();
  Type element = getOutput().getType().getElementType();
  int64_t heads = getNumHeads();
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  SmallVector<OpFoldResult> queryDims = b.sizes(getQuery());
  OpFoldResult batch = queryDims[0], headCount = builder.getIndexAttr(heads);
  OpFoldResult keyWidth = builder.getIndexAttr(getKeyWidth());
  OpFoldResult valueWidth = builder.getIndexAttr(getValueWidth());

  // Loops of the update: b, h, k, v; of the read: b, h, v, k.
  AffineExpr d0, d1, d2, d3;
  bindDims(context, d0, d1, d2, d3);
  auto headOf = [&](Value operand) {
    int64_t own = cast<RankedTensorType>(operand.getType()).getDimSize(2);
    return own == heads ? d1 : d1.floorDiv(heads / own);
  };
  auto keyed = [&](Value operand, AffineExpr width) {
    return AffineMap::get(4, 0, {d0, headOf(operand), width}, context);
  };
  AffineMap stateMap = AffineMap::get(4, 0, {d0, d1, d2, d3}, context);

  Value state = getInitial();
  if (!state)
    state = b.filled({batch, headCount, keyWidth, valueWidth}, wide, 0);
  Value output = b.empty({batch, queryDims[1], headCount, valueWidth}, element);
  Value constants;
  if (auto values = getDecayConstants()) {
    SmallVector<APFloat> numbers;
    for (double v : *values) {
      APFloat number(v);
      bool lossy;
      number.convert(cast<FloatType>(wide).getFloatSemantics(),
                     APFloat::rmNearestTiesToEven, &lossy);
      numbers.push_back(number);
    }
    constants = arith::ConstantOp::create(
        builder, getLoc(),
        DenseElementsAttr::get(RankedTensorType::get({heads}, wide), numbers));
  }

  auto at = [&](TensorBuilder &s, Value operand, Value t) {
    auto type = cast<RankedTensorType>(operand.getType());
    SmallVector<OpFoldResult> offsets(type.getRank(), zero);
    SmallVector<OpFoldResult> sizes = s.sizes(operand);
    offsets[1] = t;
    sizes[1] = one;
    return s.slice(operand, offsets, sizes, {1});
  };

  SmallVector<OpFoldResult> stateSizes{batch, headCount, keyWidth, valueWidth};
  // Loops: b, h, v, k.
  AffineMap columns = AffineMap::get(4, 0, {d0, d1, d2}, context);
  auto onKey = [&](Value operand) {
    return AffineMap::get(4, 0, {d0, headOf(operand), d3}, context);
  };
  AffineMap transposed = AffineMap::get(4, 0, {d0, d1, d3, d2}, context);
  // state^T x for every head.
  auto applied = [&](TensorBuilder &s, Value operand, Value t, Value from) {
    return s.generic({at(s, operand, t), from},
                     s.filled({batch, headCount, valueWidth}, wide, 0),
                     {onKey(operand), transposed, columns}, 3,
                     [&](TensorBuilder &e, ValueRange args) {
                       return e.add(args[2],
                                    e.mul(e.convert(args[0], wide), args[1]));
                     });
  };
  // S' = exp(g) S, in place: what reads S comes before.
  auto decayed = [&](TensorBuilder &s, Value t, Value from) {
    Value gate;
    AffineMap gateMap;
    if (hasVectorDecay()) {
      gate = at(s, getDecay(), t);
      gateMap = keyed(getDecay(), decaysValues() ? d3 : d2);
    } else if (hasScalarDecay()) {
      gate = at(s, getDecay(), t);
      gateMap = AffineMap::get(4, 0, {d0, headOf(getDecay())}, context);
    } else if (constants) {
      gate = constants;
      gateMap = AffineMap::get(4, 0, {d1}, context);
    } else {
      return from;
    }
    return s.generic({gate}, from, {gateMap, stateMap}, 4,
                     [&](TensorBuilder &e, ValueRange args) {
                       return e.mul(e.exp(args[0]), args[1]);
                     });
  };
  // S' + k w^T
  auto added = [&](TensorBuilder &s, Value key, Value t, Value values,
                   AffineMap valuesMap, Value into) {
    return s.generic({at(s, key, t), values}, into,
                     {keyed(key, d2), valuesMap, stateMap}, 4,
                     [&](TensorBuilder &e, ValueRange args) {
                       return e.add(args[2], e.mul(e.convert(args[0], wide),
                                                   e.convert(args[1], wide)));
                     });
  };
  AffineMap ownColumns = AffineMap::get(4, 0, {d0, d1, d3}, context);

  Values results = loopOverTime(
      b, b.size(getQuery(), 1), getReverse(), {output, state},
      [&](TensorBuilder &s, Value t, ValueRange carried) -> Values {
        Value next = carried[1], read, predicted;
        Value predictor = getPredictor();
        // o = scale * S^T q
        if (readsBefore())
          read = applied(s, getQuery(), t, next);
        if (predictor && getPrediction() == Prediction::undecayed)
          predicted = applied(s, predictor, t, next);
        next = decayed(s, t, next);
        if (predictor && !predicted)
          predicted = applied(s, predictor, t, next);
        Value value = at(s, getValue(), t);
        AffineMap valueMap = keyed(getValue(), d3);
        if (getUpdate() == Update::delta) {
          // beta (v - P^T k), loops b, h, v
          auto perHead = [&](Value operand, ArrayRef<AffineExpr> more) {
            SmallVector<AffineExpr> exprs{d0, headOf(operand)};
            llvm::append_range(exprs, more);
            return AffineMap::get(3, 0, exprs, context);
          };
          AffineMap whole = builder.getMultiDimIdentityMap(3);
          value = s.generic(
              {at(s, getBeta(), t), value, predicted},
              s.empty({batch, headCount, valueWidth}, wide),
              {perHead(getBeta(), {}), perHead(getValue(), {d2}), whole, whole},
              3, [&](TensorBuilder &e, ValueRange args) {
                return e.mul(e.convert(args[0], wide),
                             e.sub(e.convert(args[1], wide), args[2]));
              });
          valueMap = ownColumns;
        } else if (predictor) {
          next = added(s, getTransition()[1], t, predicted, ownColumns, next);
        }
        next = added(s, getKey(), t, value, valueMap, next);
        if (!readsBefore())
          read = applied(s, getQuery(), t, next);
        if (getBonus()) {
          // (q . (u * k)) v
          int64_t own = getBonus().getType().getDimSize(0);
          AffineExpr head = own == heads ? d1 : d1.floorDiv(heads / own);
          read = s.generic(
              {at(s, getQuery(), t), getBonus(), at(s, getKey(), t),
               at(s, getValue(), t)},
              read,
              {onKey(getQuery()), AffineMap::get(4, 0, {head, d3}, context),
               onKey(getKey()), keyed(getValue(), d2), columns},
              3, [&](TensorBuilder &e, ValueRange args) {
                Value product = e.mul(
                    e.convert(args[0], wide),
                    e.mul(e.convert(args[1], wide), e.convert(args[2], wide)));
                return e.add(args[4], e.mul(product, e.convert(args[3], wide)));
              });
        }
        Value row = s.elementwise(
            {read}, s.empty({batch, headCount, valueWidth}, element),
            [&](TensorBuilder &e, ValueRange args) {
              Value scale = e.number(wide, getScale().convertToDouble());
              return e.convert(e.mul(args[0], scale), element);
            });
        Value all = s.insert(row, carried[0], {zero, t, zero, zero},
                             {batch, one, headCount, valueWidth});
        return {all, next};
      });
  return Values{b.castTo(results[0], getOutput().getType()),
                b.castTo(results[1], getFinal().getType())};
}

FailureOr<Values> ScanOp::buildMeaning(OpBuilder &builder) {
  TensorBuilder b(builder, getLoc());
  OpFoldResult zero = builder.getIndexAttr(0), one = builder.getIndexAttr(1);
  Value batch = b.size(getInputs()[0], 0), time = b.size(getInputs()[0], 1);
  unsigned outputs = getNumOutputs();
  Values inits;
  for (unsigned i = 0; i < outputs; ++i) {
    auto type = cast<RankedTensorType>(getStep()
                                           .front()
                                           .getTerminator()
                                           ->getOperand(getNumStates() + i)
                                           .getType());
    if (!type.hasStaticShape())
      return emitOpError() << "expects outputs of static shape per token, got "
                           << type;
    SmallVector<OpFoldResult> sizes{batch, time};
    for (int64_t size : type.getShape())
      sizes.push_back(builder.getIndexAttr(size));
    inits.push_back(b.empty(sizes, type.getElementType()));
  }
  llvm::append_range(inits, getInitial());

  // One batch element at one token: slices in, the region, slices out.
  auto token = [&](TensorBuilder &s, Value t, Value element,
                   ValueRange carried) -> Values {
    auto position = [&](Value tensor, unsigned lead,
                        SmallVector<OpFoldResult> &offsets,
                        SmallVector<OpFoldResult> &sizes) {
      sizes = s.sizes(tensor);
      offsets.assign(sizes.size(), zero);
      offsets[0] = element;
      sizes[0] = one;
      if (lead == 2) {
        offsets[1] = t;
        sizes[1] = one;
      }
    };
    IRMapping mapping;
    SmallVector<OpFoldResult> offsets, sizes;
    Block &block = getStep().front();
    unsigned argument = 0;
    for (Value input : getInputs()) {
      position(input, 2, offsets, sizes);
      mapping.map(block.getArgument(argument++),
                  s.slice(input, offsets, sizes, {0, 1}));
    }
    for (Value invariant : getInvariants())
      mapping.map(block.getArgument(argument++), invariant);
    for (Value state : carried.drop_front(outputs)) {
      position(state, 1, offsets, sizes);
      mapping.map(block.getArgument(argument++),
                  s.slice(state, offsets, sizes, {0}));
    }
    for (Operation &op : block.without_terminator())
      s.builder.clone(op, mapping);
    Operation *yield = block.getTerminator();
    Values next;
    for (unsigned i = 0; i < outputs; ++i) {
      position(carried[i], 2, offsets, sizes);
      next.push_back(
          s.insert(mapping.lookup(yield->getOperand(getNumStates() + i)),
                   carried[i], offsets, sizes));
    }
    for (unsigned i = 0; i < getNumStates(); ++i) {
      position(carried[outputs + i], 1, offsets, sizes);
      next.push_back(s.insert(mapping.lookup(yield->getOperand(i)),
                              carried[outputs + i], offsets, sizes));
    }
    return next;
  };

  Values results = loopOverTime(
      b, time, getReverse(), inits,
      [&](TensorBuilder &s, Value t, ValueRange carried) -> Values {
        auto loop = scf::ForOp::create(
            s.builder, s.loc, s.index(0), batch, s.index(1), carried,
            [&](OpBuilder &inner, Location loc, Value element, ValueRange in) {
              TensorBuilder e(inner, loc);
              scf::YieldOp::create(inner, loc, token(e, t, element, in));
            });
        return Values(loop.getResults());
      });
  for (auto [index, result] : llvm::enumerate(results))
    results[index] = b.castTo(result, getResult(index).getType());
  return results;
}
