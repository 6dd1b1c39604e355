"""Is a deep plain network unable to hold a good solution, or unable to find it?

He et al. 2015, section 1: the added layers of a deeper network could be the identity. Grown from a
trained one it holds that solution; from scratch it must find it. Then what a shortcut has to be for
that (He et al. 2016, Table 1), and what single blocks are worth (Veit et al. 2016).
"""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments import recipes
from experiments.recipes import Network, arm, classifier, tuned
from resinc.launch.cell import Cell
from resinc.report import Line, Panel, Report, Row
from resinc.report.arms import Arm, ended
from resinc.report.colours import NETWORK_COLOURS
from resinc.report.combine import Hypothesis, all_of, any_of
from resinc.report.comparison import Comparison, decide
from resinc.report.metrics import TRAINING_ERROR, TRAINING_LOSS, Metric, only, probed
from resinc.report.panels import each_run
from resinc.report.rules import less_than, more_than, more_than_times

KINDS = ("plain", "residual")
SHALLOW, DEEP, DEEPEST, STACK = 20, 56, 110, 20
SEEDS, FEW = 5, 3  # Few: of networks of 110 layers or all rates each, where a run takes an hour.

PLAIN_20, RESIDUAL_20 = (arm(kind, SHALLOW) for kind in KINDS)
PLAIN_56, RESIDUAL_56 = (arm(kind, DEEP) for kind in KINDS)
GROWN = Arm("20-layer plain networks grown to 56 layers", grown=True)
STARTS = {
    init: Arm(f"56-layer plain networks that start {how}", init=init)
    for init, how in (("dirac", "near the identity"), ("looks_linear", "linear"))
}
RESIDUAL_110 = arm("residual", DEEPEST)
SCALED = Arm("110-layer residual networks without BatchNorm, branches scaled from 0", scaled=True)
STACKS = {kind: Arm(f"{STACK}-layer {kind} stacks", stack=kind) for kind in KINDS}
SHORTCUTS: Mapping[str, Mapping[str, Any]] = {
    "halved": {"model.shortcut_scale": 0.5},
    "gated": {"model.merge": "exclusive_gate"},
    "dropped out": {"model.merge": "dropout"},
    "projected": {"model.shortcut": "C"},
}
CHANGED = {
    how: Arm(f"56-layer residual networks with {how} shortcuts", shortcut=how) for how in SHORTCUTS
}
REPRODUCE = {
    "model.name": "stack",
    "objective": "reproduce",
    # Blocks end with relu: what they can reproduce is not negative.
    "data.normalize": "none",
    "data.augment": "none",
    # Momentum kills every relu of a stack at the rates that suit classifiers.
    "optimizer.name": "adam",
}
ADAM_RATES = (0.001, 0.003, 0.01, 0.03)


def sweep(dataset: str = "digits", seeds: int = SEEDS, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells, those of primary hypotheses first.

    Args:
      dataset: a key of RECIPES.
      seeds: how many, from 0; fewer than 5 decide nothing.
      steps: optimizer updates; 0 keeps the recipe's.

    Raises:
      InputError: an unknown data set, or nothing to run.
    """
    recipe = recipes.chosen(dataset, seeds, steps)
    few = seeds if dataset == "digits" else min(seeds, FEW)
    shallow = list(tuned(recipe, classifier("plain", SHALLOW), seeds))
    yield from shallow
    pilots = [cell for cell in shallow if not cell.pilots]
    starts = [cell for cell in shallow if cell.pilots]
    # What suits 20 layers need not suit the 56 that they are grown to.
    pilot = recipes.pilot_at_best(recipe, classifier("plain", SHALLOW), pilots)
    grown = _plain(GROWN, {"init_extra": "identity"})
    tries = [replace(cell, start=pilot.name) for cell in recipes.pilots_of(recipe, grown)]
    yield pilot
    yield from tries
    yield from recipes.judged(recipe, grown, seeds, tries, starts)
    yield from tuned(recipe, classifier("plain", DEEP), seeds)
    yield from tuned(recipe, classifier("residual", SHALLOW), seeds)
    yield from tuned(recipe, classifier("residual", DEEP), seeds)
    for init, networks in STARTS.items():
        yield from tuned(recipe, _plain(networks, {"model.init": init}), few)
    if dataset == "digits":
        for kind, networks in STACKS.items():
            stack = Network(networks.labels, {"block": kind, "depth": STACK}, REPRODUCE)
            yield from tuned(replace(recipe, rates=ADAM_RATES), stack, seeds)
        for how, networks in CHANGED.items():
            yield from tuned(recipe, _residual(networks, DEEP, SHORTCUTS[how]), seeds)
    yield from tuned(recipe, classifier("residual", DEEPEST), few)
    fields = {"model.norm": "none", "model.learned_scale": True}
    yield from tuned(recipe, _residual(SCALED, DEEPEST, fields), few)


def _plain(networks: Arm, fields: Mapping[str, Any]) -> Network:
    return Network(networks.labels, {"block": "plain", "depth": DEEP}, fields)


def _residual(networks: Arm, depth: int, fields: Mapping[str, Any]) -> Network:
    return Network(networks.labels, {"block": "residual", "depth": depth}, fields)


def costs(found: Mapping[str, Any]) -> dict[str, float]:
    """{block: points of test error that its removal costs}, of what the probe "lesions" found.

    With re-estimated BatchNorm statistics: the old ones are of what the block used to put out.
    """
    errors = found["reestimated"]
    return {block: 100 * (error - errors["whole"]) for block, error in errors["removed"].items()}


def _unexplained(rows: Sequence[Row]) -> float | None:
    point = ended(only(rows), "test")
    return 100 * point.error if point else None


COST = Metric(
    "rise of the test error without one block",
    probed("lesions", lambda found: statistics.fmean(costs(found).values())),
    " points",
    " points",
    trained=True,
)
UNEXPLAINED = Metric("of an image's variance unexplained", _unexplained, " %", " points", "leave")


def hypotheses(dataset: str) -> list[Hypothesis]:
    """What is put to the test on a data set."""
    few = SEEDS if dataset == "digits" else FEW
    always: list[Hypothesis] = [
        Comparison("identity.holds", "a plain network that identity layers make deeper trains as "
                   "well as before", GROWN, PLAIN_20, TRAINING_ERROR, less_than(0.5), True),
        Comparison("identity.not_reached", "from scratch the same network does not get there",
                   PLAIN_56, GROWN, TRAINING_ERROR, more_than(1), True),
        any_of("identity.start", "a plain network that starts near the identity, or linear, trains "
               "as well as a residual one",
               *(Comparison(f"identity.start.{init}", f"one that starts so: {init}", networks,
                            RESIDUAL_56, TRAINING_ERROR, less_than(1), sample=few,
                            # Three against three could never support one of two.
                            sample_of_b=SEEDS)
                 for init, networks in STARTS.items())),
        Comparison("identity.lesion", "removing a block costs a plain network more than a residual "
                   "one", PLAIN_20, RESIDUAL_20, COST, more_than(20), True),
        Comparison("identity.downscaling", "without BatchNorm residual networks train as well if "
                   "their branches are scaled, from 0", SCALED, RESIDUAL_110, TRAINING_ERROR,
                   less_than(1), sample=few),
    ]  # fmt: skip
    if dataset != "digits":
        return always
    return [
        *always,
        Comparison("identity.learned", "asked to reproduce its input a plain stack leaves more "
                   "unexplained than a residual one", STACKS["plain"], STACKS["residual"],
                   UNEXPLAINED, more_than(5)),
        all_of("identity.shortcut_kind", "whatever is done to the shortcut raises the training "
               "loss",
               *(Comparison(f"identity.shortcut_kind.{how.replace(' ', '_')}", f"if it is {how}",
                            networks, RESIDUAL_56, TRAINING_LOSS, more_than_times(1))
                 for how, networks in CHANGED.items())),
    ]  # fmt: skip


def report(rows: Sequence[Row]) -> Report:
    """Hypotheses, and every seed of the networks compared; works on partial results."""
    dataset, recipe = recipes.recipe_of(rows)
    findings = decide(hypotheses(dataset), rows, recipe.primary)
    title = f"The identity, held and found, on {recipe.budget}"
    return recipes.report_of(title, findings, show(rows, dataset), CAPTION)


def show(rows: Sequence[Row], dataset: str) -> list[Panel]:
    """Errors of the networks compared, lesions; on digits stacks and changed shortcuts too."""

    def at_end(title: str, what: str, metric: Metric, networks: Mapping[str, Arm]) -> Panel:
        lines = []
        for place, (name, group) in enumerate(networks.items()):
            colour = NETWORK_COLOURS["plain" if name.startswith("plain") else "residual"]
            found = [value for row in group.select(rows) if (value := metric.of([row])) is not None]
            places = [place] * len(found)
            lines.append(Line("", colour, found, places, width=0, marker="hollow"))
        return Panel(title, what, "", lines, names=list(networks))

    errors = {
        "plain, 20 layers": PLAIN_20,
        "plain, 20 grown to 56": GROWN,
        "plain, 56 from scratch": PLAIN_56,
        "plain, 56 from near identity": STARTS["dirac"],
        "plain, 56 from linear": STARTS["looks_linear"],
        "residual, 56": RESIDUAL_56,
        "residual, 110": RESIDUAL_110,
        "residual, 110, no BatchNorm": SCALED,
    }
    lesions = [
        line
        for kind, networks in zip(KINDS, (PLAIN_20, RESIDUAL_20), strict=True)
        for line in each_run(kind, NETWORK_COLOURS[kind], networks.select(rows), _costs)
    ]
    panels = [
        at_end("holding and finding a solution", "training error (%)", TRAINING_ERROR, errors),
        Panel(
            "one block removed, 20 layers",
            "block, input to output",
            "rise of test error (points)",
            lesions,
        ),
    ]
    if dataset != "digits":
        return panels
    stacks = {f"{kind} stack": networks for kind, networks in STACKS.items()}
    shortcuts = {"identity": RESIDUAL_56, **CHANGED}
    changed = at_end(
        "shortcuts changed, 56 layers", "training loss (log)", TRAINING_LOSS, shortcuts
    )
    return [
        *panels,
        at_end("asked to reproduce their input", "left unexplained (%)", UNEXPLAINED, stacks),
        changed._replace(log_x=True),
    ]


def _costs(row: Row) -> dict[int, float]:
    found = row.measurements.get("lesions", {}).get(str(row.steps))
    return dict(enumerate(costs(found).values(), 1)) if found else {}


CAPTION = (
    "Every circle is a run, every thin line a seed. Grown: the trained network of 20 layers gets "
    "layers that are the identity and trains on. Removed: in a trained network, what comes before "
    "is passed on, with BatchNorm's statistics taken anew."
)
