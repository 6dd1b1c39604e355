"""Cells that may be trained in one program are, and each is told of by itself."""

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.launch import LAUNCHERS
from resinc.launch.cell import Cell
from resinc.launch.pack import packs
from resinc.launch.sweep import run_sweep
from resinc.report import read_rows
from resinc.runs.files import write_json
from resinc.runs.log import append_log
from resinc.runs.pack import PackedRun, read_pack, write_pack
from resinc.runs.status import CellState, state_of
from resinc.train import loop
from resinc.train.recording.outcome import Outcome
from tests import fabricated


def cell(depth=8, **overrides):
    return Cell("configs/digits.py", {"depth": depth}, {"seed": 0, **overrides})


def seeds(count, depth=8):
    return [cell(depth, seed=seed) for seed in range(count)]


def names(groups):
    return [[one.name for one in group] for group in groups]


def test_packs_hold_cells_that_differ_in_numbers_alone(tmp_path):
    todo = [cell(seed=0), cell(20, seed=0), cell(seed=1), cell(seed=1, **{"optimizer.lr": 0.5})]
    todo += [cell(seed=2), cell(seed=2, **{"optimizer.clip_norm": 1.0})]
    todo[2] = replace(todo[2], shared={"data.split_seed": 1})
    assert names(packs(todo, tmp_path, 3)) == [
        [todo[0].name, todo[2].name, todo[3].name],
        [todo[1].name],
        [todo[4].name],
        [todo[5].name],
    ]
    assert names(packs(todo, tmp_path, 1)) == [[one.name] for one in todo]


def test_a_pack_never_holds_a_cell_and_one_that_it_waits_for(tmp_path):
    pilots = [cell(seed=9, **{"optimizer.lr": rate}) for rate in (0.1, 0.03)]
    waiting = [replace(one, pilots=tuple(p.name for p in pilots)) for one in seeds(2)]
    begun = [replace(one, start=waiting[0].name) for one in (cell(seed=5), cell(seed=6))]
    groups = packs([*begun, *waiting, *pilots], tmp_path, 8)
    assert names(groups) == names([begun, waiting, pilots])


class Played:
    """A launcher whose processes do to the folders what PLAY says of each seed."""

    workers = 1
    processes = 1
    play: ClassVar[dict[str, str]] = {}
    commands: ClassVar[list[list[str]]] = []

    def __init__(self, request):
        pass

    def submit(self, jobs, listener):
        waiting = list(jobs)
        while job := next(filter(listener.ready, waiting), None):
            waiting.remove(job)
            if not listener.admit(job):
                continue
            listener.started(job)
            job.workdir.mkdir(parents=True, exist_ok=True)
            self.commands.append(job.command())
            listener.ended(job, self.ran(self.commands[-1]))

    def ran(self, command):
        if command[3] != "pack":
            folder = next(word for word in command if word.startswith("--workdir="))
            return self.ended(PackedRun(Path(folder.split("=", 1)[1]), "", ()))
        return max(map(self.ended, read_pack(Path(command[4]))))

    def ended(self, run):
        seed = run.folder.name.split("seed=")[1]
        does = self.play.get(seed, "done")
        if does in ("done", "diverged"):
            told = {"state": does, "step": 9, "steps": 9, "seconds": 1.0, "message": does}
            write_json(run.folder / "status.json", told)
        elif does == "refused":
            with append_log(run.folder) as log:
                print("resinc: in use by nobody", file=log)
        return -signal.SIGKILL if does == "killed" else 0


@pytest.fixture
def played(monkeypatch):
    monkeypatch.setitem(LAUNCHERS, "played", Played)
    monkeypatch.setattr(Played, "commands", [])

    def play(todo, root, pack, **what):
        monkeypatch.setattr(Played, "play", {key.removeprefix("s"): v for key, v in what.items()})
        return run_sweep(todo, root, launcher="played", pack=pack)

    return play


def test_what_becomes_of_a_member_is_told_of_it_alone(played, tmp_path, capsys):
    summary = played(seeds(5), tmp_path, 4, s1="diverged", s2="refused", s4="killed")
    assert summary.done == ["depth=8,seed=0", "depth=8,seed=3"]
    assert summary.diverged == ["depth=8,seed=1"]
    assert summary.failed == ["depth=8,seed=2", "depth=8,seed=4"]
    assert [command[3] for command in Played.commands] == ["pack", "train"]
    said = capsys.readouterr().out
    assert "[5/5] failed" in said
    assert "resinc: in use by nobody" in said
    assert f"log: {tmp_path / 'depth=8,seed=2' / 'log.txt'}" in said
    assert state_of(tmp_path / "depth=8,seed=2") == CellState.FAILED
    assert [row.state for row in read_rows(tmp_path)].count("failed") == 2
    # Only what is not done is started again, and by its own words.
    summary = played(seeds(5), tmp_path, 4, s4="silent")
    assert summary.failed == ["depth=8,seed=4"]
    assert [run.folder.name for run in read_pack(tmp_path / Played.commands[-1][4])] == [
        "depth=8,seed=2",
        "depth=8,seed=4",
    ]
    assert "in use by nobody" not in capsys.readouterr().out


def test_packed_cells_take_the_rate_of_their_pilots(played, tmp_path):
    rates = {0.1: 0.3, 0.03: 0.1}
    pilots = [cell(seed=9, **{"optimizer.lr": rate}) for rate in rates]
    for pilot, error in zip(pilots, rates.values(), strict=True):
        fabricated.run(tmp_path, pilot, error, spread=0)
    waiting = [replace(one, pilots=tuple(p.name for p in pilots)) for one in seeds(2)]
    assert len(played([*waiting, *pilots], tmp_path, 4).done) == 4
    (command,) = Played.commands
    for run in read_pack(Path(command[4])):
        assert run.flags[-1] == "--config.optimizer.lr=0.03"


def test_a_pack_of_less_than_one_is_refused(tmp_path):
    with pytest.raises(InputError, match="pack 0: a process trains at least 1 cell"):
        run_sweep(seeds(1), tmp_path / "root", pack=0)
    assert not (tmp_path / "root").exists()


def test_a_pack_of_several_processes_is_refused(played, tmp_path, monkeypatch):
    monkeypatch.setattr(Played, "processes", 2)
    with pytest.raises(InputError, match=r"--pack=2 trains cells in one process.*a job has 2"):
        played(seeds(2), tmp_path / "root", 2)
    assert not (tmp_path / "root").exists()
    assert len(played(seeds(2), tmp_path / "root", 1).done) == 2


def test_a_pack_comes_back_from_its_file_wherever_the_sweep_was_moved(tmp_path):
    place = tmp_path / "old" / "packs" / "1"
    place.mkdir(parents=True)
    write_pack(place, [PackedRun(tmp_path / "old" / "a", "r.py", ("--config.seed=1",))])
    (tmp_path / "old").rename(tmp_path / "new")
    file = tmp_path / "new" / "packs" / "1" / "pack.json"
    assert read_pack(file) == [PackedRun(tmp_path / "new" / "a", "r.py", ("--config.seed=1",))]
    runs = json.loads(file.read_text())["runs"]
    for bad, sentence in (([], "lists no runs"), (runs * 2, "more than once")):
        write_json(file, {"runs": bad})
        with pytest.raises(InputError, match=sentence):
            read_pack(file)


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ((Outcome("done", 8), Outcome("done", 8)), 0),
        ((Outcome("done", 8), Outcome("diverged", 2, "non-finite")), 3),
        ((InputError("in use"), Outcome("diverged", 2, "non-finite")), 2),
        ((InputError("in use"), Outcome("interrupted", 3, "saved", signal.SIGTERM)), 143),
    ],
)
def test_the_command_says_what_became_of_each_and_its_status_what_weighs_most(
    ends, status, tmp_path, monkeypatch, capsys
):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    (tmp_path / "packs").mkdir()
    runs = [PackedRun(folder, "configs/digits.py:depth=8", ()) for folder in folders]
    file = write_pack(tmp_path / "packs", runs)
    trained = []

    def train_members(configs, places):
        trained.extend(places)
        return list(ends)

    monkeypatch.setattr(loop, "train_members", train_members)
    assert main(["pack", str(file)]) == status
    assert trained == folders
    said = capsys.readouterr().out.splitlines()
    for folder, line in zip(folders, said, strict=True):
        assert line == f"{folder.name}  {(folder / 'log.txt').read_text().rstrip()}"


@pytest.mark.slow
def test_a_packed_sweep_gives_the_table_of_single_runs(tmp_path):
    """As experiments have them: seeds that hold out others for validation, at several rates."""
    short = {"steps": 4, "model.width": 4, "batch_size": 32, "log_every_steps": 2}
    todo = [
        replace(
            cell(seed=seed, **{"optimizer.lr": rate}), shared={**short, "data.split_seed": seed}
        )
        for seed in range(4)
        for rate in (0.02, 0.05)
    ]
    tables = []
    for pack in (1, 8):
        root = tmp_path / f"{pack}"
        assert len(run_sweep(todo, root, 1, (), pack=pack).done) == 8
        rows = read_rows(root)
        tables.append([(row.name, row.state, row.step, row.train, row.evals) for row in rows])
        assert len(list(root.glob("packs/*/pack.json"))) == (pack > 1)
    assert tables[0] == tables[1]
