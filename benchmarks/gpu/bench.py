"""Prints the speed table of GPUs: compiled programs against limits and peers.

Run on a machine with an NVIDIA GPU, PyTorch and the libraries that build.py made
elsewhere. All programs of a row are timed in the same turns of one process on
one card, and their results compared with f64.

    bench.py                                  all rows
    bench.py matmul norm_gate                 these, or all that begin so
    bench.py gla-4x4096x64x128 --peers gate fla --fla fla_core.whl
    bench.py --list

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import datetime
import sys
import time
from pathlib import Path

from programs import (
    ATTENTION_SHAPES,
    PRODUCT_SIZES,
    SCAN_KINDS,
    SCAN_SHAPES,
    SHORT_SCAN,
    WIDE_SCAN,
    shape_name,
)
from table import HEAD, Figures, Result, ceilings_line, lines, write_json

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

#: Rows in the order of the table.
NAMES = [
    "norm_gate",
    "residual_norm",
    "scan_step",
    *(f"matmul-{n}" for n in PRODUCT_SIZES),
    *(f"{kind}-{shape_name(s)}" for kind in SCAN_KINDS for s in SCAN_SHAPES),
    f"gla-{shape_name(SHORT_SCAN)}",
    f"gla_f32-{shape_name(WIDE_SCAN)}",
    *(f"attention-{shape_name(s)}" for s in ATTENTION_SHAPES),
]
PEERS = [
    "gate",
    "torch.compile",
    "cublas",
    "addmm+silu",
    "fla",
    "sdpa-cudnn",
    "sdpa-flash",
]


def select(asked: list[str]) -> list[str]:
    """Rows by name or by what stands before its shape; all where none is asked."""
    unknown = [
        name
        for name in asked
        if not any(name in (row, row.split("-")[0]) for row in NAMES)
    ]
    if unknown:
        groups = dict.fromkeys(row.split("-")[0] for row in NAMES)
        raise ValueError(
            f"unknown row {', '.join(unknown)}; expects names of --list, or of "
            f"{', '.join(groups)}"
        )
    return [
        row for row in NAMES if not asked or row in asked or row.split("-")[0] in asked
    ]


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", help="all by default")
    parser.add_argument("--list", action="store_true", help="print names and stop")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "gpu")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, help="programs to time; all by default"
    )
    parser.add_argument(
        "--fla",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="wheels or folders of flash-linear-attention (fla-core has its kernels)",
    )
    parser.add_argument(
        "--json", type=Path, help="file of the figures (default: in the folder)"
    )
    options = parser.parse_args(arguments)
    if options.turns < 1:
        parser.error("--turns: expects at least 1")
    try:
        options.rows = select(options.rows)
    except ValueError as error:
        parser.error(str(error))
    return options


def measure(case, ceilings, turns: int) -> Result:
    from timing import Timed

    ceilings.restart()
    timed, skipped = {}, dict(case.skipped)
    for name, calls in case.calls.items():
        timed[name] = Timed(calls)
    # Before the turns: a step has then moved its state once.
    errors = {name: case.errors[name]() for name in timed}
    for _ in range(turns):
        time.sleep(0.05)
        ceilings.turn()
        for one in timed.values():
            one.turn()
    figures = {
        name: Figures(one.device, one.host, errors[name], one.graph is not None)
        for name, one in timed.items()
    }
    return Result(case.name, case.work, *ceilings.medians(), figures, skipped)


def main() -> None:
    options = parse()
    if options.list:
        print("\n".join(NAMES))
        return
    import rows_attention
    import rows_norms
    import rows_products
    import rows_scans
    import torch
    from case import Context
    from timing import Ceilings

    makers = {
        name: make
        for module in (rows_norms, rows_products, rows_scans, rows_attention)
        for name, make in module.ROWS.items()
    }
    torch.manual_seed(0)
    now = datetime.datetime.now(datetime.UTC)
    machine = {
        "card": torch.cuda.get_device_name(),
        "date": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "torch": torch.__version__,
    }
    stamp = now.strftime("%Y%m%d-%H%M%S")
    path = options.json or options.folder / f"figures-{stamp}.json"
    print(" ".join(machine.values()))
    print(HEAD)
    context = Context(options.folder, options.peers, options.fla)
    ceilings = Ceilings()
    results: list[Result] = []
    for name in options.rows:
        result = measure(makers[name](context), ceilings, options.turns)
        results.append(result)
        print("\n".join([*lines(result), ceilings_line(result)]), flush=True)
        # After each row: what is done stays when time runs out.
        write_json(path, machine, results)
        torch.cuda.empty_cache()
    print(f"figures: {path}")


if __name__ == "__main__":
    main()
