"""Do auxiliary classifiers help early in training? Szegedy et al. 2014, section 5; Lee et al. 2015.

On a network of inception modules that trains without them, with none and with one behind each of
the first two of three stages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from experiments.recipes import arm, chosen, classifier, recipe_of, report_of, tuned
from resinc.launch.cell import Cell
from resinc.report import Line, Panel, Report, Row
from resinc.report.arms import ended
from resinc.report.chart import THIN
from resinc.report.colours import INK, NETWORK_COLOURS, OTHERS
from resinc.report.combine import Hypothesis
from resinc.report.comparison import Comparison, decide
from resinc.report.metrics import Metric, only
from resinc.report.panels import Series, ends
from resinc.report.rules import more_than_times
from resinc.runs.cell import Label
from resinc.runs.status import CellState

DEPTH, HEADS, SEEDS = 20, 2, 5
WITHOUT = arm("inception", DEPTH)
WITH = arm("inception_auxiliary", DEPTH, "inception networks with auxiliary classifiers")


def sweep(dataset: str = "digits", seeds: int = SEEDS, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells.

    Args:
      dataset: a key of RECIPES.
      seeds: how many, from 0; fewer than 5 decide nothing.
      steps: optimizer updates; 0 keeps the recipe's.

    Raises:
      InputError: an unknown data set, or nothing to run.
    """
    recipe = chosen(dataset, seeds, steps)
    without = classifier("inception", DEPTH)
    fields = {**without.fields, "model.auxiliary_heads": HEADS}
    labels: dict[str, Label] = {"kind": "inception_auxiliary", "depth": DEPTH}
    yield from tuned(recipe, without, seeds)
    yield from tuned(recipe, replace(without, labels=labels, fields=fields), seeds)


def at_a_quarter(rows: Sequence[Row]) -> float | None:
    """Training loss of the network's own output in the window that ends at a quarter of the steps;
    of a run that diverged, chance."""
    row = only(rows)
    if row.state == CellState.DIVERGED:
        point = ended(row, "train")
        return point.loss if point else None
    early = [point for point in row.train if point.step <= row.steps / 4]
    return early[-1].loss if early else None


EARLY = Metric(
    "training loss at a quarter of the steps", at_a_quarter, " nats", verb="have", trained=True
)


def hypotheses(dataset: str) -> list[Hypothesis]:
    """What is put to the test, on any data set."""
    return [
        Comparison(
            "auxiliary.early",
            "auxiliary heads lower the loss at a quarter of training",
            WITHOUT,
            WITH,
            EARLY,
            more_than_times(1),
        )
    ]


def report(rows: Sequence[Row]) -> Report:
    """The hypothesis, losses against steps and final errors; works on partial results."""
    dataset, recipe = recipe_of(rows)
    kinds = [
        Series("without", NETWORK_COLOURS["inception"], WITHOUT.select(rows)),
        Series(f"with {HEADS} auxiliary classifiers", OTHERS[1], WITH.select(rows)),
    ]
    lines = []
    for label, colour, group in kinds:
        for i, row in enumerate(row for row in group if row.train):
            losses = [max(point.loss, 1e-4) for point in row.train]
            steps = [point.step for point in row.train]
            lines.append(Line("" if i else label, colour, steps, losses, width=THIN))
    if lines:
        heights = [loss for line in lines for loss in line.y]
        quarter = [recipe.steps / 4] * 2
        lines.append(Line("a quarter", INK, quarter, (min(heights), max(heights)), dashed=True))
    losses_panel = Panel("early and late", "steps", "training loss, log (nats)", lines, log_y=True)
    return report_of(
        f"Auxiliary classifiers on {recipe.budget}",
        decide(hypotheses(dataset), rows, recipe.primary),
        [losses_panel, ends("at the last step", kinds)],
        "Left: a line per seed; the loss is that of the network's own output, mean over a "
        "twentieth of the steps. Right: mean ± standard deviation over seeds; faint: every seed.",
    )
