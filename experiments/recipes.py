"""What all experiments share: data set -> recipe, its learning rates, its runs at the best of them.

for cell in tuned(RECIPES["cifar10"], Network({"kind": "plain", "depth": 56}, args), seeds=5): ...
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from configs import cifar, digits, imagenet
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.registry import lookup
from resinc.report import Panel, Report, Row
from resinc.report.arms import PILOT, Arm
from resinc.report.outcome import Finding, outcomes
from resinc.runs.cell import Label

PILOT_SEED = 100  # Of no run that is judged: what is chosen on a seed looks better on that seed.
BEST = {"rate": "best"}  # Labels of runs at the learning rate that was chosen for their network.
WINDOWS, EVALUATIONS = 20, 5  # Of a run: points of its curves.


@dataclass(frozen=True)
class Recipe:
    """A data set, and how networks are trained on it.

    Attributes:
      title: of the data set, in print.
      file: of the recipe.
      steps: optimizer updates of a run; the schedule scales with them.
      full: of the papers' protocol, of which `steps` may be a part.
      rates: learning rates that every network is tried at; none: that of the recipe's file alone.
      fields: of every run.
      split_by_seed: whether the validation examples are others with every seed: of a small set
        they decide much.
    """

    title: str
    file: str
    steps: int
    full: int
    rates: tuple[float, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    split_by_seed: bool = False
    # Hypotheses that are adjusted for being many, in all experiments on the data set together.
    primary: int = 10

    @property
    def budget(self) -> str:
        """e.g. "CIFAR-10, 4,000 of 64,000 steps"."""
        part = f"{self.steps:,} of " if self.steps < self.full else ""
        return f"{self.title}, {part}{self.full:,} steps"


RECIPES = {
    "digits": Recipe(
        "scikit-learn's digits",
        "configs/digits.py",
        steps=digits.get_config().steps,
        full=digits.get_config().steps,
        rates=(0.001, 0.003, 0.007, 0.02, 0.05, 0.14, 0.37, 1.0),  # Three decades.
        split_by_seed=True,
    ),
    "cifar10": Recipe(
        "CIFAR-10",
        "configs/cifar.py",
        steps=4_000,
        full=cifar.get_config().steps,
        # The lowest was added when plain networks had done best at 0.03, before any judged run.
        rates=(0.01, 0.03, 0.1, 0.3),
        # A sixteenth of the steps leaves no time for three constant rates.
        fields={"schedule.name": "linear", "schedule.warmup": 0.05},
    ),
}


# Where one run takes days: of the depth question alone.
IMAGENET = {
    "imagenet2012": Recipe(
        "ImageNet",
        "configs/imagenet.py:recipe=paper",
        steps=imagenet.HE_STEPS,
        full=imagenet.HE_STEPS,
        rates=(0.03, 0.1, 0.3),
        # Its 50,000 validation images are what is reported, so that as many others choose.
        fields={"data.validation_size": 50_000, "checkpoint_every_steps": 1_000},
        primary=3,
    )
}


@dataclass(frozen=True)
class Network:
    """One kind of network: what an Arm selects it by, and what makes it.

    Attributes:
      labels: e.g. {"kind": "plain", "depth": 56}.
      args: of the recipe, e.g. {"block": "plain", "depth": 56}.
      fields: of the config, that tell it from networks of the same `args`.
      shared: likewise, where its folder's name need not tell them.
      measured: of the runs that are judged, not of their pilots: what is logged and probed.
    """

    labels: Mapping[str, Label]
    args: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)


# Of what `classifier` makes: channels of the stem, where not 16. Tests count what they cost.
WIDTHS = {
    # As many multiply-adds as the first of them, products with the padding not counted.
    ("inception_naive", 11): 23,
    ("only_1x1", 11): 64,
    ("only_3x3", 11): 23,
    ("only_5x5", 11): 14,
    ("only_pool", 11): 64,
    # As many as residual networks of 20 and 56 layers.
    ("inception", 20): 40,
    ("inception", 56): 41,
    ("inception_residual", 56): 41,
    ("bottleneck", 56): 20,
    # As wide as the reduced one, and so costlier.
    ("inception_unreduced", 20): 40,
}
PROBES = {
    ("inception_naive", 11): ("branches",),
    ("plain", 20): ("lesions",),
    ("residual", 20): ("lesions",),
    ("residual", 56): ("path_lengths",),
}


def classifier(kind: str, depth: int) -> Network:
    """With all that any experiment measures in it: sweeps that share a folder train it once."""
    args = {"block": kind, "depth": depth}
    width = WIDTHS.get((kind, depth))
    fields = {"model.width": width} if width else {}
    measured = {"log_gradients": True, "probes": PROBES.get((kind, depth), ())}
    return Network({"kind": kind, "depth": depth}, args, fields, measured=measured)


def tuned(recipe: Recipe, network: Network, seeds: int) -> Iterator[Cell]:
    """One pilot per learning rate, then `seeds` runs at the rate that did best on validation.

    All carry the label rate="best"; the pilots "pilot" besides, by which no Arm selects them. By
    the papers' whole protocol its own rate is the only one, and there are no pilots.
    """
    pilots = pilots_of(recipe, network)
    yield from pilots
    yield from judged(recipe, network, seeds, pilots)


def pilots_of(recipe: Recipe, network: Network) -> list[Cell]:
    return [
        _cell(recipe, network, PILOT_SEED, {"optimizer.lr": rate}, {**BEST, PILOT: True})
        for rate in recipe.rates
    ]


def pilot_at_best(recipe: Recipe, network: Network, pilots: Sequence[Cell]) -> Cell:
    """One more run of the pilots' seed: what pilots of another network can start from."""
    names = tuple(pilot.name for pilot in pilots)
    return _cell(recipe, network, PILOT_SEED, {}, {**BEST, PILOT: True}, names)


def judged(
    recipe: Recipe,
    network: Network,
    seeds: int,
    pilots: Sequence[Cell] = (),
    starts: Sequence[Cell] = (),
) -> list[Cell]:
    """A run per seed, with what is measured in it.

    Args:
      recipe: of the data set.
      network: of these runs.
      seeds: how many, from 0.
      pilots: of this network or another; without them it has the rate of the recipe's file, and
        is not labelled rate="best" unless the recipe has no other.
      starts: per seed the run whose weights it starts from.
    """
    measured = replace(network, shared={**network.shared, **network.measured})
    names = tuple(pilot.name for pilot in pilots)
    labels = BEST if pilots or not recipe.rates else {}
    cells = [_cell(recipe, measured, seed, {}, labels, names) for seed in range(seeds)]
    if starts:
        return [replace(cell, start=starts[seed].name) for seed, cell in enumerate(cells)]
    return cells


def at_every_rate(recipe: Recipe, network: Network, seeds: int) -> Iterator[Cell]:
    """`seeds` runs at each learning rate, whichever is best; labelled "map"."""
    for rate in recipe.rates:
        for seed in range(seeds):
            labels = {"rate": rate, "map": True}
            yield _cell(recipe, network, seed, {"optimizer.lr": rate}, labels)


def chosen(dataset: str, seeds: int, steps: int, recipes: Mapping[str, Recipe] = RECIPES) -> Recipe:
    """The recipe of a data set, one of `recipes`, with so many steps; 0 keeps its own.

    With all steps of the papers' protocol it is that protocol: their schedule, their rate.

    Raises:
      InputError: an unknown data set, no seeds, or negative steps.
    """
    if seeds < 1:
        raise InputError(f"seeds {seeds} is not positive: it is how many seeds to run, from 0")
    if steps < 0:
        raise InputError(f"steps {steps} is negative; 0 keeps the recipe's own")
    recipe = lookup(recipes, dataset, "dataset")
    if steps == recipe.full != recipe.steps:
        return replace(recipe, steps=steps, rates=(), fields={})
    return replace(recipe, steps=steps or recipe.steps)


def recipe_of(rows: Sequence[Row], recipes: Mapping[str, Recipe] = RECIPES) -> tuple[str, Recipe]:
    """The data set of runs, by the first of which it is known, and its recipe with the steps of the
    longest.

    Raises:
      InputError: a data set without a recipe.
    """
    named = (row.config["data.name"] for row in rows if "data.name" in row.config)
    dataset = str(next(named, ""))
    return dataset, chosen(dataset, 1, max(row.steps for row in rows), recipes)


def arm(kind: str, depth: int, name: str = "") -> Arm:
    """Of classifiers, at the learning rate that did best on validation.

    Args:
      kind: of block.
      depth: weighted layers.
      name: in the plural behind the depth; "": of the kind.
    """
    return Arm(f"{depth}-layer {name or f'{kind} networks'}", kind=kind, depth=depth, **BEST)


def report_of(
    title: str, findings: Sequence[Finding], panels: Sequence[Panel], caption: str
) -> Report:
    """What an experiment makes of its rows, by its findings.

    The answer is what came out for the primary ones, of which there are several, or the first one;
    in place of the runs that the first one lacks, what came out for all.
    """
    first, primary = findings[0], [finding for finding in findings if finding.primary]
    if len(primary) > 1:
        answer = outcomes(primary)
    elif len(findings) > 1 and first.unfinished:
        answer = outcomes(findings)
    else:
        answer = first.text
    return Report(
        title=title,
        answer=answer,
        panels=panels,
        findings=findings,
        caption=caption,
    )


def _cell(
    recipe: Recipe,
    network: Network,
    seed: int,
    fields: Mapping[str, Any],
    labels: Mapping[str, Label],
    pilots: tuple[str, ...] = (),
) -> Cell:
    every = max(1, recipe.steps // WINDOWS)
    shared = {
        "steps": recipe.steps,
        "log_every_steps": every,
        "checkpoint_every_steps": every,
        "eval_every_steps": max(1, recipe.steps // EVALUATIONS),
        **recipe.fields,
        **network.shared,
        **({"data.split_seed": seed} if recipe.split_by_seed else {}),
    }
    return Cell(
        recipe.file,
        network.args,
        {"seed": seed, **network.fields, **fields},
        shared,
        pilots=pilots,
        labels={**network.labels, **labels},
    )
