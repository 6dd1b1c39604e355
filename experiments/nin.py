"""Do 1x1 convolutions and global average pooling help? Lin et al. 2013, Network in Network.

BatchNorm in all of them, and on the digits no dropout: in 120 steps the authors' network learns too
little without the one and with the other.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from experiments.recipes import BEST, Network, chosen, recipe_of, report_of, tuned
from resinc.launch.cell import Cell
from resinc.report import Panel, Report, Row
from resinc.report.arms import Arm
from resinc.report.colours import OTHERS
from resinc.report.combine import Hypothesis
from resinc.report.comparison import Comparison, decide
from resinc.report.metrics import GAP, TEST_ERROR
from resinc.report.panels import Series, dots, ends
from resinc.report.rules import more_than

SEEDS = 5
NIN = Arm("Networks in Networks", nin="mlpconv", head="mean", **BEST)
CONV = Arm("networks of wider convolutions", nin="conv", head="mean", **BEST)
DENSE = Arm("Networks in Networks with a dense head", nin="mlpconv", head="dense", **BEST)
ARMS = dict(zip((NIN, CONV, DENSE), OTHERS, strict=True))
# Data set -> channels of most convolutions: that of CONV for as many multiply-adds as NIN has, that
# of DENSE for as many parameters; tests count both. On CIFAR-10 NIN costs as much as a residual
# network of 20 layers; the paper's has 192.
WIDTHS = {
    "digits": {NIN: 32, CONV: 42, DENSE: 31},
    "cifar10": {NIN: 80, CONV: 108, DENSE: 68},
}
SHARED: dict[str, dict[str, Any]] = {
    "digits": {"model.norm": "batch", "model.dropout": 0.0},
    "cifar10": {"model.norm": "batch"},
}


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
    for networks, width in WIDTHS[dataset].items():
        labels = {"nin": networks.labels["nin"], "head": networks.labels["head"]}
        fields = {
            "model.variant": labels["nin"],
            "model.head": labels["head"],
            "model.width": width,
        }
        network = Network(labels, {"network": "nin"}, fields, SHARED[dataset])
        yield from tuned(recipe, network, seeds)


def hypotheses(dataset: str) -> list[Hypothesis]:
    """What is put to the test, on any data set."""
    return [
        Comparison(
            "nin.mlpconv",
            "mlpconv beats a wider convolution at equal multiply-adds",
            CONV,
            NIN,
            TEST_ERROR,
            more_than(0.5),
        ),
        Comparison(
            "nin.average_pooling",
            "global average pooling narrows the gap between training and test against a dense head",
            DENSE,
            NIN,
            GAP,
            more_than(0.5),
        ),
    ]


def report(rows: Sequence[Row]) -> Report:
    """Hypotheses, final errors and gaps; works on partial results."""
    dataset, recipe = recipe_of(rows)
    names = ["1x1 behind each, mean head", "wider, no 1x1", "dense head"]
    errors = [
        Series(name, colour, networks.select(rows))
        for name, (networks, colour) in zip(names, ARMS.items(), strict=True)
    ]
    gaps = []
    for place, networks in enumerate((NIN, DENSE)):
        found = [gap for row in networks.select(rows) if (gap := GAP.of([row])) is not None]
        gaps.append(dots("", ARMS[networks], [()] * place + [found]))
    points = "test minus training error (points)"
    return report_of(
        f"1x1 convolutions and global average pooling on {recipe.budget}",
        decide(hypotheses(dataset), rows, recipe.primary),
        [
            ends("1x1 or wider, mean or dense", errors),
            Panel("the gap to the test", points, "", gaps, names=[names[0], names[2]]),
        ],
        "Mean ± standard deviation over seeds; faint: every seed. Without 1x1 convolutions the "
        "network is wider, for as many multiply-adds; with a dense head it is narrower, for as "
        "many parameters.",
    )
