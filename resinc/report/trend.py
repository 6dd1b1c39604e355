"""Does more of something (depth, width) end in a higher error? Decided by a fixed rule."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from resinc.report.panels import finals
from resinc.report.rows import Row

MARGIN = 0.005  # Half a percentage point; less than this counts as equal.
UNTRAINED = 0.75  # Above this error a 10-class network has learned next to nothing (chance: 0.9).


class Kind(StrEnum):
    """What the rule says."""

    WORSE = "worse"
    EQUAL = "equal"
    BETTER = "better"
    OVERLAP = "overlap"  # Means differ, seeds overlap: not decided.
    UNTRAINED = "untrained"  # Not decided: no network has learned yet.
    ONE = "one"  # Only one value is finished.
    NONE = "none"


@dataclass(frozen=True)
class Trend:
    """The largest value against the best of the smaller ones.

    Attributes:
      kind: what the rule says.
      large: the largest x that has finished runs; small: the one it is compared with.
      large_errors: final errors (fractions), one per seed; small_errors likewise.
    """

    kind: Kind
    large: int = 0
    small: int = 0
    large_errors: tuple[float, ...] = ()
    small_errors: tuple[float, ...] = ()

    @property
    def compared(self) -> bool:
        return self.kind not in (Kind.ONE, Kind.NONE)

    @property
    def rise(self) -> float:
        """Of the mean error, as a fraction."""
        return statistics.fmean(self.large_errors) - statistics.fmean(self.small_errors)


def trend(rows: Sequence[Row], x_field: str, split: str = "train") -> Trend:
    """Compare final errors at the largest x with those at the smaller x of lowest mean.

    "Worse" needs the means more than MARGIN apart and every seed of one above every seed of the
    other; "better" likewise.

    Args:
      rows: of one kind of network; those not finished are ignored.
      x_field: dotted config field.
      split: whose final error is compared.
    """
    groups: Mapping[int, list[float]] = finals(rows, split, x_field)
    if not groups:
        return Trend(Kind.NONE)
    *smaller, large = groups
    if not smaller:
        return Trend(Kind.ONE, large=large, large_errors=tuple(groups[large]))
    # Of equally good ones the nearest.
    small = min(smaller, key=lambda x: (statistics.fmean(groups[x]), -x))
    high, low = groups[large], groups[small]
    rise = statistics.fmean(high) - statistics.fmean(low)
    if min(statistics.fmean(high), statistics.fmean(low)) > UNTRAINED:
        kind = Kind.UNTRAINED
    elif abs(rise) <= MARGIN:
        kind = Kind.EQUAL
    elif min(high) > max(low):
        kind = Kind.WORSE
    elif max(high) < min(low):
        kind = Kind.BETTER
    else:
        kind = Kind.OVERLAP
    return Trend(kind, large, small, tuple(high), tuple(low))


def listed(words: Sequence[str]) -> str:
    """e.g. "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def numbers(values: Sequence[int]) -> str:
    """e.g. "8, 20 and 56", with thousands separated."""
    return listed([f"{value:,}" for value in sorted(set(values))])
