# ===- scans.py - Linear scans as programs and as plain loops -------------=== #
#
# The loops are the recurrence as it is written, one token at a time, and share
# nothing with the compiler: in f64 they are the oracle, in f32 they have the
# error that a plain implementation in the program's types has.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from programs import NUMPY, Program, Tensor, op, wide

#: What the gates of a sequence are like: all 1, all 0 (a reset at every token),
#: weak and strong ones with exact 0 and 1 among them, or log-gates of one size.
GATES = ("open", "closed", "mixed", "weak", "ordinary", "strong")
SCALES = {"weak": 0.1, "ordinary": 1.0, "strong": 10.0}

#: Heads of query, key, value and decay.
HEADS = {
    "equal": (2, 2, 2, 2),
    "queries": (4, 2, 2, 2),
    "values": (1, 1, 4, 4),
    "all": (2, 4, 1, 2),
}

#: Updates, what they predict from, reads and axes of the decay. The value axis
#: needs a decay that differs along it.
FORMS = (
    "add",
    "delta",
    "delta_undecayed",
    "rank_one",
    "rank_one_undecayed",
    "bonus",
    "before",
    "delta_bonus",
    "columns",
    "columns_delta",
)

INFINITY = "0xFFF0000000000000"


@dataclass(frozen=True)
class Scan:
    """A program of one linear scan."""

    K: int
    V: int
    decay: str = "vector"
    type: str = "f32"
    reverse: bool = False
    initial: bool = False
    heads: str = "equal"
    #: The kind of gates of constant decay.
    constants: str = ""
    form: str = "add"

    @property
    def H(self) -> int:
        query, key, value, decay = HEADS[self.heads]
        return max(query, key, value, decay if self.decay != "none" else 1)

    @property
    def update(self) -> str:
        names = ("delta", "rank_one")
        return next((name for name in names if name in self.form), "add")

    @property
    def reads_before(self) -> bool:
        return "bonus" in self.form or self.form == "before"

    @property
    def decays_values(self) -> bool:
        return "columns" in self.form and self.decay == "vector"

    @property
    def predicts_undecayed(self) -> bool:
        return "undecayed" in self.form

    @property
    def scale(self) -> float:
        # Exact in f32, as all constants here.
        return float(np.float32(self.K**-0.5))

    @property
    def name(self) -> str:
        parts = [f"k{self.K}", f"v{self.V}", self.decay, self.constants, self.type]
        parts += ["reverse" * self.reverse, "initial" * self.initial, self.heads]
        parts += [self.form * (self.form != "add")]
        return "_".join(part for part in parts if part)

    @property
    def log_constants(self) -> list[float]:
        """A log-decay for every head."""
        values = {
            "open": (0.0, 0.0, 0.0, 0.0),
            "closed": (-math.inf,) * 4,
            "mixed": (0.0, -math.inf, -0.004, -3.0),
        }
        sizes = (-0.03, -1.3, -0.4, -0.7)
        chosen = values.get(self.constants)
        if chosen is None:
            chosen = tuple(size * SCALES[self.constants] for size in sizes)
        return [float(np.float32(value)) for value in chosen[: self.H]]

    @property
    def tensors(self) -> tuple[list[Tensor], list[Tensor]]:
        query, key, value, decay = HEADS[self.heads]
        time, state = ("B", "T"), ("B", self.H, self.K, self.V)
        inputs = [
            Tensor("q", (*time, query, self.K), self.type),
            Tensor("k", (*time, key, self.K), self.type),
            Tensor("v", (*time, value, self.V), self.type),
        ]
        accumulator = wide(self.type)
        if self.decay == "scalar":
            inputs.append(Tensor("g", (*time, decay), accumulator))
        if self.decay == "vector":
            width = self.V if self.decays_values else self.K
            inputs.append(Tensor("g", (*time, decay, width), accumulator))
        if self.initial:
            inputs.append(Tensor("s0", state, accumulator))
        if self.update == "delta":
            inputs.append(Tensor("beta", (*time, value), self.type))
        if self.update == "rank_one":
            inputs += [Tensor(n, (*time, key, self.K), self.type) for n in "ab"]
        if "bonus" in self.form:
            inputs.append(Tensor("u", (key, self.K), self.type))
        results = [
            Tensor("o", (*time, self.H, self.V), self.type),
            Tensor("last", state, accumulator),
        ]
        return inputs, results

    @property
    def program(self) -> Program:
        inputs, results = self.tensors
        head = "gate.linear_scan %q, %k, %v"
        head += " decay(%g)" * (self.decay in ("scalar", "vector"))
        head += " initial(%s0)" * self.initial
        head += " beta(%beta)" * (self.update == "delta")
        head += " transition(%a, %b)" * (self.update == "rank_one")
        head += " bonus(%u)" * ("bonus" in self.form)
        head += f" {{scale = {self.scale:.17e} : f64" + ", reverse" * self.reverse
        updates = {"delta": "delta", "rank_one": "diagonal_rank_one"}
        if self.update in updates:
            head += f", update = #gate.update<{updates[self.update]}>"
        if self.predicts_undecayed:
            head += ", prediction = #gate.prediction<undecayed>"
        if self.reads_before:
            head += ", read = #gate.read<before_with_bonus>"
        if self.decays_values:
            head += ", decay_axis = #gate.axis<value>"
        if self.decay == "constant":
            constants = [
                INFINITY if math.isinf(x) else f"{x:.17e}" for x in self.log_constants
            ]
            head += f", decay_constants = array<f64: {', '.join(constants)}>"
        return Program(
            self.name, tuple(inputs), tuple(results), op(results, head + "}", inputs)
        )


def make_gates(
    random: np.random.Generator, kind: str, shape: tuple[int, ...]
) -> np.ndarray:
    if kind in ("open", "closed"):
        return np.full(shape, 0.0 if kind == "open" else -math.inf)
    gates = -np.logaddexp(0, -random.standard_normal(shape))
    if kind != "mixed":
        return gates * SCALES[kind]
    gates *= random.choice((0.01, 0.1, 1.0, 10.0), shape)
    share = random.random(shape)
    gates[share < 0.2] = 0
    gates[share > 0.96] = -math.inf
    return gates


def make_inputs(
    scan: Scan, rows: Sequence[str], T: int, seed: int
) -> dict[str, np.ndarray]:
    """Seeded data; `rows` has the kind of gates of every batch element."""
    random = np.random.default_rng(seed)
    inputs = {}
    for tensor in scan.tensors[0]:
        sizes = [{"B": len(rows), "T": T}.get(s, s) for s in tensor.shape]
        if tensor.name == "g":
            value = np.stack([make_gates(random, row, sizes[1:]) for row in rows])
        elif tensor.name == "u":
            # No batch element has its own.
            value = np.random.default_rng(scan.K).standard_normal(sizes)
        else:
            value = random.standard_normal(sizes)
        if tensor.name == "beta":
            value = 1 / (1 + np.exp(-value))
        if tensor.name == "a" or (tensor.name == "k" and scan.update == "delta"):
            # A transition of at most 1, as the layers have it.
            value /= np.sqrt(np.sum(value**2, -1, keepdims=True) + 1e-6)
        if tensor.name == "b":
            value = -inputs["a"].astype(float) / (1 + np.exp(-value))
        inputs[tensor.name] = value.astype(NUMPY[tensor.type])
    return inputs


#: Inputs without time, and without batch and time.
WHOLE, SHARED = ("s0",), ("u",)


def head(inputs: Mapping[str, np.ndarray], rows: slice, times: slice):
    """These batch elements and tokens of all inputs."""

    def part(name: str, value: np.ndarray) -> np.ndarray:
        if name in SHARED:
            return value
        return np.ascontiguousarray(
            value[rows] if name in WHOLE else value[rows, times]
        )

    return {name: part(name, value) for name, value in inputs.items()}


def loop(
    scan: Scan,
    inputs: Mapping[str, np.ndarray],
    dtype: type[np.floating],
    lengths: Sequence[int] = (),
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Outputs of all tokens in `dtype`, and the states after these lengths.

    The first token of a reverse scan is the last one. Sums over K are in order.
    """
    order = slice(None, None, -1) if scan.reverse else slice(None)

    def rows_first(name: str) -> np.ndarray:
        """[B, T, Hx, N] as [T, N, B, H]."""
        x = inputs[name].astype(dtype)[:, order]
        return np.repeat(x, scan.H // x.shape[2], 2).transpose(1, 3, 0, 2).copy()

    q, k = rows_first("q")[..., None], rows_first("k")[..., None]
    v = rows_first("v").transpose(0, 2, 3, 1)
    if scan.update == "delta":
        beta = inputs["beta"].astype(dtype)[:, order]
        beta = np.repeat(beta, scan.H // beta.shape[2], 2)
        beta = beta.transpose(1, 0, 2)[..., None].copy()
    if scan.update == "rank_one":
        a, b = rows_first("a")[..., None], rows_first("b")[..., None]
    if "bonus" in scan.form:
        u = inputs["u"].astype(dtype)
        u = np.repeat(u, scan.H // u.shape[0], 0).T[:, None, :, None].copy()
    T, _, B, _ = q.shape[:4]
    decay = loop_decay(scan, inputs, dtype, order, T)
    state = np.zeros((scan.K, B, scan.H, scan.V), dtype)
    if "s0" in inputs:
        state += inputs["s0"].astype(dtype).transpose(2, 0, 1, 3)
    lengths = lengths or [T]
    states = {}
    outputs = np.empty((T, B, scan.H, scan.V), dtype)
    room = np.empty_like(state)
    for t in range(T + 1):
        if t in lengths:
            states[t] = state.transpose(1, 2, 0, 3).copy()
        if t == T:
            break
        if scan.reads_before:
            np.sum(np.multiply(state, q[t], out=room), 0, out=outputs[t])
            if "bonus" in scan.form:
                outputs[t] += np.sum(q[t] * (u * k[t]), 0) * v[t]
        added, reader = v[t], None
        if scan.update != "add":
            reader = k[t] if scan.update == "delta" else a[t]
        if scan.predicts_undecayed:
            predicted = np.sum(np.multiply(state, reader, out=room), 0)
        if decay is not None:
            state *= decay[t if scan.decay != "constant" else 0]
        if reader is not None and not scan.predicts_undecayed:
            predicted = np.sum(np.multiply(state, reader, out=room), 0)
        if scan.update == "delta":
            added = beta[t] * (v[t] - predicted)
        if scan.update == "rank_one":
            state += np.multiply(b[t], predicted, out=room)
        state += np.multiply(k[t], added, out=room)
        if not scan.reads_before:
            np.sum(np.multiply(state, q[t], out=room), 0, out=outputs[t])
    outputs *= dtype(scan.scale)
    return outputs.transpose(1, 0, 2, 3)[:, order], states


def loop_decay(
    scan: Scan,
    inputs: Mapping[str, np.ndarray],
    dtype: type[np.floating],
    order: slice,
    T: int,
) -> np.ndarray | None:
    """Factors as [T or 1, K or 1, B or 1, H, 1], of columns [T, 1, B, H, V]."""
    if scan.decay == "none":
        return None
    if scan.decay == "constant":
        constants = np.array(scan.log_constants).astype(dtype)
        return np.exp(constants)[None, None, None, :, None]
    g = inputs["g"].astype(dtype)[:, order]
    if scan.decay == "scalar":
        g = g[..., None]
    g = np.repeat(g, scan.H // g.shape[2], 2)
    if scan.decays_values:
        return np.exp(g).transpose(1, 0, 2, 3)[:, None].copy()
    return np.exp(g.transpose(1, 3, 0, 2))[..., None].copy()


def rounded(scan: Scan, outputs: np.ndarray) -> np.ndarray:
    """As the program stores them, in f64 for comparisons."""
    return outputs.astype(NUMPY[scan.type]).astype(np.float64)


@dataclass(frozen=True)
class Errors:
    """Against the oracle, in units of its RMS where that is not 0."""

    largest: float
    rms: float


def errors(value: np.ndarray, oracle: np.ndarray) -> Errors:
    if not oracle.size:
        return Errors(0, 0)
    difference = np.abs(value.astype(np.float64) - oracle)
    assert np.isfinite(oracle).all()
    scale = math.sqrt(np.mean(oracle**2)) or 1.0
    return Errors(
        float(difference.max()) / scale,
        math.sqrt(np.mean(difference**2)) / scale,
    )


def expect_bound(
    what: str, value: np.ndarray, plain: np.ndarray, oracle: np.ndarray
) -> None:
    """Twice the error of a plain loop in the same types, and a little more."""
    slack = 2.0**-22
    assert value.shape == oracle.shape
    assert np.isfinite(value.astype(np.float64)).all(), f"{what} is not finite"
    fast, loops = errors(value, oracle), errors(plain, oracle)
    text = f"{what}: {fast}, plain loop: {loops}"
    assert fast.largest <= 2 * loops.largest + slack, text
    assert fast.rms <= 2 * loops.rms + slack, text


__all__ = [
    "FORMS",
    "GATES",
    "HEADS",
    "Scan",
    "expect_bound",
    "head",
    "loop",
    "make_gates",
    "make_inputs",
    "replace",
    "rounded",
]
