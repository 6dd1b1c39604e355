"""One run of a sweep: what it is called and the command that starts it."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resinc.errors import InputError


@dataclass(frozen=True)
class Cell:
    """A recipe, and what is changed in it.

    Attributes:
      config: path of the recipe, e.g. "configs/digits.py".
      args: what follows the colon, e.g. {"depth": 56, "block": "plain"}.
      overrides: config fields that tell cells apart, e.g. {"seed": 0, "optimizer.lr": 0.1}.
      shared: config fields set alike in every cell, e.g. {"steps": 160}; not part of the name, so
        that a sweep started again with another value is refused, not begun beside the old one.
    """

    config: str
    args: Mapping[str, Any] = field(default_factory=dict)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)

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
        """e.g. "configs/digits.py:depth=56,block=plain"."""
        args = ",".join(f"{name}={_text(value)}" for name, value in self.args.items())
        return f"{self.config}:{args}" if args else self.config

    @property
    def flags(self) -> list[str]:
        """e.g. ["--config.steps=160", "--config.seed=0"]."""
        values = {**self.shared, **self.overrides}
        return [f"--config.{name}={_text(value)}" for name, value in values.items()]

    def command(self, workdir: Path) -> list[str]:
        """Exactly what a person could type to run this cell alone."""
        train = [sys.executable, "-m", "resinc", "train", f"--config={self.recipe}"]
        return [*train, *self.flags, f"--workdir={workdir}"]


def check_unique(cells: Iterable[Cell]) -> None:
    """Check that no two cells would share a folder.

    Raises:
      InputError: there are no cells, or two have one name.
    """
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
