"""All filters or one: equal cost, and a report that says what the rows say."""

import pytest

from configs import base
from experiments import inception
from resinc import config as config_lib
from resinc import networks, report
from resinc.cost.count import network_cost
from resinc.errors import InputError
from resinc.probes import check_probes
from resinc.report.rows import Row
from resinc.report.statistics import Verdict
from resinc.runs.status import CellState
from tests.experiments.networks import done

MEASURED = {
    "error": 0.02,
    "energy": {
        f"stage1/block0{i}/module": {"branch1": 0.3, "branch2": 0.4, "branch3": 0.2, "branch4": 0.1}
        for i in (1, 2)
    },
    "dropped": {"branch1": 0.1, "branch2": 0.2, "branch3": 0.7, "branch4": 0.05},
}


def rows(errors, seeds=3, **more):
    """{block: test error in %} -> rows."""
    return [
        done(
            block,
            inception.NETWORKS[block][1],
            seed,
            error,
            measurements={"branches": {"120": MEASURED}} if block in inception.MODULES else {},
            **more,
        )
        for block, error in errors.items()
        for seed in range(seeds)
    ]


SINGLE = {"only_1x1": 9.0, "only_3x3": 4.0, "only_5x5": 5.0, "only_pool": 8.0}


@pytest.mark.parametrize("image", [(8, 8, 1), (32, 32, 3)], ids=["digits", "cifar10"])
def test_multiply_adds_are_equal_within_5_percent(image):
    def cost(block, depth, width):
        section = base.get_config().model
        section.update(block=block, depth=depth, width=width)
        return network_cost(networks.build(section, 10), image).multiply_adds

    reference = cost(*inception.REFERENCE)
    for block, (_, depth, width) in inception.NETWORKS.items():
        assert cost(block, depth, width) == pytest.approx(reference, rel=0.05), block


@pytest.mark.parametrize("dataset", ["digits", "cifar10"])
def test_cells_load_and_modules_are_probed(dataset):
    cells = list(inception.sweep(dataset, seeds=2, steps=40))
    assert len({cell.name for cell in cells}) == len(cells) == 12
    for cell in cells:
        config = config_lib.load(cell.recipe, cell.flags)
        assert (config.data.name, config.steps) == (dataset, 40)
        _, depth, width = inception.NETWORKS[config.model.block]
        assert (config.model.depth, config.model.width) == (depth, width)
        assert config.probes == (("branches",) if config.model.block in inception.MODULES else ())
        check_probes(config.probes, config.model)
    with pytest.raises(InputError, match="seeds 0"):
        list(inception.sweep(seeds=0))


@pytest.mark.parametrize(
    ("module", "verdict"),
    [(1.0, Verdict.SUPPORTED), (4.0, Verdict.REFUTED), (6.0, Verdict.REFUTED)],
)
def test_verdict_follows_the_rows(module, verdict):
    found = inception.report(rows(SINGLE | {"inception_naive": 9.0, "inception": module}))
    assert found.verdict == verdict
    assert f"the reduced module ends at {module:.1f} % test error" in found.answer
    assert "(3x3 only) at 4.0 %" in found.answer


def test_selection_is_by_validation_error():
    modules = {"inception_naive": 9.0, "inception": 3.0}
    found = rows(SINGLE | modules)
    # On validation the 1x1 network looks best: it is compared, though it tests worst.
    found = [row for row in found if row.config["model.block"] != "only_1x1"]
    found += rows({"only_1x1": 9.0}, validation=0.0)
    assert inception.chosen(found, inception.SINGLE) == "only_1x1"
    assert "(1x1 only) at 9.0 %" in inception.report(found).answer


def test_branches_are_told_apart():
    found = inception.report(rows(SINGLE | {"inception_naive": 9.0, "inception": 3.0}))
    said = next(note for note in found.notes if note.startswith("Of the reduced module"))
    assert "3x3 branch has the most energy (0.400" in said
    assert "dropping the 5x5 branch costs most (70.0 %" in said
    reduced = next(line for line in found.table.lines if line[0] == "reduced module")
    assert reduced[-4:] == ["10.00 ± 0.00", "20.00 ± 0.00", "70.00 ± 0.00", "5.00 ± 0.00"]


def test_partial_results_are_written(tmp_path):
    planned = {"model.block": "inception", "model.depth": 20, "data.name": "digits"}
    partial = [*rows({"only_3x3": 4.0}, seeds=2), Row("new", CellState.NEW, config=planned)]
    found = inception.report(partial)
    assert found.verdict == Verdict.UNDECIDED
    assert "Too few runs" in found.answer
    assert any("new" in note for note in found.notes)
    report.write(found, partial, tmp_path)
    with pytest.raises(InputError, match="nothing to report"):
        inception.report([Row("other", CellState.NEW)])
