"""A training step with Winograd's convolutions and, as "plain", without."""

from collections.abc import Callable
from typing import Any

from experiments.benchmarks import ours, step
from experiments.benchmarks.harness import Results

CASES = ("resnet-20", "resnet-56", "googlenet-bn")


def run(results: Results, quick: bool = False) -> None:
    for case in step.SMALL if quick else CASES:
        work = (step.SMALL if quick else step.CASES)[case]
        modules = {"ours": "ours", "plain": "winograd", "pytorch": "torch_twin"}
        sides = {side: work | {"module": module} for side, module in modules.items()}
        for cores in (1,) if quick else (1, 2):
            results.compare(sides, cores, turns=2 if quick else 5, case=case)


def prepare(**arguments: Any) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: as `ours`, none of whose convolutions is found to suit Winograd's form."""
    from resinc.ops import winograd

    winograd.suits = lambda *found: False
    return ours.prepare(**arguments)
