"""Does the gradient vanish on its way to the early layers, and what do shortcuts do about it?

At the start, where depth alone is at work (Balduzzi et al. 2017, Yang et al. 2019); as training
proceeds (He et al. 2015, section 4.1); by which paths it comes (Veit et al. 2016).
"""

import functools
import itertools
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from experiments import recipes
from experiments.recipes import Network, Recipe, arm, classifier
from resinc.launch.cell import Cell
from resinc.report import Line, Panel, Report, Row
from resinc.report.arms import Arm
from resinc.report.colours import NETWORK_COLOURS, OTHERS
from resinc.report.combine import Hypothesis, all_of
from resinc.report.comparison import Comparison, decide
from resinc.report.metrics import Metric, only, probed
from resinc.report.panels import each_run
from resinc.report.rules import less_than_times, more_than, more_than_times

KINDS = ("plain", "residual")
SHALLOW, DEEP = 8, 56
EARLY = 500  # Steps that count as "as training proceeds".
SEEDS = 5
# Where nothing, or only the beginning, is trained. Of 5 signs the test reaches 1/32 at best, which
# a primary hypothesis, one of ten, cannot stand on; of 10 it reaches 1/1024.
MANY = 2 * SEEDS
LEAST_COSINE = 0.02  # 64 cosines of unrelated gradients of 64 numbers have a mean of this size.


def _start(name: str, kind: str, depth: int = DEEP, norm: str = "batch") -> Arm:
    return Arm(f"{depth}-layer {name} at the start", start=kind, depth=depth, norm=norm)


BARE_8 = _start("plain networks without BatchNorm", "plain", SHALLOW, "none")
BARE = _start("plain networks without BatchNorm", "plain", norm="none")
PLAIN = _start("plain networks", "plain")
RESIDUAL = _start("residual networks", "residual")
PREACT = _start("pre-activation residual networks", "preact")
PROBES = {
    PLAIN: ("gradient_correlation", "jacobian"),
    RESIDUAL: ("gradient_correlation", "jacobian", "shortcut_share"),
    PREACT: ("shortcut_share",),
}
TRAINED = arm("residual", DEEP)


def sweep(dataset: str = "digits", seeds: int = SEEDS, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells: what is only initialised, the pilots, the first steps, whole runs.

    Args:
      dataset: a key of RECIPES.
      seeds: how many, from 0; of all but whole runs twice as many. Fewer than 5 decide nothing.
      steps: optimizer updates; 0 keeps the recipe's.

    Raises:
      InputError: an unknown data set, or nothing to run.
    """
    recipe = recipes.chosen(dataset, seeds, steps)
    for networks in (BARE_8, BARE, PLAIN, RESIDUAL, PREACT):
        yield from recipes.judged(recipe, _at_start(networks), 2 * seeds)
    if recipe.steps <= EARLY:
        for kind in KINDS:
            yield from recipes.tuned(recipe, classifier(kind, DEEP), 2 * seeds)
        return
    pilots = {kind: recipes.pilots_of(recipe, classifier(kind, DEEP)) for kind in KINDS}
    for kind in KINDS:
        yield from pilots[kind]
    for kind in KINDS:
        yield from recipes.judged(recipe, _first_steps(recipe, kind), 2 * seeds, pilots[kind])
    yield from recipes.judged(recipe, classifier("residual", DEEP), seeds, pilots["residual"])


def _at_start(networks: Arm) -> Network:
    kind, depth, norm = (networks.labels[name] for name in ("start", "depth", "norm"))
    # Maps of 2x2 pixels are all border: zero padding alone makes a gradient fade 17,000 times in 56
    # layers without BatchNorm.
    fields = {"model.norm": norm, "model.padding": "circular" if norm == "none" else "zero"}
    once = {"steps": 1, "eval_every_steps": -1, "checkpoint_every_steps": 0, "log_gradients": True}
    measured = {**once, "probes_at_start": PROBES.get(networks, ())}
    return Network(networks.labels, {"block": kind, "depth": depth}, fields, measured=measured)


def _first_steps(recipe: Recipe, kind: str) -> Network:
    fields = {"steps": EARLY, "schedule.steps": recipe.steps}
    measured = {"log_gradients": True, "eval_every_steps": -1, "log_every_steps": EARLY // 20}
    whole = classifier(kind, DEEP)
    return replace(whole, labels={"early": kind}, fields=fields, measured=measured)


def early(kind: str, recipe: Recipe) -> Arm:
    """The first steps of 56-layer networks, of short recipes all steps."""
    if recipe.steps <= EARLY:
        return arm(kind, DEEP)
    return Arm(f"{DEEP}-layer {kind} networks in their first {EARLY} steps", early=kind)


def kernels(norms: Mapping[str, float]) -> dict[str, float]:
    """{path: number} of the convolutions on the main path, in depth order, input first."""
    return {
        path: norm
        for path, norm in norms.items()
        if path.endswith("/kernel") and "shortcut" not in path and not path.startswith("head")
    }


def fading(norms: Mapping[str, float]) -> float:
    """Decades a layer that the norm loses towards the input: least squares within stages.

    From one stage to the next kernels have four times as many numbers and a quarter of the pixels,
    which shifts their norm whatever arrives. So each stage has a level of its own, and its first
    convolution, of another shape, is left out.
    """
    stages: dict[str, list[tuple[int, float]]] = {}
    for i, (path, norm) in enumerate(kernels(norms).items()):
        stage, _, layer = path.partition("/")
        if layer not in ("kernel", "block01/conv1/kernel"):
            stages.setdefault(stage, []).append((i, math.log10(max(norm, 1e-30))))
    x, y = np.concatenate([np.array(s) - np.mean(s, axis=0) for s in stages.values()]).T
    return float(x @ y / (x @ x))


def speeds(row: Row) -> dict[str, float]:
    """{path: update over weights} of the kernels, geometric mean of the early steps; {} of none."""
    lines = [kernels(row.updates[step]) for step in row.updates if step <= EARLY]
    return {
        path: statistics.geometric_mean([max(line[path], 1e-30) for line in lines])
        for path in (lines[0] if lines else ())
    }


def lead(rows: Sequence[Row]) -> float | None:
    """How many times as fast as the first third of the layers the last third learns."""
    logs = np.log10([*speeds(only(rows)).values()])
    third = len(logs) // 3
    return float(10 ** (logs[-third:].mean() - logs[:third].mean())) if third else None


def _at(
    step: Callable[[list[int]], int], of: Callable[[Mapping[str, float]], float]
) -> Callable[[Sequence[Row]], float | None]:
    """Of the gradient at the first (min) or the last (max) of the early steps."""

    def value(rows: Sequence[Row]) -> float | None:
        gradients = only(rows).gradients
        known = [step for step in gradients if step <= EARLY]
        return of(gradients[step(known)]) if known else None

    return value


DECADES = (" decades of", " decades")
TOWARDS = "per layer towards the input"
FIRST = Metric(
    "gradient norm in the first layer", _at(min, lambda n: next(iter(kernels(n).values())))
)
LOST = Metric(f"gradient lost {TOWARDS}", _at(min, fading), *DECADES)
LOST_EARLY = Metric(LOST.name, _at(max, fading), *DECADES)
GROWTH = Metric(f"growth of the gradient {TOWARDS}", _at(min, lambda n: 10 ** -fading(n)), " times")
CHANGE = Metric("change of the gradient per layer", _at(min, lambda n: abs(fading(n))), *DECADES)
LEAD = Metric("the speed in the last third of the layers that the first third has", lead, " times")
COSINE = Metric(
    "cosine between the gradient that arrives by the shortcuts alone and the whole",
    probed("shortcut_share", lambda found: found["cosine_of_outputs"], at_start=True),
)
ALIKE = Metric(
    "cosine between the gradients at an image and 1/16 of the way to its neighbour",
    probed("gradient_correlation", lambda f: max(f["neighbours"], LEAST_COSINE), at_start=True),
)
SPREAD = Metric(
    "spread of the Jacobian's singular values",
    probed("jacobian", lambda found: found["spread"], at_start=True),
    *DECADES,
)
SHORT = Metric(
    "as much gradient by paths through at most a third of the blocks as by longer ones",
    probed("path_lengths", lambda found: found["short"] / max(1 - found["short"], 1e-6)),
    " times",
    verb="get",
    trained=True,
)


def hypotheses(dataset: str, steps: int = 0) -> list[Hypothesis]:
    """What is put to the test on a data set, with the recipe's steps or others."""
    plain, residual = (early(kind, recipes.chosen(dataset, SEEDS, steps)) for kind in KINDS)
    many = functools.partial(Comparison, sample=MANY)
    return [
        many("gradient.shrinks", "without BatchNorm the first layer's gradient falls more than "
             "tenfold from 8 to 56 layers", BARE_8, BARE, FIRST, more_than_times(10)),
        many("gradient.fades", "without BatchNorm the gradient fades from layer to layer on its "
             "way to the input", BARE, None, LOST, more_than(0.01)),
        many("gradient.explodes", "with BatchNorm it grows instead, by more than 5 % a layer",
             PLAIN, None, GROWTH, more_than_times(1.05)),
        many("gradient.fades_in_training", "as training proceeds the early layers of a deep plain "
             "network get less gradient than the late ones", plain, None, LOST_EARLY,
             more_than(0.01), primary=True),
        all_of("gradient.freezes", "early layers of a deep plain network learn at less than half "
               "the speed of its late ones, those of a residual network do not",
               many("gradient.freezes.plain", "early layers of a plain network lag behind",
                    plain, None, LEAD, more_than_times(2)),
               many("gradient.freezes.residual", "those of a residual network do not",
                    residual, None, LEAD, less_than_times(2))),
        many("gradient.flat", "with shortcuts the gradient changes less than a quarter as much "
             "from layer to layer", PLAIN, RESIDUAL, CHANGE, more_than_times(4), primary=True),
        all_of("gradient.direct", "what arrives by the shortcuts alone points the same way as the "
               "whole gradient",
               many("gradient.direct.residual", "so it does behind an addition with relu",
                    RESIDUAL, None, COSINE, more_than(0.5)),
               many("gradient.direct.preact", "so it does with nothing on the shortcuts' path",
                    PREACT, None, COSINE, more_than(0.5)), primary=True),
        many("gradient.shattered", "gradients of neighbouring examples are more than twice as "
             "alike with shortcuts", RESIDUAL, PLAIN, ALIKE, more_than_times(2)),
        Comparison("gradient.short_paths", "most of a trained residual network's gradient comes "
                   "by paths through at most a third of its blocks", TRAINED, None, SHORT,
                   more_than_times(1)),
        many("gradient.isometry", "with shortcuts a network passes on small changes of its input "
             "more evenly", PLAIN, RESIDUAL, SPREAD, more_than(0.1)),
    ]  # fmt: skip


def report(rows: Sequence[Row]) -> Report:
    """Hypotheses, profiles of the gradient and its paths; works on partial results."""
    dataset, recipe = recipes.recipe_of(rows)
    findings = decide(hypotheses(dataset, recipe.steps), rows, recipe.primary)
    title = f"Gradients of early and late layers on {recipe.budget}"
    return recipes.report_of(title, findings, show(rows, recipe), CAPTION)


def show(rows: Sequence[Row], recipe: Recipe) -> list[Panel]:
    """Over layers at the start, over steps, over layers in training, over lengths of paths."""

    def in_training(of: Callable[[Row], Mapping[int, float]]) -> list[Line]:
        return [line for kind in KINDS for line in lines(kind, early(kind, recipe), of)]

    def lines(name: str, networks: Arm, of: Callable[[Row], Mapping[int, float]]) -> list[Line]:
        return each_run(name, NETWORK_COLOURS.get(name, OTHERS[1]), networks.select(rows), of)

    layer, lengths = "layer, input to output", "through at most so many of 27 blocks"
    compared = {"plain, no BatchNorm": BARE, "plain": PLAIN, "residual": RESIDUAL}
    start = [line for name, a in compared.items() for line in lines(name, a, _profile)]
    paths = lines("residual", TRAINED, _by_length)
    part, speed = "part of the gradient (%)", "update / weights (log)"
    return [
        Panel("before the first update", layer, "gradient (log, last layer: 1)", start, log_y=True),
        Panel("as training proceeds", "step", "fading (decades per layer)", in_training(_slopes)),
        Panel("how fast layers learn", layer, speed, in_training(_speed), log_y=True),
        Panel("by which paths it comes", lengths, part, paths, x_ticks=(0, 9, 18, 27)),
    ]


def _profile(row: Row) -> dict[int, float]:
    norms = [*kernels(row.gradients.get(1, {})).values()]
    return {i: norm / norms[-1] for i, norm in enumerate(norms, 1)}


def _slopes(row: Row) -> dict[int, float]:
    return {step: fading(norms) for step, norms in row.gradients.items() if step <= EARLY}


def _speed(row: Row) -> dict[int, float]:
    return dict(enumerate(speeds(row).values(), 1))


def _by_length(row: Row) -> dict[int, float]:
    share = row.measurements.get("path_lengths", {}).get(str(row.steps), {}).get("share", {})
    parts = [100 * share[str(k)] for k in range(len(share))]
    return dict(enumerate(itertools.accumulate(parts)))


CAPTION = (
    "A thin line per seed. Before the first update: norm of each kernel's gradient over that of "
    "the last; circular padding where there is no BatchNorm. As training proceeds: decades that "
    "the gradient loses per layer on its way to the input; below 0 it grows. How fast layers "
    f"learn: a kernel's update over its weights, mean of at most {EARLY} steps. By which paths: "
    "of trained residual networks."
)
