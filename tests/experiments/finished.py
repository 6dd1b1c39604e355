"""Finished runs made up for tests of experiments (errors in %, no files), and checks of plans."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from resinc.launch.cell import Cell, check_cells
from resinc.report.rows import Point, Row
from resinc.runs.status import CellState

STEPS = 120


def finished(
    cells: Iterable[Cell], errors: Callable[[Mapping[str, Any]], float], gap: float = 5.0
) -> list[Row]:
    """A run per cell, pilots included; seeds scatter by 0.05 points.

    Args:
      cells: of a sweep.
      errors: labels -> training error in %.
      gap: by which validation and test error are above it.
    """
    rows = []
    for cell in cells:
        error = errors(cell.labels) + cell.overrides["seed"] % 5 / 20
        ends = {"train": error, "validation": error + gap, "test": error + gap}
        config = {
            "seed": cell.overrides["seed"],
            "optimizer.lr": cell.overrides.get("optimizer.lr", 0.1),
            "data.name": "cifar10" if "cifar" in cell.config else "digits",
        }
        row = Row(
            cell.name,
            CellState.DONE,
            step=STEPS,
            steps=STEPS,
            config=config,
            evals={s: (Point(STEPS, e / 100, e / 50, 10_000),) for s, e in ends.items()},
            labels=cell.labels,
        )
        rows.append(row)
    return rows


def interrupted(rows: Iterable[Row]) -> list[Row]:
    """The same rows, the last of each network still running."""
    found = list(rows)
    last = {tuple(sorted(row.labels.items(), key=str)): i for i, row in enumerate(found)}
    for i in last.values():
        found[i] = replace(found[i], state=CellState.RUNNING, evals={})
    return found


def check_samples(cells: Sequence[Cell], hypotheses: Iterable[Any]) -> None:
    """Assert that every arm of every hypothesis has the seeds that were fixed for it."""
    check_cells(cells)
    for hypothesis in hypotheses:
        for part in getattr(hypothesis, "parts", [hypothesis]):
            for arm in part.arms:
                planned = [c for c in cells if arm.labels.items() <= c.labels.items()]
                seeds = [c.overrides["seed"] for c in planned if not c.labels.get("pilot")]
                assert seeds[: part.sample] == [*range(part.sample)], (part.id, arm.name)
