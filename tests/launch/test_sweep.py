"""A sweep over a fake trainer: what is skipped, resumed, retried, left, and what a signal does."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from resinc import config as config_lib
from resinc.errors import InputError
from resinc.launch import LAUNCHERS, local
from resinc.launch.cell import Cell
from resinc.launch.local import make_slots
from resinc.launch.pilot import chosen_rate
from resinc.launch.sweep import run_sweep
from resinc.report import read_rows
from resinc.runs.log import last_words
from resinc.runs.status import CellState, state_of
from tests import fabricated
from tests.fabricated import write

FAKE = Path(__file__).parent / "fake_train.py"


def command(cell, workdir):
    return [sys.executable, str(FAKE), *cell.command(workdir)[4:]]


def pack_command(pack, root, place):
    """Of a pack: its cells' commands, one after the other."""
    one_after_another = "import json,subprocess,sys\nfor c in json.loads(sys.argv[1]):\n"
    one_after_another += "    subprocess.run(c)"
    commands = [command(cell, root / cell.name) for cell in pack]
    return [sys.executable, "-c", one_after_another, json.dumps(commands)]


def cells(count):
    return [Cell("configs/digits.py", {"depth": 8}, {"seed": seed}) for seed in range(count)]


def sweep(root, monkeypatch, *behaviour, todo=None, **options):
    monkeypatch.setenv("BEHAVIOUR", json.dumps({str(i): b for i, b in enumerate(behaviour)}))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    options = {"workers": 2, "devices": (), **options}
    return run_sweep(todo or cells(len(behaviour)), root, command=command, **options)


def runs(root, seed):
    """What each start of a cell saw."""
    file = root / f"depth=8,seed={seed}" / "ran"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_failed_and_diverged_cells_are_named_and_the_rest_goes_on(tmp_path, monkeypatch, capsys):
    summary = sweep(tmp_path, monkeypatch, "fail", "diverge", "refuse", "done")
    assert summary.failed == ["depth=8,seed=0", "depth=8,seed=2"]
    assert summary.diverged == ["depth=8,seed=1"]
    assert summary.done == ["depth=8,seed=3"]
    assert summary.exit_code == 1
    said = capsys.readouterr().out
    assert "RuntimeError: no such luck" in said
    assert "depth 9 is not 6n+2" in said
    assert str(tmp_path / "depth=8,seed=0" / "log.txt") in said
    assert state_of(tmp_path / "depth=8,seed=2") == CellState.FAILED


def test_done_is_skipped_diverged_left_failed_retried(tmp_path, monkeypatch):
    sweep(tmp_path, monkeypatch, "done", "diverge", "fail")
    summary = sweep(tmp_path, monkeypatch, "done", "done", "done")
    assert sorted(summary.done) == ["depth=8,seed=0", "depth=8,seed=2"]
    assert summary.diverged == ["depth=8,seed=1"]
    assert [len(runs(tmp_path, seed)) for seed in range(3)] == [1, 1, 2]
    assert summary.exit_code == 0


def test_a_cell_that_is_stopped_alone_is_left_to_the_same_command_and_its_status_says_so(
    tmp_path, monkeypatch
):
    summary = sweep(tmp_path, monkeypatch, "quit once", "done")
    assert summary.stopped == summary.unfinished == ["depth=8,seed=0"]
    assert summary.exit_code == 1
    assert sweep(tmp_path, monkeypatch, "quit once", "done").exit_code == 0


@pytest.mark.parametrize("said", ["running", "interrupted"])
def test_unfinished_is_resumed(tmp_path, monkeypatch, said):
    workdir = tmp_path / "depth=8,seed=0"
    write(workdir / "status.json", {"state": said, "step": 3, "steps": 9})
    (workdir / "lock").touch()
    assert state_of(workdir) == CellState.UNFINISHED
    assert sweep(tmp_path, monkeypatch, "done").done == ["depth=8,seed=0"]


def test_a_cell_whose_lock_is_held_is_left_alone(tmp_path, monkeypatch):
    workdir = tmp_path / "depth=8,seed=0"
    write(workdir / "status.json", {"state": "running", "step": 3, "steps": 9})
    with (workdir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert state_of(workdir) == CellState.RUNNING
        summary = sweep(tmp_path, monkeypatch, "done", "done")
    assert summary.running == ["depth=8,seed=0"]
    assert summary.done == ["depth=8,seed=1"]
    assert runs(tmp_path, 0) == []


def test_a_folder_of_another_config_is_refused_before_anything_starts(tmp_path, monkeypatch):
    old = config_lib.load("configs/digits.py:depth=20", ["--config.seed=1"])
    write(tmp_path / "depth=8,seed=1" / "config.json", config_lib.to_dict(old))
    with pytest.raises(InputError, match=r"model\.depth: 20 there, 8 now"):
        sweep(tmp_path, monkeypatch, "done", "done")
    assert runs(tmp_path, 0) == []


def test_a_new_folder_is_new_and_a_damaged_status_is_unfinished(tmp_path):
    assert state_of(tmp_path / "none") == CellState.NEW
    write(tmp_path / "config.json", {})
    (tmp_path / "status.json").write_text('{"state": "do')
    assert state_of(tmp_path) == CellState.UNFINISHED


def chain(*starts):
    """Cell i starts from cell starts[i]; None: from none."""
    return [
        replace(cell, start="" if start is None else f"depth=8,seed={start}")
        for cell, start in zip(cells(len(starts)), starts, strict=True)
    ]


def test_a_cell_waits_for_its_start_and_lets_others_pass(tmp_path, monkeypatch, capsys):
    summary = sweep(
        tmp_path, monkeypatch, "done", "done", "done", todo=chain(2, None, None), workers=1
    )
    assert len(summary.done) == 3
    said = capsys.readouterr().out.splitlines()
    began = [line.split("seed=")[1] for line in said if " start " in line]
    assert began == ["1", "2", "0"]
    command = (tmp_path / "depth=8,seed=0" / "log.txt").read_text()
    assert f" --config.init_from={tmp_path / 'depth=8,seed=2'} " in command
    flags = json.loads((tmp_path / "sweep.json").read_text())["cells"][0]["flags"]
    assert flags[-1] == f"--config.init_from={tmp_path / 'depth=8,seed=2'}"


@pytest.mark.parametrize(
    ("behaviour", "state"), [("fail", "failed"), ("diverge", "diverged"), ("quit", "unfinished")]
)
def test_what_starts_from_a_cell_that_does_not_end_well_is_left_unfinished(
    tmp_path, monkeypatch, capsys, behaviour, state
):
    todo = chain(1, 2, None, None)
    summary = sweep(tmp_path, monkeypatch, "done", "done", behaviour, "done", todo=todo)
    assert summary.done == ["depth=8,seed=3"]
    assert summary.unfinished[:2] == ["depth=8,seed=0", "depth=8,seed=1"]
    said = " ".join(capsys.readouterr().out.split())
    assert f"unfinished depth=8,seed=1 waits for depth=8,seed=2, which is {state}" in said
    assert "depth=8,seed=0 waits for depth=8,seed=1, which has not started" in said


def test_a_sweep_typed_again_finds_the_same_start(tmp_path, monkeypatch):
    todo = chain(1, None)
    config = config_lib.load(todo[0].recipe, todo[0].flags_in(tmp_path))
    write(tmp_path / todo[0].name / "config.json", config_lib.to_dict(config))
    monkeypatch.chdir(tmp_path.parent)
    assert len(sweep(tmp_path.name, monkeypatch, "done", "done", todo=todo).done) == 2
    with pytest.raises(InputError, match=r'init_from: "[^"]*seed=1" there, "" now'):
        sweep(tmp_path, monkeypatch, "done", "done")


def test_each_device_is_one_process(tmp_path, monkeypatch):
    sweep(tmp_path, monkeypatch, "done", "done", workers=0, devices=("3", "5"))
    assert {runs(tmp_path, seed)[0]["device"] for seed in range(2)} == {"3", "5"}
    with pytest.raises(InputError, match="3 workers need 3 devices, but 2"):
        make_slots(3, ("0", "1"), {})


def test_a_device_that_is_given_several_times_is_shared_with_its_memory():
    shared, alone, again = make_slots(0, ("0", "1", "0"), {"A": "B"})
    assert shared.environment == again.environment
    fraction = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.450"}
    assert shared.environment == {"A": "B", "CUDA_VISIBLE_DEVICES": "0"} | fraction
    assert alone.environment == {"A": "B", "CUDA_VISIBLE_DEVICES": "1"}
    (first, _) = make_slots(0, ("0", "0"), {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.2"})
    assert first.environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] == "0.2"


def test_seeds_share_one_compilation_cache_inside_the_root(tmp_path, monkeypatch):
    sweep(tmp_path, monkeypatch, "done", "done")
    caches = {runs(tmp_path, seed)[0]["cache"] for seed in range(2)}
    assert caches == {str(tmp_path / ".xla-cache")}


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="affinity is Linux's")
def test_slots_share_the_cores_without_overlap_and_processes_stay_on_them(tmp_path, monkeypatch):
    available = os.sched_getaffinity(0)
    slots = make_slots(0, (), {})
    assert [len(slot.cores) for slot in slots] == [1] * len(available)
    assert set().union(*(slot.cores for slot in slots)) == available
    assert len(make_slots(1, (), {})[0].cores) == len(available)
    assert all(slot.cores for slot in make_slots(len(available) + 3, (), {}))
    sweep(tmp_path, monkeypatch, "done", workers=0)
    assert len(runs(tmp_path, 0)[0]["cores"]) == 1
    assert os.sched_getaffinity(0) == available


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_children_save_then_exits_with_its_code(tmp_path, number):
    code = (
        "import sys; sys.path[:0] = sys.argv[1:3]; import test_sweep as t;"
        "s = t.run_sweep(t.cells(2), sys.argv[3], workers=1, devices=(), command=t.command);"
        "print(s.unfinished); sys.exit(s.exit_code)"
    )
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(here), str(here.parent), str(tmp_path)],
        env={**os.environ, "BEHAVIOUR": json.dumps({"0": "wait", "1": "wait"})},
        stdout=subprocess.PIPE,
        text=True,
    )
    status = tmp_path / "depth=8,seed=0" / "status.json"
    while not (status.exists() and status.read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 128 + number
    assert json.loads(status.read_text())["state"] == "interrupted"
    assert runs(tmp_path, 1) == []
    assert "['depth=8,seed=0', 'depth=8,seed=1']" in said


def test_two_sweeps_of_one_folder_run_no_cell_twice(tmp_path, monkeypatch):
    monkeypatch.setenv("BEHAVIOUR", json.dumps({str(seed): "done" for seed in range(6)}))
    with ThreadPoolExecutor() as pool:
        both = [
            pool.submit(run_sweep, cells(6), tmp_path, workers=2, devices=(), command=command)
            for _ in range(2)
        ]
        summaries = [sweep.result() for sweep in both]
    assert [len(runs(tmp_path, seed)) for seed in range(6)] == [1] * 6
    for summary in summaries:
        assert len(summary.done) + len(summary.running) == 6
        assert summary.failed == []


def test_a_cell_that_another_process_ended_meanwhile_is_done(tmp_path, monkeypatch):
    """A process is refused, and when it has said so, the one that kept it out is done."""
    summary = sweep(tmp_path, monkeypatch, "refuse after done")
    assert summary.done == ["depth=8,seed=0"]
    assert state_of(tmp_path / "depth=8,seed=0") == CellState.DONE


def test_a_tpu_host_runs_one_process_for_all_its_chips(tmp_path, monkeypatch):
    (tmp_path / "accel0").touch()
    monkeypatch.setenv("JAX_PLATFORMS", "tpu,cpu")
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: name == "libtpu")
    assert local.has_tpu(tmp_path)
    assert not local.has_tpu(tmp_path / "none")
    (slot,) = make_slots(0, (), {}, tpu=True)
    assert not slot.cores
    with pytest.raises(InputError, match="3 workers on a TPU host: one process takes all"):
        make_slots(3, (), {}, tpu=True)
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert not local.has_tpu(tmp_path)


@pytest.mark.parametrize(
    ("given", "devices"),
    [
        ("0,1", ("0", "1")),
        ("1, 0,", ("1", "0")),
        ("GPU-8932f937,MIG-3fa5", ("GPU-8932f937", "MIG-3fa5")),
        ("-1", ()),
        ("0,-1,1", ("0",)),
        ("NoDevFiles", ()),
        ("", ()),
    ],
)
def test_devices_are_those_that_cuda_shows(given, devices, monkeypatch):
    """ "-1" is how people hide all of them: the runs then share out the cores."""
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda name: "cuda" in name)
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert local.visible_devices() == devices


def test_a_launcher_changes_where_cells_run_and_nothing_else(tmp_path, monkeypatch):
    """One that runs each job at once, by itself, leaves what the local one leaves."""

    class Alone:
        workers = 1
        here = True
        processes = 1

        def __init__(self, request):
            self.environment = local.child_environment(request.root)

        def submit(self, jobs, listener):
            for job in jobs:
                if listener.admit(job):
                    listener.started(job)
                    ran = subprocess.run(
                        job.command(), env=self.environment, capture_output=True, check=False
                    )
                    listener.ended(job, ran.returncode)

    monkeypatch.setitem(LAUNCHERS, "alone", Alone)
    found = []
    for launcher in ("local", "alone"):
        root = tmp_path / launcher
        summary = sweep(root, monkeypatch, "done", "diverge", "fail", launcher=launcher)
        rows = [(row.name, row.state, row.step, row.labels) for row in read_rows(root)]
        found.append((summary.done, summary.diverged, summary.failed, rows))
    assert found[0] == found[1]
    with pytest.raises(InputError, match="unknown launcher 'lokal'"):
        sweep(tmp_path / "x", monkeypatch, "done", launcher="lokal")
    assert not (tmp_path / "x").exists()


def test_last_words_are_the_exception_of_the_last_start(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("$ a\nValueError: old\n$ b\nTraceback:\n  x\nOSError: new\n----------\n")
    assert last_words(tmp_path) == "OSError: new"
    assert last_words(tmp_path / "none") == ""


def test_labels_are_in_the_folder_when_the_run_starts_and_come_back_with_its_row(
    tmp_path, monkeypatch
):
    todo = [replace(cell, labels={"kind": "plain", "depth": 8}) for cell in cells(2)]
    sweep(tmp_path, monkeypatch, "quit", "done", todo=todo)
    (tmp_path / "sweep.json").rename(tmp_path / "moved")
    assert [row.labels for row in read_rows(tmp_path)] == [{"kind": "plain", "depth": 8}] * 2


def test_labels_of_the_present_plan_come_before_those_that_a_run_was_started_with(
    tmp_path, monkeypatch
):
    for kind in ("flat", "plain"):
        todo = [replace(cell, labels={"kind": kind}) for cell in cells(1)]
        sweep(tmp_path, monkeypatch, "done", todo=todo)
    assert [row.labels for row in read_rows(tmp_path)] == [{"kind": "plain"}]


def pilot(rate, seed=9):
    overrides = {"seed": seed, "optimizer.lr": rate}
    return Cell("configs/digits.py", {"depth": 8}, overrides)


def ended_pilots(root, errors):
    """Folders of pilots by rate: error as a fraction, None where it diverged."""
    found = [pilot(rate) for rate in errors]
    for cell, error in zip(found, errors.values(), strict=True):
        state = "done" if error is not None else "diverged"
        step = None if error is not None else 30
        fabricated.run(root, cell, error or 0.0, state=state, step=step, spread=0)
    return found


def started_with(root, seed):
    """The rate in the command that started a cell, and its other flags."""
    log = (root / f"depth=8,seed={seed}" / "log.txt").read_text().splitlines()[0]
    return [word.split("=")[1] for word in log.split() if "optimizer.lr" in word]


def test_a_cell_takes_the_rate_of_the_best_pilot_on_validation(tmp_path, monkeypatch):
    pilots = ended_pilots(tmp_path, {0.3: None, 0.1: 0.2, 0.03: 0.1, 0.01: 0.4})
    main = replace(cells(1)[0], pilots=tuple(cell.name for cell in pilots))
    sweep(tmp_path, monkeypatch, "done", todo=[*pilots, main])
    assert started_with(tmp_path, 0) == ["0.03"]
    config = config_lib.load(main.recipe, main.flags_in(tmp_path))
    assert config.optimizer.lr == 0.03


def test_where_all_pilots_diverged_the_lowest_rate_is_taken(tmp_path):
    pilots = ended_pilots(tmp_path, {0.3: None, 0.1: None})
    assert chosen_rate(tmp_path, [cell.name for cell in pilots]) == 0.1


def test_a_cell_waits_for_all_its_pilots(tmp_path, monkeypatch, capsys):
    pilots = [*ended_pilots(tmp_path, {0.1: 0.2}), pilot(0.03)]
    main = replace(cells(1)[0], pilots=tuple(cell.name for cell in pilots))
    monkeypatch.setenv("BEHAVIOUR", json.dumps({"0": "done", "9": "fail"}))
    summary = run_sweep([main, *pilots], tmp_path, workers=2, devices=(), command=command)
    assert summary.unfinished == [main.name]
    said = " ".join(capsys.readouterr().out.split())
    assert f"{main.name} waits for {pilots[1].name}, which is failed" in said
    assert chosen_rate(tmp_path, main.pilots) is None


def test_a_run_whose_pilots_now_choose_another_rate_is_refused(tmp_path, monkeypatch):
    pilots = ended_pilots(tmp_path, {0.1: 0.2, 0.03: 0.1})
    main = replace(cells(1)[0], pilots=tuple(cell.name for cell in pilots))
    fabricated.run(tmp_path, replace(main, overrides={"seed": 0, "optimizer.lr": 0.1})).rename(
        tmp_path / main.name
    )
    with pytest.raises(InputError, match=r"optimizer\.lr: 0\.1 there, 0\.03 now"):
        sweep(tmp_path, monkeypatch, "done", todo=[*pilots, main])
