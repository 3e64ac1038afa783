"""Prints the speed table of GPUs: compiled programs against limits and peers.

Run on a machine with an NVIDIA GPU, PyTorch and the libraries that build.sh
made elsewhere. All rows of a table come from one process on one card. A figure
is the median over turns; every turn replays a CUDA graph of calls on several
sets of inputs, together larger than the L2 cache. The copy rate is measured in
the same way, in the same turns.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import gate  # noqa: E402

Call = Callable[[], object]
CACHE = 3 * 64 * 2**20  # bytes that the sets of inputs must exceed


def captured(calls: list[Call]) -> torch.cuda.CUDAGraph:
    """One graph of all calls; run once before, so that nothing is loaded in it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for call in calls:
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    return graph


def seconds(graph: torch.cuda.CUDAGraph, calls: int) -> float:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    graph.replay()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / calls / 1e3


def host_seconds(calls: list[Call]) -> float:
    """Per call without a graph, from the first call to the end of the work."""
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for call in calls:
        call()
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) / len(calls)


@dataclass
class Row:
    """A program at one size, beside what it must move and a peer."""

    name: str
    bytes: int
    ours: list[Call]
    peer_name: str
    peers: list[Call]
    check: Callable[[], float]
    #: Of products, where they and not the bytes are the limit.
    operations: float = 0


def sets_for(bytes_per_call: int) -> int:
    return max(2, -(-CACHE // bytes_per_call))


def bf16(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, device="cuda").to(torch.bfloat16)


def relative(value: torch.Tensor, oracle: torch.Tensor) -> float:
    difference = value.double() - oracle
    return float(difference.norm() / oracle.norm())


def norm_gate(folder: pathlib.Path) -> Row:
    f = gate.load(folder / "libnorm_gate_bf16.so").norm_gate
    n, d = 32768, 2048
    moved = 3 * n * d * 2
    w = bf16(d)

    def peer(x, g):
        return torch.nn.functional.silu(g) * torch.nn.functional.rms_norm(
            x, (d,), w, 1e-6
        )

    compiled = torch.compile(peer)
    ours, peers, first = [], [], None
    for _ in range(sets_for(moved)):
        x, g, y = bf16(n, d), bf16(n, d), bf16(n, d).fill_(float("nan"))
        ours.append(lambda x=x, g=g, y=y: f(x=x, g=g, w=w, out=y))
        peers.append(lambda x=x, g=g: compiled(x, g))
        first = first or (x, g, y)

    def check() -> float:
        x, g, y = first
        x64, g64 = x.double(), g.double()
        norm = x64 * torch.rsqrt((x64 * x64).mean(-1, keepdim=True) + 1e-6) * w.double()
        return relative(y, torch.nn.functional.silu(g64) * norm)

    return Row(
        f"RMS norm + gate [{n}, {d}] bf16", moved, ours, "torch.compile", peers, check
    )


def residual_norm(folder: pathlib.Path) -> Row:
    f = gate.load(folder / "libresidual_norm_bf16.so").residual_norm
    n, d = 32768, 2048
    moved = 4 * n * d * 2
    w = bf16(d)

    def peer(x, r):
        h = x + r
        return h, torch.nn.functional.rms_norm(h, (d,), w, 1e-6)

    compiled = torch.compile(peer)
    ours, peers, first = [], [], None
    for _ in range(sets_for(moved)):
        x, r = bf16(n, d), bf16(n, d)
        h, y = (bf16(n, d).fill_(float("nan")) for _ in range(2))
        ours.append(lambda x=x, r=r, h=h, y=y: f(x=x, r=r, w=w, out={"h": h, "y": y}))
        peers.append(lambda x=x, r=r: compiled(x, r))
        first = first or (x, r, h, y)

    def check() -> float:
        x, r, h, y = first
        sum64 = (x + r).double()
        norm = (
            sum64 * torch.rsqrt((sum64**2).mean(-1, keepdim=True) + 1e-6) * w.double()
        )
        return max(relative(h, sum64), relative(y, norm))

    return Row(
        f"residual + RMS norm [{n}, {d}] bf16",
        moved,
        ours,
        "torch.compile",
        peers,
        check,
    )


def scan_step(folder: pathlib.Path) -> Row:
    f = gate.load(folder / "libscan_step_f32.so").step
    b, h, k, v = 64, 16, 128, 128
    moved = 4 * b * h * (2 * k * v + 3 * k + 2 * v)

    def peer(q, key, value, g, s):
        s.mul_(g.exp()[..., None]).add_(key[..., None] * value[..., None, :])
        return torch.einsum("bhk,bhkv->bhv", q * k**-0.5, s)

    compiled = torch.compile(peer)
    ours, peers, first = [], [], None
    for _ in range(sets_for(moved)):
        q, key, value = (torch.randn(b, h, n, device="cuda") for n in (k, k, v))
        g = -torch.rand(b, h, k, device="cuda")
        s = torch.randn(b, h, k, v, device="cuda")
        o = torch.full((b, h, v), float("nan"), device="cuda")
        ours.append(
            lambda q=q, key=key, value=value, g=g, s=s, o=o: f(
                q=q, k=key, v=value, g=g, state={"s": s}, next_state={"s": s}, out=o
            )
        )
        peers.append(
            lambda q=q, key=key, value=value, g=g, s=s: compiled(q, key, value, g, s)
        )
        first = first or (q, key, value, g, s, o)

    def check() -> float:
        q, key, value, g, s, o = first
        before = s.double()
        ours[0]()
        after = before * g.double().exp()[..., None]
        after += key.double()[..., None] * value.double()[..., None, :]
        out = torch.einsum("bhk,bhkv->bhv", q.double() * k**-0.5, after)
        return max(relative(o, out), relative(s, after))

    return Row(
        f"step B{b} H{h} K=V={k} f32", moved, ours, "torch.compile", peers, check
    )


def attention(folder: pathlib.Path, gated: bool = False) -> Row:
    library = gate.load(folder / "libattention_bf16.so")
    f = library.gated if gated else library.causal
    b, t, h, d = 2, 4096, 16, 128
    names = "qkvg" if gated else "qkv"
    moved = 2 * b * t * h * d * (len(names) + 1)

    def peer(q, k, v, g=None):
        o = torch.nn.functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True
        ).transpose(1, 2)
        return o if g is None else o * torch.sigmoid(g)

    compiled = torch.compile(peer)
    ours, peers, first = [], [], None
    for _ in range(sets_for(moved)):
        inputs = {name: bf16(b, t, h, d) for name in names}
        o = bf16(b, t, h, d).fill_(float("nan"))
        ours.append(lambda inputs=inputs, o=o: f(**inputs, out=o))
        peers.append(lambda inputs=inputs: compiled(**inputs))
        first = first or (inputs, o)

    def check() -> float:
        inputs, o = first
        # One head of one sequence: all scores in f64 are large.
        q, k, v = (inputs[name][1, :, 3].double() for name in "qkv")
        mask = torch.ones(t, t, device="cuda", dtype=torch.bool).tril()
        scores = (q @ k.T * d**-0.5).masked_fill(~mask, float("-inf"))
        expected = torch.softmax(scores, -1) @ v
        if gated:
            expected *= torch.sigmoid(inputs["g"][1, :, 3].double())
        return relative(o[1, :, 3], expected)

    return Row(
        f"attention B{b} T{t} H{h} D{d} bf16" + " gated" * gated,
        moved, ours, "SDPA", peers, check, operations=2.0 * b * h * t * t * d,
    )  # fmt: skip


def gated_attention(folder: pathlib.Path) -> Row:
    return attention(folder, gated=True)


def copy_calls() -> tuple[int, list[Call]]:
    bytes_each = 2**28
    pairs = [
        tuple(
            torch.randint(0, 255, (bytes_each,), dtype=torch.uint8, device="cuda")
            for _ in range(2)
        )
        for _ in range(2)
    ]
    return 2 * bytes_each, [lambda a=a, c=c: c.copy_(a) for a, c in pairs]


ROWS = {
    "norm_gate": norm_gate,
    "residual_norm": residual_norm,
    "scan_step": scan_step,
    "attention": attention,
    "gated_attention": gated_attention,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "out" / "gpu")
    parser.add_argument("--turns", type=int, default=15)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}")
    options = parser.parse_args()
    torch.manual_seed(0)
    print(torch.cuda.get_device_name(), "torch", torch.__version__)
    copy_bytes, copies = copy_calls()
    copy_graph = captured(copies)
    for name in options.rows or ROWS:
        row = ROWS[name](options.folder)
        ours, peers = captured(row.ours), captured(row.peers)
        ours.replay()
        error = row.check()
        times: dict[str, list[float]] = {"copy": [], "ours": [], "peer": [], "host": []}
        for _ in range(options.turns):
            time.sleep(0.05)
            times["copy"].append(seconds(copy_graph, len(copies)))
            times["ours"].append(seconds(ours, len(row.ours)))
            times["peer"].append(seconds(peers, len(row.peers)))
            times["host"].append(host_seconds(row.ours))
        median = {key: statistics.median(values) for key, values in times.items()}
        rate = copy_bytes / median["copy"]
        share = 100 * row.bytes / median["ours"] / rate
        print(
            f"{row.name:36s} {median['ours'] * 1e6:9.1f} us  "
            f"{share:5.1f} % of copy {rate / 1e12:.2f} TB/s  "
            f"{row.peer_name} {median['peer'] * 1e6:9.1f} us  "
            f"without graph {median['host'] * 1e6:9.1f} us  error {error:.1e}"
            + (
                f"  {row.operations / median['ours'] / 1e12:.0f} TFLOP/s, peer "
                f"{row.operations / median['peer'] / 1e12:.0f}"
                if row.operations
                else ""
            ),
            flush=True,
        )
        del row, ours, peers
        torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
