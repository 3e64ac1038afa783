# ===- programs.py - Random programs against the reference path ------------=== #
#
# Writes gate functions of random ops, types and shapes, and lets `gatec verify`
# compare what they compile to with f64. A failure is kept, cut down to the fewest
# steps that still fail.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""Needs the compiler, whose path is in the environment variable GATEC.

programs.py --count 200                  seeds 0 to 199
programs.py --first 1000 --count 50      from another seed on
programs.py --show 17                    the program of a seed, not run
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "python"), str(ROOT / "python" / "tests")]

from attention import Attention  # noqa: E402
from programs import Program, Tensor, compiler, op, run_for  # noqa: E402
from scans import FORMS, HEADS, Scan  # noqa: E402

TYPES = ("f32", "f32", "bf16", "f16", "f64")
DECAYS = ("none", "constant", "scalar", "vector")
CONSTANTS = ("open", "closed", "mixed", "weak", "ordinary", "strong")
NORMS = ("rms", "layer", "l2")
ACTIVATIONS = ("identity", "sigmoid", "silu", "tanh", "gelu", "relu")
KINDS = ("norm", "glu", "conv", "apply", "blend", "add", "scan", "scan", "attention")
#: Tokens around the edges of chunks of 16, 32 and 64, none, and one.
TOKENS = (0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 96, 127, 128, 129, 200)
BATCHES = (0, 1, 1, 2, 3)
#: Seconds that a program may take.
SECONDS = 120
#: Errors of a few elements differ by luck: what fails is this many times the
#: plain loops' own, and more than a few units of the type.
TIMES = 16
UNITS = {"f64": 2.0**-32, "f32": 2.0**-16, "bf16": 2.0**-5, "f16": 2.0**-8}


@dataclass(frozen=True)
class Step:
    """What one op does; `sources` are places of earlier steps, -1 the input."""

    kind: str
    sources: tuple[int, ...]
    options: tuple[tuple[str, object], ...] = ()

    def __getitem__(self, name: str):
        return dict(self.options)[name]


@dataclass(frozen=True)
class Model:
    seed: int
    type: str
    width: int
    steps: tuple[Step, ...]
    batch: int
    tokens: int


@dataclass
class Text:
    """The function under construction."""

    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def input(self, tensor: Tensor) -> Tensor:
        self.inputs.append(tensor)
        return tensor


def draw_scan(r: random.Random, width: int) -> dict[str, object]:
    """A scan whose queries, keys and values are heads of one width, or inputs."""
    heads = r.choice(list(HEADS))
    query = HEADS[heads][0]
    is_hidden = width % query == 0
    K = width // query if is_hidden else r.randint(1, 20)
    decay = r.choice(DECAYS)
    form = r.choice(FORMS)
    constants = r.choice(CONSTANTS) if decay == "constant" else ""
    return {
        "K": K,
        # The output has the width of the model now and then.
        "V": r.choice((1, 2, 3, 7, 8, 16, 17, 32, width // 2 or 1, width // 4 or 1)),
        "decay": decay,
        "form": form,
        "constants": constants,
        "reverse": r.random() < 0.3,
        "initial": r.random() < 0.3,
        "heads": heads,
        "from_hidden": is_hidden,
    }


def draw_attention(r: random.Random, width: int) -> dict[str, object]:
    query = r.choice((1, 2, 4))
    is_hidden = width % query == 0
    is_gated = r.random() < 0.3
    return {
        "K": width // query if is_hidden else r.randint(1, 20),
        "V": r.choice((1, 3, 8, 16, 17, width // query or 1)),
        "heads": (query, r.choice([h for h in (1, 2, 4) if query % h == 0])),
        # A gate is summed from a key up to the query's position.
        "causal": is_gated or r.random() < 0.5,
        "window": r.choice((0, 0, 1, 5, 64)),
        "log_gate": is_gated,
        "sinks": r.random() < 0.3,
        "from_hidden": is_hidden,
    }


def draw(seed: int) -> Model:
    r = random.Random(seed)
    type = r.choice(TYPES)
    width = r.choice((1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100))
    steps: list[Step] = []
    for place in range(r.randint(1, 5)):
        kind = r.choice(KINDS)
        options: dict[str, object] = {}
        count = {"glu": 2, "add": 2, "blend": 3}.get(kind, 1)
        sources = tuple(r.randint(-1, place - 1) for _ in range(count))
        if kind == "norm":
            options = {"kind": r.choice(NORMS), "weight": r.random() < 0.5}
        if kind in ("glu", "apply", "blend", "conv"):
            options["activation"] = r.choice(ACTIVATIONS)
        if kind == "conv":
            options |= {"taps": r.randint(1, 5), "bias": r.random() < 0.5}
        if kind == "scan":
            options = draw_scan(r, width)
        if kind == "attention":
            options = draw_attention(r, width)
        steps.append(Step(kind, sources, tuple(options.items())))
    return Model(seed, type, width, tuple(steps), r.choice(BATCHES), r.choice(TOKENS))


def renamed(body: str, names: Iterable[str], place: int) -> str:
    """The values of a program of one op, named after its step."""
    for name in sorted(names, key=len, reverse=True):
        body = re.sub(rf"%{name}\b", f"%{name}_{place}", body)
    return body


def write_mixer(text: Text, model: Model, place: int, step: Step, x: Tensor) -> Tensor:
    """A scan or an attention over the tokens.

    Its own inputs, but for queries where they are heads of a hidden value. Heads
    of the output beside one another are the next hidden value where they have the
    width of the model.
    """
    options = {k: v for k, v in step.options if k != "from_hidden"}
    if step.kind == "scan":
        mixer = Scan(type=model.type, **options)
        if mixer.decay == "scalar" and "columns" in mixer.form:
            mixer = replace(mixer, form=mixer.form.replace("columns_", "") or "add")
    else:
        mixer = Attention(type=model.type, **options)
    program = mixer.program
    names = [t.name for t in (*program.inputs, *program.outputs)]
    for tensor in program.inputs:
        # Keys are those of the same tokens.
        shape = tuple("T" if size == "S" else size for size in tensor.shape)
        own = Tensor(f"{tensor.name}_{place}", shape, tensor.type)
        if tensor.name == "q" and step["from_hidden"]:
            text.lines.append(
                f"  %q_{place} = tensor.expand_shape %{x.name} [[0], [1], [2, 3]] "
                f"output_shape [%batch, %tokens, {shape[2]}, {mixer.K}] : "
                f"{x.mlir} into {own.mlir}"
            )
            continue
        text.input(own)
    text.lines.append(renamed(program.body, names, place))
    for tensor in program.outputs:
        text.outputs.append(replace(tensor, name=f"{tensor.name}_{place}"))
    o = text.outputs[-len(program.outputs)]
    # Back to the width, where the heads' values have it.
    joined = o.shape[2] * o.shape[3]
    if joined != model.width:
        return x
    y = Tensor(f"h_{place}", ("B", "T", model.width), model.type)
    text.lines.append(
        f"  %{y.name} = tensor.collapse_shape %{o.name} [[0], [1], [2, 3]] : "
        f"{o.mlir} into {y.mlir}"
    )
    return y


def write_step(text: Text, model: Model, place: int, hidden: list[Tensor]) -> Tensor:
    step = model.steps[place]
    sources = [hidden[source + 1] for source in step.sources]
    x, y = sources[0], Tensor(f"h_{place}", ("B", "T", model.width), model.type)

    def row(name: str) -> Tensor:
        return text.input(Tensor(f"{name}_{place}", (model.width,), model.type))

    if step.kind in ("scan", "attention"):
        return write_mixer(text, model, place, step, x)
    if step.kind == "norm":
        operands = [x, *([row("w")] if step["weight"] else [])]
        head = f"gate.norm %{x.name}"
        head += f" weight(%w_{place})" * step["weight"]
        head += f" {{kind = #gate.norm_kind<{step['kind']}>, axes = array<i64: 2>, "
        head += f"epsilon = {float.fromhex('0x1p-10'):.17e} : f64}}"
    elif step.kind == "add":
        names = ", ".join(f"%{s.name}" for s in sources)
        text.lines.append(f"  %{y.name} = arith.addf {names} : {y.mlir}")
        return y
    elif step.kind == "conv":
        taps = step["taps"]
        w = text.input(Tensor(f"w_{place}", (model.width, taps), model.type))
        s0 = text.input(Tensor(f"s_{place}", ("B", taps - 1, model.width), model.type))
        operands = [x, w, *([row("b")] if step["bias"] else []), s0]
        head = f"gate.short_conv %{x.name}, %w_{place}"
        head += f" bias(%b_{place})" * step["bias"] + f" initial(%s_{place})"
        head += f" {{activation = #gate.activation<{step['activation']}>}}"
        last = replace(s0, name=f"t_{place}")
        text.outputs.append(last)
        text.lines.append(op([y, last], head, operands))
        return y
    else:
        if step.kind == "apply":
            gate = Tensor(f"g_{place}", ("B", "T", 1), model.type)
            sources.append(text.input(gate))
        operands = sources
        names = ", ".join(f"%{s.name}" for s in sources)
        head = f"gate.{step.kind} {names} "
        head += f"{{activation = #gate.activation<{step['activation']}>}}"
    text.lines.append(op([y], head, operands))
    return y


def write(model: Model) -> str:
    text = Text()
    hidden = [text.input(Tensor("x", ("B", "T", model.width), model.type))]
    for place in range(len(model.steps)):
        hidden.append(write_step(text, model, place, hidden))
    known = {t.name for t in text.outputs} | {"x"}
    if hidden[-1].name not in known:
        text.outputs.append(hidden[-1])
    sizes = [
        "  %zero = arith.constant 0 : index",
        "  %first = arith.constant 1 : index",
        f"  %batch = tensor.dim %x, %zero : {hidden[0].mlir}",
        f"  %tokens = tensor.dim %x, %first : {hidden[0].mlir}",
    ]
    program = Program(
        f"random_{model.seed}",
        tuple(text.inputs), tuple(text.outputs), "\n".join([*sizes, *text.lines]),
    )  # fmt: skip
    return program.text


def verify(model: Model, folder: Path) -> str | None:
    """What is wrong, or nothing."""
    source = folder / f"random_{model.seed}.mlir"
    source.write_text(write(model))
    command = [compiler(), "verify", str(source), "--json", f"--seed={model.seed}"]
    command += ["--set", f"T={model.tokens}", "--set", f"B={model.batch}"]
    try:
        result = run_for(SECONDS, command)
    except subprocess.TimeoutExpired:
        return f"takes more than {SECONDS} s"
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    if errors or result.returncode not in (0, 1):
        return errors[0] if errors else f"ends with {result.returncode}"
    for row in json.loads(result.stdout):
        fast, plain = row["fast"], row["plain"]
        if fast["mismatches"] > plain["mismatches"]:
            return f"{row['function']} {row['result']}: not finite where f64 is"
        most = TIMES * (plain["max"] or 0) + UNITS[model.type]
        found = fast["max"] or 0
        if not found <= most and not math.isnan(plain["max"] or 0):
            return f"{row['function']} {row['result']}: error {found:.2g}, plain " + (
                f"loops {plain['max']:.2g}"
            )
    return None


def without(model: Model, place: int) -> Model:
    """The model without a step: what read it reads what that read."""

    def moved(source: int) -> int:
        if source == place:
            source = model.steps[place].sources[0]
        return source - (source > place)

    steps = tuple(
        replace(step, sources=tuple(moved(s) for s in step.sources))
        for at, step in enumerate(model.steps)
        if at != place
    )
    return replace(model, steps=steps)


def reduced(model: Model, folder: Path) -> Model:
    """Fewer steps, tokens and batch elements that still fail."""
    smaller = True
    while smaller:
        smaller = False
        candidates = [
            without(model, place)
            for place in range(len(model.steps))
            if len(model.steps) > 1
        ]
        candidates += [replace(model, tokens=t) for t in TOKENS if t < model.tokens]
        candidates += [replace(model, batch=1)] * (model.batch > 1)
        for candidate in candidates:
            if verify(candidate, folder):
                model, smaller = candidate, True
                break
    return model


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--show", type=int, help="print the program of a seed")
    parser.add_argument("--failures", type=Path, default=ROOT / "out" / "random")
    options = parser.parse_args()
    if options.show is not None:
        model = draw(options.show)
        print(f"// T = {model.tokens}, B = {model.batch}\n{write(model)}", end="")
        return 0
    models = [draw(options.first + i) for i in range(options.count)]
    kinds = Counter(step.kind for model in models for step in model.steps)
    failed = 0
    with (
        tempfile.TemporaryDirectory() as name,
        ThreadPoolExecutor(options.jobs) as pool,
    ):
        folder = Path(name)
        for model, problem in zip(
            models, pool.map(lambda m: verify(m, folder), models), strict=True
        ):
            if not problem:
                continue
            failed += 1
            least = reduced(model, folder)
            options.failures.mkdir(parents=True, exist_ok=True)
            path = options.failures / f"random_{model.seed}.mlir"
            path.write_text(write(least))
            print(
                f"seed {model.seed}, T = {least.tokens}, B = {least.batch}: {problem}\n"
                f"  {path}",
                flush=True,
            )
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    print(f"{len(models)} programs ({counts}), {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
