# ===- malformed_scans.py - Scans that break one rule ---------------------=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""The rows of malformed.py about gate.linear_scan and gate.scan."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from malformed_builders import (
    STEP,
    WIDE_FLOAT,
    Program,
    inferred,
    linear_scan,
    on_op,
    scan,
    shaped,
)


def scan_tokens() -> Iterator[Program]:
    """Shapes of what a linear scan gets per token."""

    def case(name, message, **changes):
        return on_op("linear_scan", name, linear_scan(**changes), message)

    heads, width = "[batch, time, heads]", "[batch, time, heads, width]"
    for name, last in (("query", 16), ("key", 16), ("value", 32)):
        for shape in ("", f"2x?x{last}", f"2x?x4x{last}x1"):
            wrong = shaped(shape)
            yield case(
                f"{name} {wrong}",
                f"expects {name} of rank 4, {width}, got '{wrong}'",
                **{name: wrong},
            )
        for own in ("?", "3", "0"):
            wrong = shaped(f"2x?x{own}x{last}")
            yield case(
                f"{name} {wrong}",
                f"expects the heads of {name} to be static and to "
                f"divide 4, got '{wrong}'",
                **{name: wrong},
            )
        for own in ("?", "0"):
            wrong = shaped(f"2x?x4x{own}")
            yield case(
                f"{name} {wrong}",
                f"expects a static width of {name}, got '{wrong}'",
                **{name: wrong},
            )
    fixed = "tensor<2x5x4x16xf32>"
    for name, last in (
        ("key", "x16"),
        ("value", "x32"),
        ("decay", "x16"),
        ("decay", ""),
    ):
        for dim, size, shape in (("batch", 2, "3x5x4"), ("time", 5, "2x6x4")):
            wrong = shaped(shape + last)
            changes = {"query": fixed, "key": fixed, "value": "tensor<2x5x4x32xf32>"}
            yield case(
                f"{name} {wrong}",
                f"expects {name} to have the {dim} {size} of query, got '{wrong}'",
                **(changes | {name: wrong}),
            )
    open_query = {"query": "tensor<?x?x4x16xf32>", "key": fixed}
    for name, wrong in (
        ("value", "tensor<3x5x4x32xf32>"),
        ("value", "tensor<2x6x4x32xf32>"),
        ("decay", "tensor<2x6x4xf32>"),
    ):
        yield case(
            f"key {fixed}, {name} {wrong}",
            f"expects equal batch and time in all operands, but {name} is '{wrong}'",
            **(open_query | {name: wrong}),
        )
    for wrong in ("tensor<2x?x4x15xf32>", "tensor<2x?x4x32xf32>"):
        yield case(f"key {wrong}", f"expects width 16 of key, got '{wrong}'", key=wrong)
        yield case(
            f"decay {wrong}", f"expects width 16 of decay, got '{wrong}'", decay=wrong
        )
    for name, shape in (("key", "2x?x4x16"), ("value", "2x?x4x32")):
        for own in ("f64", "bf16", "f16"):
            yield case(
                f"{name} of {own}",
                f"expects the element type of {name} to match query, "
                f"but got '{own}' and 'f32'",
                **{name: shaped(shape, own)},
            )
    for wrong in ("tensor<2x4xf32>", "tensor<2x?x4x16x1xf32>", "tensor<f32>"):
        yield case(
            f"decay {wrong}",
            f"expects decay {heads} or [batch, time, heads, key width], got '{wrong}'",
            decay=wrong,
        )
    for wrong in ("tensor<2x?x3xf32>", "tensor<2x?x?x16xf32>", "tensor<2x?x0x16xf32>"):
        yield case(
            f"decay {wrong}",
            f"expects the heads of decay to be static and to divide 4, got '{wrong}'",
            decay=wrong,
        )


def scan_states() -> Iterator[Program]:
    """Decays and states of a linear scan, and the members not built yet."""

    def case(name, message, **changes):
        return on_op("linear_scan", name, linear_scan(**changes), message)

    yield case(
        "decay of f64",
        "expects decay element type 'f32' (log-gates are never narrower), got 'f64'",
        decay="tensor<2x?x4xf64>",
    )
    for i, name in ((3, "decay"), (3, "initial")):
        for element in ("bf16", "f16", "i32"):
            wrong = shaped("2x4x16x32", element)
            yield case(
                f"{name} of {element}",
                f"operand #{i} must be {WIDE_FLOAT}, but got '{wrong}'",
                **{name: wrong},
            )
    yield case(
        "decay twice",
        "expects decay or decay_constants, got both",
        decay="tensor<2x?x4xf32>",
        attributes="decay_constants = array<f64: 0., 0., 0., 0.>",
    )
    for constants, count in (("0., 0.", 2), ("0.", 1), ("0., 0., 0., 0., 0.", 5)):
        yield case(
            f"{count} constants",
            f"expects 4 decay_constants, one per head, got {count}",
            attributes=f"decay_constants = array<f64: {constants}>",
        )
    for constant, got in (
        ("1.0e-3", "1.000000e-03"),
        ("0x7FF0000000000000", "INF"),
        ("0x7FF8000000000000", "nan"),
    ):
        yield case(
            f"constant {got}",
            f"expects decay_constants to be log-decays, at most 0, got {got}",
            attributes=f"decay_constants = array<f64: 0., {constant}, 0., 0.>",
        )
    for wrong in (
        "tensor<3x4x16x32xf32>",
        "tensor<2x2x16x32xf32>",
        "tensor<2x4x32x16xf32>",
        "tensor<2x4x16x32xf64>",
        "tensor<2x4x512xf32>",
    ):
        yield case(
            f"initial {wrong}",
            f"expects initial state of type 'tensor<2x4x16x32xf32>', got '{wrong}'",
            initial=wrong,
        )
    tokens = "tensor<2x?x4x16xf32>"
    for attribute, message in (
        (
            "update = #gate.update<delta>",
            "expects beta, [batch, time, heads], with update delta; "
            "a constant 1 has no effect",
        ),
        (
            "update = #gate.update<diagonal_rank_one>",
            "expects transition(a, b), what reads the state and what is added of it, "
            "with update diagonal_rank_one, got 0 operands",
        ),
        (
            "decay_axis = #gate.axis<value>",
            "expects decay with decay_axis value, got none",
        ),
    ):
        yield case(attribute, message, attributes=attribute)
    yield case(
        "prediction",
        "expects prediction undecayed only beside an update that predicts, "
        "got update add",
        attributes="prediction = #gate.prediction<undecayed>",
    )
    for clause, operand, message in (
        ("beta", tokens, "expects beta only with update delta, got update add"),
        (
            "transition",
            tokens,
            "expects transition only with update diagonal_rank_one, got update add",
        ),
        (
            "bonus",
            tokens,
            "expects bonus only with read before_with_bonus, got read after",
        ),
        ("input_gate", tokens, "does not support input_gate so far"),
        (
            "offsets",
            "tensor<3xi32>",
            "does not support offsets (packed sequences) so far",
        ),
    ):
        yield case(clause, message, **{clause: operand})
    output, final = "tensor<2x?x4x32xf32>", "tensor<2x4x16x32xf32>"
    for changes in (
        {"output": "tensor<2x?x4x16xf32>"},
        {"output": "tensor<2x?x4x32xbf16>"},
        {"final": "tensor<2x4x32x16xf32>"},
        {"final": "tensor<2x4x16x32xf64>"},
    ):
        types = {"output": output, "final": final} | changes
        yield inferred(
            "linear_scan",
            f"{changes}",
            linear_scan(**changes),
            [output, final],
            list(types.values()),
        )
    for name, valid, what in (
        (
            "update",
            "add, delta, diagonal_rank_one",
            "how a token changes the state of a linear scan",
        ),
        (
            "read",
            "after, before_with_bonus",
            "which state a linear scan's output reads",
        ),
        ("prediction", "decayed, undecayed", "state that a delta update predicts from"),
    ):
        yield Program(
            f"linear_scan: unknown {name}",
            linear_scan(attributes=f"{name} = #gate.{name}<other>"),
            f"expected one of [{valid}] for {what}, got: other",
            "gate.linear_scan",
        )


def regions() -> Iterator[Program]:
    def case(name, message, op="scan", **changes):
        text = scan(**changes)
        return Program(f"scan: {name}", text, f"'gate.{op}' op {message}", f"gate.{op}")

    row, state = "tensor<2x?x8xf32>", "tensor<2x8xf32>"
    least = "expects at least one input and one state"
    body = "    gate.yield %s, %s : tensor<8xf32>, tensor<8xf32>\n"
    yield case("no inputs", least, inputs=(), block="%s: tensor<8xf32>", body=body)
    yield case("no states", least, states=(), block="%s: tensor<8xf32>", body=body)
    yield case(
        "no results", "expects at least 1 results, one per state, got 0", results=()
    )
    for wrong in ("tensor<8xf32>", "tensor<f32>"):
        yield case(
            f"input {wrong}",
            f"expects input 0 of rank 2 or more, [batch, time, ...], got '{wrong}'",
            inputs=(wrong,),
        )
        yield case(
            f"second input {wrong}",
            f"expects input 1 of rank 2 or more, [batch, time, ...], got '{wrong}'",
            inputs=(row, wrong),
        )
    for first, wrong in (
        (row, "tensor<3x?x8xf32>"),
        ("tensor<2x5xf32>", "tensor<2x6xf32>"),
    ):
        yield case(
            f"inputs {first}, {wrong}",
            f"expects equal batch and time in all inputs, but input 1 is '{wrong}'",
            inputs=(first, wrong),
        )
    for wrong in ("tensor<3x8xf32>", "tensor<f32>"):
        yield case(
            f"state {wrong}",
            "expects initial state 0 to be [batch, ...] with the batch "
            f"of the inputs, got '{wrong}'",
            states=(wrong,),
        )
    extra = ", %e: tensor<8xf32>"
    both = "%x: tensor<8xf32>, %s: tensor<8xf32>"
    yield case(
        "three arguments",
        "expects a region with 2 arguments (inputs, invariants, states), got 3",
        block=both + extra,
    )
    for i, wrong in itertools.product(
        (0, 1), ("tensor<8xf64>", "tensor<4xf32>", state)
    ):
        types = ["tensor<8xf32>", "tensor<8xf32>"]
        types[i] = wrong
        body = (
            "    %c = arith.constant dense<0.0> : tensor<8xf32>\n"
            "    gate.yield %c, %c : tensor<8xf32>, tensor<8xf32>\n"
        )
        yield case(
            f"argument {i} is {wrong}",
            f"expects region argument {i} to be 'tensor<8xf32>', got '{wrong}'",
            block=f"%x: {types[0]}, %s: {types[1]}",
            body=body,
        )
    for count in (0, 1, 3):
        values = ", ".join(["%s"] * count)
        types = ", ".join(["tensor<8xf32>"] * count)
        yield case(
            f"yield of {count}",
            f"expects 2 values, 1 states and then 1 outputs, got {count}",
            op="yield",
            body=f"    gate.yield {values}{' : ' * bool(count)}{types}\n",
        )
    for wrong in ("tensor<8xf64>", "tensor<4xf32>"):
        yield case(
            f"yields state {wrong}",
            f"expects state 0 to be 'tensor<8xf32>', got '{wrong}'",
            op="yield",
            body=f"    %w = tensor.empty() : {wrong}\n"
            f"    gate.yield %w, %s : {wrong}, tensor<8xf32>\n",
        )
    yield inferred(
        "scan",
        "output type",
        scan(results=("tensor<2x?x9xf32>", state)),
        [row, state],
        ["tensor<2x?x9xf32>", state],
    )
    yield Program(
        "scan: side effect",
        scan(body="    %m = memref.alloc() : memref<8xf32>\n" + STEP),
        "expects only ops without side effects in the step of `gate.scan`, got "
        "'memref.alloc'",
        "memref.alloc",
    )
    yield Program(
        "scan: value from outside",
        scan(body="    gate.yield %a1, %s : tensor<2x8xf32>, tensor<8xf32>\n"),
        "'gate.yield' op using value defined outside the region",
        "gate.yield",
    )
    yield Program(
        "yield: outside of a scan",
        f"func.func @malformed(%a: {row}) {{\n  gate.yield %a : {row}\n}}\n",
        "'gate.yield' op expects parent op 'gate.scan'",
        "gate.yield",
    )
