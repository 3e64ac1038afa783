//===- GateScanOps.td - Recurrences ------------------------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_SCAN_OPS_TD
#define GATE_SCAN_OPS_TD

def Gate_ScanOp : Gate_Op<"scan", [
    IsolatedFromAbove, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ChunkOpInterface>,
    SingleBlockImplicitTerminator<"::gate::YieldOp">]> {
  let summary = "General recurrence over time with the step as a region";
  let description = [{
    For every batch element `b`, with `S_{-1} = initial[b]`:

    ```
    (S_t, y_t) = step(inputs[b, t], invariants, S_{t-1})      t = 0 .. T-1
    ```

    Inputs and outputs are `[B, T, ...]`, states `[B, ...]`, invariants have
    any shape. The region sees one batch element: its arguments are the inputs
    without batch and time, the invariants as they are, and the states without
    batch; `gate.yield` gives the new states, then the outputs. With `reverse`
    time runs from `T-1` to `0`. Results are the outputs, then the final
    states. Only pure ops of `linalg`, `tensor`, `arith`, `math`, `scf` and
    `gate` may stand in the region.

    ```mlir
    %h, %last = gate.scan inputs(%a, %x) initial(%h0) {
    ^bb0(%at: tensor<8xf32>, %xt: tensor<8xf32>, %s: tensor<8xf32>):
      %p = arith.mulf %at, %s : tensor<8xf32>
      %n = arith.addf %p, %xt : tensor<8xf32>
      gate.yield %n, %n : tensor<8xf32>, tensor<8xf32>
    } : (tensor<?x?x8xf32>, tensor<?x?x8xf32>, tensor<?x8xf32>)
        -> (tensor<?x?x8xf32>, tensor<?x8xf32>)
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$inputs,
                       Variadic<AnyRankedTensor>:$invariants,
                       Variadic<AnyRankedTensor>:$initial,
                       UnitAttr:$reverse);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let regions = (region SizedRegion<1>:$step);
  let assemblyFormat = [{
    `inputs` `(` $inputs `)` (`invariants` `(` $invariants^ `)`)?
    `initial` `(` $initial `)` attr-dict-with-keyword $step
    `:` functional-type(operands, results)
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = compatibleTypes # [{
    unsigned getNumStates() { return getInitial().size(); }
    unsigned getNumOutputs() { return getNumResults() - getNumStates(); }
  }];
}

def Gate_YieldOp : Op<Gate_Dialect, "yield", [
    Pure, Terminator, ReturnLike, HasParent<"::gate::ScanOp">]> {
  let summary = "New states and outputs of one step of a scan";
  let description = [{
    Ends the region of `gate.scan`: first the states after the step, in the
    order of the scan's initial states, then the outputs of the step.

    ```mlir
    gate.yield %state, %output : tensor<8xf32>, tensor<8xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let builders = [OpBuilder<(ins)>];
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Gate_LinearScanOp : Gate_Op<"linear_scan", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ChunkOpInterface, [
      "canCombineStates", "getSummaryTypes", "buildEmptySummary",
      "buildChunkState", "combineStates", "hasDenseChunk", "buildDenseChunk",
      "getStateFreeTypes", "buildStateFreeTiles", "getStateFreeShare",
      "buildDenseChunkState", "buildPieces"]>]> {
  let summary = "Recurrence linear in a matrix state";
  let description = [{
    Per batch element and head, with `S : [K, V]` starting at `initial` or 0,
    one token decays the state, adds to it, and is read from it:

    ```
    S' = diag(exp(g_t)) S_{t-1}            decay_axis = key
    S' = S_{t-1} diag(exp(g_t))            decay_axis = value
    S_t = S' + k_t v_t^T                                        update = add
    S_t = S' + k_t (beta_t (v_t - P^T k_t))^T                   update = delta
    S_t = S' + b_t (P^T a_t)^T + k_t v_t^T        update = diagonal_rank_one
    o_t = scale * S_t^T q_t                                     read = after
    o_t = scale * (S_{t-1} + (u * k_t) v_t^T)^T q_t   read = before_with_bonus
    ```

    `P` is `S'` with `prediction = decayed` and `S_{t-1}` with `undecayed`.

    | decay | given by | exp(g_t) |
    |---|---|---|
    | none | nothing | 1 |
    | constant | `decay_constants`, a log-decay per head | the same at every t |
    | scalar | `decay : [B, T, H]` | one number per head |
    | vector | `decay : [B, T, H, K]`, or `[B, T, H, V]` on the value axis | one number per row of S, or per column |

    Log-decays are at most 0; `-inf` resets. `q, k : [B, T, Hq, K]`,
    `v : [B, T, Hv, V]`, `beta : [B, T, Hb]`, `transition(a, b)`, each
    `[B, T, Ha, K]`, `bonus`, which is `u : [Hu, K]`, 0 where it is absent; the
    head count of every operand divides the largest one, H, and operand head
    `h / (H / Hx)` serves head h. States are
    `[B, H, K, V]`. Log-decays, states and all arithmetic are f32, or f64 where
    the inputs are f64; the output has the type of `v`. `reverse` runs time
    from the last token to the first.

    `input_gate` and `offsets` (packed sequences) are part of the op and refused
    by its verifier until they are built.

    | model | attributes |
    |---|---|
    | linear attention, RetNet, simple GLA, Mamba-2, GLA, HGRN2 | the decays with `update = add` |
    | DeltaNet, Gated DeltaNet, KDA | `update = delta` without decay, with a scalar, with a vector |
    | RWKV-6 | vector decay, `read = before_with_bonus` with `bonus` |
    | RWKV-7 | vector decay, `diagonal_rank_one` with `transition(c, -(c * a))`, `prediction = undecayed` |
    | GSA | `decay_axis = value` for the keys' state, `key` for that of the values |

    Sources: arXiv 2312.06635 section 4 (vector decay), 2307.08621 (constant),
    2405.21060 (scalar), 2406.06484, 2412.06464 and 2510.26692 (delta),
    2404.05892 (bonus), 2503.14456 (diagonal + rank one), 2409.07146 (both axes).

    ```mlir
    %o, %last = gate.linear_scan %q, %k, %v decay(%g) initial(%s)
      {scale = 1.250000e-01 : f64}
      : (tensor<?x?x4x64xf32>, tensor<?x?x4x64xf32>, tensor<?x?x4x128xf32>,
         tensor<?x?x4x64xf32>, tensor<?x4x64x128xf32>)
        -> (tensor<?x?x4x128xf32>, tensor<?x4x64x128xf32>)
    ```
  }];
  let arguments = (ins
    Gate_FloatTensor:$query, Gate_FloatTensor:$key, Gate_FloatTensor:$value,
    Optional<Gate_WideFloatTensor>:$decay,
    Optional<Gate_WideFloatTensor>:$initial,
    Optional<Gate_FloatTensor>:$beta,
    Variadic<Gate_FloatTensor>:$transition,
    Optional<Gate_FloatTensor>:$bonus,
    Optional<Gate_WideFloatTensor>:$inputGate,
    Optional<Gate_IndexTensor>:$offsets,
    DefaultValuedAttr<F64Attr, "1.0">:$scale,
    OptionalAttr<DenseF64ArrayAttr>:$decay_constants,
    DefaultValuedAttr<Gate_UpdateAttr, "::gate::Update::add">:$update,
    DefaultValuedAttr<Gate_ReadAttr, "::gate::Read::after">:$read,
    DefaultValuedAttr<Gate_AxisAttr, "::gate::Axis::key">:$decay_axis,
    DefaultValuedAttr<Gate_PredictionAttr, "::gate::Prediction::decayed">:$prediction,
    UnitAttr:$reverse);
  let results = (outs Gate_FloatTensor:$output, Gate_WideFloatTensor:$final);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`decay` `(` $decay^ `)`)? (`initial` `(` $initial^ `)`)?
    (`beta` `(` $beta^ `)`)? (`transition` `(` $transition^ `)`)?
    (`bonus` `(` $bonus^ `)`)? (`input_gate` `(` $inputGate^ `)`)?
    (`offsets` `(` $offsets^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasCanonicalizer = 1;
  let extraClassDeclaration = compatibleTypes # [{
    /// Of MeaningOpInterface: the decay and the input gate are log-gates; what
    /// predicts has rows of length 1, and beta is a share.
    ::gate::DataKind getDataKind(::mlir::OpOperand &operand);
    /// Heads of the state: the largest head count of any operand.
    int64_t getNumHeads();
    /// f64 when the inputs are, f32 otherwise.
    ::mlir::FloatType getArithmeticType();
    int64_t getKeyWidth() { return getQuery().getType().getDimSize(3); }
    int64_t getValueWidth() { return getValue().getType().getDimSize(3); }
    /// What a token predicts its part of the state with, [B, T, Hx, K]: the key
    /// of update delta, the first of `transition`; null for update add.
    ::mlir::Value getPredictor();
    bool readsBefore() { return getRead() == Read::before_with_bonus; }
    bool decaysValues() { return getDecayAxis() == Axis::value; }
    bool hasVectorDecay() { return getDecay() && getDecay().getType().getRank() == 4; }
    bool hasScalarDecay() { return getDecay() && getDecay().getType().getRank() == 3; }
  }];
}

#endif // GATE_SCAN_OPS_TD
