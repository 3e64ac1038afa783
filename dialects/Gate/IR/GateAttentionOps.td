//===- GateAttentionOps.td - Retrieval from keys by softmax -*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ATTENTION_OPS_TD
#define GATE_ATTENTION_OPS_TD

def Gate_AttentionOp : Gate_Op<"attention", [
    AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<FoldOpInterface>]> {
  let summary = "Softmax attention with masks, a log-gate bias and sinks";
  let description = [{
    Per batch element `b` and query head `h`, with `n` keys, which are the first
    `lengths[b]` of the `Tk` given ones (cut to `0 .. Tk`), or all of them, and
    query `i` at position `p(i) = i + n - Tq`:

    ```
    s(i, j) = scale * q_i . k_j + sum of log_gate_t over j < t <= p(i)
    o_i = sum_j exp(s(i, j)) v_j / (exp(sink) + sum_j exp(s(i, j)))
    ```

    Both sums run over the keys that are kept:

    | mask | keeps key `j` of the first `n` when |
    |---|---|
    | none | always |
    | `causal` | `j <= p(i)` |
    | `window = w` | `p(i) - w < j < p(i) + w` |

    So the last query stands at the last key, as a cache of earlier keys needs
    it, and queries before the first key keep nothing. A row that keeps nothing
    is 0, and so is one whose keys all have the score `-inf`. The term `exp(sink)`
    is there with `sinks` only.

    `q : [B, Tq, H, K]`, `k : [B, Tk, Hk, K]`, `v : [B, Tk, Hk, V]`; `Hk` divides
    `H`, and head `h / (H / Hk)` of keys and values serves query head `h`.
    `lengths : [B]` counts keys, `log_gate : [B, Tk, H]` is at most 0 and needs
    `causal`, `sinks : [H]` are logits. The result is `[B, Tq, H, V]`. Without
    `scale` it is `K^(-1/2)`. Scores, softmax, log-gates, sinks and sums are f32,
    or f64 where the inputs are f64; the output has the type of `v`.

    Sources: arXiv 1706.03762 section 3.2.1, 1805.02867 (the running maximum of
    the fast path), 2503.02130 (log-gates), 2309.17453 (sinks).

    ```mlir
    %o = gate.attention %q, %k, %v {causal}
      : (tensor<?x?x8x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>)
        -> tensor<?x?x8x64xbf16>
    %f = gate.attention %q, %k, %v lengths(%n) log_gate(%g) sinks(%s)
      {causal, window = 256 : i64, scale = 1.250000e-01 : f64}
      : (tensor<?x?x8x64xbf16>, tensor<?x?x2x64xbf16>, tensor<?x?x2x64xbf16>,
         tensor<?xi32>, tensor<?x?x8xf32>, tensor<8xf32>)
        -> tensor<?x?x8x64xbf16>
    ```
  }];
  let arguments = (ins
    Gate_FloatTensor:$query, Gate_FloatTensor:$key, Gate_FloatTensor:$value,
    Optional<Gate_IndexTensor>:$lengths,
    Optional<Gate_WideFloatTensor>:$logGate,
    Optional<Gate_WideFloatTensor>:$sinks,
    OptionalAttr<F64Attr>:$scale,
    OptionalAttr<I64Attr>:$window,
    UnitAttr:$causal);
  let results = (outs Gate_FloatTensor:$output);
  let assemblyFormat = [{
    $query `,` $key `,` $value
    (`lengths` `(` $lengths^ `)`)? (`log_gate` `(` $logGate^ `)`)?
    (`sinks` `(` $sinks^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = compatibleTypes # [{
    /// Of MeaningOpInterface.
    ::gate::DataKind getDataKind(::mlir::OpOperand &operand);
    int64_t getNumHeads() { return getQuery().getType().getDimSize(2); }
    /// Query heads that share a head of keys and values.
    int64_t getHeadsPerKey() {
      return getNumHeads() / getKey().getType().getDimSize(2);
    }
    int64_t getKeyWidth() { return getQuery().getType().getDimSize(3); }
    int64_t getValueWidth() { return getValue().getType().getDimSize(3); }
    /// f64 when the inputs are, f32 otherwise.
    ::mlir::FloatType getArithmeticType();
    /// What products of queries and keys are multiplied by.
    double getScoreScale();
  }];
}

#endif // GATE_ATTENTION_OPS_TD
