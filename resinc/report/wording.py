"""A comparison in words: by what it is decided, what the runs say, and what keeps it undecided.

Made from the object that decides, so that the two cannot part.
"""

from typing import TYPE_CHECKING

import numpy as np

from resinc.report.arms import Arm, Runs, a_few
from resinc.report.combine import TESTED
from resinc.report.inference import CONFIDENCE, Contrast, needed
from resinc.report.metrics import Metric, digits
from resinc.report.outcome import capital
from resinc.report.sides import Side, Step, values_of

if TYPE_CHECKING:
    from resinc.report.comparison import Comparison


def rule_text(comparison: "Comparison") -> str:
    """How it is decided, in words."""
    what, rule, metric = _difference(comparison), comparison.rule, comparison.metric
    least = _margin(comparison)
    sample, count = comparison.sample, needed(comparison.sample)
    seeds = f"all {sample}" if count == sample else f"{count} of {sample}"
    tests = (
        f"{TESTED}{seeds} seeds, by the exact permutation test and for the whole {_percent()} "
        "interval"
    )
    loss = ""
    if metric.loss and comparison.b:
        loss = f"; where a difference is claimed, the {metric.loss.name} must differ alike"
    if rule.effect:
        return (
            f"{what} is more than {least}{tests}{loss}. Reversed: likewise the other way "
            f"round. No material effect: the interval lies within {least} on both sides."
        )
    return f"{what} is less than {least}{tests}. Reversed: it is more, likewise{loss}."


def told(comparison: "Comparison", runs: dict[Arm, Runs], values: Contrast) -> str:
    """What the runs say, in a sentence or two, whatever the outcome."""
    metric, times = comparison.metric, comparison.rule.times

    def mean(side: Side) -> float:
        middle = float(np.mean(values_of(side, runs, metric, times)[0]))
        return 10**middle if times else middle

    low, high = (float(end) for end in values.interval)
    size = float(values.difference)
    if times:
        size, low, high = 10**size, 10**low, 10**high
        change = f"{digits(size)} times as much"
    else:
        if size < 0 and comparison.b is not None:  # "Less" says the sign; one side alone keeps it.
            size, low, high = -size, -high, -low
        words = ("more", "less") if isinstance(comparison.a, Step) else (metric.more, metric.less)
        word = words[bool(values.difference < 0)]
        change = f"{digits(size)}{metric.difference} {word}"
    counts = [len(found.by_seed) for found in runs.values()]
    interval = f"{_percent()} interval {digits(low)} to {digits(high)}"
    each = f"{counts[0]} runs{' each' * (len(counts) > 1)}"
    if len(set(counts)) > 1:
        each = f"{' and '.join(map(str, counts))} runs"
    if comparison.b is None:
        text = f"{_side(comparison, comparison.a, mean(comparison.a))} ({interval}; {each})."
    else:
        text = (
            f"{_side(comparison, comparison.a, mean(comparison.a))}, "
            f"{_side(comparison, comparison.b, mean(comparison.b), first=False)}: {change} "
            f"({interval}; {each})."
        )
    text = capital(text)
    for arm, found in runs.items():
        if split := _split(found, metric):
            text += f" The runs of {arm.name} fall apart: {split}."
    diverged = [name for found in runs.values() for name in found.diverged]
    if diverged:
        text += f" Diverged, counted as chance: {a_few(diverged)}."
    return text


def why_undecided(comparison: "Comparison", values: Contrast) -> str:
    """What keeps a rule that neither holds nor is reversed from deciding."""
    rule, count = comparison.rule, needed(values.pairs)
    margin = rule.threshold
    if rule.effect:
        up = bool(values.difference > 0)
        agreeing = values.seeds_above(margin) if up else values.seeds_below(-margin)
        clear = values.interval[0] > margin if up else values.interval[1] < -margin
        whole = f"the difference is more than {_margin(comparison)}"
    else:
        agreeing = values.seeds_below(margin)
        clear = values.interval[1] < margin
        whole = f"the difference is less than {_margin(comparison)}"
    if agreeing < count:
        return f"With {int(agreeing)} of {values.pairs} seeds {whole}; {count} are needed."
    if not clear:
        return f"With {int(agreeing)} of {values.pairs} seeds {whole}, but not for the interval."
    return "The training loss does not say the same."


def _side(comparison: "Comparison", side: Side, value: float, first: bool = True) -> str:
    metric = comparison.metric
    if isinstance(side, Step):
        unit = " times" if comparison.rule.times else metric.difference
        what = f" the {metric.name}" if first else ""
        return f"{side.name} changes{what} by {digits(value)}{unit}"
    if first:
        return f"{side.name} {metric.verb} {metric.value(value)}"
    at = "at " if metric.verb.endswith(" at") else ""
    return f"{side.name} {at}{digits(value)}{metric.unit.removesuffix(' of')}"


def _difference(comparison: "Comparison") -> str:
    if comparison.b is None:
        return f"{comparison.metric.name} of {comparison.a.name}"
    if isinstance(comparison.a, Step):
        return f"change of {comparison.metric.name}, {comparison.a.name} minus {comparison.b.name},"
    if comparison.rule.times:
        return f"{comparison.metric.name} of {comparison.a.name} over that of {comparison.b.name}"
    return f"{comparison.metric.name} of {comparison.a.name} minus that of {comparison.b.name}"


def _margin(comparison: "Comparison") -> str:
    margin = comparison.rule.margin
    if comparison.rule.times:
        return f"{margin:g} times" if margin != 1 else "once"
    unit = comparison.metric.difference
    return f"{margin:g}{unit.removesuffix('s') if margin == 1 else unit}"


def _split(found: Runs, metric: Metric) -> str:
    """The single values, where no mean tells them: two groups more than half the range apart."""
    values = sorted(v for group in found.by_seed.values() if (v := metric.of(group)) is not None)
    gaps = np.diff(values)
    if (
        not metric.percent
        or values[-1] - values[0] < 10
        or gaps.max() < (values[-1] - values[0]) / 2
    ):
        return ""
    return ", ".join(digits(value) for value in values) + metric.unit


def _percent() -> str:
    return f"{100 * CONFIDENCE:.0f} %"
