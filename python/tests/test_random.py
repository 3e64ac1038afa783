# ===- test_random.py - The generator of random programs, and some of them -=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #

import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "test" / "random" / "programs.py"
spec = importlib.util.spec_from_file_location("random_programs", SOURCE)
generator = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = generator
spec.loader.exec_module(generator)


def test_programs_agree_with_the_reference(tmp_path):
    models = [generator.draw(seed) for seed in range(40)]
    with ThreadPoolExecutor() as pool:
        problems = list(pool.map(lambda m: generator.verify(m, tmp_path), models))
    assert {m.seed: p for m, p in zip(models, problems, strict=True) if p} == {}


def test_seeds_cover_what_can_be_drawn():
    models = [generator.draw(seed) for seed in range(400)]
    steps = [step for model in models for step in model.steps]
    scans = [step for step in steps if step.kind == "scan"]
    assert {model.type for model in models} == set(generator.TYPES)
    assert {model.tokens for model in models} == set(generator.TOKENS)
    assert {model.batch for model in models} == set(generator.BATCHES)
    for name, values in (
        ("decay", generator.DECAYS),
        ("form", generator.FORMS),
        ("heads", generator.HEADS),
        ("reverse", (False, True)),
        ("initial", (False, True)),
        ("from_hidden", (False, True)),
    ):
        assert {scan[name] for scan in scans} == set(values)


def test_what_a_stopped_command_has_started_ends_with_it(tmp_path):
    """A compiler's assembler, for one."""
    started = tmp_path / "started"
    command = ["sh", "-c", f"sleep 60 & echo $! > {started}; wait"]
    with pytest.raises(subprocess.TimeoutExpired):
        generator.run_for(0.5, command)
    state = Path(f"/proc/{int(started.read_text())}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_the_same_seed_is_the_same_program():
    assert generator.write(generator.draw(7)) == generator.write(generator.draw(7))
    assert generator.write(generator.draw(7)) != generator.write(generator.draw(8))


def test_failures_are_cut_down(monkeypatch, tmp_path):
    """A compiler that fails on convolutions of two tokens or more."""

    def fails(model, folder):
        is_long = model.tokens >= 2
        has = any(step.kind == "conv" for step in model.steps)
        return "wrong" if is_long and has else None

    monkeypatch.setattr(generator, "verify", fails)
    models = (generator.draw(seed) for seed in range(1000))
    model = next(m for m in models if fails(m, tmp_path) and len(m.steps) > 3)
    least = generator.reduced(model, tmp_path)
    assert [step.kind for step in least.steps] == ["conv"]
    assert least.tokens == 2
    assert least.batch <= 1


def test_a_wrong_program_is_reported(monkeypatch, tmp_path):
    """With no room for errors every program of rounded numbers fails."""
    monkeypatch.setattr(generator, "TIMES", -1)
    monkeypatch.setattr(generator, "UNITS", dict.fromkeys(generator.UNITS, 0))
    models = (generator.draw(seed) for seed in range(100))
    model = next(m for m in models if m.type == "bf16" and m.tokens > 3 and m.batch > 0)
    assert "error" in generator.verify(model, tmp_path)


@pytest.mark.parametrize("place", [0, 1])
def test_removed_steps_leave_sources_before_them(place):
    step = generator.Step
    steps = (step("add", (-1, -1)), step("add", (0, -1)), step("add", (1, 0)))
    model = generator.Model(0, "f32", 4, steps, 1, 1)
    left = generator.without(model, place).steps
    assert len(left) == 2
    assert all(s < at for at, one in enumerate(left) for s in one.sources)
