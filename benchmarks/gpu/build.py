"""Compiles the programs of bench.py for NVIDIA GPUs, and asks what they cost.

    build.py [--gatec build/bin/gatec] [--folder out/gpu] [programs ...]

Beside the libraries stands costs.json: by row the FLOPs and bytes of the
compiler's cost model, and by program the message of those that it refuses.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import fnmatch
import json
import subprocess
import sys
from pathlib import Path

from programs import Program, all_programs

ROOT = Path(__file__).resolve().parents[2]


def gatec(tool: Path, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [tool, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def first_error(text: str) -> str:
    lines = [line for line in text.splitlines() if "error:" in line]
    return lines[0].split("error:", 1)[1].strip() if lines else text.strip()


def costs_of(tool: Path, source: Path, program: Program) -> dict[str, dict]:
    """The total of the cost model by row."""
    costs = {}
    for row, sizes in program.rows:
        flags = [flag for n, size in sizes for flag in ("--set", f"{n}={size}")]
        result = gatec(
            tool, "cost", source, "--json", f"--entry={program.function}", *flags
        )
        if result.returncode:
            sys.exit(f"{program.name}: {first_error(result.stderr)}")
        costs[row] = json.loads(result.stdout)[0]["total"]
    return costs


def build(tool: Path, folder: Path, target: str, program: Program) -> str | None:
    """The message of the compiler if it refuses, else nothing."""
    source = folder / f"{program.name}.mlir"
    library = folder / f"lib{program.name}.so"
    flags = (f"--target={target}", f"--prefix={program.name}", "-o", library)
    result = gatec(tool, "compile", source, *flags)
    if result.returncode == 0:
        return None
    library.unlink(missing_ok=True)
    return first_error(result.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gatec", type=Path, default=ROOT / "build" / "bin" / "gatec")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "gpu")
    parser.add_argument("--target", default="cpu,cuda:sm_90a")
    parser.add_argument("programs", nargs="*", help="names or patterns; all by default")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    stored = options.folder / "costs.json"
    known = json.loads(stored.read_text()) if stored.exists() else {}
    costs, refused = known.get("costs", {}), known.get("refused", {})
    for program in all_programs():
        if options.programs and not any(
            fnmatch.fnmatch(program.name, pattern) for pattern in options.programs
        ):
            continue
        source = options.folder / f"{program.name}.mlir"
        source.write_text(program.source)
        costs.update(costs_of(options.gatec, source, program))
        message = build(options.gatec, options.folder, options.target, program)
        refused.pop(program.name, None)
        if message:
            refused[program.name] = message
        print(program.name, f"refused: {message}" if message else "", flush=True)
        stored.write_text(
            json.dumps({"costs": costs, "refused": refused}, indent=1, sort_keys=True)
        )


if __name__ == "__main__":
    main()
