"""Filters of all sizes and shortcuts: equal costs, and outcomes that follow the runs."""

import functools
from dataclasses import replace

import pytest

from configs import base
from experiments import inception
from experiments.inception import ALL, BRANCHES, SINGLE, cost_of
from experiments.recipes import RECIPES, WIDTHS
from resinc import config as config_lib
from resinc import networks, report
from resinc.cost.count import network_cost
from resinc.probes import check_probes
from resinc.report.outcome import Outcome
from tests.experiments.finished import check_samples, finished, interrupted


def rows(dataset="cifar10", lost=(), **errors):
    """Training error in % by kind of block, 5 where it is not given.

    Args:
      lost: points that the removal of each branch costs, 10 where it is not given.
    """
    cells = list(inception.sweep(dataset))
    costs = dict(zip(BRANCHES, (*lost, *[10.0] * 4), strict=False))

    def branches(row):
        dropped = {b: 0.05 + (c + row.config["seed"] / 20) / 100 for b, c in costs.items()}
        found = {"examples": 2_000, "reestimated": {"error": 0.05, "dropped": dropped}}
        return {"branches": {str(row.steps): found}}

    known = finished(cells, lambda labels: errors.get(labels["kind"], 5.0))
    return [replace(row, measurements=branches(row)) for row in known]


def outcomes(rows):
    return {f.id.removeprefix("inception."): f.outcome for f in inception.report(rows).findings}


@functools.cache
def cost(kind, depth):
    """On CIFAR-10: (weighted layers, multiply-adds of an image without those with the padding)."""
    section = base.get_config().model
    section.update(block=kind, depth=depth, width=WIDTHS.get((kind, depth), 16))
    found = network_cost(networks.build(section, 10), (32, 32, 3))
    return found.depth, found.multiply_adds - found.padding


@pytest.mark.parametrize(
    ("kind", "reference", "depth"),
    [
        *((kind, "inception_naive", inception.FILTERS) for kind in SINGLE),
        ("inception", "residual", inception.DEEP),
        ("inception_residual", "residual", inception.DEEP),
    ],
)
def test_networks_compared_are_equally_deep_and_take_as_many_multiply_adds(kind, reference, depth):
    (own, count), (layers, whole) = cost(kind, depth), cost(reference, depth)
    assert own == layers == depth
    assert count == pytest.approx(whole, rel=0.05)


@pytest.mark.parametrize("dataset", RECIPES)
def test_every_hypothesis_has_its_sample_of_cells_that_load(dataset):
    cells = list(inception.sweep(dataset))
    check_samples(cells, inception.hypotheses(dataset))
    for cell in cells[::3]:
        config = config_lib.load(cell.recipe, cell.flags)
        key = (cell.labels["kind"], cell.labels["depth"])
        assert (config.model.block, config.model.depth) == key
        assert config.model.width == WIDTHS.get(key, 16)
        judged = ALL.labels.items() <= cell.labels.items() and not cell.labels.get("pilot")
        assert ("branches" in config.probes) == judged
        check_probes(config.probes, config.model)


def test_supported_by_runs_as_the_story_tells_them():
    worse = dict.fromkeys(SINGLE, 8.0)
    found = outcomes(rows(inception=15.0, residual=8.0, **worse))
    assert set(found.values()) == {Outcome.SUPPORTED}


def test_one_filter_that_beats_all_of_them_is_a_reversal_but_not_as_one_of_ten():
    found = rows(only_3x3=3.0, only_1x1=9.0)
    assert inception.all_filters().judge(found).outcome == Outcome.REVERSED
    first = inception.report(found).findings[0]
    assert first.outcome == Outcome.UNDECIDED
    assert "By itself this would be reversed" in first.told
    assert "as one of 10 primary hypotheses, can never make it reversed" in first.rule


def test_reversed_where_shortcuts_harm():
    found = outcomes(rows(inception_residual=12.0))
    assert found["shortcuts_rescue"] == found["adds"] == Outcome.REVERSED


def test_no_material_effect_where_all_are_alike():
    assert set(outcomes(rows(lost=[0.0] * 4)).values()) == {Outcome.IMMATERIAL}


def test_what_a_branch_costs_is_no_surer_than_counting_its_mistakes():
    """Of 2,000 images 1 in 20 is 0.5 points, on either side; on 100 it is 2.2."""
    found = rows(lost=[0.0] * 4)[5]
    assert cost_of("branch1").noise([found]) == pytest.approx(0.69, abs=0.03)
    probed = found.measurements["branches"][str(found.steps)]
    fewer = {"branches": {str(found.steps): {**probed, "examples": 100}}}
    assert cost_of("branch1").noise([replace(found, measurements=fewer)]) > 3


def test_a_branch_that_can_go_leaves_undecided_that_every_one_is_needed():
    found = outcomes(rows(lost=[10.0, 10.0, 1.0]))
    assert found["every_branch"] == Outcome.UNDECIDED
    rule = inception.report(rows()).findings[1].rule
    assert rule.endswith("So few runs can never make it reversed.")


def test_networks_that_have_not_learned_test_nothing():
    found = outcomes(rows(inception_naive=60.0, inception_residual=60.0))
    assert set(found.values()) == {Outcome.UNTESTABLE}


@pytest.mark.parametrize("dataset", RECIPES)
def test_while_runs_are_missing_nothing_is_decided_and_results_are_written(dataset, tmp_path):
    partial = interrupted(rows(dataset))
    assert set(outcomes(partial).values()) == {Outcome.UNDECIDED}
    report.write(inception.report(partial), partial, tmp_path)
    assert "inception.shortcuts_rescue" in (tmp_path / "table.md").read_text()
