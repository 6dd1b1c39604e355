"""What is measured on the runs of one seed, and how it is told."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from resinc.report.arms import ended
from resinc.report.inference import counting_noise
from resinc.report.rows import Row


@dataclass(frozen=True)
class Metric:
    """A number per seed.

    Attributes:
      name: as it stands behind the value, e.g. "training error".
      of: the runs of one seed that an arm selects (nearly always one) -> the number, or None where
        they have none. Of ratios (`rules.more_than_times`) it is the number itself, positive.
      unit: behind a value, e.g. " %".
      difference: the unit of a difference, e.g. " points".
      verb: of the networks, e.g. "end at".
      more: for a positive difference, e.g. "worse"; `less` for a negative one.
      noise: likewise -> standard deviation of that number by counting alone.
      split: whose examples it is an error of, if of any: "test" errors are of a sample of images.
      loss: of the same runs, what must differ in the same direction where an effect is claimed.
      trained: whether it is of trained networks, whose reference must have learned its task.
      percent: whether it is an error that cannot fall below zero.
    """

    name: str
    of: Callable[[Sequence[Row]], float | None]
    unit: str = ""
    difference: str = ""
    verb: str = "have"
    more: str = "more"
    less: str = "less"
    noise: Callable[[Sequence[Row]], float] = lambda rows: 0.0
    split: str = ""
    loss: "Metric | None" = None
    trained: bool = False
    percent: bool = False

    def value(self, number: float) -> str:
        """e.g. "76.1 % training error"."""
        return f"{digits(number)}{self.unit} {self.name}"


def digits(number: float) -> str:
    """As many as a reader needs: 76.1, 0.5, 0.03, 0.0042, 12,300."""
    size = abs(number)
    if size >= 1000:
        return f"{number:,.0f}".replace("-", "−")
    places = 1 if size >= 0.1 or size < 1e-6 else min(6, 1 - math.floor(math.log10(size)))
    return f"{number:.{places}f}".replace("-", "−")


def only(rows: Sequence[Row]) -> Row:
    """The one run of a seed."""
    if len(rows) != 1:
        names = "; ".join(row.name for row in rows)
        raise ValueError(f"labels select {len(rows)} runs of one seed instead of one: {names}")
    return rows[0]


def probed(
    probe: str, of: Callable[[Any], float], at_start: bool = False
) -> Callable[[Sequence[Row]], float | None]:
    """A metric's `of`: what a probe measured before the first step or after the last.

    Args:
      probe: a key of `resinc.probes.PROBES`.
      of: what the probe returned -> the number.
      at_start: before the first step.
    """

    def value(rows: Sequence[Row]) -> float | None:
        row = only(rows)
        found = row.measurements.get(probe, {}).get("0" if at_start else str(row.steps))
        return None if found is None else of(found)

    return value


def _error(split: str) -> Callable[[Sequence[Row]], float | None]:
    def of(rows: Sequence[Row]) -> float | None:
        point = ended(only(rows), split)
        return 100 * point.error if point else None

    return of


def _noise(split: str) -> Callable[[Sequence[Row]], float]:
    def of(rows: Sequence[Row]) -> float:
        point = ended(only(rows), split)
        return 100 * counting_noise(point.error, point.examples) if point else 0.0

    return of


def _loss(split: str) -> Callable[[Sequence[Row]], float | None]:
    def of(rows: Sequence[Row]) -> float | None:
        point = ended(only(rows), split)
        return point.loss if point else None

    return of


def _gap(rows: Sequence[Row]) -> float | None:
    train, test = ended(only(rows), "train"), ended(only(rows), "test")
    return 100 * (test.error - train.error) if train and test else None


def _hours(rows: Sequence[Row]) -> float:
    return only(rows).seconds / 3600


TRAINING_LOSS = Metric("training loss", _loss("train"), " nats", verb="end at", trained=True)
VALIDATION_LOSS = Metric("validation loss", _loss("validation"), " nats", verb="end at")
TEST_LOSS = Metric("test loss", _loss("test"), " nats", verb="end at", split="test")
HOURS = Metric("time over all starts", _hours, " h", verb="take")
TRAINING_ERROR = Metric(
    "training error",
    _error("train"),
    " %",
    " points",
    "end at",
    "worse",
    "better",
    noise=_noise("train"),
    loss=TRAINING_LOSS,
    trained=True,
    percent=True,
)
VALIDATION_ERROR = Metric(
    "validation error",
    _error("validation"),
    " %",
    " points",
    "end at",
    "worse",
    "better",
    noise=_noise("validation"),
    trained=True,
    percent=True,
)
TEST_ERROR = Metric(
    "test error",
    _error("test"),
    " %",
    " points",
    "end at",
    "worse",
    "better",
    noise=_noise("test"),
    split="test",
    trained=True,
    percent=True,
)
GAP = Metric(
    "gap between training and test error",
    _gap,
    " points",
    " points",
    noise=lambda rows: math.hypot(_noise("train")(rows), _noise("test")(rows)),
    split="test",
    trained=True,
)
