"""What the seeds decide: a difference of means with its interval, and a verdict from it."""

import enum
import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from scipy import stats

CONFIDENCE = 0.95


class Verdict(enum.Enum):
    """What the runs say of a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    UNDECIDED = "not decided"


class Difference(NamedTuple):
    """mean(a) - mean(b) over seeds.

    Attributes:
      mean: in the unit of the values.
      low: lower end of Welch's confidence interval.
      high: upper end.
      effect: mean over the pooled standard deviation (Hedges' g, corrected for few seeds);
        infinite where no value scatters.
      sizes: values of a and of b.
    """

    mean: float
    low: float
    high: float
    effect: float
    sizes: tuple[int, int]

    def text(self, unit: str = "", digits: int = 2) -> str:
        """e.g. "12.30 points, 95 % interval 10.10 to 14.50, effect size 5.1, 3 and 3 seeds"."""
        effect = "infinite" if math.isinf(self.effect) else f"{self.effect:.1f}"
        return (
            f"{self.mean:.{digits}f}{unit}, {100 * CONFIDENCE:.0f} % interval "
            f"{self.low:.{digits}f} to {self.high:.{digits}f}, effect size {effect}, "
            f"{self.sizes[0]} and {self.sizes[1]} seeds"
        )


class Mean(NamedTuple):
    """A mean over seeds with its confidence interval.

    Attributes:
      mean: in the unit of the values.
      low: lower end of Student's confidence interval.
      high: upper end.
      size: number of values.
    """

    mean: float
    low: float
    high: float
    size: int

    def text(self, unit: str = "", digits: int = 2) -> str:
        """e.g. "0.05 decades, 95 % interval 0.04 to 0.06, 3 seeds"."""
        return (
            f"{self.mean:.{digits}f}{unit}, {100 * CONFIDENCE:.0f} % interval "
            f"{self.low:.{digits}f} to {self.high:.{digits}f}, {self.size} seeds"
        )


def mean(values: Sequence[float]) -> Mean | None:
    """Student's interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    middle = statistics.fmean(values)
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return Mean(middle, middle - half, middle + half, len(values))


def difference(a: Sequence[float], b: Sequence[float]) -> Difference | None:
    """Welch's interval of mean(a) - mean(b); None if either has fewer than two values.

    Where neither scatters at all (every seed reached 0 % error), the interval is the difference.
    """
    if min(len(a), len(b)) < 2:
        return None
    sizes = (len(a), len(b))
    change = statistics.fmean(a) - statistics.fmean(b)
    variances = [statistics.variance(values) for values in (a, b)]
    freedom = sizes[0] + sizes[1] - 2
    pooled = (variances[0] * (sizes[0] - 1) + variances[1] * (sizes[1] - 1)) / freedom
    # Below that it is rounding: the same errors, subtracted.
    if math.sqrt(pooled) <= 1e-9 * max(map(abs, (*a, *b))):
        return Difference(
            change, change, change, math.copysign(math.inf, change) if change else 0.0, sizes
        )
    # Welch 1947; SciPy's own test warns where one side does not scatter.
    parts = [variance / size for variance, size in zip(variances, sizes, strict=True)]
    welch = sum(parts) ** 2 / sum(p**2 / (n - 1) for p, n in zip(parts, sizes, strict=True))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, welch)) * math.sqrt(sum(parts))
    effect = change / math.sqrt(pooled) * (1 - 3 / (4 * freedom - 1))
    return Difference(change, change - half, change + half, effect, sizes)


def judge(found: Difference | Mean | None, margin: float) -> Verdict:
    """Judge the claim "a is larger than b by more than `margin`", or a mean than the margin.

    Supported if the whole interval lies above the margin, refuted if it lies below, else undecided.
    """
    if found is None:
        return Verdict.UNDECIDED
    if found.low > margin:
        return Verdict.SUPPORTED
    return Verdict.REFUTED if found.high < margin else Verdict.UNDECIDED
