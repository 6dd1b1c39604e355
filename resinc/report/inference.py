"""What a few runs a side can say: three tests that must agree, and one interval.

Every function takes runs along the last axis and any axes before it, so that a simulation judges
thousands of experiments at once by the code that judges one. docs/statistics.md says why these
tests, with numbers.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.05  # Of each one-sided test.
CONFIDENCE = 1 - 2 * LEVEL  # Of an interval whose either end errs in LEVEL of all cases.
# Differences of percentages that only rounding keeps apart are equal.
ROUNDING = 1e-9


class Evidence(NamedTuple):
    """For one direction.

    Attributes:
      p: the larger of the permutation test's p-value and Welch's; what Holm's procedure adjusts.
        1 where `seeds` is false.
      seeds: whether it is so seed by seed, in as many as `needed`.
    """

    p: Any
    seeds: Any

    def holds(self, p: Any = None) -> Any:
        """At LEVEL, with `p` instead of the own one where that was adjusted."""
        return self.seeds & ((self.p if p is None else p) <= LEVEL)

    def __and__(self, other: "Evidence") -> "Evidence":
        """Both: the union of their null hypotheses is rejected at the level of the weaker."""
        return Evidence(np.maximum(self.p, other.p), self.seeds & other.seeds)


NEVER = Evidence(np.float64(1.0), np.bool_(False))


class Contrast:
    """Runs of `a` against runs of `b`, or against zero."""

    def __init__(
        self,
        a: Any,
        b: Any = None,
        noise: Sequence[float] = (0.0, 0.0),
        examples: float = 0.0,
        pairs: int | None = None,
    ):
        """Compute what does not depend on a margin.

        Args:
          a: values [..., n], n > 1.
          b: values [..., m], m > 1, independent of `a` but for what a seed shares; None: zero.
          noise: standard deviation of one value of `a` and of `b` by counting alone, the least
            that their scatter is taken for.
          examples: variance of the difference of means over test examples, where all runs are
            tested on the same ones; see `example_variance`.
          pairs: how many of the first values of `a` and `b` are of one seed; None: all.
        """
        self._a = np.asarray(a, float)
        self._b = None if b is None else np.asarray(b, float)
        sides = [self._a] if self._b is None else [self._a, self._b]
        self._pairs = min(side.shape[-1] for side in sides) if pairs is None else pairs
        parts = [_variance_of_mean(side, least) for side, least in zip(sides, noise, strict=False)]
        self.error = np.sqrt(sum(parts) + examples)
        freedom = sum(p**2 / (side.shape[-1] - 1) for p, side in zip(parts, sides, strict=True))
        with np.errstate(divide="ignore", invalid="ignore"):
            # Welch 1947; no scatter at all leaves no freedom to compute, and any is right.
            self.freedom = np.where(freedom > 0, self.error**4 / freedom, np.inf)
        means = [side.mean(-1) for side in sides]
        self.difference = means[0] - means[1] if self._b is not None else means[0]

    @property
    def interval(self) -> tuple[Any, Any]:
        """Of the difference of means: either end errs in LEVEL of all cases (Welch; Student)."""
        half = stats.t.ppf(1 - LEVEL, self.freedom) * self.error
        return self.difference - half, self.difference + half

    def above(self, margin: float) -> Evidence:
        """Whether a - b > margin."""
        seeds = self.seeds_above(margin) >= needed(self._pairs)
        return self._evidence(seeds, margin, self._welch(margin), "greater")

    def below(self, margin: float) -> Evidence:
        """Whether a - b < margin."""
        seeds = self.seeds_below(margin) >= needed(self._pairs)
        return self._evidence(seeds, margin, 1 - self._welch(margin), "less")

    def inside(self, margin: float) -> Any:
        """Whether |a - b| < margin, by two one-sided tests: the interval lies inside."""
        low, high = self.interval
        return (low > -margin) & (high < margin)

    def seeds_above(self, margin: float) -> Any:
        """Of how many seeds a - b > margin."""
        return (self._by_seed() > margin + ROUNDING).sum(-1)

    def seeds_below(self, margin: float) -> Any:
        """Of how many seeds a - b < margin."""
        return (self._by_seed() < margin - ROUNDING).sum(-1)

    @property
    def pairs(self) -> int:
        """Seeds that both sides have."""
        return self._pairs

    def _by_seed(self) -> np.ndarray:
        a = self._a[..., : self._pairs]
        return a if self._b is None else a - self._b[..., : self._pairs]

    def _welch(self, margin: float) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (self.difference - margin) / self.error
        return stats.t.sf(np.nan_to_num(t), np.maximum(self.freedom, 1))

    def _evidence(self, seeds: Any, margin: float, welch: Any, alternative: str) -> Evidence:
        """The permutation test is made only where the seeds agree: of 10 against 10 runs it takes
        a second."""
        p = np.ones(np.shape(seeds))
        data = [self._a[seeds] - margin]
        if self._b is not None:
            data.append(self._b[seeds])
        if np.any(seeds):
            permutation = stats.permutation_test(
                data,
                _difference_of_means,
                # Of a single side the signs are permuted.
                permutation_type="samples" if self._b is None else "independent",
                alternative=alternative,
                n_resamples=np.inf,
                axis=-1,
                vectorized=True,
                batch=1_000,
            ).pvalue
            p[seeds] = np.maximum(permutation, welch[seeds])
        return Evidence(p, seeds)


def needed(pairs: int) -> int:
    """Of so many seeds, how many must agree: by chance alone they would in LEVEL of all cases.

    Of fewer than 5 all, which chance does more often.
    """
    agreeing = np.arange(pairs + 1)
    enough = stats.binom.sf(agreeing - 1, pairs, 0.5) <= LEVEL
    return int(agreeing[enough][0]) if enough.any() else pairs


def least_p(a: int, b: int = 0) -> float:
    """The smallest p-value that the permutation test gives of `a` against `b` runs.

    Of a single side (`b` = 0) it permutes the signs.
    """
    return 1 / math.comb(a + b, a) if b else 1 / 2**a


def counting_noise(error: float, examples: int) -> float:
    """Standard deviation of a fraction of mistakes that were counted over so many examples.

    A fraction of exactly 0 or 1 is taken for one mistake away from it (Laplace's rule), so that
    it is not taken for certain.
    """
    if not examples:
        return 0.0
    fraction = (error * examples + 1) / (examples + 2)
    return float(np.sqrt(fraction * (1 - fraction) / examples))


def example_variance(contrasts: np.ndarray) -> float:
    """Variance of a mean over examples, of what each contributes to a difference of errors."""
    return float(np.var(contrasts, ddof=1) / len(contrasts))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted: that any that is true falls to LEVEL happens in LEVEL of all cases (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(len(p_values))
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, (len(p_values) - place) * p_values[index])
        adjusted[index] = min(1.0, highest)
    return adjusted.tolist()


def _variance_of_mean(values: np.ndarray, least: float) -> Any:
    return np.maximum(values.var(-1, ddof=1), np.square(least)) / values.shape[-1]


def _difference_of_means(a: np.ndarray, b: np.ndarray | None = None, axis: int = -1) -> Any:
    return a.mean(axis) - (0.0 if b is None else b.mean(axis))
