"""One run of a sweep: what it is called and the command that starts it."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from resinc.config import split
from resinc.errors import InputError
from resinc.launch.pilot import chosen_rate
from resinc.registry import did_you_mean
from resinc.runs.cell import Label

SEED = "--config.seed="
LONGEST_NAME = 255  # Bytes of a file name, on all usual file systems.
TASKS = ("train", "measure")  # Subcommands of resinc that fill the folder of a run.


@dataclass(frozen=True)
class Cell:
    """A recipe, and what is changed in it.

    Attributes:
      config: path of the recipe, e.g. "configs/digits.py"; what all cells share may follow a colon.
      args: what follows the colon, e.g. {"depth": 56, "block": "plain"}.
      overrides: config fields that tell cells apart, e.g. {"seed": 0, "optimizer.lr": 0.1}.
      shared: config fields set alike in every cell, e.g. {"steps": 160}; not part of the name, so
        that a sweep started again with another value is refused, not begun beside the old one.
      start: name of the cell of the same sweep whose last checkpoint this one starts from; it
        waits until that one is done. Not part of the name.
      pilots: names of cells of the same sweep, each of another learning rate: this one waits for
        them and takes the rate of the best on validation (`pilot.chosen_rate`). Not part of the
        name either.
      task: one of TASKS.
      labels: what a report selects runs by, e.g. {"kind": "plain", "depth": 56}; stored in the
        run's folder and in sweep.json, neither part of the name nor of the config.
    """

    config: str
    args: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)
    start: str = ""
    pilots: tuple[str, ...] = ()
    task: str = "train"
    labels: Mapping[str, Label] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder name, e.g. "block=plain,depth=56,seed=0", whatever the order they were given in.

        A dotted field goes by its last part where that is not ambiguous.
        """
        values = {**self.args, **self.overrides}
        last = Counter(name.rpartition(".")[2] for name in values)
        short = {n: n if last[n.rpartition(".")[2]] > 1 else n.rpartition(".")[2] for n in values}
        parts = sorted(f"{short[name]}={_text(value)}" for name, value in values.items())
        return ",".join(parts).replace("/", "_") or "default"

    @property
    def recipe(self) -> str:
        """e.g. "configs/digits.py:depth=56,block=plain"; `config` may hold arguments of its own."""
        path, own = split(self.config) if ":" in self.config else (self.config, None)
        args = [own or "", *(f"{name}={_text(value)}" for name, value in self.args.items())]
        return ":".join(filter(None, [path, ",".join(filter(None, args))]))

    @property
    def flags(self) -> list[str]:
        """e.g. ["--config.steps=160", "--config.seed=0"]; without what needs a folder."""
        values = {**self.shared, **self.overrides}
        return [f"--config.{name}={_text(value)}" for name, value in values.items()]

    def flags_in(self, root: Path) -> list[str]:
        """`flags`, where in the sweep's folder `root` the weights come from, and the learning rate
        once the pilots have ended."""
        start = [f"--config.init_from={root / self.start}"] if self.start else []
        rate = chosen_rate(root, self.pilots)
        return [*self.flags, *start, *([] if rate is None else [f"--config.optimizer.lr={rate!r}"])]

    def command(self, workdir: Path) -> list[str]:
        """Exactly what a person could type to run this cell alone."""
        call = [sys.executable, "-m", "resinc", self.task, f"--config={self.recipe}"]
        return [*call, *self.flags_in(workdir.parent), f"--workdir={workdir}"]


def seeds_in_turn(cells: Sequence[Cell]) -> list[Cell]:
    """One seed of everything before the second seed of anything, else in the order given.

    Two seeds of one network started side by side would both compile it; the later one finds it in
    the compilation cache. And what is done at any time covers the whole sweep.
    """
    before: Counter[tuple[str, ...]] = Counter()
    turns = {}
    for cell in cells:
        alike = (cell.recipe, *(flag for flag in cell.flags if not flag.startswith(SEED)))
        turns[cell.name] = before[alike]
        before[alike] += 1
    return sorted(cells, key=lambda cell: turns[cell.name])


def check_cells(cells: Sequence[Cell]) -> None:
    """Check that no two cells would share a folder, and that each can be started some time.

    Raises:
      InputError: there are no cells, two have one name, one's is too long, one has an unknown task
        or a label that is no text, number or truth value, it starts from a cell or has a pilot that
        is not there, or cells wait for each other.
    """
    _check_unique(cells)
    for cell in cells:
        if len(cell.name.encode()) > LONGEST_NAME:
            raise InputError(
                f"cell {cell.name!r} cannot be the name of a folder: it is longer than "
                f"{LONGEST_NAME} bytes"
            )
    by_name = {cell.name: cell for cell in cells}
    for cell in cells:
        if cell.task not in TASKS:
            raise InputError(f"task {cell.task!r} of cell {cell.name!r}: not {' or '.join(TASKS)}")
        for label, value in cell.labels.items():
            if not isinstance(value, Label):
                raise InputError(
                    f"label {label}={value!r} of cell {cell.name!r} is no str, int, float or bool"
                )
        for pilot in cell.pilots:
            if pilot not in by_name:
                raise InputError(
                    f"cell {cell.name!r} has the pilot {pilot!r}, which the sweep does not have"
                    f"{did_you_mean(pilot, by_name)}"
                )
        if cell.start and cell.start not in by_name:
            raise InputError(
                f"cell {cell.name!r} starts from {cell.start!r}, which the sweep does not have"
                f"{did_you_mean(cell.start, by_name)}"
            )
    waits = {cell.name: {*cell.pilots, *filter(None, [cell.start])} for cell in cells}
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        # graphlib lists a cycle from what is waited for to what waits, its first name twice.
        circle = " waits for ".join(reversed(error.args[1]))
        raise InputError(f"cells wait for each other: {circle}") from error


def _check_unique(cells: Iterable[Cell]) -> None:
    counts = Counter(cell.name for cell in cells)
    if not counts:
        raise InputError("the sweep has no cells: its sweep() yielded nothing")
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise InputError(
            f"the sweep has {counts[twice[0]]} cells named {twice[0]!r}: "
            "each needs its own args and overrides"
        )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "(" + ",".join(repr(item) for item in value) + ("," * (len(value) == 1)) + ")"
    return str(value)
