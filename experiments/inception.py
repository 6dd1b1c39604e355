"""Are filters of all sizes better than one, and do shortcuts help inception networks?

Szegedy et al. 2014, section 4 and Fig. 2 (a): filters side by side, against networks of one filter
that are equally deep and take as many multiply-adds. Szegedy et al. 2016: with shortcuts.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from experiments.recipes import arm, chosen, classifier, recipe_of, report_of, tuned
from resinc.launch.cell import Cell
from resinc.report import Line, Panel, Report, Row
from resinc.report.colours import NETWORK_COLOURS, OTHERS
from resinc.report.combine import Hypothesis, all_of
from resinc.report.comparison import Comparison, decide
from resinc.report.inference import counting_noise
from resinc.report.metrics import TEST_ERROR, TRAINING_ERROR, Metric, only, probed
from resinc.report.panels import Series, dots, ends, error_curves
from resinc.report.rules import more_than

FILTERS, DEEP = 11, 56  # Layers of the networks of chosen filters, and of those with shortcuts.
SEEDS = 5
SINGLE = {
    kind: arm(kind, FILTERS, f"networks of {filters} alone")
    for kind, filters in (
        ("only_1x1", "1x1 filters"),
        ("only_3x3", "3x3 filters"),
        ("only_5x5", "5x5 filters"),
        ("only_pool", "pooling"),
    )
}
ALL = arm("inception_naive", FILTERS, "networks of all filters side by side")
BRANCHES = {"branch1": "1x1", "branch2": "3x3", "branch3": "5x5", "branch4": "pooling"}
INCEPTION = arm("inception", DEEP)
RESIDUAL = arm("residual", DEEP)
BOTH = arm("inception_residual", DEEP, "inception networks with shortcuts")
COMPARED = {
    "inception": ("inception", INCEPTION),
    "residual": ("residual", RESIDUAL),
    "both": ("inception with shortcuts", BOTH),
}


def sweep(dataset: str = "digits", seeds: int = SEEDS, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells, those of the primary hypothesis first; on the digits of deep ones alone.

    Products with the padding are not counted: on maps of 2x2 pixels, where it is most of a filter,
    what takes as many multiply-adds on CIFAR-10 does not.

    Args:
      dataset: a key of RECIPES.
      seeds: how many, from 0; fewer than 5 decide nothing.
      steps: optimizer updates; 0 keeps the recipe's.

    Raises:
      InputError: an unknown data set, or nothing to run.
    """
    recipe = chosen(dataset, seeds, steps)
    whole = dataset != "digits"
    for kind in ("inception_naive", *SINGLE) if whole else ():
        yield from tuned(recipe, classifier(kind, FILTERS), seeds)
    for kind in ("inception", "inception_residual", *["residual"] * whole):
        yield from tuned(recipe, classifier(kind, DEEP), seeds)


def without(found: Mapping[str, Any], branch: str) -> float:
    """Points of test error that a branch's removal costs, by what the probe "branches" found.

    With re-estimated BatchNorm statistics: the old ones are of what the branch used to put out.
    """
    errors = found["reestimated"]
    return float(100 * (errors["dropped"][branch] - errors["error"]))


def cost_of(branch: str) -> Metric:
    """Of a branch, in points."""

    def noise(rows: Sequence[Row]) -> float:
        found = only(rows).measurements["branches"][str(only(rows).steps)]
        errors = found["reestimated"]
        # Of mistakes on the same images no more than of two samples.
        parts = (errors["error"], errors["dropped"][branch])
        images = found.get("examples", 0)
        return 100 * sum(counting_noise(part, images) ** 2 for part in parts) ** 0.5

    return Metric(
        f"rise of the test error without the {BRANCHES[branch]} branch",
        probed("branches", lambda found: without(found, branch)),
        " points",
        " points",
        noise=noise,
        trained=True,
    )


def hypotheses(dataset: str) -> list[Hypothesis]:
    """What is put to the test on a data set."""
    rescue = Comparison(
        "inception.shortcuts_rescue",
        "shortcuts make a deep inception network trainable",
        INCEPTION,
        BOTH,
        TRAINING_ERROR,
        more_than(1),
    )
    adds = Comparison(
        "inception.adds",
        "inception branches with shortcuts beat a residual network at equal multiply-adds",
        RESIDUAL,
        BOTH,
        TEST_ERROR,
        more_than(0.5),
    )
    return [rescue] if dataset == "digits" else [all_filters(), every_branch(), rescue, adds]


def all_filters() -> Hypothesis:
    parts = [
        Comparison(
            f"inception.all_filters.{kind}",
            f"they beat {networks.name}",
            networks,
            ALL,
            TEST_ERROR,
            more_than(0.5),
        )
        for kind, networks in SINGLE.items()
    ]
    sentence = "all filters side by side beat the best single one at equal multiply-adds"
    return all_of("inception.all_filters", sentence, *parts, primary=True)


def every_branch() -> Hypothesis:
    parts = [
        Comparison(
            f"inception.every_branch.{branch}",
            f"removing the {name} branch does",
            ALL,
            None,
            cost_of(branch),
            more_than(1),
        )
        for branch, name in BRANCHES.items()
    ]
    return all_of("inception.every_branch", "removing any one branch costs accuracy", *parts)


def report(rows: Sequence[Row]) -> Report:
    """Hypotheses, final errors, what branches are worth, training; works on partial results."""
    dataset, recipe = recipe_of(rows)
    return report_of(
        f"Filters of all sizes, and shortcuts, on {recipe.budget}",
        decide(hypotheses(dataset), rows, recipe.primary),
        show(rows, dataset),
        "Errors at the last step: mean ± standard deviation over seeds; faint: every seed. As "
        "training proceeds: a thin line per seed, bold their mean."
        + " A branch removed: from a trained network of all filters, in all modules, with "
        "BatchNorm's statistics taken anew." * (dataset != "digits"),
    )


def show(rows: Sequence[Row], dataset: str) -> list[Panel]:
    """Deep networks and these in training; on CIFAR-10 networks of filters and their branches."""
    compared = [
        Series(name, NETWORK_COLOURS[colour], networks.select(rows))
        for colour, (name, networks) in COMPARED.items()
        if dataset != "digits" or networks is not RESIDUAL
    ]
    deep = [ends(f"{DEEP} layers", compared), error_curves("as training proceeds", compared)]
    if dataset == "digits":
        return deep
    filters = [Series("all filters", NETWORK_COLOURS["inception"], ALL.select(rows))]
    filters += [
        Series(f"{BRANCHES[branch]} only", OTHERS[1], networks.select(rows))
        for branch, networks in zip(BRANCHES, SINGLE.values(), strict=True)
    ]
    costs = Panel("a branch removed", "rise of the test error (points)", "", [_branches(rows)],
                  names=list(BRANCHES.values()))  # fmt: skip
    return [ends(f"equal multiply-adds, {FILTERS} layers", filters), costs, *deep]


def _branches(rows: Sequence[Row]) -> Line:
    costs = [
        [cost for row in ALL.select(rows) if (cost := cost_of(branch).of([row])) is not None]
        for branch in BRANCHES
    ]
    return dots("", NETWORK_COLOURS["inception"], costs)
