"""The identity: the verdict follows the stacks that reproduce their input."""

import pytest

from experiments import identity
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done


def stacks(plain, residual, seeds=3):
    return [
        done(block, 20, seed, error, config={"objective": "reproduce"})
        for block, error in (("plain", plain), ("residual", residual))
        for seed in range(seeds)
    ]


def classifiers(seeds=3):
    out = []
    for seed in range(seeds):
        for block, rise in (("plain", 0.6), ("residual", 0.02)):
            lesions = {"whole": 0.03, "removed": {"stage1/block02": 0.03 + rise}}
            probes = {
                "lesions": {"120": {**lesions, "permuted": {"1": [0.1, 0.2]}}},
                "responses": {"120": {"stem_conv": 1.0, "stage1/block01/conv1": 0.5}},
            }
            out.append(done(block, 20, seed, 3.0, measurements=probes))
            out.append(done(block, 56, seed, 4.0, config={"init_extra": "identity"}))
    return out


def test_cells_load_and_the_deepened_wait_for_the_shallow():
    cells = list(identity.sweep(seeds=2))
    check_cells(cells)
    grown = [cell for cell in cells if cell.start]
    assert len(grown) == 4
    by_name = {cell.name: cell for cell in cells}
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags)
        stack = config.objective == "reproduce"
        assert (config.model.name == "stack") == (config.data.normalize == "none") == stack
    for cell in grown:
        assert by_name[cell.start].args["depth"] == identity.SHALLOW < cell.args["depth"]
        assert by_name[cell.start].args["block"] == cell.args["block"]


@pytest.mark.parametrize(
    ("plain", "verdict"),
    [(60.0, Verdict.SUPPORTED), (1.0, Verdict.REFUTED), (6.0, Verdict.UNDECIDED)],
)
def test_verdict_follows_the_stacks(plain, verdict):
    found = identity.report([*stacks(plain, 1.0), *classifiers()])
    assert found.verdict == verdict
    assert f"leaves {plain:.1f} % of its variance" in found.answer
    assert "costs 60.0 points of test error in a plain one, 2.0 in a residual" in found.answer
    assert any("15.0 % with 1 pair swapped" in note for note in found.notes)


def test_one_seed_decides_nothing():
    found = identity.report(stacks(60.0, 1.0, seeds=1))
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer


def test_partial_results_are_written(tmp_path):
    config = {"model.block": "residual", "model.depth": 56, "objective": "classify"}
    partial = [*stacks(60.0, 1.0, seeds=2), Row("new", CellState.NEW, config=config)]
    report.write(identity.report(partial), partial, tmp_path)
    assert "| plain |" in (tmp_path / "table.md").read_text()
    with pytest.raises(InputError, match="none of the runs"):
        identity.report(classifiers())
