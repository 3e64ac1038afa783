# ===- covering.py - Small sets of cases that cover all pairs of values ---=== #
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""A greedy covering array: no randomness, the same cases every time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

Factors = Mapping[str, Sequence[Any]]
Case = dict[str, Any]

#: Two factors and the position of a value of each; the first factor is first.
Pair = tuple[str, int, str, int]


def all_pairs(factors: Factors) -> Iterator[Pair]:
    for a, b in combinations(factors, 2):
        for i, j in product(range(len(factors[a])), range(len(factors[b]))):
            yield a, i, b, j


def _pairs_of(positions: Mapping[str, int], factors: Factors) -> Iterator[Pair]:
    names = [name for name in factors if name in positions]
    for a, b in combinations(names, 2):
        yield a, positions[a], b, positions[b]


def _complete(
    positions: dict[str, int], factors: Factors, missing: Mapping[Pair, None], turn: int
) -> None:
    """Gives every other factor the value that covers most missing pairs."""
    # Long factors first: they have most pairs to cover.
    order = sorted(factors, key=lambda n: -len(factors[n]))
    for index, name in enumerate(order):
        if name in positions:
            continue
        size = len(factors[name])
        # Ties go to another value in every case, and at another pace for every
        # factor, so that values are even and mix.
        first = turn * (index + 1) + turn // size
        candidates = [(first + shift) % size for shift in range(size)]
        positions[name] = max(
            candidates,
            key=lambda at: sum(
                pair in missing
                for pair in _pairs_of({**positions, name: at}, factors)
                if name in (pair[0], pair[2])
            ),
        )


def pairwise(factors: Factors) -> list[Case]:
    """Cases in which every pair of values of two factors occurs."""
    missing = dict.fromkeys(all_pairs(factors))  # a set that keeps its order
    cases: list[Case] = []
    while missing:
        a, i, b, j = next(iter(missing))
        positions = {a: i, b: j}
        _complete(positions, factors, missing, len(cases))
        for pair in _pairs_of(positions, factors):
            missing.pop(pair, None)
        cases.append({name: factors[name][positions[name]] for name in factors})
    return cases


def add_triples(
    cases: list[Case],
    factors: Factors,
    triple: tuple[str, str, str],
    choose: Callable[[list[Case], Case], Case],
) -> None:
    """Adds cases until all values of three factors occur together.

    `choose` takes the cases so far and the three values, and gives a case that
    has these values.
    """
    seen = {tuple(case[name] for name in triple) for case in cases}
    for values in product(*(factors[name] for name in triple)):
        if values not in seen:
            case = choose(cases, dict(zip(triple, values, strict=True)))
            cases.append({**case, **dict(zip(triple, values, strict=True))})
