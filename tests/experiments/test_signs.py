"""SIGNS: the verdict follows the practitioner's recipe alone."""

import pytest

from experiments import signs
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done


def rows(practice, taught, seeds=3):
    errors = {"adamw": practice, "adam": taught}
    return [
        done("bottleneck", 50, s, e, config={"data.name": "signs", "optimizer.name": name})
        for name, e in errors.items()
        for s in range(seeds)
    ]


def test_cells_load_and_differ_in_their_optimizer():
    cells = list(signs.sweep(seeds=2))
    assert len({cell.name for cell in cells}) == 4
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags)
        assert (config.steps, config.batch_size, config.data.name) == (675, 32, "signs")
        assert signs.OPTIMIZERS[config.optimizer.name] == cell.args["recipe"]
    assert config_lib.load(*(lambda c: (c.recipe, c.flags))(next(signs.sweep(steps=9)))).steps == 9
    with pytest.raises(InputError, match="nothing to run"):
        list(signs.sweep(seeds=0))
    with pytest.raises(InputError, match="did you mean 'taught'"):
        list(signs.sweep(recipes=("tought",)))


@pytest.mark.parametrize(
    ("practice", "verdict"),
    [(1.0, Verdict.SUPPORTED), (3.0, Verdict.UNDECIDED), (8.0, Verdict.REFUTED)],
)
def test_verdict_follows_the_practitioners_recipe(practice, verdict):
    found = signs.report(rows(practice, 15.0))
    assert found.verdict == verdict
    assert f"{100 - practice:.1f} ± " in found.answer
    assert "85.0 ± " in found.answer


def test_one_seed_decides_nothing():
    assert signs.report(rows(1.0, 15.0, seeds=1)).verdict == Verdict.UNDECIDED


def test_partial_results_are_written(tmp_path):
    config = {"data.name": "signs", "optimizer.name": "adamw"}
    partial = [*rows(1.0, 15.0, seeds=1)[1:], Row("new", CellState.NEW, config=config)]
    found = signs.report(partial)
    assert "new" in found.notes[-1]
    report.write(found, partial, tmp_path)
    assert "published" in (tmp_path / "table.md").read_text()
    with pytest.raises(InputError, match="none of the runs"):
        signs.report([Row("x", CellState.NEW)])
