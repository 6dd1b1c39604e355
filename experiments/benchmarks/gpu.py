"""One GPU: steps against torch.compile, several steps in a call, several networks in a program.

    python -m experiments.gpu bench [--only TEXT] [--limit-seconds N]     (`make bench-gpu`)

One side at a time has the device. Every measurement is a process and a line of
runs/bench/gpu.jsonl; stopped by the limit or by anybody, the same command goes on with what is
missing. The table is printed and lies beside the lines.
"""

import argparse
import shlex
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks.gpu_table import markdown
from experiments.benchmarks.harness import ROOT, Absent, Results, Worker
from experiments.gpu.device import need_gpu
from resinc.cores import available_cores

# Batches: of He et al. on CIFAR; what one GPU is usually given of photographs.
SMALL: dict[str, dict[str, Any]] = {
    "resnet-20": {"recipe": "configs/cifar.py:depth=20"},
    "resnet-56": {"recipe": "configs/cifar.py:depth=56"},
}
PHOTOGRAPHS = "configs/imagenet.py:dataset=photographs,batch=256,images=1024,network="
HELD = {"data.image_size": 0}  # Arrays in memory, not files.
CASES: dict[str, dict[str, Any]] = SMALL | {
    "resnet-50 at 224": {"recipe": f"{PHOTOGRAPHS}resnet-50-v1.5"} | HELD,
    "googlenet at 224": {"recipe": f"{PHOTOGRAPHS}googlenet-bn"} | HELD,
}
TINY = {"tiny": {"recipe": "configs/cifar.py:depth=8", "batch_size": 2, "model.width": 4}}
PRECISIONS: dict[str, dict[str, Any]] = {
    "float32": {},
    "bfloat16": {"model.dtype": "bfloat16"},
    # What PyTorch calls float32 in convolutions unless told otherwise.
    "tf32": {"model.matmul_precision": "default"},
}
PEERS = {"pytorch compiled": "default", "pytorch compiled, CUDA graphs": "reduce-overhead"}
CELLS, STEPS = (2, 4, 8, 16), (10, 100)
PENDING = 100  # Steps that are given to the device before they are waited for.
TURNS, FIRST_GUESS = 5, 60.0  # Seconds of a measurement, before one was seen.


class Piece(NamedTuple):
    """One measurement: what its line is found by, and what `worker.py` is asked for."""

    key: dict[str, Any]
    work: dict[str, Any]

    @property
    def name(self) -> str:
        case, precision, side, cells, steps = self.key.values()
        return f"{case}, {precision}, {side}, cells={cells}, k={steps}"


def pieces(quick: bool = False) -> Iterator[Piece]:
    """The comparisons first, then packed cells, steps of a call, what same bits cost, and TF32."""
    cases, small = (TINY, TINY) if quick else (CASES, SMALL)
    peers = {"pytorch": ""} if quick else PEERS  # Eager: compiling takes minutes on a CPU.
    cells, steps = ((2,), (3,)) if quick else (CELLS, STEPS)
    exact = [name for name in PRECISIONS if name != "tf32"][: 1 if quick else None]
    for case in cases:
        for precision in exact:
            yield from compared(case, cases[case], precision, peers)
    for case in small:
        for precision in reversed(exact):
            yield from (ours(case, small[case], precision, 1, k) for k in reversed(steps))
            yield from (ours(case, small[case], precision, n, steps[-1]) for n in cells)
        work = small[case] | {"parallel.deterministic": False}
        yield ours(case, work, "float32", 1, steps[-1], "ours, bits vary")
    for case in {} if quick else cases:
        yield from compared(case, cases[case], "tf32", peers)


def compared(case: str, work: dict[str, Any], precision: str, peers: Any) -> Iterator[Piece]:
    yield ours(case, work, precision, 1, 1)
    for side, mode in peers.items():
        key = {"case": case, "precision": precision, "side": side, "cells": 1, "steps_per_call": 1}
        given = work | PRECISIONS[precision] | {"module": "torch_twin", "compiled": mode}
        yield Piece(key, given | {"calls": PENDING})


def ours(
    case: str, work: dict[str, Any], precision: str, cells: int, steps: int, side: str = "ours"
) -> Piece:
    key: dict[str, Any] = {"case": case, "precision": precision, "side": side}
    key |= {"cells": cells, "steps_per_call": steps}
    given = work | PRECISIONS[precision] | {"module": "ours", "cells": cells}
    calls = max(1, PENDING // steps)
    return Piece(key, given | {"steps_per_call": steps, "calls": calls})


def measure(results: Results, piece: Piece, seconds: float, quick: bool, command: str) -> None:
    """Add the line of a measurement.

    Raises:
      Absent, RuntimeError, OSError: as `Worker`, whose process is ended after `seconds`.
    """
    work = dict(piece.work)
    if quick:
        work["calls"] = 1
    worker = Worker(cores=len(available_cores()), seconds=seconds, **work)
    try:
        turns = [worker.turn()["seconds"] for _ in range(1 if quick else TURNS)]
    finally:
        worker.end()
    steps = work["calls"] * work.get("steps_per_call", 1)
    each = [round(seconds / steps, 8) for seconds in turns]  # Of a step of all cells.
    results.add(
        **piece.key, seconds=statistics.median(each), turns=each, **worker.about, command=command
    )


def main(argv: Sequence[str]) -> int:
    """The exit status: 0, also where the limit left some for the next call; 1 where some failed."""
    parser = argparse.ArgumentParser(prog="python -m experiments.gpu bench")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "bench")
    parser.add_argument("--only", default="", help="measurements whose name has this text")
    parser.add_argument("--limit-seconds", type=float, default=480.0, help="of this call")
    parser.add_argument("--quick", action="store_true", help="a tiny size, also on a CPU")
    args = parser.parse_args(argv)
    ends = time.monotonic() + args.limit_seconds
    if not args.quick:
        need_gpu("--quick shows on a CPU whether it runs")
    command = shlex.join(["python", "-m", "experiments.gpu", "bench", *argv])
    results = Results(args.out, "gpu")
    chosen = [piece for piece in pieces(args.quick) if args.only in piece.name]
    left = [piece for piece in chosen if not results.has(**piece.key)]
    failed, longest = [], 0.0
    while left and ends - time.monotonic() > (longest or min(FIRST_GUESS, args.limit_seconds / 2)):
        piece, begun = left.pop(0), time.monotonic()
        try:
            measure(results, piece, ends - begun, args.quick, command)
        except Absent as absent:
            print(f"gpu: {piece.name} is left out: {absent}", flush=True)
        except (RuntimeError, OSError) as error:
            if time.monotonic() >= ends:
                left.insert(0, piece)
                print(f"gpu: {piece.name}: {ends - begun:.0f} s were too few for it", flush=True)
                break
            failed.append(piece.name)
            print(f"gpu: {piece.name} failed: {error}", flush=True)
        longest = max(longest, time.monotonic() - begun)
    table = markdown(results.lines)
    (args.out / "gpu.md").write_text(table + "\n", encoding="utf-8")
    print("\n" + table)
    if left:
        print(f"\n{len(left)} of {len(chosen)} are left: the same command goes on")
    return int(bool(failed))
