"""Runs that are trained in one program have a folder each, and the bits of each alone."""

import contextlib
import json
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.runs.config import write_config
from resinc.runs.lock import is_held
from resinc.runs.pack import PackedRun, write_pack
from resinc.runs.status import CellState, read_status, state_of
from resinc.train import loop
from resinc.train.checkpoints.checkpoint import Checkpoints
from resinc.train.compiled import members
from resinc.train.loop import train, train_members
from resinc.train.recording import recorders
from resinc.train.recording.outcome import Diverged, Outcome
from resinc.train.start import ready
from tests.train.runs import config, final_state, flags
from tests.train.several import environment

SETTINGS = {
    "steps": 8,
    "log_every_steps": 2,
    "eval_every_steps": 4,
    "checkpoint_every_steps": 2,
    "eval_batch_size": 1000,
    "optimizer__weight_decay": 0.0,
}
# The second holds out other examples than the first; the last is lost within a few steps.
CHANGES = [
    {**SETTINGS, "seed": 0, "optimizer__lr": 0.02},
    {**SETTINGS, "seed": 1, "optimizer__lr": 0.05, "data__split_seed": 1},
    {**SETTINGS, "seed": 2, "optimizer__lr": 1e30},
]
CONFIGS = [config(**changes) for changes in CHANGES]
# `resinc`, killed before its step 7: the checkpoints of step 6 are whole by then, or not.
KILLED = """
import os, signal, sys
from resinc import cli
from resinc.train.compiled import members

batches = members.batches

def batches_and_die(sources, step):
    if step == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return batches(sources, step)

members.batches = batches_and_die
sys.exit(cli.main(sys.argv[1:]))
"""
SAME = ("metrics.jsonl", "correct.json", "config.json")


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A folder for each of CONFIGS, trained by itself."""
    root = tmp_path_factory.mktemp("alone")
    for index, settings in enumerate(CONFIGS):
        train(settings, root / f"{index}")
    return [root / f"{index}" for index in range(len(CONFIGS))]


def assert_same_run(folder, other):
    for name in SAME:
        there = [
            (place / name).read_bytes() for place in (folder, other) if (place / name).exists()
        ]
        assert len(there) in (0, 2)
        assert len(set(there)) <= 1
    steps, own = (Checkpoints(place, read_only=True).steps() for place in (folder, other))
    assert steps == own
    if steps:
        jax.tree.map(np.testing.assert_array_equal, final_state(folder), final_state(other))
    for name in ("state", "step", "steps", "message"):
        assert read_status(folder)[name] == read_status(other)[name]


def before_step(monkeypatch, action):
    """Does something before a step, counted from 1, is dispatched."""
    real = members.batches

    def batches(sources, step):
        action(step + 1)
        return real(sources, step)

    monkeypatch.setattr(members, "batches", batches)


@pytest.mark.slow
@pytest.mark.crash("packed run with one diverging member")
def test_members_leave_what_single_runs_leave_and_end_each_by_itself(alone, tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("a", "b", "c", "other")]
    folders[3].mkdir()
    write_config(folders[3], config(model__depth=14))
    seen = {}
    before_step(monkeypatch, lambda step: seen.update({step: [*map(is_held, folders)]}))
    configs = [*CONFIGS, CONFIGS[0]]
    outcomes = train_members(configs, folders)
    assert [outcome.state for outcome in outcomes[:2]] == ["done", "done"]
    assert outcomes[2].state == "diverged"
    assert isinstance(outcomes[3], InputError)
    assert "model.depth: 14 there, 8 now" in str(outcomes[3])
    for folder, other in zip(folders, alone, strict=False):
        assert_same_run(folder, other)
        (start,) = json.loads((folder / "provenance.json").read_text())["starts"]
        assert start["pack"] == ["a", "b", "c"]
        assert list((folder / "tensorboard").iterdir())
    assert seen[1] == [True, True, True, False]
    assert seen[8] == [True, True, False, False]
    # What each has to say is in its own log.
    assert "stopped: non-finite at step" in (folders[2] / "log.txt").read_text()
    assert "step      8/8" in (folders[0] / "log.txt").read_text()
    assert {file.name for file in folders[3].iterdir()} <= {"config.json", "lock"}


@pytest.mark.slow
@pytest.mark.crash("packed run that is stopped or killed")
def test_members_that_are_stopped_go_on_alone_or_beside_others(alone, tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("a", "b", "new")]

    def stop(step):
        if step == 3:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        before_step(patch, stop)
        outcomes = train_members(CONFIGS[:2], folders[:2])
    stopped = Outcome("interrupted", 3, "saved at step 3 on SIGTERM", signal.SIGTERM)
    assert outcomes == [stopped, stopped]
    assert read_status(folders[0])["state"] == "interrupted"
    assert not is_held(folders[0])
    assert train(CONFIGS[0], folders[0]).state == "done"
    # One goes on from step 3 and one begins.
    begun = []
    before_step(monkeypatch, begun.append)
    outcomes = train_members([CONFIGS[1], CONFIGS[0]], [folders[1], folders[2]])
    assert [outcome.state for outcome in outcomes] == ["done", "done"]
    assert begun == [*range(1, 9), *range(4, 9)]
    assert_same_run(folders[0], alone[0])
    assert_same_run(folders[1], alone[1])
    assert_same_run(folders[2], alone[0])


@pytest.mark.slow
@pytest.mark.crash("packed run that is stopped or killed")
def test_a_pack_that_was_killed_goes_on_with_the_same_bits(alone, tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    file = write_pack(
        tmp_path,
        [
            PackedRun(folder, "configs/digits.py:depth=8", tuple(flags(**changes)))
            for folder, changes in zip(folders, CHANGES, strict=False)
        ],
    )
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, "pack", str(file)],
        env=environment(jax.local_device_count()),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert [state_of(folder) for folder in folders] == [CellState.UNFINISHED] * 2
    assert main(["pack", str(file)]) == 0
    for folder, other in zip(folders, alone, strict=False):
        assert "resumed at step" in (folder / "log.txt").read_text()
        assert_same_run(folder, other)


def test_runs_that_do_not_start_together_are_not_begun_after_a_signal(tmp_path, monkeypatch):
    folders = [tmp_path / name for name in ("a", "b")]
    starts = {"a": 0, "b": 3}
    run = ready.Run
    found = [run(None, f, FakeStart(starts[f.name]), 0.0, contextlib.ExitStack()) for f in folders]
    monkeypatch.setattr(ready, "get_ready", lambda machine, folder: found[folders.index(folder)])
    begun = []

    def at_once(runs, *rest):
        begun.append([each.folder.name for each in runs])
        return [Outcome("interrupted", 2, "saved", signal.SIGTERM)]

    monkeypatch.setattr(loop, "train_at_once", at_once)
    outcomes = train_members(CONFIGS[:2], folders)
    assert begun == [["a"]]
    assert [(end.state, end.step, end.signal_number) for end in outcomes] == [
        ("interrupted", 2, signal.SIGTERM),
        ("interrupted", 3, signal.SIGTERM),
    ]


class FakeStart:
    def __init__(self, step):
        self.step = step


class Told:
    """A recorder that only remembers how it was left."""

    def __init__(self, index, error=None):
        self.member, self.error, self.left = index, error, []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.left.append(kind)
        if self.error and kind is not Diverged:
            raise self.error
        return kind is Diverged

    def save(self, state):
        if state == self.member:
            raise Diverged(1, "loss")


def test_a_failure_of_one_recorder_is_told_to_all_and_the_last_divergence_ends_the_block():
    many = [Told(0), Told(1, OSError("full")), Told(2)]
    locks = [contextlib.ExitStack() for _ in many]
    both = recorders.Recorders(dict(zip(many, locks, strict=True)))

    def fail():
        with both:
            both.save(2)
            assert many[2].left == [Diverged]
            raise ValueError

    with pytest.raises(OSError, match="full"):
        fail()
    assert many[1].left == [ValueError]
    assert len(many[0].left) == 1
    assert many[2].left == [Diverged]
    last = Told(0)
    with recorders.Recorders({last: contextlib.ExitStack()}) as alone:
        alone.save(0)
        pytest.fail("it went on")
    assert last.left == [Diverged]
