"""With and without auxiliary classifiers: the cells, and the report."""

import pytest

from experiments import auxiliary
from resinc import config as config_lib
from resinc import report
from resinc.errors import InputError
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done


def rows(errors, gradient=1.0, seeds=3):
    """{(network, heads): test error in %} -> rows; heads multiply the first layer's gradient."""
    found = []
    for (network, heads), error in errors.items():
        block, depth, _ = auxiliary.NETWORKS[network]
        for seed in range(seeds):
            norm = (gradient if heads else 1.0) * (1 + 0.01 * seed)
            norms = {"aux1/dense/kernel": 7.0, "stem_conv/kernel": norm}
            found.append(
                done(
                    block,
                    depth,
                    seed,
                    error,
                    config={"model.auxiliary_heads": heads},
                    gradients=dict.fromkeys((1, 60, 120), norms),
                )
            )
    return found


BOTH = {("inception-20", 0): 3.0, ("inception-20", 2): 3.0}


def test_cells_load_and_log_gradients():
    cells = list(auxiliary.sweep("cifar10", seeds=2, steps=40))
    assert len({cell.name for cell in cells}) == len(cells) == 8
    configs = [config_lib.load(cell.recipe, cell.flags) for cell in cells]
    assert {config.model.auxiliary_heads for config in configs} == {0, 2}
    assert all(config.log_gradients and config.model.auxiliary_weight for config in configs)
    assert {(config.data.name, config.steps) for config in configs} == {("cifar10", 40)}
    with pytest.raises(InputError, match="dataset"):
        list(auxiliary.sweep("digit"))


@pytest.mark.parametrize(
    ("using", "verdict"),
    [(20.0, Verdict.SUPPORTED), (80.0, Verdict.REFUTED), (85.0, Verdict.REFUTED)],
)
def test_verdict_is_of_the_accuracy_of_the_plain_network(using, verdict):
    found = auxiliary.report(
        rows({("plain-56", 0): 80.0, ("plain-56", 2): using, **BOTH}, gradient=10.0)
    )
    assert found.verdict == verdict
    assert f"plain-56: test error {using:.1f} % instead of 80.0 %" in found.answer
    assert found.answer.count("× 10.00") == 2
    assert any("at the first step, with minus without: 1.00 decades" in n for n in found.notes)


def test_inception_alone_decides_nothing():
    found = auxiliary.report(rows({("inception-20", 0): 9.0, ("inception-20", 2): 1.0}))
    assert found.verdict == Verdict.UNDECIDED
    assert "inception-20: test error 1.0 %" in found.answer


def test_partial_results_are_written(tmp_path):
    planned = {"model.block": "plain", "model.depth": 56, "model.auxiliary_heads": 2}
    partial = [*rows({("plain-56", 0): 80.0}, seeds=2), Row("new", CellState.NEW, config=planned)]
    found = auxiliary.report(partial)
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer
    report.write(found, partial, tmp_path)
    with pytest.raises(InputError, match="auxiliary_heads"):
        auxiliary.report([Row("other", CellState.NEW)])
