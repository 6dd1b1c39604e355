"""A full disk is one sentence, and with room again the run ends with the same bits."""

import errno
import os
import resource
import subprocess
import sys
import threading

import pytest

from resinc.cli import main
from resinc.runs import files
from resinc.runs.status import read_status
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.loop import train
from tests.train.runs import assert_same_end, config, flags

pytestmark = pytest.mark.crash("full disk")
CHANGES = {"steps": 8, "log_every_steps": 2, "eval_every_steps": 4, "checkpoint_every_steps": 2}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("disk") / "run"
    assert train(config(**CHANGES), folder).state == "done"
    return folder


def command(folder):
    return ["train", "--config=configs/digits.py:depth=8", *flags(**CHANGES), f"--workdir={folder}"]


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 4 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def after_step_2(monkeypatch):
    """Does something when the first checkpoint is whole, whenever Orbax's threads get so far."""

    def arrange(action):
        save = Checkpoints.save

        def save_and_act(self, state, *about):
            save(self, state, *about)
            if int(state.step) == 2:
                self.wait()
                action()

        monkeypatch.setattr(Checkpoints, "save", save_and_act)
        return lambda: monkeypatch.setattr(Checkpoints, "save", save)

    return arrange


def fill(disk, room):
    """Leave `room` bytes free."""
    left = os.statvfs(disk)
    (disk / "ballast").write_bytes(bytes(left.f_bavail * left.f_frsize - room))


@pytest.mark.parametrize("room", [0, 48 * 1024], ids=["nothing fits", "all but a checkpoint fits"])
def test_full_disk_is_one_sentence_and_the_run_goes_on(
    room, small_disk, after_step_2, whole, capsys, caplog
):
    folder = small_disk / "run"
    undo = after_step_2(lambda: fill(small_disk, room))
    assert main(command(folder)) == 1
    said = capsys.readouterr().err
    assert said.startswith("resinc: No space left on device")
    assert f"{str(folder)!r} stopped at step" in said
    assert said.count("\n") == 1
    assert not [record for record in caplog.records if record.exc_info]
    assert read_status(folder)["state"] == "failed"
    undo()
    (small_disk / "ballast").unlink()
    assert main(command(folder)) == 0
    assert "resumed at step 2" in capsys.readouterr().out
    assert_same_end(folder, whole)


def test_file_that_may_not_grow_is_one_sentence_and_the_run_goes_on(
    tmp_path, after_step_2, whole, capsys
):
    """`ulimit -f`: of a checkpoint alone, in which TensorStore meets it."""
    folder, (soft, hard) = tmp_path / "run", resource.getrlimit(resource.RLIMIT_FSIZE)
    undo = after_step_2(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, hard)))
    try:
        assert main(command(folder)) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = capsys.readouterr().err
    assert said.startswith("resinc: File too large")
    assert said.count("\n") == 1
    assert read_status(folder)["state"] == "failed"
    undo()
    assert main(command(folder)) == 0
    assert "resumed at step 2" in capsys.readouterr().out
    assert_same_end(folder, whole)


def test_folder_that_cannot_be_made_is_not_waited_for(small_disk, after_step_2, capsys):
    """No file numbers left: Orbax's threads waited five minutes for it, and so did the process."""
    folder = small_disk / "run"

    def use_up_numbers():
        left = os.statvfs(small_disk)
        used = left.f_files - left.f_ffree
        change = ["mount", "-o", f"remount,nr_inodes={used + 2}", str(small_disk)]
        subprocess.run(change, check=True)

    after_step_2(use_up_numbers)
    before = set(threading.enumerate())
    assert main(command(folder)) == 1
    assert capsys.readouterr().err.startswith("resinc: No space left on device")
    assert read_status(folder)["state"] == "failed"
    # A pool's idle threads end with the process.
    waiting = [t for t in threading.enumerate() if not t.daemon and "asyncio" not in t.name]
    assert set(waiting) <= before


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
    if (tmp_path / "run" / "status.json").exists():
        assert read_status(tmp_path / "run")["state"] == "failed"
    assert main(command(tmp_path / "run")) == 0
    assert_same_end(tmp_path / "run", whole)
