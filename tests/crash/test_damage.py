"""Checkpoints that are damaged, half copied or cut: the newest whole one is gone on from."""

import json
import os
import shutil

import numpy as np
import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.runs.provenance import read_provenance
from resinc.train.checkpoints.checkpoint import checksum
from resinc.train.loop import train
from resinc.train.trained.evaluate import evaluate_folder
from tests.train.runs import assert_same_end, config

pytestmark = pytest.mark.crash("checkpoint or other file cut, changed or missing")
CHANGES = {"steps": 6, "log_every_steps": 2, "eval_every_steps": 3, "checkpoint_every_steps": 0}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Done at step 6, with checkpoints 3 and 6."""
    folder = tmp_path_factory.mktemp("damage") / "run"
    assert train(config(**CHANGES), folder).state == "done"
    return folder


@pytest.fixture
def copied(whole, tmp_path):
    """As a run that was killed after its last checkpoint."""
    shutil.copytree(whole, tmp_path / "run")
    (tmp_path / "run" / "status.json").unlink()
    return tmp_path / "run"


def largest(step):
    files = (path for path in (step / "state").rglob("*") if path.is_file())
    return max(files, key=lambda path: path.stat().st_size)


def cut(step):
    os.truncate(largest(step), largest(step).stat().st_size // 2)


def flip_a_bit(step):
    content = bytearray(largest(step).read_bytes())
    content[len(content) // 2] ^= 4
    largest(step).write_bytes(content)


def remove_item(step):
    shutil.rmtree(step / "state")


def empty(step):
    shutil.rmtree(step)
    step.mkdir()


def empty_score(step):
    (step / "metrics" / "metrics").write_text("")


def half_config(step):
    path = step / "config" / "metadata"
    path.write_text(path.read_text()[:50])


def replace_by_file(step):
    shutil.rmtree(step)
    step.write_text("a note")


DAMAGES = [cut, flip_a_bit, remove_item, empty, half_config, replace_by_file]


@pytest.mark.parametrize("damage", [*DAMAGES, empty_score])
def test_run_goes_on_from_the_newest_whole_checkpoint(damage, whole, copied, capsys):
    damage(copied / "checkpoints" / "6")
    assert train(config(**CHANGES), copied).state == "done"
    assert_same_end(copied, whole, ["latest"])
    assert "checkpoint 6 cannot be read" in capsys.readouterr().out
    start = read_provenance(copied)["starts"][-1]
    assert (start["step"], list(start["damaged_checkpoints"])) == (3, ["6"])
    assert [path.name for path in (copied / "damaged").iterdir()] == ["6"]


def test_damaged_score_of_an_older_checkpoint_stops_nothing(whole, copied):
    """Orbax reads them all to know the best; this one is then no candidate."""
    empty_score(copied / "checkpoints" / "3")
    assert train(config(**CHANGES), copied).state == "done"
    assert_same_end(copied, whole, ["latest"])


def test_nothing_is_destroyed_where_no_checkpoint_is_whole(copied):
    for step in (3, 6):
        cut(copied / "checkpoints" / str(step))
    before = sorted(path for path in copied.rglob("*") if path.is_file() and path.name != "lock")
    with pytest.raises(InputError, match=r"no checkpoint in .* can be read, of 3, 6 \(6: "):
        train(config(**CHANGES), copied)
    after = sorted(path for path in copied.rglob("*") if path.is_file() and path.name != "lock")
    assert after == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_user_of_a_damaged_checkpoint_is_told_what_else_is_there(damage, copied, tmp_path, capsys):
    damage(copied / "checkpoints" / "6")
    out, run = tmp_path / "w.safetensors", tmp_path / "tuned"
    commands = [["eval", f"--workdir={copied}"]]
    if damage is cut:
        commands.append(["export", f"--workdir={copied}", f"--out={out}"])
        recipe = "--config=configs/digits.py:depth=8"
        commands.append(
            [
                "train",
                recipe,
                f"--config.init_from={copied}",
                f"--workdir={run}",
                "--config.steps=1",
            ]
        )
    if damage is half_config:  # Whose checkpoint it is matters to a resumed run alone.
        return
    for command in commands:
        assert main(command) == 2
        said = capsys.readouterr().err
        assert f"checkpoint 6 in {str(copied / 'checkpoints')!r} cannot be read (" in said
        assert said.endswith("others there: 3\n")
        assert said.count("\n") == 1
    assert not out.exists()
    assert not (run / "config.json").exists()


def test_unreadable_folder_is_a_sentence(copied):
    shutil.rmtree(copied / "checkpoints")
    (copied / "checkpoints").write_text("")
    with pytest.raises(InputError, match="checkpoints' cannot be read: Not a directory"):
        evaluate_folder(copied, "latest")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_checkpoint_without_permission_is_a_sentence(copied):
    largest(copied / "checkpoints" / "6").chmod(0)
    with pytest.raises(InputError, match=r"checkpoint 6 .* others there: 3"):
        evaluate_folder(copied, "latest")


@pytest.mark.parametrize("content", ["", "{", "[1]", "\x00" * 50])
def test_damaged_status_and_provenance_count_as_absent(content, whole, copied):
    (copied / "status.json").write_text(content)
    (copied / "provenance.json").write_text(content)
    assert train(config(**CHANGES), copied).state == "done"
    assert_same_end(copied, whole, ["latest"])
    assert json.loads((copied / "status.json").read_text())["state"] == "done"
    # What the file said until then is in the checkpoint.
    assert len(read_provenance(copied)["starts"]) == 2


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_damaged_config_is_a_sentence(content, copied, capsys):
    (copied / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json.*delete that file"):
        train(config(**CHANGES), copied)
    (copied / "config.json").unlink()
    assert train(config(**CHANGES), copied).state == "done"


def test_checksum_sees_one_bit_and_not_the_names():
    arrays = {"a": np.ones((3, 2), np.float32), "b": np.int32(7)}
    assert checksum(arrays) == checksum(tuple(arrays.values()))
    other = arrays["a"].copy()
    other.view(np.uint32)[2, 1] ^= 1
    assert checksum(arrays | {"a": other}) != checksum(arrays)
