"""Scanned against unrolled blocks: the same step, compiled once per stage or once per block."""

from experiments.benchmarks.harness import Results
from experiments.benchmarks.step import CASES, SMALL


def run(results: Results, quick: bool = False) -> None:
    cases = SMALL if quick else {name: CASES[name] for name in ("resnet-20", "resnet-56")}
    for case, work in cases.items():
        for cores in (1,) if quick else (1, 2):
            sides = {
                "scanned": work | {"module": "ours", "model.scan": True},
                "unrolled": work | {"module": "ours", "model.scan": False},
            }
            results.compare(sides, cores, turns=2 if quick else 5, case=case)
