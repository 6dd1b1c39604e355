"""Does depth make networks train worse, and do shortcuts mend it? He et al. 2015, Fig. 6."""

import itertools
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from experiments.recipes import (
    BEST,
    IMAGENET,
    RECIPES,
    Network,
    Recipe,
    arm,
    at_every_rate,
    chosen,
    classifier,
    judged,
    recipe_of,
    report_of,
    tuned,
)
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.report import Report, Row
from resinc.report.arms import Arm, ended, last_errors
from resinc.report.chart import GRID_CAPTION, Grid, Panel
from resinc.report.colours import NETWORK_COLOURS
from resinc.report.combine import Hypothesis, all_of
from resinc.report.comparison import Comparison, decide, interaction
from resinc.report.metrics import GAP, TRAINING_ERROR, TRAINING_LOSS, Metric, digits
from resinc.report.panels import Series, error_curves, final_errors
from resinc.report.rules import less_than, more_than, more_than_times
from resinc.runs.cell import Label
from resinc.runs.status import CellState

KINDS = ("plain", "residual")


class Depths(NamedTuple):
    """Weighted layers of the networks that are compared."""

    shallow: int
    between: tuple[int, ...]
    deep: int


SHALLOW, BETWEEN, DEEP = SMALL = Depths(20, (32, 44), 56)
LARGE = Depths(18, (), 34)  # Of ImageNet. He et al. 2015, Table 2.
DEPTHS = (8, 14, 20, 32, 44, 56, 80, 110)  # Where every learning rate is tried.
PAPER = {"plain": (20, 32, 44, 56), "residual": (20, 32, 44, 56, 110)}  # Fig. 6, CIFAR-10.
SEEDS, SEEDS_BETWEEN = 5, 3
ONE_RATE: dict[str, Label] = {"rate": "recipe"}  # Labels of a quick look.
CHANCE = 90.0  # % error of guessing one of ten classes.
CAPTION = (
    "Against steps a thin line per seed, bold their mean; against depth means, a dot per seed."
)
TRAINS = 5.0  # % training error up to which a network counts as trained.


def depths_of(dataset: str) -> Depths:
    return LARGE if dataset in IMAGENET else SMALL


def network(dataset: str, kind: str, depth: int) -> Network:
    """The network of a kind and depth that the recipe of a data set trains."""
    if dataset not in IMAGENET:
        return classifier(kind, depth)
    name = {"plain": "plain", "residual": "resnet"}[kind]
    return Network({"kind": kind, "depth": depth}, {"network": f"{name}-{depth}"})


def sweep(
    dataset: str = "digits",
    seeds: int = SEEDS,
    steps: int = 0,
    depths: tuple[int, ...] = (),
    rates: bool = True,
    pilots: bool = True,
) -> Iterator[Cell]:
    """Yield the cells: depths 20 and 56, then those between; on the digits every depth and rate.

    With all 64,000 steps on CIFAR-10: all networks of the paper's figure, at its learning rate. On
    ImageNet depths 18 and 34.

    Args:
      dataset: a key of RECIPES or IMAGENET.
      seeds: how many, from 0; fewer than 5 decide nothing.
      steps: optimizer updates; 0 keeps the recipe's.
      depths: of a quick look that decides nothing: plain and residual networks of these depths
        alone, at the learning rate of the recipe's file.
      rates: whether to train at every depth and learning rate: 640 of 692 cells.
      pilots: whether to choose a rate per network and train at that; without, the map alone.

    Raises:
      InputError: an unknown data set, or nothing to run.
    """
    recipe = chosen(dataset, seeds, steps, RECIPES | IMAGENET)
    shallow, between, deep = depths_of(dataset)
    if depths:
        yield from _at_one_rate(recipe, dataset, depths, seeds)
        return
    if not pilots and (dataset != "digits" or not rates):
        raise InputError(f"nothing to run: pilots {pilots}, rates {rates} on {dataset}")
    for depth in (deep, shallow) if pilots else ():
        for kind in KINDS:
            yield from tuned(recipe, network(dataset, kind, depth), seeds)
    if not recipe.rates:
        for kind, depth in ((k, d) for k in KINDS for d in PAPER[k] if d not in (shallow, deep)):
            yield from judged(recipe, classifier(kind, depth), seeds)
    elif dataset != "digits":
        for depth in between:
            yield from tuned(recipe, classifier("residual", depth), min(seeds, SEEDS_BETWEEN))
    elif rates:
        for depth in reversed(DEPTHS):
            for kind in KINDS:
                yield from at_every_rate(recipe, classifier(kind, depth), seeds)


def _at_one_rate(recipe: Recipe, dataset: str, depths: Sequence[int], seeds: int) -> Iterator[Cell]:
    for depth in sorted(set(depths), reverse=True):
        for kind in KINDS:
            unmeasured = replace(network(dataset, kind, depth), measured={})
            for cell in judged(recipe, unmeasured, seeds):
                yield replace(cell, labels={**cell.labels, **ONE_RATE})


def hypotheses(dataset: str) -> list[Hypothesis]:
    """What is put to the test on a data set."""
    shallow, _, deep = depths_of(dataset)
    plain = Comparison(
        "degradation.plain",
        "a deep plain network trains worse than a shallower one",
        arm("plain", deep),
        arm("plain", shallow),
        TRAINING_ERROR,
        more_than(1),
        primary=True,
    )
    residual = Comparison(
        "degradation.residual",
        "with shortcuts it does not",
        arm("residual", deep),
        arm("residual", shallow),
        TRAINING_ERROR,
        less_than(0.5),
        primary=True,
    )
    more = interaction(
        "degradation.interaction",
        "depth hurts plain networks more than residual ones",
        plain,
        residual,
        more_than(1),
        primary=True,
    )
    if dataset == "digits":
        return [plain, residual, more, any_rate()]
    if dataset in IMAGENET:
        return [plain, residual, more, not_overfitting(plain)]
    return [plain, residual, more, strictly(), not_overfitting(plain)]


def strictly() -> Hypothesis:
    depths = (SHALLOW, *BETWEEN, DEEP)
    steps = [
        Comparison(
            f"degradation.strictly.{deep}",
            f"residual training loss falls from {shallow} to {deep} layers",
            arm("residual", shallow),
            arm("residual", deep),
            TRAINING_LOSS,
            more_than_times(1),
            sample=SEEDS_BETWEEN,
        )
        for shallow, deep in itertools.pairwise(depths)
    ]
    sentence = "residual training loss falls at every step of depth"
    return all_of("degradation.strictly", sentence, *steps)


def not_overfitting(plain: Comparison) -> Hypothesis:
    gap = replace(
        plain,
        id="degradation.not_overfitting.gap",
        sentence="the gap between training and test error does not grow",
        metric=GAP,
        rule=less_than(1),
        primary=False,
    )
    learned = replace(
        gap,
        id="degradation.not_overfitting.learned",
        sentence="the deep network has learned more than half",
        b=None,
        metric=TRAINING_ERROR,
        rule=less_than(50),
    )
    return all_of(
        "degradation.not_overfitting",
        "what a deep plain network lacks it lacks on its training data",
        replace(plain, id="degradation.not_overfitting.training", primary=False),
        gap,
        learned,
    )


def any_rate() -> Hypothesis:
    residual, plain = (Arm(f"{kind} networks", kind=kind, map=True) for kind in reversed(KINDS))
    return Comparison(
        "degradation.any_rate",
        "no learning rate rescues deep plain networks",
        residual,
        plain,
        Metric(
            f"layers of depth that still train to {TRAINS:g} % error at the best of 8 rates",
            deepest_that_trains,
            verb="reach",
            # A depth is known to half a step between those tried, at most 0.2 decades.
            noise=lambda rows: 0.1,
        ),
        more_than_times(2),
        primary=True,
    )


def deepest_that_trains(rows: Sequence[Row]) -> float:
    """Of the runs of one seed, all depths and rates; half of the least depth where none trains."""
    ends = [(row.labels["depth"], ended(row, "train")) for row in rows]
    trained = [depth for depth, end in ends if end and 100 * end.error <= TRAINS]
    return float(max(trained, default=min(DEPTHS) / 2))


def report(rows: Sequence[Row]) -> Report:
    """Hypotheses, curves and final errors; works on partial results."""
    dataset, recipe = recipe_of(rows, RECIPES | IMAGENET)
    shallow, _, deep = depths_of(dataset)
    title = f"Depth and training error on {recipe.budget}"
    if quick := Arm("a quick look", **ONE_RATE).select(rows):
        depths = sorted({int(row.labels["depth"]) for row in quick})
        shown = [end_panel(quick, ONE_RATE), *error_panels(quick, ONE_RATE, depths[-1:])]
        return Report(title, at_a_glance(quick, depths), shown, caption=CAPTION)
    findings = decide(hypotheses(dataset), rows, recipe.primary)
    maps = map_panels(rows)
    panels = [*maps, *error_panels(rows, BEST, (shallow, deep)), end_panel(rows, BEST)]
    caption = f"{GRID_CAPTION} {CAPTION}" if maps else CAPTION
    if not any(BEST.items() <= row.labels.items() for row in rows):  # The map alone.
        findings = [finding for finding in findings if finding.id == "degradation.any_rate"]
        panels, caption = maps, GRID_CAPTION
    return report_of(title, findings, panels, caption)


def at_a_glance(rows: Sequence[Row], depths: Sequence[int]) -> str:
    """Mean training errors at the least and the largest depth, in one sentence, and what for."""

    def told(depth: int) -> str:
        means = []
        for kind in KINDS:
            errors = last_errors(Arm(kind, kind=kind, depth=depth).select(rows), "train")
            means.append(f"{kind} {digits(statistics.fmean(errors))} %" if errors else "")
        return f"{depth} layers: {', '.join(filter(None, means)) or 'no run has ended'}"

    ends = "; ".join(told(depth) for depth in sorted({depths[0], depths[-1]}))
    seeds = len({row.config["seed"] for row in rows if "seed" in row.config})
    return (
        f"Training error at the last step, {ends}. Undecided: this is a quick look with {seeds} "
        f"seed{'s' * (seeds != 1)} at one learning rate; `make evidence` decides."
    )


def error_panels(
    rows: Sequence[Row], rate: Mapping[str, Label], depths: Iterable[int]
) -> list[Panel]:
    """Error against steps, a panel per depth, of runs with these labels."""
    arms = [[Arm(kind, kind=kind, depth=depth, **rate) for kind in KINDS] for depth in depths]
    return [
        error_curves(
            f"{networks[0].labels['depth']} layers",
            [Series(a.name, NETWORK_COLOURS[a.name], a.select(rows)) for a in networks],
        )
        for networks in arms
    ]


def end_panel(rows: Sequence[Row], rate: Mapping[str, Label]) -> Panel:
    """Error at the last step against depth, of runs with these labels."""
    kinds = [Series(k, NETWORK_COLOURS[k], Arm(k, kind=k, **rate).select(rows)) for k in KINDS]
    return final_errors("at the last step", "depth (weighted layers)", kinds, "model.depth")


def map_panels(rows: Sequence[Row]) -> list[Panel]:
    """Training error at every depth and learning rate, a heat map per kind of network."""
    planned = [row for row in rows if row.labels.get("map")]
    if all(row.state == CellState.NEW for row in planned):  # No map is better than an empty one.
        return []
    depths, rates = (sorted({row.labels[name] for row in planned}) for name in ("depth", "rate"))

    def panel(kind: str) -> Panel:
        values: list[list[float | None]] = []
        crossed: list[tuple[int, int]] = []
        for y, rate in enumerate(rates):
            values.append([])
            for x, depth in enumerate(depths):
                group = Arm(kind, kind=kind, depth=depth, rate=rate, map=True).select(planned)
                ends = [end.error for row in group if (end := ended(row, "train"))]
                values[-1].append(100 * statistics.fmean(ends) if ends else None)
                if any(row.state == CellState.DIVERGED for row in group):
                    crossed.append((y, x))
        columns, lines = ([f"{value:g}" for value in axis] for axis in (depths, rates))
        grid = Grid("training error (%)", columns, lines, values, (0.0, CHANCE), crossed)
        return Panel(kind, "depth (weighted layers)", "learning rate (log)", grid=grid)

    return [panel(kind) for kind in KINDS]
