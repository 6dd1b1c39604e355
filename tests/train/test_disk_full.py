"""A full disk is one sentence, and with room again the run ends with the same bits."""

import errno
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from resinc.cli import main
from resinc.runs import files
from resinc.runs.status import read_status
from resinc.train.loop import train
from tests.train.runs import config, final_state, flags

CHANGES = {"steps": 8, "log_every_steps": 2, "eval_every_steps": 4, "checkpoint_every_steps": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk") / "run"
    assert train(config(**CHANGES), folder).state == "done"
    return folder


def command(folder):
    return ["train", "--config=configs/digits.py:depth=8", *flags(**CHANGES), f"--workdir={folder}"]


def assert_same_end(folder, other):
    assert (folder / "metrics.jsonl").read_bytes() == (other / "metrics.jsonl").read_bytes()
    jax.tree.map(np.testing.assert_array_equal, final_state(folder), final_state(other))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 330 KB: room for one checkpoint, not for two."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=330k", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_full_disk_is_one_sentence_and_the_run_goes_on(small_disk, whole, capsys, caplog):
    folder = small_disk / "run"
    assert main(command(folder)) == 1
    said = capsys.readouterr().err
    assert said.startswith("resinc: No space left on device")
    assert f"{str(folder)!r} stopped at step" in said
    assert said.count("\n") == 1
    assert not [record for record in caplog.records if record.exc_info]
    assert read_status(folder)["state"] == "failed"
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    assert main(command(folder)) == 0
    assert "resumed at step" in capsys.readouterr().out
    assert_same_end(folder, whole)


@pytest.mark.parametrize("write", [0, 2, 4, 6], ids=["config", "status", "window", "later"])
def test_small_file_that_finds_no_room_stops_the_run_and_loses_nothing(
    write, whole, tmp_path, monkeypatch, capsys
):
    """Provenance, config and every status are such files; the disk fills up at one of them."""
    real, calls = os.replace, []

    def replace(source, target):
        if str(source).endswith(".json.part"):
            calls.append(target)
            if len(calls) > write:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", replace)
        assert main(command(tmp_path / "run")) == 1
    said = capsys.readouterr().err
    assert said.startswith("resinc: No space left on device: ")
    assert said.count("\n") == 1
    assert not list((tmp_path / "run").glob("*.json.part"))
    assert main(command(tmp_path / "run")) == 0
    assert_same_end(tmp_path / "run", whole)
