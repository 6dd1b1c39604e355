"""A run that was killed ends with the same bits as one that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.train.runs import final_state, flags


def command(folder: Path, **changes) -> list[str]:
    recipe = "--config=configs/digits.py:depth=8"
    return [
        sys.executable,
        "-m",
        "resinc",
        "train",
        recipe,
        *flags(**changes),
        f"--workdir={folder}",
    ]


def start(folder: Path, **changes) -> subprocess.Popen:
    environment = os.environ | {"XLA_FLAGS": "", "JAX_COMPILATION_CACHE_DIR": str(folder.parent)}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    return subprocess.Popen(
        command(folder, **changes),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def wait_for(folder: Path, process: subprocess.Popen, step: int) -> None:
    """Until the metrics reach a step; fails when the process ends before."""
    path = folder / "metrics.jsonl"
    while process.poll() is None:
        lines = path.read_text().splitlines() if path.exists() else []
        if any(f'"step": {s},' in line for line in lines for s in range(step, 1000)):
            return
        time.sleep(0.002)
    raise AssertionError(process.stdout.read().decode() if process.stdout else "")


def assert_same_end(folder: Path, other: Path) -> None:
    for file in ("metrics.jsonl", "correct.json"):
        assert (folder / file).read_bytes() == (other / file).read_bytes()
    for which in ("latest", "best"):
        jax.tree.map(
            np.testing.assert_array_equal, final_state(folder, which), final_state(other, which)
        )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("resume") / "whole"
    process = start(folder)
    output = process.communicate()[0].decode()
    assert process.returncode == 0, output
    return folder


def test_resume_after_sigkill_is_bitwise(uninterrupted):
    """Killed three times at moments drawn at random, once surely inside a log window."""
    folder = uninterrupted.parent / "killed"
    delays = random.Random(int(time.time()))
    for step in (4, 12, 20):
        process = start(folder)
        wait_for(folder, process, step)
        time.sleep(delays.uniform(0, 0.1))
        process.kill()
        process.communicate()
        assert process.returncode in (-signal.SIGKILL, 0)
    process = start(folder)
    output = process.communicate()[0].decode()
    assert process.returncode == 0, output
    assert "resumed at step" in output
    assert_same_end(folder, uninterrupted)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_saves_where_it_stands_and_resumes_bitwise(uninterrupted, number):
    folder = uninterrupted.parent / number.name
    process = start(folder)
    wait_for(folder, process, 4)
    process.send_signal(number)
    output = process.communicate()[0].decode()
    if process.returncode != 0:  # Else it was quicker than the signal.
        assert process.returncode == 128 + number, output
        status = json.loads((folder / "status.json").read_text())
        assert status["state"] == "interrupted"
        assert (folder / "checkpoints" / str(status["step"])).is_dir()
        process = start(folder)
        assert f"resumed at step {status['step']}" in process.communicate()[0].decode()
    assert_same_end(folder, uninterrupted)


def test_other_seed_ends_elsewhere(uninterrupted):
    """Else the comparisons above would prove nothing."""
    folder = uninterrupted.parent / "other"
    process = start(folder, seed=1)
    output = process.communicate()[0].decode()
    assert process.returncode == 0, output
    with pytest.raises(AssertionError):
        assert_same_end(folder, uninterrupted)
