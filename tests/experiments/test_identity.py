"""The identity experiment: its cells, and an outcome for each sentence."""

import pytest

from experiments import identity
from experiments.identity import (
    CHANGED,
    GROWN,
    PLAIN_20,
    PLAIN_56,
    RESIDUAL_20,
    RESIDUAL_56,
    RESIDUAL_110,
    SCALED,
    STACKS,
    STARTS,
)
from experiments.recipes import RECIPES
from resinc import config as config_lib
from resinc import report
from resinc.report.arms import PILOT
from resinc.report.outcome import Outcome
from resinc.report.rows import Point, Row
from resinc.runs.status import CellState
from tests.experiments.finished import check_samples

STEPS, RATES = 120, (0.01, 0.1, 1.0)


def rows(networks, error, cost=0.0, state="done"):
    """A run per seed at an error in %, which scatters by a hundredth; pilots at three rates."""
    pilots = [_row(networks, 100, error, cost, rate, "done", pilot=True) for rate in RATES]
    judged = [_row(networks, s, error * (1 + 0.01 * s), cost, 0.1, state) for s in range(5)]
    return [*judged, *pilots]


def _row(networks, seed, error, cost, rate, state, **labels):
    ends = Point(STEPS, error / 100, error / 50 + 1e-3, 1000)
    errors = {"whole": 0.01, "removed": {"stage1/block02": 0.01 + (cost + seed / 10) / 100}}
    return Row(
        f"{networks.name} {seed} {rate}",
        CellState(state),
        step=STEPS,
        steps=STEPS,
        config={"seed": seed, "data.name": "digits", "optimizer.lr": rate},
        evals={"train": (ends,), "test": (ends,)} if state == "done" else {},
        measurements={"lesions": {str(STEPS): {"reestimated": errors}}},
        labels={**networks.labels, **labels},
    )


# id -> {networks: training error, or (error, cost of a block)}: supported; reversed.
CASES = {
    "holds": ({GROWN: 0.1, PLAIN_20: 0.1}, {GROWN: 9.0, PLAIN_20: 0.1}),
    "not_reached": ({PLAIN_56: 70.0, GROWN: 0.1}, {PLAIN_56: 0.1, GROWN: 9.0}),
    "start": (
        {STARTS["dirac"]: 0.2, STARTS["looks_linear"]: 30.0, RESIDUAL_56: 0.1},
        {STARTS["dirac"]: 30.0, STARTS["looks_linear"]: 30.0, RESIDUAL_56: 0.1},
    ),
    "lesion": (
        {PLAIN_20: (1.0, 60.0), RESIDUAL_20: (1.0, 2.0)},
        {PLAIN_20: (1.0, 2.0), RESIDUAL_20: (1.0, 60.0)},
    ),
    "downscaling": ({SCALED: 0.1, RESIDUAL_110: 0.1}, {SCALED: 9.0, RESIDUAL_110: 0.1}),
    "learned": (
        {STACKS["plain"]: 50.0, STACKS["residual"]: 21.0},
        {STACKS["plain"]: 21.0, STACKS["residual"]: 50.0},
    ),
    "shortcut_kind": (
        {**dict.fromkeys(CHANGED.values(), 2.0), RESIDUAL_56: 0.1},
        {**dict.fromkeys(CHANGED.values(), 0.1), RESIDUAL_56: 2.0},
    ),
}
HYPOTHESES = {found.id.removeprefix("identity."): found for found in identity.hypotheses("digits")}


def of(case, first="done"):
    """The runs of a case, one of the first networks in another state."""
    found = []
    for networks, values in case.items():
        found += rows(networks, *(values if isinstance(values, tuple) else (values,)))
    networks, seed = next(iter(case)), 0
    changed = _row(networks, seed, 1.0, 1.0, 0.1, first)
    return found if first == "done" else [changed, *found[1:]]


def test_every_hypothesis_has_a_case():
    assert CASES.keys() == HYPOTHESES.keys()


@pytest.mark.parametrize("name", CASES)
def test_outcomes_follow_the_runs(name):
    supported, opposed = CASES[name]
    judge = HYPOTHESES[name].judge
    assert judge(of(supported)).outcome == Outcome.SUPPORTED
    assert judge(of(opposed)).outcome == Outcome.REVERSED
    assert judge(of(supported, "running")).outcome == Outcome.UNDECIDED


def test_one_kind_of_shortcut_that_does_no_harm_reverses_nothing_but_is_not_enough():
    case = CASES["shortcut_kind"][0] | {CHANGED["gated"]: 0.1}
    assert HYPOTHESES["shortcut_kind"].judge(of(case)).outcome == Outcome.UNDECIDED


@pytest.mark.parametrize("dataset", RECIPES)
def test_every_hypothesis_has_its_sample_of_cells_that_load(dataset):
    cells = list(identity.sweep(dataset))
    check_samples(cells, identity.hypotheses(dataset))
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags)
        stack = config.objective == "reproduce"
        assert stack == bool(cell.labels.get("stack")) == (config.model.name == "stack")
        assert stack == (config.data.normalize == "none")


def test_grown_networks_start_from_the_shallow_ones_of_their_seed_at_a_rate_of_their_own():
    cells = {cell.name: cell for cell in identity.sweep("digits")}
    grown = [cell for cell in cells.values() if cell.labels.get("grown")]
    pilots = [cell for cell in grown if PILOT in cell.labels]
    judged = [cell for cell in grown if PILOT not in cell.labels]
    assert len(judged) == 5
    for cell in grown:
        start = cells[cell.start]
        assert start.labels.items() >= {"kind": "plain", "depth": identity.SHALLOW}.items()
        assert start.overrides["seed"] == cell.overrides["seed"]
        assert {cells[name].labels["depth"] for name in start.pilots} == {identity.SHALLOW}
        assert cell.args["depth"] == identity.DEEP
    # Chosen on a seed that is not judged, shallow network and all.
    assert {cell.pilots for cell in judged} == {tuple(cell.name for cell in pilots)}
    assert [cell.overrides["optimizer.lr"] for cell in pilots] == list(RECIPES["digits"].rates)
    assert not {cell.start for cell in pilots} & {cell.start for cell in judged}


def test_report_of_finished_and_of_no_runs_is_written(tmp_path):
    known = [row for case, _ in CASES.values() for row in of(case)]
    known = list({row.name: row for row in known}.values())
    report.write(identity.report(known), known, tmp_path)
    assert "Supported." in (tmp_path / "table.md").read_text()
    new = [Row("new", CellState.NEW, config={"data.name": "cifar10"}, labels=GROWN.labels)]
    assert "trains as well as before: undecided." in identity.report(new).answer
    assert all(panel.empty for panel in identity.report(new).panels)


def test_lesions_probed_are_those_of_the_shallow_networks():
    for cell in identity.sweep("digits"):
        probes = cell.shared.get("probes", ())
        shallow = any(a.labels.items() <= cell.labels.items() for a in (PLAIN_20, RESIDUAL_20))
        assert ("lesions" in probes) == (shallow and not cell.labels.get("pilot"))
