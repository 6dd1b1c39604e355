"""How runs stand: read from their folders, shown until all have ended, written as a page."""

import json
import os
import time

import pytest

from resinc.cli import main
from resinc.launch import status, status_page
from resinc.launch.cell import Cell
from resinc.launch.queue.queued import Place
from resinc.launch.slurm import squeue
from resinc.runs.holder import Holder
from resinc.runs.queue import Ticket, write_ticket
from resinc.runs.standing import read_standing
from resinc.runs.status import CellState
from tests import fabricated

STEPS = 120  # Of configs/digits.py, at a batch of 128.


def cell(seed):
    return Cell("configs/digits.py", {"depth": 8}, {"seed": seed})


def running(root, seed, step=40, speed=1280.0):
    """A run in a process on another machine, which shows signs of life."""
    workdir = fabricated.run(root, cell(seed), 0.1, state="running", step=step)
    holder = Holder("node7", "boot", "", 1, "SLURM 4711", time.time(), "t")
    fabricated.write(workdir / "holder.json", holder._asdict())
    (workdir / "timing.jsonl").write_text(
        json.dumps({"step": 10, "images_per_second": 9.0})
        + "\n"
        + json.dumps({"step": step, "seconds": 2.0, "images_per_second": speed})
        + "\n"
    )
    return workdir


def failed(root, seed):
    workdir = fabricated.run(root, cell(seed), 0.1, state="failed", step=20, message="<no> luck")
    lines = [f"line {i}" for i in range(30)]
    (workdir / "log.txt").write_text("\n".join(["$ old", "gone", "$ resinc", *lines, "<b>last"]))
    return workdir


def sweep_of(root, *makers):
    for seed, make in enumerate(makers):
        make(root, seed)
    listed = [{"name": cell(seed).name} for seed in range(len(makers))]
    fabricated.write(root / "sweep.json", {"cells": listed, "tags": ["lr"], "note": "a first look"})


def done(root, seed):
    fabricated.run(root, cell(seed), 0.1)


def not_started(root, seed):
    pass


def test_a_running_run_tells_step_error_speed_time_left_and_host(tmp_path):
    workdir = running(tmp_path, 0)
    found = read_standing(workdir)
    assert (found.state, found.step, found.steps) == (CellState.RUNNING, 40, STEPS)
    assert found.images_per_second == 1280.0
    assert found.seconds_left == pytest.approx((STEPS - 40) * 128 / 1280)
    assert found.host == "node7 (SLURM 4711)"
    last = json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])
    assert (found.error, found.error_of) == (last["error"], last["split"])


def test_a_failed_run_shows_the_last_lines_of_its_last_start(tmp_path):
    found = read_standing(failed(tmp_path, 0))
    assert found.log[-1] == "<b>last"
    assert len(found.log) == 12
    assert found.seconds_left is None


def test_damaged_files_leave_gaps(tmp_path):
    workdir = running(tmp_path, 0)
    for file in ("metrics.jsonl", "timing.jsonl", "provenance.json"):
        (workdir / file).write_bytes(b'\xff{"step": 4, "kind": "train", "err')
    found = read_standing(workdir)
    assert (found.error, found.images_per_second, found.seconds_left) == (None, None, None)


def test_a_look_lists_what_moves_first_and_says_how_many_are_done(tmp_path, capsys):
    sweep_of(tmp_path, done, not_started, running, failed)
    assert main(["status", str(tmp_path), "--once"]) == 0
    said = capsys.readouterr().out
    assert "1 of 4 runs done, 1 running, 1 failed, 1 not started" in said
    assert "[lr]" in said
    assert "a first look" in said
    rows = [line.split()[1] for line in said.splitlines() if line.startswith("depth=8,seed=")]
    assert rows[:-1] == ["running", "failed", "not", "done"]
    (row,) = [line.split() for line in said.splitlines() if line.startswith("depth=8,seed=2")]
    assert row[:4] == ["depth=8,seed=2", "running", "40/120", "test"]
    assert row[5:] == ["%", "1,280", "8", "s", "node7", "(SLURM", "4711)"]
    assert "depth=8,seed=3 failed: <no> luck\n  line" in said


def test_it_follows_until_all_have_ended(tmp_path, capsys, monkeypatch):
    sweep_of(tmp_path, done, running)
    pages = []

    def pass_time(seconds):
        """The run ends while nobody looks."""
        (tmp_path / cell(1).name / "holder.json").unlink()
        status_file = tmp_path / cell(1).name / "status.json"
        status_file.write_text(json.dumps({"state": "done", "step": STEPS, "steps": STEPS}))
        pages.append((tmp_path / "page.html").read_text())

    monkeypatch.setattr(status.time, "sleep", pass_time)
    assert main(["status", str(tmp_path), f"--html={tmp_path / 'page.html'}"]) == 0
    said = capsys.readouterr().out
    assert "2 of 2 runs done" in said
    assert "done  depth=8,seed=1" in said
    assert len(pages) == 1
    assert 'http-equiv="refresh"' in pages[0]
    assert 'http-equiv="refresh"' not in (tmp_path / "page.html").read_text()


def test_what_ended_for_good_is_not_read_again(tmp_path, monkeypatch):
    sweep_of(tmp_path, done, running, failed)
    first = status.look(tmp_path)[1]
    read = []
    monkeypatch.setattr(
        status, "read_standing", lambda folder: read.append(folder.name) or first[0]
    )
    status.look(tmp_path, first)
    assert read == [cell(1).name, cell(2).name]


def test_ctrl_c_ends_the_watching_and_nothing_else(tmp_path, capsys, monkeypatch):
    sweep_of(tmp_path, running)

    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", interrupt)
    assert main(["status", str(tmp_path)]) == 0
    assert "0 of 1 runs done, 1 running" in capsys.readouterr().out


def test_the_page_escapes_what_it_shows(tmp_path):
    sweep_of(tmp_path, failed)
    text = status_page.page(status.look(tmp_path))
    assert "&lt;b&gt;last" in text
    assert "<b>last" not in text
    assert "&lt;no&gt; luck" in text


def test_a_csv_is_written_beside(tmp_path, capsys):
    sweep_of(tmp_path, done, not_started)
    assert main(["status", str(tmp_path), "--once", f"--csv={tmp_path / 'x' / 'runs.csv'}"]) == 0
    lines = (tmp_path / "x" / "runs.csv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("name,")
    assert lines[1].endswith(",lr")


def test_a_folder_without_a_sweep_is_one_sentence(tmp_path, capsys):
    assert main(["status", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path, capsys):
    sweep_of(tmp_path, done)
    assert main(["status", str(tmp_path), "--once", "--html=/proc/x/page.html"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_queued_run_tells_its_job_and_one_that_left_the_queue_is_unfinished(
    tmp_path, monkeypatch
):
    sweep_of(tmp_path, not_started, not_started)
    for seed in range(2):
        write_ticket(tmp_path / cell(seed).name, Ticket("SLURM", "resinc-a", seed, f"17_{seed}"))
    place = Place("17_0", "PENDING", "QOSMaxJobsPerUserLimit")
    monkeypatch.setattr(squeue, "_recent_queue", lambda: {("resinc-a", 0): place})
    _, (queued, left) = status.look(tmp_path)
    assert status.cells_of(queued)[-1] == "SLURM 17_0: QOSMaxJobsPerUserLimit"
    assert (queued.state, queued.host) == (CellState.QUEUED, "SLURM 17_0")
    assert left.state == CellState.UNFINISHED
    assert "SLURM 17_1 has left the queue" in left.message
    monkeypatch.setattr(squeue, "_recent_queue", lambda: None)
    assert [run.state for run in status.look(tmp_path)[1]] == [CellState.QUEUED] * 2
