"""Every start of a run is kept, and another number of replicas is no silent change."""

import json
import shutil

import jax
import pytest

from resinc.cache import kernel_choices
from resinc.cores import available_cores
from resinc.errors import InputError
from resinc.report.rows import read_row
from resinc.runs.files import write_json
from resinc.runs.provenance import read_provenance, starts_of
from resinc.train.loop import train
from resinc.train.recording.provenance import with_kernels
from tests.train.runs import config

CHANGES = {"steps": 4, "log_every_steps": 2, "eval_every_steps": 0, "checkpoint_every_steps": 2}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run of four replicas that has lost its last checkpoint: it goes on from step 2."""
    folder = tmp_path_factory.mktemp("provenance") / "run"
    assert train(config(**CHANGES, parallel__replicas=4), folder).state == "done"
    (folder / "status.json").unlink()
    shutil.rmtree(folder / "checkpoints" / "4")
    return folder


@pytest.fixture
def run(stopped, tmp_path):
    shutil.copytree(stopped, tmp_path / "run")
    return tmp_path / "run"


def test_resume_adds_a_start_and_overwrites_none(run):
    before = json.loads((run / "provenance.json").read_text())
    assert train(config(**CHANGES, parallel__replicas=4), run).state == "done"
    after = json.loads((run / "provenance.json").read_text())
    (first,) = before["starts"]
    assert after["starts"][0] == first
    assert [start.get("step", 0) for start in after["starts"]] == [0, 2]
    assert {**after, "starts": 0} == {**before, "starts": 0}
    assert first["replicas"] == 4
    assert first["processes"] == 1
    assert first["cores"] == len(available_cores())
    assert first["host"]
    assert {"jax", "python", "resinc"} <= first["versions"].keys()


def auto(monkeypatch, count):
    """As on a machine of `count` devices; the config says 0, one replica per device."""
    monkeypatch.setattr(jax, "device_count", lambda: count)


@pytest.fixture
def auto_run(run):
    values = json.loads((run / "config.json").read_text())
    values["parallel"]["replicas"] = 0
    write_json(run / "config.json", values)
    path = run / "checkpoints" / "2" / "config" / "metadata"
    saved = json.loads(path.read_text())
    saved["parallel"]["replicas"] = 0
    path.write_text(json.dumps(saved))
    return run


def test_other_device_count_is_refused_before_anything_is_written(auto_run, monkeypatch):
    auto(monkeypatch, 2)
    before = {p: p.read_bytes() for p in auto_run.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match="had 4 replicas up to step 2 and would now have 2"):
        train(config(**CHANGES, parallel__replicas=0), auto_run)
    after = {p: p.read_bytes() for p in auto_run.rglob("*") if p.is_file()}
    assert {p: c for p, c in after.items() if p in before} == before


def test_other_device_count_is_taken_and_recorded_when_said(auto_run, monkeypatch):
    auto(monkeypatch, 2)
    changes = {**CHANGES, "parallel__replicas": 0, "parallel__allow_replica_change": True}
    assert train(config(**changes), auto_run).state == "done"
    starts = read_provenance(auto_run)["starts"]
    assert [start["replicas"] for start in starts] == [4, 2]
    assert starts[1]["replicas_before"] == 4


def test_given_replica_count_may_change_too_when_said(run):
    with pytest.raises(InputError, match=r"parallel\.replicas: 4 there, 2 now"):
        train(config(**CHANGES, parallel__replicas=2), run)
    changes = {**CHANGES, "parallel__replicas": 2, "parallel__allow_replica_change": True}
    assert train(config(**changes), run).state == "done"


@pytest.mark.parametrize(
    "field",
    [
        {"model__sync_batch_norm": True},
        pytest.param({"model__norm": "none"}, marks=pytest.mark.slow),
    ],
)
def test_without_statistics_per_replica_the_count_may_change(field, tmp_path, monkeypatch):
    changes = {**CHANGES, **field, "parallel__replicas": 0, "optimizer__lr": 0.001}
    auto(monkeypatch, 4)
    assert train(config(**changes), tmp_path).state == "done"
    (tmp_path / "status.json").unlink()
    shutil.rmtree(tmp_path / "checkpoints" / "4")
    auto(monkeypatch, 2)
    assert train(config(**changes), tmp_path).state == "done"
    assert [start["replicas"] for start in read_provenance(tmp_path)["starts"]] == [4, 2]


def test_old_form_is_still_read(tmp_path):
    """One start alone, its facts at the top: as committed results were made."""
    old = {"git_commit": "abc", "device_kind": "cpu", "replicas": 1, "parameters": 7, "data": {}}
    write_json(tmp_path / "provenance.json", old)
    known = read_provenance(tmp_path)
    assert {**known, "starts": 0} == {**old, "starts": 0}
    assert known["starts"] == [{"git_commit": "abc", "device_kind": "cpu", "replicas": 1}]
    assert read_row(tmp_path, {}).provenance["parameters"] == 7
    assert starts_of({}) == []


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """Where JAX keeps what XLA chose for a GPU; there seems to be one."""
    folder = kernel_choices({"JAX_COMPILATION_CACHE_DIR": str(tmp_path)})
    folder.mkdir()
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    return folder


def test_kernels_chosen_for_a_gpu_are_told_apart_by_hash(kernels):
    def told():
        first, last = with_kernels({"starts": [{"host": "a"}, {"host": "b"}]})["starts"]
        assert first == {"host": "a"}
        return last["kernels"]

    assert told() == ""
    (kernels / "fusion.1").write_text("triton")
    one = told()
    assert one == told() != ""
    (kernels / "fusion.1").write_text("cublas")
    assert told() not in ("", one)


def test_a_run_on_a_gpu_records_them_once_it_is_compiled(run, kernels):
    (kernels / "fusion.1").write_text("triton")
    assert train(config(**CHANGES, parallel__replicas=4), run).state == "done"
    first, last = json.loads((run / "provenance.json").read_text())["starts"]
    assert "kernels" not in first
    assert len(last["kernels"]) == 64


def test_on_a_cpu_there_are_no_kernels_to_record():
    origin = {"starts": [{}]}
    assert with_kernels(origin) is origin
