"""The paper's figure on a bare machine: packed runs on carried data, and nothing trained twice."""

import json
import os

import numpy as np
import pytest

from experiments import evidence
from experiments.evidence import Plan
from experiments.gpu import carry, curves
from experiments.gpu.pieces import cut
from resinc.data import DATASETS, Split
from resinc.data.sets import arrays
from resinc.launch.cell import Cell
from resinc.runs.status import CellState, state_of
from tests.experiments.bare import ROOT, hide

FIELDS = {"steps": 4, "batch_size": 2, "eval_every_steps": -1, "model.width": 2}
FIELDS |= {"parallel.replicas": 1}


def carried(place):
    """CIFAR-10 as it might look to somebody who is tired, in pieces."""
    spec = DATASETS["cifar10"]
    home = place / "whole" / "cifar10" / spec.version
    home.mkdir(parents=True)
    labels = [np.arange(n, dtype=np.int32) % 10 for n in (spec.train_size, spec.test_size)]
    pair = [Split(np.zeros((len(label), 32, 32, 3), np.uint8), label) for label in labels]
    arrays.save(home / arrays.FILE, (pair[0], pair[1]), compressed=True)
    cut(place / "whole", f"cifar10/{spec.version}/{arrays.FILE}", place / "pieces", 100_000)


@pytest.mark.slow
def test_seeds_are_trained_in_one_program_and_once(tmp_path, monkeypatch):
    carried(tmp_path)
    monkeypatch.setattr(carry, "PIECES", tmp_path / "pieces")
    monkeypatch.setattr(carry, "DATA", tmp_path / "data")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(hide(tmp_path)), str(ROOT)]))
    monkeypatch.setenv("TFDS_DATA_DIR", "")  # Which is set, and set back behind the test.
    reported = []
    monkeypatch.setattr(evidence, "write_report", lambda *args: reported.append(args))

    def plan_of(name, root, settings):
        assert (name, settings["steps"]) == ("degradation", 4)
        args, seeds = {"depth": 8, "block": "plain"}, range(settings["seeds"])
        labels = {"kind": "plain", "depth": 20}
        cells = [Cell("configs/cifar.py", args, {"seed": s}, FIELDS, labels=labels) for s in seeds]
        return Plan(name, cells, lambda rows: None, "resinc sweep ...")

    monkeypatch.setattr(evidence, "plan_of", plan_of)
    words = ["--cpu", "--seeds=2", "--first-seeds=2", "--steps=4", "--steps-per-call=2"]
    assert curves.main([*words, f"--runs={tmp_path / 'runs'}"]) == 0
    root = tmp_path / "runs" / "evidence-cifar10-4-steps"
    runs = sorted(path for path in root.iterdir() if path.name.startswith("block="))
    assert [state_of(run) for run in runs] == [CellState.DONE] * 2
    for run in runs:
        (start,) = json.loads((run / "provenance.json").read_text())["starts"]
        assert start["pack"] == [other.name for other in runs]
    before = [path.stat().st_mtime_ns for path in root.rglob("*.json")]
    assert curves.main([*words, f"--runs={tmp_path / 'runs'}"]) == 0
    assert len(reported) == 4  # Of two stages, twice.
    after = [path.stat().st_mtime_ns for path in root.rglob("*.json") if path.name != "sweep.json"]
    assert set(after) <= set(before)
