# ===- test_gradient_note.py - The equations of docs/Gradients.md ----------=== #
#
# The gradient of a vector-decay scan in the three forms of the note: token by
# token, as three scans, and by chunks. Each is compared with central
# differences in f64.
#
# Part of the Gate project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# ===----------------------------------------------------------------------=== #
"""NumPy only: nothing here is compiled by Gate."""

import numpy as np
import pytest

KEY, VALUE, SCALE = 3, 2, 0.5
NAMES = ("q", "k", "v", "g", "S0")


def scan(q, k, v, g, state, scale=SCALE):
    """Outputs and final state; the meaning of gate.linear_scan for one head."""
    outputs = []
    for t in range(len(q)):
        state = np.exp(g[t])[:, None] * state + np.outer(k[t], v[t])
        outputs.append(scale * state.T @ q[t])
    return np.array(outputs), state


def mirrored_scan(q, k, v, g, state, decay_axis="key"):
    """A scan with `reverse`; decays along the key or the value axis."""
    outputs = np.zeros((len(q), v.shape[1]))
    for t in reversed(range(len(q))):
        a = np.exp(g[t])
        a = a[:, None] if decay_axis == "key" else a[None, :]
        state = a * state + np.outer(k[t], v[t])
        outputs[t] = state.T @ q[t]
    return outputs, state


def by_tokens(q, k, v, g, state, do, dfinal):
    """The recurrence of the note, token by token, all states kept."""
    states = [state]
    for t in range(len(q)):
        states.append(np.exp(g[t])[:, None] * states[-1] + np.outer(k[t], v[t]))
    dq, dk, dv, dg = (np.zeros_like(x) for x in (q, k, v, g))
    later = dfinal  # what tokens after t contribute to the gradient of S_t
    for t in reversed(range(len(q))):
        gradient = later + SCALE * np.outer(q[t], do[t])
        dq[t] = SCALE * states[t + 1] @ do[t]
        dk[t] = gradient @ v[t]
        dv[t] = gradient.T @ k[t]
        dg[t] = np.exp(g[t]) * np.sum(gradient * states[t], axis=1)
        later = np.exp(g[t])[:, None] * gradient
    return dq, dk, dv, dg, later


def by_scans(q, k, v, g, state, do, dfinal):
    """Three scans and a sum from the end; decays shifted by one token."""
    shifted = np.concatenate([g[1:], np.zeros((1, KEY))])
    dv, first = mirrored_scan(k, SCALE * q, do, shifted, dfinal)
    dk, _ = mirrored_scan(v, do, SCALE * q, shifted, dfinal.T, "value")
    # Forward in time: the mirrored scan on mirrored tokens.
    dq, _ = mirrored_scan(do[::-1], v[::-1], k[::-1], g[::-1], state.T, "value")
    dq = SCALE * dq[::-1]
    _, final = scan(q, k, v, g, state)
    terms = q * dq - k * dk
    dg = np.cumsum(terms[::-1], axis=0)[::-1] + np.sum(final * dfinal, axis=1)
    return dq, dk, dv, dg, np.exp(g[0])[:, None] * first


def products(a):
    """D[i, j] = a_{j+1} .. a_i for j <= i, else 0; A[i] = a_0 .. a_i."""
    count = len(a)
    decay = np.zeros((count, count, KEY))
    for i in range(count):
        decay[i, i] = 1
        for j in reversed(range(i)):
            decay[i, j] = decay[i, j + 1] * a[j + 1]
    return decay, np.cumprod(a, axis=0)


def chunk_gradient(q, k, v, g, start, end, do, later):
    """One chunk: `start`, `end` are its states, `later` the gradient of `end`."""
    decay, from_start = products(np.exp(g))
    to_end = decay[-1]
    scores = SCALE * np.einsum("in,ijn,jn->ij", q, decay, k)
    dscores = np.tril(do @ v.T)
    dq = SCALE * (
        from_start * (do @ start.T) + np.einsum("ij,ijn,jn->in", dscores, decay, k)
    )
    dk = SCALE * np.einsum("ij,ijn,in->jn", dscores, decay, q)
    dk += to_end * (v @ later.T)
    dv = scores.T @ do + (to_end * k) @ later
    dg = np.zeros_like(g)
    running = np.sum(end * later, axis=1)  # the sum restarts in every chunk
    for i in reversed(range(len(q))):
        running = running + q[i] * dq[i] - k[i] * dk[i]
        dg[i] = np.where(np.isneginf(g[i]), 0, running)
    earlier = from_start[-1][:, None] * later + SCALE * (from_start * q).T @ do
    return dq, dk, dv, dg, earlier


def by_chunks(q, k, v, g, state, do, dfinal, size=4):
    """Chunk states first, forward; then the chunks from the last to the first."""
    cuts = list(range(0, len(q), size))
    states = [state]
    for c in cuts:
        part = slice(c, c + size)
        states.append(scan(q[part], k[part], v[part], g[part], states[-1])[1])
    gradients = [np.zeros_like(x) for x in (q, k, v, g)]
    later = dfinal
    for index in reversed(range(len(cuts))):
        part = slice(cuts[index], cuts[index] + size)
        *tokens, later = chunk_gradient(
            q[part],
            k[part],
            v[part],
            g[part],
            states[index],
            states[index + 1],
            do[part],
            later,
        )
        for whole, piece in zip(gradients, tokens, strict=True):
            whole[part] = piece
    return *gradients, later


def differences(arguments, do, dfinal, step=1e-5):
    """Central differences of <o, do> + <S_T, dfinal>."""

    def loss():
        outputs, final = scan(*arguments)
        return np.sum(outputs * do) + np.sum(final * dfinal)

    gradients = []
    for array in arguments:
        gradient = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            kept = array[place]
            array[place] = kept + step
            above = loss()
            array[place] = kept - step
            gradient[place] = (above - loss()) / (2 * step)
            array[place] = kept
        gradients.append(gradient)
    return gradients


def sample(tokens, seed=0):
    generator = np.random.default_rng(seed)
    q, k, g = (generator.standard_normal((tokens, KEY)) for _ in range(3))
    v, do = (generator.standard_normal((tokens, VALUE)) for _ in range(2))
    state, dfinal = (generator.standard_normal((KEY, VALUE)) for _ in range(2))
    return [q, k, v, -np.logaddexp(0, g), state], do, dfinal


@pytest.mark.parametrize("form", [by_tokens, by_scans, by_chunks])
@pytest.mark.parametrize("tokens", [1, 4, 11])
def test_equals_differences(form, tokens):
    arguments, do, dfinal = sample(tokens)
    expected = differences(arguments, do, dfinal)
    found = form(*arguments, do, dfinal)
    for name, x, y in zip(NAMES, found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-7, atol=1e-7, err_msg=name)


@pytest.mark.parametrize("form", [by_tokens, by_chunks])
def test_reset(form):
    """g = -inf forgets: finite everywhere, nothing flows across, dg = 0."""
    arguments, do, dfinal = sample(11)
    arguments[3][5] = -np.inf
    with np.errstate(invalid="raise"):
        found = form(*arguments, do, dfinal)
    assert all(np.isfinite(x).all() for x in found)
    assert (found[3][5] == 0).all()
    alone = form(*(x[:5] for x in arguments[:4]), arguments[4], do[:5], 0 * dfinal)
    for x, y in zip(found[:4], alone[:4], strict=True):
        np.testing.assert_allclose(x[:5], y, rtol=1e-9, atol=1e-12)


def test_long_sums_lose():
    """Why the sum for dg restarts in every chunk: f32, all decays near one."""
    arguments, do, dfinal = sample(4096, seed=1)
    arguments[3] /= 256
    exact = by_tokens(*arguments, do, dfinal)[3]
    narrow = [x.astype(np.float32) for x in (*arguments, do, dfinal)]

    def error(form, **options):
        found = form(*narrow, **options)[3]
        return np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))

    assert error(by_chunks, size=64) < error(by_scans)
