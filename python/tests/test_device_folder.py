# ===- test_device_folder.py - The device tests, as far as a CPU goes -----=== #
#
# Builds a small folder for test/device/run.py and runs it on the CPU, so that
# both programs keep working where no GPU is; then assembles kernels.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC.

Kernels are assembled where ptxas is on the search path: a program of every kind,
or with GATE_FULL=1 all of them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from programs import compiler

DEVICE = Path(__file__).resolve().parents[2] / "test" / "device"


def tool(name: str, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, DEVICE / name, *map(str, arguments)],
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two programs that compile and, for a GPU that is not known, one that does not."""
    folder = tmp_path_factory.mktemp("device")
    options = ["--family", "gating,gather", "--filter", "*_w3_bf16-3x7"]
    built = tool("build.py", folder, *options)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_list(folder):
    listed = tool("run.py", folder, "--list")
    assert listed.returncode == 0, listed.stderr
    names = [line.split()[0] for line in listed.stdout.splitlines()]
    assert "gating-chain_w3_bf16-3x7" in names
    assert len(names) == 3
    some = tool("run.py", folder, "--list", "--family=gather").stdout
    assert [line.split()[1] for line in some.splitlines()] == ["gather"]


def test_run_on_the_cpu(folder):
    ran = tool("run.py", folder, "--cpu")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 cases, 0 failures" in ran.stdout


def test_errors_are_found(folder, tmp_path):
    """Another oracle, and nothing to run."""
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    for case in manifest["cases"]:
        for output in case["outputs"].values():
            output["rms"] *= 1e-6
        case["rule"] = "bound" if case["rule"] == "bound" else "other"
    (copy / "manifest.json").write_text(json.dumps(manifest))
    ran = tool("run.py", copy, "--cpu", "--family=gating")
    assert ran.returncode == 1
    assert "FAIL gating-chain_w3_bf16-3x7: values: y: error " in ran.stdout
    nothing = tool("run.py", folder, "--cpu", "--filter=no-such-case")
    assert nothing.returncode == 1


def test_refusals_are_listed(tmp_path):
    options = ["--target=cuda:sm_1", "--filter", "gather_i32_w64_f16-3x7"]
    built = tool("build.py", tmp_path, *options)
    assert built.returncode == 0, built.stdout + built.stderr
    assert "refused:    1 programs of gather" in built.stdout
    listed = tool("run.py", tmp_path, "--list").stdout
    assert "refused: " in listed and "sm_1" in listed


# ===----------------------------------------------------------------------=== #
# Kernels
# ===----------------------------------------------------------------------=== #


def rank(case) -> tuple[bool, int]:
    """The widest programs are the ones with most registers."""
    sizes = [size for tensor in case.program.inputs for size in tensor.shape]
    return case.type == "bf16", sum(size for size in sizes if isinstance(size, int))


def programs_of_kernels():
    """A case of every kind of kernel, in bf16 and, where it has products, in f32."""
    sys.path.insert(0, str(DEVICE))
    from cases import all_cases

    if os.environ.get("GATE_FULL") == "1":
        return list({case.program.text: case for case in all_cases()}.values())
    chosen = {}
    for case in all_cases():
        if case.family in ("golden", "math") and case.kernel != "gla":
            continue
        # States of more than 128 by 128 leave updates that predict too few
        # registers: docs/Targets/NVIDIA.md.
        widths = [size for t in case.program.outputs for size in t.shape[2:]]
        if case.more.get("predicts") and max(widths) > 128:
            continue
        key = (case.kernel, case.family in ("product", "scan") and case.type == "f32")
        if key not in chosen or rank(case) > rank(chosen[key]):
            chosen[key] = case
    return list(chosen.values())


def assemble(case, folder: Path) -> str | None:
    """What ptxas says of a case's kernels.

    None when the compiler refuses, or when it had to stop ptxas.
    """
    source, ptx = folder / f"{case.name}.mlir", folder / f"{case.name}.ptx"
    source.write_text(case.preamble + case.program.text)
    command = [compiler(), "compile", source, "--target=cuda:sm_90a", "--prefix=p"]
    command += ["--emit=ptx", "-o", ptx]
    compiled = subprocess.run(command, capture_output=True, text=True)
    if compiled.returncode or "ptxas did not end" in compiled.stderr:
        return None  # build.py reports it
    output = folder / f"{case.name}.cubin"
    result = subprocess.run(
        ["ptxas", "-v", "-arch=sm_90a", ptx, "-o", output],
        capture_output=True,
        text=True,
    )
    log = result.stdout + result.stderr
    assert result.returncode == 0, f"{case.name}:\n{log}"
    return log


@pytest.mark.skipif(not shutil.which("ptxas"), reason="needs ptxas")
def test_assembler_has_no_advice(tmp_path):
    """No message C75xx: serialized products and their like cost most of the speed."""
    cases = programs_of_kernels()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        logs = list(pool.map(lambda case: assemble(case, tmp_path), cases))
    assert any(log is not None for log in logs)
    for case, log in zip(cases, logs, strict=True):
        advice = re.findall(r".*C75[0-9][0-9].*", log or "")
        assert not advice, f"{case.name}:\n" + "\n".join(advice)
