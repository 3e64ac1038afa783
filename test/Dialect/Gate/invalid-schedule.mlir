// RUN: gate-opt --split-input-file --verify-diagnostics %s

// expected-error@+1 {{expects one to 3 cases in a schedule, got 4}}
func.func private @four() attributes {gate.schedule = #gate.schedule<when "a" lt 1 {x = 1}, when "a" lt 2 {x = 1}, when "a" lt 3 {x = 1}, {x = 1}>}

// -----

// expected-error@+1 {{expects one to 3 cases in a schedule, got 0}}
func.func private @none() attributes {gate.schedule = #gate.schedule<>}

// -----

// expected-error@+1 {{expects a guard in every case but the last, got none in case 1 of 2}}
func.func private @no_guard() attributes {gate.schedule = #gate.schedule<{x = 1}, {x = 2}>}

// -----

// expected-error@+1 {{expects no guard in the last case, got one on 'a'}}
func.func private @guarded() attributes {gate.schedule = #gate.schedule<when "a" lt 1 {x = 1}>}

// -----

// expected-error@+1 {{expects the bound of a guard to be at least 0, got -1}}
func.func private @bound() attributes {gate.schedule = #gate.schedule<when "a" lt -1 {x = 1}, {x = 2}>}

// -----

// expected-error@+1 {{expects at least one choice in a case}}
func.func private @empty() attributes {gate.schedule = #gate.schedule<{}>}

// -----

// expected-error@+1 {{expects a comparison: lt, le, gt, ge or eq}}
func.func private @comparison() attributes {gate.schedule = #gate.schedule<when "a" is 1 {x = 1}, {x = 2}>}

// -----

// expected-error@+1 {{expects an integer or a string for 'x'}}
func.func private @value() attributes {gate.schedule = #gate.schedule<{x = [1]}>}

// -----

// expected-error@+1 {{expects one choice of a name, got 'x' twice}}
func.func private @twice() attributes {gate.schedule = #gate.schedule<{x = 1, x = 2}>}

// -----

// expected-error@+1 {{expects gate.schedule to be a #gate.schedule<...>, got 64 : i64}}
func.func private @other() attributes {gate.schedule = 64}
