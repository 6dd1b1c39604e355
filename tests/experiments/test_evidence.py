"""All experiments in one folder: nothing is forgotten, nothing trained twice, and it can stop."""

import signal
from pathlib import Path

import pytest

from experiments import evidence
from experiments.evidence import STAGES, plan_of, with_what_they_wait_for
from resinc.launch.cell import check_cells
from resinc.launch.sweep import Summary
from tests import fabricated

DATASETS = pytest.mark.parametrize("dataset", STAGES)


@pytest.fixture(scope="module")
def plans():
    """dataset -> experiment -> its plan."""
    return {
        dataset: {
            s.experiment: plan_of(s.experiment, Path("x"), {"dataset": dataset}) for s in stages
        }
        for dataset, stages in STAGES.items()
    }


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

    def run_sweep(cells, root, workers, about):
        begun.append((about["experiment"], root.name, len(cells)))
        stopped_by = signal.SIGTERM if len(begun) == 2 else None
        return Summary(done=["x"], failed=["y"], stopped_by=stopped_by)

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    words = ["--dataset=cifar10", "--seeds=1", "--steps=600", f"--runs={tmp_path}"]
    assert evidence.main(words) == 128 + signal.SIGTERM
    first, second = begun
    # 5 networks at the start and 2 in their first steps, with two seeds, and 2 times 3 pilots.
    assert first == ("gradient", "evidence-cifar10-600-steps", 5 * 2 + 2 * 2 + 6)
    # Plain and residual of 20 and 56 layers, and their pilots.
    assert second == ("degradation", "evidence-cifar10-600-steps", 4 + 4 * 3)


def test_where_every_run_of_a_stage_fails_no_other_is_begun(tmp_path, monkeypatch):
    stages = []

    def run_sweep(cells, root, workers, about):
        stages.append(about["experiment"])
        return Summary(failed=[cell.name for cell in cells])

    monkeypatch.setattr(evidence, "run_sweep", run_sweep)
    assert evidence.main([f"--runs={tmp_path}"]) == 1
    assert stages == ["degradation"]
