"""Figures that read on white, on black and at phone width, with the same bytes every time.

No pyplot: it keeps global state and looks for a display.
"""

import io
import itertools
import math
from collections.abc import Sequence
from textwrap import fill
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from resinc.report.chart import Grid, Line, Panel
from resinc.report.colours import INK, INK_FIXED, INK_ON_DARK

FAINT = 0.16  # Opacity of grid lines; as ink, so that it works on white and on black.
# Even to the eye, dark to light alike for the colour-blind (Nunez et al. 2018); dark is bad.
HEAT = "cividis_r"

STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # Ships with matplotlib: same bytes everywhere.
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "path",
    "svg.hashsalt": "resinc",
    "pdf.fonttype": 42,
    "axes.unicode_minus": False,
    "path.simplify": True,
}


def draw(panels: Sequence[Panel], tall: bool) -> Figure:
    """Two panels a row, or for narrow screens one: at 900 pixels no letter is below 9 points."""
    columns = 2 if len(panels) > 1 and not tall else 1
    rows = max(1, math.ceil(len(panels) / columns))  # Of runs of another experiment: none.
    size = (4.6, 4.3 * rows) if tall else (4.7 * columns, 4.4 * rows)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained", facecolor="none")
        figure.get_layout_engine().set(w_pad=0.12, h_pad=0.18)  # type: ignore[union-attr, call-arg]
        axes = figure.subplots(rows, columns, squeeze=False).flat
        for ax, panel in itertools.zip_longest(axes, panels):
            if panel is None:
                ax.remove()
            else:
                _draw_panel(ax, panel)
    return figure


def _draw_panel(ax: Axes, panel: Panel) -> None:
    ax.set_facecolor("none")
    ax.grid(axis="x" if panel.names else "y", color=INK, alpha=FAINT, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(length=0)
    ax.set_title(panel.title, pad=10)
    ax.set_xlabel(panel.x)
    ax.set_ylabel(panel.y)
    if panel.empty:
        ax.set_xticks([])
        ax.set_yticks([])
        ax.text(0.5, 0.5, panel.note, ha="center", transform=ax.transAxes)
        return
    if panel.grid:
        _draw_grid(ax, panel.grid)
        return
    for line in panel.lines:
        _draw_line(ax, line, across=bool(panel.names))
    _fit_axes(ax, panel)
    handles = [
        Line2D([], [], label=line.label, **_stroke(line)) for line in panel.lines if line.label
    ]
    if handles:
        # Below the axes: wherever inside, some curve would run through it.
        ax.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(-0.02, -0.16),
            ncols=_columns(handles),
            fontsize=9.5,
            handlelength=1.6,
            columnspacing=1.3,
        )


def _draw_grid(ax: Axes, grid: Grid) -> None:
    ax.grid(False)
    low, high = grid.scale
    values = np.array([[math.nan if v is None else v for v in row] for row in grid.values])
    mesh = ax.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=HEAT,
        vmin=low,
        vmax=high,
        edgecolors="face",
        linewidth=0.3,
    )
    for row, column in grid.crossed:
        # White on the dark of what failed, with a rim for where only one seed of several did.
        for colour, width in ((INK_FIXED, 3.4), ("#ffffff", 1.8)):
            ax.plot(column + 0.5, row + 0.5, "x", color=colour, markersize=8, markeredgewidth=width)
    for row, column in np.argwhere(np.isnan(values)):
        # On a dark page an open tile looks like a bad one.
        ax.plot(column + 0.5, row + 0.5, "o", color=INK, markersize=4, markerfacecolor="none")
    ax.set_xticks(np.arange(len(grid.x)) + 0.5, grid.x)
    ax.set_yticks(np.arange(len(grid.y)) + 0.5, grid.y)
    ax.set_aspect("equal")
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar = ax.figure.colorbar(mesh, ax=ax, location="bottom", shrink=0.8, aspect=28, pad=0.03)
    bar.set_label(grid.what)
    bar.ax.spines[:].set_visible(False)
    bar.ax.tick_params(length=0)


def _draw_line(ax: Axes, line: Line, across: bool) -> None:
    spread = line.spread if len(line.spread) else None
    ax.errorbar(
        line.x,
        line.y,
        xerr=spread if across else None,
        yerr=None if across else spread,
        elinewidth=1.0,
        capsize=3.5,
        **_stroke(line),
    )
    ax.plot(
        [x for x, _ in line.dots],
        [y for _, y in line.dots],
        "o",
        color=line.colour,
        markersize=4.5,
        alpha=0.5,
        markeredgewidth=0,
    )


def _stroke(line: Line) -> dict[str, Any]:
    return {
        "color": line.colour,
        "linewidth": line.width,
        "linestyle": "none" if not line.width else "--" if line.dashed else "-",
        "marker": {"": "", "cross": "x"}.get(line.marker, "o"),
        "markersize": 7 if line.marker == "cross" else 5.5,
        "markerfacecolor": "none" if line.marker == "hollow" else line.colour,
    }


def _fit_axes(ax: Axes, panel: Panel) -> None:
    if panel.log_x:
        ax.set_xscale("log")
        _log_ticks(ax.xaxis)
    if panel.log_y:
        ax.set_yscale("log")
        _log_ticks(ax.yaxis)
    if panel.names:
        ax.set_yticks(range(len(panel.names)), [fill(name, 18) for name in panel.names])
        ax.set_ylim(len(panel.names) - 0.5, -0.5)
        ax.margins(x=0.08)
        return
    if panel.y_range:
        ax.set_ylim(panel.y_range)
    if panel.x_ticks:
        ax.set_xticks(apart(panel.x_ticks, panel.log_x), minor=False)
        ax.set_xticks([], minor=True)
        ax.xaxis.set_major_formatter(FuncFormatter(_thousands))
        ax.margins(x=0.08)
    elif not panel.log_x:
        ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(_thousands))


def _log_ticks(axis: Axis) -> None:
    """Decades; of fewer than two also 2 and 5, and as plain numbers. Minor ones have no room."""
    low, high = axis.get_view_interval()
    if low > 0 and high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _columns(handles: Sequence[Line2D]) -> int:
    """So many that the legend is as wide as the panel, and its last row is not nearly empty."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    most = max(1, min(4, 44 // (longest + 4)))
    if most == 4 and len(handles) in (3, 5, 6):
        return 3
    return min(most, len(handles))


def apart(values: Sequence[float], log: bool = False) -> list[float]:
    """Of these ticks, those with room for their numbers; the largest is always among them."""
    place = math.log if log else float
    values = sorted(set(values))
    gap = (place(values[-1]) - place(values[0])) / 16
    kept = [values[-1]]
    for value in reversed(values[:-1]):
        if place(kept[-1]) - place(value) > gap:
            kept.append(value)
    return kept[::-1]


def _thousands(value: float, position: object) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:,g}"


def to_png(figure: Figure) -> bytes:
    return _bytes(figure, "png", dpi=160, facecolor="white", metadata={"Software": None})


def to_pdf(figure: Figure) -> bytes:
    nothing = {"CreationDate": None, "Producer": None, "Creator": None}
    return _bytes(figure, "pdf", metadata=nothing)


def to_svg(figure: Figure) -> str:
    """Ink follows the reader's colour scheme, also where the SVG is shown as an image."""
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    text = _bytes(figure, "svg", metadata=nothing).decode()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    style = (
        f"<style>svg{{color:{INK}}}"
        f"@media (prefers-color-scheme:dark){{svg{{color:{INK_ON_DARK}}}}}</style>"
    )
    end = text.index(">") + 1
    return text[:end] + style + text[end:]


def _bytes(figure: Figure, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(out, format=kind, **options)  # type: ignore[arg-type]
    return out.getvalue()
