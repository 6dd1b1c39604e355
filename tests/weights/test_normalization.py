"""Imported weights are evaluated under the normalisation that they were trained with."""

import json

import numpy as np
import pytest

pytest.importorskip("safetensors", reason="safetensors is optional")

from safetensors.numpy import save_file

from resinc.cli import main
from resinc.config import from_json
from resinc.train.assemble import assemble
from resinc.train.replica.state import draw
from resinc.train.start.initial import from_run
from resinc.train.start.normalization import adopt, of_config, of_file
from resinc.train.trained.transfer import export_weights
from resinc.weights.layouts import LAYOUTS
from resinc.weights.match import convert
from resinc.weights.variables import flatten
from tests.train.runs import config as digits_config

RECIPE = [
    "--config=configs/cifar.py:depth=8,dataset=synthetic",
    "--config.model.width=4",
    "--config.parallel.replicas=1",
]


def synthetic_config(**changes):
    return digits_config(data__name="synthetic", model__depth=8, **changes)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A CIFAR ResNet as another code saves it: names and arrays, nothing more."""
    flat = flatten(draw(assemble(synthetic_config()).network, (32, 32, 3), 0, lambda v: v))
    path = tmp_path_factory.mktemp("theirs") / "theirs.safetensors"
    save_file(convert(LAYOUTS["cifar-resnet"], {k: np.asarray(v) for k, v in flat.items()}), path)
    return path


def imported(file, folder, *more: str) -> dict:
    assert main(["import", str(file), *RECIPE, *more, f"--workdir={folder}"]) == 0
    return json.loads((folder / "config.json").read_text())["data"]


def test_the_habit_of_the_layout_is_stored_said_and_evaluated(file, tmp_path, capsys):
    assert imported(file, tmp_path / "a")["normalize"] == "imagenet"
    said = capsys.readouterr().out
    assert "data.normalize is set to 'imagenet' instead of 'pixel_mean' of synthetic: the" in said
    assert "published weights of layout cifar-resnet had data.normalize 'imagenet'" in said
    numbers = ["--config.data.normalize=given", "--config.data.mean=0.485,0.456,0.406"]
    imported(file, tmp_path / "b", *numbers, "--config.data.std=0.229,0.224,0.225")
    imported(file, tmp_path / "c", "--config.data.normalize=none")
    capsys.readouterr()
    shown = []
    for name in "abc":
        assert main(["eval", f"--workdir={tmp_path / name}", "--split=test"]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1] != shown[2]


def test_what_the_user_gives_wins_and_the_difference_is_said(file, tmp_path, capsys):
    assert imported(file, tmp_path / "a", "--config.data.normalize=half")["normalize"] == "half"
    assert (
        "data.normalize stays 'half' as given; the published weights of layout cifar-resnet had "
        "data.normalize 'imagenet'"
    ) in capsys.readouterr().out
    imported(file, tmp_path / "b", "--config.data.normalize=imagenet")
    assert "data.normalize" not in capsys.readouterr().out


def test_a_file_of_ours_knows_its_own(file, tmp_path, capsys):
    """Exported and imported again, in whichever layout, it has the numbers of its run."""
    given = ["--config.data.normalize=given", "--config.data.mean=0.1,0.2,0.3"]
    first = imported(file, tmp_path / "a", *given, "--config.data.std=0.4,0.5,0.6")
    export_weights(tmp_path / "a", "latest", "cifar-resnet", tmp_path / "b.safetensors")
    second = imported(tmp_path / "b.safetensors", tmp_path / "b")
    assert second == first
    assert (second["mean"], second["std"]) == ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    assert "the run that this file was exported from had" in capsys.readouterr().out


def test_a_run_that_starts_from_them_says_what_differs(file, tmp_path):
    imported(file, tmp_path / "a")
    start = {"init_from": str(tmp_path / "a")}
    assert from_run(assemble(synthetic_config(**start))).message.endswith(
        "the run that they are from had data.normalize 'imagenet', this run has 'pixel_mean' of "
        "synthetic"
    )
    same = assemble(synthetic_config(**start, data__normalize="imagenet"))
    assert "normalize" not in from_run(same).message


def test_a_habit_for_colours_is_not_put_on_grey_images():
    config, line = adopt(digits_config(), of_file({}, "cifar-resnet", "imagenet"), given=False)
    assert config.data.normalize == "pixel_mean"
    assert line.endswith("'imagenet' is for images of 3 channels, these have 1")


def test_what_was_measured_on_other_images_is_said():
    theirs = of_config(digits_config(), "they")
    config, line = adopt(synthetic_config(data__normalize="none"), theirs, given=False)
    assert config.data.normalize == "pixel_mean"
    assert "'pixel_mean' of synthetic instead of 'none': they had" in line
    assert "'pixel_mean' of digits" in line
    assert adopt(digits_config(), theirs, given=False) == (digits_config(), "")
    same = synthetic_config(data__normalize="pixel_mean")
    assert adopt(same, theirs, given=False) == (
        same,
        "data.normalize stays 'pixel_mean' of synthetic; they had data.normalize 'pixel_mean' of "
        "digits",
    )


@pytest.mark.parametrize("about", [{}, {"format": "pt"}, {"config": "{}"}, {"config": "no"}])
def test_metadata_of_others_count_for_nothing(about):
    assert of_file(about, "x", "half").fields["normalize"] == "half"
    assert of_file(about, "x", "") is None


def test_every_layout_of_others_has_a_habit():
    assert {name for name, layout in LAYOUTS.items() if not layout.normalize} == {"resinc"}


def test_a_config_of_before_numbers_could_be_given_stays_readable(tmp_path):
    old = json.loads(digits_config().to_json())
    del old["data"]["mean"], old["data"]["std"]
    (tmp_path / "config.json").write_text(json.dumps(old))
    assert from_json(tmp_path / "config.json") == digits_config()
    assert of_config(old, "").fields == {"normalize": "pixel_mean", "mean": (), "std": ()}
