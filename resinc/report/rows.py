"""Read the folders of a sweep, whatever state they are in."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from resinc.config import completed, flatten
from resinc.errors import InputError
from resinc.runs.files import read_object
from resinc.runs.status import CellState, read_status, state_of


class Point(NamedTuple):
    """One measurement: error as a fraction, loss in nats."""

    step: int
    error: float
    loss: float


@dataclass(frozen=True)
class Row:
    """One cell.

    Attributes:
      name: of its folder.
      state: see CellState.
      message: why it ended, where it did not end well.
      step: updates made.
      steps: updates asked for.
      seconds: spent on it over all restarts.
      config: dotted field -> value; empty where nothing is known.
      provenance: code, versions, device, data; {} before the first step.
      train: windows in training mode, with augmentation.
      evals: split -> exact evaluations; "train" holds only the last step's.
      gradients: step -> {path of an array: norm of its gradient}, in depth order; if logged.
      measurements: what measurements.json holds: of a probe, {step as text: value}.
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
    measurements: Mapping[str, Any] = field(default_factory=dict)

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
    """What is known of the sweep as a whole: its cells and how it was started."""

    rows: tuple[Row, ...]
    about: Mapping[str, Any] = field(default_factory=dict)


def read_rows(root: str | Path) -> list[Row]:
    """Read every cell under `root`, and those that sweep.json lists but nothing began.

    Raises:
      InputError: there is no sweep.
    """
    return list(read_sweep(root).rows)


def read_sweep(root: str | Path) -> Sweep:
    """Like `read_rows`, with the content of sweep.json.

    Raises:
      InputError: there is no sweep.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(f"no sweep in {str(root)!r}: there is no such folder")
    about = read_object(root / "sweep.json")
    listed = {cell["name"]: cell for cell in about.get("cells", [])}
    marks = ("config.json", "status.json", "log.txt")
    found = {d.name for d in root.iterdir() if any((d / mark).is_file() for mark in marks)}
    names = sorted(found | listed.keys(), key=_natural)
    if not names:
        raise InputError(f"no sweep in {str(root)!r}: no folder in it holds a run")
    rows = tuple(read_row(root / name, listed.get(name, {}).get("config", {})) for name in names)
    return Sweep(rows, {key: value for key, value in about.items() if key != "cells"})


def read_row(workdir: Path, planned: Mapping[str, Any]) -> Row:
    """Read one cell; missing and half-written files leave gaps, never an error.

    Args:
      workdir: its folder, which may not exist.
      planned: its config as the sweep would start it, for a cell that nothing began.
    """
    status = read_status(workdir)
    config = dict(flatten(completed(read_object(workdir / "config.json") or planned)))
    train: dict[int, Point] = {}
    evals: dict[str, dict[int, Point]] = {}
    for line in _lines(workdir / "metrics.jsonl"):
        try:
            point = Point(int(line["step"]), float(line["error"]), float(line["loss"]))
            place = train if line["kind"] == "train" else evals.setdefault(line["split"], {})
        except (KeyError, TypeError, ValueError):
            continue
        place[point.step] = point
    return Row(
        name=workdir.name,
        state=state_of(workdir),
        message=str(status.get("message") or ""),
        step=int(status.get("step") or 0),
        steps=int(status.get("steps") or config.get("steps") or 0),
        seconds=float(status.get("seconds") or 0.0),
        config=config,
        provenance=read_object(workdir / "provenance.json"),
        train=_in_order(train),
        evals={split: _in_order(points) for split, points in sorted(evals.items())},
        gradients={
            line["step"]: line["norms"]
            for line in _lines(workdir / "gradients.jsonl")
            if line.keys() >= {"step", "norms"}
        },
        measurements=read_object(workdir / "measurements.json"),
    )


def last_errors(rows: Iterable[Row], split: str) -> list[float]:
    """Errors at the last step of the finished runs, %."""
    return [100 * point.error for row in rows if (point := row.final(split))]


def varying(rows: list[Row]) -> list[str]:
    """Dotted config fields in which the rows differ, sorted."""
    fields = sorted({name for row in rows for name in row.config})
    known = [row for row in rows if row.config]
    return [f for f in fields if len({_plain(row.config.get(f)) for row in known}) > 1]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file; a line that a killed process left half-written is no object."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _in_order(points: Mapping[int, Point]) -> tuple[Point, ...]:
    return tuple(points[step] for step in sorted(points))


def _plain(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _natural(name: str) -> list[tuple[int, str]]:
    """depth=8 before depth=20."""
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    words = "".join(" " if c.isdigit() else c for c in name).split()
    order = [(0, word) for word in words[:1]]
    return order + [(int(number), "") for number in digits] + [(0, word) for word in words[1:]]
