# ===- test_laws.py - The bound and the laws of linear scans --------------=== #
#
# Compiled scans against a token loop in f64 over a covering set of sizes, gates,
# decays and types; then the laws that hold bit for bit or within the bound.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC.

With GATE_FULL=1 every length, width, decay, kind of gates and type meets every
other one; that takes one to two hours.
"""

import functools
import itertools
import os
import zlib
from dataclasses import replace

import covering
import numpy as np
import pytest
import scans
from programs import (
    NUMPY,
    Functions,
    Program,
    call,
    compile_library,
    run_reference,
)
from scans import FORMS, GATES, HEADS, Scan, expect_bound, loop, make_inputs, rounded

import gate

FACTORS = {
    "T": (0, 1, 2, 63, 64, 65, 127, 1000, 4096),
    "K": (1, 3, 16, 60, 64, 100, 128, 256),
    "V": (1, 3, 16, 60, 64, 100, 128, 256),
    "decay": ("none", "constant", "scalar", "vector"),
    "gates": GATES,
    "type": ("f32", "bf16", "f16"),
    "reverse": (False, True),
    "initial": (False, True),
    "heads": tuple(HEADS),
    "form": FORMS,
}
#: Cases of these factors share a program; so do lengths and, mostly, gates.
STATIC = ("K", "V", "decay", "type", "reverse", "initial", "heads", "form")
IS_FULL = os.environ.get("GATE_FULL") == "1"


def scan_of(case: covering.Case) -> Scan:
    constants = case["gates"] if case["decay"] == "constant" else ""
    return Scan(**{name: case[name] for name in STATIC}, constants=constants)


def choose(cases: list[covering.Case], wanted: covering.Case) -> covering.Case:
    """A case whose program can be used with other lengths and gates."""
    program = {name: wanted[name] for name in ("decay", "type") if name in wanted}
    if wanted["decay"] == "constant":
        program["gates"] = wanted["gates"]
    fits = [case for case in cases if case.items() >= program.items()]
    fits = fits or [case for case in cases if case["decay"] == wanted["decay"]]
    # Rounded outputs hide small errors, and long cases of wide states are slow.
    fits = [case for case in fits if case["type"] == "f32"] or fits
    if wanted.get("T", 0) >= 1000:
        fits.sort(key=lambda case: case["K"] * case["V"])
        fits = fits[: 1 + len(fits) // 2]
    return fits[len(cases) % len(fits)]


def covering_cases() -> list[covering.Case]:
    cases = covering.pairwise(FACTORS)
    covering.add_triples(cases, FACTORS, ("decay", "gates", "type"), choose)
    covering.add_triples(cases, FACTORS, ("T", "decay", "gates"), choose)
    return cases


def all_cases() -> list[covering.Case]:
    product = itertools.product(*(FACTORS[n] for n in list(FACTORS)[:6]))
    cases = []
    for values in product:
        case = dict(zip(FACTORS, values, strict=False))
        turn = zlib.crc32(repr(values[1:4] + values[5:]).encode())
        case |= {"reverse": bool(turn & 1), "initial": bool(turn & 2)}
        case |= {"heads": FACTORS["heads"][turn // 4 % 4]}
        cases.append(case | {"form": FORMS[turn // 16 % len(FORMS)]})
    return cases


CASES = all_cases() if IS_FULL else covering_cases()
# Neighbours share programs and loops.
CASES.sort(key=lambda case: (scan_of(case).name, case["gates"], case["T"]))
LENGTHS: dict[tuple[Scan, str], list[int]] = {}
for _case in CASES:
    LENGTHS.setdefault((scan_of(_case), _case["gates"]), []).append(_case["T"])


def bundle(scans: list[Scan], size: int = 8) -> dict[str, list[Program]]:
    """Modules of several programs, which share the start of the compiler."""
    programs = [scan.program for scan in scans]
    return {
        f"scans{start}": programs[start : start + size]
        for start in range(0, len(programs), size)
    }


class Compiled:
    """A compiled function for every scan."""

    def __init__(self, folder, scans: list[Scan]) -> None:
        modules = bundle(scans)
        self._module = {
            program.name: module
            for module, programs in modules.items()
            for program in programs
        }
        self.functions = Functions(folder, modules)

    def __call__(self, scan: Scan, inputs) -> dict[str, np.ndarray]:
        function = self.functions[self._module[scan.name], scan.name]
        return call(function, scan.program, inputs)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    scans = list(dict.fromkeys(scan for scan, _ in LENGTHS))
    compiled = Compiled(tmp_path_factory.mktemp("scans"), scans)
    with compiled.functions:
        yield compiled


def identifier(case: covering.Case) -> str:
    return f"t{case['T']}-{scan_of(case).name}-{case['gates']}"


# ===----------------------------------------------------------------------=== #
# The bound
# ===----------------------------------------------------------------------=== #


def test_covering_set():
    assert len(CASES) <= 400 or IS_FULL
    names = [name for name in FACTORS if not IS_FULL or name in list(FACTORS)[:6]]
    for a, b in itertools.combinations(names, 2):
        pairs = {(case[a], case[b]) for case in CASES}
        assert pairs == set(itertools.product(FACTORS[a], FACTORS[b]))
    assert len({identifier(case) for case in CASES}) == len(CASES)


@functools.lru_cache(maxsize=2)
def loops(scan: Scan, gates: str):
    """Inputs, and what both loops give, for the longest case of this kind.

    A shorter case has the tokens that are scanned first.
    """
    lengths = LENGTHS[scan, gates]
    # The largest of few errors is mostly luck: narrow states take more rows.
    batch = max(2, 64 // (scan.H * scan.V))
    if max(lengths) * scan.K * scan.V * scan.H > 1 << 24:
        batch = 1
    seed = zlib.crc32(f"{scan.name} {gates}".encode())
    inputs = make_inputs(scan, [gates] * batch, max(lengths), seed)
    results = [loop(scan, inputs, dtype, lengths) for dtype in (np.float64, np.float32)]
    return inputs, *results


def first_tokens(scan: Scan, T: int, length: int) -> slice:
    return slice(length - T, length) if scan.reverse else slice(0, T)


@pytest.mark.parametrize("case", CASES, ids=identifier)
def test_bound(case, compiled):
    scan, T = scan_of(case), case["T"]
    inputs, oracle, plain = loops(scan, case["gates"])
    tokens = first_tokens(scan, T, inputs["q"].shape[1])
    given = scans.head(inputs, slice(None), tokens)
    results = compiled(scan, given)
    expect_bound(
        "o", results["o"], rounded(scan, plain[0][:, tokens]), oracle[0][:, tokens]
    )
    expect_bound("last", results["last"], plain[1][T], oracle[1][T])
    if T == 0:
        expected = inputs.get("s0", np.zeros_like(results["last"]))
        np.testing.assert_array_equal(results["last"], expected)


REFERENCES = [case for case in CASES if case["T"] <= 127 and case["K"] <= 128][::15][
    :14
]


@pytest.mark.parametrize("case", REFERENCES, ids=identifier)
def test_reference(case, tmp_path):
    """The loop of this file and the compiler's own agree in f64."""
    scan, T = scan_of(case), case["T"]
    inputs, oracle, _ = loops(scan, case["gates"])
    tokens = first_tokens(scan, T, inputs["q"].shape[1])
    given = scans.head(inputs, slice(None), tokens)
    results = run_reference(tmp_path, scan.program, given)
    for value, expected in (
        (results["o"], oracle[0][:, tokens]),
        (results["last"], oracle[1][T]),
    ):
        assert value.shape == expected.shape
        error = scans.errors(value, expected)
        assert error.largest < 1e-12


# ===----------------------------------------------------------------------=== #
# Laws
# ===----------------------------------------------------------------------=== #

LAW_SCANS = [
    Scan(64, 128, "vector", "f32", initial=True),
    Scan(60, 100, "vector", "bf16", reverse=True, initial=True, heads="queries"),
    Scan(3, 5, "vector", "f32", initial=True, heads="all"),
    Scan(128, 64, "scalar", "f32", initial=True, heads="values"),
    Scan(16, 17, "scalar", "f16", reverse=True, initial=True),
    Scan(64, 64, "constant", "f32", initial=True, constants="mixed"),
    Scan(100, 16, "constant", "bf16", initial=True, constants="weak", heads="all"),
    Scan(64, 64, "none", "f32", initial=True),
    Scan(16, 60, "none", "f64", reverse=True, initial=True),
    Scan(33, 17, "vector", "f64", initial=True),
    Scan(64, 32, "none", "f32", initial=True, form="delta"),
    Scan(64, 128, "scalar", "f32", initial=True, heads="values", form="delta"),
    Scan(60, 33, "vector", "bf16", reverse=True, initial=True, form="delta"),
    Scan(16, 16, "scalar", "f32", initial=True, form="delta_undecayed"),
    Scan(32, 48, "vector", "f32", initial=True, form="rank_one_undecayed"),
    Scan(48, 16, "constant", "f32", initial=True, constants="weak", form="rank_one"),
    Scan(64, 64, "vector", "f32", initial=True, heads="queries", form="bonus"),
    Scan(16, 64, "scalar", "f16", initial=True, form="delta_bonus"),
    Scan(32, 24, "vector", "f32", reverse=True, initial=True, form="columns"),
    Scan(3, 24, "vector", "f32", initial=True, form="columns_delta"),
]
# The same without decay, for the law of open gates, and without a state.
UNGATED = {scan: replace(scan, decay="none", constants="") for scan in LAW_SCANS}
FRESH = {scan: replace(scan, initial=False) for scan in LAW_SCANS}
ROWS = ("mixed", "ordinary", "strong")


def name_of(scan: Scan) -> str:
    return scan.name


all_scans = pytest.mark.parametrize("scan", LAW_SCANS, ids=name_of)
gated_scans = pytest.mark.parametrize(
    "scan", [s for s in LAW_SCANS if s.decay in ("scalar", "vector")], ids=name_of
)
lengths = pytest.mark.parametrize("T", [1, 7, 64, 130, 257])


@pytest.fixture(scope="module")
def laws(tmp_path_factory):
    scans = [*LAW_SCANS, *UNGATED.values(), *FRESH.values()]
    folder = tmp_path_factory.mktemp("laws")
    compiled = Compiled(folder, list(dict.fromkeys(scans)))
    with compiled.functions:
        yield compiled


def data(scan: Scan, T: int, rows=ROWS) -> dict[str, np.ndarray]:
    return make_inputs(scan, rows, T, zlib.crc32(f"{scan.name} {T}".encode()))


def expect_equal(actual, expected) -> None:
    """Bit for bit."""
    for name, value in expected.items():
        assert value.dtype == actual[name].dtype
        assert value.tobytes() == actual[name].tobytes(), name
        assert np.isfinite(value.astype(np.float64)).all()


def expect_close(scan: Scan, inputs, results) -> None:
    (oracle, states), (plain, plain_states) = (
        loop(scan, inputs, dtype) for dtype in (np.float64, plain_type(scan))
    )
    T = inputs["q"].shape[1]
    expect_bound("o", results["o"], rounded(scan, plain), oracle)
    expect_bound("last", results["last"], plain_states[T], states[T])


def plain_type(scan: Scan) -> type[np.floating]:
    return np.float64 if scan.type == "f64" else np.float32


def rows_of(inputs, rows) -> dict[str, np.ndarray]:
    return {
        name: value if name in scans.SHARED else np.ascontiguousarray(value[rows])
        for name, value in inputs.items()
    }


@all_scans
@lengths
def test_batch_neighbours(scan, T, laws):
    inputs, others = data(scan, T), data(scan, T, ("open", "closed", "weak"))
    expected = rows_of(laws(scan, inputs), [1])
    mixed = {name: others[name].copy() for name in inputs}
    for name, value in mixed.items():
        if name not in scans.SHARED:
            value[1] = inputs[name][1]
    expect_equal(rows_of(laws(scan, mixed), [1]), expected)
    expect_equal(laws(scan, rows_of(inputs, [1])), expected)


@all_scans
@lengths
def test_batch_permutation(scan, T, laws):
    inputs = data(scan, T)
    results = laws(scan, inputs)
    for order in ([2, 0, 1], [1, 0, 2], [0, 0, 2, 1, 1]):
        expect_equal(laws(scan, rows_of(inputs, order)), rows_of(results, order))


@all_scans
@lengths
def test_threads(scan, T, laws):
    inputs = data(scan, T)
    try:
        laws.functions.set_num_threads(1)
        expected = laws(scan, inputs)
        for threads in (2, 3, 8):
            laws.functions.set_num_threads(threads)
            expect_equal(laws(scan, inputs), expected)
    finally:
        laws.functions.set_num_threads(0)


@all_scans
@lengths
def test_repeated_runs(scan, T, laws):
    inputs = data(scan, T)
    copies = {name: value.copy() for name, value in inputs.items()}
    expected = laws(scan, inputs)
    for _ in range(3):
        expect_equal(laws(scan, inputs), expected)
    # Inputs are only read.
    expect_equal({n: v.view(np.uint8) for n, v in inputs.items()},
                 {n: v.view(np.uint8) for n, v in copies.items()})  # fmt: skip


@all_scans
def test_no_batch(scan, laws):
    results = laws(scan, rows_of(data(scan, 7), []))
    assert results["o"].shape[0] == results["last"].shape[0] == 0


def run_pieces(laws, scan: Scan, inputs, cuts) -> dict[str, np.ndarray]:
    """Calls for the pieces between cuts, in the order of time."""
    T = inputs["q"].shape[1]
    pieces = list(itertools.pairwise([0, *cuts, T]))
    state, outputs = inputs["s0"], []
    for begin, end in reversed(pieces) if scan.reverse else pieces:
        piece = scans.head(inputs, slice(None), slice(begin, end)) | {"s0": state}
        results = laws(scan, piece)
        outputs.append(results["o"])
        state = results["last"]
    return {
        "o": np.concatenate(outputs[:: -1 if scan.reverse else 1], 1),
        "last": state,
    }


@all_scans
@pytest.mark.parametrize("T", [2, 65, 200, 321])
def test_split_and_carry(scan, T, laws):
    inputs = data(scan, T)
    random = np.random.default_rng(T)
    for count in (1, 2, 4):
        cuts = sorted(random.integers(0, T + 1, count))
        expect_close(scan, inputs, run_pieces(laws, scan, inputs, cuts))


@all_scans
@pytest.mark.parametrize("T", [2, 70, 150])
def test_step_against_chunk(scan, T, laws):
    inputs = data(scan, T)
    steps = run_pieces(laws, scan, inputs, range(1, T))
    expect_close(scan, inputs, steps)
    expect_close(scan, inputs, laws(scan, inputs))


@gated_scans
@lengths
def test_open_gates_against_ungated(scan, T, laws):
    inputs = data(scan, T, ["open"] * 2)
    ungated = {name: value for name, value in inputs.items() if name != "g"}
    if UNGATED[scan].H != scan.H:
        pytest.fail("heads of the decay must not be the largest")
    for results in (laws(scan, inputs), laws(UNGATED[scan], ungated)):
        expect_close(UNGATED[scan], ungated, results)


@pytest.mark.parametrize(
    "scan",
    [
        s
        for s in LAW_SCANS
        if s.decay in ("scalar", "vector")
        # These read, or predict from, what stood before the reset.
        and not s.reads_before
        and not s.predicts_undecayed
    ],
    ids=name_of,
)
@pytest.mark.parametrize("at", [0, 1, 15, 16, 17, 63, 64, 65, 99])
@pytest.mark.parametrize("initial", ["given", "none"])
def test_reset_is_a_fresh_start(scan, at, initial, laws):
    """What stands before a reset, however large, leaves no trace."""
    inputs = data(scan, 100)
    used = scan if initial == "given" else FRESH[scan]
    # In the order of time, the reset is the token at `at`.
    place = 99 - at if scan.reverse else at
    before = slice(place + 1, None) if scan.reverse else slice(0, place)
    after = slice(0, place + 1) if scan.reverse else slice(place, None)
    inputs["g"][:, place] = -np.inf
    # Large keys would let a delta update grow without end.
    for name in ("q", "k", "v") if scan.update == "add" else ("q", "v"):
        inputs[name][:, before] *= np.array(64, NUMPY[scan.type])
    inputs["s0"] *= 1e3
    given = {n: v for n, v in inputs.items() if n != "s0" or used.initial}
    results = laws(used, given)
    fresh = {n: v for n, v in inputs.items() if n != "s0"}
    fresh = scans.head(fresh, slice(None), after)
    tail = {"o": results["o"][:, after], "last": results["last"]}
    expect_close(FRESH[scan], fresh, tail)


# ===----------------------------------------------------------------------=== #
# The step that the compiler derives
# ===----------------------------------------------------------------------=== #


def with_state(scan: Scan) -> Program:
    """The scan's initial and final states as one carried state."""
    program = scan.program
    inputs = [replace(t, state=t.name == "s0") for t in program.inputs]
    outputs = [
        replace(t, name="s0", state=True) if t.name == "last" else t
        for t in program.outputs
    ]
    return Program(
        "forward",
        tuple(inputs),
        tuple(outputs),
        program.body.replace("%last", "%next_s0"),
        'gate.time = "T"',
    )


@pytest.mark.parametrize("scan", [s for s in LAW_SCANS if not s.reverse], ids=name_of)
def test_derived_step(scan, tmp_path):
    T = 70
    library = gate.load(
        compile_library(tmp_path, f"step_{scan.name}", with_state(scan).text)
    )
    inputs = data(scan, T)
    tokens = {name: value for name, value in inputs.items() if name != "s0"}
    whole = library.forward(**tokens, state={"s0": inputs["s0"]})
    expect_close(scan, inputs, {"o": whole.o, "last": whole.state["s0"]})

    state, outputs = {"s0": inputs["s0"].copy()}, []
    for t in range(T):
        token = {
            name: value
            if name in scans.SHARED
            else np.ascontiguousarray(
                value[:, t : t + 1].reshape(step_shape(library, name, value))
            )
            for name, value in tokens.items()
        }
        outputs.append(library.step(**token, state=state, next_state=state).o)
    o = np.stack([o.reshape(whole.o.shape[0], *whole.o.shape[2:]) for o in outputs], 1)
    expect_close(scan, inputs, {"o": o, "last": state["s0"]})


def step_shape(library: gate.Library, name: str, value: np.ndarray) -> list[int]:
    """Sizes of this input of the step, which may have no time dim."""
    description = library.signature["functions"]
    step = next(f for f in description if f["name"] == "step")
    tensor = next(t for t in step["tensors"] if t["name"] == name)
    rest = list(value.shape[2:])
    keeps_time = len(tensor["shape"]) == value.ndim
    return [value.shape[0], *([1] if keeps_time else []), *rest]
