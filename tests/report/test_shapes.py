"""JSON that nobody expected leaves gaps in a report, never a traceback."""

import json

import pytest

from experiments import cost, degradation
from resinc import config as config_lib
from resinc.launch.cell import Cell
from resinc.report.page import measured
from resinc.report.rows import read_sweep
from resinc.report.table import runs_csv
from resinc.runs.shape import fits, kept
from resinc.runs.status import state_of
from tests import fabricated

ODD = [[], [1], 7, None, "text", {}, {"step": "many"}, {"state": 3}, {"state": "resting"}]
ODD += [{"steps": [1], "seconds": None, "message": {}}, {"step": 1e400}, {"step": True}]
ODD_CONFIGS = [
    {"model": 3, "data": [], "optimizer": None},
    {"model": {"depth": "deep", "block": 7}, "data": {}, "optimizer": {}},
    {"model": {"depth": None}, "data": {"name": []}, "optimizer": {"lr": "fast"}, "seed": [0]},
    {"layers": 5, "input": "wide"},
]
ODD_SWEEPS = [
    {"cells": 5},
    {"cells": [3, None, {"name": 4}, {"name": "a", "config": [], "labels": 9}]},
    {"cells": [{"name": "a", "labels": {"kind": [], "depth": None}}], "command": 3},
]
ODD_PROVENANCE = [
    {"data": [], "versions": 3, "parameters": "many", "device_count": []},
    {"data": {"train_size": "many", "checksum": 3}, "versions": {"jax": 1}, "classes": "ten"},
]
ODD_LINES = [{"step": 1, "kind": "eval", "split": [], "error": 1, "loss": 1}, [], {"norms": 3}]
FILES = {
    "status.json": ODD,
    "config.json": ODD + ODD_CONFIGS,
    "provenance.json": ODD + ODD_PROVENANCE,
    "measurements.json": [*ODD, {"lesions": [], "time": 3, "cost": {"layers": {}}, "memory": None}],
    "cell.json": [*ODD, {"labels": 3}, {"labels": {"kind": {}}}],
    "metrics.jsonl": ODD + ODD_LINES,
    "gradients.jsonl": [*ODD, *ODD_LINES, {"step": "a", "norms": {"x": "y"}}],
    "../sweep.json": ODD + ODD_SWEEPS,
}
CASES = [(name, value) for name, values in FILES.items() for value in values]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two runs of a quick look at depth, as the trainer leaves them."""
    root = tmp_path_factory.mktemp("shapes")
    cells = list(degradation.sweep(depths=(8,), seeds=1))
    for cell in cells:
        fabricated.run(root, cell)
    listed = [
        {
            "name": cell.name,
            "config": config_lib.to_dict(config_lib.load(cell.recipe, cell.flags)),
            "labels": dict(cell.labels),
        }
        for cell in cells
    ]
    fabricated.write(root / "sweep.json", {"cells": listed, "command": "resinc sweep"})
    return root, cells[0]


@pytest.mark.parametrize(("name", "value"), CASES)
def test_odd_json_leaves_a_gap(name, value, sweep):
    root, cell = sweep
    path = root / cell.name / name
    before = path.read_bytes() if path.exists() else None
    path.write_text(json.dumps(value) + "\n", encoding="utf-8")
    try:
        found = read_sweep(root)
        assert found.rows
        assert state_of(root / cell.name)
        runs_csv(found.rows)
        measured(found.rows, found.about)
        if any(row.config for row in found.rows):
            assert degradation.report(found.rows).answer
    finally:
        path.unlink() if before is None else path.write_bytes(before)


@pytest.mark.parametrize("value", [*ODD, {"time": 3}, {"time": {"step_seconds": "long"}}])
def test_an_odd_measurement_leaves_a_gap(value, tmp_path):
    cells = list(cost.sweep(seeds=1))
    for cell in cells:
        config = config_lib.to_dict(config_lib.load(cell.recipe, cell.flags))
        fabricated.write(tmp_path / cell.name / "config.json", config)
        fabricated.write(tmp_path / cell.name / "status.json", {"state": "done", "step": 1})
        fabricated.write(tmp_path / cell.name / "measurements.json", value)
    assert cost.report(read_sweep(tmp_path).rows).answer


def test_a_damaged_config_falls_back_on_the_plan(sweep):
    root, cell = sweep
    path = root / cell.name / "config.json"
    before = path.read_bytes()
    path.write_text('{"model": 3, "data": 1, "optimizer": 2}', encoding="utf-8")
    try:
        row = next(row for row in read_sweep(root).rows if row.name == cell.name)
        assert row.config["model.depth"] == 8
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize(
    ("value", "shape", "answer"),
    [
        (1, float, True),
        (True, int, False),
        (float("nan"), float, False),
        ({"a": 1}, {str: int}, True),
        ({"a": "1"}, {str: int}, False),
        ({"a": 1, "b": 2}, {"a": int}, True),
        ({}, {"a": int}, False),
        ([1, None], [int], False),
    ],
)
def test_shapes(value, shape, answer):
    assert fits(value, shape) == answer


def test_fields_of_no_known_name_are_kept():
    assert kept({"a": 1, "b": "x", "c": 3}, {"a": int, "b": int}) == {"a": 1, "c": 3}


def test_a_cell_of_another_config_names_no_label(tmp_path):
    assert read_sweep_of_one(tmp_path, {"labels": {"kind": "plain", "depth": []}}) == {
        "kind": "plain"
    }


def read_sweep_of_one(root, cell):
    fabricated.run(root, Cell("configs/digits.py"))
    fabricated.write(root / "default" / "cell.json", cell)
    return read_sweep(root).rows[0].labels
