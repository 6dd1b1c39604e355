"""Error against depth by the paper's whole protocol on CIFAR-10: `make curves-gpu`.

He et al. 2015, section 4.2 and Fig. 6: plain networks of 20, 32, 44 and 56 layers, residual ones of
20, 32, 44, 56 and 110, 64,000 steps of 128 images. Seeds of a network are trained in one program.
Runs and report are those of `make evidence DATASET=cifar10 STEPS=64000`: first 20 and 56 layers,
then the other depths, then more seeds.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from experiments import evidence
from experiments.gpu.carry import DATASET, provide_data
from experiments.gpu.device import need_gpu


def main(argv: Sequence[str]) -> int:
    """The exit status: 0, also where the limit left some for the next call; else `evidence`'s."""
    parser = argparse.ArgumentParser(prog="python -m experiments.gpu curves", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seeds", type=int, default=3, help="before any more are begun")
    parser.add_argument("--steps", type=int, default=64_000)
    parser.add_argument("--steps-per-call", type=int, default=100)
    parser.add_argument("--limit-seconds", type=float, default=480.0, help="of this call")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of everything")
    parser.add_argument("--cpu", action="store_true", help="go on without a GPU: for days")
    args = parser.parse_args(argv)
    ends = time.monotonic() + args.limit_seconds
    if not args.cpu:
        need_gpu("--cpu trains all the same, for days")
    provide_data()
    words = [f"--dataset={DATASET}", "--only=degradation", f"--steps={args.steps}"]
    words += [f"--steps-per-call={args.steps_per_call}", f"--runs={args.runs}", "--workers=1"]
    status = 0
    for seeds in sorted({min(args.first_seeds, args.seeds), args.seeds}):
        left = ends - time.monotonic()
        more = [f"--seeds={seeds}", f"--pack={seeds}", f"--limit-seconds={left}"]
        if left > 0 and not status:
            status = evidence.main([*words, *more])
    return status
