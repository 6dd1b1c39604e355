"""A second process on the folder of a run: of the same host, or of one that knows no lock of it."""

import errno
import os
import shutil
import signal
from random import Random

import pytest
from orbax.checkpoint import CheckpointManager

from resinc.cli import main
from resinc.runs.files import write_json
from resinc.runs.folder import DAMAGED, HOLDER
from resinc.runs.holder import read_holder
from resinc.runs.status import read_status
from resinc.train.checkpoints.checkpoint import Checkpoints
from tests.crash.test_any_moment import MOMENTS, SEED
from tests.crash.trainer import WAIT, Moment, Trainers, assert_same_run, checkpoints, command

pytestmark = pytest.mark.crash("two processes on one folder, of one host or of two")


@pytest.fixture(scope="module")
def elsewhere(trainers, tmp_path_factory):
    """Trainers of the other host."""
    others = Trainers(tmp_path_factory.mktemp("elsewhere"), trainers.cache)
    yield others
    others.close()


def test_second_process_is_refused_even_while_the_first_is_stopped(
    trainers, alone, tmp_path, capsys
):
    whole, touches = alone
    first = trainers.start(tmp_path / "run", Moment(signal.SIGSTOP, touches // 2, 0))
    trainers.wait_until_stopped(first)
    try:
        assert main(command(tmp_path / "run")) == 2
        assert f"is in use by process {first} on " in capsys.readouterr().err
    finally:
        os.kill(first, signal.SIGCONT)
        ended = trainers.end()
    assert ended.code == 0, ended.output
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
def test_second_host_is_refused_while_the_first_lives(trainers, elsewhere, alone, tmp_path):
    whole, touches = alone
    first = trainers.start(tmp_path / "run", Moment(WAIT, touches // 2, 0), host="node1")
    trainers.wait_until_met()
    try:
        second = elsewhere.run(tmp_path / "run", host="node2")
    finally:
        trainers.go_on()
        ended = trainers.end()
    assert second.code == 2, second.output
    assert f"is in use by process {first} on node1" in second.output
    assert ended.code == 0, ended.output
    assert_same_run(tmp_path / "run", whole)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(1 + MOMENTS // 10))
def test_host_that_slept_for_too_long_leaves_the_run_to_the_one_that_took_it_over(
    turn, trainers, elsewhere, alone, tmp_path, record_property
):
    """It wakes up while the other trains, which has waited for a sign of life and met none."""
    whole, touches = alone
    random = Random(f"{SEED} {turn}")
    slept = Moment(signal.SIGSTOP, random.randint(touches // 4, 3 * touches // 4), 0)
    first = trainers.start(tmp_path / "run", slept, host="node1")
    trainers.wait_until_stopped(first)
    try:
        elsewhere.start(tmp_path / "run", Moment(WAIT, touches // 5, 0), host="node2")
        elsewhere.wait_until_met()
    finally:
        os.kill(first, signal.SIGCONT)
        woken = trainers.end()
        elsewhere.go_on()
        ended = elsewhere.end()
    about = f"seed {SEED}, {slept}, {woken}, {ended}"
    assert woken.code == 2, about
    assert "was taken over by process" in woken.output, about
    assert "Traceback" not in woken.output, about
    aside = tmp_path / "run" / DAMAGED
    if ended.code:
        # It woke up amid a save, of the step that the other one was saving.
        assert ended.code == 1, about
        assert "removed by another process while it was written" in ended.output, about
        assert "Traceback" not in ended.output, about
        newest = max(checkpoints(tmp_path / "run"), default=0)
        again = elsewhere.run(tmp_path / "run", host="node2")
        assert again.code == 0, (about, again)
        # What both had written is set aside, if it had got its name; and no older step.
        if aside.exists():
            assert [place.name for place in aside.iterdir()] == [str(newest)], (about, again)
            shutil.rmtree(aside)
    assert_same_run(tmp_path / "run", whole)
    record_property("crash", {"seed": SEED, "asleep before": woken.place, "woke": ended.place})


def test_a_save_whose_files_another_process_removes_ends_in_a_sentence(
    tmp_path, monkeypatch, capsys
):
    def removed(manager):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "4.orbax-checkpoint-tmp/d")

    monkeypatch.setattr(CheckpointManager, "wait_until_finished", removed)
    assert main(command(tmp_path / "run")) == 1
    said = capsys.readouterr().err
    assert "removed by another process while it was written: '4.orbax-checkpoint-tmp/d'" in said
    assert said.count("\n") == 1


@pytest.mark.slow
def test_run_whose_folder_another_host_took_over_writes_nothing_more(tmp_path, monkeypatch, capsys):
    folder, save = tmp_path / "run", Checkpoints.save

    def save_and_lose(self, state, *about):
        save(self, state, *about)
        if int(state.step) == 4:
            self.wait()
            other = read_holder(folder)._replace(host="node2", boot="another", token="another")
            write_json(folder / HOLDER, other._asdict())

    monkeypatch.setattr(Checkpoints, "save", save_and_lose)
    assert main(command(folder)) == 2
    said = capsys.readouterr().err
    assert f"was taken over by process {os.getpid()} on node2" in said
    assert said.count("\n") == 1
    assert checkpoints(folder) == [2, 4]
    assert read_status(folder)["state"] == "running", "as the other one left it"
    assert read_holder(folder).host == "node2"
