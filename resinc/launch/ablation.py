"""A sweep typed as axes, without a file: `--axis model.depth=20,56 --axis optimizer.lr=0.1,0.01`.

Stored as it was typed, so that the folder of the sweep says by itself what belongs in it.
"""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from resinc import assignment
from resinc import config as config_lib
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.registry import did_you_mean, lookup
from resinc.runs.cell import Label
from resinc.runs.shape import fits

PRODUCT, ZIP, RANDOM = "product", "zip", "random"
COMBINATIONS = {
    PRODUCT: "every value of one axis with every value of the others",
    ZIP: "the first values of all axes together, then the second ones",
    RANDOM: "drawn from each axis, which may be a range",
}
RANGES = ("log", "uniform")
DRAWS = 1000  # Per sample, before a search that finds no further combination is given up.


@dataclass(frozen=True)
class Axis:
    """A config field, or an argument of the recipe, and what it is set to.

    Attributes:
      text: as it was typed.
      name: e.g. "model.depth".
      argument: whether the recipe takes it, not the config.
      values: in their order; () of a range.
      scale: "log" or "uniform" of a range, else "".
      ends: of the range, both included.
      whole: whether the range is of whole numbers.
    """

    text: str
    name: str
    argument: bool = False
    values: tuple[Any, ...] = ()
    scale: str = ""
    ends: tuple[float, float] = (0.0, 0.0)
    whole: bool = False

    def draw(self, chance: random.Random) -> Any:
        """A value; of a range with four digits, so that the name of the run's folder is short."""
        if not self.scale:
            return self.values[int(chance.random() * len(self.values))]
        low, high = self.ends
        part = chance.random()
        value = low * (high / low) ** part if self.scale == "log" else low + (high - low) * part
        return round(value) if self.whole else min(high, max(low, float(f"{value:.4g}")))


@dataclass(frozen=True)
class Ablation:
    """What was typed.

    Attributes:
      config: recipe with its arguments, e.g. "configs/cifar.py:dataset=cifar100".
      axes: e.g. "model.block=plain,residual" or "optimizer.lr=log:0.001..1".
      overrides: of every run, e.g. "--config.steps=1000".
      combine: a key of COMBINATIONS.
      seeds: runs of each combination, counted up from the config's seed.
      samples: combinations that a random search draws.
      sample_seed: what they are drawn from; with more samples the first ones stay.
    """

    config: str
    axes: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    combine: str = PRODUCT
    seeds: int = 1
    samples: int = 0
    sample_seed: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Ablation":
        """The inverse of `to_json`.

        Raises:
          InputError: a field is missing or of another type.
        """
        shapes = {"axes": [str], "overrides": [str]}
        for field in fields(Ablation):
            if not fits(values.get(field.name), shapes.get(field.name, field.type)):
                raise InputError(
                    f"the axes stored in sweep.json are damaged ({field.name} is "
                    f"{values.get(field.name)!r}): type --config and every --axis again"
                )
        lists = {name: tuple(values[name]) for name in shapes}
        return Ablation(**{field.name: values[field.name] for field in fields(Ablation)} | lists)

    def cells(self) -> list[Cell]:
        """The runs, labelled with the axes' names.

        Raises:
          InputError: a field or argument that the recipe does not have, a value of another type, or
            axes that cannot be combined so.
        """
        base = config_lib.load(self.config, self.overrides)
        values = dict(config_lib.flatten(base))
        axes = [read_axis(text, values, self.config) for text in self.axes]
        self._check(axes)
        shared = dict(_field(override) for override in self.overrides)
        return [
            Cell(
                self.config,
                args={a.name: v for a, v in zip(axes, chosen, strict=True) if a.argument},
                overrides={a.name: v for a, v in zip(axes, chosen, strict=True) if not a.argument}
                | {"seed": base.seed + seed},
                shared={name: text for name, text in shared.items() if name != "seed"},
                labels={a.name: _label(v) for a, v in zip(axes, chosen, strict=True)},
            )
            for chosen in self._combined(axes)
            for seed in range(self.seeds)
        ]

    def _check(self, axes: Sequence[Axis]) -> None:
        lookup(COMBINATIONS, self.combine, "combination of axes")
        if self.seeds < 1:
            raise InputError(f"seeds {self.seeds} is not at least 1")
        names = [axis.name for axis in axes]
        fixed = [_field(override)[0] for override in self.overrides]
        fixed += [part.partition("=")[0] for part in _arguments(self.config)]
        for axis in axes:
            if axis.name == "seed":
                raise InputError(f"axis {axis.text!r}: --seeds says how many seeds there are")
            if names.count(axis.name) > 1:
                raise InputError(f"{axis.name} is an axis twice: give all its values in one")
            if axis.name in fixed:
                raise InputError(f"{axis.name} is fixed and an axis ({axis.text!r}): choose one")
            if axis.scale and self.combine != RANDOM:
                raise InputError(f"axis {axis.text!r} is a range: --combine=random draws from it")
        if self.combine == RANDOM and self.samples < 1:
            raise InputError(f"a random search of {self.samples} samples: give --samples=N")
        if self.combine != RANDOM and self.samples:
            raise InputError(f"--samples={self.samples} is of a random search: --combine=random")
        lengths = {f"{axis.name} has {len(axis.values)}": len(axis.values) for axis in axes}
        if self.combine == ZIP and len(set(lengths.values())) > 1:
            raise InputError(f"a zip takes axes of equal length, but {', '.join(lengths)}")

    def _combined(self, axes: Sequence[Axis]) -> Iterator[tuple[Any, ...]]:
        if self.combine == PRODUCT:
            return itertools.product(*(axis.values for axis in axes))
        if self.combine == ZIP:
            return zip(*(axis.values for axis in axes), strict=True)
        return iter(self._drawn(axes))

    def _drawn(self, axes: Sequence[Axis]) -> list[tuple[Any, ...]]:
        """Distinct combinations; each axis has a stream of its own: another one changes none."""
        chances = [random.Random(f"{self.sample_seed} {axis.name}") for axis in axes]
        found: dict[tuple[Any, ...], None] = {}
        for _ in range(DRAWS * self.samples):
            found[tuple(a.draw(chance) for a, chance in zip(axes, chances, strict=True))] = None
            if len(found) == self.samples:
                return list(found)
        raise InputError(
            f"a random search of {self.samples} samples: these axes have no more than "
            f"{len(found)} combinations"
        )


def read_axis(text: str, values: Mapping[str, Any], recipe: str) -> Axis:
    """What NAME=VALUE,VALUE or NAME=log:LOW..HIGH says.

    Args:
      text: as it was typed.
      values: config field -> its value, whose type the axis takes.
      recipe: which is asked for a name without a dot that is no field.

    Raises:
      InputError: quotes the axis and what is wrong with it.
    """
    name, equals, typed = text.partition("=")
    name = name.strip()
    if not equals or not name or not typed.strip():
        raise InputError(
            f"axis {text!r} is not NAME=VALUE,VALUE, for example model.depth=20,56 or, in a random "
            "search, optimizer.lr=log:0.001..1"
        )
    argument = name not in values and "." not in name
    scale, colon, ends = typed.partition(":")
    if colon and scale in RANGES and ".." in ends:
        return _range(text, name, scale, ends, None if argument else values.get(name))
    items = _items(typed)
    if argument:
        read = [assignment.convert(item, ())[0] for item in items]
        _check_argument(text, name, items, values, recipe)
    else:
        read = [assignment.read(f"{name}={x}", values, "axis", "this recipe")[1] for x in items]
    for value in read:
        if read.count(value) > 1:
            raise InputError(f"axis {text!r} has {value!r} twice")
    return Axis(text, name, argument, tuple(read))


def _check_argument(
    text: str, name: str, items: Sequence[str], values: Mapping[str, Any], recipe: str
) -> None:
    for item in items:
        try:
            config_lib.load(Cell(recipe, {name: item}).recipe)
        except InputError as error:
            raise InputError(
                f"axis {text!r}: {name!r} is no config field{did_you_mean(name, values)}, and "
                f"{error}"
            ) from None


def _range(text: str, name: str, scale: str, ends: str, like: Any) -> Axis:
    if isinstance(like, bool) or not isinstance(like, int | float):
        raise InputError(f"axis {text!r}: {name} takes no number, so it has no range")
    try:
        low, high = (assignment.convert(end, like) for end in ends.split(".."))
    except ValueError:
        raise InputError(
            f"axis {text!r} is not {name}={scale}:LOW..HIGH, each {assignment.noun(like)}"
        ) from None
    if not low < high:
        raise InputError(f"axis {text!r}: {low} is not below {high}")
    if scale == "log" and low <= 0:
        raise InputError(f"axis {text!r}: {low} is not above 0, and has no logarithm")
    return Axis(text, name, scale=scale, ends=(low, high), whole=isinstance(like, int))


def _items(text: str) -> list[str]:
    """What stands between commas, those inside brackets aside."""
    items, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            items.append("")
        else:
            items[-1] += letter
    return [item.strip() for item in items]


def _label(value: Any) -> Label:
    return value if isinstance(value, Label) else repr(value)


def _field(override: str) -> tuple[str, str]:
    """("steps", "100") of "--config.steps=100"."""
    name, _, text = override.removeprefix(config_lib.PREFIX).partition("=")
    return name, text


def _arguments(config: str) -> list[str]:
    return (config_lib.split(config)[1] or "").split(",")
