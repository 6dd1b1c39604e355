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
      rows: of one kind of network; those not finished are ignored, those that diverged count as
        chance.
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


def clause(who: str, found: Trend, earlier: Trend | None = None) -> str:
    """What the rule says of networks over depth, as a clause of a sentence.

    Args:
      who: in the singular, e.g. "residual network".
      found: by `trend`, over depth.
      earlier: of other networks that were already said to get worse.
    """
    if found.kind == Kind.NONE:
        return f"no {who} is done"
    if found.kind == Kind.ONE:
        error = 100 * statistics.fmean(found.large_errors)
        return (
            f"{who}s were run at one depth only ({found.large} layers: {error:.1f} % training "
            "error), which decides nothing"
        )
    high, low = (100 * statistics.fmean(e) for e in (found.large_errors, found.small_errors))
    pair = f"({found.large} layers: {high:.1f} % training error, {found.small} layers: {low:.1f} %)"
    if found.kind == Kind.WORSE and earlier:
        less = found.rise < earlier.rise and max(found.large_errors) < min(earlier.large_errors)
        return f"{who}s get worse too{', but less' if less else ''} {pair}"
    said = {
        Kind.WORSE: f"{who}s get worse with depth {pair}",
        Kind.EQUAL: f"{who}s do not get worse with depth {pair}",
        Kind.BETTER: f"{who}s get better with depth {pair}",
        Kind.OVERLAP: f"the seeds of {who}s overlap, which decides nothing {pair}",
        Kind.UNTRAINED: f"{who}s have hardly learned yet, which decides nothing {pair}",
    }
    return said[found.kind]


def listed(words: Sequence[str]) -> str:
    """e.g. "a, b and c"."""
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def numbers(values: Sequence[int]) -> str:
    """e.g. "8, 20 and 56", with thousands separated."""
    return listed([f"{value:,}" for value in sorted(set(values))])
