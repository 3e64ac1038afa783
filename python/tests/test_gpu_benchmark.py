# ===- test_gpu_benchmark.py - The GPU benchmark, as far as a CPU goes ----=== #
#
# Names of rows, the table and its JSON, and that the programs are what the rows
# say. Times are taken where a GPU is.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler: its path is in the environment variable GATEC."""

import importlib.util
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from programs import compiler

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks" / "gpu"


def load(name: str, alias: str):
    """A module of the benchmark, under a name that no test module has."""
    specification = importlib.util.spec_from_file_location(alias, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[alias] = module
    specification.loader.exec_module(module)
    return module


table = load("table", "gpu_table")
sources = load("programs", "gpu_programs")
peers = load("peers", "gpu_peers")


def bench(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, FOLDER / "bench.py", *arguments],
        capture_output=True,
        text=True,
    )


def test_rows_have_names_and_programs() -> None:
    result = bench("--list")
    assert result.returncode == 0, result.stderr
    names = result.stdout.split()
    assert len(names) == len(set(names))
    assert {"norm_gate", "matmul-4096", "gla-4x4096x64x128"} <= set(names)
    built = {row for program in sources.all_programs() for row, _ in program.rows}
    assert built == set(names)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "unknown row nope; expects names of --list, or of norm_gate, "),
        (["gla", "--turns=0"], "--turns: expects at least 1"),
        (["gla", "--peers", "nobody"], "invalid choice: 'nobody'"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str) -> None:
    result = bench(*arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_rows_are_chosen_by_name_or_kind() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bench; "
        "print(*bench.parse(sys.argv[2:]).rows)"
    )

    def rows(*arguments: str) -> list[str]:
        command = [sys.executable, "-c", code, FOLDER, *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.split()

    assert rows("matmul") == ["matmul-4096", "matmul-8192"]
    # A kind is not a prefix of another, and the order is that of the table.
    assert rows("gla-1x256x16x128", "scan_step") == ["scan_step", "gla-1x256x16x128"]
    assert all(row.startswith("gla-") for row in rows("gla"))
    assert len(rows("gla")) == len(sources.SCAN_SHAPES) + 1


def one_space(text: str) -> str:
    return " ".join(text.split())


def test_table_and_json(tmp_path: Path) -> None:
    work = table.Work(flops=4e9, bytes=2e6)
    # 1 us of bytes, 4 us of FLOPs: the larger is the floor.
    assert work.floor(copy_rate=2e12, product_rate=1e15) == pytest.approx(4e-6)
    result = table.Result(
        "row",
        work,
        copy_rate=2e12,
        product_rate=1e15,
        programs={
            "gate": table.Figures([9e-6, 8e-6, 30e-6], [2e-5, 1e-5, 3e-5], 2e-3),
            "other": table.Figures([16e-6], [5e-5], None, has_graph=False),
        },
        skipped={"fla": "is not there"},
    )
    ours, other, skipped = table.lines(result)
    # The median, its share of the floor, rates, time on the host, the error.
    assert one_space(ours) == "row gate 9.0 44.4 % 444.4 0.22 20.0 2.0e-03"
    assert one_space(other) == "row other 16.0 25.0 % 250.0 0.12 50.0 - (no graph)"
    assert one_space(skipped) == "row fla skipped: is not there"
    assert "copy 2.00 TB/s, bf16 product 1000 TFLOP/s; floor 4.0 us" in (
        table.ceilings_line(result)
    )
    path = tmp_path / "sub" / "figures.json"
    table.write_json(path, {"card": "C", "date": "D"}, [result])
    stored = json.loads(path.read_text())
    assert (stored["card"], stored["date"]) == ("C", "D")
    row = stored["rows"][0]
    assert row["programs"]["gate"]["seconds"] == 9e-6
    assert row["programs"]["other"]["error"] is None
    assert row["skipped"] == {"fla": "is not there"}
    # Without a cost there is no share.
    result.work = None
    assert table.lines(result)[0].split()[2:6] == ["9.0", "-", "-", "-"]


def test_peer_from_a_wheel(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    absent = peers.FlashLinearAttention([tmp_path / "none.whl"])
    assert absent.module("fla_stub.ops") is None
    assert "neither a wheel nor a folder" in absent.missing
    assert "--fla PATH" in absent.missing
    wheel = tmp_path / "stub.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fla_stub/__init__.py", "")
        archive.writestr("fla_stub/ops.py", "answer = 42\n")
    found = peers.FlashLinearAttention([wheel])
    assert found.module("fla_stub.ops").answer == 42
    # Kernels of Triton need a file.
    assert Path(found.module("fla_stub.ops").__file__).is_file()
    assert found.module("fla_stub.nothing") is None
    assert "fla_stub.nothing" in found.missing


def gatec(*arguments: object) -> str:
    result = subprocess.run(
        [compiler(), *map(str, arguments)], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize("program", sources.all_programs(), ids=lambda p: p.name)
def test_programs_cost_what_their_shapes_say(program, tmp_path: Path) -> None:
    source = tmp_path / "program.mlir"
    source.write_text(program.source)
    row, sizes = program.rows[-1]
    flags = [flag for n, size in sizes for flag in ("--set", f"{n}={size}")]
    output = gatec("cost", source, "--json", f"--entry={program.function}", *flags)
    (cost,) = json.loads(output)
    kind, _, shape = row.partition("-")
    total = cost["total"]
    if kind == "matmul":
        n = int(shape)
        assert total["product_flops"] == 2 * n**3
        # Two operands, the bias and the result, in bf16.
        assert total["bytes"] == 2 * (3 * n * n + n)
    elif shape:
        B, T, H, D = map(int, shape.split("x"))
        # Gates of one number a channel in bf16 or f32, of one a token in f32.
        gates = {
            "gla": 2 * B * T * H * D,
            "gla_f32": 4 * B * T * H * D,
            "simple_gla": 4 * B * T * H,
            "gated_delta_rule": 4 * B * T * H,
            "kda": 4 * B * T * H * D,
        }.get(kind, 0)
        if kind in sources.DELTA:
            gates += 2 * B * T * H  # beta, in bf16
        # The gate of attention is as large as its result.
        tensors = 5 if kind == "attention" else 4
        assert total["bytes"] == 2 * tensors * B * T * H * D + gates
        assert total["product_flops"] > 0


@pytest.mark.parametrize(
    "text",
    [
        sources.product_text(48),
        *(sources.scan_text(kind, 2, 16) for kind in sources.SCAN_KINDS),
    ],
    ids=["product", *sources.SCAN_KINDS],
)
def test_programs_are_right_when_small(text: str, tmp_path: Path) -> None:
    source = tmp_path / "program.mlir"
    source.write_text(text)
    assert "MISS" not in gatec("verify", source)
