"""Two kinds of panel: error against steps, and final error against a number such as depth."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from resinc.report.arms import ended, last_errors
from resinc.report.chart import BOLD, THIN, Line, Panel
from resinc.report.colours import INK
from resinc.report.rows import Point, Row
from resinc.runs.status import CellState


class Series(NamedTuple):
    """A name, a colour, and its runs: one line of a panel."""

    label: str
    colour: str
    rows: Sequence[Row]


def error_curves(title: str, series: Sequence[Series]) -> Panel:
    """Training error in % against steps: a thin line per seed, and a bold one for their mean.

    Finished runs are shown where there are any; else the others, as far as all of them got, with a
    cross where they diverged.
    """
    lines = []
    for label, colour, rows in series:
        shown = [row for row in rows if row.done] or [row for row in rows if row.train]
        lines += each_run("", colour, shown, _training)
        points = mean_curve([row.train for row in shown])
        steps = [step for step, _ in points]
        errors = [100 * error for _, error in points]
        marker = "filled" if len(points) == 1 else ""  # A line of one point would not show.
        lines.append(Line(label, colour, steps, errors, width=BOLD, marker=marker))
        if points and any(row.state == CellState.DIVERGED for row in shown):
            lines.append(Line("", colour, steps[-1:], errors[-1:], width=0, marker="cross"))
    return Panel(title, "steps", "training error (%)", lines, note="no run has begun yet")


def _training(row: Row) -> Mapping[int, float]:
    return {point.step: 100 * point.error for point in row.train}


def final_errors(
    title: str, what: str, series: Sequence[Series], x_field: str, log_x: bool = False
) -> Panel:
    """Final error in % against a config field: training bold, test thin, and every seed as a dot.

    The lines are means, without a standard deviation: of seeds that fall into two groups that tells
    nothing.

    Args:
      title: of the panel.
      what: name of the x axis.
      series: e.g. one per block.
      x_field: dotted config field of the x axis.
      log_x: whether its axis is logarithmic.
    """
    lines: list[Line] = []
    values: set[int] = set()
    for label, colour, rows in series:
        for split, words, width, marker in (
            ("train", "training", BOLD, "filled"),
            ("test", "test", THIN, "hollow"),
        ):
            groups = finals(rows, split, x_field)
            values |= groups.keys()
            percents = {x: [100 * error for error in errors] for x, errors in groups.items()}
            lines.append(means(f"{label}, {words}", colour, percents, width, marker))
    tops = [max(line.y, default=0.0) for line in lines]
    top = 1.08 * max([*tops, *(y for line in lines for _, y in line.dots)], default=1.0) or 1.0
    low = -0.015 * top
    return Panel(title, what, "error (%)", lines, log_x, x_ticks=sorted(values), y_range=(low, top))


def means(
    label: str,
    colour: str,
    numbers: Mapping[Any, Sequence[float]],
    width: float,
    marker: str = "filled",
) -> Line:
    """Of x -> numbers of its seeds: their mean at every x, and each of them as a dot."""
    seeds = [(x, value) for x, values in numbers.items() for value in values]
    middle = [statistics.fmean(values) for values in numbers.values()]
    return Line(label, colour, [*numbers], middle, dots=seeds, width=width, marker=marker)


def each_run(
    label: str, colour: str, rows: Sequence[Row], of: Callable[[Row], Mapping[int, float]]
) -> list[Line]:
    """A thin line per run, x -> y by `of`; runs of which that is empty have none."""
    curves = [curve for row in rows if (curve := of(row))]
    return [
        Line("" if i else label, colour, [*curve], [*curve.values()], width=THIN)
        for i, curve in enumerate(curves)
    ]


def dots(
    label: str, colour: str, groups: Sequence[Sequence[float]], marker: str = "filled"
) -> Line:
    """One row of a dot plot per entry: mean ± sample standard deviation, and each seed as a dot.

    An empty entry leaves its row empty.
    """
    rows = [(i, list(values)) for i, values in enumerate(groups) if len(values)]
    return Line(
        label,
        colour,
        x=[statistics.fmean(values) for _, values in rows],
        y=[i for i, _ in rows],
        spread=[statistics.stdev(v) if len(v) > 1 else 0.0 for _, v in rows],
        dots=[(value, i) for i, values in rows for value in values],
        width=0,
        marker=marker,
    )


def ends(title: str, series: Sequence[Series]) -> Panel:
    """Errors at the last step, a row per network in its colour: training filled, test hollow."""
    lines = []
    for i, (_, colour, rows) in enumerate(series):
        for split, marker in (("train", "filled"), ("test", "hollow")):
            errors = last_errors(rows, split)
            lines.append(dots("", colour, [()] * i + [errors], marker))
    lines += [Line(f"{word} error", INK, width=0, marker=marker)
              for word, marker in (("training", "filled"), ("test", "hollow"))]  # fmt: skip
    return Panel(title, "error at the last step (%)", "", lines, names=[s.label for s in series])


def mean_curve(curves: Sequence[Sequence[Point]]) -> list[tuple[int, float]]:
    """(step, mean error) at the steps that all non-empty curves have."""
    known = [{point.step: point.error for point in curve} for curve in curves if curve]
    if not known:
        return []
    steps = sorted(set.intersection(*(set(curve) for curve in known)))
    return [(step, statistics.fmean(curve[step] for curve in known)) for step in steps]


def finals(rows: Sequence[Row], split: str, x_field: str) -> Mapping[Any, list[float]]:
    """x -> final errors (fractions), x ascending: as they ended, those that diverged at chance."""
    groups: dict[Any, list[float]] = {}
    for row in rows:
        point = ended(row, split)
        if point is not None and x_field in row.config:
            groups.setdefault(row.config[x_field], []).append(point.error)
    return dict(sorted(groups.items()))
