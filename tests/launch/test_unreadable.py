"""One run whose folder cannot be read: it is named as such, and all other runs are as ever."""

import errno
import json
import os
import shutil

import pytest

from experiments import degradation
from resinc import config as config_lib
from resinc.cli import main
from resinc.launch import estimate, status, status_page
from resinc.launch.cell import Cell
from resinc.launch.pilot import chosen_rate
from resinc.report.arms import Arm, runs_of
from resinc.report.rows import read_sweep
from resinc.runs.fault import fault_of
from resinc.runs.status import CellState, state_of, write_failure
from tests import fabricated
from tests.launch.test_sweep import cells, runs, sweep


def file_for_a_folder(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("", encoding="utf-8")


def link_to_nothing(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.symlink_to(folder.parent / "nowhere")


def circle_of_links(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.symlink_to(folder)


def folder_for(name):
    def damage(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir(parents=True)

    return damage


def config_of(text):
    def damage(folder):
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_bytes(text)

    return damage


FAULTS = {
    "a file for a folder": (file_for_a_folder, "it is a file, not a folder"),
    "a link to nothing": (link_to_nothing, "it is a link to nothing"),
    "a circle of links": (circle_of_links, os.strerror(errno.ELOOP)),
    "a folder for status.json": (folder_for("status.json"), "status.json: not a file"),
    "a folder for the metrics": (folder_for("metrics.jsonl"), "metrics.jsonl: not a file"),
    "a folder for the log": (folder_for("log.txt"), "log.txt: not a file"),
    "an empty config": (config_of(b""), "config.json is damaged: it holds no JSON object"),
    "half a config": (config_of(b'{"model": {'), "config.json is damaged: it holds"),
    "a config of bytes": (config_of(b"\xff\xfe"), "config.json is damaged: it holds"),
    "brackets": (config_of(b"[" * 10**5), "config.json is damaged: it holds"),
}
every_fault = pytest.mark.parametrize(("damage", "why"), FAULTS.values(), ids=FAULTS)


@pytest.fixture
def locked(monkeypatch):
    """Makes a folder one that this user may not look into, which root always may."""
    listdir = os.listdir

    def lock(folder):
        def refused(path="."):
            if os.fspath(path) == str(folder):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
            return listdir(path)

        monkeypatch.setattr(os, "listdir", refused)

    return lock


def grid(root):
    """A sweep of two runs that are done, with its plan; the first one's folder."""
    found = list(degradation.sweep(depths=(8,), seeds=1))
    listed = []
    for cell in found:
        fabricated.run(root, cell, 0.1)
        config = config_lib.to_dict(config_lib.load(cell.recipe, cell.flags))
        listed.append({"name": cell.name, "config": config, "labels": dict(cell.labels)})
    about = {"cells": listed, "experiment": "experiments/degradation.py", "command": "resinc sweep"}
    fabricated.write(root / "sweep.json", about)
    return root / found[0].name


@every_fault
def test_it_has_a_state_of_its_own_with_the_reason(damage, why, tmp_path):
    folder = fabricated.run(tmp_path, Cell("configs/digits.py"))
    assert not fault_of(folder)
    damage(folder)
    assert state_of(folder) == CellState.UNREADABLE
    assert fault_of(folder).startswith(why)
    write_failure(folder, "a launcher may still say it")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "status.json")
    assert state_of(tmp_path) == CellState.UNREADABLE


@every_fault
def test_status_shows_it_beside_the_others_and_ends_with_1(damage, why, tmp_path, capsys):
    folder = grid(tmp_path)
    damage(folder)
    assert main(["status", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "1 of 2 runs done, 1 unreadable" in said
    assert f"{folder.name} cannot be read: {why}" in " ".join(said.split())
    page = status_page.page(status.look(tmp_path))
    assert f"<h3>{folder.name} cannot be read</h3>\n<p>{why}" in page


def test_without_permission_it_is_shown_too_even_where_there_is_no_plan(tmp_path, locked, capsys):
    folder = grid(tmp_path)
    (tmp_path / "sweep.json").unlink()
    (folder / "cell.json").unlink()  # As good as, behind the lock.
    locked(folder)
    assert main(["status", str(tmp_path)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"{folder.name} cannot be read: Permission denied" in said
    assert "1 of 2 runs done" in said
    # Whose run it is, it cannot say either: it may be of any arm.
    rows = read_sweep(tmp_path).rows
    assert not next(row for row in rows if row.name == folder.name).labels
    other = next(row for row in rows if row.labels)
    found = runs_of(Arm("networks", **other.labels), rows, 1)
    assert found.missing == f"{folder.name} cannot be read"


@every_fault
def test_a_report_leaves_a_gap_names_it_and_decides_nothing_by_it(damage, why, tmp_path, capsys):
    folder, out = grid(tmp_path / "root"), tmp_path / "out"
    damage(folder)
    assert main(["report", f"--root={tmp_path / 'root'}", f"--out={out}"]) == 0
    told = f"annot be read, and counted as unfinished: {folder.name} ({why}"
    assert f"resinc: c{told}" in capsys.readouterr().err
    assert f"C{told}" in (out / "table.md").read_text(encoding="utf-8")
    rows = read_sweep(tmp_path / "root").rows
    lost = next(row for row in rows if row.name == folder.name)
    assert (lost.state, lost.final("test"), lost.train) == (CellState.UNREADABLE, None, ())
    assert lost.config["model.depth"] == 8, "as the plan has it"
    found = runs_of(Arm("networks", **lost.labels), rows, 1)
    assert found.missing == f"{folder.name} cannot be read"


def test_the_report_of_any_sweep_draws_the_others(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    file_for_a_folder(grid(root))
    assert main(["report", f"--root={root}", "--x=seed", f"--out={out}"]) == 0
    assert "Missing are 1 of 2 runs" in (out / "table.md").read_text(encoding="utf-8")


@every_fault
def test_a_sweep_says_it_goes_on_with_the_others_and_ends_with_1(
    damage, why, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / cells(1)[0].name
    damage(folder)
    summary = sweep(tmp_path, monkeypatch, "done", "done")
    assert (summary.unreadable, summary.done) == ([folder.name], ["depth=8,seed=1"])
    assert summary.unfinished == []
    assert summary.exit_code == 1
    assert f"unreadable {folder.name} {why}" in " ".join(capsys.readouterr().out.split())


def test_what_waits_for_it_is_told_so(tmp_path, monkeypatch, capsys):
    first, second = cells(2)
    file_for_a_folder(tmp_path / first.name)
    waiting = Cell(second.config, second.args, second.overrides, start=first.name)
    summary = sweep(tmp_path, monkeypatch, "done", "done", todo=[first, waiting])
    assert summary.unfinished == [second.name]
    assert f"waits for {first.name}, which is unreadable" in capsys.readouterr().out


def test_a_pilot_that_cannot_be_read_any_more_leaves_what_it_chose(tmp_path, monkeypatch):
    pilot = Cell("configs/digits.py", {"depth": 8}, {"optimizer.lr": 0.05})
    cell = Cell("configs/digits.py", {"depth": 8}, {"seed": 1}, pilots=(pilot.name,))
    fabricated.run(tmp_path, pilot, 0.1)
    rate = chosen_rate(tmp_path, cell.pilots)
    assert rate == 0.05
    chosen = Cell("configs/digits.py", {"depth": 8}, {"seed": 1}, {"optimizer.lr": rate})
    assert fabricated.run(tmp_path, chosen, 0.1).name == cell.name
    file_for_a_folder(tmp_path / pilot.name)
    summary = sweep(tmp_path, monkeypatch, "done", "done", todo=[pilot, cell])
    assert (summary.done, summary.unreadable) == ([cell.name], [pilot.name])


def test_a_folder_that_cannot_be_written_fails_its_run_alone(tmp_path, monkeypatch, capsys):
    from resinc.launch import sweep as launched

    write = launched.write_labels

    def refused(workdir, labels):
        if workdir.name.endswith("seed=0"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        write(workdir, labels)

    monkeypatch.setattr(launched, "write_labels", refused)
    summary = sweep(tmp_path, monkeypatch, "done", "done")
    assert (summary.failed, summary.done) == (["depth=8,seed=0"], ["depth=8,seed=1"])
    assert summary.exit_code == 1
    assert "cannot be written: Permission denied" in capsys.readouterr().out
    assert runs(tmp_path, 0) == []


def test_an_estimate_leaves_it_out_and_says_so(tmp_path):
    todo = cells(2)
    file_for_a_folder(tmp_path / todo[0].name)
    work = estimate.read_work(todo, tmp_path, {cell.name: 10 for cell in todo})
    assert [w.left > 0 for w in work] == [False, True]
    said = estimate.summary(work, estimate.Rate(1.0, "made up"), 1)
    assert said[-1] == f"left out: {todo[0].name} cannot be read (it is a file, not a folder)"
    assert json.dumps(estimate.lines(work, estimate.Rate(1.0, "made up"))).count("unreadable") == 1
