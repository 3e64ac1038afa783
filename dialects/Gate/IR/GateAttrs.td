//===- GateAttrs.td - Attributes of the gate dialect -------*- tablegen -*-===//
//
// Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef GATE_ATTRS_TD
#define GATE_ATTRS_TD

include "Gate/IR/GateDialect.td"
include "mlir/IR/EnumAttr.td"

class Gate_Enum<string name, string summary, list<I32EnumCase> cases>
    : I32Enum<name, summary, cases> {
  let cppNamespace = "::gate";
}

class Gate_EnumAttr<I32Enum info, string mnemonic>
    : EnumAttr<Gate_Dialect, info, mnemonic> {
  let assemblyFormat = "`<` $value `>`";
}

def Gate_Activation : Gate_Enum<"Activation", "elementwise activation", [
  I32EnumCase<"identity", 0>, I32EnumCase<"sigmoid", 1>,
  I32EnumCase<"silu", 2>, I32EnumCase<"gelu", 3>, I32EnumCase<"relu", 4>,
  I32EnumCase<"tanh", 5>, I32EnumCase<"softplus", 6>,
  I32EnumCase<"log_sigmoid", 7>]>;
def Gate_ActivationAttr : Gate_EnumAttr<Gate_Activation, "activation">;

def Gate_NormKind : Gate_Enum<"NormKind", "kind of normalisation", [
  I32EnumCase<"rms", 0>, I32EnumCase<"layer", 1>, I32EnumCase<"group", 2>,
  I32EnumCase<"l2", 3>]>;
def Gate_NormKindAttr : Gate_EnumAttr<Gate_NormKind, "norm_kind">;

def Gate_Update : Gate_Enum<"Update", "how a token changes the state of a linear scan", [
  I32EnumCase<"add", 0>, I32EnumCase<"delta", 1>,
  I32EnumCase<"diagonal_rank_one", 2>]>;
def Gate_UpdateAttr : Gate_EnumAttr<Gate_Update, "update">;

def Gate_Read : Gate_Enum<"Read", "which state a linear scan's output reads", [
  I32EnumCase<"after", 0>, I32EnumCase<"before_with_bonus", 1>]>;
def Gate_ReadAttr : Gate_EnumAttr<Gate_Read, "read">;

def Gate_Axis : Gate_Enum<"Axis", "axis of a matrix state", [
  I32EnumCase<"key", 0>, I32EnumCase<"value", 1>]>;
def Gate_AxisAttr : Gate_EnumAttr<Gate_Axis, "axis">;

def Gate_Prediction : Gate_Enum<"Prediction", "state that a delta update predicts from", [
  I32EnumCase<"decayed", 0>, I32EnumCase<"undecayed", 1>]>;
def Gate_PredictionAttr : Gate_EnumAttr<Gate_Prediction, "prediction">;

#endif // GATE_ATTRS_TD
