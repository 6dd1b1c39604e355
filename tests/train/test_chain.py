"""A measurement's folder is like a run's; its times are taken in turn."""

import functools
import json

import pytest

from resinc import config as config_lib
from resinc.cli import main
from resinc.cost import measure
from resinc.cost.clock import time_in_turn
from resinc.errors import InputError
from resinc.report.rows import read_row
from resinc.train.chain import run_chain

TINY = ["--config.input=(4,4,2)", "--config.batch_size=1", "--config.repeats=1"]


def config(layers="1x1-2+3x3-2", *overrides):
    return config_lib.load(f"configs/chain.py:layers={layers}", [*TINY, *overrides])


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(
        measure, "time_in_turn", lambda calls, repeats: time_in_turn(calls, repeats, least=0.0)
    )


def test_measurement_reads_like_a_run_and_is_not_repeated(tmp_path, quick, capsys):
    flags = ["--config.reference=3x3-2", *TINY]
    command = ["measure", "--config=configs/chain.py:layers=1x1-2+pool2", *flags]
    assert main([*command, f"--workdir={tmp_path / 'a'}"]) == 0
    said = capsys.readouterr().out
    assert "64 multiply-adds and 4 parameters" in said
    assert "times as long" in said
    row = read_row(tmp_path / "a", {})
    assert row.done
    assert (row.config["layers"], row.config["input"]) == ("1x1-2+pool2", [4, 4, 2])
    cost, memory = row.measurements["cost"], row.measurements["memory"]
    assert cost["multiply_adds"] == row.provenance["multiply_adds"] == 4 * 4 * 2 * 2
    # The ReLU and the maximum are counted, too.
    assert 64 <= cost["xla_multiply_adds"] < 2 * 64
    assert cost["layers"][1] == {
        "name": "pool2", "before": [4, 4, 2], "after": [2, 2, 2], "multiply_adds": 0,
    }  # fmt: skip
    prefixed = [f"{prefix}{name}" for prefix in ("", "reference_") for name in ("forward", "step")]
    assert sorted(row.measurements["time"]) == sorted(f"{name}_seconds" for name in prefixed)
    assert all(len(v) == 1 and v[0] > 0 for v in row.measurements["time"].values())
    assert memory["step"]["outputs"] > memory["forward"]["outputs"]
    assert memory["forward"]["arguments"] == 4 * (2 * 2 + 4 * 4 * 2)

    before = (tmp_path / "a" / "measurements.json").stat().st_mtime_ns
    assert main([*command, f"--workdir={tmp_path / 'a'}"]) == 0
    assert (tmp_path / "a" / "measurements.json").stat().st_mtime_ns == before
    assert main([*command, "--config.seed=1", f"--workdir={tmp_path / 'a'}"]) == 2
    assert "another config (seed: 0 there, 1 now)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("layers", "overrides", "said"),
    [
        ("3x3", [], "'3x3' of '3x3' is neither"),
        ("pool8", [], "'pool8' has no window in the 4x4 pixels"),
        ("3x3-2", ["--config.reference=5"], "'5' of '5' is neither"),
        ("3x3-2", ["--config.repeats=0"], "repeats 0 is not an integer"),
        ("3x3-2", ["--config.input=(4,4)"], "input (4, 4) does not have 3 items"),
    ],
)
def test_a_bad_config_is_refused_before_anything_is_written(tmp_path, layers, overrides, said):
    with pytest.raises(InputError) as caught:
        run_chain(config(layers, *overrides), tmp_path / "a")
    assert said in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_a_failure_is_told(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no clock")

    monkeypatch.setattr(measure, "time_in_turn", fail)
    with pytest.raises(RuntimeError):
        run_chain(config("pool2"), tmp_path)
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["message"]) == ("failed", "RuntimeError: no clock")


def test_a_training_recipe_is_no_chain(tmp_path, capsys):
    assert main(["measure", "--config=configs/digits.py", f"--workdir={tmp_path}"]) == 2
    assert "has no layers to measure" in capsys.readouterr().err


def test_programs_are_timed_in_turn():
    called = []
    programs = {name: functools.partial(called.append, name) for name in "ab"}
    found = time_in_turn(programs, 3, 0.0)
    assert [len(times) for times in found.values()] == [3, 3]
    # Warm-up and calibration first.
    assert "".join(called) == "ab" + "ab" + "ababab"
