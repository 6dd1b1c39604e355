"""Read the folders of a sweep, whatever state they are in."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from resinc.config import check, completed, flatten
from resinc.errors import InputError
from resinc.runs.cell import Label, labels_of, read_labels
from resinc.runs.config import read_config
from resinc.runs.correct import Correct, read_correct
from resinc.runs.fault import fault_of
from resinc.runs.measurements import read_measurements
from resinc.runs.metrics import read_gradients, read_metrics
from resinc.runs.provenance import read_provenance
from resinc.runs.shape import fits
from resinc.runs.status import CellState, read_status, state_of
from resinc.runs.sweep import read_folder


class Point(NamedTuple):
    """One measurement: error as a fraction, loss in nats, over so many examples (0: unknown)."""

    step: int
    error: float
    loss: float
    examples: int = 0


@dataclass(frozen=True)
class Row:
    """One cell.

    Attributes:
      name: of its folder.
      state: see CellState.
      message: why it ended, where it did not end well, or why it cannot be read.
      step: updates made.
      steps: updates asked for.
      seconds: spent on it over all restarts.
      config: dotted field -> value; empty where nothing is known.
      provenance: code, versions, device, data; {} before the first step.
      train: windows in training mode, with augmentation.
      evals: split -> exact evaluations; "train" holds only the last step's.
      gradients: step -> {path of an array: norm of its gradient}, in depth order; if logged.
      updates: step -> {path of a kernel: norm of its update over that of its weights}, likewise.
      measurements: what measurements.json holds: of a probe, {step as text: value}.
      labels: what the sweep calls the cell by; {} of runs from before there were labels.
      correct: split -> which of its examples the network got right at the last step; {} before.
    """

    name: str
    state: CellState
    message: str = ""
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    config: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    train: tuple[Point, ...] = ()
    evals: Mapping[str, tuple[Point, ...]] = field(default_factory=dict)
    gradients: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    updates: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    measurements: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Label] = field(default_factory=dict)
    correct: Mapping[str, Correct] = field(default_factory=dict, compare=False)

    @property
    def done(self) -> bool:
        return self.state == CellState.DONE

    def final(self, split: str) -> Point | None:
        """The evaluation at the last step of a finished run; None for any other."""
        points = self.evals.get(split, ())
        if not self.done or not points or points[-1].step != self.steps:
            return None
        return points[-1]


@dataclass(frozen=True)
class Sweep:
    """What is known of the sweep as a whole.

    Attributes:
      rows: of the cells of its present plan, sweep.json; of all there are where it has none.
      about: how it was started.
      left_over: names of runs in its folder that the present plan does not have; in no report.
    """

    rows: tuple[Row, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    left_over: tuple[str, ...] = ()


def read_rows(root: str | Path) -> list[Row]:
    """Read every cell that sweep.json lists, begun or not; all under `root` where it lists none.

    Raises:
      InputError: there is no sweep.
    """
    return list(read_sweep(root).rows)


def read_sweep(root: str | Path) -> Sweep:
    """Like `read_rows`, with the content of sweep.json.

    Raises:
      InputError: there is no sweep.
    """
    folder = read_folder(Path(root))
    cells = folder.plan.cells
    return Sweep(
        rows=tuple(read_row(folder.root / name, cells.get(name)) for name in folder.names),
        about=folder.plan.about,
        left_over=folder.left_over,
    )


def read_row(workdir: Path, planned: Mapping[str, Any] | None = None) -> Row:
    """Read one cell; missing and half-written files leave gaps, never an error.

    Of one that cannot be read at all there is what the plan says, and why.

    Args:
      workdir: its folder, which may not exist.
      planned: the cell's entry in sweep.json, if it has one: its "config" as the sweep would start
        it, for a cell that nothing began, and its "labels", before those of an earlier plan.
    """
    planned = planned or {}
    labels = labels_of(planned) or read_labels(workdir)
    config = _config(planned.get("config"))
    state = state_of(workdir)
    if state == CellState.UNREADABLE:
        why, steps = fault_of(workdir), config.get("steps", 0)
        return Row(workdir.name, state, why, steps=steps, config=config, labels=labels)
    status = read_status(workdir)
    config = _config(read_config(workdir)) or config
    provenance = read_provenance(workdir)
    train, evals = _curves(workdir)
    return Row(
        name=workdir.name,
        state=state,
        message=status.get("message", ""),
        step=status.get("step", 0),
        steps=status.get("steps") or config.get("steps", 0),
        seconds=status.get("seconds", 0.0),
        config=config,
        provenance=provenance,
        train=_in_order(train),
        evals={split: _in_order(points) for split, points in sorted(evals.items())},
        gradients={
            line["step"]: line["norms"]
            for line in read_gradients(workdir)
            if fits(line, {"step": int, "norms": {str: float}})
        },
        updates={
            line["step"]: line["updates"]
            for line in read_gradients(workdir)
            if fits(line, {"step": int, "updates": {str: float}})
        },
        measurements=read_measurements(workdir),
        labels=labels,
        correct=read_correct(workdir),
    )


def _curves(workdir: Path) -> tuple[dict[int, Point], dict[str, dict[int, Point]]]:
    """{step: point} of training, and likewise of each split; what is no finite number is left out.

    Of lines for one step the last counts.
    """
    train: dict[int, Point] = {}
    evals: dict[str, dict[int, Point]] = {}
    for line in read_metrics(workdir):
        try:
            point = Point(
                int(line["step"]),
                float(line["error"]),
                float(line["loss"]),
                int(line.get("count", 0)),
            )
            place = train if line["kind"] == "train" else evals.setdefault(str(line["split"]), {})
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        if not math.isfinite(point.error + point.loss):
            continue
        place[point.step] = point
    return train, evals


def _config(values: Any) -> dict[str, Any]:
    """Dotted field -> value; {} where the values are no config that a run could have."""
    if not isinstance(values, Mapping):
        return {}
    whole = completed(values)
    try:
        check(whole, choices=False)
    except InputError:
        return {}
    return dict(flatten(whole))


def varying(rows: list[Row]) -> list[str]:
    """Dotted config fields in which the rows differ, sorted."""
    fields = sorted({name for row in rows for name in row.config})
    known = [row for row in rows if row.config]
    return [f for f in fields if len({_plain(row.config.get(f)) for row in known}) > 1]


def _in_order(points: Mapping[int, Point]) -> tuple[Point, ...]:
    return tuple(points[step] for step in sorted(points))


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
