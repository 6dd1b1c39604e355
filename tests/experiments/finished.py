"""Finished runs made up for tests of experiments (errors in %, no files), and checks of plans."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from resinc.launch.cell import Cell, check_cells
from resinc.report.rows import Point, Row
from resinc.runs.status import CellState

STEPS = 120
# Of any network: what is logged of its kernels, and what every probe finds.
LAYERS = [f"stage{s}/block0{b}/conv{c}" for s in (1, 2, 3) for b in (1, 2) for c in (1, 2)]
NORMS = {f"{path}/kernel": 1.0 for path in ("stem_conv", *LAYERS)}
FOUND = {
    "branches": {
        "examples": 2_000,
        "error": 0.1,
        "energy": {},
        "dropped": {},
        "reestimated": {"error": 0.1, "dropped": {f"branch{i}": 0.2 for i in (1, 2, 3, 4)}},
    },
    "gradient_correlation": {"neighbours": 0.5},
    "jacobian": {"spread": 1.0},
    "lesions": {
        "whole": 0.1,
        "removed": {},
        "permuted": {},
        "reestimated": {"whole": 0.1, "removed": {"stage1/block02": 0.2}},
    },
    "path_lengths": {"short": 0.5, "share": {str(k): 1 / 28 for k in range(28)}},
    "shortcut_share": {
        "full": 1.0, "shortcut": 1.0, "share": 0.5, "cosine": 0.5, "cosine_of_outputs": 0.5,
    },
}  # fmt: skip


def measured(steps: int) -> dict[str, Any]:
    """What every probe finds before the first step and after the last, as a run stores it."""
    return {probe: {"0": found, str(steps): found} for probe, found in FOUND.items()}


def finished(
    cells: Iterable[Cell], errors: Callable[[Mapping[str, Any]], float], gap: float = 5.0
) -> list[Row]:
    """A run per cell, pilots included, with all that is measured; seeds scatter by 0.05 points.

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
            "optimizer.lr": 0.1,
            "data.name": "cifar10" if "cifar" in cell.recipe else "digits",
            "model.depth": cell.args.get("depth"),
            **cell.overrides,
        }
        steps = {"steps": STEPS, **cell.shared, **cell.overrides}["steps"]
        row = Row(
            cell.name,
            CellState.DONE,
            step=steps,
            steps=steps,
            config=config,
            train=tuple(Point(s, error / 100, error / 50) for s in (max(1, steps // 4), steps)),
            evals={s: (Point(steps, e / 100, e / 50, 10_000),) for s, e in ends.items()},
            gradients={1: NORMS, steps: NORMS},
            updates={1: NORMS, steps: NORMS},
            measurements=measured(steps),
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
            for arm, count in part.samples.items():
                planned = [c for c in cells if arm.labels.items() <= c.labels.items()]
                seeds = [c.overrides["seed"] for c in planned if not c.labels.get("pilot")]
                assert seeds[:count] == [*range(count)], (part.id, arm.name)
