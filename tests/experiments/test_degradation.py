"""The cells of the sweep, and the hypotheses judged from runs made up for them."""

from dataclasses import replace

import pytest

from experiments import degradation
from experiments.recipes import IMAGENET, RECIPES
from resinc import config as config_lib
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.report.outcome import Outcome
from resinc.report.rows import Point, Row
from resinc.runs.status import CellState


@pytest.mark.parametrize("dataset", [*RECIPES, *IMAGENET])
def test_cells_load_and_pilots_come_before_what_waits_for_them(dataset):
    cells = list(degradation.sweep(dataset, seeds=2, steps=40))
    check_cells(cells)
    places = {cell.name: i for i, cell in enumerate(cells)}
    assert all(places[p] < places[cell.name] for cell in cells for p in cell.pilots)
    for cell in cells[:: len(cells) // 8]:
        config = config_lib.load(cell.recipe, cell.flags)
        assert config.data.name == dataset
        assert config.steps == 40
        assert config.model.block == cell.labels["kind"]
        assert config.model.depth == cell.labels["depth"]


def test_each_network_is_tried_at_every_rate_on_a_seed_that_is_not_judged():
    cells = list(degradation.sweep("cifar10"))
    rates = RECIPES["cifar10"].rates
    for kind, depth in (("plain", 56), ("residual", 20)):
        group = [c for c in cells if (c.labels["kind"], c.labels["depth"]) == (kind, depth)]
        pilots = [cell for cell in group if cell.labels.get("pilot")]
        assert [cell.overrides["optimizer.lr"] for cell in pilots] == list(rates)
        judged = [cell for cell in group if not cell.labels.get("pilot")]
        assert [cell.overrides["seed"] for cell in judged] == [0, 1, 2, 3, 4]
        assert all(cell.pilots == tuple(p.name for p in pilots) for cell in judged)
        assert not {c.overrides["seed"] for c in pilots} & {c.overrides["seed"] for c in judged}


def test_imagenet_has_the_networks_of_the_paper_and_chooses_on_examples_held_out():
    cells = list(degradation.sweep("imagenet2012"))
    assert len(cells) == 4 * (3 + 5)
    configs = {c.args["network"]: config_lib.load(c.recipe, c.flags) for c in cells}
    assert set(configs) == {"plain-18", "plain-34", "resnet-18", "resnet-34"}
    for name, config in configs.items():
        assert (config.steps, config.batch_size) == (600_000, 256)
        assert config.data.validation_size == 50_000
        assert config.model.shortcut == ("A" if name.startswith("resnet") else "B")


def test_split_follows_the_seed_on_the_digits_alone():
    for dataset, follows in (("digits", True), ("cifar10", False)):
        cell = next(c for c in degradation.sweep(dataset) if c.overrides["seed"] == 3)
        assert cell.shared.get("data.split_seed") == (3 if follows else None)


def test_nothing_to_run_is_refused():
    with pytest.raises(InputError, match="seeds 0 is not positive"):
        list(degradation.sweep(seeds=0))
    with pytest.raises(InputError, match="dataset 'digit'"):
        list(degradation.sweep("digit"))


# (kind, depth) -> training error in %.
ERRORS = {
    ("plain", 20): 4.0, ("plain", 56): 40.0,
    ("plain", 18): 4.0, ("plain", 34): 40.0, ("residual", 18): 4.0,
    ("residual", 20): 4.0, ("residual", 32): 3.0, ("residual", 44): 2.0, ("residual", 56): 1.0,
}  # fmt: skip


def rows(dataset, cells=(), errors=ERRORS, gap=5.0):
    """A finished run of each of these cells, or of the sweep's; at one of all rates plain networks
    train to 20 layers."""
    found = []
    for cell in cells or degradation.sweep(dataset):
        kind, depth = cell.labels["kind"], cell.labels["depth"]
        error = errors.get((kind, depth), 1.0) + cell.overrides["seed"] % 5 / 20
        if cell.labels.get("map"):
            error = 1.0 if cell.labels["rate"] == 0.02 and (kind, depth) <= ("plain", 20) else 60.0
            error = 1.0 if kind == "residual" and cell.labels["rate"] == 0.02 else error
        ends = {"train": error, "validation": error + gap, "test": error + gap}
        rate = cell.overrides.get("optimizer.lr", 0.1)
        config = {"seed": cell.overrides["seed"], "optimizer.lr": rate, "data.name": dataset}
        found.append(
            Row(
                cell.name,
                CellState.DONE,
                step=100,
                steps=100,
                config={**config, "model.depth": depth},
                evals={s: (Point(100, e / 100, e / 50, 10_000),) for s, e in ends.items()},
                labels=cell.labels,
            )
        )
    return found


@pytest.mark.parametrize("dataset", [*RECIPES, *IMAGENET])
def test_all_is_supported_by_runs_as_the_story_tells_them(dataset):
    found = degradation.report(rows(dataset))
    outcomes = {finding.id: finding.outcome for finding in found.findings}
    assert set(outcomes.values()) == {Outcome.SUPPORTED}, found.findings
    own = {
        "digits": {"any_rate"},
        "cifar10": {"strictly", "not_overfitting"},
        "imagenet2012": {"not_overfitting"},
    }[dataset]
    assert {name.split(".")[1] for name in outcomes} == {"plain", "residual", "interaction"} | own
    shallow, _, deep = degradation.depths_of(dataset)
    first = found.findings[0].told
    assert first.startswith(f"{deep}-layer plain networks end at 40.1 % training error, {shallow}-")
    assert found.answer.startswith(
        "A deep plain network trains worse than a shallower one: supported. With shortcuts"
    )


def outcomes_of(dataset, **changes):
    found = degradation.report(rows(dataset, **changes))
    return {finding.id: finding.outcome for finding in found.findings}


def test_depth_that_does_no_harm_is_no_material_effect():
    found = outcomes_of("cifar10", errors=ERRORS | {("plain", 56): 4.1})
    assert found["degradation.plain"] == Outcome.IMMATERIAL
    assert found["degradation.not_overfitting"] == Outcome.IMMATERIAL


def test_residual_networks_that_degrade_reverse_their_sentence():
    found = outcomes_of("cifar10", errors=ERRORS | {("residual", 56): 9.0})
    assert found["degradation.residual"] == Outcome.REVERSED
    # Three seeds tell that it holds, not which of three steps breaks it.
    assert found["degradation.strictly"] == Outcome.UNDECIDED


def test_a_budget_that_teaches_the_shallow_network_nothing_tests_nothing():
    found = outcomes_of("cifar10", errors=dict.fromkeys(ERRORS, 50.0))
    assert set(found.values()) == {Outcome.UNTESTABLE}


def test_deepest_that_trains_takes_the_best_rate_of_each_depth():
    cells = [r for r in rows("digits") if r.labels.get("map") and r.config["seed"] == 0]
    of = {k: [r for r in cells if r.labels["kind"] == k] for k in degradation.KINDS}
    assert degradation.deepest_that_trains(of["plain"]) == 20
    assert degradation.deepest_that_trains(of["residual"]) == 110
    assert degradation.deepest_that_trains([]) == 4


def test_map_has_every_depth_and_rate_and_crosses_what_diverged():
    found = rows("digits")
    one = next(i for i, row in enumerate(found) if row.labels.get("map"))
    found[one] = replace(found[one], state=CellState.DIVERGED)  # 110 layers, plain, 0.001.
    plain, residual = degradation.report(found).panels[:2]
    assert (plain.title, residual.title) == degradation.KINDS
    assert plain.grid.x == [str(depth) for depth in degradation.DEPTHS]
    assert plain.grid.y == [f"{rate:g}" for rate in RECIPES["digits"].rates]
    at = plain.grid.y.index("0.02")
    assert [value < 2 for value in plain.grid.values[at]] == [True] * 3 + [False] * 5
    assert max(residual.grid.values[at]) < 2
    assert plain.grid.crossed == [(0, 7)]
    assert plain.grid.scale == residual.grid.scale


def test_map_alone_can_be_run_and_shown():
    cells = list(degradation.sweep(seeds=3, pilots=False))
    assert len(cells) == 2 * 8 * 8 * 3
    assert all(cell.labels["map"] for cell in cells)
    maps = degradation.report([row for row in rows("digits") if row.labels.get("map")])
    assert [panel.title for panel in maps.panels] == list(degradation.KINDS)
    with pytest.raises(InputError, match="nothing to run"):
        list(degradation.sweep("cifar10", pilots=False))


def test_a_quick_look_tells_what_it_measured_and_decides_nothing():
    cells = list(degradation.sweep(seeds=2, steps=40, depths=(8, 56)))
    check_cells(cells)
    assert [cell.labels["depth"] for cell in cells] == [56] * 4 + [8] * 4
    assert not any(cell.pilots or "optimizer.lr" in cell.overrides for cell in cells)
    found = degradation.report(rows("digits", cells=cells))
    assert found.findings == ()
    assert found.answer == (
        "Training error at the last step, 8 layers: plain 1.0 %, residual 1.0 %; 56 layers: plain "
        "40.0 %, residual 1.0 %. Undecided: this is a quick look with 2 seeds at one learning "
        "rate; `make evidence` decides."
    )
    assert [panel.title for panel in found.panels] == ["at the last step", "56 layers"]
    unfinished = [replace(row, state=CellState.RUNNING, evals={}) for row in rows("digits", cells)]
    assert "8 layers: no run has ended" in degradation.report(unfinished).answer
