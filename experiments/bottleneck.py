"""What does a bottleneck of 1x1 convolutions cost, and what does it spare?

Szegedy et al. 2014, section 4: reductions before 3x3 and 5x5 filters. He et al. 2015, Fig. 5:
blocks of a bottleneck against basic ones.
"""

from collections.abc import Iterator, Sequence

from experiments.recipes import arm, chosen, classifier, recipe_of, report_of, tuned
from resinc.launch.cell import Cell
from resinc.report import Report, Row
from resinc.report.colours import NETWORK_COLOURS, OTHERS
from resinc.report.combine import Hypothesis
from resinc.report.comparison import Comparison, decide
from resinc.report.metrics import TEST_ERROR, TRAINING_LOSS
from resinc.report.panels import Series, ends
from resinc.report.rules import less_than, more_than_times

MODULES, BLOCKS = 20, 56  # Layers of the networks of inception modules, and of residual blocks.
REDUCED = arm("inception", MODULES, "networks of reduced inception modules")
UNREDUCED = arm("inception_unreduced", MODULES, "networks of modules that reduce nothing")
BOTTLENECK = arm("bottleneck", BLOCKS, "networks of bottleneck blocks")
BASIC = arm("residual", BLOCKS, "networks of basic blocks")
SEEDS, SEEDS_BLOCKS = 5, 3


def sweep(dataset: str = "cifar10", seeds: int = SEEDS, steps: int = 0) -> Iterator[Cell]:
    """Yield the cells.

    Args:
      dataset: a key of RECIPES; on the digits half a point is less than two test images.
      seeds: how many, from 0; of residual blocks three at most. Fewer decide nothing.
      steps: optimizer updates; 0 keeps the recipe's.

    Raises:
      InputError: an unknown data set, or nothing to run.
    """
    recipe = chosen(dataset, seeds, steps)
    for kind in ("bottleneck", "residual"):
        yield from tuned(recipe, classifier(kind, BLOCKS), min(seeds, SEEDS_BLOCKS))
    for kind in ("inception", "inception_unreduced"):
        yield from tuned(recipe, classifier(kind, MODULES), seeds)


def hypotheses(dataset: str) -> list[Hypothesis]:
    """What is put to the test, on any data set."""
    return [
        Comparison(
            "bottleneck.free",
            "a 1x1 reduction before 3x3 and 5x5 costs no accuracy at equal width and depth",
            REDUCED,
            UNREDUCED,
            TEST_ERROR,
            less_than(0.5),
        ),
        Comparison(
            "bottleneck.beats_wider",
            "at equal multiply-adds bottleneck blocks train better than basic ones",
            BASIC,
            BOTTLENECK,
            TRAINING_LOSS,
            more_than_times(1),
            sample=SEEDS_BLOCKS,
        ),
    ]


def report(rows: Sequence[Row]) -> Report:
    """Hypotheses and final errors; works on partial results."""
    dataset, recipe = recipe_of(rows)
    modules = ends(
        f"reduced or not, {MODULES} layers",
        [
            Series("1x1 that reduce", NETWORK_COLOURS["inception"], REDUCED.select(rows)),
            Series("1x1 as wide as the output", OTHERS[0], UNREDUCED.select(rows)),
        ],
    )
    blocks = ends(
        f"equal multiply-adds, {BLOCKS} layers",
        [
            Series("bottleneck blocks", OTHERS[1], BOTTLENECK.select(rows)),
            Series("basic blocks", NETWORK_COLOURS["residual"], BASIC.select(rows)),
        ],
    )
    return report_of(
        f"Bottlenecks of 1x1 convolutions on {recipe.budget}",
        decide(hypotheses(dataset), rows, recipe.primary),
        [modules, blocks],
        "Mean ± standard deviation over seeds; faint: every seed. The two networks on the left are "
        "equally wide and deep, the two on the right equally costly and deep.",
    )
