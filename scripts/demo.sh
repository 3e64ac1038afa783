#!/usr/bin/env bash
# Compiles a two-block gated linear attention model to a shared library, calls
# it from a C program and checks that three ways of streaming a text agree.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly gatec=${GATEC:-build/bin/gatec}
readonly python=${PYTHON:-build/venv/bin/python}
readonly model=examples/gla/gla.mlir
readonly out=out

step() { printf '\n== %s\n' "$*"; }
# Shows a command, then runs it.
run() {
  printf '$'
  printf ' %q' "$@"
  printf '\n'
  "$@"
}

# The text to stream: the first one that exists.
text=${1:-/usr/share/common-licenses/GPL-3}
[[ -r $text ]] || text=LICENSE

# Any C compiler will do; it need not be the one that built gatec.
compiler=${CC:-}
for candidate in cc gcc clang-22 clang; do
  [[ -n $compiler ]] && break
  compiler=$(command -v "$candidate" || true)
done
[[ -n $compiler ]] || {
  echo "demo: no C compiler found; install gcc or clang-22" >&2
  exit 1
}

mkdir -p "$out"

step "Write seeded random weights for the model ($out/gla.safetensors)."
run "$python" examples/gla/weights.py "$out/gla.safetensors"

step "Compile the model: one shared library and one C header."
run "$gatec" compile "$model" -o "$out/libgla.so"

step "Compare the optimized code with the reference code on seeded inputs."
run "$gatec" verify "$model"

step "Compile a C program that knows only the header and the library."
# shellcheck disable=SC2016 # $ORIGIN is for the loader: the program's folder.
run "$compiler" -std=c99 -O2 -Wall -Wextra -I"$out" examples/gla/stream.c \
  -o "$out/stream" -L"$out" -lgla -lm -Wl,-rpath,'$ORIGIN'

step "Stream $text byte by byte, in pieces and as a whole, and compare."
run "$out/stream" "$text" "$out/gla.safetensors"

step "Done: the three ways gave the same answers, so the state carries all there is to know."
