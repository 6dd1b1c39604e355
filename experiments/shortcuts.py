"""Is it the shortcut that lets the gradient through? He et al. 2016, section 3 and Table 1.

One residual network, its shortcuts scaled, gated, dropped out or projected.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from experiments.depth import RECIPES, caveats, dataset_of, shared_fields
from experiments.gradients import decades, kernels, spread
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Line, Panel, Report, Row, Table
from resinc.report.arms import last_errors, settled
from resinc.report.figure import INK, colours
from resinc.report.panels import dots
from resinc.report.statistics import Difference, Verdict, difference, judge
from resinc.report.table import ERROR_HEADER, error_cells

# Way of joining -> what it changes in `config.model`.
WAYS: dict[str, dict[str, Any]] = {
    "shortcut × 1": {},
    "shortcut × 0.5": {"shortcut_scale": 0.5},
    "shortcut × 0.25": {"shortcut_scale": 0.25},
    "shortcut × 0": {"shortcut_scale": 0.0},
    "exclusive gate": {"merge": "exclusive_gate"},
    "shortcut gate": {"merge": "shortcut_gate"},
    "dropout": {"merge": "dropout"},
    "projection": {"shortcut": "C"},
}
IDENTITY, HALF, NONE = "shortcut × 1", "shortcut × 0.5", "shortcut × 0"
SCALES = [name for name in WAYS if "×" in name]
FIELDS = ("shortcut_scale", "merge", "shortcut")
USUAL = {"shortcut_scale": 1.0, "merge": "add", "shortcut": "A"}
PROBE = "shortcut_share"

MARGIN = 0.5  # Percentage points.
FACTOR = math.log10(2)  # Decades.
LEAST = 1e-4  # %, of the axis of what the shortcuts bring.
CLAIM = (
    "The shortcut lets the gradient through: with a weaker one less gradient reaches the first "
    "layer, and the network trains worse."
)
RULE = (
    "Two comparisons over seeds. Training error at the last step, shortcut × 0.5 minus × 1: worse "
    f"if the 95 % interval (Welch) is above {MARGIN:g} points. Norm of the first layer's gradient "
    "at the first step, shortcut × 1 over × 0: more if the interval is above a factor of two. The "
    "claim is supported if both hold, refuted if one interval lies below its margin."
)
MEANING = (
    "By the shortcuts alone: norm of the stem's gradient with every branch's gradient stopped, "
    "over the norm of the whole; 100 % if nothing comes by the branches. With shortcut × 0 the "
    "network is the plain one with BatchNorm, except that the first block of a stage has none."
)
CAPTION = (
    "Left: error at the last step, mean ± standard deviation over seeds; faint dots are the single "
    "runs. Middle: norm of every convolution kernel's gradient at the first step, geometric mean "
    "over seeds. Right: what comes of the first layer's gradient by the shortcuts alone; exactly "
    f"zero or less than {LEAST:g} % is not drawn."
)


def sweep(
    dataset: str = "digits", depth: int = 56, seeds: int = 3, steps: int = 80
) -> Iterator[Cell]:
    """Yield the cells.

    Args:
      dataset: a key of `depth.RECIPES`.
      depth: 6n+2 weighted layers.
      seeds: how many, from 0.
      steps: optimizer updates; 0 keeps the recipe's. The schedule scales with it.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    _, recipe, path, args = lookup(RECIPES, dataset, "dataset")
    shared = {
        **shared_fields(recipe, seeds, steps),
        "log_gradients": True,
        "probes_at_start": (PROBE,),
        "probes": (PROBE,),
    }
    for way in WAYS.values():
        fields = {f"model.{name}": value for name, value in (USUAL | way).items()}
        for seed in range(seeds):
            block = {"depth": depth, "block": "residual", **args}
            yield Cell(path, block, {"seed": seed, **fields}, shared)


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table and the verdict; works on partial results.

    Raises:
      InputError: `rows` are not of this experiment.
    """
    known = {name: [row for row in rows if way_of(row) == name] for name in WAYS}
    if not any(known.values()):
        raise InputError("none of the runs is of a way of joining that is compared here")
    first = next(group[0] for group in known.values() if group)
    dataset, title = dataset_of(first)
    return Report(
        title=f"Shortcuts scaled, gated and projected on {title}",
        number=3,
        claim=CLAIM,
        verdict=settled(decide(worse(known, HALF), more_gradient(known)), rows),
        answer=answer(known),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=[*notes(known), *caveats(rows, dataset)],
        method=[("Verdict", RULE), ("By the shortcuts", MEANING)],
    )


def way_of(row: Row) -> str:
    """The name of its way of joining; "" for one that is not compared here."""
    fields = {name: row.config.get(f"model.{name}") for name in FIELDS}
    if row.config.get("model.block") != "residual":
        return ""
    return next((name for name, way in WAYS.items() if USUAL | way == fields), "")


def worse(known: Mapping[str, Sequence[Row]], way: str) -> Difference | None:
    """Training error at the last step minus that of the identity, percentage points."""
    return difference(last_errors(known[way], "train"), last_errors(known[IDENTITY], "train"))


def more_gradient(known: Mapping[str, Sequence[Row]]) -> Difference | None:
    """First layer's gradient at the first step, with the shortcut over without, decades."""
    return difference(_first(known[IDENTITY]), _first(known[NONE]))


def decide(error: Difference | None, gradient: Difference | None) -> Verdict:
    """By RULE."""
    verdicts = judge(error, MARGIN), judge(gradient, FACTOR)
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    both = all(verdict == Verdict.SUPPORTED for verdict in verdicts)
    return Verdict.SUPPORTED if both else Verdict.UNDECIDED


def alone(row: Row, step: int) -> float | None:
    """% of the first layer's gradient, by the shortcuts alone; None where it was not measured."""
    found = _probed(row).get(str(step))
    return 100 * found["shortcut"] / (found["full"] or 1.0) if found else None


def answer(known: Mapping[str, Sequence[Row]]) -> str:
    """What was seen, in one sentence."""
    errors = {name: last_errors(known[name], "train") for name in SCALES}
    gradient = more_gradient(known)
    if gradient is None or not all(errors.values()):
        return "Too few runs are done to compare shortcuts."
    scaled = ", ".join(
        f"{statistics.fmean(errors[name]):.1f} % with {name.removeprefix('shortcut ')}"
        for name in SCALES
    )
    factor = 10**-gradient.mean
    way, times = ("more", factor) if factor > 1 else ("less", 1 / factor)
    return (
        f"Training error rises as the shortcut is scaled down ({scaled}), but "
        if worse_throughout(errors)
        else f"Training error by scale of the shortcut: {scaled}; "
    ) + (
        f"at the first step the first layer gets {float(f'{times:.3g}'):,g} times {way} gradient "
        "without the shortcut than with it."
    )


def worse_throughout(errors: Mapping[str, Sequence[float]]) -> bool:
    """Whether each scale's mean is at least that of the next larger one, and the last is worse."""
    means = [statistics.fmean(errors[name]) for name in SCALES]
    return means == sorted(means) and means[-1] > means[0] + MARGIN


def notes(known: Mapping[str, Sequence[Row]]) -> list[str]:
    """The tests behind the sentence."""
    out = []
    gradient = more_gradient(known)
    if gradient:
        text = gradient.text(" decades")
        out.append(f"First layer's gradient at the first step, × 1 minus × 0: {text}.")
    cosines = [found["0"]["cosine"] for row in known[IDENTITY] if (found := _probed(row))]
    if cosines:
        out.append(
            "What the shortcuts × 1 alone bring before the first step has a cosine of "
            f"{statistics.fmean(cosines):.2f} with the whole gradient, mean over seeds."
        )
    for name in WAYS:
        change = worse(known, name) if name != IDENTITY else None
        if change:
            out.append(f"{name} minus × 1, training error: {change.text(' points')}.")
    return out


def show(known: Mapping[str, Sequence[Row]]) -> list[Panel]:
    """Errors; gradients over layers by scale; shares."""
    palette = colours(range(len(SCALES)))
    names = list(WAYS)
    errors = [
        dots(words, colour, [last_errors(group, split) for group in known.values()], marker)
        for split, words, colour, marker in (
            ("train", "training", INK, "hollow"),
            ("test", "test", palette[0], "filled"),
        )
    ]
    layers = []
    for i, name in enumerate(SCALES):
        norms = [kernels(row.gradients[min(row.gradients)]) for row in known[name] if row.gradients]
        logs = [[decades(norm) for norm in each] for each in norms]
        mean = (10 ** np.mean(logs, axis=0)).tolist() if logs else []
        layers.append(Line(name, palette[i], range(1, len(mean) + 1), mean))
    shares = [
        dots(
            words,
            colour,
            [[s for s in _alone(group, last) if s >= LEAST] for group in known.values()],
            marker,
        )
        for last, words, colour, marker in (
            (False, "before the first step", INK, "hollow"),
            (True, "after the last", palette[0], "filled"),
        )
    ]
    return [
        Panel("at the last step", "error (%)", "", errors, names=names),
        Panel("first step", "layer, input to output", "gradient norm", layers, log_y=True),
        Panel("by the shortcuts alone", "gradient (% of its norm)", "", shares, True, names=names),
    ]


def small(values: Sequence[float]) -> str:
    """The median, which may be many decades below 1; "–" for none."""
    if not values:
        return "–"
    found = statistics.median(values)
    return f"{found:.2g}" if found < 10 else f"{found:.0f}"


def table(known: Mapping[str, Sequence[Row]]) -> Table:
    """One line per way of joining."""
    header = ["way of joining", *ERROR_HEADER, "log10 gradient, step 1"]
    header += ["by shortcuts alone, before %", "after %"]
    lines = [
        [
            name,
            *error_cells(group),
            spread(_first(group)),
            small(_alone(group, last=False)),
            small(_alone(group, last=True)),
        ]
        for name, group in known.items()
    ]
    caption = (
        "Errors at the last step; norm of the first convolution's gradient at the first step, "
        "decades; norm of what comes of it by the shortcuts alone, before training and after: "
        "median over seeds. The others: mean ± sample standard deviation over seeds."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def _first(rows: Sequence[Row]) -> list[float]:
    """log10 of the norm of the first layer's gradient at the first step."""
    return [decades(kernels(row.gradients[min(row.gradients)])[0]) for row in rows if row.gradients]


def _alone(rows: Sequence[Row], last: bool) -> list[float]:
    found = [alone(row, row.steps if last else 0) for row in rows]
    return [value for value in found if value is not None]


def _probed(row: Row) -> dict:
    """Step -> what the probe found."""
    return row.measurements.get(PROBE, {})
