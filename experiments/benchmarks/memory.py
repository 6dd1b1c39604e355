"""ResNet-1202 with `model.remat`: memory at batch 128, and what it costs in time."""

from typing import Any

from experiments.benchmarks.harness import Results, Worker
from resinc.cores import available_cores

RECIPE = "configs/cifar.py:depth=1202"
# Without remat 128 images need some 19 GB; the ratio of the times hardly depends on their number.
FEW = 8


def run(results: Results, quick: bool = False) -> None:
    small: dict[str, Any] = {"model.depth": 20, "model.width": 4} if quick else {}
    cores = min(2, len(available_cores()))
    for remat in (True, False):
        case = "resnet-1202, batch 128"
        side = "remat" if remat else "without"
        if not results.has(case=case, side=side):
            fields = {"model.remat": remat, "batch_size": 4 if quick else 128} | small
            worker = Worker("compile", cores, recipe=RECIPE, **fields)
            results.add(case=case, side=side, cores=cores, **worker.about)
            worker.end()
    work: dict[str, Any] = {"module": "ours", "recipe": RECIPE, "batch_size": FEW} | small
    sides = {
        "remat": work | {"model.remat": True},
        "without": work | {"model.remat": False},
    }
    results.compare(sides, cores, turns=1 if quick else 3, case=f"resnet-1202, batch {FEW}")
