"""Training against test error: the verdict follows both."""

import pytest

from experiments import generalisation
from resinc import report
from resinc.errors import InputError
from resinc.report.rows import Point, Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState


def row(block, depth, seed, train, gap):
    """A finished run with these errors in %, a little apart from seed to seed."""

    def point(percent):
        return (Point(10, percent / 100, 0.0),)

    return Row(
        name=f"{block} {depth} {seed}",
        state=CellState.DONE,
        step=10,
        steps=10,
        config={"model.block": block, "model.depth": depth, "seed": seed, "data.name": "digits"},
        evals={"train": point(train + seed / 9), "test": point(train + gap + seed / 7)},
    )


def rows(deep_train, deep_gap, seeds=3):
    """Plain networks of 8 layers end at 1 % with a gap of 3 points; deep ones as given."""
    cells = {8: (1.0, 3.0), 56: (deep_train, deep_gap)}
    return [row("plain", d, s, *errors) for d, errors in cells.items() for s in range(seeds)]


@pytest.mark.parametrize(
    ("train", "gap", "verdict"),
    [
        (80.0, 3.0, Verdict.SUPPORTED),
        (80.0, -2.0, Verdict.SUPPORTED),
        (80.0, 12.0, Verdict.REFUTED),
        (1.0, 12.0, Verdict.REFUTED),
        (1.0, 3.0, Verdict.REFUTED),
    ],
)
def test_it_is_training_only_if_the_gap_stays(train, gap, verdict):
    found = generalisation.report(rows(train, gap))
    assert found.verdict == verdict
    assert f"rises by {train - 1:.1f} points" in found.answer
    assert f"training error changes by {gap - 3:+.1f}".replace("-0.0", "+0.0") in (
        found.answer.replace("-0.0", "+0.0")
    )


def test_one_seed_decides_nothing():
    found = generalisation.report(rows(80.0, 3.0, seeds=1))
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer


def test_partial_results_are_written(tmp_path):
    new = Row("new", CellState.NEW, config={"model.block": "residual", "model.depth": 20})
    partial = [*rows(80.0, 3.0, seeds=2), new]
    found = generalisation.report(partial)
    assert "new" in found.notes[-1]
    report.write(found, partial, tmp_path)
    assert "| plain | 56 | 2 |" in (tmp_path / "table.md").read_text()


def test_rows_of_other_experiments_are_refused():
    with pytest.raises(InputError, match=r"model\.depth"):
        generalisation.report([Row("x", CellState.NEW)])
