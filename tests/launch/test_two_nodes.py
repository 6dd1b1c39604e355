"""One training over two nodes of a real SLURM: the bits of one process, whatever becomes of it."""

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from resinc.cli import main
from resinc.runs.provenance import read_provenance
from resinc.runs.status import CellState, state_of
from resinc.train.loop import train
from tests.background import in_background, wait_for
from tests.launch.conftest import ROOT
from tests.launch.slurm import NODES
from tests.train.runs import assert_same_end, config, metrics
from tests.train.several import RECIPE, environment, settings

SHORT = {"steps": 6, "log_every_steps": 2, "eval_every_steps": 3, "checkpoint_every_steps": 3}
LONG = {"steps": 160, "log_every_steps": 5, "eval_every_steps": 80, "checkpoint_every_steps": 20}
CELL = "block=residual,seed=0"
RESINC = (sys.executable, "-m", "resinc")
MINUTES = 600.0  # Two starts with their compilation, on a machine with other things to do.


@pytest.fixture(autouse=True)
def one_device_a_process(monkeypatch):
    for name, value in environment(1).items():
        monkeypatch.setenv(name, value)


def sweep(root, *more, **changes):
    """As a person types it: one cell, on two nodes."""
    typed = ["sweep", RECIPE, "--axis=model.block=residual", *settings(**changes)]
    typed += [f"--root={root}", "--launcher=slurm", "--time=60", "--nodes=2", "--cpus=2"]
    return main([*typed, *more])


@pytest.mark.slow
def test_a_run_over_two_nodes_ends_with_the_bits_of_one_process(cluster, quick, tmp_path):
    assert sweep(tmp_path / "two", **SHORT) == 0
    folder, one = tmp_path / "two" / CELL, tmp_path / "one"
    train(config(parallel__replicas=2, **SHORT), one)
    assert_same_end(folder, one)
    (start,) = read_provenance(folder)["starts"]
    assert (start["processes"], start["device_count"], start["replicas"]) == (2, 2, 2)
    said = cluster.call("scontrol", "--oneliner", "show", "job", start["job"].split()[-1])
    assert f"NodeList={','.join(NODES)} " in said
    log = (folder / "log.txt").read_text()
    assert log.count("$ ") == 1
    assert "process 1 of 2: " in log


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nodes") / "whole"
    train(config(parallel__replicas=2, **LONG), folder)
    return folder


def reach(folder, step, thread=None):
    """Until the metrics have come so far."""

    def there():
        assert thread is None or thread.is_alive(), (folder / "log.txt").read_text()
        path = folder / "metrics.jsonl"
        return path.exists() and any(line["step"] >= step for line in metrics(folder))

    wait_for(there, MINUTES)


def process(folder, number):
    """Of the run in a folder, the process of this number, where it lives; else 0."""
    mark = f"SLURM_PROCID={number}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            command = (place / "cmdline").read_bytes().split(b"\0")
            its = b"train" in command and f"--workdir={folder}".encode() in command
            if its and mark in (place / "environ").read_bytes().split(b"\0"):
                return int(place.name)
        except OSError:  # It has ended meanwhile.
            continue
    return 0


def starts(folder):
    return read_provenance(folder).get("starts", [])


def number_of_job(folder):
    return starts(folder)[0]["job"].split()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("event", ["SIGTERM", "preemption"])
def test_a_run_that_is_stopped_saves_the_same_step_on_both_nodes_and_goes_on(
    event, cluster, quick, tmp_path, uninterrupted
):
    root, folder = tmp_path / "two", tmp_path / "two" / CELL
    thread, result = in_background(lambda: sweep(root, "--partition=both", **LONG))
    reach(folder, 10, thread)
    if event == "SIGTERM":
        cluster.call("scancel", "--signal=TERM", number_of_job(folder))
    else:
        cluster.call("sbatch", "-p", "urgent", "--exclusive", "--output=/dev/null", "--wrap=true")
    wait_for(lambda: len(starts(folder)) == 2, MINUTES)
    thread.join(MINUTES)
    assert result == [0]
    log = (folder / "log.txt").read_text()
    (saved,) = re.findall(r"saved at step (\d+) on SIGTERM", log)
    assert 10 <= int(saved) < LONG["steps"]
    assert starts(folder)[1]["step"] == int(saved)
    assert_same_end(folder, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("lost", [0, 1])
def test_a_run_one_of_whose_processes_is_killed_is_queued_again_and_ends_with_the_same_bits(
    lost, cluster, quick, tmp_path, uninterrupted
):
    root, folder = tmp_path / "two", tmp_path / "two" / CELL
    thread, result = in_background(lambda: sweep(root, **LONG))
    reach(folder, 45, thread)
    left = process(folder, 1 - lost)
    os.kill(process(folder, lost), signal.SIGKILL)
    killed = time.monotonic()
    wait_for(lambda: not Path(f"/proc/{left}").exists())
    assert time.monotonic() - killed < 30, "KillWait, and what a busy machine adds"
    assert state_of(folder) == CellState.QUEUED
    thread.join(MINUTES)
    assert result == [0]
    assert len(starts(folder)) == 2
    assert_same_end(folder, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("event", ["SIGTERM", "a process killed"])
def test_the_script_of_the_page_goes_on_by_itself(event, cluster, quick, tmp_path, uninterrupted):
    folder = tmp_path / "run"
    (tmp_path / "train.sh").write_text(script(folder))
    job = cluster.call("sbatch", "--parsable", f"--chdir={tmp_path}", str(tmp_path / "train.sh"))
    reach(folder, 45)
    if event == "SIGTERM":
        cluster.call("scancel", "--signal=TERM", job)
    else:
        os.kill(process(folder, 1), signal.SIGKILL)
    wait_for(lambda: len(starts(folder)) == 2, MINUTES)
    wait_for(lambda: state_of(folder) == CellState.DONE, MINUTES)
    assert_same_end(folder, uninterrupted)


def script(folder):
    """docs/pods.md's, for nodes without GPUs, this Python and a small run."""
    page = (ROOT / "docs" / "pods.md").read_text()
    (text,) = re.findall(r"cat > train\.sh <<'END'\n(.*?)END\n", page, re.DOTALL)
    run = [f"--config={ROOT / 'configs' / 'digits.py'}:depth=8", *settings(**LONG)]
    run += [f"--workdir={folder}", "--heartbeat=10"]
    for there, here in (
        ("--ntasks-per-node=8 --gpus-per-node=8 --cpus-per-task=8", "--ntasks-per-node=1"),
        (r"\.venv/bin/resinc train .*?--workdir=runs/r56", " ".join([*RESINC, "train", *run])),
    ):
        text, count = re.subn(there, here, text, flags=re.DOTALL)
        assert count == 1
    return text
