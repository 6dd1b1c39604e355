"""A panel as plotly.js draws it: plain data, https://plotly.com/javascript/reference."""

import math
from collections.abc import Sequence
from typing import Any

from resinc.report.chart import Line, Panel
from resinc.report.figure import apart

# Stands for the ink of the page, which follows the reader's colour scheme.
INK = "ink"


def figure(panel: Panel, ink: str) -> dict[str, Any]:
    """{"data": [...], "layout": {...}}; colours equal to `ink` become INK."""
    data = []
    for line in panel.lines:
        data += _traces(panel, line, INK if line.colour == ink else line.colour)
    return {"data": data, "layout": _layout(panel)}


def _traces(panel: Panel, line: Line, colour: str) -> list[dict[str, Any]]:
    """The line, and its single runs, which are hidden with it."""
    modes = [*(["lines"] if line.width else []), *(["markers"] if line.marker else [])]
    shared = {"type": "scatter", "legendgroup": _group(panel, line), "name": line.label}
    across = bool(panel.names)
    value = "%{x:.4g}" if across else "%{x:,}: %{y:.4g}"
    error = {}
    if len(line.spread):
        error["error_x" if across else "error_y"] = {
            "type": "data",
            "array": list(line.spread),
            "color": colour,
            "thickness": 1,
            "width": 4,
        }
        value += " ± %{error_x.array:.2g}" if across else " ± %{error_y.array:.2g}"
    nothing: list[Any] = [None]  # An entry of the legend needs a point, even one not there.
    main = {
        **shared,
        "x": [*line.x] or nothing,
        "y": [*line.y] or nothing,
        "mode": "+".join(modes) or "lines",
        "line": {"color": colour, "width": line.width, "dash": "dash" if line.dashed else "solid"},
        "marker": {"color": colour, "size": 8, "symbol": _SYMBOLS[line.marker]},
        "showlegend": bool(line.label),
        "hovertemplate": f"{value}<extra>{line.label}</extra>",
        **error,
    }
    if not line.dots:
        return [main]
    single = {
        **shared,
        "x": [x for x, _ in line.dots],
        "y": [y for _, y in line.dots],
        "mode": "markers",
        "marker": {"color": colour, "size": 6, "opacity": 0.35},
        "showlegend": False,
        "hovertemplate": f"{'%{x:.4g}' if across else '%{x:,}: %{y:.4g}'}"
        f"<extra>{line.label}, one run</extra>",
    }
    return [main, single]


_SYMBOLS = {"": "circle", "filled": "circle", "hollow": "circle-open", "cross": "x"}


def _decades(values: Sequence[float]) -> float:
    known = [v for v in values if v > 0]
    return math.log10(max(known) / min(known)) if known else 0.0


def _group(panel: Panel, line: Line) -> str:
    """What the legend switches together: a line without a name goes with its colour's."""
    named = (other.label for other in panel.lines if other.label and other.colour == line.colour)
    return line.label or next(named, "")


def _layout(panel: Panel) -> dict[str, Any]:
    # Near the ticks: the legend below keeps its distance from the axis, not from the title.
    x: dict[str, Any] = {
        "title": {"text": panel.x, "standoff": 6},
        "automargin": True,
        "tickangle": 0,
    }
    y: dict[str, Any] = {"title": {"text": panel.y}, "automargin": True}
    # On a phone there is room for about so many numbers, side by side and above each other.
    for axis, log, most, values in (
        (x, panel.log_x, 4, [v for line in panel.lines for v in line.x]),
        (y, panel.log_y, 8, [v for line in panel.lines for v in line.y]),
    ):
        if log:
            # "D2" names 2 and 5 too, which over several decades would stand too close.
            decades = _decades(values)
            dtick = "D2" if decades < 2 else math.ceil(decades / most)
            axis |= {"type": "log", "exponentformat": "power", "dtick": dtick}
    if panel.x_ticks:
        ticks = apart(panel.x_ticks, panel.log_x)
        x |= {"tickvals": ticks, "ticktext": [f"{tick:,g}" for tick in ticks]}
    if panel.y_range:
        y["range"] = [math.log10(v) for v in panel.y_range] if panel.log_y else [*panel.y_range]
    if panel.names:
        rows = list(range(len(panel.names)))
        y |= {"tickvals": rows, "ticktext": list(panel.names), "range": [len(rows) - 0.5, -0.5]}
    names = sum(bool(line.label) for line in panel.lines)
    return {
        "xaxis": x,
        "yaxis": y,
        "hovermode": "closest",
        "legend": {"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
        "margin": {"l": 56, "r": 12, "t": 8, "b": 8},
        # Where the legend takes several rows, as on a phone, the axes stay as high.
        "height": 390 + 15 * names,
    }
