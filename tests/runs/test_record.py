"""A finished run as one small file, and back: what was measured survives, weights do not."""

import json

import pytest

from resinc import cli
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.report import read_sweep
from resinc.runs import record
from resinc.runs.record import Kept
from resinc.runs.status import CellState, state_of
from resinc.runs.sweep import read_folder
from tests import fabricated
from tests.data import originals

CELL = Cell("configs/digits.py", {"depth": 8}, {"seed": 0}, labels={"kind": "plain", "depth": 8})


@pytest.fixture
def run(tmp_path):
    workdir = fabricated.run(tmp_path / "sweep", CELL, 0.25)
    (workdir / "checkpoints").mkdir()
    (workdir / "log.txt").write_text("$ resinc train")
    return workdir


def test_restored_run_reads_as_the_run_that_was_archived(run, tmp_path):
    kept, root = tmp_path / "kept", tmp_path / "elsewhere"
    assert record.write_record(run, kept) == Kept.WRITTEN
    assert record.restore(kept / f"{run.name}.tar.xz", root)
    assert read_sweep(root).rows == read_sweep(run.parent).rows
    assert state_of(root / run.name) == CellState.DONE
    assert not (root / run.name / "checkpoints").exists()
    assert not (root / run.name / "log.txt").exists()
    assert read_folder(root).names == (run.name,)  # And nothing beside it.


def test_same_run_gives_the_same_bytes_also_from_where_it_was_restored(run, tmp_path):
    kept = tmp_path / "kept"
    record.write_record(run, kept)
    content = (kept / f"{run.name}.tar.xz").read_bytes()
    assert record.write_record(run, kept) == Kept.THERE
    record.restore(kept / f"{run.name}.tar.xz", tmp_path / "elsewhere")
    record.write_record(tmp_path / "elsewhere" / run.name, tmp_path / "again")
    assert (tmp_path / "again" / f"{run.name}.tar.xz").read_bytes() == content


def test_another_run_of_the_name_is_not_overwritten_and_the_others_are_kept(run, tmp_path, capsys):
    kept, other = tmp_path / "kept", Cell("configs/digits.py", {"depth": 20})
    record.write_record(run, kept)
    before = (kept / f"{run.name}.tar.xz").read_bytes()
    (run / "metrics.jsonl").write_text("")
    fabricated.run(run.parent, other)
    assert cli.main(["archive", str(run.parent), "--to", str(kept)]) == 1
    told = capsys.readouterr()
    assert told.out.startswith("archived 1 of 2 runs")
    assert f"{run.name} is the name of another run in {str(kept)!r}, which stays" in told.err
    assert (kept / f"{run.name}.tar.xz").read_bytes() == before
    assert (kept / f"{other.name}.tar.xz").exists()


def test_a_record_names_no_machine(run, tmp_path):
    command = "resinc train --config=configs/digits.py '--workdir=/home/me/my runs/lr/depth=8'"
    start = {"command": command, "host": "secret", "job": "slurm 7", "device_kind": "A (B), C"}
    source = {"run": "/home/me/runs/first/depth=8", "step": 3}
    origin = {"starts": [start], "init_from": source, "parameters": 9}
    (run / "provenance.json").write_text(json.dumps(origin))
    config = json.loads((run / "config.json").read_text())
    config["data"]["dir"] = "/home/me/tfds"
    (run / "config.json").write_text(json.dumps(config))
    record.write_record(run, tmp_path)
    files = record.read_record(tmp_path / f"{run.name}.tar.xz")
    assert not [name for name, content in files.items() if b"home" in content]
    short = "resinc train --config=configs/digits.py --workdir=lr/depth=8"
    assert json.loads(files["provenance.json"]) == {
        "starts": [{"command": short, "device_kind": "A (B), C"}],
        "init_from": {"run": "first/depth=8", "step": 3},
        "parameters": 9,
    }


def test_what_has_begun_is_left_as_it_is(run, tmp_path):
    record.write_record(run, tmp_path)
    fabricated.run(tmp_path / "mine", CELL, state="interrupted", step=60)
    assert not record.restore(tmp_path / f"{run.name}.tar.xz", tmp_path / "mine")
    assert state_of(tmp_path / "mine" / run.name) == CellState.UNFINISHED


def test_killed_while_restoring_leaves_no_run_and_goes_on(run, tmp_path, monkeypatch):
    record.write_record(run, tmp_path)
    path, root = tmp_path / f"{run.name}.tar.xz", tmp_path / "mine"

    def killed(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(record, "sync_tree", killed)
        with pytest.raises(KeyboardInterrupt):
            record.restore(path, root)
    with pytest.raises(InputError, match="no folder in it holds a run"):
        read_folder(root)
    assert record.restore(path, root)
    assert [entry.name for entry in root.iterdir()] == [run.name]


def test_what_a_killed_attempt_left_of_one_run_hinders_no_other(run, tmp_path):
    record.write_record(run, tmp_path)
    root = tmp_path / "mine"
    (root / record._PARTS / "another").mkdir(parents=True)
    assert record.restore(tmp_path / f"{run.name}.tar.xz", root)
    assert read_folder(root).names == (run.name,)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../escape": b"x"}, "holds '../escape', which no record does"),
        ({"status.json": b'{"state": "done"}'}, "it holds no config.json"),
        ({"config.json": b"{}"}, "it holds no status.json"),
        ({"config.json": b"{}", "status.json": b'{"state": "running"}'}, "its run is running"),
        ({"config.json": b"{}", "status.json": b"[]"}, "is no record of a run"),
        ({"config.json": b"{", "status.json": b'{"state": "done"}'}, "is no record of a run"),
    ],
)
def test_what_is_no_record_is_refused_in_a_sentence(tmp_path, files, reason):
    path = originals.tar(tmp_path / "x.tar.xz", files, "w:xz")
    with pytest.raises(InputError, match=reason):
        record.restore(path, tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_truncated_record_is_refused_in_a_sentence(run, tmp_path):
    record.write_record(run, tmp_path)
    path = tmp_path / f"{run.name}.tar.xz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="is no record of a run"):
        record.restore(path, tmp_path / "root")


def test_commands_say_what_they_did(run, tmp_path, capsys):
    fabricated.run(run.parent, Cell("configs/digits.py", {"depth": 20}), state="diverged", step=9)
    fabricated.run(run.parent, Cell("configs/digits.py", {"depth": 56}), state="running", step=9)
    kept, root = str(tmp_path / "kept"), str(tmp_path / "mine")
    assert cli.main(["archive", str(run.parent), "--to", kept]) == 0
    assert cli.main(["archive", str(run.parent), "--to", kept]) == 0
    assert cli.main(["restore", kept, "--root", root]) == 0
    assert cli.main(["restore", kept, "--root", root]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"archived 2 of 3 runs in {kept!r}; 1 has not ended",
        f"archived 0 of 3 runs in {kept!r}, 2 were there before; 1 has not ended",
        f"restored 2 of 2 runs in {root!r}",
        f"restored 0 of 2 runs in {root!r}; 2 were there before, and left alone",
    ]


def test_a_run_that_cannot_be_read_is_named_and_the_others_are_kept(run, tmp_path, capsys):
    other = fabricated.run(run.parent, Cell("configs/digits.py", {"depth": 20}))
    (other / "config.json").write_text("{")
    assert cli.main(["archive", str(run.parent), "--to", str(tmp_path / "kept")]) == 1
    assert "depth=20 cannot be read: config.json is damaged" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "kept").iterdir()] == [f"{run.name}.tar.xz"]


def test_nothing_to_restore_is_said(tmp_path, capsys):
    assert cli.main(["restore", str(tmp_path), "--root", str(tmp_path / "mine")]) == 2
    assert "nothing to restore" in capsys.readouterr().err
