"""How fast a run is, and what it waits for."""

import json

import numpy as np
import pytest

from resinc.runs.lock import held
from resinc.train.recording import progress
from resinc.train.recording.progress import Meter, Pace
from resinc.train.recording.recorder import Recorder
from resinc.train.replica.step import Report
from resinc.train.start.find import Start
from tests.train.runs import config


@pytest.fixture
def clock(monkeypatch):
    """Seconds, set by hand."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_share_of_waiting_is_of_the_interval_alone(clock):
    meter = Meter(batch_size=8)
    meter.waited(5.0)  # Before the first step is compiled.
    assert meter.pace(1) is None
    meter.start(1)
    clock[0] = 4.0
    meter.waited(1.0)
    assert meter.pace(11) == Pace(20.0, 0.25)
    clock[0] = 6.0
    assert meter.pace(21) == Pace(40.0, 0.0)
    meter.waited(1.0)
    meter.restart(21)  # Behind an evaluation.
    clock[0] = 8.0
    assert meter.pace(23) == Pace(8.0, 0.0)


def test_what_to_do_is_said_once_where_a_run_waits_for_images(clock, tmp_path, capsys):
    start = Start(None, 0, {}, {}, ())
    settings = config(log_every_steps=1, steps=9)
    row = np.zeros(1, np.float32)
    report = Report(row, row, row, np.array([-1]), np.array([0]))
    with held(tmp_path), Recorder(tmp_path, settings, start, 0.0) as recorder:
        recorder.begin("raise data.threads")
        for step in range(1, 7):
            waited = 3.0 if step > 3 else 0.0
            recorder.waited(waited)
            clock[0] += waited + 1.0
            recorder.report(range(step, step + 1), report)
        clock[0] += 1.0
        recorder.settle()
        recorder.end("interrupted", 6)
    said = capsys.readouterr().out
    assert said.count("raise data.threads") == 1
    assert "75% of the time goes into waiting for images; raise data.threads" in said
    lines = [json.loads(line) for line in (tmp_path / "timing.jsonl").read_text().splitlines()]
    assert max(line["input_share"] for line in lines) == 0.75
    assert min(line["input_share"] for line in lines) == 0.0
