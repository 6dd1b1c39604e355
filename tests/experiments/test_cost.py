"""The textbook count is counted, and its time is told for every device by itself."""

from dataclasses import replace

import pytest

from experiments import cost
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.report.rows import Row
from resinc.runs.status import CellState
from tests.experiments.measured import measured


def rows(faster=6.0, device="cpu"):
    found = []
    for cell in cost.sweep(seeds=2):
        times = faster if cell.labels["layers"] == cost.REDUCED else 1.0
        row = measured(cell, times, times / 2, device=device)
        found.append(replace(row, labels=cell.labels))
    return found


def test_cells_are_measurements_against_the_direct_convolution():
    cells = list(cost.sweep())
    check_cells(cells)
    assert {cell.task for cell in cells} == {"measure"}
    config = config_lib.load(cells[0].recipe, cells[0].flags)
    assert (config.reference, config.input, config.batch_size) == ("5x5-32", (28, 28, 192), 32)
    with pytest.raises(InputError, match="seeds 0 is not positive"):
        list(cost.sweep(seeds=0))


def test_the_textbook_count_and_the_time_of_each_device_are_told():
    found = cost.report([*rows(6.0), *rows(9.0, "NVIDIA H100")])
    assert "takes 120,422,400 multiply-adds" in found.answer
    assert "12,443,648, 9.68 times fewer" in found.answer
    assert "NVIDIA H100 is 9.0 times faster forward and 4.5" in found.answer
    assert "cpu is 6.0 times faster forward and 3.0 times" in found.answer
    cpu = next(line for line in found.panels[0].lines if line.label == "cpu")
    assert cpu.x[:3] == pytest.approx([9.677, 6.0, 3.0], abs=1e-3)


def test_partial_results_are_reported(tmp_path):
    whole = rows()
    for part in (whole[:1], whole[2:], [Row(whole[0].name, CellState.NEW)]):
        found = cost.report(part)
        report.write(found, part, tmp_path)
        assert "not measured yet" in found.answer
    assert whole[0].name in found.notes[0]
