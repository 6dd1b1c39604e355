"""The gradient experiment: its cells, what it reads from a run, an outcome for each sentence."""

from dataclasses import replace

import pytest

from experiments import gradient
from experiments.gradient import BARE, BARE_8, PLAIN, PREACT, RESIDUAL, TRAINED
from experiments.recipes import RECIPES
from resinc import config as config_lib
from resinc import report
from resinc.report.outcome import Outcome
from resinc.report.rows import Row
from resinc.runs.status import CellState
from tests.experiments.finished import check_samples

PLAIN_EARLY, RESIDUAL_EARLY = (gradient.early(kind, RECIPES["digits"]) for kind in gradient.KINDS)
STEPS = 120


def norms(slope, first=1.0, blocks=9):
    """Of three stages; each loses `slope` decades a layer, and starts at a level of its own."""
    paths = [f"block{b:02d}/conv{c}" for b in range(1, blocks + 1) for c in (1, 2)]
    found = {"stem_conv/kernel": first, "stem_norm/scale": 1e9, "head/kernel": 1e9}
    for stage in (1, 2, 3):
        found |= {
            f"stage{stage}/{p}/kernel": 10 ** (stage + slope * i) for i, p in enumerate(paths)
        }
        found |= {f"stage{stage}/block01/conv1/kernel": 1e9}
        found |= {f"stage{stage}/block01/shortcut/conv/kernel": 1e9}
    return found


def rows(arm, state="done", **given):
    """A run per seed, which scatters by a hundredth."""
    return [_row(arm, seed, 1 + 0.01 * seed, state, **given) for seed in range(10)]


def _row(arm, seed, scatter, state, slope=0.0, first=1.0, lead=1.0, cosine=0.0, nearest=0.1,
         spread=1.0, short=0.5):  # fmt: skip
    speeds = norms(0.0)
    late = [path for path in speeds if path.startswith("stage3")]
    speeds = dict.fromkeys(speeds, 1.0) | dict.fromkeys(late, lead * scatter)
    share = {str(k): 1 / 28 for k in range(28)}
    probes = {
        "shortcut_share": {"0": {"cosine_of_outputs": cosine * scatter}},
        "gradient_correlation": {"0": {"neighbours": nearest * scatter}},
        "jacobian": {"0": {"spread": spread * scatter}},
        "path_lengths": {str(STEPS): {"short": short * scatter, "blocks": 27, "share": share}},
    }
    gradients = {1: norms(slope * scatter, first * scatter), STEPS: norms(slope * scatter)}
    return Row(
        name=f"{arm.name} {seed}",
        state=CellState(state),
        step=STEPS,
        steps=STEPS,
        config={"seed": seed, "data.name": "digits"},
        gradients=gradients,
        updates={1: speeds},
        measurements=probes,
        labels=arm.labels,
    )


# id -> runs of which it is supported; of which it is reversed.
CASES = {
    "shrinks": (
        [(BARE_8, {"first": 1.0}), (BARE, {"first": 0.01})],
        [(BARE_8, {"first": 0.01}), (BARE, {"first": 1.0})],
    ),
    "fades": ([(BARE, {"slope": 0.05})], [(BARE, {"slope": -0.05})]),
    "explodes": ([(PLAIN, {"slope": -0.05})], [(PLAIN, {"slope": 0.05})]),
    "fades_in_training": (
        [(PLAIN_EARLY, {"slope": 0.05})],
        [(PLAIN_EARLY, {"slope": -0.05})],
    ),
    "freezes": (
        [(PLAIN_EARLY, {"lead": 5.0}), (RESIDUAL_EARLY, {"lead": 1.2})],
        [(PLAIN_EARLY, {"lead": 0.1}), (RESIDUAL_EARLY, {"lead": 1.2})],
    ),
    "flat": (
        [(PLAIN, {"slope": -0.1}), (RESIDUAL, {"slope": 0.01})],
        [(PLAIN, {"slope": 0.01}), (RESIDUAL, {"slope": 0.1})],
    ),
    "direct": (
        [(RESIDUAL, {"cosine": 0.8}), (PREACT, {"cosine": 0.7})],
        [(RESIDUAL, {"cosine": 0.8}), (PREACT, {"cosine": -0.8})],
    ),
    "shattered": (
        [(RESIDUAL, {"nearest": 0.5}), (PLAIN, {"nearest": -0.01})],
        [(RESIDUAL, {"nearest": 0.1}), (PLAIN, {"nearest": 0.5})],
    ),
    "short_paths": ([(TRAINED, {"short": 0.8})], [(TRAINED, {"short": 0.2})]),
    "isometry": (
        [(RESIDUAL, {"spread": 1.0}), (PLAIN, {"spread": 3.0})],
        [(RESIDUAL, {"spread": 3.0}), (PLAIN, {"spread": 1.0})],
    ),
}
HYPOTHESES = {found.id.removeprefix("gradient."): found for found in gradient.hypotheses("digits")}


def of(case, **changed):
    return [row for arm, given in case for row in rows(arm, **given, **changed)]


def test_every_hypothesis_has_a_case():
    assert CASES.keys() == HYPOTHESES.keys()


@pytest.mark.parametrize("name", CASES)
def test_outcomes_follow_the_runs(name):
    supported, opposed = CASES[name]
    judge = HYPOTHESES[name].judge
    assert judge(of(supported)).outcome == Outcome.SUPPORTED
    assert judge(of(opposed)).outcome == Outcome.REVERSED
    assert judge(of(supported)[6:]).outcome == Outcome.UNDECIDED
    assert judge([*of(supported)[1:], *of(supported, state="running")[:1]]).outcome == (
        Outcome.UNDECIDED
    )


def test_slope_is_within_stages_and_of_kernels_of_one_shape():
    assert gradient.fading(norms(0.03)) == pytest.approx(0.03)


def test_gradient_as_training_proceeds_is_that_of_the_last_early_step():
    later = {1: norms(0.0), 500: norms(0.2), 501: norms(9.0)}
    row = replace(rows(PLAIN_EARLY)[0], gradients=later)
    assert gradient.LOST_EARLY.of([row]) == pytest.approx(0.2)
    assert gradient.LOST.of([row]) == pytest.approx(0.0)


def test_speeds_are_the_geometric_mean_of_the_early_steps_alone():
    paths = norms(0.0)
    moved = {1: dict.fromkeys(paths, 1.0), 500: dict.fromkeys(paths, 4.0)}
    row = replace(rows(PLAIN_EARLY)[0], updates=moved | {501: dict.fromkeys(paths, 1e9)})
    assert set(gradient.speeds(row)) == set(gradient.kernels(paths))
    assert {round(speed, 9) for speed in gradient.speeds(row).values()} == {2.0}


@pytest.mark.parametrize("dataset", RECIPES)
def test_every_hypothesis_has_its_sample_of_cells_that_load(dataset):
    cells = list(gradient.sweep(dataset))
    check_samples(cells, gradient.hypotheses(dataset))
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags)
        assert config.log_gradients or cell.labels.get("pilot")
        assert (config.model.padding == "circular") == (config.model.norm == "none")


def test_first_steps_are_those_of_the_whole_run():
    cells = [cell for cell in gradient.sweep("cifar10") if cell.overrides["seed"] == 0]
    early, whole = (
        config_lib.load(cell.recipe, cell.flags)
        for cell in cells
        if cell.labels.get("early", cell.labels.get("kind")) == "residual"
    )
    assert (early.steps, early.schedule.steps) == (gradient.EARLY, whole.steps)
    assert early.schedule.warmup == whole.schedule.warmup
    assert early.data == whole.data


def test_report_of_finished_and_of_no_runs_is_written(tmp_path):
    known = [row for name in ("explodes", "freezes", "short_paths") for row in of(CASES[name][0])]
    known = list({row.name: row for row in known}.values())
    report.write(gradient.report(known), known, tmp_path)
    assert "Supported." in (tmp_path / "table.md").read_text()
    new = [Row("new", CellState.NEW, config={"data.name": "digits"}, labels=PLAIN.labels)]
    assert "gradient than the late ones: undecided." in gradient.report(new).answer
    assert all(panel.empty for panel in gradient.report(new).panels)
