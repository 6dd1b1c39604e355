"""What a comparison compares: the runs of an arm, or what changes from one arm to another."""

import math

import numpy as np

from resinc.report.arms import Arm, Runs
from resinc.report.metrics import Metric


class Step:
    """From one arm to another: what is compared of it is the change of the metric, by seed."""

    def __init__(self, name: str, to: Arm, since: Arm):
        self.name, self.to, self.since = name, to, since


Side = Arm | Step


def signed(side: Side) -> list[tuple[int, Arm]]:
    """The arms of a side, and whether each adds to it or takes away."""
    return [(1, side)] if isinstance(side, Arm) else [(1, side.to), (-1, side.since)]


def values_of(
    side: Side, runs: dict[Arm, Runs], metric: Metric, times: bool
) -> tuple[list[float], float, dict[int, float]]:
    """(values of its seeds, their noise by counting, seed -> value); logarithms of ratios."""
    parts = signed(side)
    seeds = sorted(set.intersection(*(set(runs[arm].by_seed) for _, arm in parts)))

    def of(arm: Arm, seed: int) -> float:
        value = metric.of(runs[arm].by_seed[seed])
        assert value is not None
        # A float32 loss of 0 is one below 1e-8.
        return math.log10(max(value, 1e-8)) if times else value

    by_seed = {seed: sum(sign * of(arm, seed) for sign, arm in parts) for seed in seeds}
    noises = [
        np.mean([metric.noise(group) for group in runs[arm].by_seed.values()]) for _, arm in parts
    ]
    return list(by_seed.values()), math.hypot(*noises), by_seed
