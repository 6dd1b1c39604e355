"""Probes are taken at the first and the last step, once, whatever happens in between."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from resinc.errors import InputError
from resinc.probes import PROBES
from resinc.train.loop import train
from tests.train.runs import config, final_state


@pytest.fixture
def stem_sum(monkeypatch):
    """A probe that sums the stem's kernel, and refuses networks wider than 4."""

    def check(section):
        if section.width > 4:
            raise InputError(f"width {section.width}")

    def measure(subject):
        assert subject.batch[0].shape == (256, 8, 8, 1)
        assert len(subject.test[1]) == 360
        logits = subject.network.apply(subject.variables, subject.batch[0][:2], train=False)
        assert logits.shape == (2, subject.num_classes)
        return float(np.sum(subject.params["stem_conv"]["kernel"]))

    monkeypatch.setitem(PROBES, "stem_sum", SimpleNamespace(check=check, measure=measure))


@pytest.mark.slow
def test_both_ends_are_measured_once_and_after_a_kill(stem_sum, tmp_path):
    settings = {"steps": 4, "probes_at_start": ("stem_sum",), "probes": ("stem_sum",)}
    folder = tmp_path / "run"
    train(config(**settings), folder)
    path = folder / "measurements.json"
    whole = json.loads(path.read_text())
    assert whole.keys() == {"stem_sum"}
    assert whole["stem_sum"].keys() == {"0", "4"}
    kernel = final_state(folder).params["stem_conv"]["kernel"]
    assert whole["stem_sum"]["4"] == pytest.approx(float(np.sum(kernel)), rel=1e-5)
    assert whole["stem_sum"]["0"] != whole["stem_sum"]["4"]

    # Killed behind the last checkpoint, before the probes.
    path.write_text(json.dumps({"stem_sum": {"0": 7.0}}))
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"state": "running"}))
    assert train(config(**settings), folder).state == "done"
    again = json.loads(path.read_text())
    assert again["stem_sum"] == {"0": 7.0, "4": whole["stem_sum"]["4"]}


def test_what_cannot_be_measured_is_said_first(stem_sum, tmp_path):
    with pytest.raises(InputError, match="width 8"):
        train(config(model__width=8, probes=("stem_sum",)), tmp_path / "wide")
    with pytest.raises(InputError, match=r"probes_at_start 'stem_sun' .*stem_sum"):
        train(config(probes_at_start=("stem_sun",)), tmp_path / "misspelt")
    assert not list(tmp_path.iterdir())
