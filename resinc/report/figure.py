"""Figures that read on white, on black and at phone width, with the same bytes every time.

No pyplot: it keeps global state and looks for a display.
"""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1b1c20"
INK_ON_DARK = "#e4e5ea"
FAINT = 0.16  # Opacity of grid lines; as ink, so that it works on white and on black.

# Okabe and Ito's colour-blind safe set without yellow and black, cool to warm: all of them keep
# a contrast above 2 on white and on the page's dark background.
PALETTE = ("#4aa3df", "#0072b2", "#009e73", "#e69f00", "#d55e00", "#cc79a7")

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


def colours(keys: Sequence[int]) -> dict[int, str]:
    """One colour per key, in order; far apart when there are few."""
    keys = sorted(set(keys))
    spread = {1: [0], 2: [0, 4], 3: [0, 2, 4], 4: [0, 2, 3, 4], 5: [0, 2, 3, 4, 5]}
    places = spread.get(len(keys), [i % len(PALETTE) for i in range(len(keys))])
    return {key: PALETTE[place] for key, place in zip(keys, places, strict=True)}


def panels(count: int, tall: bool) -> tuple[Figure, list[Axes]]:
    """A row of panels, or for narrow screens a column."""
    size = (4.6, 4.3 * count) if tall else (4.7 * count, 4.4)
    figure = Figure(figsize=size, layout="constrained", facecolor="none")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.18)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(count if tall else 1, 1 if tall else count, squeeze=False)
    flat = list(axes.flat)
    for ax in flat:
        ax.set_facecolor("none")
        ax.grid(axis="y", color=INK, alpha=FAINT, linewidth=0.8)
        ax.set_axisbelow(True)
        ax.tick_params(length=0)
    return figure, flat


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
