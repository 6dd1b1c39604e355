"""Axes typed on the command line become cells; what is wrong with them is one sentence."""

import dataclasses
import json

import pytest

from resinc import config as config_lib
from resinc.cli import main
from resinc.errors import InputError
from resinc.launch import plan
from resinc.launch.ablation import Ablation
from resinc.launch.cell import check_cells
from resinc.report import read_sweep
from tests import fabricated

DIGITS = "configs/digits.py"
NETWORKS = ("model.block=plain,residual", "model.depth=8,20")


def cells(*axes, **changes):
    found = Ablation(DIGITS, axes, **changes).cells()
    check_cells(found)
    return found


def labels(found):
    return [tuple(cell.labels.values()) for cell in found]


def test_a_product_has_every_combination_with_every_seed():
    found = cells(*NETWORKS, "optimizer.lr=0.01,0.03,0.1", seeds=5)
    assert len(found) == 2 * 2 * 3 * 5
    assert found[0].labels == {"model.block": "plain", "model.depth": 8, "optimizer.lr": 0.01}
    config = config_lib.load(found[-1].recipe, found[-1].flags)
    assert (config.model.block, config.model.depth) == ("residual", 20)
    assert (config.optimizer.lr, config.seed) == (0.1, 4)


def test_a_zip_takes_the_values_side_by_side():
    assert labels(cells(*NETWORKS, combine="zip")) == [("plain", 8), ("residual", 20)]


def search(*more, **changes):
    changes = {"combine": "random", "samples": 20, **changes}
    return cells("optimizer.lr=log:0.001..1", "model.depth=8,14,20", *more, **changes)


def test_a_random_search_is_drawn_from_its_seed_alone():
    found = labels(search())
    assert found == labels(search())
    assert found == labels(search(samples=40))[:20]
    assert found != labels(search(sample_seed=1))
    wider = labels(search("optimizer.momentum=uniform:0..0.9"))
    assert [values[:2] for values in wider] == found


def test_a_logarithmic_range_has_as_many_values_in_every_decade():
    rates = [lr for lr, _ in labels(search(samples=300))]
    assert all(0.001 <= lr <= 1 for lr in rates)
    for low in (0.001, 0.01, 0.1):
        assert 70 < sum(low <= lr < 10 * low for lr in rates) < 130


def test_a_range_of_whole_numbers_draws_whole_numbers():
    found = labels(cells("batch_size=uniform:16..18", combine="random", samples=3))
    assert sorted(found) == [(16,), (17,), (18,)]


def test_seeds_count_up_from_that_of_the_config():
    found = cells("model.depth=8", overrides=("--config.seed=7", "--config.steps=5"), seeds=2)
    assert [cell.name for cell in found] == ["depth=8,seed=7", "depth=8,seed=8"]
    config = config_lib.load(found[1].recipe, found[1].flags)
    assert (config.seed, config.steps) == (8, 5)


def test_an_argument_of_the_recipe_is_an_axis_too():
    """So the recipe draws its own conclusions: configs/cifar.py warms 110 layers up."""
    found = Ablation("configs/cifar.py:block=plain", ("depth=20,110",)).cells()
    assert [cell.recipe for cell in found] == [
        "configs/cifar.py:block=plain,depth=20",
        "configs/cifar.py:block=plain,depth=110",
    ]
    assert found[1].labels == {"depth": 110}
    assert config_lib.load(found[1].recipe).schedule.warmup > 0


def test_values_of_a_tuple_stand_in_brackets():
    (first, second) = cells("schedule.boundaries=(0.5,0.75),(0.9,)")
    assert first.labels == {"schedule.boundaries": "(0.5, 0.75)"}
    assert config_lib.load(second.recipe, second.flags).schedule.boundaries == (0.9,)


@pytest.mark.parametrize(
    ("axes", "changes", "said"),
    [
        (("model.depth",), {}, "axis 'model.depth' is not NAME=VALUE,VALUE"),
        (("model.detph=8",), {}, "unknown axis 'model.detph' (did you mean 'model.depth'?)"),
        (("stpes=8",), {}, "'stpes' is no config field (did you mean 'steps'?), and recipe"),
        (("model.depth=8,b",), {}, "axis 'model.depth' takes an integer such as 20, not 'b'"),
        (("model.depth=8,20,8",), {}, "axis 'model.depth=8,20,8' has 8 twice"),
        (("model.depth=8", "model.depth=20"), {}, "model.depth is an axis twice"),
        (("seed=1,2",), {}, "axis 'seed=1,2': --seeds says how many"),
        (("steps=1",), {"overrides": ("--config.steps=2",)}, "steps is fixed and an axis"),
        (("steps=1",), {"combine": "zap"}, "unknown combination of axes 'zap'"),
        (("steps=1",), {"seeds": 0}, "seeds 0 is not at least 1"),
        (("steps=1",), {"samples": 2}, "--samples=2 is of a random search"),
        (("steps=1",), {"combine": "random"}, "a random search of 0 samples"),
        ((*NETWORKS, "steps=1"), {"combine": "zip"}, "model.block has 2, model.depth has 2, s"),
        (("steps=1,2",), {"combine": "random", "samples": 3}, "no more than 2 combinations"),
        (("optimizer.lr=log:0.1..1",), {}, "is a range: --combine=random draws from it"),
        (("optimizer.lr=log:0..1",), {}, "0.0 is not above 0"),
        (("optimizer.lr=log:1..0.1",), {}, "1.0 is not below 0.1"),
        (("steps=log:1..9.5",), {}, "is not steps=log:LOW..HIGH, each an integer"),
        (("model.block=log:1..2",), {}, "model.block takes no number"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_axes_is_quoted(axes, changes, said):
    with pytest.raises(InputError) as caught:
        cells(*axes, **changes)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("axis", "said"),
    [
        ("model.depth=8,9", "depth 9 is not 6n+2"),
        ("optimizer.lr=0.1,-1", "optimizer.lr -1.0 is not a finite number that is above 0"),
        ("model.block=plain,plane", "unknown model.block 'plane' (did you mean 'plain'?)"),
    ],
)
def test_a_value_against_its_rule_is_refused_before_the_first_file(tmp_path, capsys, axis, said):
    root = tmp_path / "sweep"
    assert main(["sweep", f"--config={DIGITS}:depth=8", f"--axis={axis}", f"--root={root}"]) == 2
    assert said in capsys.readouterr().err
    assert not root.exists()


def done_already(root, *axes, **changes):
    """The folder of a sweep all of whose cells are done; their names."""
    made = plan.of_axes(Ablation(DIGITS, axes, **changes), "resinc sweep ...")
    for cell in made.cells:
        fabricated.run(root, cell)
    return [cell.name for cell in made.cells]


def test_the_folder_alone_says_what_belongs_in_it(tmp_path, capsys, monkeypatch):
    typed = ["sweep", f"--config={DIGITS}", *(f"--axis={axis}" for axis in NETWORKS), "--seeds=2"]
    names = done_already(tmp_path, *NETWORKS, seeds=2)
    assert main([*typed, f"--root={tmp_path}", "--tag=a", "--note=first"]) == 0
    assert "8 done already" in capsys.readouterr().out
    before = json.loads((tmp_path / "sweep.json").read_text())
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", f"--root={tmp_path}", "--tag=b"]) == 0
    assert "8 done already" in capsys.readouterr().out
    after = json.loads((tmp_path / "sweep.json").read_text())
    assert after == before | {"tags": ["a", "b"]}
    assert after["note"] == "first"
    sweep = read_sweep(tmp_path)
    assert sorted(row.name for row in sweep.rows) == sorted(names)
    assert sweep.rows[0].labels.keys() == {"model.block", "model.depth"}


def test_a_recipe_of_ones_own_is_found_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "own.py").write_text("from configs.digits import get_config\n")
    monkeypatch.chdir(tmp_path)
    made = plan.of_axes(Ablation("own.py:depth=8", ("steps=1,2",)), "")
    assert made.about["ablation"]["config"] == f"{tmp_path / 'own.py'}:depth=8"
    assert Ablation.from_json(json.loads(json.dumps(made.about["ablation"]))).cells() == made.cells


def test_an_experiment_is_typed_again_by_its_folder_too(tmp_path):
    settings = ["depths=8", "seeds=1", "pilots=false"]
    made = plan.of_experiment("experiments/degradation.py", settings, "resinc sweep ...")
    fabricated.write(tmp_path / "sweep.json", made.about)
    assert plan.stored(tmp_path) == made


def test_a_folder_that_says_nothing_or_damaged_axes_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="no sweep in"):
        plan.stored(tmp_path)
    fabricated.write(tmp_path / "sweep.json", {"command": "resinc sweep own.py", "cells": []})
    with pytest.raises(InputError, match="does not say what it consists of"):
        plan.stored(tmp_path)
    damaged = dataclasses.asdict(Ablation(DIGITS)) | {"seeds": "two"}
    fabricated.write(tmp_path / "sweep.json", {"ablation": damaged})
    with pytest.raises(InputError, match=r"damaged \(seeds is 'two'\)"):
        plan.stored(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["experiments/degradation.py", "--axis=steps=1"], "is an experiment file"),
        (["--axis=steps=1"], "give --config=configs/"),
        (["--set=depths=8"], "is a setting of an experiment: name its file"),
        ([], "no sweep in"),
    ],
)
def test_an_experiment_and_axes_do_not_mix(tmp_path, capsys, arguments, said):
    assert main(["sweep", *arguments, f"--root={tmp_path / 'x'}"]) == 2
    assert said in capsys.readouterr().err
