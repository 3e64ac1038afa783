# ===- build.py - Builds the folder of the device tests -------------------=== #
#
# Compiles the programs of cases.py for a CPU and a GPU, several to a library,
# and saves oracles and what a plain loop errs. A program that the compiler
# refuses is listed with its message, and its source is kept.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler, whose path is in the environment variable GATEC."""

from __future__ import annotations

import argparse
import fnmatch
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "python" / "tests")]

import data  # noqa: E402
import numpy as np  # noqa: E402
from cases import Case, all_cases  # noqa: E402
from programs import Program, compiler, run_for, run_reference  # noqa: E402

#: The CPU is one that most machines have: the folder runs on another one.
TARGET = "cpu:x86-64-v3,cuda:sm_90a"
#: Programs in a library.
BUNDLE = 12
LIMIT_MB = 48
#: A program that compiles longer counts as refused.
SECONDS = 20


@dataclass(frozen=True)
class Refusal:
    name: str
    message: str
    command: str
    crashed: bool


@dataclass
class Built:
    """Where programs ended up: names of libraries, or refusals."""

    libraries: dict[str, str] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """A program and what it is called among all."""

    key: str
    program: Program
    preamble: str


def identifier(name: str) -> str:
    """`name` as the prefix of a library."""
    return re.sub(r"\W", "_", name)


class Builder:
    def __init__(self, folder: Path, target: str) -> None:
        self.folder, self.target = folder, target
        self.built = Built()

    def compile(self, name: str, units: list[Unit]) -> Refusal | None:
        """One library of these programs."""
        prefix = identifier(name)
        source = self.folder / "programs" / f"{prefix}.mlir"
        text = units[0].preamble + "\n".join(unit.program.text for unit in units)
        source.write_text(text)
        library = f"libraries/{prefix}.so"
        flags = [f"--target={self.target}", f"--prefix={prefix}", "-o", library]
        inside = f"programs/{prefix}.mlir"
        command = " ".join(["gatec", "compile", inside, *flags])
        seconds = SECONDS * len(units)
        try:
            result = run_for(
                seconds,
                [os.path.abspath(compiler()), "compile", inside, *flags],
                cwd=self.folder,
            )
        except subprocess.TimeoutExpired:
            return Refusal(name, f"takes more than {SECONDS} s", command, True)
        if result.returncode:
            crashed = result.returncode != 1
            return Refusal(name, message_of(result.stderr), command, crashed)
        (self.folder / "libraries" / f"{prefix}.h").unlink(missing_ok=True)
        source.unlink()
        for unit in units:
            self.built.libraries[unit.key] = prefix
        return None

    def bundle(self, name: str, units: list[Unit]) -> None:
        """Together if they compile; otherwise those that do, and the rest alone."""
        refusal = self.compile(name, units)
        if refusal is None:
            return
        if len(units) == 1:
            self.built.refusals[units[0].key] = refusal
            return
        (self.folder / "programs" / f"{identifier(name)}.mlir").unlink()
        good = []
        for unit in units:
            alone = self.compile(unit.key, [unit])
            if alone is None:
                good.append(unit)
            else:
                self.built.refusals[unit.key] = alone
        if len(good) in (0, 1):
            return
        refusal = self.compile(name, good)
        if refusal is None:
            for unit in good:
                name = f"{identifier(unit.key)}.so"
                (self.folder / "libraries" / name).unlink()
        else:
            # Each compiles alone: their libraries stay, the bundle is reported.
            self.built.refusals[f"bundle {name}"] = refusal


def message_of(log: str) -> str:
    """The first error, without the place, or what a crash says of itself."""
    for line in log.splitlines():
        match = re.search(r"\berror: (.*)", line)
        if match:
            return match[1]
    for line in log.splitlines():
        if line.startswith("LLVM ERROR: ") or "Assertion" in line:
            return re.sub(r"0x[0-9a-f]+", "0x...", line)[:300]
    # The innermost functions of a stack that have names of this project.
    frames = re.findall(r"^\s*#\d+ 0x\w+ (gate::[\w:]+)", log, re.MULTILINE)
    if frames:
        return f"fault in {' of '.join(frames[:3])}"
    return (log.strip().splitlines() or ["no message"])[0][:300]


# ===----------------------------------------------------------------------=== #
# Cases
# ===----------------------------------------------------------------------=== #


def key_of(case: Case) -> str:
    return f"{case.family}-{case.name if case.alone else case.program.name}-{case.type}"


def unit_of(case: Case) -> Unit:
    return Unit(key_of(case), case.program, case.preamble)


def bundles(cases: Iterable[Case]) -> dict[str, list[Unit]]:
    """Programs of one family and type side by side, under a name for them."""
    groups: dict[tuple[str, ...], dict[str, Unit]] = {}
    for case in cases:
        group = (case.family, case.type, *([case.name] * case.alone))
        groups.setdefault(group, {})[key_of(case)] = unit_of(case)
    result = {}
    for group, units in groups.items():
        every = list(units.values())
        for start in range(0, len(every), BUNDLE):
            result["_".join([*group, str(start)])] = every[start : start + BUNDLE]
    return result


def errors(value: np.ndarray, oracle: np.ndarray) -> dict[str, float]:
    """In units of the oracle's RMS where that is not 0."""
    if not oracle.size:
        return {"largest": 0.0, "rms": 0.0}
    difference = np.abs(value - oracle)
    scale = data.rms(oracle) or 1.0
    return {
        "largest": float(difference.max()) / scale,
        "rms": data.rms(difference) / scale,
    }


def describe(case: Case, folder: Path, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """An entry of the manifest; adds the arrays that it needs."""
    stored, inputs = {}, {}
    for name, spec in case.inputs.items():
        array = case.given[name] if name in case.given else data.make(spec)
        stored[name] = array
        inputs[name] = {**spec, "crc": data.checksum(array)}
        if name in case.given:
            arrays[f"{case.name}/{name}"] = array
    exact = {name: data.widen(x, case.inputs[name]["type"])
             for name, x in stored.items()}  # fmt: skip
    if case.compute is None:
        oracle, plain = run_reference(folder, case.program, exact, case.preamble), {}
    else:
        oracle, plain = case.compute(exact)
    sizes: dict[str, int] = {}
    for tensor in case.program.inputs:
        shape = case.inputs[tensor.name]["shape"]
        sizes |= {s: n for s, n in zip(tensor.shape, shape, strict=True)
                  if isinstance(s, str)}  # fmt: skip
    outputs = {}
    for tensor in case.program.outputs:
        shape = [sizes[s] if isinstance(s, str) else s for s in tensor.shape]
        entry: dict[str, Any] = {"type": tensor.type, "shape": shape}
        if tensor.name in oracle:
            expected = np.asarray(oracle[tensor.name])
            assert list(expected.shape) == shape, (case.name, tensor.name)
            assert np.isfinite(expected).all(), (case.name, tensor.name)
            if expected.size:
                entry["rms"] = data.rms(expected.astype(np.float64))
                if case.rule == "bound":
                    entry["plain"] = errors(plain[tensor.name], expected)
                flat = expected.reshape(-1)[data.positions(expected.size)]
                if tensor.type in ("bf16", "f16"):
                    flat = flat.astype(np.float32)
                arrays[f"{case.name}/out/{tensor.name}"] = flat
        outputs[tensor.name] = entry
    return {
        "name": case.name, "family": case.family, "kernel": case.kernel,
        "type": case.type, "function": case.program.name, "rule": case.rule,
        "inputs": inputs, "outputs": outputs, **case.more,
    }  # fmt: skip


def select(cases: Iterable[Case], family: str | None, pattern: str | None):
    return [
        case
        for case in cases
        if (family is None or case.family in family.split(","))
        and (pattern is None or fnmatch.fnmatch(case.name, f"*{pattern}*"))
    ]


def build(folder: Path, target: str, cases: list[Case], jobs: int) -> dict[str, Any]:
    for name in ("programs", "libraries"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    builder = Builder(folder, target)
    with ThreadPoolExecutor(jobs) as pool:
        for done in [
            pool.submit(builder.bundle, name, units)
            for name, units in bundles(cases).items()
        ]:
            done.result()
    for path in sorted((folder / "libraries").iterdir()):
        packed = gzip.compress(path.read_bytes(), mtime=0)
        path.with_name(f"{path.name}.gz").write_bytes(packed)
        path.unlink()
    arrays: dict[str, np.ndarray] = {}
    entries = []
    for case in cases:
        library = builder.built.libraries.get(key_of(case))
        if library is not None:
            entry = describe(case, folder / "programs", arrays)
            entries.append({**entry, "library": library})
    np.savez_compressed(folder / "arrays.npz", **arrays)
    refused = list_refusals(cases, builder.built.refusals)
    manifest = {"target": target, "cases": entries, "refused": refused}
    (folder / "manifest.json").write_text(json.dumps(manifest, separators=(",", ":")))
    remove_reference_files(folder / "programs", refused)
    return manifest


def list_refusals(
    cases: Iterable[Case], refusals: dict[str, Refusal]
) -> list[dict[str, Any]]:
    count = Counter(key_of(case) for case in cases)
    about = {key_of(case): (case.family, case.type) for case in cases}
    return [
        {
            "program": key,
            "family": about.get(key, ("bundle", ""))[0],
            "type": about.get(key, ("bundle", ""))[1],
            "cases": count[key],
            "message": refusal.message,
            "crashed": refusal.crashed,
            "command": refusal.command,
        }
        for key, refusal in sorted(refusals.items())
    ]


def remove_reference_files(programs: Path, refused: list[dict[str, Any]]) -> None:
    """Keeps the sources of refused programs only."""
    kept = {Path(entry["command"].split()[2]).name for entry in refused}
    for path in programs.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in kept:
            path.unlink()


def summary_of(refused: dict[str, Any]) -> str:
    """The message without what differs between programs."""
    message = re.sub(r"'(tensor|memref|vector)<.*?>'", r"'\1<...>'", refused["message"])
    return ("crash: " if refused["crashed"] else "") + message


def report(manifest: dict[str, Any], folder: Path) -> int:
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{folder}: {len(manifest['cases'])} cases, {size:.1f} MB")
    messages = Counter(
        (summary_of(entry), entry["family"])
        for entry in manifest["refused"]
    )
    for (message, family), programs in messages.most_common():
        print(f"refused: {programs:4} programs of {family}: {message}")
    if size > LIMIT_MB:
        print(f"the folder is larger than {LIMIT_MB} MB")
        return 1
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Builds the folder of the device tests.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "out" / "device")
    parser.add_argument("--target", default=TARGET, help=f"default: {TARGET}")
    parser.add_argument("--family", help="only these, separated by commas")
    parser.add_argument("--filter", help="only cases whose name has this pattern")
    parser.add_argument("--jobs", type=int, default=2, help="compilers side by side")
    options = parser.parse_args()
    chosen = select(all_cases(), options.family, options.filter)
    if not chosen:
        parser.error("no such case")
    folder = options.folder.resolve()
    return report(build(folder, options.target, chosen, options.jobs), options.folder)


if __name__ == "__main__":
    sys.exit(main())
