"""Network in Network: equal costs where they are claimed, and outcomes that follow the runs."""

import pytest

from experiments import nin
from experiments.nin import CONV, DENSE, NIN
from resinc import config as config_lib
from resinc import networks, report
from resinc.cost.count import network_cost
from resinc.launch.cell import check_cells
from resinc.report.outcome import Outcome
from tests.experiments.finished import finished, interrupted


def rows(conv=5.0, gap=5.0):
    """Training error of wider convolutions in %, and how far dense heads end above theirs."""
    cells = list(nin.sweep(seeds=5))

    def of(networks):
        return [c for c in cells if networks.labels.items() <= c.labels.items()]

    return [
        *finished(of(NIN), lambda _: 5.0),
        *finished(of(CONV), lambda _: conv),
        *finished(of(DENSE), lambda _: 5.0, gap),
    ]


def outcomes(rows):
    return [found.judge(rows).outcome for found in nin.hypotheses("digits")]


@pytest.mark.parametrize(("dataset", "image"), [("digits", (8, 8, 1)), ("cifar10", (32, 32, 3))])
def test_cells_load_and_what_is_called_equal_costs_the_same(dataset, image):
    cells = list(nin.sweep(dataset, seeds=1, steps=40))
    check_cells(cells)
    costs = {}
    for networks_, width in nin.WIDTHS[dataset].items():
        cell = next(c for c in cells if networks_.labels.items() <= c.labels.items())
        config = config_lib.load(cell.recipe, cell.flags)
        assert (config.data.name, config.steps, config.model.width) == (dataset, 40, width)
        costs[networks_] = network_cost(networks.build(config.model, 10), image)
    assert costs[CONV].multiply_adds == pytest.approx(costs[NIN].multiply_adds, rel=0.05)
    assert costs[DENSE].parameters == pytest.approx(costs[NIN].parameters, rel=0.05)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [((7.0, 8.0), Outcome.SUPPORTED), ((3.0, 2.0), Outcome.REVERSED)],
)
def test_outcomes_follow_the_runs(errors, expected):
    assert outcomes(rows(*errors)) == [expected] * 2
    assert outcomes(interrupted(rows(*errors))) == [Outcome.UNDECIDED] * 2


def test_partial_results_are_written(tmp_path):
    partial = interrupted(rows())[5:20]
    report.write(nin.report(partial), partial, tmp_path)
    assert "nin.mlpconv" in (tmp_path / "table.md").read_text()


def test_answer_tells_of_both_while_the_first_lacks_runs():
    whole = rows(7.0, 8.0)
    assert nin.report(whole).answer.startswith("Networks of wider convolutions end at ")
    assert nin.report(interrupted(whole)).answer == (
        "Mlpconv beats a wider convolution at equal multiply-adds: undecided. Global average "
        "pooling narrows the gap between training and test against a dense head: undecided."
    )
