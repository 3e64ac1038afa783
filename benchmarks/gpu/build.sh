#!/bin/sh
# Compiles the programs of bench.py for NVIDIA GPUs: build.sh [gatec] [folder].
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
gatec=${1:-$root/build/bin/gatec}
folder=${2:-$root/out/gpu}
mkdir -p "$folder"
for name in norm_gate_bf16 residual_norm_bf16 scan_step_f32 attention_bf16; do
  "$gatec" compile "$root/benchmarks/programs/$name.mlir" \
    --target=cpu,cuda:sm_90a --prefix="$name" -o "$folder/lib$name.so"
done
