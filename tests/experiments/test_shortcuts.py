"""Shortcuts: the verdict needs both training error and gradient."""

import pytest

from experiments import shortcuts
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done


def rows(errors, gradients, seeds=3):
    """{way: training error in %}, {way: norm of the first layer's first gradient}."""
    out = []
    for way, error in errors.items():
        fields = shortcuts.USUAL | shortcuts.WAYS[way]
        config = {f"model.{name}": value for name, value in fields.items()}
        for seed in range(seeds):
            norm = gradients.get(way, 1.0) * (1 + 0.01 * seed)
            norms = {"stem_conv/kernel": norm, "stage1/block01/conv1/kernel": 1.0}
            shares = {
                "0": {"shortcut": 0.4, "full": 1.0, "cosine": 0.5},
                "120": {"shortcut": 1e-9, "full": 1.0, "cosine": 0.0},
            }
            measured = {"gradients": {1: norms}, "measurements": {shortcuts.PROBE: shares}}
            out.append(done("residual", 56, seed, 3.0, train=error, config=config, **measured))
    return out


def test_cells_load_and_measure_at_both_ends():
    cells = list(shortcuts.sweep())
    assert len({cell.name for cell in cells}) == len(cells) == 3 * len(shortcuts.WAYS)
    for cell in cells[:: len(cells) // 8]:
        config = config_lib.load(cell.recipe, cell.flags)
        assert config.probes == config.probes_at_start == (shortcuts.PROBE,)
        row = Row("x", CellState.NEW, config=dict(config_lib.flatten(config)))
        assert shortcuts.way_of(row)
    with pytest.raises(InputError, match="seeds 0"):
        list(shortcuts.sweep(seeds=0))


@pytest.mark.parametrize(
    ("half", "without", "verdict"),
    [
        (20.0, 0.01, Verdict.SUPPORTED),
        (20.0, 100.0, Verdict.REFUTED),
        (1.0, 0.01, Verdict.REFUTED),
    ],
)
def test_verdict_needs_error_and_gradient(half, without, verdict):
    errors = {
        "shortcut × 1": 1.0,
        "shortcut × 0.5": half,
        "shortcut × 0.25": 40.0,
        "shortcut × 0": 80.0,
    }
    found = shortcuts.report(rows(errors, {"shortcut × 0": without}))
    assert found.verdict == verdict
    assert f"100 times {'more' if without > 1 else 'less'} gradient" in found.answer
    assert found.answer.startswith("Training error rises as the shortcut is scaled down")


def test_one_seed_decides_nothing():
    found = shortcuts.report(rows({"shortcut × 1": 1.0, "shortcut × 0": 80.0}, {}, seeds=1))
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer


def test_partial_results_are_written(tmp_path):
    config = {f"model.{name}": value for name, value in shortcuts.USUAL.items()}
    new = Row("new", CellState.NEW, config=config | {"model.block": "residual"})
    partial = [*rows({"exclusive gate": 50.0}, {}, seeds=2), new]
    found = shortcuts.report(partial)
    assert any("new" in note for note in found.notes)
    report.write(found, partial, tmp_path)
    table = (tmp_path / "table.md").read_text()
    assert "| exclusive gate | 2 |" in table
    assert "| 40 | 1e-07 |" in table


def test_rows_of_other_experiments_are_refused():
    with pytest.raises(InputError, match="way of joining"):
        shortcuts.report([done("plain", 56, 0, 3.0)])
