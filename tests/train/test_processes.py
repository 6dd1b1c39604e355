"""Several processes train as one does."""

import shutil
import signal
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from resinc.cli import main
from resinc.errors import InputError
from resinc.train.distributed.cluster import Members, check, own_gpus
from resinc.train.distributed.processes import exchange
from resinc.train.loop import train
from resinc.train.trained.evaluate import evaluate_folder
from tests.train.runs import config, final_state, metrics
from tests.train.several import ends, start

SHORT = {"steps": 6, "log_every_steps": 2, "eval_every_steps": 3, "checkpoint_every_steps": 3}


def assert_same_end(folder: Path, other: Path) -> None:
    for file in ("metrics.jsonl", "correct.json"):
        assert (folder / file).read_bytes() == (other / file).read_bytes()
    jax.tree.map(np.testing.assert_array_equal, final_state(folder), final_state(other))


@pytest.mark.slow
def test_two_processes_end_with_the_bits_of_one_that_also_goes_on_from_their_checkpoint(tmp_path):
    folder, one, resumed = tmp_path / "two", tmp_path / "one", tmp_path / "resumed"
    statuses, outputs = ends(start(folder, 2, parallel__replicas=2, **SHORT))
    assert statuses == [0, 0], outputs
    assert "done at step 6" in outputs[0]
    assert "step" not in outputs[1], "only the first process tells how the run goes"
    train(config(parallel__replicas=2, **SHORT), one)
    assert_same_end(folder, one)
    assert {path.name for path in folder.iterdir()} == {path.name for path in one.iterdir()}
    _, results = evaluate_folder(folder, "latest", ("train", "test"))
    seen = {line["split"]: line["count"] for line in metrics(folder) if "count" in line}
    assert {name: result.seen for name, result in results.items()}.items() <= seen.items()

    shutil.copytree(folder, resumed)
    shutil.rmtree(resumed / "checkpoints" / "6")
    (resumed / "status.json").unlink()
    train(config(parallel__replicas=2, **SHORT), resumed)
    assert_same_end(resumed, one)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["pmap", "shard_map"])
@pytest.mark.parametrize(("count", "devices"), [(4, 1), (2, 2)])
def test_four_devices_give_the_same_bits_in_any_number_of_processes(
    backend, count, devices, tmp_path
):
    statuses, outputs = ends(
        start(tmp_path / "many", count, devices, parallel__backend=backend, **SHORT)
    )
    assert statuses == [0] * count, outputs
    train(config(parallel__replicas=4, parallel__backend=backend, **SHORT), tmp_path / "one")
    assert_same_end(tmp_path / "many", tmp_path / "one")


LONG = {"steps": 120, "log_every_steps": 5, "eval_every_steps": 40, "checkpoint_every_steps": 20}


def reach(folder: Path, step: int) -> None:
    """Until the metrics have come so far."""
    deadline = time.monotonic() + 200
    path = folder / "metrics.jsonl"
    while not (path.exists() and any(line["step"] >= step for line in metrics(folder))):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("processes") / "whole"
    train(config(parallel__replicas=2, **LONG), folder)
    return folder


@pytest.mark.slow
@pytest.mark.crash("signal to one of two processes that train together")
@pytest.mark.parametrize("asked", [0, 1])
def test_all_processes_save_the_same_step_when_one_is_told_to_stop(asked, tmp_path, uninterrupted):
    processes = start(tmp_path / "run", 2, **LONG)
    reach(tmp_path / "run", 10)
    processes[asked].send_signal(signal.SIGTERM)
    statuses, outputs = ends(processes)
    assert statuses == [128 + signal.SIGTERM] * 2, outputs
    step = int(final_state(tmp_path / "run").step)
    assert f"saved at step {step} on SIGTERM" in outputs[0]
    assert 10 <= step < 120
    statuses, outputs = ends(start(tmp_path / "run", 2, **LONG))
    assert statuses == [0, 0], outputs
    assert f"resumed at step {step}" in outputs[0]
    assert_same_end(tmp_path / "run", uninterrupted)


@pytest.mark.slow
@pytest.mark.crash("host killed in a two-process run")
@pytest.mark.parametrize("lost", [0, 1])
def test_others_end_when_a_process_is_killed_and_the_run_goes_on_to_the_same_bits(
    lost, tmp_path, uninterrupted
):
    processes = start(tmp_path / "run", 2, heartbeat=10, **LONG)
    reach(tmp_path / "run", 45)
    processes[lost].kill()
    killed = time.monotonic()
    left = processes[1 - lost]
    output, _ = left.communicate(timeout=60)
    processes[lost].communicate()
    assert time.monotonic() - killed < 30, "10 s, and what a busy machine adds"
    assert left.returncode not in (0, None)
    named = "stopped sending heartbeats):\n1" if lost else "leader task"
    assert named in output
    statuses, outputs = ends(start(tmp_path / "run", 2, **LONG))
    assert statuses == [0, 0], outputs
    assert_same_end(tmp_path / "run", uninterrupted)


@pytest.mark.slow
def test_what_one_process_is_refused_all_are_refused_and_nothing_is_written(tmp_path):
    processes = start(tmp_path / "run", 2, own={1: ["--config.seed=7"]}, **SHORT)
    statuses, outputs = ends(processes)
    assert statuses == [2, 2], outputs
    assert all("process 1 (" in output and "would start from" in output for output in outputs)
    assert {path.name for path in (tmp_path / "run").iterdir()} <= {"lock"}


def test_a_message_of_any_length_is_exchanged():
    for message in (
        "",
        {"image": "not é"},
        ["x" * 400] * 21,
        {str(n): "é" * n for n in range(500)},
    ):
        assert exchange(message) == [message]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"},  # The script of a job.
        {"SLURM_JOB_ID": "1", "SLURM_STEP_NUM_TASKS": "1"},
        {"OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
    ],
)
def test_process_that_is_alone_joins_nobody(environment):
    assert check(Members(), environment) is None


def test_cluster_of_several_processes_is_left_to_jax_and_one_process_can_be_asked_for():
    step = {"SLURM_JOB_ID": "1", "SLURM_STEP_NUM_TASKS": "4"}
    assert check(Members(), step) == Members()
    assert check(Members(num_processes=1), step) is None


@pytest.mark.parametrize("name", ["SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"])
def test_a_command_that_is_not_shared_out_refuses_several_processes(
    name, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv(name, "4")
    assert main(["eval", f"--workdir={tmp_path}"]) == 2
    assert f"4 processes were started ({name})" in capsys.readouterr().err
    monkeypatch.setenv(name, "1")
    assert main(["eval", f"--workdir={tmp_path}"]) == 2
    assert "processes" not in capsys.readouterr().err


def test_open_mpi_that_does_not_say_where_the_first_process_is_has_to_be_told():
    five = {"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}
    with pytest.raises(InputError, match="--coordinator"):
        check(Members(), five)
    assert check(Members("node1:1234"), five) == Members("node1:1234", 1, 2)


@pytest.mark.parametrize(
    ("shown", "tasks", "own"),
    [
        ("0,1,2,3", "1(x2)", [0, 1, 2, 3]),
        ("0,1,2,3", "4(x2)", [3]),
        ("2", "4(x2)", [0]),
        ("", "1", None),
        ("0,1,2,3,4,5,6,7,8,9,10,11", "12", [3]),
    ],
)
def test_process_takes_the_gpus_that_are_its_own(shown, tasks, own):
    step = {"SLURM_STEP_TASKS_PER_NODE": tasks, "SLURM_LOCALID": "3"}
    assert own_gpus(step | {"CUDA_VISIBLE_DEVICES": shown}) == own
    assert own_gpus({"CUDA_VISIBLE_DEVICES": shown}) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Members("node1:1234", 2, 2), "--process_id=2 is not one of 0 to 1"),
        (Members("node1", 1, 2), "--coordinator=node1 is not HOST:PORT"),
        (Members(None, 1, 2), "give all of"),
        (Members("node1:1234"), "give all of"),
        (Members(num_processes=0), "--num_processes=0"),
    ],
)
def test_numbers_of_processes_that_do_not_go_together_are_refused(given, said):
    with pytest.raises(InputError, match=said):
        check(given, {})
