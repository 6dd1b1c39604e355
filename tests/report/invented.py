"""Reports that no run stands behind, with one of every kind of line and panel."""

from resinc.report import Line, Panel, Report, Table
from resinc.report.chart import Grid
from resinc.report.colours import INK
from resinc.report.inference import Evidence
from resinc.report.outcome import UNFINISHED, Finding, Outcome

CURVES = Panel(
    "curves <b>",
    "steps",
    "error (%)",
    [
        Line("", "#0072b2", (0, 10, 20), (90.0, 12.5, 3.25), width=1.0),
        Line("56 layers", "#0072b2", (0, 20), (80.0, 40.0), spread=(2.0, 1.5), marker="filled"),
        Line("published", INK, (0, 20), (30.0, 30.0), dashed=True),
        Line("training", INK),
    ],
    y_range=(-1.0, 95.0),
)
RATES = Panel(
    "rates",
    "depth",
    "gradient norm",
    [Line("plain", "#d55e00", (8, 56), (1e-6, 0.1), dots=[(8, 2e-6), (56, 0.2)], marker="hollow")],
    log_x=True,
    log_y=True,
    x_ticks=(8, 56),
    y_range=(1e-7, 1.0),
)
NAMED = Panel(
    "named",
    "test error (%)",
    "",
    [Line("", "#009e73", (3.0, 4.5), (0, 1), (0.5, 0.2), [(2.5, 0)], 0, "filled")],
    names=("a module of several filters", "one filter alone"),
)
GRID = Grid(
    "training error (%)",
    ("8", "56"),
    ("0.01", "0.1", "1"),
    [[0.0, 12.5], [1.0, None], [60.0, 90.0]],
    (0.0, 90.0),
    [(2, 1)],
)
MAP = Panel("map", "depth", "learning rate", grid=GRID)
EMPTY = Panel("empty", "x", "y")


def finding(id, outcome, sentence="depth & width help", **changes):
    fields = {
        "rule": "The error is less than 1 point, with all 5 seeds.",
        "told": "Deep networks end at 40.0 %, others at 4.0 %: 36.0 points more.",
        "supported": Evidence(0.004, True),
    }
    return Finding(id, sentence, outcome=outcome, **fields | changes)


# One of every outcome, and one that is made of others.
FINDINGS = (
    finding("degradation.plain", Outcome.SUPPORTED, primary=True),
    finding("degradation.residual", Outcome.REVERSED, reversed=Evidence(1 / 3, False)),
    finding("degradation.interaction", Outcome.IMMATERIAL),
    finding("degradation.any_rate", Outcome.UNDECIDED, told=f"{UNFINISHED}: 3 of 5."),
    finding(
        "gradient.direct",
        Outcome.UNTESTABLE,
        parts=(finding("gradient.direct.residual", Outcome.UNTESTABLE, "so it does <b>"),),
    ),
)


def report(**changes):
    fields = {
        "title": "Error against depth on digits",
        "answer": "It was 3 % against 4 %.",
        "panels": [CURVES, RATES, NAMED, EMPTY],
        "caption": "How to read it.",
        "notes": ["A note & more."],
        "table": Table(["block", "error %"], [["plain", "1.00 ± 0.10"]], 1, "Mean over seeds."),
        "method": [("Error", "of <b> the last step")],
    }
    return Report(**fields | changes)
