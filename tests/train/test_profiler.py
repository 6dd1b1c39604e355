"""A trace of a few steps beside the run, which it does not change."""

import gzip
import json

import pytest

from resinc.cli import main
from resinc.train.loop import train
from resinc.train.recording.profiler import WARM_UP
from tests.train.runs import config


def test_a_trace_holds_the_steps_after_warm_up_and_changes_no_number(tmp_path, capfd):
    changes = {"steps": 8, "eval_every_steps": 0, "checkpoint_every_steps": 0}
    assert train(config(**changes), tmp_path / "seen", profile_steps=2).state == "done"
    said = capfd.readouterr().out
    first, last = WARM_UP + 1, WARM_UP + 2
    assert f"profile of steps {first} to {last}: " in said
    (traced,) = (tmp_path / "seen" / "profile").rglob("perfetto_trace.json.gz")
    assert list(traced.parent.glob("*.xplane.pb"))  # TensorBoard's.
    with gzip.open(traced, "rt", encoding="utf-8") as file:
        events = json.load(file)["traceEvents"]
    steps = {e["args"]["step_num"] for e in events if "step_num" in e.get("args", {})}
    assert steps == {str(first), str(last)}

    assert train(config(**changes), tmp_path / "unseen").state == "done"
    assert not (tmp_path / "unseen" / "profile").exists()
    seen, unseen = ((tmp_path / name / "metrics.jsonl").read_bytes() for name in ("seen", "unseen"))
    assert seen == unseen


@pytest.mark.parametrize("steps", ["0", "-1"])
def test_a_profile_of_no_steps_is_refused(steps, tmp_path, capsys):
    folder = tmp_path / "run"
    command = ["train", "--config=configs/digits.py:depth=8", f"--workdir={folder}"]
    assert main([*command, f"--profile={steps}"]) == 2
    assert f"--profile={steps} records no step" in capsys.readouterr().err
    assert not folder.exists()
