"""What holds of every experiment that judges: its report in any state of its runs, its samples."""

import functools
from dataclasses import replace

import pytest

from experiments import auxiliary, bottleneck, degradation, gradient, identity, inception, nin
from experiments.recipes import RECIPES
from resinc.report.comparison import out_of_reach
from resinc.report.outcome import UNFINISHED, Outcome
from resinc.runs.shape import MEASUREMENTS, kept
from resinc.runs.status import CellState
from tests.experiments.finished import finished, measured

JUDGING = (auxiliary, bottleneck, degradation, gradient, identity, inception, nin)
EVERY = pytest.mark.parametrize(
    ("experiment", "dataset"),
    [(experiment, dataset) for experiment in JUDGING for dataset in RECIPES],
    ids=lambda value: getattr(value, "__name__", value),
)


@functools.cache
def rows(experiment, dataset):
    return finished(experiment.sweep(dataset), lambda labels: 5.0)


def become(row, state):
    return replace(row, state=state, step=0, train=(), evals={}, gradients={}, updates={},
                   measurements={})  # fmt: skip


def judged(experiment, dataset, rows):
    """Findings of a report, one per hypothesis."""
    report = experiment.report(rows)
    assert report.answer
    hypotheses = experiment.hypotheses(dataset)
    assert [found.id for found in report.findings] == [hypothesis.id for hypothesis in hypotheses]
    assert [found.sentence for found in report.findings] == [h.sentence for h in hypotheses]
    return report.findings


def test_what_is_made_up_has_the_shape_of_what_probes_find():
    assert kept(measured(120), MEASUREMENTS) == measured(120)


@EVERY
def test_before_any_run_has_ended_nothing_is_decided(experiment, dataset):
    new = [become(row, CellState.NEW) for row in rows(experiment, dataset)]
    for found in judged(experiment, dataset, new):
        assert found.outcome == Outcome.UNDECIDED
        assert UNFINISHED in found.told


@EVERY
def test_what_waits_for_half_of_the_runs_is_undecided(experiment, dataset):
    whole = rows(experiment, dataset)
    half = [row if i % 2 else become(row, CellState.RUNNING) for i, row in enumerate(whole)]
    assert {f.outcome for f in judged(experiment, dataset, half)} == {Outcome.UNDECIDED}


@EVERY
def test_when_all_runs_have_ended_every_hypothesis_has_its_numbers(experiment, dataset):
    for found in judged(experiment, dataset, rows(experiment, dataset)):
        assert UNFINISHED not in found.told
        assert " has no " not in found.told
        assert "nan" not in found.told


@EVERY
def test_an_arm_that_diverged_is_named_and_decides_no_more_than_chance_does(experiment, dataset):
    whole = rows(experiment, dataset)
    for hypothesis in experiment.hypotheses(dataset):
        for part in getattr(hypothesis, "parts", [hypothesis]):
            for arm in part.samples:
                gone = {row.name for row in arm.select(whole)}
                changed = [
                    become(row, CellState.DIVERGED) if row.name in gone else row for row in whole
                ]
                found = part.judge(changed)
                assert UNFINISHED not in found.told, (part.id, arm.name)
                assert any(name in found.told for name in gone), (part.id, arm.name)
    assert judged(experiment, dataset, changed)


@EVERY
def test_every_hypothesis_can_be_supported_by_the_runs_that_were_fixed_for_it(experiment, dataset):
    for hypothesis in experiment.hypotheses(dataset):
        assert "supported" not in out_of_reach(hypothesis, RECIPES[dataset].primary), hypothesis.id


@pytest.mark.parametrize("dataset", RECIPES)
def test_as_many_are_primary_as_findings_are_adjusted_for(dataset):
    hypotheses = [h for experiment in JUDGING for h in experiment.hypotheses(dataset)]
    assert sum(h.primary for h in hypotheses) == RECIPES[dataset].primary
