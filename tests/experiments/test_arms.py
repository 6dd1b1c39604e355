"""What has not ended decides nothing, what diverged counts as chance: in every experiment."""

from dataclasses import replace

import pytest

from experiments import auxiliary, combination, depth, generalisation, inception
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done


def networks(kinds, config=None):
    """(block, depth) -> training and test error in %; three seeds each."""
    return [
        done(block, layers, seed, error, train=error, config=config)
        for (block, layers), error in kinds.items()
        for seed in range(3)
    ]


def degrading():
    return networks(
        {("plain", 8): 1.0, ("plain", 56): 80.0, ("residual", 8): 1.0, ("residual", 56): 1.0}
    )


def with_heads(without, using):
    return [
        row
        for heads, error in ((0, without), (2, using))
        for row in networks({("plain", 56): error}, {auxiliary.FIELD: heads})
    ]


def blocks(table, names):
    return networks({(block, layers): 9.0 for block, (_, layers, _) in names.items()} | table)


# experiment -> (rows by which it is supported, the name of those that may diverge without harm).
SUPPORTED = {
    depth: (degrading(), "plain 56"),
    generalisation: (degrading(), "plain 56"),
    auxiliary: (with_heads(80.0, 2.0), "plain 56 0 {'model.auxiliary_heads': 0}"),
    inception: (blocks({("inception", 20): 2.0}, inception.NETWORKS), "only_1x1"),
    combination: (
        networks({("plain", 56): 9.0, ("residual", 56): 9.0, ("inception", 56): 9.0,
                  ("inception_residual", 56): 2.0}),
        "inception 56",
    ),
}  # fmt: skip
EXPERIMENTS = pytest.mark.parametrize(
    ("experiment", "rows", "worse"),
    [(experiment, *values) for experiment, values in SUPPORTED.items()],
    ids=[experiment.__name__ for experiment in SUPPORTED],
)


@EXPERIMENTS
def test_while_a_planned_run_is_unfinished_nothing_is_decided_and_it_is_named(
    experiment, rows, worse
):
    assert experiment.report(rows).verdict == Verdict.SUPPORTED
    for state in (CellState.RUNNING, CellState.FAILED, CellState.NEW):
        partial = [replace(rows[-1], state=state, evals={}), *rows[:-1]]
        found = experiment.report(partial)
        assert found.verdict == Verdict.UNDECIDED
        assert any(rows[-1].name in note for note in found.notes)


@EXPERIMENTS
def test_networks_that_all_diverged_count_as_the_worst(experiment, rows, worse):
    diverged = [
        replace(row, state=CellState.DIVERGED, evals={}) if row.name.startswith(worse) else row
        for row in rows
    ]
    assert diverged != rows
    assert experiment.report(diverged).verdict == Verdict.SUPPORTED


def test_a_network_that_should_be_better_and_diverged_is_not():
    rows, _ = SUPPORTED[inception]
    diverged = [
        replace(row, state=CellState.DIVERGED, evals={})
        if row.config["model.block"].startswith("inception")
        else row
        for row in rows
    ]
    assert inception.report(diverged).verdict == Verdict.REFUTED
