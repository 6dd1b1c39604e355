"""A run that was stopped ends with the same bits as one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from resinc.runs.provenance import read_provenance
from resinc.runs.status import read_status
from resinc.train.loop import train
from tests.train.runs import assert_same_end, config, flags

# `resinc train`, save that it waits at step PAUSE until it is asked to stop: however busy the
# machine is, it has not ended before it is told. Where tests run under nohup, a hang-up
# is ignored by what they start too.
PAUSING = """
import os, signal, sys, time
from resinc import cli
from resinc.train.writer import MetricsWriter

signal.signal(signal.SIGHUP, signal.SIG_DFL)
write, told = MetricsWriter.train, signal.getsignal(signal.SIGTERM)

def write_and_wait(self, step, *values):
    write(self, step, *values)
    end = time.monotonic() + 300
    untold = step == int(os.environ["PAUSE"])
    while untold and time.monotonic() < end:
        untold = signal.getsignal(signal.SIGTERM) != told
        time.sleep(0.01)

MetricsWriter.train = write_and_wait
sys.exit(cli.main(sys.argv[1:]))
"""


def start(folder: Path, pause: int) -> subprocess.Popen:
    """A process of its own, which compiles no other programs than this one."""
    kept = {"JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir}
    kept |= {"JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "PAUSE": str(pause)}
    recipe = "--config=configs/digits.py:depth=8"
    return subprocess.Popen(
        [sys.executable, "-c", PAUSING, "train", recipe, *flags(), f"--workdir={folder}"],
        env=os.environ | kept,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def finish(folder: Path, **changes) -> int:
    """Train to the end, in this process; the step that the run was at before."""
    assert train(config(**changes), folder).state == "done"
    return read_provenance(folder)["starts"][-1].get("step", 0)


def wait_for(folder: Path, process: subprocess.Popen, step: int) -> None:
    """Until the metrics reach a step."""
    path = folder / "metrics.jsonl"
    while process.poll() is None:
        lines = path.read_text().splitlines() if path.exists() else []
        if any(f'"step": {s},' in line for line in lines for s in range(step, 1000)):
            return
        time.sleep(0.002)
    raise AssertionError(process.stdout.read().decode() if process.stdout else "")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("resume") / "whole"
    finish(folder)
    return folder


@pytest.mark.crash("signal during training")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_signal_saves_where_it_stands_and_resumes_bitwise(uninterrupted, number):
    folder = uninterrupted.parent / number.name
    process = start(folder, pause=8)
    wait_for(folder, process, 4)
    process.send_signal(number)
    output = process.communicate()[0].decode()
    assert process.returncode == 128 + number, output
    status = read_status(folder)
    assert status["state"] == "interrupted"
    assert (folder / "checkpoints" / str(status["step"])).is_dir()
    assert finish(folder) == status["step"]
    assert_same_end(folder, uninterrupted)


def test_other_seed_ends_elsewhere(uninterrupted):
    """Else the comparisons above would prove nothing."""
    folder = uninterrupted.parent / "other"
    finish(folder, seed=1)
    with pytest.raises(AssertionError):
        assert_same_end(folder, uninterrupted)


@pytest.mark.parametrize("most", [3, 5])
def test_many_steps_a_call_give_the_bits_of_one(uninterrupted, most):
    """Calls of 5 span windows of 4; of 3, they leave two single steps before each checkpoint."""
    folder = uninterrupted.parent / f"calls-{most}"
    finish(folder, steps_per_call=most)
    assert_same_end(folder, uninterrupted)
