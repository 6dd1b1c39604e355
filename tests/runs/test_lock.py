"""One process at a time trains in a folder: by the kernel's lock, and where there is none."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from resinc.errors import InputError
from resinc.runs import holder, host, lock
from resinc.runs.files import read_object, write_json
from resinc.runs.holder import Holder, read_holder
from resinc.runs.lock import held, is_held
from tests.background import wait_for

pytestmark = pytest.mark.crash("two processes on one folder, of one host or of two")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(holder, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(holder, "STALE_SECONDS", 0.4)


@pytest.fixture
def patient(monkeypatch):
    """Where nobody is to be replaced for being silent, however busy the machine that tests is."""
    monkeypatch.setattr(holder, "STALE_SECONDS", 60)


@pytest.fixture(params=[errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def without_locks(request, monkeypatch):
    """A file system that has no flock: some NFS, Lustre and FUSE mounts."""

    def flock(file, how):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(lock.fcntl, "flock", flock)


def plant(workdir, **changes):
    """The sign of life of another process, by default a live one of this machine."""
    here = {"host": host.name(), "boot": host.boot(), "space": host.process_space()}
    fields = {**here, "pid": os.getppid(), "job": "SLURM 7", "time": time.time(), "token": "other"}
    write_json(workdir / holder.FILE, Holder(**fields | changes)._asdict())


ELSEWHERE = {"host": "node12", "boot": "another", "space": "another"}


def test_second_is_refused_and_told_by_whom(tmp_path):
    with (
        held(tmp_path),
        pytest.raises(InputError, match=f"in use by process {os.getpid()} on {host.name()}"),
        held(tmp_path),
    ):
        pass
    assert not is_held(tmp_path)
    assert not (tmp_path / holder.FILE).exists()


def test_file_system_without_locks_keeps_the_second_out_too(without_locks, tmp_path):
    with held(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(InputError, match=f"in use by process {os.getpid()} on"), held(tmp_path):
            pass
        assert is_held(tmp_path)
    assert not is_held(tmp_path)
    with held(tmp_path):
        pass


def test_of_many_at_once_one_gets_a_folder_whose_holder_died(patient, without_locks, tmp_path):
    plant(tmp_path, pid=ended_process())
    entered, refused, over = [], [], threading.Event()

    def attempt():
        try:
            with held(tmp_path):
                entered.append(1)
                over.wait()
        except InputError:
            refused.append(1)

    threads = [threading.Thread(target=attempt) for _ in range(6)]
    for thread in threads:
        thread.start()
    while len(entered) + len(refused) < 6:
        time.sleep(0.01)
    over.set()
    for thread in threads:
        thread.join()
    assert (len(entered), len(refused)) == (1, 5)
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def test_late_successor_does_not_push_out_the_one_that_was_quicker(tmp_path):
    """It saw the dead holder, slept, and goes on when another has the folder already."""
    plant(tmp_path, pid=ended_process())
    dead = read_holder(tmp_path)
    quick = holder.try_replace(tmp_path, dead)
    assert holder.try_replace(tmp_path, dead) is None
    assert read_holder(tmp_path) == quick


def test_successor_between_its_claim_and_the_place_keeps_others_out(tmp_path, monkeypatch):
    """The moment in which two could enter: the dead holder is still there, its successor known."""
    plant(tmp_path, pid=ended_process())
    dead = read_holder(tmp_path)
    others, reading = [], read_holder

    def meanwhile(workdir):
        monkeypatch.setattr(holder, "read_holder", reading)
        monkeypatch.setattr(holder, "_stays", lambda path: False)
        others.append(holder.try_claim(workdir))
        others.append(holder.try_replace(workdir, dead))
        return reading(workdir)

    monkeypatch.setattr(holder, "read_holder", meanwhile)
    assert holder.try_replace(tmp_path, dead) == read_holder(tmp_path)
    assert others == [None, None]


def test_successor_that_died_before_it_had_the_place_is_succeeded(without_locks, tmp_path):
    plant(tmp_path, pid=ended_process())
    ended = read_holder(tmp_path)._replace(token="successor")
    write_json(tmp_path / f"{holder.FILE}.after-other", ended._asdict())
    with held(tmp_path):
        assert read_holder(tmp_path).pid == os.getpid()
    assert {path.name for path in tmp_path.iterdir()} == {"lock"}


def ended_process():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("supported", [True, False])
def test_process_that_was_killed_holds_nothing(supported, patient, tmp_path, monkeypatch):
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom resinc.runs.lock import held\n"
        f"with held(Path({str(tmp_path)!r})):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"held\n"
    assert is_held(tmp_path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert read_holder(tmp_path).pid == process.pid
    if not supported:
        monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    begun = time.monotonic()
    assert not is_held(tmp_path)
    with held(tmp_path):
        assert read_holder(tmp_path).pid == os.getpid()
    assert time.monotonic() - begun < holder.STALE_SECONDS


def unsupported(file, how):
    raise OSError(errno.ENOLCK, "No locks available")


def test_machine_that_was_started_anew_holds_nothing(tmp_path, capsys):
    plant(tmp_path, boot="before the power cut")
    assert not is_held(tmp_path)
    with held(tmp_path):
        pass
    assert capsys.readouterr().err == ""


def test_other_machine_that_shows_no_sign_of_life_is_waited_for_and_replaced(tmp_path, capsys):
    """Its kernel's lock is unknown here, and its clock may be wrong."""
    plant(tmp_path, **ELSEWHERE, time=time.time() + 3600)
    begun = time.monotonic()
    with held(tmp_path):
        assert time.monotonic() - begun >= holder.STALE_SECONDS
    assert "on node12 (SLURM 7) held" in capsys.readouterr().err


def test_other_machine_that_lives_is_left_alone(patient, tmp_path):
    plant(tmp_path, **ELSEWHERE)
    assert is_held(tmp_path)
    beat = threading.Timer(0.2, plant, [tmp_path], {**ELSEWHERE})
    beat.start()
    with pytest.raises(InputError, match=r"in use by process \d+ on node12 \(SLURM 7\)"):
        held(tmp_path).__enter__()
    beat.join()
    assert read_holder(tmp_path).host == "node12"


def test_process_number_that_was_given_again_is_no_sign_of_life(without_locks, tmp_path):
    plant(tmp_path, time=time.time() - 3600)
    assert not is_held(tmp_path)
    with held(tmp_path):
        pass


def test_container_beside_this_one_is_not_judged_by_its_process_number(
    patient, without_locks, tmp_path
):
    plant(tmp_path, space="pid:[1]", pid=ended_process())
    with pytest.raises(InputError, match="in use"):
        held(tmp_path).__enter__()


def test_sign_of_life_is_shown_while_it_is_held(tmp_path):
    with held(tmp_path):
        first = read_holder(tmp_path).time
        wait_for(lambda: read_holder(tmp_path).time != first)
        assert read_holder(tmp_path).time > first


@pytest.mark.parametrize("content", ["", "{", '{"pid": "x", "unknown": 1}'])
def test_damaged_sign_of_life_is_replaced(content, tmp_path):
    (tmp_path / holder.FILE).write_text(content)
    with held(tmp_path):
        assert read_object(tmp_path / holder.FILE)["pid"] == os.getpid()


def test_folder_that_is_left_is_no_longer_written(tmp_path):
    """Taken over by another machine while this one slept: that one's sign of life stays."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(held(tmp_path))
        plant(tmp_path, **ELSEWHERE)
        time.sleep(4 * holder.BEAT_SECONDS)
    assert read_holder(tmp_path).host == "node12"
