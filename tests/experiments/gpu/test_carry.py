"""What is carried arrives as it was, or it is said what is missing."""

import json

import pytest

from experiments.gpu import carry
from experiments.gpu.pieces import MANIFEST, cut, join
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.runs import provenance
from resinc.runs.files import read_object
from resinc.runs.status import CellState, state_of
from tests import fabricated


@pytest.fixture
def pieces(tmp_path):
    """A file of 25 bytes in pieces of 10."""
    (tmp_path / "from" / "set").mkdir(parents=True)
    (tmp_path / "from" / "set" / "data").write_bytes(bytes(range(25)))
    paths = cut(tmp_path / "from", "set/data", tmp_path / "pieces", 10)
    assert [path.stat().st_size for path in paths] == [10, 10, 5]
    return tmp_path / "pieces"


def test_pieces_make_the_file_again(pieces, tmp_path):
    whole = join(pieces, tmp_path / "to")
    assert whole == tmp_path / "to" / "set" / "data"
    assert whole.read_bytes() == bytes(range(25))


def test_a_file_that_was_joined_needs_its_pieces_no_longer(pieces, tmp_path):
    whole = join(pieces, tmp_path / "to")
    (pieces / "piece-1").unlink()
    assert join(pieces, tmp_path / "to") == whole


def test_a_missing_piece_is_named(pieces, tmp_path):
    (pieces / "piece-1").unlink()
    with pytest.raises(InputError, match=r"has 2 of 3 pieces: piece-1 must be brought too$"):
        join(pieces, tmp_path / "to")
    assert not (tmp_path / "to").exists()


def test_a_damaged_piece_makes_no_file(pieces, tmp_path):
    (pieces / "piece-2").write_bytes(b"12345")
    with pytest.raises(InputError, match="piece-2' is not the piece that was cut"):
        join(pieces, tmp_path / "to")
    assert not any(path.is_file() for path in (tmp_path / "to").rglob("*"))


def test_a_manifest_cannot_lead_out_of_the_folder(pieces, tmp_path):
    about = json.loads((pieces / MANIFEST).read_text())
    (pieces / MANIFEST).write_text(json.dumps(about | {"file": "../data"}))
    with pytest.raises(InputError, match="lists no pieces"):
        join(pieces, tmp_path / "to")


@pytest.fixture
def root(tmp_path):
    """A run that is done and one that is not, each with two checkpoints."""
    root = tmp_path / "gpu"
    for seed, done in ((0, True), (1, False)):
        cell = Cell("configs/digits.py", {"depth": 8, "block": "plain"}, {"seed": seed})
        fabricated.run(root, cell)
        folder = root / cell.name
        for step in ("60", "120"):
            (folder / "checkpoints" / step).mkdir(parents=True)
            (folder / "checkpoints" / step / "weights").write_bytes(b"x")
        (folder / "lock").touch()
        if not done:
            status = read_object(folder / "status.json")
            (folder / "status.json").write_text(json.dumps(status | {"state": "interrupted"}))
    (root / "sweep.json").write_text("{}")
    cache = root / ".xla-cache"
    (cache / "xla_gpu_per_fusion_autotune_cache_dir").mkdir(parents=True)
    (cache / "xla_gpu_per_fusion_autotune_cache_dir" / "fusion").write_text("triton")
    (cache / "program").write_text("large")
    return root


def test_runs_come_home_with_the_checkpoint_that_they_need(root, tmp_path, capsys):
    assert (
        carry.main(["out", f"--root={root}", f"--pieces={tmp_path / 'p'}", "--most-mib=0.001"]) == 0
    )
    assert len(list((tmp_path / "p").iterdir())) > 2
    home = tmp_path / "home"
    assert carry.main(["in", f"--root={home}", f"--pieces={tmp_path / 'p'}"]) == 0
    cache, done, other = sorted(path for path in home.iterdir() if path.is_dir())
    assert (state_of(done), state_of(other)) == (CellState.DONE, CellState.UNFINISHED)
    assert not (done / "checkpoints").exists()
    assert [path.name for path in (other / "checkpoints").iterdir()] == ["120"]
    assert (done / "metrics.jsonl").read_bytes() == (
        root / done.name / "metrics.jsonl"
    ).read_bytes()
    assert not any((run / "lock").exists() for run in (done, other))
    assert (home / "sweep.json").is_file()
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["fusion"]
    assert "2 runs unpacked" in capsys.readouterr().out


def test_a_run_that_has_ended_here_stays_as_it_is(root, tmp_path, capsys):
    carry.main(["out", f"--root={root}", f"--pieces={tmp_path / 'p'}"])
    home = tmp_path / "home"
    for _ in range(2):
        carry.main(["in", f"--root={home}", f"--pieces={tmp_path / 'p'}"])
        done = min(home.glob("block=*"))
        (done / "mine").touch()
    assert (done / "mine").exists()
    assert "1 runs unpacked" in capsys.readouterr().out.splitlines()[-1]


def test_a_copy_without_git_knows_its_commit_until_it_is_changed(tmp_path, monkeypatch):
    def git(*command):
        return {"rev-parse": "a" * 40}.get(command[0], "")

    monkeypatch.setattr(provenance, "_git", git)
    provenance.write_commit(tmp_path / "commit.json")
    assert (provenance.commit(), provenance.is_dirty()) == ("a" * 40, False)
    monkeypatch.setattr(provenance, "_git", lambda *command: "")
    assert provenance.commit() == ""
    monkeypatch.setenv(provenance.RECORD, str(tmp_path / "commit.json"))
    assert (provenance.commit(), provenance.is_dirty()) == ("a" * 40, False)
    monkeypatch.setattr(provenance, "_code_hash", lambda: "other")
    assert (provenance.commit(), provenance.is_dirty()) == ("a" * 40, True)


def test_a_copy_in_another_repository_knows_its_own_commit_until_it_is_changed(
    tmp_path, monkeypatch
):
    provenance.write_commit(tmp_path / "commit.json")
    own = json.loads((tmp_path / "commit.json").read_text())["commit"]

    def another(*command):
        return {"rev-parse": "b" * 40, "status": " M resinc/config.py"}[command[0]]

    monkeypatch.setattr(provenance, "_git", another)
    assert (provenance.commit(), provenance.is_dirty()) == ("b" * 40, True)
    monkeypatch.setenv(provenance.RECORD, str(tmp_path / "commit.json"))
    assert provenance.commit() == own
    monkeypatch.setattr(provenance, "_code_hash", lambda: "other")
    assert (provenance.commit(), provenance.is_dirty()) == ("b" * 40, True)
