"""SIGNS: every seed and the median, in evaluation and in training mode."""

import pytest

from experiments import signs
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.launch.cell import check_cells
from resinc.probes import check_probes
from resinc.report.rows import Point, Row
from resinc.runs.status import CellState

STEPS = 675


def row(recipe, seed, evaluation, training, state="done"):
    """A run that ends at two test errors in %."""
    points = [Point(135, 0.5, 1.0, 120), Point(STEPS, evaluation / 100, 0.1, 120)]
    modes = {"evaluation": {"error": evaluation / 100}, "training": {"error": training / 100}}
    done = state == "done"
    return Row(
        f"{recipe} {seed}",
        CellState(state),
        step=STEPS,
        steps=STEPS,
        config={"seed": seed, "data.name": "signs"},
        evals={"test": tuple(points)} if done else {},
        measurements={"running_statistics": {str(STEPS): modes}} if done else {},
        labels={"recipe": recipe},
    )


def rows():
    """One seed of the taught recipe is far off, by its running statistics alone."""
    taught = [row("taught", seed, error, 5.0) for seed, error in enumerate((6, 7, 40, 8, 9))]
    return [*taught, *(row("practice", seed, 2.0 + seed, 2.0 + seed) for seed in range(5))]


def test_cells_load_and_are_probed():
    cells = list(signs.sweep(seeds=2))
    check_cells(cells)
    assert len(cells) == 4
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags)
        assert (config.steps, config.batch_size, config.data.name) == (STEPS, 32, "signs")
        assert config.optimizer.name == {"practice": "adamw", "taught": "adam"}[cell.args["recipe"]]
        assert cell.labels == {"recipe": cell.args["recipe"]}
        check_probes(config.probes, config.model)
        assert config.probes == ("running_statistics",)
    first = next(signs.sweep(steps=9))
    assert config_lib.load(first.recipe, first.flags).steps == 9
    with pytest.raises(InputError, match="nothing to run"):
        list(signs.sweep(seeds=0))
    with pytest.raises(InputError, match="did you mean 'taught'"):
        list(signs.sweep(recipes=("tought",)))


def test_median_and_every_seed_are_told_in_both_modes():
    found = signs.report(rows())
    assert found.answer == (
        "Median test accuracy on SIGNS after 20 epochs: trained as a practitioner would 96.0 % in "
        "evaluation mode and 96.0 % in training mode (5 seeds); trained as it is taught 92.0 % in "
        "evaluation mode and 95.0 % in training mode (5 seeds); published: 87.5 %."
    )
    taught = [line for line in found.table.lines if line[0] == "trained as it is taught"]
    assert [line[2:] for line in taught] == [
        ["5", "8.00", "6.00, 7.00, 8.00, 9.00, 40.00"],
        ["5", "5.00", "5.00, 5.00, 5.00, 5.00, 5.00"],
    ]
    circles = [line for line in found.panels[1].lines if line.marker]
    assert sorted(circles[2].x) == pytest.approx([6, 7, 8, 9, 40])
    assert (found.findings, found.notes) == ((), [])


def test_partial_results_are_written_and_what_is_missing_is_named(tmp_path):
    partial = [row("practice", 0, 2.0, 2.0), row("practice", 1, 0, 0, "running"),
               row("taught", 0, 0, 0, "diverged")]  # fmt: skip
    found = signs.report(partial)
    assert found.notes == [
        "Not done, not counted: practice 1.",
        "Diverged, counted as chance: taught 0.",
    ]
    assert "as it is taught 16.7 % in evaluation mode" in found.answer
    assert found.table.lines[0][2:] == ["1 of 2", "2.00", "2.00"]
    report.write(found, partial, tmp_path)
    new = signs.report([row("taught", 0, 0, 0, "new")])
    assert new.answer == "No run on SIGNS is done yet."
    assert all(panel.empty for panel in new.panels)
