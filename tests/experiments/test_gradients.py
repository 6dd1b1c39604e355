"""The gradient experiment: its cells, and a report that says what the rows say."""

import numpy as np
import pytest

from experiments import gradients
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState


def row(family, depth, seed, fade, steps=(1, 40)):
    """A run whose gradient loses `fade` decades from the last layer to the first."""
    block, norm = gradients.FAMILIES[family]
    scatter = np.random.RandomState(seed + depth).normal(0, 0.02)
    norms = {
        "stem_conv/kernel": 10 ** (scatter - fade),
        "stem_conv/bias": 1e9,
        "stage1/block01/conv1/kernel": 10 ** (scatter - fade / 2),
        "stage1/block01/shortcut/conv/kernel": 1e9,
        "stage1/block01/conv2/kernel": 10**scatter,
        "head/kernel": 1e9,
    }
    return Row(
        name=f"{family} {depth} {seed}",
        state=CellState.DONE,
        config={"model.block": block, "model.norm": norm, "model.depth": depth, "seed": seed},
        gradients=dict.fromkeys(steps, norms),
    )


def rows(fades, seeds=3):
    """{(family, depth): fade} -> rows."""
    return [row(f, d, s, fade) for (f, d), fade in fades.items() for s in range(seeds)]


def test_cells_load_and_log_gradients():
    cells = list(gradients.sweep())
    assert len(cells) == 27
    assert len({cell.name for cell in cells}) == 27
    config = config_lib.load(cells[0].recipe, cells[0].flags)
    assert (config.log_gradients, config.model.depth, config.steps) == (True, 56, 40)
    with pytest.raises(InputError, match="nothing to run"):
        list(gradients.sweep(seeds=0))


@pytest.mark.parametrize(
    ("deep", "verdict"),
    [(2.0, Verdict.SUPPORTED), (-2.0, Verdict.REFUTED), (0.0, Verdict.REFUTED)],
)
def test_verdict_is_of_plain_networks_with_batch_norm(deep, verdict):
    found = gradients.report(
        rows({("plain", 8): 0.0, ("plain", 56): deep, ("residual", 8): 1.0, ("residual", 56): -1.0})
    )
    assert found.verdict == verdict
    said = {2.0: "times smaller at 56", -2.0: "times larger at 56", 0.0: "about the same"}
    assert said[deep] in found.answer.partition("plain: ")[2].partition(";")[0]


def test_one_seed_decides_nothing():
    found = gradients.report(rows({("plain", 8): 0.0, ("plain", 56): 2.0}, seeds=1))
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer


def test_slope_is_decades_per_layer_of_the_main_path():
    norms = gradients.kernels(row("plain", 8, 0, 1.0).gradients[1])
    assert len(norms) == 3
    assert gradients.slope(norms) == pytest.approx(0.5)


def test_partial_results_are_written(tmp_path):
    partial = [
        *rows({("plain", 8): 0.0}, seeds=2),
        row("residual", 20, 0, 0.0, steps=(1,)),
        Row("new", CellState.NEW, config={"model.block": "plain", "model.norm": "none"}),
    ]
    found = gradients.report(partial)
    assert "new" in found.notes[-1]
    report.write(found, partial, tmp_path)
    page = (tmp_path / "index.html").read_text()
    assert 'class="verdict not">not decided' in page
    assert "Not decided." in (tmp_path / "table.md").read_text()


def test_no_gradients_are_said():
    with pytest.raises(InputError, match=r"gradients\.jsonl"):
        gradients.report([Row("new", CellState.NEW)])
