"""Prints the speed table: compiled programs against what this machine can do.

Each row is timed in turns with a loop that measures the machine's own limit on
as many threads, so that a change of clock or a neighbour hits both; the share
of that limit is the figure to watch, the median over the turns is printed.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import ctypes
import datetime
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import ml_dtypes
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
CHUNK = 64  # of the operation count of a scan, whatever the compiler chose
PAUSE = 0.005  # seconds; threads of the last call have stopped waiting by then

Array = np.ndarray
Call = Callable[[], object]


# What is measured against.


class Ceilings:
    """The loops of ceilings.c; every method gives a rate per second."""

    def __init__(self, path: pathlib.Path, seconds: float) -> None:
        self._library = ctypes.CDLL(str(path))
        self._seconds = ctypes.c_double(seconds)
        self._buffer = np.ones(0, np.float32)

    def _measure(self, name: str, *arguments: object) -> float:
        function = getattr(self._library, name)
        function.restype = ctypes.c_double
        time.sleep(PAUSE)
        return function(*arguments, self._seconds)

    def fma(self, threads: int, size: int) -> float:
        return self._measure("gate_ceiling_fma_f32", threads)

    def dot(self, threads: int, size: int) -> float:
        return self._measure("gate_ceiling_dot_bf16", threads)

    def scale(self, threads: int, size: int) -> float:
        """Bytes read and written by scaling `size` bytes in place."""
        if self._buffer.nbytes != size:
            self._buffer = np.random.default_rng(0).random(size // 4, np.float32)
        pointer = self._buffer.ctypes.data_as(ctypes.c_void_p)
        count = ctypes.c_long(self._buffer.size)
        return self._measure("gate_ceiling_scale", threads, pointer, count)

    def clock(self) -> float:
        return self._measure("gate_ceiling_clock")


class Baseline:
    """The scan as a plain loop on one thread; see baseline/gla_loop.c."""

    def __init__(self, path: pathlib.Path) -> None:
        self._loop = ctypes.CDLL(str(path)).gla_loop
        self._loop.restype = None

    def bind(self, inputs: list[Array], outputs: list[Array]) -> Call:
        batch, length, heads, key = inputs[0].shape
        sizes = [batch, length, heads, key, inputs[2].shape[-1]]
        arguments = [ctypes.c_long(size) for size in sizes]
        arrays = inputs + outputs
        arguments += [ctypes.c_void_p(x.ctypes.data) for x in arrays]

        def call(keep: list[Array] = arrays) -> None:
            self._loop(*arguments)

        return call


# What is measured.


@dataclass
class Case:
    """One call: its data, the work it stands for and what it must compute."""

    inputs: list[Array]
    outputs: list[Array]
    work: float  # operations or bytes
    expected: Callable[[], list[Array]] | None = None
    tolerance: float = 1e-4  # of the RMS of the expected values
    rival: Call | None = None
    ceiling_size: int = 0  # bytes, for ceilings of memory


@dataclass
class Row:
    name: str
    program: str  # benchmarks/programs/<program>.mlir
    function: str
    make: Callable[[np.random.Generator, Baseline], Case]
    ceiling: str  # a method of Ceilings
    unit: str
    bars: dict[int, float | None]  # threads -> least share of the ceiling
    rival_bars: dict[int, float] = field(default_factory=dict)
    prepared: bool = False  # parameters are packed before, not in every call


def aligned(array: Array) -> Array:
    """The array at an address that is a multiple of 64, as frameworks allocate.

    NumPy's own large arrays start 16 bytes into a page, so every vector of 64
    bytes would straddle two cache lines.
    """
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    view = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def normal(
    generator: np.random.Generator, *shape: int, dtype: object = np.float32
) -> Array:
    return aligned(generator.standard_normal(shape, np.float32).astype(dtype))


def log_gates(generator: np.random.Generator, *shape: int) -> Array:
    gates = -np.logaddexp(0, -normal(generator, *shape)) / np.float32(16)
    return aligned(gates.astype(np.float32))


def matmul(m: int, n: int, k: int, dtype: object = np.float32) -> Callable:
    """C[m,n] = A[m,k] B[k,n] with f32 results."""

    def make(generator: np.random.Generator, baseline: Baseline) -> Case:
        a, b = (
            normal(generator, m, k, dtype=dtype),
            normal(generator, k, n, dtype=dtype),
        )
        return Case(
            inputs=[a, b],
            outputs=[aligned(np.empty((m, n), np.float32))],
            work=2.0 * m * n * k,
            expected=lambda: [a.astype(np.float64) @ b.astype(np.float64)],
        )

    return make


def scan_operations(length: int, key: int, value: int) -> float:
    """Of one head in chunks: scores, their use, and the state's read and update."""
    return 2.0 * length * (CHUNK * (key + value) + 2 * key * value)


def scan(length: int, check: bool = True) -> Callable:
    """Vector-decay scan: (q, k, v, g, state) -> (o, next state)."""

    def make(generator: np.random.Generator, baseline: Baseline) -> Case:
        batch, heads, key, value = 1, 8, 128, 128
        inputs = [
            normal(generator, batch, length, heads, key),
            normal(generator, batch, length, heads, key),
            normal(generator, batch, length, heads, value),
            log_gates(generator, batch, length, heads, key),
            normal(generator, batch, heads, key, value),
        ]
        outputs = [aligned(np.empty_like(inputs[i])) for i in (2, 4)]
        case = Case(
            inputs, outputs, batch * heads * scan_operations(length, key, value)
        )
        if check:
            reference = [np.empty_like(x) for x in outputs]
            case.rival = baseline.bind(inputs, reference)
            case.expected = lambda: (case.rival(), reference)[1]
        return case

    return make


def token_gated(value: int, is_delta: bool) -> Callable:
    """One gate a token: Mamba-2's scan, or a gated delta rule, from zeros.

    A delta rule's count has half of the scores and their use once more, for what
    it predicts (scores of the keys, their use on values).
    """

    def make(generator: np.random.Generator, baseline: Baseline) -> Case:
        heads, length, key = 8, 4096, 128
        q, k = (normal(generator, 1, length, heads, key) for _ in range(2))
        v = normal(generator, 1, length, heads, value)
        g = log_gates(generator, 1, length, heads)
        beta = aligned(np.exp(log_gates(generator, 1, length, heads)))
        k /= np.linalg.norm(k, axis=-1, keepdims=True)
        inputs = [q, k, v, g, *[beta] * is_delta]

        def expected() -> list[Array]:
            state = np.zeros((heads, key, value))
            output = np.empty((1, length, heads, value))
            scaled = q[0] * np.float64(key**-0.5)
            for t in range(length):
                state *= np.exp(np.float64(g[0, t]))[:, None, None]
                added = np.float64(v[0, t])
                if is_delta:
                    predicted = (k[0, t, :, None] @ state)[:, 0]
                    added = beta[0, t, :, None] * (added - predicted)
                state += k[0, t, :, :, None] * added[:, None]
                output[0, t] = (scaled[t, :, None] @ state)[:, 0]
            return [output]

        operations = scan_operations(length, key, value)
        operations += length * CHUNK * (key + value) * is_delta
        return Case(inputs, [aligned(np.empty_like(v))], heads * operations, expected)

    return make


def elementwise_scan(generator: np.random.Generator, baseline: Baseline) -> Case:
    """HGRN's h = exp(g) h + x, any step of a region, for a batch of 4."""
    batch, length, width = 4, 2048, 1024
    inputs = [
        log_gates(generator, batch, length, width),
        normal(generator, batch, length, width),
        normal(generator, batch, width),
    ]
    outputs = [aligned(np.empty_like(inputs[i])) for i in (1, 2)]

    def expected() -> list[Array]:
        state, rows = np.float64(inputs[2]), np.empty((batch, length, width))
        for t in range(length):
            state = np.exp(np.float64(inputs[0][:, t])) * state + inputs[1][:, t]
            rows[:, t] = state
        return [rows, state]

    moved = sum(x.nbytes for x in inputs) + sum(x.nbytes for x in outputs)
    return Case(inputs, outputs, moved, expected, ceiling_size=moved)


def step(generator: np.random.Generator, baseline: Baseline) -> Case:
    """One token for a batch of 64; the state is replaced in place."""
    batch, heads, key, value = 64, 16, 128, 128
    state = normal(generator, batch, heads, key, value)
    inputs = [
        normal(generator, batch, heads, key),
        normal(generator, batch, heads, key),
        normal(generator, batch, heads, value),
        log_gates(generator, batch, heads, key),
        state,
    ]
    outputs = [aligned(np.empty((batch, heads, value), np.float32)), state]

    def expected() -> list[Array]:
        reference = [np.empty_like(x) for x in outputs]
        baseline.bind(
            [x[:, None] for x in inputs[:4]] + [state.copy()],
            [reference[0][:, None], reference[1]],
        )()
        return reference

    moved = sum(x.nbytes for x in inputs) + sum(x.nbytes for x in outputs)
    return Case(inputs, outputs, moved, expected, ceiling_size=state.nbytes)


BF16 = ml_dtypes.bfloat16
ROWS = [
    Row(
        "matmul f32 1024^3, packing inside",
        "matmul_f32",
        "matmul",
        matmul(1024, 1024, 1024),
        "fma",
        "GFLOP/s",
        {1: 0.88, 2: 0.85},
    ),
    Row(
        "matmul f32 1024^3, B packed before",
        "matmul_f32_packed",
        "matmul",
        matmul(1024, 1024, 1024),
        "fma",
        "GFLOP/s",
        {1: None, 2: None},
        prepared=True,
    ),
    Row(
        "matmul bf16 1024^3",
        "matmul_bf16",
        "matmul",
        matmul(1024, 1024, 1024, BF16),
        "dot",
        "GFLOP/s",
        {1: 0.85, 2: None},
    ),
    Row(
        "matmul f32 1003x1003x1003, any size",
        "matmul_f32_dynamic",
        "matmul",
        matmul(1003, 1003, 1003),
        "fma",
        "GFLOP/s",
        {1: 0.60, 2: None},
    ),
    Row(
        "matmul f32 257x100x333, any size",
        "matmul_f32_dynamic",
        "matmul",
        matmul(257, 100, 333),
        "fma",
        "GFLOP/s",
        {1: 0.60, 2: None},
    ),
    Row(
        "scan f32 B1 T4096 H8 K128 V128",
        "scan_f32",
        "scan",
        scan(4096),
        "fma",
        "GFLOP/s",
        {1: 0.70, 2: 0.65},
        rival_bars={1: 2.2, 2: 4.0},
    ),
    Row(
        "gated delta rule f32 B1 T4096 H8 K128 V128",
        "delta_f32",
        "delta",
        token_gated(128, is_delta=True),
        "fma",
        "GFLOP/s",
        {1: 0.45, 2: None},
    ),
    Row(
        "Mamba-2 scan f32 B1 T4096 H8 N128 P64",
        "mamba2_f32",
        "mamba2",
        token_gated(64, is_delta=False),
        "fma",
        "GFLOP/s",
        {1: 0.65, 2: None},
    ),
    Row(
        "HGRN f32 B4 T2048 D1024, a region",
        "hgrn_f32",
        "hgrn",
        elementwise_scan,
        "scale",
        "GB/s",
        {1: 0.70, 2: 0.70},
    ),
    Row(
        "step f32 B64 H16 K128 V128",
        "scan_step_f32",
        "step",
        step,
        "scale",
        "GB/s",
        {1: 0.70, 2: 0.70},
    ),
]
LINEAR_LENGTHS = [1 << 10, 1 << 12, 1 << 14, 1 << 16]
LINEAR_BAR = 1.1  # largest exponent p of time ~ T^p


# Measuring.


def time_call(call: Call, least_seconds: float) -> float:
    """Seconds per call, over as many calls as fill the given time."""
    calls = 0
    begin = time.perf_counter()
    while True:
        call()
        calls += 1
        elapsed = time.perf_counter() - begin
        if elapsed >= least_seconds:
            return elapsed / calls


def relative_error(found: Array, expected: Array) -> float:
    expected = expected.astype(np.float64)
    rms = math.sqrt(float(np.mean(expected**2)))
    return float(np.max(np.abs(found - expected))) / rms


class Programs:
    """Compiles programs when needed and binds their functions to arrays."""

    def __init__(self, gatec: pathlib.Path, folder: pathlib.Path) -> None:
        self._gatec = gatec
        self._folder = folder
        self._loaded: dict[str, object] = {}

    def source(self, program: str) -> pathlib.Path:
        return ROOT / "benchmarks" / "programs" / f"{program}.mlir"

    def _load(self, program: str) -> object:
        # Not at the top: the arguments decide where the package is.
        from gate import runtime

        if program not in self._loaded:
            source = self.source(program)
            library = self._folder / f"lib{program}.so"
            self._folder.mkdir(parents=True, exist_ok=True)
            command = [self._gatec, "compile", source, "-o", library]
            subprocess.run(command, check=True)
            self._loaded[program] = runtime.load(library)
        return self._loaded[program]

    def bind(self, row: Row, case: Case, threads: int) -> Call:
        library = self._load(row.program)
        library.num_threads = threads
        function = getattr(library, row.function)
        names = [*function.inputs, *function.parameters, *function.state]
        given = dict(zip(names, case.inputs, strict=True))
        weights = {name: given.pop(name) for name in function.parameters}
        packed = function.prepare(weights) if row.prepared else None
        state = {name: given.pop(name) for name in function.state}
        made = dict(
            zip([*function.outputs, *function.state], case.outputs, strict=True)
        )
        following = {name: made.pop(name) for name in function.state}
        return function.bind(
            **given,
            parameters=weights,
            prepared=packed,
            state=state,
            next_state=following,
            out=made,
        )


class Bench:
    def __init__(self, programs: Programs, ceilings: Ceilings, baseline: Baseline):
        self.programs = programs
        self.ceilings = ceilings
        self.baseline = baseline
        self.runs = 7
        self.seconds = 0.05
        self.failures = 0

    def print_line(self, cells: list[str]) -> None:
        widths = [36, 7, 17, 17, 7, 6, 12]
        line = "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        print(line.rstrip(), flush=True)

    def judge(self, value: float, bar: float | None, text: str) -> str:
        """`text`, marked when `value` stays below `bar`."""
        if bar is None or value >= bar:
            return text
        self.failures += 1
        return text + " !"

    def run_row(self, row: Row) -> None:
        if not self.programs.source(row.program).exists():
            self.print_line([row.name, "", "no program", "", "", "", ""])
            return
        case = row.make(np.random.default_rng(0), self.baseline)
        for threads in row.bars:
            if threads <= len(os.sched_getaffinity(0)):
                self.run_case(row, case, threads)

    def check(self, case: Case, call: Call) -> bool:
        """A fast wrong answer counts for nothing."""
        expected = case.expected() if case.expected else None
        call()
        if expected is None:
            return True
        pairs = zip(case.outputs, expected, strict=True)
        return all(relative_error(x, y) <= case.tolerance for x, y in pairs)

    def run_case(self, row: Row, case: Case, threads: int) -> None:
        call = self.programs.bind(row, case, threads)
        if not self.check(case, call):
            self.failures += 1
            self.print_line([row.name, str(threads), "WRONG RESULT", "", "", "", ""])
            return
        ceiling = getattr(self.ceilings, row.ceiling)
        rates, limits, shares, ratios = [], [], [], []
        for _ in range(self.runs):
            limits.append(ceiling(threads, case.ceiling_size))
            seconds = time_call(call, self.seconds)
            rates.append(case.work / seconds)
            if limits[-1]:
                shares.append(rates[-1] / limits[-1])
            if case.rival:
                ratios.append(time_call(case.rival, self.seconds) / seconds)
        share = statistics.median(shares) if shares else math.nan
        bar = row.bars[threads]
        beside = ""
        if ratios:
            ratio = statistics.median(ratios)
            rival_bar = row.rival_bars.get(threads)
            beside = self.judge(ratio, rival_bar, f"{ratio:.2f}x")
            beside += f" >= {rival_bar:g}x" if rival_bar else ""
        self.print_line(
            [
                row.name,
                str(threads),
                f"{statistics.median(rates) / 1e9:.1f} {row.unit}",
                f"{statistics.median(limits) / 1e9:.1f} {row.unit}",
                self.judge(share, bar, f"{100 * share:.0f} %") if shares else "-",
                f"{100 * bar:.0f} %" if bar else "-",
                beside,
            ]
        )

    def run_lengths(self) -> None:
        """Times the scan at growing lengths and fits time ~ T^p."""
        row = next(row for row in ROWS if row.program == "scan_f32")
        if not self.programs.source(row.program).exists():
            return
        times = []
        print("\nscan f32 B1 H8 K128 V128 on one thread, by length")
        for length in LINEAR_LENGTHS:
            case = scan(length, check=False)(np.random.default_rng(0), self.baseline)
            call = self.programs.bind(row, case, 1)
            call()
            samples = [time_call(call, self.seconds) for _ in range(self.runs)]
            times.append(statistics.median(samples))
            print(
                f"  T {length:6d}  {1e3 * times[-1]:9.2f} ms"
                f"  {1e9 * times[-1] / length:8.1f} ns per token",
                flush=True,
            )
        power = np.polyfit(np.log(LINEAR_LENGTHS), np.log(times), 1)[0]
        text = self.judge(-power, -LINEAR_BAR, f"{power:.3f}")
        print(f"  time ~ T^{text} (at most {LINEAR_BAR:g})")


def machine_name() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown CPU"


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--only", default="", help="rows whose name has this text")
    parser.add_argument("--runs", type=int, default=7, help="turns per row")
    parser.add_argument("--seconds", type=float, default=0.05, help="per turn")
    parser.add_argument("--strict", action="store_true", help="fail below a bar")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    sys.path.insert(0, str(ROOT / "python"))
    folder = arguments.build / "benchmarks"
    ceilings = Ceilings(folder / "libgate_ceilings.so", arguments.seconds)
    bench = Bench(
        Programs(arguments.build / "bin" / "gatec", folder / "programs"),
        ceilings,
        Baseline(folder / "libgate_baseline.so"),
    )
    bench.runs = max(arguments.runs, 7)
    bench.seconds = arguments.seconds

    cpus = len(os.sched_getaffinity(0))
    now = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
    print(f"{machine_name()}, {cpus} CPUs, {ceilings.clock() / 1e9:.2f} GHz, {now}")
    print(f"median of {bench.runs} turns of {bench.seconds:g} s; ! is below the bar\n")
    bench.print_line(
        ["program", "threads", "speed", "ceiling", "share", "bar", "to plain loop"]
    )
    for row in ROWS:
        if arguments.only in row.name:
            bench.run_row(row)
    if arguments.only in "scan by length":
        bench.run_lengths()
    return 1 if arguments.strict and bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
