// RUN: gate-opt %s | gate-opt | FileCheck %s
// RUN: gate-opt --mlir-print-op-generic %s | gate-opt | FileCheck %s

// CHECK-LABEL: func.func private @one(
// CHECK-SAME:    gate.schedule = #gate.schedule<{chunk = 64}>
func.func private @one() attributes {gate.schedule = #gate.schedule<{chunk = 64}>}

// Choices are sorted by name; a name may be any string.
// CHECK-LABEL: func.func private @three(
// CHECK-SAME:    #gate.schedule<when "rows" lt 12 {form = "few_rows", panel = 64}, when "T" eq 0 {panel = -1}, {"a choice" = "a \22text\22", form = "packed"}>
func.func private @three() attributes {gate.schedule = #gate.schedule<
  when "rows" lt 12 {panel = 64, form = "few_rows"},
  when "T" eq 0 {panel = -1},
  {form = "packed", "a choice" = "a \22text\22"}>}

// CHECK-LABEL: func.func private @comparisons(
// CHECK-SAME:    [#gate.schedule_case<when "x" le 1 {a = 1}>, #gate.schedule_case<when "x" gt 2 {a = 1}>, #gate.schedule_case<when "x" ge 3 {a = 1}>, #gate.schedule_case<{a = 1}>]
func.func private @comparisons() attributes {test.cases = [
  #gate.schedule_case<when "x" le 1 {a = 1}>, #gate.schedule_case<when "x" gt 2 {a = 1}>,
  #gate.schedule_case<when "x" ge 3 {a = 1}>, #gate.schedule_case<{a = 1}>]}
