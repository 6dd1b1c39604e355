"""Two kinds of panel: error against steps, and final error against a number such as depth."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from resinc.report.figure import INK
from resinc.report.rows import Point, Row
from resinc.report.state import CellState

THIN, BOLD = 1.0, 2.4


class Series(NamedTuple):
    """A name, a colour, and its runs: one line of a panel."""

    label: str
    colour: str
    rows: Sequence[Row]


def error_curves(ax: Axes, title: str, series: Sequence[Series]) -> None:
    """Error in % against steps, mean over seeds: training thin, test bold (He et al. Fig. 6).

    Finished runs are drawn where there are any; else the others, as far as all of them got, with a
    cross where they diverged.
    """
    for label, colour, rows in series:
        shown = [row for row in rows if row.done] or [row for row in rows if row.train]
        for width, points in (
            (THIN, mean_curve([row.train for row in shown])),
            (BOLD, mean_curve([row.evals.get("test", ()) for row in shown])),
        ):
            steps = [step for step, _ in points]
            errors = [100 * error for _, error in points]
            ax.plot(steps, errors, color=colour, linewidth=width, label=f"_{label}")
            if points and any(row.state == CellState.DIVERGED for row in shown):
                ax.plot(steps[-1], errors[-1], "x", color=colour, markersize=7)
    _label(ax, title, "steps")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.xaxis.set_major_formatter(FuncFormatter(_thousands))
    handles = [Line2D([], [], color=s.colour, linewidth=BOLD, label=s.label) for s in series]
    handles += [
        Line2D([], [], color=INK, linewidth=THIN, label="training"),
        Line2D([], [], color=INK, linewidth=BOLD, label="test"),
    ]
    legend(ax, handles, columns=3 if len(handles) in (3, 5, 6) else 4)


def fit_error_axes(axes: Sequence[Axes], rows: Sequence[Row]) -> None:
    """Give panels of curves one error axis that fits what follows the first tenth of the steps."""
    late = [
        100 * point.error
        for row in rows
        for point in (*row.train, *row.evals.get("test", ()))
        if point.step > row.steps / 10
    ]
    top = min(100.0, 1.08 * max(late, default=100.0)) or 100.0
    for ax in axes:
        ax.set_ylim(-0.015 * top, max(top, 0.5))


def final_errors(ax: Axes, title: str, what: str, series: Sequence[Series], x_field: str) -> None:
    """Final error in % against a config field: mean ± std over seeds, and every seed as a dot.

    Args:
      ax: to draw on.
      title: of the panel.
      what: name of the x axis.
      series: e.g. one per block.
      x_field: dotted config field of the x axis.
    """
    values: set[int] = set()
    for _, colour, rows in series:
        for split, width, face in (("train", THIN, "none"), ("test", BOLD, colour)):
            groups = finals(rows, split, x_field)
            values |= groups.keys()
            means = [100 * statistics.fmean(errors) for errors in groups.values()]
            spread = [100 * statistics.stdev(e) if len(e) > 1 else 0 for e in groups.values()]
            ax.errorbar(
                list(groups),
                means,
                yerr=spread,
                color=colour,
                linewidth=width,
                marker="o",
                markersize=5.5,
                markerfacecolor=face,
                elinewidth=1.0,
                capsize=3.5,
            )
            dots = [(x, 100 * error) for x, errors in groups.items() for error in errors]
            ax.plot(
                [x for x, _ in dots],
                [error for _, error in dots],
                "o",
                color=colour,
                markersize=4,
                alpha=0.35,
                markeredgewidth=0,
            )
    _label(ax, title, what)
    if values:
        ax.set_xticks(_apart(sorted(values)))
        ax.margins(x=0.08)
        ax.set_ylim(bottom=min(0.0, -0.015 * ax.get_ylim()[1]))
    else:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.text(0.5, 0.5, "no run is done yet", ha="center", transform=ax.transAxes)
    handles = [
        Line2D([], [], color=s.colour, linewidth=width, marker="o", markersize=5.5,
               markerfacecolor="none" if width == THIN else s.colour, label=f"{s.label}, {split}")
        for s in series
        for width, split in ((THIN, "training"), (BOLD, "test"))
    ]  # fmt: skip
    legend(ax, handles, columns=2)


def mean_curve(curves: Sequence[Sequence[Point]]) -> list[tuple[int, float]]:
    """(step, mean error) at the steps that all non-empty curves have."""
    known = [{point.step: point.error for point in curve} for curve in curves if curve]
    if not known:
        return []
    steps = sorted(set.intersection(*(set(curve) for curve in known)))
    return [(step, statistics.fmean(curve[step] for curve in known)) for step in steps]


def finals(rows: Sequence[Row], split: str, x_field: str) -> Mapping[int, list[float]]:
    """x -> final errors (fractions) of the finished runs, x ascending."""
    groups: dict[int, list[float]] = {}
    for row in rows:
        point = row.final(split)
        if point is not None and x_field in row.config:
            groups.setdefault(row.config[x_field], []).append(point.error)
    return dict(sorted(groups.items()))


def _label(ax: Axes, title: str, what: str) -> None:
    ax.set_title(title, pad=10)
    ax.set_xlabel(what)
    ax.set_ylabel("error (%)")


def legend(ax: Axes, handles: Sequence[Line2D], columns: int) -> None:
    """Below the axes: wherever inside, some curve would run through it."""
    ax.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.16),
        ncols=columns,
        fontsize=9.5,
        handlelength=1.6,
        columnspacing=1.3,
    )


def _apart(values: Sequence[int]) -> list[int]:
    """Ticks with room for their numbers; the largest is always among them."""
    gap = (values[-1] - values[0]) / 16
    kept = [values[-1]]
    for value in reversed(values[:-1]):
        if kept[-1] - value > gap:
            kept.append(value)
    return kept[::-1]


def _thousands(value: float, position: object) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:,.0f}"
