"""The report of any sweep: one number against an axis, in colours and panels by the others."""

import functools
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from resinc.errors import InputError
from resinc.registry import did_you_mean, lookup
from resinc.report import metrics
from resinc.report.arms import PILOT, names_of_diverged
from resinc.report.axes import (
    FEW,
    Group,
    axes_of,
    few,
    follows,
    grouped,
    is_number,
    numeric,
    text,
    value_of,
)
from resinc.report.chart import NORMAL, Line, Panel
from resinc.report.colours import NETWORK_COLOURS, colours
from resinc.report.metrics import Metric, digits
from resinc.report.outcome import capital
from resinc.report.panels import dots, means
from resinc.report.report import Report
from resinc.report.rows import Row
from resinc.report.table import Table
from resinc.runs.status import FOR_GOOD, STANDS

METRICS: dict[str, Metric] = {
    "train.error": metrics.TRAINING_ERROR,
    "validation.error": metrics.VALIDATION_ERROR,
    "test.error": metrics.TEST_ERROR,
    "train.loss": metrics.TRAINING_LOSS,
    "validation.loss": metrics.VALIDATION_LOSS,
    "test.loss": metrics.TEST_LOSS,
    "gap": metrics.GAP,
    "hours": metrics.HOURS,
}
MOST_NAMED = 12  # Runs that a note names.
DECADE = 10.0  # A span of x from which its axis is logarithmic.


class Choice(NamedTuple):
    """What is drawn. Names are those of labels, of config fields or of FACTS; "": chosen.

    Attributes:
      x: of the axis.
      colour: of the lines.
      metric: a key of METRICS; "": train.error.
    """

    x: str = ""
    colour: str = ""
    metric: str = ""


def report(rows: Sequence[Row], choice: Choice, title: str) -> Report:
    """Draw a metric against x, a colour each, a panel for what else differs.

    Every mean is over seeds alone: runs that differ in anything else are never averaged.

    Args:
      rows: of the plan, in whatever state; pilots are left out.
      choice: see there; where x or colour is "", the axes are taken as they come: numbers first.
      title: of the sweep.

    Raises:
      InputError: no such metric, or nothing of that name differs.
    """
    metric = lookup(METRICS, choice.metric or "train.error", "metric")
    rows = [row for row in rows if not row.labels.get(PILOT)]
    axes = axes_of(rows)
    chosen = [name for name in (choice.x, choice.colour) if name]
    for name in chosen:
        if all(value_of(row, name) is None for row in rows):
            raise InputError(
                f"no run has {name!r}{did_you_mean(name, axes)}: the runs differ in "
                f"{', '.join(axes) or 'nothing but their seed'}"
            )
    x = choice.x or next((a for a in axes if a != choice.colour and numeric(rows, a)), "")
    x = x or next((axis for axis in axes if axis != choice.colour), "seed")
    colour = choice.colour or next((a for a in axes if a != x and few(rows, a)), "")
    names = [x, *filter(None, [colour])]
    others = [axis for axis in axes if axis not in names and not follows(rows, axis, names)]
    hidden = [axis for axis in axes if axis not in names and axis not in others]
    names = [*names, *others, *hidden]
    groups = grouped([row for row in rows if row.config or row.labels] or rows, names)
    joined = all(few(rows, axis) for axis in hidden)
    return Report(
        title=title,
        answer=_answer(groups, metric, names),
        panels=_panels(groups, x, colour, others, metric, joined),
        table=_table(groups, names, metric),
        caption="Mean over seeds, and every seed as a faint point. "
        f"{capital(metric.name)} at the last step; a run that diverged counts as chance.",
        notes=[*_notes(rows, metric), *(f"Along {x}, {axis} changes too." for axis in hidden)],
        method=[(capital(metric.name), "as in the table: of the last step of every run")],
    )


def _panels(
    groups: Sequence[Group],
    x: str,
    colour: str,
    others: Sequence[str],
    metric: Metric,
    joined: bool,
) -> list[Panel]:
    parts = list(dict.fromkeys(tuple(g.values[name] for name in others) for g in groups))
    split = len(parts) <= FEW
    joined = joined and split
    by_number = all(is_number(group.values[x]) for group in groups)
    kinds = list(dict.fromkeys(text(group.values.get(colour)) for group in groups))
    inks = _inks(kinds)
    panels = []
    for part in parts if split else [()]:
        here = [g for g in groups if not split or tuple(g.values[n] for n in others) == part]
        title = ", ".join(f"{n} {text(v)}" for n, v in zip(others, part, strict=False))
        draw = functools.partial(_lines, joined=joined) if by_number else _rows
        panels.append(draw(title or capital(metric.name), here, x, colour, inks, metric))
    return _same_axis(panels, metric) if by_number else panels


def _lines(
    title: str,
    groups: Sequence[Group],
    x: str,
    colour: str,
    inks: Mapping[str, str],
    metric: Metric,
    joined: bool,
) -> Panel:
    """Joined by lines, unless points of one colour differ in more than x."""
    lines = []
    for kind, ink in inks.items():
        mine = [g for g in groups if text(g.values.get(colour)) == kind]
        label = f"{colour} {kind}" if colour else ""
        if joined:
            known = {g.values[x]: numbers for g in mine if (numbers := g.numbers(metric))}
            lines.append(means(label, ink, known, NORMAL))
            continue
        points = [means("", ink, {g.values[x]: n}, 0) for g in mine if (n := g.numbers(metric))]
        lines += [Line(label, ink, width=0, marker="filled"), *points]
    values = sorted({group.values[x] for group in groups})
    log = values[0] > 0 and values[-1] / values[0] >= DECADE
    return Panel(
        title, _name(x), f"{metric.name} ({metric.unit.strip()})", lines, log,
        x_ticks=values if joined and len(values) <= 8 else (),
    )  # fmt: skip


def _rows(
    title: str,
    groups: Sequence[Group],
    x: str,
    colour: str,
    inks: Mapping[str, str],
    metric: Metric,
) -> Panel:
    """Of an x that is no number: a row for each of its values."""
    names = list(dict.fromkeys(text(group.values[x]) for group in groups))
    lines = []
    for kind, ink in inks.items():
        values = [
            [
                number
                for g in groups
                if (text(g.values[x]), text(g.values.get(colour))) == (name, kind)
                for number in g.numbers(metric)
            ]
            for name in names
        ]
        lines.append(dots(f"{colour} {kind}" if colour else "", ink, values))
    return Panel(title, f"{metric.name} ({metric.unit.strip()})", "", lines, names=names)


def _same_axis(panels: Sequence[Panel], metric: Metric) -> list[Panel]:
    """One range in all panels, from zero for what cannot fall below."""
    found = [y for p in panels for line in p.lines for y in [*line.y, *(d[1] for d in line.dots)]]
    if not found:
        return list(panels)
    low, high = (0.0 if metric.percent else min(found)), max(found)
    pad = 0.08 * (high - low) or 0.5
    return [
        panel._replace(y_range=(low - (0.2 * pad if metric.percent else pad), high + pad))
        for panel in panels
    ]


def _inks(kinds: Sequence[str]) -> dict[str, str]:
    """Networks keep the colours that they have in every figure."""
    if all(kind in NETWORK_COLOURS for kind in kinds):
        return {kind: NETWORK_COLOURS[kind] for kind in kinds}
    by_place = colours(range(len(kinds)))
    return {kind: by_place[place] for place, kind in enumerate(kinds)}


def _table(groups: Sequence[Group], names: Sequence[str], metric: Metric) -> Table:
    shown = dict.fromkeys(
        [metric, *(METRICS[f"{s}.error"] for s in ("train", "validation", "test"))]
    )
    header = [*names, "seeds", *(f"{m.name} ({m.unit.strip()})" for m in shown)]
    lines = [
        [
            *(text(group.values[name]) for name in names),
            _seeds(group),
            *(_spread(group.numbers(m)) for m in shown),
        ]
        for group in groups
    ]
    caption = "Mean ± standard deviation over the seeds that have ended; diverged ones at chance."
    return Table(header, lines, numeric=1 + len(shown), caption=caption)


def _seeds(group: Group) -> str:
    ended = sum(row.state in FOR_GOOD for row in group.rows)
    return str(ended) if ended == len(group.rows) else f"{ended} of {len(group.rows)}"


def _spread(numbers: Sequence[float]) -> str:
    if not numbers:
        return "–"
    mean = f"{statistics.fmean(numbers):.4g}"
    return f"{mean} ± {statistics.stdev(numbers):.2g}" if len(numbers) > 1 else mean


def _answer(groups: Sequence[Group], metric: Metric, names: Sequence[str]) -> str:
    means = {
        i: statistics.fmean(numbers)
        for i, group in enumerate(groups)
        if (numbers := group.numbers(metric))
    }
    if not means:
        return f"No run has ended, so there is no {metric.name} yet."

    def told(place: int) -> str:
        where = ", ".join(f"{name} {text(groups[place].values[name])}" for name in names)
        return f"{digits(means[place])}{metric.unit} at {where}"

    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if means[low] == means[high]:
        return f"{capital(metric.name)}: {told(low)}{' and everywhere else' * (len(means) > 1)}."
    return f"{capital(metric.name)}: from {told(low)} to {told(high)}."


def _notes(rows: Sequence[Row], metric: Metric) -> list[str]:
    notes = []
    waiting = [row for row in rows if row.state not in FOR_GOOD]
    if waiting:
        named = "; ".join(f"{row.name} {STANDS[row.state]}" for row in waiting[:MOST_NAMED])
        more = f"; and {len(waiting) - MOST_NAMED} more" * (len(waiting) > MOST_NAMED)
        notes.append(f"Missing are {len(waiting)} of {len(rows)} runs: {named}{more}.")
    if diverged := names_of_diverged(rows):
        notes.append(f"Diverged, and counted as chance: {'; '.join(diverged)}.")
    if metric.split == "test":
        notes.append("Whoever chooses settings by this figure chooses on the test set.")
    return notes


def _name(field: str) -> str:
    """Of an axis of the figure."""
    return {"multiply_adds": "multiply-adds of an image"}.get(field, field)
