"""Auxiliary classifiers: the loss at a quarter decides, of whatever became of the runs."""

from dataclasses import replace

import pytest

from experiments import auxiliary
from resinc import report
from resinc.launch.cell import check_cells
from resinc.report.outcome import Outcome
from resinc.report.rows import Point
from tests.experiments.finished import STEPS, finished, interrupted


def rows(using):
    """Loss at a quarter of networks with auxiliary classifiers; 1 nat without."""
    cells = list(auxiliary.sweep(seeds=5))
    check_cells(cells)

    def train(row):
        loss = using if "auxiliary" in row.labels["kind"] else 1.0
        loss += 0.01 * (row.config["seed"] % 5)
        return (Point(STEPS // 4, 0.3, loss), Point(STEPS, 0.0, 0.0))

    return [replace(row, train=train(row)) for row in finished(cells, lambda _: 1.0)]


@pytest.mark.parametrize(("using", "expected"), [(0.5, Outcome.SUPPORTED), (2.0, Outcome.REVERSED)])
def test_outcome_follows_the_loss_at_a_quarter(using, expected, tmp_path):
    (found,) = auxiliary.hypotheses("digits")
    assert found.judge(rows(using)).outcome == expected
    partial = interrupted(rows(using))
    assert found.judge(partial).outcome == Outcome.UNDECIDED
    report.write(auxiliary.report(partial), partial, tmp_path)


def test_networks_that_are_compared_differ_in_the_classifiers_alone():
    without, using = (
        [c for c in auxiliary.sweep(seeds=1) if networks.labels.items() <= c.labels.items()][-1]
        for networks in (auxiliary.WITHOUT, auxiliary.WITH)
    )
    assert using.overrides == {**without.overrides, "model.auxiliary_heads": 2}
    assert (using.args, using.shared) == (without.args, without.shared)
