"""Rows are read from whatever a run left behind."""

import csv
import io
import json

import numpy as np
import pytest

from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.report import read_rows, read_sweep
from resinc.report.rows import read_row, varying
from resinc.report.table import Table, runs_csv
from resinc.runs.correct import Correct, write_correct
from resinc.runs.status import CellState
from tests import fabricated


def cell(seed=0, depth=8):
    return Cell("configs/digits.py", {"depth": depth}, {"seed": seed})


def test_a_finished_run_is_read_whole(tmp_path):
    fabricated.run(tmp_path, cell(), 0.25, spread=0)
    (row,) = read_rows(tmp_path)
    assert row.done
    assert (row.step, row.steps) == (120, 120)
    assert row.config["model.depth"] == 8
    assert row.final("train").error == 0.25
    assert row.train[0].step == 10
    assert [point.step for point in row.evals["test"]] == list(range(20, 121, 20))


def test_a_half_written_line_and_missing_files_leave_gaps(tmp_path):
    workdir = fabricated.run(tmp_path, cell(), 0.25, state="running", step=85)
    with (workdir / "metrics.jsonl").open("a") as file:
        file.write('not json\n{"step": 90}\n[1]\n{"step": 90, "kind": "train", "lo')
    (workdir / "provenance.json").unlink()
    (tmp_path / "only-log").mkdir()
    (tmp_path / "only-log" / "log.txt").write_text("killed")
    unfinished, bare = read_rows(tmp_path)
    assert unfinished.state == CellState.UNFINISHED
    assert unfinished.train[-1].step == 80
    assert unfinished.final("test") is None
    assert bare.state == CellState.NEW


def plan(root, *cells):
    listed = [
        {"name": c.name, "config": {"model": {"depth": 8}, "steps": 120}, "labels": dict(c.labels)}
        for c in cells
    ]
    fabricated.write(root / "sweep.json", {"command": "resinc sweep", "cells": listed})


def test_cells_that_nothing_began_are_listed(tmp_path):
    fabricated.run(tmp_path, cell(0), 0.25)
    plan(tmp_path, cell(0), cell(1))
    sweep = read_sweep(tmp_path)
    assert sweep.about == {"command": "resinc sweep"}
    assert [row.state for row in sweep.rows] == [CellState.DONE, CellState.NEW]
    assert sweep.rows[1].config["model.depth"] == 8


def test_runs_of_an_earlier_plan_are_left_out_and_named(tmp_path):
    for seed in range(3):
        fabricated.run(tmp_path, cell(seed), 0.25)
    plan(tmp_path, cell(1))
    sweep = read_sweep(tmp_path)
    assert [row.name for row in sweep.rows] == ["depth=8,seed=1"]
    assert sweep.left_over == ("depth=8,seed=0", "depth=8,seed=2")


@pytest.mark.parametrize("cells", [None, 3, ["x", {"no": "name"}, {"name": 3}]])
def test_a_plan_that_says_nothing_leaves_all_runs_in(tmp_path, cells):
    fabricated.run(tmp_path, cell(0), 0.25)
    fabricated.write(tmp_path / "sweep.json", {"cells": cells})
    assert len(read_rows(tmp_path)) == 1


def test_shallow_cells_come_first(tmp_path):
    for depth in (20, 8, 110):
        fabricated.run(tmp_path, cell(depth=depth))
    assert [row.config["model.depth"] for row in read_rows(tmp_path)] == [8, 20, 110]


def test_a_folder_without_runs_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no folder in it"):
        read_rows(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_rows(tmp_path / "none")


def test_runs_csv_round_trips(tmp_path):
    fabricated.run(tmp_path, cell(0), 0.25)
    fabricated.run(tmp_path, cell(1), 0.5, state="diverged", step=30, message='a "b", c\nd')
    rows = read_rows(tmp_path)
    assert varying(rows) == ["seed"]
    done, diverged = csv.DictReader(io.StringIO(runs_csv(rows)))
    for split in ("train", "validation", "test"):
        assert float(done[f"{split}_error"]) == rows[0].final(split).error
        assert float(done[f"{split}_loss"]) == rows[0].final(split).loss
    assert done["name"] == "depth=8,seed=0"
    assert (done["seed"], done["state"], done["step"]) == ("0", "done", "120")
    assert done["data_checksum"] == "sha256:1f2e3d"
    assert done["git_commit"] == rows[0].provenance["git_commit"]
    assert diverged["test_error"] == ""
    assert diverged["message"] == 'a "b", c\nd'


def test_tables_escape_what_they_hold():
    table = Table(["a|b", "<c>"], [["1", "<2>"]], numeric=1)
    assert "a\\|b" in table.markdown()
    assert "<2>" not in table.html()


def test_the_csv_names_the_run_that_another_began_from_wherever_it_lay(tmp_path):
    for seed in range(2):
        start = {"seed": seed, "init_from": f"/home/someone/runs/depth=2,seed={seed}"}
        fabricated.run(tmp_path, Cell("configs/digits.py", {"depth": 8}, start), 0.25)
    lines = csv.DictReader(io.StringIO(runs_csv(read_rows(tmp_path))))
    assert {line["init_from"] for line in lines} == {"depth=2,seed=0", "depth=2,seed=1"}


def test_a_run_older_than_a_field_did_what_its_default_does(tmp_path):
    for seed in range(2):
        workdir = fabricated.run(tmp_path, cell(seed), 0.25)
    config = json.loads((workdir / "config.json").read_text())
    del config["objective"], config["model"]["auxiliary_heads"]
    (workdir / "config.json").write_text(json.dumps(config))
    assert varying(read_rows(tmp_path)) == ["seed"]


def test_gradients_of_a_run_from_before_updates_were_logged_are_read(tmp_path):
    old, new = {"step": 1, "norms": {"a/kernel": 2.0}}, {"step": 4, "norms": {"a/kernel": 3.0}}
    new["updates"] = {"a/kernel": 0.5}
    (tmp_path / "gradients.jsonl").write_text(f"{json.dumps(old)}\n{json.dumps(new)}\n")
    row = read_row(tmp_path, {})
    assert row.gradients == {1: {"a/kernel": 2.0}, 4: {"a/kernel": 3.0}}
    assert row.updates == {4: {"a/kernel": 0.5}}


def test_which_examples_were_right_comes_back_bit_by_bit(tmp_path):
    workdir = fabricated.run(tmp_path, cell(), 0.25)
    right = np.random.RandomState(0).uniform(size=397) < 0.8
    write_correct(workdir, {"test": Correct(right, "digest")})
    (row,) = read_rows(tmp_path)
    np.testing.assert_array_equal(row.correct["test"].right, right)
    assert row.correct["test"].examples == "digest"


@pytest.mark.parametrize("text", ["", "[]", '{"test": 3}', '{"test": {"bits": "!", "count": "x"}}'])
def test_a_damaged_file_of_right_examples_counts_as_none(tmp_path, text):
    workdir = fabricated.run(tmp_path, cell(), 0.25)
    (workdir / "correct.json").write_text(text)
    assert read_rows(tmp_path)[0].correct == {}
