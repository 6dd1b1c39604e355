"""Bottlenecks: what differs between the networks compared, and outcomes that follow the runs."""

import pytest

from configs import base
from experiments import bottleneck
from experiments.recipes import WIDTHS
from resinc import config as config_lib
from resinc import networks, report
from resinc.cost.count import network_cost
from resinc.launch.cell import check_cells
from resinc.report.outcome import Outcome
from tests.experiments.finished import finished, interrupted


def rows(**errors):
    """Training error in % by kind of block; 5 where it is not given."""
    cells = bottleneck.sweep(seeds=5)
    return finished(cells, lambda labels: errors.get(labels["kind"], 5.0))


def outcomes(rows):
    return [found.judge(rows).outcome for found in bottleneck.hypotheses("cifar10")]


def test_cells_load_and_are_as_wide_as_planned():
    cells = list(bottleneck.sweep("digits", seeds=1, steps=40))
    check_cells(cells)
    for cell in cells[::9]:
        config = config_lib.load(cell.recipe, cell.flags)
        key = (cell.labels["kind"], cell.labels["depth"])
        assert (config.model.block, config.model.depth) == key
        assert config.model.width == WIDTHS.get(key, 16)


def test_modules_compared_are_equally_deep_and_wide_and_blocks_equally_costly():
    def cost(kind, depth):
        section = base.get_config().model
        section.update(block=kind, depth=depth, width=WIDTHS.get((kind, depth), 16))
        return network_cost(networks.build(section, 10), (32, 32, 3))

    reduced, whole = cost("inception", 20), cost("inception_unreduced", 20)
    assert reduced.depth == whole.depth == 20
    assert WIDTHS["inception", 20] == WIDTHS["inception_unreduced", 20]
    assert whole.multiply_adds > 3 * reduced.multiply_adds
    bottlenecks, basic = cost("bottleneck", 56), cost("residual", 56)
    assert bottlenecks.depth == basic.depth == 56
    assert bottlenecks.multiply_adds == pytest.approx(basic.multiply_adds, rel=0.05)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ({"residual": 6.0}, Outcome.SUPPORTED),
        ({"inception": 7.0, "bottleneck": 9.0}, Outcome.REVERSED),
    ],
)
def test_outcomes_follow_the_runs(errors, expected):
    assert outcomes(rows(**errors)) == [expected] * 2
    assert outcomes(interrupted(rows(**errors))) == [Outcome.UNDECIDED] * 2


def test_partial_results_are_written(tmp_path):
    partial = interrupted(rows())[:30]
    report.write(bottleneck.report(partial), partial, tmp_path)
    assert "bottleneck.free" in (tmp_path / "table.md").read_text()
