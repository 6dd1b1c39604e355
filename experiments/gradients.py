"""Do the gradients of early layers vanish with depth and in training, and do shortcuts stop it?

He et al. 2015, section 4.1, argue that with BatchNorm they do not; the common story says that they
do. Measured on the kernels' gradients of real training steps.
"""

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np

from experiments.depth import RECIPES, dataset_of, limits
from resinc.errors import InputError
from resinc.launch.sweep import Cell
from resinc.registry import lookup
from resinc.report import Report, Row, Table
from resinc.report.arms import settled
from resinc.report.chart import Line, Panel
from resinc.report.figure import colours
from resinc.report.statistics import Difference, difference, judge, mean

# Family -> (block, norm).
FAMILIES = {
    "plain, no BatchNorm": ("plain", "none"),
    "plain": ("plain", "batch"),
    "residual": ("residual", "batch"),
}
# Decades: a factor of two is a change that is worth the name.
MARGIN = math.log10(2)
CLAIM = (
    "In a deep plain network the gradient vanishes on its way to the early layers: the deeper the "
    "network, the less the first layer gets."
)
RULE = (
    "The norm of the first convolution's gradient at the first step, before any parameter has "
    "moved, in the shallowest and in the deepest network, over seeds, in decades (log10). The "
    "claim is of plain networks as they are trained, with BatchNorm. It is supported if the whole "
    "95 % interval (Welch) of shallow minus deep is above a factor of two, refuted if it is below."
)
CAPTION = (
    "Norm of every convolution kernel's gradient, input on the left, output on the right, in the "
    "deepest networks: one colour per training step, geometric mean over seeds. Last panel: the "
    "first convolution's at the first step against depth, one line per family; faint dots are "
    "single runs."
)


def sweep(
    dataset: str = "digits",
    depths: tuple[int, ...] = (8, 20, 56),
    seeds: int = 3,
    steps: int = 40,
) -> Iterator[Cell]:
    """Yield the cells, the deepest and so longest first.

    Args:
      dataset: a key of `depth.RECIPES`.
      depths: 6n+2 weighted layers.
      seeds: how many, from 0.
      steps: optimizer updates.

    Raises:
      InputError: an unknown dataset, or nothing to run.
    """
    _, _, path, args = lookup(RECIPES, dataset, "dataset")
    if not depths or seeds < 1 or steps < 1:
        raise InputError(f"depths {depths}, seeds {seeds} or steps {steps} leave nothing to run")
    shared = {
        "steps": steps,
        "log_every_steps": max(1, steps // 4),
        "log_gradients": True,
        "eval_every_steps": 0,
        "checkpoint_every_steps": 0,
    }
    for depth in sorted(set(depths), reverse=True):
        for seed in range(seeds):
            for block, norm in FAMILIES.values():
                overrides = {"seed": seed, "model.norm": norm}
                yield Cell(path, {"depth": depth, "block": block, **args}, overrides, shared)


def report(rows: Sequence[Row]) -> Report:
    """The figure, the table, the verdict; works on partial results.

    A run without BatchNorm may diverge: its gradients up to there count.

    Raises:
      InputError: no run has logged its gradients.
    """
    known = [row for row in rows if row.gradients]
    if not known:
        raise InputError("none of the runs has a gradients.jsonl: nothing to report")
    found = {family: _shrinking(_of(known, family)) for family in FAMILIES}
    dataset, where = dataset_of(known[0])
    return Report(
        title=f"Gradients of early and late layers on {where}",
        number=2,
        answer=answer(known, found),
        claim=CLAIM,
        verdict=settled(judge(found["plain"], MARGIN), rows),
        panels=show(known),
        table=table(known),
        caption=CAPTION,
        notes=[*notes(rows, found), *limits(rows, dataset)],
        method=[("Verdict", RULE), ("Fit", "slope of log10(norm) over the layer's number")],
    )


def kernels(norms: Mapping[str, float]) -> list[float]:
    """Norms of the convolutions on the main path, in depth order, input first."""
    return [
        norm
        for path, norm in norms.items()
        if path.endswith("/kernel") and "shortcut" not in path and not path.startswith("head")
    ]


def slope(norms: Sequence[float]) -> float:
    """Decades per layer of the norm, least squares: above 0, the gradient fades to the input."""
    logs = np.log10(np.maximum(norms, 1e-30))
    return float(np.polyfit(np.arange(len(logs)), logs, 1)[0])


def answer(rows: Sequence[Row], found: Mapping[str, Difference | None]) -> str:
    """What was seen, in one sentence."""
    parts = []
    for family, change in found.items():
        if change is None:
            continue
        depths = sorted({row.config["model.depth"] for row in _of(rows, family)})
        factor = 10**-change.mean
        if abs(change.mean) <= MARGIN:
            said = f"about the same (factor {factor:.2f})"
        else:
            times, way = (factor, "larger") if factor > 1 else (1 / factor, "smaller")
            said = f"{float(f'{times:.3g}'):,g} times {way}"
        parts.append(f"{family}: {said} at {depths[-1]} layers than at {depths[0]}")
    if not parts:
        return "Too few runs are done to compare the first layer's gradient over depth."
    return f"The first layer's gradient at the first step: {'; '.join(parts)}."


def table(rows: Sequence[Row]) -> Table:
    """One line per family and depth: mean ± std over seeds, in decades."""
    header = ["family", "depth", "seeds", "log10 first layer, step 1", "log10 last layer, step 1"]
    header += ["slope per layer, step 1", "log10 first layer, last step"]
    lines = []
    for family in FAMILIES:
        for depth, group in _by_depth(_of(rows, family)).items():
            first = [kernels(row.gradients[min(row.gradients)]) for row in group]
            last = [kernels(row.gradients[max(row.gradients)]) for row in group]
            lines.append(
                [
                    family,
                    str(depth),
                    str(len(group)),
                    spread([decades(norms[0]) for norms in first]),
                    spread([decades(norms[-1]) for norms in first]),
                    spread([slope(norms) for norms in first], 4),
                    spread([decades(norms[0]) for norms in last]),
                ]
            )
    caption = (
        "Norms of kernels' gradients, decades; mean ± sample standard deviation over seeds. A "
        "slope above 0 means that the gradient fades towards the input, below 0 that it grows."
    )
    return Table(header, lines, numeric=len(header) - 1, caption=caption)


def notes(rows: Sequence[Row], found: Mapping[str, Difference | None]) -> list[str]:
    """The tests behind the sentence, and what changed in training."""
    out = []
    for family, change in found.items():
        if change:
            out.append(f"{family}, shallow minus deep at step 1: {change.text(' decades')}.")
        for when, pick in (("first", min), ("last", max)):
            rate = mean(_slopes(_of(rows, family), pick))
            if rate:
                text = rate.text(" decades per layer", 4)
                out.append(f"{family}, deepest, fade towards the input at the {when} step: {text}.")
        moved = _training(_of(rows, family))
        if moved:
            out.append(f"{family}, deepest, first step minus last: {moved.text(' decades')}.")
    missing = [row.name for row in rows if not row.gradients]
    if missing:
        out.append(f"Not counted, because nothing is logged yet: {'; '.join(missing)}.")
    return out


def show(rows: Sequence[Row]) -> list[Panel]:
    """A panel per family, and one over depth."""
    layers = [_over_layers(family, _of(rows, family)) for family in FAMILIES]
    norms = [norm for panel in layers for line in panel.lines for norm in line.y]
    if norms:
        # One axis for all families, a little wider than what is shown.
        ends = (min(norms) / 2, max(norms) * 2)
        layers = [panel._replace(y_range=ends) for panel in layers]
    return [*layers, _over_depth(rows)]


def _over_layers(family: str, rows: Sequence[Row]) -> Panel:
    panel = Panel(family, "layer, input to output", "gradient norm", log_y=True)
    deepest = list(_by_depth(rows).values())[-1:]
    if not deepest:
        return panel
    steps = sorted(set.intersection(*(set(row.gradients) for row in deepest[0])))
    shown = sorted({steps[0], steps[len(steps) // 2], steps[-1]})
    palette = colours(shown)
    lines = []
    for step in shown:
        logs = [np.log10(np.maximum(kernels(row.gradients[step]), 1e-30)) for row in deepest[0]]
        norms = (10 ** np.mean(logs, axis=0)).tolist()
        lines.append(Line(f"step {step}", palette[step], range(1, len(norms) + 1), norms))
    return panel._replace(lines=lines)


def _over_depth(rows: Sequence[Row]) -> Panel:
    palette = colours(range(len(FAMILIES)))
    lines = []
    for i, family in enumerate(FAMILIES):
        groups = _by_depth(_of(rows, family))
        values = {depth: [_first(row) for row in group] for depth, group in groups.items()}
        lines.append(
            Line(
                family,
                palette[i],
                list(values),
                [10 ** statistics.fmean(logs) for logs in values.values()],
                dots=[(depth, 10**log) for depth, logs in values.items() for log in logs],
                marker="filled",
            )
        )
    title, x = "first layer, first step", "depth (weighted layers)"
    return Panel(title, x, "gradient norm", lines, log_y=True, x_ticks=sorted(_by_depth(rows)))


def _of(rows: Sequence[Row], family: str) -> list[Row]:
    block, norm = FAMILIES[family]
    return [
        row
        for row in rows
        if (row.config.get("model.block"), row.config.get("model.norm")) == (block, norm)
    ]


def _by_depth(rows: Sequence[Row]) -> dict[int, list[Row]]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        if row.gradients:
            groups.setdefault(row.config["model.depth"], []).append(row)
    return dict(sorted(groups.items()))


def _shrinking(rows: Sequence[Row]) -> Difference | None:
    """Decades that the first layer's first gradient loses from the shallowest to the deepest."""
    groups = list(_by_depth(rows).values())
    if len(groups) < 2:
        return None
    return difference([_first(row) for row in groups[0]], [_first(row) for row in groups[-1]])


def _training(rows: Sequence[Row]) -> Difference | None:
    """Decades that the first layer's gradient loses in training, in the deepest network."""
    deepest = list(_by_depth(rows).values())[-1:]
    if not deepest:
        return None
    last = [decades(kernels(row.gradients[max(row.gradients)])[0]) for row in deepest[0]]
    return difference([_first(row) for row in deepest[0]], last)


def _slopes(rows: Sequence[Row], pick: Callable[[Iterable[int]], int]) -> list[float]:
    """Of the deepest networks, at their first (min) or last (max) step."""
    deepest = list(_by_depth(rows).values())[-1:]
    return [slope(kernels(row.gradients[pick(row.gradients)])) for row in (*deepest, [])[0]]


def _first(row: Row) -> float:
    return decades(kernels(row.gradients[min(row.gradients)])[0])


def decades(norm: float) -> float:
    """log10; of a norm of 0 that of the least that counts."""
    return math.log10(max(norm, 1e-30))


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean ± sample standard deviation; one value stands alone, none is a dash."""
    if not values:
        return "–"
    mean = f"{statistics.fmean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
