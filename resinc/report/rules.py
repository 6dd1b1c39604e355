"""What must hold of two kinds of runs: the same object decides and tells."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from resinc.report.inference import Contrast, Evidence


class Judgement(NamedTuple):
    """Of a rule: that it holds, that its opposite does, that the difference does not matter."""

    supported: Evidence
    reversed: Evidence
    immaterial: np.bool_


@dataclass(frozen=True)
class Rule:
    """A difference and its margin; made by the four functions below.

    Attributes:
      margin: in the unit of the values; of ratios a factor, at least 1.
      effect: whether the sentence claims an effect (a - b > margin) or its absence (< margin).
      times: whether it is the ratio a / b that is compared; values are then logarithms to base 10.
    """

    margin: float
    effect: bool
    times: bool = False

    @property
    def threshold(self) -> float:
        """The margin as a difference of values."""
        return math.log10(self.margin) if self.times else self.margin

    def test(self, values: Contrast, losses: Contrast | None = None) -> Judgement:
        """Put a contrast to the test.

        Args:
          values: what the rule is about.
          losses: of the same runs log10 of the training loss, which must differ in the direction
            of a claimed effect, by whatever amount; None where there is none.
        """
        above = values.above(self.threshold)
        if losses:
            above &= losses.above(0.0)
        if not self.effect:
            return Judgement(values.below(self.threshold), above, np.bool_(False))
        below = values.below(-self.threshold)
        if losses:
            below &= losses.below(0.0)
        return Judgement(above, below, values.inside(self.threshold))


def more_than(margin: float) -> Rule:
    """a exceeds b by more than `margin`."""
    return Rule(margin, effect=True)


def less_than(margin: float) -> Rule:
    """a exceeds b by less than `margin`, if at all."""
    return Rule(margin, effect=False)


def more_than_times(factor: float) -> Rule:
    """a is more than `factor` times b."""
    return Rule(factor, effect=True, times=True)


def less_than_times(factor: float) -> Rule:
    """a is less than `factor` times b."""
    return Rule(factor, effect=False, times=True)
