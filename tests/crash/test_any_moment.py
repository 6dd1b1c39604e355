"""A run that is killed, stopped or loses its power at any moment ends as one left alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.crash.trainer import Moment, assert_same_run, checkpoints

MOMENTS = int(os.environ.get("MOMENTS") or 2)  # Of SIGKILL; fewer of what comes more rarely.
SEED = int(os.environ.get("SEED") or time.time())


def kind(place: str) -> str:
    """Of a moment, for the counts."""
    if "checkpoints" in place or place.startswith(("os.remove", "os.rmdir")):
        return "in a checkpoint"
    return "in bookkeeping"


def summed(met: Counter[str]) -> dict[str, object]:
    return {"seed": SEED, "moments": met.total(), **dict(sorted(met.items()))}


@pytest.mark.crash("signal at a moment drawn at random")
@pytest.mark.parametrize(
    ("number", "moments"),
    [
        pytest.param(signal.SIGKILL, MOMENTS, id="SIGKILL"),
        pytest.param(signal.SIGTERM, 1 + MOMENTS // 10, id="SIGTERM", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 1 + MOMENTS // 10, id="SIGHUP", marks=pytest.mark.slow),
    ],
)
def test_run_that_a_signal_meets_at_any_moment_ends_as_one_left_alone(
    number, moments, trainers, alone, tmp_path, record_property
):
    """Again and again: it is met, goes on, is met. One that ends meanwhile has a successor."""
    whole, touches = alone
    random, met = Random(f"{SEED} {number}"), Counter[str]()
    for turn in range(1000):
        folder, newest = tmp_path / str(turn), 0
        while True:
            left = moments - met.total()
            moment = Moment.draw(random, number, touches) if left else None
            ended = trainers.run(folder, moment)
            about = f"seed {SEED}, after {met}: {ended}"
            met[kind(ended.place)] += bool(ended.place)
            assert ended.resumed_at in (0, newest), about
            if ended.code == 0:
                break
            assert ended.place, about
            if ended.code == 128 + number:
                status = json.loads((folder / "status.json").read_text())
                saved = status["state"] == "interrupted" and status["step"] in checkpoints(folder)
                assert saved, about
            else:  # Not even heard: it came before the run began, or can't be.
                assert ended.code == -number, about
            there = checkpoints(folder)
            assert max(there, default=0) >= newest, about
            newest = max(there, default=0)
        assert_same_run(folder, whole)
        if met.total() == moments:
            break
    record_property("crash", summed(met))


class Disk:
    """An ext4 in a file: what it has not been told to keep, the file has not got."""

    def __init__(self, folder: Path):
        self._folder, self._losses = folder, 0
        self.place = folder / "disk"
        self.place.mkdir()
        with self._image().open("wb") as file:
            file.truncate(64 * 2**20)
        self._call("mkfs.ext4", "-q", str(self._image()))
        self.mount()

    def _image(self) -> Path:
        return self._folder / f"image{self._losses}"

    def _call(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)

    def mount(self) -> None:
        # By itself it writes after ten minutes, not after five seconds.
        self._call("mount", "-o", "loop,commit=600", str(self._image()), str(self.place))

    def unmount(self) -> None:
        self._call("umount", str(self.place))

    def lose_power(self) -> None:
        """Go on with what was on the disk at this moment."""
        before = self._image()
        self._losses += 1
        shutil.copyfile(before, self._image())
        self.unmount()
        before.unlink()
        self.mount()


@pytest.fixture
def disk(tmp_path):
    if sys.platform != "linux" or os.geteuid() or not shutil.which("mkfs.ext4"):
        pytest.skip("only root may mount an ext4 of its own")
    try:
        disk = Disk(tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no ext4 can be mounted here: {error.stderr.decode().strip()}")
    yield disk
    disk.unmount()


@pytest.mark.crash("power lost at a moment drawn at random")
def test_run_that_loses_its_power_at_any_moment_ends_as_one_left_alone(
    trainers, alone, disk, record_property
):
    """What was written and not synced is gone; files may be there that are empty."""
    whole, touches = alone
    random, met = Random(f"{SEED} power"), Counter[str]()
    losses = 1 + MOMENTS // 5
    for turn in range(1000):
        folder, newest = disk.place / str(turn), 0
        while True:
            left = losses - met.total()
            moment = Moment.draw(random, signal.SIGKILL, touches) if left else None
            ended = trainers.run(folder, moment)
            about = f"seed {SEED}, after {met}: {ended}"
            assert ended.code == (-signal.SIGKILL if ended.place else 0), about
            assert ended.resumed_at in (0, newest), about
            if ended.code == 0:
                break
            met[kind(ended.place)] += 1
            before = checkpoints(folder)
            disk.lose_power()
            there = checkpoints(folder)
            # The name of the last one may be lost, not those before.
            assert set(before[:-1]) <= set(there), about
            newest = max(there, default=0)
        assert_same_run(folder, whole)
        shutil.rmtree(folder)
        if met.total() == losses:
            break
    record_property("crash", summed(met))
