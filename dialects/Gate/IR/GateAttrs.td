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

def Gate_Comparison : Gate_Enum<"Comparison", "how a guard compares a size with its bound", [
  I32EnumCase<"lt", 0, "<">, I32EnumCase<"le", 1, "<=">,
  I32EnumCase<"gt", 2, ">">, I32EnumCase<"ge", 3, ">=">,
  I32EnumCase<"eq", 4, "==">]>;

def Gate_ScheduleCaseAttr : AttrDef<Gate_Dialect, "ScheduleCase"> {
  let mnemonic = "schedule_case";
  let summary = "What to do, and under which condition on a size";
  let description = [{
    A choice, integers and strings by name, and the guard under which it is
    taken: a size, a comparison (`lt`, `le`, `gt`, `ge`, `eq`) and a constant. No
    guard is an empty `dim`. See `#gate.schedule`.

    ```mlir
    #gate.schedule_case<when "rows" lt 12 {form = "few_rows", panel = 64}>
    ```
  }];
  let parameters = (ins StringRefParameter<>:$dim,
                        "::gate::Comparison":$comparison, "int64_t":$bound,
                        "::mlir::DictionaryAttr":$choice);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool hasGuard() { return !getDim().empty(); }
    /// Whether the guard holds for this size.
    bool holds(int64_t size);
    /// The choices by these names; nothing when there is none.
    std::optional<int64_t> getNumber(::llvm::StringRef name);
    std::optional<::llvm::StringRef> getText(::llvm::StringRef name);
  }];
}

def Gate_ScheduleAttr : AttrDef<Gate_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "How an op is tiled: at most three cases";
  let description = [{
    At most three cases, of which the first whose guard holds is taken; every
    case but the last has a guard. Sizes that are known when the program is
    compiled decide then, others in a test at run time. As attribute
    `gate.schedule` of an op it is written by `gate-select-schedules` and obeyed
    by the passes that tile.

    A guard names a size by the op's role for it (`"time"` of a scan, `"rows"`
    and `"time"` of a fold, `"rows"`,
    `"columns"` and `"depth"` of a product, `"loop0"`, `"loop1"`, ... of other
    linalg), or a dim of the function by the name that `gate.dims` gives it.

    | op | choice | meaning |
    |---|---|---|
    | scan (chunk interface) | `chunk` | tokens per chunk: 1 or a multiple of 16 up to 512 |
    | | `segment` | tokens per segment, a multiple of the chunk; 0 leaves time whole |
    | | `few_tokens` | up to this many tokens past the last full chunk go one by one |
    | fold (fold interface) | `rows` | rows of a tile: up to 512 |
    | | `chunk` | tokens per chunk: a multiple of 16 up to 512 |
    | product | `form` | `"packed"`: the right side goes to panels first, row blocks are parallel; `"few_rows"`: each task reads its columns once |
    | | `panel` | columns of a panel |
    | | `rows` | rows per parallel task of the packed form |
    | | `depth` | reduction steps between passes over the result; with few rows, steps that a task packs at a time |
    | other linalg | `tile_elements` | iterations per parallel task |

    ```mlir
    #gate.schedule<when "rows" lt 12 {form = "few_rows", panel = 64, depth = 128},
                   {form = "packed", panel = 64, rows = 64, depth = 512}>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"::gate::ScheduleCaseAttr">:$cases);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // GATE_ATTRS_TD
