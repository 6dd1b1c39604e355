"""What else a run meets on machines that are not well: clocks that jump, disks that only read."""

import subprocess
import sys
import time

import pytest
from rich.console import Console

from resinc.data import DATASETS
from resinc.data.sets.prepare import prepare_spec
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.loop import train
from tests.crash.trainer import assert_same_run
from tests.data import originals
from tests.train.runs import assert_same_end, config

CHANGES = {"steps": 8, "log_every_steps": 2, "eval_every_steps": 4, "checkpoint_every_steps": 2}
DAY = 86_400


@pytest.mark.crash("clock that jumps back")
def test_run_whose_clock_jumps_back_ends_as_one_whose_clock_does_not(tmp_path, monkeypatch):
    """By a day between two checkpoints, and by a year before it goes on."""
    assert train(config(**CHANGES), tmp_path / "alone").state == "done"
    now, back, save = time.time, [0], Checkpoints.save

    def save_and_jump(self, state, *about):
        save(self, state, *about)
        back.append({2: DAY, 6: 366 * DAY}.get(int(state.step), back[-1]))
        if int(state.step) == 6:
            raise RuntimeError("stopped")

    monkeypatch.setattr(time, "time", lambda: now() - back[-1])
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_jump)
        with pytest.raises(RuntimeError, match="stopped"):
            train(config(**CHANGES), tmp_path / "jumped")
    assert back[-1] == 366 * DAY
    assert train(config(**CHANGES), tmp_path / "jumped").state == "done"
    assert_same_end(tmp_path / "jumped", tmp_path / "alone")


@pytest.fixture
def only_readable(tmp_path):
    """Mounts folders so that nobody can write in them."""
    mounted = []

    def mount(folder):
        for how in (["--bind", folder, folder], ["-o", "remount,ro,bind", folder]):
            command = ["mount", *map(str, how)]
            if sys.platform != "linux" or subprocess.run(command, check=False).returncode:
                pytest.skip("only root may mount a folder that cannot be written")
            mounted.append(folder)

    yield mount
    if mounted:
        subprocess.run(["umount", str(mounted[0])], check=True)


@pytest.mark.crash("read-only data")
def test_run_whose_data_cannot_be_written_ends_as_one_whose_data_can(
    only_readable, tmp_path, monkeypatch
):
    """Images as TFDS stores them; no cache either, which could hide that they are opened."""
    spec = originals.tiny("mnist")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    monkeypatch.setitem(DATASETS, "mnist", spec)
    home = tmp_path / "sets"
    archive = originals.WRITERS["mnist"][1](tmp_path, spec, originals.content(spec))
    prepare_spec(spec, home, archive, Console(quiet=True))
    small = {"data.name": "mnist", "data.dir": str(home), "batch_size": 8}
    assert train(config(**CHANGES, **small), tmp_path / "alone").state == "done"
    only_readable(home)
    with pytest.raises(OSError, match="Read-only"):
        (home / "x").touch()
    assert train(config(**CHANGES, **small), tmp_path / "run").state == "done"
    assert_same_end(tmp_path / "run", tmp_path / "alone")


@pytest.mark.crash("closed output")
@pytest.mark.parametrize(
    "reader",
    [
        "closed",
        pytest.param("full", marks=pytest.mark.slow),
        pytest.param("head", marks=pytest.mark.slow),
    ],
)
def test_run_whose_output_nobody_takes_ends_as_one_whose_output_is_read(
    reader, trainers, alone, tmp_path
):
    """All descriptors closed, a log on a full disk, `| head -n 1`."""
    assert trainers.run(tmp_path / "run", reader=reader).code == 0
    assert_same_run(tmp_path / "run", alone[0])
