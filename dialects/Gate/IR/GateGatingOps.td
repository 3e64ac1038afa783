//===- GateGatingOps.td - Gating, norms, conv, gather ------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_GATING_OPS_TD
#define GATE_GATING_OPS_TD

def Gate_GluOp : Gate_DecomposableOp<"glu"> {
  let summary = "Gated linear unit: activation of one half times the other";
  let description = [{
    `result = activation(gate) * value`, elementwise; arithmetic in f32 or
    wider. `silu` gives SwiGLU, `gelu` (erf form) GEGLU, `sigmoid` GLU, `relu`
    ReGLU, `identity` the bilinear form. Source: arXiv 2002.05202.

    ```mlir
    %y = gate.glu %g, %u {activation = #gate.activation<silu>}
      : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Gate_FloatTensor:$gate, Gate_FloatTensor:$value,
                       Gate_ActivationAttr:$activation);
  let results = (outs Gate_FloatTensor:$result);
  let assemblyFormat = "$gate `,` $value attr-dict `:` functional-type(operands, results)";
}

def Gate_ApplyOp : Gate_DecomposableOp<"apply"> {
  let summary = "Multiply a value by an activated gate that may be broadcast";
  let description = [{
    `result = value * activation(gate)`. The gate has the rank of the value;
    each of its sizes is that of the value or 1 (then it is repeated).

    ```mlir
    %y = gate.apply %x, %g {activation = #gate.activation<sigmoid>}
      : (tensor<?x4x8xf32>, tensor<?x4x1xf32>) -> tensor<?x4x8xf32>
    ```
  }];
  let arguments = (ins Gate_FloatTensor:$value, Gate_FloatTensor:$gate,
                       Gate_ActivationAttr:$activation);
  let results = (outs Gate_FloatTensor:$result);
  let assemblyFormat = "$value `,` $gate attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Gate_BlendOp : Gate_DecomposableOp<"blend"> {
  let summary = "Convex mix of two values by a gate";
  let description = [{
    `z = activation(gate); result = z * on + (1 - z) * off`, elementwise: the
    highway form. The gate may be broadcast as in `gate.apply`.

    ```mlir
    %y = gate.blend %g, %on, %off {activation = #gate.activation<sigmoid>}
      : (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Gate_FloatTensor:$gate, Gate_FloatTensor:$on,
                       Gate_FloatTensor:$off, Gate_ActivationAttr:$activation);
  let results = (outs Gate_FloatTensor:$result);
  let assemblyFormat = "$gate `,` $on `,` $off attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Gate_NormOp : Gate_DecomposableOp<"norm", [AttrSizedOperandSegments]> {
  let summary = "Normalisation over given axes";
  let description = [{
    Over the elements x of each slice along `axes`, n of them:

    | kind | result |
    |---|---|
    | rms | `x / sqrt(sum(x^2) / n + epsilon)` |
    | layer | `(x - mean) / sqrt(var + epsilon)`, biased variance |
    | group | as layer, inside each of `groups` equal parts of the one axis |
    | l2 | `x / sqrt(sum(x^2) + epsilon)` |

    then `* weight + bias` where given; their shapes are the sizes of `axes`, in
    order. Statistics in f32 or wider.

    ```mlir
    %y = gate.norm %x weight(%w) {kind = #gate.norm_kind<rms>, axes = array<i64: 2>,
      epsilon = 1.0e-06 : f64} : (tensor<?x?x8xf32>, tensor<8xf32>) -> tensor<?x?x8xf32>
    ```
  }];
  let arguments = (ins Gate_FloatTensor:$value,
                       Optional<Gate_FloatTensor>:$weight,
                       Optional<Gate_FloatTensor>:$bias,
                       Gate_NormKindAttr:$kind,
                       DenseI64ArrayAttr:$axes,
                       F64Attr:$epsilon,
                       DefaultValuedAttr<I64Attr, "1">:$groups);
  let results = (outs Gate_FloatTensor:$result);
  let assemblyFormat = [{
    $value (`weight` `(` $weight^ `)`)? (`bias` `(` $bias^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def Gate_ShortConvOp : Gate_DecomposableOp<"short_conv", [AttrSizedOperandSegments]> {
  let summary = "Causal depthwise convolution with carried state";
  let description = [{
    With `x_t = initial[t + W - 1]` for t < 0 (0 without `initial`):

    ```
    y_t[c] = activation( sum_{w < W} x_{t-W+1+w}[c] * weight[c, w] + bias[c] )
    final  = x_{T-W+1} .. x_{T-1}
    ```

    `value : [B, T, D]`, `weight : [D, W]`, `bias : [D]`, states
    `[B, W-1, D]` in the type of the value. Sums in f32 or wider.

    ```mlir
    %y, %last = gate.short_conv %x, %w initial(%s) {activation = #gate.activation<silu>}
      : (tensor<?x?x8xf32>, tensor<8x4xf32>, tensor<?x3x8xf32>)
        -> (tensor<?x?x8xf32>, tensor<?x3x8xf32>)
    ```
  }];
  let arguments = (ins Gate_FloatTensor:$value, Gate_FloatTensor:$weight,
                       Optional<Gate_FloatTensor>:$bias,
                       Optional<Gate_FloatTensor>:$initial,
                       Gate_ActivationAttr:$activation);
  let results = (outs Gate_FloatTensor:$output, Gate_FloatTensor:$final);
  let assemblyFormat = [{
    $value `,` $weight (`bias` `(` $bias^ `)`)? (`initial` `(` $initial^ `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
}

def Gate_GatherOp : Gate_Op<"gather"> {
  let summary = "Rows of a table by index (embedding)";
  let description = [{
    `result[i..., :] = table[indices[i...], :]`. `table : [N, D]`; every index is
    in `[0, N)`, which a library checks before any work. The indices must
    therefore be an argument of the function.

    ```mlir
    %x = gate.gather %table, %ids
      : (tensor<256x8xf32>, tensor<?x?xi32>) -> tensor<?x?x8xf32>
    ```
  }];
  let arguments = (ins Gate_FloatTensor:$table, Gate_IndexTensor:$indices);
  let results = (outs Gate_FloatTensor:$result);
  let assemblyFormat = "$table `,` $indices attr-dict `:` functional-type(operands, results)";
}

#endif // GATE_GATING_OPS_TD
