"""Any sweep drawn by the names of its axes: means over seeds alone, what is missing said."""

import csv
import io
from dataclasses import replace

import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.launch import plan
from resinc.launch.ablation import Ablation
from resinc.report import read_sweep
from resinc.report.ablation import Choice, report
from resinc.report.axes import value_of
from resinc.report.colours import NETWORK_COLOURS
from resinc.report.table import runs_csv
from tests import fabricated

NETWORKS = ("model.block=plain,residual", "model.depth=8,20")
ERRORS = {("plain", 8): 0.1, ("plain", 20): 0.5, ("residual", 8): 0.1, ("residual", 20): 0.02}


def swept(root, *axes, left_out=(), diverged=(), **changes):
    """The rows of a fabricated sweep; `left_out` and `diverged` are places in its plan."""
    made = plan.of_axes(Ablation("configs/digits.py", axes, **changes), "resinc sweep ...")
    for place, cell in enumerate(made.cells):
        network = cell.labels.get("model.block"), cell.labels.get("model.depth")
        if place in diverged:
            fabricated.run(root, cell, state="diverged", step=30)
        elif place not in left_out:
            fabricated.run(root, cell, ERRORS.get(network, 0.25))
    listed = [{"name": c.name, "labels": dict(c.labels)} for c in made.cells]
    fabricated.write(root / "sweep.json", made.about | {"cells": listed, "tags": ["x", "y"]})
    return read_sweep(root).rows


def drawn(rows, x="", colour="", metric=""):
    return report(rows, Choice(x, colour, metric), "a sweep")


def test_means_are_over_seeds_and_every_seed_is_a_point(tmp_path):
    rows = swept(tmp_path, *NETWORKS, seeds=3)
    found = drawn(rows, "model.depth", "model.block", "train.error")
    (panel,) = found.panels
    plain, residual = panel.lines
    assert (plain.label, residual.label) == ("model.block plain", "model.block residual")
    assert plain.colour == NETWORK_COLOURS["plain"]
    errors = [
        100 * row.final("train").error
        for row in rows
        if row.labels == {"model.block": "plain", "model.depth": 20}
    ]
    assert list(plain.x) == [8, 20]
    assert plain.y[1] == pytest.approx(sum(errors) / 3)
    assert sorted(y for x, y in plain.dots if x == 20) == pytest.approx(sorted(errors))
    assert found.answer.startswith("Training error: from ")
    assert found.answer.endswith("at model.depth 20, model.block plain.")
    assert found.notes == []


def test_without_a_choice_the_first_number_is_the_axis(tmp_path):
    rows = swept(tmp_path, *NETWORKS)
    assert drawn(rows) == drawn(rows, "model.depth", "model.block", "train.error")


def test_what_else_differs_has_panels_of_its_own(tmp_path):
    rows = swept(tmp_path, *NETWORKS, "optimizer.lr=0.01,0.1")
    found = drawn(rows, "model.depth", "model.block")
    assert [panel.title for panel in found.panels] == ["optimizer.lr 0.01", "optimizer.lr 0.1"]
    assert found.panels[0].y_range == found.panels[1].y_range
    assert len(found.table.lines) == 8


def test_axes_of_a_zip_that_follow_from_others_need_no_panel(tmp_path):
    rows = swept(tmp_path, "model.depth=8,20", "optimizer.lr=0.1,0.01", combine="zip", seeds=2)
    found = drawn(rows, "model.depth", "seed")
    (panel,) = found.panels
    assert len(panel.lines) == 2
    assert found.notes == ["Along model.depth, optimizer.lr changes too."]


def test_points_of_a_random_search_are_not_joined_and_not_averaged(tmp_path):
    axes = "optimizer.lr=log:0.001..1", "optimizer.momentum=uniform:0..0.9"
    rows = swept(tmp_path, *axes, combine="random", samples=10)
    (panel,) = drawn(rows, "optimizer.lr").panels
    assert panel.log_x
    assert all(line.width == 0 for line in panel.lines)
    assert sum(len(line.x) for line in panel.lines) == 10


def test_an_axis_that_is_no_number_has_a_row_for_each_value(tmp_path):
    rows = swept(tmp_path, "model.block=plain,residual", "model.shortcut=A,B", seeds=2)
    (panel,) = drawn(rows, "model.shortcut", "model.block").panels
    assert panel.names == ["A", "B"]
    assert [list(line.y) for line in panel.lines] == [[0, 1], [0, 1]]


def test_what_is_missing_is_said_and_diverged_runs_count_as_chance(tmp_path):
    rows = swept(tmp_path, *NETWORKS, seeds=2, left_out=[0], diverged=[2, 3])
    found = drawn(rows, "model.depth", "model.block")
    assert found.notes == [
        "Missing are 1 of 8 runs: block=plain,depth=8,seed=0 has not started.",
        "Diverged, and counted as chance: block=plain,depth=20,seed=0; "
        "block=plain,depth=20,seed=1.",
    ]
    assert found.panels[0].lines[0].y[1] == pytest.approx(90.0)
    assert found.table.lines[0][:4] == ["8", "plain", "1 of 2", found.table.lines[0][3]]


def test_a_sweep_of_which_nothing_has_ended_is_drawn_empty(tmp_path):
    rows = swept(tmp_path, *NETWORKS, left_out=range(4))
    found = drawn(rows)
    assert found.answer == "No run has ended, so there is no training error yet."
    assert all(panel.empty for panel in found.panels)


def test_a_sweep_of_an_experiment_is_drawn_by_labels_or_fields(tmp_path):
    rows = [replace(row, labels={}) for row in swept(tmp_path, *NETWORKS, seeds=2)]
    by_field = drawn(rows, "model.depth", "model.block")
    assert [line.label for line in by_field.panels[0].lines] == [
        "model.block plain",
        "model.block residual",
    ]
    named = [replace(row, labels={"kind": value_of(row, "model.block")}) for row in rows]
    assert drawn(named, "model.depth", "kind").panels[0].lines[0].label == "kind plain"


def test_names_that_no_run_has_are_refused(tmp_path):
    rows = swept(tmp_path, *NETWORKS)
    with pytest.raises(InputError, match=r"no run has 'model.dept' \(did you mean 'model.depth'"):
        drawn(rows, "model.dept")
    with pytest.raises(InputError, match=r"unknown metric 'tset.error' \(did you mean 'test.err"):
        drawn(rows, metric="tset.error")


def test_a_figure_of_test_errors_warns_of_choosing_by_it(tmp_path):
    rows = swept(tmp_path, *NETWORKS)
    assert "on the test set" in drawn(rows, metric="test.error").notes[-1]


def test_the_csv_has_labels_fields_and_tags_in_columns_of_their_own(tmp_path):
    rows = swept(tmp_path, *NETWORKS, left_out=[3])
    rows = [replace(row, labels=row.labels | {"state": "odd", "kind": "k"}) for row in rows]
    lines = list(csv.reader(io.StringIO(runs_csv(rows, {"tags": ["x", "y"]}))))
    header = lines[0]
    assert len(set(header)) == len(header)
    assert all(len(line) == len(header) for line in lines)
    first = dict(zip(header, lines[1], strict=True))
    assert (first["model.block"], first["model.depth"], first["kind"]) == ("plain", "8", "k")
    assert (first["label.state"], first["state"], first["tags"]) == ("odd", "done", "x y")


def test_the_csv_opens_in_pandas(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    table = pandas.read_csv(io.StringIO(runs_csv(swept(tmp_path, *NETWORKS, left_out=[3]))))
    assert len(table) == 4
    begun = table[table["train_error"].notna()]
    assert [*zip(begun["model.block"], begun["model.depth"], strict=True)] == [*ERRORS][:3]


def test_the_command_writes_figure_table_and_csv_where_git_does_not_look(
    tmp_path, capsys, monkeypatch
):
    swept(tmp_path / "root", *NETWORKS, left_out=[3])
    monkeypatch.chdir(tmp_path)
    assert main(["report", "--root=root"]) == 0
    assert "runs/results/root/index.html" in capsys.readouterr().out
    out = tmp_path / "runs" / "results" / "root"
    assert {file.name for file in out.iterdir()} >= {"figure.png", "table.md", "runs.csv"}
    page = (out / "index.html").read_text()
    assert "Missing are 1 of 4 runs" in page
    assert "<dt>Tags</dt><dd>x, y</dd>" in page
    assert "| model.depth | model.block | seeds |" in (out / "table.md").read_text()


def test_an_experiment_has_a_report_of_its_own(tmp_path, capsys):
    swept(tmp_path, *NETWORKS)
    command = ["report", "experiments/degradation.py", f"--root={tmp_path}", "--x=seed"]
    assert main(command) == 2
    assert "has a report of its own" in capsys.readouterr().err
