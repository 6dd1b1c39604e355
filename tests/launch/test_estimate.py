"""What a sweep will take: counted, and a rate that was measured; nothing is written by it."""

import json
from dataclasses import replace

import pytest

from resinc.cli import main
from resinc.launch import LAUNCHERS, estimate
from resinc.launch.ablation import Ablation
from resinc.launch.count import multiply_adds
from resinc.runs.status import CellState
from tests import fabricated

TYPED = ["sweep", "--config=configs/digits.py", "--axis=model.depth=8,20", "--dry-run"]
CELLS = Ablation("configs/digits.py", ("model.depth=8,20",)).cells()
SPEED = 500.0  # Images per second of the fake calibration.


@pytest.fixture
def fake_launcher(monkeypatch):
    """Stands in for a process that trains: says how fast it was, or why not."""
    jobs = []

    class Fake:
        workers = 4
        here = True
        processes = 1
        said = json.dumps({"step": 12, "images_per_second": SPEED})

        def __init__(self, request):
            pass

        def submit(self, jobs_now, listener):
            jobs.extend(jobs_now)
            for job in jobs_now:
                job.workdir.mkdir()
                jobs.append(job.command())
                name = "timing.jsonl" if Fake.said.startswith("{") else "log.txt"
                (job.workdir / name).write_text(Fake.said)

    monkeypatch.setitem(LAUNCHERS, "fake", Fake)
    Fake.jobs = jobs
    return Fake


def counted():
    return multiply_adds(CELLS, fabricated.Path("none"))


def test_multiply_adds_are_those_of_the_networks():
    shallow, deep = counted().values()
    assert 0 < shallow < deep
    assert main(["summary", "--config=configs/digits.py:depth=8"]) == 0


def test_a_dry_run_writes_nothing_and_calibrates_where_nothing_is_done(
    tmp_path, capsys, fake_launcher
):
    root = tmp_path / "root"
    assert main([*TYPED, f"--root={root}", "--launcher=fake"]) == 0
    said = capsys.readouterr().out
    _, deep = counted().values()
    assert f"{deep:,}" in said
    assert "0 of 2 cells done" in said
    assert "a calibration of 12 steps of depth=20,seed=0" in said
    assert f"rate: {SPEED * deep:.3g} multiply-adds a second" in said
    assert not root.exists()
    command = fake_launcher.jobs[-1]
    assert "--config.steps=12" in command
    assert not any(str(root) in word for word in command)


def test_a_dry_run_lists_cells_whose_image_files_are_elsewhere(tmp_path, capsys, fake_launcher):
    axis = "--axis=model.depth=18,34"
    typed = ["sweep", "--config=configs/imagenet.py:network=resnet-18", axis, "--dry-run"]
    typed += [f"--config.data.dir={tmp_path}", f"--root={tmp_path / 'root'}", "--launcher=fake"]
    assert main(typed) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("0 of 450,410") == 2
    assert "0 of 2 cells done no estimate of the time: the images are not here (no vers" in said
    assert said.endswith("or let data.dir be a folder of train/CLASS/FILE and val/CLASS/FILE)")
    assert not fake_launcher.jobs
    assert main([*typed, "--config.data.image_size=0"]) == 2
    assert "unknown data.name 'imagenet2012'" in capsys.readouterr().err


def test_a_calibration_that_fails_says_why(tmp_path, capsys, fake_launcher, monkeypatch):
    monkeypatch.setattr(fake_launcher, "said", "$ resinc\nresinc: no data here")
    assert main([*TYPED, f"--root={tmp_path / 'root'}", "--launcher=fake"]) == 0
    assert "no estimate of the time: a calibration of depth=20,seed=0 ended without one: " in (
        said := " ".join(capsys.readouterr().out.split())
    )
    assert said.endswith("resinc: no data here")


def test_the_rate_is_that_of_the_finished_cells_where_there_are_any(tmp_path, capsys):
    """A fabricated run takes 0.15 s a step, so the other one is known too."""
    fabricated.run(tmp_path, CELLS[0])
    assert main([*TYPED, f"--root={tmp_path}", "--workers=1", "--devices=0"]) == 0
    said = capsys.readouterr().out
    shallow, deep = counted().values()
    assert "1 of 2 cells done" in said
    assert f"rate: {128 * shallow / 0.15:.3g} multiply-adds a second, median of 1 finished" in said
    left = estimate.span(120 * 0.15 * deep / shallow)
    assert f"{left} of one run, {left} with 1 run at a time" in said


def test_finished_cells_of_a_few_steps_say_nothing_of_long_ones(tmp_path):
    """What they took is the start and the compilation."""
    fabricated.run(tmp_path, CELLS[0])
    done, new = estimate.read_work(CELLS, tmp_path, counted())
    assert estimate.rate_of_finished([done, replace(new, steps=1200)])
    assert estimate.rate_of_finished([done, replace(new, steps=1201)]) is None


def test_what_was_trained_before_is_not_counted_again(tmp_path):
    fabricated.run(tmp_path, CELLS[0], state="interrupted", step=90)
    half, new = estimate.read_work(CELLS, tmp_path, counted())
    assert half.state == CellState.UNFINISHED
    assert half.left == 30 * 128 * half.multiply_adds
    assert new.left == 120 * 128 * new.multiply_adds


def test_no_sweep_is_shorter_than_its_longest_cell(tmp_path):
    work = estimate.read_work(CELLS, tmp_path, counted())
    longest = max(w.left for w in work)
    (said, _) = estimate.summary(work, estimate.Rate(1e5, "made up"), workers=100)
    assert said.endswith(f"{estimate.span(longest / 1e5)} with 100 runs at a time")
