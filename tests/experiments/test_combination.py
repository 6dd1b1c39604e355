"""Inception, residual or both: equal cost at every depth, and the report."""

import pytest

from configs import base
from experiments import combination
from resinc import config as config_lib
from resinc import networks, report
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done


def rows(errors, seeds=3):
    """{(block, depth): test error in %} -> rows."""
    return [done(b, d, seed, error) for (b, d), error in errors.items() for seed in range(seeds)]


@pytest.mark.parametrize("image", [(8, 8, 1), (32, 32, 3)], ids=["digits", "cifar10"])
@pytest.mark.parametrize("depth", combination.WIDTHS)
def test_multiply_adds_are_equal_within_5_percent(depth, image):
    costs = {}
    for block in combination.NAMES:
        section = base.get_config().model
        section.update(block=block, depth=depth, width=combination.width(block, depth))
        costs[block] = network_cost(networks.build(section, 10), image).multiply_adds
    assert costs["plain"] == costs["residual"]
    for block, found in costs.items():
        assert found == pytest.approx(costs["residual"], rel=0.05), block


def test_cells_load_deepest_first():
    cells = list(combination.sweep("cifar10", seeds=2, steps=40))
    assert len({cell.name for cell in cells}) == len(cells) == 24
    configs = [config_lib.load(cell.recipe, cell.flags) for cell in cells]
    depths = [config.model.depth for config in configs]
    assert depths == sorted(depths, reverse=True)
    assert {(config.data.name, config.steps) for config in configs} == {("cifar10", 40)}
    with pytest.raises(InputError, match=r"depths \(32,\) must be some of 8, 20, 56"):
        list(combination.sweep(depths=(32,)))


@pytest.mark.parametrize(
    ("both", "verdict"), [(1.0, Verdict.SUPPORTED), (2.0, Verdict.REFUTED), (9.0, Verdict.REFUTED)]
)
def test_verdict_is_of_the_deepest(both, verdict):
    shallow = {("residual", 8): 5.0, ("inception", 8): 5.0, ("inception_residual", 8): 1.0}
    deep = {("residual", 56): 2.0, ("inception", 56): 60.0, ("inception_residual", 56): both}
    found = combination.report(rows(shallow | deep))
    assert found.verdict == verdict
    assert found.answer.startswith("Test error at 56 layers and equal multiply-adds: residual 2.0")
    # One of the three is not finished there: the verdict is of the next shallower depth.
    del deep["inception", 56]
    found = combination.report(rows(shallow | deep))
    assert found.verdict == Verdict.SUPPORTED
    assert "at 8 layers" in found.answer


def test_partial_results_are_written(tmp_path):
    planned = {"model.block": "plain", "model.depth": 56, "data.name": "digits"}
    partial = [*rows({("inception", 20): 4.0}, 2), Row("new", CellState.NEW, config=planned)]
    found = combination.report(partial)
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer
    report.write(found, partial, tmp_path)
    with pytest.raises(InputError, match="nothing to report"):
        combination.report([Row("other", CellState.NEW)])
