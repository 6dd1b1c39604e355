"""The learning rate of a network, chosen by runs that serve nothing else.

A rate that suits residual networks puts plain ones at a disadvantage, so each kind is given the
best of a list. What is best is read from validation examples, never from the test set, on a seed of
its own.
"""

import math
from collections.abc import Sequence
from pathlib import Path

from resinc.runs.config import read_config
from resinc.runs.metrics import read_metrics
from resinc.runs.status import FOR_GOOD, CellState, state_of


def chosen_rate(root: Path, pilots: Sequence[str]) -> float | None:
    """The learning rate of the pilot with the lowest validation error at its last step.

    Of equal errors the lower loss decides, then the lower rate; one that diverged comes last.

    Args:
      root: folder of the sweep.
      pilots: names of the cells.

    Returns:
      The rate; None while one of them has not ended, or where there are none.
    """
    folders = [root / name for name in pilots]
    if not folders or not all(state_of(folder) in FOR_GOOD for folder in folders):
        return None
    return min(map(_score, folders))[-1]


def _score(folder: Path) -> tuple[float, float, float]:
    """(validation error, validation loss, learning rate)."""
    rate = float(read_config(folder)["optimizer"]["lr"])
    worst = (math.inf, math.inf, rate)
    if state_of(folder) == CellState.DIVERGED:
        return worst
    evaluated = [x for x in read_metrics(folder) if x.get("split") == "validation"]
    return (evaluated[-1]["error"], evaluated[-1]["loss"], rate) if evaluated else worst
