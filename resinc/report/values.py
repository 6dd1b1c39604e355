"""The table behind the outcomes: what was measured on every kind of network that is compared."""

import statistics
from collections.abc import Iterator, Sequence

from resinc.report.arms import Arm, runs_of
from resinc.report.combine import Combined, Hypothesis
from resinc.report.comparison import Comparison
from resinc.report.metrics import Metric, digits
from resinc.report.rows import Row
from resinc.report.table import Table


def values(hypotheses: Sequence[Hypothesis], rows: Sequence[Row]) -> Table:
    """One line per metric and arm of the comparisons, in their order.

    Median and extremes over seeds, never a mean alone: seeds may fall apart.

    Args:
      hypotheses: of an experiment.
      rows: all runs that its plan has, begun or not.
    """
    lines = []
    for (metric, arm), sample in measured(hypotheses).items():
        found = runs_of(arm, rows, sample)
        numbers = [n for group in found.by_seed.values() if (n := metric.of(group)) is not None]
        told = ["–"] * 3
        if numbers:
            told = [
                digits(number)
                for number in (statistics.median(numbers), min(numbers), max(numbers))
            ]
        what = f"{metric.name} ({unit})" if (unit := metric.unit.strip()) else metric.name
        lines.append([what, arm.name, str(len(numbers)), *told])
    header = ["measured", "networks", "seeds", "median", "lowest", "highest"]
    return Table(header, lines, numeric=4, caption="Of the runs that the outcomes are about.")


def measured(hypotheses: Sequence[Hypothesis]) -> dict[tuple[Metric, Arm], int]:
    """(metric, arm) -> seeds, of all comparisons, each pair once."""
    return {
        (comparison.metric, arm): comparison.sample
        for comparison in comparisons(hypotheses)
        for arm in comparison.arms
    }


def comparisons(hypotheses: Sequence[Hypothesis]) -> Iterator[Comparison]:
    """Those that the hypotheses are made of, in their order."""
    for hypothesis in hypotheses:
        if isinstance(hypothesis, Combined):
            yield from comparisons(hypothesis.parts)
        elif isinstance(hypothesis, Comparison):
            yield hypothesis
