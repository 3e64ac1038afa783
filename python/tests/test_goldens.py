# ===- test_goldens.py - Known results of every op and of a layer ---------=== #
#
# The numbers come from plain loops over the papers' formulas; other cases are
# compared with the NumPy formula beside them. Every case runs through a compiled
# library in four storage types and through `gatec run --reference`.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import golden_programs as programs
import numpy as np
import pytest
from programs import NUMPY, Functions, Program, call, run_reference

TYPES = ("f64", "f32", "bf16", "f16")
#: Of the largest error; relative to the RMS of the result but for f64.
TOLERANCE = {"f64": 1e-8, "f32": 2e-5, "bf16": 2e-2, "f16": 2e-2}


def fill(start: float, shape: tuple[int, ...], scale: float = 1) -> np.ndarray:
    """scale * sin(start + 0.37 n), n = 0, 1, 2, ... in row-major order."""
    return scale * np.sin(start + 0.37 * np.arange(math.prod(shape))).reshape(shape)


def numbers(text: str) -> np.ndarray:
    return np.array([[float(x) for x in row.split()] for row in text.split("|")])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0, -x)


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda x: x,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(0, x),
    "log_sigmoid": log_sigmoid,
}


Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    build: Callable[[str], Program]
    inputs: Arrays
    #: Outputs as a function of the inputs as they are stored.
    formula: Callable[..., Arrays]


CASES: dict[str, Case] = {}


def add(
    build: Callable[[str], Program], inputs: Arrays, formula: Callable[..., Arrays]
) -> None:
    name = build("f32").name
    assert name not in CASES
    CASES[name] = Case(build, inputs, formula)


def add_known(
    build: Callable[[str], Program], inputs: Arrays, **expected: np.ndarray
) -> None:
    """Numbers that were computed elsewhere, from inputs in f64."""
    add(build, inputs, lambda **_: expected)


# ===----------------------------------------------------------------------=== #
# Recurrences: S_t = diag(exp(g_t)) S_{t-1} + k_t v_t^T, o_t = K^-1/2 S_t^T q_t
# ===----------------------------------------------------------------------=== #

# Gated linear attention, arXiv 2312.06635 section 4.
add_known(
    programs.gla,
    {
        "q": fill(0.1, (1, 5, 1, 3)),
        "k": fill(0.2, (1, 5, 1, 3)),
        "v": fill(0.3, (1, 5, 1, 2)),
        "g": log_sigmoid(fill(0.4, (1, 5, 1, 3), 2)),
        "s0": fill(0.5, (1, 1, 3, 2), 0.5),
    },
    o=numbers(
        """0.425839331 0.561624676 | 2.012484307 2.461851402 |
        0.891005576 0.968240575 | 0.287438968 0.019343156 |
        -0.117608382 -0.705062615"""
    ).reshape(1, 5, 1, 2),
    last=numbers(
        "0.133058418 0.501463040 | 0.080364553 0.452656022 | -0.007332925 0.336019373"
    ).reshape(1, 1, 3, 2),
)

Q, K, V = (fill(start, (1, 4, 1, 2)) for start in (0.1, 0.2, 0.3))
SCALAR_GATE = log_sigmoid(fill(0.4, (1, 4, 1), 2))
VECTOR_GATE = log_sigmoid(fill(0.4, (1, 4, 1, 2), 2))

# Retention, arXiv 2307.08621: head 0, decay 1 - 2^-5, no rotary embedding.
add_known(
    programs.retnet,
    {"q": Q, "k": K, "v": V},
    o=numbers(
        """0.055213769 0.116022444 | 1.050116772 1.328391629 |
        2.402263089 2.517409836 | 1.660355553 1.566498540"""
    ).reshape(1, 4, 1, 2),
)

# One gate per token and head: arXiv 2405.21060 without its other parts.
add_known(
    programs.simple_gla,
    {"q": Q, "k": K, "v": V, "g": SCALAR_GATE},
    o=numbers(
        """0.055213769 0.116022444 | 1.027226544 1.280291667 |
        2.252946853 2.311593968 | 1.456254026 1.329537818"""
    ).reshape(1, 4, 1, 2),
)

# HGRN2, arXiv 2404.07904: keys are 1 - exp(g).
add_known(
    programs.hgrn2,
    {"q": Q, "v": V, "g": VECTOR_GATE},
    o=numbers(
        """0.014960468 0.031436906 | 0.145191841 0.217042013 |
        0.296194106 0.350591360 | 0.210368356 0.174906953"""
    ).reshape(1, 4, 1, 2),
)


def linear_attention(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> Arrays:
    """o_t = K^-1/2 sum_{j <= t} (q_t . k_j) v_j of one head, and sum k_j v_j^T."""
    scores = np.tril(q[0, :, 0] @ k[0, :, 0].T) * q.shape[-1] ** -0.5
    return {
        "o": (scores @ v[0, :, 0])[None, :, None],
        "last": (k[0, :, 0].T @ v[0, :, 0])[None, None],
    }


# Linear attention without a feature map, arXiv 2006.16236.
add(programs.linear_attention, {"q": Q, "k": K, "v": V}, linear_attention)

BETA = sigmoid(fill(0.5, (1, 4, 1)))

# DeltaNet, arXiv 2406.06484; with a gate per token, 2412.06464; with one per key,
# 2510.26692. Queries and keys have length 1.
add_known(
    programs.delta_net,
    {"q": Q, "k": K, "v": V, "beta": BETA},
    o=numbers(
        """0.127870418 0.268698167 | 0.455589587 0.559388151 |
        0.624315153 0.580069310 | 0.470038119 0.284854283"""
    ).reshape(1, 4, 1, 2),
)
add_known(
    programs.gated_delta_net,
    {"q": Q, "k": K, "v": V, "g": SCALAR_GATE, "beta": BETA},
    o=numbers(
        """0.127870418 0.268698167 | 0.447699586 0.542808640 |
        0.604983331 0.555002060 | 0.445428040 0.260689154"""
    ).reshape(1, 4, 1, 2),
)
add_known(
    programs.kda,
    {"q": Q, "k": K, "v": V, "g": VECTOR_GATE, "beta": BETA},
    o=numbers(
        """0.127870418 0.268698167 | 0.450682432 0.549076591 |
        0.603556498 0.553608003 | 0.408064051 0.225472172"""
    ).reshape(1, 4, 1, 2),
)

# RWKV-6, arXiv 2404.05892: the state before the token, and a bonus for its own.
add_known(
    programs.rwkv6,
    {"q": Q, "k": K, "v": V, "g": VECTOR_GATE, "u": fill(0.6, (1, 2))},
    o=numbers(
        """0.044466454 0.093438771 | 0.798198760 1.044127171 |
        2.026253513 2.193481475 | 1.519582027 1.455117613"""
    ).reshape(1, 4, 1, 2),
)

# RWKV-7, arXiv 2503.14456: a transition that reads the state before its decay.
UNIT_K = K / np.sqrt(np.sum(K**2, -1, keepdims=True) + 1e-6)
add_known(
    programs.rwkv7,
    {
        "q": Q,
        "k": K,
        "v": V,
        "g": -0.6065306597126334 * sigmoid(fill(0.4, (1, 4, 1, 2), 2)),
        "a": UNIT_K,
        "b": -UNIT_K * sigmoid(fill(0.7, (1, 4, 1, 2))),
    },
    o=numbers(
        """0.078084061 0.164080514 | 1.272550347 1.432014442 |
        1.682775113 1.415243356 | 0.516252123 0.283107050"""
    ).reshape(1, 4, 1, 2),
)

# Gated slot attention, arXiv 2409.07146: keys decay by slot, which is a column
# of the first state and a row of the second.
SLOT_GATE = log_sigmoid(fill(1.0, (1, 4, 1, 3), 2)) / 8
add_known(
    programs.gsa,
    {"q": Q, "k": K, "v": V, "w": 1 - np.exp(SLOT_GATE), "g": SLOT_GATE},
    o=numbers(
        """0.005278891 0.011092701 | 0.035889458 0.045946325 |
        0.171803217 0.160081830 | 0.262864319 0.178672346"""
    ).reshape(1, 4, 1, 2),
)

# Mamba-2, arXiv 2405.21060: one head with P = 2 and N = 3.
MAMBA_X, MAMBA_DELTA = fill(0.1, (1, 4, 1, 2)), np.logaddexp(0, fill(0.2, (1, 4, 1)))
add_known(
    programs.mamba2,
    {
        "c": fill(0.5, (1, 4, 1, 3)),
        "b": fill(0.4, (1, 4, 1, 3)),
        "x": MAMBA_X * MAMBA_DELTA[..., None],
        "skip": 0.6 * MAMBA_X,
        "g": -np.exp(0.3) * MAMBA_DELTA,
    },
    y=numbers(
        """0.185532828 0.841654792 | 2.285141745 2.984704728 |
        0.960914098 0.901981868 | 2.242545445 1.275924835"""
    ).reshape(1, 4, 1, 2),
)

# Mamba-1, arXiv 2312.00752, D = 2 and N = 3: any step, token by token.
add_known(
    programs.mamba1,
    {
        "x": fill(0.1, (1, 4, 2)),
        "delta": np.logaddexp(0, fill(0.2, (1, 4, 2))),
        "b": fill(0.4, (1, 4, 3)),
        "c": fill(0.5, (1, 4, 3)),
        "a": -np.exp(fill(0.3, (2, 3), 0.5)),
        "skip": fill(0.6, (2,)),
        "h": np.zeros((1, 2, 3)),
    },
    y=numbers(
        """0.182002966 1.087534841 | 2.571075469 3.793349723 |
        0.987995573 1.113082535 | 1.825624994 0.984023379"""
    ).reshape(1, 4, 2),
)

# mLSTM, arXiv 2405.04517: K = V = 2, the maximum starts at 0.
add_known(
    programs.mlstm,
    {
        "q": Q[:, :, 0],
        "k": K[:, :, 0],
        "v": V[:, :, 0],
        "i": fill(0.8, (1, 4)),
        "f": fill(0.9, (1, 4), 2),
        "s": np.zeros((1, 2, 2)),
        "n": np.zeros((1, 2)),
        "m": np.zeros((1,)),
    },
    y=numbers(
        """0.113133258 0.237730505 | 0.728841179 0.900839966 |
        0.857168502 0.870406756 | 0.795535142 0.720089774"""
    ).reshape(1, 4, 2),
)

# minGRU, arXiv 2410.01201: candidates c + 0.5 from 0 on, else sigmoid(c).
CANDIDATES = fill(0.1, (1, 4, 2), 2)
add_known(
    programs.min_gru,
    {
        "z": sigmoid(fill(0.2, (1, 4, 2), 2)),
        "c": np.where(CANDIDATES >= 0, CANDIDATES + 0.5, sigmoid(CANDIDATES)),
        "h": np.zeros((1, 2)),
    },
    y=numbers(
        """0.418434404 1.049204959 | 1.728714111 2.204010786 |
        2.407016816 2.335609488 | 2.057675794 1.694668859"""
    ).reshape(1, 4, 2),
)

# ===----------------------------------------------------------------------=== #
# The layer of gated linear attention, arXiv 2312.06635 section 4.4
# ===----------------------------------------------------------------------=== #

LAYER_INPUTS = {
    "x": fill(0.1, (1, 4, 8)),
    "wq": fill(0.2, (4, 8), 0.5),
    "wk": fill(0.3, (4, 8), 0.5),
    "wv": fill(0.4, (8, 8), 0.5),
    "a1": fill(0.5, (2, 8), 0.5),
    "a2": fill(0.6, (4, 2), 0.5),
    "b": fill(0.7, (4,), 0.5),
    "wr": fill(0.8, (8, 8), 0.5),
    "wo": fill(0.9, (8, 8), 0.5),
    "weight": np.ones(4),
}
LAYER_ROWS = {
    0: numbers(
        """2.472187149 -2.695424736 2.830022272 -2.871553468
        2.818652554 -2.673059197 2.439561288 -2.125837495"""
    ).ravel(),
    3: numbers(
        """1.449202298 -1.763519491 2.019842686 -2.209742599
        2.326974300 -2.367682582 2.330528736 -2.216734582"""
    ).ravel(),
}
LAYER_SUM, LAYER_SQUARES = -0.524646656, 182.872499668

# ===----------------------------------------------------------------------=== #
# Norms
# ===----------------------------------------------------------------------=== #


def normalise(
    x: np.ndarray, kind: str, axes: tuple[int, ...], epsilon: float, groups: int = 1
) -> np.ndarray:
    if kind == "rms":
        return x / np.sqrt(np.mean(x**2, axes, keepdims=True) + epsilon)
    if kind == "l2":
        return x / np.sqrt(np.sum(x**2, axes, keepdims=True) + epsilon)
    if kind == "group":
        parts = np.split(x, groups, axes[0])
        return np.concatenate(
            [normalise(part, "layer", axes, epsilon) for part in parts], axes[0]
        )
    mean = x.mean(axes, keepdims=True)
    variance = np.mean((x - mean) ** 2, axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + epsilon)


def add_norm(
    name: str,
    kind: str,
    axes: tuple[int, ...],
    *,
    weight: bool = False,
    bias: bool = False,
    groups: int = 1,
    epsilon: float = 1e-5,
    offset: float = 0,
) -> None:
    x = fill(0.1, (2, 4, 3, 8), 2) + offset
    shape = tuple(x.shape[axis] for axis in axes)
    given = {"w": 1 + fill(0.2, shape, 0.5)} if weight else {}
    given |= {"b": fill(0.3, shape, 0.5)} if bias else {}
    along = [x.shape[axis] if axis in axes else 1 for axis in range(4)]

    def formula(
        x: np.ndarray, w: np.ndarray | None = None, b: np.ndarray | None = None
    ):
        y = normalise(x, kind, axes, epsilon, groups)
        y = y if w is None else y * w.reshape(along)
        return {"y": y if b is None else y + b.reshape(along)}

    build = functools.partial(
        programs.norm, name, kind=kind, axes=axes, epsilon=epsilon,
        weight=weight, bias=bias, groups=groups,
    )  # fmt: skip
    add(build, {"x": x, **given}, formula)


for _kind in ("rms", "layer", "l2"):
    add_norm(f"{_kind}_plain", _kind, (3,))
    add_norm(f"{_kind}_weight", _kind, (3,), weight=True, epsilon=1e-2)
    add_norm(f"{_kind}_bias", _kind, (3,), bias=True)
    add_norm(f"{_kind}_both", _kind, (3,), weight=True, bias=True)
    add_norm(f"{_kind}_two_axes", _kind, (2, 3), weight=True, bias=True)
    add_norm(f"{_kind}_outer_axis", _kind, (2,), weight=True)
add_norm("layer_offset", "layer", (3,), offset=4)
add_norm("group_one", "group", (3,), weight=True, bias=True)
add_norm("group_two", "group", (3,), groups=2)
add_norm("group_four", "group", (3,), weight=True, bias=True, groups=4)
add_norm("group_outer_axis", "group", (2,), weight=True, groups=1)

# ===----------------------------------------------------------------------=== #
# Gated attention, arXiv 2505.06708: 4 heads of width 4 on 2 of keys and values
# ===----------------------------------------------------------------------=== #


def rotate(x: np.ndarray) -> np.ndarray:
    """Pairs of channels i and i + 2, by an angle of t 10000^(-i / 2)."""
    angle = np.arange(x.shape[1])[:, None, None] * 10000.0 ** (-np.arange(2) / 2)
    low, high = x[..., :2], x[..., 2:]
    return np.concatenate(
        [low * np.cos(angle) - high * np.sin(angle),
         high * np.cos(angle) + low * np.sin(angle)], -1,
    )  # fmt: skip


def attention_inputs(gate: int) -> dict[str, np.ndarray]:
    """What the layer projects, normalises and rotates; per head of keys the
    queries of two heads are followed by their gates."""
    x = fill(0.1, (3, 8))
    rows = (x @ fill(0.2, (2 * (8 + 2 * gate), 8), 0.5).T).reshape(1, 3, 2, -1)
    heads = {"q": rows[..., :8].reshape(1, 3, 4, 4)}
    heads["k"] = (x @ fill(0.3, (8, 8), 0.5).T).reshape(1, 3, 2, 4)
    given = {
        name: rotate(normalise(head, "rms", (3,), 1e-6)) for name, head in heads.items()
    }
    given["v"] = (x @ fill(0.4, (8, 8), 0.5).T).reshape(1, 3, 2, 4)
    given["g"] = rows[..., 8:].reshape(1, 3, 4, gate)
    return given | {"w": fill(0.5, (8, 16), 0.5)}


def gated_attention(
    q: np.ndarray, k: np.ndarray, v: np.ndarray, g: np.ndarray, w: np.ndarray
) -> Arrays:
    k, v = np.repeat(k, 2, 2), np.repeat(v, 2, 2)
    scores = np.einsum("bihd,bjhd->bhij", q, k) / 2
    scores = np.where(np.tri(q.shape[1], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    o = np.einsum("bhij,bjhd->bihd", weights, v) * sigmoid(g)
    return {"y": o.reshape(*o.shape[:2], 16) @ w.T}


#: Rows 0 and 2 of the layer's result, its sum and its sum of squares.
GATED_ATTENTION = {
    "elementwise": (
        """-1.207330985 -1.836728022 -2.226505432 -2.325812838 -2.121694589
        -1.640779962 -0.945809103 -0.127447943""",
        """-0.077001803 -0.476435460 -0.813713323 -1.044834107 -1.139645784
        -1.085779217 -0.890261841 -0.578600863""",
        -16.781479620, 31.270088841,
    ),
    "headwise": (
        """-0.354591830 -0.435621584 -0.459820125 -0.424030511 -0.332921856
        -0.198380199 -0.037957853 0.127416477""",
        """0.141803636 -0.094758015 -0.318957530 -0.501545830 -0.618702438
        -0.655143095 -0.606113754 -0.478010782""",
        -1.364251511, 5.241649354,
    ),
}  # fmt: skip

GATE_WIDTH = {"elementwise": 4, "headwise": 1}
for _name, _width in GATE_WIDTH.items():
    add(
        functools.partial(programs.gated_attention, f"attention_{_name}", gate=_width),
        attention_inputs(_width),
        gated_attention,
    )

# ===----------------------------------------------------------------------=== #
# Gates
# ===----------------------------------------------------------------------=== #


def add_glu(activation: str) -> None:
    g, x = fill(0.1, (2, 7, 5), 3), fill(0.2, (2, 7, 5))
    build = functools.partial(programs.glu, activation=activation)
    add(build, {"g": g, "x": x}, lambda g, x: {"y": ACTIVATIONS[activation](g) * x})


def add_apply(
    name: str, shape: tuple[int | str, ...], sizes: tuple[int, ...], activation: str
) -> None:
    x, g = fill(0.1, (2, 7, 3, 4)), fill(0.2, sizes, 2)
    build = functools.partial(programs.apply, name, shape=shape, activation=activation)
    add(build, {"x": x, "g": g}, lambda x, g: {"y": x * ACTIVATIONS[activation](g)})


def add_blend(
    name: str, shape: tuple[int | str, ...], sizes: tuple[int, ...], activation: str
) -> None:
    g = fill(0.1, sizes, 2)
    on, off = fill(0.2, (2, 7, 3, 4)), fill(0.3, (2, 7, 3, 4), 0.5)
    build = functools.partial(programs.blend, name, shape=shape, activation=activation)

    def formula(g: np.ndarray, on: np.ndarray, off: np.ndarray) -> Arrays:
        z = ACTIVATIONS[activation](g)
        return {"y": z * on + (1 - z) * off}

    add(build, {"g": g, "on": on, "off": off}, formula)


SHAPES = {
    "whole": (("B", "T", 3, 4), (2, 7, 3, 4)),
    "head": (("B", "T", 3, 1), (2, 7, 3, 1)),
    "token": (("B", "T", 1, 1), (2, 7, 1, 1)),
    "channel": ((1, 1, 3, 4), (1, 1, 3, 4)),
    "batch": (("B", 1, 1, 4), (2, 1, 1, 4)),
    "one": ((1, 1, 1, 1), (1, 1, 1, 1)),
}
for _activation in ACTIVATIONS:
    add_glu(_activation)
for (_name, (_shape, _sizes)), _activation in zip(
    SHAPES.items(),
    ("sigmoid", "silu", "tanh", "gelu", "softplus", "log_sigmoid"),
    strict=True,
):
    add_apply(f"apply_{_name}", _shape, _sizes, _activation)
for (_name, (_shape, _sizes)), _activation in zip(
    SHAPES.items(),
    ("sigmoid", "identity", "tanh", "relu", "sigmoid", "sigmoid"),
    strict=True,
):
    add_blend(f"blend_{_name}", _shape, _sizes, _activation)

# ===----------------------------------------------------------------------=== #
# Short convolution, gather
# ===----------------------------------------------------------------------=== #


def add_short_conv(
    name: str, T: int, taps: int, activation: str, bias: bool, initial: bool
) -> None:
    x, w = fill(0.1, (2, T, 5)), fill(0.2, (5, taps))
    given = {"b": fill(0.3, (5,))} if bias else {}
    given |= {"s0": fill(0.4, (2, taps - 1, 5))} if initial else {}

    def formula(x: np.ndarray, w: np.ndarray, b: float | np.ndarray = 0, s0=None):
        before = np.zeros((2, taps - 1, 5)) if s0 is None else s0
        padded = np.concatenate([before, x], 1)
        y = b + sum(padded[:, tap : tap + T] * w[:, tap] for tap in range(taps))
        return {"y": ACTIVATIONS[activation](y), "last": padded[:, T:]}

    build = functools.partial(
        programs.short_conv, name, taps=taps, activation=activation, bias=bias,
        initial=initial,
    )  # fmt: skip
    add(build, {"x": x, "w": w, **given}, formula)


add_short_conv("conv_fresh", 9, 4, "silu", bias=False, initial=False)
add_short_conv("conv_carried", 9, 4, "silu", bias=True, initial=True)
add_short_conv("conv_few_tokens", 2, 4, "identity", bias=True, initial=True)
add_short_conv("conv_few_tokens_fresh", 1, 4, "identity", bias=False, initial=False)
add_short_conv("conv_no_tokens", 0, 4, "identity", bias=False, initial=True)
add_short_conv("conv_two_taps", 9, 2, "sigmoid", bias=False, initial=True)


def add_gather(name: str, index: str) -> None:
    table = fill(0.1, (7, 5))
    ids = np.array([[0, 6, 3, 3], [1, 5, 2, 4], [6, 6, 0, 0]], NUMPY[index])
    build = functools.partial(programs.gather, name, index=index)
    add(build, {"table": table, "ids": ids}, lambda table, ids: {"y": table[ids]})


add_gather("gather_32", "i32")
add_gather("gather_64", "i64")

# ===----------------------------------------------------------------------=== #
# The tests
# ===----------------------------------------------------------------------=== #


def build(name: str, type: str) -> Program:
    return programs.gla_layer(type) if name == "gla_layer" else CASES[name].build(type)


#: Programs in a module.
SIZE = 10
MODULE = {name: i // SIZE * SIZE for i, name in enumerate([*CASES, "gla_layer"])}


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """A compiled function for every storage type and name."""
    names = [*CASES, "gla_layer"]
    modules = {
        f"{type}_{start}": [build(name, type) for name in names[start : start + SIZE]]
        for start in range(0, len(names), SIZE)
        for type in TYPES
    }
    folder = tmp_path_factory.mktemp("goldens")
    with Functions(folder, modules, programs.PREAMBLE) as functions:
        yield functions


def stored(program: Program, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Inputs in the types of the program."""
    return {t.name: inputs[t.name].astype(NUMPY[t.type]) for t in program.inputs}


def run(
    path: str, program: Program, given: Arrays, type: str, functions: Functions, folder
) -> dict[str, np.ndarray]:
    if path == "library":
        results = call(
            functions[f"{type}_{MODULE[program.name]}", program.name], program, given
        )
    else:
        results = run_reference(folder, program, given, programs.PREAMBLE)
    return {key: value.astype(np.float64) for key, value in results.items()}


def expect(actual: np.ndarray, expected: np.ndarray, type: str, rms: float) -> None:
    assert actual.shape == expected.shape
    scale = 1 if type == "f64" else rms
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[type] * scale)


def rms(x: np.ndarray) -> float:
    return float(np.sqrt(np.mean(x**2))) if x.size else 0.0


@pytest.mark.parametrize("path", ["library", "reference"])
@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("name", CASES)
def test_golden(name, type, path, functions, tmp_path):
    case = CASES[name]
    program = case.build(type)
    given = stored(program, case.inputs)
    exact = {k: v if v.dtype.kind == "i" else v.astype(float) for k, v in given.items()}
    results = run(path, program, given, type, functions, tmp_path)
    for output, expected in case.formula(**exact).items():
        expect(results[output], expected, type, rms(expected))


@pytest.mark.parametrize("path", ["library", "reference"])
@pytest.mark.parametrize("type", TYPES)
def test_gla_layer(type, path, functions, tmp_path):
    program = programs.gla_layer(type)
    given = stored(program, LAYER_INPUTS)
    y = run(path, program, given, type, functions, tmp_path)["y"][0]
    size = math.sqrt(LAYER_SQUARES / y.size)
    for row, expected in LAYER_ROWS.items():
        expect(y[row], expected, type, size)
    if type == "f64":
        # Sums of numbers that are each within 1e-8.
        assert abs(y.sum() - LAYER_SUM) < 1e-8 * y.size
        assert abs(np.sum(y**2) - LAYER_SQUARES) < 1e-8 * 2 * np.abs(y).sum()


@pytest.mark.parametrize("name", GATED_ATTENTION)
def test_gated_attention_formula(name):
    """The formula above gives the numbers that are known of it."""
    first, last, total, squares = GATED_ATTENTION[name]
    y = gated_attention(**attention_inputs(GATE_WIDTH[name]))["y"][0]
    np.testing.assert_allclose(y[0], numbers(first)[0], atol=1e-8)
    np.testing.assert_allclose(y[2], numbers(last)[0], atol=1e-8)
    assert abs(y.sum() - total) < 1e-8 * y.size
    assert abs(np.sum(y**2) - squares) < 1e-8 * 2 * np.abs(y).sum()


def test_linear_attention_loop():
    """The formula above is the token loop, which the recurrences are."""
    state, rows = np.zeros((2, 2)), []
    for q, k, v in zip(Q[0, :, 0], K[0, :, 0], V[0, :, 0], strict=True):
        state += np.outer(k, v)
        rows.append(state.T @ q / math.sqrt(2))
    expected = linear_attention(Q, K, V)
    np.testing.assert_allclose(np.stack(rows), expected["o"][0, :, 0], atol=1e-14)
    np.testing.assert_allclose(state, expected["last"][0, 0], atol=1e-14)
