"""The experiment on multiply-adds: its cells, and a verdict that follows the times."""

import pytest

from experiments import multiplications as experiment
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.measured import measured


def rows(factor, scatter=0.1, **options):
    """Chains behind a 1x1 to 16 are so many times faster, a step half as much; others twice."""
    found = []
    for cell in experiment.sweep(channels=(8, 16), seeds=3):
        seed = cell.overrides["seed"]
        faster = {"5x5-32": 1.0, "1x1-16+5x5-32": factor + scatter * seed}
        times = faster.get(cell.args["layers"], 2.0)
        found.append(measured(cell, times, times / 2, **options))
    return found


def test_cells_are_measurements_of_chains_against_the_direct_one():
    cells = list(experiment.sweep())
    check_cells(cells)
    assert {cell.task for cell in cells} == {"measure"}
    assert cells[0].args["layers"] == "5x5-32"
    config = config_lib.load(cells[0].recipe, cells[0].flags)
    assert (config.reference, config.input, config.batch_size) == ("5x5-32", (28, 28, 192), 32)
    with pytest.raises(InputError, match="nothing to measure"):
        list(experiment.sweep(channels=()))


@pytest.mark.parametrize(
    ("factor", "scatter", "verdict"),
    [
        (9.0, 0.1, Verdict.SUPPORTED),
        (6.0, 0.1, Verdict.REFUTED),
        (6.0, 2.0, Verdict.UNDECIDED),
    ],
)
def test_verdict_follows_the_forward_time(factor, scatter, verdict):
    assert experiment.report(rows(factor, scatter)).verdict == verdict


def test_counts_and_times_are_told_apart():
    found = experiment.report(rows(6.0))
    assert "9.68 times fewer multiply-adds; it is 6.1 (" in found.answer
    assert "3.0 (" in found.answer
    (note,) = [note for note in found.notes if note.startswith("1x1 to 16, forward:")]
    assert "6.10 times faster" in note
    assert "one multiply-add takes 1.59 times as long as directly" in note
    line = next(line for line in found.table.lines if line[0] == "1x1-16+5x5-32")
    assert line[1:6] == ["3", "12,443,648", "12,443,648", "12,443,648", "9.68"]
    names = [panel.title for panel in found.panels]
    assert names == ["cheaper by", "time"]
    counted = {line.label: line for line in found.panels[0].lines}["multiply-adds"]
    assert counted.y == pytest.approx([19.355, 9.677], abs=1e-3)


def test_partial_results_are_reported(tmp_path):
    whole = rows(9.0)
    for part in (whole[:2], whole[:4], whole[5:], whole[3:4]):
        found = experiment.report(part)
        report.write(found, part, tmp_path)
        assert found.verdict == Verdict.UNDECIDED or len(part) > 3
    unfinished = [Row(r.name, CellState.NEW, config=r.config) for r in whole]
    found = experiment.report(unfinished)
    assert found.verdict == Verdict.UNDECIDED
    assert "not measured yet" in found.answer
    assert all(panel.empty for panel in found.panels[:1])
    assert "not done" in found.notes[-1]


def test_other_rows_and_mixed_devices_are_refused():
    with pytest.raises(InputError, match="nothing to report"):
        experiment.report([Row("a", CellState.DONE)])
    with pytest.raises(InputError, match=r"several devices \(NVIDIA and cpu\)"):
        experiment.report(rows(9.0) + rows(9.0, device="NVIDIA"))
