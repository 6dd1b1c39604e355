"""The experiment on 1x1 convolutions: equal costs, and a verdict that follows the errors."""

import pytest

from experiments import network_in_network as experiment
from resinc import config as config_lib
from resinc import networks, report
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.report.rows import Point, Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.measured import measured

WORSE = {experiment.PARAMETERS: 2.0, experiment.MULTIPLY_ADDS: 2.0, experiment.DENSE: 2.0}


def variant_of(cell):
    fields = tuple(cell.overrides[f"model.{name}"] for name in ("variant", "head", "width"))
    widths = experiment.RECIPES["digits"].widths
    places = zip(experiment.VARIANTS, widths, strict=True)
    return {(*experiment.FIELDS[v], w): v for v, w in places}[fields]


def rows(more=WORSE, seeds=3):
    """Test error of each variant is 4 % and so many points more."""
    found = []
    for cell in experiment.sweep(seeds=seeds):
        if cell.task == "measure":
            found.append(measured(cell, 4.0, 3.0))
            continue
        error = (4 + more.get(variant_of(cell), 1.0) + 0.1 * cell.overrides["seed"]) / 100
        if variant_of(cell) == experiment.NIN:
            error -= 0.01
        points = {split: (Point(120, error, 0.1),) for split in ("train", "validation", "test")}
        config = dict(config_lib.flatten(config_lib.load(cell.recipe, cell.flags)))
        counts = {"parameters": 28_000, "multiply_adds": 414_000}
        found.append(Row(cell.name, CellState.DONE, "", 120, 120, 5.0, config, counts, (), points))
    return found


@pytest.mark.parametrize(("dataset", "image"), [("digits", (8, 8, 1)), ("cifar10", (32, 32, 3))])
def test_widened_networks_cost_the_same_within_five_percent(dataset, image):
    costs = {}
    cells = [c for c in experiment.sweep(dataset, seeds=1) if c.task == "train"]
    for variant, cell in zip(experiment.VARIANTS, cells, strict=True):
        config = config_lib.load(cell.recipe, cell.flags)
        costs[variant] = network_cost(networks.build(config.model, 10), image)
    own = costs[experiment.NIN]
    for variant in (experiment.PARAMETERS, experiment.DENSE):
        assert costs[variant].parameters == pytest.approx(own.parameters, rel=0.05)
    equal = costs[experiment.MULTIPLY_ADDS].multiply_adds
    assert equal == pytest.approx(own.multiply_adds, rel=0.05)
    assert costs[experiment.BARE].parameters < 0.7 * own.parameters


def test_cells_train_and_measure_and_differ_in_nothing_else():
    cells = list(experiment.sweep(steps=40))
    check_cells(cells)
    assert {cell.task for cell in cells} == {"train", "measure"}
    trained = [config_lib.load(c.recipe, c.flags) for c in cells if c.task == "train"]
    assert {(c.steps, c.model.norm, c.model.dropout) for c in trained} == {(40, "batch", 0.0)}
    with pytest.raises(InputError, match="seeds 0 is not positive"):
        list(experiment.sweep(seeds=0))
    with pytest.raises(InputError, match="dataset"):
        list(experiment.sweep("imagenet"))


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, Verdict.SUPPORTED),
        ({experiment.DENSE: -2.0}, Verdict.REFUTED),
        ({experiment.MULTIPLY_ADDS: 0.05}, Verdict.UNDECIDED),
    ],
)
def test_verdict_needs_all_three_comparisons(change, verdict):
    found = experiment.report(rows({experiment.NIN: 1.0, **WORSE, **change}))
    assert found.verdict == verdict


def test_shapes_and_errors_are_in_the_answer():
    found = experiment.report(rows())
    assert "28x28x192 into 28x28x32" in found.answer
    assert "28x28x192 into 14x14x192" in found.answer
    assert "4.0 and 4.0 times faster" in found.answer
    assert "(worse)" in found.answer
    assert found.table.lines[0][:4] == [experiment.NIN, "32", "28,000", "414,000"]


def test_partial_results_are_reported(tmp_path):
    whole = rows()
    for part in (whole[:1], whole[1:3], whole[:7]):
        found = experiment.report(part)
        report.write(found, part, tmp_path)
        assert found.verdict == Verdict.UNDECIDED
    found = experiment.report([Row(r.name, CellState.NEW, config=r.config) for r in whole])
    assert "No Network in Network has finished" in found.answer
    with pytest.raises(InputError, match="nothing to report"):
        experiment.report(whole[-1:])
