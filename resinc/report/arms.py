"""Which runs a comparison is about: those of the plan, whatever became of them.

Dropping what diverged or is unfinished would compare only the runs that went well.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from resinc.report.rows import Point, Row
from resinc.runs.cell import Label
from resinc.runs.status import FOR_GOOD, STANDS, CellState

# Of runs from before provenance.json said it; all other sets then had 10.
CLASSES = {"cifar100": 100, "signs": 6}
FEW = 3  # So many runs are named in a sentence; all of them are in runs.csv.
PILOT = "pilot"  # Label of runs that only chose a learning rate.


class Arm:
    """Networks of one kind: a name in the plural, and the labels that their cells carry."""

    def __init__(self, name: str, **labels: Label):
        self.name = name
        self.labels: Mapping[str, Label] = labels

    def select(self, rows: Iterable[Row], pilots: bool = False) -> list[Row]:
        """Those that have all its labels; pilot runs too if asked for."""
        return [
            row
            for row in rows
            if self.labels.items() <= row.labels.items() and (pilots or not row.labels.get(PILOT))
        ]


class Runs(NamedTuple):
    """Of one arm.

    Attributes:
      by_seed: the runs of each seed that counts, ended all; {} where `missing` says why not.
      missing: why the arm decides nothing yet; "".
      diverged: names of those that diverged and count as chance.
      unused: seeds beyond the number fixed before.
    """

    by_seed: Mapping[int, list[Row]]
    missing: str = ""
    diverged: tuple[str, ...] = ()
    unused: int = 0


def runs_of(arm: Arm, rows: Iterable[Row], seeds: int) -> Runs:
    """The planned runs of an arm, by seed.

    Args:
      arm: selects them.
      rows: all that the plan has, begun or not.
      seeds: how many count, fixed before: the lowest ones. A plan of fewer decides nothing.
    """
    rows = list(rows)
    groups: dict[int, list[Row]] = {}
    for row in arm.select(rows):
        groups.setdefault(int(row.config.get("seed", 0)), []).append(row)
    counted = {seed: groups[seed] for seed in sorted(groups)[:seeds]}
    chosen = [row for group in counted.values() for row in group]
    if len(counted) < seeds:
        planned = f"{len(counted)} of {seeds} seeds are planned" if counted else "none is planned"
        return Runs({}, f"of {arm.name} {planned}")
    # Of one that does not even say whose it is, it may be this arm's.
    nameless = [r for r in rows if r.state == CellState.UNREADABLE and not r.labels]
    if waiting := unfinished([*chosen, *nameless]):
        return Runs({}, waiting)
    return Runs(counted, "", names_of_diverged(chosen), len(groups) - len(counted))


def unfinished(rows: Iterable[Row]) -> str:
    """e.g. "block=plain,seed=3 is running and 2 more are not done"; "" where all have ended."""
    waiting = [row for row in rows if row.state not in FOR_GOOD]
    if not waiting:
        return ""
    first = f"{waiting[0].name} {STANDS[waiting[0].state]}"
    others = len(waiting) - 1
    return first + f" and {others} more {'is' if others == 1 else 'are'} not done" * bool(others)


def names_of_diverged(rows: Iterable[Row]) -> tuple[str, ...]:
    """Of the runs that count as chance."""
    return tuple(row.name for row in rows if row.state == CellState.DIVERGED)


def a_few(names: Sequence[str]) -> str:
    """e.g. "a; b; c and 5 more"."""
    more = len(names) - FEW
    return "; ".join(names[:FEW]) + f" and {more} more" * (more > 0)


def ended(row: Row, split: str) -> Point | None:
    """Where a run ended: as evaluated at the last step; chance, if it diverged; None before.

    Chance is the error 1 - 1/k and the loss ln(k) of k classes: the network knows nothing. Of a
    network that reproduces its input it is all of the variance.
    """
    if row.state != CellState.DIVERGED:
        return row.final(split)
    if row.config.get("objective") == "reproduce":
        return Point(row.steps, 1.0, 1.0)
    named = CLASSES.get(str(row.config.get("data.name")), 10)
    classes = int(row.provenance.get("classes") or named)
    return Point(row.steps, 1 - 1 / classes, math.log(classes))


def last_errors(rows: Iterable[Row], split: str) -> list[float]:
    """Errors at the last step, %: of the runs that are done, and chance of those that diverged."""
    return [100 * point.error for row in rows if (point := ended(row, split))]


def rates(arm: Arm, rows: Iterable[Row]) -> set[float]:
    """The learning rates at which networks of an arm were tried, pilots included."""
    return {
        row.config["optimizer.lr"]
        for row in arm.select(rows, pilots=True)
        if row.state in FOR_GOOD and "optimizer.lr" in row.config
    }
