"""All experiments in one folder: nothing is forgotten, nothing trained twice, and it can stop."""

import math
import signal
import time
from pathlib import Path

import pytest

from experiments import degradation, evidence
from experiments.evidence import STAGES, plan_of, with_what_they_wait_for
from resinc.config import load
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.launch.sweep import Summary, check_configs
from resinc.report.rows import read_row
from resinc.runs.record import restore
from tests import fabricated

RECORDS = Path(evidence.__file__).parent / "records"
DATASETS = pytest.mark.parametrize("dataset", STAGES)


@pytest.fixture(scope="module")
def plans():
    """dataset -> experiment -> its plan."""
    return {dataset: plans_of({"dataset": dataset}) for dataset in STAGES}


def plans_of(settings):
    names = {stage.experiment for stage in STAGES[settings["dataset"]]}
    return {name: plan_of(name, Path("x"), settings) for name in sorted(names)}


def by_name(plans):
    """name -> cell, of all experiments."""
    return {cell.name: cell for plan in plans.values() for cell in plan.cells}


@DATASETS
def test_stages_together_run_every_cell_and_each_can_be_started(dataset, plans):
    left = {name: {cell.name for cell in p.cells} for name, p in plans[dataset].items()}
    for name, only in STAGES[dataset]:
        cells = plans[dataset][name].cells
        chosen = with_what_they_wait_for([c for c in cells if only(c.labels)], cells)
        check_cells(chosen)
        left[name] -= {cell.name for cell in chosen}
    assert not any(left.values()), left


@DATASETS
def test_cells_of_one_name_are_the_same_in_every_experiment(dataset, plans):
    """They share a folder, so a network is trained once."""
    known, common = {}, 0
    for p in plans[dataset].values():
        for cell in p.cells:
            common += cell.name in known
            assert known.setdefault(cell.name, cell) == cell
    assert common > 30


@pytest.mark.parametrize("kept", sorted(path.name for path in RECORDS.iterdir()))
def test_committed_records_are_of_clean_commits_and_of_the_runs_that_are_planned(kept, tmp_path):
    dataset, *steps = kept.removesuffix("-steps").split("-")
    settings = {"dataset": dataset, **({"steps": int(steps[0])} if steps else {})}
    planned = by_name(plans_of(settings))
    records = sorted((RECORDS / kept).iterdir())
    assert records
    for path in records:
        assert restore(path, tmp_path)
    rows = [read_row(folder) for folder in sorted(tmp_path.iterdir())]
    check_configs([planned[row.name] for row in rows], tmp_path)
    for row in rows:
        assert row.labels == planned[row.name].labels
        starts = row.provenance["starts"]
        assert all(start["git_commit"] and not start["git_dirty"] for start in starts)


def test_reports_are_written_of_what_has_begun_alone(tmp_path, plans):
    for cell in plans["digits"]["nin"].cells[:2]:
        fabricated.run(tmp_path / "evidence-digits", cell)
    assert evidence.main(["--report", "--runs", str(tmp_path)]) == 0
    written = {path.name for path in (tmp_path / "results").iterdir()}
    assert written == {"nin-digits", "index.html"}
    text = (tmp_path / "results" / "nin-digits" / "index.html").read_text(encoding="utf-8")
    begun, planned = 2, len(plans["digits"]["nin"].cells)
    assert f"{begun} of {planned} runs done, {planned - begun} not started." in text
    command = "resinc sweep experiments/nin.py --set dataset=digits --root runs/evidence-digits"
    assert command in text
    assert str(tmp_path) not in text


def test_stages_run_in_order_in_one_folder_until_a_signal(tmp_path, monkeypatch):
    begun = []

    def run_sweep(cells, root, workers, devices, about, pack):
        begun.append((about["experiment"], root.name, len(cells)))
        stopped_by = signal.SIGTERM if len(begun) == 2 else None
        return Summary(done=["x"], failed=["y"], stopped_by=stopped_by)

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", "--seeds=1", "--steps=600", f"--runs={tmp_path}"]
    assert evidence.main(words) == 128 + signal.SIGTERM
    root = "evidence-cifar10-600-steps"
    # 5 networks at the start, with two seeds; then 2 in their first steps, and 2 times 4 pilots.
    assert begun == [("gradient", root, 5 * 2), ("gradient", root, 2 * 2 + 8)]


def test_merged_stages_are_one_sweep_with_each_run_once(tmp_path, monkeypatch, plans):
    begun = []

    def run_sweep(cells, root, workers, devices, about, pack):
        begun.append([cell.name for cell in cells])
        assert devices == ("0", "0")
        return Summary(done=["x"])

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", f"--runs={tmp_path}", "--devices=0,0", "--merge=4"]
    assert evidence.main(words) == 0
    assert len(begun) == math.ceil(len(STAGES["cifar10"]) / 4)
    planned = by_name(plans["cifar10"])
    for names in begun:
        check_cells([planned[name] for name in names])
        assert len(set(names)) == len(names)
    assert set().union(*begun) == planned.keys()
    with pytest.raises(InputError, match="merge 0: at least 1 stage runs at a time"):
        evidence.main(["--merge=0"])


@pytest.mark.parametrize(
    ("only", "where", "count"),
    [("gradient", "early", 2 * (10 + 4)), ("degradation", "depth=56", 2 * (5 + 4))],
)
def test_a_label_chooses_runs_with_what_they_wait_for(only, where, count, tmp_path, monkeypatch):
    begun = set()

    def run_sweep(cells, root, workers, devices, about, pack):
        begun.update(cell.name for cell in cells)
        return Summary(done=["x"])

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", f"--runs={tmp_path}", f"--only={only}", f"--where={where}"]
    assert evidence.main(words) == 0
    assert len(begun) == count
    with pytest.raises(InputError, match="no run on cifar10 has the label 'depth=57'"):
        evidence.main(["--dataset=cifar10", "--where=depth=57"])


def test_where_every_run_of_a_stage_fails_no_other_is_begun(tmp_path, monkeypatch):
    stages = []

    def run_sweep(cells, root, workers, devices, about, pack):
        stages.append(about["experiment"])
        return Summary(failed=[cell.name for cell in cells])

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    assert evidence.main([f"--runs={tmp_path}"]) == 1
    assert stages == ["degradation"]


def test_all_steps_of_the_paper_are_its_protocol():
    settings = {"dataset": "cifar10", "steps": 64_000, "seeds": 2}
    cells = plan_of("degradation", Path("x"), settings).cells
    kinds = [(cell.labels["kind"], cell.labels["depth"]) for cell in cells]
    assert set(kinds) == {(k, d) for k, depths in degradation.PAPER.items() for d in depths}
    assert len(kinds) == 9 * 2
    for cell in cells:
        config = load(cell.recipe, cell.flags)
        schedule = config.schedule
        assert (config.steps, config.batch_size, config.optimizer.lr) == (64_000, 128, 0.1)
        assert (schedule.name, schedule.boundaries) == ("step", (0.5, 0.75))
        assert schedule.warmup == (400 / 64_000 if cell.labels["depth"] == 110 else 0)
        assert not cell.pilots
        assert cell.labels["rate"] == "best"


def test_every_experiment_has_cells_that_can_start_by_the_papers_protocol():
    for name in {stage.experiment for stage in STAGES["cifar10"]}:
        plan = plan_of(name, Path("x"), {"dataset": "cifar10", "steps": 64_000, "seeds": 1})
        check_cells(plan.cells)


def test_only_one_experiment_runs_packed_and_with_steps_in_a_call(tmp_path, monkeypatch):
    begun = []

    def run_sweep(cells, root, workers, devices, about, pack):
        begun.append((about["experiment"], pack, {c.shared.get("steps_per_call") for c in cells}))
        return Summary(done=["x"])

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", "--only=nin", "--pack=4", f"--runs={tmp_path}"]
    assert evidence.main([*words, "--steps-per-call=50"]) == 0
    assert begun == [("nin", 4, {50})]
    with pytest.raises(InputError, match="no experiment 'x' on cifar10: there are gradient, "):
        evidence.main([*words[:1], "--only=x"])


def test_time_that_is_up_stops_a_sweep_and_begins_no_other(tmp_path, monkeypatch, capsys):
    begun = []

    def run_sweep(cells, root, workers, devices, about, pack):
        begun.append(about["experiment"])
        told = []
        before = signal.signal(signal.SIGTERM, lambda *_: told.append(time.monotonic()))
        while not told:
            time.sleep(0.01)
        signal.signal(signal.SIGTERM, before)
        return Summary(unfinished=["x"], stopped_by=signal.SIGTERM)

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", "--steps=600", f"--runs={tmp_path}", "--limit-seconds=4"]
    assert evidence.main(words) == 0
    assert len(begun) == 1
    assert "time is up: the same command goes on" in capsys.readouterr().out


def test_time_that_is_up_between_sweeps_ends_nothing_by_force(tmp_path, monkeypatch):
    def run_sweep(cells, root, workers, devices, about, pack):
        time.sleep(1)
        return Summary(done=["x"])

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    monkeypatch.setattr(evidence, "write_report", lambda *args: time.sleep(0.2))
    words = ["--dataset=cifar10", "--steps=600", f"--runs={tmp_path}", "--limit-seconds=1"]
    assert evidence.main(words) == 0
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_stop_asked_for_by_somebody_else_is_told_as_such(tmp_path, monkeypatch):
    def run_sweep(cells, root, workers, devices, about, pack):
        return Summary(stopped_by=signal.SIGTERM)

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", "--steps=600", f"--runs={tmp_path}", "--limit-seconds=100"]
    assert evidence.main(words) == 128 + signal.SIGTERM
