# ===- attention.py - Softmax attention as programs and as plain loops ----=== #
#
# The loops are the equation as it is written, key by key, and share nothing with
# the compiler: in f64 they are the oracle, in f32 they have the error that a
# plain implementation in the program's types has.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from programs import NUMPY, Program, Tensor, op, wide
from scans import make_gates


@dataclass(frozen=True)
class Attention:
    """A program of one attention, of B sequences, T queries and S keys."""

    K: int
    V: int
    #: Heads of queries, and of keys and values.
    heads: tuple[int, int] = (2, 2)
    type: str = "f32"
    causal: bool = False
    window: int = 0
    lengths: str = ""
    log_gate: bool = False
    sinks: bool = False

    @property
    def scale(self) -> float:
        # Exact in f32.
        return float(np.float32(self.K**-0.5))

    @property
    def name(self) -> str:
        parts = [f"k{self.K}", f"v{self.V}", f"h{self.heads[0]}", f"g{self.heads[1]}"]
        parts += [self.type, "causal" * self.causal]
        parts += [f"window{self.window}" if self.window else "", self.lengths]
        parts += ["gated" * self.log_gate, "sinks" * self.sinks]
        return "attention_" + "_".join(part for part in parts if part)

    @property
    def tensors(self) -> tuple[list[Tensor], Tensor]:
        query, key = self.heads
        inputs = [
            Tensor("q", ("B", "T", query, self.K), self.type),
            Tensor("k", ("B", "S", key, self.K), self.type),
            Tensor("v", ("B", "S", key, self.V), self.type),
        ]
        if self.lengths:
            inputs.append(Tensor("n", ("B",), self.lengths))
        if self.log_gate:
            inputs.append(Tensor("g", ("B", "S", query), wide(self.type)))
        if self.sinks:
            inputs.append(Tensor("s", (query,), wide(self.type)))
        return inputs, Tensor("o", ("B", "T", query, self.V), self.type)

    @property
    def program(self) -> Program:
        inputs, result = self.tensors
        head = "gate.attention %q, %k, %v"
        head += " lengths(%n)" * bool(self.lengths)
        head += " log_gate(%g)" * self.log_gate + " sinks(%s)" * self.sinks
        head += f" {{scale = {self.scale:.17e} : f64" + ", causal" * self.causal
        head += f", window = {self.window} : i64" if self.window else ""
        return Program(
            self.name, tuple(inputs), (result,), op([result], head + "}", inputs)
        )


def make_inputs(
    attention: Attention, B: int, T: int, S: int, gates: str, seed: int
) -> dict[str, np.ndarray]:
    """Seeded data; lengths are from 0 to more keys than there are."""
    random = np.random.default_rng(seed)
    inputs = {}
    for tensor in attention.tensors[0]:
        sizes = [{"B": B, "T": T, "S": S}.get(s, s) for s in tensor.shape]
        if tensor.name == "g":
            value = make_gates(random, gates, tuple(sizes))
        elif tensor.name == "n":
            value = random.integers(0, S + 2, sizes)
            value[:2] = (S, 0)[: len(value)]
        else:
            value = random.standard_normal(sizes)
        inputs[tensor.name] = value.astype(NUMPY[tensor.type])
    return inputs


def loop(
    attention: Attention, inputs: Mapping[str, np.ndarray], dtype: type[np.floating]
) -> np.ndarray:
    """The result in `dtype`. Sums over widths and keys are in order."""
    each = attention.heads[0] // attention.heads[1]
    # [B, H, T or S, width].
    q, k, v = (inputs[n].astype(dtype).transpose(0, 2, 1, 3) for n in "qkv")
    k, v = np.repeat(k, each, 1), np.repeat(v, each, 1)
    B, H, T, _ = q.shape
    result = np.zeros((B, T, H, attention.V), dtype)
    sinks = inputs["s"].astype(dtype)[:, None] if attention.sinks else None
    for b in range(B):
        n = k.shape[2]
        if attention.lengths:
            n = min(max(int(inputs["n"][b]), 0), n)
        if n == 0:
            continue
        score = np.zeros((H, T, n), dtype)
        for i in range(attention.K):
            score += q[b, :, :, None, i] * k[b, :, None, :n, i]
        score *= dtype(attention.scale)
        position, key = np.arange(T)[:, None] + n - T, np.arange(n)
        if attention.log_gate:
            score += gate_sums(inputs["g"][b, :n].astype(dtype), position)
        kept = np.ones((T, n), bool)
        if attention.causal:
            kept &= key <= position
        if attention.window:
            kept &= abs(position - key) < attention.window
        score = np.where(kept, score, -np.inf).astype(dtype)
        most = score.max(-1, keepdims=True)
        if sinks is not None:
            most = np.maximum(most, sinks[:, :, None])
        most = np.where(np.isinf(most), 0, most).astype(dtype)
        weights = np.exp(score - most)
        total = np.zeros((H, T, 1), dtype)
        if sinks is not None:
            total += np.exp(sinks[:, :, None] - most)
        sums = np.zeros((H, T, attention.V), dtype)
        for j in range(n):
            total += weights[:, :, j, None]
            sums += weights[:, :, j, None] * v[b, :, None, j]
        rows = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
        result[b] = rows.transpose(1, 0, 2)
    return result


def gate_sums(gates: np.ndarray, position: np.ndarray) -> np.ndarray:
    """[H, T, n]: for every key the gates after it through the query, from there."""
    n, H = gates.shape
    sums = np.zeros((H, len(position), n), gates.dtype)
    running = np.zeros(sums.shape[:2], gates.dtype)
    for j in range(n - 1, -1, -1):
        sums[:, :, j] = running
        running += np.where(j <= position[:, 0], gates[j][:, None], 0)
    return sums


__all__ = ["Attention", "loop", "make_inputs"]
