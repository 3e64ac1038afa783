# ===- test_malformed_programs.py - Exact errors of malformed programs ----=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs gate-opt: its path is in the environment variable GATE_OPT."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "test" / "Integration"))

import malformed
from malformed_builders import VALID

PROGRAMS = malformed.programs()
ERROR = re.compile(r"^<stdin>:(\d+):\d+: error: (.*)$", re.MULTILINE)
FOLLOWS = re.compile("op failed to infer returned types$|^failed to parse Gate_")


def run(text: str) -> subprocess.CompletedProcess:
    tool = os.environ.get("GATE_OPT")
    assert tool, "set GATE_OPT to the path of gate-opt"
    return subprocess.run(
        [tool, "-"], input=text, capture_output=True, text=True, timeout=60
    )


def test_table():
    assert len(PROGRAMS) >= 200
    assert len({program.name for program in PROGRAMS}) == len(PROGRAMS)
    assert len({program.text for program in PROGRAMS}) == len(PROGRAMS)


@pytest.mark.parametrize("text", VALID)
def test_unchanged_program_is_valid(text):
    result = run(text)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_malformed_program(program):
    result = run(program.text)
    # A crash is a signal (negative) or, with sanitizers, their report.
    assert result.returncode == 1, f"{program.text}\n{result.stderr}"
    assert "Sanitizer" not in result.stderr, result.stderr
    assert "runtime error:" not in result.stderr, result.stderr
    errors = ERROR.findall(result.stderr)
    assert errors, f"{program.text}\n{result.stderr}"
    assert errors[0] == (str(program.line), program.message), program.text
    # Upstream adds that inference or parsing failed; nothing else may follow.
    rest = [message for _, message in errors[1:]]
    assert all(FOLLOWS.search(message) for message in rest), rest
